"""Counts over windows of time: of a project as a whole, and as time series."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from uptake_service.domain.clock import HOUR, Clock, hour_of
from uptake_service.domain.errors import InvalidRequest, Violation
from uptake_service.domain.feedback import OVERALL
from uptake_service.insights.model import Metrics
from uptake_service.insights.series import MetricGroup, MetricInterval, Series, split
from uptake_service.projections.rollup_deltas import Dimension, of_score
from uptake_service.projections.rollups import RollupStore
from uptake_service.projects.store import BREAKDOWN_VALUES, OTHER, ProjectStore

DEFAULT_WINDOW = timedelta(days=30)
LONGEST_WINDOW = timedelta(days=3660)
_DIMENSIONS: Mapping[MetricGroup | None, Dimension] = {
    None: "all",
    MetricGroup.TYPE: "all",
    MetricGroup.SCORE: "score",
    MetricGroup.MODEL: "model",
    MetricGroup.SOURCE: "source",
    MetricGroup.PATTERN: "pattern",
}


class Numbers:
    def __init__(self, clock: Clock, projects: ProjectStore, rollups: RollupStore) -> None:
        self._clock = clock
        self._projects = projects
        self._rollups = rollups

    def window(self, start: datetime | None = None, end: datetime | None = None) -> tuple[datetime, datetime]:
        """The full hours that a window covers: by default the last 30 days, the current hour with them."""
        end = end or self._clock.now()
        last = hour_of(end)
        if last < end:
            last += HOUR
        return hour_of(start or end - DEFAULT_WINDOW), last

    async def metrics(self, project: str, start: datetime, end: datetime) -> Metrics:
        """The numbers of a window of full hours, of the scores that the project goes by."""
        dimensions = [of_score("all", score) for score in await self.scores(project)]
        counts = await self._rollups.by_value(project, dimensions, start, end)
        return Metrics(start_time=start, end_time=end, counts=counts.get("", {}))

    async def series(
        self,
        project: str,
        start: datetime,
        end: datetime,
        interval: MetricInterval,
        group: MetricGroup | None,
        score: str | None = None,
    ) -> list[Series]:
        """Time series of a window of full hours, the one with most feedback first.

        Args:
            project: The project.
            start: Start of the window.
            end: Its end.
            interval: Width of the points.
            group: What to split by.
            score: What is counted; None is what the project goes by. By score each is counted.

        Raises:
            InvalidRequest: They would have too many points, or the score is not counted apart.
        """
        dimension = _DIMENSIONS[group]
        if dimension == "score":
            dimensions: list[str] = ["all", dimension]
        else:
            scores = await self.scores(project) if score is None else (await self._counted_apart(project, score),)
            dimensions = [of_score(dimension, each) for each in scores]
        counts = await self._rollups.by_start(project, dimensions, start, end, interval.start_of)
        return await asyncio.to_thread(split, counts, start, end, interval, group)

    async def _counted_apart(self, project: str, score: str) -> str:
        known = await self._projects.recent(project)
        apart = {OVERALL, OTHER, *known.scores, *known.settings.review_policy.scores}
        if score not in apart and len(known.scores) >= BREAKDOWN_VALUES:
            told = f"is none of the {len(known.scores)} that are counted apart; the others are counted as {OTHER!r}"
            raise InvalidRequest([Violation("score", told)])
        return score

    async def scores(self, project: str) -> tuple[str, ...]:
        """The scores that a project goes by."""
        return (await self._projects.recent(project)).settings.review_policy.scores
