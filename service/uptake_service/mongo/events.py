"""The event log: what happened in a project, in the order in which it was committed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from uptake_service.clock import Clock
from uptake_service.mongo.client import Document, Mongo, Session


@dataclass(frozen=True)
class Event:
    """One event. `payload` holds ids, states, revisions and numbers, never users' words."""

    project: str
    seq: int
    time: datetime
    kind: str
    severity: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class NewEvent:
    """An event that has no place in the log yet."""

    kind: str
    severity: str
    payload: dict[str, Any]


class EventLog:
    """The collections `events` ({project, seq, time, kind, severity, payload, expire_time}) and `counters`."""

    def __init__(self, mongo: Mongo, clock: Clock, retention_days: int) -> None:
        self._events = mongo.collection("events")
        self._counters = mongo.collection("counters")
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    async def open(self) -> None:
        await self._events.create_index([("project", 1), ("seq", 1)], unique=True)
        await self._events.create_index([("expire_time", 1)], expire_after_seconds=0)

    async def append(self, project: str, events: list[NewEvent], session: Session) -> None:
        """Appends events in the transaction that makes them true. Call it last.

        The counter's document stays locked from here to the commit, so that seq order is commit order; whatever came
        after would make others wait.
        """
        if not events:
            return
        await self._counters.update_each(
            [({"_id": project}, {"$inc": {"seq": len(events)}})], upsert=True, session=session
        )
        counter = await self._counters.get({"_id": project}, session=session)
        assert counter is not None  # noqa: S101
        first = counter["seq"] - len(events) + 1
        now = self._clock.now()
        await self._events.insert_many(
            [
                {
                    "project": project,
                    "seq": first + place,
                    "time": now,
                    "kind": event.kind,
                    "severity": event.severity,
                    "payload": event.payload,
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

    async def after(self, project: str, seq: int, limit: int) -> list[Event]:
        """The project's events after `seq`, in order, at most `limit`."""
        documents = await self._events.find(
            {"project": project, "seq": {"$gt": seq, "$lte": seq + limit}}, sort=[("seq", 1)]
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
