"""Ids of things that the service makes: 24 hexadecimal digits that grow with time."""

import re

from bson import ObjectId

_ID = re.compile(r"[0-9a-f]{24}")


def new_id() -> str:
    """A new id; later ones of one process sort after earlier ones."""
    return str(ObjectId())


def is_id(text: str) -> bool:
    """Whether `text` can be an id made by the service."""
    return _ID.fullmatch(text) is not None
