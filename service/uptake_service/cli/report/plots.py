"""The report's plots. Users' words are escaped: plotly reads some HTML in its texts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots
from uptake.v1 import correction_pb2, insight_pb2, issue_pb2, review_pb2

from uptake_service.cli.report.gather import Rate
from uptake_service.cli.tables import enum_name, one_line
from uptake_service.domain.confidence import wilson_interval

# Of Okabe and Ito's palette, which colour-blind people can tell apart.
_BLUE, _RED, _GREEN, _GREY, _AMBER = "#0072b2", "#d55e00", "#009e73", "#8a8f98", "#e69f00"
_ROW_HEIGHT = 26
_NAME = np.array([0.17, 0.05])
"""Room that a name takes of the map's width and height."""

_GONE, _MOST_RISE = -1.0, 3.0
_TREND_COLORS = [[0.0, "rgb(0,114,178)"], [-_GONE / (_MOST_RISE - _GONE), "rgb(196,200,207)"], [1.0, "rgb(213,94,0)"]]


def rates(series: insight_pb2.MetricSeries) -> go.Figure:
    """Negative rate by day with its 95% interval, above how much feedback there was."""
    points = series.points
    days = [point.metrics.start_time.ToDatetime(UTC) for point in points]
    totals = [point.metrics.total_feedback for point in points]
    seen = [point for point in points if point.metrics.HasField("negative_rate")]
    seen_days = [point.metrics.start_time.ToDatetime(UTC) for point in seen]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    figure.add_trace(
        go.Scatter(
            x=seen_days,
            y=[point.metrics.negative_rate for point in seen],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [point.negative_rate_interval.high - point.metrics.negative_rate for point in seen],
                "arrayminus": [point.metrics.negative_rate - point.negative_rate_interval.low for point in seen],
                "color": _RED,
                "thickness": 1,
                "width": 2,
            },
            customdata=[
                (point.negative_rate_interval.low, point.negative_rate_interval.high, point.metrics.total_feedback)
                for point in seen
            ],
            hovertemplate="%{x|%d %b %Y}: %{y:.0%} of %{customdata[2]:,}, 95% interval %{customdata[0]:.0%} to "
            "%{customdata[1]:.0%}<extra></extra>",
            mode="lines+markers",
            line={"color": _RED, "width": 2},
            name="negative rate",
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(
            x=days,
            y=totals,
            marker={"color": _GREY},
            hovertemplate="%{x|%d %b %Y}: %{y:,}<extra></extra>",
            name="feedback",
        ),
        row=2,
        col=1,
    )
    figure.update_yaxes(title="negative", tickformat=".0%", range=[0, 1], row=1, col=1)
    figure.update_yaxes(title="feedback", rangemode="tozero", row=2, col=1)
    return _styled(figure, 420)


def issue_bars(issues: Sequence[issue_pb2.Issue]) -> go.Figure:
    """Issues by frequency, coloured by trend."""
    labels = _labels(issues)
    figure = go.Figure(
        go.Bar(
            x=[issue.frequency for issue in issues],
            y=labels,
            orientation="h",
            marker={"color": _colors(issues)},
            customdata=[(_state(issue), _said(issue)) for issue in issues],
            hovertemplate="%{y}: %{x:,}, %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    )
    figure.update_xaxes(title="negative feedback in the window", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return _styled(figure, 120 + _ROW_HEIGHT * max(len(issues), 3))


def issue_map(issues: Sequence[issue_pb2.Issue], places: NDArray[np.float64]) -> go.Figure:
    """Issues (most frequent first) where `places` puts them, their area the frequency, coloured by trend."""
    labels = _labels(issues)
    # Names and bubbles reach beyond the outermost middles.
    margin = 0.15 * np.maximum(np.ptp(places, axis=0), 0.1)
    low, high = places.min(axis=0) - margin, places.max(axis=0) + margin
    frequencies = np.array([max(issue.frequency, 1) for issue in issues], dtype=np.float64)
    figure = go.Figure(
        go.Scatter(
            x=places[:, 0],
            y=places[:, 1],
            text=[label if shown else "" for label, shown in zip(labels, _legible(places, low, high), strict=True)],
            mode="markers+text",
            textposition="top center",
            marker={
                "size": 12 + 48 * np.sqrt(frequencies / frequencies.max()) if len(issues) else [],
                "color": _colors(issues),
                "line": {"width": 1, "color": "white"},
            },
            customdata=[
                (label, issue.frequency, _state(issue), _said(issue))
                for label, issue in zip(labels, issues, strict=True)
            ],
            hovertemplate="%{customdata[0]}: %{customdata[1]:,}, %{customdata[2]}<br>%{customdata[3]}<extra></extra>",
        )
    )
    # The axes mean nothing by themselves.
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(range=[low[0], high[0]], **axis)
    figure.update_yaxes(range=[low[1], high[1]], **axis)
    return _styled(figure, 560)


def _legible(places: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> list[bool]:
    """Which names stand free of those before them; the rest are told when pointed at."""
    inside = (places - low) / (high - low)
    shown: list[bool] = []
    for place in inside:
        apart = np.abs(inside[: len(shown)][shown] - place) / _NAME
        shown.append(bool((apart.max(axis=1, initial=0) > 1).all()))
    return shown


def groups(rates: Sequence[Rate]) -> go.Figure:
    """Negative rates with their 95% intervals, a row each."""
    figure = go.Figure(
        go.Scatter(
            x=[each.rate for each in rates],
            y=_unique(escape(one_line(each.name, 40)) or "not given" for each in rates),
            mode="markers",
            marker={"color": _BLUE, "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [each.high - each.rate for each in rates],
                "arrayminus": [each.rate - each.low for each in rates],
                "color": _BLUE,
            },
            customdata=[(each.negative, each.total, each.low, each.high) for each in rates],
            hovertemplate="%{y}: %{customdata[0]:,} of %{customdata[1]:,}, 95% interval %{customdata[2]:.0%} to "
            "%{customdata[3]:.0%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="negative", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    return _styled(figure, 110 + _ROW_HEIGHT * max(len(rates), 2))


def reviews(reviews: Sequence[review_pb2.Review]) -> go.Figure:
    """Open reviews, most urgent first: the negative rate of the feedback examined."""
    colors = {review_pb2.REVIEW_PRIORITY_HIGH: _RED, review_pb2.REVIEW_PRIORITY_MEDIUM: _AMBER}
    figure = go.Figure(
        go.Bar(
            x=[review.negative_rate for review in reviews],
            y=_unique(escape(one_line(review.pattern.representative_query, 60)) for review in reviews),
            orientation="h",
            marker={"color": [colors.get(review.priority, _GREEN) for review in reviews]},
            customdata=[
                (
                    review.sample_size,
                    enum_name(review_pb2.ReviewPriority.Name(review.priority), "REVIEW_PRIORITY_"),
                    escape(one_line(review.suggested_action, 100)),
                )
                for review in reviews
            ],
            hovertemplate="%{x:.0%} of %{customdata[0]} negative, %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        )
    )
    figure.update_xaxes(title="negative among the newest", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed", automargin=True)
    return _styled(figure, 110 + _ROW_HEIGHT * max(len(reviews), 3))


def verdicts(corrections: Sequence[correction_pb2.Correction]) -> go.Figure:
    """Negative rates before (grey) and after each correction with their 95% intervals, coloured by verdict."""
    colors = {
        correction_pb2.VERDICT_IMPROVED: _GREEN,
        correction_pb2.VERDICT_WORSE: _RED,
        correction_pb2.VERDICT_NO_CHANGE: _BLUE,
    }
    rows = _unique(escape(one_line(correction.target, 40)) for correction in corrections)
    reports = [correction.verdict for correction in corrections]
    before = [_rate("before", report.baseline.negative_rate, report.baseline.votes) for report in reports]
    after = [_rate("after", report.later.negative_rate, report.later.votes) for report in reports]
    figure = go.Figure()
    for rates, shades, place in (
        (before, [_GREY] * len(rows), 0.18),
        (after, [colors.get(report.verdict, _AMBER) for report in reports], -0.18),
    ):
        # A trace for each, since a trace has one colour for its intervals.
        for row, (rate, color) in enumerate(zip(rates, shades, strict=True)):
            if rate.total:
                figure.add_trace(_interval(rate, row - place, color, rows[row]))
    figure.update_xaxes(title="negative", tickformat=".0%", range=[0, 1])
    places = list(range(len(rows)))
    figure.update_yaxes(tickvals=places, ticktext=rows, range=[len(rows) - 0.4, -0.6], automargin=True, zeroline=False)
    return _styled(figure, 110 + 2 * _ROW_HEIGHT * max(len(rows), 1))


def _rate(name: str, rate: float, votes: int) -> Rate:
    negative = round(rate * votes)
    return Rate(name, negative, votes, *wilson_interval(negative, votes))


def _interval(rate: Rate, place: float, color: str, row: str) -> go.Scatter:
    return go.Scatter(
        x=[rate.rate],
        y=[place],
        mode="markers",
        marker={"color": color, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [rate.high - rate.rate],
            "arrayminus": [rate.rate - rate.low],
            "color": color,
        },
        customdata=[(row, rate.name, rate.negative, rate.total, rate.low, rate.high)],
        hovertemplate="%{customdata[0]}, %{customdata[1]}: %{customdata[2]:,} of %{customdata[3]:,}, 95% interval "
        "%{customdata[4]:.0%} to %{customdata[5]:.0%}<extra></extra>",
    )


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=height,
        showlegend=False,
        margin={"l": 60, "r": 20, "t": 16, "b": 44},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#24292f"},
        hoverlabel={"align": "left"},
    )
    return figure


def _labels(issues: Sequence[issue_pb2.Issue]) -> list[str]:
    return _unique(escape(one_line(issue.title, 40)) for issue in issues)


def _unique(labels: Iterable[str]) -> list[str]:
    """Equal labels would share a row; those that come later get a number."""
    seen: Counter[str] = Counter()
    unique = []
    for label in labels:
        seen[label] += 1
        unique.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return unique


def _colors(issues: Sequence[issue_pb2.Issue]) -> list[str]:
    """By trend: from blue for gone over grey for steady to red for four times as often and more."""
    reach = [(min(issue.trend, _MOST_RISE) - _GONE) / (_MOST_RISE - _GONE) for issue in issues]
    return [str(color) for color in sample_colorscale(_TREND_COLORS, reach)]


def _state(issue: issue_pb2.Issue) -> str:
    return enum_name(issue_pb2.IssueState.Name(issue.state), "ISSUE_STATE_")


def _said(issue: issue_pb2.Issue) -> str:
    return escape(one_line(issue.representative.text, 120))
