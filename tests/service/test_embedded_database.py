"""The embedded database: what it promises about its process, its directory and the data in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import sys
import textwrap
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from uptake_service.mongo.embedded import (
    DataDirectoryInUse,
    EmbeddedDatabase,
    EmbeddedDatabaseFailed,
    EmbeddedDatabaseMissing,
    running_address,
)

from tests.processes import PATIENCE_SECONDS, eventually, in_time, runs

pytestmark = pytest.mark.asyncio

Client = AsyncIOMotorClient[dict[str, Any]]


@asynccontextmanager
async def started(data_dir: Path) -> AsyncIterator[EmbeddedDatabase]:
    database = await EmbeddedDatabase.start(data_dir)
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def connected(database: EmbeddedDatabase) -> AsyncIterator[Client]:
    client: Client = AsyncIOMotorClient(database.uri, serverSelectionTimeoutMS=1000 * PATIENCE_SECONDS)
    try:
        yield client
    finally:
        client.close()


async def owned_by(script: str, data_dir: Path) -> Process:
    """A process of its own that runs a script with the directory as its argument; it prints the database's pid."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(script), data_dir),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def port_of(database: EmbeddedDatabase) -> int:
    return int(database.uri.rpartition(":")[2].partition("/")[0])


async def test_data_outlive_a_stop(tmp_path: Path) -> None:
    async with started(tmp_path / "data") as database, connected(database) as client:
        await client.admin.command("ping")
        await client.app.things.insert_one({"_id": 1, "name": "kept"})

    async with started(tmp_path / "data") as database, connected(database) as client:
        assert await client.app.things.find_one() == {"_id": 1, "name": "kept"}


async def test_it_has_transactions_and_a_change_stream_of_events(tmp_path: Path) -> None:
    async with started(tmp_path) as database, connected(database) as client:
        await client.app.events.insert_one({"_id": 0})
        async with client.app.watch() as stream:
            async with await client.start_session() as session, session.start_transaction():
                await client.app.events.insert_one({"_id": 1}, session=session)
                await client.app.things.insert_one({"_id": 2}, session=session)
                await client.app.events.insert_one({"_id": 3}, session=session)
            async with in_time("both changes"):
                seen = [(await stream.next())["documentKey"]["_id"] for _ in range(2)]

    assert seen == [1, 3]


async def test_only_one_owner_of_a_directory(tmp_path: Path) -> None:
    async with started(tmp_path) as database:
        with pytest.raises(DataDirectoryInUse, match=r"stop that one.*UPTAKE_DATA_DIR.*UPTAKE_MONGODB_URI"):
            await EmbeddedDatabase.start(tmp_path)

        assert running_address(tmp_path) == database.uri
        async with connected(database) as client:
            await client.admin.command("ping")


async def test_the_address_is_private_and_stands_only_while_it_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    assert running_address(data_dir) is None

    async with started(data_dir) as database:
        address = data_dir / "database.json"
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(address.stat().st_mode) == 0o600
        assert json.loads(address.read_text()) == {"uri": database.uri, "pid": database.pid}
        assert running_address(data_dir) == database.uri

    assert running_address(data_dir) is None
    assert not address.exists()


async def test_an_address_without_a_living_owner_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "database.json").write_text('{"uri": "mongodb://127.0.0.1:1/", "pid": 1}')

    assert running_address(tmp_path) is None


async def test_asking_for_the_address_never_makes_a_start_fail(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "database.json").write_text('{"uri": "mongodb://127.0.0.1:1/", "pid": 1}')
    stopping = asyncio.Event()

    async def ask() -> None:
        while not stopping.is_set():
            await asyncio.to_thread(running_address, tmp_path)

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    async with started(tmp_path):
        stopping.set()
        await asyncio.gather(*asking)


async def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    async with started(tmp_path) as database:
        pid, port = database.pid, port_of(database)
        before_stop = asyncio.create_task(database.wait())
        await database.stop()
        await database.stop()
        await database.restart()

    assert await before_stop == 0
    assert not runs(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db", "db.lock", "lock"]  # noqa: ASYNC240


async def test_acknowledged_writes_survive_a_kill_and_clients_recover(tmp_path: Path) -> None:
    async with started(tmp_path) as database, connected(database) as client:
        port, first_pid = port_of(database), database.pid
        things = client.app.get_collection("things", write_concern=WriteConcern("majority", j=True))
        acknowledged: list[int] = []

        async def write(first: int) -> None:
            number = first
            while True:
                await things.insert_one({"_id": number})
                acknowledged.append(number)
                number += 4

        writers = [asyncio.create_task(write(first)) for first in range(4)]
        await eventually(lambda: len(acknowledged) >= 100, "a hundred acknowledged")
        os.kill(first_pid, signal.SIGKILL)
        assert await database.wait() == -signal.SIGKILL
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)

        await database.restart()

        assert (port_of(database), database.pid != first_pid) == (port, True)
        assert json.loads((tmp_path / "database.json").read_text())["pid"] == database.pid
        present = {document["_id"] async for document in things.find()}
        assert set(acknowledged) <= present


async def test_a_killed_owner_takes_its_database_along(tmp_path: Path) -> None:
    script = """
        import asyncio, sys
        from pathlib import Path
        from motor.motor_asyncio import AsyncIOMotorClient
        from uptake_service.mongo.embedded import EmbeddedDatabase

        async def main():
            database = await EmbeddedDatabase.start(Path(sys.argv[1]))
            await AsyncIOMotorClient(database.uri).app.things.insert_one({"_id": "kept"})
            print(database.pid, flush=True)
            await database.wait()

        asyncio.run(main())
    """
    owner = await owned_by(script, tmp_path)
    assert owner.stdout is not None
    async with in_time("the database of another process"):
        pid = int(await owner.stdout.readline())
    assert running_address(tmp_path) is not None

    owner.kill()
    await owner.wait()

    assert running_address(tmp_path) is None
    # At once: it need not wait for the old database to be gone.
    async with started(tmp_path) as database, connected(database) as client:
        assert not runs(pid)
        assert await client.app.things.find_one() == {"_id": "kept"}


async def test_a_database_without_an_owner_is_gone_within_seconds(tmp_path: Path) -> None:
    script = """
        import asyncio, os, signal, sys
        from pathlib import Path
        from uptake_service.mongo.embedded import EmbeddedDatabase

        async def main():
            database = await EmbeddedDatabase.start(Path(sys.argv[1]))
            print(database.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """
    owner = await owned_by(script, tmp_path)
    output, _ = await owner.communicate()

    await eventually(lambda: not runs(int(output)), "the end of the database")


async def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("a file where a directory should be")

    with pytest.raises(EmbeddedDatabaseFailed, match=r"exit code 1.*FileExistsError.*UPTAKE_LOG_LEVEL") as failure:
        await EmbeddedDatabase.start(tmp_path)

    assert "\n" not in str(failure.value)
    (tmp_path / "db").unlink()
    async with started(tmp_path):
        pass


async def test_a_restart_that_finds_no_program_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with started(tmp_path) as database:
        os.kill(database.pid, signal.SIGKILL)
        await database.wait()
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/no-such-program")
            with pytest.raises(EmbeddedDatabaseFailed, match=r"could not be started: .*no-such-program"):
                await database.restart()
        await database.restart()
        async with connected(database) as client:
            await client.admin.command("ping")


async def test_a_start_that_takes_too_long_fails_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedDatabaseFailed, match=r"not ready within 0\.01 seconds"):
        await EmbeddedDatabase.start(tmp_path, start_timeout_seconds=0.01)

    async with started(tmp_path):
        pass


async def test_what_a_killed_first_start_left_is_no_hindrance(tmp_path: Path) -> None:
    # WiredTiger was killed between two of its files; it tells of them on its standard output.
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "WiredTiger.wt").write_bytes(b"")

    async with started(tmp_path):
        pass


@pytest.mark.parametrize("steps", [1, 5, 25])
async def test_a_cancelled_start_leaves_nothing(tmp_path: Path, steps: int) -> None:
    starting = asyncio.create_task(EmbeddedDatabase.start(tmp_path))
    for _ in range(steps):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    async with started(tmp_path):
        pass


async def test_a_restart_whose_port_was_taken_fails_and_can_be_repeated(tmp_path: Path) -> None:
    async with started(tmp_path) as database:
        os.kill(database.pid, signal.SIGKILL)
        await database.wait()
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port_of(database)))
            thief.listen()
            with pytest.raises(EmbeddedDatabaseFailed, match="Address already in use"):
                await database.restart()

        await database.restart()

        async with connected(database) as client:
            await client.admin.command("ping")


async def test_a_hanging_database_is_ended_by_force(tmp_path: Path) -> None:
    async with started(tmp_path) as database:
        pid = database.pid
        os.kill(pid, signal.SIGSTOP)

        await database.stop(timeout_seconds=0.2)

        assert not runs(pid)
    async with started(tmp_path):
        pass


async def test_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    async with started(tmp_path) as database, connected(database) as client:
        assert os.getsid(database.pid) == database.pid
        os.kill(database.pid, signal.SIGINT)
        await client.admin.command("ping")


async def test_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(EmbeddedDatabaseMissing, match=r"pip install .*uptake-embedded.*UPTAKE_MONGODB_URI"):
        await EmbeddedDatabase.start(tmp_path)


async def test_it_works_without_patches(tmp_path: Path) -> None:
    database = await EmbeddedDatabase.start(tmp_path, patches=False)
    try:
        async with connected(database) as client:
            await client.test.things.insert_one({"_id": 1})
            assert await client.test.things.count_documents({}) == 1
    finally:
        await database.stop()


async def test_patches_for_another_version_are_refused(tmp_path: Path) -> None:
    """Another version is installed, as the one below says."""
    other = tmp_path / "packages" / "secantusdb-9.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: SecantusDB\nVersion: 9.0\n")
    command = [sys.executable, "-P", "-m", "uptake_embedded", "--storage-path", str(tmp_path / "db")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")])}
    started = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    async with in_time("the refusal"):
        _, errors = await started.communicate(b"password\n")
    assert started.returncode == 1
    assert b"SecantusDB 0.7.0b3, and 9.0 is installed" in errors
    assert b"UPTAKE_EMBEDDED_PATCHES=false" in errors


async def test_a_client_sees_its_database_die(tmp_path: Path) -> None:
    async with started(tmp_path) as database:
        client: Client = AsyncIOMotorClient(database.uri, serverSelectionTimeoutMS=200)

        async def answers() -> bool:
            with contextlib.suppress(PyMongoError):
                return bool(await client.admin.command("ping"))
            return False

        await eventually(answers, "an answer of the database")
        os.kill(database.pid, signal.SIGKILL)
        assert await database.wait() == -signal.SIGKILL
        with pytest.raises(PyMongoError):
            await client.admin.command("ping")
        client.close()


def seen_by_all(pid: int) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for file in ("cmdline", "environ"))


async def test_it_asks_for_a_password_that_only_its_owner_knows(tmp_path: Path) -> None:
    async with started(tmp_path) as database:
        port, password = port_of(database), database.uri.split(":")[2].split("@")[0]
        assert len(password) > 40
        assert password.encode() not in seen_by_all(database.pid)
        for user in ("", "uptake:wrong@"):
            # The driver tries again after a heartbeat, which is ten seconds by default.
            uri = f"mongodb://{user}127.0.0.1:{port}/?directConnection=true&heartbeatFrequencyMS=500"
            client: Client = AsyncIOMotorClient(uri)
            with pytest.raises(PyMongoError):
                await client.app.things.insert_one({"_id": "mine"})
            with pytest.raises(PyMongoError):
                await client.app.things.find_one()
            client.close()
    async with started(tmp_path) as database:
        assert password not in database.uri
