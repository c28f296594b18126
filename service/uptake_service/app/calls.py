"""The gRPC server: what answers calls, and what stands before it."""

from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_reflection.v1alpha import reflection
from uptake.v1 import (
    correction_pb2,
    correction_pb2_grpc,
    feedback_pb2,
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

from uptake_service.api.corrections import CorrectionServicer
from uptake_service.api.feedback import FeedbackServicer
from uptake_service.api.insights import InsightServicer
from uptake_service.api.issues import IssueServicer
from uptake_service.api.projects import ProjectServicer
from uptake_service.api.reviews import ReviewServicer
from uptake_service.api.snapshots import Snapshots
from uptake_service.app.build import Base, ErasureParts, InsightParts, Parts
from uptake_service.auth.authenticator import Authenticator
from uptake_service.auth.keys import KeyStore
from uptake_service.config import Settings
from uptake_service.ingest.intake import Intake
from uptake_service.ingest.streaming import FeedbackStreams
from uptake_service.insights.live import Live
from uptake_service.patterns.similar import SimilarFeedback
from uptake_service.ports import cannot_listen
from uptake_service.rpc.acceptor import CallAcceptor
from uptake_service.rpc.arrival import Arrivals
from uptake_service.rpc.calls import Admission, CallInterceptor, RunningCalls
from uptake_service.rpc.health import Health
from uptake_service.rpc.inflight import BytesInFlight
from uptake_service.rpc.limits import LimitInterceptor, ReadLimiter, ReadLimits, StreamLimiter
from uptake_service.rpc.rules import warm

_SERVICES = tuple(
    file.DESCRIPTOR.services_by_name[name]
    for file, name in (
        (feedback_pb2, "FeedbackService"),
        (review_pb2, "ReviewService"),
        (insight_pb2, "InsightService"),
        (issue_pb2, "IssueService"),
        (correction_pb2, "CorrectionService"),
        (project_pb2, "ProjectService"),
    )
)
SERVICES = tuple(service.full_name for service in _SERVICES)

_LONGEST_READ = 0.9
"""The share of the database's time-out that a statement of a read may take."""
_PENDING_CALLS = 100_000
_CALLED_MOST = "/uptake.v1.FeedbackService/CollectFeedback"


def warm_rules() -> None:
    """Compiles the rules of all requests."""
    warm(method.input_type for service in _SERVICES for method in service.methods)


class CallServer:
    """Answers calls, once it is started.

    Attributes:
        port: Where it listens; 0 before it does.
        arrivals: The messages that are waited for.
        running: The calls that are being answered.
        live: The subscriptions to insights.
    """

    def __init__(
        self,
        base: Base,
        parts: Parts,
        intake: Intake,
        insights: InsightParts,
        erasure: ErasureParts,
        health: Health,
        credentials: grpc.ServerCredentials | None,
    ) -> None:
        self._base = base
        self._credentials = credentials
        self._intake = intake
        self.port = 0
        self.running = RunningCalls()
        settings = base.settings
        self.arrivals = Arrivals(base.metrics, settings.arrival_seconds, settings.memory_limit_mib * 1024 * 1024)
        self._reads = self._build_reads()
        interceptors = self._build_interceptors()
        self._server = grpc.aio.server(interceptors=interceptors, options=_options(settings))
        self._accepting = CallAcceptor(self._server, interceptors, fast=settings.fast_accept)
        snapshots = Snapshots(insights.store)
        self.live = Live(insights.numbers, snapshots.update, parts.broadcaster, base.writers, base.requests.secret.sign)
        self._add_servicers(parts, insights, snapshots, erasure)
        health_pb2_grpc.add_HealthServicer_to_server(health.servicer, self._handlers)
        reflection.enable_server_reflection((*SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME), self._server)

    @property
    def _handlers(self) -> grpc.aio.Server:
        # Of a server, generated code uses no more than this has.
        return cast(grpc.aio.Server, self._accepting)

    def listen(self) -> None:
        """Takes the port.

        Raises:
            StartupError: It is taken.
        """
        settings = self._base.settings
        address = f"{settings.host}:{settings.port}"
        try:
            if self._credentials is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, self._credentials)
        except RuntimeError:
            raise cannot_listen(settings.host, settings.port) from None

    async def start(self) -> None:
        """Begins to answer."""
        metrics = self._base.metrics
        await self._accepting.start(_CALLED_MOST, self._intake.refusal, metrics.calls(_CALLED_MOST))

    async def stop(self) -> None:
        """Takes no more calls, and lets those that run end for some seconds."""
        await self._server.stop(self._base.settings.drain_seconds)
        # What it cancels at the end of the drain may still be in the midst of a write: the database waits for it.
        await self.running.ended(2 * self._base.settings.database_timeout_seconds)

    def close(self) -> None:
        """Ends the threads of reads; after `stop`."""
        self._reads.close()

    def _build_reads(self) -> ReadLimiter:
        settings = self._base.settings
        return ReadLimiter(
            self._base.metrics,
            lambda: self._intake.behind,
            ReadLimits(
                at_once=settings.reads_at_once,
                at_once_each=settings.reads_at_once_per_caller,
                costly_at_once=settings.costly_reads_at_once,
                waiting=settings.reads_waiting,
                waiting_each=max(settings.reads_waiting // 4, 1),
                patience_seconds=settings.read_patience_seconds,
                budget_seconds=settings.read_budget_seconds,
                # The database is to say that it is too long, before the driver takes it for one that does not answer.
                longest_seconds=settings.database_timeout_seconds * _LONGEST_READ,
            ),
        )

    def _build_interceptors(self) -> tuple[grpc.aio.ServerInterceptor, ...]:
        base, settings, metrics = self._base, self._base.settings, self._base.metrics
        gate = Authenticator(KeyStore(base.mongo, base.clock), metrics, required=settings.keys_required)
        in_flight = BytesInFlight(metrics, settings.bytes_in_flight)
        door = Admission(gate, in_flight, self.arrivals, settings.max_message_mib * 1024 * 1024)
        streams = StreamLimiter(metrics, most=settings.streams, most_each=settings.streams_per_caller)
        metrics.bytes_in_flight.set_function(lambda: in_flight.held)
        metrics.messages_awaited.set_function(lambda: self.arrivals.waiting)
        metrics.reads_running.set_function(lambda: self._reads.running)
        metrics.reads_waiting.set_function(lambda: self._reads.waiting)
        metrics.streams_open.set_function(lambda: streams.open)
        return (
            CallInterceptor(self.running, door, metrics, base.tracing),
            LimitInterceptor(self._reads, streams),
        )

    def _add_servicers(self, parts: Parts, insights: InsightParts, snapshots: Snapshots, erasure: ErasureParts) -> None:
        base, of, issues, corrections = self._base, parts.feedback, parts.issues, parts.corrections
        feedback = FeedbackServicer(
            self._intake,
            of.feedback,
            of.pattern_store,
            SimilarFeedback(of.feedback, of.patterns),
            FeedbackStreams(self._intake, base.shutdown, base.settings.stream_window),
            erasure.eraser,
            base.requests,
            base.clock,
            base.settings.future_tolerance_seconds,
        )
        reviews = ReviewServicer(
            parts.reviews.store,
            parts.reviews.workflow,
            of.patterns,
            of.feedback,
            corrections.resolution,
            parts.reviews.subscriptions,
            base.requests,
            base.clock,
        )
        insight = InsightServicer(insights.numbers, snapshots, issues.runner, self.live, base.requests, base.clock)
        issue = IssueServicer(insights.store, insights.numbers, issues.view, issues.decisions, base.requests)
        correction = CorrectionServicer(
            corrections.store, corrections.workflow, corrections.knowledge, corrections.instructions, base.requests
        )
        project = ProjectServicer(of.projects, base.audit, base.requests)
        # Ours take a `Call` where gRPC's take its context.
        feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(cast(Any, feedback), self._handlers)
        review_pb2_grpc.add_ReviewServiceServicer_to_server(cast(Any, reviews), self._handlers)
        insight_pb2_grpc.add_InsightServiceServicer_to_server(cast(Any, insight), self._handlers)
        issue_pb2_grpc.add_IssueServiceServicer_to_server(cast(Any, issue), self._handlers)
        correction_pb2_grpc.add_CorrectionServiceServicer_to_server(cast(Any, correction), self._handlers)
        project_pb2_grpc.add_ProjectServiceServicer_to_server(cast(Any, project), self._handlers)


def _options(settings: Settings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_message_mib * 1024 * 1024),
        ("grpc.max_concurrent_streams", settings.streams_per_connection),
        ("grpc.max_allowed_incoming_connections", settings.connections),
        # Of a message that nobody asked for yet, 64 KiB are taken in; probing the bandwidth makes that 4 MiB.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_send_message_length", 64 * 1024 * 1024),
        # Clients ping idle connections every 30 s; gRPC's default would end them for it.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # A client that vanished without a word is noticed, and its streams end.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Under overload it is the service that refuses, with a reason; gRPC would cancel what waits for it.
        ("grpc.server.max_pending_requests", _PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _PENDING_CALLS),
        # A second process on the port must fail, not take half of the calls.
        ("grpc.so_reuseport", 0),
    ]
