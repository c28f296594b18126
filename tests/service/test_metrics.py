"""Time series: every width and group, with numbers that are those of the insights, and clear bounds."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import grpc
import grpc.aio
import pytest
from scipy.stats import binomtest
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2
from uptake.v1 import insight_pb2 as pb
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.projections.rollup_deltas import RollupDeltas, RollupKey
from uptake_service.projections.rollups import RollupStore

from tests.conftest import Service, StartService

HOURS = "What are your opening hours?"
PASSWORD = "How do I reset my password?"  # noqa: S105
INVOICE = "Where can I download the invoice of last month?"

INTERVALS = (pb.METRIC_INTERVAL_HOUR, pb.METRIC_INTERVAL_DAY, pb.METRIC_INTERVAL_WEEK)
GROUPS = (
    pb.METRIC_GROUP_UNSPECIFIED,
    pb.METRIC_GROUP_TYPE,
    pb.METRIC_GROUP_MODEL,
    pb.METRIC_GROUP_SOURCE,
    pb.METRIC_GROUP_PATTERN,
)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2025; the 3rd, 10th and 17th are Mondays."""
    return datetime(2025, 3, day, hour, minute, tzinfo=UTC)


def window(point: pb.MetricPoint) -> tuple[datetime, datetime]:
    return point.metrics.start_time.ToDatetime(UTC), point.metrics.end_time.ToDatetime(UTC)


def numbers(points: Iterable[pb.MetricPoint]) -> list[tuple[int, int, int]]:
    return [
        (point.metrics.total_feedback, point.metrics.positive_count, point.metrics.negative_count) for point in points
    ]


def totals(series: Sequence[pb.MetricSeries]) -> dict[str, tuple[int, int, int]]:
    """All, positive and negative feedback of each series."""
    found = {}
    for each in series:
        all_numbers = list(zip(*numbers(each.points), strict=True))
        found[each.group_value] = (sum(all_numbers[0]), sum(all_numbers[1]), sum(all_numbers[2]))
    assert len(found) == len(series)
    return found


def counts(metrics: Iterable[pb.Metrics]) -> list[int]:
    """Everything that adds up: all, positive, negative, each type."""
    rows = [
        [each.total_feedback, each.positive_count, each.negative_count, *(type.count for type in each.type_counts)]
        for each in metrics
    ]
    return [sum(column) for column in zip(*rows, strict=True)]


async def add_up(client: Client, start: datetime, end: datetime) -> None:
    """Every width and group has all the feedback that the insights of the window have."""
    expected = counts([(await client.insights.get(start=start, end=end)).metrics])
    for interval, group in product(INTERVALS, GROUPS):
        series = await client.insights.metrics(start=start, end=end, interval=interval, group=group)
        found = counts(point.metrics for each in series for point in each.points)
        assert found == expected, (interval, group)


async def rejected(client: Client, **request: Any) -> list[tuple[str, str]]:
    with pytest.raises(UptakeError) as caught:
        await client.insights.metrics(**request)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    return list(caught.value.field_violations)


@pytest.fixture
async def eight_days(client: Client) -> list[feedback_pb2.Feedback]:
    """Seven pieces of feedback from a Sunday to the Monday after the next, on three queries, of two models."""
    return [
        await client.collect(each)
        for each in (
            thumbs_up("1", query=HOURS, model="large", source="web", occur_time=at(9, 23, 59)),
            thumbs_down("2", query=PASSWORD, model="small", source="web", occur_time=at(10, 0)),
            rating("3", 5, query=HOURS, model="large", source="app", occur_time=at(10, 0, 30)),
            rating("4", 1, query=PASSWORD, model="small", source="web", occur_time=at(10, 1)),
            correction("5", "Use the link.", query=PASSWORD, model="small", occur_time=at(16, 23)),
            thumbs_down("6", query=INVOICE, occur_time=at(17, 0, 15)),
            rating("7", 3, query=PASSWORD, model="small", source="web", occur_time=at(17, 0, 30)),
        )
    ]


async def test_days(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    (series,) = await client.insights.metrics(start=at(9, 23), end=at(17, 1))

    assert series.group_value == ""
    assert [window(point) for point in series.points] == [
        (at(9, 23), at(10, 0)),
        *((at(day, 0), at(day + 1, 0)) for day in range(10, 17)),
        (at(17, 0), at(17, 1)),
    ]
    assert numbers(series.points) == [(1, 1, 0), (3, 1, 2), *[(0, 0, 0)] * 5, (1, 0, 0), (2, 0, 1)]
    insights = await client.insights.get(start=at(9, 23), end=at(17, 1))
    assert [point.metrics for point in series.points] == list(insights.time_series)


async def test_hours(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    (series,) = await client.insights.metrics(start=at(9, 22, 30), end=at(10, 1, 1), interval=pb.METRIC_INTERVAL_HOUR)

    assert [window(point) for point in series.points] == [
        (at(9, 22), at(9, 23)),
        (at(9, 23), at(10, 0)),
        (at(10, 0), at(10, 1)),
        (at(10, 1), at(10, 2)),
    ]
    assert numbers(series.points) == [(0, 0, 0), (1, 1, 0), (2, 1, 1), (1, 0, 1)]
    assert [point.metrics.average_rating for point in series.points] == [0, 0, 1, 0]


async def test_weeks_are_from_monday(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    (series,) = await client.insights.metrics(start=at(5, 12), end=at(18, 6), interval=pb.METRIC_INTERVAL_WEEK)

    assert [window(point) for point in series.points] == [
        (at(5, 12), at(10, 0)),
        (at(10, 0), at(17, 0)),
        (at(17, 0), at(18, 6)),
    ]
    assert numbers(series.points) == [(1, 1, 0), (4, 1, 2), (2, 0, 1)]


async def test_by_type(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    series = await client.insights.metrics(
        start=at(9, 0), end=at(18, 0), interval=pb.METRIC_INTERVAL_WEEK, group=pb.METRIC_GROUP_TYPE
    )

    assert list(totals(series).items()) == [
        ("RATING", (3, 1, 1)),
        ("THUMBS_DOWN", (2, 0, 2)),
        ("CORRECTION", (1, 0, 0)),
        ("THUMBS_UP", (1, 1, 0)),
    ]
    ratings = series[0].points
    assert numbers(ratings) == [(0, 0, 0), (2, 1, 1), (1, 0, 0)]
    assert [point.metrics.average_rating for point in ratings] == [0, 0.5, 0.5]
    assert [[count.count for count in point.metrics.type_counts] for point in ratings] == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 2, 0],
        [0, 0, 0, 1, 0],
    ]


async def test_by_model_source_and_pattern(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    hours, password, invoice = (eight_days[place].pattern_id for place in (0, 1, 5))

    async def grouped(group: pb.MetricGroup) -> list[tuple[str, tuple[int, int, int]]]:
        return list(totals(await client.insights.metrics(start=at(9, 0), end=at(18, 0), group=group)).items())

    assert await grouped(pb.METRIC_GROUP_MODEL) == [("small", (4, 0, 2)), ("large", (2, 2, 0)), ("", (1, 0, 1))]
    assert await grouped(pb.METRIC_GROUP_SOURCE) == [("web", (4, 1, 2)), ("", (2, 0, 1)), ("app", (1, 1, 0))]
    assert await grouped(pb.METRIC_GROUP_PATTERN) == [
        (password, (4, 0, 2)),
        (hours, (2, 2, 0)),
        (invoice, (1, 0, 1)),
    ]


async def test_every_series_has_the_same_points_without_gaps(
    client: Client, eight_days: list[feedback_pb2.Feedback]
) -> None:
    for interval, group in product(INTERVALS, GROUPS):
        series = await client.insights.metrics(start=at(9, 5), end=at(18, 7), interval=interval, group=group)

        windows = [window(point) for point in series[0].points]
        assert (windows[0][0], windows[-1][1]) == (at(9, 5), at(18, 7))
        assert all(earlier[1] == later[0] for earlier, later in pairwise(windows))
        assert all([window(point) for point in each.points] == windows for each in series)


async def test_the_series_add_up_to_the_insights(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    for start, end in ((at(9, 0), at(18, 0)), (at(10, 0), at(17, 0)), (at(10, 1), at(17, 1))):
        await add_up(client, start, end)


async def test_what_is_amended_or_retracted_counts_as_it_is_now(
    client: Client, eight_days: list[feedback_pb2.Feedback]
) -> None:
    await client.feedback.retract(eight_days[5].id)
    await client.collect(thumbs_up("8", query=HOURS, model="large", user_id="ann", occur_time=at(12, 5)))
    await client.collect(thumbs_down("8", query=HOURS, model="large", user_id="ann", occur_time=at(12, 5)))

    by_type = await client.insights.metrics(start=at(9, 0), end=at(18, 0), group=pb.METRIC_GROUP_TYPE)
    by_model = await client.insights.metrics(start=at(9, 0), end=at(18, 0), group=pb.METRIC_GROUP_MODEL)

    assert totals(by_type) == {
        "RATING": (3, 1, 1),
        "THUMBS_DOWN": (2, 0, 2),
        "CORRECTION": (1, 0, 0),
        "THUMBS_UP": (1, 1, 0),
    }
    # All that had no model is retracted.
    assert totals(by_model) == {"small": (4, 0, 2), "large": (3, 2, 1)}
    await add_up(client, at(9, 0), at(18, 0))


async def test_replicas_are_one_service(start_service: StartService) -> None:
    first, second = await start_service(), await start_service()
    sent = [
        await replica.client.collect(thumbs_down(str(number), query=HOURS, model="m", occur_time=at(10, number)))
        for number, replica in enumerate((first, second, first, second))
    ]
    # What one counted the other takes out.
    await first.client.feedback.retract(sent[1].id)

    for replica in (first, second):
        for group in GROUPS:
            (series,) = await replica.client.insights.metrics(
                start=at(10, 0), end=at(10, 4), interval=pb.METRIC_INTERVAL_HOUR, group=group
            )
            assert numbers(series.points) == [(1, 0, 1), (0, 0, 0), (1, 0, 1), (1, 0, 1)], group
        await add_up(replica.client, at(10, 0), at(11, 0))


async def test_rates_have_intervals(client: Client, eight_days: list[feedback_pb2.Feedback]) -> None:
    (series,) = await client.insights.metrics(start=at(10, 0), end=at(12, 0))

    three, none = series.points
    assert (three.metrics.positive_rate, three.metrics.negative_rate) == (1 / 3, 2 / 3)
    negative, positive = (binomtest(count, 3).proportion_ci(0.95, method="wilson") for count in (2, 1))
    for interval, expected in ((three.negative_rate_interval, negative), (three.positive_rate_interval, positive)):
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert [field.name for field, _ in none.ListFields()] == ["metrics"]
    assert not [name for name in ("positive_rate", "negative_rate", "average_rating") if none.metrics.HasField(name)]


async def test_an_empty_project_has_zeros_and_no_groups(client: Client) -> None:
    for interval, least in zip(INTERVALS, (720, 31, 5), strict=True):
        (series,) = await client.insights.metrics(interval=interval)
        assert len(series.points) >= least
        assert set(numbers(series.points)) == {(0, 0, 0)}
        for group in GROUPS[1:]:
            assert await client.insights.metrics(interval=interval, group=group) == []


async def test_the_default_is_30_days_by_the_day(client: Client) -> None:
    now = datetime.now(UTC)
    await client.collect(thumbs_up("now", query=HOURS))
    await client.collect(thumbs_up("within", query=HOURS, occur_time=now - timedelta(days=29, hours=23)))
    await client.collect(thumbs_up("before", query=HOURS, occur_time=now - timedelta(days=30, hours=2)))

    (series,) = await client.insights.metrics()

    first, last = window(series.points[0])[0], window(series.points[-1])[1]
    assert timedelta(days=30) <= last - first <= timedelta(days=30, hours=1)
    assert now < last
    assert 31 <= len(series.points) <= 32
    assert sum(point.metrics.total_feedback for point in series.points) == 2


async def test_projects_have_their_own_series(
    service: Service, client: Client, eight_days: list[feedback_pb2.Feedback]
) -> None:
    async with Client(service.address, project="other") as other:
        await other.collect(thumbs_up("1", query=HOURS, model="theirs", occur_time=at(10, 9)))
        theirs = await other.insights.metrics(start=at(9, 0), end=at(18, 0), group=pb.METRIC_GROUP_MODEL)
        ours = await client.insights.metrics(start=at(9, 0), end=at(18, 0), group=pb.METRIC_GROUP_MODEL)

        assert totals(theirs) == {"theirs": (1, 1, 0)}
        assert set(totals(ours)) == {"small", "large", ""}


async def test_every_wrong_field_is_named(service: Service) -> None:
    request = pb.QueryMetricsRequest(
        project="Not A Project",
        interval=99,  # type: ignore[arg-type]
        group=99,  # type: ignore[arg-type]
    )
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await InsightServiceStub(channel).QueryMetrics(request)

    error = UptakeError.from_rpc(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert [field for field, _ in error.field_violations] == ["project", "interval", "group"]


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (at(10, 9), at(10, 9), "end_time"),
        (at(10, 0), at(9, 0), "end_time"),
        (at(1, 0) - timedelta(days=3700), at(1, 0), "start_time"),
        (None, datetime.max.replace(tzinfo=UTC), "end_time"),
    ],
)
async def test_windows_that_are_none(client: Client, start: datetime | None, end: datetime | None, field: str) -> None:
    assert [violated for violated, _ in await rejected(client, start=start, end=end)] == [field]


async def test_a_series_of_too_many_points_is_refused(client: Client) -> None:
    end = at(10, 0)

    (longest,) = await client.insights.metrics(
        start=end - timedelta(hours=4000), end=end, interval=pb.METRIC_INTERVAL_HOUR
    )
    assert len(longest.points) == 4000
    ((field, description),) = await rejected(
        client, start=end - timedelta(hours=4001), end=end, interval=pb.METRIC_INTERVAL_HOUR
    )
    assert field == "interval"
    assert "4,001 points; at most 4,000" in description
    assert "wider interval or a shorter window" in description
    # The longest window that there is, by the day.
    (days,) = await client.insights.metrics(start=end - timedelta(days=3660), end=end)
    assert len(days.points) == 3660


async def count_straight(mongo: Mongo, counted: dict[RollupKey, dict[str, int]]) -> None:
    """Writes rollups without the feedback that they are of."""

    async def write(session: Session) -> None:
        deltas = RollupDeltas()
        deltas.by_key.update(counted)
        await RollupStore(mongo).write(deltas, 0, session)

    await transaction(mongo, write)


async def test_too_many_points_in_all_are_refused(service: Service, client: Client) -> None:
    await count_straight(
        service.mongo,
        {
            RollupKey("default", at(10, 0), "source", f"source-{number}"): {"total": 1, "positive": 1}
            for number in range(28)
        },
    )

    ((field, description),) = await rejected(
        client, start=at(1, 0), end=at(31, 0), interval=pb.METRIC_INTERVAL_HOUR, group=pb.METRIC_GROUP_SOURCE
    )
    assert field == "group"
    assert "28 series of 720 points; at most 20,000 points in all" in description
    by_day = await client.insights.metrics(start=at(1, 0), end=at(31, 0), group=pb.METRIC_GROUP_SOURCE)
    assert [len(each.points) for each in by_day] == [30] * 28


async def test_the_patterns_with_most_feedback_have_series_and_the_rest_is_one(
    service: Service, client: Client
) -> None:
    await count_straight(
        service.mongo,
        {
            RollupKey("default", at(10, 0), "pattern", f"p{number:03}"): {"total": number, "negative": 1}
            for number in range(1, 151)
        },
    )

    found = totals(await client.insights.metrics(start=at(9, 0), end=at(12, 0), group=pb.METRIC_GROUP_PATTERN))

    assert len(found) == 101
    assert found.pop("other") == (sum(range(1, 51)), 0, 50)
    assert list(found) == [f"p{number:03}" for number in range(150, 50, -1)]
