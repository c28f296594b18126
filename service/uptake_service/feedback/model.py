"""Feedback as the service knows it, and the rules that need nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from uptake_service.model import Model

POSITION_SCALE = 1_000_000
"""Positions are kept as whole millionths, so that sums of them are exact and can be recounted."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Feedback that occurred before is not taken in."""

_NEGATIVE_UP_TO = 400_000
_POSITIVE_FROM = 600_000


class FeedbackType(StrEnum):
    THUMBS_UP = "THUMBS_UP"
    THUMBS_DOWN = "THUMBS_DOWN"
    CORRECTION = "CORRECTION"
    RATING = "RATING"


class Sentiment(StrEnum):
    POSITIVE = "POSITIVE"
    NEGATIVE = "NEGATIVE"
    NEUTRAL = "NEUTRAL"


class FeedbackState(StrEnum):
    ACTIVE = "ACTIVE"
    RETRACTED = "RETRACTED"
    ERASED = "ERASED"


VISIBLE_STATES = (FeedbackState.ACTIVE, FeedbackState.RETRACTED)
"""What is erased has left every number; nobody sees it, and it is about to be deleted."""


class CorrectionKind(StrEnum):
    KNOWLEDGE = "KNOWLEDGE"
    BEHAVIOR = "BEHAVIOR"


VOTES = (FeedbackType.THUMBS_UP, FeedbackType.THUMBS_DOWN, FeedbackType.RATING)
"""The types of which one person has one on an interaction."""


class Interaction(Model):
    id: str
    query: str = ""
    response: str = ""
    model: str = ""
    versions: Mapping[str, str] = {}
    create_time: datetime | None = None


class Rating(Model):
    score: float
    min: float = 1.0
    max: float = 5.0

    @property
    def position(self) -> int:
        """Where the score lies on its scale: 0 at the worst, POSITION_SCALE at the best."""
        return round((self.score - self.min) / (self.max - self.min) * POSITION_SCALE)


class CorrectionValue(Model):
    original: str = ""
    corrected: str
    kind: CorrectionKind = CorrectionKind.KNOWLEDGE


class Content(Model):
    """What the user said: the part of feedback that can be amended."""

    type: FeedbackType
    rating: Rating | None = None
    correction: CorrectionValue | None = None
    custom_json: str | None = None
    comment: str = ""
    labels: Mapping[str, str] = {}

    @property
    def sentiment(self) -> Sentiment:
        return sentiment_of(self.type, self.rating)


class Answer(NamedTuple):
    """What tells whether the answer that feedback is about was given before something or after it.

    Attributes:
        time: When it was given, as far as is known: else when the feedback occurred.
        versions: The versions (name, value) that gave it.
    """

    time: datetime
    versions: frozenset[tuple[str, str]]


class Draft(Model):
    """Feedback as a caller sends it, checked."""

    project: str
    interaction: Interaction
    content: Content
    user_id: str = ""
    source: str = ""
    occur_time: datetime

    @property
    def text(self) -> str:
        """The text that it is grouped by: the query, else the comment; empty if there is neither."""
        return self.interaction.query or self.content.comment

    @property
    def answer(self) -> Answer:
        interaction = self.interaction
        return Answer(interaction.create_time or self.occur_time, frozenset(interaction.versions.items()))


class Feedback(Draft):
    """Feedback as it is stored."""

    id: str
    sentiment: Sentiment
    pattern_id: str
    create_time: datetime
    update_time: datetime
    state: FeedbackState


class StoredFeedback(Feedback):
    """Feedback with what the service keeps beside it, so that its share of every number can be taken out again.

    Attributes:
        vector: The quantised vector of `text` (int8, one byte a dimension); empty where there is none.
        model_bucket: The model as it is counted.
        source_bucket: The source as it is counted.
        vote: Empty for a user's one vote on the interaction, else the feedback's own id; unique together with
            project, interaction and user.
        writer: The writer slot that wrote it last.
        revision: The slot's revision of that write.
        requests: The request records of the calls that brought and changed it.
    """

    vector: bytes
    model_bucket: str
    source_bucket: str
    vote: str
    writer: int
    revision: int
    requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What of a piece of feedback the trigger judges its pattern by. `writer` and `revision` name its last write."""

    id: str
    type: FeedbackType
    sentiment: Sentiment
    occur_time: datetime
    create_time: datetime
    writer: int
    revision: int

    @classmethod
    def of(cls, feedback: StoredFeedback) -> "Evidence":
        return cls(
            feedback.id,
            feedback.content.type,
            feedback.sentiment,
            feedback.occur_time,
            feedback.create_time,
            feedback.writer,
            feedback.revision,
        )

    @property
    def order(self) -> tuple[datetime, str]:
        """What it is ordered by: oldest first."""
        return self.occur_time, self.id


class FeedbackFilter(Model):
    """Narrows a list: every set field must match, a tuple matches any of its values."""

    types: tuple[FeedbackType, ...] = ()
    sentiments: tuple[Sentiment, ...] = ()
    pattern_id: str = ""
    interaction_id: str = ""
    user_id: str = ""
    source: str = ""
    model: str = ""
    labels: Mapping[str, str] = {}
    start_time: datetime | None = None
    end_time: datetime | None = None
    states: tuple[FeedbackState, ...] = (FeedbackState.ACTIVE,)


def complains(feedback: Feedback) -> bool:
    """Whether feedback is a member of issues: active, negative, and with words."""
    return (
        feedback.state is FeedbackState.ACTIVE
        and feedback.sentiment is Sentiment.NEGATIVE
        and bool(complaint(feedback.content.comment, feedback.interaction.query))
    )


def complaint(comment: str, query: str) -> str:
    """The words by which negative feedback is clustered into issues: its comment, with the query that it is about.

    A comment alone ("not found, not found") often tells what went wrong but not where. On the demonstration's
    complaints, by topic, B-cubed F is 0.42 with comments alone and 0.90 with both.
    """
    return f"{comment.strip()}\n{query.strip()}".strip()


def sentiment_of(type: FeedbackType, rating: Rating | None) -> Sentiment:
    """What feedback says of the answer: a rating counts by its position on its scale, a correction is neither."""
    if type is FeedbackType.THUMBS_UP:
        return Sentiment.POSITIVE
    if type is FeedbackType.THUMBS_DOWN:
        return Sentiment.NEGATIVE
    if type is FeedbackType.RATING and rating is not None:
        if rating.position <= _NEGATIVE_UP_TO:
            return Sentiment.NEGATIVE
        if rating.position >= _POSITIVE_FROM:
            return Sentiment.POSITIVE
    return Sentiment.NEUTRAL
