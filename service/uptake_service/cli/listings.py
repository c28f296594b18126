"""The first of what a list method of the client matches, over as many pages as it takes: one may be short, or empty."""

from typing import Any, TypeVar

from uptake import Listing

T = TypeVar("T")


async def first_of(listing: Listing[Any, T], number: int) -> tuple[list[T], bool]:
    """The first so many items, and whether there are more."""
    found: list[T] = []
    async for item in listing:
        if len(found) == number:
            return found, True
        found.append(item)
    return found, False
