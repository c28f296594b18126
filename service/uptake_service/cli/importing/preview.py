"""`uptake import --dry-run`: what an import would store, by the service's own rules, without a service."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.text import Text
from uptake.v1 import feedback_pb2

from uptake_service.api.checks import Checks
from uptake_service.api.messages.feedback import to_draft
from uptake_service.cli.importing.command import BadRows, Tally, import_progress, requests_of, tell_unused
from uptake_service.cli.importing.files import BadRow, CannotImport
from uptake_service.cli.importing.reading import Options, Reading, reading
from uptake_service.cli.tables import one_line
from uptake_service.config import Settings
from uptake_service.domain.errors import InvalidRequest
from uptake_service.domain.feedback import Draft
from uptake_service.domain.project import DEFAULT_PROJECT, Redaction
from uptake_service.ingest.changes import Collect
from uptake_service.ingest.redacting import redacted_change
from uptake_service.rpc.rules import check

_SHOWN_ROWS = 5
_SHOWN_CHARACTERS = 200
_FUTURE_TOLERANCE = timedelta(seconds=Settings.model_fields["future_tolerance_seconds"].default)


class _Preview:
    """What the rows so far would be, and the first of them as text."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.good = self.redacted = 0
        self.filled: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.sentiments: Counter[str] = Counter()

    def __str__(self) -> str:
        return (
            f"{self.tally.read:,} rows read, {self.good:,} would be sent, {self.tally.became['skipped']:,} skipped, "
            f"{self.bad:,} bad; nothing was sent"
        )

    @property
    def bad(self) -> int:
        return self.tally.became["bad"]

    def add(self, line: int, request: feedback_pb2.CollectFeedbackRequest, now: datetime) -> list[str]:
        """Counts a row; returns it as text if it is one of the first.

        Raises:
            BadRow: The service would refuse it.
        """
        made = request.feedback
        checks = Checks()
        try:
            check(request)
            draft = to_draft(checks, DEFAULT_PROJECT, made, now, _FUTURE_TOLERANCE)
            checks.done()
        except InvalidRequest as error:
            raise BadRow("; ".join(f"{each.field} {each.description}" for each in error.violations)) from None
        assert draft is not None  # noqa: S101  The checks found nothing wrong.
        self.good += 1
        sentiment = draft.content.sentiment.value
        self.types[draft.content.type.value] += 1
        self.sentiments[sentiment] += 1
        sent, facts = _facts(request, draft), _facts(request, _redacted(draft))
        changed = {field for field, text in facts.items() if text != sent[field]}
        self.redacted += bool(changed)
        for field, text in facts.items():
            self.filled[field] += bool(text)
        if self.good > _SHOWN_ROWS:
            return []
        shown = [f"line {line:,}: {draft.content.type.value}, {sentiment.lower()}"]
        for field, text in facts.items():
            if text:
                note = "   (redacted)" if field in changed else ""
                shown.append(f"    {field:<16} {one_line(text, _SHOWN_CHARACTERS)}{note}")
        if not made.HasField("occur_time"):
            shown.append("    occur_time       the time of the import")
        return shown

    def tell(self, console: Console) -> None:
        """Prints the numbers."""
        if not self.good:
            return
        shares = ", ".join(f"{field} {_percent(rows, self.good)}" for field, rows in self.filled.items())
        for text in (f"filled: {shares}", f"types: {_counts(self.types)}", f"sentiments: {_counts(self.sentiments)}"):
            console.print(Text(text), soft_wrap=True)
        console.print(
            Text(f"redaction would change {self.redacted:,} rows by the default policy; the project's may differ"),
            soft_wrap=True,
        )


def run_preview(file: Path, options: Options, console: Console) -> int:
    """Shows what an import of a file would store: the first rows, how often each field is filled, what is bad.

    Args:
        file: As for an import.
        options: As for an import.
        console: Where it prints.

    Returns:
        The exit code that an import would have, as far as the rows alone decide it.
    """
    preview, bad_rows = _Preview(), BadRows(console)
    stopped = ""
    try:
        with reading(file, options) as source:
            try:
                _look_through(source, file, options, console, preview, bad_rows)
            except CannotImport as error:
                stopped = str(error)
            bad_rows.tell_rest()
            preview.tell(console)
            tell_unused(console, source, preview.tally.read, preview.tally.seen)
    except CannotImport as error:
        stopped = str(error)
    if stopped:
        console.print(Text(f"stopped: {one_line(stopped, 2000)}"), soft_wrap=True)
    console.print(str(preview), soft_wrap=True, highlight=False)
    return 1 if stopped or preview.bad else 0


def _look_through(
    source: Reading, file: Path, options: Options, console: Console, preview: _Preview, bad_rows: BadRows
) -> None:
    now, tally = datetime.now(UTC), preview.tally
    with import_progress(console) as progress:
        task = progress.add_task(f"reading {one_line(file.name, 60)}", total=source.size or None, rows=0)

        def advance() -> None:
            progress.update(task, completed=source.position(), rows=tally.read)

        for line, request in requests_of(source, options, tally, bad_rows, advance):
            try:
                shown = preview.add(line, request, now)
            except BadRow as error:
                tally.became["bad"] += 1
                bad_rows.tell(line, str(error))
                continue
            for text in shown:
                console.print(Text(text), soft_wrap=True)
        advance()


def _redacted(draft: Draft) -> Draft:
    """What the default policy leaves of it."""
    change = redacted_change(Collect(draft), Redaction())
    assert isinstance(change, Collect)  # noqa: S101
    return change.draft


def _facts(request: feedback_pb2.CollectFeedbackRequest, draft: Draft) -> dict[str, str]:
    """What feedback says, by field: its words as in the draft; an interaction's id that was made from the row is
    none."""
    made = request.feedback
    interaction, rating = made.interaction, made.rating
    scale = f" of {rating.min:g} to {rating.max:g}" if rating.HasField("min") else ""
    about, corrected = draft.interaction, draft.content.correction
    return {
        "query": about.query,
        "response": about.response,
        "comment": draft.content.comment,
        "score": made.score,
        "rating": f"{rating.score:g}{scale}" if made.HasField("rating") else "",
        "original": corrected.original if corrected else "",
        "corrected": corrected.corrected if corrected else "",
        "correction_kind": corrected.kind.value if corrected and made.correction.kind else "",
        "user_id": made.user_id,
        "interaction_id": interaction.id if interaction.id != request.request_id else "",
        "occur_time": _time(made.occur_time) if made.HasField("occur_time") else "",
        "source": made.source,
        "model": interaction.model,
        "variant": interaction.variant,
        "versions": _pairs(interaction.versions),
        "labels": _pairs(made.labels),
        "history": " / ".join(f"{each.role}: {each.content}" for each in about.history),
        "contexts": " / ".join(about.contexts),
        "conversation_id": interaction.conversation_id,
        "trace_id": interaction.trace_id,
        "span_id": interaction.span_id,
        "interaction_create_time": _time(interaction.create_time) if interaction.HasField("create_time") else "",
    }


def _time(time: Timestamp) -> str:
    return f"{time.ToDatetime(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in sorted(values.items()))


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{times:,} {name}" for name, times in counter.most_common())


def _percent(part: int, whole: int) -> str:
    """A share that is 0% or 100% only where it is exactly that."""
    if part in (0, whole):
        return "100%" if part else "0%"
    return f"{min(max(round(100 * part / whole), 1), 99)}%"
