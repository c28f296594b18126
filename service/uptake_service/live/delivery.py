"""What every subscription does after its beginning: tell what happens, say when nothing does, end with a word."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from uptake_service.coordination.event_log import Event
from uptake_service.domain.errors import DatabaseUnavailable, DomainError
from uptake_service.live.broadcaster import SlowSubscriber, Subscriber
from uptake_service.live.shutdown import stopping

_RETRY_SECONDS = 1.0
_LAST_WORD_SECONDS = 1.0


class EventSink(Protocol):
    """Who is told, and how."""

    async def events(self, events: Sequence[Event]) -> bool:
        """Tells of what follows the follower's seq and moves it there; returns whether anything was told.

        Called without events too, when there may be something else to tell.
        """

    async def checkpoint(self) -> None:
        """Tells that everything up to the follower's seq was delivered."""

    async def end(self, error: DomainError) -> None:
        """Tells that the stream ends, and why."""


async def serve(subscriber: Subscriber, sink: EventSink, checkpoint_seconds: float) -> None:
    """Tells an audience what happens, until it leaves or the process stops.

    Raises:
        DomainError: The process stops, the audience is too slow, or what it has to be told is not there any more.
    """
    try:
        await _tell(subscriber, sink, checkpoint_seconds)
    except SlowSubscriber as error:
        if not error.stalled:
            await _last_word(sink, error)
        raise
    ending = stopping()
    await _last_word(sink, ending)
    raise ending


async def _last_word(sink: EventSink, error: DomainError) -> None:
    """A token with the reason, for a subscriber that reads it; the status follows in any case."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORD_SECONDS):
            await sink.end(error)


async def _tell(subscriber: Subscriber, sink: EventSink, checkpoint_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + checkpoint_seconds
    while not subscriber.stopping:
        patience = due - loop.time()
        events: Sequence[Event] = ()
        try:
            events = await subscriber.events()
            told = await sink.events(events)
        except DatabaseUnavailable:
            # A stream outlives an outage; a caller that would rather not wait has a deadline.
            told, events, patience = False, (), min(patience, _RETRY_SECONDS)
        if told:
            due = loop.time() + checkpoint_seconds
        elif loop.time() >= due:
            await sink.checkpoint()
            due = loop.time() + checkpoint_seconds
        if not events:
            await subscriber.wait(max(min(patience, due - loop.time()), 0))
