"""Work that is done once for all who ask for it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Together(Generic[K, T]):
    """Does work one at a time for each key. Who asks while it is done waits for it to be done anew, with all others who
    ask meanwhile: what one is told was read after one asked."""

    def __init__(self, do: Callable[[K], Awaitable[T]]) -> None:
        self._do = do
        self._under_way: dict[K, asyncio.Task[T]] = {}
        self._waiting: dict[K, asyncio.Task[T]] = {}

    async def __call__(self, key: K) -> T:
        """What came of the work that begins next. Who is cancelled leaves it to the others.

        Raises:
            Exception: What the work raised.
        """
        task = self._waiting.get(key)
        if task is None:
            task = asyncio.create_task(self._next(key, self._under_way.get(key)))
            self._waiting[key] = task
            # When all who asked have left, an error is nobody's.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _next(self, key: K, before: "asyncio.Task[T] | None") -> T:
        if before is not None:
            await asyncio.wait({before})
        self._under_way[key] = self._waiting.pop(key)
        try:
            return await self._do(key)
        finally:
            del self._under_way[key]
