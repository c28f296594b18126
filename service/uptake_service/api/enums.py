"""Enums of the wire and of the service: the same names, with a prefix on the wire."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)


def numbers(wire: Any, prefix: str, members: Iterable[E]) -> dict[E, Any]:
    """The number on the wire of each member.

    Args:
        wire: The generated enum.
        prefix: What its values' names start with, for example "REVIEW_STATE_".
        members: The service's enum, or some of it.
    """
    return {member: wire.Value(prefix + member.value) for member in members}


def members(wire: Any, prefix: str, members: Iterable[E]) -> dict[int, E]:
    """The member for each number on the wire; unspecified has none."""
    return {number: member for member, number in numbers(wire, prefix, members).items()}
