"""The stream of insights: it loses and repeats nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import (
    error_pb2,
    event_pb2,
    feedback_pb2,
    insight_pb2,
    review_pb2,
)
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import Service, StartService
from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, eventually, free_port, in_time
from tests.streams import subscribe
from tests.stubs import InsightServiceStub

Message = insight_pb2.SubscribeInsightsResponse

HOURS = "What are your opening hours?"
PASSWORD = "How do I reset my password?"  # noqa: S105
INVOICE = "Where can I download the invoice of last month?"


def numbers(metrics: insight_pb2.Metrics) -> tuple[int, int, int]:
    return metrics.total_feedback, metrics.positive_count, metrics.negative_count


async def collect(client: Client, feedback: Sequence[feedback_pb2.Feedback]) -> list[feedback_pb2.Feedback]:
    """Sends one after the other, so that they are judged in this order."""
    return [await client.collect(each) for each in feedback]


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

    end = messages[-1].end
    assert (end.reason, end.message) == (error_pb2.ERROR_REASON_SHUTTING_DOWN, error.message)
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
