"""`uptake apply`: corrections from a file, each a draft as JSON, one a line or all in one array.

The request ids are made from the drafts and their order, so that a second run of the same file applies nothing twice.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf import json_format
from rich.console import Console
from rich.text import Text
from uptake import Client, UptakeError
from uptake.v1 import correction_pb2 as pb

from uptake_service.cli.corrections import show_difference, target_of
from uptake_service.cli.tables import one_line

_AT_ONCE = 100
"""As many as a call takes."""


class BadFile(Exception):
    """A file that holds no drafts; the message says where and why."""


@dataclass(frozen=True)
class _Item:
    """A draft, and the line that it begins on."""

    line: int
    draft: pb.CorrectionDraft


async def run_apply(client: Client, raw: bytes, reviewer: str, console: Console, *, dry_run: bool, again: str) -> int:
    """Applies every draft of a file in order, or shows what each would change (of each hundred by itself).

    Args:
        client: The client.
        raw: The file's content.
        reviewer: Who applies them.
        console: Where it prints.
        dry_run: Only show what would change.
        again: Anything, to apply once more what was applied from an equal file.

    Returns:
        The exit code: 1 if one could not be applied.

    Raises:
        BadFile: The file cannot be read; nothing was sent.
    """
    items = read_drafts(raw)
    name = request_id_of([item.draft for item in items], again)
    failed = 0
    for start in range(0, len(items), _AT_ONCE):
        part = items[start : start + _AT_ONCE]
        try:
            results = await client.corrections.apply(
                [item.draft for item in part], reviewer, dry_run=dry_run, request_id=f"{name}-{start}"
            )
        except UptakeError as error:
            if error.reason == "REQUEST_ID_REUSED":
                raise BadFile("somebody else applied the same before; --again applies it once more") from None
            raise
        for item, result in zip(part, results, strict=True):
            if result.HasField("error"):
                failed += 1
                message = one_line(result.error.message, 500)
                console.print(Text(f"line {item.line}: {message}", style="red"), soft_wrap=True)
            else:
                _show(console, item.line, result.correction, diff=dry_run)
    good = len(items) - failed
    console.print(f"{good} {'would be applied' if dry_run else 'applied'}, {failed} failed", highlight=False)
    if failed and good and not dry_run:
        console.print("what was applied stays; put the others right in a file of their own", highlight=False)
    return 1 if failed else 0


def read_drafts(raw: bytes) -> list[_Item]:
    """The drafts in a file.

    Raises:
        BadFile: It holds none, or what is no draft; the message names the line.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFile(f"line {line}: is no UTF-8") from None
    array = text.lstrip().startswith("[")
    between, items = " \t\r\n", []
    try:
        if array:
            json.loads(text)  # What is wrong with it as a whole; below it is walked for the lines.
            text, between = text.rstrip()[:-1], between + "[,"
        place = _skip(text, 0, between)
        while place < len(text):
            line = text.count("\n", 0, place) + 1
            value, place = json.JSONDecoder().raw_decode(text, place)
            items.append(_Item(line, _to_draft(value, line)))
            place = _skip(text, place, between)
    except json.JSONDecodeError as error:
        raise BadFile(f"line {error.lineno}: is no JSON: {error.msg}") from None
    if not items:
        raise BadFile("holds no drafts")
    return items


def request_id_of(drafts: Sequence[pb.CorrectionDraft], again: str) -> str:
    """A request id for drafts in their order; their JSON's white space and names of fields do not matter."""
    digest = hashlib.sha256(again.encode())
    for draft in drafts:
        raw = draft.SerializeToString(deterministic=True)
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return f"apply-{digest.hexdigest()[:40]}"


def _to_draft(value: object, line: int) -> pb.CorrectionDraft:
    if not isinstance(value, dict):
        raise BadFile(f"line {line}: is no object with knowledge or instructions")
    try:
        return json_format.ParseDict(value, pb.CorrectionDraft())
    except json_format.ParseError as error:
        raise BadFile(f"line {line}: {one_line(str(error), 200)}") from None


def _skip(text: str, place: int, what: str) -> int:
    while place < len(text) and text[place] in what:
        place += 1
    return place


def _show(console: Console, line: int, correction: pb.Correction, *, diff: bool) -> None:
    revisions = f"revision {correction.base_revision or 'none'} -> {correction.revision}"
    id = "" if diff else f"  {correction.id}"
    console.print(Text(f"line {line}: {target_of(correction)}  {revisions}{id}", style="bold" if diff else ""))
    if diff:
        show_difference(console, correction)
