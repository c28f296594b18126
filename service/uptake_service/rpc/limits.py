"""How much of the service one caller may have at a time: concurrent reads by what they cost, and concurrent streams.

All reads and streams pass here, by an interceptor. Who calls is told by the key, and without one by the project. A read
that cannot begin waits in a queue of bounded length for a bounded time, then it is refused with RetryInfo.

What a read costs is the time that it takes, which is not known before: a method that took a caller long of late, or is
new to it, is costly. A caller makes costly reads one at a time, and has a token bucket of seconds for them. Those who
have spent it share one place, after everybody else and only while writes keep up, which then stays empty for as long
as the read took. So who makes costly reads one after the other is never refused, and who makes many at once slows down
itself.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
from cachetools import LRUCache

from uptake_service.domain.access import Permission, needed_for
from uptake_service.domain.caller import caller
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.project import DEFAULT_PROJECT
from uptake_service.domain.token_bucket import TokenBucket, TokenBuckets
from uptake_service.mongo.reads import Reading, as_reading
from uptake_service.rpc.call import Call
from uptake_service.telemetry.metrics import Metrics

_ADMINISTRATORS_READS = ("ListAuditEvents",)

_QUICK_SECONDS = 0.25
"""A read that took no longer is not costly."""

_COSTLY_SECONDS = 30.0
"""For so long a method is costly for a caller, after it was."""

_LOOK_SECONDS = 0.05
"""How often it is looked whether budgets have filled and writes have caught up."""

_RETRY_SECONDS = 1.0

_MOST_KNOWN = 10_000
"""Of how many methods of callers it is known whether they are quick."""


@dataclass(frozen=True)
class ReadLimits:
    """What reads may take.

    Attributes:
        at_once: How many may run.
        at_once_each: How many of one caller.
        costly_at_once: How many of them may be costly.
        waiting: How many may wait to run.
        waiting_each: How many of one caller.
        patience_seconds: How long one waits.
        budget_seconds: How long costly reads of one caller may take, beyond a second each second.
        longest_seconds: How long the database may take for a statement of a read.
    """

    at_once: int
    at_once_each: int
    costly_at_once: int
    waiting: int
    waiting_each: int
    patience_seconds: float
    budget_seconds: float
    longest_seconds: float


class ReadLimiter:
    """Lets callers' reads begin, so many at a time."""

    def __init__(self, metrics: Metrics, writes_wait: Callable[[], bool], limits: ReadLimits) -> None:
        """
        Args:
            metrics: Where refusals are counted.
            writes_wait: Whether more writes wait than are committed at once.
            limits: What reads may take.
        """
        self._metrics = metrics
        self._writes_wait = writes_wait
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.at_once, "reads")
        self._budgets = TokenBuckets[str](1.0, limits.budget_seconds)
        self._costly_until: LRUCache[tuple[str, str], float] = LRUCache(_MOST_KNOWN)
        self._readers: dict[str, _Reader] = {}
        self._rest_until = 0.0
        self._looking: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def read(self, who: str, method: str, deadline: float | None) -> AsyncIterator[None]:
        """Runs a read in its turn; what is begun in the database counts until it has ended there.

        Args:
            who: The caller.
            method: What it calls.
            deadline: By the monotonic clock: when it stops waiting; None if it never does.

        Raises:
            DomainError: RATE_LIMITED where this caller, OVERLOADED where all have too many; retry later.
        """
        slot = _Slot(self, who, method)
        await slot.take()
        read = Reading(self._threads, self._limits.longest_seconds, deadline)
        token = _slot.set(slot)
        try:
            with as_reading(read):
                yield
        finally:
            _slot.reset(token)
            if read.under_way:
                ending = asyncio.create_task(self._give_back_after(read, slot), name="a read whose caller left")
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
            else:
                slot.give_back()

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def start(self, who: str, method: str) -> "_Read":
        """Returns when a read of this caller may run; it has to be ended."""
        reader = self._readers.get(who)
        if reader is None:
            reader = self._readers[who] = _Reader(self._budgets[who])
        read = _Read(who, method, asyncio.get_running_loop().create_future())
        overtakes = any(each.method == method for each in reader.waiting)
        if not overtakes and self._may_start(reader, read):
            self._started(reader, read)
            return read
        try:
            self._ensure_room(reader)
            reader.waiting.append(read)
            self.waiting += 1
            self._look_later()
            async with asyncio.timeout(self._limits.patience_seconds):
                await read.turn
        except TimeoutError:
            if not read.began:
                raise self._refused("reads_patience") from None
        except asyncio.CancelledError:
            if read.began:
                self.end(read)
            raise
        finally:
            if read in reader.waiting:
                reader.waiting.remove(read)
                self.waiting -= 1
            self._forget_idle(who, reader)
        return read

    def end(self, read: "_Read") -> None:
        """Ends a read that began."""
        now = time.monotonic()
        reader = self._readers[read.who]
        self.running -= 1
        reader.running.remove(read)
        if read.costly:
            reader.budget.spend(now - read.since)
            if reader.overspent:
                self._rest_until = now + (now - read.since)
        key = read.who, read.method
        if now - read.since > _QUICK_SECONDS:
            self._costly_until[key] = now + _COSTLY_SECONDS
        elif key not in self._costly_until:
            self._costly_until[key] = now
        self._forget_idle(read.who, reader)
        self._start_waiting()

    async def _give_back_after(self, read: Reading, slot: "_Slot") -> None:
        await read.ended()
        slot.give_back()

    def _ensure_room(self, reader: "_Reader") -> None:
        if len(reader.waiting) >= self._limits.waiting_each:
            raise self._refused("reads_of_caller")
        if self.waiting >= self._limits.waiting:
            raise self._refused("reads")

    def _may_start(self, reader: "_Reader", read: "_Read") -> bool:
        now = time.monotonic()
        read.costly = self._costly_until.get((read.who, read.method), now + 1) > now
        if self.running >= self._limits.at_once or len(reader.running) >= self._limits.at_once_each:
            return False
        # One that began as a quick one may have turned out otherwise.
        slow = [each for each in reader.running if each.is_costly(now)]
        if not read.costly:
            return not any(each.method == read.method for each in slow)
        if slow:
            return False
        others = [each for each in self._readers.values() if any(one.is_costly(now) for one in each.running)]
        if len(others) >= self._limits.costly_at_once:
            return False
        if not reader.overspent:
            return True
        return now >= self._rest_until and not any(each.overspent for each in others) and not self._writes_wait()

    def _started(self, reader: "_Reader", read: "_Read") -> None:
        self.running += 1
        read.began, read.since = True, time.monotonic()
        reader.running.append(read)

    def _start_waiting(self) -> None:
        """Starts the reads whose turn it is: of who is within the budget first, then of who has the fewest running."""
        while self.waiting and self.running < self._limits.at_once:
            ready = [
                (reader, read)
                for reader in self._readers.values()
                if (read := next((each for each in reader.first() if self._may_start(reader, each)), None))
            ]
            if not ready:
                break
            reader, read = min(ready, key=lambda each: (each[0].overspent, len(each[0].running)))
            reader.waiting.remove(read)
            self.waiting -= 1
            if not read.turn.done():
                read.turn.set_result(None)
                self._started(reader, read)
        self._look_later()

    def _look_later(self) -> None:
        """Budgets fill and writes catch up without a word: while anybody waits, it is looked."""
        if self.waiting and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        self._start_waiting()

    def _forget_idle(self, who: str, reader: "_Reader") -> None:
        if not reader.running and not reader.waiting and self._readers.get(who) is reader:
            del self._readers[who]

    def _refused(self, limit: str) -> DomainError:
        self._metrics.limited(limit)
        if limit == "reads":
            return DomainError(
                Reason.ERROR_REASON_OVERLOADED,
                "too many reads wait; retry later",
                retry_after_seconds=_RETRY_SECONDS,
                metadata={"limit": limit},
            )
        return DomainError(
            Reason.ERROR_REASON_RATE_LIMITED,
            "this key, or without one this project, reads too much at once; make fewer reads at a time, or cheaper "
            "ones: a shorter window, a smaller page, a filter by pattern or user",
            retry_after_seconds=_RETRY_SECONDS,
            metadata={"limit": limit},
        )


@dataclass(eq=False)
class _Read:
    """One read of a caller."""

    who: str
    method: str
    turn: "asyncio.Future[None]"
    began: bool = False
    since: float = 0.0
    costly: bool = True

    def is_costly(self, now: float) -> bool:
        return self.costly or now - self.since > _QUICK_SECONDS


class _Reader:
    """A caller that reads: what runs, and what waits."""

    def __init__(self, budget: TokenBucket) -> None:
        self.budget = budget
        self.running: list[_Read] = []
        self.waiting: deque[_Read] = deque()

    @property
    def overspent(self) -> bool:
        """Whether its budget is spent, what runs now taken in."""
        now = time.monotonic()
        return self.budget.tokens <= sum(now - each.since for each in self.running if each.costly)

    def first(self) -> list[_Read]:
        """What waits longest of each method: a costly one does not hold up the others."""
        return list({each.method: each for each in reversed(self.waiting)}.values())


class _Slot:
    """A caller's right to read now."""

    def __init__(self, limiter: ReadLimiter, who: str, method: str) -> None:
        self._limiter = limiter
        self._who = who
        self._method = method
        self._read: _Read | None = None

    async def take(self) -> None:
        self._read = await self._limiter.start(self._who, self._method)

    def give_back(self) -> None:
        if self._read is not None:
            read, self._read = self._read, None
            self._limiter.end(read)


_slot: ContextVar[_Slot | None] = ContextVar("read slot", default=None)


@asynccontextmanager
async def read_slot_given_back() -> AsyncIterator[None]:
    """Lets others read while a read waits for something that is no read.

    Raises:
        DomainError: When it is over, this caller has too many reads.
    """
    slot = _slot.get()
    if slot is not None:
        slot.give_back()
    with as_reading(None):
        yield
    if slot is not None:
        await slot.take()


class StreamLimiter:
    """Bounds how many streams are open: of one caller, and in all."""

    def __init__(self, metrics: Metrics, *, most: int, most_each: int) -> None:
        self._metrics = metrics
        self._most = most
        self._most_each = most_each
        self._open: Counter[str] = Counter()
        self.open = 0

    @asynccontextmanager
    async def stream(self, who: str) -> AsyncIterator[None]:
        """Counts a stream while it is open.

        Raises:
            DomainError: RATE_LIMITED where this caller, OVERLOADED where all have too many; retry later.
        """
        if self._open[who] >= self._most_each:
            self._metrics.limited("streams_of_caller")
            raise DomainError(
                Reason.ERROR_REASON_RATE_LIMITED,
                f"this key, or without one this project, has {self._most_each:,} streams open, and may have no more; "
                "close those that nobody reads",
                retry_after_seconds=_RETRY_SECONDS,
                metadata={"limit": "streams_of_caller"},
            )
        if self.open >= self._most:
            self._metrics.limited("streams")
            raise DomainError(
                Reason.ERROR_REASON_OVERLOADED,
                f"{self._most:,} streams are open, and no more may be; retry later, or on another replica",
                retry_after_seconds=_RETRY_SECONDS,
                metadata={"limit": "streams"},
            )
        self._open[who] += 1
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


class LimitInterceptor(grpc.aio.ServerInterceptor):
    """Holds reads and streams to their limits. It stands behind the one that tells who calls."""

    def __init__(self, reads: ReadLimiter, streams: StreamLimiter) -> None:
        self._reads = reads
        self._streams = streams
        self._limited: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        details: grpc.HandlerCallDetails,
    ) -> Any:
        handler: Any = await continuation(details)
        method: str = details.method
        if handler is None or not method.startswith("/uptake."):
            return handler
        limited = self._limited.get(method)
        if limited is None:
            limited = self._limited[method] = self._limit(method, handler)
        return limited

    def _limit(self, method: str, handler: Any) -> Any:
        if handler.response_streaming:
            kind = "stream_stream" if handler.request_streaming else "unary_stream"
            limited: Any = self._streaming(getattr(handler, kind))
        elif is_read(method):
            kind, limited = "unary_unary", self._reading(method, handler.unary_unary)
        else:
            return handler
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(limited, handler.request_deserializer, _unless_encoded(handler.response_serializer))

    def _reading(
        self, method: str, behaviour: Callable[[Any, Any], Awaitable[Any]]
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, call: Call) -> Any:
            left = call.seconds_left
            async with self._reads.read(_who(request), method, None if left is None else time.monotonic() + left):
                return await behaviour(request, call)

        return answer

    def _streaming(self, behaviour: Callable[[Any, Any], Awaitable[None]]) -> Callable[[Any, Any], Awaitable[None]]:
        async def answer(request: Any, call: Call) -> None:
            async with self._streams.stream(_who(request)):
                await behaviour(request, call)

        return answer


def is_read(method: str) -> bool:
    """Whether a method, by its full name, only reads."""
    return needed_for(method) is Permission.READ or method.rpartition("/")[2] in _ADMINISTRATORS_READS


def _who(request: Any) -> str:
    """Whom a call is counted for: its key, else its project. (A stream of feedback names that in its first message.)"""
    key = caller().key
    if key is not None:
        return f"key/{key.id}"
    return f"project/{getattr(request, 'project', '') or DEFAULT_PROJECT}"


def _unless_encoded(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """What is told to many is encoded once for all of them."""
    return lambda message: message if isinstance(message, bytes) else encode(message)
