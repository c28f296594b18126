"""`uptake import`: feedback from a file of JSON lines or CSV, either gzipped.

A row's request id is made from the row, the mapping and how often the same row came before it in the file, so that a
second import of the same file adds nothing.
"""

import csv
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from uptake import Client, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2

_SHOWN_ERRORS = 20
_TYPES = ("THUMBS_UP", "THUMBS_DOWN", "CORRECTION", "RATING")
_GZIP_MAGIC = b"\x1f\x8b"

FIELDS = [
    "interaction_id",
    "query",
    "response",
    "model",
    "versions",
    "interaction_create_time",
    "type",
    "rating",
    "rating_min",
    "rating_max",
    "original",
    "corrected",
    "correction_kind",
    "comment",
    "user_id",
    "source",
    "labels",
    "occur_time",
]
"""What a row can hold, by the name of its column or by a mapping."""

Row = Mapping[str, Any]


class BadRow(Exception):
    """A row that is no feedback; the message says why."""


async def run_import(client: Client, file: Path, mapping: Mapping[str, str], console: Console) -> int:
    """Sends every row of a file; a bad one is told with its line and does not stop the rest.

    Args:
        client: Where to.
        file: JSON lines or CSV, by its name; either may be gzipped.
        mapping: For a field the column it comes from, `=text` for the same text in every row, or
            `column?a:X|~b:Y|*:Z`, which gives X where the column is "a", else Y where it contains "b", else Z.
        console: Where progress and errors go.

    Returns:
        0 if every row was accepted, else 1.
    """
    lines: list[int] = []
    errors = accepted = 0

    def tell(line: int, reason: str) -> None:
        nonlocal errors
        errors += 1
        if errors <= _SHOWN_ERRORS:
            console.print(Text(f"line {line}: {reason}"))

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress, open_text(file) as text:
        task = progress.add_task(f"importing {file.name}", total=None)

        async def requests() -> AsyncIterator[feedback_pb2.CollectFeedbackRequest]:
            seen: Counter[str] = Counter()
            for line, row in rows(text, file):
                try:
                    if isinstance(row, BadRow):
                        raise row
                    request_id = request_id_of(row, mapping, seen)
                    feedback = to_feedback(row, mapping, request_id)
                except BadRow as error:
                    tell(line, str(error))
                    continue
                lines.append(line)
                yield feedback_pb2.CollectFeedbackRequest(feedback=feedback, request_id=request_id)

        answered = 0
        async for result in client.collect_many(requests()):
            if result.HasField("feedback"):
                accepted += 1
            else:
                tell(lines[answered], result.error.message)
            answered += 1
            progress.update(task, completed=answered)
    if errors > _SHOWN_ERRORS:
        console.print(f"and {errors - _SHOWN_ERRORS:,} more")
    console.print(f"{accepted:,} rows accepted, {errors:,} bad")
    return 1 if errors else 0


def open_text(file: Path) -> TextIO:
    """A file as text; gzip is known by its first bytes."""
    with file.open("rb") as raw:
        zipped = raw.read(2) == _GZIP_MAGIC
    if zipped:
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return file.open("rt", encoding="utf-8-sig", errors="replace", newline="")


def rows(text: TextIO, file: Path) -> Iterator[tuple[int, Row | BadRow]]:
    """The rows of a file with their line numbers; one that cannot be read comes as its error."""
    if ".csv" in file.suffixes:
        csv.field_size_limit(1_000_000)
        reader = csv.DictReader(text)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, BadRow(f"is no CSV: {error}")
                continue
            # Cells beyond the header come under no name, and missing ones as None.
            yield reader.line_num, {name: value for name, value in row.items() if name and value is not None}
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, BadRow(f"is no JSON: {error}")
            continue
        yield number, value if isinstance(value, dict) else BadRow("is no JSON object")


def request_id_of(row: Row, mapping: Mapping[str, str], seen: Counter[str]) -> str:
    """The request id of a row; `seen` counts equal rows of the file."""
    content = json.dumps([row, sorted(mapping.items())], sort_keys=True, ensure_ascii=False, default=str)
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    seen[digest] += 1
    return hashlib.sha256(f"{digest}:{seen[digest]}".encode()).hexdigest()[:32]


def to_feedback(row: Row, mapping: Mapping[str, str], request_id: str) -> feedback_pb2.Feedback:
    """Feedback from a row.

    Raises:
        BadRow: It is none; the message says why.
    """
    values = {field: _value(row, mapping, field) for field in FIELDS}
    type = str(values["type"] or "").strip().upper()
    if type not in _TYPES:
        raise BadRow(f"type is {type or 'missing'!r}; it must be one of {', '.join(_TYPES)}")
    about: dict[str, Any] = {
        name: str(values[name])
        for name in ("query", "response", "model", "comment", "user_id", "source")
        if values[name] is not None
    }
    about |= {name: _map(row, mapping, name) for name in ("versions", "labels")}
    about |= {name: _time(name, values[name]) for name in ("occur_time", "interaction_create_time") if values[name]}
    id = str(values["interaction_id"] or request_id)
    try:
        if type == "THUMBS_UP":
            return thumbs_up(id, **about)
        if type == "THUMBS_DOWN":
            return thumbs_down(id, **about)
        if type == "RATING":
            low, high = (
                None if values[n] in (None, "") else _number(n, values[n]) for n in ("rating_min", "rating_max")
            )
            return rating(id, _number("rating", values["rating"]), min=low, max=high, **about)
        behavior = str(values["correction_kind"] or "").upper() == "BEHAVIOR"
        kind = feedback_pb2.CORRECTION_KIND_BEHAVIOR if behavior else feedback_pb2.CORRECTION_KIND_KNOWLEDGE
        corrected, original = str(values["corrected"] or ""), str(values["original"] or "")
        return correction(id, corrected, original=original, kind=kind, **about)
    except (ValueError, TypeError) as error:
        raise BadRow(str(error)) from error


def _value(row: Row, mapping: Mapping[str, str], field: str) -> Any:
    source = mapping.get(field, field)
    if source.startswith("="):
        return source[1:]
    column, asks, cases = source.partition("?")
    value = row.get(column)
    if not asks:
        return value
    for case in cases.split("|"):
        key, _, result = case.rpartition(":")
        text = "" if value is None else str(value)
        if key in ("*", text) or (key.startswith("~") and key[1:] in text):
            return result
    return None


def _map(row: Row, mapping: Mapping[str, str], field: str) -> dict[str, str]:
    """A map: an object, or columns named `field.key`."""
    value = _value(row, mapping, field)
    found = value if isinstance(value, dict) else {}
    prefix = f"{field}."
    found |= {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix) and value}
    return {str(key): str(text) for key, text in found.items()}


def _number(field: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadRow(f"{field} is {value!r}, no number") from None


def _time(field: str, value: Any) -> datetime:
    """A time from ISO 8601 (UTC where it names no zone) or from seconds since 1970."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        time = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise BadRow(f"{field} is {value!r}, no time in ISO 8601 or seconds") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
