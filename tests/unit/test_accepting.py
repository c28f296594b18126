"""Calls of the method that is called most are taken many at once where gRPC's version is known, else one by one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc
from uptake_service.rpc import accepting
from uptake_service.rpc.accepting import Accepting

_METHOD = "/uptake.v1.FeedbackService/CollectFeedback"
_CALLS = 40

known = pytest.mark.skipif(
    not grpc.__version__.startswith(accepting.KNOWN_VERSIONS),
    reason=f"grpcio {grpc.__version__} is not among the versions whose internals are known",
)


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

    async def intercept_service(self, continuation, details):  # type: ignore[no-untyped-def]
        self.calls += 1
        return await continuation(details)


@asynccontextmanager
async def _serving(
    *interceptors: grpc.aio.ServerInterceptor,
) -> AsyncIterator[tuple[_Servicer, grpc.Channel, Accepting, grpc.aio.Server]]:
    server = grpc.aio.server(interceptors=interceptors)
    servicer, accepting = _Servicer(), Accepting(server, interceptors)
    feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(servicer, accepting)  # type: ignore[arg-type]
    port = server.add_insecure_port("localhost:0")
    await accepting.start(_METHOD)
    # Apart from the event loop, so that calls are made while it does something else.
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        yield servicer, channel, accepting, server
    await server.stop(None)


def _call(channel: grpc.Channel) -> grpc.Future:
    call: grpc.Future = feedback_pb2_grpc.FeedbackServiceStub(channel).CollectFeedback.future(
        pb.CollectFeedbackRequest(feedback=pb.Feedback(user_id="u")), timeout=60
    )
    return call


async def _turns_until_all_begin(servicer: _Servicer, channel: grpc.Channel) -> int:
    """How many turns a busy loop goes round until it has begun with all calls that came while it was busy."""
    first = _call(channel)
    await servicer.has_begun.wait()
    calls = [_call(channel) for _ in range(_CALLS)]
    time.sleep(1.0)  # noqa: ASYNC251  It is to be busy.
    turns = 0
    while servicer.begun <= _CALLS:
        # On a machine that has other things to do they are still coming.
        time.sleep(0.02)  # noqa: ASYNC251  It is to be busy.
        await asyncio.sleep(0)
        turns += 1
    servicer.let_go.set()
    for call in (first, *calls):
        answer = await asyncio.to_thread(call.result)
        assert answer.feedback.user_id == "u"
    return turns


@known
async def test_calls_that_came_while_the_loop_was_busy_begin_together() -> None:
    async with _serving() as (servicer, channel, _, _):
        assert await _turns_until_all_begin(servicer, channel) < 2 * _CALLS


async def test_with_another_version_calls_are_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "KNOWN_VERSIONS", ("0.0.",))
    async with _serving() as (servicer, channel, _, _):
        assert await _turns_until_all_begin(servicer, channel) > 2 * _CALLS


async def test_every_call_passes_the_interceptors_and_other_methods_are_answered() -> None:
    counting = _Counting()
    async with _serving(counting) as (servicer, channel, _, _):
        servicer.let_go.set()
        for call in [_call(channel) for _ in range(_CALLS)]:
            await asyncio.to_thread(call.result)
        other = feedback_pb2_grpc.FeedbackServiceStub(channel).GetFeedback.future(pb.GetFeedbackRequest(id="f"))
        assert (await asyncio.to_thread(other.result)).feedback.id == "f"
    assert counting.calls == _CALLS + 1


async def test_a_stopped_server_waits_for_no_more_calls() -> None:
    async with _serving() as (servicer, channel, accepting, server):
        call = _call(channel)
        await servicer.has_begun.wait()
        stopping = asyncio.create_task(server.stop(10))
        await asyncio.sleep(0.1)
        servicer.let_go.set()
        assert (await asyncio.to_thread(call.result)).feedback.user_id == "u"
        await stopping
        if accepting._tasks:
            _, left = await asyncio.wait(accepting._tasks, timeout=5)
            assert not left
