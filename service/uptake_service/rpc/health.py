"""Health: gRPC's own for each service, following the database; other probes read the same."""

import asyncio
from collections.abc import Callable, Sequence

from grpc_health.v1 import health, health_pb2

from uptake_service.domain.errors import DatabaseUnavailable, WriteRefused
from uptake_service.mongo.client import Mongo
from uptake_service.telemetry.metrics import Metrics


class Health:
    """Whether this process can do its work.

    Attributes:
        servicer: Answers the calls of `grpc.health.v1.Health`.
        ready: Whether calls can be answered: the database answers, and the process is not stopping.
    """

    def __init__(
        self, mongo: Mongo, services: Sequence[str], metrics: Metrics, trouble: Callable[[], str] = lambda: ""
    ) -> None:
        """`trouble` tells why the embedded database is down, or nothing: then nobody need wait for its answer."""
        self.servicer = health.aio.HealthServicer()
        self._mongo = mongo
        self._services = ("", *services)
        self._metrics = metrics
        self._trouble = trouble
        self._answers = False
        self._stopping = False

    @property
    def ready(self) -> bool:
        return self._answers and not self._stopping and not self._trouble()

    async def look(self) -> None:
        """Asks the database, and tells what follows."""
        answers = self._answers = await self._database_answers()
        self._metrics.database_up.set(answers)
        response = health_pb2.HealthCheckResponse
        for service in self._services:
            await self.servicer.set(service, response.SERVING if answers else response.NOT_SERVING)

    async def stop(self) -> None:
        """Not serving from now on, so that callers go elsewhere."""
        self._stopping = True
        await self.servicer.enter_graceful_shutdown()

    async def _database_answers(self) -> bool:
        if self._trouble():
            return False
        # The driver's own time-out begins when one of its threads is free, and a database that hangs holds them all.
        try:
            async with asyncio.timeout(self._mongo.timeout_seconds):
                await self._mongo.ping()
        except (DatabaseUnavailable, WriteRefused, TimeoutError):
            return False
        return True
