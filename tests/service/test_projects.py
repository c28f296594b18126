"""Projects: defaults until something is set, every wrong setting named, the policy decides the trigger."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import project_pb2 as pb
from uptake.v1 import review_pb2
from uptake.v1.project_pb2_grpc import ProjectServiceStub
from uptake_service.api.checks import Checks

from tests.conftest import Service

QUERY = "How do I reset my password?"


def _policy(**values: Any) -> pb.ProjectSettings:
    return pb.ProjectSettings(review_policy=pb.ReviewPolicy(**values))


async def _set(client: Client, **values: Any) -> pb.Project:
    return await client.projects.update(_policy(**values), [f"review_policy.{name}" for name in values])


async def _reviews(client: Client) -> list[review_pb2.Review]:
    return [review async for review in client.reviews.list()]


async def _wrong_fields(call: Awaitable[object]) -> set[str]:
    with pytest.raises(UptakeError) as caught:
        await call
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    return {field for field, _ in caught.value.field_violations}


async def test_a_project_that_nobody_used_reads_as_the_defaults_and_is_not_listed(client: Client) -> None:
    project = await client.projects.get()
    policy = project.settings.review_policy
    assert (policy.window_size, policy.minimum_sample, policy.high_priority_above) == (10, 3, 5)
    assert (policy.negative_rate_threshold, policy.no_change_margin) == (0.3, 0.05)
    assert policy.dismissal_quiet_period.ToTimedelta() == timedelta(days=7)
    assert policy.issue_window.ToTimedelta() == timedelta(days=30)
    assert policy.vote_policy == pb.VOTE_POLICY_AMEND
    assert not project.settings.retention.HasField("feedback_age")
    assert project.settings.redaction == pb.Redaction()
    assert (project.id, project.HasField("create_time"), project.HasField("update_time")) == ("default", False, False)
    assert [listed async for listed in client.projects.list()] == []


async def test_an_update_changes_what_its_mask_names_and_unset_goes_back_to_the_default(client: Client) -> None:
    changed = await _set(client, window_size=20, minimum_sample=7, negative_rate_threshold=0.0)
    assert changed.HasField("update_time")
    ignored = await client.projects.update(_policy(window_size=30, minimum_sample=1), ["review_policy.window_size"])
    policy = ignored.settings.review_policy
    assert (policy.window_size, policy.minimum_sample, policy.negative_rate_threshold) == (30, 7, 0.0)
    one = await client.projects.update(pb.ProjectSettings(), ["review_policy.window_size"])
    assert (one.settings.review_policy.window_size, one.settings.review_policy.minimum_sample) == (10, 7)
    whole = await client.projects.update(_policy(high_priority_above=9), ["review_policy"])
    policy = whole.settings.review_policy
    assert (policy.high_priority_above, policy.minimum_sample, policy.negative_rate_threshold) == (9, 3, 0.3)
    age = pb.ProjectSettings(redaction=pb.Redaction(disabled=True))
    age.retention.feedback_age.FromTimedelta(timedelta(days=30))
    kept = await client.projects.update(age, ["retention", "redaction.disabled"])
    assert kept.settings.retention.feedback_age.ToTimedelta() == timedelta(days=30)
    assert kept.settings.redaction.disabled
    assert kept.settings.review_policy.high_priority_above == 9
    forever = await client.projects.update(pb.ProjectSettings(), ["retention.feedback_age"])
    assert not forever.settings.retention.HasField("feedback_age")
    assert await client.projects.get() == forever


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"window_size": 0}, {"window_size"}),
        ({"window_size": 101}, {"window_size"}),
        ({"minimum_sample": 0}, {"minimum_sample"}),
        ({"negative_rate_threshold": 1.1}, {"negative_rate_threshold"}),
        ({"negative_rate_threshold": float("nan")}, {"negative_rate_threshold"}),
        ({"high_priority_above": -1}, {"high_priority_above"}),
        ({"no_change_margin": 0.0}, {"no_change_margin"}),
        ({"vote_policy": 77}, {"vote_policy"}),
        ({"window_size": 0, "minimum_sample": 101}, {"window_size", "minimum_sample"}),
    ],
)
def test_a_setting_out_of_bounds_is_named(values: dict[str, object], wrong: set[str]) -> None:
    checks = Checks()
    paths = [f"review_policy.{name}" for name in values]
    checks.check_masked("settings", _policy(**values), paths)
    assert {violation.field for violation in checks.violations} == {f"settings.review_policy.{name}" for name in wrong}


async def test_a_refused_update_names_every_wrong_field_and_changes_nothing(client: Client) -> None:
    before = await client.projects.get()
    assert await _wrong_fields(_set(client, window_size=0, minimum_sample=101)) == {
        "settings.review_policy.window_size",
        "settings.review_policy.minimum_sample",
    }
    with pytest.raises(UptakeError) as caught:
        await _set(client, minimum_sample=11)
    ((field, description),) = caught.value.field_violations
    assert (field, description) == ("settings.review_policy", "minimum_sample must not be above window_size")
    assert await _wrong_fields(client.projects.update(_policy(window_size=5), [])) == {"update_mask"}
    assert await _wrong_fields(client.projects.update(_policy(window_size=5), ["nonsense", "review_policy."])) == {
        "update_mask"
    }
    short = pb.ProjectSettings()
    short.retention.feedback_age.FromTimedelta(timedelta(hours=1))
    assert await _wrong_fields(client.projects.update(short, ["retention"])) == {"settings.retention.feedback_age"}
    assert await client.projects.get() == before


async def test_of_two_who_read_the_same_settings_one_changes_them(client: Client) -> None:
    for size in (20, 30):
        etag = (await client.projects.get()).etag
        outcomes = await asyncio.gather(
            *(
                client.projects.update(_policy(window_size=size + n), ["review_policy.window_size"], etag=etag)
                for n in range(2)
            ),
            return_exceptions=True,
        )
        (lost,) = [outcome for outcome in outcomes if isinstance(outcome, UptakeError)]
        assert (lost.code, lost.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        (won,) = [outcome for outcome in outcomes if isinstance(outcome, pb.Project)]
        assert won.etag != etag
        assert await client.projects.get() == won


async def test_an_update_repeated_with_its_request_id_is_made_once(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = ProjectServiceStub(channel)
        request = pb.UpdateProjectRequest(
            settings=_policy(window_size=20),
            update_mask=FieldMask(paths=["review_policy.window_size"]),
            etag=(await service.client.projects.get()).etag,
            request_id="r",
        )
        first = (await stub.UpdateProject(request)).project
        assert (await stub.UpdateProject(request)).project == first
        later = await _set(service.client, window_size=30)
        assert (await stub.UpdateProject(request)).project == later
        request.settings.review_policy.window_size = 40
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.UpdateProject(request)
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert await service.client.projects.get() == later


async def test_projects_are_listed_by_id_a_page_at_a_time(service: Service) -> None:
    for name in ("b", "a", "c"):
        async with Client(service.address, project=name) as client:
            await client.collect(thumbs_up("i", query=QUERY))
    await _set(service.client, window_size=20)
    pages = [page async for page in service.client.projects.list(page_size=3).pages()]
    assert [[project.id for project in page.projects] for page in pages] == [["a", "b", "c"], ["default"]]
    assert pages[-1].next_page_token == ""
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ProjectServiceStub(channel).ListProjects(pb.ListProjectsRequest(page_token="x"))  # noqa: S106
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_policy_decides_what_the_trigger_does_in_its_project_alone(service: Service) -> None:
    await _set(service.client, window_size=4, minimum_sample=2, negative_rate_threshold=0.5, high_priority_above=2)
    async with Client(service.address, project="untouched") as other:
        for client in (service.client, other):
            await client.collect(thumbs_up("g", query=QUERY))
            await client.collect(thumbs_down("b0", query=QUERY))
            assert await _reviews(client) == []  # Half is not above a half; two are not three.
            for number in range(1, 6):
                await client.collect(thumbs_down(f"b{number}", query=QUERY))
        (mine,), (theirs,) = await _reviews(service.client), await _reviews(other)
    assert (mine.sample_size, mine.negative_rate, mine.priority) == (4, 1, review_pb2.REVIEW_PRIORITY_HIGH)
    assert (theirs.sample_size, theirs.priority) == (7, review_pb2.REVIEW_PRIORITY_HIGH)


async def test_without_a_quiet_period_a_dismissed_pattern_opens_at_the_next_bad_feedback(client: Client) -> None:
    settings = pb.ProjectSettings()
    settings.review_policy.dismissal_quiet_period.FromTimedelta(timedelta(0))
    await client.projects.update(settings, ["review_policy.dismissal_quiet_period"])
    for number in range(3):
        await client.collect(thumbs_down(f"a{number}", query=QUERY))
    (review,) = await _reviews(client)
    await (await client.reviews.claim(review.id, "ann")).dismiss()
    await client.collect(thumbs_down("b", query=QUERY))
    assert len(await _reviews(client)) == 2
