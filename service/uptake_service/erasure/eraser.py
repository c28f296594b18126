"""Erases what a user said: the feedback, its share of every number, and its words in what was made of it.

An erasure is written down before it begins, and goes on by itself until it is done, whoever asked for it or died
meanwhile. Its steps can be done again: feedback leaves every number and everybody's sight; its words leave what was
made of it; it is deleted.
"""

import asyncio
import contextlib
from datetime import timedelta

from uptake_service.audit.log import AuditLog
from uptake_service.clock import Clock
from uptake_service.erasure.derived import DerivedWords
from uptake_service.erasure.removing import Removing
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ids import new_id
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.leases import Leases
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.mongo.transactions import transaction

_AT_ONCE = 200
_WAIT_SECONDS = 0.1
_LOOK_SECONDS = 1.0
ERASURES_JOB = "erasures"
_LEASE_SECONDS = 15.0


class Eraser:
    """The collection `erasures`: {_id, project, user_id, time, erased_count, done, expire_time}, at the end without
    the user."""

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        feedback: FeedbackStore,
        removing: Removing,
        derived: DerivedWords,
        requests: RequestRecords,
        leases: Leases,
        request_retention_days: int,
    ) -> None:
        self._mongo = mongo
        self._audit = AuditLog(mongo, clock)
        self._leases = leases
        self._erasures = mongo.collection("erasures")
        self._feedback = feedback
        self._removing = removing
        self._derived = derived
        self._requests = requests
        self._retention = timedelta(days=request_retention_days)
        self._asked = asyncio.Event()

    async def open(self) -> None:
        await self._erasures.create_index([("done", 1)], where={"done": False})
        await self._erasures.create_index([("expire_time", 1)], expire_after_seconds=0)

    async def erase(self, project: str, user_id: str, key: RequestKey | None) -> int:
        """Erases all feedback of a user that is stored by now, once for each request key.

        A caller that leaves does not end it.

        Returns:
            How many pieces of feedback that was.

        Raises:
            DomainError: The request id was used for something else.
        """

        async def body(session: Session) -> str:
            made = await self._requests.resource_of(key, session=session)
            if made is not None:
                return made
            id = new_id()
            await self._erasures.insert(
                {"_id": id, "project": project, "user_id": user_id, "erased_count": 0, "done": False}, session=session
            )
            (erasure,) = await self._erasures.find_with_now({"_id": id}, session=session)
            await self._erasures.update({"_id": id}, {"$set": {"time": erasure["now"]}}, session=session)
            await self._audit.add(project, id, [], session)
            if key is not None:
                expire_time = erasure["now"] + self._retention
                await self._requests.add([(key, id)], expire_time=expire_time, session=session)
            return id

        id = await transaction(self._mongo, body)
        self._asked.set()
        while True:
            erasure = await self._erasures.get({"_id": id})
            assert erasure is not None  # noqa: S101
            if erasure["done"]:
                return int(erasure["erased_count"])
            await asyncio.sleep(_WAIT_SECONDS)

    async def run_asked(self) -> None:
        """Does every erasure that is not done, once this process is asked for one or some seconds went by."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._asked.wait()
        self._asked.clear()
        for erasure in await self._erasures.find({"done": False}):
            # Without it two processes would do the same twice, which harms nothing.
            if await self._leases.hold(ERASURES_JOB, _LEASE_SECONDS) is not None:
                await self._run(erasure)

    async def _run(self, erasure: Document) -> None:
        project, user_id = erasure["project"], erasure["user_id"]
        while ids := await self._feedback.to_erase(project, user_id, erasure["time"], _AT_ONCE):
            await self._removing.mark(project, ids)
        erased = [feedback async for feedback in self._feedback.erased(project, user_id)]
        await self._derived.forget(project, erased)
        for start in range(0, len(erased), _AT_ONCE):
            await self._delete(erasure["_id"], [feedback.id for feedback in erased[start : start + _AT_ONCE]])
        await self._erasures.update(
            {"_id": erasure["_id"], "done": False},
            {
                "$set": {"done": True, "expire_time": erasure["time"] + self._retention},
                "$unset": {"user_id": ""},
            },
        )

    async def _delete(self, id: str, feedback_ids: list[str]) -> None:
        async def body(session: Session) -> None:
            deleted = await self._removing.delete(feedback_ids, session)
            await self._erasures.update({"_id": id}, {"$inc": {"erased_count": deleted}}, session=session)

        await transaction(self._mongo, body)
