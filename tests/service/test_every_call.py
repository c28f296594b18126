"""What every call promises, and what the server tells of itself."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from uptake.v1 import (
    feedback_pb2,
    insight_pb2,
)
from uptake_service.api.corrections import CorrectionServicer
from uptake_service.api.feedback import FeedbackServicer
from uptake_service.api.insights import InsightServicer
from uptake_service.api.issues import IssueServicer
from uptake_service.api.projects import ProjectServicer
from uptake_service.api.reviews import ReviewServicer
from uptake_service.app.calls import SERVICES
from uptake_service.feedback.store import FeedbackStore
from uptake_service.projections.rollups import RollupStore

from tests.conftest import Service
from tests.contract import METHODS
from tests.processes import in_time

SERVICERS: dict[str, type] = {
    "uptake.v1.FeedbackService": FeedbackServicer,
    "uptake.v1.ReviewService": ReviewServicer,
    "uptake.v1.InsightService": InsightServicer,
    "uptake.v1.IssueService": IssueServicer,
    "uptake.v1.CorrectionService": CorrectionServicer,
    "uptake.v1.ProjectService": ProjectServicer,
}


def test_every_method_of_the_contract_is_answered_by_a_method_of_ours() -> None:
    assert set(SERVICERS) == set(SERVICES)
    missing = [
        method.full_name
        for method in METHODS
        if method.name not in vars(SERVICERS[method.containing_service.full_name])
    ]
    assert missing == []


async def test_an_unknown_method_is_unimplemented(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/uptake.v1.InsightService/Guess", bytes)(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def call(channel: grpc.aio.Channel, method: MethodDescriptor) -> grpc.aio.AioRpcError:
    """Calls a method with an empty request; returns its error."""
    request = message_factory.GetMessageClass(method.input_type)
    options: dict[str, Any] = {
        "request_serializer": request.SerializeToString,
        "response_deserializer": message_factory.GetMessageClass(method.output_type).FromString,
    }
    path = f"/{method.containing_service.full_name}/{method.name}"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with in_time(f"the answer of {method.name}"):
            if method.client_streaming:
                await channel.stream_stream(path, **options)(iter(())).read()
            elif method.server_streaming:
                await channel.unary_stream(path, **options)(request()).read()
            else:
                await channel.unary_unary(path, **options)(request())
    return caught.value


def error_infos(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    """Reason and domain of each ErrorInfo in the status details."""
    found = []
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    found.append((info.reason, info.domain))
    return found


async def test_what_breaks_inside_stays_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret-7f3a at mongodb://admin:pass@db")

    monkeypatch.setattr(RollupStore, "by_start", broken)
    monkeypatch.setattr(FeedbackStore, "page", broken)
    async with grpc.aio.insecure_channel(service.address) as channel:
        for method in (
            insight_pb2.DESCRIPTOR.services_by_name["InsightService"].methods_by_name["GetInsights"],
            insight_pb2.DESCRIPTOR.services_by_name["InsightService"].methods_by_name["SubscribeInsights"],
            feedback_pb2.DESCRIPTOR.services_by_name["FeedbackService"].methods_by_name["ListFeedback"],
        ):
            caplog.clear()
            error = await call(channel, method)

            assert error.code() is grpc.StatusCode.INTERNAL
            assert error_infos(error) == [("INTERNAL", "uptake")]
            told = f"{error.details()} {error.debug_error_string()} {list(error.trailing_metadata())}"
            for inner in ("secret-7f3a", "mongodb", "RuntimeError", "Traceback", ".py"):
                assert inner not in told
            # The log has it, under the id that the caller was told.
            (record,) = [each for each in caplog.records if each.name == "uptake.calls"]
            assert "secret-7f3a" in caplog.text
            assert record.call_id in (error.details() or "")  # type: ignore[attr-defined]


async def test_reflection_lists_the_services(service: Service) -> None:
    def ask() -> tuple[set[str], set[str]]:
        with grpc.insecure_channel(service.address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            file = database.FindFileContainingSymbol("uptake.v1.InsightService")
            return set(database.get_services()), {method.name for each in file.service for method in each.method}

    services, methods = await asyncio.to_thread(ask)

    assert {name for name in services if name.startswith("uptake.")} == set(SERVICERS)
    assert "grpc.health.v1.Health" in services
    assert methods == {method.name for method in METHODS if method.containing_service.name == "InsightService"}


async def test_health_is_told_per_service(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", *SERVICERS):
            status = (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status
            assert status == health_pb2.HealthCheckResponse.SERVING, name
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="uptake.v1.NoService"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
