"""A second vote of a user on an answer loses nothing that the first said, and every number follows."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import struct_pb2
from uptake import Client, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2, review_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import Service
from tests.service.test_erasure import everything_stored

NOW = datetime.now(UTC).replace(microsecond=0)
QUERY = "How do I export my invoices?"


async def _outcome(client: Client, feedback: feedback_pb2.Feedback) -> tuple[feedback_pb2.Feedback, str]:
    (result,) = [result async for result in client.collect_many([feedback])]
    assert result.HasField("feedback"), result.error
    return result.feedback, feedback_pb2.CollectOutcome.Name(result.outcome).removeprefix("COLLECT_OUTCOME_")


async def _by_model(client: Client) -> dict[str, tuple[int, int]]:
    """Positive and negative feedback by model."""
    return {
        series.group_value: (
            sum(point.metrics.positive_count for point in series.points),
            sum(point.metrics.negative_count for point in series.points),
        )
        for series in await client.insights.metrics(group=insight_pb2.METRIC_GROUP_MODEL)
    }


@pytest.mark.parametrize("thumb_first", [True, False])
async def test_what_a_form_tells_after_a_thumb_is_kept_whichever_arrives_first(
    service: Service, thumb_first: bool
) -> None:
    client = service.client
    thumb = thumbs_down("m1", user_id="u1", occur_time=NOW)
    form = thumbs_down(
        "m1",
        user_id="u1",
        query=QUERY,
        response="You cannot.",
        model="model-a",
        versions={"prompt": "7"},
        comment="wrong",
        occur_time=NOW + timedelta(seconds=1),
    )
    first, second = (thumb, form) if thumb_first else (form, thumb)
    created, outcome = await _outcome(client, first)
    assert outcome == "CREATED"
    stored, outcome = await _outcome(client, second)
    assert (stored.id, outcome) == (created.id, "AMENDED" if thumb_first else "UNCHANGED")
    assert stored.interaction.query == QUERY
    assert (stored.interaction.response, stored.interaction.model) == ("You cannot.", "model-a")
    assert dict(stored.interaction.versions) == {"prompt": "7"}
    assert stored.comment == "wrong"
    assert stored.occur_time.ToDatetime(tzinfo=UTC) == NOW + timedelta(seconds=1)
    other = await client.collect(thumbs_down("m2", user_id="u2", query=QUERY))
    assert stored.pattern_id == other.pattern_id
    assert await _by_model(client) == {"model-a": (0, 1), "": (0, 1)}
    assert await check(service.mongo, Clock()) == []


@pytest.mark.parametrize("newer_first", [True, False])
async def test_a_vote_on_an_answer_made_anew_counts_for_what_made_it(service: Service, newer_first: bool) -> None:
    old = thumbs_down(
        "m1", user_id="u1", query="q", model="a", versions={"prompt": "1"}, response="bad", occur_time=NOW
    )
    new = thumbs_up(
        "m1",
        user_id="u1",
        query="q",
        model="b",
        versions={"prompt": "2"},
        occur_time=NOW + timedelta(minutes=1),
    )
    for feedback in (new, old) if newer_first else (old, new):
        stored = await service.client.collect(feedback)
    assert (stored.interaction.model, dict(stored.interaction.versions)) == ("b", {"prompt": "2"})
    assert stored.interaction.response == ""
    assert await _by_model(service.client) == {"b": (1, 0)}
    assert await check(service.mongo, Clock()) == []


async def test_the_same_vote_again_and_stars_after_a_thumb_keep_the_words(service: Service) -> None:
    first = thumbs_down("m1", user_id="u1", query="q", comment="the number is from 2019", labels={"reason": "old"})
    await service.client.collect(first)
    for again in (thumbs_down("m1", user_id="u1", query="q"), rating("m1", 2, user_id="u1", query="q")):
        stored = await service.client.collect(again)
        assert (stored.comment, dict(stored.labels)) == ("the number is from 2019", {"reason": "old"})
    stored = await service.client.collect(rating("m1", 5, user_id="u1", query="q"))
    assert (stored.comment, dict(stored.labels)) == ("", {})
    assert await check(service.mongo, Clock()) == []


async def test_a_clock_that_is_fast_does_not_silence_the_next_vote(client: Client) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    await client.collect(thumbs_up("m1", user_id="u1", query="q", occur_time=ahead))
    stored = await client.collect(thumbs_down("m1", user_id="u1", query="q", comment="I changed my mind"))
    assert stored.type == feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN
    assert stored.comment == "I changed my mind"


async def test_votes_of_one_batch_have_the_order_of_the_batch(client: Client) -> None:
    votes = [vote("m1", user_id="u1", query="q") for vote in (thumbs_up, thumbs_down, thumbs_up, thumbs_down)]
    results = [result async for result in client.collect_many(votes)]
    assert results[-1].feedback.type == feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN


async def test_the_same_vote_sent_under_another_request_id_changes_nothing(service: Service) -> None:
    vote = thumbs_down("m1", user_id="u1", query="q", comment="no", occur_time=NOW)
    first, _ = await _outcome(service.client, vote)
    again, outcome = await _outcome(service.client, vote)
    assert (again, outcome) == (first, "UNCHANGED")
    request = feedback_pb2.CollectFeedbackRequest(feedback=vote, request_id="r")
    (made,) = [result async for result in service.client.collect_many([request])]
    (repeated,) = [result async for result in service.client.collect_many([request])]
    assert made.outcome == feedback_pb2.COLLECT_OUTCOME_UNCHANGED
    assert repeated.outcome == feedback_pb2.COLLECT_OUTCOME_REPEATED


async def test_a_vote_that_moves_to_another_question_leaves_nothing_behind(service: Service) -> None:
    client = service.client
    for user in ("u1", "u2", "u3", "u4"):
        await client.collect(thumbs_down(f"m-{user}", user_id=user, query="Where is my parcel?", comment="lost"))
    (review,) = [review async for review in client.reviews.list()]
    for user in ("u1", "u2", "u3", "u4"):
        moved = await client.collect(thumbs_down(f"m-{user}", user_id=user, query=QUERY))
        assert moved.comment == "lost"
    found = {each.id: each async for each in client.reviews.list()}
    assert found[review.id].state == review_pb2.REVIEW_STATE_CLOSED
    assert found[review.id].pattern.feedback_count == 0
    (opened,) = [each for each in found.values() if each.state == review_pb2.REVIEW_STATE_OPEN]
    assert (opened.pattern.representative_query, opened.pattern.negative_count) == (QUERY, 4)
    assert await check(service.mongo, Clock()) == []


async def test_a_comment_that_was_cleared_is_not_filled_by_an_older_vote(client: Client) -> None:
    stored = await client.collect(thumbs_down("m1", user_id="u1", query="q", comment="my name is Ann", occur_time=NOW))
    cleared = await client.feedback.amend(stored.id, feedback_pb2.Feedback(), ["comment"])
    assert cleared.comment == ""
    late = await client.collect(
        thumbs_down("m1", user_id="u1", query="q", comment="late", occur_time=NOW - timedelta(minutes=1))
    )
    assert (late.id, late.comment) == (stored.id, "")
    later = await client.collect(thumbs_down("m1", user_id="u1", query="q", comment="anew"))
    assert later.comment == "anew"


async def test_an_amended_comment_without_a_question_moves_to_the_pattern_of_its_new_words(service: Service) -> None:
    client = service.client
    stored = await client.collect(thumbs_down("m1", user_id="u1", comment="The invoice total is wrong"))
    amended = await client.feedback.amend(
        stored.id, feedback_pb2.Feedback(comment="I cannot log in with SSO"), ["comment"]
    )
    other = await client.collect(thumbs_down("m2", user_id="u2", comment="I cannot log in with SSO"))
    assert stored.pattern_id != amended.pattern_id == other.pattern_id
    assert await check(service.mongo, Clock()) == []


async def test_each_score_has_a_vote_of_its_own(service: Service) -> None:
    client = service.client
    sent = {"": 5, "helpfulness": 1, "tone": 4}
    for score, stars in sent.items():
        feedback = rating("m1", stars, user_id="u1", query="q")
        feedback.score = score
        stored = await client.collect(feedback)
        assert stored.score == score
    again = rating("m1", 2, user_id="u1", query="q")
    again.score = "tone"
    await client.collect(again)
    filter = feedback_pb2.FeedbackFilter(user_id="u1")
    listed = {each.score: each.rating.score async for each in client.feedback.list(filter=filter)}
    assert listed == {"": 5, "helpfulness": 1, "tone": 2}
    for score in sent:
        filter.score = score
        assert [each.score async for each in client.feedback.list(filter=filter)] == [score]
    metrics = (await client.insights.get()).metrics
    assert (metrics.total_feedback, metrics.positive_count, metrics.negative_count) == (1, 1, 0)
    assert await check(service.mongo, Clock()) == []


async def test_custom_values_of_both_votes_are_thumbs(client: Client) -> None:
    custom = struct_pb2.Value(string_value="kept")
    first = thumbs_down("m1", user_id="u1", query="q")
    first.custom.CopyFrom(custom)
    await client.collect(first)
    assert (await client.collect(thumbs_down("m1", user_id="u1", query="q"))).custom == custom
    assert (await client.collect(rating("m1", 2, user_id="u1", query="q"))).WhichOneof("value") == "rating"
    assert (await client.collect(thumbs_down("m1", user_id="u1", query="q"))).custom == custom


async def test_words_that_an_amendment_cleared_are_stored_by_no_vote_of_before(service: Service) -> None:
    client = service.client
    vote = thumbs_down("m1", user_id="u1", query="q", comment="my name is Ann", occur_time=NOW)
    stored = await client.collect(vote)
    # The opposite took them away already: nothing that shows is left to clear.
    stored = await client.collect(thumbs_up("m1", user_id="u1", query="q"))
    assert (stored.comment, "Ann" in await everything_stored(service)) == ("", True)
    cleared = await client.feedback.amend(stored.id, feedback_pb2.Feedback(), ["comment"])
    assert cleared == stored
    late = thumbs_down("m1", user_id="u1", query="q", comment="Ann again", occur_time=NOW - timedelta(minutes=1))
    for again in (vote, late, late):
        assert (await _outcome(client, again)) == (cleared, "UNCHANGED")
    assert [line for line in (await everything_stored(service)).splitlines() if "Ann" in line] == []
    assert await check(service.mongo, Clock()) == []


async def test_a_mask_that_finds_a_comment_empty_keeps_it_empty(client: Client) -> None:
    stored = await client.collect(thumbs_down("m1", user_id="u1", query="q", occur_time=NOW))
    for _ in range(20):
        await client.feedback.amend(stored.id, feedback_pb2.Feedback(), ["comment"])
    late = thumbs_down("m1", user_id="u1", query="q", comment="late", occur_time=NOW - timedelta(minutes=1))
    assert (await client.collect(late)).comment == ""


async def test_a_rating_that_is_amended_to_a_thumb_has_the_custom_value_that_waited(service: Service) -> None:
    client = service.client
    custom = struct_pb2.Value(string_value="kept")
    first = thumbs_down("m1", user_id="u1", query="q")
    first.custom.CopyFrom(custom)
    await client.collect(first)
    rated = await client.collect(rating("m1", 3, user_id="u1", query="q"))
    thumb = feedback_pb2.Feedback(type=feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN)
    amended = await client.feedback.amend(rated.id, thumb, ["type", "rating"])
    assert amended.custom == custom
    assert await check(service.mongo, Clock()) == []


async def test_votes_of_the_first_edition_go_on(service: Service) -> None:
    """Their documents lack what this edition keeps beside them."""
    client, mongo = service.client, service.mongo
    votes = [
        await client.collect(thumbs_down(f"m{n}", user_id=f"u{n}", query="Who is Ann?", comment="bad", occur_time=NOW))
        for n in range(4)
    ]
    await service.app.parts.feedback.compactor.run()
    gone = dict.fromkeys(("said", "statements", "score", "score_bucket", "embedder"), "")
    await mongo.collection("feedback").update_each([({"_id": vote.id}, {"$unset": gone}) for vote in votes])
    shares = await mongo.collection("pattern_shares").find({})
    await mongo.collection("pattern_shares").update_each(
        [({"_id": share["_id"]}, {"$unset": {"members": "", "comments": ""}}) for share in shares]
    )
    pattern_id = votes[0].pattern_id
    await mongo.collection("patterns").update({"_id": pattern_id}, {"$unset": {"named_by": ""}})
    assert await check(mongo, Clock()) == []
    older = thumbs_up("m0", user_id="u0", query="Who is Ann?", occur_time=NOW - timedelta(minutes=1))
    assert (await _outcome(client, older)) == (votes[0], "UNCHANGED")
    moved, outcome = await _outcome(client, thumbs_up("m0", user_id="u0", query="How do I log in?"))
    assert (moved.id, outcome, moved.comment) == (votes[0].id, "AMENDED", "")
    amended = await client.feedback.amend(votes[1].id, feedback_pb2.Feedback(comment="worse"), ["comment"])
    assert amended.comment == "worse"
    await client.feedback.retract(votes[2].id)
    filter = feedback_pb2.FeedbackFilter(score="")
    assert len([each async for each in client.feedback.list(filter=filter)]) == 3
    assert await check(mongo, Clock()) == []
    for vote in votes:
        await client.feedback.delete(vote.id)
    await service.app.parts.feedback.compactor.run()
    assert [line for line in (await everything_stored(service)).splitlines() if "Ann" in line] == []
    assert await check(mongo, Clock()) == []


@pytest.mark.parametrize("batched", [False, True])
async def test_votes_come_to_the_same_in_every_order_of_arrival(service: Service, batched: bool) -> None:
    """Four votes, on one answer for each of their 24 orders; one at a time, or all in one batch."""
    votes: list[dict[str, Any]] = [
        {"make": thumbs_down, "query": QUERY, "comment": "wrong number", "response": "You cannot."},
        {"make": thumbs_up, "labels": {"a": "b"}},
        {"make": thumbs_down, "query": "Where is my parcel?", "model": "m-2", "source": "web"},
        {"make": thumbs_down, "comment": "still wrong", "versions": {"prompt": "2"}},
    ]

    def sent(answer: int, place: int) -> feedback_pb2.Feedback:
        vote = dict(votes[place])
        make, time = vote.pop("make"), NOW - timedelta(seconds=60 - place)
        made: feedback_pb2.Feedback = make(f"m{answer}", user_id="u", occur_time=time, **vote)
        return made

    orders = [*enumerate(itertools.permutations(range(len(votes))))]
    rounds = [[sent(answer, order[step]) for answer, order in orders] for step in range(len(votes))]
    for each in [list(itertools.chain(*rounds))] if batched else rounds:
        assert all([result.HasField("feedback") async for result in service.client.collect_many(each)])
    stored = [each async for each in service.client.feedback.list()]
    assert len(stored) == len(orders)
    for one in stored:
        for field in ("id", "create_time", "update_time"):
            one.ClearField(field)
        one.interaction.id = ""
    assert all(each == stored[0] for each in stored)
    assert (stored[0].comment, stored[0].interaction.query) == ("still wrong", "Where is my parcel?")
    assert (stored[0].interaction.model, dict(stored[0].interaction.versions)) == ("m-2", {"prompt": "2"})
    assert await check(service.mongo, Clock()) == []
