"""Work that is done once for all who ask for it at the same time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from uptake_service.mongo.reads import shared_context

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Does work one at a time for each key. Who asks while it is done waits for it to be done anew, with all others who
    ask meanwhile: what one is told was read after one asked. Work that nobody waits for any more is cancelled."""

    def __init__(self, do: Callable[[K], Awaitable[T]], turn: "asyncio.Lock | None" = None) -> None:
        """`turn`: taken while work is done, where that of all keys is to be done one after the other."""
        self._do = do
        self._turn = turn or contextlib.nullcontext()
        self._under_way: dict[K, _Work[T]] = {}
        self._waiting: dict[K, _Work[T]] = {}

    async def __call__(self, key: K) -> T:
        """What came of the work that begins next. Who is cancelled leaves it to the others; the last one ends it.

        Raises:
            Exception: What the work raised.
        """
        work = self._waiting.get(key)
        if work is None:
            work = self._waiting[key] = _Work()
            # One caller's context serves all: of that only what concerns all may be taken along.
            work.task = asyncio.create_task(self._next(key, work, self._under_way.get(key)), context=shared_context())
            # When all who asked have left, an error is nobody's.
            work.task.add_done_callback(lambda done: done.cancelled() or done.exception())
        work.callers += 1
        try:
            return await asyncio.shield(work.task)
        finally:
            work.callers -= 1
            if not work.callers:
                self._forget(self._waiting, key, work)
                work.task.cancel()

    def __contains__(self, key: object) -> bool:
        """Whether somebody waits for work of this key."""
        return key in self._under_way or key in self._waiting

    def __len__(self) -> int:
        """How much work is under way or waited for."""
        return len(self._under_way) + len(self._waiting)

    async def stop(self) -> None:
        """Ends all work; who waits for it is cancelled."""
        tasks = [work.task for work in (*self._under_way.values(), *self._waiting.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self, key: K, work: "_Work[T]", before: "_Work[T] | None") -> T:
        try:
            if before is not None:
                await asyncio.wait({before.task})
            async with self._turn:
                self._forget(self._waiting, key, work)
                self._under_way[key] = work
                return await self._do(key)
        finally:
            self._forget(self._waiting, key, work)
            self._forget(self._under_way, key, work)

    def _forget(self, among: "dict[K, _Work[T]]", key: K, work: "_Work[T]") -> None:
        if among.get(key) is work:
            del among[key]


class _Work(Generic[T]):
    """Work for all who wait for it."""

    def __init__(self) -> None:
        self.task: asyncio.Task[T]
        self.callers = 0
