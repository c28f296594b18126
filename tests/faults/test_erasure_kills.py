"""kill -9 in the midst of an erasure: once the service is back it goes on by itself, to the end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uptake import Client, thumbs_down
from uptake_service.erasure.eraser import ERASURES_JOB
from uptake_service.mongo.client import Mongo

from tests.faults.test_kill import database_at
from tests.faults.trial import lasting_differences
from tests.processes import PATIENCE_SECONDS, ServiceProcess, clustering_workers, eventually, serving

ALL = 160


async def is_recorded(service: ServiceProcess, mongo: Mongo) -> bool:
    """Whether the erasure is asked for, for good: from here on it must come to its end."""
    return await mongo.collection("erasures").count({}) == 1


async def is_deleting(service: ServiceProcess, mongo: Mongo) -> bool:
    return await mongo.collection("erasures").count({"erased_count": {"$gt": 0}}) == 1


async def makes_issues_anew(service: ServiceProcess, mongo: Mongo) -> bool:
    """Whether issues are being made anew; true too if the erasure is over before anybody saw that."""
    if clustering_workers(service.process.pid):
        return True
    return await mongo.collection("erasures").count({"done": True}) == 1


@pytest.mark.parametrize("begun", [is_recorded, is_deleting, makes_issues_anew])
async def test_a_killed_erasure_goes_on(
    tmp_path: Path, begun: Callable[[ServiceProcess, Mongo], Awaitable[bool]]
) -> None:
    async with (
        serving(tmp_path / "data") as service,
        Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
        database_at(service.database_uri) as mongo,
    ):
        items = (
            thumbs_down(f"i{place}", query=f"question {place % 50}", comment="wrong", user_id=f"u{place % 2}")
            for place in range(ALL)
        )
        assert [result async for result in client.collect_many(items) if result.HasField("error")] == []
        if begun is makes_issues_anew:
            await client.insights.get(refresh_issues=True)
        erasing = asyncio.create_task(client.feedback.erase_user("u1", request_id="erase"))
        await eventually(lambda: begun(service, mongo), begun.__name__)
        service.kill()
        assert await service.ended() == -signal.SIGKILL
        erasing.cancel()
        await asyncio.gather(erasing, return_exceptions=True)

    async with serving(tmp_path / "data") as service:
        async with (
            Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
            database_at(service.database_uri) as mongo,
        ):
            if begun is not is_recorded:
                # As if the time were over for which the killed process keeps others off; one of the three waits for it.
                held = {"_id": ERASURES_JOB}
                await mongo.collection("leases").update(
                    held, {"$set": {"expire_time": datetime(2020, 1, 1, tzinfo=UTC)}}
                )

            async def nothing_is_left() -> bool:
                return await mongo.collection("feedback").count({"user_id": "u1"}) == 0

            await eventually(nothing_is_left, "the end of the erasure")
            assert await client.feedback.erase_user("u1", request_id="erase") == ALL / 2
            assert (await client.insights.get()).metrics.total_feedback == ALL / 2
            assert await lasting_differences(mongo) == []
        service.terminate()
        assert await service.ended() == 0
