"""The service as a process of its own, as people run it."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

_LISTENING = re.compile(r"listening on \S+:(\d+)")
_COMMAND = (sys.executable, "-m", "uptake_service.cli")


@dataclass
class ServiceProcess:
    """A service that answers, in a process of its own."""

    process: Process
    data_dir: Path
    port: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    @property
    def database_pid(self) -> int:
        return int(json.loads((self.data_dir / "database.json").read_text())["pid"])

    @property
    def database_uri(self) -> str:
        return str(json.loads((self.data_dir / "database.json").read_text())["uri"])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ended(self, seconds: float = 10.0) -> int:
        """The exit code; fails if the process goes on for longer than that."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()


@asynccontextmanager
async def serving(data_dir: Path, **settings: str) -> AsyncIterator[ServiceProcess]:
    """Runs `uptake serve` on the embedded database in `data_dir`; kills it at the end, if it still runs."""
    process = await launch("serve", **{"port": "0", "data_dir": str(data_dir), **settings})
    service = ServiceProcess(process, data_dir)
    listening = asyncio.Event()
    reading = asyncio.create_task(_read_log(service, listening))
    try:
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait({waiting, reading}, timeout=45, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert service.port, f"it does not listen: {service.log}"
        yield service
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def launch(*arguments: str, folder: Path | None = None, log: Path | None = None, **settings: str) -> Process:
    """Starts a command in a folder, with these settings and no others; its errors go to a file, or to a pipe."""
    with contextlib.ExitStack() as files:
        errors = files.enter_context(log.open("ab")) if log else PIPE
        return await asyncio.create_subprocess_exec(
            *_COMMAND, *arguments, env=_environment(settings), cwd=folder, stdout=PIPE, stderr=errors
        )


async def run(*arguments: str, folder: Path | None = None, **settings: str) -> tuple[int, str, str]:
    """Runs a command that ends by itself; returns exit code, output and errors."""
    process = await launch(*arguments, folder=folder, **settings)
    try:
        async with asyncio.timeout(45):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def eventually(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Returns when the condition holds; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        await asyncio.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether there is such a process; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_port() -> int:
    """A port that nobody listens on, as yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page that a service on this machine shows."""

    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment, with these settings of the service and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UPTAKE_")}
    return inherited | {f"UPTAKE_{name.upper()}": value for name, value in settings.items()}


async def _read_log(service: ServiceProcess, listening: asyncio.Event) -> None:
    assert service.process.stderr is not None
    async for line in service.process.stderr:
        service.log.append(line.decode().rstrip())
        found = _LISTENING.search(service.log[-1])
        if found:
            service.port = int(found.group(1))
            listening.set()
