"""gRPC's wake-up bytes are read all at once: however many events came, the loop hears of them in its next turn."""

import asyncio
import socket
import time
from typing import cast

import grpc
import pytest
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc
from uptake_service.rpc import acceptor
from uptake_service.rpc.acceptor import CallAcceptor
from uptake_service.rpc.event_loop import EventLoop
from uptake_service.telemetry.metrics import Metrics

from tests.echo import EchoServicer
from tests.processes import eventually

_METHOD = "/uptake.v1.FeedbackService/CollectFeedback"
_CALLS = 600
"""More than the wake-up bytes that a pair of sockets holds."""


def test_all_bytes_are_read_before_the_callback_that_reads_one() -> None:
    async def read() -> list[int]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop, left = asyncio.get_running_loop(), []

        def callback() -> None:
            try:
                left.append(len(ours.recv(1)))
            except BlockingIOError:
                left.append(0)

        loop.add_reader(ours, callback)
        for sent in range(2):
            theirs.send(bytes(100))
            await eventually(lambda: len(left) > sent, "the callback")  # noqa: B023
        loop.remove_reader(ours)
        ours.close()
        theirs.close()
        return left

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert runner.run(read()) == [0, 0]


def test_other_sockets_are_left_alone() -> None:
    async def read() -> bytes:
        with socket.create_server(("localhost", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
            ours, _ = server.accept()
            loop = asyncio.get_running_loop()
            received: asyncio.Future[bytes] = loop.create_future()
            loop.add_reader(ours, lambda: None if received.done() else received.set_result(ours.recv(100)))
            theirs.send(b"words")
            try:
                return await received
            finally:
                loop.remove_reader(ours)
                ours.close()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert runner.run(read()) == b"words"


@pytest.mark.skipif(
    not grpc.__version__.startswith(acceptor.KNOWN_VERSIONS),
    reason=f"with grpcio {grpc.__version__} calls are taken one by one, which takes many turns by itself",
)
def test_calls_that_came_while_the_loop_was_busy_are_heard_of_in_few_turns() -> None:
    async def turns_until_all_are_answered() -> int:
        server = grpc.aio.server()
        call_acceptor = CallAcceptor(server, ())
        feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(EchoServicer(), cast(grpc.aio.Server, call_acceptor))
        port = server.add_insecure_port("localhost:0")
        await call_acceptor.start(_METHOD, lambda: None, Metrics().calls(_METHOD))
        turns = 0
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            stub = feedback_pb2_grpc.FeedbackServiceStub(channel)
            calls = [stub.CollectFeedback.future(pb.CollectFeedbackRequest(), timeout=60) for _ in range(_CALLS)]
            while not all(call.done() for call in calls):
                time.sleep(0.01)  # noqa: ASYNC251  It is to be busy.
                await asyncio.sleep(0)
                turns += 1
            assert all(call.code() is grpc.StatusCode.OK for call in calls)
        await server.stop(None)
        return turns

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert runner.run(turns_until_all_are_answered()) < _CALLS
