"""Named scores, comments, and what stands beside an answer: stored, counted apart, shown and filtered."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2, project_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import Service, StartService

QUERY = "What is the refund period?"


def named(feedback: feedback_pb2.Feedback, score: str) -> feedback_pb2.Feedback:
    feedback.score = score
    return feedback


def said(id: str, text: str, query: str = QUERY, **about: Any) -> feedback_pb2.Feedback:
    """A comment without a verdict."""
    return feedback_pb2.Feedback(
        interaction=feedback_pb2.Interaction(id=id, query=query),
        type=feedback_pb2.FEEDBACK_TYPE_COMMENT,
        comment=text,
        **about,
    )


def _totals(series: list[insight_pb2.MetricSeries]) -> dict[str, tuple[int, int]]:
    """All and negative feedback by group."""
    return {
        each.group_value: (
            sum(point.metrics.total_feedback for point in each.points),
            sum(point.metrics.negative_count for point in each.points),
        )
        for each in series
    }


async def _refusal(client: Client, feedback: feedback_pb2.Feedback) -> dict[str, str]:
    with pytest.raises(UptakeError) as caught:
        await client.collect(feedback)
    return dict(caught.value.field_violations)


async def _sent(client: Client) -> None:
    for number in range(3):
        user = f"u{number}"
        await client.collect(thumbs_up(f"m{number}", user_id=user, query=QUERY, model="a"))
        await client.collect(named(rating(f"m{number}", 1, user_id=user, query=QUERY, model="a"), "tone"))
        await client.collect(named(thumbs_down(f"m{number}", user_id=user, query=QUERY, model="b"), "a/b: c"))


async def test_named_scores_are_counted_apart(service: Service) -> None:
    client = service.client
    await _sent(client)
    insights = await client.insights.get()
    assert (insights.metrics.total_feedback, insights.metrics.negative_count) == (3, 0)
    assert insights.improvement_opportunities == []
    by_score = await client.insights.metrics(group=insight_pb2.METRIC_GROUP_SCORE)
    assert _totals([*by_score]) == {"": (3, 0), "tone": (3, 3), "a/b: c": (3, 3)}
    for score, counted in {"": {"a": (3, 0)}, "tone": {"a": (3, 3)}, "a/b: c": {"b": (3, 3)}}.items():
        by_model = await client.insights.metrics(group=insight_pb2.METRIC_GROUP_MODEL, score=score)
        assert _totals([*by_model]) == counted, score
    assert [review async for review in client.reviews.list()] == []
    assert await check(service.mongo, Clock()) == []
    for feedback in [each async for each in client.feedback.list()]:
        await client.feedback.retract(feedback.id)
    left = await client.insights.metrics(group=insight_pb2.METRIC_GROUP_SCORE)
    assert all(total == 0 for total, _ in _totals([*left]).values())
    assert await check(service.mongo, Clock()) == []


async def test_a_policy_names_the_scores_that_rates_and_reviews_go_by(service: Service) -> None:
    client = service.client
    policy = project_pb2.ReviewPolicy(scores=["tone"])
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy.scores"])
    await _sent(client)
    insights = await client.insights.get()
    assert (insights.metrics.total_feedback, insights.metrics.negative_count) == (3, 3)
    (opportunity,) = insights.improvement_opportunities
    assert (opportunity.negative_count, opportunity.total_feedback) == (3, 3)
    evidence = [await client.feedback.get(id) for id in opportunity.evidence_feedback_ids]
    assert [each.score for each in evidence] == ["tone"] * 3
    (review,) = [review async for review in client.reviews.list()]
    assert {related.score for related in review.related_feedback} == {"tone"}
    assert (review.sample_size, review.evidence_negatives) == (3, 3)
    assert await check(service.mongo, Clock()) == []
    policy.scores[:] = ["tone", ""]
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy.scores"])
    (both,) = await client.insights.metrics()
    assert _totals([both]) == {"": (6, 3)}


async def test_the_names_of_scores_have_rules(client: Client) -> None:
    assert "feedback.score" in await _refusal(client, named(thumbs_up("m"), "s" * 64))
    assert "feedback.score" in await _refusal(client, named(correction("m", "so"), "tone"))
    twice = project_pb2.ReviewPolicy(scores=["tone", "tone"])
    with pytest.raises(UptakeError) as caught:
        await client.projects.update(project_pb2.ProjectSettings(review_policy=twice), ["review_policy.scores"])
    assert "twice" in str(caught.value)
    with pytest.raises(UptakeError) as caught:
        await client.insights.metrics(group=insight_pb2.METRIC_GROUP_SCORE, score="tone")
    assert dict(caught.value.field_violations).keys() == {"score"}


async def test_a_comment_without_a_verdict_counts_in_no_rate_and_opens_no_review(service: Service) -> None:
    client = service.client
    for number in range(12):
        stored = await client.collect(said(f"c{number}", "It is on the second page"))
        assert stored.sentiment == feedback_pb2.SENTIMENT_NEUTRAL
    for number in range(3):
        await client.collect(thumbs_down(f"d{number}", query=QUERY))
    metrics = (await client.insights.get()).metrics
    counted = {feedback_pb2.FeedbackType.Name(each.type): each.count for each in metrics.type_counts}
    assert (metrics.total_feedback, counted["FEEDBACK_TYPE_COMMENT"]) == (15, 12)
    assert (metrics.negative_rate, metrics.positive_rate) == (1.0, 0.0)
    (review,) = [review async for review in client.reviews.list()]
    assert (review.sample_size, review.negative_rate) == (3, 1.0)
    by_type = await client.insights.metrics(group=insight_pb2.METRIC_GROUP_TYPE)
    assert _totals([*by_type])["COMMENT"] == (12, 0)
    assert await check(service.mongo, Clock()) == []


async def test_a_comment_needs_words_and_stays_a_comment(client: Client) -> None:
    assert await _refusal(client, said("m", "  ")) == {"feedback.comment": "is required with type COMMENT"}
    stored = await client.collect(said("m", "fine", user_id="u"))
    await client.collect(said("m", "and another thing", user_id="u"))
    assert len([each async for each in client.feedback.list()]) == 2
    amended = await client.feedback.amend(stored.id, feedback_pb2.Feedback(comment="better"), ["comment"])
    assert amended.comment == "better"
    with pytest.raises(UptakeError) as caught:
        await client.feedback.amend(stored.id, thumbs_up("m"), ["type"])
    assert "stays" in str(caught.value)


BESIDE = feedback_pb2.Interaction(
    id="m",
    query=QUERY,
    history=[
        feedback_pb2.ChatMessage(role="system", content="You are kind."),
        feedback_pb2.ChatMessage(role="user", content="Hello, I am bob@example.com"),
        feedback_pb2.ChatMessage(role="assistant", content="Hello"),
    ],
    contexts=["Refunds within 30 days.", "Write to ann@example.com"],
    conversation_id="c-1",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    span_id="00f067aa0ba902b7",
    variant="B",
)


async def test_what_stands_beside_an_answer_comes_back_redacted_and_is_found(service: Service) -> None:
    client = service.client
    sent = feedback_pb2.Feedback(interaction=BESIDE, type=feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN)
    stored = await client.collect(sent)
    expected = feedback_pb2.Interaction()
    expected.CopyFrom(BESIDE)
    expected.history[1].content = "Hello, I am [email]"
    expected.contexts[1] = "Write to [email]"
    assert stored.interaction == expected
    assert (await client.feedback.get(stored.id)).interaction == expected
    await client.collect(thumbs_down("other", query=QUERY))
    await client.collect(thumbs_down("third", query=QUERY))
    for filter in (
        feedback_pb2.FeedbackFilter(conversation_id="c-1"),
        feedback_pb2.FeedbackFilter(trace_id="4bf92f3577b34da6a3ce929d0e0e4736"),
        feedback_pb2.FeedbackFilter(variant="B"),
    ):
        assert [each.interaction async for each in client.feedback.list(filter=filter)] == [expected]
    (review,) = [review async for review in client.reviews.list()]
    related = (await client.reviews.get(review.id)).related_feedback
    assert expected in [each.interaction for each in related]
    plain = await client.collect(thumbs_down("m2", query=QUERY))
    assert plain.pattern_id == stored.pattern_id, "what stands beside is no part of the pattern"


async def test_what_stands_beside_an_answer_has_bounds(client: Client) -> None:
    interaction = feedback_pb2.Interaction(id="m")
    interaction.history.add(role="", content="x")
    interaction.contexts.extend(["c"] * 51)
    interaction.trace_id = "t" * 257
    feedback = feedback_pb2.Feedback(interaction=interaction, type=feedback_pb2.FEEDBACK_TYPE_THUMBS_UP)
    assert (await _refusal(client, feedback)).keys() == {
        "feedback.interaction.history[0].role",
        "feedback.interaction.contexts",
        "feedback.interaction.trace_id",
    }
    del interaction.contexts[:]
    interaction.trace_id = ""
    interaction.history[0].role = "user"
    interaction.contexts.extend(["c" * 50_000, "c" * 50_001])
    feedback.interaction.CopyFrom(interaction)
    assert (await _refusal(client, feedback)).keys() == {"feedback.interaction.contexts"}


async def test_a_warehouse_follows_every_change_by_update_time(service: Service) -> None:
    client = service.client
    start = datetime.now(UTC) - timedelta(seconds=1)
    old = datetime(2020, 5, 1, tzinfo=UTC)
    votes = [
        await client.collect(thumbs_down(f"m{n}", user_id="u", query="q", occur_time=old + timedelta(days=n)))
        for n in range(5)
    ]
    await client.feedback.retract(votes[1].id)
    await client.collect(thumbs_up("m3", user_id="u", query="q"))
    filter = feedback_pb2.FeedbackFilter(
        states=[feedback_pb2.FEEDBACK_STATE_ACTIVE, feedback_pb2.FEEDBACK_STATE_RETRACTED]
    )
    filter.update_start_time.FromDatetime(start)
    for page_size in (1, 2, 50):
        pages = [page async for page in client.feedback.list(filter=filter, page_size=page_size).pages()]
        seen = [each for page in pages for each in page.feedback]
        assert [each.interaction.id for each in seen] == ["m0", "m2", "m4", "m1", "m3"]
        times = [each.update_time.ToDatetime() for each in seen]
        assert times == sorted(times)
        assert all(page.HasField("complete_until_time") for page in pages)
    filter.update_start_time.CopyFrom(seen[3].update_time)
    assert [each.interaction.id async for each in client.feedback.list(filter=filter)] == ["m1", "m3"]
    filter.update_end_time.CopyFrom(seen[4].update_time)
    assert [each.interaction.id async for each in client.feedback.list(filter=filter)] == ["m1"]
    filter.ClearField("update_start_time")
    with pytest.raises(UptakeError) as caught:
        await client.feedback.list(filter=filter).page()
    assert dict(caught.value.field_violations).keys() == {"filter.update_end_time"}


async def test_no_change_shows_up_before_the_time_that_is_told_to_be_complete(client: Client) -> None:
    """A follower that goes on from `complete_until_time` sees what was committed late: it is well in the past."""
    filter = feedback_pb2.FeedbackFilter()
    filter.update_start_time.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    await client.collect(thumbs_up("m", query="q"))
    page = await client.feedback.list(filter=filter).page()
    assert [each.interaction.id for each in page.feedback] == ["m"]
    told = page.complete_until_time.ToDatetime(tzinfo=UTC)
    assert told < datetime.now(UTC) - timedelta(seconds=60)
    filter.update_start_time.CopyFrom(page.complete_until_time)
    again = await client.feedback.list(filter=filter).page()
    assert [each.interaction.id for each in again.feedback] == ["m"]


async def test_one_piece_is_deleted_with_its_share_and_its_words(service: Service) -> None:
    client = service.client
    words = "Why was patient Doe's refund refused?"
    deleted = await client.collect(thumbs_down("m", query=words, comment="Doe is my neighbour"), request_id="r")
    kept = await client.collect(thumbs_down("m2", query="Why was patient Doe's refund refused"))
    assert deleted.pattern_id == kept.pattern_id
    await client.feedback.delete(deleted.id, request_id="d")
    await client.feedback.delete(deleted.id, request_id="d")
    with pytest.raises(UptakeError) as caught:
        await client.feedback.delete(deleted.id)
    assert caught.value.reason == "FEEDBACK_NOT_FOUND"
    with pytest.raises(UptakeError) as caught:
        await client.collect(thumbs_down("m", query=words, comment="Doe is my neighbour"), request_id="r")
    assert caught.value.reason == "FEEDBACK_ERASED"
    assert [each.id async for each in client.feedback.list()] == [kept.id]
    pattern = await service.mongo.collection("patterns").get({"_id": kept.pattern_id})
    assert pattern is not None
    assert pattern["representative_query"] == "Why was patient Doe's refund refused"
    assert await check(service.mongo, Clock()) == []


async def test_a_score_that_the_policy_names_is_counted_apart_however_many_there_are(service: Service) -> None:
    client = service.client
    names = [f"score {n}" for n in range(101)]
    votes = [named(thumbs_up("m", user_id="u", query=QUERY), name) for name in names]
    assert all([result.HasField("feedback") async for result in client.collect_many(votes)])
    assert len([each async for each in client.feedback.list()]) == 101
    with pytest.raises(UptakeError) as caught:
        await client.insights.metrics(score=names[-1])
    assert "counted as 'other'" in dict(caught.value.field_violations)["score"]
    (other,) = await client.insights.metrics(score="other")
    assert _totals([other]) == {"": (1, 0)}
    policy = project_pb2.ReviewPolicy(scores=["tone/ärger: 100%"])
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy.scores"])
    for number in range(3):
        await client.collect(named(thumbs_down(f"m{number}", user_id=f"u{number}", query=QUERY), policy.scores[0]))
    insights = await client.insights.get()
    assert (insights.metrics.total_feedback, insights.metrics.negative_count) == (3, 3)
    (opportunity,) = insights.improvement_opportunities
    assert opportunity.negative_count == 3
    (apart,) = await client.insights.metrics(score=policy.scores[0])
    assert _totals([apart]) == {"": (3, 3)}
    assert [review.sample_size async for review in client.reviews.list()] == [3]
    assert await check(service.mongo, Clock()) == []


async def test_a_follower_of_two_replicas_misses_no_change(start_service: StartService) -> None:
    """It reads all pages and goes on from the first page's `complete_until_time`, while both write."""
    replicas = [(await start_service()).client for _ in range(2)]
    filter = feedback_pb2.FeedbackFilter(
        states=[feedback_pb2.FEEDBACK_STATE_ACTIVE, feedback_pb2.FEEDBACK_STATE_RETRACTED]
    )
    filter.update_start_time.FromDatetime(datetime.now(UTC) - timedelta(minutes=5))
    seen: dict[str, feedback_pb2.Feedback] = {}

    async def follow() -> None:
        pages = [page async for page in replicas[0].feedback.list(filter=filter, page_size=7).pages()]
        seen.update({each.id: each for page in pages for each in page.feedback})
        filter.update_start_time.CopyFrom(pages[0].complete_until_time)

    async def write(place: int) -> None:
        client = replicas[place]
        for number in range(12):
            vote = await client.collect(thumbs_down(f"m{place}-{number}", user_id="u", query="q"))
            match number % 3:
                case 0:
                    await client.feedback.retract(vote.id)
                case 1:
                    await client.collect(thumbs_up(f"m{place}-{number}", user_id="u", query="another question"))

    writing = asyncio.gather(write(0), write(1))
    while not writing.done():
        await follow()
    await writing
    await follow()
    expected = {each.id: each async for each in replicas[1].feedback.list(filter=filter)}
    assert len(expected) == 24
    assert seen == expected


async def test_what_changes_nothing_has_no_new_update_time(client: Client) -> None:
    now = datetime.now(UTC)
    vote = thumbs_down("m", user_id="u", query="q", comment="bad", occur_time=now)
    stored = await client.collect(vote)
    for again in (vote, thumbs_up("m", user_id="u", query="q", occur_time=now - timedelta(minutes=1))):
        assert await client.collect(again) == stored
    assert await client.feedback.amend(stored.id, vote, ["comment"]) == stored
    moved = await client.collect(thumbs_down("m", user_id="u", query="another question"))
    retracted = await client.feedback.retract(stored.id)
    times = [each.update_time.ToDatetime() for each in (stored, moved, retracted)]
    assert times == sorted(set(times))


async def test_a_clustering_run_leaves_out_what_joins_no_issue_live(service: Service) -> None:
    """A named score without words of its own stands beside the overall vote: one complaint is no two."""
    client = service.client
    for number in range(8):
        about: dict[str, Any] = {"user_id": f"u{number}", "query": "Why is the invoice total wrong?"}
        await client.collect(thumbs_down(f"m{number}", comment=f"the invoice total is wrong, {number}", **about))
        await client.collect(named(thumbs_down(f"m{number}", **about), "tone"))
    issues = (await client.insights.get(refresh_issues=True)).common_issues
    assert sum(issue.frequency for issue in issues) == 8
    assert await check(service.mongo, Clock()) == []
    for feedback in [each async for each in client.feedback.list()]:
        await client.feedback.retract(feedback.id)
    assert sum(issue.frequency for issue in (await client.insights.get()).common_issues) == 0
    assert await check(service.mongo, Clock()) == []
