"""Corrections: applied whole and once, against a known head, undone newest first, and found by those who read them."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake import correction as correction_of
from uptake.v1 import correction_pb2 as pb
from uptake.v1 import feedback_pb2, project_pb2, review_pb2
from uptake.v1.correction_pb2_grpc import CorrectionServiceStub
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import Service, StartService
from tests.corrections import apply, instructions, knowledge

QUERY = "How do I reset my password?"
APPLIED, SUPERSEDED, REVERTED = (
    pb.CORRECTION_STATE_APPLIED,
    pb.CORRECTION_STATE_SUPERSEDED,
    pb.CORRECTION_STATE_REVERTED,
)


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(UptakeError) as caught:
        await call
    return caught.value.code, caught.value.reason


async def wrong_fields(call: Awaitable[object]) -> set[str]:
    with pytest.raises(UptakeError) as caught:
        await call
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    return {field for field, _ in caught.value.field_violations}


async def states(client: Client) -> list[tuple[str, pb.CorrectionState]]:
    """Content and state of every correction, oldest first."""
    return [(each.content, each.state) async for each in client.corrections.list()][::-1]


async def found(client: Client, query: str, **how: Any) -> list[tuple[str, str, int]]:
    """Key, content and revision of what a search finds."""
    matches = await client.corrections.search_knowledge(query, **how)
    return [(match.entry.key, match.entry.content, match.entry.revision) for match in matches]


async def told(service: Service) -> list[tuple[str, str, int]]:
    """Every correction event of the default project, in order: correction, state, revision."""
    events = await service.mongo.collection("events").find({"project": "default"}, sort=[("seq", 1)])
    return [
        (event["payload"]["correction_id"], event["payload"]["state"], event["payload"]["revision"])
        for event in events
        if event["kind"] == "CORRECTION"
    ]


async def bad(client: Client, name: str, count: int, **about: Any) -> list[feedback_pb2.Feedback]:
    return [await client.collect(thumbs_down(f"{name}-{n}", query=QUERY, **about)) for n in range(count)]


async def opened(client: Client, **about: Any) -> review_pb2.Review:
    await bad(client, "opening", 3, **about)
    (review,) = [review async for review in client.reviews.list()]
    return review


async def adds_up(service: Service) -> None:
    assert await check(service.mongo, Clock()) == []


# Applying


async def test_corrections_of_one_target_lie_on_one_another(service: Service) -> None:
    client = service.client

    first, second, other = await apply(
        client,
        knowledge("refunds/time-limit", "Refunds take\n14 days.", 0),
        knowledge("refunds/time-limit", "Refunds take\n30 days.", 1, note="the law changed"),
        instructions("support", "Be kind."),
    )

    assert (first.kind, first.target) == (feedback_pb2.CORRECTION_KIND_KNOWLEDGE, "refunds/time-limit")
    assert (first.revision, first.base_revision, first.state) == (1, 0, SUPERSEDED)
    assert (second.revision, second.base_revision, second.state) == (2, 1, APPLIED)
    assert (second.reviewer, second.note) == ("ann", "the law changed")
    assert second.diff == "--- revision 1\n+++ revision 2\n@@ -1,2 +1,2 @@\n Refunds take\n-14 days.\n+30 days."
    assert (other.kind, other.revision) == (feedback_pb2.CORRECTION_KIND_INSTRUCTIONS, 1)
    assert await client.corrections.get(second.id) == second
    assert await found(client, "refunds") == [("refunds/time-limit", "Refunds take\n30 days.", 2)]
    assert await told(service) == [
        (first.id, "APPLIED", 1),
        (first.id, "SUPERSEDED", 2),
        (second.id, "APPLIED", 2),
        (other.id, "APPLIED", 1),
    ]
    await adds_up(service)


async def test_a_dry_run_shows_the_same_and_writes_nothing(service: Service) -> None:
    client = service.client
    (feedback,) = await bad(client, "a", 1)
    await apply(client, knowledge("k", "one"))
    drafts = [
        knowledge("k", "two", 1, feedback_ids=[feedback.id], note="why"),
        knowledge("k", "three", 2),
        knowledge("k", "four", 2),
        instructions("i", "new", 0),
    ]
    names = ("corrections", "events", "knowledge", "instructions", "instruction_revisions", "requests", "counters")
    before = {name: await service.mongo.collection(name).find({}) for name in names}

    shown = await client.corrections.apply(drafts, "ann", dry_run=True, request_id="r")

    assert {name: await service.mongo.collection(name).find({}) for name in names} == before
    done = await client.corrections.apply(drafts, "ann", request_id="r")
    assert [each.WhichOneof("result") for each in shown] == ["correction", "correction", "error", "correction"]
    assert shown[2] == done[2]
    assert {shown[place].correction.id for place in (0, 1, 3)} == {""}
    for place in (0, 1, 3):
        for correction in (shown[place].correction, done[place].correction):
            for field in ("id", "create_time", "state"):
                correction.ClearField(field)
            # It tells of a later one.
            correction.verdict.ClearField("summary")
        assert shown[place] == done[place]


async def test_each_is_applied_for_itself_and_told_what_is_wrong_with_it(service: Service) -> None:
    client = service.client
    (feedback,) = await bad(client, "a", 1)
    await apply(client, knowledge("taken", "one"))

    results = await client.corrections.apply(
        [
            knowledge("good", "one", feedback_ids=[feedback.id, feedback.id]),
            knowledge("taken", "two", 0),
            knowledge("new", "one", 1),
            knowledge("k", "c", feedback_ids=[feedback.id, "nobody"], review_id="nothing"),
            knowledge("k", "c", review_id="nothing"),
            knowledge("", "", -1, feedback_ids=[""], note="n" * 10_001),
            pb.CorrectionDraft(),
            instructions("i", "c" * 50_001, feedback_ids=["f"] * 101, review_id="r" * 257),
            knowledge("taken", "two", 1),
        ],
        "ann",
    )

    assert [each.correction.target for each in results if each.HasField("correction")] == ["good", "taken"]
    assert list(results[0].correction.feedback_ids) == [feedback.id]
    errors = [UptakeError.from_item(each.error) for each in results[1:-1]]
    assert [(error.code.name, error.reason) for error in errors] == [
        ("ABORTED", "BASE_REVISION_MISMATCH"),
        ("ABORTED", "BASE_REVISION_MISMATCH"),
        ("NOT_FOUND", "FEEDBACK_NOT_FOUND"),
        ("NOT_FOUND", "REVIEW_NOT_FOUND"),
        *[("INVALID_ARGUMENT", "INVALID_FIELD")] * 3,
    ]
    assert [{field for field, _ in error.field_violations} for error in errors] == [
        {"base_revision"},
        {"base_revision"},
        {"feedback_ids[1]", "review_id"},
        {"review_id"},
        {"knowledge.key", "knowledge.content", "base_revision", "feedback_ids[0]", "note"},
        {"change"},
        {"instructions.content", "feedback_ids", "review_id"},
    ]
    assert "nobody" in errors[2].message
    assert await found(client, "anything", minimum_similarity=-1) != []
    assert [each.target async for each in client.corrections.list()] == ["taken", "good", "taken"]
    await adds_up(service)


async def test_a_wrong_call_names_every_wrong_field(client: Client) -> None:
    corrections = client.corrections
    assert await wrong_fields(corrections.apply([], "")) == {"corrections", "reviewer"}
    assert await wrong_fields(corrections.apply([knowledge("k", "c")] * 101, "ann")) == {"corrections"}
    assert await wrong_fields(
        corrections.apply([knowledge("k", "c"), knowledge("", "c", -1)], "a" * 257, request_id="r" * 129)
    ) == {"reviewer", "request_id", "corrections[1].knowledge.key", "corrections[1].base_revision"}
    assert await wrong_fields(corrections.get("")) == {"id"}
    assert await wrong_fields(corrections.revert("", "", "n" * 10_001)) == {"id", "reviewer", "note"}
    assert await wrong_fields(
        corrections.search_knowledge("", limit=-1, minimum_similarity=1.5, key_prefix="k" * 257)
    ) == {
        "query",
        "limit",
        "minimum_similarity",
        "key_prefix",
    }
    assert await wrong_fields(corrections.search_knowledge("q", minimum_similarity=float("nan"))) == {
        "minimum_similarity"
    }
    assert await wrong_fields(corrections.instructions("", revision=-1, known_revision=-1)) == {
        "name",
        "revision",
        "known_revision",
    }
    assert await wrong_fields(corrections.instruction_revisions("", page_size=-1).page()) == {"name", "page_size"}
    # There are none with such numbers.
    unknown = pb.CorrectionFilter(kinds=[9], states=[9], verdicts=[9], target="t" * 257)  # type: ignore[list-item]
    assert await wrong_fields(corrections.list(filter=unknown, page_size=-1).page()) == {
        "filter.kinds[0]",
        "filter.states[0]",
        "filter.verdicts[0]",
        "filter.target",
        "page_size",
    }
    assert [each async for each in corrections.list()] == []


async def test_a_repeated_call_applies_once_and_answers_the_same(service: Service) -> None:
    client = service.client
    drafts = [knowledge("k", "two", 1), knowledge("k", "one", 0), knowledge("k", "three", 1), instructions("i", "one")]

    # The first cannot be applied, and must not be when the call is repeated after the second one was.
    first = await client.corrections.apply(drafts, "ann", request_id="r")
    again = await client.corrections.apply(drafts, "ann", request_id="r")

    assert first == again
    assert [each.HasField("error") for each in first] == [True, False, False, False]
    assert await states(client) == [("one", SUPERSEDED), ("three", APPLIED), ("one", APPLIED)]
    reused = (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    for other in (drafts[:1], [*drafts[:3], instructions("i", "two")], [knowledge("other", "c")]):
        assert await refused(client.corrections.apply(other, "ann", request_id="r")) == reused
    assert await refused(client.corrections.apply(drafts, "bob", request_id="r")) == reused
    # An item's own record is no other call's, whatever that names itself.
    await apply(client, knowledge("k2", "c"), request_id="r[0]")
    await apply(client, knowledge("k3", "c"), request_id="r/0")
    await adds_up(service)


async def test_an_id_stands_for_its_content_even_if_nothing_could_be_applied(client: Client) -> None:
    (failed,) = await client.corrections.apply([knowledge("k", "c", 5)], "ann", request_id="r")
    assert failed.HasField("error")
    assert await refused(client.corrections.apply([knowledge("k", "c")], "ann", request_id="r")) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
    )


async def test_the_same_call_at_once_on_two_replicas_applies_once(start_service: StartService) -> None:
    replicas = [await start_service(), await start_service()]
    drafts = [knowledge(f"k{number}", "c", 0) for number in range(5)]

    answers = await asyncio.gather(
        *(replicas[number % 2].client.corrections.apply(drafts, "ann", request_id="r") for number in range(6))
    )

    assert all(answer == answers[0] for answer in answers)
    assert all(result.HasField("correction") for result in answers[0])
    assert len(await states(replicas[0].client)) == 5
    await adds_up(replicas[0])


@pytest.mark.parametrize("make", [knowledge, instructions])
@pytest.mark.parametrize("exists", [False, True])
async def test_of_twenty_with_one_base_revision_one_wins(start_service: StartService, make: Any, exists: bool) -> None:
    replicas = [await start_service(), await start_service()]
    if exists:
        await apply(replicas[0].client, make("t", "before"))

    answers = await asyncio.gather(
        *(
            replicas[number % 2].client.corrections.apply([make("t", f"by {number}", int(exists))], "ann")
            for number in range(20)
        )
    )

    results = [result for (result,) in answers]
    (winner,) = [result.correction for result in results if result.HasField("correction")]
    assert winner.revision == 1 + exists
    losses = [UptakeError.from_item(result.error) for result in results if result.HasField("error")]
    assert {(loss.code.name, loss.reason) for loss in losses} == {("ABORTED", "BASE_REVISION_MISMATCH")}
    await adds_up(replicas[0])


async def test_without_a_base_revision_all_of_twenty_are_applied(start_service: StartService) -> None:
    replicas = [await start_service(), await start_service()]

    answers = await asyncio.gather(
        *(apply(replicas[number % 2].client, knowledge("k", f"by {number}")) for number in range(20))
    )

    assert sorted(correction.revision for (correction,) in answers) == list(range(1, 21))
    (last,) = [correction for (correction,) in answers if correction.revision == 20]
    assert await found(replicas[1].client, "by") == [("k", last.content, 20)]
    await adds_up(replicas[0])


# Undoing


async def test_corrections_are_undone_newest_first_down_to_nothing(service: Service) -> None:
    client = service.client
    one, two, three = await apply(client, *(knowledge("k", f"content {n}") for n in ("one", "two", "three")))
    superseded = (grpc.StatusCode.FAILED_PRECONDITION, "CORRECTION_SUPERSEDED")
    assert await refused(client.corrections.revert(two.id, "bob")) == superseded

    undone = await client.corrections.revert(three.id, "bob", "wrong", request_id="r")

    assert (undone.state, undone.revision, undone.HasField("revert_time")) == (REVERTED, 3, True)
    assert await client.corrections.revert(three.id, "bob", "wrong", request_id="r") == undone
    assert await refused(client.corrections.revert(three.id, "bob")) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CORRECTION_REVERTED",
    )
    assert await refused(client.corrections.revert(two.id, "bob", request_id="r")) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
    )
    assert await states(client) == [("content one", SUPERSEDED), ("content two", APPLIED), ("content three", REVERTED)]
    assert await found(client, "content") == [("k", "content two", 4)]
    (match,) = await client.corrections.search_knowledge("content")
    assert match.entry.correction_id == two.id
    assert await refused(client.corrections.revert(one.id, "bob")) == superseded
    # The revision before the one that was undone is a head no more.
    assert await refused(apply(client, knowledge("k", "c", 2))) == (
        grpc.StatusCode.ABORTED,
        "BASE_REVISION_MISMATCH",
    )
    await client.corrections.revert(two.id, "bob")
    await client.corrections.revert(one.id, "bob")
    assert await found(client, "content", minimum_similarity=-1) == []
    assert await states(client) == [(f"content {n}", REVERTED) for n in ("one", "two", "three")]
    assert (await told(service))[-5:] == [
        (three.id, "REVERTED", 4),
        (two.id, "APPLIED", 4),
        (two.id, "REVERTED", 5),
        (one.id, "APPLIED", 5),
        (one.id, "REVERTED", 6),
    ]
    await adds_up(service)


async def test_a_deleted_target_is_made_anew_with_base_revision_0_and_goes_on_counting(service: Service) -> None:
    client = service.client
    for make in (knowledge, instructions):
        (first,) = await apply(client, make("t", "one"))
        await client.corrections.revert(first.id, "bob")
        for base in (1, 2):
            assert (await refused(apply(client, make("t", "two", base))))[1] == "BASE_REVISION_MISMATCH"

        (again,) = await apply(client, make("t", "two", 0))

        assert (again.revision, again.base_revision, again.state) == (3, 0, APPLIED)
        assert again.diff == "--- revision 0\n+++ revision 3\n@@ -0,0 +1,1 @@\n+two"
        assert (await refused(apply(client, make("t", "three", 0))))[1] == "BASE_REVISION_MISMATCH"
        await client.corrections.revert(again.id, "bob")
    await adds_up(service)


async def test_of_many_who_undo_at_once_one_does(start_service: StartService) -> None:
    replicas = [await start_service(), await start_service()]
    _, second = await apply(replicas[0].client, knowledge("k", "one"), knowledge("k", "two"))

    outcomes = await asyncio.gather(
        *(replicas[n % 2].client.corrections.revert(second.id, "bob") for n in range(8)), return_exceptions=True
    )

    assert len([each for each in outcomes if isinstance(each, pb.Correction)]) == 1
    assert {each.reason for each in outcomes if isinstance(each, UptakeError)} == {"CORRECTION_REVERTED"}
    assert await found(replicas[1].client, "one") == [("k", "one", 3)]
    await adds_up(replicas[0])


async def test_what_is_not_there_is_not_found_and_projects_do_not_see_each_other(service: Service) -> None:
    client = service.client
    (mine,) = await apply(client, knowledge("k", "mine"))
    await apply(client, instructions("i", "mine"))
    (feedback,) = await bad(client, "a", 1)
    not_found = (grpc.StatusCode.NOT_FOUND, "CORRECTION_NOT_FOUND")
    async with Client(service.address, project="other") as other:
        for calls, id in ((client, "f" * 24), (client, "nonsense"), (other, mine.id)):
            assert await refused(calls.corrections.get(id)) == not_found
            assert await refused(calls.corrections.revert(id, "bob")) == not_found
        assert await found(other, "mine") == []
        assert [each async for each in other.corrections.list()] == []
        assert [each async for each in other.corrections.instruction_revisions("i")] == []
        assert (await refused(other.corrections.instructions("i")))[1] == "INSTRUCTIONS_NOT_FOUND"
        draft = knowledge("k", "theirs", feedback_ids=[feedback.id])
        assert (await refused(apply(other, draft)))[1] == "FEEDBACK_NOT_FOUND"
        assert [each.revision for each in await apply(other, knowledge("k", "theirs", 0))] == [1]
    assert [project.id async for project in client.projects.list()] == ["default", "other"]
    assert await found(client, "mine") == [("k", "mine", 1)]


# Reading


async def test_lists_filter_and_page_newest_first(client: Client) -> None:
    review = await opened(client)
    drafts = [knowledge("k", f"{n}") for n in range(3)]
    drafts += [instructions("i", "one", review_id=review.id), knowledge("other", "one")]
    made = await apply(client, *drafts)
    await client.corrections.revert(made[4].id, "bob")
    newest = [each.id for each in reversed(made)]

    pages = [page async for page in client.corrections.list(page_size=2).pages()]

    assert [[each.id for each in page.corrections] for page in pages] == [newest[:2], newest[2:4], newest[4:]]
    assert [bool(page.next_page_token) for page in pages] == [True, True, False]

    async def listed(**filter: Any) -> list[int]:
        listing = client.corrections.list(filter=pb.CorrectionFilter(**filter), page_size=1)
        return sorted([[each.id for each in made].index(each.id) async for each in listing])

    assert await listed(kinds=[feedback_pb2.CORRECTION_KIND_INSTRUCTIONS]) == [3]
    assert await listed(states=[SUPERSEDED]) == [0, 1]
    assert await listed(states=[SUPERSEDED, REVERTED]) == [0, 1, 4]
    assert await listed(verdicts=[pb.VERDICT_NOT_ENOUGH_DATA]) == [0, 1, 2, 3, 4]
    assert await listed(verdicts=[pb.VERDICT_WORSE, pb.VERDICT_IMPROVED]) == []
    assert await listed(target="k") == [0, 1, 2]
    assert await listed(target="k", states=[APPLIED]) == [2]
    assert await listed(review_id=review.id) == [3]
    assert await listed(pattern_id=review.pattern.id) == [3]
    assert await listed(pattern_id=review.pattern.id, target="k") == []
    for other in (pb.CorrectionFilter(target="k"), pb.CorrectionFilter(states=[APPLIED])):
        with pytest.raises(UptakeError) as caught:
            await client.corrections.list(filter=other).page(pages[0].next_page_token)
        assert caught.value.reason == "INVALID_PAGE_TOKEN"


async def test_a_page_of_long_texts_ends_early_and_the_list_is_whole(service: Service) -> None:
    texts = [f"{n}" + "\N{SNOWMAN}" * 49_000 for n in range(20)]
    await apply(service.client, *(instructions("i", text) for text in texts), timeout_seconds=60.0)

    # A client with gRPC's default bound of 4 MiB.
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = CorrectionServiceStub(channel)
        page = await stub.ListInstructionRevisions(pb.ListInstructionRevisionsRequest(name="i", page_size=1000))
        assert 1 < len(page.instructions) < 20
        assert page.next_page_token
    revisions = [each async for each in service.client.corrections.instruction_revisions("i", page_size=1000)]
    assert [each.content for each in revisions] == texts[::-1]
    corrections = [each async for each in service.client.corrections.list(page_size=1000)]
    assert [each.content for each in corrections] == texts[::-1]


async def test_instructions_are_read_by_name_and_revision_and_polled(client: Client) -> None:
    await apply(client, instructions("support/tone", "one"), instructions("support/tone", "two"))
    read = client.corrections.instructions

    newest = await read("support/tone")

    assert newest is not None
    assert (newest.name, newest.content, newest.revision) == ("support/tone", "two", 2)
    assert await read("support/tone", known_revision=2) is None
    assert await read("support/tone", known_revision=1) == newest
    old = await read("support/tone", revision=1, known_revision=2)
    assert old is not None and (old.content, old.revision) == ("one", 1)
    assert await read("support/tone", revision=1, known_revision=1) is None
    not_found = (grpc.StatusCode.NOT_FOUND, "INSTRUCTIONS_NOT_FOUND")
    for name, revision in (("support/tone", 3), ("support", 0), ("tone", 0)):
        assert await refused(read(name, revision=revision, known_revision=revision)) == not_found


async def test_deleted_instructions_are_gone_but_their_revisions_stay(client: Client) -> None:
    one, two = await apply(client, instructions("i", "one"), instructions("i", "two"))
    await client.corrections.revert(two.id, "bob")
    newest = await client.corrections.instructions("i")
    assert newest is not None and (newest.content, newest.revision, newest.correction_id) == ("one", 3, one.id)
    await client.corrections.revert(one.id, "bob")

    for revision in (0, 4):
        assert (await refused(client.corrections.instructions("i", revision=revision)))[1] == "INSTRUCTIONS_NOT_FOUND"
    assert (await refused(client.corrections.instructions("i", known_revision=3)))[1] == "INSTRUCTIONS_NOT_FOUND"
    await apply(client, instructions("i", "three", 0))

    old = await client.corrections.instructions("i", revision=2)
    assert old is not None and old.content == "two"
    for page_size in (1, 2, 3, 4, 1000):
        listing = client.corrections.instruction_revisions("i", page_size=page_size)
        assert [(each.revision, each.content) async for each in listing] == [
            (5, "three"),
            (3, "one"),
            (2, "two"),
            (1, "one"),
        ]


async def test_knowledge_is_found_by_meaning_best_first(client: Client) -> None:
    await apply(
        client,
        knowledge("refunds/time-limit", "You get your money back within 14 days."),
        knowledge("account/password", "Press the link in the mail to choose a new password."),
        knowledge("account/delete", "Write to us to have your account removed."),
    )
    matches = await client.corrections.search_knowledge("I forgot my password")

    assert matches[0].entry.key == "account/password"
    similarities = [match.similarity for match in matches]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= score <= 1 for score in similarities)
    assert matches[0].entry.correction_id == [each.id async for each in client.corrections.list()][1]
    assert matches[0].entry.HasField("revision_create_time")
    # A word of the key is enough.
    assert (await found(client, "time limit"))[0][0] == "refunds/time-limit"
    assert [key for key, _, _ in await found(client, "password", key_prefix="account/d", minimum_similarity=-1)] == [
        "account/delete"
    ]
    assert len(await found(client, "password", limit=1)) == 1
    assert len(await found(client, "password", minimum_similarity=-1)) == 3
    between = (similarities[0] + similarities[1]) / 2
    assert [key for key, _, _ in await found(client, "I forgot my password", minimum_similarity=between)] == [
        "account/password"
    ]


async def test_equal_entries_are_found_in_the_order_of_their_keys(client: Client) -> None:
    keys = ["k-b", "k/a", "k.c", "k a", "k_d"]
    await apply(client, *(knowledge(key, "x") for key in keys))
    words = await client.corrections.search_knowledge("k", limit=100, minimum_similarity=-1)
    best_first = sorted(words, key=lambda match: (-match.similarity, match.entry.key))
    assert list(words) == best_first
    assert len(words) == 5


async def test_a_committed_entry_is_found_by_the_next_search_on_any_replica(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    for number in range(12):
        writer, reader = (one, two)[:: 1 if number % 2 else -1]
        (made,) = await apply(writer.client, knowledge(f"k{number % 3}", f"number {number}"))
        entries = {key: content for key, content, _ in await found(reader.client, "number")}
        assert entries[f"k{number % 3}"] == f"number {number}"
        if number % 4 == 3:
            await writer.client.corrections.revert(made.id, "bob")
            entries = {key: content for key, content, _ in await found(reader.client, "number")}
            assert entries.get(f"k{number % 3}") == f"number {number - 3}"


async def test_entries_of_another_embedder_are_embedded_anew(start_service: StartService) -> None:
    before = await start_service()
    await apply(before.client, knowledge("a", "opening hours"), knowledge("b", "lost parcel"))
    await before.mongo.collection("knowledge").update_each(
        [({"_id": f"default/{key}"}, {"$set": {"embedder": "older", "vector": b"\x01" * 7}}) for key in "ab"]
    )
    after = await start_service()

    assert (await found(after.client, "when do you open"))[0][0] == "a"
    assert (await found(after.client, "where is my parcel"))[0][0] == "b"


async def test_many_entries_are_searched_exactly(service: Service) -> None:
    client = service.client
    topics = ["refund", "password", "parcel", "invoice", "opening hours", "complaint", "discount", "warranty"]
    drafts = [knowledge(f"{topic}/{n}", f"{topic} number {n} of the list") for n in range(12) for topic in topics]
    await apply(client, *drafts, timeout_seconds=60.0)

    whole = await client.corrections.search_knowledge("invoice of the month", limit=100, minimum_similarity=-1)
    best = await client.corrections.search_knowledge("invoice of the month", limit=12, minimum_similarity=-1)

    assert len(whole) == len(drafts)
    assert list(best) == list(whole)[:12]
    assert {match.entry.key.partition("/")[0] for match in best} == {"invoice"}


# What the verdict will rest on


async def test_what_it_is_measured_by_is_frozen_when_it_is_applied(service: Service) -> None:
    client = service.client
    now = datetime.now(UTC)
    old, recent = now - timedelta(days=40), now - timedelta(days=2)
    for number in range(5):
        await client.collect(thumbs_up(f"old-{number}", query=QUERY, occur_time=old))
    for number in range(8):
        await client.collect(thumbs_up(f"up-{number}", query=QUERY, occur_time=recent, versions={"prompt": "1"}))
    before = await bad(client, "before", 2, occur_time=recent + timedelta(hours=1))
    assert [each async for each in client.reviews.list()] == []
    await bad(client, "trigger", 2, occur_time=now - timedelta(hours=1))
    (review,) = [each async for each in client.reviews.list()]
    elsewhere = await client.collect(thumbs_down("else", query="Where is my parcel?"))

    (of_review,) = await apply(client, knowledge("a", "c", review_id=review.id, feedback_ids=[elsewhere.id]))
    (of_feedback,) = await apply(client, knowledge("b", "c", feedback_ids=[elsewhere.id, before[0].id, before[1].id]))
    (of_nothing,) = await apply(client, knowledge("c", "c"))
    await bad(client, "later", 5)

    # The trigger saw the newest ten, so two of the eight thumbs up within the window are left.
    assert of_review.pattern_id == of_feedback.pattern_id == review.pattern.id
    assert (of_review.verdict.baseline.votes, of_review.verdict.baseline.negative_rate) == (2, 0)
    third: Any = pytest.approx(4 / 12)
    assert (of_feedback.verdict.baseline.votes, of_feedback.verdict.baseline.negative_rate) == (12, third)
    assert (of_nothing.pattern_id, of_nothing.verdict.baseline.votes) == ("", 0)
    for correction in (of_review, of_feedback, of_nothing):
        assert correction.verdict.verdict == pb.VERDICT_NOT_ENOUGH_DATA
        assert correction.verdict.summary
        assert await client.corrections.get(correction.id) == correction
    stored = await service.mongo.collection("corrections").get({"_id": of_review.id})
    assert stored is not None
    assert stored["fix"]["versions"] == [{"k": "prompt", "v": "1"}]
    assert stored["fix"]["time"] <= stored["create_time"]


# Resolving a review with corrections


async def test_a_review_is_resolved_together_with_its_corrections(service: Service) -> None:
    client = service.client
    review = await opened(client)
    claim = await client.reviews.claim(review.id, "bob")
    drafts = [knowledge("k", "one", 0), knowledge("k", "two", 1, note="again"), instructions("i", "one")]

    answer = await client.reviews.held(review.id, claim.token).resolve("done", corrections=drafts, request_id="r")

    assert answer.review.state == review_pb2.REVIEW_STATE_RESOLVED
    assert list(answer.review.resolution.correction_ids) == [each.id for each in answer.corrections]
    assert [(each.content, each.state) for each in answer.corrections] == [
        ("one", SUPERSEDED),
        ("two", APPLIED),
        ("one", APPLIED),
    ]
    assert {(each.review_id, each.reviewer, each.pattern_id) for each in answer.corrections} == {
        (review.id, "bob", review.pattern.id)
    }
    assert await found(client, "two") == [("k", "two", 2)]
    kinds = [event["kind"] for event in await service.mongo.collection("events").find({}, sort=[("seq", 1)])]
    assert kinds[-5:] == [*["CORRECTION"] * 4, "REVIEW"]
    again = await client.reviews.held(review.id, claim.token).resolve("done", corrections=drafts, request_id="r")
    assert again == answer
    await adds_up(service)
    await client.reviews.reopen(review.id, "eve")
    again = await client.reviews.held(review.id, claim.token).resolve("done", corrections=drafts, request_id="r")
    assert again.corrections == answer.corrections
    assert len(await states(client)) == 3
    await adds_up(service)


async def test_if_one_correction_cannot_be_applied_nothing_is_changed_and_it_is_named(service: Service) -> None:
    client = service.client
    review = await opened(client)
    await apply(client, knowledge("taken", "one"))
    claim = await client.reviews.claim(review.id, "bob")
    before = await client.reviews.get(review.id)
    good = knowledge("k", "one")
    cases: Iterable[tuple[pb.CorrectionDraft, str, set[str]]] = (
        (knowledge("taken", "two", 7), "BASE_REVISION_MISMATCH", {"corrections[1].base_revision"}),
        (knowledge("k", "two", 0), "BASE_REVISION_MISMATCH", {"corrections[1].base_revision"}),
        (knowledge("x", "x", feedback_ids=["gone"]), "FEEDBACK_NOT_FOUND", {"corrections[1].feedback_ids[0]"}),
        (knowledge("x", "x", review_id="f" * 24), "INVALID_FIELD", {"corrections[1].review_id"}),
        (knowledge("", "x", -1), "INVALID_FIELD", {"corrections[1].knowledge.key", "corrections[1].base_revision"}),
    )
    for draft, reason, fields in cases:
        with pytest.raises(UptakeError) as caught:
            await client.reviews.held(review.id, claim.token).resolve(corrections=[good, draft], request_id=reason)
        assert caught.value.reason == reason
        assert {field for field, _ in caught.value.field_violations} == fields
        assert await client.reviews.get(review.id) == before
        assert await states(client) == [("one", APPLIED)]
    assert await wrong_fields(
        client.reviews.held(review.id, claim.token).resolve("n" * 10_001, corrections=[good] * 101)
    ) == {"note", "corrections"}
    lost = client.reviews.held(review.id, "1.garbage").resolve(corrections=[good])
    assert await refused(lost) == (grpc.StatusCode.FAILED_PRECONDITION, "CLAIM_LOST")
    assert await states(client) == [("one", APPLIED)]
    await claim.resolve(corrections=[good])
    assert await states(client) == [("one", APPLIED), ("one", APPLIED)]
    await adds_up(service)


async def test_the_fix_of_a_resolution_is_its_corrections_fix(service: Service) -> None:
    client = service.client
    now = datetime.now(UTC)
    review = await opened(client, occur_time=now - timedelta(hours=3))
    await bad(client, "between", 4, occur_time=now - timedelta(minutes=30))
    settings = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(window_size=3))
    await client.projects.update(settings, ["review_policy.window_size"])
    claim = await client.reviews.claim(review.id, "bob")

    live = now - timedelta(hours=1)
    answer = await claim.resolve(corrections=[knowledge("k", "one")], fix_time=live)

    (correction,) = answer.corrections
    assert correction.verdict.baseline.votes == 0
    stored = await service.mongo.collection("corrections").get({"_id": correction.id})
    assert stored is not None
    assert abs(stored["fix"]["time"] - live) < timedelta(milliseconds=1)
    assert answer.review.resolution.fix_time.ToDatetime(tzinfo=UTC) == stored["fix"]["time"]


async def test_a_resolution_and_a_correction_that_race_for_one_head_leave_one_winner(
    start_service: StartService,
) -> None:
    replicas = [await start_service(), await start_service()]
    client = replicas[0].client
    review = await opened(client)
    claim = await client.reviews.claim(review.id, "bob")

    resolved, results = await asyncio.gather(
        client.reviews.held(review.id, claim.token).resolve(corrections=[knowledge("k", "resolved", 0)]),
        replicas[1].client.corrections.apply([knowledge("k", "applied", 0)], "ann"),
        return_exceptions=True,
    )

    assert not isinstance(results, BaseException)
    lost = isinstance(resolved, UptakeError)
    assert lost != results[0].HasField("error")
    state = (await client.reviews.get(review.id)).review.state
    assert state == (review_pb2.REVIEW_STATE_CLAIMED if lost else review_pb2.REVIEW_STATE_RESOLVED)
    assert await states(client) == [("applied" if lost else "resolved", APPLIED)]
    await adds_up(replicas[0])


async def test_events_of_corrections_reach_subscribers(start_service: StartService) -> None:
    service = await start_service(subscription_interval_seconds=0.05)
    events = []
    async with service.client.insights.subscribe() as subscription:
        async for message in subscription:
            if message.HasField("snapshot"):
                (made,) = await apply(service.client, knowledge("k", "one"))
                await service.client.corrections.revert(made.id, "bob")
            if message.HasField("event"):
                events.append(message.event)
            if len(events) == 2:
                break
    assert [(each.correction.correction_id, each.correction.state, each.correction.revision) for each in events] == [
        (made.id, APPLIED, 1),
        (made.id, REVERTED, 2),
    ]


# The recount


@pytest.mark.parametrize(
    ("collection", "change", "told_of"),
    [
        ("corrections", {"state": "APPLIED"}, "in force"),
        ("corrections", {"state": "REVERTED"}, "is REVERTED"),
        ("corrections", {"revision": 7}, "made"),
        ("knowledge", {"content": "changed"}, "content"),
        ("knowledge", {"revision": 9}, "revision 9"),
    ],
)
async def test_check_names_what_does_not_fit_together(
    service: Service, collection: str, change: dict[str, Any], told_of: str
) -> None:
    first, _ = await apply(service.client, knowledge("k", "one"), knowledge("k", "two"))
    await adds_up(service)
    id = first.id if collection == "corrections" else "default/k"
    assert await service.mongo.collection(collection).update({"_id": id}, {"$set": change})

    differences = await check(service.mongo, Clock())

    assert any(told_of in difference and "'k'" in difference for difference in differences), differences


async def test_what_an_older_service_called_behavior_is_of_the_kind_instructions(service: Service) -> None:
    client = service.client
    told_so = await client.collect(
        correction_of("m", "Say it shorter.", kind=feedback_pb2.CORRECTION_KIND_INSTRUCTIONS, query="Why?")
    )
    (made,) = (await apply(client, instructions("assistant", "Be short."), knowledge("k", "v")))[:1]
    for name, field in (("corrections", "kind"), ("feedback", "correction.kind")):
        assert await service.mongo.collection(name).update({field: "INSTRUCTIONS"}, {"$set": {field: "BEHAVIOR"}})

    assert (await client.feedback.get(told_so.id)).correction.kind == feedback_pb2.CORRECTION_KIND_INSTRUCTIONS
    kinds = pb.CorrectionFilter(kinds=[feedback_pb2.CORRECTION_KIND_INSTRUCTIONS])
    assert [each.id async for each in client.corrections.list(filter=kinds)] == [made.id]
    await client.corrections.revert(made.id, "ann")
    assert await check(service.mongo, Clock()) == []
    kinds = pb.CorrectionFilter(kinds=[feedback_pb2.CORRECTION_KIND_KNOWLEDGE])
    assert [each.target async for each in client.corrections.list(filter=kinds)] == ["k"]


async def test_no_correction_is_proposed_so_far(client: Client) -> None:
    await apply(client, knowledge("k", "v"))
    proposed = pb.CorrectionFilter(states=[pb.CORRECTION_STATE_PROPOSED])
    assert [each async for each in client.corrections.list(filter=proposed)] == []
