"""A stage for faults: a database, two replicas of the service on it, and callers; all by real processes and sockets.

    callers -> proxy of each replica -> replica -> proxy of the database -> database

Who dies is started again on the same port, as an operator's tools would do it.
"""

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import EmbeddedDatabase, EmbeddedDatabaseError

from tests.processes import free_port, launch, listens

DATABASE_TIMEOUT_SECONDS = 2.0
_CHUNK = 65_536


class Proxy:
    """Passes bytes between callers and a port, unless it is told to do worse.

    Attributes:
        delay_seconds: How long each piece of data is held back.
        cut: How many connections it has cut.
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

    async def half_open(self, seconds: float) -> None:
        """Passes nothing, and ends nothing, for so long; then what was left half-open is cut."""
        self._passing.clear()
        await asyncio.sleep(seconds)
        self.cut_all()
        self._passing.set()

    async def lose_answers(self, seconds: float) -> None:
        """Passes what callers send, and nothing of what comes back, for so long; then cuts."""
        self._answers_lost = True
        await asyncio.sleep(seconds)
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
                    await asyncio.sleep(self.delay_seconds)
                if back and self._answers_lost:
                    continue
                writer.write(data)
                await writer.drain()


class Replica:
    """A service process that is started again on its port whenever it ends."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.port = free_port()
        self._settings = {
            "port": str(self.port),
            "mongodb_uri": uri,
            "data_dir": str(folder),
            "database_timeout_seconds": str(DATABASE_TIMEOUT_SECONDS),
            "writer_lease_seconds": "10",
        }
        self._log = folder.with_suffix(".log")
        self.process: Process
        self._running: asyncio.Task[None]

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())
        async with asyncio.timeout(60):
            while not listens(self.port):  # noqa: ASYNC110  It is another process.
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running

    def log(self) -> str:
        return self._log.read_text()

    async def _run(self) -> None:
        while True:
            self.process = await launch("serve", log=self._log, **self._settings)
            try:
                await self.process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()


class Stage:
    """What runs. `fronts` are the proxies that callers see, `behind` is the one before the database."""

    def __init__(self, database: EmbeddedDatabase, behind: Proxy, replicas: list[Replica], fronts: list[Proxy]) -> None:
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


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Builds it in a folder, and takes it down."""
    async with contextlib.AsyncExitStack() as cleanup:
        database = await EmbeddedDatabase.start(folder / "database")
        cleanup.push_async_callback(database.stop)
        reviving = asyncio.create_task(_revive(database))
        cleanup.callback(reviving.cancel)
        behind = await Proxy(_port_of(database)).start()
        cleanup.push_async_callback(behind.stop)
        uri = database.uri.replace(str(_port_of(database)), str(behind.port))
        replicas = [Replica(uri, folder / f"replica-{number}") for number in range(2)]
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
        await asyncio.sleep(0.1)


def _port_of(database: EmbeddedDatabase) -> int:
    return int(database.uri.rpartition(":")[2].partition("/")[0])
