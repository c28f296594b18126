"""Time series: how a window is cut into points, and what it is split by."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from uptake_service.domain.clock import DAY, HOUR, day_of, hour_of
from uptake_service.domain.errors import InvalidRequest, Violation
from uptake_service.domain.model import Model
from uptake_service.insights.model import Metrics
from uptake_service.projections.rollup_deltas import Counts, add, by_type
from uptake_service.projects.store import BREAKDOWN_VALUES, OTHER

WEEK = timedelta(weeks=1)

MOST_POINTS = 4_000
"""Points of one series: 166 days by the hour, and every window by the day."""

MOST_POINTS_IN_ALL = 20_000
"""Points of all series of one answer: about 2 MB, so that it fits in the 4 MB that gRPC takes by default."""


class MetricInterval(StrEnum):
    """The width of a series' points."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"

    @property
    def width(self) -> timedelta:
        return {MetricInterval.HOUR: HOUR, MetricInterval.DAY: DAY, MetricInterval.WEEK: WEEK}[self]

    def start_of(self, time: datetime) -> datetime:
        """Start of the full hour, day (UTC) or week (from Monday, UTC) in which `time` lies."""
        if self is MetricInterval.HOUR:
            return hour_of(time)
        day = day_of(time)
        return day - day.weekday() * DAY if self is MetricInterval.WEEK else day


class MetricGroup(StrEnum):
    """What series are split by."""

    TYPE = "TYPE"
    MODEL = "MODEL"
    SOURCE = "SOURCE"
    PATTERN = "PATTERN"
    SCORE = "SCORE"


class Series(Model):
    """The numbers of one value of a group over a window: points without gaps, oldest first."""

    value: str
    points: tuple[Metrics, ...]


ByStart = Mapping[datetime, Counts]
"""Counts by the start of the interval that they are of; an interval without any may be missing."""


def number_of_points(start: datetime, end: datetime, interval: MetricInterval) -> int:
    return -((interval.start_of(start) - end) // interval.width)


def points(counts: ByStart, start: datetime, end: datetime, interval: MetricInterval) -> tuple[Metrics, ...]:
    """The window in full intervals, the first and the last cut to it; oldest first, without gaps."""
    return tuple(
        Metrics(start_time=max(first, start), end_time=last, counts=counts.get(first, {}))
        for first, last in _intervals(start, end, interval)
    )


def split(
    counts: Mapping[tuple[datetime, str], Counts],
    start: datetime,
    end: datetime,
    interval: MetricInterval,
    group: MetricGroup | None,
) -> list[Series]:
    """The series of a window, the one with most feedback first.

    Without a group there is one; with a group, one for each value that has feedback in the window. Beyond the
    BREAKDOWN_VALUES with most feedback (besides none), the rest is OTHER.

    Args:
        counts: Counts by start of the interval and value; by type they are those of all feedback, with one value.
        start: Start of the window, a full hour.
        end: Its end, a full hour.
        interval: Width of the points.
        group: What to split by; None for one series.

    Raises:
        InvalidRequest: There would be more than MOST_POINTS_IN_ALL points.
    """
    by_value: defaultdict[str, dict[datetime, Counts]] = defaultdict(dict)
    for (first, value), counted in counts.items():
        if group is MetricGroup.TYPE:
            for type, share in by_type(counted).items():
                by_value[type.value][first] = share
        else:
            by_value[value][first] = counted
    if group is None:
        return [Series(value="", points=points(by_value[""], start, end, interval))]
    shown = sorted(_within_room(by_value).items(), key=_most_first)
    each = number_of_points(start, end, interval)
    if len(shown) * each > MOST_POINTS_IN_ALL:
        raise InvalidRequest(
            [
                Violation(
                    "group",
                    f"gives {len(shown)} series of {each:,} points; at most {MOST_POINTS_IN_ALL:,} points in all are "
                    "answered: ask for a shorter window or a wider interval",
                )
            ]
        )
    return [Series(value=value, points=points(by_start, start, end, interval)) for value, by_start in shown]


def _intervals(start: datetime, end: datetime, interval: MetricInterval) -> Iterator[tuple[datetime, datetime]]:
    """Start of each interval that the window touches, and its end, that of the last cut to the window's."""
    first, width = interval.start_of(start), interval.width
    while end - first > width:
        yield first, first + width
        first += width
    yield first, end


def _within_room(by_value: Mapping[str, ByStart]) -> dict[str, ByStart]:
    """The values that have feedback, with those for which there is no room added up as OTHER."""
    found = {value: by_start for value, by_start in by_value.items() if _total(by_start)}
    named = sorted(((value, found[value]) for value in found.keys() - {"", OTHER}), key=_most_first)
    surplus = named[BREAKDOWN_VALUES:]
    if not surplus:
        return found
    rest: defaultdict[datetime, Counts] = defaultdict(dict)
    for by_start in (found.pop(OTHER, {}), *(found.pop(value) for value, _ in surplus)):
        for first, counts in by_start.items():
            add(rest[first], counts)
    return {**found, OTHER: rest}


def _most_first(item: tuple[str, ByStart]) -> tuple[int, str]:
    value, by_start = item
    return -_total(by_start), value


def _total(by_start: ByStart) -> int:
    return sum(counts.get("total", 0) for counts in by_start.values())
