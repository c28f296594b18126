"""The audit log, in the collection `audit`: {_id, project, time, key_id, actor, peer, method, resource_id, changes}.

The service only ever adds to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from uptake_service.audit.changes import FieldChange
from uptake_service.auth.caller import Caller, caller
from uptake_service.clock import Clock
from uptake_service.ids import new_id
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.paging import after

_NEWEST_FIRST = [("time", -1), ("_id", -1)]
EVERY_PROJECT = ""
"""The project of what concerns all of them."""


@dataclass(frozen=True)
class AuditEvent:
    """One change by a person or key."""

    id: str
    time: datetime
    key_id: str
    actor: str
    peer: str
    method: str
    resource_id: str
    changes: tuple[FieldChange, ...]


class AuditLog:
    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._events = mongo.collection("audit")
        self._clock = clock

    async def open(self) -> None:
        await self._events.create_index([("project", 1), *_NEWEST_FIRST])

    async def add(
        self,
        project: str,
        resource_id: str,
        changes: Sequence[FieldChange],
        session: Session | None,
        *,
        actor: str = "",
        by: Caller | None = None,
    ) -> None:
        """Adds a line, in the transaction that makes the change; none for what the service does by itself.

        Args:
            project: The project, or EVERY_PROJECT.
            resource_id: What changed.
            changes: How.
            session: The transaction.
            actor: The reviewer that the request names.
            by: Who calls; the call that is being answered without.
        """
        by = by or caller()
        if not by.method:
            return
        await self._events.insert(
            {
                "_id": new_id(),
                "project": project,
                "time": self._clock.now(),
                "key_id": by.key_id,
                "actor": actor,
                "peer": by.peer,
                "method": by.method,
                "resource_id": resource_id,
                "changes": [change._asdict() for change in changes],
            },
            session=session,
        )

    async def page(
        self, project: str, start: datetime | None, end: datetime | None, last: Sequence[Any] | None, limit: int
    ) -> list[AuditEvent]:
        """What changed in a project and in all of them, newest first, from the first after `last` (time, id)."""
        most = end - timedelta(milliseconds=1) if end else None
        rest: Document = {}
        if last is not None:
            most = min(most, last[0]) if most else last[0]
            rest = after(_NEWEST_FIRST, last)
        found: list[AuditEvent] = []
        for one in (project, EVERY_PROJECT):
            documents = await self._events.find_newest(
                {"project": one}, "time", rest=rest, least=start, most=most, near=self._clock.now(), limit=limit
            )
            found += [_event(document) for document in documents]
        return sorted(found, key=lambda event: (event.time, event.id), reverse=True)[:limit]


def _event(document: Document) -> AuditEvent:
    return AuditEvent(
        id=document["_id"],
        time=document["time"],
        key_id=document["key_id"],
        actor=document["actor"],
        peer=document["peer"],
        method=document["method"],
        resource_id=document["resource_id"],
        changes=tuple(FieldChange(**change) for change in document["changes"]),
    )
