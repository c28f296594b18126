"""Who may read, when, and who is refused; and how many streams there may be."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.mongo.reads import reading, shared_context
from uptake_service.rpc import limits
from uptake_service.rpc.limits import ReadLimiter, ReadLimits, StreamLimiter, is_read, read_slot_given_back
from uptake_service.telemetry.metrics import Metrics

from tests.contract import METHODS
from tests.processes import PATIENCE_SECONDS, eventually


class Scene:
    """A limiter, and whether writes wait."""

    def __init__(self, **changes: Any) -> None:
        self.metrics = Metrics()
        self.writes_wait = False
        usual = {
            "at_once": 4,
            "at_once_each": 3,
            "costly_at_once": 2,
            "waiting": 6,
            "waiting_each": 4,
            "patience_seconds": PATIENCE_SECONDS,
            "budget_seconds": 1000.0,
            "longest_seconds": 5.0,
        }
        self.limiter = ReadLimiter(self.metrics, lambda: self.writes_wait, ReadLimits(**{**usual, **changes}))
        self.tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.limiter.close()

    def refusals(self, limit: str) -> float:
        return self.metrics.registry.get_sample_value("uptake_limited_total", {"limit": limit}) or 0.0


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await made.close()


class Reads:
    """Reads that begin when they may, and end when they are told to."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.began: list[str] = []
        self._may_end: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, who: str, method: str = "List") -> None:
        self._may_end[name] = asyncio.Event()
        task = self._tasks[name] = asyncio.create_task(self._read(name, who, method))
        self._scene.tasks.add(task)
        for _ in range(3):
            await asyncio.sleep(0)

    async def end(self, *names: str) -> None:
        for name in names:
            self._may_end[name].set()
            await self._tasks[name]

    async def leave(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.wait({self._tasks[name]})

    async def _read(self, name: str, who: str, method: str) -> None:
        async with self._scene.limiter.read(who, method, None):
            self.began.append(name)
            await self._may_end[name].wait()


async def quick(scene: Scene, who: str, method: str = "List") -> None:
    """Lets a caller be known for quick reads."""
    async with scene.limiter.read(who, method, None):
        pass


async def test_what_is_not_known_to_be_quick_is_read_one_at_a_time_by_each_caller(scene: Scene) -> None:
    reads = Reads(scene)
    for name, who in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")):
        await reads.ask(name, who)
    # Two callers at once, and of each one read.
    assert reads.began == ["a1", "b1"]
    assert (scene.limiter.running, scene.limiter.waiting) == (2, 2)
    await reads.end("b1")
    await eventually(lambda: "c1" in reads.began, "a turn of the third")
    # The first was quick, so the second need not wait for anybody.
    await reads.end("a1", "c1")
    await eventually(lambda: "a2" in reads.began, "a turn of the last")
    await reads.end("a2")
    assert (scene.limiter.running, scene.limiter.waiting) == (0, 0)


async def test_quick_reads_run_at_once_up_to_the_bounds(scene: Scene) -> None:
    for who in ("a", "b"):
        await quick(scene, who)
    reads = Reads(scene)
    for number in range(4):
        await reads.ask(f"a{number}", "a")
        await reads.ask(f"b{number}", "b")
    assert reads.began == ["a0", "b0", "a1", "b1"]
    await reads.end("a0")
    assert len(reads.began) == 5
    await reads.leave("a1")
    assert len(reads.began) == 6


async def test_a_method_that_took_long_is_costly_and_others_of_the_caller_are_not(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_QUICK_SECONDS", 0.0)
    await quick(scene, "a", "Slow")
    monkeypatch.setattr(limits, "_QUICK_SECONDS", 1000.0)
    await quick(scene, "a", "Quick")
    reads = Reads(scene)
    for name, method in (("s1", "Slow"), ("s2", "Slow"), ("q1", "Quick"), ("q2", "Quick")):
        await reads.ask(name, "a", method)
    assert reads.began == ["s1", "q1", "q2"]


async def test_a_read_that_turns_out_slow_keeps_others_like_it_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await quick(scene, "a")
    reads = Reads(scene)
    await reads.ask("a1", "a")
    monkeypatch.setattr(limits, "_QUICK_SECONDS", -1.0)
    await reads.ask("a2", "a")
    assert reads.began == ["a1"]


async def test_who_is_over_the_budget_comes_after_everybody_else_and_after_writes() -> None:
    scene = Scene(budget_seconds=0.0, costly_at_once=3)
    reads = Reads(scene)
    await reads.ask("a1", "a")
    await reads.ask("b1", "b")
    # Nobody has a budget here: one at a time of all.
    assert reads.began == ["a1"]
    scene.writes_wait = True
    await reads.end("a1")
    await asyncio.sleep(0)
    assert reads.began == ["a1"]
    scene.writes_wait = False
    await eventually(lambda: reads.began == ["a1", "b1"], "a turn when writes have caught up")
    await reads.end("b1")
    await scene.close()


async def test_who_has_too_many_waiting_is_refused_and_told_when_to_come_back(scene: Scene) -> None:
    reads = Reads(scene)
    for number in range(5):
        await reads.ask(f"a{number}", "a")
    with pytest.raises(DomainError) as caught:
        await quick(scene, "a")
    assert caught.value.reason == Reason.ERROR_REASON_RATE_LIMITED
    assert caught.value.retry_after_seconds
    assert scene.refusals("reads_of_caller") == 1

    await reads.ask("b1", "b")
    for name in ("c", "d"):
        await reads.ask(name, name)
    with pytest.raises(DomainError) as caught:
        await quick(scene, "e")
    assert caught.value.reason == Reason.ERROR_REASON_OVERLOADED
    assert caught.value.retry_after_seconds
    assert scene.refusals("reads") == 1
    # One that is refused leaves nothing behind, and one that leaves makes room.
    await reads.leave("a4")
    await reads.ask("e", "e")
    assert scene.limiter.waiting == 6


async def test_patience_ends() -> None:
    scene = Scene(patience_seconds=0.01)
    reads = Reads(scene)
    await reads.ask("a1", "a")
    with pytest.raises(DomainError) as caught:
        await quick(scene, "a")
    assert caught.value.reason == Reason.ERROR_REASON_RATE_LIMITED
    assert scene.refusals("reads_patience") == 1
    assert scene.limiter.waiting == 0
    await reads.end("a1")
    await scene.close()


async def test_what_a_caller_that_left_has_begun_in_the_database_counts_until_it_ends(scene: Scene) -> None:
    may_end = threading.Event()

    async def read() -> None:
        async with scene.limiter.read("a", "List", None):
            one = reading()
            assert one is not None
            await one.make(may_end.wait)

    task = asyncio.create_task(read())
    await eventually(lambda: scene.limiter.running == 1, "a read")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert scene.limiter.running == 1
    may_end.set()
    await eventually(lambda: scene.limiter.running == 0, "its end in the database")


async def test_the_database_is_told_how_long_a_statement_may_take(scene: Scene) -> None:
    async with scene.limiter.read("a", "List", None):
        one = reading()
        assert one is not None
        assert one.milliseconds == 5000
    async with scene.limiter.read("a", "List", time.monotonic() + 1):
        one = reading()
        assert one is not None
        assert 0 < one.milliseconds <= 1000
        # What others wait for too is not cut short by one caller's deadline.
        shared = shared_context().run(reading)
        assert shared is not None
        assert shared.milliseconds == 5000
    async with scene.limiter.read("a", "List", time.monotonic() - 1):
        one = reading()
        assert one is not None
        assert one.milliseconds == 1
    assert reading() is None


async def test_a_read_that_waits_for_something_else_lets_others_read(scene: Scene) -> None:
    async with scene.limiter.read("a", "List", None):
        async with read_slot_given_back():
            assert scene.limiter.running == 0
            assert reading() is None
        assert scene.limiter.running == 1
        assert reading() is not None
    assert scene.limiter.running == 0
    async with read_slot_given_back():
        pass


async def test_streams_are_bounded_for_each_caller_and_in_all() -> None:
    metrics = Metrics()
    limiter = StreamLimiter(metrics, most=3, most_each=2)
    async with contextlib.AsyncExitStack() as streams:
        for _ in range(2):
            await streams.enter_async_context(limiter.stream("a"))
        with pytest.raises(DomainError) as caught:
            await streams.enter_async_context(limiter.stream("a"))
        assert caught.value.reason == Reason.ERROR_REASON_RATE_LIMITED
        assert caught.value.retry_after_seconds
        await streams.enter_async_context(limiter.stream("b"))
        with pytest.raises(DomainError) as caught:
            await streams.enter_async_context(limiter.stream("b"))
        assert caught.value.reason == Reason.ERROR_REASON_OVERLOADED
        assert caught.value.retry_after_seconds
    assert limiter.open == 0
    async with limiter.stream("a"):
        assert limiter.open == 1


def test_every_method_that_only_reads_is_limited() -> None:
    methods = {method.name: f"/{method.containing_service.full_name}/{method.name}" for method in METHODS}
    reads = {name for name in methods if name.startswith(("Get", "List", "Query", "Search"))}
    assert {name for name in methods if is_read(methods[name])} == reads | {"SubscribeInsights", "SubscribeReviews"}
