"""Traces: from a caller's span over the call to the commit and what came of it; nothing of what users say."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import feedback_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake_service.domain.errors import StartupError
from uptake_service.telemetry.export import provider_from_environment
from uptake_service.telemetry.tracing import Tracing

from tests.conftest import StartService
from tests.processes import eventually, serving

COLLECT = "uptake.v1.FeedbackService/CollectFeedback"
MARKER = "zanzibar"
"""Stands in everything that users say."""


class Traces:
    """The spans that a service ended."""

    def __init__(self, sampled: float = 1.0) -> None:
        self._ended = InMemorySpanExporter()
        self._provider = TracerProvider(sampler=TraceIdRatioBased(sampled), shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self._ended))
        self.tracing = Tracing(self._provider)

    def all(self) -> list[ReadableSpan]:
        return list(self._ended.get_finished_spans())

    async def named(self, name: str, count: int = 1) -> list[ReadableSpan]:
        """The spans with this name, once there are so many."""

        def found() -> list[ReadableSpan]:
            return [span for span in self.all() if span.name == name]

        await eventually(lambda: len(found()) >= count, f"{count} spans named {name}")
        assert len(found()) == count
        return found()

    def shutdown(self) -> None:
        self._provider.shutdown()


@pytest.fixture
def traces() -> Iterator[Traces]:
    made = Traces()
    yield made
    made.shutdown()


def linked(span: ReadableSpan) -> set[int]:
    return {link.context.span_id for link in span.links}


async def test_a_call_its_commit_and_the_trigger_are_one_trace(start_service: StartService, traces: Traces) -> None:
    service = await start_service(tracing=traces.tracing)

    await service.client.collect(thumbs_down("one", query="Where is it?"))

    (call,), (commit,), (trigger,) = [await traces.named(name) for name in (COLLECT, "commit", "trigger")]
    assert call.kind is SpanKind.SERVER
    assert dict(call.attributes or {}) == {
        "rpc.system": "grpc",
        "rpc.service": "uptake.v1.FeedbackService",
        "rpc.method": "CollectFeedback",
        "rpc.grpc.status_code": 0,
    }
    assert call.parent is None
    assert commit.parent is not None and commit.parent.span_id == call.context.span_id
    assert linked(commit) == {call.context.span_id}
    assert linked(call) == {commit.context.span_id}
    assert trigger.parent is not None and trigger.parent.span_id == commit.context.span_id
    assert {span.context.trace_id for span in (call, commit, trigger)} == {call.context.trace_id}


async def test_a_call_continues_its_callers_trace(start_service: StartService, traces: Traces) -> None:
    service = await start_service(tracing=traces.tracing)
    trace_id, span_id = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
    metadata = (("traceparent", f"00-{trace_id:032x}-{span_id:016x}-01"),)

    async with grpc.aio.insecure_channel(service.address) as channel:
        request = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("one"))
        await FeedbackServiceStub(channel).CollectFeedback(request, metadata=metadata)

    (call,), (commit,) = await traces.named(COLLECT), await traces.named("commit")
    assert call.context.trace_id == commit.context.trace_id == trace_id
    assert call.parent is not None and call.parent.span_id == span_id


async def test_a_commit_is_linked_with_every_call_in_it(start_service: StartService, traces: Traces) -> None:
    service = await start_service(tracing=traces.tracing)

    await asyncio.gather(*(service.client.collect(thumbs_down(f"i{n}")) for n in range(20)))

    calls = await traces.named(COLLECT, 20)
    commits = [span for span in traces.all() if span.name == "commit"]
    assert set().union(*map(linked, commits)) == {call.context.span_id for call in calls}
    sizes: list[Any] = [span.attributes["uptake.batch_size"] for span in commits if span.attributes]
    assert sum(sizes) == 20
    by_id = {span.context.span_id: span for span in commits}
    for call in calls:
        (commit_id,) = linked(call)
        assert call.context.span_id in linked(by_id[commit_id])


async def test_a_stream_is_linked_with_the_commits_of_what_it_brought(
    start_service: StartService, traces: Traces
) -> None:
    service = await start_service(tracing=traces.tracing)

    async def source() -> AsyncIterator[feedback_pb2.CollectFeedbackRequest]:
        for n in range(5):
            yield feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down(f"i{n}"), request_id=f"r{n}")

    answers = [answer async for answer in service.client.feedback.stream(source())]

    assert len(answers) == 5
    (call,) = await traces.named("uptake.v1.FeedbackService/StreamFeedback")
    commits = {span.context.span_id for span in traces.all() if span.name == "commit"}
    assert linked(call) == commits


async def test_clustering_is_a_span_of_the_call_that_asked_for_it(start_service: StartService, traces: Traces) -> None:
    service = await start_service(tracing=traces.tracing)
    # Of a project that does not exist nothing is looked for.
    await service.client.collect(thumbs_down("i", query="Why?"))

    await service.client.insights.get(refresh_issues=True)

    (run_,), (call,) = await traces.named("clustering"), await traces.named("uptake.v1.InsightService/GetInsights")
    assert run_.parent is not None and run_.parent.span_id == call.context.span_id


async def test_an_error_is_told_without_what_users_said(start_service: StartService, traces: Traces) -> None:
    service = await start_service(tracing=traces.tracing)
    await service.client.collect(thumbs_down(MARKER, query=MARKER, comment=MARKER, user_id=MARKER))
    with pytest.raises(UptakeError):
        await service.client.reviews.get(MARKER)

    (call,) = await traces.named("uptake.v1.ReviewService/GetReview")

    assert dict(call.attributes or {})["uptake.reason"] == "REVIEW_NOT_FOUND"
    assert dict(call.attributes or {})["rpc.grpc.status_code"] == 5
    # It is the caller's error, not the service's.
    assert call.status.status_code is StatusCode.UNSET
    assert MARKER not in "".join(span.to_json() for span in traces.all())


async def test_what_is_not_sampled_makes_no_spans(start_service: StartService) -> None:
    traces = Traces(sampled=0.0)
    service = await start_service(tracing=traces.tracing)

    await service.client.collect(thumbs_down("one"))

    assert traces.all() == []
    traces.shutdown()


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_traces_are_off_unless_asked_for(plain_environment: pytest.MonkeyPatch) -> None:
    assert provider_from_environment() is None

    plain_environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317")
    plain_environment.setenv("OTEL_TRACES_EXPORTER", "none")
    assert provider_from_environment() is None


def test_another_exporter_or_protocol_is_told(plain_environment: pytest.MonkeyPatch) -> None:
    plain_environment.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(StartupError, match="OTEL_TRACES_EXPORTER"):
        provider_from_environment()

    plain_environment.setenv("OTEL_TRACES_EXPORTER", "otlp")
    plain_environment.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    with pytest.raises(StartupError, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        provider_from_environment()


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans in by OTLP, as what people run to gather traces does."""

    def __init__(self) -> None:
        self.spans: dict[str, str] = {}
        """Names of spans, with the name of the service that sent each."""

    async def Export(  # noqa: N802
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            about = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans |= {span.name: about["service.name"] for span in scope.spans}
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_a_service_that_ends_has_sent_its_spans(plain_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    collector, server = Collector(), grpc.aio.server()
    # Generated code without types.
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("localhost:0")
    await server.start()
    plain_environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://localhost:{port}")

    async with serving(tmp_path / "data") as service, Client(service.address) as client:
        await client.collect(thumbs_down("one"))
        service.terminate()
        assert await service.ended() == 0

    await server.stop(0)
    assert collector.spans == {COLLECT: "uptake", "commit": "uptake", "trigger": "uptake"}
