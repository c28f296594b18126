"""Calls of the method that is called most are taken many at once where gRPC's version is known, else one by one; those
too many are refused as they come."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from uptake import UptakeError
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.rpc import acceptor
from uptake_service.rpc.acceptor import CallAcceptor
from uptake_service.telemetry.metrics import Metrics

from tests.processes import PATIENCE_SECONDS, eventually

_METHOD = "/uptake.v1.FeedbackService/CollectFeedback"
_CALLS = 40
_AT_ONCE = acceptor._AT_ONCE

known = pytest.mark.skipif(
    not grpc.__version__.startswith(acceptor.KNOWN_VERSIONS),
    reason=f"grpcio {grpc.__version__} is not among the versions whose internals are known",
)


class _Door:
    """Refuses calls while it is shut."""

    def __init__(self) -> None:
        self.shut = False
        self.metrics = Metrics()

    def refusal(self) -> DomainError | None:
        return DomainError(Reason.ERROR_REASON_OVERLOADED, "too many", retry_after_seconds=1.5) if self.shut else None


class _Servicer(feedback_pb2_grpc.FeedbackServiceServicer):
    """Counts the calls that have begun; they end when they are let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.has_begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def CollectFeedback(  # noqa: N802  The name is the contract's.
        self, request: pb.CollectFeedbackRequest, context: object
    ) -> pb.CollectFeedbackResponse:
        self.begun += 1
        self.has_begun.set()
        await self.let_go.wait()
        return pb.CollectFeedbackResponse(feedback=request.feedback)

    async def GetFeedback(  # noqa: N802  The name is the contract's.
        self, request: pb.GetFeedbackRequest, context: object
    ) -> pb.GetFeedbackResponse:
        return pb.GetFeedbackResponse(feedback=pb.Feedback(id=request.id))


class _Counting(grpc.aio.ServerInterceptor):
    calls = 0

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.calls += 1
        return await continuation(details)


@asynccontextmanager
async def _serving(
    *interceptors: grpc.aio.ServerInterceptor,
    door: _Door | None = None,
) -> AsyncIterator[tuple[_Servicer, grpc.Channel, CallAcceptor, grpc.aio.Server]]:
    server = grpc.aio.server(interceptors=interceptors)
    servicer, call_acceptor = _Servicer(), CallAcceptor(server, interceptors)
    feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(servicer, call_acceptor)  # type: ignore[arg-type]
    port = server.add_insecure_port("localhost:0")
    door = door or _Door()
    await call_acceptor.start(_METHOD, door.refusal, door.metrics.calls(_METHOD))
    # Apart from the event loop, so that calls are made while it does something else.
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        yield servicer, channel, call_acceptor, server
    await server.stop(None)


def _call(channel: grpc.Channel) -> "grpc.Future[pb.CollectFeedbackResponse]":
    call: grpc.Future[pb.CollectFeedbackResponse] = feedback_pb2_grpc.FeedbackServiceStub(
        channel
    ).CollectFeedback.future(pb.CollectFeedbackRequest(feedback=pb.Feedback(user_id="u")), timeout=60)
    return call


async def _most_in_a_turn(servicer: _Servicer, channel: grpc.Channel) -> int:
    """With how many calls, of those that came while it was busy, a busy loop begins in one turn at most."""
    first = _call(channel)
    await servicer.has_begun.wait()
    calls = [_call(channel) for _ in range(_CALLS)]
    # How many have come meanwhile is the machine's affair: some, which is enough.
    time.sleep(0.5)  # noqa: ASYNC251  It is to be busy.
    most = 0
    while servicer.begun <= _CALLS:
        time.sleep(0.01)  # noqa: ASYNC251  It is to be busy.
        before = servicer.begun
        await asyncio.sleep(0)
        most = max(most, servicer.begun - before)
    servicer.let_go.set()
    for call in (first, *calls):
        answer = await asyncio.to_thread(call.result)
        assert answer.feedback.user_id == "u"
    return most


async def _no_more_than_wait(call_acceptor: CallAcceptor) -> None:
    """Returns when nothing is left but what waits for calls."""
    await eventually(lambda: len(call_acceptor._tasks) <= _waiting(call_acceptor), "the end of what was refused")


def _waiting(of: CallAcceptor) -> int:
    """How many tasks wait for calls."""
    handlers = of._handlers.items()
    many: int = sum(path == _METHOD or handler.response_streaming for path, handler in handlers)
    return _AT_ONCE * many + acceptor._OTHERS_AT_ONCE * (len(handlers) - many)


@known
async def test_calls_that_came_while_the_loop_was_busy_begin_together() -> None:
    async with _serving() as (servicer, channel, _, _):
        assert await _most_in_a_turn(servicer, channel) > 1


async def test_with_another_version_calls_are_taken_one_by_one_and_a_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "KNOWN_VERSIONS", ("0.0.",))
    async with _serving() as (servicer, channel, _, _):
        assert await _most_in_a_turn(servicer, channel) == 1
    (warning,) = [record for record in caplog.records if record.name == acceptor.__name__]
    assert warning.levelname == "WARNING"
    assert f"needs grpcio 0.0.x, and {grpc.__version__} is installed" in warning.message


async def test_every_call_passes_the_interceptors_and_other_methods_are_answered() -> None:
    counting = _Counting()
    async with _serving(counting) as (servicer, channel, _, _):
        servicer.let_go.set()
        for call in [_call(channel) for _ in range(_CALLS)]:
            await asyncio.to_thread(call.result)
        other = feedback_pb2_grpc.FeedbackServiceStub(channel).GetFeedback.future(pb.GetFeedbackRequest(id="f"))
        assert (await asyncio.to_thread(other.result)).feedback.id == "f"
    assert counting.calls == _CALLS + 1


@known
async def test_calls_too_many_are_refused_as_they_come() -> None:
    door, counting = _Door(), _Counting()
    async with _serving(counting, door=door) as (servicer, channel, call_acceptor, _):
        servicer.let_go.set()
        door.shut = True
        ends = [await asyncio.to_thread(call.exception) for call in [_call(channel) for _ in range(3 * _CALLS)]]
        errors: list[Any] = [error for error in ends if error is not None]
        # gRPC itself takes one call after the other too, and knows nothing of this.
        assert servicer.begun == counting.calls == len(ends) - len(errors) < _CALLS / 2
        for error in errors:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert error.details() == "too many"
            assert ("grpc-retry-pushback-ms", "1500") in tuple(error.trailing_metadata())
            told = UptakeError.from_rpc(error)
            assert (told.reason, told.retry_after_seconds) == ("OVERLOADED", 1.5)
        labels = {"method": "CollectFeedback", "code": "RESOURCE_EXHAUSTED"}
        assert door.metrics.registry.get_sample_value("uptake_calls_total", labels) == len(errors)
        door.shut = False
        assert (await asyncio.to_thread(_call(channel).result)).feedback.user_id == "u"
        await _no_more_than_wait(call_acceptor)


@known
async def test_who_is_refused_and_leaves_leaves_nothing() -> None:
    door = _Door()
    async with _serving(door=door) as (servicer, channel, call_acceptor, _):
        servicer.let_go.set()
        door.shut = True
        for _ in range(20):
            calls = [_call(channel) for _ in range(10)]
            await asyncio.sleep(0)
            for call in calls:
                call.cancel()
        last: list[Any] = [await asyncio.to_thread(call.exception) for call in [_call(channel) for _ in range(_CALLS)]]
        assert any(error and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED for error in last)
        await _no_more_than_wait(call_acceptor)


async def test_a_stopped_server_waits_for_no_more_calls() -> None:
    async with _serving() as (servicer, channel, call_acceptor, server):
        call = _call(channel)
        await servicer.has_begun.wait()
        stopping = asyncio.create_task(server.stop(PATIENCE_SECONDS))
        await asyncio.sleep(0)
        servicer.let_go.set()
        assert (await asyncio.to_thread(call.result)).feedback.user_id == "u"
        await stopping
        await eventually(lambda: not call_acceptor._tasks, "the end of what waits for calls")
