"""Insights from rollups: what they cost depends on the window, not on how much feedback there is."""

import asyncio
from datetime import datetime

from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.leases import Writers
from uptake_service.corrections.model import Correction
from uptake_service.corrections.store import CorrectionStore
from uptake_service.domain.feedback import FeedbackFilter, FeedbackType
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.model import Insights, Metrics, UserCorrection, shown
from uptake_service.insights.numbers import Numbers
from uptake_service.insights.opportunities import Opportunities
from uptake_service.insights.series import MetricInterval
from uptake_service.issues.view import IssueFilter, IssueView, SeenIssue
from uptake_service.patterns.patterns import Patterns
from uptake_service.projections.rollup_deltas import Counts, add
from uptake_service.reviews.store import ReviewStore

_ISSUES = 20
_CORRECTIONS = 20


class InsightStore:
    def __init__(
        self,
        numbers: Numbers,
        feedback: FeedbackStore,
        reviews: ReviewStore,
        corrections: CorrectionStore,
        issues: IssueView,
        patterns: Patterns,
        opportunities: Opportunities,
        events: EventLog,
        writers: Writers,
    ) -> None:
        self._numbers = numbers
        self._feedback = feedback
        self._reviews = reviews
        self._corrections = corrections
        self._issues = issues
        self._patterns = patterns
        self._opportunities = opportunities
        self._events = events
        self._writers = writers

    async def state(self, project: str) -> tuple[object, ...]:
        """Something that is another once anything is written that insights tell of, but for corrections' verdicts."""
        generation, seq, revisions, scores = await asyncio.gather(
            self._issues.generation(project),
            self._events.newest_seq(project),
            self._writers.revisions(),
            self._numbers.scores(project),
        )
        return generation.number, generation.edits, seq, revisions, scores, self._patterns.removals

    async def corrections(self, project: str, start: datetime, end: datetime) -> tuple[Correction, ...]:
        """The newest corrections that were applied in a window."""
        return tuple(await self._corrections.applied_between(project, start, end, _CORRECTIONS))

    async def insights(self, project: str, start: datetime, end: datetime) -> Insights:
        """All there is to say of a window of full hours, but for corrections."""
        (series,), issues, user_corrections, active_reviews = await asyncio.gather(
            self._numbers.series(project, start, end, MetricInterval.DAY, None),
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
            opportunities=tuple(
                await self._opportunities.of(project, await self._numbers.scores(project), metrics, issues)
            ),
            user_corrections=tuple(user_corrections),
            active_reviews=active_reviews,
            corrections=(),
        )

    async def issues(self, project: str, start: datetime, end: datetime, filter: IssueFilter) -> list[SeenIssue]:
        """The issues of a window that match, most frequent first."""
        return [seen for seen in await self._issues.all(project, start, end) if filter.matches(seen)]

    async def _user_corrections(self, project: str, start: datetime, end: datetime) -> list[UserCorrection]:
        found = await self._feedback.first(
            project,
            FeedbackFilter(types=(FeedbackType.CORRECTION,), start_time=start, end_time=end),
            _CORRECTIONS,
        )
        return [
            UserCorrection(
                feedback_id=feedback.id,
                query=shown(feedback.interaction.query),
                correction=feedback.content.correction.model_copy(
                    update={
                        "original": shown(feedback.content.correction.original),
                        "corrected": shown(feedback.content.correction.corrected),
                    }
                ),
                occur_time=feedback.occur_time,
                pattern_id=feedback.pattern_id,
            )
            for feedback in found
            if feedback.content.correction is not None
        ]
