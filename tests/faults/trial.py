"""Tries a fault under load, and counts what is wrong afterwards."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from uptake_service.check import check
from uptake_service.clock import Clock

from tests.faults.callers import DOCUMENTED, Callers
from tests.faults.catalogue import Fault
from tests.faults.stage import Stage, stage

_NO_DATABASE = "uptake: the database "
"""What a service says that is started while its database does not answer; it is started again then."""


@dataclass
class Outcome:
    """What came of it. `wrong` names everything that must not be."""

    tried: int = 0
    proofs: list[str] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    differences: list[str] = field(default_factory=list)
    claims: int = 0
    wrong: list[str] = field(default_factory=list)


async def try_fault(fault: Fault, folder: Path, *, times: int, acknowledged: int) -> Outcome:
    """Tries a fault so many times under load, until so much at least is acknowledged."""
    outcome = Outcome()
    async with stage(folder) as scene:
        callers = Callers(scene.addresses)
        callers.start()
        await callers.recovered(0.0)
        for _ in range(times):
            await asyncio.sleep(random.uniform(0.2, 1.0))
            outcome.proofs.append(await fault.harm(scene, callers))
            outcome.tried += 1
            outcome.recovered.append(await callers.recovered(time.monotonic()))
        while len(callers.acknowledged) < acknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await callers.stop()
        await _judge(scene, callers, outcome)
    return outcome


async def _judge(scene: Stage, callers: Callers, outcome: Outcome) -> None:
    async with scene.mongo() as mongo:
        stored: Counter[str] = Counter()
        ids = {}
        async for document in mongo.collection("feedback").stream({}, projection={"interaction.id": 1}):
            stored[document["interaction"]["id"]] += 1
            ids[document["_id"]] = document["interaction"]["id"]
        outcome.differences = await check(mongo, Clock())
    outcome.acknowledged = len(callers.acknowledged)
    outcome.lost = sum(ids.get(id) != request for request, id in callers.acknowledged.items())
    outcome.doubled = sum(count > 1 for count in stored.values())
    outcome.claims = len(callers.claims)
    codes = [(code.name, count) for code, count in callers.codes.items() if code not in DOCUMENTED]
    outcome.wrong = [f"{name} answered {count} times" for name, count in codes]
    outcome.wrong += [f"claim {claim} won {won} times" for claim, won in callers.claims.items() if won > 1]
    if callers.late:
        outcome.wrong.append(f"{callers.late} calls ended after their deadline")
    for line in (line for replica in scene.replicas for line in replica.log().splitlines()):
        if _is_bad(line):
            outcome.wrong.append(f"in the log of a replica: {line[:160]} ... {line[-1200:]}")


def _is_bad(line: str) -> bool:
    """Whether a line of a service's log tells of a fault of the service."""
    if not line.startswith("{"):
        return not line.startswith(_NO_DATABASE)
    told = json.loads(line)
    # The driver tells of its own background work so.
    return told["level"] in ("ERROR", "CRITICAL") and not told["logger"].startswith("pymongo")
