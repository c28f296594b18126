"""Readiness follows the database: whoever asks is told when it does not answer, and when it does again."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import feedback_pb2, insight_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.app.calls import SERVICES
from uptake_service.mongo.embedded import EmbeddedDatabase

from tests.conftest import Service, StartService
from tests.disks import CannotMount, mounted
from tests.processes import (
    PATIENCE_SECONDS,
    ServiceProcess,
    eventually,
    free_port,
    get,
    in_time,
    run,
    runs,
    serving,
)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Watch:
    """What is told of one service's health, as it changes."""

    def __init__(self, channel: grpc.aio.Channel, service: str) -> None:
        self._call = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service))

    async def until(self, status: int) -> None:
        async with in_time(f"health {status}"):
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


async def code_of(call: "grpc.aio.UnaryUnaryCall[Any, Any]") -> grpc.StatusCode:
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
    return await start_service(metrics_port=0, mongodb_uri=database.uri, database_timeout_seconds=3)


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
            calls: tuple[grpc.aio.UnaryUnaryCall[Any, Any], ...] = (
                collect(request, timeout=PATIENCE_SECONDS),
                insights(insight_pb2.GetInsightsRequest(), timeout=PATIENCE_SECONDS),
            )
            codes = await asyncio.gather(*map(code_of, calls))
            assert codes == [grpc.StatusCode.UNAVAILABLE] * 2

        await asyncio.gather(*(watch.until(SERVING) for watch in watches))

        async def is_ready() -> bool:
            return (await get(port, "/readyz"))[0] == 200 and "uptake_database_up 1.0" in (await get(port, "/metrics"))[
                1
            ]

        await eventually(is_ready, "readiness")
        assert (await service.client.collect(request.feedback, request_id=request.request_id)).id
        assert (await service.client.insights.get()).metrics.total_feedback == 1
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


async def told(service: ServiceProcess, logger: str, *words: str) -> dict[str, str]:
    """The line of a logger with these words, once it is there; every line of the log is JSON."""
    found: list[dict[str, str]] = []

    def look() -> bool:
        lines = [json.loads(line) for line in service.log]
        found[:] = [
            line for line in lines if line["logger"] == logger and all(word in line["message"] for word in words)
        ]
        return bool(found)

    await eventually(look, f"{words} of {logger} in the log")
    return found[0]


async def fill(client: Client, child: int, acknowledged: dict[str, str]) -> None:
    """Sends feedback that takes much room, until the database is gone."""
    for number in itertools.count():
        if not runs(child):
            return
        id = f"{number}-{random.getrandbits(64):x}"
        words = " ".join(f"{random.getrandbits(40):x}" for _ in range(700))
        try:
            acknowledged[id] = (await client.collect(thumbs_down(id, query="q", comment=words), request_id=id)).id
        except UptakeError as error:
            assert error.retryable or error.code is grpc.StatusCode.DEADLINE_EXCEEDED, error


async def pages(port: int) -> list[int]:
    return [(await get(port, path))[0] for path in ("/healthz", "/readyz")]


async def until(port: int, wanted: list[int]) -> None:
    async def are_told() -> bool:
        return await pages(port) == wanted

    await eventually(are_told, f"health and readiness of {wanted}")


async def test_an_embedded_database_on_a_full_disk(tmp_path: Path) -> None:
    port = free_port()
    acknowledged: dict[str, str] = {}
    with contextlib.ExitStack() as cleanup:
        try:
            disk = cleanup.enter_context(mounted(tmp_path / "disk", "size=96m"))
        except CannotMount as error:
            pytest.skip(str(error))
        data_dir = disk.folder / "data"
        async with (
            serving(data_dir, metrics_port=str(port), database_timeout_seconds="3") as service,
            Client(service.address, timeout_seconds=2, options=(("grpc.enable_retries", 0),)) as client,
            grpc.aio.insecure_channel(service.address) as channel,
        ):
            watch = Watch(channel, "")
            await watch.until(SERVING)
            assert await pages(port) == [200, 200]
            child = service.database_pid
            for id in map(str, range(20)):
                acknowledged[id] = (
                    await client.collect(thumbs_down(id, query="q"), timeout_seconds=PATIENCE_SECONDS)
                ).id

            async with disk.kept_full():
                async with in_time("the end of the database", 2 * PATIENCE_SECONDS):
                    await asyncio.gather(*(fill(client, child, acknowledged) for _ in range(8)))
                await watch.until(NOT_SERVING)
                assert await pages(port) == [503, 503]
                # What was panicked does not linger, and what cannot run is not started.
                assert not runs(child)
                assert (await told(service, "wiredtiger", "No space left on device"))["level"] == "ERROR"
                await told(service, "wiredtiger", "WT_PANIC")
                await told(service, "uptake_service.mongo.embedded", "panicked", "No space left on device")
                await told(service, "uptake_service.mongo.embedded", "the disk of the data directory", "is full")
                assert "full" in (await get(port, "/healthz"))[1]
                before = len(service.log)
                code, _, errors = await run("check", data_dir=str(data_dir), database_timeout_seconds="1")
                assert (code, len(errors.splitlines())) == (1, 1)
                assert errors.startswith(f"uptake: the embedded database in {data_dir} does not answer")
                # It says so once, however long it lasts.
                assert not [line for line in service.log[before:] if "mongo.embedded" in line]

            await watch.until(SERVING)
            await until(port, [200, 200])
            await told(service, "uptake_service.mongo.embedded", "runs again")
            for id, stored in acknowledged.items():
                assert (await client.feedback.get(stored, timeout_seconds=PATIENCE_SECONDS)).interaction.id == id
            await client.collect(thumbs_down("after", query="q"), timeout_seconds=PATIENCE_SECONDS)
            watch.cancel()
            assert await run("check", data_dir=str(data_dir)) == (0, "", "everything adds up\n")
            service.terminate()
            assert await service.ended() == 0


async def test_an_embedded_database_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    async with (
        serving(tmp_path / "data", metrics_port=str(port), database_timeout_seconds="3") as service,
        Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
    ):
        stored = await client.collect(thumbs_down("one", query="q"))
        child = service.database_pid

        os.kill(child, signal.SIGKILL)

        await told(service, "uptake_service.mongo.embedded", "ended with exit code -9")
        await told(service, "uptake_service.mongo.embedded", "runs again")
        await until(port, [200, 200])
        assert service.database_pid != child
        assert (await client.feedback.get(stored.id)).interaction.id == "one"
        await client.collect(thumbs_down("two", query="q"))
        assert await run("check", data_dir=str(tmp_path / "data")) == (0, "", "everything adds up\n")


async def test_an_embedded_database_that_cannot_be_started_is_tried_again_and_again(tmp_path: Path) -> None:
    port, data_dir = free_port(), tmp_path / "data"
    async with serving(data_dir, metrics_port=str(port), database_timeout_seconds="3") as service:
        uri = service.database_uri
        (data_dir / "db").rename(data_dir / "away")
        (data_dir / "db").write_text("not a folder")
        os.kill(service.database_pid, signal.SIGKILL)

        line = await told(service, "uptake_service.mongo.embedded", "ended while starting", "FileExistsError")
        assert line["level"] == "ERROR"
        assert await pages(port) == [503, 503]
        assert "FileExistsError" in (await get(port, "/healthz"))[1]

        (data_dir / "db").unlink()
        (data_dir / "away").rename(data_dir / "db")
        await told(service, "uptake_service.mongo.embedded", "runs again")
        await until(port, [200, 200])
        assert service.database_uri == uri
