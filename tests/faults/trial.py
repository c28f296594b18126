"""Tries a fault under load, and counts what is wrong afterwards."""

import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from uptake import Client
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.domain.project import DEFAULT_PROJECT
from uptake_service.mongo.client import Mongo

from tests.faults.callers import DOCUMENTED, Callers
from tests.faults.catalogue import Fault
from tests.faults.stage import Stage
from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, any_moment, eventually

_NO_DATABASE = "uptake: the database "
"""What a service says that is started while its database does not answer; it is started again then."""

_OF_DATABASE = ("pymongo", "secantus", "wiredtiger", "uptake_embedded", "uptake_service.mongo.embedded")
"""Who tells of a database that fails: the driver, the embedded database, and who starts it again."""


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
    async with fault.stage(folder) as scene:
        async with Client(scene.addresses[0], timeout_seconds=PATIENCE_SECONDS) as client:
            await by_rate_alone(client)
        callers = Callers(scene.addresses)
        callers.start()
        await callers.recovered(0.0)
        for _ in range(times):
            await any_moment(1.0)
            outcome.proofs.append(await fault.harm(scene, callers))
            outcome.tried += 1
            outcome.recovered.append(await callers.recovered(time.monotonic()))
        enough = 10 * PATIENCE_SECONDS
        await eventually(lambda: len(callers.acknowledged) >= acknowledged, f"{acknowledged} acknowledged", enough)
        await eventually(lambda: bool(callers.claims), "a review that somebody claimed", enough)
        await callers.stop()
        await _judge(scene, callers, outcome)
    return outcome


async def _judge(scene: Stage, callers: Callers, outcome: Outcome) -> None:
    async with scene.mongo() as mongo:
        stored: Counter[str] = Counter()
        ids = {}
        # Faults have projects of their own for what is no caller's.
        mine = {"project": DEFAULT_PROJECT}
        async for document in mongo.collection("feedback").stream(mine, projection={"interaction.id": 1}):
            stored[document["interaction"]["id"]] += 1
            ids[document["_id"]] = document["interaction"]["id"]
        outcome.differences = await lasting_differences(mongo)
    outcome.acknowledged = len(callers.acknowledged)
    outcome.lost = sum(ids.get(id) != request for request, id in callers.acknowledged.items())
    outcome.doubled = sum(count > 1 for count in stored.values())
    outcome.claims = len(callers.claims)
    codes = [(code.name, count) for code, count in callers.codes.items() if code not in DOCUMENTED]
    outcome.wrong = [f"{name} answered {count} times" for name, count in codes]
    outcome.wrong += [f"claim {claim} won {won} times" for claim, won in callers.claims.items() if won > 1]
    outcome.wrong += [f"a client was told: {told}" for told in callers.failed]
    if callers.late:
        outcome.wrong.append(f"{callers.late} calls ended after their deadline")
    for line in (line for replica in scene.replicas for line in replica.log().splitlines()):
        if is_bad(line):
            outcome.wrong.append(f"in the log of a replica: {line[:160]} ... {line[-1200:]}")


async def lasting_differences(mongo: Mongo) -> list[str]:
    """What the recount names, and still names when what a kill left to be done is done: by the sweep, in seconds."""
    found: list[str] = []

    async def is_none() -> bool:
        found[:] = await check(mongo, Clock())
        return not found

    with contextlib.suppress(AssertionError):
        await eventually(is_none, "the end of differences")
    return found


def is_bad(line: str) -> bool:
    """Whether a line of a service's log tells of a fault of the service."""
    if not line.startswith("{"):
        return not line.startswith(_NO_DATABASE)
    told = json.loads(line)
    return told["level"] in ("ERROR", "CRITICAL") and not told["logger"].startswith(_OF_DATABASE)
