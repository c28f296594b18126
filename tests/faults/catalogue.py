"""The faults: each does its harm to a stage once, and gives proof that it happened."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from uptake import Client, UptakeError, thumbs_down
from uptake_service.app import App
from uptake_service.clock import Clock
from uptake_service.config import load_settings

from tests.faults.callers import Callers
from tests.faults.stage import DATABASE_TIMEOUT_SECONDS, Proxy, Replica, Stage
from tests.processes import eventually, runs

_LONG = 2.5 * DATABASE_TIMEOUT_SECONDS
"""Longer than all time-outs on the way."""

_WORKER = "uptake_service.insights.issues.run"

Harm = Callable[[Stage, Callers], Awaitable[str]]


@dataclass(frozen=True)
class Fault:
    """A fault; `slow` ones are tried fewer times."""

    name: str
    harm: Harm
    slow: bool = False


async def kill_both(stage: Stage, callers: Callers) -> str:
    return ", ".join([await _kill(replica) for replica in stage.replicas])


async def kill_one(stage: Stage, callers: Callers) -> str:
    return await _kill(random.choice(stage.replicas))


async def kill_database(stage: Stage, callers: Callers) -> str:
    process = psutil.Process(stage.database.pid)
    process.kill()
    await eventually(lambda: not runs(process.pid) and stage.database.pid != process.pid, "another database", 60)
    return f"pid {process.pid} gone"


async def freeze_database(stage: Stage, callers: Callers) -> str:
    process = psutil.Process(stage.database.pid)
    process.suspend()
    try:
        await eventually(lambda: process.status() == psutil.STATUS_STOPPED, "a database that stands still")
        before = sum(process.cpu_times()[:2])
        await asyncio.sleep(_LONG)
        assert process.status() == psutil.STATUS_STOPPED
        assert sum(process.cpu_times()[:2]) - before < 0.1
    finally:
        process.resume()
    return f"pid {process.pid} stopped {_LONG:g} s"


async def cut_database(stage: Stage, callers: Callers) -> str:
    return _cut(stage.behind)


async def cut_callers(stage: Stage, callers: Callers) -> str:
    return _cut(random.choice(stage.fronts))


async def half_open_database(stage: Stage, callers: Callers) -> str:
    before = stage.behind.cut
    await stage.behind.half_open(_LONG)
    assert stage.behind.cut > before
    return f"{stage.behind.cut - before} connections silent {_LONG:g} s"


async def delay_database(stage: Stage, callers: Callers) -> str:
    stage.behind.delay_seconds = 0.2
    began = asyncio.get_running_loop().time()
    async with stage.mongo() as straight:
        await straight.ping()
    await asyncio.sleep(_LONG)
    stage.behind.delay_seconds = 0.0
    return f"200 ms each way for {asyncio.get_running_loop().time() - began:.0f} s"


async def lose_answers(stage: Stage, callers: Callers) -> str:
    front = random.choice(stage.fronts)
    before = front.cut
    await front.lose_answers(0.5)
    assert front.cut > before
    return f"answers of {front.cut - before} ends lost"


async def fill_disk(stage: Stage, callers: Callers) -> str:
    """The database may make no file longer any more: what a full disk does to it, without filling one."""
    process = psutil.Process(stage.database.pid)
    usual = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (1, usual[1]))
    failed = sum(callers.codes.values())
    try:
        await eventually(lambda: sum(callers.codes.values()) > failed, "a call that failed", 60)
        await asyncio.sleep(1.0)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, usual)
    died = not runs(process.pid)
    if not died:
        # What failed to write says so until it is started again.
        process.kill()
    await eventually(lambda: stage.database.pid != process.pid, "another database", 60)
    return f"no byte more for pid {process.pid}, which {'died' if died else 'went on'}"


async def kill_clustering(stage: Stage, callers: Callers) -> str:
    replica = random.choice(stage.replicas)
    async with Client(f"localhost:{replica.port}", timeout_seconds=60.0) as client:
        refreshing = asyncio.create_task(client.insights.get(refresh_issues=True))
        service, found = psutil.Process(replica.process.pid), list[psutil.Process]()

        def look() -> bool:
            # One that was just started or has just ended cannot be looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                found.extend(child for child in service.children() if _WORKER in child.cmdline())
            return bool(found) or refreshing.done()

        await eventually(look, "a worker", 30)
        assert found, "the run ended unseen"
        with contextlib.suppress(psutil.NoSuchProcess):
            found[0].kill()
        with contextlib.suppress(UptakeError):
            await refreshing
    return f"worker {found[0].pid} gone"


class _Ahead(Clock):
    def __init__(self, hours: int) -> None:
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._ahead


async def jump_clock(stage: Stage, callers: Callers) -> str:
    """A third replica whose clock is wrong by an hour, one way and the other, works beside those two."""
    taken = 0
    for hours in (1, -1):
        settings = load_settings(port=0, mongodb_uri=stage.database.uri, pattern_refresh_seconds=0.2)
        app = App(settings, _Ahead(hours))
        await app.start()
        try:
            async with Client(f"localhost:{app.port}", timeout_seconds=20.0) as client:
                for number in range(15):
                    id = f"clock-{random.getrandbits(64):x}-{number}"
                    feedback = await client.collect(thumbs_down(id, query="How late is it?"), request_id=id)
                    callers.acknowledged[id] = feedback.id
                    taken += 1
        finally:
            await app.stop()
    return f"{taken} taken in an hour off"


async def cancel_calls(stage: Stage, callers: Callers) -> str:
    before, callers.cancelling = callers.cancelled, True
    await asyncio.sleep(2.0)
    callers.cancelling = False
    assert callers.cancelled > before
    return f"{callers.cancelled - before} calls cancelled"


CATALOGUE = (
    Fault("both replicas killed -9", kill_both),
    Fault("one of two replicas killed -9", kill_one),
    Fault("database killed -9", kill_database),
    Fault("database frozen", freeze_database, slow=True),
    Fault("connections to the database cut", cut_database),
    Fault("connections to the database half-open", half_open_database, slow=True),
    Fault("connections to the database slow", delay_database, slow=True),
    Fault("connections of callers cut", cut_callers),
    Fault("answers lost, calls repeated", lose_answers),
    Fault("disk full", fill_disk, slow=True),
    Fault("clustering worker killed -9", kill_clustering),
    Fault("clock an hour off", jump_clock, slow=True),
    Fault("half of the calls cancelled", cancel_calls, slow=True),
)


async def _kill(replica: Replica) -> str:
    process = replica.process
    process.send_signal(signal.SIGKILL)
    await eventually(lambda: not runs(process.pid), "its end")
    return f"pid {process.pid} gone"


def _cut(proxy: Proxy) -> str:
    before = proxy.cut
    proxy.cut_all()
    assert proxy.cut > before
    return f"{proxy.cut - before} ends cut"
