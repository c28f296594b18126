"""Collecting: what is sent is kept, once, with every wrong field named; numbers follow every change."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import error_pb2, feedback_pb2, feedback_pb2_grpc, project_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import CollectOutcome, Draft, FeedbackState
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.project import Project
from uptake_service.feedback.documents import to_feedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ingest.changes import Retract
from uptake_service.ingest.plan import Plan
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.transactions import transaction
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox

from tests.conftest import Service, StartService


async def _refused(call: Awaitable[object]) -> UptakeError:
    with pytest.raises(UptakeError) as caught:
        await call
    return caught.value


async def _total(client: Client) -> tuple[int, int, int]:
    metrics = (await client.insights.get()).metrics
    return metrics.total_feedback, metrics.positive_count, metrics.negative_count


async def test_every_type_is_read_back_as_it_was_sent(client: Client) -> None:
    odd = {"$set": "a.b", "dotted.key": "null\0byte", "ключ": "значение"}
    sent = [
        thumbs_up("i1", query="$where: 1", comment="nul\0l", labels=odd, versions=odd, custom={"$inc": [1, None, {}]}),
        thumbs_down("i2", query="q", response="r", model="m", user_id="u", source="s"),
        rating("i3", 7, min=0, max=10, query="q"),
        correction("i4", "right", original="wrong", kind=feedback_pb2.CORRECTION_KIND_INSTRUCTIONS, query="q"),
    ]
    for feedback in sent:
        stored = await client.collect(feedback)
        read = await client.feedback.get(stored.id)
        assert read == stored
        for name in ("interaction", "type", "comment", "labels", "user_id", "source", "custom", "correction"):
            assert getattr(read, name) == getattr(feedback, name)
    assert await _total(client) == (4, 2, 1)


async def test_every_wrong_field_is_named_at_once(client: Client) -> None:
    """All that break rules of the contract, then all that are wrong by the time or by another field."""
    bad = rating("", 9, query="q" * 10_001, comment="c" * 10_001, labels={str(n): "x" for n in range(65)})
    bad.occur_time.seconds = 4_102_444_800
    error = await _refused(client.collect(bad, request_id="r" * 129))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "INVALID_FIELD"
    assert {field for field, _ in error.field_violations} == {
        "request_id",
        "feedback.interaction.id",
        "feedback.interaction.query",
        "feedback.comment",
        "feedback.labels",
    }
    odd = rating("i", 9)
    odd.occur_time.seconds = 4_102_444_800
    error = await _refused(client.collect(odd))
    assert {field for field, _ in error.field_violations} == {"feedback.rating.score", "feedback.occur_time"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": 0}, "feedback.type"),
        ({"type": 77}, "feedback.type"),
        ({"type": feedback_pb2.FEEDBACK_TYPE_THUMBS_UP}, "feedback.value"),
        ({"type": feedback_pb2.FEEDBACK_TYPE_CORRECTION}, "feedback.value"),
        ({"rating": feedback_pb2.Rating(score=float("nan"))}, "feedback.rating.score"),
        ({"rating": feedback_pb2.Rating(score=1, min=1)}, "feedback.rating"),
        ({"rating": feedback_pb2.Rating(score=1, min=1, max=1)}, "feedback.rating.max"),
    ],
)
async def test_a_value_must_match_its_type(client: Client, change: dict[str, Any], field: str) -> None:
    bad = rating("i", 3)
    for name, value in change.items():
        if name == "rating":
            bad.rating.CopyFrom(value)
        else:
            setattr(bad, name, value)
    error = await _refused(client.collect(bad))
    assert [name for name, _ in error.field_violations] == [field]


async def test_a_batch_has_bounds_and_each_item_stands_alone(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = channel.unary_unary(
            "/uptake.v1.FeedbackService/BatchCollectFeedback",
            request_serializer=feedback_pb2.BatchCollectFeedbackRequest.SerializeToString,
            response_deserializer=feedback_pb2.BatchCollectFeedbackResponse.FromString,
        )
        item = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up("i", query="q"))
        for size in (0, 1001):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(feedback_pb2.BatchCollectFeedbackRequest(requests=[item] * size))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        wrong = feedback_pb2.CollectFeedbackRequest()
        response = await call(feedback_pb2.BatchCollectFeedbackRequest(requests=[item, wrong, item]))
    assert [result.WhichOneof("result") for result in response.results] == ["feedback", "error", "feedback"]
    assert {violation.field for violation in response.results[1].error.field_violations} >= {"feedback"}


async def test_an_equal_request_is_answered_with_the_same_feedback(client: Client) -> None:
    first = await client.collect(thumbs_up("i", query="q"), request_id="one")
    again = await client.collect(thumbs_up("i", query="q"), request_id="one")
    assert again == first
    error = await _refused(client.collect(thumbs_down("i", query="q"), request_id="one"))
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    await client.feedback.retract(first.id)
    assert (await client.collect(thumbs_up("i", query="q"), request_id="one")).state == (
        feedback_pb2.FEEDBACK_STATE_RETRACTED
    )
    assert await _total(client) == (0, 0, 0)


async def test_equal_requests_in_one_batch_are_stored_once(service: Service) -> None:
    request = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up("i", query="q"), request_id="same")
    other = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("i", query="q"), request_id="same")
    results = [result async for result in service.client.collect_many([request, other, request])]
    assert results[0].feedback.id == results[2].feedback.id
    assert results[1].error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert await _total(service.client) == (1, 1, 0)


async def test_a_repeat_is_answered_though_a_wrong_use_of_its_id_comes_before_it_in_the_batch(service: Service) -> None:
    request = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up("i", query="q"), request_id="same")
    other = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("i", query="q"), request_id="same")
    first = await service.client.collect(request.feedback, request_id="same")
    results = [result async for result in service.client.collect_many([other, request, other, request])]
    assert [result.HasField("error") for result in results] == [True, False, True, False]
    assert [results[place].feedback.id for place in (1, 3)] == [first.id] * 2
    assert await _total(service.client) == (1, 1, 0)


async def test_equal_requests_to_two_replicas_at_once_are_stored_once(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    feedback = [thumbs_down(f"i{n}", query=f"query number {n % 7} of many") for n in range(60)]
    answers = await asyncio.gather(
        *(replica.client.collect(item, request_id=f"r{n}") for n, item in enumerate(feedback) for replica in (one, two))
    )
    assert all(answers[place].id == answers[place + 1].id for place in range(0, len(answers), 2))
    assert (await _total(one.client))[0] == 60
    assert await check(one.mongo, Clock()) == []


async def test_two_replicas_fed_the_same_queries_at_once_end_with_the_same_patterns(
    start_service: StartService,
) -> None:
    one, two = await start_service(), await start_service()
    queries = ["How do I reset my password?", "Cancel my subscription", "What is the weather in Paris?"] * 5
    answers = await asyncio.gather(
        *(
            replica.client.collect(thumbs_up(f"i{name}{n}", query=query))
            for n, query in enumerate(queries)
            for name, replica in (("a", one), ("b", two))
        )
    )
    assert len({answer.pattern_id for answer in answers}) == 3
    assert await check(one.mongo, Clock()) == []


async def test_what_the_database_refuses_fails_alone(service: Service) -> None:
    await service.client.collect(thumbs_up("first", comment="poison"))
    await service.mongo.create_indexes([Index("feedback", (("comment", 1),), unique=True, where={"comment": "poison"})])
    feedback = [thumbs_up(f"i{n}", query="q", comment="poison" if n == 77 else "fine") for n in range(201)]
    results = [result async for result in service.client.collect_many(feedback, batch_size=201)]
    refused = [place for place, result in enumerate(results) if result.HasField("error")]
    assert refused == [77]
    assert results[77].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert results[77].error.reason == error_pb2.ERROR_REASON_ITEM_REJECTED
    assert (await _total(service.client))[0] == 201
    assert await check(service.mongo, Clock()) == []


async def test_a_request_id_that_repeats_in_one_batch_is_compared_by_content(client: Client, service: Service) -> None:
    sent = [vote("i", query="q") for vote in (thumbs_up, thumbs_up, thumbs_down, thumbs_up)]
    async with grpc.aio.insecure_channel(service.address) as channel:
        response = await feedback_pb2_grpc.FeedbackServiceStub(channel).BatchCollectFeedback(
            feedback_pb2.BatchCollectFeedbackRequest(
                requests=[feedback_pb2.CollectFeedbackRequest(feedback=each, request_id="one") for each in sent]
            )
        )
    created, again, other, last = response.results
    assert created.outcome == feedback_pb2.COLLECT_OUTCOME_CREATED
    assert {again.outcome, last.outcome} == {feedback_pb2.COLLECT_OUTCOME_REPEATED}
    assert again.feedback == last.feedback == created.feedback
    assert other.error.reason == error_pb2.ERROR_REASON_REQUEST_ID_REUSED
    assert await _total(client) == (1, 1, 0)


async def test_a_full_queue_refuses_at_once_and_writes_nothing(start_service: StartService) -> None:
    service = await start_service(queue_size=10)
    request = feedback_pb2.BatchCollectFeedbackRequest(
        requests=[feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up(f"i{n}")) for n in range(11)]
    )
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = channel.unary_unary(
            "/uptake.v1.FeedbackService/BatchCollectFeedback",
            request_serializer=feedback_pb2.BatchCollectFeedbackRequest.SerializeToString,
            response_deserializer=feedback_pb2.BatchCollectFeedbackResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ("grpc-retry-pushback-ms", "1000") in tuple(caught.value.trailing_metadata() or ())
    assert UptakeError.from_rpc(caught.value).retry_after_seconds == 1
    assert await _total(service.client) == (0, 0, 0)


async def test_of_more_calls_than_may_wait_some_are_refused_and_the_rest_are_counted(
    start_service: StartService,
) -> None:
    service = await start_service(queue_size=4)
    async with grpc.aio.insecure_channel(service.address, options=[("grpc.enable_retries", 0)]) as channel:
        stub = feedback_pb2_grpc.FeedbackServiceStub(channel)
        sent = [
            stub.CollectFeedback(
                feedback_pb2.CollectFeedbackRequest(request_id=str(n), feedback=thumbs_down(f"i{n}", query="q"))
            )
            for n in range(200)
        ]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
        assert 0 < len(errors) < len(sent)
        for error in errors:
            told = UptakeError.from_rpc(error)
            assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert "4 pieces of feedback may wait" in told.message
            assert told.retry_after_seconds == 1
            assert ("grpc-retry-pushback-ms", "1000") in tuple(error.trailing_metadata() or ())
    assert await _total(service.client) == (len(sent) - len(errors), 0, len(sent) - len(errors))
    assert await check(service.mongo, Clock()) == []
    # Nothing of what was refused is remembered.
    again = next(n for n, outcome in enumerate(outcomes) if isinstance(outcome, grpc.aio.AioRpcError))
    taken_in = await service.client.collect(thumbs_up(f"i{again}", query="another"), request_id=str(again))
    assert (await service.client.feedback.get(taken_in.id)).interaction.query == "another"
    assert await check(service.mongo, Clock()) == []


async def test_a_user_has_one_vote_on_an_interaction(service: Service) -> None:
    client = service.client
    first = await client.collect(thumbs_up("i", query="q", user_id="u"))
    second = await client.collect(thumbs_down("i", query="q", user_id="u"))
    assert second.id == first.id
    assert await _total(client) == (1, 0, 1)
    await client.projects.update(
        project_pb2.ProjectSettings(
            review_policy=project_pb2.ReviewPolicy(vote_policy=project_pb2.VOTE_POLICY_KEEP_ALL)
        ),
        ["review_policy.vote_policy"],
    )
    third = await client.collect(thumbs_up("i", query="q", user_id="u"))
    assert third.id != first.id
    assert await _total(client) == (2, 1, 1)
    assert await check(service.mongo, Clock()) == []


async def test_repeats_and_changed_votes_are_known_wherever_they_come(service: Service) -> None:
    """The first that comes is found by its duplicate key, those right after it are looked for, later ones not again."""
    client, ids, number = service.client, {}, 0
    for place in (0, 1, 30, 31, 33):
        while number < place:
            number += 1
            ids[number] = (await client.collect(thumbs_up(f"i{number}", user_id="u"), request_id=f"{number}")).id
        if place == 0:
            ids[0] = (await client.collect(thumbs_up("i0", user_id="u"), request_id="0")).id
        for repeated in (0, place):
            again = await client.collect(thumbs_up(f"i{repeated}", user_id="u"), request_id=f"{repeated}")
            assert again.id == ids[repeated]
        error = await _refused(client.collect(thumbs_up("other", user_id="u"), request_id=f"{place}"))
        assert error.reason == "REQUEST_ID_REUSED"
        changed = await client.collect(thumbs_down(f"i{place}", user_id="u"))
        assert (changed.id, changed.type) == (ids[place], feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN)
    assert await _total(client) == (34, 29, 5)
    assert await check(service.mongo, Clock()) == []


async def test_numbers_follow_amendments_and_retractions(service: Service) -> None:
    client = service.client
    stored = await client.collect(thumbs_up("i", query="q", user_id="u"))
    amended = await client.feedback.amend(stored.id, thumbs_down("i", comment="no"), ["type", "comment"])
    assert (amended.sentiment, amended.comment) == (feedback_pb2.SENTIMENT_NEGATIVE, "no")
    assert await _total(client) == (1, 0, 1)
    assert (await _refused(client.feedback.amend(stored.id, rating("i", 3), ["type"]))).reason == "INVALID_FIELD"
    for _ in range(2):
        retracted = await client.feedback.retract(stored.id)
        assert retracted.state == feedback_pb2.FEEDBACK_STATE_RETRACTED
    assert await _total(client) == (0, 0, 0)
    error = await _refused(client.feedback.amend(stored.id, thumbs_up("i"), ["type"]))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "FEEDBACK_RETRACTED")
    assert (await _refused(client.feedback.get("f" * 24))).code is grpc.StatusCode.NOT_FOUND
    assert await check(service.mongo, Clock()) == []


async def test_lists_page_to_an_empty_token_and_tokens_are_bound(client: Client) -> None:
    for number in range(7):
        await client.collect(thumbs_up(f"i{number}", query="q", source="web" if number % 2 else "app"))
    everything = [feedback.interaction.id async for feedback in client.feedback.list(page_size=3)]
    assert everything == [f"i{number}" for number in reversed(range(7))]
    web = feedback_pb2.FeedbackFilter(source="web")
    assert [f.interaction.id async for f in client.feedback.list(filter=web)] == ["i5", "i3", "i1"]
    page = await client.feedback.list(page_size=3).page("")
    for token, filter in ((page.next_page_token, web), ("garbage", None), (page.next_page_token[:-2], None)):
        error = await _refused(client.feedback.list(filter=filter, page_size=3).page(token))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")


async def test_similar_feedback_is_found_by_query_feedback_and_interaction(client: Client) -> None:
    queries = ["How do I reset my password?", "I forgot my password, how can I reset it?", "What is the weather?"]
    stored = [await client.collect(thumbs_up(f"i{n}", query=query)) for n, query in enumerate(queries)]
    by_query = await client.feedback.similar(query="password reset")
    by_id = await client.feedback.similar(feedback_id=stored[0].id)
    by_interaction = await client.feedback.similar(interaction_id="i0")
    assert {match.feedback.id for match in by_query[:2]} == {stored[0].id, stored[1].id}
    assert by_id[0].feedback.id == by_interaction[0].feedback.id == stored[1].id
    assert (await _refused(client.feedback.similar(feedback_id="f" * 24))).code is grpc.StatusCode.NOT_FOUND


async def test_projects_do_not_see_each_other(service: Service) -> None:
    stored = await service.client.collect(thumbs_down("i", query="q"))
    async with Client(service.address, project="other") as other:
        assert (await _refused(other.feedback.get(stored.id))).code is grpc.StatusCode.NOT_FOUND
        assert await _total(other) == (0, 0, 0)
        assert [feedback async for feedback in other.feedback.list()] == []


async def test_check_names_exactly_what_was_altered(start_service: StartService) -> None:
    # Nobody judges the mark below meanwhile.
    service = await start_service(trigger_interval_seconds=3600)
    client, mongo = service.client, service.mongo
    for number in range(4):
        await client.collect(thumbs_down(f"i{number}", query="How do I reset my password?"))
    await client.collect(thumbs_up("other", query="Where is my parcel now?"))
    assert await check(mongo, Clock()) == []
    review = (await client.reviews.list().page("")).reviews[0]
    await service.app.parts.feedback.compactor.run()
    share = (await mongo.collection("pattern_shares").find({"total": 1}))[0]
    rollup = await mongo.collection("rollups").get({"dimension": "all"})
    (hour,) = (name for name in rollup or () if name.startswith("h"))
    await mongo.collection("rollups").update({"dimension": "all"}, {"$inc": {f"{hour}.negative": 1}})
    await mongo.collection("pattern_shares").update({"_id": share["_id"]}, {"$inc": {"total": 1}})
    await mongo.collection("reviews").delete_many({"_id": review.id})
    writer = (await mongo.collection("writers").find({}))[0]["_id"]
    mark = OutboxEntry(
        project="default",
        pattern_id=share["pattern"],
        writer=writer,
        revision=1,
        feedback_ids=("0" * 24,),
        touched=1,
    )
    await transaction(mongo, lambda session: TriggerOutbox(mongo).add([mark], Clock().now(), session))
    found = sorted(
        line.split(":")[0].split(" ")[0] + ":" + line.split(": ")[-1] for line in await check(mongo, Clock())
    )
    assert found == sorted(
        [
            "rollup:negative is 5, feedback says 4",
            "pattern:total is 2, feedback says 1",
            "pattern:is due for a review and has none",
            "review:is gone",
            "review:its history has 1 lines up to number 1, it should have 0",
            "trigger:names feedback 000000000000000000000000, which its pattern does not have",
        ]
    )


@pytest.mark.parametrize(
    ("collection", "id_of", "change", "named"),
    [
        ("feedback", "vote", {"vote": "wrong"}, "vote is 'wrong'"),
        ("feedback", "said", {"vote": ""}, "vote is ''"),
        ("feedback", "taken back", {"vote": ""}, "vote is ''"),
        (
            "feedback",
            "mute",
            {"vector": b"\1", "embedder": "other"},
            "1 of its feedback have vectors of another embedder",
        ),
        ("requests", "CollectFeedback", {"resource": "gone"}, "its feedback gone is not there"),
        ("requests", "ClaimReview", {"resource": "gone:1"}, "its review gone is not there"),
    ],
)
async def test_check_names_votes_vectors_and_requests_that_were_altered(
    service: Service, collection: str, id_of: str, change: dict[str, Any], named: str
) -> None:
    client = service.client
    ids = {
        "vote": (await client.collect(thumbs_down("1", query="q", user_id="u"), request_id="c")).id,
        "said": (await client.collect(correction("2", "so", query="q", user_id="u"))).id,
        "taken back": (await client.collect(thumbs_down("3", query="q", user_id="u"))).id,
        # Its pattern has no embedder.
        "mute": (await client.collect(thumbs_up("0"))).id,
    }
    for number in range(4, 7):
        await client.collect(thumbs_down(f"{number}", query="q"))
    await client.feedback.retract(ids["taken back"], request_id="t")
    await client.reviews.claim((await client.reviews.list().page("")).reviews[0].id, "ann", request_id="r")
    for record in await service.mongo.collection("requests").find({}):
        ids[record["_id"].split("/")[1]] = record["_id"]
    assert await check(service.mongo, Clock()) == []
    await service.mongo.collection(collection).update({"_id": ids[id_of]}, {"$set": change})
    (line,) = await check(service.mongo, Clock())
    assert line.endswith(named)


async def test_a_retracted_vote_and_a_new_one_can_be_written_together(service: Service) -> None:
    await service.client.collect(thumbs_up("i", query="q", user_id="u"))
    store = FeedbackStore(service.mongo, Clock())
    document = (await service.mongo.collection("feedback").find({}))[0]
    vote = to_feedback(document)
    retracted = vote.model_copy(update={"state": FeedbackState.RETRACTED, "vote": vote.id})
    again = vote.model_copy(update={"id": "f" * 24})
    await transaction(service.mongo, lambda session: store.write([again], [retracted], session))
    stored = {document["_id"]: document["vote"] for document in await service.mongo.collection("feedback").find({})}
    assert stored == {vote.id: vote.id, again.id: ""}


async def test_retracting_a_correction_leaves_the_users_vote(service: Service) -> None:
    await service.client.collect(thumbs_up("i", query="q", user_id="u"))
    await service.client.collect(correction("i", "right", query="q", user_id="u"))
    stored = [to_feedback(document) for document in await service.mongo.collection("feedback").find({})]
    said = next(feedback for feedback in stored if feedback.content.correction)
    vote = next(feedback for feedback in stored if not feedback.content.correction)
    plan = Plan(
        now=vote.create_time,
        writer=0,
        revision=9,
        projects={"default": Project(id="default")},
        stored=stored,
        without_text=lambda project, interaction_id: Assignment("none", b"", "", False),
    )
    plan.retract(Retract("default", said.id))
    draft = Draft.model_validate({name: getattr(vote, name) for name in Draft.model_fields})
    made = plan.collect(draft, "f" * 24, Assignment(vote.pattern_id, vote.vector, vote.embedder, False))
    assert (made.feedback.id, made.outcome) == (vote.id, CollectOutcome.UNCHANGED)


NOON = datetime(2026, 3, 4, 12, 0, 0, 123_000, tzinfo=UTC)


async def test_every_field_comes_back_from_get_and_list(client: Client) -> None:
    odd = {"$gt": "$where", "a.b.c": "\0", "ключ": "値 🙂", "e\u0301": "\u202e", "__proto__": "x" * 256}
    every: dict[str, Any] = {
        "query": "Wie? 🙂 \0 $x.y",
        "response": "línea\n" * 1000,
        "model": "m.1$\0",
        "versions": odd,
        "interaction_create_time": NOON - timedelta(days=1),
        "comment": "\0$a.b",
        "user_id": "u.1$",
        "source": "web.$\0",
        "labels": odd,
        "occur_time": NOON,
    }
    custom = {"$inc": {"a.b": [1, 2.5, -1e300, None, True, {"\0": "ключ"}]}, "": []}
    sent = [
        thumbs_up("up.$", custom=custom, **every),
        thumbs_down("down\0", custom="text", **every),
        rating("rating", -0.5, min=-1, max=0.25, **every),
        correction(
            "correction",
            "$right\0",
            original="wr.ong",
            kind=feedback_pb2.CORRECTION_KIND_KNOWLEDGE,
            **every,
        ),
    ]
    stored = [await client.collect(feedback) for feedback in sent]
    listed = {feedback.id: feedback async for feedback in client.feedback.list()}
    for before, after in zip(sent, stored, strict=True):
        assert await client.feedback.get(after.id) == listed[after.id] == after
        assert after.id and after.pattern_id and after.HasField("create_time")
        assert after.create_time == after.update_time
        assert after.state == feedback_pb2.FEEDBACK_STATE_ACTIVE
        said = feedback_pb2.Feedback()
        said.CopyFrom(after)
        for name in ("id", "sentiment", "pattern_id", "create_time", "update_time", "state"):
            said.ClearField(name)
        assert said == before


async def test_sentiment_follows_type_and_position(client: Client) -> None:
    said = [
        (thumbs_up("a"), feedback_pb2.SENTIMENT_POSITIVE),
        (thumbs_down("b"), feedback_pb2.SENTIMENT_NEGATIVE),
        (correction("c", "right"), feedback_pb2.SENTIMENT_NEUTRAL),
        (rating("d", 3), feedback_pb2.SENTIMENT_NEUTRAL),
        (rating("e", 4, min=0, max=10), feedback_pb2.SENTIMENT_NEGATIVE),
        (rating("f", 6, min=0, max=10), feedback_pb2.SENTIMENT_POSITIVE),
    ]
    stored = [await client.collect(feedback) for feedback, _ in said]
    assert [feedback.sentiment for feedback in stored] == [sentiment for _, sentiment in said]
    assert (stored[3].rating.min, stored[3].rating.max) == (1, 5)
    assert stored[2].correction.kind == feedback_pb2.CORRECTION_KIND_KNOWLEDGE


async def test_each_filter_finds_what_matches_and_nothing_else(client: Client) -> None:
    stored = {
        "a": thumbs_up("a", query="reset my password", user_id="u1", source="web", labels={"x.$": "1", "y": "2"}),
        "b": thumbs_down("b", query="weather in Paris", user_id="u2", model="m1", labels={"x.$": "1"}),
        "c": rating("c", 1, query="cancel subscription", user_id="u1", labels={"y": "1"}),
        "d": correction("d", "right", query="opening hours", source="app", model="m2"),
        "gone": thumbs_up("gone", query="opening hours", user_id="u1", source="web", model="m1"),
    }
    for hour, (name, feedback) in enumerate(stored.items()):
        feedback.occur_time.FromDatetime(NOON + timedelta(hours=hour))
        stored[name] = await client.collect(feedback)
    await client.feedback.retract(stored["gone"].id)

    filtered = feedback_pb2.FeedbackFilter
    since = filtered(start_time=stored["b"].occur_time)
    between = filtered(start_time=stored["a"].occur_time, end_time=stored["c"].occur_time)
    both = [feedback_pb2.FEEDBACK_STATE_ACTIVE, feedback_pb2.FEEDBACK_STATE_RETRACTED]
    expected = [
        (filtered(), "dcba"),
        (filtered(types=[feedback_pb2.FEEDBACK_TYPE_CORRECTION]), "d"),
        (filtered(types=[feedback_pb2.FEEDBACK_TYPE_RATING, feedback_pb2.FEEDBACK_TYPE_THUMBS_UP]), "ca"),
        (filtered(sentiments=[feedback_pb2.SENTIMENT_NEGATIVE]), "cb"),
        (filtered(pattern_id=stored["c"].pattern_id), "c"),
        (filtered(interaction_id="b"), "b"),
        (filtered(user_id="u1"), "ca"),
        (filtered(source="app"), "d"),
        (filtered(model="m1"), "b"),
        (filtered(labels={"x.$": "1"}), "ba"),
        (filtered(labels={"x.$": "1", "y": "2"}), "a"),
        (filtered(labels={"x.$": "2"}), ""),
        (since, "dcb"),
        (between, "ba"),
        (filtered(states=[feedback_pb2.FEEDBACK_STATE_RETRACTED]), ["gone"]),
        (filtered(states=both, user_id="u1"), ["gone", "c", "a"]),
        (filtered(user_id="u1", sentiments=[feedback_pb2.SENTIMENT_NEGATIVE]), "c"),
        (filtered(user_id="nobody"), ""),
    ]
    for filter, names in expected:
        for page_size in (0, 1):
            listing = client.feedback.list(filter=filter, page_size=page_size)
            assert [feedback.interaction.id async for feedback in listing] == list(names), filter


async def test_pages_neither_repeat_nor_skip_feedback_of_one_moment(client: Client) -> None:
    made = [thumbs_up(f"i{number}", query="q", occur_time=NOON) for number in range(6)]
    ids = {result.feedback.id async for result in client.collect_many(made)}
    pages = [page async for page in client.feedback.list(page_size=3).pages()]
    assert [len(page.feedback) for page in pages] == [3, 3]
    assert {feedback.id for page in pages for feedback in page.feedback} == ids
    assert [bool(page.next_page_token) for page in pages] == [True, False]


async def test_a_damaged_or_foreign_token_is_refused(service: Service) -> None:
    client = service.client
    async for _ in client.collect_many([thumbs_up(f"i{number}", query="q") for number in range(3)]):
        pass
    token = (await client.feedback.list(page_size=1).page()).next_page_token
    damaged = [("B" if token[0] == "A" else "A") + token[1:], token[:-4], "ключ", "a", "=", "{}"]
    for bad in damaged:
        error = await _refused(client.feedback.list(page_size=1).page(bad))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN"), bad
        assert [field for field, _ in error.field_violations] == ["page_token"]
    async with Client(service.address, project="other") as other:
        assert (await _refused(other.feedback.list(page_size=1).page(token))).reason == "INVALID_PAGE_TOKEN"


async def test_similar_feedback_is_ten_best_first_without_the_reference(client: Client) -> None:
    made = [thumbs_up(f"i{number}", query="How do I reset my password?") for number in range(13)]
    stored = [result.feedback async for result in client.collect_many(made)]
    far = await client.collect(thumbs_down("far", query="What is the weather in Paris?"))
    await client.feedback.retract(stored[5].id)

    found = await client.feedback.similar(feedback_id=stored[0].id)
    assert len(found) == 10
    assert not {stored[0].id, stored[5].id} & {match.feedback.id for match in found}
    assert len(await client.feedback.similar(query="reset password", limit=3)) == 3

    everything = await client.feedback.similar(query="How do I reset my password?", limit=100)
    similarities = [match.similarity for match in everything]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] == pytest.approx(1, abs=0.01)
    assert everything[-1].feedback.id == far.id
    negative = feedback_pb2.FeedbackFilter(sentiments=[feedback_pb2.SENTIMENT_NEGATIVE])
    only = await client.feedback.similar(interaction_id="i0", filter=negative)
    assert [match.feedback.id for match in only] == [far.id]


async def test_a_reference_that_is_not_there_is_not_found(client: Client) -> None:
    unknown = [
        client.feedback.similar(feedback_id="f" * 24),
        client.feedback.similar(interaction_id="nobody's"),
        client.feedback.amend("f" * 24, thumbs_up("i"), ["type"]),
        client.feedback.retract("f" * 24),
    ]
    for call in unknown:
        error = await _refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "FEEDBACK_NOT_FOUND")


async def test_an_amendment_takes_the_masked_fields_alone(service: Service) -> None:
    client = service.client
    stored = await client.collect(rating("i", 1, query="q", comment="kept", labels={"a": "1"}))
    await client.collect(rating("other", 5, query="q"))
    assert (await client.insights.get()).metrics.average_rating == pytest.approx(0.5)
    change = rating("ignored", 4, comment="ignored", labels={"b": "2"})
    amended = await client.feedback.amend(stored.id, change, ["rating", "labels"], request_id="amend")
    assert amended == await client.feedback.get(stored.id)
    assert (amended.rating.score, amended.comment, dict(amended.labels)) == (4, "kept", {"b": "2"})
    assert (amended.interaction, amended.create_time) == (stored.interaction, stored.create_time)
    metrics = (await client.insights.get()).metrics
    assert (metrics.total_feedback, metrics.positive_count, metrics.negative_count) == (2, 2, 0)
    assert metrics.average_rating == pytest.approx(0.875)

    # The same amendment sent again, after another one, does not bring the old content back.
    await client.feedback.amend(stored.id, rating("i", 2), ["rating"])
    again = await client.feedback.amend(stored.id, change, ["rating", "labels"], request_id="amend")
    assert again.rating.score == 2
    for mask in ([], ["query"], ["id", "comment"]):
        error = await _refused(client.feedback.amend(stored.id, change, mask))
        assert {field for field, _ in error.field_violations} == {"update_mask"}
    assert await check(service.mongo, Clock()) == []


async def test_the_vote_that_occurred_last_stands_however_late_another_comes(service: Service) -> None:
    client = service.client
    newest = await client.collect(thumbs_down("i", query="q", user_id="u", occur_time=NOON))
    late = await client.collect(thumbs_up("i", query="q", user_id="u", occur_time=NOON - timedelta(hours=1)))
    assert late == newest
    changed = await client.collect(rating("i", 5, query="q", user_id="u", occur_time=NOON + timedelta(hours=2)))
    assert (changed.id, changed.type) == (newest.id, feedback_pb2.FEEDBACK_TYPE_RATING)
    others = [
        await client.collect(thumbs_up("i", query="q", user_id="v")),
        await client.collect(thumbs_up("j", query="q", user_id="u")),
        await client.collect(thumbs_up("i", query="q")),
        await client.collect(thumbs_up("i", query="q")),
        await client.collect(correction("i", "right", query="q", user_id="u")),
    ]
    assert len({newest.id, *(feedback.id for feedback in others)}) == 6
    assert len([feedback async for feedback in client.feedback.list()]) == 6
    assert await check(service.mongo, Clock()) == []


async def test_a_user_who_votes_at_two_replicas_at_once_has_one_vote(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    votes = [thumbs_up, thumbs_down] * 10
    answers = await asyncio.gather(
        *(
            replica.client.collect(vote(f"i{number % 5}", query="q", user_id="u"))
            for number, vote in enumerate(votes)
            for replica in (one, two)
        )
    )
    assert len({answer.id for answer in answers}) == 5
    assert (await _total(two.client))[0] == 5
    assert await check(one.mongo, Clock()) == []


def _with_time(seconds: int) -> feedback_pb2.Feedback:
    feedback = thumbs_up("i")
    feedback.occur_time.seconds = seconds
    return feedback


def _rated(**value: float) -> feedback_pb2.Feedback:
    """Feedback with a rating that the builders refuse to make."""
    feedback = rating("i", 1)
    feedback.rating.CopyFrom(feedback_pb2.Rating(**value))
    return feedback


def _nested(levels: int) -> feedback_pb2.Feedback:
    """Feedback with a value of lists in lists, deeper than the builders make one."""
    feedback = thumbs_up("i")
    value = feedback.custom
    for _ in range(levels):
        value = value.list_value.values.add()
    value.number_value = 1
    return feedback


@pytest.mark.parametrize(
    ("bad", "fields"),
    [
        (thumbs_up("i" * 257), {"feedback.interaction.id"}),
        (thumbs_up("i", response="r" * 50_001), {"feedback.interaction.response"}),
        (thumbs_up("i", versions={str(n): "" for n in range(65)}), {"feedback.interaction.versions"}),
        (thumbs_up("i", labels={"": "x"}), {"feedback.labels"}),
        (thumbs_up("i", labels={"k" * 64: "x"}), {"feedback.labels"}),
        (thumbs_up("i", labels={"k": "x" * 257}), {"feedback.labels[k]"}),
        (thumbs_up("i", user_id="u" * 257, source="s" * 257), {"feedback.user_id", "feedback.source"}),
        (_nested(33), {"feedback.custom"}),
        (rating("i", 0), {"feedback.rating.score"}),
        (rating("i", 5, min=5, max=1), {"feedback.rating.max"}),
        (rating("i", 1, max=5), {"feedback.rating"}),
        (_rated(score=1, min=float("-inf"), max=5), {"feedback.rating.min"}),
        (correction("i", ""), {"feedback.correction.corrected"}),
        (
            correction("i", "c" * 50_001, original="o" * 50_001),
            {"feedback.correction.corrected", "feedback.correction.original"},
        ),
        (_with_time(946_684_799), {"feedback.occur_time"}),
        (_with_time(-(10**12)), {"feedback.occur_time"}),
        (feedback_pb2.Feedback(), {"feedback.interaction", "feedback.type"}),
    ],
)
async def test_what_is_out_of_bounds_is_refused_by_its_name(
    client: Client, bad: feedback_pb2.Feedback, fields: set[str]
) -> None:
    error = await _refused(client.collect(bad))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert {field for field, _ in error.field_violations} == fields
    assert await _total(client) == (0, 0, 0)


async def test_what_is_just_within_bounds_is_stored(client: Client) -> None:
    full = {f"{number:063d}": "v" * 256 for number in range(64)}
    most = thumbs_up(
        "i" * 256, query="q" * 10_000, response="r" * 50_000, comment="c" * 10_000, labels=full, versions=full
    )
    assert (await client.collect(most)).labels == full
    assert (await client.collect(_with_time(946_684_800))).occur_time.seconds == 946_684_800
    soon = datetime.now(UTC) + timedelta(minutes=4)
    assert (await client.collect(thumbs_up("i", occur_time=soon))).occur_time.seconds == int(soon.timestamp())
    error = await _refused(client.collect(thumbs_up("i", occur_time=soon + timedelta(minutes=2))))
    assert [field for field, _ in error.field_violations] == ["feedback.occur_time"]


async def test_reads_too_name_every_wrong_field(service: Service) -> None:
    pb = feedback_pb2
    long = "x" * 257
    no_type: Any = 9
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = feedback_pb2_grpc.FeedbackServiceStub(channel)
        bad_filter = pb.FeedbackFilter(user_id=long, types=[no_type], labels={str(number): "" for number in range(9)})
        filter_fields = {"filter.user_id", "filter.types[0]", "filter.labels"}
        cases: list[tuple[Callable[[], Awaitable[object]], set[str]]] = [
            (lambda: stub.GetFeedback(pb.GetFeedbackRequest(project="No!")), {"project", "id"}),
            (
                lambda: stub.ListFeedback(pb.ListFeedbackRequest(project="-a", filter=bad_filter, page_size=-1)),
                {"project", "page_size", *filter_fields},
            ),
            (
                lambda: stub.ListSimilarFeedback(pb.ListSimilarFeedbackRequest(filter=bad_filter)),
                {"reference", *filter_fields},
            ),
            (
                lambda: stub.AmendFeedback(pb.AmendFeedbackRequest(project="a" * 64, request_id="r" * 129)),
                {"project", "id", "update_mask", "request_id"},
            ),
            (lambda: stub.RetractFeedback(pb.RetractFeedbackRequest(project="a.b")), {"project", "id"}),
            (lambda: stub.BatchCollectFeedback(pb.BatchCollectFeedbackRequest(project="A")), {"project", "requests"}),
            (
                lambda: stub.CollectFeedback(pb.CollectFeedbackRequest(project="a/b")),
                {"project", "feedback"},
            ),
        ]
        for call, fields in cases:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call()
            error = UptakeError.from_rpc(caught.value)
            assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
            assert {field for field, _ in error.field_violations} == fields


async def test_a_batch_item_of_another_project_is_refused_alone(client: Client) -> None:
    items = [
        feedback_pb2.CollectFeedbackRequest(project=project, feedback=thumbs_up("i", query="q"))
        for project in ("default", "other")
    ]
    response = await feedback_pb2_grpc.FeedbackServiceStub(client._transport.channel).BatchCollectFeedback(
        feedback_pb2.BatchCollectFeedbackRequest(project="default", requests=items)
    )
    assert [result.WhichOneof("result") for result in response.results] == ["feedback", "error"]
    assert [violation.field for violation in response.results[1].error.field_violations] == ["project"]


async def test_a_repeat_after_an_amendment_is_answered_with_what_is_now(client: Client) -> None:
    first = await client.collect(thumbs_up("i", query="q"), request_id="one")
    amended = await client.feedback.amend(first.id, thumbs_down("i", comment="no"), ["type", "comment"])
    assert await client.collect(thumbs_up("i", query="q"), request_id="one") == amended
    repeated = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up("i", query="q"), request_id="one")
    assert [result.feedback async for result in client.collect_many([repeated])] == [amended]
    assert await _total(client) == (1, 0, 1)


async def test_equal_batches_to_two_replicas_at_once_are_stored_once(start_service: StartService) -> None:
    one, two = await start_service(), await start_service()
    requests = [
        feedback_pb2.CollectFeedbackRequest(
            feedback=rating(f"i{n}", n % 6, min=0, max=5, query="q"), request_id=f"r{n}"
        )
        for n in range(100)
    ]

    async def ids(service: Service, size: int) -> list[str]:
        return [result.feedback.id async for result in service.client.collect_many(requests, batch_size=size)]

    answers = await asyncio.gather(ids(one, 100), ids(two, 30), ids(two, 7))
    assert answers[0] == answers[1] == answers[2]
    assert len(set(answers[0]) - {""}) == 100
    assert (await _total(two.client))[0] == 100
    assert await check(two.mongo, Clock()) == []


async def test_projects_share_neither_request_ids_nor_votes_nor_changes(service: Service) -> None:
    mine = await service.client.collect(thumbs_up("i", query="q", user_id="u"), request_id="same")
    async with Client(service.address, project="other") as other:
        theirs = await other.collect(thumbs_down("i", query="q", user_id="u"), request_id="same")
        assert theirs.id != mine.id
        assert theirs.pattern_id != mine.pattern_id
        for call in (
            other.feedback.amend(mine.id, thumbs_down("i"), ["type"]),
            other.feedback.retract(mine.id),
            other.feedback.similar(feedback_id=mine.id),
        ):
            assert (await _refused(call)).reason == "FEEDBACK_NOT_FOUND"
        assert [match.feedback.id for match in await other.feedback.similar(query="q")] == [theirs.id]
        foreign = feedback_pb2.FeedbackFilter(pattern_id=mine.pattern_id)
        assert [feedback async for feedback in other.feedback.list(filter=foreign)] == []
        assert await _total(other) == (1, 0, 1)
    assert await service.client.feedback.get(mine.id) == mine
    assert await _total(service.client) == (1, 1, 0)
    assert await check(service.mongo, Clock()) == []


async def test_what_lies_on_the_edge_of_a_window_of_time_is_found(service: Service) -> None:
    near = NOON.replace(microsecond=0)
    # The windows that are read end 10, 90 and 730 seconds before `near`.
    for number, seconds in enumerate((0, 10, 90, 730)):
        occurred = near - timedelta(seconds=seconds)
        await service.client.collect(thumbs_up(f"i{number}", query="q", occur_time=occurred))
    found = await TimeScans(service.mongo.collection("feedback")).newest(
        {"project": "default"}, "occur_time", near=near, limit=10
    )
    assert [document["interaction"]["id"] for document in found] == ["i0", "i1", "i2", "i3"]
    store = FeedbackStore(service.mongo, Clock())
    since = store.evidence.answers_since(found[0]["pattern_id"], [""], near - timedelta(seconds=10), 1000)
    assert [evidence.id async for evidence, _ in since] == [document["_id"] for document in found[:2]]


async def test_a_pattern_is_read_to_its_end_however_much_of_it_occurred_at_once(service: Service) -> None:
    times = [NOON - timedelta(seconds=second) for second in (0, 5, 400)]
    feedback = [thumbs_up(f"i{number}", query="q", occur_time=times[number % 3]) for number in range(450)]
    stored = [result.feedback async for result in service.client.collect_many(feedback)]
    by_age = sorted(stored, key=lambda item: (item.occur_time.ToDatetime(), item.id), reverse=True)
    store = FeedbackStore(service.mongo, Clock())
    for limit, found in ((1000, 300), (300, 300), (299, 299), (120, 120)):
        since = store.evidence.answers_since(stored[0].pattern_id, [""], times[1], limit)
        assert [evidence.id async for evidence, _ in since] == [item.id for item in by_age[:found]]
