"""Scans in pieces of time: documents in the order of a time field, without a statement that may take long.

The embedded database (SecantusDB's server in Python) sorts only after it has read all that matches, whatever index
there is. So the newest are looked for in windows of time that widen, and the oldest in spans that follow one another;
on a server that sorts by the index this costs a statement or two more.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from cachetools import LRUCache

from uptake_service.domain.clock import BEGINNING, MILLISECOND
from uptake_service.mongo.collection import Collection
from uptake_service.mongo.documents import Document, Filter, since
from uptake_service.mongo.session import Session

_FIRST_WIDTH, _WIDEST = timedelta(seconds=10), timedelta(days=730)
_DEPTHS, _DEPTH_SECONDS = 10_000, 30.0
_FIRST_SPAN = timedelta(minutes=1)
_LAST = datetime.max.replace(microsecond=999_000, tzinfo=UTC)


class TimeScans:
    """Scans of one collection."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._depths = _Depths()

    async def newest(
        self,
        filter: Filter,
        time_field: str,
        *,
        rest: Filter | None = None,
        least: datetime | None = None,
        most: datetime | None = None,
        near: datetime,
        width: timedelta | None = None,
        projection: Filter | None = None,
        limit: int,
        session: Session | None = None,
    ) -> list[Document]:
        """The newest documents, newest first by `time_field` and _id.

        Reads one window of time after the other, each eight times as wide as the one before, until there are
        enough: so it costs what it returns, also on a database that sorts only after it has read all that matches.
        Where enough was found is remembered for some seconds, for the next time that the like is asked for.

        Args:
            filter: Equalities that an index followed by `time_field` serves.
            time_field: The field that orders.
            rest: What else must hold.
            least: No documents before this time.
            most: No documents after this time.
            near: Where the newest documents are expected: the time from which windows are counted without `most`.
            width: How wide the first window is; None goes as far back as was enough the last time.
            projection: What to leave out.
            limit: How many at most.
            session: The transaction to read in.
        """
        found: list[Document] = []
        first = max(least or BEGINNING, BEGINNING)
        if most is not None and most < first:
            return found
        asked = (repr(filter), *(rest or ()), most is None, limit)
        # Without `most` the newest window has no end: a clock may have been ahead.
        end = {"$lte": most} if most else {}
        older = most or near
        width = width or self._depths.get(asked, older)
        while len(found) < limit:
            # Past two years everything older is one window.
            older = older - width if width < min(_WIDEST, older - first) else first
            pipeline: list[Mapping[str, Any]] = [{"$match": {**filter, time_field: {**since(older), **end}}}]
            if rest:
                pipeline.append({"$match": rest})
            pipeline += [{"$sort": {time_field: -1, "_id": -1}}, {"$limit": limit - len(found)}]
            if projection:
                pipeline.append({"$project": projection})
            found += await self._collection.aggregate(pipeline, session=session)
            if older == first:
                break
            end, width = {"$lt": older}, width * 8
        if len(found) < limit:
            self._depths.put(asked, BEGINNING)
        elif found and time_field in found[-1]:
            self._depths.put(asked, found[-1][time_field])
        return found

    async def oldest_first(
        self,
        filter: Filter,
        time_field: str,
        start: datetime,
        end: datetime | None,
        *,
        near: datetime,
        rest: Filter,
        projection: Filter | None = None,
        number: int,
        widest: timedelta | None = None,
        session: Session | None = None,
    ) -> AsyncGenerator[list[Document], None]:
        """Documents from `start` and, with an `end`, before it, in lists, oldest first by `time_field` and _id.

        Each list is what matches of at most `number` documents that follow one another in the index, however many are
        of one instant and however few match: so no statement takes long. It is looked for in spans of time that grow
        while little is there, so that this holds also on a database that reads all of a span to find where its first
        `number` end; but for those of one instant there.

        Args:
            filter: Equalities that an index followed by `time_field` and _id serves.
            time_field: The field that orders.
            start: No documents before this time.
            end: None from this time on; without it there is no end.
            near: About now. What is later, for clocks may be ahead, is one span.
            rest: What else must hold.
            projection: What of the documents is wanted; None is all.
            number: How many are read at once.
            widest: How long a span may become while little is found. Without it the spans grow, and an empty past
                costs little.
            session: The transaction to read in.
        """
        matching = partial(self._matching, filter, rest, projection, session)
        width, start, order = _FIRST_SPAN, max(start, BEGINNING), {time_field: 1, "_id": 1}
        while end is None or start < end:
            last = _span_end(start, width, near, end, widest)
            span = {time_field: {**since(start), **({"$lt": last} if last else {})}}
            edge = await self._nth({**filter, **span}, order, number, session)
            if edge is None:
                if found := await matching(span, order):
                    yield found
                if last is None:
                    break
                width = min(width * 4, widest or timedelta.max / 4)
            elif edge[time_field] > start:
                last = edge[time_field]
                if found := await matching({time_field: {**since(start), "$lt": last}}, order):
                    yield found
                width = max(last - start, MILLISECOND)
            else:
                async with aclosing(self._of_instant(matching, filter, {time_field: start}, number, session)) as lists:
                    async for found in lists:
                        yield found
                last = _later(start, MILLISECOND)
                if last == start:
                    break
            start = last

    async def _matching(
        self,
        filter: Filter,
        rest: Filter,
        projection: Filter | None,
        session: Session | None,
        span: Filter,
        order: dict[str, int],
    ) -> list[Document]:
        """What matches in a span."""
        pipeline: list[Mapping[str, Any]] = [{"$match": {**filter, **span}}, {"$match": rest}, {"$sort": order}]
        if projection:
            pipeline.append({"$project": projection})
        return await self._collection.aggregate(pipeline, session=session)

    async def _of_instant(
        self,
        matching: Callable[[Filter, dict[str, int]], Awaitable[list[Document]]],
        filter: Filter,
        instant: Filter,
        number: int,
        session: Session | None,
    ) -> AsyncGenerator[list[Document], None]:
        """Those of one instant, by _id, as `oldest_first` gives them."""
        after: Document = {}
        while True:
            span = {**instant, **({"_id": after} if after else {})}
            edge = await self._nth({**filter, **span}, {"_id": 1}, number, session)
            within = {**instant, "_id": {**after, "$lte": edge["_id"]}} if edge else span
            if found := await matching(within, {"_id": 1}):
                yield found
            if edge is None:
                break
            after = {"$gt": edge["_id"]}

    async def _nth(
        self, filter: Filter, order: dict[str, int], number: int, session: Session | None
    ) -> Document | None:
        """The place in an order of the document of this number; None where there are fewer."""
        found = await self._collection.find(
            filter,
            projection=dict.fromkeys(order, 1) | {"_id": 1},
            sort=list(order.items()),
            skip=number - 1,
            limit=1,
            session=session,
        )
        return found[0] if found else None


def _span_end(
    start: datetime, width: timedelta, near: datetime, end: datetime | None, widest: timedelta | None
) -> datetime | None:
    """Where a span that begins at `start` ends (see `oldest_first`); None for one without an end."""
    last = _later(start, width) if start < near else end
    if widest and last:
        # What is older than two years is one span, as in `newest`.
        last = max(last, max(near, BEGINNING + _WIDEST) - _WIDEST)
    return last if end is None else min(last or end, end)


def _later(time: datetime, by: timedelta) -> datetime:
    """A time that much later; the last time that there is, if that comes before."""
    return time + min(by, _LAST - time)


class _Depths:
    """How far back enough was found, by what was asked for."""

    def __init__(self) -> None:
        self._known: LRUCache[tuple[object, ...], tuple[datetime, float]] = LRUCache(_DEPTHS)

    def get(self, asked: tuple[object, ...], near: datetime) -> timedelta:
        """How wide the first window before `near` is to be."""
        depth, time = self._known.get(asked, (near, 0.0))
        # Not for long: much may come in, and all of a window is read.
        return max(near - depth, _FIRST_WIDTH) if monotonic() < time + _DEPTH_SECONDS else _FIRST_WIDTH

    def put(self, asked: tuple[object, ...], depth: datetime) -> None:
        self._known[asked] = depth, monotonic()
