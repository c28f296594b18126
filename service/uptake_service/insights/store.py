"""Insights from rollups: what they cost depends on the window, not on how much feedback there is."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from uptake_service.clock import HOUR, Clock, hour_of
from uptake_service.corrections.store import CorrectionStore
from uptake_service.feedback.model import FeedbackFilter, FeedbackType
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.issues.view import IssueFilter, IssueView, SeenIssue
from uptake_service.insights.model import Insights, Metrics, UserCorrection
from uptake_service.insights.opportunities import Opportunities
from uptake_service.insights.rollups import Counts, Dimension, RollupStore, add
from uptake_service.insights.series import MetricGroup, MetricInterval, Series, split
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.leases import Writers
from uptake_service.recently import Recently
from uptake_service.reviews.store import ReviewStore
from uptake_service.together import Together

DEFAULT_WINDOW = timedelta(days=30)
LONGEST_WINDOW = timedelta(days=3660)

_ISSUES = 20
_CORRECTIONS = 20

_WINDOWS = 100
"""How many windows are remembered."""

_DIMENSIONS: Mapping[MetricGroup | None, Dimension] = {
    None: "all",
    MetricGroup.TYPE: "all",
    MetricGroup.MODEL: "model",
    MetricGroup.SOURCE: "source",
    MetricGroup.PATTERN: "pattern",
}


class InsightStore:
    def __init__(
        self,
        clock: Clock,
        rollups: RollupStore,
        feedback: FeedbackStore,
        reviews: ReviewStore,
        corrections: CorrectionStore,
        issues: IssueView,
        opportunities: Opportunities,
        events: EventLog,
        writers: Writers,
    ) -> None:
        self._clock = clock
        self._rollups = rollups
        self._feedback = feedback
        self._reviews = reviews
        self._corrections = corrections
        self._issues = issues
        self._opportunities = opportunities
        self._events = events
        self._writers = writers
        self._insights = Together(self._remembered)
        self._known = Recently[tuple[str, datetime, datetime], tuple[tuple[object, ...], Insights]](_WINDOWS)

    def window(self, start: datetime | None = None, end: datetime | None = None) -> tuple[datetime, datetime]:
        """The full hours that a window covers: by default the last 30 days, the current hour with them."""
        end = end or self._clock.now()
        last = hour_of(end)
        if last < end:
            last += HOUR
        return hour_of(start or end - DEFAULT_WINDOW), last

    async def metrics(self, project: str, start: datetime, end: datetime) -> Metrics:
        """The numbers of a window of full hours."""
        counts = await self._rollups.by_value(project, "all", start, end)
        return Metrics(start_time=start, end_time=end, counts=counts.get("", {}))

    async def series(
        self, project: str, start: datetime, end: datetime, interval: MetricInterval, group: MetricGroup | None
    ) -> list[Series]:
        """Time series of a window of full hours, the one with most feedback first.

        Raises:
            InvalidRequest: They would have too many points.
        """
        counts = await self._rollups.by_start(project, _DIMENSIONS[group], start, end, interval.start_of)
        return await asyncio.to_thread(split, counts, start, end, interval, group)

    async def insights(self, project: str, start: datetime, end: datetime) -> Insights:
        """All there is to say of a window of full hours.

        What feedback, reviews and issues say is remembered until any of these change, and then read once for all who
        ask meanwhile: many dashboards cost the database what one does.
        """
        return await self._insights((project, start, end))

    async def _remembered(self, window: tuple[str, datetime, datetime]) -> Insights:
        state, corrections = await asyncio.gather(
            self._state(window[0]), self._corrections.applied_between(*window, _CORRECTIONS)
        )
        known = self._known.get(window)
        if known is None or known[0] != state:
            known = self._known[window] = state, await self._read(*window)
        return known[1].model_copy(update={"corrections": tuple(corrections)})

    async def _state(self, project: str) -> tuple[object, ...]:
        """Something that is another once anything is written that insights tell of, but for corrections' verdicts."""
        generation, seq, revisions = await asyncio.gather(
            self._issues.generation(project), self._events.newest_seq(project), self._writers.revisions()
        )
        return generation.number, generation.edits, seq, revisions

    async def _read(self, project: str, start: datetime, end: datetime) -> Insights:
        (series,), issues, user_corrections, active_reviews = await asyncio.gather(
            self.series(project, start, end, MetricInterval.DAY, None),
            self.issues(project, start, end, IssueFilter()),
            self._user_corrections(project, start, end),
            self._reviews.active_count(project),
        )
        total: Counts = {}
        for day in series.points:
            add(total, day.counts)
        metrics = Metrics(start_time=start, end_time=end, counts=total)
        return Insights(
            metrics=metrics,
            days=series.points,
            issues=tuple(issues[:_ISSUES]),
            opportunities=tuple(await self._opportunities.of(project, metrics, issues)),
            user_corrections=tuple(user_corrections),
            active_reviews=active_reviews,
            corrections=(),
        )

    async def issues(self, project: str, start: datetime, end: datetime, filter: IssueFilter) -> list[SeenIssue]:
        """The issues of a window that match, most frequent first."""
        return [seen for seen in await self._issues.all(project, start, end) if filter.matches(seen)]

    async def _user_corrections(self, project: str, start: datetime, end: datetime) -> list[UserCorrection]:
        found = await self._feedback.page(
            project,
            FeedbackFilter(types=(FeedbackType.CORRECTION,), start_time=start, end_time=end),
            None,
            _CORRECTIONS,
        )
        return [
            UserCorrection(
                feedback_id=feedback.id,
                query=feedback.interaction.query,
                correction=feedback.content.correction,
                occur_time=feedback.occur_time,
                pattern_id=feedback.pattern_id,
            )
            for feedback in found
            if feedback.content.correction is not None
        ]
