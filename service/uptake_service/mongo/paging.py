"""Pages by key: the next page starts after the last item of this one, wherever that is by then.

A page is bounded by how many items were asked for, by their bytes, and by how many documents were looked at to find
them. It ends early, with a place to go on from, where it would be too large or too dear, so that what a read costs does
not depend on what is stored. First only keys and sizes of documents are read, in the order of an index; then those
documents that the page has room for.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uptake_service.mongo.collection import Collection
from uptake_service.mongo.documents import Document, chunked

PAGE_BYTES = 2 * 1024 * 1024
"""A page ends after this much: clients take 4 MiB unless told otherwise, and one item more always fits."""

MOST_EXAMINED = 1_000
"""A page ends after so many documents were looked at, whether or not they match."""

_MOST_EXAMINED_BYTES = 16 * PAGE_BYTES
"""And after so much of them."""

_FIRST_KEYS, _FEWEST_KEYS, _MOST_KEYS, _BYTES_AT_ONCE = 64, 16, 250, 8 * 1024 * 1024
"""How many keys are read with one statement: more would hold up who else wants the database."""

_WHOLE: Document = {"$bsonSize": "$$ROOT"}
_IF_SMALL: Document = {"$cond": [{"$lt": [_WHOLE, 8 * 1024]}, "$$ROOT", None]}

Sort = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Page:
    """Some documents of a list.

    Attributes:
        documents: In the list's order.
        next: The sort values to go on after; None at the end of the list.
    """

    documents: list[Document]
    next: list[Any] | None


@dataclass(frozen=True)
class Listing:
    """A list of documents.

    Attributes:
        equal: Equalities, all of an index in front of the fields of `sort`, and no more than these.
        sort: Fields and directions, ending in one that is unique; the rest of the index.
        bounds: Conditions of the first field of `sort`.
        keep: Whether a document belongs to the list, by `fields`.
        fields: The stored fields that `keep` looks at.
        projection: What of the documents is left out.
        size: An expression for how many bytes a document counts for.
    """

    equal: Document
    sort: Sort
    bounds: Document = dataclasses.field(default_factory=dict)
    keep: Callable[[Document], bool] = lambda _document: True
    fields: Sequence[str] = ()
    projection: Mapping[str, int] | None = None
    size: Document = dataclasses.field(default_factory=lambda: _WHOLE)

    def values(self, document: Document) -> list[Any]:
        """The values of a document that its place in the list depends on."""
        return [document[name] for name, _ in self.sort]


async def read_page(
    collection: Collection,
    listing: Listing,
    after: Sequence[Any] | None,
    number: int,
    *,
    room: int = PAGE_BYTES,
    most_examined: int = MOST_EXAMINED,
) -> Page:
    """A page of a list.

    Args:
        collection: Where the documents are.
        listing: The list.
        after: The sort values that it begins after; None at the beginning.
        number: How many documents at most.
        room: How many bytes at most; the first document may have more.
        most_examined: How many documents are looked at at most.
    """
    rows, place = await read_keys(
        collection, listing, after, number, room=room, most_examined=most_examined, with_small=True
    )
    return Page(await read_whole(collection, rows, listing.projection), place)


async def read_keys(
    collection: Collection,
    listing: Listing,
    after: Sequence[Any] | None,
    number: int,
    *,
    room: int = PAGE_BYTES,
    most_examined: int = MOST_EXAMINED,
    with_small: bool = False,
) -> tuple[list[Document], list[Any] | None]:
    """The keys of the documents of a page, with `fields` and their `bytes`, and the place after it; see `read_page`.

    With `with_small` those of small documents hold the document too, as `whole`, as long as most of them belong to the
    list: then most pages are read with one statement.
    """
    fields = dict.fromkeys(("_id", *(name for name, _ in listing.sort), *listing.fields), 1)
    projection = {**fields, "bytes": listing.size, **({"whole": _IF_SMALL} if with_small else {})}
    page: list[Document] = []
    place = list(after) if after is not None else None
    examined = examined_bytes = 0
    # One more than is wanted tells whether there is a next page.
    at_once = min(number + 1, _FIRST_KEYS)
    while True:
        for condition, sort in _spans(listing, place):
            limit = min(at_once, most_examined - examined)
            rows = await collection.find(condition, projection=projection, sort=sort, limit=limit)
            for row in rows:
                if listing.keep(row):
                    room -= row["bytes"]
                    if len(page) == number or (page and room < 0):
                        return page, place
                    page.append(row)
                place = listing.values(row)
                examined_bytes += row["bytes"]
            examined += len(rows)
            if examined >= most_examined or examined_bytes > _MOST_EXAMINED_BYTES:
                return page, place
            if examined > 2 * len(page):
                projection.pop("whole", None)
            if len(rows) == limit:
                # Of large documents fewer are read at once: the database reads the whole of each.
                by_size = _BYTES_AT_ONCE * examined // (examined_bytes + 1) + 1
                at_once = min(max(2 * at_once, _FEWEST_KEYS), _MOST_KEYS, by_size)
                break
        else:
            return page, None


async def read_whole(
    collection: Collection, rows: Sequence[Document], projection: Mapping[str, int] | None = None
) -> list[Document]:
    """The documents of some keys, in their order; those that are gone by now are left out."""
    found: dict[Any, Document] = {row["_id"]: row["whole"] for row in rows if row.get("whole") is not None}
    missing = [row["_id"] for row in rows if row["_id"] not in found]
    for ids in chunked(missing):
        for document in await collection.find({"_id": {"$in": ids}}, projection=projection):
            found[document["_id"]] = document
    return [found[row["_id"]] for row in rows if row["_id"] in found]


async def read_sizes(
    collection: Collection, ids: Sequence[str], *, of: Document | None = None, size: Document = _WHOLE
) -> list[Document]:
    """_id and bytes of those of `ids` that are there, in their order; those of other lists are left out by `of`,
    equalities that an index has before _id."""
    found: dict[str, Document] = {}
    for some in chunked(ids):
        condition = {**(of or {}), "_id": {"$in": list(some)}}
        for row in await collection.find(condition, projection={"bytes": size}):
            found[row["_id"]] = row
    return [found[id] for id in ids if id in found]


def within(rows: Sequence[Document], room: int = PAGE_BYTES) -> list[Document]:
    """As many of some keys, from the first, as there is room for; one at least."""
    kept: list[Document] = []
    for row in rows:
        room -= row["bytes"]
        if kept and room < 0:
            break
        kept.append(row)
    return kept


def after(sort: Sort, last: Sequence[Any]) -> Document:
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


def _spans(listing: Listing, after: Sequence[Any] | None) -> Iterator[tuple[Document, Sort]]:
    """The parts of a list after a place, in order: condition and order of each, which one index serves.

    After (a, b) in the order of two fields that is what has the first in common and comes after b, then what comes
    after a. As one condition with $or no index of the embedded database would serve it.
    """
    sort = listing.sort
    if after is None:
        yield listing.equal | ({sort[0][0]: listing.bounds} if listing.bounds else {}), sort
        return
    for place in reversed(range(len(sort))):
        same = {name: value for (name, _), value in zip(sort[:place], after[:place], strict=False)}
        name, direction = sort[place]
        bound: Document = {"$lt" if direction < 0 else "$gt": after[place]}
        if place == 0:
            bound = {operator: value for operator, value in listing.bounds.items() if operator[:3] not in bound} | bound
        yield listing.equal | same | {name: bound}, sort[place:]
