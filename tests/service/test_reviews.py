"""Reviews: opened once, claimed by one, finished by the one who holds the claim, reopened only by later answers."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from uptake import Client, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, project_pb2, review_pb2
from uptake.v1.review_pb2_grpc import ReviewServiceStub
from uptake_service.app.check import check
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DuplicateKey
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.patterns.shares import ShareStore
from uptake_service.patterns.store import PatternStore
from uptake_service.projections.rollups import RollupStore
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox
from uptake_service.reviews.recent import RecentFeedback
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.trigger import Trigger

from tests.conftest import Service, StartService
from tests.policies import by_rate_alone
from tests.processes import eventually

QUERY = "How do I reset my password?"


async def _reviews(client: Client) -> list[review_pb2.Review]:
    return [review async for review in client.reviews.list()]


async def _bad(client: Client, name: str, count: int, **about: Any) -> None:
    for number in range(count):
        await client.collect(thumbs_down(f"{name}-{number}", query=QUERY, **about))


async def _reason(call: Awaitable[object]) -> str:
    with pytest.raises(UptakeError) as caught:
        await call
    return caught.value.reason


async def test_it_takes_three_and_more_than_three_tenths(client: Client) -> None:
    for number in range(6):
        await client.collect(thumbs_up(f"g{number}", query="Where is my parcel?"))
    for number in range(3):
        await client.collect(thumbs_down(f"b{number}", query="Where is my parcel?"))
    assert await _reviews(client) == []
    await client.collect(thumbs_down("b3", query="Where is my parcel?"))
    (review,) = await _reviews(client)
    assert (review.negative_rate, review.sample_size) == (0.4, 10)
    assert (review.evidence_votes, review.evidence_negatives, review.baseline_rate) == (10, 4, 0.05)
    assert list(review.covered_pattern_ids) == [review.pattern.id]
    assert review.priority == review_pb2.REVIEW_PRIORITY_HIGH
    assert review.suggested_action == "Review and update prompt/instructions"


async def test_corrections_decide_the_action_and_more_feedback_updates_the_one_review(client: Client) -> None:
    await client.collect(correction("c", "by the link in the mail", query=QUERY))
    await _bad(client, "a", 3)
    (first,) = await _reviews(client)
    assert first.suggested_action == "Update knowledge base with corrections"
    assert first.priority == review_pb2.REVIEW_PRIORITY_MEDIUM
    await _bad(client, "b", 4)
    (updated,) = await _reviews(client)
    assert (updated.id, updated.sample_size, updated.etag) == (first.id, 8, first.etag)
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
    assert triggers[0] == triggers[1] == ("i3", 0.75, 4)


async def test_two_replicas_open_one_review(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    await asyncio.gather(*(_bad(replica.client, name, 8) for name, replica in (("a", one), ("b", two))))
    assert len(await _reviews(one.client)) == 1
    assert await check(one.mongo, Clock()) == []


async def test_what_two_replicas_add_unknown_to_each_other_is_judged_when_it_is_enough_together(
    start_service: StartService,
) -> None:
    one, two = [await start_service(pattern_refresh_seconds=60) for _ in range(2)]
    await by_rate_alone(one.client)
    for name in ("a", "b"):
        await one.client.collect((thumbs_down if name == "a" else thumbs_up)(name, query=QUERY))
    assert await _reviews(one.client) == []
    last = await two.client.collect(thumbs_up("c", query=QUERY))
    (review,) = await _reviews(two.client)
    assert (review.trigger_feedback_id, review.sample_size, review.negative_rate) == (last.id, 3, 1 / 3)


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
    claim = await client.reviews.claim(review.id, "ann")

    async def is_open() -> bool:
        return (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_OPEN

    assert not await is_open()
    await client.reviews.held(review.id, claim.token).renew(1)
    await eventually(is_open, "the end of the claim")
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


async def test_the_end_of_a_dismissals_quiet_alone_makes_nothing_due(service: Service) -> None:
    client = service.client
    policy = project_pb2.ReviewPolicy()
    policy.dismissal_quiet_period.FromMilliseconds(300)
    await client.projects.update(
        project_pb2.ProjectSettings(review_policy=policy), ["review_policy.dismissal_quiet_period"]
    )
    review = await _opened(client)
    await _bad(client, "b", 2)
    claim = await client.reviews.claim(review.id, "ann")
    dismissed = (await claim.dismiss("not ours")).resolution.end_time.ToDatetime()
    before = datetime.now(UTC) - timedelta(hours=1)

    async def is_over() -> bool:
        good = await client.collect(thumbs_up(str(uuid4()), query=QUERY, occur_time=before))
        return good.create_time.ToDatetime() > dismissed + timedelta(milliseconds=300)

    await eventually(is_over, "the end of the quiet")
    assert len(await _reviews(client)) == 1
    assert await check(service.mongo, Clock()) == []


class _Ahead(Clock):
    """The clock of a machine whose time is wrong."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.mark.parametrize("hours", [1, -1])
async def test_how_many_came_in_after_a_dismissal_does_not_hang_on_a_machines_clock(
    start_service: StartService, hours: int
) -> None:
    service = await start_service(_Ahead(timedelta(hours=hours)))
    review = await _opened(service.client)
    await (await service.client.reviews.claim(review.id, "ann")).dismiss("not ours")
    await _bad(service.client, "b", 2)
    assert len(await _reviews(service.client)) == 1
    await _bad(service.client, "c", 1)
    assert len(await _reviews(service.client)) == 2
    assert await check(service.mongo, Clock()) == []


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


@pytest.mark.parametrize("batched", [True, False])
async def test_after_a_fix_the_minimum_sample_is_of_later_answers_alone(client: Client, batched: bool) -> None:
    await by_rate_alone(client)
    review = await _opened(client)
    await (await client.reviews.claim(review.id, "ann")).resolve("fixed")
    now = datetime.now(UTC)
    later = [
        vote(name, query=QUERY, occur_time=now + timedelta(milliseconds=place))
        for place, (name, vote) in enumerate({"i0": thumbs_down, "i1": thumbs_up, "i2": thumbs_up}.items())
    ]
    names = await _sent(client, later, batched=batched)
    (reopened,) = await _reviews(client)
    assert (reopened.state, reopened.sample_size, reopened.negative_rate) == (review_pb2.REVIEW_STATE_OPEN, 3, 1 / 3)
    assert names[reopened.trigger_feedback_id] == "i2"


async def test_what_is_taken_back_after_a_fix_counts_to_no_sample(service: Service) -> None:
    client = service.client
    await by_rate_alone(client)
    review = await _opened(client)
    await (await client.reviews.claim(review.id, "ann")).resolve("fixed")
    good = [await client.collect(thumbs_up(f"good-{number}", query=QUERY)) for number in range(3)]
    assert await service.mongo.collection("reviews").count({"_id": review.id, "fix_sampled": True}) == 1
    for feedback in good[:2]:
        await client.feedback.retract(feedback.id)
    await client.collect(thumbs_down("bad", query=QUERY))
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_RESOLVED
    await client.collect(thumbs_up("good-3", query=QUERY))
    (reopened,) = await _reviews(client)
    assert (reopened.state, reopened.sample_size) == (review_pb2.REVIEW_STATE_OPEN, 3)
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
    await by_rate_alone(client)
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
    left = OutboxEntry(
        project="default",
        pattern_id=stored.pattern_id,
        writer=newest["writer"],
        revision=newest["revision"],
        feedback_ids=(stored.id,),
        touched=1,
    )
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    await transaction(service.mongo, lambda session: TriggerOutbox(service.mongo).add([left], long_ago, session))

    async def is_back() -> bool:
        return len(await _reviews(service.client)) == 1

    await eventually(is_back, "the review")


async def test_a_project_has_a_policy_of_its_own(client: Client) -> None:
    project = await client.projects.get()
    assert project.settings.review_policy.window_size == 10
    settings = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(minimum_sample=1))
    updated = await client.projects.update(settings, ["review_policy.minimum_sample"], etag=project.etag)
    assert (updated.settings.review_policy.minimum_sample, updated.settings.review_policy.window_size) == (1, 10)
    assert await _reason(client.projects.update(settings, ["review_policy"], etag=project.etag)) == "ETAG_MISMATCH"
    await by_rate_alone(client)
    await _bad(client, "a", 1)
    assert await _reviews(client) == [], "one voter alone opens nothing"
    await _bad(client, "b", 1)
    assert len(await _reviews(client)) == 1
    bad = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(window_size=101))
    with pytest.raises(UptakeError) as caught:
        await client.projects.update(bad, ["review_policy.window_size", "nonsense"])
    assert {name for name, _ in caught.value.field_violations} == {
        "update_mask",
        "settings.review_policy.window_size",
    }
    assert [listed.id async for listed in client.projects.list()] == ["default"]


async def _opened(client: Client, name: str = "a", **about: object) -> review_pb2.Review:
    await _bad(client, name, 3, **about)
    (review,) = await _reviews(client)
    return review


async def _refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(UptakeError) as caught:
        await call
    return caught.value.code, caught.value.reason


async def _wrong_fields(call: Awaitable[object]) -> set[str]:
    with pytest.raises(UptakeError) as caught:
        await call
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    return {field for field, _ in caught.value.field_violations}


def _actions(detail: review_pb2.GetReviewResponse) -> list[str]:
    return [review_pb2.ReviewAction.Name(change.action).removeprefix("REVIEW_ACTION_") for change in detail.history]


async def _sent(client: Client, feedback: list[feedback_pb2.Feedback], *, batched: bool) -> dict[str, str]:
    """Sends feedback as one batch or one by one; gives the interaction of each id."""
    if batched:
        stored = [result.feedback async for result in client.collect_many(feedback)]
    else:
        stored = [await client.collect(item) for item in feedback]
    return {item.id: item.interaction.id for item in stored}


async def test_the_trigger_goes_by_when_feedback_occurred_not_by_when_it_came(start_service: StartService) -> None:
    service = await start_service()
    start = datetime.now(UTC) - timedelta(hours=1)
    times = {"late": 3, "early": 0, "middle": 2, "second": 1}
    feedback = [
        thumbs_down(name, query=QUERY, occur_time=start + timedelta(minutes=minute)) for name, minute in times.items()
    ]
    async with Client(service.address, project="shuffled") as client:
        names = await _sent(client, feedback, batched=True)
        (review,) = await _reviews(client)
        assert names[review.trigger_feedback_id] == "middle"
        assert [names[related.feedback_id] for related in review.related_feedback] == [
            "late",
            "middle",
            "second",
            "early",
        ]


async def test_a_batch_after_a_dismissal_opens_the_review_that_single_calls_open(start_service: StartService) -> None:
    service = await start_service()
    now = datetime.now(UTC)
    outcomes = []
    for batched in (True, False):
        async with Client(service.address, project=f"batched-{batched}".lower()) as client:
            dismissed = await _opened(client, occur_time=now - timedelta(hours=2))
            await (await client.reviews.claim(dismissed.id, "ann")).dismiss("not ours")
            feedback = [
                thumbs_down(f"b{number}", query=QUERY, occur_time=now - timedelta(hours=1) + timedelta(seconds=number))
                for number in range(5)
            ]
            names = await _sent(client, feedback, batched=batched)
            newest, _ = await _reviews(client)
            outcomes.append((names[newest.trigger_feedback_id], newest.negative_rate, newest.sample_size))
    assert outcomes == [("b2", 1, 8)] * 2


async def test_a_batch_that_ends_well_after_a_dismissal_stays_quiet_as_single_calls_do(
    start_service: StartService,
) -> None:
    service = await start_service()
    now = datetime.now(UTC)
    votes = [thumbs_down, thumbs_down, *[thumbs_up] * 12, thumbs_down]
    for batched in (True, False):
        async with Client(service.address, project=f"batched-{batched}".lower()) as client:
            dismissed = await _opened(client, occur_time=now - timedelta(hours=2))
            await (await client.reviews.claim(dismissed.id, "ann")).dismiss("not ours")
            feedback = [
                vote(f"b{number}", query=QUERY, occur_time=now - timedelta(hours=1) + timedelta(seconds=number))
                for number, vote in enumerate(votes)
            ]
            await _sent(client, feedback, batched=batched)
            assert [review.id for review in await _reviews(client)] == [dismissed.id], f"{batched=}"


async def test_answers_given_before_the_fix_do_not_reopen_however_late_the_vote(client: Client) -> None:
    now = datetime.now(UTC)
    before, after = now - timedelta(hours=3), now - timedelta(minutes=1)
    review = await _opened(client, occur_time=before)
    claim = await client.reviews.claim(review.id, "ann")
    resolved = (await claim.resolve("fixed", fix_time=now - timedelta(hours=1))).review
    assert resolved.resolution.fix_time.ToDatetime(tzinfo=UTC) < now - timedelta(minutes=59)
    await _bad(client, "occurred-before", 4, occur_time=before)
    await _bad(client, "answered-before", 4, occur_time=after, interaction_create_time=before)
    (still,) = await _reviews(client)
    assert (still.state, still.reopen_count) == (review_pb2.REVIEW_STATE_RESOLVED, 0)
    await _bad(client, "two", 2, occur_time=after, interaction_create_time=after)
    (still,) = await _reviews(client)
    assert still.state == review_pb2.REVIEW_STATE_RESOLVED
    await _bad(client, "third", 1, occur_time=after)
    (reopened,) = await _reviews(client)
    assert (reopened.id, reopened.state) == (review.id, review_pb2.REVIEW_STATE_OPEN)
    assert (reopened.reopen_count, reopened.sample_size) == (1, 3)
    assert not reopened.HasField("resolution")
    assert _actions(await client.reviews.get(review.id)) == ["OPENED", "CLAIMED", "RESOLVED", "REOPENED"]


async def test_a_mark_that_nobody_judged_is_judged_by_the_sweep(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=0.2)
    client = service.client

    async def need(sample: int) -> None:
        policy = project_pb2.ReviewPolicy(minimum_sample=sample)
        await client.projects.update(
            project_pb2.ProjectSettings(review_policy=policy), ["review_policy.minimum_sample"]
        )

    await need(5)
    await _bad(client, "a", 3)
    assert await _reviews(client) == []
    await need(3)
    (document, *_) = await service.mongo.collection("feedback").find({})
    mark = OutboxEntry(
        project="default",
        pattern_id=document["pattern_id"],
        writer=document["writer"],
        revision=1_000_000,
        feedback_ids=(),
        touched=0,
    )
    marks = TriggerOutbox(service.mongo)
    await transaction(service.mongo, lambda session: marks.add([mark], Clock().now(), session))

    async def is_judged() -> bool:
        return await service.mongo.collection("trigger_marks").count({}) == 0

    await eventually(is_judged, "the end of the mark")
    (review,) = await _reviews(client)
    assert (review.state, review.sample_size) == (review_pb2.REVIEW_STATE_OPEN, 3)


async def test_marks_that_another_process_judged_are_not_judged_again(service: Service) -> None:
    client, mongo = service.client, service.mongo
    await by_rate_alone(client)
    await client.projects.update(
        project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(minimum_sample=5)),
        ["review_policy.minimum_sample"],
    )
    patterns = {}
    for query in ("weather in Paris tomorrow", "cancel my subscription", QUERY):
        for number in range(3):
            stored = await client.collect(thumbs_down(f"{query}-{number}", query=query))
            patterns[query] = stored.pattern_id
    await client.projects.update(
        project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(minimum_sample=3)),
        ["review_policy.minimum_sample"],
    )
    judged, *due = (
        OutboxEntry(
            project="default", pattern_id=id, writer=0, revision=1_000_000 + (place > 0), feedback_ids=(), touched=0
        )
        for place, id in enumerate(patterns.values())
    )
    marks, events, requests = TriggerOutbox(mongo), EventLog(mongo, 1), RequestRecords(mongo, 1)
    await transaction(mongo, lambda session: marks.add(due, Clock().now(), session))
    feedback = FeedbackStore(mongo, Clock())
    trigger = Trigger(
        Clock(),
        feedback,
        RecentFeedback(mongo, feedback, ShareStore(mongo)),
        RollupStore(mongo),
        PatternStore(mongo),
        ProjectStore(mongo, Clock(), requests),
        marks,
        ReviewStore(mongo),
        events,
    )
    await trigger.run([judged])
    await trigger.run(due)
    assert {review.pattern.id for review in await _reviews(client)} == {mark.pattern_id for mark in due}
    assert await mongo.collection("trigger_marks").count({}) == 0


async def test_lists_are_paged_in_both_orders_and_tokens_are_bound_to_their_query(service: Service) -> None:
    client = service.client
    await by_rate_alone(client)
    for name, count in (("alpha beta gamma", 3), ("weather in Paris tomorrow", 7), ("cancel my subscription", 4)):
        for number in range(count):
            await client.collect(thumbs_down(f"{name}{number}", query=name))
    newest = await _reviews(client)
    assert [review.sample_size for review in newest] == [4, 7, 3]
    pages = [page async for page in client.reviews.list(page_size=2).pages()]
    assert [[review.id for review in page.reviews] for page in pages] == [
        [newest[0].id, newest[1].id],
        [newest[2].id],
    ]
    assert pages[-1].next_page_token == ""
    of_pattern = review_pb2.ReviewFilter(pattern_id=newest[1].pattern.id)
    assert [review.id async for review in client.reviews.list(filter=of_pattern)] == [newest[1].id]
    medium = review_pb2.ReviewFilter(priorities=[review_pb2.REVIEW_PRIORITY_MEDIUM])
    assert [review.sample_size async for review in client.reviews.list(filter=medium)] == [4, 3]
    assert [review async for review in client.reviews.list(filter=review_pb2.ReviewFilter(assignee="nobody"))] == []
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = ReviewServiceStub(channel)
        for request in (
            review_pb2.ListReviewsRequest(
                page_token=pages[0].next_page_token, order=review_pb2.REVIEW_ORDER_MOST_URGENT
            ),
            review_pb2.ListReviewsRequest(page_token=pages[0].next_page_token, project="other"),
            review_pb2.ListReviewsRequest(page_token="garbage"),  # noqa: S106
            review_pb2.ListReviewsRequest(page_size=-1),
            # There is none with such a number.
            review_pb2.ListReviewsRequest(filter=review_pb2.ReviewFilter(states=[77])),  # type: ignore[list-item]
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListReviews(request)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_renewing_keeps_a_claim_and_releasing_gives_it_back(client: Client) -> None:
    review = await _opened(client)
    claim = await client.reviews.claim(review.id, "ann", lease_seconds=60)
    assert (claim.review.state, claim.review.assignee) == (review_pb2.REVIEW_STATE_CLAIMED, "ann")
    before = claim.review.claim_expire_time.ToDatetime()
    renewed = await claim.renew(3600)
    assert renewed.claim_expire_time.ToDatetime() > before + timedelta(minutes=50)
    released = await claim.release("lunch")
    assert (released.state, released.assignee) == (review_pb2.REVIEW_STATE_OPEN, "")
    assert not released.HasField("claim_expire_time")
    assert await _reason(client.reviews.held(review.id, claim.token).renew()) == "CLAIM_LOST"
    detail = await client.reviews.get(review.id)
    assert _actions(detail) == ["OPENED", "CLAIMED", "RENEWED", "RELEASED"]
    assert (detail.history[-1].actor, detail.history[-1].note) == ("ann", "lunch")


async def test_an_expired_claim_is_open_in_lists_and_nobody_has_it(client: Client) -> None:
    review = await _opened(client)
    claim = await client.reviews.claim(review.id, "ann", lease_seconds=1, request_id="once")

    async def listed(**filter: Any) -> bool:
        listing = client.reviews.list(filter=review_pb2.ReviewFilter(**filter))
        return [found.id async for found in listing] == [review.id]

    await eventually(lambda: listed(states=[review_pb2.REVIEW_STATE_OPEN]), "the end of the claim")
    assert not await listed(states=[review_pb2.REVIEW_STATE_CLAIMED])
    assert not await listed(assignee="ann")
    assert await _reason(client.reviews.held(review.id, claim.token).release()) == "CLAIM_LOST"
    assert (await client.reviews.claim(review.id, "ann", lease_seconds=1, request_id="once")).token == claim.token
    taken = await client.reviews.claim(review.id, "bob")
    assert taken.token != claim.token
    assert await _reason(client.reviews.held(review.id, claim.token).renew()) == "CLAIM_LOST"
    assert _actions(await client.reviews.get(review.id)) == ["OPENED", "CLAIMED", "EXPIRED", "CLAIMED"]


async def test_finishing_twice_with_one_request_id_answers_the_same(client: Client) -> None:
    review = await _opened(client)
    claim = await client.reviews.claim(review.id, "ann")
    first = await client.reviews.held(review.id, claim.token).resolve("done", request_id="r")
    again = await client.reviews.held(review.id, claim.token).resolve("done", request_id="r")
    assert first == again
    assert await _refused(client.reviews.held(review.id, claim.token).resolve("other", request_id="r")) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
    )
    assert await _reason(client.reviews.held(review.id, claim.token).resolve("done")) == "REVIEW_FINISHED"
    assert _actions(await client.reviews.get(review.id)) == ["OPENED", "CLAIMED", "RESOLVED"]


async def test_a_dismissed_review_opens_by_hand_unless_the_pattern_has_another(client: Client) -> None:
    review = await _opened(client)
    claim = await client.reviews.claim(review.id, "ann")
    dismissed = await client.reviews.held(review.id, claim.token).dismiss("no", request_id="d")
    assert dismissed.state == review_pb2.REVIEW_STATE_DISMISSED
    assert (dismissed.resolution.note, dismissed.resolution.HasField("fix_time")) == ("no", False)
    assert await client.reviews.held(review.id, claim.token).dismiss("no", request_id="d") == dismissed
    await _bad(client, "b", 3)
    newest, _ = await _reviews(client)
    assert newest.id != review.id
    assert await _refused(client.reviews.reopen(review.id, "ann")) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "ACTIVE_REVIEW_EXISTS",
    )
    await (await client.reviews.claim(newest.id, "bob")).dismiss("no")
    reopened = await client.reviews.reopen(review.id, "ann", "after all", request_id="o")
    assert (reopened.state, reopened.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
    assert (await client.reviews.reopen(review.id, "ann", "after all", request_id="o")).reopen_count == 1


async def test_a_review_that_is_opened_while_another_of_its_pattern_is_reopened_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await _opened(client)
    await (await client.reviews.claim(first.id, "ann")).dismiss("no")
    await _bad(client, "b", 3)
    newest, _ = await _reviews(client)
    read, seen = ReviewStore.active_of_patterns, 0

    async def too_early(store: ReviewStore, ids: Sequence[str], *, session: Session | None = None) -> dict[str, str]:
        nonlocal seen
        seen += 1
        return {} if seen == 1 else await read(store, ids, session=session)

    monkeypatch.setattr(ReviewStore, "active_of_patterns", too_early)
    with pytest.raises(UptakeError) as caught:
        await client.reviews.reopen(first.id, "ann")
    assert (caught.value.reason, caught.value.metadata) == ("ACTIVE_REVIEW_EXISTS", {"review_id": newest.id})
    assert seen == 2


async def test_who_loses_the_race_for_a_request_id_again_and_again_is_told_to_retry(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = await _opened(client)
    await (await client.reviews.claim(review.id, "ann")).dismiss("no")

    async def taken(*_: object, **__: object) -> None:
        raise DuplicateKey("_id_")

    with monkeypatch.context() as patched:
        patched.setattr(RequestRecords, "add_expiring", taken)
        assert await _refused(client.reviews.reopen(review.id, "ann", request_id="o")) == (
            grpc.StatusCode.ABORTED,
            "CONFLICT",
        )
    assert (await client.reviews.reopen(review.id, "ann", request_id="o")).reopen_count == 1


async def test_an_etag_covers_what_people_change_and_not_the_counters(client: Client) -> None:
    review = await _opened(client)
    await _bad(client, "more", 1)
    claim = await client.reviews.claim(review.id, "ann", etag=review.etag)
    assert claim.review.etag != review.etag
    for call in (
        client.reviews.claim(review.id, "bob", etag=review.etag),
        client.reviews.held(review.id, claim.token).resolve(etag=review.etag),
        client.reviews.held(review.id, claim.token).dismiss(etag=review.etag),
        client.reviews.reopen(review.id, "bob", etag=review.etag),
    ):
        assert await _refused(call) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    await claim.resolve(etag=claim.review.etag)


async def test_what_is_not_there_is_not_found_and_projects_do_not_see_each_other(service: Service) -> None:
    client = service.client
    review = await _opened(client)
    claim = await client.reviews.claim(review.id, "ann")
    not_found = (grpc.StatusCode.NOT_FOUND, "REVIEW_NOT_FOUND")
    async with Client(service.address, project="other") as other:
        for calls, id in ((client, "f" * 24), (client, "no id at all"), (other, review.id)):
            assert await _refused(calls.reviews.get(id)) == not_found
            assert await _refused(calls.reviews.claim(id, "bob")) == not_found
            assert await _refused(calls.reviews.reopen(id, "bob")) == not_found
        assert await _refused(other.reviews.held(review.id, claim.token).renew()) == not_found
        assert await _refused(other.reviews.held(review.id, claim.token).resolve()) == not_found
        assert await _refused(other.reviews.held(review.id, claim.token).dismiss()) == not_found
        assert await _reviews(other) == []
    for token in ("garbage", "1.", ".", claim.token + "0", claim.token[:-1], "2" + claim.token[1:], "\u0661.x"):
        assert await _refused(client.reviews.held(review.id, token).resolve()) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "CLAIM_LOST",
        )
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_CLAIMED


async def test_every_wrong_field_is_named(client: Client) -> None:
    review = await _opened(client)
    both = {"reviewer", "lease_duration"}
    for lease_seconds in (0.5, 0, -1, 24 * 3600 + 1):
        assert await _wrong_fields(client.reviews.claim(review.id, "", lease_seconds=lease_seconds)) == both
    assert await _wrong_fields(client.reviews.claim("", "a" * 257)) == {"id", "reviewer"}
    assert await _wrong_fields(client.reviews.reopen(review.id, "")) == {"reviewer"}
    claim = await client.reviews.claim(review.id, "ann", lease_seconds=24 * 3600)
    assert await _wrong_fields(client.reviews.held(review.id, claim.token).renew(0.5)) == {"lease_duration"}
    assert await _wrong_fields(client.reviews.held(review.id, "").dismiss("n" * 10_001)) == {"claim_token", "note"}
    future = datetime.now(UTC) + timedelta(minutes=5)
    assert await _wrong_fields(claim.resolve("soon", fix_time=future)) == {"fix_time"}
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_CLAIMED


async def test_a_version_that_came_with_the_fix_counts_as_after_it(client: Client) -> None:
    now = datetime.now(UTC)
    review = await _opened(client, occur_time=now - timedelta(hours=2), versions={"prompt": "1"})
    claim = await client.reviews.claim(review.id, "ann")
    await _bad(client, "since", 1, occur_time=now - timedelta(minutes=30), versions={"prompt": "2"})
    await claim.resolve("prompt 2 went live an hour ago", fix_time=now - timedelta(hours=1))
    await _bad(client, "new", 3, versions={"prompt": "2"})
    (reopened,) = await _reviews(client)
    assert (reopened.state, reopened.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)


async def test_a_reopened_review_is_updated_from_answers_after_the_fix_alone(client: Client) -> None:
    review = await _opened(client, versions={"prompt": "1"})
    await (await client.reviews.claim(review.id, "ann")).resolve("fixed")
    await _bad(client, "new", 4, versions={"prompt": "2"})
    (reopened,) = await _reviews(client)
    assert (reopened.reopen_count, reopened.sample_size) == (1, 4)
