"""The service as a process of its own, as people run it, and the one way in which tests wait."""

import asyncio
import contextlib
import inspect
import json
import os
import random
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

import psutil

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""How long tests wait for what never comes. What does come is there long before, on a busy machine too."""

_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.01, 0.1

_LISTENING = re.compile(r"listening on \S+:(\d+)")
_COMMAND = (sys.executable, "-m", "uptake_service.cli.main")
_CLUSTERING = "uptake_service.issues.run"


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

    async def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code; fails if the process goes on for longer than that."""
        async with in_time("the end of the service", seconds):
            return await self.process.wait()


@asynccontextmanager
async def serving(data_dir: Path, **settings: str) -> AsyncIterator[ServiceProcess]:
    """Runs `uptake serve` on the embedded database in `data_dir`; kills it at the end, if it still runs.

    It waits for its database for as long as tests wait, unless told otherwise: on a busy machine that takes time.
    """
    usual = {"port": "0", "data_dir": str(data_dir), "database_timeout_seconds": f"{PATIENCE_SECONDS:g}"}
    process = await launch("serve", settings=usual | settings)
    service = ServiceProcess(process, data_dir)
    listening = asyncio.Event()
    reading = asyncio.create_task(_read_log(service, listening))
    try:
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait({waiting, reading}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert service.port, f"it does not listen: {service.log}"
        yield service
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def launch(
    *arguments: str, settings: Mapping[str, str] | None = None, folder: Path | None = None, log: Path | None = None
) -> Process:
    """Starts a command in a folder, with these settings and no others; its errors go to a file, or to a pipe."""
    with contextlib.ExitStack() as files:
        errors = files.enter_context(log.open("ab")) if log else PIPE
        return await asyncio.create_subprocess_exec(
            *_COMMAND, *arguments, env=_environment(settings or {}), cwd=folder, stdout=PIPE, stderr=errors
        )


async def run(*arguments: str, folder: Path | None = None, **settings: str) -> tuple[int, str, str]:
    """Runs a command that ends by itself; returns exit code, output and errors."""
    process = await launch(*arguments, settings=settings, folder=folder)
    return await _told(process, f"the end of `uptake {' '.join(arguments)}`")


async def run_python(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Runs a Python program that ends by itself; returns exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=PIPE, stderr=PIPE, env=os.environ | environment
    )
    return await _told(process, "the end of the program")


def clustering_workers(service_pid: int) -> list[psutil.Process]:
    """The processes in which a service makes issues; one that was just started or has just ended is not seen."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(service_pid).children():
            with contextlib.suppress(psutil.Error):
                if _CLUSTERING in child.cmdline():
                    found.append(child)
    return found


@overload
async def eventually(
    condition: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE_SECONDS
) -> T: ...


@overload
async def eventually(condition: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T: ...


async def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Waits until a condition holds, and returns what it came to; fails when it does not in `seconds`.

    Args:
        condition: What is to become true; it may have to be waited for itself.
        what: What is waited for, as a failure tells it.
    """
    deadline, pause = time.monotonic() + seconds, _FIRST_LOOK_SECONDS
    while True:
        async with in_time(f"the look for {what}", seconds):
            looked = condition()
            found = await looked if inspect.isawaitable(looked) else looked
        if found:
            return found
        # After the last look, not before: whoever comes late because the machine had no time for it still sees.
        assert time.monotonic() < deadline, f"{what} did not come in {seconds:g} s: {found!r}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)


@asynccontextmanager
async def in_time(what: str, seconds: float = PATIENCE_SECONDS) -> AsyncIterator[None]:
    """Runs a block that waits for something by itself; fails when that does not come in `seconds`."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"{what} did not come in {seconds:g} s") from None


async def let_pass(seconds: float, why: str) -> None:
    """Lets the time pass that a test is about, such as that of a service's absence: `why` says what it is.

    What waits for a state has `eventually` for it.
    """
    assert why
    await asyncio.sleep(seconds)


async def any_moment(most_seconds: float, rng: random.Random | None = None) -> None:
    """Lets a moment pass, a random one: before harm that must be borne at any. Nothing may be taken to have begun."""
    await asyncio.sleep((rng or random).uniform(0, most_seconds))


def runs(pid: int) -> bool:
    """Whether there is such a process; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to nobody by itself.

    One that it gave for port 0 might be given again, to a connection of another test, before it is listened on.
    """
    range_of_system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(range_of_system.read_text().split()[0]) if range_of_system.exists() else 32_768
    while True:
        port = random.SystemRandom().randrange(min(10_000, first // 2), first)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page that a service on this machine shows."""

    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_SECONDS) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with these settings of the service and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UPTAKE_")}
    return inherited | {f"UPTAKE_{name.upper()}": value for name, value in settings.items()}


async def _told(process: Process, what: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a process, once it has ended."""
    try:
        async with in_time(what, 5 * PATIENCE_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def _read_log(service: ServiceProcess, listening: asyncio.Event) -> None:
    assert service.process.stderr is not None
    async for line in service.process.stderr:
        service.log.append(line.decode().rstrip())
        found = _LISTENING.search(service.log[-1])
        if found:
            service.port = int(found.group(1))
            listening.set()
