"""A word planted in every field that a caller can fill is found nowhere once it is erased, by no replica: in no
collection, answer, replay, log or metric. And every text field that is written is declared, with what becomes of it.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from uptake import Client, thumbs_down
from uptake.v1 import (
    correction_pb2,
    correction_pb2_grpc,
    feedback_pb2_grpc,
    insight_pb2,
    insight_pb2_grpc,
    issue_pb2,
    issue_pb2_grpc,
    project_pb2,
    project_pb2_grpc,
    review_pb2,
    review_pb2_grpc,
)
from uptake.v1 import feedback_pb2 as pb
from uptake_service.app.check import check
from uptake_service.app.stores import STORES, TEXTS
from uptake_service.auth.keys import KeyStore
from uptake_service.domain.access import Role
from uptake_service.domain.clock import Clock
from uptake_service.mongo.collection import Collection
from uptake_service.mongo.texts import Holds, Store, Texts

from tests.conftest import Service, StartService
from tests.corrections import instructions, knowledge
from tests.policies import by_rate_alone
from tests.processes import eventually, get
from tests.service.test_indexes import classes_of, modules
from tests.streams import Stream, subscribe

PLANTED = re.compile("zqx([a-z_]+)marker", re.IGNORECASE)
USER = "zqxuser_idmarker"
COPIES = 14
PATIENCE = 180.0
"""Seconds until what must come is given up: a clustering run gets little of a busy machine."""

_OUTPUT_ONLY = {"id", "sentiment", "pattern_id", "create_time", "update_time", "state"}
"""Of Feedback: what the service says itself."""

_SENTENCES = {"query", "comment", "corrected", "original"}


def marker(name: str) -> str:
    return f"zqx{name}marker"


def plant(message: Message, of: str = "") -> None:
    """Fills every field of a message that a text fits into, by its descriptor; of a oneof what was chosen before."""
    descriptor: Any = message.DESCRIPTOR
    for each in descriptor.fields:
        name = each.name
        if (message.DESCRIPTOR.name == "Feedback" and name in _OUTPUT_ONLY) or each.containing_oneof is not None:
            continue
        if each.message_type is not None and each.message_type.GetOptions().map_entry:
            getattr(message, name)[marker(f"{name}_key")] = marker(f"{name}_value")
        elif each.message_type is not None:
            if each.message_type.full_name == "google.protobuf.Timestamp":
                continue
            plant(getattr(message, name).add() if _is_repeated(each) else getattr(message, name), name)
        elif each.type == FieldDescriptor.TYPE_STRING:
            text = marker(f"{of}_{name}" if of and of != "interaction" else name)
            text = f"the page of {text} does not open for me" if name in _SENTENCES else text
            if _is_repeated(each):
                getattr(message, name).append(text)
            else:
                setattr(message, name, text)


def _is_repeated(each: FieldDescriptor) -> bool:
    return bool(each.is_repeated)


def planted(number: int, chosen: str) -> pb.Feedback:
    """One of the user's pieces of feedback, with a value of the oneof."""
    feedback = pb.Feedback()
    plant(feedback)
    feedback.interaction.id += f"-{number}"
    feedback.type = pb.FEEDBACK_TYPE_THUMBS_DOWN
    match chosen:
        case "custom":
            struct_pb2_fields = feedback.custom.struct_value.fields
            struct_pb2_fields[marker("custom_key")].list_value.values.add(string_value=marker("custom_value"))
        case "correction":
            feedback.type = pb.FEEDBACK_TYPE_CORRECTION
            feedback.score = ""
            plant(feedback.correction)
        case "rating":
            feedback.type = pb.FEEDBACK_TYPE_RATING
            feedback.rating.score = 1
        case "comment":
            feedback.type = pb.FEEDBACK_TYPE_COMMENT
        case "overall":
            feedback.score = ""
    return feedback


KINDS = ("overall", "custom", "correction", "rating", "comment")


def fields_of_feedback() -> set[str]:
    """What has to be planted: the names of the markers of a filled message, of whatever value."""
    return {found for chosen in KINDS for found in PLANTED.findall(str(planted(0, chosen)))}


def marks(text: object) -> set[str]:
    return set(PLANTED.findall(str(text)))


@dataclass
class Door:
    """All that a replica answers."""

    service: Service
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = grpc.aio.insecure_channel(
            self.service.address, options=[("grpc.max_receive_message_length", -1)]
        )
        self.feedback = feedback_pb2_grpc.FeedbackServiceStub(self.channel)
        self.reviews = review_pb2_grpc.ReviewServiceStub(self.channel)
        self.insights = insight_pb2_grpc.InsightServiceStub(self.channel)
        self.issues = issue_pb2_grpc.IssueServiceStub(self.channel)
        self.corrections = correction_pb2_grpc.CorrectionServiceStub(self.channel)
        self.projects = project_pb2_grpc.ProjectServiceStub(self.channel)

    async def answers(self) -> dict[str, Any]:
        """What every method answers that reads."""
        states = pb.FeedbackFilter(states=pb.FeedbackState.keys()[1:])
        found: dict[str, Any] = {
            "feedback": await self.feedback.ListFeedback(pb.ListFeedbackRequest(filter=states, page_size=1000)),
            "similar": await self.feedback.ListSimilarFeedback(
                pb.ListSimilarFeedbackRequest(query="the page does not open for me", limit=100)
            ),
            "insights": await self.insights.GetInsights(insight_pb2.GetInsightsRequest()),
            "issues": await self.issues.ListIssues(
                issue_pb2.ListIssuesRequest(
                    page_size=1000, filter=issue_pb2.IssueFilter(states=issue_pb2.IssueState.keys()[1:])
                )
            ),
            "reviews": await self.reviews.ListReviews(review_pb2.ListReviewsRequest(page_size=1000)),
            "corrections": await self.corrections.ListCorrections(
                correction_pb2.ListCorrectionsRequest(page_size=1000)
            ),
            "knowledge": await self.corrections.SearchKnowledge(
                correction_pb2.SearchKnowledgeRequest(query="the page does not open", limit=100)
            ),
            "revisions": await self.corrections.ListInstructionRevisions(
                correction_pb2.ListInstructionRevisionsRequest(name="assistant", page_size=1000)
            ),
            "project": await self.projects.GetProject(project_pb2.GetProjectRequest()),
            "projects": await self.projects.ListProjects(project_pb2.ListProjectsRequest(page_size=1000)),
            "audit": await self.projects.ListAuditEvents(project_pb2.ListAuditEventsRequest(page_size=1000)),
        }
        for group in insight_pb2.MetricGroup.values():
            request = insight_pb2.QueryMetricsRequest(
                interval=insight_pb2.METRIC_INTERVAL_DAY, group=insight_pb2.MetricGroup.Name(group)
            )
            found[f"metrics {group}"] = await self.insights.QueryMetrics(request)
        for issue in found["issues"].issues:
            found[f"issue {issue.id}"] = await self.issues.GetIssue(issue_pb2.GetIssueRequest(id=issue.id))
        for review in found["reviews"].reviews:
            found[f"review {review.id}"] = await self.reviews.GetReview(review_pb2.GetReviewRequest(id=review.id))
        for each in found["corrections"].corrections:
            found[f"correction {each.id}"] = await self.corrections.GetCorrection(
                correction_pb2.GetCorrectionRequest(id=each.id)
            )
        return found

    async def marked(self) -> dict[str, set[str]]:
        """The answers with a planted word, and which."""
        return {name: found for name, answer in (await self.answers()).items() if (found := marks(answer))}

    def watch(self, resume_token: str = "") -> "Stream[Any]":
        request = review_pb2.SubscribeReviewsRequest(resume_token=resume_token, checkpoint_interval={"seconds": 1})
        return Stream(self.reviews.SubscribeReviews(request))

    def subscribe(self, resume_token: str = "") -> "Stream[Any]":
        return subscribe(self.insights, resume_token=resume_token, checkpoint_interval={"seconds": 1})


@dataclass
class World:
    """Two replicas, of whose feedback much is the user's, and what people made of it."""

    doors: list[Door]
    ids: list[str]
    place: str
    """Where streams were before all that happened."""
    written: set[tuple[str, str]]
    """Collection and path of every text that was written."""

    @property
    def client(self) -> Client:
        return self.doors[0].service.client

    async def stored(self) -> dict[str, set[str]]:
        """The collections with a planted word, and which."""
        database = self.doors[0].service.mongo.database
        found: dict[str, set[str]] = {}
        for name in await database.list_collection_names():
            async for document in database[name].find({}):
                found.setdefault(name, set()).update(marks(document))
        return {name: some for name, some in found.items() if some}

    async def texts(self) -> set[tuple[str, str]]:
        database = self.doors[0].service.mongo.database
        found: set[tuple[str, str]] = set()
        for name in await database.list_collection_names():
            async for document in database[name].find({}):
                found.update((name, path) for path in text_paths(document))
        return found


def text_paths(value: object, path: str = "") -> Iterator[str]:
    """The paths of all strings of a document."""
    match value:
        case str():
            yield path
        case dict():
            for name, each in value.items():
                yield from text_paths(each, f"{path}.{name}" if path else name)
        case list() | tuple():
            for each in value:
                yield from text_paths(each, path)


def said_by_others() -> list[pb.Feedback]:
    complaints = [
        thumbs_down(f"o{place}", query="Where is my invoice?", comment=f"the invoice link number {place} is broken")
        for place in range(COPIES)
    ]
    for place, each in enumerate(complaints):
        each.user_id = f"other-{place}"
        each.interaction.model, each.source, each.score = "common", "web", "tone" if place % 2 else ""
        each.interaction.versions["prompt"] = "1"
    return complaints


@pytest.fixture
async def world(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> World:
    for logger in ("uptake", "uptake_service"):
        caplog.set_level(logging.DEBUG, logger)
    written: set[tuple[str, str]] = set()
    insert_many = Collection.insert_many

    async def noted(self: Collection, documents: Sequence[dict[str, Any]], **how: Any) -> None:
        # What is there for a moment only is seen here.
        written.update((self._collection.name, path) for each in documents for path in text_paths(each))
        await insert_many(self, documents, **how)

    monkeypatch.setattr(Collection, "insert_many", noted)
    how = {"trigger_interval_seconds": 0.2, "subscription_interval_seconds": 0.1, "metrics_port": 0}
    doors = [Door(await start_service(**how)) for _ in range(2)]
    one, other = (door.service.client for door in doors)
    await by_rate_alone(one)
    first = doors[0].watch()
    place = (await first.until("checkpoint"))[-1].resume_token
    others = [result.feedback async for result in other.collect_many(said_by_others())]
    ids: list[str] = []
    for number in range(COPIES * len(KINDS)):
        request = pb.CollectFeedbackRequest(
            feedback=planted(number, KINDS[number % len(KINDS)]), request_id=f"{marker('request_id')}-{number}"
        )
        ids.append((await (one, other)[number % 2].collect(request.feedback, request_id=request.request_id)).id)
    # Others ask the same, in words of their own: one voter alone opens no review.
    same = [thumbs_down(f"same-{n}", query="The page does not open for me", user_id=f"same-{n}") for n in range(4)]
    patterns = {result.feedback.pattern_id async for result in one.collect_many(same)}
    assert patterns == {(await one.feedback.get(ids[0])).pattern_id}
    # What was said before, amended, voted again about another answer, and taken back.
    again = planted(0, "overall")
    again.interaction.model, again.comment = marker("second_model"), f"it says {marker('second_comment')} again to me"
    again.interaction.versions[marker("second_version")] = marker("second_value")
    await other.collect(again, request_id=marker("second_request"))
    amended = f"the {marker('amended')} page is what I mean, it never opens"
    await one.feedback.amend(ids[5], pb.Feedback(comment=amended), ["comment"], request_id=marker("amend_request"))
    await one.feedback.retract(ids[10], request_id=marker("retract_request"))
    await one.insights.get(refresh_issues=True, timeout_seconds=PATIENCE)
    await by_people(one, doors[1], ids, others)
    await KeyStore(doors[0].service.mongo, Clock()).create("ann's", Role.READER, ("default",))
    for door in doors:
        await door.answers()
    return World(doors, ids, place, written)


async def by_people(client: Client, door: Door, ids: Sequence[str], others: Sequence[pb.Feedback]) -> None:
    """What people make of it: decisions about issues and reviews, and texts that quote."""
    listed = (await door.issues.ListIssues(issue_pb2.ListIssuesRequest(page_size=100))).issues
    mine = [issue for issue in listed if marks(issue)]
    assert mine
    (issue, *_), rest = mine, [issue for issue in listed if not marks(issue)]
    await client.issues.update(issue.id, title=f"About {marker('comment')}")
    samples = [comment.feedback_id for comment in issue.sample_comments][:2]
    await door.issues.SplitIssue(
        issue_pb2.SplitIssueRequest(id=issue.id, feedback_ids=samples, title=f"Apart: {marker('labels_value')}")
    )
    await door.issues.MergeIssues(issue_pb2.MergeIssuesRequest(id=rest[0].id, merged_ids=[issue.id]))
    quoting = [f"People say: The Page, of ZQXcommentMARKER -- does not open!  For me {number}" for number in range(2)]
    drafts = [
        knowledge("first", "It is said at the desk.", note=f"because of {marker('corrected')}"),
        knowledge("first", quoting[0]),
        knowledge("first", "It is said at the other desk."),
        knowledge("made", "It opens at nine.", feedback_ids=list(ids[2:4])),
        knowledge(
            "kept", "Invoices are sent.", feedback_ids=[others[0].id], note="t h e page of zqx querymarker does NOT"
        ),
        knowledge("spaced", "ask t-h-e p.a.g.e of zqx corrected marker: does not open, for me"),
        knowledge("labelled", f"is for {marker('labels_value')} and {marker('custom_value')}"),
        instructions("assistant", "Be nice."),
        instructions("assistant", quoting[1]),
        instructions("assistant", "Be very nice."),
        knowledge("failed", "x", feedback_ids=[marker("bad_feedback")]),
        knowledge(marker("bad_target"), "x", 7),
        knowledge("failed", "x", review_id=marker("bad_review")),
    ]
    applied = await client.corrections.apply(drafts, "ann", request_id=marker("apply_request"))
    assert [result.HasField("error") for result in applied] == [False] * 10 + [True] * 3
    repeated = await client.corrections.apply(drafts, "ann", request_id=marker("apply_request"))
    assert [result.error for result in repeated] == [result.error for result in applied]
    undone = applied[4].correction.id
    await client.corrections.revert(undone, "ann", note=f"it quotes {marker('query')} and more of that")
    reviews = [each async for each in client.reviews.list()]
    (bad, *_), (good, *_) = [each for each in reviews if marks(each)], [each for each in reviews if not marks(each)]
    await client.reviews.claim(good.id, "bob")
    claim = await client.reviews.claim(bad.id, "ann", request_id=marker("claim_request"))
    await claim.release(note=f"it is about {marker('comment')}, I think")
    claim = await client.reviews.claim(bad.id, "ann")
    note = f"the page of {marker('query')} does not open for me: done"
    await claim.resolve(note=note, corrections=[knowledge("resolved", "It is said at a third desk.")])


async def test_every_field_of_feedback_is_planted(world: World) -> None:
    before = await world.stored()
    assert before["feedback"] >= fields_of_feedback() | {"amended", "second_comment", "second_model", "user_id"}
    assert {"corrections", "issues", "instruction_revisions", "patterns", "projects"} <= before.keys()
    assert {"reviews", "review_history"} <= before.keys()
    assert {"rollups", "journal"} & before.keys()
    assert "requests" not in before
    for door in world.doors:
        assert {"insights", "issues", "reviews", "corrections", "knowledge"} <= (await door.marked()).keys()


@pytest.mark.parametrize("piece_by_piece", [False, True])
async def test_what_is_erased_is_found_nowhere(
    world: World, piece_by_piece: bool, caplog: pytest.LogCaptureFixture
) -> None:
    last = world.doors[1].service.client
    single = world.ids[: 2 * len(KINDS)] if piece_by_piece else []
    for id in single:
        await last.feedback.delete(id, timeout_seconds=PATIENCE)
    erased = await last.feedback.erase_user(USER, request_id=marker("erase_request"), timeout_seconds=PATIENCE)
    assert erased == len(world.ids) - len(single)

    assert await world.stored() == {}
    for door in world.doors:
        # The other replica learns of it within a second or two.
        await eventually(partial(_nothing_is_answered, door), "answers without planted words")
        for stream in (door.watch(world.place), door.watch(), door.subscribe()):
            assert marks(await stream.until("checkpoint")) == set()
        metrics = (await get(door.service.app.metrics_port, "/metrics"))[1]
        assert "uptake_calls_total" in metrics
        assert marks(metrics) == set()
    assert marks(caplog.text) == set()
    assert await check(world.doors[0].service.mongo, Clock()) == []
    # What others said, and what was made of that, is as it was.
    found = await world.doors[0].answers()
    entries = {each.entry.key: each.entry.content for each in found["knowledge"].matches}
    assert entries["first"] == "It is said at the other desk."
    assert {"made", "spaced", "labelled"}.isdisjoint(entries)
    assert [each.content for each in found["revisions"].instructions] == ["Be very nice.", "Be nice."]
    (project,) = await world.doors[0].service.mongo.collection("projects").find({})
    assert (project["models"], project["sources"], project["scores"]) == (["common"], ["web"], ["tone"])
    assert any("invoice" in issue.title for issue in found["issues"].issues)


async def _nothing_is_answered(door: Door) -> bool:
    return not await door.marked()


async def test_every_text_that_is_written_is_declared_once(world: World) -> None:
    found = world.written | await world.texts()
    await world.client.feedback.delete(world.ids[0], timeout_seconds=PATIENCE)
    await world.client.feedback.erase_user(USER, timeout_seconds=PATIENCE)
    found |= await world.texts()
    several = {
        each: [text.holds.name for text in TEXTS if text.collection == each[0] and text.covers(each[1])]
        for each in found
    }
    assert {each: holds for each, holds in several.items() if len(holds) != 1} == {}
    # What nothing writes any more is declared no longer; the values of an erasure are there for a moment only.
    declared = {(text.collection, path) for text in TEXTS if text.holds is not Holds.PENDING for path in text.paths}
    unseen = {
        (collection, path)
        for collection, path in declared
        if not any(name == collection and Texts(name, Holds.NONE, (path,)).covers(each) for name, each in found)
    }
    assert unseen == set(), sorted(unseen)


def test_every_class_that_declares_texts_is_in_the_list() -> None:
    found = {
        each
        for module in modules()
        for each in classes_of(module)
        if each is not Store and (issubclass(each, Store) or "TEXTS" in vars(each))
    }
    assert found == set(STORES)


async def test_planted_words_stand_where_it_is_declared_that_users_words_can(world: World) -> None:
    database = world.doors[0].service.mongo.database
    none = [text for text in TEXTS if text.holds is Holds.NONE]
    for name in await database.list_collection_names():
        async for document in database[name].find({}):
            for path, value in _leaves(document):
                if marks(value):
                    assert not any(text.collection == name and text.covers(path) for text in none), (name, path)


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for name, each in value.items():
                yield from _leaves(each, f"{path}.{name}" if path else name)
        case list():
            for each in value:
                yield from _leaves(each, path)
