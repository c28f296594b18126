"""Issues as callers see them: with their frequency in a window of time."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

from uptake_service.domain.clock import DAY, day_of
from uptake_service.domain.model import Model
from uptake_service.issues.members import IssueMembers, Seen
from uptake_service.issues.model import Generation, Issue, IssueState, current_ids
from uptake_service.issues.states import halves, trend
from uptake_service.issues.store import IssueStore

_WINDOWS = 20
"""Of how many windows is remembered what changes little."""


class IssueFilter(Model):
    """Narrows a list: no states means all but IGNORED."""

    states: tuple[IssueState, ...] = ()
    minimum_frequency: int = 0

    def matches(self, seen: "SeenIssue") -> bool:
        wanted = self.states or tuple(state for state in IssueState if state is not IssueState.IGNORED)
        return seen.issue.state in wanted and seen.frequency >= self.minimum_frequency


class SeenIssue(Model):
    """An issue over a window: `days` are all that it touches, oldest first, and `daily` its frequency on each."""

    issue: Issue
    frequency: int
    trend: float
    last_seen_time: datetime
    days: tuple[datetime, ...]
    daily: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Known:
    """What of a window changes with a run, a person's decision or an edit, and not with every complaint."""

    state: tuple[int, ...]
    issues: Sequence[Issue]
    counted: Mapping[tuple[str, datetime], Seen]


class IssueView:
    def __init__(self, issues: IssueStore, members: IssueMembers) -> None:
        self._issues = issues
        self._members = members
        self._known: LRUCache[tuple[str, datetime, datetime], _Known] = LRUCache(_WINDOWS)

    async def generation(self, project: str) -> Generation:
        """The generation of the project's issues that is in force."""
        return await self._issues.generation(project)

    async def all(self, project: str, start: datetime, end: datetime) -> list[SeenIssue]:
        """The issues of a project, most frequent first; one that nobody decided on only if the window has it."""
        generation = await self._issues.generation(project)
        known, live = await asyncio.gather(
            self._remembered(generation, start, end), self._members.by_day(generation, start, end, live=True)
        )
        current = current_ids(known.issues)
        counts: defaultdict[str, defaultdict[datetime, int]] = defaultdict(lambda: defaultdict(int))
        last: dict[str, datetime] = {}
        for id, day in known.counted.keys() | live.keys():
            parts = [part[id, day] for part in (known.counted, live) if (id, day) in part]
            count = sum(part.count for part in parts)
            if count <= 0:
                continue
            id = current.get(id, id)
            counts[id][day] += count
            for time in (part.last_time for part in parts):
                if time is not None:
                    last[id] = max(last.get(id, time), time)
        found = [
            _seen(issue, counts[issue.id], start, end, last.get(issue.id))
            for issue in known.issues
            if not issue.merged_into and (counts[issue.id] or issue.decided)
        ]
        return sorted(found, key=lambda seen: (-seen.frequency, seen.issue.id))

    async def _remembered(self, generation: Generation, start: datetime, end: datetime) -> _Known:
        window = generation.project, start, end
        state = generation.number, generation.revision, generation.edits
        known = self._known.get(window)
        if known is None or known.state != state:
            issues, counted = await asyncio.gather(
                self._issues.all(generation.project), self._members.by_day(generation, start, end, live=False)
            )
            known = self._known[window] = _Known(state, issues, counted)
        return known

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
        days=tuple(days),
        daily=daily,
    )


def _days(start: datetime, end: datetime) -> Sequence[datetime]:
    first = day_of(start)
    return [first + number * DAY for number in range(-((first - end) // DAY))]
