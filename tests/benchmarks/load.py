"""Calls in flight: a fixed number of callers, each sending its next call when the last is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import psutil
from uptake_service.rpc.event_loop import EventLoop

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """What came of calls.

    Attributes:
        answered: How many items calls brought in all.
        a_second: How many a second.
        p50_ms: Median time of a call, in milliseconds.
        p99_ms: What 99 of 100 calls did not exceed, in milliseconds.
    """

    answered: int
    a_second: float
    p50_ms: float
    p99_ms: float


def on_event_loop(measuring: Coroutine[Any, Any, T]) -> T:
    """Runs a benchmark on the service's own event loop: else what it hears late of would count as slowness."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(measuring)


async def closed_loop(
    call: Callable[[T], Awaitable[object]], inputs: Iterator[T], in_flight: int, seconds: float, *, size: int = 1
) -> Load:
    """Keeps `in_flight` calls under way for some seconds; the first fifth of the time warms up and is not counted.

    Args:
        call: Makes one call.
        inputs: What to call with, without end.
        in_flight: How many calls are under way at once.
        seconds: For how long.
        size: How many items each call brings.
    """
    times: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (started := time.perf_counter()) < end:
            await call(next(inputs))
            times.append((started, time.perf_counter()))

    begin = time.perf_counter() + seconds / 5
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    counted = np.array([(ended, ended - started) for started, ended in times if begin <= ended < end])
    return Load(
        answered=len(times) * size,
        a_second=len(counted) * size / (end - begin),
        p50_ms=float(np.percentile(counted[:, 1], 50)) * 1000,
        p99_ms=float(np.percentile(counted[:, 1], 99)) * 1000,
    )


class ProcessorTime:
    """Processor seconds that processes used, user and system, since this was made."""

    def __init__(self, **pids: int) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = self._now()

    def used(self) -> dict[str, float]:
        """Seconds by name."""
        return {name: now - self._before[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: each.user + each.system for name, each in times.items()}
