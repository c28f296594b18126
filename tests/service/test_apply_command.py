"""`uptake apply` and `uptake corrections`: what people see, and that a second run applies nothing twice."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from uptake import Client
from uptake.v1 import correction_pb2 as pb
from uptake_service.cli.apply import BadFile, read_drafts, request_id_of, run_apply
from uptake_service.cli.corrections import show_correction, show_corrections

from tests.conftest import Service
from tests.corrections import apply, instructions, knowledge
from tests.processes import run

LINES = b"""\
{"knowledge": {"key": "refunds/time-limit", "content": "Refunds take\\n14 days."}, "base_revision": 0}

{"instructions": {"name": "support", "content": "Be kind."}, "baseRevision": "0", "note": "why"}
{"knowledge": {"key": "refunds/time-limit", "content": "Refunds take\\n30 days."}, "base_revision": 1}
"""


async def applied(client: Client, raw: bytes, **how: Any) -> tuple[int, str]:
    """Exit code and what is printed."""
    console = Console(width=200)
    with console.capture() as capture:
        code = await run_apply(client, raw, "ann", console, **{"dry_run": False, "again": "", **how})
    return code, capture.get()


async def listed(client: Client) -> list[tuple[str, int]]:
    return [(each.target, each.revision) async for each in client.corrections.list()]


async def test_a_file_is_shown_then_applied_and_a_second_run_applies_nothing(client: Client) -> None:
    code, shown = await applied(client, LINES, dry_run=True)

    assert code == 0
    assert shown.split("\n") == [
        "line 1: knowledge refunds/time-limit  revision none -> 1",
        "  @@ -0,0 +1,2 @@",
        "  +Refunds take",
        "  +14 days.",
        "line 3: instructions support  revision none -> 1",
        "  @@ -0,0 +1,1 @@",
        "  +Be kind.",
        "line 4: knowledge refunds/time-limit  revision 1 -> 2",
        "  @@ -1,2 +1,2 @@",
        "   Refunds take",
        "  -14 days.",
        "  +30 days.",
        "3 would be applied, 0 failed",
        "",
    ]
    assert await listed(client) == []
    first = await applied(client, LINES)
    assert first[0] == 0
    assert first[1].endswith("3 applied, 0 failed\n")
    assert await listed(client) == [("refunds/time-limit", 2), ("support", 1), ("refunds/time-limit", 1)]
    # The same drafts in another form are the same.
    array = json.dumps([json.loads(line) for line in LINES.split(b"\n") if line]).encode()
    assert (await applied(client, array))[0] == 0
    assert await applied(client, LINES) == first
    assert len(await listed(client)) == 3


async def test_a_failure_is_told_with_its_line_and_the_rest_is_applied(client: Client) -> None:
    raw = b"""[
  {"knowledge": {"key": "k", "content": "c"}, "base_revision": 3},
  {
    "knowledge": {"key": "k", "content": "c"}},
  {"knowledge": {"key": "", "content": "\\u001b[31m"}}
]
"""
    code, shown = await applied(client, raw)

    assert code == 1
    lines = shown.split("\n")
    assert lines[0].startswith("line 2: 'k' does not exist (base_revision 0)")
    assert lines[1].startswith("line 3: knowledge k  revision none -> 1  ")
    assert lines[2] == "line 5: knowledge.key: is required"
    assert lines[3] == "1 applied, 2 failed"
    assert await listed(client) == [("k", 1)]


async def test_again_applies_an_equal_file_once_more_and_another_reviewer_must_say_so(service: Service) -> None:
    client = service.client
    raw = b'{"knowledge": {"key": "k", "content": "c"}}'
    for again, revisions in (("", 1), ("june", 2), ("june", 2)):
        await applied(client, raw, again=again)
        assert len(await listed(client)) == revisions
    with pytest.raises(BadFile, match="--again"):
        await run_apply(client, raw, "bob", Console(), dry_run=False, again="")


async def test_more_than_a_call_takes_is_applied_in_order(client: Client) -> None:
    raw = b"\n".join(b'{"instructions": {"name": "i", "content": "%d"}}' % number for number in range(103))
    assert (await applied(client, raw))[0] == 0
    newest = await client.corrections.instructions("i")
    assert newest is not None and (newest.revision, newest.content) == (103, "102")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "holds no drafts"),
        (b" [ ] ", "holds no drafts"),
        (b'{"knowledge": {}}\n{"knowledge"', "line 2: is no JSON"),
        (b'[\n{"knowledge": {}},\n]', "line 3: is no JSON"),
        (b'[{"knowledge": {}}] {}', "line 1: is no JSON: Extra data"),
        (b'[[{"knowledge": {}}]]', "line 1: is no"),
        (b'{"knowledge": {}}\n\n{"knowlege": {}}', 'line 3: .*"knowlege"'),
        (b'{"knowledge": {}}\n"knowledge"', "line 2: is no object"),
        (b'{"knowledge": {"key": 7}}', "line 1: "),
        (b'{"knowledge": {}}\n{"note": "\xff"}', "line 2: is no UTF-8"),
    ],
)
def test_what_holds_no_drafts_is_told_with_the_line(raw: bytes, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        read_drafts(raw)


def test_request_ids_go_by_the_drafts_and_their_order() -> None:
    one, two = knowledge("a", "b"), knowledge("c", "d")
    ids = [request_id_of(drafts, "") for drafts in ([one], [two], [one, two], [two, one], [one, one])]
    assert len({*ids, request_id_of([one], "again")}) == 6
    assert request_id_of([pb.CorrectionDraft.FromString(one.SerializeToString())], "") == ids[0]


async def test_corrections_are_listed(client: Client) -> None:
    console = Console(width=100)

    async def shown(*states: str, verdicts: Sequence[str] = (), limit: int = 20) -> str:
        with console.capture() as capture:
            await show_corrections(client, console, states=states, verdicts=verdicts, limit=limit)
        return capture.get()

    assert "there are no corrections" in await shown()
    first, second, third = await apply(
        client, knowledge("refunds", "14 days"), knowledge("refunds", "30 days"), instructions("[bold]x", "c")
    )
    everything = await shown()
    assert [everything.index(each.id) for each in (third, second, first)] == sorted(
        everything.index(each.id) for each in (third, second, first)
    )
    assert "knowledge refunds  revision 2" in everything
    assert "instructions [bold]x  revision 1" in everything
    assert "not enough data" in everything
    superseded = await shown("superseded")
    assert first.id in superseded
    assert second.id not in superseded
    assert "no correction is reverted" in await shown("reverted")
    assert "no correction is applied and no change" in await shown("applied", verdicts=["no-change"])
    assert second.id in await shown(verdicts=["improved", "not-enough-data"])
    assert "and more" in await shown(limit=2)
    assert "and more" not in await shown(limit=3)


async def test_a_correction_is_shown_with_its_difference_and_verdict(client: Client) -> None:
    console = Console(width=100)
    await apply(client, knowledge("refunds", "in\n14 days"))
    (second,) = await apply(client, knowledge("refunds", "in\n[bold]30\x1b[31m days", note="a user said so"))

    with console.capture() as capture:
        await show_correction(client, console, second.id)

    shown = [line.rstrip() for line in capture.get().split("\n")]
    assert shown[0] == "  knowledge refunds  revision 2"
    assert shown[1].startswith("  applied, applied ")
    assert shown[1].endswith(" UTC by ann")
    assert shown[2:] == [
        "  note: a user said so",
        "  not enough data: It names neither a review nor feedback, so no votes can measure it.",
        "    before            0% of 0 votes negative",
        "    after             0% of 0 votes negative",
        "  @@ -1,2 +1,2 @@",
        "   in",
        "  -14 days",
        "  +[bold]30 [31m days",
        "",
    ]


async def test_the_commands_run(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "fixes.jsonl"
    file.write_bytes(LINES)
    where = ("--address", service.address)
    code, output, errors = await run("apply", str(file), "--reviewer", "ann", "--dry-run", *where)
    assert (code, errors) == (0, "")
    assert "+30 days." in output
    code, output, errors = await run("apply", str(file), "--reviewer", "ann", *where)
    assert (code, errors) == (0, "")
    assert "3 applied, 0 failed" in output
    code, output, _ = await run("corrections", "--state", "applied", *where)
    assert code == 0
    assert "refunds/time-limit" in output
    code, output, _ = await run("corrections", "--verdict", "worse", *where)
    assert (code, output) == (0, "  no correction is worse: `uptake apply FILE` applies some\n")
    file.write_text('{"knowledge": }')
    code, output, errors = await run("apply", str(file), "--reviewer", "ann", *where)
    assert (code, output) == (1, "")
    assert errors.startswith(f"uptake: {file}: line 1: is no JSON")
