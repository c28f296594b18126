"""What an index is. Each store declares its own in INDEXES; `uptake_service/stores.py` makes them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Index:
    """An index of a collection.

    Attributes:
        collection: The collection's name.
        keys: Fields with their directions, 1 or -1, in order.
        unique: Whether no two documents may have the same values.
        where: The condition for a document to be in the index; None takes all.
        expire_after_seconds: How long after the time in its one field a document is deleted; None keeps it.
    """

    collection: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    where: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As the database takes them."""
        options: dict[str, Any] = {"unique": self.unique}
        if self.where is not None:
            options["partialFilterExpression"] = dict(self.where)
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return options
