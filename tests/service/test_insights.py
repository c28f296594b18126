"""Insights: numbers that are exact, a stream that loses and repeats nothing, and what every call promises."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import (
    correction_pb2,
    event_pb2,
    feedback_pb2,
    insight_pb2,
    project_pb2,
    review_pb2,
)
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.api.corrections import CorrectionServicer
from uptake_service.api.feedback import FeedbackServicer
from uptake_service.api.insights import InsightServicer
from uptake_service.api.projects import ProjectServicer
from uptake_service.api.reviews import ReviewServicer
from uptake_service.app.calls import SERVICES
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.feedback.store import FeedbackStore
from uptake_service.projections.rollups import RollupStore

from tests.conftest import Service, StartService
from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, eventually, free_port, in_time
from tests.streams import subscribe

Message = insight_pb2.SubscribeInsightsResponse

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

SERVICERS: dict[str, type] = {
    "uptake.v1.FeedbackService": FeedbackServicer,
    "uptake.v1.ReviewService": ReviewServicer,
    "uptake.v1.InsightService": InsightServicer,
    "uptake.v1.CorrectionService": CorrectionServicer,
    "uptake.v1.ProjectService": ProjectServicer,
}

METHODS: list[MethodDescriptor] = [
    method
    for file in (feedback_pb2, review_pb2, insight_pb2, correction_pb2, project_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


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


# Numbers


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
    assert days[1].negative_rate == 0


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
    assert insights.metrics.average_rating == 0
    assert not insights.user_corrections
    assert [each.negative_count for each in insights.improvement_opportunities] == [2]


async def test_an_empty_project_has_zeros_and_empty_lists(client: Client) -> None:
    insights = await client.insights.get()

    metrics = insights.metrics
    assert numbers(metrics) == (0, 0, 0)
    assert (metrics.positive_rate, metrics.negative_rate, metrics.average_rating) == (0, 0, 0)
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


# The stream


@pytest.fixture
async def quick(start_service: StartService) -> Service:
    """A service whose subscriptions look often.

    When it stops, whoever does not end by itself holds it up for longer than a test waits.
    """
    return await start_service(port=free_port(), subscription_interval_seconds=0.05, drain_seconds=2 * PATIENCE_SECONDS)


@pytest.fixture
async def stub(quick: Service) -> AsyncIterator[InsightServiceStub]:
    async with grpc.aio.insecure_channel(quick.address) as channel:
        yield InsightServiceStub(channel)


def events(messages: Sequence[Message]) -> list[event_pb2.Event]:
    return [message.event for message in messages if message.HasField("event")]


def seqs(messages: Sequence[Message]) -> list[int]:
    return [event.seq for event in events(messages)]


async def review_comes_and_goes(client: Client) -> str:
    """Three events: a review opened, claimed, resolved."""
    await collect(client, [thumbs_down(f"bad-{number}", query=PASSWORD) for number in range(3)])
    (review,) = [each async for each in client.reviews.list()]
    await (await client.reviews.claim(review.id, "ann")).resolve("done")
    return review.id


async def urgent_review_opens(client: Client) -> None:
    """One event: with more than five examined at its opening, a review is of high priority."""
    await by_rate_alone(client)
    await collect(
        client,
        [
            *(thumbs_up(f"fine-{number}", query=INVOICE) for number in range(5)),
            *(thumbs_down(f"poor-{number}", query=INVOICE) for number in range(3)),
        ],
    )


async def test_a_snapshot_first_then_metrics_and_events(quick: Service, stub: InsightServiceStub) -> None:
    await quick.client.collect(thumbs_up("0", query=HOURS))
    stream = subscribe(stub)

    first, second = await stream.read(), await stream.read()

    assert numbers(first.snapshot.metrics) == (1, 1, 0)
    assert first.snapshot == await quick.client.insights.get()
    assert numbers(second.metrics) == (1, 1, 0)
    review_id = await review_comes_and_goes(quick.client)
    messages: list[Message] = []
    while len(events(messages)) < 3 or not any(numbers(each.metrics) == (4, 1, 3) for each in messages):
        messages.append(await stream.read())
    assert [
        (event.seq, event.kind, event.severity, event.review.action, event.review.state) for event in events(messages)
    ] == [
        (
            1,
            event_pb2.EVENT_KIND_REVIEW,
            event_pb2.EVENT_SEVERITY_WARNING,
            review_pb2.REVIEW_ACTION_OPENED,
            review_pb2.REVIEW_STATE_OPEN,
        ),
        (
            2,
            event_pb2.EVENT_KIND_REVIEW,
            event_pb2.EVENT_SEVERITY_INFO,
            review_pb2.REVIEW_ACTION_CLAIMED,
            review_pb2.REVIEW_STATE_CLAIMED,
        ),
        (
            3,
            event_pb2.EVENT_KIND_REVIEW,
            event_pb2.EVENT_SEVERITY_INFO,
            review_pb2.REVIEW_ACTION_RESOLVED,
            review_pb2.REVIEW_STATE_RESOLVED,
        ),
    ]
    opened = events(messages)[0].review
    assert (opened.review_id, opened.negative_rate, opened.sample_size) == (review_id, 1, 3)
    assert {event.review.review_id for event in events(messages)} == {review_id}
    assert all(message.resume_token for message in (first, second, *messages))
    stream.cancel()


async def test_resuming_from_any_token_misses_none_and_repeats_none(quick: Service, stub: InsightServiceStub) -> None:
    stream = subscribe(stub, checkpoint_interval={"seconds": 1})
    seen = await stream.until("metrics")
    await review_comes_and_goes(quick.client)
    await urgent_review_opens(quick.client)
    while len(seqs(seen)) < 4:
        seen += await stream.until("event")
    seen += await stream.until("checkpoint")
    stream.cancel()
    every_seq = seqs(seen)
    assert every_seq == list(range(1, len(every_seq) + 1))

    for place, message in enumerate(seen):
        resumed = subscribe(stub, resume_token=message.resume_token)
        # Metrics come after all the events that are there.
        rest = await resumed.until("metrics")
        resumed.cancel()

        assert seqs(rest) == seqs(seen[place + 1 :]), message
        assert [each.WhichOneof("update") for each in rest] == ["event"] * len(seqs(rest)) + ["metrics"]


async def test_what_comes_while_nobody_listens_is_told_on_resuming(quick: Service, stub: InsightServiceStub) -> None:
    stream = subscribe(stub)
    token = (await stream.until("metrics"))[-1].resume_token
    stream.cancel()
    await review_comes_and_goes(quick.client)

    for _ in range(2):
        stream = subscribe(stub, resume_token=token)
        messages = await stream.until("metrics")
        stream.cancel()
        assert seqs(messages) == [1, 2, 3]
    await urgent_review_opens(quick.client)
    stream = subscribe(stub, resume_token=messages[-1].resume_token)
    assert seqs(await stream.until("metrics")) == [4]
    stream.cancel()


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"kinds": [event_pb2.EVENT_KIND_REVIEW]}, [1, 2, 3, 4]),
        ({"kinds": [event_pb2.EVENT_KIND_ISSUE, event_pb2.EVENT_KIND_VERDICT]}, []),
        ({"minimum_severity": event_pb2.EVENT_SEVERITY_INFO}, [1, 2, 3, 4]),
        ({"minimum_severity": event_pb2.EVENT_SEVERITY_WARNING}, [1, 4]),
        ({"minimum_severity": event_pb2.EVENT_SEVERITY_CRITICAL}, [4]),
    ],
)
async def test_filters(quick: Service, stub: InsightServiceStub, filter: dict[str, Any], expected: list[int]) -> None:
    stream = subscribe(stub, filter=filter)
    token = (await stream.read()).resume_token
    stream.cancel()
    await review_comes_and_goes(quick.client)
    await urgent_review_opens(quick.client)

    stream = subscribe(stub, filter=filter, resume_token=token)
    messages = await stream.until("metrics")
    stream.cancel()

    assert seqs(messages) == expected
    # What the filter leaves out is behind the token too.
    stream = subscribe(stub, filter=filter, resume_token=messages[-1].resume_token)
    assert seqs(await stream.until("metrics")) == []
    stream.cancel()


@pytest.mark.parametrize(
    "filter",
    [{"kinds": [99]}, {"kinds": [event_pb2.EVENT_KIND_UNSPECIFIED]}, {"minimum_severity": 99}],
)
async def test_filters_that_are_none(stub: InsightServiceStub, filter: dict[str, Any]) -> None:
    error = UptakeError.from_rpc(await subscribe(stub, filter=filter).error())

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_tokens_that_are_none(quick: Service, stub: InsightServiceStub) -> None:
    await review_comes_and_goes(quick.client)

    async def token_of(**request: Any) -> str:
        stream = subscribe(stub, **request)
        token = (await stream.read()).resume_token
        stream.cancel()
        return token

    token = await token_of()
    damaged = ("A" if token[12] != "A" else "B").join((token[:12], token[13:]))
    for wrong in (
        "garbage",
        "a",
        "!",
        "ä",
        damaged,
        token[:-4],
        token + "AAAA",
        await token_of(project="other"),
        await token_of(filter={"kinds": [event_pb2.EVENT_KIND_REVIEW]}),
        await token_of(filter={"minimum_severity": event_pb2.EVENT_SEVERITY_CRITICAL}),
    ):
        error = UptakeError.from_rpc(await subscribe(stub, resume_token=wrong).error())
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RESUME_TOKEN"), wrong
        assert [field for field, _ in error.field_violations] == ["resume_token"]


async def test_a_token_of_the_same_filter_in_other_words_is_fine(stub: InsightServiceStub) -> None:
    stream = subscribe(stub, filter={"kinds": [event_pb2.EVENT_KIND_REVIEW, event_pb2.EVENT_KIND_ISSUE]})
    token = (await stream.read()).resume_token
    stream.cancel()

    stream = subscribe(
        stub,
        resume_token=token,
        filter={
            "kinds": [event_pb2.EVENT_KIND_ISSUE, event_pb2.EVENT_KIND_REVIEW],
            "minimum_severity": event_pb2.EVENT_SEVERITY_INFO,
        },
    )
    assert (await stream.read()).HasField("metrics")
    stream.cancel()


async def test_a_hole_in_the_events_is_told_and_not_jumped_over(quick: Service, stub: InsightServiceStub) -> None:
    first = subscribe(stub)
    token = (await first.read()).resume_token
    await review_comes_and_goes(quick.client)
    messages: list[Message] = []
    while len(events(messages)) < 3:
        messages.append(await first.read())
    first.cancel()
    # What is kept for those who follow has no hole.
    await eventually(lambda: quick.app.parts.broadcaster.subscribers() == 0, "the end of the first subscription")
    await quick.mongo.collection("events").delete_many({"project": "default", "seq": 2})

    error = UptakeError.from_rpc(await subscribe(stub, resume_token=token).error())
    assert (error.code, error.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")


async def test_a_token_that_is_too_old(quick: Service, stub: InsightServiceStub) -> None:
    stream = subscribe(stub)
    old = (await stream.read()).resume_token
    await review_comes_and_goes(quick.client)
    messages: list[Message] = []
    while len(events(messages)) < 3:
        messages.append(await stream.read())
    stream.cancel()
    tokens = {message.event.seq: message.resume_token for message in messages if message.HasField("event")}
    await quick.mongo.collection("events").delete_many({"project": "default", "seq": {"$lte": 2}})

    for gone in (old, tokens[1]):
        error = UptakeError.from_rpc(await subscribe(stub, resume_token=gone).error())
        assert (error.code, error.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    for kept, rest in ((tokens[2], [3]), (tokens[3], [])):
        stream = subscribe(stub, resume_token=kept)
        assert seqs(await stream.until("metrics")) == rest
        stream.cancel()


async def test_what_is_past_the_retention_is_no_more_whether_it_is_deleted_yet_or_not(
    quick: Service, stub: InsightServiceStub
) -> None:
    live = subscribe(stub)
    old = (await live.read()).resume_token
    await review_comes_and_goes(quick.client)
    messages: list[Message] = []
    while len(events(messages)) < 3:
        messages.append(await live.read())
    tokens = {message.event.seq: message.resume_token for message in messages if message.HasField("event")}
    long_ago = datetime.now(UTC) - timedelta(days=quick.settings.event_retention_days)
    stored = quick.mongo.collection("events")
    for seq, kept in ((1, True), (2, False), (3, True)):
        await stored.update({"seq": seq}, {"$set": {"time": long_ago}})
        if not kept:
            await stored.delete_many({"seq": seq})

    for gone in (old, tokens[1], tokens[2]):
        error = UptakeError.from_rpc(await subscribe(stub, resume_token=gone).error())
        assert (error.code, error.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    await urgent_review_opens(quick.client)
    while not events([message := await live.read()]):
        pass
    assert message.event.seq == 4
    live.cancel()
    resumed = subscribe(stub, resume_token=tokens[3])
    assert seqs(await resumed.until("metrics")) == [4]
    resumed.cancel()


@pytest.mark.parametrize("days", [0, 30])
async def test_check_takes_what_is_past_the_retention_for_no_hole(quick: Service, days: int) -> None:
    await review_comes_and_goes(quick.client)
    await urgent_review_opens(quick.client)
    stored = quick.mongo.collection("events")
    for event in await stored.find({"seq": {"$lte": 3}}):
        await stored.update(
            {"_id": event["_id"]}, {"$set": {"expire_time": event["expire_time"] - timedelta(days=days)}}
        )
    await stored.delete_many({"seq": 2})
    found = await check(quick.mongo, Clock())
    assert found == ([] if days else ["events of default: seq has a hole between 1 and 4"])


async def test_checkpoints_tell_that_nothing_happened(stub: InsightServiceStub) -> None:
    stream = subscribe(stub, checkpoint_interval={"seconds": 1})
    started = datetime.now(UTC)

    messages = await stream.until("checkpoint")
    ended = datetime.now(UTC)
    stream.cancel()

    assert [message.WhichOneof("update") for message in messages] == ["snapshot", "metrics", "checkpoint"]
    told = messages[-1].checkpoint.time.ToDatetime(tzinfo=UTC)
    # Not before its time; how long after it is the machine's affair.
    assert started + timedelta(seconds=0.9) < told <= ended


@pytest.mark.parametrize("interval", [{"nanos": 999_000_000}, {"seconds": 301}, {"seconds": -1}])
async def test_checkpoint_intervals_that_are_none(stub: InsightServiceStub, interval: dict[str, int]) -> None:
    error = UptakeError.from_rpc(await subscribe(stub, checkpoint_interval=interval).error())

    assert [field for field, _ in error.field_violations] == ["checkpoint_interval"]


async def test_a_service_that_stops_sends_its_subscribers_elsewhere(
    start_service: StartService, quick: Service, stub: InsightServiceStub
) -> None:
    stream = subscribe(stub)
    await stream.until("metrics")
    await review_comes_and_goes(quick.client)

    stopping = asyncio.create_task(quick.app.stop())
    messages = await stream.until("end")
    error = UptakeError.from_rpc(await stream.error())
    async with in_time("the end of the service"):
        await stopping

    assert messages[-1].end.reason
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert error.retry_after_seconds is not None
    # Another replica goes on where this one ended.
    other = await start_service(subscription_interval_seconds=0.05)
    async with grpc.aio.insecure_channel(other.address) as channel:
        stream = subscribe(InsightServiceStub(channel), resume_token=messages[-1].resume_token)
        assert seqs([*messages, *await stream.until("metrics")]) == [1, 2, 3]
        stream.cancel()


async def test_the_clients_subscription_goes_on_over_a_restart(start_service: StartService, quick: Service) -> None:
    async with Client(quick.address) as client, client.insights.subscribe() as subscription:
        async with in_time("the snapshot"):
            assert (await anext(subscription)).HasField("snapshot")
        await review_comes_and_goes(quick.client)
        await quick.app.stop()
        await start_service(port=quick.app.port, subscription_interval_seconds=0.05)

        seen: list[int] = []
        async with in_time("three events"):
            while len(seen) < 3:
                seen += seqs([await anext(subscription)])
        assert seen == [1, 2, 3]


async def test_cancelled_subscriptions_leave_no_task_behind(stub: InsightServiceStub) -> None:
    first = subscribe(stub)
    await first.until("metrics")
    first.cancel()
    before = set(asyncio.all_tasks())
    streams = [subscribe(stub) for _ in range(20)]
    for stream in streams:
        await stream.until("metrics")
    assert len(set(asyncio.all_tasks()) - before) >= len(streams)

    for stream in streams:
        stream.cancel()

    # By number: gRPC waits for the next call in a task of its own, a new one after every call.
    await eventually(lambda: len(asyncio.all_tasks()) <= len(before), "an end of the subscriptions' tasks")


# What every call promises


def test_every_method_of_the_contract_is_answered_by_a_method_of_ours() -> None:
    assert set(SERVICERS) == set(SERVICES)
    missing = [
        method.full_name
        for method in METHODS
        if method.name not in vars(SERVICERS[method.containing_service.full_name])
    ]
    assert missing == []


async def test_an_unknown_method_is_unimplemented(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/uptake.v1.InsightService/Guess")(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def call(channel: grpc.aio.Channel, method: MethodDescriptor) -> grpc.aio.AioRpcError:
    """Calls a method with an empty request; returns its error."""
    request = message_factory.GetMessageClass(method.input_type)
    options: dict[str, Any] = {
        "request_serializer": request.SerializeToString,
        "response_deserializer": message_factory.GetMessageClass(method.output_type).FromString,
    }
    path = f"/{method.containing_service.full_name}/{method.name}"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with in_time(f"the answer of {method.name}"):
            if method.client_streaming:
                await channel.stream_stream(path, **options)(iter(())).read()
            elif method.server_streaming:
                await channel.unary_stream(path, **options)(request()).read()
            else:
                await channel.unary_unary(path, **options)(request())
    return caught.value


def error_infos(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    """Reason and domain of each ErrorInfo in the status details."""
    found = []
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    found.append((info.reason, info.domain))
    return found


async def test_what_breaks_inside_stays_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret-7f3a at mongodb://admin:pass@db")

    monkeypatch.setattr(RollupStore, "by_start", broken)
    monkeypatch.setattr(FeedbackStore, "page", broken)
    async with grpc.aio.insecure_channel(service.address) as channel:
        for method in (
            insight_pb2.DESCRIPTOR.services_by_name["InsightService"].methods_by_name["GetInsights"],
            insight_pb2.DESCRIPTOR.services_by_name["InsightService"].methods_by_name["SubscribeInsights"],
            feedback_pb2.DESCRIPTOR.services_by_name["FeedbackService"].methods_by_name["ListFeedback"],
        ):
            caplog.clear()
            error = await call(channel, method)

            assert error.code() is grpc.StatusCode.INTERNAL
            assert error_infos(error) == [("INTERNAL", "uptake")]
            told = f"{error.details()} {error.debug_error_string()} {list(error.trailing_metadata())}"
            for inner in ("secret-7f3a", "mongodb", "RuntimeError", "Traceback", ".py"):
                assert inner not in told
            # The log has it, under the id that the caller was told.
            (record,) = [each for each in caplog.records if each.name == "uptake.calls"]
            assert "secret-7f3a" in caplog.text
            assert record.call_id in (error.details() or "")  # type: ignore[attr-defined]


async def test_reflection_lists_the_services(service: Service) -> None:
    def ask() -> tuple[set[str], set[str]]:
        with grpc.insecure_channel(service.address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            file = database.FindFileContainingSymbol("uptake.v1.InsightService")
            return set(database.get_services()), {method.name for each in file.service for method in each.method}

    services, methods = await asyncio.to_thread(ask)

    assert {name for name in services if name.startswith("uptake.")} == set(SERVICERS)
    assert "grpc.health.v1.Health" in services
    assert methods == {method.name for method in METHODS if method.containing_service.name == "InsightService"}


async def test_health_is_told_per_service(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", *SERVICERS):
            status = (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status
            assert status == health_pb2.HealthCheckResponse.SERVING, name
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="uptake.v1.NoService"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
