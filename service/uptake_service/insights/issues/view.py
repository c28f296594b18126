"""Issues as callers see them: with their frequency in a window of time."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from uptake_service.clock import DAY, day_of
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.insights.issues.model import Generation, Issue, IssueState, current_ids
from uptake_service.insights.issues.states import halves, trend
from uptake_service.insights.issues.store import IssueStore
from uptake_service.model import Model


class IssueFilter(Model):
    """Narrows a list: no states means all but IGNORED."""

    states: tuple[IssueState, ...] = ()
    minimum_frequency: int = 0

    def matches(self, seen: "SeenIssue") -> bool:
        wanted = self.states or tuple(state for state in IssueState if state is not IssueState.IGNORED)
        return seen.issue.state in wanted and seen.frequency >= self.minimum_frequency


class SeenIssue(Model):
    """An issue over a window. `daily` has no gaps, oldest first."""

    issue: Issue
    frequency: int
    trend: float
    last_seen_time: datetime
    daily: tuple[int, ...]


class IssueView:
    def __init__(self, issues: IssueStore, members: IssueMembers) -> None:
        self._issues = issues
        self._members = members

    async def generation(self, project: str) -> Generation:
        """The generation of the project's issues that is in force."""
        return await self._issues.generation(project)

    async def all(self, project: str, start: datetime, end: datetime) -> list[SeenIssue]:
        """The issues of a project, most frequent first; one that nobody decided on only if the window has it."""
        generation = await self._issues.generation(project)
        issues = await self._issues.all(project)
        current = current_ids(issues)
        by_day = await self._members.by_day(generation, start, end)
        counts: defaultdict[str, defaultdict[datetime, int]] = defaultdict(lambda: defaultdict(int))
        last: dict[str, datetime] = {}
        for (id, day), seen in by_day.items():
            id = current.get(id, id)
            counts[id][day] += seen.count
            if seen.last_time is not None:
                last[id] = max(last.get(id, seen.last_time), seen.last_time)
        found = [
            _seen(issue, counts[issue.id], start, end, last.get(issue.id))
            for issue in issues
            if not issue.merged_into and (counts[issue.id] or issue.decided)
        ]
        return sorted(found, key=lambda seen: (-seen.frequency, seen.issue.id))

    async def get(self, project: str, id: str, start: datetime, end: datetime) -> SeenIssue:
        """One issue; of one that was merged, the issue that it is part of.

        Raises:
            DomainError: The project has no such issue.
        """
        issue = await self._issues.get(project, id)
        while issue.merged_into:
            issue = await self._issues.get(project, issue.merged_into)
        for seen in await self.all(project, start, end):
            if seen.issue.id == issue.id:
                return seen
        return _seen(issue, {}, start, end, None)


def _seen(
    issue: Issue,
    by_day: "dict[datetime, int] | defaultdict[datetime, int]",
    start: datetime,
    end: datetime,
    last: datetime | None,
) -> SeenIssue:
    days = _days(start, end)
    daily = tuple(by_day.get(day, 0) for day in days)
    middle = halves(start, end)
    newer = sum(count for day, count in zip(days, daily, strict=True) if day >= middle)
    return SeenIssue(
        issue=issue,
        frequency=sum(daily),
        trend=trend(newer, sum(daily) - newer),
        last_seen_time=max(issue.last_seen_time, last) if last else issue.last_seen_time,
        daily=daily,
    )


def _days(start: datetime, end: datetime) -> Sequence[datetime]:
    days = []
    day = day_of(start)
    while day < end:
        days.append(day)
        day += DAY
    return days
