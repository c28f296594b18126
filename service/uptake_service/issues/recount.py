"""The recount of issues: members and counts by day, worked out anew from feedback."""

from collections import Counter
from datetime import datetime

from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock, day_of
from uptake_service.domain.feedback import StoredFeedback, complains
from uptake_service.domain.project import Project
from uptake_service.issues.members import DayKey, IssueMembers, counts
from uptake_service.issues.model import Generation
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session


class IssueRecount(Recount):
    """Counts complaints as feedback goes by, then holds what is stored against that.

    A day of which something still has to be moved over from an older generation is not judged: it is known to be
    behind.
    """

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._issues = IssueStore(mongo, clock, EventLog(mongo, 1), RequestRecords(mongo, 1))
        self._members = IssueMembers(mongo)
        self._complaints: Counter[tuple[str, datetime]] = Counter()

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        if complains(feedback):
            self._complaints[feedback.project, day_of(feedback.occur_time)] += 1

    async def differences(self, session: Session) -> list[str]:
        issues, members = self._issues, self._members
        generations = {generation.project: generation for generation in await issues.every_generation(session)}
        found: Counter[tuple[str, datetime]] = Counter()
        by_day: Counter[DayKey] = Counter()
        behind: set[tuple[str, datetime]] = set()
        async for member in members.all_members(session):
            generation = generations.get(member.project) or Generation(project=member.project)
            if not counts(generation, member.generation, member.day):
                unseen = member.live and not generation.saw(member.writer, member.revision)
                if member.generation < generation.number and unseen:
                    behind.add((member.project, member.day))
            elif member.active:
                found[member.project, member.day] += 1
                if member.issue_id:
                    by_day[DayKey(member.project, member.generation, member.issue_id, member.day)] += 1
        differences = [
            f"issue members of {project} on {day:%Y-%m-%d}: {found[project, day]}, "
            f"feedback says {self._complaints[project, day]}"
            for project, day in sorted({*found, *self._complaints} - behind)
            if found[project, day] != self._complaints[project, day]
        ]
        stored = await members.all_days(session)
        for key in sorted({*stored, *by_day}, key=lambda key: (key.project, key.issue_id, key.day, key.generation)):
            generation = generations.get(key.project) or Generation(project=key.project)
            if counts(generation, key.generation, key.day) and stored.get(key, 0) != by_day[key]:
                differences.append(
                    f"issue {key.issue_id} of {key.project} on {key.day:%Y-%m-%d}: is counted {stored.get(key, 0)} "
                    f"times, has {by_day[key]} members"
                )
        for project in sorted({key.project for key in by_day}):
            known = {issue.id for issue in await issues.all(project, session=session)}
            unknown = {key.issue_id for key in by_day if key.project == project} - known
            differences += [f"issue {id} of {project}: has members but is not there" for id in sorted(unknown)]
        return differences
