"""kill -9 under load: what was acknowledged is there, once, and every number adds up."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2
from uptake_service.mongo.client import Mongo

from tests.conftest import StartService
from tests.faults.trial import lasting_differences
from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, eventually, in_time, listens, runs, serving

QUERIES = (
    "How do I reset my password?",
    "What are your opening hours?",
    "Where can I download the invoice of last month?",
    "Can I change the address of my parcel?",
)
ITEMS = 1000
BATCH = 50


def items() -> list[feedback_pb2.CollectFeedbackRequest]:
    """The import: the same feedback under the same request ids whenever it is asked for."""
    return [
        feedback_pb2.CollectFeedbackRequest(
            request_id=f"import-{number}",
            feedback=(thumbs_down if number % 3 else thumbs_up)(f"answer-{number}", query=QUERIES[number % 4]),
        )
        for number in range(ITEMS)
    ]


@asynccontextmanager
async def database_at(uri: str) -> AsyncIterator[Mongo]:
    mongo = Mongo.connect(uri, "uptake", PATIENCE_SECONDS)
    try:
        yield mongo
    finally:
        mongo.close()


async def totals(client: Client) -> tuple[int, int, int]:
    metrics = (await client.insights.get()).metrics
    return metrics.total_feedback, metrics.positive_count, metrics.negative_count


async def listed(client: Client) -> list[str]:
    return [feedback.id async for feedback in client.feedback.list(page_size=1000)]


async def test_a_killed_service_has_all_that_it_acknowledged_once(tmp_path: Path) -> None:
    acknowledged: dict[int, str] = {}
    async with serving(tmp_path / "data") as service:
        database = service.database_pid
        async with Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client:

            async def send() -> None:
                async with contextlib.aclosing(client.collect_many(items(), batch_size=BATCH, in_flight=4)) as results:
                    async for result in results:
                        acknowledged[len(acknowledged)] = result.feedback.id
                        if len(acknowledged) == ITEMS // 3:
                            service.kill()

            sending = asyncio.create_task(send())
            assert await service.ended() == -signal.SIGKILL
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    assert all(acknowledged.values())
    assert ITEMS // 3 <= len(acknowledged) < ITEMS

    # At once: it must not have to wait until the old database is gone.
    async with serving(tmp_path / "data") as service:
        assert not runs(database)
        assert service.database_pid != database
        async with Client(service.address, timeout_seconds=60.0) as client, database_at(service.database_uri) as mongo:
            stored = await listed(client)
            assert set(acknowledged.values()) <= set(stored)
            assert len(stored) < ITEMS
            assert (await totals(client))[0] == len(stored)

            results = [result async for result in client.collect_many(items(), batch_size=BATCH)]

            ids = [result.feedback.id for result in results]
            assert len(set(ids)) == ITEMS
            assert {number: ids[number] for number in acknowledged} == acknowledged
            assert set(stored) <= set(ids)
            assert sorted(await listed(client)) == sorted(ids)
            negative = sum(number % 3 != 0 for number in range(ITEMS))
            assert await totals(client) == (ITEMS, ITEMS - negative, negative)
            assert await lasting_differences(mongo) == []
        service.terminate()
        assert await service.ended() == 0


async def test_a_killed_service_leaves_no_database(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        database = service.database_pid
        database_port = int(service.database_uri.rpartition(":")[2].partition("/")[0])
        assert runs(database)

        service.kill()

        await service.ended()
        await eventually(lambda: not runs(database), "the end of the database")
    assert not listens(database_port)
    assert not listens(service.port)


async def test_a_killed_database_comes_back_and_nothing_acknowledged_is_lost(
    start_service: StartService, tmp_path: Path
) -> None:
    service = await start_service(mongodb_uri="", data_dir=tmp_path / "data", trigger_interval_seconds=0.5)
    await by_rate_alone(service.client)
    address = tmp_path / "data" / "database.json"
    first_pid = int(json.loads(address.read_text())["pid"])
    acknowledged: dict[str, str] = {}
    finish = asyncio.Event()

    async def write(writer: int) -> None:
        """Sends one after the other, each until it is acknowledged."""
        number = 0
        while not finish.is_set():
            name = f"{writer}-{number}"
            feedback = (thumbs_down if number % 3 else thumbs_up)(name, query=QUERIES[number % 4])
            while name not in acknowledged:
                with contextlib.suppress(UptakeError):
                    acknowledged[name] = (await service.client.collect(feedback, request_id=name)).id
            number += 1

    writers = [asyncio.create_task(write(writer)) for writer in range(8)]
    try:
        await eventually(lambda: len(acknowledged) >= 100, "a hundred acknowledged")
        os.kill(first_pid, signal.SIGKILL)
        before = len(acknowledged)
        await eventually(lambda: len(acknowledged) >= before + 100, "a hundred more after the kill")
    finally:
        finish.set()
        async with in_time("the end of the writers"):
            await asyncio.gather(*writers)

    assert json.loads(address.read_text())["pid"] != first_pid
    assert sorted(await listed(service.client)) == sorted(acknowledged.values())
    negative = sum(int(name.split("-")[1]) % 3 != 0 for name in acknowledged)
    total = len(acknowledged)
    assert await totals(service.client) == (total, total - negative, negative)
    assert {review.pattern.representative_query async for review in service.client.reviews.list()} == set(QUERIES)
    assert await lasting_differences(service.mongo) == []
