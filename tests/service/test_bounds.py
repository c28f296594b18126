"""What a caller may take of the service: nothing before its key is known to be good, and afterwards no more than its
share."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2
from uptake import thumbs_down
from uptake.v1 import feedback_pb2 as pb
from uptake_service.auth.keys import KeyStore
from uptake_service.domain.access import Role
from uptake_service.domain.clock import Clock

from tests.conftest import Service, StartService
from tests.contract import METHODS as CONTRACT
from tests.processes import eventually, in_time

_COLLECT = "/uptake.v1.FeedbackService/CollectFeedback"
_STREAM = "/uptake.v1.FeedbackService/StreamFeedback"
_CHECK = "/grpc.health.v1.Health/Check"
_MIB = 1024 * 1024


# Of messages that gRPC is given as they are its types say Never.
async def _never() -> AsyncIterator[Any]:
    """A message that does not come."""
    await asyncio.get_running_loop().create_future()
    yield b""


async def _nothing() -> AsyncIterator[Any]:
    """An end without a message."""
    return
    yield b""


def _bytes_to(channel: grpc.aio.Channel, path: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    return channel.unary_unary(path)


async def _told(call: Any) -> grpc.StatusCode:
    async with in_time("the end of a call"):
        code: grpc.StatusCode = await call.code()
        return code


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _held(service: Service) -> float:
    """Bytes that calls in progress hold."""
    held = service.app._metrics.registry.get_sample_value("uptake_bytes_in_flight")
    assert held is not None
    return held


async def _nothing_is_held(service: Service) -> None:
    await eventually(lambda: _held(service) == 0, "all that calls held")


async def test_a_key_is_asked_for_before_the_message_by_every_method(start_service: StartService) -> None:
    guarded = await start_service(require_keys=True)
    async with grpc.aio.insecure_channel(guarded.address) as channel:
        for method in CONTRACT:
            call: grpc.aio.Call = channel.stream_stream(_path(method))(_never())
            assert await _told(call) is grpc.StatusCode.UNAUTHENTICATED, method.name
    await _nothing_is_held(guarded)


async def test_who_may_not_call_a_method_is_told_before_the_message(start_service: StartService) -> None:
    guarded = await start_service(require_keys=True)
    _, text = await KeyStore(guarded.mongo, Clock()).create("reader", Role.READER)
    async with grpc.aio.insecure_channel(guarded.address) as channel:
        call: grpc.aio.Call = channel.stream_unary(_COLLECT)(_never(), metadata=(("authorization", f"Bearer {text}"),))
        assert await _told(call) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_message_that_does_not_come_ends_the_call(start_service: StartService) -> None:
    service = await start_service(arrival_seconds=0.3)
    async with grpc.aio.insecure_channel(service.address) as channel:
        for path in (_COLLECT, _CHECK):
            assert await _told(channel.stream_unary(path)(_never())) is grpc.StatusCode.DEADLINE_EXCEEDED
            assert await _told(channel.stream_unary(path)(_nothing())) is grpc.StatusCode.INVALID_ARGUMENT
    await _nothing_is_held(service)


async def test_an_idle_stream_may_be_idle(start_service: StartService) -> None:
    service = await start_service(arrival_seconds=0.1)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stream: grpc.aio.StreamStreamCall[Any, Any] = channel.stream_stream(
            _STREAM, pb.StreamFeedbackRequest.SerializeToString
        )()
        # Longer than a call may take: other calls whose messages do not come have ended meanwhile.
        for _ in range(3):
            assert await _told(channel.stream_unary(_COLLECT)(_never())) is grpc.StatusCode.DEADLINE_EXCEEDED
        await stream.write(pb.StreamFeedbackRequest(feedback=thumbs_down("i1", query="q"), request_id="r1"))
        await stream.read()
        read = await stream.read()
        assert isinstance(read, bytes)
        answer = pb.StreamFeedbackResponse.FromString(read)
        assert (answer.request_id, answer.HasField("error")) == ("r1", False)
        await stream.done_writing()
        assert await _told(stream) is grpc.StatusCode.OK
    await _nothing_is_held(service)


async def test_when_memory_is_short_messages_that_do_not_come_are_given_up_and_others_taken(
    start_service: StartService,
) -> None:
    # Any process has more.
    service = await start_service(memory_limit_mib=64)
    async with grpc.aio.insecure_channel(service.address) as channel:
        held: list[grpc.aio.Call] = [channel.stream_unary(_COLLECT)(_never()) for _ in range(30)]
        streams: list[grpc.aio.StreamStreamCall[Any, Any]] = [
            channel.stream_stream(_STREAM)(_never()) for _ in range(30)
        ]
        # Its status comes behind what was answered before.
        await asyncio.gather(*(stream.read() for stream in streams))
        held += streams
        # They are left that came first.
        await eventually(lambda: sum(call.done() for call in held) == 52, "the end of all but eight")
        told = Counter([await call.code() for call in held if call.done()])
        assert told == {grpc.StatusCode.RESOURCE_EXHAUSTED: 52}
        assert (await service.client.collect(thumbs_down("i1", query="q"))).id
        for call in held:
            call.cancel()
    await _nothing_is_held(service)


async def test_a_method_takes_no_more_than_it_needs_and_a_bomb_is_no_more_than_its_limit(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        for path in ("/uptake.v1.ProjectService/GetProject", _COLLECT, _CHECK):
            for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
                large = _bytes_to(channel, path)(b"\0" * (2 * _MIB + 1), compression=compression)
                assert await _told(large) is grpc.StatusCode.INVALID_ARGUMENT, path
            bomb = _bytes_to(channel, path)(b"\0" * (64 * _MIB), compression=grpc.Compression.Gzip)
            assert await _told(bomb) is grpc.StatusCode.RESOURCE_EXHAUSTED, path
            garbage = _bytes_to(channel, path)(b"\xff" * 100)
            assert await _told(garbage) is grpc.StatusCode.INVALID_ARGUMENT, path
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, Any] = channel.unary_unary(
            _CHECK, response_deserializer=health_pb2.HealthCheckResponse.FromString
        )
        assert (await check(b"", compression=grpc.Compression.Gzip)).status == health_pb2.HealthCheckResponse.SERVING
    await _nothing_is_held(service)


async def test_a_connection_has_so_many_calls_and_the_rest_wait_in_the_client(start_service: StartService) -> None:
    service = await start_service(streams_per_connection=5)
    async with grpc.aio.insecure_channel(service.address) as channel:
        waiting = service.app._metrics.registry
        held: list[grpc.aio.Call] = [channel.stream_unary(_COLLECT)(_never()) for _ in range(20)]
        await eventually(lambda: waiting.get_sample_value("uptake_messages_awaited") == 5, "five calls")
        # Another connection is not concerned.
        assert (await service.client.collect(thumbs_down("i1", query="q"))).id
        assert waiting.get_sample_value("uptake_messages_awaited") == 5
        for call in held:
            call.cancel()
    await _nothing_is_held(service)


async def test_cancelled_calls_hold_nothing(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        for path in (_COLLECT, _STREAM, "/no/such", "/uptake.v1.InsightService/GetInsights"):
            for number in range(200):
                call: grpc.aio.Call = channel.stream_stream(path)(_never())
                if number % 10 == 0:
                    await asyncio.sleep(0)
                call.cancel()
    assert (await service.client.collect(thumbs_down("i1", query="q"))).id
    await _nothing_is_held(service)


async def test_a_caller_with_too_much_in_flight_is_refused_and_another_is_not(start_service: StartService) -> None:
    # A connection without a key may hold a quarter: 5 MiB here.
    service = await start_service(max_message_mib=1, bytes_in_flight_mib=5, arrival_seconds=600.0)
    async with grpc.aio.insecure_channel(service.address) as channel:
        held: list[grpc.aio.Call] = [channel.stream_unary(_COLLECT)(_never()) for _ in range(100)]
        await eventually(lambda: any(call.done() for call in held), "a refused call")
        refused = [await call.code() for call in held if call.done()]
        assert set(refused) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert (await service.client.collect(thumbs_down("i1", query="q"))).id
        for call in held:
            call.cancel()
    await _nothing_is_held(service)


@pytest.mark.parametrize("path", [_COLLECT, _STREAM, "/uptake.v1.InsightService/SubscribeInsights"])
async def test_callers_that_leave_hold_nothing(service: Service, path: str) -> None:
    channel = grpc.aio.insecure_channel(service.address)
    calls: list[grpc.aio.Call] = [channel.stream_stream(path)(_never()) for _ in range(50)]
    await eventually(lambda: _held(service) > 0, "calls")
    await channel.close()
    del calls
    await _nothing_is_held(service)
