"""Feedback on the wire to and from feedback as the service knows it, with every check of its fields."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from google.protobuf import json_format, struct_pb2
from uptake.v1 import feedback_pb2 as pb

from uptake_service.feedback.model import (
    EARLIEST,
    VISIBLE_STATES,
    Content,
    CorrectionKind,
    CorrectionValue,
    Draft,
    Feedback,
    FeedbackFilter,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
)
from uptake_service.feedback.plan import AMENDABLE
from uptake_service.rpc.checks import ID_LENGTH, QUERY_LENGTH, TEXT_LENGTH, Checks, to_timestamp
from uptake_service.rpc.enums import members, numbers

T = TypeVar("T")

_CUSTOM_DEPTH = 32
_LARGEST_SCORE = 1e9

_VALUE_OF_TYPE: Mapping[FeedbackType, tuple[str, ...]] = {
    FeedbackType.THUMBS_UP: ("", "custom"),
    FeedbackType.THUMBS_DOWN: ("", "custom"),
    FeedbackType.CORRECTION: ("correction",),
    FeedbackType.RATING: ("rating",),
}

_TYPES = members(pb.FeedbackType, "FEEDBACK_TYPE_", FeedbackType)
_SENTIMENTS = members(pb.Sentiment, "SENTIMENT_", Sentiment)
_STATES = members(pb.FeedbackState, "FEEDBACK_STATE_", VISIBLE_STATES)
KINDS = members(pb.CorrectionKind, "CORRECTION_KIND_", CorrectionKind)

TYPE_NUMBERS = numbers(pb.FeedbackType, "FEEDBACK_TYPE_", FeedbackType)
SENTIMENT_NUMBERS = numbers(pb.Sentiment, "SENTIMENT_", Sentiment)
_STATE_NUMBERS = numbers(pb.FeedbackState, "FEEDBACK_STATE_", VISIBLE_STATES)
KIND_NUMBERS = numbers(pb.CorrectionKind, "CORRECTION_KIND_", CorrectionKind)


def to_draft(
    checks: Checks, project: str, message: pb.Feedback, now: datetime, future_tolerance: timedelta
) -> Draft | None:
    """Reads feedback that is to be collected; None if the checks found something wrong."""
    found = len(checks.violations)
    interaction = message.interaction
    if not message.HasField("interaction"):
        checks.fail("feedback.interaction", "is required")
    else:
        checks.text("feedback.interaction.id", interaction.id, ID_LENGTH, required=True)
        checks.text("feedback.interaction.query", interaction.query, QUERY_LENGTH)
        checks.text("feedback.interaction.response", interaction.response, TEXT_LENGTH)
        checks.text("feedback.interaction.model", interaction.model, ID_LENGTH)
    versions = checks.mapping("feedback.interaction.versions", interaction.versions)
    answered = checks.time("feedback.interaction.create_time", interaction, "create_time")
    content = _to_content(checks, message)
    checks.text("feedback.user_id", message.user_id, ID_LENGTH)
    checks.text("feedback.source", message.source, ID_LENGTH)
    occurred = checks.time("feedback.occur_time", message, "occur_time") or now
    if occurred > now + future_tolerance:
        checks.fail("feedback.occur_time", f"is more than {future_tolerance.total_seconds():g} seconds in the future")
    elif occurred < EARLIEST:
        checks.fail("feedback.occur_time", "is before the year 2000")
    if len(checks.violations) > found or content is None:
        return None
    return Draft(
        project=project,
        interaction=Interaction(
            id=interaction.id,
            query=interaction.query,
            response=interaction.response,
            model=interaction.model,
            versions=versions,
            create_time=answered,
        ),
        content=content,
        user_id=message.user_id,
        source=message.source,
        occur_time=occurred,
    )


def amended(checks: Checks, old: Content, message: pb.Feedback, paths: list[str]) -> Content | None:
    """The content that an amendment makes of `old`; None if the checks found something wrong."""
    merged = pb.Feedback()
    write_content(merged, old)
    for path in paths:
        if path in ("rating", "correction", "custom"):
            if message.WhichOneof("value") == path:
                getattr(merged, path).CopyFrom(getattr(message, path))
            else:
                merged.ClearField(path)
        elif path == "labels":
            merged.ClearField("labels")
            merged.labels.update(message.labels)
        else:
            setattr(merged, path, getattr(message, path))
    return _to_content(checks, merged)


def check_mask(checks: Checks, paths: list[str]) -> list[str]:
    """The paths of an amendment's update mask."""
    if not paths:
        checks.fail("update_mask", f"is required; any of {', '.join(AMENDABLE)}")
    for path in paths:
        if path not in AMENDABLE:
            checks.fail("update_mask", f"{path!r} cannot be amended; any of {', '.join(AMENDABLE)} can")
    return paths


def to_filter(checks: Checks, message: pb.FeedbackFilter) -> FeedbackFilter:
    def values(field: str, given: list[int], known: Mapping[int, T]) -> tuple[T, ...]:
        for number in given:
            if number not in known:
                checks.fail(f"filter.{field}", f"has no value {number}")
        return tuple(known[number] for number in given if number in known)

    for field in ("pattern_id", "interaction_id", "user_id", "source", "model"):
        checks.text(f"filter.{field}", getattr(message, field), ID_LENGTH)
    return FeedbackFilter(
        types=values("types", list(message.types), _TYPES),
        sentiments=values("sentiments", list(message.sentiments), _SENTIMENTS),
        pattern_id=message.pattern_id,
        interaction_id=message.interaction_id,
        user_id=message.user_id,
        source=message.source,
        model=message.model,
        labels=checks.mapping("filter.labels", message.labels, most=8),
        start_time=checks.time("filter.start_time", message, "start_time"),
        end_time=checks.time("filter.end_time", message, "end_time"),
        states=values("states", list(message.states), _STATES) or (FeedbackState.ACTIVE,),
    )


def to_message(feedback: Feedback) -> pb.Feedback:
    interaction = feedback.interaction
    message = pb.Feedback(
        id=feedback.id,
        interaction=pb.Interaction(
            id=interaction.id,
            query=interaction.query,
            response=interaction.response,
            model=interaction.model,
            versions=interaction.versions,
            create_time=to_timestamp(interaction.create_time),
        ),
        user_id=feedback.user_id,
        source=feedback.source,
        occur_time=to_timestamp(feedback.occur_time),
        sentiment=SENTIMENT_NUMBERS[feedback.sentiment],
        pattern_id=feedback.pattern_id,
        create_time=to_timestamp(feedback.create_time),
        update_time=to_timestamp(feedback.update_time),
        state=_STATE_NUMBERS[feedback.state],
    )
    write_content(message, feedback.content)
    return message


def write_content(message: pb.Feedback, content: Content) -> None:
    """Writes what the user said into a message."""
    message.type = TYPE_NUMBERS[content.type]
    message.comment = content.comment
    message.labels.update(content.labels)
    if content.rating is not None:
        message.rating.CopyFrom(pb.Rating(score=content.rating.score, min=content.rating.min, max=content.rating.max))
    elif content.correction is not None:
        message.correction.CopyFrom(correction_message(content.correction))
    elif content.custom_json is not None:
        json_format.Parse(content.custom_json, message.custom)


def correction_message(correction: CorrectionValue) -> pb.CorrectionValue:
    return pb.CorrectionValue(
        original=correction.original, corrected=correction.corrected, kind=KIND_NUMBERS[correction.kind]
    )


def _to_content(checks: Checks, message: pb.Feedback) -> Content | None:
    found = len(checks.violations)
    type = _TYPES.get(message.type)
    value = message.WhichOneof("value") or ""
    rating = correction = custom_json = None
    if type is None:
        checks.fail("feedback.type", "is required" if not message.type else f"has no value {message.type}")
    elif value not in _VALUE_OF_TYPE[type]:
        allowed = " or ".join(name or "unset" for name in _VALUE_OF_TYPE[type])
        checks.fail("feedback.value", f"must be {allowed} with type {type}, not {value or 'unset'}")
    if value == "rating":
        rating = _to_rating(checks, message.rating)
    elif value == "correction":
        correction = _to_correction(checks, message.correction)
    elif value == "custom":
        custom_json = _to_json(checks, message.custom)
    checks.text("feedback.comment", message.comment, QUERY_LENGTH)
    labels = checks.mapping("feedback.labels", message.labels)
    if len(checks.violations) > found or type is None:
        return None
    return Content(
        type=type,
        rating=rating,
        correction=correction,
        custom_json=custom_json,
        comment=message.comment,
        labels=labels,
    )


def _to_rating(checks: Checks, message: pb.Rating) -> Rating | None:
    field = "feedback.rating"
    if message.HasField("min") != message.HasField("max"):
        checks.fail(field, "min and max must be set together or not at all")
        return None
    default = Rating(score=1)
    low, high = (message.min, message.max) if message.HasField("min") else (default.min, default.max)
    for name, number in (("score", message.score), ("min", low), ("max", high)):
        if not math.isfinite(number) or abs(number) > _LARGEST_SCORE:
            checks.fail(f"{field}.{name}", "must be a number between -1e9 and 1e9")
            return None
    if high <= low:
        checks.fail(f"{field}.max", "must be above min")
        return None
    if not low <= message.score <= high:
        checks.fail(f"{field}.score", f"is {message.score:g}, outside its scale of {low:g} to {high:g}")
        return None
    return Rating(score=message.score, min=low, max=high)


def _to_correction(checks: Checks, message: pb.CorrectionValue) -> CorrectionValue:
    checks.text("feedback.correction.original", message.original, TEXT_LENGTH)
    checks.text("feedback.correction.corrected", message.corrected, TEXT_LENGTH, required=True)
    kind = KINDS.get(message.kind)
    if kind is None:
        kind = CorrectionKind.KNOWLEDGE
        if message.kind != pb.CORRECTION_KIND_UNSPECIFIED:
            checks.fail("feedback.correction.kind", f"has no value {message.kind}")
    return CorrectionValue(original=message.original, corrected=message.corrected, kind=kind)


def _to_json(checks: Checks, message: struct_pb2.Value) -> str | None:
    field = "feedback.custom"
    if _depth(message) > _CUSTOM_DEPTH:
        checks.fail(field, f"is nested deeper than {_CUSTOM_DEPTH} levels")
        return None
    if message.WhichOneof("kind") is None:
        checks.fail(field, "holds no value; use null_value for null")
        return None
    try:
        text = json_format.MessageToJson(message, indent=None, ensure_ascii=False)
    except (ValueError, json_format.Error):
        checks.fail(field, "is no JSON; numbers must be finite")
        return None
    if len(text) > TEXT_LENGTH:
        checks.fail(field, f"has {len(text):,} characters as JSON; at most {TEXT_LENGTH:,} are allowed")
    return text


def _depth(value: struct_pb2.Value) -> int:
    """How deep a value is nested; counting stops past the limit."""
    level, depth = [value], 0
    while level and depth <= _CUSTOM_DEPTH:
        depth += 1
        below: list[struct_pb2.Value] = []
        for item in level:
            if item.HasField("list_value"):
                below += item.list_value.values
            elif item.HasField("struct_value"):
                below += item.struct_value.fields.values()
        level = below
    return depth
