"""What statements are made of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from uptake_service.domain.clock import just_before

T = TypeVar("T")

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]

IDS_AT_ONCE = 100
"""So many ids or values are named in one condition: longer lists cost the embedded database more for each."""


def chunked(items: Sequence[T], size: int = IDS_AT_ONCE) -> Iterator[Sequence[T]]:
    """Items in their order, at most `size` at once."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def since(time: datetime) -> Document:
    """The condition for a time field to be at `time` or later.

    It has no $gte: on an index where the field descends and another follows it, the embedded database (SecantusDB
    0.7.0b3) leaves out what equals that bound. Stored times are whole milliseconds, so this is the same.
    """
    return {"$gt": just_before(time)}
