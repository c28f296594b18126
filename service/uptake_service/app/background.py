"""What a process does beside answering calls."""

from datetime import timedelta

from uptake_service.app.build import MARKS_JOB, Base, ErasureParts, Parts
from uptake_service.app.jobs import Jobs
from uptake_service.coordination.expiry import Expiry
from uptake_service.coordination.job_queue import Item, JobQueue, SetAsideItems
from uptake_service.corrections.verdict_updater import MEASURE_JOB
from uptake_service.erasure.eraser import ERASURES_JOB
from uptake_service.erasure.retention import RETENTION_JOB
from uptake_service.insights.live import Live
from uptake_service.issues.runner import DRAINS_JOB, ISSUES_JOB, RETURNS_JOB
from uptake_service.rpc.arrival import Arrivals
from uptake_service.rpc.health import Health
from uptake_service.rpc.memory import MemoryReturn

_SWEEP_JOB, _CLAIMS_JOB, _EXPIRY_JOB = "sweep", "claims", "expiry"
LEASED_JOBS = (_SWEEP_JOB, MEASURE_JOB, ISSUES_JOB, ERASURES_JOB, RETENTION_JOB)
"""The jobs that one process at a time does."""
QUEUES = (
    *(ERASURES_JOB, RETENTION_JOB, ISSUES_JOB, DRAINS_JOB, RETURNS_JOB, MEASURE_JOB),
    *(MARKS_JOB, _CLAIMS_JOB, _EXPIRY_JOB),
)
"""The jobs whose work is done item by item."""

_FOLD_SECONDS = 0.5
_HEALTH_SECONDS = 2.0
_MEMORY_SECONDS = 5.0
_ARRIVALS_SECONDS = 0.05


class Sweep:
    """Does what a crash or the time left to be done: what the trigger has to judge, claims that ran out, and the like.

    One process at a time does it.
    """

    def __init__(self, base: Base, parts: Parts) -> None:
        self._base = base
        self._parts = parts
        self._set_aside = SetAsideItems(base.mongo)
        self._claims = JobQueue(_CLAIMS_JOB, base.mongo, base.clock)
        self._expiries = JobQueue(_EXPIRY_JOB, base.mongo, base.clock)
        kept = base.requests.retention
        events = timedelta(days=base.settings.event_retention_days)
        self._expiry = Expiry(base.mongo, {"requests": kept, "erasures": kept, "events": events})

    async def run(self) -> None:
        base, reviews, metrics = self._base, self._parts.reviews, self._base.metrics
        interval = base.settings.trigger_interval_seconds
        if await base.leases.acquire(_SWEEP_JOB, interval * 3) is None:
            metrics.oldest_mark_seconds.set(0)
            metrics.tell_set_aside({})
            return
        metrics.oldest_mark_seconds.set((await reviews.outbox.oldest_age()).total_seconds())
        await reviews.sweep.run(interval)
        await self._claims.run([Item(*each) for each in await reviews.store.expired_claims()], self._expire_claim)
        await self._parts.issues.runner.sweep()
        await self._expiries.run([Item("", name) for name in await self._expiry.due()], self._shorten)
        metrics.tell_set_aside(await self._set_aside.counts())

    async def _expire_claim(self, item: Item) -> bool:
        await self._parts.reviews.workflow.expire_claim(item.project, item.id)
        return False

    async def _shorten(self, item: Item) -> bool:
        return await self._expiry.shorten(item.id)


def start_jobs(
    jobs: Jobs, base: Base, parts: Parts, erasure: ErasureParts, live: Live, health: Health, arrivals: Arrivals
) -> None:
    """Starts all background jobs."""
    settings, verdicts = base.settings, parts.corrections.verdicts

    async def update_verdicts() -> None:
        if await base.leases.acquire(MEASURE_JOB, settings.verdict_interval_seconds * 3) is not None:
            await verdicts.run_due()

    jobs.every(settings.pattern_refresh_seconds, "pattern refresh", parts.feedback.patterns.follow)
    jobs.every(_FOLD_SECONDS, "fold", parts.feedback.compactor.run_due)
    jobs.every(settings.trigger_interval_seconds, "sweep", Sweep(base, parts).run)
    jobs.every(settings.verdict_interval_seconds, "verdicts", update_verdicts)
    jobs.every(settings.issue_interval_seconds, "issues", parts.issues.runner.run_due)
    jobs.every(settings.subscription_interval_seconds, "events", parts.broadcaster.look)
    jobs.every(settings.subscription_interval_seconds, "metrics", live.refresh)
    jobs.every(0.0, "erasures", erasure.eraser.run_asked)
    jobs.every(settings.retention_interval_seconds, "retention", erasure.retention.run)
    jobs.run("change stream", parts.broadcaster.run)
    jobs.every(_HEALTH_SECONDS, "health", health.look)
    jobs.every(_MEMORY_SECONDS, "memory", MemoryReturn().give_back)
    jobs.every(_ARRIVALS_SECONDS, "arrivals", arrivals.look)
