"""Messages that do not arrive are given up: after a time, and those too many while memory is short."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.rpc import arrival
from uptake_service.rpc.arrival import Arrivals
from uptake_service.rpc.inflight import Holder
from uptake_service.telemetry.metrics import Metrics

_LIMIT = 100
_SPARED = arrival._SPARED


class _Context:
    """A call whose message does not arrive until it is sent."""

    def __init__(self) -> None:
        self.message: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.told: grpc.StatusCode | None = None

    async def read(self) -> bytes:
        return await self.message

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> None:
        self.told = code
        error = grpc.aio.AbortError("Locally aborted.")
        if not self.message.done():
            self.message.set_exception(error)
        raise error


class _Scene:
    """Calls that wait, in a process that has so much memory."""

    def __init__(self, arrival_seconds: float) -> None:
        self.memory = 0
        self.metrics = Metrics()
        self.arrivals = Arrivals(self.metrics, arrival_seconds, _LIMIT, lambda: self.memory)
        self.contexts: list[_Context] = []
        self.reads: list[asyncio.Task[Any]] = []

    async def wait_for(self, count: int, holder: Holder, *, of_stream: bool = False) -> list[_Context]:
        contexts = [_Context() for _ in range(count)]
        for context in contexts:
            read = self.arrivals.receive(cast(Any, context), holder, of_stream=of_stream)
            self.reads.append(asyncio.create_task(read))
            await asyncio.sleep(0)
        self.contexts += contexts
        return contexts

    async def look(self) -> Counter[grpc.StatusCode | None]:
        """Looks, and returns what callers were told."""
        await self.arrivals.look()
        for _ in range(3):
            await asyncio.sleep(0)
        return Counter(context.told for context in self.contexts)


@asynccontextmanager
async def _waiting_calls(monkeypatch: pytest.MonkeyPatch, arrival_seconds: float = 30.0) -> AsyncIterator[_Scene]:
    monkeypatch.setattr(arrival, "_AT_ONCE_SECONDS", 0.0)
    scene = _Scene(arrival_seconds)
    yield scene
    for read in scene.reads:
        read.cancel()
    await asyncio.gather(*scene.reads, return_exceptions=True)


async def test_a_message_that_arrives_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _waiting_calls(monkeypatch) as scene:
        (context,) = await scene.wait_for(1, Holder("a", True))
        assert scene.arrivals.waiting == 1
        context.message.set_result(b"it")
        assert await scene.reads[0] == b"it"
        assert scene.arrivals.waiting == 0


async def test_a_call_whose_message_takes_too_long_is_told_and_a_stream_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _waiting_calls(monkeypatch, arrival_seconds=0.0) as scene:
        (call,) = await scene.wait_for(1, Holder("a", True))
        (stream,) = await scene.wait_for(1, Holder("a", True), of_stream=True)
        await scene.look()
        assert (call.told, stream.told) == (grpc.StatusCode.DEADLINE_EXCEEDED, None)
        with pytest.raises(grpc.aio.AbortError):
            await scene.reads[0]
        assert scene.arrivals.waiting == 1


async def test_while_there_is_memory_any_number_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _waiting_calls(monkeypatch) as scene:
        scene.memory = _LIMIT
        await scene.wait_for(200, Holder("a", True))
        assert await scene.look() == {None: 200}


async def test_when_memory_is_short_who_waits_for_most_is_told_and_who_waits_for_few_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with _waiting_calls(monkeypatch) as scene:
        few = [context for name in "abc" for context in await scene.wait_for(2, Holder(name, True), of_stream=True)]
        many = await scene.wait_for(100, Holder("ipv4:127.0.0.1:5", False))
        scene.memory = _LIMIT + 1
        told = await scene.look()
        assert told == {None: _SPARED, grpc.StatusCode.RESOURCE_EXHAUSTED: 106 - _SPARED}
        assert scene.metrics.registry.get_sample_value("uptake_limited_total", {"limit": "memory"}) == 106 - _SPARED
        assert [context.told for context in few] == [None] * 6
        # The first to come are left.
        assert [context.told for context in many[:2]] == [None] * 2
        assert await scene.look() == told


async def test_a_few_are_never_given_up_for_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _waiting_calls(monkeypatch) as scene:
        scene.memory = 10 * _LIMIT
        await scene.wait_for(_SPARED, Holder("a", True))
        assert await scene.look() == {None: _SPARED}


async def test_of_what_is_refused_a_few_messages_are_taken_in_and_only_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrival, "_DISCARD_SECONDS", 0.0)
    async with _waiting_calls(monkeypatch) as scene:
        error = DomainError(Reason.ERROR_REASON_UNAUTHENTICATED, "no key")
        contexts = [_Context() for _ in range(arrival._DISCARDED_AT_ONCE + 1)]
        ends = await asyncio.gather(
            *(scene.arrivals.discard(cast(Any, context), error) for context in contexts),
            return_exceptions=True,
        )
        assert [type(end) for end in ends] == [grpc.aio.AbortError] * arrival._DISCARDED_AT_ONCE + [type(None)]
        assert Counter(context.told for context in contexts) == {
            grpc.StatusCode.UNAUTHENTICATED: arrival._DISCARDED_AT_ONCE,
            None: 1,
        }


async def test_where_giving_up_does_not_help_the_limit_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "_RELIEF_SECONDS", 0.0)
    async with _waiting_calls(monkeypatch) as scene:
        await scene.wait_for(20, Holder("a", True), of_stream=True)
        scene.memory = _LIMIT + 1
        told = await scene.look()
        assert told == {None: _SPARED, grpc.StatusCode.RESOURCE_EXHAUSTED: 20 - _SPARED}
        await scene.look()
        await scene.wait_for(20, Holder("a", True), of_stream=True)
        assert await scene.look() == told + Counter({None: 20})
        scene.memory += arrival._HEADROOM_BYTES + 1
        assert (await scene.look())[None] == _SPARED


async def test_where_giving_up_helps_the_limit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "_RELIEF_SECONDS", 0.0)
    async with _waiting_calls(monkeypatch) as scene:
        await scene.wait_for(20, Holder("a", True), of_stream=True)
        scene.memory = _LIMIT + 1
        await scene.look()
        scene.memory = 0
        await scene.look()
        await scene.wait_for(20, Holder("a", True), of_stream=True)
        scene.memory = _LIMIT + 1
        assert (await scene.look())[None] == _SPARED
