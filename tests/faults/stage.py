"""Stages for faults, by real processes and sockets. On the one are a database and two replicas of the service:

    callers -> proxy of each replica -> replica -> proxy of the database -> database

and on the other a service with its embedded database, on a small disk, which nobody helps:

    callers -> proxy -> service -> database

Who dies is started again on the same port, as an operator's tools would do it.
"""

import asyncio
import contextlib
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import EmbeddedDatabase, EmbeddedDatabaseError

from tests.disks import Disk, mounted
from tests.processes import PATIENCE_SECONDS, eventually, free_port, launch, let_pass, listens

DATABASE_TIMEOUT_SECONDS = 2.0
_CHUNK = 65_536
_DISK_MIB = 512


class Proxy:
    """Passes bytes between callers and a port, unless it is told to do worse.

    Attributes:
        delay_seconds: How long each piece of data is held back.
        cut: How many connections it has cut.
        lost: How many pieces of data did not come back.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._answers_lost = False
        self.port = 0
        self.delay_seconds = 0.0
        self.cut = 0
        self.lost = 0

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        self._server.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Ends every connection at once, in the midst of whatever passes."""
        for writer in list(self._writers):
            writer.transport.abort()
            self.cut += 1

    @asynccontextmanager
    async def half_open(self) -> AsyncIterator[None]:
        """Passes nothing, and ends nothing, meanwhile; then what was left half-open is cut."""
        self._passing.clear()
        yield
        self.cut_all()
        self._passing.set()

    @asynccontextmanager
    async def losing_answers(self) -> AsyncIterator[None]:
        """Passes what callers send, and nothing of what comes back, meanwhile; then cuts."""
        self._answers_lost = True
        yield
        self.cut_all()
        self._answers_lost = False

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        there = asyncio.create_task(self._pass(reader, far_writer, back=False))
        back = asyncio.create_task(self._pass(far_reader, writer, back=True))
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for task in (there, back):
            task.cancel()
        self._writers -= ends
        for end in ends:
            end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._passing.wait()
                if self.delay_seconds:
                    await let_pass(self.delay_seconds, "a slow network")
                if back and self._answers_lost:
                    self.lost += 1
                    continue
                writer.write(data)
                await writer.drain()


class Replica:
    """A service process that is started again on its port whenever it ends.

    Attributes:
        absence_seconds: How long nothing listens in between, beside what a start takes.
    """

    def __init__(self, uri: str, data_dir: Path, log: Path, **settings: str) -> None:
        self.port = free_port()
        self.metrics_port = free_port()
        self._settings = {
            "port": str(self.port),
            "metrics_port": str(self.metrics_port),
            "mongodb_uri": uri,
            "data_dir": str(data_dir),
            "database_timeout_seconds": str(DATABASE_TIMEOUT_SECONDS),
            "writer_lease_seconds": "10",
            "retention_interval_seconds": "0.5",
            **settings,
        }
        self._log = log
        self.absence_seconds = 0.0
        self.process: Process
        self._running: asyncio.Task[None]

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())
        # It is started again while the database does not answer in the short time that a stage gives it.
        await eventually(lambda: listens(self.port), "the replica", 5 * PATIENCE_SECONDS)

    async def stop(self) -> None:
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running

    def log(self) -> str:
        return self._log.read_text()

    async def _run(self) -> None:
        while True:
            self.process = await launch("serve", log=self._log, settings=self._settings)
            try:
                await self.process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()
            await let_pass(self.absence_seconds, "a service that is away")


class OwnDatabase:
    """The embedded database that a service keeps in a directory."""

    def __init__(self, data_dir: Path) -> None:
        self._address = data_dir / "database.json"

    @property
    def pid(self) -> int:
        return int(json.loads(self._address.read_text())["pid"])

    @property
    def uri(self) -> str:
        return str(json.loads(self._address.read_text())["uri"])


class Stage:
    """What runs. `fronts` are the proxies that callers see, `behind` is the one before the database."""

    def __init__(
        self, database: EmbeddedDatabase | OwnDatabase, behind: Proxy, replicas: list[Replica], fronts: list[Proxy]
    ) -> None:
        self.database = database
        self.behind = behind
        self.replicas = replicas
        self.fronts = fronts

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{front.port}" for front in self.fronts]

    @asynccontextmanager
    async def mongo(self) -> AsyncIterator[Mongo]:
        mongo = Mongo.connect(self.database.uri, "uptake", 60.0)
        try:
            yield mongo
        finally:
            mongo.close()


class Alone(Stage):
    """One service, `disk` is where its embedded database is."""

    def __init__(self, database: OwnDatabase, replica: Replica, front: Proxy, disk: Disk) -> None:
        super().__init__(database, front, [replica], [front])
        self.service = replica
        self.disk = disk


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[Alone]:
    """Builds one service with its embedded database on a small disk. Raises CannotMount where that is not allowed."""
    with mounted(folder / "disk", f"size={_DISK_MIB}m") as disk:
        data_dir = disk.folder / "data"
        replica = Replica("", data_dir, folder / "service.log")
        async with contextlib.AsyncExitStack() as cleanup:
            cleanup.push_async_callback(replica.stop)
            await replica.start()
            front = await Proxy(replica.port).start()
            cleanup.push_async_callback(front.stop)
            yield Alone(OwnDatabase(data_dir), replica, front, disk)


@asynccontextmanager
async def stage(folder: Path, **settings: str) -> AsyncIterator[Stage]:
    """Builds it in a folder, the replicas with these settings, and takes it down."""
    async with contextlib.AsyncExitStack() as cleanup:
        database = await EmbeddedDatabase.start(folder / "database")
        cleanup.push_async_callback(database.stop)
        reviving = asyncio.create_task(_revive(database))
        cleanup.callback(reviving.cancel)
        behind = await Proxy(_port_of(database)).start()
        cleanup.push_async_callback(behind.stop)
        uri = database.uri.replace(str(_port_of(database)), str(behind.port))
        replicas = [
            Replica(uri, folder / f"replica-{number}", folder / f"replica-{number}.log", **settings)
            for number in range(2)
        ]
        for replica in replicas:
            cleanup.push_async_callback(replica.stop)
        await asyncio.gather(*(replica.start() for replica in replicas))
        fronts = []
        for replica in replicas:
            fronts.append(await Proxy(replica.port).start())
            cleanup.push_async_callback(fronts[-1].stop)
        yield Stage(database, behind, replicas, fronts)


async def _revive(database: EmbeddedDatabase) -> None:
    while True:
        await database.wait()
        with contextlib.suppress(EmbeddedDatabaseError):
            await database.restart()


def _port_of(database: EmbeddedDatabase) -> int:
    return int(database.uri.rpartition(":")[2].partition("/")[0])
