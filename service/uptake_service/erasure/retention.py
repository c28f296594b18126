"""Deletes what is older than its project keeps, with its share of every number."""

from uptake_service.clock import Clock
from uptake_service.erasure.removing import Removing
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo, Session
from uptake_service.mongo.leases import Leases
from uptake_service.mongo.transactions import transaction
from uptake_service.projects.store import ProjectStore

RETENTION_JOB = "retention"
_LEASE_SECONDS = 60.0
_PROJECTS_AT_ONCE = 1000


class Retention:
    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        leases: Leases,
        projects: ProjectStore,
        feedback: FeedbackStore,
        removing: Removing,
    ) -> None:
        self._mongo = mongo
        self._clock = clock
        self._leases = leases
        self._projects = projects
        self._feedback = feedback
        self._removing = removing

    async def run(self) -> None:
        """Deletes what is due in every project, some hundreds at a time; what is left is due the next time too."""
        last = ""
        while page := await self._projects.page(last, _PROJECTS_AT_ONCE):
            for project in page:
                age = project.settings.retention.feedback_age
                if age is None:
                    continue
                async for ids in self._feedback.older_than(project.id, self._clock.now() - age):
                    if await self._leases.hold(RETENTION_JOB, _LEASE_SECONDS) is None:
                        return
                    await self._removing.mark(project.id, ids)
                    await self._delete(ids)
            last = page[-1].id

    async def _delete(self, ids: list[str]) -> None:
        async def body(session: Session) -> None:
            await self._removing.delete(ids, session)

        await transaction(self._mongo, body)
