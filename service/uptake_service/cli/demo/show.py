"""`uptake demo`: the main job, as its callers see it, on the embedded database in a temporary folder.

Two weeks of feedback on Harbor, the fictional assistant of a fictional parcel company, are sent by several clients at
once, while a subscriber watches. Issues are found in what users complain of; a reviewer claims a review, corrects the
knowledge base in resolving it, the assistant finds the correction, and the votes on its new answers say that it worked.
"""

import asyncio
import contextlib
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from uptake import Client, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import event_pb2, feedback_pb2, review_pb2
from uptake.v1.correction_pb2 import Correction, CorrectionDraft, KnowledgeChange
from uptake.v1.feedback_pb2 import CORRECTION_KIND_KNOWLEDGE

from uptake_service.api.enums import numbers
from uptake_service.app.server import App
from uptake_service.cli.corrections import verdict_name
from uptake_service.cli.events import event_line
from uptake_service.cli.insights import show_insights
from uptake_service.cli.report.command import can_report, write_report
from uptake_service.cli.reviews import show_reviews
from uptake_service.config import load_settings
from uptake_service.domain.feedback import CorrectionKind

_CLIENTS = ("web", "android", "ios", "support-desk")
_EVENTS_SHOWN = 8
_LATER_VOTES, _LATER_NEGATIVE_EACH = 100, 50
_DAYS = 14
"""What the sample data covers."""


async def show() -> int:
    """Runs the demo; returns the exit code."""
    # What the parts log is for operators; the demo tells its own story.
    logging.basicConfig(level=logging.ERROR)
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="uptake-demo-") as folder:
        app = App(
            load_settings(
                host="127.0.0.1",
                port=0,
                mongodb_uri="",
                data_dir=Path(folder) / "data",
                subscription_interval_seconds=0.2,
                verdict_interval_seconds=0.2,
                drain_seconds=1.0,
            )
        )
        _step(console, "Starting the service on its embedded database")
        await app.start()
        try:
            async with Client(f"127.0.0.1:{app.port}") as client:
                await _tell(console, client, app.port)
        finally:
            await app.stop()
    _step(console, "What to try next")
    console.print("  make serve                         the service on port 50051, data in .uptake")
    console.print("  .venv/bin/uptake import FILE       your own feedback, JSONL or CSV")
    console.print("  .venv/bin/uptake reviews           what needs a person")
    console.print("  .venv/bin/uptake issues            what users complain of")
    console.print("  .venv/bin/uptake insights          what it all means")
    console.print("  .venv/bin/uptake corrections       what was changed, and whether it worked")
    console.print("  docs/tutorial.md                   from the first vote to a verdict, by hand")
    return 0


async def _tell(console: Console, client: Client, port: int) -> None:
    console.print(f"  listening on 127.0.0.1:{port}")
    rows = [json.loads(line) for line in (files(__package__) / "assistant.jsonl").read_text().splitlines()]
    now = datetime.now(UTC)

    async with _watching(client) as watched:
        _step(
            console,
            f"{len(_CLIENTS)} clients send {len(rows)} pieces of feedback on Harbor, an assistant for parcels",
        )
        started = asyncio.get_running_loop().time()
        sent = await asyncio.gather(
            *(_send(client, [row for row in rows if row["source"] == source], now) for source in _CLIENTS)
        )
        seconds = asyncio.get_running_loop().time() - started
        console.print(
            f"  {sum(sent)} accepted in {seconds:.1f} s, each committed with all of its numbers before its answer"
        )

        _step(console, "What it means, with the common issues in users' own words")
        await client.insights.get(refresh_issues=True, timeout_seconds=60)
        await show_insights(client, console, days=_DAYS)

        _step(console, "Patterns that turned bad, as reviews for people")
        await show_reviews(client, console, states=("open", "claimed"), order="urgent", limit=5)

        resolved = await _resolve_one(console, client)
        if resolved is not None:
            await _vote_and_judge(console, client, watched, *resolved)

        _step(console, "What a subscriber saw meanwhile (the newest; each has a token to resume from)")
        for event in watched.events[-_EVENTS_SHOWN:]:
            console.print(Text(event_line(event)))

    if can_report():
        _step(console, "All of it on one page")
        file = Path("uptake-report.html")
        await write_report(client, console, file, project="default", days=_DAYS)


async def _send(client: Client, rows: list[dict[str, Any]], now: datetime) -> int:
    """Sends one source's feedback, oldest first; returns how much was accepted."""
    feedback = [_feedback(row, now) for row in rows]
    accepted = 0
    async for result in client.collect_many(feedback, batch_size=20):
        accepted += result.HasField("feedback")
    return accepted


def _feedback(row: dict[str, Any], now: datetime) -> feedback_pb2.Feedback:
    about: dict[str, Any] = {
        name: row[name]
        for name in ("query", "response", "comment", "user_id", "source", "model", "labels")
        if name in row
    }
    about["occur_time"] = now - timedelta(minutes=row["minutes_ago"])
    id = row["interaction_id"]
    match row["type"]:
        case "THUMBS_UP":
            return thumbs_up(id, **about)
        case "THUMBS_DOWN":
            return thumbs_down(id, **about)
        case "RATING":
            return rating(id, row["rating"], **about)
        case _:
            kind = numbers(feedback_pb2.CorrectionKind, "CORRECTION_KIND_", CorrectionKind)[row["correction_kind"]]
            return correction(id, row["corrected"], original=row["original"], kind=kind, **about)


async def _resolve_one(console: Console, client: Client) -> tuple[Correction, list[str]] | None:
    """Returns the correction that it applies and what users asked that it answers; None if there is no such review."""
    _step(console, "A reviewer claims the most urgent one that users corrected, and resolves it with a correction")
    urgent = client.reviews.list(
        filter=review_pb2.ReviewFilter(states=[review_pb2.REVIEW_STATE_OPEN]),
        order=review_pb2.REVIEW_ORDER_MOST_URGENT,
    )
    async for review in urgent:
        detail = await client.reviews.get(review.id)
        corrections = [each for each in detail.related_feedback if each.correction.kind == CORRECTION_KIND_KNOWLEDGE]
        if not corrections:
            continue
        given = corrections[0]
        claim = await client.reviews.claim(review.id, "ann")
        query = review.pattern.representative_query
        console.print(Text(f"  “{query}”: {review.suggested_action}"))
        for feedback in detail.related_feedback:
            if feedback.comment:
                console.print(Text(f"    a user: {feedback.comment}", style="dim"))
        draft = CorrectionDraft(
            knowledge=KnowledgeChange(key=f"parcels/{review.pattern.id[:8]}", content=given.correction.corrected),
            base_revision=0,
            feedback_ids=[given.id],
        )
        resolved = await claim.resolve("as users said", corrections=[draft])
        for done in resolved.corrections:
            console.print(Text(f"  knowledge {done.target}, revision {done.revision}: {done.content}"))
        detail = await client.reviews.get(review.id)
        console.print(
            "  "
            + " -> ".join(
                review_pb2.ReviewAction.Name(change.action).removeprefix("REVIEW_ACTION_") for change in detail.history
            )
        )
        await _search(console, client, given.interaction.query)
        return resolved.corrections[0], [feedback.interaction.query for feedback in detail.related_feedback]
    console.print("  there is none")
    return None


async def _search(console: Console, client: Client, query: str) -> None:
    _step(console, "The assistant searches the knowledge base by meaning before it answers the next user")
    console.print(Text(f"  “{query}”"))
    for match in await client.corrections.search_knowledge(query, limit=1):
        console.print(Text(f"  {match.similarity:.2f}  {match.entry.content}"))


async def _vote_and_judge(
    console: Console, client: Client, watched: "_Watched", applied: Correction, queries: list[str]
) -> None:
    _step(console, f"{_LATER_VOTES} users vote on answers given since then: did it work?")
    now = datetime.now(UTC)
    later = [
        (thumbs_up if (number + 1) % _LATER_NEGATIVE_EACH else thumbs_down)(
            f"later-{number}",
            query=queries[number % len(queries)],
            source="web",
            occur_time=now + timedelta(milliseconds=number),
        )
        for number in range(_LATER_VOTES)
    ]
    async for _ in client.collect_many(later, batch_size=_LATER_VOTES):
        pass
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            await watched.until(lambda event: event.verdict.correction_id == applied.id)
    verdict = (await client.corrections.get(applied.id)).verdict
    console.print(Text(f"  {verdict_name(verdict)}: {verdict.summary}"))


class _Watched:
    """The events that a subscriber of the whole project got."""

    def __init__(self) -> None:
        self.events: list[event_pb2.Event] = []
        self._came = asyncio.Condition()

    async def add(self, event: event_pb2.Event) -> None:
        async with self._came:
            self.events.append(event)
            self._came.notify_all()

    async def until(self, holds: Callable[[event_pb2.Event], bool]) -> None:
        """Returns once an event came that something holds of."""
        async with self._came:
            await self._came.wait_for(lambda: any(holds(event) for event in self.events))


@contextlib.asynccontextmanager
async def _watching(client: Client) -> AsyncIterator[_Watched]:
    """Subscribes to the whole project."""
    watched, subscribed = _Watched(), asyncio.Event()

    async def watch() -> None:
        async with client.insights.subscribe() as updates:
            async for update in updates:
                subscribed.set()
                if update.HasField("event"):
                    await watched.add(update.event)

    watching = asyncio.create_task(watch())
    try:
        await subscribed.wait()
        yield watched
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _step(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))
