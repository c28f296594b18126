"""The embedded database: SecantusDB as a child process on a loopback port, with its data in one directory.

The directory holds `lock` (held by the service that owns it), `database.json` (the address while it runs, mode 0600),
`db/` (WiredTiger's files) and `db.lock` (held by the child). What the child says is in this process's log: its disk may
be full. The child ends when this process does, however that ends: it is the command of `packages/uptake-embedded`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import json
import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from uptake_service.child_process import Child
from uptake_service.mongo.embedded_log import ChildLog

_log = logging.getLogger(__name__)

_COMMAND = "uptake_embedded"
"""A distribution of its own, under the server's licence: started, never imported."""
_WATCHED = ("events",)
"""The collections that change streams are opened on."""
_LOCK_SECONDS = 0.5
_LOCK_POLL_SECONDS = 0.02

_LEAST_ROOM_MIB = 16
"""Without so much on the disk no start is tried: WiredTiger makes a log file of 10 MiB and a checkpoint in it."""

_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 10.0
_SETTLED_SECONDS = 3.0
"""A child that ran for so long is started again at once; one that dies sooner is waited with."""


class EmbeddedDatabaseError(Exception):
    """The embedded database cannot run. The message is one line, and says what to do."""


class EmbeddedDatabaseMissing(EmbeddedDatabaseError):
    """SecantusDB is not installed."""


class DataDirectoryInUse(EmbeddedDatabaseError):
    """Another process owns the data directory."""


class DataDirectoryUnusable(EmbeddedDatabaseError):
    """The data directory cannot be made, read or written, or its disk is full."""


class EmbeddedDatabaseFailed(EmbeddedDatabaseError):
    """The child process ended, or did not answer in time."""


class EmbeddedDatabase:
    """A running embedded database, owned by this process. Made by `start`, ended by `stop`.

    Attributes:
        uri: `mongodb://uptake:<password>@127.0.0.1:<port>/?directConnection=true`, a replica set's primary; it survives
            restarts. The password is made for each start, and is known to this process and to who may read its files.
        trouble: Why it does not run, in a line; empty while it does.
    """

    def __init__(self, data_dir: Path, lock: IO[str], start_timeout_seconds: float, *, patches: bool) -> None:
        """Use `start`. `lock` is the open, locked lock file; the object closes it."""
        self._patches = patches
        self.uri = ""
        self.trouble = ""
        self._data_dir = data_dir
        self._lock = lock
        self._start_timeout_seconds = start_timeout_seconds
        self._process: Child | None = None
        self._output = ChildLog()
        self._port = 0
        self._password = secrets.token_urlsafe(32)
        self._changing = asyncio.Lock()

    @classmethod
    async def start(
        cls, data_dir: Path, *, start_timeout_seconds: float = 30.0, patches: bool = True
    ) -> EmbeddedDatabase:
        """Starts the database in `data_dir` (made with mode 0700 if missing), returns when it answers.

        With `patches` it runs what makes SecantusDB's Python server faster.

        Raises EmbeddedDatabaseMissing, DataDirectoryUnusable, DataDirectoryInUse or EmbeddedDatabaseFailed; nothing
        runs then, and a directory that was missing is missing again.
        """
        if importlib.util.find_spec(_COMMAND) is None:
            raise EmbeddedDatabaseMissing(
                "the embedded database is not installed: `pip install ./packages/uptake-embedded` in Uptake's sources, "
                "or set UPTAKE_MONGODB_URI to a MongoDB replica set"
            )
        data_dir = data_dir.absolute()  # noqa: ASYNC240
        with _usable(data_dir):
            _need_room(data_dir)
            missing = [each for each in (data_dir, *data_dir.parents) if not each.exists()]
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=not missing)
            database = cls(data_dir, await _own(data_dir), start_timeout_seconds, patches=patches)
            try:
                # Left by an owner that was killed; until the new address is known there is none.
                _address_file(data_dir).unlink(missing_ok=True)
                await database._launch()
            except (OSError, EmbeddedDatabaseError):
                database._output.log_all(logging.DEBUG)
                _unmake(missing)
                database._disown()
                raise
            except BaseException:
                database._disown()
                raise
        return database

    @property
    def pid(self) -> int:
        """The child's process id; of the last child, when it ended."""
        assert self._process is not None  # noqa: S101
        return self._process.pid

    async def wait(self) -> int:
        """The exit code, once the child has ended, by `stop` too; negative is the signal that killed it.

        A child whose storage panicked is killed, for it would live on and answer nothing.
        """
        assert self._process is not None  # noqa: S101
        return await self._process.wait()

    async def restart(self) -> None:
        """Starts the database again after it died: same port, same data. Nothing to do while it runs or after
        `stop`.

        Raises DataDirectoryUnusable or EmbeddedDatabaseFailed; it can be called again then.
        """
        async with self._changing:
            if self._lock.closed or self._runs():
                return
            with _usable(self._data_dir):
                _need_room(self._data_dir)
                try:
                    await self._launch()
                finally:
                    self._output.log_all()

    async def keep_running(self) -> None:
        """Starts the database again whenever it ended, until `stop`.

        At once, if it had run for a while; after one that failed it waits, each time twice as long up to 10 seconds.
        While its disk is full it looks every second whether there is room.
        """
        wait_seconds = 0.0
        while True:
            began = time.monotonic()
            code = await self.wait()
            if self._lock.closed:
                return
            settled = time.monotonic() - began > _SETTLED_SECONDS
            wait_seconds = 0.0 if settled else _longer(wait_seconds)
            self.trouble = self._output.panic or f"the embedded database ended with exit code {code}"
            _log.error("%s; it is started again", self.trouble)
            while not self._lock.closed and not self._runs():
                await asyncio.sleep(wait_seconds)
                try:
                    await self.restart()
                except EmbeddedDatabaseError as error:
                    wait_seconds = _WAIT_SECONDS if isinstance(error, DataDirectoryUnusable) else _longer(wait_seconds)
                    if str(error) != self.trouble:
                        _log.error("%s", error)
                    self.trouble = str(error)
                else:
                    _log.warning("the embedded database runs again")

    async def stop(self, timeout_seconds: float = 15.0) -> None:
        """Ends the child, by force after `timeout_seconds`, and gives the directory up. Can be repeated."""
        async with self._changing:
            if self._lock.closed:
                return
            try:
                await self._end_child(timeout_seconds)
            finally:
                self._disown()

    async def _launch(self) -> None:
        self._output = ChildLog()
        command = ["-m", _COMMAND, "--storage-path", str(self._data_dir / "db"), "--port", str(self._port)]
        command += ["--watched", *_WATCHED, *(() if self._patches else ("--no-patches",))]
        # -P: without it every module in this folder would shadow an installed one of its name.
        # A session of its own: the terminal's Ctrl-C is for the service, which must drain first.
        try:
            process = Child(sys.executable, "-P", *command, stdout=PIPE, stderr=PIPE, hear=self._hear, session=True)
        except OSError as error:
            raise EmbeddedDatabaseFailed(f"the embedded database could not be started: {error}") from error
        self._process = process
        try:
            await self._answered(process)
            self._write_address()
        except BaseException:
            await self._end_child(0)
            raise
        self._output.log_all()
        self.trouble = ""

    async def _answered(self, process: Child) -> None:
        """Returns when the child answers. Raises EmbeddedDatabaseFailed if it ends before, or takes too long."""
        answering = asyncio.create_task(self._ask(process))
        ending = asyncio.create_task(process.wait())
        cause: Exception | None = None
        try:
            await asyncio.wait(
                {answering, ending}, timeout=self._start_timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if answering.done():
                await answering
                return
        except (ValueError, PyMongoError, OSError) as error:
            cause = error
        finally:
            answering.cancel()
            ending.cancel()
            await asyncio.gather(answering, ending, return_exceptions=True)
        raise EmbeddedDatabaseFailed(await self._why(process)) from cause

    async def _ask(self, process: Child) -> None:
        process.tell(self._password)  # A command line is everybody's to read.
        self._port = await _reported_port(process)
        self.uri = f"mongodb://uptake:{self._password}@127.0.0.1:{self._port}/?directConnection=true"
        await _ping(self.uri, self._start_timeout_seconds)

    def _hear(self, line: str) -> None:
        """Takes in a line that the child says."""
        if self._output.take(line) and self._process is not None:
            self.trouble = self._output.panic
            self._process.kill()

    async def _why(self, process: Child) -> str:
        """Why it does not answer, in a line."""
        # One that answers wrongly may be about to end.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 1.0)
        code = process.returncode
        what = (
            f"was not ready within {self._start_timeout_seconds:g} seconds"
            if code is None
            else f"ended while starting (exit code {code})"
        )
        last = self._output.panic or self._output.last or "it said nothing"
        return f"the embedded database in {self._data_dir} {what}: {last} (UPTAKE_LOG_LEVEL=DEBUG shows all it says)"

    def _write_address(self) -> None:
        path = _address_file(self._data_dir)
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:  # noqa: PTH123
            json.dump({"uri": self.uri, "pid": self.pid}, file)
        temporary.replace(path)

    async def _end_child(self, timeout_seconds: float) -> None:
        """Returns when the child is gone. Cancelled, it kills at once, but still sees the child go."""
        process = self._process
        if process is None:
            return
        process.close()
        try:
            async with asyncio.timeout(timeout_seconds):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _disown(self) -> None:
        _address_file(self._data_dir).unlink(missing_ok=True)
        self._lock.close()


def running_address(data_dir: Path) -> str | None:
    """The uri of the database that runs in `data_dir` under a living owner, else None.

    Raises DataDirectoryUnusable if it cannot be read.
    """
    with _usable(data_dir):
        try:
            address: dict[str, Any] = json.loads(_address_file(data_dir).read_text())
            with (data_dir / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return str(address["uri"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None


def holds_data(data_dir: Path) -> bool:
    """Whether a database was ever started in `data_dir`. Raises DataDirectoryUnusable if it cannot be read."""
    with _usable(data_dir):
        return (data_dir / "db" / "WiredTiger").exists()


@contextlib.contextmanager
def _usable(data_dir: Path) -> Iterator[None]:
    """Turns what the system says of files into an error that says what to do."""
    try:
        yield
    except OSError as error:
        what = "it is a file" if data_dir.is_file() else f"{error.strerror} ({error.filename or data_dir})"
        raise DataDirectoryUnusable(
            f"the data directory {data_dir} cannot be used: {what}; set UPTAKE_DATA_DIR to a folder that this user "
            "may write, or UPTAKE_MONGODB_URI to a MongoDB replica set"
        ) from error


def _unmake(missing: list[Path]) -> None:
    """Removes a data directory that was missing, and with it those above it. No database has answered in it."""
    for number, each in enumerate(missing):
        if number == 0:
            shutil.rmtree(each, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                each.rmdir()


def _need_room(data_dir: Path) -> None:
    """Raises DataDirectoryUnusable if its disk is full."""
    there = next(each for each in (data_dir, *data_dir.parents) if each.exists())
    disk = os.statvfs(there)
    # One without blocks is no disk; what is wrong with it comes out when something is made in it.
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < _LEAST_ROOM_MIB * 1024 * 1024:
        raise DataDirectoryUnusable(
            f"the disk of the data directory {data_dir} is full: the embedded database needs {_LEAST_ROOM_MIB} MiB to "
            "start; free some, or set UPTAKE_DATA_DIR to a folder with room"
        )


def _longer(wait_seconds: float) -> float:
    return min(max(_WAIT_SECONDS, 2 * wait_seconds), _LONGEST_WAIT_SECONDS)


async def _own(data_dir: Path) -> IO[str]:
    """Locks the directory, for as long as the file that it returns is open.

    It tries for a moment, since `running_address` holds the lock for an instant to see whether it is free.
    """
    lock = (data_dir / "lock").open("a")
    try:
        async with asyncio.timeout(_LOCK_SECONDS):
            while not _locked(lock):  # noqa: ASYNC110
                await asyncio.sleep(_LOCK_POLL_SECONDS)
    except TimeoutError:
        lock.close()
        raise DataDirectoryInUse(
            f"{data_dir} is in use by another running service: stop that one, or give this one a directory "
            "of its own with UPTAKE_DATA_DIR; to run several on one database set UPTAKE_MONGODB_URI"
        ) from None
    except BaseException:
        lock.close()
        raise
    return lock


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _address_file(data_dir: Path) -> Path:
    return data_dir / "database.json"


async def _reported_port(process: Child) -> int:
    """The port in the launcher's ready line. Raises ValueError if the process ended without one."""
    port: int = json.loads(await process.first_line())["port"]
    return port


async def _ping(uri: str, timeout_seconds: float) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        uri, serverSelectionTimeoutMS=round(timeout_seconds * 1000)
    )
    try:
        await client.admin.command("ping")
    finally:
        client.close()
