"""Readiness follows the database: whoever asks is told when it does not answer, and when it does again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from uptake import thumbs_down
from uptake.v1 import feedback_pb2, insight_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.app import SERVICES
from uptake_service.mongo.embedded import EmbeddedDatabase

from tests.conftest import Service, StartService
from tests.processes import get

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Watch:
    """What is told of one service's health, as it changes."""

    def __init__(self, channel: grpc.aio.Channel, service: str) -> None:
        self._call = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service))

    async def until(self, status: int, seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while (await self._call.read()).status != status:
                pass

    def cancel(self) -> None:
        self._call.cancel()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def code_of(call: "grpc.aio.UnaryUnaryCall[object, object]") -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[EmbeddedDatabase]:
    """One that nobody else needs."""
    database = await EmbeddedDatabase.start(tmp_path / "own")
    yield database
    await database.stop()


@pytest.fixture
async def service(start_service: StartService, database: EmbeddedDatabase) -> Service:
    return await start_service(metrics_port=0, mongodb_uri=database.uri, database_timeout_seconds=1)


async def test_a_database_that_hangs(service: Service, database: EmbeddedDatabase) -> None:
    port = service.app.metrics_port
    request = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("one"), request_id="one")
    async with grpc.aio.insecure_channel(service.address) as channel:
        watches = [Watch(channel, name) for name in ("", *SERVICES)]
        await asyncio.gather(*(watch.until(SERVING) for watch in watches))
        collect = FeedbackServiceStub(channel).CollectFeedback
        insights = InsightServiceStub(channel).GetInsights

        with frozen(database.pid):
            await asyncio.gather(*(watch.until(NOT_SERVING) for watch in watches))
            assert (await get(port, "/readyz"))[0] == 503
            assert "uptake_database_up 0.0" in (await get(port, "/metrics"))[1]
            # Starting it again would not help the database.
            assert (await get(port, "/healthz"))[0] == 200
            calls = (collect(request, timeout=10), insights(insight_pb2.GetInsightsRequest(), timeout=10))
            codes = await asyncio.gather(*map(code_of, calls))
            assert codes == [grpc.StatusCode.UNAVAILABLE] * 2

        await asyncio.gather(*(watch.until(SERVING) for watch in watches))
        assert (await get(port, "/readyz"))[0] == 200
        assert "uptake_database_up 1.0" in (await get(port, "/metrics"))[1]
        await collect(request, timeout=10)
        assert (await insights(insight_pb2.GetInsightsRequest(), timeout=10)).insights.metrics.total_feedback == 1
        for watch in watches:
            watch.cancel()


async def test_a_database_that_dies(service: Service, database: EmbeddedDatabase) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        watch = Watch(channel, "")
        await watch.until(SERVING)

        os.kill(database.pid, signal.SIGKILL)
        await database.wait()
        await watch.until(NOT_SERVING)
        await database.restart()

        await watch.until(SERVING)
        watch.cancel()
