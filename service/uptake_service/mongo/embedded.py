"""The embedded database: SecantusDB as a child process on a loopback port, with its data in one directory.

The directory holds `lock` (held by the service that owns it), `database.json` (the address while it runs,
mode 0600), `database.log` (what the child says), `db/` (WiredTiger's files) and `db.lock` (held by the
child). The child ends when this process does, however that ends: see embedded_launcher.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import json
import os
import secrets
import sys
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from uptake_service.child import Child

_LAUNCHER = Path(__file__).with_name("embedded_launcher.py")
_LOG_LIMIT_BYTES = 4 * 1024 * 1024
_LOCK_SECONDS = 0.5
_LOCK_POLL_SECONDS = 0.02


class EmbeddedDatabaseError(Exception):
    """The embedded database cannot run. The message is one line, and says what to do."""


class EmbeddedDatabaseMissing(EmbeddedDatabaseError):
    """SecantusDB is not installed."""


class DataDirectoryInUse(EmbeddedDatabaseError):
    """Another process owns the data directory."""


class EmbeddedDatabaseFailed(EmbeddedDatabaseError):
    """The child process ended, or did not answer in time."""


class EmbeddedDatabase:
    """A running embedded database, owned by this process. Made by `start`, ended by `stop`.

    After `wait` returned, `restart` brings it back on its port with its data, so that clients recover.
    """

    uri: str
    """`mongodb://uptake:<password>@127.0.0.1:<port>/?directConnection=true`, a replica set's primary; it survives
    `restart`. The password is made for each start, and is known to this process and to who may read its files."""

    def __init__(self, data_dir: Path, lock: IO[str], start_timeout_seconds: float) -> None:
        """Use `start`. `lock` is the open, locked lock file; the object closes it."""
        self._data_dir = data_dir
        self._lock = lock
        self._start_timeout_seconds = start_timeout_seconds
        self._process: Child | None = None
        self._port = 0
        self._password = secrets.token_urlsafe(32)
        self._changing = asyncio.Lock()
        self.uri = ""

    @classmethod
    async def start(cls, data_dir: Path, *, start_timeout_seconds: float = 30.0) -> EmbeddedDatabase:
        """Starts the database in `data_dir` (made with mode 0700 if missing), returns when it answers.

        Raises EmbeddedDatabaseMissing, DataDirectoryInUse or EmbeddedDatabaseFailed; nothing runs then.
        """
        if importlib.util.find_spec("secantus") is None:
            raise EmbeddedDatabaseMissing(
                "the embedded database is not installed: pip install 'uptake-service[embedded]', "
                "or set UPTAKE_MONGODB_URI to a MongoDB replica set"
            )
        data_dir = data_dir.absolute()  # noqa: ASYNC240
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = cls(data_dir, await _own(data_dir), start_timeout_seconds)
        try:
            # Left by an owner that was killed; until the new address is known there is none.
            _address_file(data_dir).unlink(missing_ok=True)
            await database._launch()
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
        """The exit code, once the child has ended, by `stop` too; negative is the signal that killed it."""
        assert self._process is not None  # noqa: S101
        return await self._process.wait()

    async def restart(self) -> None:
        """Starts the database again after it died: same port, same data. Nothing to do while it runs or after
        `stop`.

        Raises EmbeddedDatabaseFailed; it can be called again then.
        """
        async with self._changing:
            if not self._lock.closed and not self._runs():
                await self._launch()

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
        with _open_log(self._data_dir) as log:
            start_of_log = log.tell()
            command = (_LAUNCHER, "--storage-path", self._data_dir / "db", "--port", str(self._port))
            # -P: without it every module beside the launcher would shadow an installed one of its name.
            # A session of its own: the terminal's Ctrl-C is for the service, which must drain first.
            try:
                self._process = Child(sys.executable, "-P", *command, stdout=PIPE, stderr=log, session=True)
            except OSError as error:
                raise EmbeddedDatabaseFailed(f"the embedded database could not be started: {error}") from error
        try:
            async with asyncio.timeout(self._start_timeout_seconds):
                self._process.tell(self._password)  # A command line is everybody's to read.
                self._port = await _reported_port(self._process)
                self.uri = f"mongodb://uptake:{self._password}@127.0.0.1:{self._port}/?directConnection=true"
                await _ping(self.uri, self._start_timeout_seconds)
            self._write_address()
        except (TimeoutError, PyMongoError, ValueError, OSError) as error:
            ended = await self._ended_by_itself(error)
            await self._end_child(0)
            raise EmbeddedDatabaseFailed(self._why(ended, start_of_log)) from error
        except BaseException:
            await self._end_child(0)
            raise

    async def _ended_by_itself(self, error: BaseException) -> int | None:
        """The exit code of a child that is ending; None if it hangs."""
        assert self._process is not None  # noqa: S101
        if isinstance(error, TimeoutError):
            return self._process.returncode
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._process.wait(), 1.0)
        return None

    def _why(self, exit_code: int | None, start_of_log: int) -> str:
        path = self._data_dir / "database.log"
        with path.open("rb") as log:
            log.seek(start_of_log)
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing was logged")
        what = (
            f"was not ready within {self._start_timeout_seconds:g} seconds"
            if exit_code is None
            else f"ended while starting (exit code {exit_code})"
        )
        return f"the embedded database in {self._data_dir} {what}: {last} (see {path})"

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
    """The uri of the database that runs in `data_dir` under a living owner, else None."""
    try:
        address: dict[str, Any] = json.loads(_address_file(data_dir).read_text())
        with (data_dir / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return str(address["uri"])
    except FileNotFoundError:
        return None
    return None


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


def _open_log(data_dir: Path) -> IO[bytes]:
    """Opens the log for appending; one over the limit becomes database.log.1 first."""
    path = data_dir / "database.log"
    if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")  # noqa: PTH123


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
