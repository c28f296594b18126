"""`uptake import`: sends the rows of a file, tells how far it is and what was wrong."""

import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from uptake import Client, UptakeError
from uptake.v1 import feedback_pb2

from uptake_service.commands.importing.files import BadRow, CannotImport, form_of, opened, rows
from uptake_service.commands.importing.rows import needed_columns, parse_mapping, to_request
from uptake_service.commands.tables import one_line

_SHOWN_ERRORS = 20
_IN_FLIGHT = 4
_ROWS_PER_UPDATE = 100


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
                for line, row in rows(text, form, needed_columns(sources)):
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


def _told(error: UptakeError) -> str:
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return f"no service answers ({error.message}); is it running? Start it with: uptake serve"
    return str(error)
