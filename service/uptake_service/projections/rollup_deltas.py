"""What feedback counts in rollups: where, and what a change of feedback changes there. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import quote

from uptake_service.domain.clock import day_of, hour_of
from uptake_service.domain.feedback import (
    VOTES,
    Content,
    FeedbackState,
    FeedbackType,
    Sentiment,
    StoredFeedback,
    Transition,
)
from uptake_service.domain.voters import bucket_counts
from uptake_service.mongo.documents import Document

Dimension = Literal["all", "model", "source", "pattern", "score", "voters"]


Breakdown = Literal["model", "source", "score"]
"""Dimensions whose values callers name."""


Counts = dict[str, int]
"""Counts by name: `total`, a sentiment, a type, and `position`, the sum of the ratings' positions.

Of patterns, and of the dimension "voters" of the whole project, also the votes and negative votes of each bucket of
voters (see `feedback.voters`), by which one voter's share is bounded. The project's are apart from its other counts,
which are read far more often.
"""


_SENTIMENT_NAMES = {sentiment: sentiment.value.lower() for sentiment in Sentiment}


_TYPE_NAMES = {type: type.value.lower() for type in FeedbackType}


NAMES = ("total", *_SENTIMENT_NAMES.values(), *_TYPE_NAMES.values(), "position")


class RollupKey(NamedTuple):
    """Where feedback is counted, apart from the writer."""

    project: str
    hour: datetime
    dimension: str
    value: str

    @property
    def of_day(self) -> "RollupKey":
        return self._replace(hour=day_of(self.hour))

    @property
    def of_project(self) -> "RollupKey":
        """Where the whole project's feedback of the same score is counted."""
        _, colon, score = self.dimension.partition(":")
        return self._replace(dimension=f"all{colon}{score}", value="")


Unfolded = Sequence[tuple[RollupKey, Counts]]
"""What the delta log holds of a project at one moment (see `RollupStore.unfolded`)."""


class RollupDeltas:
    """Changes of rollups, merged before they are written."""

    def __init__(self) -> None:
        self.by_key: defaultdict[RollupKey, Counts] = defaultdict(dict)

    def count(self, feedback: StoredFeedback, sign: int) -> None:
        """Puts in (+1) or takes out (-1) the share of one piece of feedback; what is not active has none."""
        if feedback.state is not FeedbackState.ACTIVE:
            return
        share = share_of(feedback.content)
        hour = hour_of(feedback.occur_time)
        score = feedback.score_bucket
        keys: list[tuple[str, str]] = [
            (of_score("all", score), ""),
            (of_score("model", score), feedback.model_bucket),
            (of_score("source", score), feedback.source_bucket),
            (of_score("pattern", score), feedback.pattern_id),
        ]
        if score:
            keys.append(("score", score))
        for dimension, value in keys:
            counts = self.by_key[RollupKey(feedback.project, hour, dimension, value)]
            for name, number in share.items():
                counts[name] = counts.get(name, 0) + sign * number
        if feedback.voter_bucket is not None and feedback.content.type in VOTES:
            voters = bucket_counts(feedback.voter_bucket, negative=feedback.content.sentiment is Sentiment.NEGATIVE)
            for dimension, value in (
                (of_score("voters", score), ""),
                (of_score("pattern", score), feedback.pattern_id),
            ):
                add_all(self.by_key[RollupKey(feedback.project, hour, dimension, value)], voters, sign)

    @classmethod
    def of_transitions(cls, transitions: Iterable[Transition]) -> "RollupDeltas":
        """What it changes that feedback becomes another."""
        deltas = cls()
        for before, after in transitions:
            if before is not None:
                deltas.count(before, -1)
            deltas.count(after, +1)
        return deltas

    @classmethod
    def of(cls, documents: Iterable[Document]) -> "RollupDeltas":
        """The changes that `documents` gave."""
        deltas = cls()
        for document in documents:
            add_all(deltas.by_key[key_of(document, document["hour"])], document["counts"])
        return deltas

    def documents(self) -> list[Document]:
        """What changed, as the delta log holds it: {project, hour, dimension, value, counts}."""
        return [
            {
                "project": key.project,
                "hour": key.hour,
                "dimension": key.dimension,
                "value": key.value,
                "counts": counts,
            }
            for key, counts in self.changes().items()
        ]

    def changes(self) -> dict[RollupKey, Counts]:
        """What changed, without what cancelled out."""
        changed = {
            key: {name: number for name, number in counts.items() if number} for key, counts in self.by_key.items()
        }
        return {key: counts for key, counts in changed.items() if counts}


def of_score(dimension: Dimension, score: str) -> str:
    """The dimension in which a score is counted: that of a named one is a dimension of its own, so that the overall
    numbers cost and are what they are without it. The name is quoted, for ids have slashes between their parts."""
    return f"{dimension}:{quote(score, safe='')}" if score else dimension


def share_of(content: Content) -> Counts:
    """The counts of one piece of feedback."""
    share = {"total": 1, _SENTIMENT_NAMES[content.sentiment]: 1, _TYPE_NAMES[content.type]: 1}
    if content.rating is not None:
        share["position"] = content.rating.position
    return share


def by_type(counts: Counts) -> dict[FeedbackType, Counts]:
    """Counts of any feedback as the counts of each type: what a type's sentiment is leaves the rest to the ratings."""
    thumbs_up, thumbs_down, corrections, comments = (
        counts.get(_TYPE_NAMES[type], 0)
        for type in (FeedbackType.THUMBS_UP, FeedbackType.THUMBS_DOWN, FeedbackType.CORRECTION, FeedbackType.COMMENT)
    )
    ratings = counts.get("rating", 0)
    return {
        FeedbackType.THUMBS_UP: {"total": thumbs_up, "positive": thumbs_up, "thumbs_up": thumbs_up},
        FeedbackType.THUMBS_DOWN: {"total": thumbs_down, "negative": thumbs_down, "thumbs_down": thumbs_down},
        FeedbackType.CORRECTION: {"total": corrections, "neutral": corrections, "correction": corrections},
        FeedbackType.COMMENT: {"total": comments, "neutral": comments, "comment": comments},
        FeedbackType.RATING: {
            "total": ratings,
            "positive": counts.get("positive", 0) - thumbs_up,
            "negative": counts.get("negative", 0) - thumbs_down,
            "neutral": counts.get("neutral", 0) - corrections - comments,
            "rating": ratings,
            "position": counts.get("position", 0),
        },
    }


def add(total: Counts, counts: Mapping[str, int]) -> None:
    """Adds `counts` to `total`, without those of voters."""
    for name in NAMES:
        number = counts.get(name)
        if number:
            total[name] = total.get(name, 0) + number


def add_all(total: Counts, counts: Mapping[str, int], sign: int = 1) -> None:
    """Adds `counts` to `total`, those of voters with them."""
    for name, number in counts.items():
        total[name] = total.get(name, 0) + sign * number


def key_of(document: Document, hour: datetime) -> RollupKey:
    return RollupKey(document["project"], hour, document["dimension"], document["value"])
