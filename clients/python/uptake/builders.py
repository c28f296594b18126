"""Feedback in one line: what the user said, then what it was about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value

from uptake.transport import timestamp
from uptake.v1 import feedback_pb2
from uptake.v1.feedback_pb2 import CorrectionKind, CorrectionValue, Feedback, Interaction, Rating


class About(TypedDict, total=False):
    """What feedback is about and where it came from. All of it is optional."""

    query: str
    """What the user asked. Feedback is grouped by it. Up to 10,000 characters."""
    response: str
    """What the AI answered. Up to 50,000 characters."""
    model: str
    """The model that answered. Up to 256 characters."""
    versions: Mapping[str, str]
    """Versions of what made the answer, such as {"prompt": "14"}: they tell a fix from what was before it."""
    interaction_create_time: datetime | None
    """When the answer was given, with a time zone. None: not known."""
    comment: str
    """The user's own words. Up to 10,000 characters."""
    user_id: str
    """The caller's id of the user, who has one vote on an interaction. Empty: anonymous."""
    source: str
    """Where the feedback came from, such as "web". Up to 256 characters."""
    labels: Mapping[str, str]
    """The caller's labels. Up to 64, keys 1 to 63 characters, values up to 256."""
    occur_time: datetime | None
    """When the user said it, with a time zone. None: now."""


def thumbs_up(interaction_id: str, *, custom: object = None, **about: Unpack[About]) -> Feedback:
    """The user liked the answer.

    Args:
        interaction_id: the caller's id of the answer, 1 to 256 characters.
        custom: any JSON to keep with it; None for nothing.
        about: the fields of `About`.

    Raises:
        ValueError: a time has no time zone.
        google.protobuf.json_format.ParseError: `custom` is not JSON.
    """
    feedback = _feedback(interaction_id, about, feedback_pb2.FEEDBACK_TYPE_THUMBS_UP)
    return _with_custom(feedback, custom)


def thumbs_down(interaction_id: str, *, custom: object = None, **about: Unpack[About]) -> Feedback:
    """The user disliked the answer. Arguments and errors are those of `thumbs_up`."""
    feedback = _feedback(interaction_id, about, feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN)
    return _with_custom(feedback, custom)


def rating(
    interaction_id: str,
    score: float,
    *,
    min: float | None = None,
    max: float | None = None,
    **about: Unpack[About],
) -> Feedback:
    """The user gave a score.

    Args:
        interaction_id: the caller's id of the answer, 1 to 256 characters.
        score: the score, from `min` to `max`.
        min: the worst score. Give it and `max` together; with neither the scale is 1 to 5.
        max: the best score.
        about: the fields of `About`.

    Raises:
        ValueError: a time has no time zone.
    """
    feedback = _feedback(interaction_id, about, feedback_pb2.FEEDBACK_TYPE_RATING)
    feedback.rating.CopyFrom(Rating(score=score, min=min, max=max))
    return feedback


def correction(
    interaction_id: str,
    corrected: str,
    *,
    original: str = "",
    kind: CorrectionKind | None = None,
    **about: Unpack[About],
) -> Feedback:
    """The user said what would have been right.

    Args:
        interaction_id: the caller's id of the answer, 1 to 256 characters.
        corrected: what would be right, up to 50,000 characters.
        original: the part that is wrong; empty means the whole answer.
        kind: what the correction is about; None is read as CORRECTION_KIND_KNOWLEDGE.
        about: the fields of `About`.

    Raises:
        ValueError: a time has no time zone.
    """
    feedback = _feedback(interaction_id, about, feedback_pb2.FEEDBACK_TYPE_CORRECTION)
    feedback.correction.CopyFrom(CorrectionValue(original=original, corrected=corrected, kind=kind))
    return feedback


def _feedback(interaction_id: str, about: About, type: feedback_pb2.FeedbackType) -> Feedback:
    return Feedback(
        interaction=Interaction(
            id=interaction_id,
            query=about.get("query", ""),
            response=about.get("response", ""),
            model=about.get("model", ""),
            versions=about.get("versions", {}),
            create_time=timestamp(about.get("interaction_create_time")),
        ),
        type=type,
        comment=about.get("comment", ""),
        user_id=about.get("user_id", ""),
        source=about.get("source", ""),
        labels=about.get("labels", {}),
        occur_time=timestamp(about.get("occur_time")),
    )


def _with_custom(feedback: Feedback, custom: object) -> Feedback:
    if custom is not None:
        feedback.custom.CopyFrom(ParseDict(custom, Value()))  # type: ignore[arg-type]
    return feedback
