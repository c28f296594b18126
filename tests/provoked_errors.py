"""Cases of errors: calls that provoke each reason, with the metadata that it should have."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2, issue_pb2, project_pb2, review_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake.v1.issue_pb2_grpc import IssueServiceStub
from uptake_service.auth.keys import KeyStore
from uptake_service.domain.access import Role
from uptake_service.domain.clock import Clock
from uptake_service.feedback.store import FeedbackStore

from tests.conftest import Service, StartService
from tests.corrections import apply, instructions, knowledge
from tests.issues import about, complain, run
from tests.streams import Stream


@dataclass(frozen=True)
class Scene:
    """What a case is made with."""

    start: StartService
    patch: pytest.MonkeyPatch


Told = tuple[UptakeError, dict[str, str]]
"""The error that a call got, and the metadata that it should have."""

Case = Callable[[Scene], Awaitable[Told]]
CASES: list[tuple[str, frozenset[str], Case]] = []


def provokes(reason: str, *at_times: str) -> Callable[[Case], Case]:
    """Makes a function a case: of a reason, with these of the keys that are there at times."""

    def register(case: Case) -> Case:
        CASES.append((reason, frozenset(at_times), case))
        return case

    return register


async def refusal(call: Awaitable[object]) -> UptakeError:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return UptakeError.from_rpc(error)
    except UptakeError as error:
        return error
    raise AssertionError("the call was not refused")


@asynccontextmanager
async def raw(service: Service) -> AsyncIterator[grpc.aio.Channel]:
    """A channel on which nothing is tried again."""
    async with grpc.aio.insecure_channel(service.address, options=(("grpc.enable_retries", 0),)) as channel:
        yield channel


async def opened(client: Client, name: str = "a") -> review_pb2.Review:
    """The newest review after three complaints about one question."""
    for number in range(3):
        await client.collect(thumbs_down(f"{name}-{number}", query="How do I reset my password?"))
    return (await client.reviews.list().page("")).reviews[0]


async def keyed(service: Service, role: Role, *projects: str, **about: Any) -> str:
    """An API key of a role."""
    return (await KeyStore(service.mongo, Clock()).create("key", role, projects, **about))[1]


# Requests


@provokes("INVALID_FIELD")
async def a_field_is_wrong(scene: Scene) -> Told:
    service = await scene.start()
    return await refusal(service.client.feedback.get("")), {}


@provokes("INVALID_FIELD", "violations_left_out")
async def more_fields_are_wrong_than_are_named(scene: Scene) -> Told:
    service = await scene.start()
    async with raw(service) as channel:
        wrong: Any = list(range(101, 126))
        request = feedback_pb2.ListFeedbackRequest(filter=feedback_pb2.FeedbackFilter(types=wrong))
        error = await refusal(FeedbackServiceStub(channel).ListFeedback(request))
    return error, {"violations_left_out": str(25 - len(error.field_violations))}


@provokes("INVALID_PAGE_TOKEN")
async def a_page_token_is_made_up(scene: Scene) -> Told:
    service = await scene.start()
    return await refusal(service.client.feedback.list().page("made up")), {}


@provokes("INVALID_RESUME_TOKEN")
async def a_resume_token_is_made_up(scene: Scene) -> Told:
    service = await scene.start()
    async with raw(service) as channel:
        request = insight_pb2.SubscribeInsightsRequest(resume_token="made up")  # noqa: S106
        return await refusal(Stream(InsightServiceStub(channel).SubscribeInsights(request)).until("snapshot")), {}


@provokes("REQUEST_ID_REUSED")
async def a_request_id_comes_with_other_content(scene: Scene) -> Told:
    client = (await scene.start()).client
    await client.collect(thumbs_up("i", query="q"), request_id="one")
    return await refusal(client.collect(thumbs_down("i", query="q"), request_id="one")), {"request_id": "one"}


@provokes("REQUEST_ID_REUSED")
async def an_item_of_a_batch_comes_with_a_request_id_that_was_used(scene: Scene) -> Told:
    service = await scene.start()
    await service.client.collect(thumbs_up("i", query="q"), request_id="one")
    item = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("i", query="q"), request_id="one")
    async with raw(service) as channel:
        batch = feedback_pb2.BatchCollectFeedbackRequest(requests=[item])
        (result,) = (await FeedbackServiceStub(channel).BatchCollectFeedback(batch)).results
    return UptakeError.from_item(result.error), {"request_id": "one"}


@provokes("REQUEST_ID_REUSED")
async def an_item_of_a_stream_comes_with_a_request_id_that_was_used(scene: Scene) -> Told:
    client = (await scene.start()).client
    await client.collect(thumbs_up("i", query="q"), request_id="one")
    item = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("i", query="q"), request_id="one")
    (result,) = [result async for result in client.feedback.stream([item])]
    assert result.error is not None
    return result.error, {"request_id": "one"}


# Feedback


@provokes("FEEDBACK_NOT_FOUND", "feedback_id")
async def feedback_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(client.feedback.get("gone")), {"feedback_id": "gone"}


@provokes("FEEDBACK_NOT_FOUND", "feedback_id")
async def feedback_to_retract_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    longest = "\U0001f600" * 256
    return await refusal(client.feedback.retract(longest)), {"feedback_id": longest}


@provokes("FEEDBACK_NOT_FOUND", "interaction_id")
async def an_interaction_has_no_feedback(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(client.feedback.similar(interaction_id="none")), {"interaction_id": "none"}


@provokes("FEEDBACK_NOT_FOUND", "feedback_id")
async def a_correction_names_feedback_that_is_not_there_and_is_sent_twice(scene: Scene) -> Told:
    client = (await scene.start()).client
    stored = await client.collect(thumbs_down("i", query="q"))
    draft = knowledge("k", "c", feedback_ids=[stored.id, "gone", "gone too"], review_id="no review")
    once, again = [(await client.corrections.apply([draft], "ann", request_id="r"))[0].error for _ in range(2)]
    # The second answer is what the record of the request holds.
    assert once == again
    return UptakeError.from_item(again), {"feedback_id": "gone"}


@provokes("FEEDBACK_RETRACTED")
async def retracted_feedback_is_amended(scene: Scene) -> Told:
    client = (await scene.start()).client
    stored = await client.collect(thumbs_down("i", query="q"))
    await client.feedback.retract(stored.id)
    amended = client.feedback.amend(stored.id, feedback_pb2.Feedback(comment="c"), ["comment"])
    return await refusal(amended), {"feedback_id": stored.id}


@provokes("FEEDBACK_ERASED")
async def erased_feedback_is_sent_again(scene: Scene) -> Told:
    client = (await scene.start()).client
    vote = thumbs_down("i", query="q", user_id="u")
    await client.collect(vote, request_id="r")
    await client.feedback.erase_user("u")
    return await refusal(client.collect(vote, request_id="r")), {}


@provokes("FEEDBACK_EXPIRED", "feedback_age")
async def feedback_is_older_than_the_project_keeps_it(scene: Scene) -> Told:
    client = (await scene.start()).client
    retention = project_pb2.Retention()
    retention.feedback_age.FromTimedelta(timedelta(days=2.5))
    await client.projects.update(project_pb2.ProjectSettings(retention=retention), ["retention"])
    old = thumbs_up("i", query="q", occur_time=datetime.now(UTC) - timedelta(days=3))
    return await refusal(client.collect(old)), {"feedback_age": "216000s"}


# Reviews


@provokes("REVIEW_NOT_FOUND")
async def a_review_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(client.reviews.get("gone")), {"review_id": "gone"}


@provokes("REVIEW_NOT_FOUND")
async def a_correction_names_a_review_that_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(apply(client, knowledge("k", "c", review_id="gone"))), {"review_id": "gone"}


@provokes("REVIEW_CLAIMED")
async def a_review_is_claimed_by_another(scene: Scene) -> Told:
    client = (await scene.start()).client
    claim = await client.reviews.claim((await opened(client)).id, "ann")
    until = claim.review.claim_expire_time.ToDatetime(tzinfo=UTC).isoformat()
    return await refusal(client.reviews.claim(claim.review.id, "bob")), {
        "reviewer": "ann",
        "claim_expire_time": until,
    }


@provokes("CLAIM_LOST")
async def a_claim_token_is_made_up(scene: Scene) -> Told:
    client = (await scene.start()).client
    review = await opened(client)
    return await refusal(client.reviews.held(review.id, "1.made-up").renew()), {}


@provokes("REVIEW_FINISHED")
async def a_dismissed_review_is_claimed(scene: Scene) -> Told:
    client = (await scene.start()).client
    review = await opened(client)
    await (await client.reviews.claim(review.id, "ann")).dismiss("no")
    return await refusal(client.reviews.claim(review.id, "bob")), {"state": "DISMISSED"}


@provokes("REVIEW_NOT_FINISHED")
async def a_claimed_review_is_reopened(scene: Scene) -> Told:
    client = (await scene.start()).client
    review = await opened(client)
    await client.reviews.claim(review.id, "ann")
    return await refusal(client.reviews.reopen(review.id, "bob")), {"state": "CLAIMED"}


@provokes("ACTIVE_REVIEW_EXISTS")
async def a_second_review_of_a_pattern_is_reopened(scene: Scene) -> Told:
    client = (await scene.start()).client
    first = await opened(client)
    await (await client.reviews.claim(first.id, "ann")).dismiss("no")
    second = await opened(client, "b")
    assert second.id != first.id
    return await refusal(client.reviews.reopen(first.id, "ann")), {"review_id": second.id}


# What changed meanwhile


@provokes("ETAG_MISMATCH")
async def the_settings_have_another_etag(scene: Scene) -> Told:
    client = (await scene.start()).client
    settings = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(window_size=50))
    await client.projects.update(settings, ["review_policy.window_size"])
    update = client.projects.update(settings, ["review_policy.window_size"], etag="an older one")
    return await refusal(update), {"etag": (await client.projects.get()).etag}


@provokes("ETAG_MISMATCH")
async def a_review_has_another_etag(scene: Scene) -> Told:
    client = (await scene.start()).client
    review = await opened(client)
    return await refusal(client.reviews.claim(review.id, "ann", etag="an older one")), {"etag": review.etag}


@provokes("BASE_REVISION_MISMATCH")
async def a_correction_is_made_against_an_older_revision(scene: Scene) -> Told:
    client = (await scene.start()).client
    await apply(client, knowledge("k", "one"), knowledge("k", "two"))
    return await refusal(apply(client, knowledge("k", "three", 1))), {"revision": "2"}


@provokes("BASE_REVISION_MISMATCH")
async def a_review_is_resolved_with_a_correction_of_what_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    claim = await client.reviews.claim((await opened(client)).id, "ann")
    return await refusal(claim.resolve("done", corrections=[knowledge("k", "c", 1)])), {"revision": "0"}


# Corrections and issues


@provokes("CORRECTION_NOT_FOUND")
async def a_correction_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(client.corrections.get("gone")), {"correction_id": "gone"}


@provokes("INSTRUCTIONS_NOT_FOUND")
async def instructions_are_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(client.corrections.instructions("gone")), {"name": "gone", "revision": "0"}


@provokes("INSTRUCTIONS_NOT_FOUND")
async def a_revision_of_instructions_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    await apply(client, instructions("i", "c"))
    return await refusal(client.corrections.instructions("i", revision=9)), {"name": "i", "revision": "9"}


@provokes("CORRECTION_SUPERSEDED")
async def a_superseded_correction_is_reverted(scene: Scene) -> Told:
    client = (await scene.start()).client
    first, _, newest = await apply(client, *(knowledge("k", content) for content in ("one", "two", "three")))
    return await refusal(client.corrections.revert(first.id, "ann")), {"newest_correction_id": newest.id}


@provokes("CORRECTION_REVERTED")
async def a_reverted_correction_is_reverted(scene: Scene) -> Told:
    client = (await scene.start()).client
    (made,) = await apply(client, knowledge("k", "c"))
    await client.corrections.revert(made.id, "ann")
    return await refusal(client.corrections.revert(made.id, "bob")), {}


@provokes("ISSUE_NOT_FOUND")
async def an_issue_is_not_there(scene: Scene) -> Told:
    client = (await scene.start()).client
    return await refusal(client.issues.get("gone")), {"issue_id": "gone"}


@provokes("ISSUE_MERGED")
async def a_merged_issue_is_changed(scene: Scene) -> Told:
    client = (await scene.start()).client
    await complain(client)
    issues = await run(client)
    link, refund = about(issues, "link"), about(issues, "refund")
    await client.issues.merge(link.id, [refund.id])
    return await refusal(client.issues.update(refund.id, title="x")), {"merged_into_issue_id": link.id}


@provokes("ETAG_MISMATCH")
async def an_issue_has_another_etag(scene: Scene) -> Told:
    service = await scene.start()
    await complain(service.client)
    link = about(await run(service.client), "link")
    async with raw(service) as channel:
        request = issue_pb2.UpdateIssueRequest(id=link.id, issue=issue_pb2.Issue(title="x"), etag="an older one")
        request.update_mask.paths.append("title")
        return await refusal(IssueServiceStub(channel).UpdateIssue(request)), {"etag": link.etag}


# Bounds


@provokes("OVERLOADED")
async def a_batch_is_larger_than_the_queue(scene: Scene) -> Told:
    service = await scene.start(queue_size=4)
    items = [feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up(f"i{n}", query="q")) for n in range(5)]
    async with raw(service) as channel:
        batch = feedback_pb2.BatchCollectFeedbackRequest(requests=items)
        return await refusal(FeedbackServiceStub(channel).BatchCollectFeedback(batch)), {"limit": "queue"}


async def _beyond_the_open_streams(scene: Scene, project: str, **bounds: int) -> UptakeError:
    service = await scene.start(**bounds)
    async with raw(service) as channel:
        subscribe = InsightServiceStub(channel).SubscribeInsights
        first = Stream(subscribe(insight_pb2.SubscribeInsightsRequest()))
        await first.until("snapshot")
        second = Stream(subscribe(insight_pb2.SubscribeInsightsRequest(project=project)))
        error = await refusal(second.until("snapshot"))
        first.cancel()
    return error


@provokes("OVERLOADED")
async def all_callers_have_too_many_streams(scene: Scene) -> Told:
    return await _beyond_the_open_streams(scene, "other", streams=1), {"limit": "streams"}


@provokes("RATE_LIMITED")
async def one_caller_has_too_many_streams(scene: Scene) -> Told:
    return await _beyond_the_open_streams(scene, "", streams_per_caller=1), {"limit": "streams_of_caller"}


@provokes("RATE_LIMITED")
async def a_key_makes_too_many_calls(scene: Scene) -> Told:
    service = await scene.start(require_keys=True)
    key = await keyed(service, Role.READER, calls_per_second=0.001)
    async with raw(service) as channel:
        get, sent = FeedbackServiceStub(channel).GetFeedback, (("authorization", f"Bearer {key}"),)
        request = feedback_pb2.GetFeedbackRequest(id="f")
        assert (await refusal(get(request, metadata=sent))).reason == "FEEDBACK_NOT_FOUND"
        return await refusal(get(request, metadata=sent)), {"limit": "calls_per_second"}


@provokes("RATE_LIMITED")
async def an_item_brings_a_project_too_many(scene: Scene) -> Told:
    service = await scene.start(new_projects_at_once=1, new_projects_per_minute=0.001)
    await service.client.collect(thumbs_up("i", query="q"))
    item = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up("i", query="q"))
    async with raw(service) as channel:
        batch = feedback_pb2.BatchCollectFeedbackRequest(project="other", requests=[item])
        (result,) = (await FeedbackServiceStub(channel).BatchCollectFeedback(batch)).results
    return UptakeError.from_item(result.error), {"limit": "new_projects"}


# Keys


@provokes("UNAUTHENTICATED")
async def a_key_is_made_up(scene: Scene) -> Told:
    service = await scene.start(require_keys=True)
    async with Client(service.address, api_key="made.up") as client:
        return await refusal(client.feedback.get("f")), {}


@provokes("PERMISSION_DENIED", "permission")
async def a_role_is_too_little(scene: Scene) -> Told:
    service = await scene.start(require_keys=True)
    async with Client(service.address, api_key=await keyed(service, Role.COLLECTOR)) as client:
        return await refusal(client.feedback.get("f")), {"role": "COLLECTOR", "permission": "READ"}


@provokes("PERMISSION_DENIED", "project")
async def a_key_is_for_another_project_whether_this_one_exists_or_not(scene: Scene) -> Told:
    service = await scene.start(require_keys=True)
    async with Client(service.address, project="there", api_key=await keyed(service, Role.COLLECTOR)) as client:
        await client.collect(thumbs_up("i", query="q"))
    key = await keyed(service, Role.READER, "mine")
    told: dict[str, UptakeError] = {}
    for project in ("there", "not-there"):
        async with Client(service.address, project=project, api_key=key) as client:
            told[project] = await refusal(client.feedback.get("f"))
    assert str(told["there"]) == str(told["not-there"])
    assert told["there"].metadata == {"role": "READER", "project": "there"}
    return told["not-there"], {"role": "READER", "project": "not-there"}


# Faults


@provokes("INTERNAL")
async def something_breaks(scene: Scene) -> Told:
    service = await scene.start()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    scene.patch.setattr(FeedbackStore, "page", broken)
    error = await refusal(service.client.feedback.list().page(""))
    (id,) = re.findall(r"[0-9a-f]{16}", error.message)
    return error, {"error_id": id}
