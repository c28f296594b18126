"""Feedback on the wire to and from feedback as the service knows it, with the checks that the rules leave."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from google.protobuf import json_format, struct_pb2
from uptake.v1 import feedback_pb2 as pb

from uptake_service.api.checks import Checks, distinct_members, to_timestamp
from uptake_service.api.enums import members, numbers
from uptake_service.domain.clock import cut
from uptake_service.domain.feedback import (
    EARLIEST,
    OVERALL,
    VISIBLE_STATES,
    ChatMessage,
    CollectOutcome,
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
from uptake_service.domain.visible import is_visible

_CUSTOM_DEPTH = 32
_CUSTOM_LENGTH = 50_000
_CUSTOM_BYTES = 4 * _CUSTOM_LENGTH + 5
"""No JSON of _CUSTOM_LENGTH characters is a larger message: each character takes at most 4 bytes. An item that
is a number takes 11, with its comma and space at least 3 characters; a character of text takes 4, the brackets of an
inner list at most 8. A value that is one number takes 9, and may be one character."""
_TOGETHER_LENGTH = 100_000
_FLOAT_EPSILON = 2.0**-23
"""The distance from 1 to the next 32-bit float."""

_SURE_BELOW = 2**53
_INTEGERS_TO = 2**64
"""From the one on, integers that differ are one 64-bit float; to the other, 64-bit integers reach."""

_VALUE_OF_TYPE: Mapping[FeedbackType, tuple[str, ...]] = {
    FeedbackType.THUMBS_UP: ("", "custom"),
    FeedbackType.THUMBS_DOWN: ("", "custom"),
    FeedbackType.CORRECTION: ("correction",),
    FeedbackType.RATING: ("rating",),
    FeedbackType.COMMENT: ("",),
}

_TYPES = members(pb.FeedbackType, "FEEDBACK_TYPE_", FeedbackType)
_SENTIMENTS = members(pb.Sentiment, "SENTIMENT_", Sentiment)
_STATES = members(pb.FeedbackState, "FEEDBACK_STATE_", VISIBLE_STATES)
KINDS = members(pb.CorrectionKind, "CORRECTION_KIND_", CorrectionKind)

TYPE_NUMBERS = numbers(pb.FeedbackType, "FEEDBACK_TYPE_", FeedbackType)
SENTIMENT_NUMBERS = numbers(pb.Sentiment, "SENTIMENT_", Sentiment)
_OUTCOME_NUMBERS = numbers(pb.CollectOutcome, "COLLECT_OUTCOME_", CollectOutcome)
_STATE_NUMBERS = numbers(pb.FeedbackState, "FEEDBACK_STATE_", VISIBLE_STATES)
KIND_NUMBERS = numbers(pb.CorrectionKind, "CORRECTION_KIND_", CorrectionKind)


def to_draft(
    checks: Checks, project: str, message: pb.Feedback, now: datetime, future_tolerance: timedelta
) -> Draft | None:
    """Reads feedback that is to be collected and keeps the rules; None if the checks found something wrong.

    Args:
        checks: Gathers what is wrong.
        project: The project.
        message: The feedback.
        now: The time, no two calls the same (see Clock.tick).
        future_tolerance: How far ahead `occur_time` may be.
    """
    found = checks.found
    interaction = message.interaction
    history, contexts = interaction.history, interaction.contexts
    _check_together(checks, "feedback.interaction.history", [turn.content for turn in history])
    _check_together(checks, "feedback.interaction.contexts", contexts)
    answered = checks.time("feedback.interaction.create_time", interaction, "create_time")
    content = _to_content(checks, message)
    if message.score != OVERALL and message.type == pb.FEEDBACK_TYPE_CORRECTION:
        checks.fail("feedback.score", "must be empty with type CORRECTION: it is of the answer as a whole")
    told = checks.time("feedback.occur_time", message, "occur_time")
    # A clock that was never set is no reason to refuse what names no time.
    occurred = told or max(cut(now), EARLIEST)
    if told is not None and told > now + future_tolerance:
        checks.fail("feedback.occur_time", f"is more than {future_tolerance.total_seconds():g} seconds in the future")
    if checks.found > found or content is None:
        return None
    return Draft(
        project=project,
        interaction=Interaction(
            id=interaction.id,
            query=interaction.query,
            response=interaction.response,
            model=interaction.model,
            versions=dict(interaction.versions),
            create_time=answered,
            history=tuple(ChatMessage(role=turn.role, content=turn.content) for turn in history),
            contexts=tuple(contexts),
            conversation_id=interaction.conversation_id,
            trace_id=interaction.trace_id,
            span_id=interaction.span_id,
            variant=interaction.variant,
        ),
        content=content,
        user_id=message.user_id,
        source=message.source,
        occur_time=occurred,
        score=message.score,
        said_time=min(told, now) if told else now,
    )


def _check_together(checks: Checks, field: str, texts: Sequence[str]) -> None:
    length = sum(map(len, texts))
    if length > _TOGETHER_LENGTH:
        checks.fail(field, f"has {length:,} characters in all; at most {_TOGETHER_LENGTH:,} are allowed")


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
    # What the first edition took in and is not amended now may stay as it is.
    return _to_content(checks, merged, None if "custom" in paths else old.custom_json)


def to_filter(checks: Checks, message: pb.FeedbackFilter) -> FeedbackFilter:
    start, end = checks.window(message, "filter.")
    if message.HasField("update_end_time") and not message.HasField("update_start_time"):
        checks.fail("filter.update_end_time", "needs update_start_time")
    changed_from, changed_until = checks.window(message, "filter.", ("update_start_time", "update_end_time"))
    return FeedbackFilter(
        types=distinct_members(message.types, _TYPES),
        sentiments=distinct_members(message.sentiments, _SENTIMENTS),
        pattern_id=message.pattern_id,
        interaction_id=message.interaction_id,
        user_id=message.user_id,
        source=message.source,
        model=message.model,
        labels=dict(message.labels),
        start_time=start,
        end_time=end,
        states=distinct_members(message.states, _STATES) or (FeedbackState.ACTIVE,),
        update_start_time=changed_from,
        update_end_time=changed_until,
        scores=(message.score,) if message.HasField("score") else (),
        conversation_id=message.conversation_id,
        trace_id=message.trace_id,
        variant=message.variant,
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
            history=[pb.ChatMessage(role=turn.role, content=turn.content) for turn in interaction.history],
            contexts=interaction.contexts,
            conversation_id=interaction.conversation_id,
            trace_id=interaction.trace_id,
            span_id=interaction.span_id,
            variant=interaction.variant,
        ),
        score=feedback.score,
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


def outcome_number(outcome: CollectOutcome | None) -> pb.CollectOutcome:
    """What collecting did, on the wire; unspecified where it did nothing."""
    return pb.COLLECT_OUTCOME_UNSPECIFIED if outcome is None else _OUTCOME_NUMBERS[outcome]


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


def _to_content(checks: Checks, message: pb.Feedback, checked_json: str | None = None) -> Content | None:
    """What the user said; `checked_json` is its custom value, if that was checked before."""
    found = checks.found
    type = _TYPES[message.type]
    value = message.WhichOneof("value") or ""
    rating = correction = custom_json = None
    if value not in _VALUE_OF_TYPE[type]:
        allowed = " or ".join(name or "unset" for name in _VALUE_OF_TYPE[type])
        checks.fail("feedback.value", f"must be {allowed} with type {type}, not {value or 'unset'}")
    if value == "rating":
        rating = _to_rating(checks, message.rating)
    elif value == "correction":
        correction = _to_correction(message.correction)
    elif value == "custom":
        custom_json = checked_json or _to_json(checks, message.custom)
    if type is FeedbackType.COMMENT and not is_visible(message.comment):
        checks.fail("feedback.comment", "is required with type COMMENT")
    if checks.found > found:
        return None
    return Content(
        type=type,
        rating=rating,
        correction=correction,
        custom_json=custom_json,
        comment=message.comment,
        labels=dict(message.labels),
    )


def _to_rating(checks: Checks, message: pb.Rating) -> Rating | None:
    field = "feedback.rating"
    if message.HasField("min") != message.HasField("max"):
        checks.fail(field, "min and max must be set together or not at all")
        return None
    default = Rating(score=1)
    low, high = (message.min, message.max) if message.HasField("min") else (default.min, default.max)
    if high <= low:
        checks.fail(f"{field}.max", "must be above min")
        return None
    score = min(max(message.score, low), high)
    if abs(message.score - score) > _rounding(low, high):
        scale = f"{_shown(low)} to {_shown(high)}"
        checks.fail(f"{field}.score", f"is {_shown(message.score)}, outside its scale of {scale}")
        return None
    return Rating(score=score, min=low, max=high)


def _rounding(low: float, high: float) -> float:
    """By how much rounding alone may take a score off an end of its scale: what 32-bit arithmetic is exact to, and
    never a thousandth of the scale's width."""
    return min(max(abs(low), abs(high)) * _FLOAT_EPSILON, (high - low) / 1000)


def _shown(number: float) -> str:
    """A number as short as it can be told from others: 5, 0.3, 0.30000000000000004."""
    return repr(number).removesuffix(".0")


def _to_correction(message: pb.CorrectionValue) -> CorrectionValue:
    kind = KINDS.get(message.kind, CorrectionKind.KNOWLEDGE)
    return CorrectionValue(original=message.original, corrected=message.corrected, kind=kind)


def _to_json(checks: Checks, message: struct_pb2.Value) -> str | None:
    field = "feedback.custom"
    # What follows takes microseconds for each node, and a message may have a million.
    if (size := message.ByteSize()) > _CUSTOM_BYTES:
        checks.fail(
            field, f"has {size:,} bytes, more than JSON of {_CUSTOM_LENGTH:,} characters can; at most these are allowed"
        )
        return None
    if _depth(message) > _CUSTOM_DEPTH:
        checks.fail(field, f"is nested deeper than {_CUSTOM_DEPTH} levels")
        return None
    if message.WhichOneof("kind") is None:
        checks.fail(field, "holds no value; use null_value for null")
        return None
    unsure = next((n for n in _numbers(message) if n.is_integer() and _SURE_BELOW <= abs(n) <= _INTEGERS_TO), None)
    if unsure is not None:
        checks.fail(
            field,
            f"holds {unsure:.0f}, which may have been another integer before it became a number of JSON; "
            "send integers from 2^53 on as text",
        )
        return None
    try:
        text = json_format.MessageToJson(message, indent=None, ensure_ascii=False)
    except (ValueError, json_format.Error):
        checks.fail(field, "is no JSON; numbers must be finite")
        return None
    if len(text) > _CUSTOM_LENGTH:
        checks.fail(field, f"has {len(text):,} characters as JSON; at most {_CUSTOM_LENGTH:,} are allowed")
    return text


def _numbers(value: struct_pb2.Value) -> Iterator[float]:
    """Every number in a value, in no order."""
    left = [value]
    while left:
        item = left.pop()
        if item.HasField("number_value"):
            yield item.number_value
        elif item.HasField("list_value"):
            left += item.list_value.values
        elif item.HasField("struct_value"):
            left += item.struct_value.fields.values()


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
