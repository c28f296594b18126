"""Ids of things that the service makes: 24 hexadecimal digits that grow with time."""

from bson import ObjectId


def new_id() -> str:
    """A new id; later ones of one process sort after earlier ones."""
    return str(ObjectId())
