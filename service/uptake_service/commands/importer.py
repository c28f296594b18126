"""`uptake import`: feedback from a file of JSON lines or CSV, either gzipped.

A row's request id is made from the row, the mapping and how often the same row came before it in the file, so that a
second import of the same file adds nothing.
"""

import csv
import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import grpc
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2

from uptake_service.commands.tables import one_line

_SHOWN_ERRORS = 20
_IN_FLIGHT = 4
_ROWS_PER_UPDATE = 100
# Far above what a valid row can hold, and below the 16 MB that a call can.
_LONGEST_ROW = 1_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
# Nine digits are a second after 1973; eight are a date in ISO 8601.
_SECONDS = re.compile(r"\d{9,}(\.\d*)?")

_TYPES = ("THUMBS_UP", "THUMBS_DOWN", "CORRECTION", "RATING")
_KINDS = {
    "": None,
    "KNOWLEDGE": feedback_pb2.CORRECTION_KIND_KNOWLEDGE,
    "BEHAVIOR": feedback_pb2.CORRECTION_KIND_BEHAVIOR,
}
_TEXTS = ("query", "response", "model", "comment", "user_id", "source")
_TIMES = ("occur_time", "interaction_create_time")
_MAPS = ("labels", "versions")

FIELDS = (
    "interaction_id",
    "type",
    "rating",
    "rating_min",
    "rating_max",
    "original",
    "corrected",
    "correction_kind",
    "minutes_ago",
    *_TEXTS,
    *_TIMES,
    *_MAPS,
)
"""What a row can hold, by the name of its column or by a mapping; `labels.NAME` and `versions.NAME` too."""

Row = Mapping[str, Any]


class BadRow(Exception):
    """A row that is no feedback; the message says why."""


class CannotImport(Exception):
    """The file or the mapping as a whole cannot be read; the message says why."""


@dataclass(frozen=True)
class Source:
    """Where a field comes from: a constant, or a column, whose values `cases` translate if there are any."""

    column: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    constant: str | None = None


@dataclass
class _Progress:
    """What became of the rows so far; `lines` are those that were sent and not answered."""

    lines: deque[int]
    read: int = 0
    accepted: int = 0
    bad: int = 0


async def run_import(client: Client, file: Path, mapping: Mapping[str, str], console: Console) -> int:
    """Sends every row of a file; a bad one is told with its line and does not stop the rest.

    Args:
        client: Where to.
        file: JSON lines or CSV, by its name; either may be gzipped.
        mapping: For a field the column it comes from, `=text` for the same text in every row, or
            `column?a:X|~b:Y|*:Z`, which gives X where the column is "a", else Y where it contains "b", else Z.
        console: Where progress and errors go.

    Returns:
        0 if every row was accepted; 1 if some were bad, or if the import could not start or had to stop.
    """
    count = _Progress(deque())
    stopped = ""
    try:
        stopped = await _send(client, file, mapping, console, count)
    except CannotImport as error:
        stopped = str(error)
    except UptakeError as error:
        stopped = _told(error)
    if count.bad > _SHOWN_ERRORS:
        console.print(f"and {count.bad - _SHOWN_ERRORS:,} more bad rows")
    if stopped:
        console.print(Text(f"stopped: {one_line(stopped, 1000)}"), soft_wrap=True)
    console.print(f"{count.read:,} rows read, {count.accepted:,} accepted, {count.bad:,} bad")
    if stopped and count.read:
        console.print("the same import can be run again: rows that were stored are not stored twice", soft_wrap=True)
    return 1 if stopped or count.bad else 0


async def _send(client: Client, file: Path, mapping: Mapping[str, str], console: Console, count: _Progress) -> str:
    """Sends the rows; returns why the file could not be read to its end, or nothing."""
    sources = parse_mapping(mapping)
    form = form_of(file)
    now = datetime.now(UTC)
    broken = ""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )

    def bad(line: int, reason: str) -> None:
        count.bad += 1
        if count.bad <= _SHOWN_ERRORS:
            console.print(Text(f"line {line:,}: {one_line(reason, 300)}"), soft_wrap=True)

    with opened(file) as (text, position, size), Progress(*columns, console=console) as progress:
        task = progress.add_task(f"importing {one_line(file.name, 60)}", total=size, rows=0)

        async def requests() -> AsyncIterator[feedback_pb2.CollectFeedbackRequest]:
            nonlocal broken
            seen: Counter[bytes] = Counter()
            try:
                for line, row in rows(text, form, sources):
                    count.read += 1
                    if count.read % _ROWS_PER_UPDATE == 0:
                        progress.update(task, completed=position(), rows=count.read)
                    try:
                        request = to_request(row, mapping, sources, seen, now)
                    except BadRow as error:
                        bad(line, str(error))
                        continue
                    count.lines.append(line)
                    yield request
            except (OSError, EOFError, zlib.error) as error:
                # What was read before it is still sent.
                broken = f"{file.name} cannot be read further: {error}"
            progress.update(task, completed=position(), rows=count.read)

        async with aclosing(client.collect_many(requests(), in_flight=_IN_FLIGHT)) as results:
            async for result in results:
                line = count.lines.popleft()
                refusal = refusal_of(result)
                if refusal is None:
                    count.accepted += 1
                else:
                    bad(line, refusal)
    return broken


def refusal_of(result: feedback_pb2.BatchCollectFeedbackResult) -> str | None:
    """Why the service refused a row, or None.

    Raises:
        UptakeError: The service has no room or no database, so that other rows would fare no better.
    """
    if not result.HasField("error"):
        return None
    error = UptakeError.from_item(result.error)
    if error.reason == "REQUEST_ID_REUSED":
        # The id stands for the row: it was stored before, with the time that `minutes_ago` meant then.
        return None
    if error.retryable:
        raise error
    if error.field_violations:
        return "; ".join(f"{field} {description}" for field, description in error.field_violations)
    return error.message or error.code.name


def parse_mapping(mapping: Mapping[str, str]) -> dict[str, Source]:
    """Where each field comes from; a field that is not mapped comes from the column of its name.

    Raises:
        CannotImport: The mapping names a field that there is not, or a case has no result.
    """
    sources = {field: Source(field) for field in FIELDS}
    for field, text in mapping.items():
        whole, dot, name = field.partition(".")
        if field not in FIELDS and not (dot and name and whole in _MAPS):
            raise CannotImport(f"there is no field {field!r} to map; there are {', '.join(FIELDS)} and labels.NAME")
        sources[field] = _source(field, text)
    return sources


def _source(field: str, text: str) -> Source:
    if text.startswith("="):
        return Source(constant=text[1:])
    column, asks, listed = text.partition("?")
    if not column:
        raise CannotImport(f"the mapping of {field} names no column")
    if not asks:
        return Source(column)
    cases: list[tuple[str, str]] = []
    for case in listed.split("|"):
        key, colon, result = case.rpartition(":")
        if not colon or key == "~":
            raise CannotImport(f"the mapping of {field} has the case {case!r}; VALUE:X, ~PART:X and *:X are cases")
        cases.append((key, result))
    return Source(column, tuple(cases))


def form_of(file: Path) -> str:
    """ "csv" or "jsonl", by the file's name without ".gz".

    Raises:
        CannotImport: It is named like neither.
    """
    name = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    suffix = name.suffix.lower()
    if suffix == ".csv":
        return "csv"
    if suffix in _JSON_SUFFIXES:
        return "jsonl"
    raise CannotImport(f"{file.name} is named neither .csv nor {', '.join(_JSON_SUFFIXES)} (with or without .gz)")


@contextmanager
def opened(file: Path) -> Iterator[tuple[TextIO, Callable[[], int], int]]:
    """A file as text, how far it is read, and its size, both in its own bytes.

    What is gzipped shows in the first bytes, whatever the name says. Bytes that are no UTF-8 become lone surrogates,
    so that only their row is bad.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise CannotImport(f"{file.name} cannot be read: {error.strerror}") from error
    with raw:
        plain: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else raw
        with io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield text, raw.tell, file.stat().st_size


def rows(text: TextIO, form: str, sources: Mapping[str, Source]) -> Iterator[tuple[int, Row | BadRow]]:
    """The rows of a file with the line each starts at; one that cannot be read comes as its error.

    Raises:
        CannotImport: A column that the mapping names is not in the header of a CSV file.
    """
    return _csv_rows(text, sources) if form == "csv" else _json_rows(text)


def _json_rows(text: TextIO) -> Iterator[tuple[int, Row | BadRow]]:
    number = 0
    while line := text.readline(_LONGEST_ROW + 1):
        number += 1
        if len(line) > _LONGEST_ROW:
            while line and line[-1] not in "\r\n":
                line = text.readline(_LONGEST_ROW)
            yield number, BadRow(f"is longer than {_LONGEST_ROW:,} characters")
        elif line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> Row | BadRow:
    if not _is_unicode(line):
        return BadRow("is not UTF-8")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(f"is no JSON: {error}")
    return value if isinstance(value, dict) else BadRow("is no JSON object")


def _csv_rows(text: TextIO, sources: Mapping[str, Source]) -> Iterator[tuple[int, Row | BadRow]]:
    csv.field_size_limit(_LONGEST_ROW)
    reader = csv.reader(text)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if header is None:
                raise CannotImport(f"the header is no CSV: {error}") from error
            yield line, BadRow(f"is no CSV: {error}")
            continue
        if not cells:
            continue
        if header is None:
            header = [name.strip() for name in cells]
            _check_header(header, sources)
        elif len(cells) > len(header):
            yield line, BadRow(f"has {len(cells)} cells; the header has {len(header)}")
        elif not _is_unicode("".join(cells)):
            yield line, BadRow("is not UTF-8")
        else:
            yield line, {name: cell for name, cell in zip(header, cells, strict=False) if name}


def _check_header(header: list[str], sources: Mapping[str, Source]) -> None:
    twice = sorted(name for name, times in Counter(header).items() if name and times > 1)
    if twice:
        raise CannotImport(f"the header names {twice[0]!r} twice")
    for field, source in sources.items():
        # An unmapped field comes from the column of its own name, which need not be there.
        if source.constant is None and source.column != field and source.column not in header:
            raise CannotImport(f"{field} is mapped to the column {source.column!r}; the file has {', '.join(header)}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_request(
    row: Row | BadRow, mapping: Mapping[str, str], sources: Mapping[str, Source], seen: Counter[bytes], now: datetime
) -> feedback_pb2.CollectFeedbackRequest:
    """The request that a row makes. `seen` counts equal rows of the file; `now` is what `minutes_ago` counts from.

    Raises:
        BadRow: It makes none; the message says why.
    """
    if isinstance(row, BadRow):
        raise row
    request_id = request_id_of(row, mapping, seen)
    feedback = to_feedback(row, sources, request_id, now)
    return feedback_pb2.CollectFeedbackRequest(feedback=feedback, request_id=request_id)


def request_id_of(row: Row, mapping: Mapping[str, str], seen: Counter[bytes]) -> str:
    """The request id of a row; `seen` counts equal rows of the file."""
    content = json.dumps([row, sorted(mapping.items())], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    seen[digest] += 1
    return hashlib.sha256(digest + str(seen[digest]).encode()).hexdigest()[:32]


def to_feedback(row: Row, sources: Mapping[str, Source], request_id: str, now: datetime) -> feedback_pb2.Feedback:
    """Feedback from a row. A rating is read only where the type is RATING, a correction only where it is CORRECTION.

    Raises:
        BadRow: It is none; the message says why.
    """
    values = {field: _value(row, field, source) for field, source in sources.items()}
    type = _text("type", values["type"]).strip().upper()
    if type not in _TYPES:
        raise BadRow(f"type is {type!r}, none of {', '.join(_TYPES)}" if type else "has no type")
    about: dict[str, Any] = {field: _text(field, values[field]) for field in _TEXTS}
    about |= {field: _time(field, values[field]) for field in _TIMES}
    about |= {field: _map(row, values, field) for field in _MAPS}
    if about["occur_time"] is None:
        about["occur_time"] = _ago(values["minutes_ago"], now)
    id = _text("interaction_id", values["interaction_id"]) or request_id
    try:
        match type:
            case "THUMBS_UP":
                return thumbs_up(id, **about)
            case "THUMBS_DOWN":
                return thumbs_down(id, **about)
            case "RATING":
                score = _number("rating", values["rating"])
                if score is None:
                    raise BadRow("has the type RATING and no rating")
                low, high = (_number(field, values[field]) for field in ("rating_min", "rating_max"))
                return rating(id, score, min=low, max=high, **about)
            case _:
                corrected, original = (_text(field, values[field]) for field in ("corrected", "original"))
                kind = _text("correction_kind", values["correction_kind"]).strip().upper()
                if kind not in _KINDS:
                    raise BadRow(f"correction_kind is {kind!r}, neither KNOWLEDGE nor BEHAVIOR")
                return correction(id, corrected, original=original, kind=_KINDS[kind], **about)
    except (ValueError, TypeError) as error:
        # Such as half a character, which JSON can write and no text can hold.
        raise BadRow(f"cannot be sent: {error}") from error


def _value(row: Row, field: str, source: Source) -> Any:
    if source.constant is not None:
        return source.constant
    value = row.get(source.column)
    if not source.cases:
        return value
    text = _text(source.column, value)
    for key, result in source.cases:
        if key in ("*", text) or (key.startswith("~") and key[1:] in text):
            return result
    if field == "type":
        raise BadRow(f"type: no case of the mapping matches {text!r}")
    return None


def _text(field: str, value: Any) -> str:
    """Text from a cell or a JSON scalar."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise BadRow(f"{field} is a JSON {'object' if isinstance(value, dict) else 'array'}, not text")
    return json.dumps(value)


def _map(row: Row, values: Mapping[str, Any], field: str) -> dict[str, str]:
    """Labels or versions: an object, columns named `field.name`, and fields mapped as `field.name`."""
    whole = values[field]
    if whole not in (None, "") and not isinstance(whole, dict):
        raise BadRow(f"{field} is no JSON object; in CSV a column is named {field}.NAME")
    named = dict(whole or {})
    prefix = f"{field}."
    for cells in (row, values):
        named |= {name.removeprefix(prefix): cell for name, cell in cells.items() if name.startswith(prefix)}
    return {name: _text(prefix + name, cell) for name, cell in named.items() if cell not in (None, "")}


def _number(field: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadRow(f"{field} is {value!r}, no number")
    return number


def _ago(value: Any, now: datetime) -> datetime | None:
    minutes = _number("minutes_ago", value)
    try:
        return None if minutes is None else now - timedelta(minutes=minutes)
    except OverflowError:
        raise BadRow(f"minutes_ago is {value!r}, too many") from None


def _time(field: str, value: Any) -> datetime | None:
    """A time from ISO 8601 (UTC where it names no zone) or from seconds since 1970."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        text = str(value).strip()
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise BadRow(f"{field} is {value!r}, no time in ISO 8601 or seconds since 1970") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _told(error: UptakeError) -> str:
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return f"no service answers ({error.message}); is it running? Start it with: uptake serve"
    return str(error)
