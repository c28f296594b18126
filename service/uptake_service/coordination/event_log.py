"""The event log: what happened in a project, in the order in which it was committed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ClassVar, Self, TypeVar

from uptake_service.domain.clock import cut
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.model import Model
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Event:
    """One event. `payload` holds ids, states, revisions and numbers, never users' words."""

    project: str
    seq: int
    time: datetime
    kind: str
    severity: str
    payload: dict[str, Any]


class EventContent(Model):
    """What an event says, one class for each kind, beside the model that it tells of.

    Its fields are ids, states, revisions and numbers, never users' words; they are stored as they are.

    Attributes:
        KIND: The kind's name in the contract, without its prefix.
    """

    KIND: ClassVar[str]

    @property
    def severity(self) -> str:
        """The severity's name in the contract, without its prefix."""
        return "INFO"

    @classmethod
    def of(cls, event: Event) -> Self | None:
        """What an event says; None if it is of another kind."""
        return cls.model_validate(event.payload) if event.kind == cls.KIND else None


class EventLog(Store):
    """The collections `events` ({project, seq, time, kind, severity, payload, expire_time}) and `counters` ({_id:
    project, seq, turns}).

    Times are the database's, which also deletes what is past its `expire_time`, some time later and in no order.
    """

    TEXTS = (
        texts("events", Holds.NONE, "project", "kind", "severity", "payload.*"),
        texts("counters", Holds.NONE, "_id"),
    )
    INDEXES = (
        Index("events", (("project", 1), ("seq", 1)), unique=True),
        Index("events", (("expire_time", 1),), expire_after_seconds=0),
    )

    def __init__(self, mongo: Mongo, retention_days: int) -> None:
        self._mongo = mongo
        self._events = mongo.collection("events")
        self._counters = mongo.collection("counters")
        self._retention = timedelta(days=retention_days)
        self._turn = asyncio.Lock()

    async def transaction(self, projects: Collection[str], body: Callable[[Session], Awaitable[T]]) -> T:
        """Runs `body` in a transaction, as mongo/transactions.py has it, that may append events of these projects.

        All who append count up the same counter, and who began before another's commit loses to it. So those of this
        process take turns. Who lost to another process takes the counter before all else: to lose once more costs it
        one statement, and once it has the counter, nobody who appends is in its way.
        """

        @wraps(body)
        async def run(session: Session) -> T:
            if session.runs > 1:
                turn = {"$inc": {"seq": 0, "turns": 1}}
                await self._counters.update_each(
                    [({"_id": project}, turn) for project in sorted(projects)], upsert=True, session=session
                )
                await session.flush()
            return await body(session)

        async with self._turn:
            return await transaction(self._mongo, run)

    async def append(self, project: str, events: Sequence[EventContent], session: Session) -> None:
        """Appends events in the transaction that makes them true. Call it last, or first where that takes long.

        The counter's document stays locked from here to the commit, so that seq order is commit order. What comes after
        makes others wait; a long transaction that comes to it last finds it changed each time.
        """
        if not events:
            return
        await self._counters.update_each(
            [({"_id": project}, {"$inc": {"seq": len(events)}})], upsert=True, session=session
        )
        (counter,) = await self._counters.find_with_now({"_id": project}, session=session)
        first, now = counter["seq"] - len(events) + 1, cut(counter["now"])
        await self._events.insert_many(
            [
                {
                    "project": project,
                    "seq": first + place,
                    "time": now,
                    "kind": event.KIND,
                    "severity": event.severity,
                    "payload": event.model_dump(mode="json"),
                    "expire_time": now + self._retention,
                }
                for place, event in enumerate(events)
            ],
            session=session,
        )

    async def newest_seq(self, project: str) -> int:
        """The seq of the project's newest event; 0 before the first."""
        counter = await self._counters.get({"_id": project})
        return int(counter["seq"]) if counter else 0

    async def newest_seqs(self, projects: Sequence[str]) -> dict[str, int]:
        """The seq of the newest event of each of these projects that has any."""
        counters = await self._counters.find({"_id": {"$in": list(projects)}})
        return {counter["_id"]: int(counter["seq"]) for counter in counters}

    async def watch(self) -> AsyncIterator[Event | None]:
        """Events of all projects as they are committed from now on, in the order of each project's; None at first, and
        now and then while nothing happens. Some may be left out when the database fails over.

        Raises:
            DatabaseUnavailable, WriteRefused: The stream broke; open it again.
        """
        async for document in self._events.inserts():
            yield _event(document) if document is not None else None

    async def between(self, project: str, seq: int, newest: int) -> list[Event]:
        """The project's events after `seq` up to `newest`, in order.

        Raises:
            DomainError: One is past the retention, whether it is deleted yet or not; RESUME_TOKEN_EXPIRED.
        """
        documents = await self._events.aggregate(
            [
                {"$match": {"project": project, "seq": {"$gt": seq, "$lte": newest}}},
                {"$sort": {"seq": 1}},
                {"$addFields": {"now": "$$NOW"}},
            ]
        )
        # The first is the oldest. What is missing without being old would be jumped over: a loss is told all the same.
        if len(documents) < newest - seq or documents[0]["time"] + self._retention <= documents[0]["now"]:
            raise DomainError(
                Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED,
                f"events after the resume token are older than {self._retention.days} days, for which they are kept; "
                "subscribe without one",
            )
        return [_event(document) for document in documents]


def _event(document: Document) -> Event:
    return Event(
        document["project"],
        document["seq"],
        document["time"],
        document["kind"],
        document["severity"],
        document["payload"],
    )
