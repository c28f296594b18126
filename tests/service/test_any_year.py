"""Whatever year the service's clock says, everything is answered, and nothing is refused for the clock's sake."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf import duration_pb2
from uptake import thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import insight_pb2, project_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock, cut

from tests.conftest import StartService
from tests.corrections import knowledge


class Set(Clock):
    """A clock that goes on from a time that it was set to."""

    def __init__(self, time: datetime) -> None:
        self._off = time - datetime.now(UTC)

    def now(self) -> datetime:
        return cut(datetime.now(UTC) + self._off)


@pytest.mark.parametrize("year", [1970, 1999, 2024, 2100, 9999])
async def test_a_clock_of_any_year_works(start_service: StartService, year: int) -> None:
    clock = Set(datetime(year, 6, 1, 12, tzinfo=UTC))
    service = await start_service(clock, trigger_interval_seconds=0.05, verdict_interval_seconds=0.05)
    client = service.client
    bad = [await client.collect(thumbs_down(f"i{n}", query="How late is it?", user_id=f"u{n}")) for n in range(5)]
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    old = int(year > 2000)
    if old:
        await client.collect(thumbs_up("old", query="How late was it?", user_id="u", occur_time=long_ago))
    (review,) = [each async for each in client.reviews.list()]
    claim = await client.reviews.claim(review.id, "ann", lease_seconds=60)
    drafts = [knowledge("time", "Look at the clock.", feedback_ids=[bad[0].id])]
    await claim.resolve("done", corrections=drafts)
    await client.collect(thumbs_up("then", query="How late is it?", user_id="later"))
    await client.insights.get(refresh_issues=True)
    for interval in (insight_pb2.METRIC_INTERVAL_HOUR, insight_pb2.METRIC_INTERVAL_DAY):
        await client.insights.metrics(interval=interval)
    listed = [each.id async for each in client.feedback.list(page_size=2)]
    assert len(listed) == 6 + old
    assert [each async for each in client.corrections.list()]
    age = project_pb2.Retention(feedback_age=duration_pb2.Duration(seconds=int(timedelta(days=3650).total_seconds())))
    await client.projects.update(project_pb2.ProjectSettings(retention=age), ["retention"])
    assert await client.feedback.erase_user("u1") == 1
    with_user = client.feedback.list(filter=pb.FeedbackFilter(user_id="u2"))
    assert [each.user_id async for each in with_user] == ["u2"]
    assert [each for each in await check(service.mongo, clock) if "due for a review" not in each] == []
