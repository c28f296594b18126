"""Subscriptions to insights: a snapshot, then what happens.

Metrics are state, events are history. The token of every message is the seq of the last event delivered, so a
subscriber that comes back with it misses none and gets none twice.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from uptake_service.insights.model import Insights, Metrics
from uptake_service.insights.store import InsightStore
from uptake_service.live.feeds import Feeds, Follower
from uptake_service.live.serving import serve
from uptake_service.live.token import ResumeToken
from uptake_service.mongo.events import Event
from uptake_service.mongo.leases import Writers

SEVERITIES = ("INFO", "WARNING", "CRITICAL")


@dataclass(frozen=True)
class Subscription:
    """What a subscriber wants: events of these kinds (empty means all) that matter at least so much."""

    project: str
    kinds: tuple[str, ...] = ()
    minimum_severity: str = "INFO"
    checkpoint_interval: timedelta = timedelta(seconds=10)

    @property
    def token(self) -> ResumeToken:
        return ResumeToken("SubscribeInsights", self.project, self.minimum_severity, *sorted(self.kinds))

    def wants(self, event: Event) -> bool:
        severe = SEVERITIES.index(event.severity) >= SEVERITIES.index(self.minimum_severity)
        return severe and (not self.kinds or event.kind in self.kinds)


@dataclass(frozen=True)
class Update:
    """One thing to tell a subscriber; nothing but `seq` is a checkpoint. `ending` says why the stream ends."""

    seq: int
    snapshot: Insights | None = None
    metrics: Metrics | None = None
    event: Event | None = None
    ending: str = ""


Tell = Callable[[Update], Awaitable[None]]


@dataclass(eq=False)
class _Watched:
    """The newest metrics of a project, for all its subscribers here, and what was written when they were read."""

    metrics: Metrics | None = None
    seen: Any = None
    followers: set[Follower] = field(default_factory=set)


class Live:
    """Serves subscriptions to insights."""

    def __init__(self, insights: InsightStore, feeds: Feeds, writers: Writers) -> None:
        self._insights = insights
        self._feeds = feeds
        self._writers = writers
        self._watched: dict[str, _Watched] = {}

    async def subscribe(self, subscription: Subscription, resume_token: str, tell: Tell) -> None:
        """Tells a subscriber what happens, until it leaves or the process stops.

        Raises:
            DomainError: The token is wrong or too old, the subscriber is too slow, or the process stops.
        """
        project = subscription.project
        after = subscription.token.read(resume_token)[0] if resume_token else None
        async with self._feeds.follow(project, after) as follower:
            with self._watching(project, follower) as watched:
                audience = _Subscriber(subscription, follower, watched, tell)
                if after is None:
                    # An event that comes while this is read is told again after it: harmless, since it is older.
                    await audience.snapshot(await self._insights.insights(project, *self._insights.window()))
                await serve(follower, audience, subscription.checkpoint_interval.total_seconds())

    async def refresh(self) -> None:
        """Reads the metrics of the projects that have subscribers here, if anything was written since."""
        if not self._watched:
            return
        seen = (self._insights.window(), await self._writers.revisions())
        for project, watched in list(self._watched.items()):
            if watched.seen == seen:
                continue
            watched.metrics, watched.seen = await self._insights.metrics(project, *seen[0]), seen
            for follower in watched.followers:
                follower.wake()

    @contextlib.contextmanager
    def _watching(self, project: str, follower: Follower) -> Iterator[_Watched]:
        watched = self._watched.setdefault(project, _Watched())
        watched.followers.add(follower)
        try:
            yield watched
        finally:
            watched.followers.discard(follower)
            if not watched.followers:
                self._watched.pop(project, None)


class _Subscriber:
    """Tells one subscriber what it wants to know."""

    def __init__(self, subscription: Subscription, follower: Follower, watched: _Watched, tell: Tell) -> None:
        self._subscription = subscription
        self._follower = follower
        self._watched = watched
        self._tell = tell
        self._told: Metrics | None = None

    async def snapshot(self, insights: Insights) -> None:
        await self._say(Update(self._follower.seq, snapshot=insights))

    async def events(self, events: Sequence[Event]) -> bool:
        told = False
        for event in events:
            self._follower.seq = event.seq
            if self._subscription.wants(event):
                await self._say(Update(event.seq, event=event))
                told = True
        metrics = self._watched.metrics
        if metrics is not None and metrics != self._told:
            self._told = metrics
            await self._say(Update(self._follower.seq, metrics=metrics))
            told = True
        return told

    async def checkpoint(self) -> None:
        await self._say(Update(self._follower.seq))

    async def end(self, reason: str) -> None:
        await self._tell(Update(self._follower.seq, ending=reason))

    async def _say(self, update: Update) -> None:
        async with self._follower.patiently():
            await self._tell(update)
