"""Callers as products have them: a client of ours, and ten calls a second.

Their patience is longer than a start takes on a busy machine. What the clients' own is good for, four seconds in which
nothing listens, is tried by the clock in tests/unit/test_client.py and clients/typescript/tests/faults.test.ts.
"""

import asyncio
import json
import random
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from uptake import Client, UptakeError, thumbs_down

from tests.processes import let_pass

_INTERVAL_SECONDS = 0.1
_PATIENCE_SECONDS = 90.0
_TYPESCRIPT = Path(__file__).parents[2] / "clients/typescript"


@dataclass
class Steady:
    """What came of the calls; complete once the caller has left.

    Attributes:
        acknowledged: The feedback's id for each request id.
        failed: What the caller was told instead.
        slowest_seconds: How long the slowest call took.
        began: Set by the first answer.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    began: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def calls(self) -> int:
        return len(self.acknowledged) + len(self.failed)


@asynccontextmanager
async def python_calls(address: str) -> AsyncIterator[Steady]:
    """Sends until the block is left, and returns when all calls are answered."""
    steady, name, calls = Steady(), _name(), list[asyncio.Task[None]]()

    async def call(client: Client, id: str) -> None:
        began = asyncio.get_running_loop().time()
        try:
            feedback = await client.collect(thumbs_down(id, query="Is it back?"), request_id=id)
            steady.acknowledged[id] = feedback.id
            steady.began.set()
        except UptakeError as error:
            steady.failed.append(str(error))
        steady.slowest_seconds = max(steady.slowest_seconds, asyncio.get_running_loop().time() - began)

    async def send(client: Client) -> None:
        while True:
            calls.append(asyncio.create_task(call(client, f"{name}-{len(calls)}")))
            await let_pass(_INTERVAL_SECONDS, "ten calls a second")

    patience = _PATIENCE_SECONDS
    async with Client(address, timeout_seconds=patience, connect_timeout_seconds=patience) as client:
        sending = asyncio.create_task(send(client))
        try:
            await steady.began.wait()
            yield steady
        finally:
            sending.cancel()
            await asyncio.gather(sending, *calls, return_exceptions=True)


@asynccontextmanager
async def typescript_calls(address: str) -> AsyncIterator[Steady]:
    """The same with the TypeScript client, in a process of Node.js."""
    build = await asyncio.create_subprocess_exec(_TYPESCRIPT / "node_modules/.bin/tsc", "-p", _TYPESCRIPT)
    assert await build.wait() == 0
    steady = Steady()
    script = Path(__file__).with_suffix(".mjs")
    process = await asyncio.create_subprocess_exec(
        "node", script, address, _name(), *map(str, (_INTERVAL_SECONDS, _PATIENCE_SECONDS)), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"\n"
        yield steady
        process.stdin.close()
        told = json.loads((await process.stdout.read()).splitlines()[-1])
        steady.acknowledged, steady.failed = told["acknowledged"], told["failed"]
        steady.slowest_seconds = told["slowest_seconds"]
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _name() -> str:
    return f"steady-{random.getrandbits(64):x}"
