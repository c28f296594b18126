"""The recount of everything that is derived from feedback.

All is read in one snapshot, so it may run beside a working service. After any crash it must find nothing.
"""

from uptake_service.app import build
from uptake_service.coordination.event_recount import EventRecount
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.coordination.job_queue import SetAsideRecount
from uptake_service.coordination.recount import Recount
from uptake_service.corrections.recount import CorrectionRecount
from uptake_service.domain.clock import Clock
from uptake_service.domain.project import Project
from uptake_service.feedback.recount import FeedbackRecount
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.transactions import snapshot
from uptake_service.projects.store import ProjectStore


def _recounts(mongo: Mongo, clock: Clock) -> list[Recount]:
    """Those of all projections, and of what else follows from feedback."""
    return [
        FeedbackRecount(mongo, clock),
        *(recount for kind in build.PROJECTIONS for recount in kind.type.recounts(mongo, clock)),
        CorrectionRecount(mongo),
        EventRecount(mongo),
        SetAsideRecount(mongo),
    ]


async def check(mongo: Mongo, clock: Clock) -> list[str]:
    """Recounts everything.

    Returns:
        A line for each thing that differs, naming it.

    Raises:
        DatabaseUnavailable: The database stopped answering, or gave the snapshot up.
    """
    every = _recounts(mongo, clock)
    feedback, requests = FeedbackStore(mongo, clock), RequestRecords(mongo, 1)
    projects = ProjectStore(mongo, clock, requests)
    differences: list[str] = []
    async with snapshot(mongo) as session:
        known = {project.id: project for project in await projects.scan(session)}
        ids = set(known)
        for recount in every:
            ids |= await recount.read(session)
        async for record in requests.scan(session):
            for recount in every:
                recount.note(record)
        for id in sorted(ids):
            project = known.get(id) or Project(id=id)
            async for piece in feedback.scan(id, session):
                for recount in every:
                    recount.count(piece, project)
        for recount in every:
            differences += await recount.differences(session)
    return differences
