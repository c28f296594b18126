"""Deletes what is older than its project keeps, as an erasure would, but for what people made of it.

What was derived from it goes: its share of every number, the question that a pattern is shown by, issues' titles,
keywords and samples. Corrections stay, with the titles that people gave to issues: they are decisions of the project,
in force until somebody takes them back, and of their own age. A user's wish reaches those too; see eraser.py.
"""

from collections.abc import Collection, Sequence
from time import monotonic

from uptake_service.coordination.job_queue import Item, JobQueue
from uptake_service.coordination.leases import Leases
from uptake_service.domain.clock import older
from uptake_service.erasure.eraser import Eraser
from uptake_service.erasure.remover import FeedbackRemover, each_by_itself
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.projects.store import ProjectStore

RETENTION_JOB = "retention"
_LEASE_SECONDS = 15.0
_ROUND = 1000
"""How much is removed before more is looked for: what a round takes stays the same however much is due."""


class Retention:
    def __init__(
        self,
        mongo: Mongo,
        leases: Leases,
        queue: JobQueue,
        projects: ProjectStore,
        feedback: FeedbackStore,
        remover: FeedbackRemover,
        eraser: Eraser,
    ) -> None:
        self._mongo = mongo
        self._leases = leases
        self._queue = queue
        self._failed: dict[Item, dict[str, Exception]] = {}
        """What could not be removed, in the pass over a project's feedback that is under way."""
        self._behind: dict[str, float] = {}
        """Since when something is due in a project that is not removed yet."""
        self._projects = projects
        self._feedback = feedback
        self._remover = remover
        self._eraser = eraser

    @property
    def overdue_seconds(self) -> float:
        """For how long something has been due in the project that waits longest; 0 where another process removes it."""
        return monotonic() - min(self._behind.values()) if self._behind else 0.0

    async def run(self) -> None:
        """Deletes what is due in every project; what is left, by a crash too, is due the next time.

        A project that has much waits for its turn after each round of it.
        """
        try:
            due = [Item(id, "") for id in await self._projects.ids(with_retention=True)]
            for project in self._behind.keys() - {item.project for item in due}:
                # It keeps everything now.
                del self._behind[project]
            while due:
                if await self._leases.acquire(RETENTION_JOB, _LEASE_SECONDS) is None:
                    self._behind.clear()
                    return
                due = [item for item in await self._queue.run(due, self._step) if not self._queue.rests(item)]
        finally:
            await self._leases.release(RETENTION_JOB)

    async def _step(self, item: Item) -> bool:
        """Removes some of what is due in a project; tells whether there may be more.

        What cannot be removed is left for the next try, and the rest goes.

        Raises:
            Exception: Why something could not be removed, once all else is.
        """
        project = item.project
        age = (await self._projects.get(project)).settings.retention.feedback_age
        # Two that did the same would do no harm, so a round may outlast the lease.
        if age is None or await self._leases.acquire(RETENTION_JOB, _LEASE_SECONDS) is None:
            self._behind.pop(project, None)
            return False
        before = older(await self._mongo.now(), age)

        async def spare(session: Session) -> Collection[str]:
            return await self._eraser.users(project, session)

        removed = 0

        async def remove(ids: Sequence[str]) -> None:
            nonlocal removed
            removed += await self._remover.remove(project, ids, before=before, by_people=False, spare=spare)

        failed = self._failed.setdefault(item, {})
        ids = await self._feedback.removal.older_than(project, before, _ROUND, but=failed)
        if ids:
            self._behind.setdefault(project, monotonic())
        known = len(failed)
        failed |= await each_by_itself(ids, remove)
        # What an erasure is about to delete is left to it, and must not be looked for again and again.
        if ids and (removed or len(failed) > known) and len(failed) < _ROUND:
            return True
        del self._failed[item]
        if failed:
            raise next(iter(failed.values()))
        self._behind.pop(project, None)
        return False
