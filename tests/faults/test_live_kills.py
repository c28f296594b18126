"""Subscribers of two replicas, cut at random while services and the database are killed: each event once, in order."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import grpc
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import event_pb2, insight_pb2
from uptake.v1.correction_pb2 import CorrectionDraft, KnowledgeChange
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.mongo.client import Mongo

from tests.faults.trial import lasting_differences
from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, ServiceProcess, eventually, free_port, listens, serving

EVENTS = int(os.environ.get("UPTAKE_TEST_LIVE_EVENTS", "200"))
"""2,000 take about five minutes."""

CUTS = EVENTS // 40
KILLS = max(EVENTS // 400, 1)

REVIEWS = 12
_QUERIES = [
    f"{verb} my {thing}?"
    for verb in ("Where is", "How do I cancel", "Who pays for")
    for thing in ("parcel", "invoice", "password", "subscription")
]


class Database:
    """SecantusDB with an oplog that forgets at once, so that no token of a change stream lives for long."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.process: Process

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("secantusd-py"),
            *("--port", str(self.port), "--storage-path", self._folder, "--sync-on-commit"),
            *("--oplog-max-entries", "20", "--oplog-retention-seconds", "1"),
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        await eventually(lambda: listens(self.port), "the database")

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()


class Replica:
    """A service process that is started again on its port whenever it was killed."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.port = free_port()
        self._uri = uri
        self._folder = folder
        self._service: ServiceProcess | None = None

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    async def run(self) -> None:
        while True:
            settings = {"port": str(self.port), "mongodb_uri": self._uri, "database_timeout_seconds": "2"}
            with contextlib.suppress(AssertionError):  # The database may be down just now.
                async with serving(self._folder, **settings) as self._service:
                    await self._service.process.wait()
            self._service = None

    def kill(self) -> None:
        if self._service is not None:
            self._service.kill()


async def make_events(address: str, part: int, enough: Callable[[], bool]) -> None:
    """Claims and releases reviews and corrects knowledge, until there are enough events."""
    rng = random.Random(part)
    async with Client(address, timeout_seconds=PATIENCE_SECONDS) as client:
        number = 0
        while not enough():
            number += 1
            with contextlib.suppress(UptakeError):
                if rng.random() < 0.5:
                    draft = CorrectionDraft(knowledge=KnowledgeChange(key=f"{part}", content=f"{number}"))
                    await client.corrections.apply([draft], "ann")
                    continue
                reviews = [review async for review in client.reviews.list()]
                claim = await client.reviews.claim(rng.choice(reviews).id, f"ann-{part}", lease_seconds=30)
                await claim.release()


async def read_with_cuts(replicas: list[Replica], seen: list[event_pb2.Event], cuts: list[int]) -> None:
    """Reads from one replica or the other, cutting the stream at a random point and resuming with the newest token."""
    rng, token = random.Random(1), ""
    while True:
        last = len(cuts) >= CUTS
        async with grpc.aio.insecure_channel(rng.choice(replicas).address) as channel:
            call = InsightServiceStub(channel).SubscribeInsights(
                insight_pb2.SubscribeInsightsRequest(resume_token=token), wait_for_ready=True
            )
            left = rng.randrange(40)
            try:
                async for message in call:
                    token = message.resume_token or token
                    if message.HasField("event"):
                        seen.append(message.event)
                    if message.HasField("end") or ((left := left - 1) < 0 and not last):
                        break
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE, error
            if left < 0 and not last:
                cuts.append(len(seen))
            call.cancel()


async def read_with_client(replica: Replica, seen: list[event_pb2.Event]) -> None:
    async with Client(replica.address) as client, client.insights.subscribe() as updates:
        async for update in updates:
            if update.HasField("event"):
                seen.append(update.event)  # noqa: PERF401 - others look at it meanwhile.


async def test_no_event_is_missed_or_repeated_whatever_dies(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    await database.start()
    replicas = [Replica(database.uri, tmp_path / f"replica-{number}") for number in range(2)]
    seen: dict[str, list[event_pb2.Event]] = {"cut": [], "client 0": [], "client 1": []}
    cuts: list[int] = []
    rng = random.Random(2)
    async with running(*(replica.run() for replica in replicas)), closing(database):
        for replica in replicas:
            await eventually(partial(listens, replica.port), "the service")
        readers = [
            read_with_cuts(replicas, seen["cut"], cuts),
            *(read_with_client(replica, seen[f"client {number}"]) for number, replica in enumerate(replicas)),
        ]
        async with running(*readers):
            async with Client(replicas[0].address, timeout_seconds=PATIENCE_SECONDS) as client:
                await by_rate_alone(client)
                for query in _QUERIES:
                    async for result in client.collect_many(thumbs_down(f"{query} {n}", query=query) for n in range(3)):
                        assert result.HasField("feedback")
                await eventually(lambda: len(seen["cut"]) >= len(_QUERIES), "the first events")

            def enough() -> bool:
                return len(seen["client 0"]) >= EVENTS

            async with running(*(make_events(replicas[part % 2].address, part, enough) for part in range(6))):
                for kill in range(KILLS):
                    reached = EVENTS * (kill + 1) // (KILLS + 2)
                    await eventually(lambda: len(seen["client 0"]) >= reached, f"{reached} events", 300)  # noqa: B023
                    rng.choice(replicas).kill()
                reached = EVENTS * (KILLS + 1) // (KILLS + 2)
                await eventually(lambda: len(seen["client 0"]) >= reached, f"{reached} events", 300)
                await database.kill()
                await database.start()
                await eventually(enough, f"{EVENTS} events", 300)

            mongo = Mongo.connect(database.uri, "uptake", 10.0)
            try:
                stored = [event["seq"] for event in await mongo.collection("events").find({}, sort=[("seq", 1)])]
                assert len(stored) >= EVENTS
                for name, events in seen.items():
                    await eventually(lambda: len(events) >= len(stored), f"all of {name}")  # noqa: B023
                    # More may come yet, as of claims that run out.
                    assert [event.seq for event in events[: len(stored)]] == stored, name
                kinds = {event.kind for event in seen["cut"]}
                assert kinds >= {event_pb2.EVENT_KIND_REVIEW, event_pb2.EVENT_KIND_CORRECTION}
                assert await lasting_differences(mongo) == []
            finally:
                mongo.close()
    assert len(cuts) == CUTS
    print(f"{len(stored)} events, {len(cuts)} cuts, {KILLS} kills of a service, one of the database")


@contextlib.asynccontextmanager
async def running(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Runs these beside the block; what fails among them fails the test."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def closing(database: Database) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await database.kill()
