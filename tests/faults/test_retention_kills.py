"""kill -9 in the midst of a retention run: the next one finishes it, and nothing of what was removed is left."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf import duration_pb2
from uptake import Client, thumbs_down
from uptake.v1 import project_pb2
from uptake_service.mongo.client import Mongo

from tests.faults.test_kill import database_at
from tests.faults.trial import lasting_differences
from tests.processes import PATIENCE_SECONDS, eventually, serving

OLD, NEW = 1100, 40
MARKER = "xylophagous"


async def words_left(mongo: Mongo) -> list[str]:
    """Documents that hold the marked word."""
    names = await mongo.database.list_collection_names()
    return [repr(found) for name in names async for found in mongo.database[name].find({}) if MARKER in repr(found)]


@pytest.mark.parametrize("deleted", [0, 1000])
async def test_a_killed_retention_run_is_finished_by_the_next(tmp_path: Path, deleted: int) -> None:
    """It is killed once it has begun to mark, or has deleted all of the first round."""
    before = datetime.now(UTC) - timedelta(days=3)
    async with serving(tmp_path / "data", retention_interval_seconds="0.2") as service:
        async with (
            Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
            database_at(service.database_uri) as mongo,
        ):
            items = [
                thumbs_down(f"o{n}", query=f"{MARKER} question {n % 300}", user_id=f"u{n % 7}", occur_time=before)
                for n in range(OLD)
            ] + [thumbs_down(f"n{n}", query=f"question {n}", user_id=f"u{n % 7}") for n in range(NEW)]
            assert [result async for result in client.collect_many(items) if result.HasField("error")] == []
            settings = project_pb2.ProjectSettings(
                retention=project_pb2.Retention(feedback_age=duration_pb2.Duration(seconds=86_400))
            )
            await client.projects.update(settings, ["retention"])
            stored = mongo.collection("feedback")

            async def is_so_far() -> bool:
                # What it is about to remove is seen no more, and what it removed is not there.
                left = OLD + NEW - deleted
                return await stored.count({"state": "ACTIVE"}) < left and await stored.count({}) <= left

            await eventually(is_so_far, "the retention run", 3 * PATIENCE_SECONDS)
        service.kill()
        assert await service.ended() == -signal.SIGKILL

    async with serving(tmp_path / "data", retention_interval_seconds="0.2") as service:
        async with (
            Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
            database_at(service.database_uri) as mongo,
        ):

            async def only_what_is_new_is_left() -> bool:
                return await mongo.collection("feedback").count({}) == NEW

            await eventually(only_what_is_new_is_left, "the end of the retention run", 3 * PATIENCE_SECONDS)
            assert (await client.insights.get()).metrics.total_feedback == NEW
            assert await words_left(mongo) == []
            assert await lasting_differences(mongo) == []
        service.terminate()
        assert await service.ended() == 0
