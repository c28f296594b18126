"""Retention: what is past it goes with its numbers and its words; what is not, and what people made of it, stays."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import duration_pb2
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import project_pb2
from uptake_service.app.check import check
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.coordination.job_queue import Item
from uptake_service.domain.clock import Clock
from uptake_service.erasure import retention
from uptake_service.erasure.eraser import Eraser
from uptake_service.erasure.issues import IssueWords
from uptake_service.erasure.patterns import PatternWords
from uptake_service.erasure.remover import FeedbackRemover
from uptake_service.feedback.removal import FeedbackRemoval
from uptake_service.issues.store import IssueStore, Superseded

from tests.conftest import Service, StartService
from tests.corrections import apply, knowledge
from tests.policies import by_rate_alone
from tests.processes import eventually, in_time
from tests.service.test_erasure import MARKER, collect, everything_stored, marked, said

NOW = datetime.now(UTC)
OLD, NEW = NOW - timedelta(days=3), NOW - timedelta(hours=2)
LIMIT = timedelta(days=2)
USERS = [f"user-{number}" for number in range(4)]
SOON = 0.05
"""A retention interval, in seconds, that tests do not wait long for."""
PATIENCE = 180.0
"""Seconds until what must come is given up: a clustering run gets little of a busy machine."""


async def keep(client: Client, age: timedelta = LIMIT) -> None:
    feedback_age = duration_pb2.Duration()
    feedback_age.FromTimedelta(age)
    settings = project_pb2.ProjectSettings(retention=project_pb2.Retention(feedback_age=feedback_age))
    await client.projects.update(settings, ["retention"])


async def until(condition: Callable[[], Awaitable[object]], what: str, seconds: float = PATIENCE) -> None:
    """Returns when the condition holds."""
    await eventually(condition, what, seconds)


async def gone(service: Service, left: int) -> None:
    """Returns when so much feedback is left in the database, erased or not."""
    stored = service.mongo.collection("feedback")

    async def is_gone() -> bool:
        return await stored.count({}) == left

    await until(is_gone, f"{left} pieces of feedback being left")


def aged(items: Sequence[pb.Feedback], time: datetime) -> list[pb.Feedback]:
    for place, item in enumerate(items):
        item.occur_time.FromDatetime(time + timedelta(seconds=place))
    return list(items)


async def questions(client: Client) -> set[str]:
    """The questions of all reviews."""
    return {review.pattern.representative_query async for review in client.reviews.list()}


async def question_of(client: Client, feedback_id: str) -> str:
    """The representative of the pattern of a piece of feedback, as reviewers see it."""
    pattern_id = (await client.feedback.get(feedback_id)).pattern_id
    (review,) = [each async for each in client.reviews.list() if each.pattern.id == pattern_id]
    return review.pattern.representative_query


@pytest.mark.parametrize("restarts", [False, True])
async def test_no_words_of_what_is_past_it_are_left(start_service: StartService, restarts: bool) -> None:
    service = await start_service(retention_interval_seconds=3600.0 if restarts else SOON)
    client = service.client
    await by_rate_alone(client)
    await collect(client, aged(said(12, "invoice"), NEW))
    await collect(client, aged(marked(12, USERS), OLD))
    await client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE)
    assert (await everything_stored(service)).count(MARKER) > 50
    assert any(MARKER in f"{issue.title}{issue.keywords}" for issue in (await client.insights.get()).common_issues)
    assert any(MARKER in question for question in await questions(client))

    await keep(client)
    if restarts:
        await service.app.stop()
        service = await start_service(retention_interval_seconds=SOON)
        client = service.client
    await gone(service, 13)

    await service.app.parts.feedback.compactor.run()
    assert [line for line in (await everything_stored(service)).splitlines() if MARKER in line] == []
    assert await check(service.mongo, Clock()) == []
    found = await client.insights.get()
    assert found.metrics.total_feedback == 13
    assert list(found.user_corrections) == []
    assert ["invoice" in issue.title for issue in found.common_issues] == [True]
    assert not any(MARKER in question for question in await questions(client))


async def test_what_is_left_of_a_pattern_stands_for_it(start_service: StartService) -> None:
    service = await start_service(retention_interval_seconds=SOON)
    client = service.client
    await by_rate_alone(client)
    half, whole, spared = "Where is the {} invoice?", "How do I cancel my plan?", "Do you ship to Spain?"
    # One pattern of two wordings, the first of which is past its retention.
    for place in range(4):
        old = thumbs_down(f"a{place}", query=half.format("old"), user_id=f"u{place}", occur_time=OLD)
        pattern = (await client.collect(old)).pattern_id
    for place in range(4):
        item = thumbs_down(f"b{place}", query=half.format("new"), user_id=f"v{place}", occur_time=NEW)
        newer = await client.collect(item)
        await client.collect(thumbs_down(f"c{place}", query=whole, user_id=f"u{place}", occur_time=OLD))
        last = await client.collect(thumbs_down(f"d{place}", query=spared, user_id=f"u{place}", occur_time=NEW))
    assert newer.pattern_id == pattern
    assert await question_of(client, newer.id) == half.format("old")

    await keep(client)
    await gone(service, 8)

    assert await question_of(client, newer.id) == half.format("new")
    assert await question_of(client, last.id) == spared
    assert not {half.format("old"), whole} & await questions(client)
    assert half.format("old") not in await everything_stored(service)
    assert await check(service.mongo, Clock()) == []


@pytest.mark.parametrize("by", ["retention", "erasure"])
async def test_a_question_that_is_asked_again_names_its_pattern_again(start_service: StartService, by: str) -> None:
    service = await start_service(retention_interval_seconds=SOON)
    client, query = service.client, "Why was my refund refused?"
    first = await client.collect(thumbs_down("i0", query=query, user_id="u0", occur_time=OLD))
    if by == "retention":
        await keep(client)
        await gone(service, 0)
    else:
        await client.feedback.erase_user("u0")
    patterns = service.mongo.collection("patterns")
    assert [pattern["representative_query"] for pattern in await patterns.find({})] == [""]

    for place in range(1, 5):
        again = await client.collect(thumbs_down(f"i{place}", query=query, user_id=f"u{place}"))

    assert again.pattern_id == first.pattern_id
    assert await question_of(client, again.id) == query


async def test_what_people_made_of_it_stays(start_service: StartService) -> None:
    service = await start_service(retention_interval_seconds=SOON)
    client = service.client
    *_, quoted = await collect(client, aged(marked(12, USERS), OLD))
    made_of, quoting = "The page opens at noon.", f"Users say: {quoted.correction.corrected}"
    await apply(client, knowledge("opening", made_of, feedback_ids=[quoted.id]), knowledge("users", quoting))
    await client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE)
    (issue, *_) = (await client.insights.get()).common_issues
    await client.issues.update(issue.id, title=f"The {MARKER} page")

    await keep(client)
    await gone(service, 0)

    entries = {each.entry.key: each.entry.content for each in await client.corrections.search_knowledge("page opens")}
    assert entries == {"opening": made_of, "users": quoting}
    kept = await client.issues.get(issue.id)
    told = (kept.issue.title, list(kept.issue.keywords), list(kept.issue.sample_comments))
    assert told == (f"The {MARKER} page", [], [])
    assert not kept.issue.HasField("representative")
    stored = await service.mongo.collection("issues").find({"_id": issue.id})
    assert MARKER not in stored[0]["found_title"]
    assert await check(service.mongo, Clock()) == []


async def test_the_words_of_an_erased_user_go_where_others_said_the_same_before(start_service: StartService) -> None:
    """The text that stood for a pattern after the first removal may be amended, and then be removed itself."""
    service = await start_service(retention_interval_seconds=SOON)
    client = service.client
    await client.collect(thumbs_down("i0", comment="the invoice page is slow", user_id="a", occur_time=OLD))
    other = await client.collect(thumbs_down("i1", comment="the invoice page is very slow", user_id="b"))
    await client.feedback.erase_user("a")
    patterns = service.mongo.collection("patterns")
    named = [each["representative_query"] for each in await patterns.find({"_id": other.pattern_id})]
    assert named == ["the invoice page is very slow"]
    await client.feedback.amend(other.id, pb.Feedback(comment="never mind"), ["comment"])

    await client.feedback.erase_user("b")

    assert "invoice" not in await everything_stored(service)


async def test_much_is_removed_in_rounds(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    remove = FeedbackRemover.remove

    async def counted(self: FeedbackRemover, project: str, ids: Sequence[str], **how: Any) -> int:
        rounds.append(len(ids))
        return await remove(self, project, ids, **how)

    monkeypatch.setattr(retention, "_ROUND", 10)
    monkeypatch.setattr(FeedbackRemover, "remove", counted)
    service = await start_service(retention_interval_seconds=SOON)
    # All at one time, as an import by the day has them.
    items = [thumbs_up(f"i{place}", query=f"question {place % 7}", occur_time=OLD) for place in range(35)]
    await collect(service.client, [*items, thumbs_up("new", query="question 1", occur_time=NEW)])
    await keep(service.client)
    await gone(service, 1)
    assert rounds == [10, 10, 10, 5]
    assert await check(service.mongo, Clock()) == []


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("what", "name", "first"),
    [
        (PatternWords, "forget", 0),
        (IssueWords, "forget", 0),
        (FeedbackRemoval, "delete", 0),
        (PatternWords, "forget", 1),
        (FeedbackRemoval, "delete", 1),
    ],
)
async def test_a_run_that_was_cut_off_is_finished_by_the_next(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch, what: type, name: str, first: int
) -> None:
    """It ends before the words were forgotten, in the midst of that or after it, in the first round or the second."""
    monkeypatch.setattr(retention, "_ROUND", 8)
    service = await start_service(retention_interval_seconds=SOON)
    await collect(service.client, aged(said(12, "invoice"), NEW))
    await collect(service.client, aged(marked(12, USERS), OLD))
    await service.client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE)
    made = getattr(what, name)
    calls = 0
    died = asyncio.Event()

    async def killed(*of: Any, **how: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= first:
            return await made(*of, **how)
        died.set()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(what, name, killed)
        await keep(service.client)
        async with in_time("the death of the run", PATIENCE):
            await died.wait()
        erased = await service.mongo.collection("feedback").count({"state": "ERASED"})
        assert erased >= 5
        await service.app.stop()

    service = await start_service(retention_interval_seconds=SOON)
    await gone(service, 13)
    await service.app.parts.feedback.compactor.run()
    assert [line for line in (await everything_stored(service)).splitlines() if MARKER in line] == []
    assert await check(service.mongo, Clock()) == []


async def test_a_vote_that_moved_meanwhile_stays(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for what is old and its removal a user votes again."""
    service = await start_service(retention_interval_seconds=SOON)
    client = service.client
    for user in ("u0", "u1"):
        await client.collect(thumbs_down("i", query="q", user_id=user, occur_time=OLD))
    found = FeedbackRemoval.older_than

    async def voted_meanwhile(
        self: FeedbackRemoval, project: str, time: datetime, limit: int, **rest: Any
    ) -> list[str]:
        ids = await found(self, project, time, limit, **rest)
        if len(ids) == 2:
            await client.collect(thumbs_up("i", query="q", user_id="u1"))
        return ids

    monkeypatch.setattr(FeedbackRemoval, "older_than", voted_meanwhile)
    await keep(client)
    await gone(service, 1)
    (left,) = [each async for each in client.feedback.list()]
    assert (left.user_id, left.type) == ("u1", pb.FEEDBACK_TYPE_THUMBS_UP)
    assert await check(service.mongo, Clock()) == []


async def test_what_an_erasure_is_about_to_delete_is_left_to_it(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the erasure would not find it, and the corrections that were made of it would stay."""
    service = await start_service(retention_interval_seconds=SOON)
    client = service.client
    *_, quoted = await collect(client, aged(marked(6, USERS[:1]), OLD))
    await client.collect(thumbs_up("other", query="q", user_id="other", occur_time=OLD))
    await apply(client, knowledge("opening", "It opens at noon.", feedback_ids=[quoted.id]))
    step = Eraser._step
    held, going_on = asyncio.Event(), asyncio.Event()

    async def waiting(self: Eraser, item: Item) -> bool:
        held.set()
        await going_on.wait()
        return await step(self, item)

    monkeypatch.setattr(Eraser, "_step", waiting)
    erasing = asyncio.create_task(client.feedback.erase_user("user-0", timeout_seconds=PATIENCE))
    async with in_time("the erasure", PATIENCE):
        await held.wait()
    await keep(client)
    await gone(service, 7)
    going_on.set()
    assert await erasing == 7
    assert await client.corrections.search_knowledge("opens") == []
    assert await check(service.mongo, Clock()) == []


async def test_what_a_clustering_run_has_in_hand_does_not_come_back(service: Service) -> None:
    """A run that read complaints before they were erased cannot bring its result into force afterwards."""
    client, mongo = service.client, service.mongo
    await collect(client, [*said(12, "invoice"), *marked(12, USERS[:1])])
    await client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE)
    issues = IssueStore(mongo, Clock(), EventLog(mongo, 1), RequestRecords(mongo, 1))
    base, number = await issues.begin("default", (await issues.generation("default")).fence)
    found = await issues.all("default")

    await client.feedback.erase_user("user-0", timeout_seconds=PATIENCE)

    with pytest.raises(Superseded):
        await issues.publish(base, base.model_copy(update={"number": number}), found)
    later, number = await issues.begin("default", base.fence)
    await issues.publish(later, later.model_copy(update={"number": number}), [])
    assert MARKER not in await everything_stored(service)


async def test_a_call_whose_feedback_is_past_its_retention_brings_it_back_not(start_service: StartService) -> None:
    service = await start_service(retention_interval_seconds=SOON)
    item = thumbs_up("i", query="q", user_id="u", occur_time=OLD)
    await service.client.collect(item, request_id="r")
    await keep(service.client)
    await gone(service, 0)
    with pytest.raises(UptakeError) as caught:
        await service.client.collect(item, request_id="r")
    assert caught.value.reason == "FEEDBACK_EXPIRED"


async def test_what_is_due_in_a_project_that_keeps_everything_now_is_overdue_no_longer(service: Service) -> None:
    job = service.app.erasure.retention
    await keep(service.client)
    job._behind["default"] = 0.0
    assert job.overdue_seconds > 0
    await service.client.projects.update(project_pb2.ProjectSettings(), ["retention"])
    await job.run()
    assert job.overdue_seconds == 0
