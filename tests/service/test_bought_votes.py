"""One voter's votes on many interactions open no review, hold none closed, end no quiet period and turn no verdict."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uptake import Client, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, feedback_pb2, project_pb2, review_pb2
from uptake_service.app.check import check
from uptake_service.corrections import counts
from uptake_service.domain.clock import Clock
from uptake_service.mongo.transactions import snapshot
from uptake_service.projections.rollups import RollupStore

from tests.conftest import Service, StartService
from tests.corrections import apply, knowledge
from tests.policies import by_rate_alone
from tests.processes import eventually

QUERY = "How do I reset my password?"
OTHERS = ("Where is my invoice?", "When do you open on Sundays?", "Do you ship lithium batteries to Norway?")
MALLORY = "mallory"

Make = Callable[..., feedback_pb2.Feedback]


async def _send(client: Client, votes: list[feedback_pb2.Feedback]) -> list[feedback_pb2.Feedback]:
    return [result.feedback async for result in client.collect_many(votes, batch_size=100)]


def _flood(make: Make, number: int, name: str = "bought", **about: object) -> list[feedback_pb2.Feedback]:
    """One user's votes on so many interactions."""
    return [make(f"{name}-{place}", **{"query": QUERY, "user_id": MALLORY, **about}) for place in range(number)]


def _honest(down: int, up: int, name: str = "honest", **about: Any) -> list[feedback_pb2.Feedback]:
    """Votes of as many users, good ones first."""
    made = [thumbs_up] * up + [thumbs_down] * down
    return [
        make(f"{name}-{place}", **{"query": QUERY, "user_id": f"{name}-{place}", **about})
        for place, make in enumerate(made)
    ]


async def _reviews(client: Client) -> list[review_pb2.Review]:
    return [review async for review in client.reviews.list()]


async def _set(client: Client, **policy: Any) -> None:
    settings = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(**policy))
    await client.projects.update(settings, [f"review_policy.{name}" for name in policy])


async def _adds_up(service: Service) -> None:
    assert await check(service.mongo, Clock()) == []


async def test_two_hundred_bad_votes_of_one_user_open_nothing_beside_a_few_others(service: Service) -> None:
    client = service.client
    await _send(client, _honest(1, 9))
    await _send(client, _flood(thumbs_down, 200))
    assert await _reviews(client) == []
    await _adds_up(service)


@pytest.mark.parametrize(
    "make", [thumbs_up, lambda id, **about: correction(id, "so", **about)], ids=["up", "correction"]
)
@pytest.mark.parametrize("number", [200, 1_200])
async def test_one_user_holds_no_bad_question_closed(service: Service, make: Make, number: int) -> None:
    """Also where what all others said lies further back than is looked through."""
    client = service.client
    past = datetime.now(UTC) - timedelta(hours=2)
    await _send(client, _honest(3, 7, occur_time=past))
    await _send(client, _flood(make, number))
    assert await _reviews(client) == []
    await _send(client, _honest(3, 0, "last"))
    (review,) = await _reviews(client)
    assert review.evidence_negatives == 6
    assert review.evidence_votes == 13 + (make is thumbs_up)
    assert review.evidence_left_out == min(number, 997) - 1
    await _adds_up(service)


async def test_what_a_replica_remembers_is_what_another_reads(start_service: StartService) -> None:
    """One follows the flood vote by vote, the other reads it when it is over."""
    one = await start_service()
    await _set(one.client, negative_rate_threshold=0.9)
    await _send(one.client, _honest(3, 7, occur_time=datetime.now(UTC) - timedelta(hours=2)))
    for part in range(3):
        await _send(one.client, _flood(thumbs_up, 500, f"part{part}"))
        await one.client.collect(thumbs_down(f"judged{part}", query=QUERY, user_id="judged"))
    await _set(one.client, negative_rate_threshold=0.3)
    other = await start_service()
    seen = []
    for service in (one, other):
        await service.client.collect(thumbs_down("last", query=QUERY, user_id="last"))
        (review,) = await _reviews(service.client)
        seen.append((review.evidence_votes, review.evidence_negatives, review.evidence_left_out, review.sample_size))
        await service.client.feedback.retract(review.related_feedback[0].feedback_id)
        assert await _reviews(service.client) != []
    assert seen[0] == seen[1]
    await _adds_up(one)


async def test_late_votes_of_one_user_change_nothing(service: Service) -> None:
    client = service.client
    hour = datetime.now(UTC) - timedelta(hours=1)
    await _send(client, _honest(4, 6, occur_time=hour))
    (opened,) = await _reviews(client)
    await _send(client, _flood(thumbs_up, 100, occur_time=hour - timedelta(minutes=5)))
    await _send(client, _flood(thumbs_up, 100, "later", occur_time=hour + timedelta(minutes=5)))
    await client.collect(thumbs_down("one", query=QUERY, user_id="one"))
    (review,) = await _reviews(client)
    assert (review.id, review.evidence_votes, review.evidence_negatives) == (opened.id, 12, 5)
    assert review.evidence_left_out == 199
    await _adds_up(service)


async def test_a_voter_who_changes_a_vote_has_one(service: Service) -> None:
    client = service.client
    await _send(client, _honest(4, 6))
    await _send(client, _flood(thumbs_up, 50))
    await _send(client, _flood(thumbs_down, 50))
    (review,) = await _reviews(client)
    assert (review.evidence_votes, review.evidence_negatives, review.evidence_left_out) == (11, 5, 49)
    await _adds_up(service)


async def test_after_an_erasure_of_the_voter_nothing_is_left_out(service: Service) -> None:
    client = service.client
    await _send(client, _honest(4, 6))
    await _send(client, _flood(thumbs_down, 60))
    (review,) = await _reviews(client)
    assert (review.evidence_votes, review.evidence_left_out) == (11, 59)
    await client.feedback.erase_user(MALLORY)
    (review,) = await _reviews(client)
    assert (review.evidence_votes, review.evidence_negatives, review.evidence_left_out) == (10, 4, 0)
    await _adds_up(service)
    async with snapshot(service.mongo) as session:
        left = await RollupStore(service.mongo).scan(session)
    voters = [counts for key, counts in left.items() if key.dimension == "voters"]
    assert sum(number for counts in voters for name, number in counts.items() if name.startswith("v")) == 10


async def test_one_users_votes_elsewhere_make_a_bad_question_no_usual_one(service: Service) -> None:
    client = service.client
    for query in OTHERS:
        await _send(client, _honest(3, 27, query[:9], query=query))
    for place, query in enumerate(OTHERS):
        await _send(client, _flood(thumbs_down, 200, f"bought{place}", query=query))
    assert await _reviews(client) == []
    await _send(client, _honest(6, 6))
    (review,) = await _reviews(client)
    assert review.pattern.representative_query == QUERY
    assert 0.1 <= review.baseline_rate < 0.14
    assert review.baseline_left_out > 590
    await _adds_up(service)


async def test_without_a_bound_they_would(service: Service) -> None:
    client = service.client
    await _set(client, voter_share=1.0)
    for query in OTHERS:
        await _send(client, _honest(3, 27, query[:9], query=query))
    for place, query in enumerate(OTHERS):
        await _send(client, _flood(thumbs_down, 200, f"bought{place}", query=query))
    before = len(await _reviews(client))
    await _send(client, _honest(6, 6))
    assert len(await _reviews(client)) == before
    await _adds_up(service)


async def test_old_votes_of_one_user_push_the_rest_of_the_project_out_of_no_baseline(service: Service) -> None:
    """A flood fills the newest hours that a baseline is taken from, so more hours are."""
    client = service.client
    await _set(client, baseline_votes=50)
    past = datetime.now(UTC) - timedelta(hours=5)
    for query in OTHERS:
        await _send(client, _honest(2, 18, query[:9], query=query, occur_time=past))
    assert await _reviews(client) == []
    await _send(client, _flood(thumbs_up, 300, query=OTHERS[0]))
    await _send(client, _honest(6, 6))
    (review,) = await _reviews(client)
    # Of the flood alone it would be 1 of some thirty.
    assert review.baseline_rate > 0.06
    assert review.baseline_left_out > 290
    await _adds_up(service)


async def test_one_user_ends_no_quiet_period(service: Service) -> None:
    client = service.client
    await by_rate_alone(client)
    await _send(client, _honest(3, 0))
    (review,) = await _reviews(client)
    await (await client.reviews.claim(review.id, "ann")).dismiss("fine")
    await _send(client, _flood(thumbs_down, 20))
    await client.collect(thumbs_down("second", query=QUERY, user_id="second"))
    assert [each.id for each in await _reviews(client)] == [review.id]
    await client.collect(thumbs_down("third", query=QUERY, user_id="third"))
    assert len(await _reviews(client)) == 2
    await _adds_up(service)


@pytest.mark.parametrize("number", [150, 1_200])
async def test_one_user_neither_reopens_a_fixed_review_nor_holds_it_closed(service: Service, number: int) -> None:
    client = service.client
    await _send(client, _honest(4, 6))
    (review,) = await _reviews(client)
    await (await client.reviews.claim(review.id, "ann")).resolve("fixed")
    await _send(client, _flood(thumbs_down, 100))
    (fixed,) = await _reviews(client)
    assert fixed.state == review_pb2.REVIEW_STATE_RESOLVED
    await _send(client, _honest(4, 5, "after"))
    await client.feedback.erase_user("after-8")
    await _send(client, _flood(thumbs_up, number, "up"))
    await _send(client, _honest(2, 0, "last"))
    (again,) = await _reviews(client)
    assert (again.state, again.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
    await _adds_up(service)


async def test_one_users_good_votes_close_no_review_and_hide_none_of_its_complaints(service: Service) -> None:
    client = service.client
    downs = await _send(client, _honest(5, 5))
    (opened,) = await _reviews(client)
    await _send(client, _flood(thumbs_up, 1_100))
    await client.feedback.retract(downs[-1].id)
    (review,) = await _reviews(client)
    assert (review.id, review.state) == (opened.id, review_pb2.REVIEW_STATE_OPEN)
    assert (review.evidence_votes, review.evidence_negatives, review.sample_size) == (10, 4, 10)
    await _adds_up(service)


async def test_one_user_closes_no_review_that_a_person_opened_again(service: Service) -> None:
    """Their votes are no sample of answers after the fix, so it rests on the complaints of before."""
    client = service.client
    await _send(client, _honest(4, 6))
    (review,) = await _reviews(client)
    await (await client.reviews.claim(review.id, "ann")).resolve("fixed")
    await client.reviews.reopen(review.id, "ann", "it is not fixed")
    bought = await _send(client, _flood(thumbs_up, 50))
    await client.feedback.amend(bought[0].id, feedback_pb2.Feedback(comment="good"), ["comment"])
    (again,) = await _reviews(client)
    assert (again.state, again.evidence_negatives) == (review_pb2.REVIEW_STATE_OPEN, 4)
    await _adds_up(service)


async def test_the_share_is_above_nothing_and_at_most_all(client: Client) -> None:
    for share in (0.0, -0.1, 1.5, float("nan")):
        with pytest.raises(UptakeError) as caught:
            await _set(client, voter_share=share)
        assert "voter_share" in str(caught.value)
    await _set(client, voter_share=0.25)
    assert (await client.projects.get()).settings.review_policy.voter_share == 0.25
    await client.projects.update(project_pb2.ProjectSettings(), ["review_policy.voter_share"])
    assert (await client.projects.get()).settings.review_policy.voter_share == 0.02


@pytest.fixture
async def measuring(start_service: StartService) -> AsyncIterator[Service]:
    started = await start_service(verdict_interval_seconds=0.1)
    await _set(started.client, negative_rate_threshold=0.9)
    yield started


async def _verdict(client: Client, id: str, holds: Callable[[correction_pb2.VerdictReport], bool]) -> None:
    async def is_there() -> bool:
        return holds((await client.corrections.get(id)).verdict)

    await eventually(is_there, "the verdict")


async def test_one_users_votes_turn_no_verdict(measuring: Service) -> None:
    client = measuring.client
    hours = datetime.now(UTC) - timedelta(hours=3)
    before = await _send(client, _honest(40, 60, "before", occur_time=hours))
    (made,) = await apply(client, knowledge("password", "Use the link.", feedback_ids=[before[-1].id]))
    await _send(client, _flood(thumbs_up, 200))
    await _send(client, _flood(thumbs_up, 200, "again"))
    await _verdict(client, made.id, lambda report: report.later.left_out == 399)
    report = (await client.corrections.get(made.id)).verdict
    assert (report.verdict, report.later.votes) == (correction_pb2.VERDICT_NOT_ENOUGH_DATA, 1)
    assert "Without 399 more of voters who already count as often as one may." in report.summary
    await _send(client, _honest(0, 30, "after"))
    await _verdict(client, made.id, lambda report: report.verdict == correction_pb2.VERDICT_IMPROVED)
    await _adds_up(measuring)


async def test_a_changed_and_an_erased_vote_change_what_is_left_out(measuring: Service) -> None:
    client = measuring.client
    hours = datetime.now(UTC) - timedelta(hours=3)
    before = await _send(client, _honest(40, 60, "before", occur_time=hours))
    (made,) = await apply(client, knowledge("password", "Use the link.", feedback_ids=[before[-1].id]))
    flood = await _send(client, _flood(thumbs_up, 20))
    await _verdict(client, made.id, lambda report: (report.later.votes, report.later.left_out) == (1, 19))
    await client.feedback.retract(flood[0].id)
    await _verdict(client, made.id, lambda report: (report.later.votes, report.later.left_out) == (1, 18))
    await _adds_up(measuring)
    await client.feedback.erase_user(MALLORY)
    await _verdict(client, made.id, lambda report: (report.later.votes, report.later.left_out) == (0, 0))
    await _adds_up(measuring)


async def _corrected_after_a_flood(client: Client) -> correction_pb2.VerdictReport:
    """What is said of a correction with 100 honest votes before it, and 600 of one user."""
    hours = datetime.now(UTC) - timedelta(hours=3)
    before = await _send(client, _honest(10, 90, "before", occur_time=hours))
    await _send(client, _flood(thumbs_down, 300, occur_time=hours))
    await _send(client, _flood(thumbs_down, 300, "now"))
    (made,) = await apply(client, knowledge("password", "Use the link.", feedback_ids=[before[-1].id]))
    return made.verdict


async def test_one_users_votes_make_no_baseline(measuring: Service) -> None:
    report = await _corrected_after_a_flood(measuring.client)
    assert (report.baseline.votes, report.baseline.left_out) == (101, 599)
    assert report.baseline.negative_rate == pytest.approx(11 / 101)
    await _adds_up(measuring)


async def test_of_a_question_with_very_many_votes_the_baseline_is_bounded_too(
    measuring: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those are counted by hours, with the voters in buckets."""
    monkeypatch.setattr(counts, "_MOST_READ", 100)
    report = await _corrected_after_a_flood(measuring.client)
    assert report.baseline.votes + report.baseline.left_out == 700
    assert 100 <= report.baseline.votes < 107
    assert report.baseline.negative_rate < 0.16


async def test_one_users_votes_elsewhere_are_no_drift(measuring: Service) -> None:
    client, now = measuring.client, datetime.now(UTC)
    fix_time, before, after = now - timedelta(hours=10), now - timedelta(hours=20), now - timedelta(hours=8)
    for place, query in enumerate(OTHERS):
        await _send(client, _honest(6, 54, f"before{place}", query=query, occur_time=before))
        await _send(client, _honest(6, 54, f"after{place}", query=query, occur_time=after))
        await _send(client, _flood(thumbs_down, 100, f"bought{place}", query=query, occur_time=after))
    await by_rate_alone(client)
    await _set(client, negative_rate_threshold=0.3)
    await _send(client, _honest(40, 60, "question", occur_time=before))
    (review,) = await _reviews(client)
    claim = await client.reviews.claim(review.id, "ann")
    resolved = await claim.resolve("done", fix_time=fix_time, corrections=[knowledge("password", "Use the link.")])
    await _send(client, _honest(5, 25, "fixed", occur_time=now - timedelta(hours=6)))
    id = resolved.corrections[0].id
    await _verdict(client, id, lambda report: report.later.votes == 30)
    report = (await client.corrections.get(id)).verdict
    assert report.HasField("control_drift")
    assert report.control_left_out > 290
    assert report.control_drift < 0.05
    await _adds_up(measuring)


async def test_the_share_of_a_correction_is_the_one_that_it_was_applied_under(measuring: Service) -> None:
    client = measuring.client
    await _set(client, voter_share=1.0)
    before = await _send(client, _honest(40, 60, "before", occur_time=datetime.now(UTC) - timedelta(hours=3)))
    (made,) = await apply(client, knowledge("password", "Use the link.", feedback_ids=[before[-1].id]))
    await _set(client, voter_share=0.02)
    await _send(client, _flood(thumbs_up, 30))
    await _verdict(client, made.id, lambda report: report.verdict == correction_pb2.VERDICT_IMPROVED)
    await _adds_up(measuring)


async def test_two_replicas_and_any_order_come_to_the_same(start_service: StartService) -> None:
    services = [await start_service(verdict_interval_seconds=0.1), await start_service(verdict_interval_seconds=0.1)]
    client = services[0].client
    await _set(client, negative_rate_threshold=0.9)
    before = await _send(client, _honest(40, 60, "before", occur_time=datetime.now(UTC) - timedelta(hours=3)))
    (made,) = await apply(client, knowledge("password", "Use the link.", feedback_ids=[before[-1].id]))
    begun = datetime.now(UTC)
    votes = _flood(thumbs_up, 40) + _honest(5, 25, "after")
    for place, vote in enumerate(votes):
        vote.occur_time.FromDatetime(begun + timedelta(milliseconds=10 * (place * 37 % len(votes))))
    await asyncio.gather(*(_send(service.client, votes[place::2]) for place, service in enumerate(services)))
    await _verdict(client, made.id, lambda report: (report.later.votes, report.later.left_out) == (31, 39))
    reports = [(await service.client.corrections.get(made.id)).verdict for service in services]
    assert reports[0] == reports[1]
    await _adds_up(services[0])
