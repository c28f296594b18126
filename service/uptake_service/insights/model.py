"""Insights as the service knows them."""

from datetime import datetime

from uptake_service.corrections.model import Correction
from uptake_service.domain.confidence import wilson_interval
from uptake_service.domain.feedback import POSITION_SCALE, CorrectionValue, FeedbackType
from uptake_service.domain.model import Model
from uptake_service.issues.view import SeenIssue
from uptake_service.projections.rollup_deltas import Counts

SHOWN_BYTES = 1500
"""So much of a text, in UTF-8, is shown in insights: a sample, that callers have snapshots of by the hundred."""


def shown(text: str) -> str:
    """A text as insights show it, cut to SHOWN_BYTES."""
    encoded = text.encode()
    return text if len(encoded) <= SHOWN_BYTES else encoded[:SHOWN_BYTES].decode(errors="ignore")


class Metrics(Model):
    """The numbers of a window: from `start_time` to before `end_time`, full hours. A rate of nothing is None."""

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
    def rated(self) -> int:
        """What rates are of: all but comments, which say nothing of the answer."""
        return self.total - self.of_type(FeedbackType.COMMENT)

    @property
    def positive_rate(self) -> float | None:
        return self.positive / self.rated if self.rated else None

    @property
    def negative_rate(self) -> float | None:
        return self.negative / self.rated if self.rated else None

    @property
    def positive_rate_interval(self) -> tuple[float, float] | None:
        return wilson_interval(self.positive, self.rated) if self.rated else None

    @property
    def negative_rate_interval(self) -> tuple[float, float] | None:
        return wilson_interval(self.negative, self.rated) if self.rated else None

    @property
    def average_rating(self) -> float | None:
        """Mean position of the ratings, 0 to 1; None without ratings."""
        ratings = self.counts.get("rating", 0)
        return self.counts.get("position", 0) / (ratings * POSITION_SCALE) if ratings else None

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
