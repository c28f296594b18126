"""Pages by key: the next page starts after the last item of this one, wherever that is by then."""

from collections.abc import Sequence
from typing import Any

from uptake_service.mongo.client import Document


def after(sort: Sequence[tuple[str, int]], last: Sequence[Any]) -> Document:
    """The filter for what comes after an item in an order.

    Args:
        sort: Fields and directions, ending in one that is unique.
        last: The item's values of these fields.
    """
    alternatives = []
    for place, (field, direction) in enumerate(sort):
        same = {name: value for (name, _), value in zip(sort[:place], last[:place], strict=True)}
        alternatives.append(same | {field: {"$lt" if direction < 0 else "$gt": last[place]}})
    return {"$or": alternatives}
