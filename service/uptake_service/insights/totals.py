"""Counts by pattern over a window, with the sums of its whole days remembered.

There may be thousands of patterns, each with a rollup a day, of which little changes but today's. A rollup counts how
often it was written; as long as that of the whole project's rollups of a day stays the same, so do its patterns'.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from uptake_service.clock import DAY, day_of
from uptake_service.insights.rollups import Counts, RollupStore, add
from uptake_service.mongo.client import Mongo, Session
from uptake_service.mongo.transactions import snapshot

_PROJECTS = 20
"""Of how many projects sums are remembered."""

Totals = defaultdict[str, Counts]
Written = frozenset[tuple[int, int]]
"""How often each writer wrote a day's rollup of a whole project."""


@dataclass(frozen=True)
class _Day:
    written: Written
    totals: Mapping[str, Counts]


@dataclass
class _Known:
    """What is remembered of a project: its days, and the sum of all those of one window."""

    days: dict[datetime, _Day]
    sum: Mapping[str, Counts]


class PatternTotals:
    def __init__(self, mongo: Mongo, rollups: RollupStore) -> None:
        self._mongo = mongo
        self._rollups = rollups
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(self, project: str, start: datetime, end: datetime) -> dict[str, Counts]:
        """The counts of each pattern from `start` to before `end`, both full hours; all is read at one moment."""
        first = day_of(start) if day_of(start) == start else day_of(start) + DAY
        # The last day may well be today, which changes all the time.
        last = max(day_of(end - DAY / 24), first)
        async with snapshot(self._mongo) as session:
            known = await self._whole_days(project, first, last, session)
            totals: Totals = defaultdict(dict, {value: dict(counts) for value, counts in known.items()})
            for some, until in ((start, min(first, end)), (last, end)):
                if some < until:
                    _add_all(totals, await self._rollups.stored(project, "pattern", some, until, session))
            _add_all(totals, await self._rollups.journalled(project, "pattern", start, end, session))
        return totals

    async def _whole_days(
        self, project: str, first: datetime, last: datetime, session: Session
    ) -> Mapping[str, Counts]:
        written = await self._rollups.written(project, first, last, session)
        known = self._known.get(project)
        if known is not None and {day: each.written for day, each in known.days.items()} == written:
            return known.sum
        before = known.days if known else {}
        days: dict[datetime, _Day] = {}
        total: Totals = defaultdict(dict)
        for day, times in written.items():
            same = before.get(day)
            if same is None or same.written != times:
                of_day: Totals = defaultdict(dict)
                _add_all(of_day, await self._rollups.stored(project, "pattern", day, day + DAY, session))
                same = _Day(times, of_day)
            days[day] = same
            _add_all(total, same.totals.items())
        self._known[project] = _Known(days, total)
        self._known.move_to_end(project)
        if len(self._known) > _PROJECTS:
            self._known.popitem(last=False)
        return total


def _add_all(totals: Totals, counts: Iterable[tuple[str, Counts]]) -> None:
    for value, each in counts:
        add(totals[value], each)
