"""Reviews: opened once, claimed by one, finished by the one who holds the claim, reopened only by later answers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from uptake import Client, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import project_pb2, review_pb2
from uptake_service.check import check
from uptake_service.clock import Clock

from tests.conftest import Service, StartService

QUERY = "How do I reset my password?"


async def _reviews(client: Client) -> list[review_pb2.Review]:
    return [review async for review in client.reviews.list()]


async def _bad(client: Client, name: str, count: int, **about: object) -> None:
    for number in range(count):
        await client.collect(thumbs_down(f"{name}-{number}", query=QUERY, **about))  # type: ignore[arg-type]


async def _reason(call: Awaitable[object]) -> str:
    with pytest.raises(UptakeError) as caught:
        await call
    return caught.value.reason


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await holds():  # noqa: ASYNC110  The state is in the database; nothing tells of it.
            await asyncio.sleep(0.05)


async def test_it_takes_three_and_more_than_three_tenths(client: Client) -> None:
    await _bad(client, "a", 2)
    assert await _reviews(client) == []
    for number in range(8):
        await client.collect(thumbs_up(f"g{number}", query="Where is my parcel?"))
    for number in range(3):
        await client.collect(thumbs_down(f"b{number}", query="Where is my parcel?"))
    assert await _reviews(client) == []
    await client.collect(thumbs_down("b3", query="Where is my parcel?"))
    (review,) = await _reviews(client)
    assert (review.negative_rate, review.sample_size) == (0.4, 10)
    assert review.priority == review_pb2.REVIEW_PRIORITY_HIGH
    assert review.suggested_action == "Review and update prompt/instructions"


async def test_corrections_decide_the_action_and_more_feedback_updates_the_one_review(client: Client) -> None:
    await client.collect(correction("c", "by the link in the mail", query=QUERY))
    await _bad(client, "a", 2)
    (first,) = await _reviews(client)
    assert first.suggested_action == "Update knowledge base with corrections"
    assert first.priority == review_pb2.REVIEW_PRIORITY_MEDIUM
    await _bad(client, "b", 4)
    (updated,) = await _reviews(client)
    assert (updated.id, updated.sample_size, updated.etag) == (first.id, 7, first.etag)
    assert updated.priority == review_pb2.REVIEW_PRIORITY_HIGH


async def test_batching_changes_no_outcome(start_service: StartService) -> None:
    service = await start_service()
    start = datetime.now(UTC) - timedelta(hours=1)
    votes = [thumbs_down, thumbs_up, thumbs_down, thumbs_down, *[thumbs_up] * 12]
    triggers = []
    for project in ("batch", "single"):
        feedback = [vote(f"i{n}", query=QUERY, occur_time=start + timedelta(seconds=n)) for n, vote in enumerate(votes)]
        async with Client(service.address, project=project) as client:
            if project == "batch":
                stored = [result.feedback async for result in client.collect_many(feedback)]
            else:
                stored = [await client.collect(item) for item in feedback]
            by_id = {item.id: item.interaction.id for item in stored}
            (review,) = await _reviews(client)
            triggers.append((by_id[review.trigger_feedback_id], review.negative_rate, review.sample_size))
    assert triggers[0] == triggers[1] == ("i2", 0.75, 4)


async def test_two_replicas_open_one_review(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    await asyncio.gather(*(_bad(replica.client, name, 8) for name, replica in (("a", one), ("b", two))))
    assert len(await _reviews(one.client)) == 1
    assert await check(one.mongo, Clock()) == []


async def test_one_of_two_reviewers_wins_and_a_repeated_request_gets_its_token(client: Client) -> None:
    await _bad(client, "a", 3)
    (review,) = await _reviews(client)
    outcomes = await asyncio.gather(
        *(client.reviews.claim(review.id, name) for name in ("ann", "bob")), return_exceptions=True
    )
    (lost,) = [outcome for outcome in outcomes if isinstance(outcome, UptakeError)]
    assert (lost.code, lost.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REVIEW_CLAIMED")
    (claim,) = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    await claim.release("later")
    first = await client.reviews.claim(review.id, "ann", request_id="r1")
    again = await client.reviews.claim(review.id, "ann", request_id="r1")
    assert first.token == again.token
    assert await _reason(client.reviews.held(review.id, "1.garbage").renew()) == "CLAIM_LOST"
    assert await _reason(client.reviews.held(review.id, claim.token).resolve("mine")) == "CLAIM_LOST"
    resolved = await client.reviews.held(review.id, first.token).resolve("done")
    assert resolved.review.resolution.reviewer == "ann"
    detail = await client.reviews.get(review.id)
    actions = [review_pb2.ReviewAction.Name(change.action).removeprefix("REVIEW_ACTION_") for change in detail.history]
    assert actions == ["OPENED", "CLAIMED", "RELEASED", "CLAIMED", "RESOLVED"]
    assert len(detail.related_feedback) == 3


async def test_an_expired_claim_reads_as_open_and_is_refused(client: Client) -> None:
    await _bad(client, "a", 3)
    (review,) = await _reviews(client)
    claim = await client.reviews.claim(review.id, "ann", lease_seconds=1)

    async def is_open() -> bool:
        return (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_OPEN

    assert not await is_open()
    await _until(is_open)
    assert await _reason(client.reviews.held(review.id, claim.token).resolve("late")) == "CLAIM_LOST"
    await client.reviews.claim(review.id, "bob")
    history = (await client.reviews.get(review.id)).history
    assert review_pb2.REVIEW_ACTION_EXPIRED in [change.action for change in history]


async def test_a_dismissed_pattern_is_quiet_until_as_many_negatives_came_in(client: Client) -> None:
    await _bad(client, "a", 3)
    (review,) = await _reviews(client)
    await (await client.reviews.claim(review.id, "ann")).dismiss("not ours")
    await _bad(client, "b", 2)
    assert len(await _reviews(client)) == 1
    await _bad(client, "c", 1)
    newest, oldest = await _reviews(client)
    assert (newest.state, oldest.state) == (review_pb2.REVIEW_STATE_OPEN, review_pb2.REVIEW_STATE_DISMISSED)


async def test_only_answers_after_the_fix_reopen(service: Service) -> None:
    client = service.client
    await _bad(client, "a", 3, versions={"prompt": "1"})
    (review,) = await _reviews(client)
    await (await client.reviews.claim(review.id, "ann")).resolve("fixed")
    await _bad(client, "old", 6, versions={"prompt": "1"})
    (still,) = await _reviews(client)
    assert still.state == review_pb2.REVIEW_STATE_RESOLVED
    await _bad(client, "new", 3, versions={"prompt": "2"})
    (reopened,) = await _reviews(client)
    assert (reopened.state, reopened.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
    assert await check(service.mongo, Clock()) == []


async def test_reopening_by_hand_and_what_stands_against_it(client: Client) -> None:
    await _bad(client, "a", 3)
    (review,) = await _reviews(client)
    assert await _reason(client.reviews.reopen(review.id, "ann")) == "REVIEW_NOT_FINISHED"
    claim = await client.reviews.claim(review.id, "ann")
    await claim.resolve("fixed")
    assert await _reason(client.reviews.claim(review.id, "bob")) == "REVIEW_FINISHED"
    assert await _reason(client.reviews.reopen(review.id, "ann", etag="99")) == "ETAG_MISMATCH"
    reopened = await client.reviews.reopen(review.id, "ann", note="again")
    assert reopened.reopen_count == 1
    assert await _reason(client.reviews.get("f" * 24)) == "REVIEW_NOT_FOUND"


async def test_lists_filter_order_and_page(client: Client) -> None:
    for name, count in (("alpha beta gamma", 3), ("weather in Paris tomorrow", 7), ("cancel my subscription", 4)):
        for number in range(count):
            await client.collect(thumbs_down(f"{name}{number}", query=name))
    urgent = client.reviews.list(order=review_pb2.REVIEW_ORDER_MOST_URGENT, page_size=1)
    assert [review.sample_size async for review in urgent] == [7, 4, 3]
    await client.reviews.claim((await _reviews(client))[0].id, "ann")
    for filter, sizes in (
        (review_pb2.ReviewFilter(states=[review_pb2.REVIEW_STATE_OPEN]), [7, 3]),
        (review_pb2.ReviewFilter(assignee="ann"), [4]),
        (review_pb2.ReviewFilter(priorities=[review_pb2.REVIEW_PRIORITY_HIGH]), [7]),
    ):
        assert [review.sample_size async for review in client.reviews.list(filter=filter)] == sizes


async def test_marks_that_a_crash_left_are_judged(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=0.2)
    await _bad(service.client, "a", 3)
    (review,) = await _reviews(service.client)
    stored = await service.client.feedback.get(review.trigger_feedback_id)
    await service.mongo.collection("reviews").delete_many({"_id": review.id})
    newest = (await service.mongo.collection("feedback").get({"_id": stored.id})) or {}
    await service.mongo.collection("trigger_marks").insert(
        {
            "_id": "left",
            "project": "default",
            "pattern_id": stored.pattern_id,
            "writer": newest["writer"],
            "revision": newest["revision"],
            "feedback_ids": [stored.id],
            "touched": 1,
            "create_time": datetime(2020, 1, 1, tzinfo=UTC),
        }
    )
    mark = {"_id": f"{stored.pattern_id}/{newest['writer']}/{newest['revision']}"}
    left = await service.mongo.collection("trigger_marks").get({"_id": "left"})
    assert left is not None
    await service.mongo.collection("trigger_marks").delete_many({"_id": "left"})
    await service.mongo.collection("trigger_marks").insert(left | mark)

    async def is_back() -> bool:
        return len(await _reviews(service.client)) == 1

    await _until(is_back)


async def test_a_project_has_a_policy_of_its_own(client: Client) -> None:
    project = await client.projects.get()
    assert project.settings.review_policy.window_size == 10
    settings = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(minimum_sample=1))
    updated = await client.projects.update(settings, ["review_policy.minimum_sample"], etag=project.etag)
    assert (updated.settings.review_policy.minimum_sample, updated.settings.review_policy.window_size) == (1, 10)
    assert await _reason(client.projects.update(settings, ["review_policy"], etag=project.etag)) == "ETAG_MISMATCH"
    await _bad(client, "a", 1)
    assert len(await _reviews(client)) == 1
    bad = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(window_size=101))
    with pytest.raises(UptakeError) as caught:
        await client.projects.update(bad, ["review_policy.window_size", "nonsense"])
    assert {name for name, _ in caught.value.field_violations} == {
        "update_mask",
        "settings.review_policy.window_size",
    }
    assert [listed.id async for listed in client.projects.list()] == ["default"]
