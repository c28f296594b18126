"""What a report is made of, read through the client as any other caller would."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from uptake import Client
from uptake.v1 import correction_pb2, insight_pb2, issue_pb2, review_pb2

from uptake_service.cli.listings import first_of
from uptake_service.domain.confidence import wilson_interval

MOST_ISSUES = 30
MOST_REVIEWS = 50
MOST_CORRECTIONS = 50
LONGEST_BY_MODEL = timedelta(weeks=190)
"""A series for each of 101 models by week stays within what one call answers."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of the feedback of one group is negative, with the 95% interval of the rate."""

    name: str
    negative: int
    total: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.negative / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """All there is to say of a project over a window.

    Attributes:
        series: The whole, by day.
        models: By model, the one with most feedback first; of a longer window its last LONGEST_BY_MODEL.
        issues: Most frequent first, at most MOST_ISSUES; `has_more_issues` tells whether there are others.
        reviews: Open and claimed ones, most urgent first, at most MOST_REVIEWS.
        corrections: Newest first, at most MOST_CORRECTIONS.
    """

    project: str
    time: datetime
    days: int
    insights: insight_pb2.Insights
    series: insight_pb2.MetricSeries
    models: Sequence[Rate]
    issues: Sequence[issue_pb2.Issue]
    has_more_issues: bool
    reviews: Sequence[review_pb2.Review]
    corrections: Sequence[correction_pb2.Correction]


async def gather(client: Client, project: str, days: int, now: datetime) -> Report:
    """Reads what there is of the `days` days before `now`."""
    start = now - timedelta(days=days)
    insights, (whole,), models, (issues, has_more_issues), (reviews, _), (corrections, _) = await asyncio.gather(
        client.insights.get(start=start, end=now),
        client.insights.metrics(start=start, end=now, interval=insight_pb2.METRIC_INTERVAL_DAY),
        client.insights.metrics(
            start=max(start, now - LONGEST_BY_MODEL),
            end=now,
            interval=insight_pb2.METRIC_INTERVAL_WEEK,
            group=insight_pb2.METRIC_GROUP_MODEL,
        ),
        first_of(client.issues.list(start=start, end=now, page_size=MOST_ISSUES), MOST_ISSUES),
        first_of(
            client.reviews.list(
                filter=review_pb2.ReviewFilter(states=[review_pb2.REVIEW_STATE_OPEN, review_pb2.REVIEW_STATE_CLAIMED]),
                order=review_pb2.REVIEW_ORDER_MOST_URGENT,
                page_size=MOST_REVIEWS,
            ),
            MOST_REVIEWS,
        ),
        first_of(client.corrections.list(page_size=MOST_CORRECTIONS), MOST_CORRECTIONS),
    )
    return Report(
        project=project,
        time=now,
        days=days,
        insights=insights,
        series=whole,
        models=[_whole(series) for series in models],
        issues=issues,
        has_more_issues=has_more_issues,
        reviews=reviews,
        corrections=corrections,
    )


def _whole(series: insight_pb2.MetricSeries) -> Rate:
    negative = sum(point.metrics.negative_count for point in series.points)
    total = sum(point.metrics.total_feedback for point in series.points)
    return Rate(series.group_value, negative, total, *wilson_interval(negative, total))
