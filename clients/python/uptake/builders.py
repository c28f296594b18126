"""Feedback in one line: what the user said, then what it was about.

Every builder takes its own arguments and the fields of `About`, and checks them:

Raises:
    TypeError: an argument that there is not, with the one that was probably meant; or a value of the wrong type. The
        message names the argument, and the entry of a map or of `custom`.
    ValueError: a time without a time zone, a text that is not Unicode, a number that is not finite, an integer in
        `custom` beyond 2**53, or too deep a `custom`.

Lengths and scales are the service's to check, as it can be set otherwise.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from google.protobuf.struct_pb2 import Value

from uptake.arguments import chat_messages, json_value, moment, number, text, text_list, texts, unexpected
from uptake.v1 import feedback_pb2
from uptake.v1.feedback_pb2 import CorrectionKind, CorrectionValue, Feedback, Interaction, Rating


class About(TypedDict, total=False):
    """What feedback is about and where it came from. All of it is optional; None is as good as not given."""

    query: str | None
    """What the user asked. Feedback is grouped by it. Up to 10,000 characters."""
    response: str | None
    """What the AI answered. Up to 50,000 characters."""
    model: str | None
    """The model that answered. Up to 256 characters."""
    versions: Mapping[str, str] | None
    """Versions of what made the answer, such as {"prompt": "14"}: they tell a fix from what was before it."""
    interaction_create_time: datetime | None
    """When the answer was given, with a time zone. None: not known."""
    history: Sequence[Mapping[str, str]] | None
    """System prompt and earlier turns, oldest first: {"role": "user", "content": "Hello"}. Up to 100."""
    contexts: Sequence[str] | None
    """The texts that were retrieved for the answer, best first. Up to 50."""
    conversation_id: str | None
    """The caller's id of the conversation. Up to 256 characters."""
    trace_id: str | None
    """The id of the trace that made the answer. Up to 256 characters."""
    span_id: str | None
    """The id of the span in that trace. Up to 256 characters."""
    variant: str | None
    """The variant of an experiment that the answer belongs to, such as "B". Up to 256 characters."""
    comment: str | None
    """The user's own words. Up to 10,000 characters."""
    user_id: str | None
    """The caller's id of the user, who has one vote on an interaction. Empty: anonymous."""
    source: str | None
    """Where the feedback came from, such as "web". Up to 256 characters."""
    labels: Mapping[str, str] | None
    """The caller's labels. Up to 64, keys 1 to 63 characters, values up to 256."""
    occur_time: datetime | None
    """When the user said it, with a time zone. None: now."""
    score_name: str | None
    """What is judged, such as "helpfulness"; empty is the answer as a whole. Up to 63 characters."""


# Each field of `About`: the field of the message that it becomes, and the check that it passes.
_Field = tuple[str, Callable[[str, object], Any]]
_OF_INTERACTION: Mapping[str, _Field] = {
    "query": ("query", text),
    "response": ("response", text),
    "model": ("model", text),
    "versions": ("versions", texts),
    "interaction_create_time": ("create_time", moment),
    "history": ("history", chat_messages),
    "contexts": ("contexts", text_list),
    "conversation_id": ("conversation_id", text),
    "trace_id": ("trace_id", text),
    "span_id": ("span_id", text),
    "variant": ("variant", text),
}
_OF_FEEDBACK: Mapping[str, _Field] = {
    "comment": ("comment", text),
    "user_id": ("user_id", text),
    "source": ("source", text),
    "labels": ("labels", texts),
    "occur_time": ("occur_time", moment),
    "score_name": ("score", text),
}


def thumbs_up(interaction_id: str, *, custom: object = None, **about: Unpack[About]) -> Feedback:
    """The user liked the answer.

    Args:
        interaction_id: the caller's id of the answer, 1 to 256 characters.
        custom: any JSON to keep with it; None for nothing. Integers up to 2**53, since JSON's numbers are doubles.
        about: the fields of `About`.
    """
    return _feedback(thumbs_up, feedback_pb2.FEEDBACK_TYPE_THUMBS_UP, interaction_id, about, custom=_custom(custom))


def thumbs_down(interaction_id: str, *, custom: object = None, **about: Unpack[About]) -> Feedback:
    """The user disliked the answer. Arguments are those of `thumbs_up`."""
    return _feedback(thumbs_down, feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN, interaction_id, about, custom=_custom(custom))


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
    """
    value = Rating(
        score=number("score", score),
        min=None if min is None else number("min", min),
        max=None if max is None else number("max", max),
    )
    return _feedback(rating, feedback_pb2.FEEDBACK_TYPE_RATING, interaction_id, about, rating=value)


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
    """
    value = CorrectionValue(
        original=text("original", original), corrected=text("corrected", corrected), kind=_kind(kind)
    )
    return _feedback(correction, feedback_pb2.FEEDBACK_TYPE_CORRECTION, interaction_id, about, correction=value)


def comment(interaction_id: str, words: str, **about: Unpack[About]) -> Feedback:
    """The user said something without a verdict: it counts in no rate and opens no review.

    Args:
        interaction_id: the caller's id of the answer, 1 to 256 characters.
        words: what the user said, 1 to 10,000 characters.
        about: the fields of `About` but `comment`.
    """
    if "comment" in about:
        raise TypeError("comment() takes the user's words as its second argument, not as 'comment'")
    about["comment"] = text("words", words)
    return _feedback(comment, feedback_pb2.FEEDBACK_TYPE_COMMENT, interaction_id, about)


def _feedback(
    builder: Callable[..., Feedback],
    type: feedback_pb2.FeedbackType,
    interaction_id: str,
    about: About,
    **value: Any,
) -> Feedback:
    """`value`: the field of the message that holds what the user said, where its type has one."""
    interaction: dict[str, Any] = {"id": text("interaction_id", interaction_id)}
    feedback: dict[str, Any] = {}
    for name, given in about.items():
        for fields, message in ((_OF_INTERACTION, interaction), (_OF_FEEDBACK, feedback)):
            if name in fields:
                field, check = fields[name]
                if given is not None:
                    message[field] = check(name, given)
                break
        else:
            own = [parameter for parameter in inspect.signature(builder).parameters if parameter != "about"]
            raise unexpected(builder.__name__, name, [*own, *_OF_INTERACTION, *_OF_FEEDBACK])
    return Feedback(type=type, interaction=Interaction(**interaction), **feedback, **value)


def _custom(value: object) -> Value | None:
    return None if value is None else json_value("custom", value)


def _kind(kind: object) -> CorrectionKind | None:
    if kind is None or kind in CorrectionKind.values():
        return kind  # type: ignore[return-value]
    raise ValueError(f"kind must be one of {', '.join(CorrectionKind.keys())}, not {kind!r}")
