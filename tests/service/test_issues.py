"""Issues: found in negative feedback, followed from run to run, with people's decisions kept."""

import asyncio
import sys
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1.event_pb2 import EVENT_KIND_ISSUE, EVENT_SEVERITY_CRITICAL, EventFilter
from uptake.v1.issue_pb2 import (
    ISSUE_STATE_IGNORED,
    ISSUE_STATE_NEW,
    ISSUE_STATE_ONGOING,
    ISSUE_STATE_REGRESSED,
    ISSUE_STATE_RESOLVED,
    IssueFilter,
)
from uptake_service.app.check import check
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.clock import Clock
from uptake_service.issues.store import IssueStore

from tests.conftest import Service, StartService
from tests.issues import EACH, SAID, about, complain, run
from tests.processes import in_time


async def check_finds_nothing(service: Service) -> None:
    assert await check(service.mongo, Clock()) == []


async def test_a_run_finds_what_users_complain_of_in_their_own_words(service: Service, client: Client) -> None:
    await complain(client)
    issues = await run(client)
    assert [issue.frequency for issue in issues] == [EACH, EACH, EACH]
    link = about(issues, "link")
    assert "link" in link.keywords
    assert link.state == ISSUE_STATE_NEW
    assert 1 <= len(link.sample_comments) <= 3
    said = " ".join(text for texts in SAID.values() for text in texts).lower()
    assert all(word in said for issue in issues for keyword in issue.keywords for word in keyword.split())
    for sample in link.sample_comments:
        assert (await client.feedback.get(sample.feedback_id)).comment == sample.text
    await check_finds_nothing(service)


async def test_ids_stay_from_run_to_run_and_new_feedback_joins_between_runs(service: Service, client: Client) -> None:
    await complain(client)
    first = {issue.id: issue for issue in await run(client)}
    again = await run(client)
    assert {issue.id for issue in again} == set(first)
    assert all(issue.state == ISSUE_STATE_ONGOING for issue in again)
    link = about(again, "link")
    await client.collect(thumbs_down("later", comment="the link to the booking page is broken"))
    assert (await client.issues.get(link.id)).issue.frequency == link.frequency + 1
    await check_finds_nothing(service)


async def test_renaming_ignoring_and_resolving_hold_through_later_runs(service: Service, client: Client) -> None:
    await complain(client)
    issues = await run(client)
    link, refund, german = (about(issues, word) for word in ("link", "refund", "english"))
    await client.issues.update(link.id, title="Dead links", reviewer="ann")
    await client.issues.update(refund.id, state=ISSUE_STATE_IGNORED, reviewer="ann")
    await client.issues.update(german.id, state=ISSUE_STATE_RESOLVED, reviewer="ann")
    now = {issue.id: issue for issue in await run(client)}
    assert refund.id not in now
    assert now[link.id].title == "Dead links"
    assert now[german.id].state == ISSUE_STATE_RESOLVED
    ignored = (await client.issues.get(refund.id)).issue
    assert (ignored.state, ignored.frequency) == (ISSUE_STATE_IGNORED, EACH)
    await check_finds_nothing(service)


async def test_a_resolved_issue_that_comes_back_regresses_without_a_run(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=0.1)
    client = service.client
    await complain(client)
    german = about(await run(client), "english")
    await client.issues.update(german.id, state=ISSUE_STATE_RESOLVED)
    async with (
        in_time("the event of the regression"),
        client.insights.subscribe(filter=EventFilter(kinds=[EVENT_KIND_ISSUE])) as updates,
    ):
        # The snapshot: what happens after it is an event.
        await anext(updates)
        await complain(client, "german", part=1)
        async for update in updates:
            if update.event.issue.issue_id == german.id:
                assert update.event.issue.state == ISSUE_STATE_REGRESSED
                assert update.event.severity == EVENT_SEVERITY_CRITICAL
                break

    assert (await client.issues.get(german.id)).issue.state == ISSUE_STATE_REGRESSED


async def test_merged_issues_stay_one_through_later_runs(service: Service, client: Client) -> None:
    await complain(client)
    issues = await run(client)
    link, refund = about(issues, "link"), about(issues, "refund")
    merged = await client.issues.merge(link.id, [refund.id], reviewer="ann")
    assert merged.frequency == 2 * EACH
    assert (await client.issues.get(refund.id)).issue.id == link.id
    await client.collect(thumbs_down("later", comment="refund time limit wrong for my claim refund"))
    for _ in range(2):
        found = {issue.id: issue.frequency for issue in await run(client)}
        assert found == {link.id: 2 * EACH + 1, about(issues, "english").id: EACH}
    with pytest.raises(UptakeError) as refused:
        await client.issues.update(refund.id, title="x")
    assert refused.value.reason == "ISSUE_MERGED"
    await check_finds_nothing(service)


async def test_what_people_split_off_stays_apart_through_later_runs(service: Service, client: Client) -> None:
    ids = await complain(client)
    link = about(await run(client), "link")
    out = ids[:8]
    split = await client.issues.split(link.id, out, title="Without a mood", reviewer="ann")
    assert (split.issue.frequency, split.new_issue.frequency) == (EACH - 8, 8)
    await check_finds_nothing(service)
    for _ in range(2):
        found = {issue.id: issue for issue in await run(client)}
        assert found[split.new_issue.id].title == "Without a mood"
        assert found[split.new_issue.id].frequency >= 8
        assert found[split.new_issue.id].frequency + found[link.id].frequency == EACH
    await check_finds_nothing(service)


async def test_a_decision_made_twice_under_one_request_id_is_made_once(client: Client) -> None:
    ids = await complain(client)
    link = about(await run(client), "link")
    first = await client.issues.split(link.id, ids[:5], request_id="one")
    again = await client.issues.split(link.id, ids[:5], request_id="one")
    assert again.new_issue.id == first.new_issue.id
    assert again.issue.frequency == EACH - 5


async def test_what_is_wrong_is_named(service: Service, client: Client) -> None:
    ids = await complain(client)
    issues = await run(client)
    link, refund = about(issues, "link"), about(issues, "refund")
    for call, field in (
        (client.issues.update(link.id, state=ISSUE_STATE_REGRESSED), "issue.state"),
        (client.issues.update(link.id), "update_mask"),
        (client.issues.merge(link.id, [link.id]), "merged_ids"),
        (client.issues.split(link.id, []), "feedback_ids"),
        (client.issues.split(refund.id, ids[:2]), "feedback_ids[0]"),
    ):
        with pytest.raises(UptakeError) as refused:
            await call
        assert [path for path, _ in refused.value.field_violations] == [field]
    calls: tuple[Awaitable[object], ...] = (
        client.issues.get("nothing"),
        client.issues.update("nothing", title="x"),
        client.issues.merge(link.id, ["nothing"]),
    )
    for of_nothing in calls:
        with pytest.raises(UptakeError) as refused:
            await of_nothing
        assert refused.value.reason == "ISSUE_NOT_FOUND"
    async with Client(service.address, project="other") as other:
        with pytest.raises(UptakeError) as refused:
            await other.issues.get(link.id)
        assert refused.value.reason == "ISSUE_NOT_FOUND"


async def test_issues_are_listed_most_frequent_first_in_pages(client: Client) -> None:
    await complain(client)
    await complain(client, "link", part=1)
    await run(client)
    listed = [issue async for issue in client.issues.list(page_size=2)]
    assert [issue.frequency for issue in listed] == [2 * EACH, EACH, EACH]
    few = [issue async for issue in client.issues.list(filter=IssueFilter(minimum_frequency=EACH + 1))]
    assert [issue.id for issue in few] == [listed[0].id]


async def test_two_replicas_run_and_collect_at_once_and_every_number_stays_exact(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    await complain(one.client)
    ids = [issue.id for issue in await run(two.client)]
    await asyncio.gather(
        run(one.client),
        run(two.client),
        complain(one.client, "link", "refund", part=1),
        complain(two.client, "german", part=1),
    )
    found = await run(two.client)
    assert {issue.id for issue in found} == set(ids)
    assert [issue.frequency for issue in found] == [2 * EACH] * 3
    await check_finds_nothing(one)


@pytest.mark.parametrize("worker", ["/no-such-program", "/bin/false"])
async def test_a_worker_that_does_not_start_leaves_the_lease_to_the_next(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch, worker: str
) -> None:
    await complain(client)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", worker)
        with pytest.raises(UptakeError) as refusal:
            await run(client)
    assert refusal.value.reason == "ISSUE_RUN_FAILED"
    (lease,) = await service.mongo.collection("leases").find_with_now({"_id": "issues/default"})
    assert lease["expire_time"] <= lease["now"]
    assert len(await run(client)) == 3


async def test_without_negative_feedback_there_are_no_issues(service: Service, client: Client) -> None:
    await client.collect(thumbs_up("good", query="hello"))
    assert await run(client) == []
    await client.collect(thumbs_down("bad", comment="one alone is no issue"))
    assert await run(client) == []
    await check_finds_nothing(service)


async def test_a_retraction_leaves_its_issue_at_once_with_its_words(service: Service, client: Client) -> None:
    await complain(client)
    link = about(await run(client), "link")
    await client.feedback.retract(link.representative.feedback_id)
    now = (await client.issues.get(link.id)).issue
    assert now.frequency == link.frequency - 1
    assert not now.HasField("representative")
    assert link.representative.feedback_id not in {sample.feedback_id for sample in now.sample_comments}
    await check_finds_nothing(service)


async def test_what_is_taken_out_of_a_title_is_out_of_it_at_once(service: Service, client: Client) -> None:
    await complain(client)
    link = about(await run(client), "link")
    mongo, clock = service.mongo, Clock()
    issues = IssueStore(mongo, clock, EventLog(mongo, 1), RequestRecords(mongo, 1))
    await issues.rewrite("default", link.id, lambda issue: issue.model_copy(update={"found_title": "Something"}))
    assert (await client.issues.get(link.id)).issue.title == "Something"
    assert "Something" in [issue.title for issue in (await client.insights.get()).common_issues]


async def test_the_recount_names_what_differs(service: Service, client: Client) -> None:
    ids = await complain(client)
    link = about(await run(client), "link")
    await check_finds_nothing(service)
    months, members = service.mongo.collection("issue_months"), service.mongo.collection("issue_members")
    month = await months.get({"issue_id": link.id})
    assert month is not None
    day = next(name for name in month if name.startswith("d"))
    await months.update({"_id": month["_id"]}, {"$inc": {f"{day}.total": 2}})
    member = await members.get({"feedback_id": ids[-1], "active": True})
    assert member is not None
    await members.update({"_id": member["_id"]}, {"$set": {"active": False}})
    named = await check(service.mongo, Clock())
    assert len(named) == 3
    assert f"issue {link.id} of default" in "".join(named)
    assert "counted 26 times, has 24 members" in "".join(named)
    assert f"{3 * EACH - 1}, feedback says {3 * EACH}" in "".join(named)


async def test_opportunities_come_from_issues_and_patterns(client: Client) -> None:
    await complain(client)
    sent = client.collect_many(
        thumbs_down(f"q{place}", query="How do I change my address?", comment=text)
        for place, text in enumerate(SAID["link"][1::3])
    )
    queried = [result.feedback async for result in sent]
    reviews = {review.pattern.id: review.id async for review in client.reviews.list()}
    issues = await run(client)

    found = (await client.insights.get()).improvement_opportunities

    counts = [each.negative_count for each in found]
    assert counts == sorted(counts, reverse=True)
    by_issue = {each.issue_id: each for each in found if each.issue_id}
    assert set(by_issue) == {issue.id for issue in issues}
    for issue in issues:
        opportunity = by_issue[issue.id]
        assert opportunity.title == issue.title
        assert opportunity.negative_count >= issue.frequency
        samples = {comment.feedback_id for comment in [issue.representative, *issue.sample_comments]}
        assert 1 <= len(opportunity.evidence_feedback_ids) <= 3
        assert set(opportunity.evidence_feedback_ids) <= samples
    (asked,) = [each for each in found if each.pattern_id == queried[0].pattern_id]
    assert asked.negative_count >= len(queried)
    assert asked.review_id == reviews[asked.pattern_id]

    assert asked.issue_id
    await client.issues.update(asked.issue_id, state=ISSUE_STATE_RESOLVED)
    left = (await client.insights.get()).improvement_opportunities
    assert asked.issue_id not in {each.issue_id for each in left}
    assert asked.pattern_id in {each.pattern_id for each in left}


async def test_the_same_feedback_gives_the_same_issues(service: Service) -> None:
    start = datetime.now(UTC) - timedelta(days=2)
    told = []
    for project in ("one", "other"):
        async with Client(service.address, project=project) as client:
            texts = [text for kind in SAID for text in SAID[kind][::3]]
            sent = client.collect_many(
                thumbs_down(f"i{place}", comment=text, user_id=f"u{place}", occur_time=start + timedelta(minutes=place))
                for place, text in enumerate(texts)
            )
            assert [result.HasField("feedback") async for result in sent] == [True] * len(texts)
            told.append(
                [
                    (issue.title, [*issue.keywords], issue.frequency, issue.representative.text)
                    for issue in await run(client)
                ]
            )
    assert len(told[0]) >= 3
    assert sorted(told[0]) == sorted(told[1])
