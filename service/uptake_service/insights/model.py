"""Insights as the service knows them."""

from datetime import datetime

from uptake_service.corrections.model import Correction
from uptake_service.feedback.model import POSITION_SCALE, CorrectionValue, FeedbackType
from uptake_service.insights.confidence import wilson_interval
from uptake_service.insights.issues.view import SeenIssue
from uptake_service.insights.rollups import Counts
from uptake_service.model import Model


class Metrics(Model):
    """The numbers of a window: from `start_time` to before `end_time`, full hours."""

    start_time: datetime
    end_time: datetime
    counts: Counts

    @property
    def total(self) -> int:
        return self.counts.get("total", 0)

    @property
    def positive(self) -> int:
        return self.counts.get("positive", 0)

    @property
    def negative(self) -> int:
        return self.counts.get("negative", 0)

    @property
    def positive_rate(self) -> float:
        return self.positive / self.total if self.total else 0.0

    @property
    def negative_rate(self) -> float:
        return self.negative / self.total if self.total else 0.0

    @property
    def positive_rate_interval(self) -> tuple[float, float]:
        return wilson_interval(self.positive, self.total)

    @property
    def negative_rate_interval(self) -> tuple[float, float]:
        return wilson_interval(self.negative, self.total)

    @property
    def average_rating(self) -> float:
        """Mean position of the ratings, 0 to 1; 0 without ratings."""
        ratings = self.counts.get("rating", 0)
        return self.counts.get("position", 0) / (ratings * POSITION_SCALE) if ratings else 0.0

    def of_type(self, type: FeedbackType) -> int:
        return self.counts.get(type.value.lower(), 0)


class Opportunity(Model):
    """Something whose fix would remove negative feedback: a pattern, an issue or both; the other id is empty."""

    title: str
    pattern_id: str
    issue_id: str
    negative: int
    total: int
    negative_share: float
    suggested_action: str
    evidence_feedback_ids: tuple[str, ...]
    review_id: str


class UserCorrection(Model):
    """A correction that a user gave."""

    feedback_id: str
    query: str
    correction: CorrectionValue
    occur_time: datetime
    pattern_id: str


class Insights(Model):
    """What the numbers say over a window.

    Attributes:
        days: Without gaps, oldest first.
        corrections: Applied in the window, newest first, without their contents.
    """

    metrics: Metrics
    days: tuple[Metrics, ...]
    issues: tuple[SeenIssue, ...]
    opportunities: tuple[Opportunity, ...]
    user_corrections: tuple[UserCorrection, ...]
    active_reviews: int
    corrections: tuple[Correction, ...]
