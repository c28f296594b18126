"""Reviews say what their feedback says: they are written anew when it changes, and close once no complaint is left."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from google.protobuf import duration_pb2
from uptake import Client, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, project_pb2, review_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.mongo.documents import Document
from uptake_service.projections.rollup_deltas import Counts, RollupKey
from uptake_service.projections.rollups import RollupStore

from tests.conftest import Service, StartService
from tests.policies import by_rate_alone
from tests.processes import eventually

QUERY = "What is the refund period?"
DIGITS = str.maketrans("0123456789", "ghijklmnop")


async def _voted(client: Client, count: int = 4, *, user: str = "", **about: Any) -> list[feedback_pb2.Feedback]:
    return [
        await client.collect(thumbs_down(f"m{n}", query=QUERY, user_id=user or f"u{n}", **about)) for n in range(count)
    ]


async def _review(client: Client) -> review_pb2.Review:
    (review,) = [review async for review in client.reviews.list()]
    return review


def _actions(detail: review_pb2.GetReviewResponse) -> list[str]:
    return [review_pb2.ReviewAction.Name(change.action).removeprefix("REVIEW_ACTION_") for change in detail.history]


async def _take_back(client: Client, way: str, vote: feedback_pb2.Feedback) -> None:
    match way:
        case "retracted":
            await client.feedback.retract(vote.id)
        case "changed by another vote":
            await client.collect(thumbs_up(vote.interaction.id, query=QUERY, user_id=vote.user_id))
        case "amended":
            await client.feedback.amend(
                vote.id, feedback_pb2.Feedback(type=feedback_pb2.FEEDBACK_TYPE_THUMBS_UP), ["type"]
            )
        case "moved to another question":
            await client.collect(thumbs_down(vote.interaction.id, query="How do I log in?", user_id=vote.user_id))
        case "deleted":
            await client.feedback.delete(vote.id)
        case "erased":
            await client.feedback.erase_user(vote.user_id)


@pytest.mark.parametrize(
    "way", ["retracted", "changed by another vote", "amended", "moved to another question", "deleted", "erased"]
)
async def test_a_review_follows_what_is_taken_back_and_closes_with_the_last_complaint(
    service: Service, way: str
) -> None:
    client = service.client
    votes = await _voted(client)
    opened = await _review(client)
    await _take_back(client, way, votes[0])
    fewer = (await client.reviews.get(opened.id)).review
    assert fewer.state == review_pb2.REVIEW_STATE_OPEN
    negative = sum(each.sentiment == feedback_pb2.SENTIMENT_NEGATIVE for each in fewer.related_feedback)
    assert negative == 3 == round(fewer.negative_rate * fewer.sample_size)
    for vote in votes[1:]:
        await _take_back(client, way, vote)
    detail = await client.reviews.get(opened.id)
    closed = detail.review
    assert closed.state == review_pb2.REVIEW_STATE_CLOSED
    assert closed.negative_rate == 0
    assert "none of the complaints" in closed.resolution.note
    assert _actions(detail) == ["OPENED", "CLOSED"]
    if way == "erased":
        assert closed.pattern.representative_query == ""
    assert await check(service.mongo, Clock()) == []


async def test_after_a_review_closed_itself_the_pattern_does_not_stay_quiet(client: Client) -> None:
    for vote in await _voted(client, 3):
        await client.feedback.retract(vote.id)
    closed = await _review(client)
    for number in range(3):
        await client.collect(thumbs_down(f"n{number}", query=QUERY))
    newest, oldest = [review async for review in client.reviews.list()]
    assert (oldest.id, oldest.state) == (closed.id, review_pb2.REVIEW_STATE_CLOSED)
    assert (newest.state, newest.sample_size) == (review_pb2.REVIEW_STATE_OPEN, 3)


@pytest.mark.parametrize("end", [["RELEASED"], ["RENEWED", "EXPIRED"]])
async def test_a_review_that_somebody_has_is_not_taken_away_and_closes_when_it_is_given_back(
    start_service: StartService, end: list[str]
) -> None:
    service = await start_service(trigger_interval_seconds=0.2)
    client = service.client
    votes = await _voted(client, 3)
    opened = await _review(client)
    claim = await client.reviews.claim(opened.id, "ann", lease_seconds=600)
    for vote in votes:
        await client.feedback.retract(vote.id)
    held = (await client.reviews.get(opened.id)).review
    assert (held.state, held.assignee, held.sample_size) == (review_pb2.REVIEW_STATE_CLAIMED, "ann", 0)
    if end == ["RELEASED"]:
        assert (await claim.release()).state == review_pb2.REVIEW_STATE_CLOSED
    else:
        # It runs out only now, however slow the machine was until here.
        await claim.renew(1)

        async def is_closed() -> bool:
            return (await _review(client)).state == review_pb2.REVIEW_STATE_CLOSED

        await eventually(is_closed, "the end of the claim")
    detail = await client.reviews.get(opened.id)
    assert _actions(detail) == ["OPENED", "CLAIMED", *end, "CLOSED"]
    assert await check(service.mongo, Clock()) == []


async def test_a_person_can_open_a_closed_review_again(client: Client) -> None:
    for vote in await _voted(client, 3):
        await client.feedback.retract(vote.id)
    closed = await _review(client)
    reopened = await client.reviews.reopen(closed.id, "ann", "why did they?")
    assert (reopened.state, reopened.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
    claim = await client.reviews.claim(closed.id, "ann")
    assert (await claim.release()).state == review_pb2.REVIEW_STATE_OPEN


async def test_the_suggestion_follows_the_newest_correction_that_users_gave(client: Client) -> None:
    await _voted(client, 3)
    assert (await _review(client)).suggested_action == "Review and update prompt/instructions"
    await client.collect(correction("c1", "30 days", query=QUERY))
    assert (await _review(client)).suggested_action == "Update knowledge base with corrections"
    kind = feedback_pb2.CORRECTION_KIND_INSTRUCTIONS
    await client.collect(correction("c2", "say it in one sentence", query=QUERY, kind=kind))
    assert (await _review(client)).suggested_action == "Review and update prompt/instructions"


@pytest.mark.parametrize("batched", [True, False])
async def test_old_history_opens_nothing_and_counts_in_its_own_time(service: Service, batched: bool) -> None:
    client = service.client
    old = [
        thumbs_down(f"o{n}", query=QUERY, user_id=f"u{n}", occur_time=datetime(2019, 3, 10 + n, tzinfo=UTC))
        for n in range(8)
    ]
    if batched:
        assert all([result.HasField("feedback") async for result in client.collect_many(old)])
    else:
        for feedback in old:
            await client.collect(feedback)
    assert [review async for review in client.reviews.list()] == []
    start = datetime(2019, 3, 1, tzinfo=UTC)
    then = (await client.insights.get(start=start, end=start + timedelta(days=31))).metrics
    assert then.negative_count == 8
    # New complaints are judged by themselves, and the old ones do not hold them up.
    for number in range(3):
        await client.collect(thumbs_down(f"n{number}", query=QUERY))
    assert (await _review(client)).sample_size == 3
    assert await check(service.mongo, Clock()) == []


async def test_how_old_a_vote_may_be_is_policy(client: Client) -> None:
    policy = project_pb2.ReviewPolicy(evidence_age=duration_pb2.Duration(seconds=86_400))
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy.evidence_age"])
    await _voted(client, 5, occur_time=datetime.now(UTC) - timedelta(days=2))
    assert [review async for review in client.reviews.list()] == []


async def test_one_voter_alone_opens_nothing(service: Service) -> None:
    client = service.client
    await _voted(client, 12, user="angry")
    assert [review async for review in client.reviews.list()] == []
    # Nor do they hide others, however often they vote.
    for number in range(2):
        await client.collect(thumbs_down(f"x{number}", query=QUERY))
    assert (await _review(client)).evidence_votes == 3
    assert await check(service.mongo, Clock()) == []


async def test_clicks_without_a_user_count_once_for_each_answer(client: Client) -> None:
    for _ in range(6):
        await client.collect(thumbs_down("the one answer", query=QUERY))
    assert [review async for review in client.reviews.list()] == []
    await client.collect(thumbs_down("another", query=QUERY))
    assert [review async for review in client.reviews.list()] == []
    await client.collect(thumbs_down("a third", query=QUERY))
    assert (await _review(client)).sample_size == 3


async def test_who_asks_for_a_claimed_review_is_told_by_whom_and_until_when(client: Client) -> None:
    await _voted(client, 3)
    review = await _review(client)
    claim = await client.reviews.claim(review.id, "ann")
    with pytest.raises(UptakeError) as caught:
        await client.reviews.claim(review.id, "bob")
    until = claim.review.claim_expire_time.ToDatetime()
    assert caught.value.reason == "REVIEW_CLAIMED"
    assert "'ann'" in str(caught.value)
    assert f"{until:%Y-%m-%dT%H:%M:%SZ}" in str(caught.value)


async def test_what_is_bad_everywhere_stands_out_nowhere(client: Client) -> None:
    """At 40% in the whole project chance explains a pattern at 40%."""
    for query in range(10):
        for n in range(10):
            vote = thumbs_down if (n + query) % 5 < 2 else thumbs_up
            await client.collect(vote(f"q{query}-{n}", query=f"{'abcdefghij'[query] * 8} question"))
    opened = [review async for review in client.reviews.list()]
    assert len(opened) <= 1, [review.pattern.representative_query for review in opened]


async def test_complaints_that_come_back_while_somebody_has_the_review_keep_it(client: Client) -> None:
    votes = await _voted(client, 3)
    opened = await _review(client)
    claim = await client.reviews.claim(opened.id, "ann")
    for vote in votes:
        await client.feedback.retract(vote.id)
    for number in range(3):
        await client.collect(thumbs_down(f"again{number}", query=QUERY))
    released = await claim.release()
    assert (released.state, released.negative_rate) == (review_pb2.REVIEW_STATE_OPEN, 1.0)


async def test_a_review_that_a_failed_fix_reopened_has_its_complaints(service: Service) -> None:
    """Those of before the fix were taken back while a reviewer had it; those of after it are there."""
    client = service.client
    votes = await _voted(client, 3)
    opened = await _review(client)
    claim = await client.reviews.claim(opened.id, "ann")
    for vote in votes:
        await client.feedback.retract(vote.id)
    await claim.resolve("fixed")
    for number in range(4):
        await client.collect(thumbs_down(f"after{number}", query=QUERY))
    again = await _review(client)
    assert (again.id, again.state, again.sample_size) == (opened.id, review_pb2.REVIEW_STATE_OPEN, 4)
    released = await (await client.reviews.claim(opened.id, "ann")).release()
    assert released.state == review_pb2.REVIEW_STATE_OPEN
    assert await check(service.mongo, Clock()) == []


async def test_complaints_that_newer_votes_pushed_out_of_sight_keep_a_review(service: Service) -> None:
    client = service.client
    downs = await _voted(client, 3)
    ups = [thumbs_up(f"up{n}", query=QUERY, user_id=f"up{n}") for n in range(120)]
    results = [result async for result in client.collect_many(ups)]
    for comment in ("fine", "well"):
        await client.feedback.amend(results[-1].feedback.id, feedback_pb2.Feedback(comment=comment), ["comment"])
        kept = await _review(client)
        assert (kept.state, kept.negative_rate) == (review_pb2.REVIEW_STATE_OPEN, 0.0)
    for vote in downs:
        await client.feedback.retract(vote.id)
    assert (await _review(client)).state == review_pb2.REVIEW_STATE_CLOSED
    assert await check(service.mongo, Clock()) == []


async def test_comments_do_not_hide_that_there_is_enough_to_judge_by(service: Service) -> None:
    client = service.client
    await by_rate_alone(client)
    comments = [
        feedback_pb2.Feedback(
            interaction=feedback_pb2.Interaction(id=f"c{n}", query=QUERY),
            type=feedback_pb2.FEEDBACK_TYPE_COMMENT,
            comment="hm",
        )
        for n in range(8)
    ]
    for comment in comments[:4]:
        await client.collect(comment)
    await _voted(client, 2)
    # In one batch with the vote that makes it enough, and older than it.
    sent = [*comments[4:], thumbs_up("up", query=QUERY)]
    assert all([result.HasField("feedback") async for result in client.collect_many(sent)])
    assert (await _review(client)).sample_size == 3
    assert await check(service.mongo, Clock()) == []


async def test_a_dismissed_review_stays_quiet_whatever_is_said_of_other_scores(client: Client) -> None:
    await by_rate_alone(client)
    await _voted(client, 3)
    opened = await _review(client)
    await (await client.reviews.claim(opened.id, "ann")).dismiss("no")
    for number in range(4):
        vote = thumbs_down(f"t{number}", query=QUERY, user_id=f"t{number}")
        vote.score = "tone"
        await client.collect(vote)
    await client.collect(thumbs_down("one", query=QUERY))
    assert (await _review(client)).state == review_pb2.REVIEW_STATE_DISMISSED


async def test_two_patterns_of_one_review_are_judged_in_one_batch(service: Service) -> None:
    client = service.client
    await by_rate_alone(client)
    await _voted(client, 3)
    opened = await _review(client)
    other = await client.collect(thumbs_up("other", query="How do I log in?"))
    reviews = service.mongo.collection("reviews")
    covers = [opened.pattern.id, other.pattern_id]
    await reviews.update({"_id": opened.id}, {"$set": {"covers": covers}})
    for pattern_id in covers:
        listed = client.reviews.list(filter=review_pb2.ReviewFilter(pattern_id=pattern_id))
        assert [list(review.covered_pattern_ids) async for review in listed] == [covers]
    await (await client.reviews.claim(opened.id, "ann")).resolve("fixed")
    bad = [thumbs_down(f"{query} {n}", query=query) for query in (QUERY, "How do I log in?") for n in range(4)]
    assert all([result.HasField("feedback") async for result in client.collect_many(bad)])
    again = await _review(client)
    assert (again.id, again.state, again.reopen_count) == (opened.id, review_pb2.REVIEW_STATE_OPEN, 1)
    assert again.sample_size == 8
    assert await service.mongo.collection("trigger_marks").count({}) == 0


async def test_the_rest_of_a_project_is_read_at_once_for_all_patterns_of_a_batch(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where much is bad everywhere, every batch has to know it of nearly every pattern."""
    read: list[str] = []
    stored = RollupStore._stored

    def noted(self: RollupStore, condition: Document, *of: Any) -> AsyncIterator[tuple[RollupKey, Counts]]:
        read.append(condition["dimension"])
        return stored(self, condition, *of)

    monkeypatch.setattr(RollupStore, "_stored", noted)
    for number, queries in enumerate([1, 20, 20]):
        asked = [sha256(f"{query}".encode()).hexdigest().translate(DIGITS) for query in range(queries)]
        votes = [thumbs_down(f"{number} {query} {n}", query=query) for query in asked for n in range(4)]
        read.clear()
        assert all([result.HasField("feedback") async for result in client.collect_many(votes)])
        assert read == ["all", "voters", "pattern"]
