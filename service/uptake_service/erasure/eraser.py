"""Erases what a user said: the feedback, its share of every number, and its words in what was made of it, by the
service or by people.

An erasure is written down before it begins, and goes on by itself until it is done, whoever asked for it or died
meanwhile. What cannot be removed holds up nothing else, and is tried again until it can be.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from functools import partial

from uptake_service.audit.log import AuditLog
from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.coordination.idempotent_change import idempotent_change
from uptake_service.coordination.job_queue import Item, JobQueue
from uptake_service.coordination.leases import Leases
from uptake_service.domain.clock import Clock
from uptake_service.domain.ids import new_id
from uptake_service.erasure.remover import FeedbackRemover, each_by_itself
from uptake_service.erasure.values import UnusedValues, Value
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction

_WAIT_SECONDS = 0.1
_LOOK_SECONDS = 1.0
ERASURES_JOB = "erasures"
_LEASE_SECONDS = 15.0

_PIECE = 500
"""So much of one erasure is removed before it is another project's turn."""


class Eraser(Store):
    """The collection `erasures`: {_id, project, user_id or feedback_id, time, erased_count, values, done, expire_time}.

    `values` are those that what was deleted was counted under. They and the user are taken out at the end.
    """

    TEXTS = (
        texts("erasures", Holds.PENDING, "user_id", "values"),
        texts("erasures", Holds.NONE, "_id", "project", "feedback_id"),
    )
    INDEXES = (
        Index("erasures", (("done", 1),), where={"done": False}),
        Index("erasures", (("expire_time", 1),), expire_after_seconds=0),
    )

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        feedback: FeedbackStore,
        remover: FeedbackRemover,
        requests: RequestRecords,
        leases: Leases,
        queue: JobQueue,
        values: UnusedValues,
    ) -> None:
        self._mongo = mongo
        self._audit = AuditLog(mongo, clock)
        self._leases = leases
        self._erasures = mongo.collection("erasures")
        self._feedback = feedback
        self._remover = remover
        self._requests = requests
        self._values = values
        self._asked = asyncio.Event()
        self._queue = queue
        self._failed: dict[Item, dict[str, Exception]] = {}
        """What could not be removed, in the pass over an erasure's feedback that is under way."""

    async def erase(self, project: str, user_id: str, key: RequestKey | None) -> int:
        """Erases all feedback of a user that is stored by now, once for each request key.

        A caller that leaves does not end it.

        Returns:
            How many pieces of feedback that was.

        Raises:
            DomainError: The request id was used for something else.
        """

        return await self._erase(project, {"user_id": user_id}, key)

    async def delete(self, project: str, feedback_id: str, key: RequestKey | None) -> None:
        """Erases one piece of feedback, once for each request key.

        Raises:
            DomainError: The project has no such feedback, or the request id was used for something else.
        """
        if await self._requests.resource_of(key) is None:
            await self._feedback.get(project, feedback_id)
        await self._erase(project, {"feedback_id": feedback_id}, key)

    async def _erase(self, project: str, what: Document, key: RequestKey | None) -> int:
        """Writes an erasure down, and waits for its end."""

        async def change(session: Session) -> str:
            id = new_id()
            await self._erasures.insert(
                {"_id": id, "project": project, **what, "erased_count": 0, "done": False}, session=session
            )
            (erasure,) = await self._erasures.find_with_now({"_id": id}, session=session)
            await self._erasures.update({"_id": id}, {"$set": {"time": erasure["now"]}}, session=session)
            await self._audit.add(project, what.get("feedback_id", id), [], session)
            return id

        id = await idempotent_change(self._requests, key, partial(transaction, self._mongo), change)
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
        due = await self._erasures.find({"done": False}, projection={"project": 1})
        await self._queue.run([Item(each["project"], each["_id"]) for each in due], self._step)

    async def users(self, project: str, session: Session) -> list[str]:
        """The users whose erasures in a project are under way."""
        erasures = await self._erasures.find({"done": False, "project": project}, session=session)
        return [erasure["user_id"] for erasure in erasures if "user_id" in erasure]

    async def _step(self, item: Item) -> bool:
        """Removes some of what an erasure is to remove; tells whether there is more.

        What cannot be removed is left for the next try, and the rest goes.

        Raises:
            Exception: Why something could not be removed, once all else is.
        """
        # Without it two processes would do the same twice, which harms nothing.
        if await self._leases.acquire(ERASURES_JOB, _LEASE_SECONDS) is None:
            return False
        erasure = await self._erasures.get({"_id": item.id})
        if erasure is None or erasure["done"]:
            return False
        values: set[Value] = {(kind, value) for kind, value in erasure.get("values", ())}

        async def note(deleted: int, counted: Collection[Value], session: Session) -> None:
            values.update(counted)
            left = {"$each": [list(value) for value in sorted(counted)]}
            change = {"$inc": {"erased_count": deleted}, "$addToSet": {"values": left}}
            await self._erasures.update({"_id": item.id}, change, session=session)

        async def remove(ids: Sequence[str]) -> None:
            user_id = erasure.get("user_id", "")
            await self._remover.remove(item.project, ids, by_people=True, user_id=user_id, note=note)

        failed = self._failed.setdefault(item, {})
        ids = await self._due(erasure, failed)
        failed |= await each_by_itself(ids, remove)
        if len(ids) == _PIECE and len(failed) < _PIECE:
            return True
        del self._failed[item]
        if failed:
            raise next(iter(failed.values()))
        if waiting := await self._values.drop(item.project, values):
            # They wait for the delta log; the next run goes on with these.
            await self._erasures.update({"_id": item.id}, {"$set": {"values": [list(value) for value in waiting]}})
            return False
        await self._erasures.update(
            {"_id": item.id, "done": False},
            {
                "$set": {"done": True, "expire_time": await self._mongo.now() + self._requests.retention},
                "$unset": {"user_id": "", "values": ""},
            },
        )
        return False

    async def _due(self, erasure: Document, but: Collection[str]) -> list[str]:
        """The ids of some of the feedback that an erasure is to remove and that is still there, but for these."""
        project = erasure["project"]
        if "feedback_id" in erasure:
            return [id for id in await self._feedback.removal.there(project, erasure["feedback_id"]) if id not in but]
        return await self._feedback.removal.of_user(project, erasure["user_id"], erasure["time"], _PIECE, but=but)
