"""Subscriptions to insights: a snapshot, then what happens.

Metrics are state, events are history. The token of every message is the seq of the last event delivered, so a
subscriber that comes back with it misses none and gets none twice.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from uptake_service.coordination.event_log import Event
from uptake_service.coordination.leases import Writers
from uptake_service.domain.errors import DatabaseUnavailable, DomainError
from uptake_service.domain.tokens import Sign
from uptake_service.insights.model import Metrics
from uptake_service.insights.numbers import Numbers
from uptake_service.live.broadcaster import EventBroadcaster, Subscriber
from uptake_service.live.delivery import serve
from uptake_service.live.token import ResumeToken

_log = logging.getLogger(__name__)

SEVERITIES = ("INFO", "WARNING", "CRITICAL")


@dataclass(frozen=True)
class Subscription:
    """What a subscriber wants: events of these kinds (empty means all) that matter at least so much."""

    project: str
    kinds: tuple[str, ...] = ()
    minimum_severity: str = "INFO"
    checkpoint_interval: timedelta = timedelta(seconds=10)

    def token(self, sign: Sign) -> ResumeToken:
        """What makes and reads the resume tokens of all that want the same."""
        kinds = sorted(set(self.kinds))
        return ResumeToken(sign, "SubscribeInsights", self.project, self.minimum_severity, *kinds)

    def wants(self, event: Event) -> bool:
        severe = SEVERITIES.index(event.severity) >= SEVERITIES.index(self.minimum_severity)
        return severe and (not self.kinds or event.kind in self.kinds)


@dataclass(frozen=True)
class Update:
    """One thing to tell a subscriber; nothing but `seq` is a checkpoint. `ending` says why the stream ends.

    Attributes:
        snapshot: A SubscribeInsightsResponse with the snapshot alone.
    """

    seq: int
    snapshot: bytes = b""
    metrics: Metrics | None = None
    event: Event | None = None
    ending: DomainError | None = None


Tell = Callable[[Update], Awaitable[None]]

Snapshot = Callable[[str, datetime, datetime], Awaitable[bytes]]
"""Gives a project's insights over a window of full hours, as `Update.snapshot` has them."""


@dataclass(eq=False)
class _Watched:
    """The newest metrics of a project, for all its subscribers here, and what was written when they were read."""

    metrics: Metrics | None = None
    seen: Any = None
    failed: bool = False
    subscribers: set[Subscriber] = field(default_factory=set)


class Live:
    """Serves subscriptions to insights."""

    def __init__(
        self, numbers: Numbers, snapshot: Snapshot, broadcaster: EventBroadcaster, writers: Writers, sign: Sign
    ) -> None:
        self._numbers = numbers
        self._snapshot = snapshot
        self._broadcaster = broadcaster
        self._writers = writers
        self._sign = sign
        self._watched: dict[str, _Watched] = {}

    async def subscribe(self, subscription: Subscription, resume_token: str, tell: Tell) -> None:
        """Tells a subscriber what happens, until it leaves or the process stops.

        Raises:
            DomainError: The token is wrong or too old, the subscriber is too slow, or the process stops.
        """
        project = subscription.project
        after = subscription.token(self._sign).read(resume_token)[0] if resume_token else None
        async with self._broadcaster.follow(project, after) as subscriber:
            with self._watching(project, subscriber) as watched:
                sink = _InsightSink(subscription, subscriber, watched, tell)
                if after is None:
                    # An event that comes while this is read is told again after it: harmless, since it is older.
                    await sink.snapshot(await self._snapshot(project, *self._numbers.window()))
                await serve(subscriber, sink, subscription.checkpoint_interval.total_seconds())

    async def refresh(self) -> None:
        """Reads the metrics of the projects that have subscribers here, if anything was written since."""
        if not self._watched:
            return
        seen = (self._numbers.window(), await self._writers.revisions())
        for project, watched in list(self._watched.items()):
            if watched.seen == seen:
                continue
            try:
                watched.metrics = await self._numbers.metrics(project, *seen[0])
                watched.failed = False
            except DatabaseUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  The other projects' subscribers have to be told of theirs.
                if not watched.failed:
                    _log.warning("the metrics of project %s cannot be read: %s", project, error, exc_info=error)
                watched.failed = True
            # What failed would fail again, until something is written.
            watched.seen = seen
            for subscriber in watched.subscribers:
                subscriber.wake()

    @contextlib.contextmanager
    def _watching(self, project: str, subscriber: Subscriber) -> Iterator[_Watched]:
        watched = self._watched.setdefault(project, _Watched())
        watched.subscribers.add(subscriber)
        try:
            yield watched
        finally:
            watched.subscribers.discard(subscriber)
            if not watched.subscribers:
                self._watched.pop(project, None)


class _InsightSink:
    """Tells one subscriber what it wants to know."""

    def __init__(self, subscription: Subscription, subscriber: Subscriber, watched: _Watched, tell: Tell) -> None:
        self._subscription = subscription
        self._subscriber = subscriber
        self._watched = watched
        self._tell = tell
        self._told: Metrics | None = None

    async def snapshot(self, snapshot: bytes) -> None:
        await self._say(Update(self._subscriber.seq, snapshot=snapshot))

    async def events(self, events: Sequence[Event]) -> bool:
        told = False
        for event in events:
            self._subscriber.seq = event.seq
            if self._subscription.wants(event):
                await self._say(Update(event.seq, event=event))
                told = True
        metrics = self._watched.metrics
        if metrics is not None and metrics != self._told:
            self._told = metrics
            await self._say(Update(self._subscriber.seq, metrics=metrics))
            told = True
        return told

    async def checkpoint(self) -> None:
        await self._say(Update(self._subscriber.seq))

    async def end(self, error: DomainError) -> None:
        await self._tell(Update(self._subscriber.seq, ending=error))

    async def _say(self, update: Update) -> None:
        async with self._subscriber.patiently():
            await self._tell(update)
