"""Erasure: nothing that a user said is left anywhere, every number is as if it had never been, others' words stay."""

import asyncio
import logging
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import duration_pb2
from pydantic import ValidationError
from uptake import Client, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, project_pb2
from uptake.v1 import feedback_pb2 as pb
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DuplicateKey
from uptake_service.domain.feedback import Interaction
from uptake_service.erasure import eraser
from uptake_service.feedback.words import FeedbackWords
from uptake_service.mongo.collection import Collection

from tests.conftest import Service, StartService
from tests.corrections import instructions, knowledge
from tests.processes import eventually, get
from tests.service.test_verdicts import QUERY, counts, fixed, seen, votes

MARKER = "xylophagous"
USER = f"user-{MARKER}"


def said(count: int, word: str) -> list[pb.Feedback]:
    """Complaints that are one issue, and the thumbs up of a pattern."""
    complaints = [
        thumbs_down(f"{word}-{place}", comment=f"the {word} link number {place} is broken", user_id=f"u{place}")
        for place in range(count)
    ]
    return [*complaints, thumbs_up(f"{word}-up", query=f"Where do I find my {word}?", user_id="u1")]


def marked(count: int, users: Sequence[str]) -> list[pb.Feedback]:
    """What these users say, in words of their own, in every field that holds words."""
    complaints = [
        thumbs_down(
            f"marked-{place}",
            comment=f"my {MARKER} page does not open, {place}",
            query=f"Why does the {MARKER} page not open?",
            response=f"The {MARKER} page opens.",
            labels={MARKER: MARKER},
            custom={MARKER: [MARKER]},
            user_id=users[place % len(users)],
        )
        for place in range(count)
    ]
    words = f"The {MARKER} page opens at noon on every day of the week."
    return [*complaints, correction("marked", words, query=f"When does the {MARKER} page open?", user_id=users[0])]


def of_user() -> list[pb.Feedback]:
    """What the user says."""
    return marked(12, [USER])


async def collect(client: Client, items: Sequence[pb.Feedback]) -> list[pb.Feedback]:
    sent = client.collect_many(
        pb.CollectFeedbackRequest(feedback=item, request_id=f"{MARKER}-{item.interaction.id}") for item in items
    )
    return [result.feedback async for result in sent]


async def everything_stored(service: Service) -> str:
    database = service.mongo.database
    return "\n".join(
        [
            repr(document)
            for name in await database.list_collection_names()
            async for document in database[name].find({})
        ]
    )


async def test_nothing_of_a_user_is_left_anywhere(
    start_service: StartService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="uptake_service")
    caplog.set_level(logging.DEBUG, logger="uptake")
    service = await start_service(metrics_port=0)
    client = service.client
    await collect(client, said(12, "invoice"))
    *_, marked = await collect(client, of_user())
    others = await client.collect(
        thumbs_up("other", query=f"When does the {MARKER} page open ?".replace(MARKER, "start"), user_id="u2")
    )
    words = "The start page, says a user: the " + MARKER + " page opens at noon on every day of the week, always."
    await client.corrections.apply(
        [
            knowledge("opening/first", "Nothing is known."),
            knowledge("opening/first", marked.correction.corrected, feedback_ids=[marked.id]),
            knowledge("opening/quoted", words),
            knowledge("opening/quoted", "Ask at the desk."),
            knowledge("opening/others", "It opens at nine.", feedback_ids=[marked.id, others.id]),
            instructions("assistant", words),
        ],
        "ann",
    )
    await client.insights.get(refresh_issues=True)
    before = await everything_stored(service)
    assert before.count(MARKER) > 50
    assert any(MARKER in f"{issue.title}{issue.keywords}" for issue in (await client.insights.get()).common_issues)

    count = await client.feedback.erase_user(USER, request_id=f"erase-{MARKER}", timeout_seconds=60)

    assert count == len(of_user())
    await service.app.parts.feedback.compactor.run()
    left = await everything_stored(service)
    assert [line for line in left.splitlines() if MARKER in line] == []
    assert MARKER not in caplog.text
    metrics = (await get(service.app.metrics_port, "/metrics"))[1]
    assert "uptake_calls_total" in metrics
    assert MARKER not in metrics
    assert await check(service.mongo, Clock()) == []
    found = await client.insights.get()
    assert found.metrics.total_feedback == len(said(12, "invoice")) + 1
    assert [MARKER in issue.title for issue in found.common_issues] == [False]
    entries = {each.entry.key: each.entry.content for each in await client.corrections.search_knowledge("it opens")}
    assert entries == {
        "opening/first": "Nothing is known.",
        "opening/quoted": "Ask at the desk.",
        "opening/others": "It opens at nine.",
    }
    with pytest.raises(UptakeError) as caught:
        await client.corrections.instructions("assistant")
    assert caught.value.reason == "INSTRUCTIONS_NOT_FOUND"


async def test_what_is_sent_again_is_not_brought_back(service: Service) -> None:
    client = service.client
    first = await client.collect(thumbs_up("i", query="q", user_id="u"), request_id="r")
    again = await client.collect(thumbs_down("i", query="q", user_id="u"), request_id="r2")
    assert again.id == first.id
    assert await client.feedback.erase_user("u") == 1

    for request_id, item in (("r", thumbs_up("i", query="q", user_id="u")), ("r2", thumbs_up("j", user_id="v"))):
        with pytest.raises(UptakeError) as caught:
            await client.collect(item, request_id=request_id)
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "FEEDBACK_ERASED")
    results = [
        result
        async for result in client.collect_many(
            [pb.CollectFeedbackRequest(feedback=thumbs_up("i", user_id="u"), request_id="r")]
        )
    ]
    assert [UptakeError.from_item(result.error).reason for result in results] == ["FEEDBACK_ERASED"]
    assert (await client.insights.get()).metrics.total_feedback == 0
    # A user who comes back is a user.
    assert (await client.collect(thumbs_up("i", query="q", user_id="u"), request_id="r3")).id != first.id


async def test_erased_feedback_is_not_there(client: Client) -> None:
    feedback = await client.collect(thumbs_up("i", query="q", user_id="u"))
    kept = await client.collect(thumbs_up("i", query="q", user_id="v"))
    await client.feedback.erase_user("u")

    for call in (client.feedback.get(feedback.id), client.feedback.retract(feedback.id)):
        with pytest.raises(UptakeError) as caught:
            await call
        assert caught.value.reason == "FEEDBACK_NOT_FOUND"
    assert [
        each.id async for each in client.feedback.list(filter=pb.FeedbackFilter(states=pb.FeedbackState.keys()[1:]))
    ] == [kept.id]


async def test_one_request_id_erases_once(client: Client) -> None:
    await client.collect(thumbs_up("i", query="q", user_id="u"))
    assert await client.feedback.erase_user("u", request_id="r") == 1
    await client.collect(thumbs_up("j", query="q", user_id="u"))
    assert await client.feedback.erase_user("u", request_id="r") == 1
    assert (await client.insights.get()).metrics.total_feedback == 1
    assert await client.feedback.erase_user("u", request_id="s") == 1
    assert await client.feedback.erase_user("u") == 0


async def test_no_issues_are_looked_for_where_none_were_before(service: Service) -> None:
    await collect(service.client, said(3, "invoice"))
    assert await service.client.feedback.erase_user("u0") == 1
    assert await service.mongo.collection("issue_generations").find({}) == []


async def test_users_of_other_projects_stay(service: Service) -> None:
    async with Client(service.address, project="other") as other:
        await other.collect(thumbs_up("i", query="q", user_id="u"))
        assert await service.client.feedback.erase_user("u") == 0
        assert (await other.insights.get()).metrics.total_feedback == 1


async def test_a_user_is_named(client: Client) -> None:
    with pytest.raises(UptakeError) as caught:
        await client.feedback.erase_user("")
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [field for field, _ in caught.value.field_violations] == ["user_id"]


async def test_verdicts_are_of_what_is_left(start_service: StartService) -> None:
    service = await start_service(verdict_interval_seconds=0.02)
    client = service.client
    correction, _ = await fixed(client, 10, 90)
    await votes(client, "then", 12, 18)
    await client.collect(thumbs_down("last", query=QUERY, user_id="u"))
    await seen(client, correction.id, counts(31))

    assert await client.feedback.erase_user("u") == 1

    await seen(client, correction.id, counts(30))
    assert await check(service.mongo, Clock()) == []


async def test_what_is_past_its_retention_goes_with_its_share(start_service: StartService) -> None:
    service = await start_service(retention_interval_seconds=0.05)
    client, now = service.client, datetime.now(UTC)
    for days in range(1, 9):
        await client.collect(
            thumbs_down(f"i{days}", query="q", comment="too slow", user_id="u", occur_time=now - timedelta(days=days)),
            request_id=f"r{days}",
        )
    await client.insights.get(refresh_issues=True)
    retention = project_pb2.Retention(feedback_age=duration_pb2.Duration(seconds=int(4.5 * 86_400)))

    await client.projects.update(project_pb2.ProjectSettings(retention=retention), ["retention"])

    stored = service.mongo.collection("feedback")

    async def only_what_is_younger_is_left() -> bool:
        return await stored.count({}) == 4

    await eventually(only_what_is_younger_is_left, "the end of what is past its retention")
    assert [each.interaction.id async for each in client.feedback.list()] == ["i1", "i2", "i3", "i4"]
    assert (await client.insights.get()).metrics.total_feedback == 4
    assert await check(service.mongo, Clock()) == []
    with pytest.raises(UptakeError) as caught:
        await client.collect(thumbs_down("i8", query="q"), request_id="r8")
    assert caught.value.reason == "FEEDBACK_EXPIRED"


async def test_amended_retracted_and_erased_at_once_every_number_stays_exact(start_service: StartService) -> None:
    one, other = await start_service(), await start_service()
    items = [thumbs_down(f"i{place}", query=f"question {place % 7}", user_id=f"u{place % 4}") for place in range(40)]
    ids = [feedback.id for feedback in await collect(one.client, items)]

    async def change(client: Client, start: int) -> None:
        for place, id in enumerate(ids[start::3]):
            try:
                if place % 2:
                    await client.feedback.retract(id)
                else:
                    await client.feedback.amend(id, pb.Feedback(comment="it changed"), ["comment"])
            except UptakeError as error:
                assert error.reason in ("FEEDBACK_NOT_FOUND", "FEEDBACK_RETRACTED"), error

    erasing = (one.client.feedback.erase_user("u1"), other.client.feedback.erase_user("u1"))
    changing = (change(each.client, start) for start in range(3) for each in (one, other))
    counts, _ = await asyncio.gather(asyncio.gather(*erasing), asyncio.gather(*changing))
    assert sum(counts) == 10
    await one.app.parts.feedback.compactor.run()
    await other.app.parts.feedback.compactor.run()
    assert await check(one.mongo, Clock()) == []
    assert {each.user_id async for each in one.client.feedback.list(page_size=500)} <= {"u0", "u2", "u3"}


@pytest.mark.parametrize("newest_first", [False, True])
async def test_corrections_of_one_entry_are_forgotten_in_any_order(service: Service, newest_first: bool) -> None:
    """Where the content of the covered one is erased already, the entry is deleted with the one that covers it."""
    client = service.client
    votes = [await client.collect(thumbs_down(f"m{n}", query="q", user_id=f"u{n}")) for n in range(3)]
    results = await client.corrections.apply(
        [knowledge("opening", f"At {n} o'clock.", feedback_ids=[vote.id]) for n, vote in enumerate(votes)], "ann"
    )
    for vote in votes[::-1] if newest_first else votes:
        await client.feedback.delete(vote.id)
        assert await check(service.mongo, Clock()) == []
    assert list(await client.corrections.search_knowledge("opening")) == []
    if not newest_first:
        with pytest.raises(UptakeError) as caught:
            await client.corrections.revert(results[0].correction.id, "ann")
        assert caught.value.reason == "CORRECTION_SUPERSEDED"
        assert "deleted" in str(caught.value)
    await client.corrections.apply([knowledge("opening", "At noon.")], "ann")
    assert [each.entry.content for each in await client.corrections.search_knowledge("opening")] == ["At noon."]
    assert await check(service.mongo, Clock()) == []


async def test_what_lies_below_a_forgotten_correction_comes_back_into_force(service: Service) -> None:
    """B, which covers A, is forgotten while C covers it; once C is undone, A is what is left."""
    client = service.client
    vote = await client.collect(thumbs_down("m", query="q", user_id="u"))
    drafts = [
        knowledge("opening", "At nine o'clock."),
        knowledge("opening", "At ten o'clock.", feedback_ids=[vote.id]),
        knowledge("opening", "At eleven o'clock."),
    ]
    below, forgotten, covering = [each.correction for each in await client.corrections.apply(drafts, "ann")]
    await client.feedback.erase_user("u")
    assert await check(service.mongo, Clock()) == []

    await client.corrections.revert(covering.id, "ann")

    assert [each.entry.content for each in await client.corrections.search_knowledge("opening")] == ["At nine o'clock."]
    states = [(await client.corrections.get(each.id)).state for each in (below, forgotten, covering)]
    assert [correction_pb2.CorrectionState.Name(state) for state in states] == [
        "CORRECTION_STATE_APPLIED",
        "CORRECTION_STATE_SUPERSEDED",
        "CORRECTION_STATE_REVERTED",
    ]
    assert await check(service.mongo, Clock()) == []
    await client.corrections.apply([knowledge("opening", "At noon.")], "ann")
    assert await check(service.mongo, Clock()) == []


async def test_a_correction_of_one_users_feedback_alone_goes_however_much_there_is(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pieces that it was made of are erased in rounds of their own."""
    monkeypatch.setattr(eraser, "_PIECE", 2)
    client = service.client
    mine = [await client.collect(thumbs_down(f"m{n}", query="q", user_id="u")) for n in range(7)]
    other = await client.collect(thumbs_down("o", query="q", user_id="other"))
    await client.corrections.apply(
        [
            knowledge("mine", "At nine.", feedback_ids=[mine[0].id, mine[6].id]),
            knowledge("ours", "At ten.", feedback_ids=[mine[0].id, other.id]),
        ],
        "ann",
    )
    assert await client.feedback.erase_user("u") == 7
    assert [each.entry.key for each in await client.corrections.search_knowledge("at")] == ["ours"]
    assert await check(service.mongo, Clock()) == []


async def test_quotations_of_what_others_say_too_stay(client: Client) -> None:
    words = "How do I get my money back for a parcel"
    for user in ("u", "v"):
        await client.collect(thumbs_down(f"of-{user}", query=f"{words}?", user_id=user))
    await client.corrections.apply([knowledge("refunds", f"{words}: ask at the desk.")], "ann")
    await client.feedback.erase_user("u")
    assert [each.entry.key for each in await client.corrections.search_knowledge("refunds")] == ["refunds"]
    await client.feedback.erase_user("v")
    assert list(await client.corrections.search_knowledge("refunds")) == []


async def test_an_erasure_of_the_feedback_whose_words_are_about_to_stand_for_a_pattern(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One replica lets another user's words stand for a pattern while the other erases that user."""
    one, other = await start_service(), await start_service()
    client = one.client
    queries = {"a": "Where is the invoice of Ann?", "b": "Where is the invoice of Bob?", "c": "Where is the invoice?"}
    patterns = set()
    for user, query in queries.items():
        age = timedelta(hours="abc"[::-1].index(user))
        feedback = thumbs_down(f"of-{user}", query=query, user_id=user, occur_time=datetime.now(UTC) - age)
        patterns.add((await client.collect(feedback)).pattern_id)
    assert len(patterns) == 1
    newest_said, read, erased = FeedbackWords.newest_said, asyncio.Event(), asyncio.Event()

    async def waiting(self: FeedbackWords, *of: Any, **how: Any) -> Any:
        found = await newest_said(self, *of, **how)
        if self is one.app.parts.feedback.feedback.words and not read.is_set():
            read.set()
            await erased.wait()
        return found

    monkeypatch.setattr(FeedbackWords, "newest_said", waiting)
    erasing = asyncio.create_task(client.feedback.erase_user("a"))
    await read.wait()
    # The one that it chose goes; the lease of erasures is the first replica's, so the second does it by hand.
    (chosen,) = [each.id async for each in client.feedback.list() if each.user_id == "c"]
    await other.app.erasure.remover.remove("default", [chosen], by_people=True)
    erased.set()
    assert await erasing == 1
    named = [each["representative_query"] for each in await one.mongo.collection("patterns").find({})]
    assert named == [queries["b"]]


async def test_a_replica_learns_what_stands_for_a_pattern_now(start_service: StartService) -> None:
    """Nothing that looks like the words which are gone joins the pattern by their spelling."""
    one, other = await start_service(), await start_service()
    await one.client.collect(thumbs_down("i", query="wherre is my parrcel 4711", user_id="u"))
    await other.client.insights.get()
    await one.client.feedback.erase_user("u")
    patterns = [replica.app.parts.feedback.patterns for replica in (one, other)]
    await eventually(lambda: patterns[1].removals == patterns[0].removals > 0, "the other replica")


async def test_what_the_database_says_of_a_document_is_not_logged(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its errors hold what was written."""
    caplog.set_level(logging.DEBUG, logger="uptake_service")
    feedback = service.mongo.collection("feedback")
    await feedback.insert({"_id": MARKER})
    insert_many = Collection.insert_many

    async def refused(self: Collection, documents: Sequence[dict[str, Any]], **how: Any) -> None:
        await insert_many(self, [document | {"_id": {"$bad": MARKER}} for document in documents], **how)

    with pytest.raises(DuplicateKey) as caught:
        await feedback.insert({"_id": MARKER})
    assert MARKER not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setattr(Collection, "insert_many", refused)
    with pytest.raises(UptakeError):
        await service.client.collect(thumbs_down("i", comment=f"my {MARKER} page"))
    assert "the database refuses an item" in caplog.text
    assert MARKER not in caplog.text


def test_what_a_model_refuses_is_not_in_its_error() -> None:
    with pytest.raises(ValidationError) as caught:
        Interaction(id="i", query=[MARKER])
    assert MARKER not in str(caught.value)


async def test_a_request_record_holds_nothing_that_the_caller_named(service: Service) -> None:
    drafts = [
        knowledge("opening", "x", feedback_ids=[f"'{MARKER}", f"{MARKER}\\"], review_id=MARKER),
        knowledge(f"{MARKER}-\"'", "x", 7),
    ]
    first = await service.client.corrections.apply(drafts, "ann", request_id="r")
    assert all(MARKER in each.error.message for each in first)
    assert MARKER not in await everything_stored(service)
    again = await service.client.corrections.apply(drafts, "ann", request_id="r")
    assert [each.error for each in again] == [each.error for each in first]
