"""Stopping in the midst of calls: the database is closed when nothing uses it any more."""

import asyncio

import grpc
import pytest
from uptake.v1 import project_pb2
from uptake.v1.project_pb2_grpc import ProjectServiceStub
from uptake_service.domain.project import Project
from uptake_service.projects.store import ProjectStore
from uptake_service.rpc.calls import RunningCalls

from tests.conftest import StartService


async def test_the_database_waits_for_calls_that_were_cancelled_in_the_midst_of_a_write(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start_service(drain_seconds=0)
    notes = service.mongo.collection("notes")
    begun, outcomes = asyncio.Event(), []

    async def slow(self: ProjectStore, id: str) -> Project:
        begun.set()
        try:
            return await asyncio.Future()
        finally:
            try:
                for number in range(20):
                    await notes.insert({"_id": number})
                outcomes.append("written")
            except Exception as error:  # noqa: BLE001  Whatever it is, the test tells it.
                outcomes.append(repr(error))

    monkeypatch.setattr(ProjectStore, "get", slow)
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = ProjectServiceStub(channel).GetProject(project_pb2.GetProjectRequest())
        await begun.wait()
        await service.app.stop()
        assert outcomes == ["written"]
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_a_call_that_does_not_end_is_given_up_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    calls, begun, release = RunningCalls(), asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        calls.note("/uptake.v1.ProjectService/GetProject")
        begun.set()
        await release.wait()

    call = asyncio.create_task(answer())
    await begun.wait()
    await calls.ended(0)
    assert "still running at the end: /uptake.v1.ProjectService/GetProject" in caplog.text
    caplog.clear()
    release.set()
    await calls.ended(10)
    assert call.done()
    assert caplog.text == ""
