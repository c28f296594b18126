"""Live subscriptions: a snapshot, then what happens.

Metrics are state, events are history. The token of every message is the seq of the last event delivered, so a
subscriber that comes back with it misses none and gets none twice.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from uptake_service.errors import DatabaseUnavailable, DomainError, Reason, Violation
from uptake_service.insights.model import Insights, Metrics
from uptake_service.insights.store import InsightStore
from uptake_service.mongo.events import Event, EventLog
from uptake_service.tokens import make_token, read_token

_EVENTS_AT_ONCE = 500

SEVERITIES = ("INFO", "WARNING", "CRITICAL")


@dataclass(frozen=True)
class Subscription:
    """What a subscriber wants: events of these kinds (empty means all) that matter at least so much."""

    project: str
    kinds: tuple[str, ...] = ()
    minimum_severity: str = "INFO"
    checkpoint_interval: timedelta = timedelta(seconds=10)

    def wants(self, event: Event) -> bool:
        severe = SEVERITIES.index(event.severity) >= SEVERITIES.index(self.minimum_severity)
        return severe and (not self.kinds or event.kind in self.kinds)

    def token(self, seq: int) -> str:
        """The resume token after the event `seq`."""
        return make_token(self._bound_to(), [seq])

    def seq_of(self, token: str) -> int:
        """The seq after which a token goes on.

        Raises:
            DomainError: The token is damaged, or of another project or filter.
        """
        match read_token(self._bound_to(), token):
            case [int(seq)] if seq >= 0:
                return seq
        raise DomainError(
            Reason.ERROR_REASON_INVALID_RESUME_TOKEN,
            "resume_token is damaged, or was made for another project or filter",
            violations=[Violation("resume_token", "must be a token of the same subscription")],
        )

    def _bound_to(self) -> bytes:
        return "/".join((self.project, self.minimum_severity, *sorted(self.kinds))).encode()


class Shutdown:
    """Tells the streams that the process is stopping."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def ask(self) -> None:
        self._asked.set()

    async def sleep(self, seconds: float) -> bool:
        """Sleeps; tells at once when the process is stopping."""
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True)
class Update:
    """One thing to tell a subscriber; nothing but `seq` is a checkpoint. `ending` says why the stream ends."""

    seq: int
    snapshot: Insights | None = None
    metrics: Metrics | None = None
    event: Event | None = None
    ending: str = ""


class Live:
    """Serves subscriptions by looking at the event log and the rollups at an interval."""

    def __init__(self, insights: InsightStore, events: EventLog, shutdown: Shutdown, interval_seconds: float) -> None:
        self._insights = insights
        self._events = events
        self._shutdown = shutdown
        self._interval_seconds = interval_seconds

    async def subscribe(self, subscription: Subscription, resume_token: str) -> AsyncIterator[Update]:
        """Yields what a subscriber is to be told, until the process stops or the subscriber leaves.

        Raises:
            DomainError: The token is wrong, or too old: events after it are deleted.
        """
        project = subscription.project
        if resume_token:
            seq = subscription.seq_of(resume_token)
        else:
            # Taken before the snapshot is read: an event that is in both is harmless, one in neither is lost.
            seq = await self._events.newest_seq(project)
            yield Update(seq, snapshot=await self._insights.insights(project, *self._insights.window()))
        told: Metrics | None = None
        loop = asyncio.get_running_loop()
        checkpoint_due = loop.time() + subscription.checkpoint_interval.total_seconds()
        while True:
            quiet = True
            try:
                async for event in self._after(project, seq):
                    seq = event.seq
                    if subscription.wants(event):
                        quiet = False
                        yield Update(seq, event=event)
                metrics: Metrics | None = await self._insights.metrics(project, *self._insights.window())
            except DatabaseUnavailable:
                # The stream outlives an outage; a caller that would rather not wait has a deadline.
                metrics = told
            if metrics is not None and metrics != told:
                told, quiet = metrics, False
                yield Update(seq, metrics=metrics)
            if not quiet:
                checkpoint_due = loop.time() + subscription.checkpoint_interval.total_seconds()
            elif loop.time() >= checkpoint_due:
                checkpoint_due = loop.time() + subscription.checkpoint_interval.total_seconds()
                yield Update(seq)
            if await self._shutdown.sleep(self._interval_seconds):
                yield Update(seq, ending="this process is shutting down; resume elsewhere")
                raise DomainError(
                    Reason.ERROR_REASON_SHUTTING_DOWN,
                    "this process is shutting down; resume elsewhere",
                    retry_after_seconds=0.1,
                )

    async def _after(self, project: str, seq: int) -> AsyncIterator[Event]:
        """The events after `seq` that are there now, in order and without a hole."""
        newest = await self._events.newest_seq(project)
        if newest < seq:
            raise DomainError(
                Reason.ERROR_REASON_INVALID_RESUME_TOKEN, "resume_token is of a later time than the event log"
            )
        while seq < newest:
            events = await self._events.after(project, seq, _EVENTS_AT_ONCE)
            if len(events) < min(newest - seq, _EVENTS_AT_ONCE):
                raise DomainError(
                    Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED,
                    "events after the resume token are deleted already; subscribe without one",
                )
            for event in events:
                yield event
            seq = events[-1].seq
