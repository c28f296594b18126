"""What statements are made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from uptake_service.domain.clock import just_before

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]


def since(time: datetime) -> Document:
    """The condition for a time field to be at `time` or later.

    It has no $gte: on an index where the field descends and another follows it, the embedded database (SecantusDB
    0.7.0b3) leaves out what equals that bound. Stored times are whole milliseconds, so this is the same.
    """
    return {"$gt": just_before(time)}
