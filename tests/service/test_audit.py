"""The audit log: a line for every change by a person or key, and none of anybody's words in it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as feedback
from uptake.v1 import project_pb2
from uptake_service.auth.keys import KeyStore
from uptake_service.domain.access import Role
from uptake_service.domain.caller import NOBODY, set_caller
from uptake_service.domain.clock import Clock

from tests.conftest import Service, StartService
from tests.corrections import apply, knowledge
from tests.issues import complain
from tests.processes import run

MARKER = "xylophagous"


async def lines(client: Client) -> list[project_pb2.AuditEvent]:
    """Oldest first."""
    return [event async for event in client.projects.audit_events()][::-1]


def told(event: project_pb2.AuditEvent) -> tuple[str, str, dict[str, tuple[str, str]]]:
    changes = {change.field: (change.old_value, change.new_value) for change in event.changes}
    return event.method.partition("/")[2], event.actor, changes


async def test_what_people_do_to_a_review(client: Client) -> None:
    for place in range(4):
        await client.collect(thumbs_down(f"i{place}", query=MARKER, comment=MARKER))
    (review,) = (await client.reviews.list().page("")).reviews
    assert await lines(client) == []

    claim = await client.reviews.claim(review.id, "ann")
    await claim.resolve(MARKER)
    await client.reviews.reopen(review.id, "bob", note=MARKER)

    found = await lines(client)
    assert {event.resource_id for event in found} == {review.id}
    claimed, resolved, reopened = map(told, found)
    assert claimed[:2] == ("ClaimReview", "ann")
    assert claimed[2]["state"] == ("OPEN", "CLAIMED")
    assert claimed[2]["claim.reviewer"] == ("", "")
    assert resolved[:2] == ("ResolveReview", "ann")
    assert resolved[2]["state"] == ("CLAIMED", "RESOLVED")
    assert reopened[:2] == ("ReopenReview", "bob")
    assert reopened[2]["reopen_count"] == ("0", "1")
    assert all(re.fullmatch(r"ipv[46]:\S+:\d+", event.peer) and not event.key_id for event in found)


async def test_an_amended_vote_names_the_fields_of_the_contract_alone(client: Client) -> None:
    vote = await client.collect(thumbs_down("i", query=MARKER, comment=MARKER, user_id="u"))
    await client.feedback.amend(vote.id, feedback.Feedback(type=feedback.FEEDBACK_TYPE_THUMBS_UP), ["type", "comment"])
    (amended,) = map(told, await lines(client))
    assert amended[2] == {
        "content.comment": ("", ""),
        "content.type": ("THUMBS_DOWN", "THUMBS_UP"),
        "sentiment": ("NEGATIVE", "POSITIVE"),
    }


async def test_every_kind_of_change_has_its_line_and_words_are_in_none(service: Service) -> None:
    client = service.client
    await complain(client)
    issue, other, *_ = (await client.insights.get(refresh_issues=True)).common_issues
    first = await client.collect(thumbs_up("i", query=MARKER, comment=MARKER, user_id=MARKER))
    await client.feedback.amend(first.id, feedback.Feedback(comment=f"{MARKER} again"), ["comment"])
    await client.feedback.retract(first.id)
    (correction,) = await apply(client, knowledge(f"key/{MARKER}", MARKER, note=MARKER))
    await client.corrections.revert(correction.id, "ann", note=MARKER)
    await client.issues.update(issue.id, title=MARKER, reviewer="ann")
    await client.issues.merge(issue.id, [other.id], reviewer="ann")
    policy = project_pb2.ReviewPolicy(window_size=20, minimum_sample=4)
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy"])
    await client.feedback.erase_user(MARKER)

    found = await lines(client)

    assert [event.method.partition("/")[2] for event in found] == [
        "AmendFeedback",
        "RetractFeedback",
        "ApplyCorrections",
        "RevertCorrection",
        "UpdateIssue",
        "MergeIssues",
        "MergeIssues",
        "UpdateProject",
        "EraseUserFeedback",
    ]
    assert told(found[0])[2] == {"content.comment": ("", "")}
    assert told(found[1])[2] == {"state": ("ACTIVE", "RETRACTED")}
    assert told(found[3])[2]["state"] == ("APPLIED", "REVERTED")
    assert told(found[4]) == ("UpdateIssue", "ann", {"given_title": ("", "")})
    assert told(found[7])[2]["review_policy.window_size"] == ("10", "20")
    assert MARKER not in repr(await service.mongo.collection("audit").find({}))


async def test_a_repeated_call_and_one_that_fails_leave_no_line(client: Client) -> None:
    first = await client.collect(thumbs_up("i", query="q"))
    for _ in range(2):
        await client.feedback.retract(first.id, request_id="r")
    with pytest.raises(UptakeError):
        await client.feedback.retract("0" * 24)
    with pytest.raises(UptakeError):
        await client.projects.update(project_pb2.ProjectSettings(), ["review_policy.window_size"], etag="7")
    assert [event.resource_id for event in await lines(client)] == [first.id]


async def test_keys_are_told_by_their_ids_and_to_the_projects_they_are_for(start_service: StartService) -> None:
    service = await start_service(require_keys=True)
    keys = KeyStore(service.mongo, Clock())
    admin, text = await keys.create("for the tests", Role.ADMIN)
    _, reader = await keys.create("reads", Role.REVIEWER)
    async with Client(service.address, api_key=text) as client, Client(service.address, api_key=reader) as other:
        feedback = await client.collect(thumbs_up("i", query="q"))
        await client.feedback.retract(feedback.id)
        (event,) = await lines(client)
        assert event.key_id == admin.id
        with pytest.raises(UptakeError) as caught:
            await lines(other)
        assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED


async def test_the_export_is_json_lines(service: Service, tmp_path: Path) -> None:
    feedback = await service.client.collect(thumbs_up("i", query=MARKER))
    await service.client.feedback.retract(feedback.id)

    code, output, errors = await run("audit", "--address", service.address, folder=tmp_path)

    assert (code, errors) == (0, "")
    (line,) = map(json.loads, output.splitlines())
    assert (line["method"], line["resource_id"]) == ("uptake.v1.FeedbackService/RetractFeedback", feedback.id)
    assert line["changes"] == [{"field": "state", "old_value": "ACTIVE", "new_value": "RETRACTED"}]


async def test_pages_and_times(client: Client) -> None:
    for place in range(7):
        feedback = await client.collect(thumbs_up(f"i{place}", query="q"))
        await client.feedback.retract(feedback.id)
    everything = await lines(client)
    assert len({event.id for event in everything}) == 7
    paged = [event async for event in client.projects.audit_events(page_size=2)]
    assert paged == everything[::-1]
    third = everything[2].time.ToDatetime(tzinfo=UTC)
    since = [event async for event in client.projects.audit_events(start=third)]
    before = [event async for event in client.projects.audit_events(end=third)]
    assert since[::-1] + before[::-1] != everything
    assert before[::-1] + since[::-1] == everything
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [event async for event in client.projects.audit_events(start=later)] == []


async def test_the_service_itself_is_nobody(service: Service) -> None:
    set_caller(NOBODY)
    keys = KeyStore(service.mongo, Clock())
    key, _ = await keys.create("k", Role.READER)
    assert await keys.revoke(key.id)
    assert not await keys.revoke(key.id)
    assert await service.mongo.collection("audit").count({}) == 0
