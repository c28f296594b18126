"""Insights: numbers that are exact."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import grpc
import grpc.aio
import pytest
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import (
    feedback_pb2,
    insight_pb2,
)

from tests.conftest import Service
from tests.processes import in_time

HOURS = "What are your opening hours?"
PASSWORD = "How do I reset my password?"  # noqa: S105
INVOICE = "Where can I download the invoice of last month?"

TYPES = (
    feedback_pb2.FEEDBACK_TYPE_THUMBS_UP,
    feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN,
    feedback_pb2.FEEDBACK_TYPE_CORRECTION,
    feedback_pb2.FEEDBACK_TYPE_RATING,
    feedback_pb2.FEEDBACK_TYPE_COMMENT,
)


def at(day: int, hour: int, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    """A time in March 2025."""
    return datetime(2025, 3, day, hour, minute, second, microsecond, tzinfo=UTC)


def numbers(metrics: insight_pb2.Metrics) -> tuple[int, int, int]:
    return metrics.total_feedback, metrics.positive_count, metrics.negative_count


def window(metrics: insight_pb2.Metrics) -> tuple[datetime, datetime]:
    return metrics.start_time.ToDatetime(tzinfo=UTC), metrics.end_time.ToDatetime(tzinfo=UTC)


def of_types(metrics: insight_pb2.Metrics) -> list[int]:
    assert [count.type for count in metrics.type_counts] == list(TYPES)
    return [count.count for count in metrics.type_counts]


async def collect(client: Client, feedback: Sequence[feedback_pb2.Feedback]) -> list[feedback_pb2.Feedback]:
    """Sends one after the other, so that they are judged in this order."""
    return [await client.collect(each) for each in feedback]


@pytest.fixture
async def three_days(client: Client) -> list[feedback_pb2.Feedback]:
    """Six pieces of feedback on three queries, over three days of which the second is empty."""
    return await collect(
        client,
        [
            thumbs_up("1", query=HOURS, occur_time=at(10, 9, 15)),
            thumbs_down("2", query=PASSWORD, occur_time=at(10, 9, 45)),
            rating("3", 5, query=HOURS, occur_time=at(10, 23, 59, 59, 999_000)),
            correction("4", "Use the link.", query=PASSWORD, occur_time=at(12, 14)),
            rating("5", 1, query=PASSWORD, occur_time=at(12, 0)),
            thumbs_down("6", query=INVOICE, occur_time=at(12, 14, 59, 59, 999_000)),
        ],
    )


async def test_the_numbers_of_a_window_are_exact(client: Client, three_days: list[feedback_pb2.Feedback]) -> None:
    insights = await client.insights.get(start=at(10, 9, 30), end=at(12, 14, 1))

    metrics = insights.metrics
    # Rounded to full hours, outwards.
    assert window(metrics) == (at(10, 9), at(12, 15))
    assert numbers(metrics) == (6, 2, 3)
    assert (metrics.positive_rate, metrics.negative_rate) == (2 / 6, 3 / 6)
    assert of_types(metrics) == [1, 2, 1, 2, 0]
    assert metrics.average_rating == 0.5


async def test_the_time_series_has_every_day(client: Client, three_days: list[feedback_pb2.Feedback]) -> None:
    days = (await client.insights.get(start=at(10, 9), end=at(12, 15))).time_series

    assert [window(day) for day in days] == [
        (at(10, 9), at(11, 0)),
        (at(11, 0), at(12, 0)),
        (at(12, 0), at(12, 15)),
    ]
    assert [numbers(day) for day in days] == [(3, 2, 1), (0, 0, 0), (3, 0, 2)]
    assert [of_types(day) for day in days] == [[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 0]]
    assert [day.average_rating for day in days] == [1.0, 0.0, 0.0]
    assert [day.HasField("average_rating") for day in days] == [True, False, True]
    assert [day.HasField("negative_rate") for day in days] == [True, False, True]


async def test_windows_are_of_whole_hours(client: Client, three_days: list[feedback_pb2.Feedback]) -> None:
    for start, end, expected in (
        (at(10, 10), at(12, 14), (2, 1, 1)),
        (at(10, 9), at(10, 10), (2, 1, 1)),
        (at(10, 10), at(10, 23), (0, 0, 0)),
        (at(10, 23), at(11, 0), (1, 1, 0)),
        (at(11, 0), at(12, 0), (0, 0, 0)),
        (at(12, 0), at(12, 0, 0, 1), (1, 0, 1)),
        (at(12, 14), at(12, 15), (2, 0, 1)),
        (at(12, 15), at(13, 0), (0, 0, 0)),
    ):
        assert numbers((await client.insights.get(start=start, end=end)).metrics) == expected, (start, end)


async def test_user_corrections_are_those_of_the_window(
    client: Client, three_days: list[feedback_pb2.Feedback]
) -> None:
    insights = await client.insights.get(start=at(10, 0), end=at(13, 0))

    assert [
        (
            each.feedback_id,
            each.query,
            each.correction.corrected,
            each.correction.kind,
            each.occur_time.ToDatetime(tzinfo=UTC),
            each.pattern_id,
        )
        for each in insights.user_corrections
    ] == [
        (
            three_days[3].id,
            PASSWORD,
            "Use the link.",
            feedback_pb2.CORRECTION_KIND_KNOWLEDGE,
            at(12, 14),
            three_days[3].pattern_id,
        )
    ]
    assert not (await client.insights.get(start=at(10, 0), end=at(12, 14))).user_corrections


async def test_the_newest_twenty_corrections(client: Client) -> None:
    stored = await collect(
        client,
        [correction(str(minute), f"c{minute}", query=HOURS, occur_time=at(10, 9, minute)) for minute in range(22)],
    )

    found = (await client.insights.get(start=at(10, 0), end=at(11, 0))).user_corrections

    assert [each.feedback_id for each in found] == [each.id for each in reversed(stored[2:])]


async def test_opportunities_are_ranked_with_evidence(client: Client, three_days: list[feedback_pb2.Feedback]) -> None:
    _, first, _, _, last, invoice = three_days

    password_fix, invoice_fix = (await client.insights.get(start=at(10, 0), end=at(13, 0))).improvement_opportunities

    assert password_fix == insight_pb2.ImprovementOpportunity(
        title=PASSWORD,
        pattern_id=first.pattern_id,
        negative_count=2,
        total_feedback=3,
        negative_share=2 / 3,
        suggested_action="Update knowledge base with corrections",
        evidence_feedback_ids=[last.id, first.id],
    )
    assert invoice_fix == insight_pb2.ImprovementOpportunity(
        title=INVOICE,
        pattern_id=invoice.pattern_id,
        negative_count=1,
        total_feedback=1,
        negative_share=1 / 3,
        suggested_action="Review and update prompt/instructions",
        evidence_feedback_ids=[invoice.id],
    )


async def test_evidence_is_the_three_newest_of_the_window(client: Client) -> None:
    stored = await collect(
        client, [thumbs_down(str(hour), query=PASSWORD, occur_time=at(10, hour)) for hour in range(6)]
    )

    (found,) = (await client.insights.get(start=at(10, 0), end=at(10, 5))).improvement_opportunities

    assert found.evidence_feedback_ids == [stored[4].id, stored[3].id, stored[2].id]
    assert (found.negative_count, found.total_feedback, found.negative_share) == (5, 5, 1)


async def test_an_active_review_is_named_and_a_finished_one_no_longer(client: Client) -> None:
    await collect(client, [thumbs_down(str(number), query=PASSWORD) for number in range(3)])
    (review,) = [each async for each in client.reviews.list()]
    insights = await client.insights.get()
    assert insights.active_review_count == 1
    assert [each.review_id for each in insights.improvement_opportunities] == [review.id]
    await (await client.reviews.claim(review.id, "ann")).resolve()

    insights = await client.insights.get()

    assert insights.active_review_count == 0
    assert [each.review_id for each in insights.improvement_opportunities] == [""]


async def test_retracted_feedback_counts_no_longer(client: Client, three_days: list[feedback_pb2.Feedback]) -> None:
    for number in (2, 3, 5):
        await client.feedback.retract(three_days[number].id)

    insights = await client.insights.get(start=at(10, 0), end=at(13, 0))

    assert numbers(insights.metrics) == (3, 1, 2)
    assert of_types(insights.metrics) == [1, 1, 0, 1, 0]
    assert insights.metrics.HasField("average_rating")
    assert insights.metrics.average_rating == 0
    assert not insights.user_corrections
    assert [each.negative_count for each in insights.improvement_opportunities] == [2]


async def test_an_empty_project_has_zeros_and_empty_lists(client: Client) -> None:
    insights = await client.insights.get()

    metrics = insights.metrics
    assert numbers(metrics) == (0, 0, 0)
    assert not [name for name in ("positive_rate", "negative_rate", "average_rating") if metrics.HasField(name)]
    assert of_types(metrics) == [0, 0, 0, 0, 0]
    assert not insights.common_issues
    assert not insights.improvement_opportunities
    assert not insights.user_corrections
    assert not insights.measured_corrections
    assert insights.active_review_count == 0
    assert all(numbers(day) == (0, 0, 0) for day in insights.time_series)


async def test_the_default_window_is_30_days_to_now(client: Client) -> None:
    now = datetime.now(UTC)
    await client.collect(thumbs_up("now", query=HOURS))
    await client.collect(thumbs_up("within", query=HOURS, occur_time=now - timedelta(days=29, hours=23)))
    await client.collect(thumbs_down("before", query=HOURS, occur_time=now - timedelta(days=30, hours=2)))

    insights = await client.insights.get()

    start, end = window(insights.metrics)
    assert numbers(insights.metrics) == (2, 2, 0)
    assert now < end <= now + timedelta(hours=1, minutes=1)
    assert timedelta(days=30) <= end - start <= timedelta(days=30, hours=1)
    series = [window(day) for day in insights.time_series]
    assert (series[0][0], series[-1][1]) == (start, end)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(series))


async def test_dashboards_that_read_at_once_each_see_what_was_there_when_they_asked(client: Client) -> None:
    acknowledged = 0

    async def vote(name: str) -> None:
        nonlocal acknowledged
        for number in range(5):
            await client.collect(thumbs_down(f"{name}-{number}", query="How do I reset my password?"))
            acknowledged += 1

    async def look() -> None:
        seen = 0
        while seen < 20:
            least = max(acknowledged, seen)
            seen = (await client.insights.get()).metrics.total_feedback
            assert seen >= least

    async with in_time("the end of the dashboards"):
        await asyncio.gather(*(vote(f"i{place}") for place in range(4)), *(look() for _ in range(8)))


async def test_projects_have_their_own_numbers(
    service: Service, client: Client, three_days: list[feedback_pb2.Feedback]
) -> None:
    async with Client(service.address, project="other") as other:
        await other.collect(thumbs_up("1", query=HOURS, occur_time=at(10, 9)))

        assert numbers((await other.insights.get(start=at(10, 0), end=at(13, 0))).metrics) == (1, 1, 0)
    assert numbers((await client.insights.get(start=at(10, 0), end=at(13, 0))).metrics) == (6, 2, 3)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (at(12, 0), at(10, 0), "end_time"),
        (at(10, 9), at(10, 9), "end_time"),
        (at(1, 0) - timedelta(days=3700), at(1, 0), "start_time"),
        (None, datetime.max.replace(tzinfo=UTC), "end_time"),
        (None, datetime.min.replace(tzinfo=UTC), "end_time"),
    ],
)
async def test_windows_that_are_none(client: Client, start: datetime | None, end: datetime | None, field: str) -> None:
    with pytest.raises(UptakeError) as caught:
        await client.insights.get(start=start, end=end)

    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert [violated for violated, _ in caught.value.field_violations] == [field]
