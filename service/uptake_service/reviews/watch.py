"""Watching reviews: those that match a filter, then each of them anew whenever it changes.

Reviews are told as they are now, so a watcher that comes back is told each that changed once, whatever happened to it.
"""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from uptake_service.live.feeds import Feeds, Follower
from uptake_service.live.serving import serve
from uptake_service.live.token import ResumeToken, invalid_token
from uptake_service.mongo.events import Event
from uptake_service.patterns.store import Pattern, Patterns
from uptake_service.reviews.model import Review, ReviewFilter, ReviewOrder
from uptake_service.reviews.store import ReviewStore, sort_values

_PAGE = 200
_KEPT = 1000


@dataclass(frozen=True)
class Watching:
    """What a watcher wants."""

    project: str
    filter: ReviewFilter
    checkpoint_interval: timedelta

    @property
    def token(self) -> ResumeToken:
        filter = self.filter
        values = (sorted(set(filter.states)), sorted(set(filter.priorities)), filter.assignee, filter.pattern_id)
        return ResumeToken("WatchReviews", self.project, json.dumps(values))


@dataclass(frozen=True)
class SeenReview:
    """A review as it was when at least the events up to `seq` had happened, and its pattern."""

    seq: int
    review: Review
    pattern: Pattern | None


@dataclass(frozen=True)
class Update:
    """One thing to tell a watcher; nothing but `token` is a checkpoint. `ending` says why the stream ends."""

    token: str
    seen: SeenReview | None = None
    removed_id: str = ""
    ending: str = ""


Tell = Callable[[Update], Awaitable[None]]


class ReviewWatch:
    """Serves watchers of reviews."""

    def __init__(self, reviews: ReviewStore, patterns: Patterns, feeds: Feeds) -> None:
        self._reviews = reviews
        self._patterns = patterns
        self._feeds = feeds
        self._kept: OrderedDict[tuple[str, str], SeenReview] = OrderedDict()
        self._reading = asyncio.Lock()

    async def watch(self, watching: Watching, resume_token: str, tell: Tell) -> None:
        """Tells a watcher what happens, until it leaves or the process stops.

        Raises:
            DomainError: The token is wrong or too old, the watcher is too slow, or the process stops.
        """
        after: int | None = None
        place: list[Any] | None = None
        if resume_token:
            after, rest = watching.token.read(resume_token)
            place = _place(rest)
        async with self._feeds.follow(watching.project, after) as follower:
            watcher = _Watcher(self, watching, follower, tell, resumed=bool(resume_token))
            if after is None or place:
                await self._tell_all(watching, watcher, place)
            await serve(follower, watcher, watching.checkpoint_interval.total_seconds())

    async def as_of(self, project: str, wanted: Mapping[str, int]) -> dict[str, SeenReview]:
        """Reviews by id, each as it was at its seq or later; what one watcher read serves all."""
        if self._lacks(project, wanted):
            async with self._reading:
                await self._read(project, wanted)
        return {id: self._kept[project, id] for id in wanted if (project, id) in self._kept}

    async def _tell_all(self, watching: Watching, watcher: "_Watcher", place: list[Any] | None) -> None:
        """Tells of every review that matches now, newest first, from `place` on."""
        while True:
            page = await self._reviews.page(watching.project, watching.filter, ReviewOrder.NEWEST, place, _PAGE)
            patterns = await self._patterns.get_many(review.pattern_id for review in page)
            for review in page:
                place = sort_values(review, ReviewOrder.NEWEST)
                await watcher.first(SeenReview(0, review, patterns.get(review.pattern_id)), place)
            if len(page) < _PAGE:
                return

    def _lacks(self, project: str, wanted: Mapping[str, int]) -> list[str]:
        return [id for id, seq in wanted.items() if (kept := self._kept.get((project, id))) is None or kept.seq < seq]

    async def _read(self, project: str, wanted: Mapping[str, int]) -> None:
        ids = self._lacks(project, wanted)
        if not ids:
            return
        reviews = await self._reviews.by_ids(project, ids)
        patterns = await self._patterns.get_many(review.pattern_id for review in reviews)
        for review in reviews:
            key = (project, review.id)
            self._kept[key] = SeenReview(wanted[review.id], review, patterns.get(review.pattern_id))
            self._kept.move_to_end(key)
        while len(self._kept) > max(_KEPT, len(wanted)):
            self._kept.popitem(last=False)


def _place(rest: list[Any]) -> list[Any] | None:
    """Where in the list of reviews a token stands; None after its end."""
    match rest:
        case []:
            return None
        case [str(time), str(id)]:
            with contextlib.suppress(ValueError):
                return [datetime.fromisoformat(time), id]
    raise invalid_token()


class _Watcher:
    """Tells one watcher of the reviews that match, and of those that no longer do."""

    def __init__(
        self, reviews: ReviewWatch, watching: Watching, follower: Follower, tell: Tell, *, resumed: bool
    ) -> None:
        self._reviews = reviews
        self._watching = watching
        self._follower = follower
        self._tell = tell
        self._resumed = resumed
        self._matching: set[str] = set()

    async def first(self, seen: SeenReview, place: list[Any]) -> None:
        """Tells of a review before any event; `place` is where to go on in the list."""
        self._matching.add(seen.review.id)
        time, id = place
        await self._say(Update(self._watching.token.make(self._follower.seq, time.isoformat(), id), seen=seen))

    async def events(self, events: Sequence[Event]) -> bool:
        # Of several changes of one review the last tells all.
        newest = {event.payload["review_id"]: event.seq for event in events if event.kind == "REVIEW"}
        seen = await self._reviews.as_of(self._watching.project, newest) if newest else {}
        told = False
        for id, seq in sorted(newest.items(), key=lambda item: item[1]):
            self._follower.seq = seq
            matches = id in seen and self._watching.filter.matches(seen[id].review)
            if matches:
                self._matching.add(id)
                await self._say(Update(self._token, seen=seen[id]))
            elif self._resumed or id in self._matching:
                # Whoever comes back may have been told of it before.
                self._matching.discard(id)
                await self._say(Update(self._token, removed_id=id))
            else:
                continue
            told = True
        if events:
            self._follower.seq = events[-1].seq
        return told

    async def checkpoint(self) -> None:
        await self._say(Update(self._token))

    async def end(self, reason: str) -> None:
        await self._tell(Update(self._token, ending=reason))

    @property
    def _token(self) -> str:
        return self._watching.token.make(self._follower.seq)

    async def _say(self, update: Update) -> None:
        async with self._follower.patiently():
            await self._tell(update)
