"""Whatever a history looks like, and whoever is killed while it comes in, every read is what a simple model says.

UPTAKE_TEST_HISTORY_ROWS makes the histories longer: 100000 takes hours and some gigabytes.
"""

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from uptake import Client
from uptake.v1 import feedback_pb2, insight_pb2

from tests.faults.histories import SHAPES, Model, Row, Shape
from tests.faults.test_kill import database_at
from tests.faults.trial import lasting_differences
from tests.processes import PATIENCE_SECONDS, any_moment, eventually, serving

ROWS = int(os.environ.get("UPTAKE_TEST_HISTORY_ROWS", "240"))
KILLS = 2
_WINDOW = timedelta(days=3650)
"""The longest that a series may be of."""


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_every_read_is_what_the_model_says(shape: Shape, tmp_path: Path) -> None:
    rng = random.Random(shape.name)
    rows = list(shape.rows(rng, ROWS))
    model = Model()
    part = len(rows) // (KILLS + 1) + 1
    for first in range(0, len(rows), part):
        async with serving(tmp_path / "data") as service:
            some = rows[first : first + part]
            await _send(service.address, some)
            for row in some:
                model.add(row)
            last = first + part >= len(rows)
            await _compare(service.address, model, rng)
            if not last:
                # In the midst of compaction, or not.
                await any_moment(6.0, rng)
                service.kill()
                await service.ended()
                continue
            async with database_at(service.database_uri) as mongo:
                assert await lasting_differences(mongo) == []

                async def is_compacted() -> bool:
                    return await mongo.collection("journal").count({}) == 0

                await eventually(is_compacted, "the end of the journal", 5 * PATIENCE_SECONDS)
                await _compare(service.address, model, rng)
                assert await lasting_differences(mongo) == []
            service.terminate()
            assert await service.ended() == 0


async def _send(address: str, rows: list[Row]) -> None:
    by_project: dict[str, list[feedback_pb2.Feedback]] = {}
    for row in rows:
        by_project.setdefault(row.project, []).append(row.feedback)
    for project, items in by_project.items():
        async with Client(address, project=project, timeout_seconds=PATIENCE_SECONDS) as client:
            # One call after the other: which of two votes of one time is the newer one is decided by their order.
            async for result in client.collect_many(items, batch_size=100, in_flight=1):
                assert result.HasField("feedback"), result.error


async def _compare(address: str, model: Model, rng: random.Random) -> None:
    projects = sorted(model.pieces)
    for project in rng.sample(projects, min(len(projects), 5)):
        async with Client(address, project=project, timeout_seconds=PATIENCE_SECONDS) as client:
            listed = [each async for each in client.feedback.list(page_size=100)]
            assert len(listed) == len(model.pieces[project])
            times = [each.occur_time.ToDatetime(UTC) for each in listed]
            assert times == sorted(times, reverse=True)
            expected = model.by_day(project)
            end = datetime.now(UTC) + timedelta(hours=2)
            start = end - _WINDOW
            (series,) = await client.insights.metrics(
                start=start, end=end, interval=insight_pb2.METRIC_INTERVAL_DAY, group=None
            ) or [insight_pb2.MetricSeries()]
            counted: Counter[tuple[datetime, str]] = Counter()
            for point in series.points:
                day = point.metrics.start_time.ToDatetime(UTC).replace(hour=0)
                counted[day, "total"] += point.metrics.total_feedback
                counted[day, "positive"] += point.metrics.positive_count
                counted[day, "negative"] += point.metrics.negative_count
            # The first day of the window is cut.
            within = {key: number for key, number in expected.items() if key[0] > start}
            assert {key: number for key, number in counted.items() if number and key[0] > start} == within
