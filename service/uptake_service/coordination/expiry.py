"""Ends in time what was to be kept for a time and was given it while the database's clock was ahead.

The database deletes what is past its `expire_time`. What was written while its clock was years ahead would be kept for
these years too; once the clock is right again, it is kept for as long as it was meant to be from then on.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic

from uptake_service.domain.clock import CLOCK_TOLERANCE
from uptake_service.mongo.client import Mongo

_AT_ONCE = 500


class Expiry:
    """The documents of some collections that are kept for a time.

    Args:
        mongo: The database.
        lengths: How long each collection's documents are kept at most.
    """

    def __init__(self, mongo: Mongo, lengths: Mapping[str, timedelta]) -> None:
        self._mongo = mongo
        self._lengths = dict(lengths)
        self._seen: tuple[datetime, float] | None = None
        self._left = dict.fromkeys(lengths, True)

    async def due(self) -> list[str]:
        """The collections to look through: all of them at first, and when the database's clock was set back."""
        now, ticks = await self._mongo.now(), monotonic()
        if self._seen is not None and now < self._seen[0] + timedelta(seconds=ticks - self._seen[1]) - CLOCK_TOLERANCE:
            self._left = dict.fromkeys(self._lengths, True)
        self._seen = now, ticks
        return [name for name, left in self._left.items() if left]

    async def shorten(self, name: str) -> bool:
        """Has some of a collection's documents end as they should; tells whether there is more."""
        collection, now, length = self._mongo.collection(name), await self._mongo.now(), self._lengths[name]
        late = await collection.find(
            {"expire_time": {"$gt": now + length + CLOCK_TOLERANCE}},
            projection={"_id": 1},
            sort=[("expire_time", -1)],
            limit=_AT_ONCE,
        )
        ends = {"$set": {"expire_time": now + length}}
        await collection.update_each([({"_id": document["_id"]}, ends) for document in late])
        self._left[name] = len(late) == _AT_ONCE
        return self._left[name]
