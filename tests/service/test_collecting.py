"""Collecting: what is sent is kept, once, with every wrong field named; numbers follow every change."""

import asyncio

import grpc
import numpy as np
import pytest
from uptake import Client, UptakeError, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, project_pb2
from uptake_service.check import check
from uptake_service.clock import Clock
from uptake_service.feedback.model import Draft, FeedbackState
from uptake_service.feedback.plan import Plan, Retract
from uptake_service.feedback.store import FeedbackStore, to_feedback
from uptake_service.mongo.transactions import transaction
from uptake_service.patterns.store import Assignment, ShareChange
from uptake_service.projects.model import Project

from tests.conftest import Service, StartService


async def _refused(call: object) -> UptakeError:
    with pytest.raises(UptakeError) as caught:
        await call  # type: ignore[misc]
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
        correction("i4", "right", original="wrong", kind=feedback_pb2.CORRECTION_KIND_BEHAVIOR, query="q"),
    ]
    for feedback in sent:
        stored = await client.collect(feedback)
        read = await client.feedback.get(stored.id)
        assert read == stored
        for name in ("interaction", "type", "comment", "labels", "user_id", "source", "custom", "correction"):
            assert getattr(read, name) == getattr(feedback, name)
    assert await _total(client) == (4, 2, 1)


async def test_every_wrong_field_is_named_at_once(client: Client) -> None:
    bad = rating("", 9, query="q" * 10_001, comment="c" * 10_001, labels={str(n): "x" for n in range(65)})
    bad.occur_time.seconds = 4_102_444_800
    error = await _refused(client.collect(bad, request_id="r" * 129))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "INVALID_FIELD"
    assert {field for field, _ in error.field_violations} == {
        "request_id",
        "feedback.interaction.id",
        "feedback.interaction.query",
        "feedback.rating.score",
        "feedback.comment",
        "feedback.labels",
        "feedback.occur_time",
    }


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
async def test_a_value_must_match_its_type(client: Client, change: dict[str, object], field: str) -> None:
    bad = rating("i", 3)
    for name, value in change.items():
        if name == "rating":
            bad.rating.CopyFrom(value)  # type: ignore[arg-type]
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
    collection = service.mongo.collection("feedback")
    await service.client.collect(thumbs_up("first", comment="poison"))
    await collection.create_index([("comment", 1)], unique=True, where={"comment": "poison"})
    feedback = [thumbs_up(f"i{n}", query="q", comment="poison" if n == 77 else "fine") for n in range(201)]
    results = [result async for result in service.client.collect_many(feedback, batch_size=201)]
    refused = [place for place, result in enumerate(results) if result.HasField("error")]
    assert refused == [77]
    assert results[77].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (await _total(service.client))[0] == 201
    assert await check(service.mongo, Clock()) == []


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
    assert await _total(service.client) == (0, 0, 0)


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


async def test_check_names_exactly_what_was_altered(service: Service) -> None:
    client, mongo = service.client, service.mongo
    for number in range(4):
        await client.collect(thumbs_down(f"i{number}", query="How do I reset my password?"))
    await client.collect(thumbs_up("other", query="Where is my parcel now?"))
    assert await check(mongo, Clock()) == []
    review = (await client.reviews.list().page("")).reviews[0]
    share = (await mongo.collection("pattern_shares").find({"total": 1}))[0]
    await mongo.collection("rollups").update({"dimension": "all"}, {"$inc": {"negative": 1}})
    await mongo.collection("pattern_shares").update({"_id": share["_id"]}, {"$inc": {"total": 1}})
    await mongo.collection("reviews").delete_many({"_id": review.id})
    writer = (await mongo.collection("writers").find({}))[0]["_id"]
    await mongo.collection("trigger_marks").insert(
        {
            "_id": f"{share['pattern']}/{writer}/1",
            "project": "default",
            "pattern_id": share["pattern"],
            "writer": writer,
            "revision": 1,
            "feedback_ids": ["0" * 24],
            "touched": 1,
            "create_time": Clock().now().replace(year=2999),
        }
    )
    found = sorted(
        line.split(":")[0].split(" ")[0] + ":" + line.split(": ")[-1] for line in await check(mongo, Clock())
    )
    assert found == sorted(
        [
            "rollup:negative is 5, feedback says 4",
            "pattern:total is 2, feedback says 1",
            "pattern:is due for a review and has none",
            "review:is gone",
            "trigger:names feedback 000000000000000000000000, which its pattern does not have",
        ]
    )


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
        no_share=lambda project: ShareChange(project, np.zeros(256, dtype=np.int32)),
    )
    plan.retract(Retract("default", said.id))
    draft = Draft.model_validate({name: getattr(vote, name) for name in Draft.model_fields})
    assert plan.collect(draft, "f" * 24, Assignment(vote.pattern_id, vote.vector, False)).id == vote.id
