"""Messages that are arriving: how long they may take, and which are given up when memory runs short.

A message of a stream cannot be had in pieces: from the moment that it is asked for, gRPC takes in what the caller
sends, up to the largest message, and tells of it when all of it is here. Who sends all but the last byte holds that
memory. Nor can it be told from who sends nothing, so that no room could be held for what may come without shutting out
idle streams. So the messages that do not arrive at once are looked after: one of a call has some seconds, and when the
process has more memory than it should, those waited for are given up, of those callers first that have most of them.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

from uptake_service.domain.errors import DomainError, Reason
from uptake_service.rpc.errors import abort
from uptake_service.rpc.inflight import RETRY_SECONDS, Holder
from uptake_service.rpc.memory import resident_bytes, trim_memory
from uptake_service.telemetry.metrics import Metrics

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext

_log = logging.getLogger(__name__)

_AT_ONCE_SECONDS = 0.05
"""What is here so soon is no matter of memory."""

_SPARED = 8
"""So many of the messages that are waited for are never given up for want of memory."""

_RELIEF_SECONDS = 1.0
_HEADROOM_BYTES = 128 * 1024 * 1024
"""Where giving up did not help, the memory is of something else: above so much more of it, it is tried again."""

_DISCARDED_AT_ONCE = 8
_DISCARD_SECONDS = 1.0


class _Waiting:
    """A call that waits for a message: since when, and until when it may, by the loop's time."""

    __slots__ = ("context", "given_up", "holder", "since", "until")

    def __init__(self, context: Context, holder: Holder, since: float, until: float | None) -> None:
        self.context = context
        self.holder = holder
        self.since = since
        self.until = until
        self.given_up = False


class Arrivals:
    """The messages that are waited for."""

    def __init__(
        self,
        metrics: Metrics,
        arrival_seconds: float,
        memory_limit: int,
        resident: Callable[[], int] = resident_bytes,
    ) -> None:
        """
        Args:
            metrics: Where what is given up for want of memory is counted.
            arrival_seconds: How long the message of a call may take. Those of a stream come when they come.
            memory_limit: Resident bytes of the process above which messages are given up.
            resident: Tells how many there are.
        """
        self._metrics = metrics
        self._arrival_seconds = arrival_seconds
        self._memory_limit = memory_limit
        self._relief_time: float | None = None
        self._resident = resident
        # In the order in which they began to wait.
        self._waiting: dict[_Waiting, None] = {}
        self._discarded = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many are waited for."""
        return len(self._waiting)

    async def receive(self, context: Context, holder: Holder, *, of_stream: bool = False) -> Any:
        """The next message of a call, as `context.read` has it.

        Raises:
            grpc.aio.AbortError: It was given up, and the caller told.
        """
        now = asyncio.get_running_loop().time()
        waiting = _Waiting(context, holder, now, None if of_stream else now + self._arrival_seconds)
        self._waiting[waiting] = None
        try:
            return await context.read()
        finally:
            del self._waiting[waiting]

    async def discard(self, context: Context, error: DomainError) -> None:
        """Takes in the message of a call that is refused, if few do and it is here soon.

        Node's HTTP/2 may wait for ever for the answer to what it was not let send; up to the 64 KiB that it may send
        unasked it does not.

        Args:
            context: The call.
            error: What the caller is told if it takes too long.

        Raises:
            grpc.aio.AbortError: It was told.
        """
        if self._discarded == _DISCARDED_AT_ONCE:
            return
        self._discarded += 1
        late = asyncio.get_running_loop().call_later(_DISCARD_SECONDS, self._end, context, error)
        try:
            await context.read()
        finally:
            late.cancel()
            self._discarded -= 1

    async def look(self) -> None:
        """Gives up those that take too long, and those too many when memory is short; to be called again and again."""
        now = asyncio.get_running_loop().time()
        late = []
        for waiting in self._waiting:
            if waiting.since + _AT_ONCE_SECONDS > now:
                break
            if waiting.given_up:
                continue
            if waiting.until is not None and waiting.until <= now:
                self._give_up(waiting, _too_late(self._arrival_seconds))
            else:
                late.append(waiting)
        if len(late) > _SPARED and self._resident() > self._memory_limit:
            self._relieve(late)
            self._relief_time = self._relief_time or now + _RELIEF_SECONDS
        elif self._relief_time is not None and self._relief_time <= now:
            self._relief_time = None
            await self._learn()

    async def _learn(self) -> None:
        """Raises the limit if giving up did not bring memory below it."""
        await trim_memory()
        resident = self._resident()
        if resident > self._memory_limit:
            self._memory_limit = resident + _HEADROOM_BYTES
            _log.warning(
                "the memory is not of messages that had not arrived: they are given up above %d MiB from now on; raise "
                "UPTAKE_MEMORY_LIMIT_MIB where the service needs as much",
                self._memory_limit >> 20,
            )

    def _relieve(self, late: list[_Waiting]) -> None:
        """Gives up all but a few, those callers' first that have most."""
        _log.warning(
            "memory is above UPTAKE_MEMORY_LIMIT_MIB: %d messages that have not arrived yet are given up",
            len(late) - _SPARED,
        )
        of = Counter(waiting.holder for waiting in late)
        left = len(late)
        for most in range(max(of.values()), 0, -1):
            # The last to come goes first.
            for waiting in reversed(late):
                if left == _SPARED:
                    return
                if of[waiting.holder] == most and not waiting.given_up:
                    of[waiting.holder] -= 1
                    left -= 1
                    self._metrics.limited("memory")
                    self._give_up(waiting, _no_memory())

    def _give_up(self, waiting: _Waiting, error: DomainError) -> None:
        waiting.given_up = True
        self._end(waiting.context, error)

    def _end(self, context: Context, error: DomainError) -> None:
        """Tells the caller, with which gRPC frees what is here and the reading ends. What arrived for a reading that is
        cancelled would never be freed."""
        task = asyncio.create_task(_abort(context, error))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _abort(context: Context, error: DomainError) -> None:
    # It is over for the caller, whether or not it could be told.
    with contextlib.suppress(grpc.aio.AbortError, grpc.aio.InternalError, grpc.aio.UsageError):
        await abort(context, error)


def _too_late(seconds: float) -> DomainError:
    return DomainError(Reason.ERROR_REASON_DEADLINE_EXCEEDED, f"the message did not arrive within {seconds:g} seconds")


def _no_memory() -> DomainError:
    return DomainError(
        Reason.ERROR_REASON_OVERLOADED,
        "memory is short, and too many messages are still arriving; nothing was written; retry later",
        retry_after_seconds=RETRY_SECONDS,
        metadata={"limit": "memory"},
    )
