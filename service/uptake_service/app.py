"""The composition root: builds every part, starts, drains, stops. The only file that knows all parts."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from functools import partial
from typing import cast

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
    project_pb2,
    project_pb2_grpc,
    review_pb2,
    review_pb2_grpc,
)

from uptake_service.audit.log import AuditLog
from uptake_service.auth.gate import Gate
from uptake_service.auth.keys import KeyStore
from uptake_service.auth.tls import server_credentials
from uptake_service.clock import Clock
from uptake_service.config import Settings
from uptake_service.corrections.counts import VoteCounts
from uptake_service.corrections.instructions import InstructionStore
from uptake_service.corrections.knowledge import KnowledgeStore
from uptake_service.corrections.measuring import Measuring
from uptake_service.corrections.servicer import CorrectionServicer
from uptake_service.corrections.store import CorrectionStore
from uptake_service.erasure.derived import DerivedWords
from uptake_service.erasure.eraser import ERASURES_JOB, Eraser
from uptake_service.erasure.removing import Removing
from uptake_service.erasure.retention import RETENTION_JOB, Retention
from uptake_service.errors import DatabaseUnavailable, StartupError, WriteRefused
from uptake_service.feedback.folding import Folding
from uptake_service.feedback.intake import Intake
from uptake_service.feedback.model import CorrectionKind
from uptake_service.feedback.servicer import FeedbackServicer
from uptake_service.feedback.similar import SimilarFeedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.feedback.streaming import FeedbackStreams
from uptake_service.insights.issues.decisions import IssueDecisions
from uptake_service.insights.issues.joining import Joining
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.insights.issues.runner import ISSUES_JOB, IssueRunner
from uptake_service.insights.issues.store import IssueStore
from uptake_service.insights.issues.view import IssueView
from uptake_service.insights.live import Live
from uptake_service.insights.opportunities import Opportunities
from uptake_service.insights.rollups import RollupStore
from uptake_service.insights.servicer import InsightServicer
from uptake_service.insights.store import InsightStore
from uptake_service.insights.totals import PatternTotals
from uptake_service.jobs import Jobs
from uptake_service.live.feeds import Feeds
from uptake_service.live.shutdown import Shutdown
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import EmbeddedDatabase, EmbeddedDatabaseError
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.journal import Journal
from uptake_service.mongo.leases import Leases, Writers, WriterSlot
from uptake_service.mongo.requests import RequestRecords
from uptake_service.patterns.embed import WordLlamaEmbedder
from uptake_service.patterns.store import Patterns
from uptake_service.projects.servicer import ProjectServicer
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.marks import Marks
from uptake_service.reviews.recent import RecentFeedback
from uptake_service.reviews.servicer import ReviewServicer
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.trigger import Trigger
from uptake_service.reviews.watch import ReviewWatch
from uptake_service.rpc.accepting import Accepting
from uptake_service.rpc.calls import CallInterceptor, RunningCalls
from uptake_service.rpc.health import Health
from uptake_service.telemetry.endpoint import Endpoint
from uptake_service.telemetry.export import provider_from_environment
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger("uptake")

SERVICES = tuple(
    file.DESCRIPTOR.services_by_name[name].full_name
    for file, name in (
        (feedback_pb2, "FeedbackService"),
        (review_pb2, "ReviewService"),
        (insight_pb2, "InsightService"),
        (correction_pb2, "CorrectionService"),
        (project_pb2, "ProjectService"),
    )
)

_SWEEP_JOB = "sweep"
_MEASURE_JOB = "verdicts"
_SWEEP_AT_ONCE = 200
_FOLD_SECONDS = 0.5
_PENDING_CALLS = 100_000
_CALLED_MOST = "/uptake.v1.FeedbackService/CollectFeedback"
_HEALTH_SECONDS = 2.0


class App:
    """One process of the service."""

    def __init__(self, settings: Settings, clock: Clock | None = None, tracing: Tracing | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._tracing = tracing or Tracing()
        self._cleanup = contextlib.AsyncExitStack()
        self.mongo: Mongo
        self.feeds: Feeds
        self.measuring: Measuring
        self.recent: RecentFeedback
        self.folding: Folding
        self.port = 0
        self.metrics_port = 0
        self._metrics = Metrics()

    async def start(self) -> None:
        """Starts everything; returns when calls are answered.

        Raises:
            StartupError: It cannot start; nothing is left running.
        """
        try:
            await self._start()
        except BaseException:
            await self._cleanup.aclose()
            raise

    async def stop(self) -> None:
        """Stops taking calls, lets running ones end, commits what waits, closes the database."""
        await self._cleanup.aclose()

    async def _start(self) -> None:
        settings, clock, metrics = self._settings, self._clock, self._metrics
        # Loading the model is the longest part of starting, so it goes beside the database.
        embedder_loading = asyncio.create_task(asyncio.to_thread(WordLlamaEmbedder))
        self._cleanup.callback(embedder_loading.cancel)
        mongo = self.mongo = await open_database(settings, self._cleanup)
        jobs, shutdown = Jobs(), Shutdown()
        events = EventLog(mongo, settings.event_retention_days)
        requests = RequestRecords(mongo)
        projects = ProjectStore(mongo, clock, requests, settings.request_retention_days)
        rollups = RollupStore(mongo)
        feedback = FeedbackStore(mongo, clock)
        marks = Marks(mongo)
        reviews = ReviewStore(mongo, clock, events, requests, settings.request_retention_days)
        issues = IssueStore(mongo, clock, events, requests, settings.request_retention_days)
        members = IssueMembers(mongo)
        audit = AuditLog(mongo, clock)
        try:
            stores = (events, requests, rollups, feedback, marks, reviews, issues, members, audit)
            await asyncio.gather(*(store.open() for store in stores))
            embedder = await embedder_loading
            patterns = Patterns(mongo, embedder, settings.pattern_threshold)
            knowledge = KnowledgeStore(mongo, embedder)
            instructions = InstructionStore(mongo)
            counts = VoteCounts(feedback, rollups)
            corrections = CorrectionStore(
                mongo,
                clock,
                events,
                requests,
                projects,
                feedback,
                reviews,
                counts,
                {CorrectionKind.KNOWLEDGE: knowledge, CorrectionKind.BEHAVIOR: instructions},
                settings.request_retention_days,
            )
            await asyncio.gather(*(store.open() for store in (patterns, knowledge, instructions, corrections)))
        except (DatabaseUnavailable, WriteRefused) as error:
            raise StartupError(f"the database cannot be used: {error}") from error
        folding = self.folding = Folding(mongo, Journal(mongo), rollups, patterns)
        slot = WriterSlot(mongo, settings.writer_lease_seconds)
        leases = Leases(mongo)
        joining = Joining(mongo, issues, members, feedback, embedder)
        runner = IssueRunner(
            mongo,
            clock,
            leases,
            projects,
            rollups,
            issues,
            members,
            joining,
            metrics,
            self._tracing,
            seed=settings.issue_seed,
            event_retention_days=settings.event_retention_days,
            request_retention_days=settings.request_retention_days,
        )
        recent = self.recent = RecentFeedback(mongo, feedback, patterns)
        trigger = Trigger(clock, feedback, recent, patterns, projects, marks, reviews, events)
        intake = Intake(
            mongo,
            slot,
            feedback,
            patterns,
            folding,
            requests,
            projects,
            marks,
            recent,
            reviews,
            joining,
            trigger,
            audit,
            metrics,
            self._tracing,
            queue_size=settings.queue_size,
            batch_size=settings.batch_size,
            heartbeat_seconds=settings.writer_lease_seconds / 3,
        )
        writers = Writers(mongo)
        issue_view = IssueView(issues, members)
        insights = InsightStore(
            clock,
            rollups,
            feedback,
            reviews,
            corrections,
            issue_view,
            Opportunities(PatternTotals(mongo, rollups), feedback, patterns, reviews),
            events,
            writers,
        )
        decisions = IssueDecisions(issues, members, feedback, embedder)
        feeds = self.feeds = Feeds(
            events, shutdown, clock, metrics, settings.subscriber_backlog, settings.subscriber_patience_seconds
        )
        live = Live(insights, feeds, writers)
        measuring = self.measuring = Measuring(mongo, clock, feedback, counts, corrections, reviews, events, writers)

        removing = Removing(intake, feedback, members)
        retention = Retention(mongo, clock, leases, projects, feedback, removing)
        eraser = Eraser(
            mongo,
            clock,
            feedback,
            removing,
            DerivedWords(feedback, patterns, issues, members, runner, corrections),
            requests,
            leases,
            settings.request_retention_days,
        )

        health = Health(mongo, SERVICES, metrics)
        metrics.intake_waiting.set_function(lambda: intake.waiting)
        metrics.subscribers.set_function(feeds.followers)
        metrics.change_stream_silent_seconds.set_function(feeds.silent_seconds)
        for job in (_SWEEP_JOB, _MEASURE_JOB, ISSUES_JOB, ERASURES_JOB, RETENTION_JOB):
            metrics.leases_held.labels(job).set_function(partial(leases.held, job))
        if settings.metrics_port is not None:
            endpoint = Endpoint(metrics.registry, lambda: health.ready)
            await endpoint.start(settings.metrics_host, settings.metrics_port)
            self._cleanup.push_async_callback(endpoint.stop)
            self.metrics_port = endpoint.port

        calls, gate = RunningCalls(), Gate(KeyStore(mongo, clock), required=settings.keys_required)
        interceptors = (CallInterceptor(calls, gate, metrics, self._tracing),)
        server = grpc.aio.server(
            interceptors=interceptors,
            options=[
                ("grpc.max_receive_message_length", settings.max_message_mib * 1024 * 1024),
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
            ],
        )
        accepting = Accepting(server, interceptors)
        # Of a server, generated code uses no more than this has.
        handlers = cast(grpc.aio.Server, accepting)
        feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(
            FeedbackServicer(
                intake,
                feedback,
                SimilarFeedback(feedback, patterns),
                FeedbackStreams(intake, shutdown, settings.stream_window),
                eraser.erase,
                requests,
                clock,
                settings.future_tolerance_seconds,
            ),
            handlers,
        )
        review_pb2_grpc.add_ReviewServiceServicer_to_server(
            ReviewServicer(
                reviews, patterns, feedback, corrections, ReviewWatch(reviews, patterns, feeds), requests, clock
            ),
            handlers,
        )
        insight_pb2_grpc.add_InsightServiceServicer_to_server(
            InsightServicer(insights, issue_view, decisions, runner, live, requests, clock), handlers
        )
        correction_pb2_grpc.add_CorrectionServiceServicer_to_server(
            CorrectionServicer(corrections, knowledge, instructions, requests), handlers
        )
        project_pb2_grpc.add_ProjectServiceServicer_to_server(ProjectServicer(projects, audit, requests), handlers)
        health_pb2_grpc.add_HealthServicer_to_server(health.servicer, handlers)
        reflection.enable_server_reflection((*SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
        credentials, address = server_credentials(settings), f"{settings.host}:{settings.port}"
        try:
            if credentials is None:
                self.port = server.add_insecure_port(address)
            else:
                self.port = server.add_secure_port(address, credentials)
        except RuntimeError:
            raise StartupError(
                f"cannot listen on {settings.host}:{settings.port}: the port is taken, or the address is not "
                "this machine's; set UPTAKE_PORT or UPTAKE_HOST"
            ) from None

        async def sweep() -> None:
            if await leases.hold(_SWEEP_JOB, settings.trigger_interval_seconds * 3) is not None:
                metrics.oldest_mark_seconds.set((await marks.oldest_age()).total_seconds())
                await trigger.run_left(settings.trigger_interval_seconds)
                await reviews.expire_claims(_SWEEP_AT_ONCE)
                await runner.sweep()
            else:
                metrics.oldest_mark_seconds.set(0)

        async def measure() -> None:
            if await leases.hold(_MEASURE_JOB, settings.verdict_interval_seconds * 3) is not None:
                await measuring.run()

        intake.start()
        self._cleanup.push_async_callback(intake.stop)
        jobs.every(settings.pattern_refresh_seconds, "pattern refresh", patterns.refresh)
        jobs.every(_FOLD_SECONDS, "fold", folding.run_due)
        jobs.every(settings.trigger_interval_seconds, "sweep", sweep)
        jobs.every(settings.verdict_interval_seconds, "verdicts", measure)
        jobs.every(settings.issue_interval_seconds, "issues", runner.run_due)
        self._cleanup.push_async_callback(runner.stop)
        jobs.every(settings.subscription_interval_seconds, "events", feeds.look)
        jobs.every(settings.subscription_interval_seconds, "metrics", live.refresh)
        jobs.every(0.0, "erasures", eraser.run_asked)
        jobs.every(settings.retention_interval_seconds, "retention", retention.run)
        jobs.run("change stream", feeds.run)
        jobs.every(_HEALTH_SECONDS, "health", health.look)
        self._cleanup.push_async_callback(jobs.stop)
        await accepting.start(_CALLED_MOST, intake.refusal, metrics.calls(_CALLED_MOST))
        # What it cancels at the end of the drain may still be in the midst of a write: the database waits for it.
        self._cleanup.push_async_callback(calls.ended, 2 * settings.database_timeout_seconds)
        self._cleanup.push_async_callback(server.stop, settings.drain_seconds)
        self._cleanup.callback(shutdown.ask)
        self._cleanup.push_async_callback(health.stop)
        await health.look()


async def open_database(settings: Settings, cleanup: contextlib.AsyncExitStack) -> Mongo:
    """Connects to the database, starting the embedded one where no URI is set.

    Raises:
        StartupError: It cannot be reached or started; the message says what to do.
    """
    uri = settings.mongodb_uri
    if not uri:
        try:
            database = await EmbeddedDatabase.start(settings.data_dir)
        except EmbeddedDatabaseError as error:
            raise StartupError(str(error)) from error
        cleanup.push_async_callback(database.stop)
        watching = asyncio.create_task(_keep_alive(database), name="embedded database")
        cleanup.push_async_callback(_cancel, watching)
        uri = database.uri
    mongo = Mongo.connect(uri, settings.database, settings.database_timeout_seconds)
    cleanup.callback(mongo.close)
    try:
        await mongo.ping()
    except DatabaseUnavailable:
        raise StartupError(
            "the database at UPTAKE_MONGODB_URI does not answer; check the address, and that it is a replica set"
        ) from None
    except WriteRefused as error:
        raise StartupError(f"the database at UPTAKE_MONGODB_URI refuses us: {error}") from None
    return mongo


async def _keep_alive(database: EmbeddedDatabase) -> None:
    """Starts the embedded database again whenever it dies."""
    while True:
        code = await database.wait()
        _log.error("the embedded database ended with code %d; starting it again", code)
        try:
            await database.restart()
        except EmbeddedDatabaseError as error:
            _log.error("%s", error)
            await asyncio.sleep(1.0)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def serve(settings: Settings, ready: Callable[[int], None]) -> None:
    """Runs the service until SIGTERM or SIGINT.

    Args:
        settings: The settings.
        ready: Called with the port when calls are answered.

    Raises:
        StartupError: It cannot start.
    """
    async with contextlib.AsyncExitStack() as cleanup:
        provider = provider_from_environment()
        if provider is not None:
            # Sends what is left, which may take until its time-out.
            cleanup.push_async_callback(asyncio.to_thread, provider.shutdown)
        await _serve(App(settings, tracing=Tracing(provider)), ready)


async def _serve(app: App, ready: Callable[[int], None]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    starting = asyncio.create_task(app.start())
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        await _cancel(starting)
        return
    starting.result()
    ready(app.port)
    await stopping
    _log.info("stopping")
    await app.stop()
