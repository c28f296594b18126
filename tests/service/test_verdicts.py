"""Verdicts: what counts, when they look, what follows from them, and that they are what feedback says."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console
from uptake import Client, thumbs_down, thumbs_up
from uptake import correction as corrected
from uptake.v1 import correction_pb2 as pb
from uptake.v1 import event_pb2, feedback_pb2, project_pb2, review_pb2
from uptake_service.app.check import check
from uptake_service.cli.insights import show_insights
from uptake_service.domain.clock import Clock
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.transactions import snapshot

from tests.conftest import Service, StartService
from tests.corrections import apply, instructions, knowledge
from tests.policies import by_rate_alone, evidence_of_a_year
from tests.processes import eventually, in_time

QUERY = "How do I reset my password?"
KNOWLEDGE, INSTRUCTIONS = knowledge("password", "Use the link."), instructions("prompt", "Name the link.")
ONLY_VERDICTS = event_pb2.EventFilter(kinds=[event_pb2.EVENT_KIND_VERDICT])
OTHERS = ("Where is my invoice?", "When do you open on Sundays?", "Do you ship lithium batteries to Norway?")


@pytest.fixture
async def service(start_service: StartService) -> Service:
    started = await start_service(verdict_interval_seconds=0.1, subscription_interval_seconds=0.2)
    # The trigger is to leave the reopening to the verdict.
    policy = project_pb2.ReviewPolicy(negative_rate_threshold=0.9)
    await started.client.projects.update(
        project_pb2.ProjectSettings(review_policy=policy), ["review_policy.negative_rate_threshold"]
    )
    return started


async def votes(
    client: Client, name: str, down: int, up: int, *, start: datetime | None = None, **about: Any
) -> list[feedback_pb2.Feedback]:
    """So many votes, the bad ones spread evenly among the good ones, a second apart from `start`."""
    about = {"query": QUERY, **about}
    total = down + up
    bad = [(place + 1) * down // total > place * down // total for place in range(total)]
    begun = start or datetime.now(UTC)
    sent = [
        (thumbs_down if negative else thumbs_up)(
            f"{name}-{place}", occur_time=begun + timedelta(seconds=place if start else 0, milliseconds=place), **about
        )
        for place, negative in enumerate(bad)
    ]
    return [result.feedback async for result in client.collect_many(sent, batch_size=50)]


async def fixed(
    client: Client, down: int = 40, up: int = 60, draft: pb.CorrectionDraft = KNOWLEDGE, **about: Any
) -> tuple[pb.Correction, review_pb2.Review]:
    """A review's pattern with so many votes beside those that opened it, corrected in resolving the review."""
    start = datetime.now(UTC) - timedelta(hours=5)
    await votes(client, "opening", 3, 0, start=start - timedelta(minutes=1), **about)
    await votes(client, "before", down, up, start=start, **about)
    (review,) = [each async for each in client.reviews.list()]
    claim = await client.reviews.claim(review.id, "ann")
    resolved = await claim.resolve("done", corrections=[draft])
    return resolved.corrections[0], resolved.review


async def seen(client: Client, id: str, holds: Callable[[pb.VerdictReport], bool]) -> pb.VerdictReport:
    """A correction's verdict once something holds of it."""
    report = pb.VerdictReport()

    async def look() -> bool:
        nonlocal report
        report = (await client.corrections.get(id)).verdict
        return holds(report)

    try:
        await eventually(look, "the verdict")
    except AssertionError:
        pytest.fail(f"the verdict did not come; it is {report}")
    return report


def counts(later: int) -> Callable[[pb.VerdictReport], bool]:
    return lambda report: report.later.votes == later and report.HasField("update_time")


async def told(service: Service) -> list[tuple[str, int]]:
    events = await service.mongo.collection("events").find({"project": "default", "kind": "VERDICT"}, sort=[("seq", 1)])
    return [(event["payload"]["verdict"], event["payload"]["later_votes"]) for event in events]


async def adds_up(service: Service) -> None:
    assert await check(service.mongo, Clock()) == []


async def test_a_fix_that_helps_is_called_improved_at_a_look_and_not_before(service: Service) -> None:
    client = service.client
    async with client.insights.subscribe(filter=ONLY_VERDICTS) as updates:
        assert (await anext(updates)).HasField("snapshot")
        correction, _ = await fixed(client)
        assert (correction.verdict.baseline.votes, correction.verdict.baseline.negative_rate) == (100, 0.4)

        await votes(client, "early", 0, 24)
        report = await seen(client, correction.id, counts(24))
        assert (report.verdict, report.judged.votes) == (pb.VERDICT_NOT_ENOUGH_DATA, 0)
        assert "of at least 25 votes on answers after it 24 are in" in report.summary

        await votes(client, "late", 2, 4)
        report = await seen(client, correction.id, counts(30))
        assert (report.verdict, report.judged.votes) == (pb.VERDICT_IMPROVED, 25)
        assert report.difference_interval.low < report.difference < report.difference_interval.high < 0
        assert not report.HasField("control_drift")
        assert report.summary.startswith("It helped: 40 of 100 votes (40%) on answers before it were negative, ")
        async with in_time("the event of the verdict"):
            async for update in updates:
                if update.HasField("event"):
                    assert update.event.verdict.correction_id == correction.id
                    assert update.event.verdict.verdict == pb.VERDICT_IMPROVED
                    break
    (measured,) = (await client.insights.get()).measured_corrections
    assert (measured.correction_id, measured.target, measured.state) == (correction.id, "password", correction.state)
    assert measured.verdict == (await client.corrections.get(correction.id)).verdict
    assert not (await client.insights.get(end=datetime.now(UTC) - timedelta(hours=2))).measured_corrections
    console = Console(width=200)
    with console.capture() as capture:
        await show_insights(client, console, days=1)
    shown = " ".join(capture.get().split())
    assert "whether corrections worked improved knowledge password It helped: 40 of 100 votes" in shown
    improved = pb.CorrectionFilter(verdicts=[pb.VERDICT_IMPROVED])
    assert [each.id async for each in client.corrections.list(filter=improved)] == [correction.id]
    await adds_up(service)


async def test_worse_reopens_the_review_once_and_is_told(service: Service) -> None:
    client = service.client
    correction, review = await fixed(client, 10, 90, draft=INSTRUCTIONS, versions={"prompt": "1"})
    kinds = event_pb2.EventFilter(kinds=[event_pb2.EVENT_KIND_VERDICT, event_pb2.EVENT_KIND_REVIEW])
    async with client.insights.subscribe(filter=kinds) as updates:
        assert (await anext(updates)).HasField("snapshot")
        await votes(client, "old", 8, 22, versions={"prompt": "1"})
        await votes(client, "new", 24, 6, versions={"prompt": "2"})
        told_of: list[event_pb2.Event] = []
        async with in_time("both events"):
            async for update in updates:
                if update.HasField("event"):
                    told_of.append(update.event)
                    if len(told_of) == 2:
                        break
    verdict, reopened = told_of
    assert (verdict.verdict.correction_id, verdict.verdict.verdict) == (correction.id, pb.VERDICT_WORSE)
    assert verdict.severity == event_pb2.EVENT_SEVERITY_CRITICAL
    assert (reopened.review.review_id, reopened.review.action) == (review.id, review_pb2.REVIEW_ACTION_REOPENED)

    report = await seen(client, correction.id, counts(30))
    assert (report.verdict, report.old_answers.votes) == (pb.VERDICT_WORSE, 30)
    assert report.difference_interval.low > 0
    detail = await client.reviews.get(review.id)
    assert (detail.review.state, detail.review.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
    assert detail.history[-1].action == review_pb2.REVIEW_ACTION_REOPENED
    assert f"verdict on correction {correction.id}: worse, 10% of votes" in detail.history[-1].note

    await votes(client, "more", 8, 2, versions={"prompt": "2"})
    await seen(client, correction.id, counts(40))
    assert (await client.reviews.get(review.id)).review.reopen_count == 1
    assert [verdict for verdict, _ in await told(service)] == ["WORSE"]
    await adds_up(service)


async def test_votes_on_answers_of_old_versions_are_shown_apart(service: Service) -> None:
    client = service.client
    correction, review = await fixed(client, draft=INSTRUCTIONS, versions={"prompt": "1"})
    await votes(client, "old", 30, 5, versions={"prompt": "1"})
    await votes(client, "new", 0, 30, versions={"prompt": "2"})
    report = await seen(client, correction.id, lambda report: report.later.votes == 30)

    assert (report.verdict, report.later.negative_rate) == (pb.VERDICT_IMPROVED, 0)
    assert (report.old_answers.votes, report.old_answers.negative_rate) == (35, 30 / 35)
    assert "Apart from that, 30 of 35 votes (86%) since then on older answers were negative." in report.summary
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_RESOLVED
    await adds_up(service)


async def test_versions_that_stay_the_same_leave_it_to_the_time_of_the_answer(service: Service) -> None:
    client = service.client
    correction, _ = await fixed(client, versions={"prompt": "1"})
    answered = datetime.now(UTC) - timedelta(hours=1)
    late = [
        thumbs_down(f"late-{n}", query=QUERY, versions={"prompt": "1"}, interaction_create_time=answered)
        for n in range(5)
    ]
    [_ async for _ in client.collect_many(late)]
    await votes(client, "same", 1, 29, versions={"prompt": "1"})
    report = await seen(client, correction.id, counts(30))
    assert (report.verdict, report.old_answers.votes) == (pb.VERDICT_IMPROVED, 5)
    await adds_up(service)


async def test_amendments_and_retractions_change_a_verdict(service: Service) -> None:
    client = service.client
    correction, _ = await fixed(client)
    sent = await votes(client, "after", 0, 25)
    await seen(client, correction.id, lambda report: report.verdict == pb.VERDICT_IMPROVED)

    for feedback in sent[:10]:
        await client.feedback.amend(feedback.id, thumbs_down("any"), ["type"])
    report = await seen(client, correction.id, lambda report: report.judged.negative_rate == 10 / 25)
    assert report.verdict == pb.VERDICT_NOT_ENOUGH_DATA
    for feedback in sent[:10]:
        await client.feedback.retract(feedback.id)
    report = await seen(client, correction.id, counts(15))
    assert report.judged.votes == 0
    assert await told(service) == [("IMPROVED", 25), ("NOT_ENOUGH_DATA", 25)]
    await adds_up(service)


async def test_a_vote_that_moves_past_the_fix_counts_after_it(service: Service) -> None:
    client = service.client
    await client.collect(
        thumbs_down("moved", query=QUERY, user_id="u", occur_time=datetime.now(UTC) - timedelta(hours=1))
    )
    correction, _ = await fixed(client)
    await seen(client, correction.id, counts(0))
    # What the pattern's numbers come to stays the same.
    await client.collect(thumbs_down("moved", query=QUERY, user_id="u"))
    await seen(client, correction.id, counts(1))
    await adds_up(service)


async def test_what_comes_in_late_counts_where_it_belongs(service: Service) -> None:
    client = service.client
    correction, _ = await fixed(client)
    await votes(client, "late", 20, 0, start=datetime.now(UTC) - timedelta(hours=2))
    await votes(client, "after", 1, 24)
    report = await seen(client, correction.id, counts(25))
    assert (report.verdict, report.baseline.votes, report.old_answers.votes) == (pb.VERDICT_IMPROVED, 100, 0)
    await adds_up(service)


async def test_a_drift_of_all_patterns_is_not_the_corrections_doing(start_service: StartService) -> None:
    service = await start_service(verdict_interval_seconds=0.1)
    client, now = service.client, datetime.now(UTC)
    await by_rate_alone(client)
    fix_time, before, after = now - timedelta(hours=10), now - timedelta(hours=20), now - timedelta(hours=8)
    for place, query in enumerate(OTHERS):
        await votes(client, f"other-{place}", 24, 36, start=before, query=query)
        await votes(client, f"other-later-{place}", 6, 54, start=after, query=query)
    feedback = await votes(client, "before", 40, 60, start=before)
    (review,) = [
        each async for each in client.reviews.list(filter=review_pb2.ReviewFilter(pattern_id=feedback[0].pattern_id))
    ]
    claim = await client.reviews.claim(review.id, "ann")
    resolved = await claim.resolve("done", fix_time=fix_time, corrections=[KNOWLEDGE])
    await votes(client, "after", 10, 90, start=now - timedelta(hours=6))

    report = await seen(client, resolved.corrections[0].id, counts(100))
    assert report.HasField("control_drift")
    assert report.control_drift == pytest.approx(-0.3)
    assert report.verdict == pb.VERDICT_NOT_ENOUGH_DATA
    assert "moved by -30 points meanwhile, which is taken out" in report.summary
    await adds_up(service)


async def test_what_a_later_correction_covers_is_measured_no_longer(service: Service) -> None:
    client = service.client
    correction, _ = await fixed(client)
    await votes(client, "after", 0, 30)
    await seen(client, correction.id, counts(30))
    named = [feedback.id async for feedback in client.feedback.list(page_size=1)][:1]
    (second,) = await apply(client, knowledge("password", "Call us.", 1, feedback_ids=named))
    await votes(client, "last", 25, 5)
    await seen(client, second.id, lambda report: report.verdict == pb.VERDICT_WORSE)

    report = (await client.corrections.get(correction.id)).verdict
    assert (report.verdict, report.later.votes) == (pb.VERDICT_IMPROVED, 30)
    assert report.summary.endswith("A later correction covers it; votes since then do not count.")
    await adds_up(service)


async def test_reverting_says_so_and_starts_anew(service: Service) -> None:
    client = service.client
    correction, _ = await fixed(client, 10, 90)
    await votes(client, "under", 24, 6)
    assert (await seen(client, correction.id, counts(30))).verdict == pb.VERDICT_WORSE
    report = (await client.corrections.revert(correction.id, "ann")).verdict
    assert (report.verdict, report.of_revert) == (pb.VERDICT_NOT_ENOUGH_DATA, True)
    assert (report.verdict_before_revert, report.baseline.votes, report.baseline.negative_rate) == (
        pb.VERDICT_WORSE,
        30,
        0.8,
    )
    assert "until then the verdict was: worse." in report.summary

    await votes(client, "after", 1, 29)
    report = await seen(client, correction.id, lambda report: report.verdict == pb.VERDICT_IMPROVED)
    assert "Reverting it helped: 24 of 30 votes (80%) on answers under it were negative, " in report.summary
    assert [verdict for verdict, _ in await told(service)] == ["WORSE", "NOT_ENOUGH_DATA", "IMPROVED"]
    await adds_up(service)


async def test_a_revert_that_brings_the_old_version_back_is_measured_by_it(service: Service) -> None:
    client = service.client
    correction, _ = await fixed(client, 10, 90, draft=INSTRUCTIONS, versions={"prompt": "1", "model": "m"})
    await votes(client, "under", 24, 6, versions={"prompt": "2", "model": "m"})
    await seen(client, correction.id, lambda report: report.verdict == pb.VERDICT_WORSE)
    await client.corrections.revert(correction.id, "ann")
    await votes(client, "still", 5, 0, versions={"prompt": "2", "model": "m"})
    await votes(client, "after", 1, 29, versions={"prompt": "1", "model": "m"})

    report = await seen(client, correction.id, lambda report: report.verdict == pb.VERDICT_IMPROVED)
    assert (report.later.votes, report.old_answers.votes) == (30, 5)
    await adds_up(service)


async def test_a_regression_long_after_reopens_the_review_with_its_history(start_service: StartService) -> None:
    service = await start_service(verdict_interval_seconds=0.1)
    client, now = service.client, datetime.now(UTC)
    await evidence_of_a_year(client)
    fix_time = now - timedelta(days=150)
    await votes(client, "before", 40, 60, start=fix_time - timedelta(days=1))
    (review,) = [each async for each in client.reviews.list()]
    claim = await client.reviews.claim(review.id, "ann")
    (correction,) = (await claim.resolve("done", fix_time=fix_time, corrections=[KNOWLEDGE])).corrections
    await votes(client, "soon", 0, 30, start=fix_time + timedelta(days=1))
    await seen(client, correction.id, lambda report: report.verdict == pb.VERDICT_IMPROVED)

    await votes(client, "late", 8, 0)
    detail = await client.reviews.get(review.id)
    assert (detail.review.state, detail.review.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
    actions = [review_pb2.ReviewAction.Name(change.action).removeprefix("REVIEW_ACTION_") for change in detail.history]
    assert actions == ["OPENED", "CLAIMED", "RESOLVED", "REOPENED"]
    assert (detail.history[2].actor, detail.history[2].note) == ("ann", "done")
    (found,) = [each async for each in client.corrections.list(filter=pb.CorrectionFilter(review_id=review.id))]
    assert (found.id, found.verdict.verdict) == (correction.id, pb.VERDICT_IMPROVED)
    await adds_up(service)


async def test_the_trigger_sees_a_regression_after_a_change_of_knowledge_under_the_same_versions(
    start_service: StartService,
) -> None:
    service = await start_service(verdict_interval_seconds=60)
    client, same = service.client, {"prompt": "1"}
    _, review = await fixed(client, versions=same)
    answered = datetime.now(UTC) - timedelta(hours=1)
    old = [thumbs_down(f"old-{n}", query=QUERY, versions=same, interaction_create_time=answered) for n in range(5)]
    [_ async for _ in client.collect_many(old)]
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_RESOLVED
    await votes(client, "late", 5, 3, versions=same)
    assert (await client.reviews.get(review.id)).review.reopen_count == 1
    await adds_up(service)


async def test_once_a_new_version_answers_the_trigger_leaves_old_ones_alone(start_service: StartService) -> None:
    service = await start_service(verdict_interval_seconds=60)
    client = service.client
    _, review = await fixed(client, versions={"index": "1"})
    await votes(client, "new", 0, 1, versions={"index": "2"})
    await votes(client, "old", 20, 0, versions={"index": "1"})
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_RESOLVED
    await adds_up(service)
    await votes(client, "bad", 5, 0, versions={"index": "2"})
    found = (await client.reviews.get(review.id)).review
    assert (found.state, found.sample_size) == (review_pb2.REVIEW_STATE_OPEN, 6)
    await adds_up(service)


async def test_of_what_old_versions_get_the_trigger_looks_through_a_thousand(start_service: StartService) -> None:
    service = await start_service(verdict_interval_seconds=60)
    client = service.client
    now, old, new = datetime.now(UTC), {"prompt": "1"}, {"prompt": "2"}
    await votes(client, "before", 40, 60, start=now - timedelta(hours=5), versions=old)
    (review,) = [each async for each in client.reviews.list()]
    claim = await client.reviews.claim(review.id, "ann")
    await claim.resolve("done", fix_time=now - timedelta(hours=2))
    await votes(client, "first", 2, 0, start=now - timedelta(hours=1), versions=new)
    await votes(client, "still", 0, 1000, start=now - timedelta(minutes=50), versions=old)
    await votes(client, "next", 2, 0, start=now - timedelta(minutes=10), versions=new)
    assert (await client.reviews.get(review.id)).review.state == review_pb2.REVIEW_STATE_RESOLVED
    await adds_up(service)
    await votes(client, "more", 1, 0, start=now - timedelta(minutes=5), versions=new)
    found = (await client.reviews.get(review.id)).review
    assert (found.state, found.sample_size) == (review_pb2.REVIEW_STATE_OPEN, 3)
    await adds_up(service)


async def test_two_replicas_tell_of_a_verdict_once(start_service: StartService) -> None:
    first, second = [await start_service(verdict_interval_seconds=0.1) for _ in range(2)]
    correction, _ = await fixed(first.client)
    await asyncio.gather(votes(first.client, "one", 0, 30), votes(second.client, "two", 0, 30))
    report = await seen(second.client, correction.id, counts(60))
    assert (report.verdict, report.judged.votes) == (pb.VERDICT_IMPROVED, 50)
    assert [verdict for verdict, _ in await told(first)] == ["IMPROVED"]
    await adds_up(first)


async def test_a_verdict_that_two_work_out_at_once_is_told_once(start_service: StartService) -> None:
    services = [await start_service(verdict_interval_seconds=3600) for _ in range(2)]
    correction, _ = await fixed(services[0].client, 10, 90)
    await votes(services[0].client, "after", 30, 0)
    await asyncio.gather(*(service.app.parts.corrections.verdicts.run() for service in services))
    report = await seen(services[1].client, correction.id, counts(30))
    assert report.verdict == pb.VERDICT_WORSE
    assert await told(services[0]) == [("WORSE", 30)]
    await adds_up(services[0])


async def test_the_recount_names_a_verdict_that_feedback_does_not_bear_out(start_service: StartService) -> None:
    # Else the job might look at what is planted.
    service = await start_service(verdict_interval_seconds=3600)
    client = service.client
    correction, _ = await fixed(client)
    await votes(client, "after", 0, 25)
    await service.app.parts.corrections.verdicts.run()
    await seen(client, correction.id, lambda report: report.verdict == pb.VERDICT_IMPROVED)
    corrections = service.mongo.collection("corrections")

    async def differences(change: dict[str, object]) -> Sequence[str]:
        stored = await corrections.get({"_id": correction.id})
        assert stored is not None
        await corrections.update({"_id": correction.id}, {"$set": change})
        found = await check(service.mongo, Clock())
        await corrections.update({"_id": correction.id}, {"$set": stored})
        return found

    name = f"verdict on correction {correction.id}"
    assert await differences({"verdict": "WORSE"}) == [f"{name}: is WORSE, its looks say IMPROVED"]
    assert await differences({"measured.finding.low": -0.9}) == [f"{name}: its difference is not that of its looks"]
    assert await differences({"measured.finding": None}) == [f"{name}: its difference is not that of its looks"]
    (difference,) = await differences({"measured.old.votes": 1})
    assert difference.endswith("and 1 on older answers, feedback says 0 of 25 and 0")
    (difference,) = await differences({"measured.later.negative": 3})
    assert difference.startswith(f"{name}: rests on 3 negative of 25 later votes")
    await adds_up(service)


async def test_votes_are_read_in_order_however_dense_they_lie(service: Service) -> None:
    client, now = service.client, Clock().now()
    start = now - timedelta(days=60)
    times = [start + timedelta(milliseconds=number // 2) for number in range(1500)]
    times += [start + timedelta(days=3, minutes=number) for number in range(1500)]
    times += [now - timedelta(milliseconds=number) for number in range(5)] + [now + timedelta(minutes=1)]
    sent = [thumbs_up(f"{number}", query=QUERY, occur_time=time) for number, time in enumerate(times)]
    stored = [result.feedback async for result in client.collect_many(sent, batch_size=500)]
    retracted = stored[100]
    await client.feedback.retract(retracted.id)
    await client.collect(corrected("c", "new", query=QUERY, occur_time=times[200]))
    pattern_id = stored[0].pattern_id
    feedback = FeedbackStore(service.mongo, Clock())

    async def read(start: datetime, end: datetime | None) -> list[str]:
        async with snapshot(service.mongo) as session:
            return [
                v.id
                async for votes in feedback.evidence.votes_since(pattern_id, start, end, session=session)
                for v in votes
            ]

    order = sorted((each.occur_time.ToDatetime(UTC), each.id) for each in stored if each.id != retracted.id)
    assert await read(start, None) == [id for _, id in order]
    first, last = times[300], times[2000]
    assert await read(first, last) == [id for time, id in order if first <= time < last]
