"""Starting and stopping the service as people do: one clear line when it cannot start, nothing left when it ends."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from click.testing import CliRunner
from grpc_health.v1 import health_pb2, health_pb2_grpc
from uptake import Client, thumbs_up
from uptake.v1 import insight_pb2
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.cli import cli

from tests.processes import ServiceProcess, eventually, launch, listens, run, runs, serving


@pytest.fixture(scope="module")
async def other(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    """A service that runs already, and is in the way."""
    async with serving(tmp_path_factory.mktemp("other") / "data") as process:
        yield process


async def fails(*arguments: str, **settings: str) -> str:
    """Runs `uptake serve`, which must not start; returns the one line that says why."""
    code, output, errors = await run("serve", *arguments, **settings)
    assert code != 0
    assert output == ""
    lines = errors.splitlines()
    assert len(lines) == 1, errors
    assert lines[0].startswith("uptake: ")
    assert "Traceback" not in errors
    return lines[0]


async def test_a_taken_port(other: ServiceProcess, tmp_path: Path) -> None:
    line = await fails(port=str(other.port), data_dir=str(tmp_path / "data"))

    assert f"127.0.0.1:{other.port}" in line
    assert "UPTAKE_PORT" in line
    # Its own database ended with it.
    assert not (tmp_path / "data" / "database.json").exists()


async def test_a_data_directory_in_use(other: ServiceProcess) -> None:
    line = await fails(port="0", data_dir=str(other.data_dir))

    assert str(other.data_dir) in line
    assert "UPTAKE_DATA_DIR" in line
    assert runs(other.database_pid)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"port": "abc"}, "UPTAKE_PORT"),
        ({"queue_size": "0"}, "UPTAKE_QUEUE_SIZE"),
        ({"log_level": "LOUD"}, "UPTAKE_LOG_LEVEL"),
        ({"host": "0.0.0.0"}, "UPTAKE_ALLOW_INSECURE"),  # noqa: S104
        ({"mongodb_uri": "mongodb://host:port"}, "UPTAKE_MONGODB_URI"),
    ],
)
async def test_a_bad_setting(settings: dict[str, str], named: str, tmp_path: Path) -> None:
    line = await fails(**{"port": "0", "data_dir": str(tmp_path / "data"), **settings})

    assert named in line
    assert not (tmp_path / "data").exists()


async def test_a_flag_is_checked_as_its_setting_is(tmp_path: Path) -> None:
    assert "UPTAKE_PORT" in await fails("--port", "abc", data_dir=str(tmp_path / "data"))


async def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    started = time.monotonic()

    line = await fails(
        port="0",
        data_dir=str(tmp_path / "data"),
        mongodb_uri="mongodb://127.0.0.1:1/?directConnection=true",
        database_timeout_seconds="1",
    )

    assert "UPTAKE_MONGODB_URI" in line
    assert time.monotonic() - started < 20


async def test_help() -> None:
    code, output, errors = await run("--help")

    assert (code, errors) == (0, "")
    assert output.startswith("Usage: ")
    for name in cli.commands:
        assert f"\n  {name} " in output


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])

    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    assert "--help" in result.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_nothing_is_left(number: signal.Signals, tmp_path: Path) -> None:
    async with (
        serving(tmp_path / "data") as service,
        grpc.aio.insecure_channel(service.address) as channel,
        Client(service.address) as client,
    ):
        database = service.database_pid
        await client.collect(thumbs_up("one"))
        # A subscription that nobody ends would hold it up if it were not told to go elsewhere.
        stream = InsightServiceStub(channel).SubscribeInsights(insight_pb2.SubscribeInsightsRequest())
        assert (await stream.read()).HasField("snapshot")
        serving_now = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert serving_now.status == health_pb2.HealthCheckResponse.SERVING
        assert runs(database)

        service.process.send_signal(number)

        assert await service.ended(8.0) == 0
        stream.cancel()

    assert not runs(database)
    assert not listens(service.port)
    left = {path.name for path in await asyncio.to_thread(lambda: list((tmp_path / "data").iterdir()))}
    assert left == {"database.log", "db", "db.lock", "lock"}
    assert all(json.loads(line)["level"] == "INFO" for line in service.log), service.log


async def test_a_signal_while_it_starts_ends_it(tmp_path: Path) -> None:
    process = await launch("serve", port="0", data_dir=str(tmp_path / "data"))
    address = tmp_path / "data" / "database.json"
    try:
        await eventually(address.exists, "the database's address", 30)
        database = int(json.loads(address.read_text())["pid"])
        process.terminate()
        async with asyncio.timeout(10):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert not runs(database)
    assert not address.exists()
