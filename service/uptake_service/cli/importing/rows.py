"""What a row becomes: the request id, the feedback.

A row's request id is made from the row, the mapping and how often the same row came before it in the file, so that a
second import of the same file adds nothing.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from uptake import comment, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2

from uptake_service.cli.importing.columns import FIELDS, IDS, MAPS, SKIP, TEXTS, TIMES, TYPES, Columns, type_name
from uptake_service.cli.importing.files import BadRow, Row
from uptake_service.domain.feedback import FORMER_INSTRUCTIONS

# Nine digits are a second after 1973; eight are a date in ISO 8601.
_SECONDS = re.compile(r"\d{9,}(\.\d*)?")

_KINDS = {
    "": None,
    "KNOWLEDGE": feedback_pb2.CORRECTION_KIND_KNOWLEDGE,
    "INSTRUCTIONS": feedback_pb2.CORRECTION_KIND_INSTRUCTIONS,
    # As older files have it.
    FORMER_INSTRUCTIONS: feedback_pb2.CORRECTION_KIND_INSTRUCTIONS,
}
_TYPES_OF_FIELD = {"rating": "RATING", "corrected": "CORRECTION", "original": "CORRECTION"}
"""The fields that one type alone has."""


class SkippedRow(Exception):
    """A row that the mapping leaves out."""


def to_request(
    row: Row | BadRow, mapping: Mapping[str, str], columns: Columns, seen: Counter[bytes], now: datetime
) -> feedback_pb2.CollectFeedbackRequest:
    """The request that a row makes. `seen` counts equal rows of the file; `now` is what `minutes_ago` counts from.

    Raises:
        BadRow: It makes none; the message says why.
        SkippedRow: The mapping leaves it out.
    """
    if isinstance(row, BadRow):
        raise row
    request_id = request_id_of(row, mapping, seen)
    feedback = to_feedback(row, columns, request_id, now)
    return feedback_pb2.CollectFeedbackRequest(feedback=feedback, request_id=request_id)


def request_id_of(row: Row, mapping: Mapping[str, str], seen: Counter[bytes]) -> str:
    """The request id of a row; `seen` counts equal rows of the file."""
    content = json.dumps([row, sorted(mapping.items())], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    seen[digest] += 1
    return hashlib.sha256(digest + str(seen[digest]).encode()).hexdigest()[:32]


def to_feedback(row: Row, columns: Columns, request_id: str, now: datetime) -> feedback_pb2.Feedback:
    """Feedback from a row. A rating is read only where the type is RATING, a correction only where it is CORRECTION.

    Raises:
        BadRow: It is none; the message says why.
        SkippedRow: The mapping leaves it out.
    """
    type = type_of(row, columns)
    values: dict[str, Any] = dict.fromkeys(FIELDS)
    for field in columns.present:
        if field != "type":
            values[field] = _value(row, field, columns)
    about: dict[str, Any] = {field: _text(field, values[field]) for field in TEXTS}
    about |= {field: _time(field, values[field]) for field in TIMES}
    about |= {field: _map(row, values, field, columns) for field in MAPS}
    if about["occur_time"] is None:
        about["occur_time"] = _ago(values["minutes_ago"], now)
    id = _text("interaction_id", values["interaction_id"]) or request_id
    try:
        match type:
            case "THUMBS_UP":
                made = thumbs_up(id, **about)
            case "THUMBS_DOWN":
                made = thumbs_down(id, **about)
            case "COMMENT":
                made = comment(id, about.pop("comment"), **about)
            case "RATING":
                points = _number("rating", values["rating"])
                if points is None:
                    raise BadRow("has the type RATING and no rating")
                low, high = (_number(field, values[field]) for field in ("rating_min", "rating_max"))
                made = rating(id, points, min=low, max=high, **about)
            case _:
                corrected, original = (_text(field, values[field]) for field in ("corrected", "original"))
                kind = _text("correction_kind", values["correction_kind"]).strip().upper()
                if kind not in _KINDS:
                    raise BadRow(f"correction_kind is {kind!r}, neither KNOWLEDGE nor INSTRUCTIONS")
                made = correction(id, corrected, original=original, kind=_KINDS[kind], **about)
        _add_context(made, values, columns)
    except (ValueError, TypeError) as error:
        # Such as half a character, which JSON can write and no text can hold.
        raise BadRow(f"cannot be sent: {error}") from error
    for field, only in _TYPES_OF_FIELD.items():
        if type != only and values[field] not in (None, "") and columns.sources[field].constant is None:
            columns.ignored[f"{field} of {type}"] += 1
    return made


def type_of(row: Row, columns: Columns) -> str:
    """The type of a row.

    Raises:
        BadRow: It has none that there is.
        SkippedRow: The mapping leaves the row out.
    """
    text = _text("type", _value(row, "type", columns))
    if text == SKIP and columns.sources["type"].cases:
        raise SkippedRow
    type = type_name(text)
    if type not in TYPES:
        raise BadRow(f"type is {type!r}, none of {', '.join(TYPES)}" if type else "has no type")
    return type


def _add_context(made: feedback_pb2.Feedback, values: Mapping[str, Any], columns: Columns) -> None:
    """Writes the fields that the builders of the client do not take."""
    interaction = made.interaction
    for field in IDS:
        if text := _text(field, values[field]):
            setattr(interaction, field, text)
    if name := _score_name(values["score"], columns):
        made.score = name
    for each in _list("contexts", values["contexts"]):
        interaction.contexts.append(_text("contexts", each))
    for each in _list("history", values["history"]):
        if not isinstance(each, dict) or not each.get("role"):
            raise BadRow("history holds what is no message with role and content")
        for key, value in each.items():
            if key not in ("role", "content") and value not in (None, "", [], {}):
                columns.ignored[f"{key} in history"] += 1
        interaction.history.add(
            role=_text("history.role", each["role"]), content=_text("history.content", each.get("content"))
        )


def _score_name(value: Any, columns: Columns) -> str:
    """The name of a score. A number that happens to stand in a column called "score" is none."""
    name = _text("score", value)
    if name and not columns.sources["score"].mapped:
        try:
            float(name)
        except ValueError:
            return name
        raise BadRow(f"score is {name!r}; it names what is judged: a number is a rating, --map rating=score")
    return name


def _list(field: str, value: Any) -> list[Any]:
    """A JSON list, as such or as text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadRow(f"{field} is no JSON list: {value[:40]!r}") from None
    if not isinstance(value, list):
        raise BadRow(f"{field} is no JSON list")
    return value


def _value(row: Row, field: str, columns: Columns) -> Any:
    source = columns.sources[field]
    if source.constant is not None:
        return source.constant
    value = columns.value(row, source.column)
    if not source.cases:
        return value
    text = _text(source.column, value)
    for key, result in source.cases:
        if key in ("*", text) or (key.startswith("~") and key[1:] in text):
            columns.matched[field, key] += 1
            return result
    if field == "type":
        raise BadRow(f"type: no case of the mapping matches {text!r}")
    return None


def _text(field: str, value: Any) -> str:
    """Text from a cell or a JSON scalar. NaN, which is no JSON, is what Python writes where nothing is."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, dict | list):
        raise BadRow(f"{field} is a JSON {'object' if isinstance(value, dict) else 'array'}, not text")
    return json.dumps(value)


def _map(row: Row, values: Mapping[str, Any], field: str, columns: Columns) -> dict[str, str]:
    """Labels or versions: an object, columns named `field.name`, and fields mapped as `field.name`."""
    whole = values[field]
    if isinstance(whole, str) and whole.lstrip().startswith("{"):
        try:
            whole = json.loads(whole)
        except (ValueError, RecursionError):
            raise BadRow(f"{field} is no JSON object") from None
    if whole not in (None, "") and not isinstance(whole, dict):
        raise BadRow(f"{field} is no JSON object; in CSV a column is named {field}.NAME")
    named = dict(whole or {})
    mapped = {key: values.get(name) for key, name in columns.mapped_maps[field]}
    for key, column in columns.of_maps[field]:
        cell = row.get(column)
        if cell in (None, "") or key in mapped:
            continue
        if named.get(key) not in (None, "", cell):
            raise BadRow(f"{field}.{key} is both {str(named[key])[:40]!r} and {str(cell)[:40]!r}; say which with --map")
        named[key] = cell
    named |= mapped
    return {name: _text(f"{field}.{name}", cell) for name, cell in named.items() if cell not in (None, "")}


def _number(field: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        # Python reads 1_000 as a number; nobody else does.
        number = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadRow(f"{field} is {value!r}, no number")
    return number


def _ago(value: Any, now: datetime) -> datetime | None:
    minutes = _number("minutes_ago", value)
    try:
        return None if minutes is None else now - timedelta(minutes=minutes)
    except OverflowError:
        raise BadRow(f"minutes_ago is {value!r}, too many") from None


def _time(field: str, value: Any) -> datetime | None:
    """A time from ISO 8601 (UTC where it names no zone) or from seconds since 1970."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        text = str(value).strip()
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise BadRow(f"{field} is {value!r}, no time in ISO 8601 or seconds since 1970") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
