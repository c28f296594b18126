"""Fans the event log out to the subscribers of this process.

One change stream brings the events of all projects as they are committed. It only makes them sooner: what it leaves out
is read from the log, which is looked at once a second. A follower has its own place in a project's events and no queue
of its own: the newest events are kept once for all of them. One that has fallen out of these, after a burst perhaps,
reads the log until it is back; one that does not come back in time is too slow.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator

from uptake_service.clock import Clock
from uptake_service.errors import DatabaseUnavailable, DomainError, Reason, WriteRefused
from uptake_service.live.shutdown import Shutdown
from uptake_service.mongo.events import Event, EventLog
from uptake_service.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)

_EVENTS_AT_ONCE = 500
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class SlowSubscriber(DomainError):
    """A subscriber has been further behind than what is kept for too long.

    Attributes:
        stalled: It does not read at all: a message to it is under way since long ago.
    """

    def __init__(self, *, stalled: bool) -> None:
        super().__init__(
            Reason.ERROR_REASON_SUBSCRIBER_TOO_SLOW,
            "the subscriber reads more slowly than things happen; resume with its newest token",
            retry_after_seconds=0.1,
        )
        self.stalled = stalled


class Feed:
    """The newest events of one project: those up to `seq`, at most `bound` of them."""

    def __init__(self, project: str, seq: int, bound: int) -> None:
        self.project = project
        self.seq = seq
        self.followers: set[Follower] = set()
        self._recent: deque[Event] = deque(maxlen=bound)

    @property
    def before(self) -> int:
        """The seq before the oldest event that is kept."""
        return self.seq - len(self._recent)

    def add(self, event: Event) -> None:
        """Adds the event that follows, or does nothing with one that is there."""
        if event.seq == self.seq + 1:
            self._recent.append(event)
            self.seq = event.seq

    def skip_to(self, seq: int) -> None:
        """Goes on after `seq`, with nothing kept from before it."""
        self._recent.clear()
        self.seq = seq

    def after(self, seq: int, limit: int) -> list[Event]:
        """The first events after `seq`, which must not be before `before`."""
        count = self.seq - seq
        return [self._recent[place] for place in range(-count, min(limit - count, 0))]

    def wake(self) -> None:
        for follower in self.followers:
            follower.wake()


class Follower:
    """One subscriber's place in the events of a project: after `seq`.

    Attributes:
        seq: The last event that was delivered; the subscriber moves it.
        stopping: The process is stopping.
    """

    def __init__(self, feed: Feed, log: EventLog, shutdown: Shutdown, seq: int, patience_seconds: float) -> None:
        self.seq = seq
        self._feed = feed
        self._log = log
        self._shutdown = shutdown
        self._woken = asyncio.Event()
        self._patience_seconds = patience_seconds
        # One that resumes may come from far behind.
        self._kept_up = False
        self._behind_since: float | None = None
        self._waiting: asyncio.Timeout | None = None

    @property
    def stopping(self) -> bool:
        return self._shutdown.asked

    def wake(self) -> None:
        self._woken.set()

    async def events(self) -> list[Event]:
        """What follows, in order and without a hole; empty if nothing does yet.

        Raises:
            DomainError: SlowSubscriber, or RESUME_TOKEN_EXPIRED for what is not in the log any more.
            DatabaseUnavailable: The log cannot be read now.
        """
        self._woken.clear()
        if self.too_slow():
            raise SlowSubscriber(stalled=False)
        if self.seq < self._feed.before:
            newest = min(self._feed.seq, self.seq + _EVENTS_AT_ONCE)
            return await self._log.between(self._feed.project, self.seq, newest)
        self._kept_up = True
        return self._feed.after(self.seq, _EVENTS_AT_ONCE)

    async def wait(self, seconds: float) -> None:
        """Returns when there may be something new, at the latest after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    @contextlib.asynccontextmanager
    async def patiently(self) -> AsyncIterator[None]:
        """Runs what waits for the subscriber, until it is too slow.

        Raises:
            SlowSubscriber: It is.
        """
        try:
            async with asyncio.timeout(None) as self._waiting:
                yield
        except TimeoutError:
            raise SlowSubscriber(stalled=True) from None
        finally:
            self._waiting = None

    def too_slow(self) -> bool:
        """Whether it once kept up and has been behind what is kept for too long; ends what waits for it then."""
        if not self._kept_up or self.seq >= self._feed.before:
            self._behind_since = None
            return False
        now = asyncio.get_running_loop().time()
        self._behind_since = self._behind_since or now
        if now < self._behind_since + self._patience_seconds:
            return False
        if self._waiting is not None:
            self._waiting.reschedule(now)
        return True


class Feeds:
    """The feeds of the projects that have followers in this process."""

    def __init__(
        self, log: EventLog, shutdown: Shutdown, clock: Clock, metrics: Metrics, bound: int, patience_seconds: float
    ) -> None:
        """`bound`: how many events a follower may be behind, `patience_seconds`: and for how long further than that."""
        self._patience_seconds = patience_seconds
        self._log = log
        self._shutdown = shutdown
        self._clock = clock
        self._metrics = metrics
        self._bound = bound
        self._feeds: dict[str, Feed] = {}
        self._last_word = time.monotonic()
        shutdown.when_asked(self._wake_all)

    @contextlib.asynccontextmanager
    async def follow(self, project: str, seq: int | None = None) -> AsyncIterator[Follower]:
        """Follows a project's events after `seq`, by default from now on.

        Raises:
            DomainError: `seq` is later than the log, or what follows it is past the retention.
            DatabaseUnavailable: The log cannot be read now.
        """
        newest = await self._log.newest_seq(project)
        if seq is not None and seq > newest:
            raise DomainError(
                Reason.ERROR_REASON_INVALID_RESUME_TOKEN, "resume_token is of a later time than the event log"
            )
        if seq is not None and seq < newest:
            # Whether it can be resumed must not depend on what this process happens to keep.
            await self._log.between(project, seq, seq + 1)
        feed = self._feeds.setdefault(project, Feed(project, newest, self._bound))
        follower = Follower(feed, self._log, self._shutdown, newest if seq is None else seq, self._patience_seconds)
        feed.followers.add(follower)
        reason = "left"
        try:
            yield follower
        except DomainError as error:
            reason = Reason.Name(error.reason).removeprefix("ERROR_REASON_").lower()
            raise
        finally:
            self._metrics.follower_ended(reason)
            feed.followers.discard(follower)
            if not feed.followers and self._feeds.get(project) is feed:
                del self._feeds[project]

    def followers(self) -> int:
        return sum(len(feed.followers) for feed in tuple(self._feeds.values()))

    def silent_seconds(self) -> float:
        """How long the change stream has said nothing; one that works says at least twice a second that it is there."""
        return time.monotonic() - self._last_word

    async def look(self) -> None:
        """Reads what the change stream did not bring, and ends the wait for followers that are too slow."""
        feeds = list(self._feeds.values())
        if not feeds:
            return
        newest = await self._log.newest_seqs([feed.project for feed in feeds])
        for feed in feeds:
            await self._fill(feed, newest.get(feed.project, 0))
            for follower in feed.followers:
                follower.too_slow()

    async def run(self) -> None:
        """Follows the change stream for as long as the process lives."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async for event in self._log.watch():
                    pause = _FIRST_PAUSE_SECONDS
                    self._last_word = time.monotonic()
                    feed = self._feeds.get(event.project) if event is not None else None
                    if feed is None or event is None:
                        continue
                    delay = (self._clock.now() - event.time).total_seconds()
                    self._metrics.event_delay_seconds.observe(max(delay, 0.0))
                    if event.seq == feed.seq + 1:
                        feed.add(event)
                        feed.wake()
                    else:
                        await self._fill(feed, event.seq)
            except (DatabaseUnavailable, WriteRefused) as error:
                _log.warning("the change stream of events ended and will be opened again: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _fill(self, feed: Feed, newest: int) -> None:
        """Reads the events up to `newest` that are missing."""
        while feed.seq < newest:
            try:
                found = await self._log.between(feed.project, feed.seq, min(newest, feed.seq + _EVENTS_AT_ONCE))
            except DomainError as error:
                # Nobody can be told what is gone: followers are behind what is kept now, and are told to come back.
                _log.warning("events of project %s are lost to its followers: %s", feed.project, error)
                feed.skip_to(newest)
                found = []
            self._metrics.events_filled.inc(len(found))
            for event in found:
                feed.add(event)
            feed.wake()

    def _wake_all(self) -> None:
        for feed in self._feeds.values():
            feed.wake()
