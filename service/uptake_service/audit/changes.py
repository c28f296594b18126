"""What of a change is told: the names of fields, and the values of enums, numbers and times; never anybody's words."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from uptake_service.domain.model import Model

_BOOKKEEPING = frozenset(
    {
        *("revision", "people_revision", "update_time", "create_time", "writer", "vector", "embedder", "vote"),
        *("seconds", "requests", "statements", "said_time", "complaints_gone", "key_id"),
    }
)

_UNSET: tuple[object, ...] = (None, "", b"", (), {}, frozenset())


class FieldChange(NamedTuple):
    """A field, by its path, before and after; empty where there was nothing, and for words."""

    field: str
    old_value: str
    new_value: str


def changes(before: Model | None, after: Model | None) -> list[FieldChange]:
    """The fields in which two states of a resource differ; None is before it was made, when no field was set."""
    old, new = (dict(_fields(model)) if model else {} for model in (before, after))
    return [
        FieldChange(field, _told(old.get(field)), _told(new.get(field)))
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    ]


def _fields(model: Model, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name in _BOOKKEEPING or value in _UNSET:
            continue
        if isinstance(value, Model):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _told(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case bool() | int() | float():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():g}s"
    return ""
