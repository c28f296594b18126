"""Makes clustering runs: in the background as feedback comes in, and on demand. One at a time in a process."""

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE

from uptake_service.child import Child
from uptake_service.clock import Clock, day_of
from uptake_service.errors import DatabaseUnavailable, DomainError, Reason
from uptake_service.insights.issues.joining import Joining
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.insights.issues.model import current_ids
from uptake_service.insights.issues.order import SUPERSEDED, Order
from uptake_service.insights.issues.states import is_back
from uptake_service.insights.issues.store import IssueStore
from uptake_service.insights.rollups import RollupStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.leases import Leases
from uptake_service.projects.store import ProjectStore
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)

ISSUES_JOB = "issues"
"""The kind of lease that a run has: one for each project."""

_LEASE_SECONDS = 15.0
_TRIES = 3
_WAIT_SECONDS = 0.2
_REST = 10
"""After a run a project rests this many times as long as the run took."""

_PROJECTS_AT_ONCE = 1000

# The worker's arithmetic is one core's share, beside a service that answers.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class RunFailed(DomainError):
    """A run ended without a result; the next one starts from scratch."""

    def __init__(self, why: str) -> None:
        super().__init__(Reason.ERROR_REASON_ISSUE_RUN_FAILED, f"{why}; call it again")


class IssueRunner:
    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        leases: Leases,
        projects: ProjectStore,
        rollups: RollupStore,
        issues: IssueStore,
        members: IssueMembers,
        joining: Joining,
        metrics: Metrics,
        tracing: Tracing,
        *,
        seed: int,
        event_retention_days: int,
        request_retention_days: int,
    ) -> None:
        self._mongo = mongo
        self._clock = clock
        self._leases = leases
        self._projects = projects
        self._rollups = rollups
        self._issues = issues
        self._members = members
        self._joining = joining
        self._metrics = metrics
        self._tracing = tracing
        self._seed = seed
        self._event_retention_days = event_retention_days
        self._request_retention_days = request_retention_days
        self._one_at_a_time = asyncio.Lock()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._undrained_since: dict[tuple[str, int], float] = {}

    async def refresh(self, project: str) -> None:
        """Makes a run that sees everything committed before the call.

        A caller that leaves does not end it. Callers that come while one waits to begin share it.

        Raises:
            RunFailed: The worker ended without a result.
            DatabaseUnavailable: The database does not answer.
        """
        running = self._under_way.get(project)
        if running is None:
            running = asyncio.create_task(self._run(project), name=f"issues of {project}")
            self._under_way[project] = running
            running.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(running)

    async def run_due(self) -> None:
        """Runs the projects whose negative feedback changed since their last run."""
        last = ""
        while page := await self._projects.page(last, _PROJECTS_AT_ONCE):
            for project in page:
                generation = await self._issues.generation(project.id)
                now = self._clock.now()
                resting = generation.publish_time and (now - generation.publish_time).total_seconds() < (
                    generation.seconds * _REST
                )
                if resting or project.id in self._under_way:
                    continue
                start = day_of(now - project.settings.review_policy.issue_window)
                counts = await self._rollups.by_value(project.id, "all", start, now)
                if counts.get("", {}).get("negative", 0) != generation.clustered:
                    await self.refresh(project.id)
            last = page[-1].id

    async def sweep(self) -> None:
        """Moves over what runs missed, and notes resolved issues that came back."""
        loop = asyncio.get_running_loop()
        for generation in await self._issues.every_generation():
            if generation.undrained < generation.number:
                await self._joining.drain(generation.project)
                since = self._undrained_since.setdefault((generation.project, generation.number), loop.time())
                # No transaction that read the generation before lives longer than that.
                if loop.time() > since + 2 * self._mongo.timeout_seconds:
                    await self._issues.set_drained(generation)
                    del self._undrained_since[generation.project, generation.number]
        for issue in await self._issues.resolved():
            if issue.resolve_time is None:
                continue
            generation = await self._issues.generation(issue.project)
            parts = [id for id, end in current_ids(await self._issues.all(issue.project)).items() if end == issue.id]
            if is_back(len(await self._members.newest(generation, parts, issue.resolve_time, 10))):
                await self._issues.regress(issue)

    async def stop(self) -> None:
        """Ends the run under way, if there is one; nothing of it is visible."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _run(self, project: str) -> None:
        async with self._one_at_a_time:
            # From here on new callers need a run of their own: this one may not see what they wrote.
            del self._under_way[project]
            self._under_way[f"{project} begun"] = asyncio.current_task()  # type: ignore[assignment]
            try:
                for tries_left in reversed(range(_TRIES)):
                    if await self._attempt(project):
                        return
                    if not tries_left:
                        raise RunFailed("others changed the issues again and again")
            finally:
                del self._under_way[f"{project} begun"]

    async def _attempt(self, project: str) -> bool:
        """One run under the project's lease; tells whether its result is in force."""
        job = f"{ISSUES_JOB}/{project}"
        while True:
            fence = await self._leases.hold(job, _LEASE_SECONDS)
            if fence is not None:
                break
            await asyncio.sleep(_WAIT_SECONDS)
        started, outcome = time.perf_counter(), "failed"
        try:
            with self._tracing.run("clustering"):
                published = await self._work(project, job, fence)
            outcome = "published" if published else "superseded"
        finally:
            self._metrics.clustering_ended(outcome, time.perf_counter() - started)
        return published

    async def _work(self, project: str, job: str, fence: int) -> bool:
        """Runs the worker under a lease that is held, and gives the lease up; tells whether its result is in force."""
        settings = (await self._projects.get(project)).settings
        order = Order(
            uri=self._mongo.uri,
            database=self._mongo.database.name,
            timeout_seconds=self._mongo.timeout_seconds,
            project=project,
            fence=fence,
            now=self._clock.now(),
            window=settings.review_policy.issue_window,
            seed=self._seed,
            event_retention_days=self._event_retention_days,
            request_retention_days=self._request_retention_days,
        )
        try:
            # Its input stays open: when it ends, because this process is gone, the worker ends too.
            worker = Child(
                sys.executable,
                "-m",
                "uptake_service.insights.issues.run",
                stdout=DEVNULL,
                stderr=PIPE,
                environment=os.environ | _ENVIRONMENT,
                directory=Path("/"),
            )
        except OSError as error:
            await self._leases.release(job)
            _log.warning("clustering of %s could not be started: %s", project, error)
            raise RunFailed("the clustering could not be started; the service's log says why") from error
        try:
            worker.tell(order.model_dump_json())
            ending = asyncio.create_task(worker.wait())
            while not ending.done():
                await asyncio.wait({ending}, timeout=_LEASE_SECONDS / 3)
                if not ending.done() and await self._hold(job) is False:
                    return False
        finally:
            worker.kill()
            code = await worker.wait()
            await self._leases.release(job)
        if code not in (0, SUPERSEDED):
            _log.warning("clustering of %s ended with code %s: %s", project, code, worker.errors[-2000:])
            raise RunFailed("the clustering ended without a result; the service's log says why")
        return code == 0

    async def _hold(self, job: str) -> bool:
        """Renews the lease; False only if another has it. While the database is away the worker waits for it too."""
        try:
            return await self._leases.hold(job, _LEASE_SECONDS) is not None
        except DatabaseUnavailable:
            return True
