"""Clustering runs while feedback comes, is taken back, and workers are killed: ids stay, generations are whole."""

import asyncio
import contextlib
import itertools
import os
import random
from collections import Counter
from typing import Any

import psutil
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import feedback_pb2

from tests.conftest import StartService
from tests.faults.trial import lasting_differences
from tests.processes import any_moment, clustering_workers, eventually

_MOST = 600
_FIRST, _DURING_RUN = 150, 60
"""How many complaints come before the first run, and beside each."""

RUNS = int(os.environ.get("UPTAKE_TEST_ISSUE_RUNS", "2"))
"""A hundred take about twenty minutes; each is a process that reads, clusters and writes all again."""

_THINGS = ("invoice", "booking", "tracking", "label", "customs", "return", "address", "claim", "pickup", "delivery")
_PHRASES = (
    "the link to the {} page is broken",
    "refund time limit wrong for my {} refund",
    "answered in english, I asked in german about {}",
    "it invented a phone number for {} questions",
    "the price of {} is out of date",
)
_ENDS = ("", " again", ", please look", ", not good", ", why", ", as so often")


async def test_runs_keep_ids_and_numbers_whatever_happens_among_them(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=0.5)
    client, rng = service.client, random.Random(7)
    sent: list[str] = []
    numbers = itertools.count(1)

    def complaint(number: int) -> feedback_pb2.Feedback:
        text = rng.choice(_PHRASES).format(rng.choice(_THINGS)) + rng.choice(_ENDS)
        return thumbs_down(f"i{number}", comment=text, user_id=f"u{number}")

    async def users() -> None:
        for number in itertools.islice(numbers, _DURING_RUN):
            sent.append((await client.collect(complaint(number))).id)
            # As many come as go, once there are enough: a run's time must not grow with the test's.
            if number % 4 == 0 or len(sent) > _MOST:
                await client.feedback.retract(sent.pop(rng.randrange(len(sent))))

    kept = moved = killed = finished = 0
    before: dict[str, str] = {}
    first = client.collect_many(complaint(number) for number in itertools.islice(numbers, _FIRST))
    sent += [result.feedback.id async for result in first]
    while finished < RUNS:
        using = asyncio.create_task(users())
        running = asyncio.create_task(client.insights.get(refresh_issues=True))
        if rng.random() < 0.3:
            killed += await _kill_worker(rng, running)
        failure, _ = await asyncio.gather(running, using, return_exceptions=True)
        using.result()
        if isinstance(failure, UptakeError) and failure.reason == "ISSUE_RUN_FAILED":
            continue
        running.result()
        finished += 1
        after = await _members(client, service)
        same = [before[id] == after[id] for id in before.keys() & after.keys()]
        kept, moved = kept + sum(same), moved + len(same) - sum(same)
        before = after
    await client.insights.get(refresh_issues=True)
    assert await lasting_differences(service.mongo) == []
    assert killed or RUNS < 10
    share = kept / max(kept + moved, 1)
    print(f"{finished} runs, {killed} workers killed, {share:.3f} of members kept their issue's id")
    # The first runs have few members to go by.
    assert share > (0.8 if RUNS >= 10 else 0.5)
    listed = [issue async for issue in client.issues.list()]
    assert sum(issue.frequency for issue in listed) <= len(sent)
    assert len(listed) >= len(_PHRASES) - 1


async def _kill_worker(rng: random.Random, running: "asyncio.Task[object]") -> int:
    """Kills the worker at a random moment of its life; tells whether one was there to kill."""
    await eventually(lambda: bool(clustering_workers(os.getpid())) or running.done(), "a worker")
    found = clustering_workers(os.getpid())
    await any_moment(2, rng)
    with contextlib.suppress(psutil.NoSuchProcess):
        for worker in found:
            worker.kill()
        return len(found)
    return 0


async def _members(client: Client, service: Any) -> dict[str, str]:
    mongo = service.mongo
    generation = await mongo.collection("issue_generations").get({"_id": "default"})
    members = await mongo.collection("issue_members").find(
        {"project": "default", "generation": generation["number"], "active": True}
    )
    # A generation is whole: it names no issue that is not there.
    issues = {issue["_id"] for issue in await mongo.collection("issues").find({"project": "default"})}
    named = Counter(member["issue_id"] for member in members if member["issue_id"])
    assert set(named) <= issues
    return {member["feedback_id"]: member["issue_id"] for member in members if member["issue_id"]}
