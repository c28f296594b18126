"""Feedback as the service knows it, and the rules that need nothing else."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from uptake_service.domain.model import Model
from uptake_service.domain.visible import is_visible

POSITION_SCALE = 1_000_000
"""Positions are kept as whole millionths, so that sums of them are exact and can be recounted."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Feedback that occurred before is not taken in."""

_VOTER_BYTES = 16

_NEGATIVE_UP_TO = 400_000
_POSITIVE_FROM = 600_000


class FeedbackType(StrEnum):
    THUMBS_UP = "THUMBS_UP"
    THUMBS_DOWN = "THUMBS_DOWN"
    CORRECTION = "CORRECTION"
    RATING = "RATING"
    COMMENT = "COMMENT"


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
    INSTRUCTIONS = "INSTRUCTIONS"

    @classmethod
    def _missing_(cls, value: object) -> "CorrectionKind | None":
        return cls.INSTRUCTIONS if value == FORMER_INSTRUCTIONS else None


FORMER_INSTRUCTIONS = "BEHAVIOR"
"""What older documents call the kind INSTRUCTIONS."""


class CollectOutcome(StrEnum):
    """What collecting a piece of feedback did."""

    CREATED = "CREATED"
    AMENDED = "AMENDED"
    UNCHANGED = "UNCHANGED"
    REPEATED = "REPEATED"


VOTES = (FeedbackType.THUMBS_UP, FeedbackType.THUMBS_DOWN, FeedbackType.RATING)
"""The types of which one person has one of each score on an interaction."""

OVERALL = ""
"""The name of the overall score."""


class ChatMessage(Model):
    role: str
    content: str = ""


class Interaction(Model):
    id: str
    query: str = ""
    response: str = ""
    model: str = ""
    versions: Mapping[str, str] = {}
    create_time: datetime | None = None
    history: tuple[ChatMessage, ...] = ()
    contexts: tuple[str, ...] = ()
    conversation_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    variant: str = ""


class Rating(Model):
    score: float
    min: float = 1.0
    max: float = 5.0

    @property
    def position(self) -> int:
        """Where the score lies on its scale: 0 at the worst, POSITION_SCALE at the best, whatever numbers these are."""
        # Of the widest scales the width is no number.
        unit = 1.0 if math.isfinite(self.max - self.min) else 2.0
        above = self.score / unit - self.min / unit
        share = above / (self.max / unit - self.min / unit)
        return round(min(max(share, 0.0), 1.0) * POSITION_SCALE)


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
    """Feedback as a caller sends it, checked.

    Attributes:
        score: The name of what is judged.
        said_time: When it was said, to the microsecond and by no clock ahead of ours: what votes are ordered by.
    """

    project: str
    interaction: Interaction
    content: Content
    user_id: str = ""
    source: str = ""
    occur_time: datetime
    score: str = OVERALL
    said_time: datetime

    @property
    def text(self) -> str:
        """The text that it is grouped by: the query, else the comment; empty if neither shows anything."""
        return text_of(self.interaction, self.content)

    @property
    def voter(self) -> str:
        """Whose vote it is: the user's, without a user the interaction's."""
        return voter_of(self.user_id, self.interaction.id)

    @property
    def answer(self) -> Answer:
        interaction = self.interaction
        return Answer(interaction.create_time or self.occur_time, frozenset(interaction.versions.items()))


class Statement(Model):
    """What a user said at one time: a vote, or an amendment of what was said before.

    Attributes:
        time: When it was said; the newest decides.
        occur_time: When it occurred, as sent.
        amended: For an amendment the fields that it set (see `AMENDABLE` in ingest/changes.py); None for a vote.
        speakers: Whose words are in it where they are not of its own sentiment: the sentiment of who said them, by
            field. Only where older statements were put together.
    """

    time: datetime
    occur_time: datetime
    content: Content
    interaction: Interaction
    source: str = ""
    amended: tuple[str, ...] | None = None
    speakers: Mapping[str, Sentiment] = {}


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
        embedder: The name of the vector's embedder, which is its pattern's; empty where there is no vector.
        model_bucket: The model as it is counted.
        source_bucket: The source as it is counted.
        score_bucket: The score as it is counted.
        voter_bucket: The voter as they are counted (see `voters.bucket_of`); None where voters were not counted yet.
        vote: The slot of a user's one vote of a score on the interaction (see `vote_slot`), else the feedback's own id;
            unique together with project, interaction and user.
        statements: All that was said in a vote that changed, so that the order of arrival makes no difference; empty
            where the vote was said once.
        writer: The writer slot that wrote it last.
        revision: The slot's revision of that write.
        requests: The request record of the call that made it. Those of calls that changed it name it instead, for there
            may be any number; what was stored before names these too.
        key_id: The key of the call that brought it, empty without one; None where that was not noted.
    """

    vector: bytes
    embedder: str
    model_bucket: str
    source_bucket: str
    score_bucket: str
    voter_bucket: int | None = None
    vote: str
    statements: tuple[Statement, ...] = ()
    writer: int
    revision: int
    requests: tuple[str, ...] = ()
    key_id: str | None = None


class Transition(NamedTuple):
    """What a commit makes of one piece of feedback; `before` is None for new."""

    before: StoredFeedback | None
    after: StoredFeedback


@dataclass(frozen=True, slots=True)
class Evidence:
    """What of a piece of feedback the trigger judges its pattern by.

    `writer` and `revision` name its last write. `voter` is whose it is; `kind` is a correction's.
    """

    id: str
    type: FeedbackType
    sentiment: Sentiment
    occur_time: datetime
    create_time: datetime
    writer: int
    revision: int
    voter: str
    score: str = OVERALL
    kind: CorrectionKind | None = None

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
            feedback.voter,
            feedback.score,
            feedback.content.correction.kind if feedback.content.correction else None,
        )

    @property
    def order(self) -> tuple[datetime, str]:
        """What it is ordered by: oldest first."""
        return self.occur_time, self.id

    @property
    def is_vote(self) -> bool:
        return self.type in VOTES


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
    update_start_time: datetime | None = None
    update_end_time: datetime | None = None
    scores: tuple[str, ...] = ()
    conversation_id: str = ""
    trace_id: str = ""
    variant: str = ""


def complains(feedback: Feedback) -> bool:
    """Whether feedback is a member of issues: active, negative, and with words."""
    return (
        feedback.state is FeedbackState.ACTIVE
        and feedback.sentiment is Sentiment.NEGATIVE
        and has_own_words(feedback.score, feedback.content.comment, feedback.interaction.query)
    )


def has_own_words(score: str, comment: str, query: str) -> bool:
    """Whether negative feedback has words to be clustered by.

    A vote of a named score stands beside the overall one on the same answer, so the query is not its own.
    """
    return is_visible(comment) or (score == OVERALL and is_visible(query))


def text_of(interaction: Interaction, content: Content) -> str:
    """The text that feedback is grouped by; empty if there is none."""
    return grouping_text(interaction.query, content.comment)


def grouping_text(query: str, comment: str) -> str:
    """The text that feedback is grouped by: the query, else the comment; empty if neither shows anything."""
    return next(filter(is_visible, (query, comment)), "")


def voter_of(user_id: str, interaction_id: str) -> str:
    """Who a vote is of, the user, and where none is named the interaction: as a digest, for it is written down in other
    places too, and what names a user is to stand on feedback alone."""
    who = f"user/{user_id}" if user_id else f"interaction/{interaction_id}"
    return hashlib.blake2b(who.encode(), digest_size=_VOTER_BYTES).hexdigest()


def vote_slot(score: str) -> str:
    """What `StoredFeedback.vote` is for a user's one vote of a score; never the id of feedback."""
    return f"score/{score}" if score else ""


def complaint(comment: str, query: str) -> str:
    """The words by which negative feedback is clustered into issues: its comment, with the query that it is about.

    A comment alone ("not found, not found") often tells what went wrong but not where. On the demonstration's
    complaints, by topic, B-cubed F is 0.42 with comments alone and 0.90 with both.
    """
    return "\n".join(text.strip() for text in (comment, query) if is_visible(text))


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
