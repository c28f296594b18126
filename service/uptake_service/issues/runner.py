"""Makes clustering runs: in the background as feedback comes in, and on demand. One at a time in a process."""

import asyncio
import logging
import os
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from subprocess import DEVNULL, PIPE

from uptake_service.child_process import Child
from uptake_service.coordination.job_queue import Item, JobQueue
from uptake_service.coordination.leases import Leases
from uptake_service.coordination.single_flight import SingleFlight
from uptake_service.domain.clock import Clock, day_of, lasts, older
from uptake_service.domain.errors import DatabaseUnavailable, DomainError, Reason
from uptake_service.issues.members import IssueMembers
from uptake_service.issues.membership import IssueMembership
from uptake_service.issues.model import IssueState, current_ids
from uptake_service.issues.order import SUPERSEDED, Order
from uptake_service.issues.states import is_back
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.client import Mongo
from uptake_service.projections.rollups import RollupStore
from uptake_service.projects.store import ProjectStore
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)

ISSUES_JOB = "issues"
"""The kind of lease that a run has: one for each project."""

DRAINS_JOB, RETURNS_JOB = "issue_members", "issue_returns"

_LEASE_SECONDS = 15.0
_TRIES = 3
_WAIT_SECONDS = 0.2
_REST = 10
"""After a run a project rests this many times as long as the run took."""

_LONGEST_SECONDS = 1800
"""How long a run may take: others' runs wait for it."""

_DRAIN_SECONDS = 2.0
"""So long what a project's run missed is moved over before it is another project's turn."""

_MOST_ASKED = 16
"""For how many projects a run may be waited for."""

_ASK_AGAIN_SECONDS = 5.0

# The worker's arithmetic is one core's share, beside a service that answers.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class RunFailed(DomainError):
    """A run ended without a result; the next one starts from scratch."""

    def __init__(self, why: str) -> None:
        super().__init__(Reason.ERROR_REASON_ISSUE_RUN_FAILED, f"{why}; call it again")


@dataclass(frozen=True)
class RunSettings:
    """What the worker has to know.

    Attributes:
        seed: Of the clustering; the same finds the same.
        event_retention_days: How long events are kept.
        request_retention_days: How long request records are kept.
    """

    seed: int
    event_retention_days: int
    request_retention_days: int


class IssueRunner:
    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        leases: Leases,
        projects: ProjectStore,
        rollups: RollupStore,
        issues: IssueStore,
        membership: IssueMembership,
        telemetry: tuple[Metrics, Tracing],
        settings: RunSettings,
    ) -> None:
        self._mongo = mongo
        self._clock = clock
        self._leases = leases
        self._projects = projects
        self._rollups = rollups
        self._issues = issues
        self._members = IssueMembers(mongo)
        self._membership = membership
        self._metrics, self._tracing = telemetry
        self._settings = settings
        self._runs = SingleFlight(self._run, turn=asyncio.Lock())
        self._due_runs = JobQueue(
            ISSUES_JOB, mongo, clock, step_seconds=2 * _LONGEST_SECONDS, run_seconds=2 * _LONGEST_SECONDS
        )
        self._drains = JobQueue(DRAINS_JOB, mongo, clock)
        self._returns = JobQueue(RETURNS_JOB, mongo, clock)
        self._undrained_since: dict[tuple[str, int], float] = {}

    async def refresh(self, project: str) -> None:
        """Makes a run that sees everything committed before the call; none for a project that does not exist.

        Callers that come while one waits to begin share it; it ends with the last of those who wait for it.

        Raises:
            DomainError: OVERLOADED where too many projects wait for theirs.
            RunFailed: The worker ended without a result.
            DatabaseUnavailable: The database does not answer.
        """
        if project not in self._runs:
            if (await self._projects.get(project)).create_time is None:
                return
            if len(self._runs) >= _MOST_ASKED:
                self._metrics.limited("refreshes")
                raise DomainError(
                    Reason.ERROR_REASON_OVERLOADED,
                    f"{_MOST_ASKED} projects wait for their issues to be looked for, one after the other; retry later, "
                    "or read them as they are",
                    retry_after_seconds=_ASK_AGAIN_SECONDS,
                    metadata={"limit": "refreshes"},
                )
        await self._runs(project)

    async def run_due(self) -> None:
        """Runs the projects whose negative feedback changed since their last run; one whose run fails holds up none."""
        await self._due_runs.run([Item(id, "") for id in await self._projects.ids()], self._run_if_due)

    async def _run_if_due(self, item: Item) -> bool:
        project = await self._projects.get(item.project)
        generation = await self._issues.generation(project.id)
        now, rest = self._clock.now(), timedelta(seconds=generation.seconds * _REST)
        resting = generation.publish_time is not None and lasts(generation.publish_time + rest, rest, now)
        if resting or project.id in self._runs:
            return False
        start = day_of(older(now, project.settings.review_policy.issue_window))
        counts = await self._rollups.by_value(project.id, ["all"], start, now)
        if counts.get("", {}).get("negative", 0) == generation.clustered:
            return False
        # While another process runs the project, others need not wait for that here.
        if await self._leases.is_free(f"{ISSUES_JOB}/{project.id}"):
            await self._runs(project.id)
        return False

    async def sweep(self) -> None:
        """Moves over what runs missed, and notes resolved issues that came back."""
        await self._drains.run([Item(project, "") for project in await self._issues.undrained()], self._drain)
        await self._returns.run([Item(*each) for each in await self._issues.resolved()], self._regress_if_back)

    async def _drain(self, item: Item) -> bool:
        """Moves some of what a project's last run missed; tells whether there is more."""
        loop = asyncio.get_running_loop()
        generation = await self._issues.generation(item.project)
        if not await self._membership.drain(item.project, _DRAIN_SECONDS):
            return True
        since = self._undrained_since.setdefault((generation.project, generation.number), loop.time())
        # No transaction that read the generation before lives longer than that.
        if loop.time() > since + 2 * self._mongo.timeout_seconds:
            await self._issues.set_drained(generation)
            del self._undrained_since[generation.project, generation.number]
        return False

    async def _regress_if_back(self, item: Item) -> bool:
        issues = await self._issues.all(item.project)
        issue = next((each for each in issues if each.id == item.id), None)
        if issue is None or issue.resolve_time is None or issue.state is not IssueState.RESOLVED:
            return False
        generation = await self._issues.generation(issue.project)
        parts = [id for id, end in current_ids(issues).items() if end == issue.id]
        if is_back(len(await self._members.newest(generation, parts, issue.resolve_time, 10))):
            await self._issues.regress(issue)
        return False

    async def stop(self) -> None:
        """Ends the run under way, if there is one; nothing of it is visible."""
        await self._runs.stop()

    async def _run(self, project: str) -> None:
        for tries_left in reversed(range(_TRIES)):
            if await self._attempt(project):
                return
            if not tries_left:
                raise RunFailed("others changed the issues again and again")

    async def _attempt(self, project: str) -> bool:
        """One run under the project's lease; tells whether its result is in force."""
        job = f"{ISSUES_JOB}/{project}"
        while True:
            fence = await self._leases.acquire(job, _LEASE_SECONDS)
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
            seed=self._settings.seed,
            event_retention_days=self._settings.event_retention_days,
            request_retention_days=self._settings.request_retention_days,
        )
        try:
            # Its input stays open: when it ends, because this process is gone, the worker ends too.
            worker = Child(
                sys.executable,
                "-m",
                "uptake_service.issues.run",
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
            began = time.monotonic()
            while not ending.done():
                if time.monotonic() > began + _LONGEST_SECONDS:
                    _log.warning("clustering of %s took longer than %d s and is ended", project, _LONGEST_SECONDS)
                    raise RunFailed("the clustering took too long")
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
            return await self._leases.acquire(job, _LEASE_SECONDS) is not None
        except DatabaseUnavailable:
            return True
