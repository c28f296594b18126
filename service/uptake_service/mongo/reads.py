"""What a caller's read may take of the database: threads of its own, so that writes never wait for one behind it, and a
time after which the database itself gives it up."""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")


class Reading:
    """One read, as far as it is under way in the database. What a caller that left has begun there goes on until it
    ends by itself, and counts until then."""

    def __init__(self, threads: Executor, longest_seconds: float, deadline: float | None = None) -> None:
        """
        Args:
            threads: Where its statements are made.
            longest_seconds: How long one may take.
            deadline: By the monotonic clock: when its caller stops waiting; None if it never does.
        """
        self._threads = threads
        self._longest_seconds = longest_seconds
        self._deadline = deadline
        self._under_way: set[asyncio.Future[Any]] = set()

    @property
    def under_way(self) -> bool:
        return bool(self._under_way)

    @property
    def milliseconds(self) -> int:
        """How long a statement that is made now may take; at least 1."""
        left = self._longest_seconds
        if self._deadline is not None:
            left = min(left, self._deadline - monotonic())
        return max(int(left * 1000), 1)

    async def make(self, statement: Callable[[], T]) -> T:
        """Makes a statement that blocks."""
        future: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._threads, statement)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        # Nobody may be left to hear of an error.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(future)

    async def ended(self) -> None:
        """Returns when nothing of it is under way any more."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    def shared(self) -> "Reading":
        """The same for work that others wait for too: what their patience is, one caller's deadline does not tell."""
        other = Reading(self._threads, self._longest_seconds)
        other._under_way = self._under_way
        return other


_reading: contextvars.ContextVar[Reading | None] = contextvars.ContextVar("reading", default=None)


def reading() -> Reading | None:
    """The read that is being answered; None for all else, which nothing here holds back."""
    return _reading.get()


@contextmanager
def as_reading(one: Reading | None) -> Iterator[None]:
    """Takes what is done within as part of a read; None for what is none."""
    token = _reading.set(one)
    try:
        yield
    finally:
        _reading.reset(token)


def shared_context() -> contextvars.Context:
    """A context like this one, for work that others may wait for too."""
    context = contextvars.copy_context()
    one = _reading.get()
    if one is not None:
        context.run(_reading.set, one.shared())
    return context
