"""Counts by pattern over a window, with the sums of its days remembered.

There may be thousands of patterns, each with a rollup a day, of which little changes but today's, and that only when
what the delta log holds is folded in. A rollup counts how often it was written; as long as that of the whole project's
rollups of a day stays the same, so do its patterns'.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

from uptake_service.domain.clock import DAY, day_of
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.transactions import snapshot
from uptake_service.projections.rollup_deltas import Counts, add, of_score
from uptake_service.projections.rollups import RollupStore

_PROJECTS = 20
"""Of how many projects sums are remembered."""

Totals = defaultdict[str, Counts]
Written = frozenset[tuple[str, int, int]]
"""How often each writer wrote a day's rollup of a whole project, by score."""


Span = tuple[datetime, datetime]
"""A day, or the part of a day at an end of a window."""


@dataclass(frozen=True, eq=False)
class _Sum:
    """Counts by pattern, and how often the rollups that they were read from had been written."""

    written: Written
    totals: Mapping[str, Counts]


@dataclass(frozen=True)
class _Known:
    """What is remembered of a project: the spans of one window, and the sum of its whole days."""

    spans: Mapping[Span, _Sum]
    whole_days: Mapping[str, Counts]


class PatternTotals:
    def __init__(self, mongo: Mongo, rollups: RollupStore) -> None:
        self._mongo = mongo
        self._rollups = rollups
        self._known: LRUCache[tuple[str, tuple[str, ...]], _Known] = LRUCache(_PROJECTS)

    async def of(self, project: str, scores: tuple[str, ...], start: datetime, end: datetime) -> dict[str, Counts]:
        """The counts of each pattern, the scores added up, from `start` to before `end`, both full hours; all is read
        at one moment."""
        known = self._known.get((project, scores)) or _Known({}, {})
        dimensions = [of_score("pattern", score) for score in scores]
        spans: dict[Span, _Sum] = {}
        async with snapshot(self._mongo) as session:
            written = await self._rollups.written(project, scores, day_of(start), end, session)
            for day, times in sorted(written.items()):
                span = max(day, start), min(day + DAY, end)
                same = known.spans.get(span)
                if same is None or same.written != times:
                    read: Totals = defaultdict(dict)
                    for dimension in dimensions:
                        _add_all(read, await self._rollups.stored(project, dimension, *span, session))
                    same = _Sum(times, read)
                spans[span] = same
            logged = [
                each
                for dimension in dimensions
                for each in await self._rollups.logged(project, dimension, start, end, session)
            ]
        whole, whole_days = _whole(spans), known.whole_days
        if whole != _whole(known.spans):
            whole_days = defaultdict(dict)
            for each in whole.values():
                _add_all(whole_days, each.totals.items())
        self._known[project, scores] = _Known(spans, whole_days)
        totals: Totals = defaultdict(dict, {value: dict(counts) for value, counts in whole_days.items()})
        for span in spans.keys() - whole.keys():
            _add_all(totals, spans[span].totals.items())
        _add_all(totals, logged)
        return totals


def _whole(spans: Mapping[Span, _Sum]) -> dict[Span, _Sum]:
    """Those that are whole days; they are compared by what they are, not by what they hold."""
    return {span: each for span, each in spans.items() if span[1] - span[0] == DAY}


def _add_all(totals: Totals, counts: Iterable[tuple[str, Counts]]) -> None:
    for value, each in counts:
        add(totals[value], each)
