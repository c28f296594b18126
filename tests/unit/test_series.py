"""Time series: points that cover the window once, groups that lose nothing, intervals that hold the rate."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from uptake_service.domain.confidence import wilson_interval
from uptake_service.domain.errors import InvalidRequest
from uptake_service.domain.feedback import Content, FeedbackType, Rating
from uptake_service.insights.series import (
    MOST_POINTS_IN_ALL,
    MetricGroup,
    MetricInterval,
    Series,
    number_of_points,
    points,
    split,
)
from uptake_service.projections.rollup_deltas import Counts, add, by_type, share_of
from uptake_service.projects.store import BREAKDOWN_VALUES, OTHER

HOUR = timedelta(hours=1)
EPOCH = datetime(2024, 2, 26, tzinfo=UTC)

hours = st.integers(0, 2000).map(lambda number: EPOCH + number * HOUR)
windows = st.tuples(hours, st.integers(1, 1000)).map(lambda window: (window[0], window[0] + window[1] * HOUR))
intervals = st.sampled_from(MetricInterval)
ratings = st.integers(1, 5).map(lambda score: Content(type=FeedbackType.RATING, rating=Rating(score=score)))
contents = st.sampled_from([Content(type=type) for type in FeedbackType if type is not FeedbackType.RATING]) | ratings


def total_of(all_counts: Iterable[Counts]) -> Counts:
    total: Counts = {}
    for counts in all_counts:
        add(total, counts)
    return total


def counts_of(series: Iterable[Series]) -> Counts:
    return total_of(point.counts for each in series for point in each.points)


@given(windows, intervals)
def test_points_cover_the_window_once(window: tuple[datetime, datetime], interval: MetricInterval) -> None:
    start, end = window

    found = points({}, start, end, interval)

    assert (found[0].start_time, found[-1].end_time) == (start, end)
    assert all(earlier.end_time == later.start_time for earlier, later in pairwise(found))
    assert all(point.start_time < point.end_time for point in found)
    assert all(interval.start_of(point.start_time) == point.start_time for point in found[1:])
    assert all(point.end_time - point.start_time == interval.width for point in found[1:-1])
    assert len(found) == number_of_points(start, end, interval)


@given(hours, intervals, st.timedeltas(timedelta(0), HOUR - timedelta(milliseconds=1)))
def test_a_time_lies_in_the_interval_that_it_is_counted_in(
    hour: datetime, interval: MetricInterval, past: timedelta
) -> None:
    start = interval.start_of(hour + past)

    assert start <= hour + past < start + interval.width
    assert interval.start_of(start) == start == interval.start_of(start + interval.width - HOUR)


def test_weeks_start_on_monday() -> None:
    sunday = datetime(2024, 3, 3, 23, tzinfo=UTC)

    assert MetricInterval.WEEK.start_of(sunday) == datetime(2024, 2, 26, tzinfo=UTC)
    assert MetricInterval.WEEK.start_of(sunday + HOUR) == datetime(2024, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize("interval", MetricInterval)
def test_windows_at_the_ends_of_time(interval: MetricInterval) -> None:
    for start in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, 23, tzinfo=UTC)):
        end = start + 24 * HOUR
        found = points({}, start, end, interval)
        assert (found[0].start_time, found[-1].end_time) == (start, end)


@given(
    windows,
    intervals,
    st.lists(st.tuples(st.integers(0, 999), st.sampled_from(("", "a", "b", OTHER)), contents), max_size=30),
    st.sampled_from((None, *MetricGroup)),
)
def test_the_points_add_up_to_the_whole(
    window: tuple[datetime, datetime],
    interval: MetricInterval,
    said: list[tuple[int, str, Content]],
    group: MetricGroup | None,
) -> None:
    start, end = window
    # Without a group or by type the rollups have one value.
    named = group not in (None, MetricGroup.TYPE)
    length = (end - start) // HOUR
    counts: dict[tuple[datetime, str], Counts] = {}
    for hour, value, content in said:
        key = interval.start_of(start + hour % length * HOUR), value if named else ""
        add(counts.setdefault(key, {}), share_of(content))

    series = split(counts, start, end, interval, group)

    assert counts_of(series) == total_of(share_of(content) for _, _, content in said)
    totals = [sum(point.total for point in each.points) for each in series]
    assert totals == sorted(totals, reverse=True)
    assert group is None or all(totals)


@given(st.lists(contents, max_size=30))
def test_types_are_told_apart_from_the_counts_of_all(said: list[Content]) -> None:
    found = by_type(total_of(map(share_of, said)))

    for type in FeedbackType:
        expected = total_of(share_of(content) for content in said if content.type is type)
        assert {name: number for name, number in found[type].items() if number} == {
            name: number for name, number in expected.items() if number
        }


def test_the_values_past_the_hundred_with_most_feedback_are_one() -> None:
    most = BREAKDOWN_VALUES
    counts = {(EPOCH, f"v{number:03}"): {"total": number, "negative": 1} for number in range(1, most + 4)}
    counts |= {(EPOCH, ""): {"total": 2}, (EPOCH, OTHER): {"total": 5, "negative": 2}}

    series = split(counts, EPOCH, EPOCH + HOUR, MetricInterval.DAY, MetricGroup.PATTERN)

    found = {each.value: each.points[0].counts for each in series}
    assert [each.value for each in series][:2] == [f"v{most + 3:03}", f"v{most + 2:03}"]
    assert len(found) == most + 2
    assert found[OTHER] == {"total": 5 + 1 + 2 + 3, "negative": 5}
    assert found[""] == {"total": 2}
    assert "v003" not in found
    assert "v004" in found


def test_a_value_without_feedback_has_no_series_and_other_has_one_only_where_it_is_needed() -> None:
    counts = {(EPOCH, "a"): {"total": 1}, (EPOCH, "b"): {"total": 0, "negative": 0}}

    series = split(counts, EPOCH, EPOCH + HOUR, MetricInterval.HOUR, MetricGroup.MODEL)

    assert [each.value for each in series] == ["a"]


def test_more_points_than_an_answer_holds_are_refused() -> None:
    length = MOST_POINTS_IN_ALL // 10
    counts = {(EPOCH, str(number)): {"total": 1} for number in range(10)}

    series = split(counts, EPOCH, EPOCH + length * HOUR, MetricInterval.HOUR, MetricGroup.MODEL)
    assert sum(len(each.points) for each in series) == MOST_POINTS_IN_ALL
    with pytest.raises(InvalidRequest) as caught:
        split(counts, EPOCH, EPOCH + (length + 1) * HOUR, MetricInterval.HOUR, MetricGroup.MODEL)
    assert [violation.field for violation in caught.value.violations] == ["group"]
    assert f"10 series of {length + 1:,} points" in caught.value.message


@given(st.integers(1, 10**9).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_holds_the_rate(sample: tuple[int, int]) -> None:
    count, total = sample
    low, high = wilson_interval(count, total)
    assert 0 <= low <= count / total <= high <= 1
    assert low < high
    mirrored = wilson_interval(total - count, total)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-9)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_is_the_one_of_scipy(sample: tuple[int, int]) -> None:
    expected = binomtest(*sample).proportion_ci(0.95, method="wilson")
    assert wilson_interval(*sample) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(0, 100))
def test_more_feedback_makes_the_interval_narrower(percent: int) -> None:
    widths = [high - low for low, high in (wilson_interval(percent * n, 100 * n) for n in (1, 10, 100))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(count: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(count, total) == pytest.approx((low, high), abs=5e-5)


def test_nothing_is_known_without_feedback() -> None:
    assert wilson_interval(0, 0) == (0, 1)
