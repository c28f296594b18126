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

from uptake_service.coordination.event_log import Event, EventLog
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable, DomainError, Reason, WriteRefused
from uptake_service.live.shutdown import Shutdown
from uptake_service.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)

_EVENTS_AT_ONCE = 500
_READ_AT_ONCE = 100
"""One that is behind what is kept has these for itself, so it gets fewer."""
_EVENT_BYTES = 1000
_KEPT_BYTES = 32 * 1024 * 1024
"""How much of all projects' newest events is kept: beyond it the project that has most keeps less."""

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


class EventBuffer:
    """The newest events of one project: those up to `seq`, at most `bound` of them.

    Attributes:
        bytes: About how much memory they take.
    """

    def __init__(self, project: str, seq: int, bound: int) -> None:
        self.project = project
        self.seq = seq
        self.subscribers: set[Subscriber] = set()
        self.bytes = 0
        self._bound = bound
        self._recent: deque[Event] = deque()

    @property
    def before(self) -> int:
        """The seq before the oldest event that is kept."""
        return self.seq - len(self._recent)

    def add(self, event: Event) -> None:
        """Adds the event that follows, or does nothing with one that is there."""
        if event.seq == self.seq + 1:
            self._recent.append(event)
            self.bytes += _bytes_of(event)
            self.seq = event.seq
            if len(self._recent) > self._bound:
                self.drop_oldest()

    def drop_oldest(self) -> None:
        """Keeps one event less; who has not read it reads the log."""
        self.bytes -= _bytes_of(self._recent.popleft())

    def skip_to(self, seq: int) -> None:
        """Goes on after `seq`, with nothing kept from before it."""
        self._recent.clear()
        self.bytes = 0
        self.seq = seq

    def after(self, seq: int, limit: int) -> list[Event]:
        """The first events after `seq`, which must not be before `before`."""
        count = self.seq - seq
        return [self._recent[place] for place in range(-count, min(limit - count, 0))]

    def wake(self) -> None:
        for subscriber in self.subscribers:
            subscriber.wake()


def _bytes_of(event: Event) -> int:
    """About how much memory an event takes: its texts are ids and names."""
    return _EVENT_BYTES + sum(len(value) for value in event.payload.values() if isinstance(value, str))


class Subscriber:
    """One subscriber's place in the events of a project: after `seq`.

    Attributes:
        seq: The last event that was delivered; the subscriber moves it.
        stopping: The process is stopping.
    """

    def __init__(self, feed: EventBuffer, log: EventLog, shutdown: Shutdown, seq: int, patience_seconds: float) -> None:
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
            newest = min(self._feed.seq, self.seq + _READ_AT_ONCE)
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
        """Tells the subscriber something, which it has to take in time.

        Raises:
            SlowSubscriber: It does not.
        """
        try:
            async with asyncio.timeout(self._patience_seconds) as self._waiting:
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


class EventBroadcaster:
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
        self._buffers: dict[str, EventBuffer] = {}
        self._last_word = time.monotonic()
        shutdown.when_asked(self._wake_all)

    @contextlib.asynccontextmanager
    async def follow(self, project: str, seq: int | None = None) -> AsyncIterator[Subscriber]:
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
        feed = self._buffers.setdefault(project, EventBuffer(project, newest, self._bound))
        subscriber = Subscriber(feed, self._log, self._shutdown, newest if seq is None else seq, self._patience_seconds)
        feed.subscribers.add(subscriber)
        reason = "left"
        try:
            yield subscriber
        except DomainError as error:
            reason = Reason.Name(error.reason).removeprefix("ERROR_REASON_").lower()
            raise
        finally:
            self._metrics.subscriber_ended(reason)
            feed.subscribers.discard(subscriber)
            if not feed.subscribers and self._buffers.get(project) is feed:
                del self._buffers[project]

    def subscribers(self) -> int:
        return sum(len(feed.subscribers) for feed in tuple(self._buffers.values()))

    def silent_seconds(self) -> float:
        """How long the change stream has said nothing; one that works says at least twice a second that it is there."""
        return time.monotonic() - self._last_word

    async def look(self) -> None:
        """Reads what the change stream did not bring, and ends the wait for followers that are too slow."""
        buffers = list(self._buffers.values())
        if not buffers:
            return
        newest = await self._log.newest_seqs([feed.project for feed in buffers])
        for feed in buffers:
            await self._fill(feed, newest.get(feed.project, 0))
            for subscriber in feed.subscribers:
                subscriber.too_slow()

    async def run(self) -> None:
        """Follows the change stream for as long as the process lives."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async for event in self._log.watch():
                    pause = _FIRST_PAUSE_SECONDS
                    self._last_word = time.monotonic()
                    feed = self._buffers.get(event.project) if event is not None else None
                    if feed is None or event is None:
                        continue
                    delay = (self._clock.now() - event.time).total_seconds()
                    self._metrics.event_delay_seconds.observe(max(delay, 0.0))
                    if event.seq == feed.seq + 1:
                        self._add(feed, event)
                        feed.wake()
                    else:
                        await self._fill(feed, event.seq)
            except (DatabaseUnavailable, WriteRefused) as error:
                _log.warning("the change stream of events ended and will be opened again: %s", error)
            except Exception:  # noqa: BLE001
                # An event that cannot be read, say: those of all other projects have to go on.
                _log.exception("the change stream of events failed and will be opened again")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _fill(self, feed: EventBuffer, newest: int) -> None:
        """Reads the events up to `newest` that are missing."""
        while feed.seq < newest:
            try:
                found = await self._log.between(feed.project, feed.seq, min(newest, feed.seq + _EVENTS_AT_ONCE))
            except DatabaseUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  Whatever is wrong with one project's, the others' have to go on.
                # Followers are behind what is kept now: each reads the log for itself, and is told what is wrong there.
                reason = error if isinstance(error, DomainError) else repr(error)
                _log.warning("events of project %s are not to be had for its followers: %s", feed.project, reason)
                feed.skip_to(newest)
                found = []
            self._metrics.events_filled.inc(len(found))
            for event in found:
                self._add(feed, event)
            feed.wake()

    def _add(self, feed: EventBuffer, event: Event) -> None:
        feed.add(event)
        while sum(each.bytes for each in self._buffers.values()) > _KEPT_BYTES:
            max(self._buffers.values(), key=lambda each: each.bytes).drop_oldest()

    def _wake_all(self) -> None:
        for feed in self._buffers.values():
            feed.wake()
