"""What a row becomes: the mapping from columns to fields, the request id, the feedback.

A row's request id is made from the row, the mapping and how often the same row came before it in the file, so that a
second import of the same file adds nothing.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from uptake import correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2

from uptake_service.commands.importing.files import BadRow, CannotImport, Row

# Nine digits are a second after 1973; eight are a date in ISO 8601.
_SECONDS = re.compile(r"\d{9,}(\.\d*)?")

_TYPES = ("THUMBS_UP", "THUMBS_DOWN", "CORRECTION", "RATING")
_KINDS = {
    "": None,
    "KNOWLEDGE": feedback_pb2.CORRECTION_KIND_KNOWLEDGE,
    "BEHAVIOR": feedback_pb2.CORRECTION_KIND_BEHAVIOR,
}
_TEXTS = ("query", "response", "model", "comment", "user_id", "source")
_TIMES = ("occur_time", "interaction_create_time")
_MAPS = ("labels", "versions")

FIELDS = (
    "interaction_id",
    "type",
    "rating",
    "rating_min",
    "rating_max",
    "original",
    "corrected",
    "correction_kind",
    "minutes_ago",
    *_TEXTS,
    *_TIMES,
    *_MAPS,
)
"""What a row can hold, by the name of its column or by a mapping; `labels.NAME` and `versions.NAME` too."""


@dataclass(frozen=True)
class Source:
    """Where a field comes from: a constant, or a column, whose values `cases` translate if there are any."""

    column: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    constant: str | None = None


def parse_mapping(mapping: Mapping[str, str]) -> dict[str, Source]:
    """Where each field comes from; a field that is not mapped comes from the column of its name.

    Raises:
        CannotImport: The mapping names a field that there is not, or a case has no result.
    """
    sources = {field: Source(field) for field in FIELDS}
    for field, text in mapping.items():
        whole, dot, name = field.partition(".")
        if field not in FIELDS and not (dot and name and whole in _MAPS):
            raise CannotImport(f"there is no field {field!r} to map; there are {', '.join(FIELDS)} and labels.NAME")
        sources[field] = _source(field, text)
    return sources


def needed_columns(sources: Mapping[str, Source]) -> dict[str, str]:
    """The columns that a mapping names, by field; a field's own column is taken if it is there."""
    return {
        field: source.column for field, source in sources.items() if source.constant is None and source.column != field
    }


def _source(field: str, text: str) -> Source:
    if text.startswith("="):
        return Source(constant=text[1:])
    column, asks, listed = text.partition("?")
    if not column:
        raise CannotImport(f"the mapping of {field} names no column")
    if not asks:
        return Source(column)
    cases: list[tuple[str, str]] = []
    for case in listed.split("|"):
        key, colon, result = case.rpartition(":")
        if not colon or key == "~":
            raise CannotImport(f"the mapping of {field} has the case {case!r}; VALUE:X, ~PART:X and *:X are cases")
        cases.append((key, result))
    return Source(column, tuple(cases))


def to_request(
    row: Row | BadRow, mapping: Mapping[str, str], sources: Mapping[str, Source], seen: Counter[bytes], now: datetime
) -> feedback_pb2.CollectFeedbackRequest:
    """The request that a row makes. `seen` counts equal rows of the file; `now` is what `minutes_ago` counts from.

    Raises:
        BadRow: It makes none; the message says why.
    """
    if isinstance(row, BadRow):
        raise row
    request_id = request_id_of(row, mapping, seen)
    feedback = to_feedback(row, sources, request_id, now)
    return feedback_pb2.CollectFeedbackRequest(feedback=feedback, request_id=request_id)


def request_id_of(row: Row, mapping: Mapping[str, str], seen: Counter[bytes]) -> str:
    """The request id of a row; `seen` counts equal rows of the file."""
    content = json.dumps([row, sorted(mapping.items())], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    seen[digest] += 1
    return hashlib.sha256(digest + str(seen[digest]).encode()).hexdigest()[:32]


def to_feedback(row: Row, sources: Mapping[str, Source], request_id: str, now: datetime) -> feedback_pb2.Feedback:
    """Feedback from a row. A rating is read only where the type is RATING, a correction only where it is CORRECTION.

    Raises:
        BadRow: It is none; the message says why.
    """
    values = {field: _value(row, field, source) for field, source in sources.items()}
    type = _text("type", values["type"]).strip().upper()
    if type not in _TYPES:
        raise BadRow(f"type is {type!r}, none of {', '.join(_TYPES)}" if type else "has no type")
    about: dict[str, Any] = {field: _text(field, values[field]) for field in _TEXTS}
    about |= {field: _time(field, values[field]) for field in _TIMES}
    about |= {field: _map(row, values, field) for field in _MAPS}
    if about["occur_time"] is None:
        about["occur_time"] = _ago(values["minutes_ago"], now)
    id = _text("interaction_id", values["interaction_id"]) or request_id
    try:
        match type:
            case "THUMBS_UP":
                return thumbs_up(id, **about)
            case "THUMBS_DOWN":
                return thumbs_down(id, **about)
            case "RATING":
                score = _number("rating", values["rating"])
                if score is None:
                    raise BadRow("has the type RATING and no rating")
                low, high = (_number(field, values[field]) for field in ("rating_min", "rating_max"))
                return rating(id, score, min=low, max=high, **about)
            case _:
                corrected, original = (_text(field, values[field]) for field in ("corrected", "original"))
                kind = _text("correction_kind", values["correction_kind"]).strip().upper()
                if kind not in _KINDS:
                    raise BadRow(f"correction_kind is {kind!r}, neither KNOWLEDGE nor BEHAVIOR")
                return correction(id, corrected, original=original, kind=_KINDS[kind], **about)
    except (ValueError, TypeError) as error:
        # Such as half a character, which JSON can write and no text can hold.
        raise BadRow(f"cannot be sent: {error}") from error


def _value(row: Row, field: str, source: Source) -> Any:
    if source.constant is not None:
        return source.constant
    value = row.get(source.column)
    if not source.cases:
        return value
    text = _text(source.column, value)
    for key, result in source.cases:
        if key in ("*", text) or (key.startswith("~") and key[1:] in text):
            return result
    if field == "type":
        raise BadRow(f"type: no case of the mapping matches {text!r}")
    return None


def _text(field: str, value: Any) -> str:
    """Text from a cell or a JSON scalar."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise BadRow(f"{field} is a JSON {'object' if isinstance(value, dict) else 'array'}, not text")
    return json.dumps(value)


def _map(row: Row, values: Mapping[str, Any], field: str) -> dict[str, str]:
    """Labels or versions: an object, columns named `field.name`, and fields mapped as `field.name`."""
    whole = values[field]
    if whole not in (None, "") and not isinstance(whole, dict):
        raise BadRow(f"{field} is no JSON object; in CSV a column is named {field}.NAME")
    named = dict(whole or {})
    prefix = f"{field}."
    for cells in (row, values):
        named |= {name.removeprefix(prefix): cell for name, cell in cells.items() if name.startswith(prefix)}
    return {name: _text(prefix + name, cell) for name, cell in named.items() if cell not in (None, "")}


def _number(field: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
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
