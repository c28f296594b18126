"""kill -9 in the midst of an erasure: once the service is back it goes on by itself, to the end."""

import asyncio
import signal
from pathlib import Path

import pytest
from uptake import Client, thumbs_down
from uptake_service.check import check
from uptake_service.clock import Clock

from tests.faults.test_kill import database_at
from tests.processes import serving

ALL = 160


@pytest.mark.parametrize(("seconds", "issues"), [(0.1, False), (1.0, True)])
async def test_a_killed_erasure_goes_on(tmp_path: Path, seconds: float, issues: bool) -> None:
    """Where there are issues they are made anew, and the second is killed in the midst of that."""
    async with serving(tmp_path / "data") as service, Client(service.address, timeout_seconds=20.0) as client:
        items = (
            thumbs_down(f"i{place}", query=f"question {place % 50}", comment="wrong", user_id=f"u{place % 2}")
            for place in range(ALL)
        )
        assert [result async for result in client.collect_many(items) if result.HasField("error")] == []
        if issues:
            await client.insights.get(refresh_issues=True)
        erasing = asyncio.create_task(client.feedback.erase_user("u1", request_id="erase"))
        await asyncio.sleep(seconds)
        service.kill()
        assert await service.ended() == -signal.SIGKILL
        erasing.cancel()
        await asyncio.gather(erasing, return_exceptions=True)

    async with serving(tmp_path / "data") as service:
        async with (
            Client(service.address, timeout_seconds=20.0) as client,
            database_at(service.database_uri) as mongo,
        ):
            async with asyncio.timeout(60):
                while await mongo.collection("feedback").count({"user_id": "u1"}):  # noqa: ASYNC110  The state is in the database.
                    await asyncio.sleep(0.05)
            assert await client.feedback.erase_user("u1", request_id="erase") == ALL / 2
            assert (await client.insights.get()).metrics.total_feedback == ALL / 2
            assert await check(mongo, Clock()) == []
        service.terminate()
        assert await service.ended() == 0
