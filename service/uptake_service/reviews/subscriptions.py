"""Subscriptions to reviews: those that match a filter, then each of them anew whenever it changes.

Reviews are told as they are now, so a sink that comes back is told each that changed once, whatever happened to it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cachetools import LRUCache

from uptake_service.coordination.event_log import Event
from uptake_service.domain.errors import DomainError
from uptake_service.domain.tokens import Sign
from uptake_service.live.broadcaster import EventBroadcaster, Subscriber
from uptake_service.live.delivery import serve
from uptake_service.live.token import ResumeToken
from uptake_service.patterns.patterns import Patterns
from uptake_service.patterns.store import Pattern
from uptake_service.reviews.model import Review, ReviewEvent, ReviewFilter, ReviewOrder
from uptake_service.reviews.store import ReviewStore, sort_values

_PAGE = 50
_PAGES_AT_ONCE = 16
_PAGE_SECONDS = 0.1
"""Who does not take a review in this time has the rest of its page read again once it goes on: memory holds pages of
subscribers that read, and one review of each that does not."""

_KEPT_BYTES = 16 * 1024 * 1024
_REVIEW_BYTES = 4_000
"""About how much a review takes without its texts."""


@dataclass(frozen=True)
class ReviewSubscription:
    """What a subscriber wants."""

    project: str
    filter: ReviewFilter
    checkpoint_interval: timedelta

    def token(self, sign: Sign) -> ResumeToken:
        """What makes and reads the resume tokens of all that want the same."""
        filter = self.filter
        values = (sorted(set(filter.states)), sorted(set(filter.priorities)), filter.assignee, filter.pattern_id)
        return ResumeToken(sign, "SubscribeReviews", self.project, json.dumps(values))


@dataclass(frozen=True)
class SeenReview:
    """A review as it was when at least the events up to `seq` had happened, and its pattern.

    `removals` is how often words had been taken out of such, as far as this process knew (see Patterns).
    """

    seq: int
    review: Review
    pattern: Pattern | None
    removals: int = 0


@dataclass(frozen=True)
class Update:
    """One thing to tell a sink; nothing but `token` is a checkpoint. `ending` says why the stream ends."""

    token: str
    seen: SeenReview | None = None
    removed_id: str = ""
    ending: DomainError | None = None


Tell = Callable[[Update], Awaitable[None]]


class ReviewSubscriptions:
    """Serves subscribers to reviews."""

    def __init__(self, reviews: ReviewStore, patterns: Patterns, broadcaster: EventBroadcaster, sign: Sign) -> None:
        self._reviews = reviews
        self._patterns = patterns
        self._broadcaster = broadcaster
        self._sign = sign
        self._kept: LRUCache[tuple[str, str], SeenReview] = LRUCache(_KEPT_BYTES, _bytes_of)
        self._reading = asyncio.Lock()
        self._pages = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def subscribe(self, wanted: ReviewSubscription, resume_token: str, tell: Tell) -> None:
        """Tells a sink what happens, until it leaves or the process stops.

        Raises:
            DomainError: The token is wrong or too old, the sink is too slow, or the process stops.
        """
        tokens = wanted.token(self._sign)
        after: int | None = None
        place: list[Any] | None = None
        if resume_token:
            after, rest = tokens.read(resume_token)
            # Where in the list of reviews it stands; nothing after the list's end.
            place = [datetime.fromisoformat(rest[0]), rest[1]] if rest else None
        async with self._broadcaster.follow(wanted.project, after) as subscriber:
            sink = _ReviewSink(self, wanted, tokens, subscriber, tell, resumed=bool(resume_token))
            if after is None or place:
                await self._tell_all(wanted, sink, place)
            await serve(subscriber, sink, wanted.checkpoint_interval.total_seconds())

    async def as_of(self, project: str, wanted: Mapping[str, int]) -> dict[str, SeenReview]:
        """Reviews by id, each as it was at its seq or later; what one sink read serves all."""
        known = self._known(project, wanted)
        if len(known) < len(wanted):
            async with self._reading:
                known = await self._read(project, wanted)
        return known

    async def _tell_all(self, wanted: ReviewSubscription, sink: "_ReviewSink", place: list[Any] | None) -> None:
        """Tells of every review that matches now, newest first, from `place` on."""
        more = True
        while more:
            async with self._pages:
                place, more, telling = await self._tell_page(wanted, sink, place)
            if telling is not None:
                await telling

    async def _tell_page(
        self, wanted: ReviewSubscription, sink: "_ReviewSink", place: list[Any] | None
    ) -> "tuple[list[Any] | None, bool, asyncio.Task[None] | None]":
        """Tells of a page of reviews, up to one that the sink does not take.

        Returns:
            Where to go on, whether there is more, and what is still being told.
        """
        page, rest = await self._reviews.page(wanted.project, wanted.filter, ReviewOrder.NEWEST, place, _PAGE)
        patterns = await self._patterns.get_many(review.pattern_id for review in page)
        for review in page:
            place = sort_values(review, ReviewOrder.NEWEST)
            seen = SeenReview(0, review, patterns.get(review.pattern_id))
            telling = asyncio.create_task(sink.first(seen, place))
            try:
                await asyncio.wait({telling}, timeout=_PAGE_SECONDS)
            except asyncio.CancelledError:
                telling.cancel()
                raise
            if not telling.done():
                return place, True, telling
            telling.result()
        return rest, rest is not None, None

    def _known(self, project: str, wanted: Mapping[str, int]) -> dict[str, SeenReview]:
        kept = {id: self._kept.get((project, id)) for id in wanted}
        now = self._patterns.removals
        return {
            id: seen
            for id, seen in kept.items()
            if seen is not None and seen.seq >= wanted[id] and seen.removals >= now
        }

    async def _read(self, project: str, wanted: Mapping[str, int]) -> dict[str, SeenReview]:
        known = self._known(project, wanted)
        if len(known) == len(wanted):
            return known
        # Before what is read: words that are taken out meanwhile are read without once more.
        removals = self._patterns.removals
        reviews = await self._reviews.by_ids(project, [id for id in wanted if id not in known])
        patterns = await self._patterns.get_many(review.pattern_id for review in reviews)
        for review in reviews:
            seen = SeenReview(wanted[review.id], review, patterns.get(review.pattern_id), removals)
            known[review.id] = seen
            # One that is larger than all that is kept is read again each time.
            if _bytes_of(seen) <= _KEPT_BYTES:
                self._kept[project, review.id] = seen
        return known


def _bytes_of(seen: SeenReview) -> int:
    """About how much memory a review takes; its long texts are the pattern's and the note of who ended it."""
    texts = [seen.pattern.representative_query] if seen.pattern else []
    texts += [seen.review.resolution.note] if seen.review.resolution else []
    return _REVIEW_BYTES + sum(len(text.encode()) for text in texts)


class _ReviewSink:
    """Tells one sink of the reviews that match, and of those that no longer do."""

    def __init__(
        self,
        reviews: ReviewSubscriptions,
        wanted: ReviewSubscription,
        tokens: ResumeToken,
        subscriber: Subscriber,
        tell: Tell,
        *,
        resumed: bool,
    ) -> None:
        self._reviews = reviews
        self._wanted = wanted
        self._tokens = tokens
        self._subscriber = subscriber
        self._tell = tell
        self._resumed = resumed
        self._matching: set[str] = set()

    async def first(self, seen: SeenReview, place: list[Any]) -> None:
        """Tells of a review before any event; `place` is where to go on in the list."""
        self._matching.add(seen.review.id)
        time, id = place
        await self._say(Update(self._tokens.make(self._subscriber.seq, time.isoformat(), id), seen=seen))

    async def events(self, events: Sequence[Event]) -> bool:
        # Of several changes of one review the last tells all.
        newest = {change.review_id: event.seq for event in events if (change := ReviewEvent.of(event)) is not None}
        seen = await self._reviews.as_of(self._wanted.project, newest) if newest else {}
        told = False
        for id, seq in sorted(newest.items(), key=lambda item: item[1]):
            self._subscriber.seq = seq
            matches = id in seen and self._wanted.filter.matches(seen[id].review)
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
            self._subscriber.seq = events[-1].seq
        return told

    async def checkpoint(self) -> None:
        await self._say(Update(self._token))

    async def end(self, error: DomainError) -> None:
        await self._tell(Update(self._token, ending=error))

    @property
    def _token(self) -> str:
        return self._tokens.make(self._subscriber.seq)

    async def _say(self, update: Update) -> None:
        async with self._subscriber.patiently():
            await self._tell(update)
