"""`uptake import`: sends the rows of a file, tells how far it is and what became of each row."""

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import grpc
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from uptake import Client, UptakeError
from uptake.v1 import feedback_pb2

from uptake_service.cli.importing.columns import listed
from uptake_service.cli.importing.files import BadRow, CannotImport
from uptake_service.cli.importing.reading import Options, Reading, reading
from uptake_service.cli.importing.rows import SkippedRow, to_request
from uptake_service.cli.tables import one_line

_SHOWN_ERRORS = 20
_IN_FLIGHT = 4
_ROWS_PER_UPDATE = 100

_OUTCOMES = {
    feedback_pb2.COLLECT_OUTCOME_UNSPECIFIED: "stored",  # A service of an earlier version does not say how.
    feedback_pb2.COLLECT_OUTCOME_CREATED: "new",
    feedback_pb2.COLLECT_OUTCOME_AMENDED: "amended",
    feedback_pb2.COLLECT_OUTCOME_UNCHANGED: "already there",
    feedback_pb2.COLLECT_OUTCOME_REPEATED: "already there",
}
_KNOWN_REFUSALS = {
    # The id stands for the row: it was stored before, with the time that `minutes_ago` meant then.
    "REQUEST_ID_REUSED": "already there",
    "FEEDBACK_ERASED": "erased",
    "FEEDBACK_EXPIRED": "expired",
}
_ALWAYS_TOLD = ("skipped", "bad")
_ACCEPTED = ("new", "amended", "already there", "stored")


@dataclass
class Tally:
    """What became of the rows so far.

    Attributes:
        read: How many were read.
        became: How many are new, amended, already there, stored (the service does not say how), skipped (by the
            mapping), erased or expired (and not stored again) or bad.
        seen: How often each row was read, by its digest.
    """

    read: int = 0
    became: Counter[str] = field(default_factory=Counter)
    seen: Counter[bytes] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        return sum(self.became[name] for name in _ACCEPTED)

    def __str__(self) -> str:
        """All of it in a line. What is not there is told where it would be missed."""
        how = [f"{self.became[name]:,} {name}" for name in _ACCEPTED if name != "stored" or self.became["stored"]]
        parts = [f"{self.read:,} rows read", f"{self.accepted:,} accepted ({', '.join(how)})"]
        shown = [name for name in ("skipped", "erased", "expired", "bad") if self.became[name] or name in _ALWAYS_TOLD]
        parts += [f"{self.became[name]:,} {name}" for name in shown]
        if unanswered := self.read - self.became.total():
            parts.append(f"{unanswered:,} not answered")
        return ", ".join(parts)


class BadRows:
    """Tells the first bad rows with their lines, and how many more there are."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._count = 0

    def tell(self, line: int, reason: str) -> None:
        self._count += 1
        if self._count <= _SHOWN_ERRORS:
            self._console.print(Text(f"line {line:,}: {one_line(reason, 300)}"), soft_wrap=True)

    def tell_rest(self) -> None:
        if self._count > _SHOWN_ERRORS:
            self._console.print(f"and {self._count - _SHOWN_ERRORS:,} more bad rows")


def requests_of(
    source: Reading, options: Options, tally: Tally, bad_rows: BadRows, advance: Callable[[], None]
) -> Iterator[tuple[int, feedback_pb2.CollectFeedbackRequest]]:
    """The requests that the rows of a file make, with the rows' lines. What makes none is counted and told.

    Args:
        source: The file.
        options: How it is read.
        tally: Counts what is read, skipped and bad.
        bad_rows: Tells the bad ones.
        advance: Called now and then, to show how far it is.

    Raises:
        CannotImport: The file cannot be read further.
    """
    now = datetime.now(UTC)
    for line, row in source.rows:
        tally.read += 1
        if tally.read % _ROWS_PER_UPDATE == 0:
            advance()
        try:
            request = to_request(row, options.mapping, source.columns, tally.seen, now)
        except SkippedRow:
            tally.became["skipped"] += 1
        except BadRow as error:
            tally.became["bad"] += 1
            bad_rows.tell(line, str(error))
        else:
            yield line, request


async def run_import(client: Client, file: Path, options: Options, console: Console) -> int:
    """Sends every row of a file; a bad one is told with its line and does not stop the rest.

    Args:
        client: Where to.
        file: JSON lines or CSV, by its name; either may be gzipped.
        options: How it is read.
        console: Where progress and errors go.

    Returns:
        0 if every row was accepted, skipped by the mapping, or is known to be erased or expired; 1 if some were bad,
        or if the import could not start or had to stop.
    """
    tally, bad_rows = Tally(), BadRows(console)
    stopped = ""
    try:
        with reading(file, options) as source:
            try:
                stopped = await _send(client, file, source, options, console, tally, bad_rows)
            except UptakeError as error:
                stopped = _told(error)
            bad_rows.tell_rest()
            tell_unused(console, source, tally.read, tally.seen)
    except CannotImport as error:
        stopped = str(error)
    if stopped:
        console.print(Text(f"stopped: {one_line(stopped, 2000)}"), soft_wrap=True)
        if tally.read:
            console.print(
                "the same import can be run again: rows that were stored are not stored twice", soft_wrap=True
            )
    console.print(str(tally), soft_wrap=True, highlight=False)
    return 1 if stopped or tally.became["bad"] else 0


def tell_unused(console: Console, source: Reading, read: int, seen: Counter[bytes]) -> None:
    """Tells once which columns nothing came from, what a row's type has no use for, and how many rows are equal."""
    columns = source.columns
    if source.header is not None and not read:
        console.print("there is a header and no row under it")
    if columns.only_the_type_is_read():
        console.print(
            "nothing but the type is read, so that the votes are on no question; say with --map FIELD=COLUMN which "
            "column holds what",
            soft_wrap=True,
        )
    if unused := columns.unused():
        counts = [f"{name or '(no name)'} ({columns.filled[name]:,} rows)" for name in unused]
        console.print(Text(f"columns not used: {one_line(listed(counts), 2000)}"), soft_wrap=True)
    for name, column, key in columns.unmatched() if read else ():
        console.print(
            Text(f"no row came under {one_line(key, 100)!r} of {one_line(column, 100)} ({name})"), soft_wrap=True
        )
    for what, times in sorted(columns.ignored.items()):
        console.print(Text(f"not used: {one_line(what, 100)} ({times:,} times)"), soft_wrap=True)
    if repeats := seen.total() - len(seen):
        console.print(Text(f"{repeats:,} rows equal an earlier row of the file; each counts by itself"), soft_wrap=True)


def import_progress(console: Console) -> Progress:
    """A bar for how much of a file is read; its task has the field `rows`."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        console=console,
    )


def outcome_of(result: feedback_pb2.BatchCollectFeedbackResult) -> tuple[str, str]:
    """What became of a row, by the name that Tally has for it, and why if it is bad.

    Raises:
        UptakeError: The service has no room or no database, so that other rows would fare no better.
    """
    if not result.HasField("error"):
        # An outcome of a later version is stored somehow too.
        return _OUTCOMES.get(result.outcome, "stored"), ""
    error = UptakeError.from_item(result.error)
    if error.reason in _KNOWN_REFUSALS:
        return _KNOWN_REFUSALS[error.reason], ""
    if error.retryable:
        raise error
    if error.field_violations:
        return "bad", "; ".join(f"{name} {description}" for name, description in error.field_violations)
    return "bad", error.message or error.code.name


async def _send(
    client: Client, file: Path, source: Reading, options: Options, console: Console, tally: Tally, bad_rows: BadRows
) -> str:
    """Sends the rows; returns why the file could not be read to its end, or nothing."""
    stopped = ""
    lines: deque[int] = deque()  # Of the rows that were sent and not answered.

    with import_progress(console) as progress:
        task = progress.add_task(f"importing {one_line(file.name, 60)}", total=source.size or None, rows=0)

        def advance() -> None:
            progress.update(task, completed=source.position(), rows=tally.read)

        async def requests() -> AsyncIterator[feedback_pb2.CollectFeedbackRequest]:
            nonlocal stopped
            try:
                for line, request in requests_of(source, options, tally, bad_rows, advance):
                    lines.append(line)
                    yield request
            except CannotImport as error:
                # What was read before it is still sent.
                stopped = str(error)
            advance()

        async with aclosing(client.collect_many(requests(), in_flight=_IN_FLIGHT)) as results:
            async for result in results:
                line = lines.popleft()
                became, reason = outcome_of(result)
                tally.became[became] += 1
                if became == "bad":
                    bad_rows.tell(line, reason)
    return stopped


def _told(error: UptakeError) -> str:
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return f"no service answers ({error.message}); is it running? Start it with: uptake serve"
    return str(error)
