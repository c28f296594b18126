"""Which feedback is to be removed, and its end."""

from collections.abc import Collection, Sequence
from datetime import datetime

from uptake_service.domain.clock import Clock, just_before
from uptake_service.domain.feedback import (
    FeedbackState,
)
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.session import Session


class FeedbackRemoval:
    """Of the collection `feedback`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._feedback = mongo.collection("feedback")
        self._scans = TimeScans(self._feedback)
        self._clock = clock

    async def of_user(
        self, project: str, user_id: str, until: datetime, limit: int, *, but: Collection[str] = ()
    ) -> list[str]:
        """The ids of a user's newest feedback that was stored by a time, erased or not, at most `limit`, but for some.

        What the service stored while the database's clock was ahead is taken as stored before.
        """
        documents = await self._scans.newest(
            {"project": project, "user_id": user_id},
            "occur_time",
            rest={
                "_id": {"$nin": list(but)},
                "$or": [{"create_time": {"$lte": until}}, {"create_time": {"$gt": await self._mongo.now()}}],
            },
            near=self._clock.now(),
            projection={"_id": 1},
            limit=limit,
        )
        return [document["_id"] for document in documents]

    async def there(self, project: str, id: str) -> list[str]:
        """The id, if the project still has feedback of it, erased or not."""
        documents = await self._feedback.find({"_id": id, "project": project}, projection={"_id": 1})
        return [document["_id"] for document in documents]

    async def older_than(self, project: str, time: datetime, limit: int, *, but: Collection[str] = ()) -> list[str]:
        """The ids of the newest feedback that occurred before a time, erased or not, at most `limit`, but for some."""
        documents = await self._scans.newest(
            {"project": project},
            "occur_time",
            rest={"_id": {"$nin": list(but)}},
            most=just_before(time),
            near=time,
            projection={"_id": 1},
            limit=limit,
        )
        return [document["_id"] for document in documents]

    async def erased(self, ids: Sequence[str], but_of: Collection[str], session: Session | None = None) -> list[str]:
        """Those of this feedback that are erased, but for that of some users."""
        users = {"user_id": {"$nin": list(but_of)}} if but_of else {}
        documents = await self._feedback.find(
            {"_id": {"$in": list(ids)}, "state": FeedbackState.ERASED.value} | users,
            projection={"_id": 1},
            session=session,
        )
        return [document["_id"] for document in documents]

    async def requests_of(self, ids: Sequence[str]) -> list[str]:
        """The request records that this feedback names."""
        documents = await self._feedback.find({"_id": {"$in": list(ids)}}, projection={"requests": 1})
        return [record for document in documents for record in document.get("requests", ())]

    async def delete(self, ids: Sequence[str], session: Session) -> None:
        """Deletes feedback that is erased."""
        await self._feedback.delete_many({"_id": {"$in": list(ids)}}, session=session)
