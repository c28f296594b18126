"""SubscribeReviews: what matches, each change of it, and what no longer matches."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import review_pb2 as pb
from uptake_service.domain import tokens

from tests.conftest import Service, StartService
from tests.policies import by_rate_alone
from tests.processes import free_port
from tests.streams import Stream
from tests.stubs import ReviewServiceStub

Message = pb.SubscribeReviewsResponse
OPEN = pb.ReviewFilter(states=[pb.REVIEW_STATE_OPEN])


@pytest.fixture
async def quick(start_service: StartService) -> Service:
    started = await start_service(port=free_port(), subscription_interval_seconds=0.1, trigger_interval_seconds=0.3)
    # Every question here is bad, so that none stands out.
    await by_rate_alone(started.client)
    return started


@pytest.fixture
async def stub(quick: Service) -> AsyncIterator[ReviewServiceStub]:
    async with grpc.aio.insecure_channel(quick.address) as channel:
        yield ReviewServiceStub(channel)


def watch(stub: ReviewServiceStub, **request: Any) -> Stream[Message]:
    return Stream(
        stub.SubscribeReviews(pb.SubscribeReviewsRequest(**{"checkpoint_interval": {"seconds": 1}, **request}))
    )


async def opened(client: Client, query: str) -> pb.Review:
    """Makes a pattern bad; returns its review."""
    sent = client.collect_many(thumbs_down(f"{query}-{number}", query=query) for number in range(3))
    patterns = {result.feedback.pattern_id async for result in sent}
    (review,) = [each async for each in client.reviews.list() if each.pattern.id in patterns]
    return review


async def told(service: Service, stream: Stream[Message]) -> list[Message]:
    """What is told of all that has happened by now: what comes up to a checkpoint that is not before that."""
    counter = await service.mongo.collection("counters").get({"_id": "default"})
    messages: list[Message] = []
    while True:
        *more, checkpoint = await stream.until("checkpoint")
        messages += more
        if counter is None or seq_of(checkpoint.resume_token) >= counter["seq"]:
            return messages


def seq_of(token: str) -> int:
    """The event after which a token goes on."""
    place = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[tokens._CHECK_BYTES :]
    return int(json.loads(place)[0])


def ids(messages: list[Message]) -> list[str]:
    return [message.review.id or f"-{message.removed_review_id}" for message in messages]


async def test_every_review_first_then_each_change(quick: Service, stub: ReviewServiceStub) -> None:
    first = await opened(quick.client, "How do I reset my password?")
    stream = watch(stub)
    (message,) = await told(quick, stream)
    assert message.review == first

    second = await opened(quick.client, "Where is my invoice?")
    assert (await told(quick, stream))[-1].review == second

    async with await quick.client.reviews.claim(first.id, "ann") as claim:
        (message,) = await told(quick, stream)
        assert (message.review.id, message.review.state) == (first.id, pb.REVIEW_STATE_CLAIMED)
        assert message.review.assignee == "ann"
        await claim.resolve("done")
    (message,) = await told(quick, stream)
    assert message.review == await review_of(quick.client, first.id)
    stream.cancel()


async def review_of(client: Client, id: str) -> pb.Review:
    return (await client.reviews.get(id)).review


async def test_a_review_that_no_longer_matches_is_told_as_such(quick: Service, stub: ReviewServiceStub) -> None:
    review = await opened(quick.client, "How do I reset my password?")
    stream, of_ann = watch(stub, filter=OPEN), watch(stub, filter={"assignee": "ann"})
    assert ids(await told(quick, stream)) == [review.id]
    assert ids(await told(quick, of_ann)) == []

    claim = await quick.client.reviews.claim(review.id, "ann", lease_seconds=300.0)
    assert ids(await told(quick, stream)) == [f"-{review.id}"]
    assert ids(await told(quick, of_ann)) == [review.id]
    # Once told, a review that goes on not to match is told no more; an expired claim reads as open.
    await claim.renew(1.0)
    back = await stream.until("review")
    assert ids(back[-1:]) == [review.id]
    assert [message.removed_review_id for message in back if message.removed_review_id] == []
    assert ids(await of_ann.until("removed_review_id"))[-1] == f"-{review.id}"
    stream.cancel()
    of_ann.cancel()


async def test_resuming_in_the_list_and_after_it(quick: Service, stub: ReviewServiceStub) -> None:
    queries = (
        "How do I reset my password?",
        "Where is my invoice?",
        "Do you deliver on Sundays?",
        "Can I get a refund?",
    )
    reviews = [await opened(quick.client, query) for query in queries]
    newest_first = [review.id for review in reversed(reviews)]
    stream = watch(stub)
    messages = await stream.until("checkpoint")
    stream.cancel()
    assert ids(messages[:-1]) == newest_first

    for place, message in enumerate(messages[:-1], start=1):
        stream = watch(stub, resume_token=message.resume_token)
        assert ids(await told(quick, stream)) == newest_first[place:]
        stream.cancel()

    # What changed while nobody watched is told once, as it is now.
    await (await quick.client.reviews.claim(reviews[0].id, "ann")).resolve()
    await (await quick.client.reviews.claim(reviews[2].id, "ann")).release()
    stream = watch(stub, resume_token=messages[-1].resume_token)
    missed = await told(quick, stream)
    assert ids(missed) == [reviews[0].id, reviews[2].id]
    assert [message.review.state for message in missed] == [pb.REVIEW_STATE_RESOLVED, pb.REVIEW_STATE_OPEN]
    stream.cancel()


async def test_after_resuming_a_review_that_does_not_match_is_told(quick: Service, stub: ReviewServiceStub) -> None:
    review = await opened(quick.client, "How do I reset my password?")
    stream = watch(stub, filter=OPEN)
    token = (await stream.until("checkpoint"))[-1].resume_token
    stream.cancel()
    await quick.client.reviews.claim(review.id, "ann")
    stream = watch(stub, filter=OPEN, resume_token=token)
    assert ids(await told(quick, stream)) == [f"-{review.id}"]
    stream.cancel()


async def test_the_clients_watch_goes_on_over_a_restart(start_service: StartService, quick: Service) -> None:
    review = await opened(quick.client, "How do I reset my password?")
    async with quick.client.reviews.subscribe(checkpoint_seconds=1) as watching:
        assert (await anext(watching)).review == review
        await quick.app.stop()
        again = await start_service(port=quick.app.port, subscription_interval_seconds=0.1)
        await again.client.reviews.claim(review.id, "ann")
        async for message in watching:
            if message.HasField("review"):
                assert message.review.assignee == "ann"
                break


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"filter": {"states": [99]}}, "filter.states[0]"),
        ({"filter": {"priorities": [99]}}, "filter.priorities[0]"),
        ({"filter": {"assignee": "a" * 257}}, "filter.assignee"),
        ({"checkpoint_interval": {"seconds": 301}}, "checkpoint_interval"),
        ({"project": "no such name!"}, "project"),
        ({"resume_token": "garbage"}, "resume_token"),
    ],
)
async def test_requests_that_are_none(stub: ReviewServiceStub, request_: dict[str, Any], field: str) -> None:
    error = UptakeError.from_rpc(await watch(stub, **request_).error())
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation[0] for violation in error.field_violations] == [field]


async def test_tokens_are_of_one_method_project_and_filter(quick: Service, stub: ReviewServiceStub) -> None:
    stream = watch(stub, filter={"states": [1, 2]})
    token = (await stream.until("checkpoint"))[-1].resume_token
    stream.cancel()
    same = watch(stub, filter={"states": [2, 1, 2]}, resume_token=token)
    assert (await same.read()).HasField("checkpoint")
    same.cancel()
    async with quick.client.insights.subscribe() as updates:
        of_insights = (await anext(updates)).resume_token
    for request in (
        {"filter": OPEN, "resume_token": token},
        {"filter": {"states": [1, 2]}, "project": "other", "resume_token": token},
        {"filter": {"states": [1, 2]}, "resume_token": of_insights},
    ):
        error = UptakeError.from_rpc(await watch(stub, **request).error())
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RESUME_TOKEN")


async def test_a_review_that_closes_itself_leaves_those_that_are_open(quick: Service, stub: ReviewServiceStub) -> None:
    client = quick.client
    votes = [await client.collect(thumbs_down(f"w{n}", query="Where is my parcel?")) for n in range(3)]
    (review,) = [each async for each in client.reviews.list()]
    stream = watch(stub, filter=OPEN)
    assert [message.review.id for message in await told(quick, stream)] == [review.id]
    for vote in votes:
        await client.feedback.retract(vote.id)
    *_, last = await told(quick, stream)
    assert last.removed_review_id == review.id
    listed = client.reviews.list(filter=pb.ReviewFilter(states=[pb.REVIEW_STATE_CLOSED]))
    assert [each.id async for each in listed] == [review.id]
    assert [each async for each in client.reviews.list(filter=OPEN)] == []
