"""Starting and stopping the service as people do: one clear line when it cannot start, nothing left when it ends."""

import asyncio
import json
import resource
import signal
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import bson
import grpc.aio
import pytest
from click.testing import CliRunner
from grpc_health.v1 import health_pb2, health_pb2_grpc
from motor.motor_asyncio import AsyncIOMotorClient
from uptake import Client, thumbs_up
from uptake.v1 import insight_pb2
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.cli.main import cli

from tests.disks import CannotMount, mounted
from tests.processes import (
    PATIENCE_SECONDS,
    ServiceProcess,
    eventually,
    free_port,
    in_time,
    launch,
    listens,
    run,
    runs,
    serving,
)


@pytest.fixture(scope="module")
async def other(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    """A service that runs already, and is in the way."""
    async with serving(tmp_path_factory.mktemp("other") / "data") as process:
        yield process


@asynccontextmanager
async def connected(service: ServiceProcess) -> AsyncIterator[AsyncIOMotorClient[dict[str, Any]]]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(service.database_uri)
    try:
        yield client
    finally:
        client.close()


async def fails(*arguments: str, **settings: str) -> str:
    """Runs `uptake serve`, which must not start; returns the one line that says why."""
    return await refused("serve", *arguments, folder=None, **settings)


async def refused(*arguments: str, folder: Path | None = None, **settings: str) -> str:
    """Runs a command that must end with an error before `run` gives it up; returns the one line that says why."""
    code, output, errors = await run(*arguments, folder=folder, **settings)
    assert code == 1, errors
    assert output == ""
    lines = errors.splitlines()
    assert len(lines) == 1, errors
    assert lines[0].startswith("uptake: ")
    return lines[0]


def under(folder: Path) -> list[str]:
    """All that there is in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def test_a_taken_port(other: ServiceProcess, tmp_path: Path) -> None:
    for name in ("port", "metrics_port"):
        line = await fails(**{"port": "0", name: str(other.port), "data_dir": str(tmp_path / "data")})

        assert f"127.0.0.1:{other.port}" in line
        assert f"UPTAKE_{name.upper()}" in line
        assert under(tmp_path) == []


async def test_one_port_for_two_things(tmp_path: Path) -> None:
    port = str(free_port())

    line = await fails(port=port, metrics_port=port, data_dir=str(tmp_path / "data"))

    assert "the port is taken" in line
    assert under(tmp_path) == []


async def test_an_address_of_another_machine(tmp_path: Path) -> None:
    for host in ("203.0.113.7", "no-such-host.invalid"):
        line = await fails(host=host, port="0", allow_insecure="true", data_dir=str(tmp_path / "data"))

        assert f"cannot listen on {host}:0" in line
        assert "UPTAKE_HOST" in line
        assert under(tmp_path) == []


async def test_a_data_directory_in_use(other: ServiceProcess) -> None:
    line = await fails(port="0", data_dir=str(other.data_dir))

    assert str(other.data_dir) in line
    assert "UPTAKE_DATA_DIR" in line
    assert runs(other.database_pid)


@contextmanager
def disk(folder: Path, options: str) -> Iterator[None]:
    try:
        with mounted(folder, options):
            yield
    except CannotMount as error:
        pytest.skip(str(error))


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("not a folder")
    return folder / "file"


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "deep" / "data"


def a_link_to_nothing(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nothing")
    return folder / "link"


def no_folder_can_be_made(folder: Path) -> Path:
    return Path("/proc/uptake/data")


def a_file_in_its_way(folder: Path) -> Path:
    """What the database itself needs to write cannot be written: only it finds out."""
    (folder / "old").mkdir()
    (folder / "old" / "db").write_text("not a folder")
    return folder / "old"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (a_file, "it is a file"),
        (below_a_file, "Not a directory"),
        (a_link_to_nothing, "File exists"),
        (no_folder_can_be_made, "No such file or directory"),
        (a_file_in_its_way, "FileExistsError"),
    ],
)
async def test_a_data_directory_that_cannot_be_used(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    data_dir = make(tmp_path)
    before = under(tmp_path)

    line = await fails(port="0", data_dir=str(data_dir))

    assert str(data_dir) in line
    assert said in line
    assert [path for path in under(tmp_path) if path not in ("old/lock", "old/db.lock")] == before


@pytest.mark.parametrize("name", ["", "data", "deep/data"])
async def test_a_disk_that_may_not_be_written(name: str, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "ro"):
        line = await fails(port="0", data_dir=str(tmp_path / "disk" / name))

        assert "Read-only file system" in line
        assert "UPTAKE_DATA_DIR" in line


@pytest.mark.parametrize("name", ["", "data", "deep/data"])
async def test_a_disk_without_room(name: str, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "size=8m"):
        line = await fails(port="0", data_dir=str(tmp_path / "disk" / name))

        assert "the disk of the data directory" in line
        assert "16 MiB" in line
        assert under(tmp_path / "disk") == []


async def test_a_start_that_fails_leaves_no_directory(tmp_path: Path) -> None:
    """On a disk that has room when it is asked, and none for what the database writes."""
    (tmp_path / "kept").mkdir()
    process = await launch(
        "serve", settings={"port": "0", "data_dir": str(tmp_path / "kept" / "new" / "data")}, folder=tmp_path
    )
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    async with in_time("the end of what cannot start"):
        _, errors = await process.communicate()

    assert process.returncode == 1
    assert len(errors.splitlines()) == 1, errors
    assert b"File too large" in errors
    assert under(tmp_path) == ["kept"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"port": "abc"}, "UPTAKE_PORT"),
        ({"queue_size": "0"}, "UPTAKE_QUEUE_SIZE"),
        ({"log_level": "LOUD"}, "UPTAKE_LOG_LEVEL"),
        ({"host": "0.0.0.0"}, "UPTAKE_ALLOW_INSECURE"),  # noqa: S104
        ({"mongodb_uri": "mongodb://host:port"}, "UPTAKE_MONGODB_URI"),
        ({"mongodb_uri": "http://host"}, "UPTAKE_MONGODB_URI"),
        ({"mongodb_uri": "mongodb://host/?tls=true&tlsCAFile=/none.pem"}, "UPTAKE_MONGODB_URI"),
        ({"mongodb_uri": "mongodb://host/?retrywrits=true"}, "retrywrites"),
        ({"mongodb_uri": "mongodb://host/?authMechanism=NONE"}, "UPTAKE_MONGODB_URI"),
        ({"mongodb_uri": "mongodb+srv://no-such-host.invalid/"}, "UPTAKE_MONGODB_URI"),
    ],
)
async def test_a_bad_setting(settings: dict[str, str], named: str, tmp_path: Path) -> None:
    line = await fails(**{"port": "0", "data_dir": str(tmp_path / "data"), **settings})

    assert named in line
    assert not (tmp_path / "data").exists()


async def test_a_flag_is_checked_as_its_setting_is(tmp_path: Path) -> None:
    assert "UPTAKE_PORT" in await fails("--port", "abc", data_dir=str(tmp_path / "data"))


NOBODY = "mongodb://127.0.0.1:1/?directConnection=true"
CHECK, CREATE = ("check",), ("keys", "create", "me", "--role", "admin")
ON_THE_DATABASE = (CHECK, CREATE, ("keys", "list"), ("keys", "revoke", "id"))


@pytest.mark.parametrize("command", [("serve",), CHECK, CREATE], ids=" ".join)
async def test_a_database_that_does_not_answer(command: tuple[str, ...], tmp_path: Path) -> None:
    line = await refused(
        *command, port="0", data_dir=str(tmp_path / "data"), mongodb_uri=NOBODY, database_timeout_seconds="1"
    )

    assert "UPTAKE_MONGODB_URI does not answer" in line
    assert under(tmp_path) == []


@pytest.mark.parametrize("command", [("serve",), CHECK, CREATE], ids=" ".join)
async def test_a_wrong_password(command: tuple[str, ...], other: ServiceProcess, tmp_path: Path) -> None:
    password = other.database_uri.split(":")[2].split("@")[0]

    line = await refused(
        *command,
        port="0",
        data_dir=str(tmp_path / "data"),
        mongodb_uri=other.database_uri.replace(password, "wrong"),
    )

    assert "UPTAKE_MONGODB_URI cannot be used: authentication failed" in line.replace("Auth", "auth")
    assert "password" in line
    assert under(tmp_path) == []


@pytest.mark.parametrize("command", ON_THE_DATABASE, ids=" ".join)
async def test_a_command_where_no_database_is(command: tuple[str, ...], tmp_path: Path) -> None:
    line = await refused(*command, folder=tmp_path)

    # Its default is a folder of the working directory.
    assert f"there is no database in {tmp_path}/.uptake: no service has run there" in line
    assert "UPTAKE_DATA_DIR" in line
    assert "UPTAKE_MONGODB_URI" in line
    assert under(tmp_path) == []


@pytest.mark.parametrize("name", ["none/deep", "empty", "file", "file/deep"])
async def test_a_data_directory_without_a_database(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()

    line = await refused("check", data_dir=str(tmp_path / name))

    assert f"there is no database in {tmp_path / name}" in line
    assert under(tmp_path) == ["empty", "file"]


@pytest.mark.parametrize("command", [CHECK, CREATE], ids=" ".join)
@pytest.mark.parametrize("setting", ["data_dir", "mongodb_uri"])
async def test_a_command_with_a_misspelt_database(
    setting: str, command: tuple[str, ...], other: ServiceProcess, tmp_path: Path
) -> None:
    where = {"data_dir": str(other.data_dir), "mongodb_uri": other.database_uri}

    line = await refused(*command, database="uptaek", folder=tmp_path, **{setting: where[setting]})

    assert "there is no database 'uptaek'" in line
    assert "UPTAKE_DATABASE" in line
    async with connected(other) as database:
        assert "uptaek" not in await database.list_database_names()
    assert under(tmp_path) == []


async def test_the_commands_on_a_database_that_was_used(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service, Client(service.address) as client:
        await client.collect(thumbs_up("one"))
        assert await run("check", data_dir=str(tmp_path / "data")) == (0, "", "everything adds up\n")
        service.terminate()
        assert await service.ended() == 0

    assert await run("check", data_dir=str(tmp_path / "data")) == (0, "", "everything adds up\n")
    assert (await run("keys", "list", data_dir=str(tmp_path / "data")))[0] == 0


async def standalone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as a MongoDB server does that is no member of a replica set; only the handshake and `hello`."""
    told = {"helloOk": True, "isWritablePrimary": True, "ismaster": True, "maxWireVersion": 21, "minWireVersion": 0}
    limits = {"maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48 << 20, "maxWriteBatchSize": 100_000, "ok": 1.0}
    answer = bson.encode(told | limits)
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            length, request, _, opcode = struct.unpack("<4i", await reader.readexactly(16))
            await reader.readexactly(length - 16)
            if opcode == 2004:  # OP_QUERY, of a driver's first word
                body, kind = struct.pack("<iqii", 8, 0, 0, 1) + answer, 1
            else:
                body, kind = b"\0" * 5 + answer, 2013
            writer.write(struct.pack("<4i", 16 + len(body), 0, request, kind) + body)
    writer.close()


@pytest.mark.parametrize("command", [("serve",), CHECK, CREATE], ids=" ".join)
async def test_a_standalone_server(command: tuple[str, ...], tmp_path: Path) -> None:
    async with await asyncio.start_server(standalone, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        line = await refused(
            *command, port="0", data_dir=str(tmp_path / "data"), mongodb_uri=f"mongodb://127.0.0.1:{port}/"
        )

    assert "is a standalone server" in line
    assert "--replSet" in line
    assert under(tmp_path) == []


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
        # Longer than this test waits: who has to be cut off at the end of the drain holds it up.
        serving(tmp_path / "data", drain_seconds=f"{2 * PATIENCE_SECONDS:g}") as service,
        grpc.aio.insecure_channel(service.address) as channel,
        Client(service.address) as client,
    ):
        database = service.database_pid
        await client.collect(thumbs_up("one"))
        # A subscription that nobody ends would hold it up if it were not told to go elsewhere.
        stream = InsightServiceStub(channel).SubscribeInsights(insight_pb2.SubscribeInsightsRequest())
        snapshot = await stream.read()
        assert isinstance(snapshot, insight_pb2.SubscribeInsightsResponse)
        assert snapshot.HasField("snapshot")
        serving_now = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert serving_now.status == health_pb2.HealthCheckResponse.SERVING
        assert runs(database)

        service.process.send_signal(number)

        assert await service.ended() == 0
        stream.cancel()

    assert not runs(database)
    assert not listens(service.port)
    left = {path.name for path in await asyncio.to_thread(lambda: list((tmp_path / "data").iterdir()))}
    assert left == {"db", "db.lock", "lock"}
    assert all(json.loads(line)["level"] == "INFO" for line in service.log), service.log


async def test_a_signal_while_it_starts_ends_it(tmp_path: Path) -> None:
    process = await launch("serve", settings={"port": "0", "data_dir": str(tmp_path / "data")})
    address = tmp_path / "data" / "database.json"
    try:
        await eventually(address.exists, "the database's address")
        database = int(json.loads(address.read_text())["pid"])
        process.terminate()
        async with in_time("the end of what was still starting"):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert not runs(database)
    assert not address.exists()
