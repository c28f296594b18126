"""One process of the service, from its start to its end."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from functools import partial

from uptake_service.app import build
from uptake_service.app.background import LEASED_JOBS, QUEUES, start_jobs
from uptake_service.app.build import (
    Base,
    ErasureParts,
    Parts,
    build_base,
    build_erasure,
    build_insights,
    build_intake,
    build_parts,
)
from uptake_service.app.calls import SERVICES, CallServer, warm_rules
from uptake_service.app.jobs import Jobs
from uptake_service.app.stores import create_indexes
from uptake_service.auth.tls import server_credentials
from uptake_service.config import Settings
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable, StartupError, WriteRefused
from uptake_service.embedding.embedders import Embedders
from uptake_service.ingest.intake import Intake
from uptake_service.ingest.redaction.plans import load_plans
from uptake_service.live.shutdown import Shutdown
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import EmbeddedDatabase
from uptake_service.mongo.opening import connect, refusal, start_embedded
from uptake_service.ports import need_port
from uptake_service.rpc.health import Health
from uptake_service.telemetry.endpoint import Endpoint
from uptake_service.telemetry.export import provider_from_environment
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger("uptake")


class App:
    """One process of the service.

    Attributes:
        parts: Its capabilities, once it is started.
        erasure: Those that erase.
        port: Where calls are answered.
        metrics_port: Where metrics are; 0 without.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, tracing: Tracing | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._tracing = tracing or Tracing()
        self._cleanup = contextlib.AsyncExitStack()
        self.mongo: Mongo
        self.parts: Parts
        self.erasure: ErasureParts
        self.port = 0
        self.metrics_port = 0
        self._metrics = Metrics()
        self._embedded: EmbeddedDatabase | None = None
        self._health: Health | None = None

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

    def _trouble(self) -> str:
        """Why what this process runs itself does not run; empty while it does. A database elsewhere is not of it."""
        return self._embedded.trouble if self._embedded is not None else ""

    async def _start(self) -> None:
        settings, cleanup = self._settings, self._cleanup
        # Whatever can be wrong without a database is found before one is made.
        credentials = server_credentials(settings)
        await self._start_endpoint()
        await need_port(settings.host, settings.port)
        # Loading the model and the numbering plans is the longest part of starting, so it goes beside the database, and
        # so does compiling rules, for which the first calls would wait.
        embedders = Embedders()
        slow = (embedders.open, load_plans, warm_rules)
        opening = [asyncio.create_task(asyncio.to_thread(open)) for open in slow]
        for task in opening:
            cleanup.callback(task.cancel)
        self._embedded = await start_embedded(settings, cleanup)
        self.mongo = await connect(settings, self._embedded, cleanup)
        shutdown = Shutdown()
        base = build_base(settings, self._clock, self._metrics, self._tracing, self.mongo, embedders, shutdown)
        self.parts = parts = build_parts(base)
        await _open(base, parts, opening)
        projections = [kind.make(base, parts) for kind in build.PROJECTIONS]
        intake = build_intake(base, parts.feedback, projections)
        self.erasure = erasure = build_erasure(base, parts, intake, projections)
        insights = build_insights(base, parts)
        health = self._health = Health(self.mongo, SERVICES, self._metrics, self._trouble)
        server = CallServer(base, parts, intake, insights, erasure, health, credentials)
        cleanup.callback(server.close)
        self._show(base, parts, intake, erasure)
        server.listen()
        self.port = server.port
        intake.start()
        cleanup.push_async_callback(intake.stop)
        cleanup.push_async_callback(parts.issues.runner.stop)
        jobs = Jobs()
        start_jobs(jobs, base, parts, erasure, server.live, health, server.arrivals)
        cleanup.push_async_callback(jobs.stop)
        await server.start()
        cleanup.push_async_callback(server.stop)
        cleanup.callback(shutdown.ask)
        cleanup.push_async_callback(health.stop)
        await health.look()
        if self.metrics_port:
            _log.info("metrics at http://%s:%d/metrics", settings.metrics_host, self.metrics_port)

    async def _start_endpoint(self) -> None:
        settings = self._settings
        if settings.metrics_port is not None:
            endpoint = Endpoint(
                self._metrics.registry, lambda: self._health is not None and self._health.ready, self._trouble
            )
            await endpoint.start(settings.metrics_host, settings.metrics_port)
            self._cleanup.push_async_callback(endpoint.stop)
            self.metrics_port = endpoint.port

    def _show(self, base: Base, parts: Parts, intake: Intake, erasure: ErasureParts) -> None:
        """Lets metrics read what they show."""
        metrics, compactor, broadcaster = self._metrics, parts.feedback.compactor, parts.broadcaster
        metrics.intake_waiting.set_function(lambda: intake.waiting)
        metrics.delta_log_changes.set_function(lambda: compactor.waiting)
        metrics.delta_log_age_seconds.set_function(lambda: compactor.oldest_seconds)
        metrics.retention_overdue_seconds.set_function(lambda: erasure.retention.overdue_seconds)
        metrics.subscribers.set_function(broadcaster.subscribers)
        metrics.change_stream_silent_seconds.set_function(broadcaster.silent_seconds)
        for job in LEASED_JOBS:
            metrics.leases_held.labels(job).set_function(partial(base.leases.held, job))
        metrics.tell_set_aside(dict.fromkeys(QUEUES, 0))


async def _open(base: Base, parts: Parts, opening: "list[asyncio.Task[None]]") -> None:
    """Makes indexes and reads what has to be in memory.

    Raises:
        StartupError: The database cannot be used, or stopped answering.
    """
    try:
        # While it makes an index, the embedded database answers nobody.
        await create_indexes(base.mongo)
        await base.requests.open()
        await parts.reviews.store.open()
        await parts.feedback.log.open()
        await asyncio.gather(*opening)
        await parts.feedback.patterns.open()
    except DatabaseUnavailable:
        raise StartupError(
            "the database stopped answering while its indexes were made; start again, and where they take longer "
            "raise UPTAKE_DATABASE_TIMEOUT_SECONDS"
        ) from None
    except WriteRefused as error:
        raise StartupError(f"the database cannot be used: {refusal(error)}") from None


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
