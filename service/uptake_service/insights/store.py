"""Insights from rollups: what they cost depends on the window, not on how much feedback there is."""

from collections import defaultdict
from datetime import datetime, timedelta

from uptake_service.clock import DAY, HOUR, Clock, day_of, hour_of
from uptake_service.feedback.model import FeedbackFilter, FeedbackType
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.issues.view import IssueFilter, IssueView, SeenIssue
from uptake_service.insights.model import Insights, Metrics, UserCorrection
from uptake_service.insights.opportunities import Opportunities
from uptake_service.insights.rollups import Counts, RollupStore, add
from uptake_service.reviews.store import ReviewStore

DEFAULT_WINDOW = timedelta(days=30)
LONGEST_WINDOW = timedelta(days=3660)

_ISSUES = 20
_CORRECTIONS = 20


class InsightStore:
    def __init__(
        self,
        clock: Clock,
        rollups: RollupStore,
        feedback: FeedbackStore,
        reviews: ReviewStore,
        issues: IssueView,
        opportunities: Opportunities,
    ) -> None:
        self._clock = clock
        self._rollups = rollups
        self._feedback = feedback
        self._reviews = reviews
        self._issues = issues
        self._opportunities = opportunities

    def window(self, start: datetime | None = None, end: datetime | None = None) -> tuple[datetime, datetime]:
        """The full hours that a window covers: by default the last 30 days, the current hour with them."""
        end = end or self._clock.now()
        last = hour_of(end)
        if last < end:
            last += HOUR
        return hour_of(start or end - DEFAULT_WINDOW), last

    async def metrics(self, project: str, start: datetime, end: datetime) -> Metrics:
        """The numbers of a window of full hours."""
        total: Counts = {}
        for counts in (await self._rollups.by_hour(project, "all", start, end)).values():
            add(total, counts)
        return Metrics(start_time=start, end_time=end, counts=total)

    async def insights(self, project: str, start: datetime, end: datetime) -> Insights:
        """All there is to say of a window of full hours."""
        by_day: defaultdict[datetime, Counts] = defaultdict(dict)
        total: Counts = {}
        for (hour, _), counts in (await self._rollups.by_hour(project, "all", start, end)).items():
            add(by_day[day_of(hour)], counts)
            add(total, counts)
        metrics = Metrics(start_time=start, end_time=end, counts=total)
        issues = await self.issues(project, start, end, IssueFilter())
        return Insights(
            metrics=metrics,
            days=tuple(_days(start, end, by_day)),
            issues=tuple(issues[:_ISSUES]),
            opportunities=tuple(await self._opportunities.of(project, metrics, issues)),
            user_corrections=tuple(await self._user_corrections(project, start, end)),
            active_reviews=await self._reviews.active_count(project),
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


def _days(start: datetime, end: datetime, by_day: dict[datetime, Counts]) -> list[Metrics]:
    days = []
    day = day_of(start)
    while day < end:
        days.append(Metrics(start_time=max(day, start), end_time=min(day + DAY, end), counts=by_day.get(day, {})))
        day += DAY
    return days
