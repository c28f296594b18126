"""The audit log, in the collection `audit`: {_id, project, time, key_id, actor, peer, method, resource_id, changes}.

The service only ever adds to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from uptake_service.audit.changes import FieldChange
from uptake_service.domain.caller import Caller, caller
from uptake_service.domain.clock import Clock
from uptake_service.domain.ids import new_id
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, since
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import Listing, read_keys, read_whole, within
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts

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


class AuditLog(Store):
    TEXTS = (
        # Of words a change tells that they changed, and no more.
        texts("audit", Holds.NONE, "_id", "project", "key_id", "actor", "peer", "method", "resource_id", "changes.*"),
    )
    INDEXES = (Index("audit", (("project", 1), *_NEWEST_FIRST)),)

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._events = mongo.collection("audit")
        self._clock = clock

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
    ) -> tuple[list[AuditEvent], list[Any] | None]:
        """What changed in a project and in all of them, newest first, from the first after `last`; and the sort values
        to go on after, None at the end."""
        bounds = (since(start) if start else {}) | ({"$lt": end} if end else {})
        rows: list[Document] = []
        ends: list[list[Any]] = []
        for one in (project, EVERY_PROJECT):
            listing = Listing({"project": one}, _NEWEST_FIRST, bounds)
            found, place = await read_keys(self._events, listing, last, limit)
            rows += found
            ends += [place] if place is not None else []
        rows.sort(key=listing.values, reverse=True)
        # Where the one list was cut, what the other has from before is not next.
        kept = within([row for row in rows if not ends or listing.values(row) >= max(ends)][:limit])
        more = bool(ends) or len(kept) < len(rows)
        documents = await read_whole(self._events, kept)
        return [_event(document) for document in documents], listing.values(kept[-1]) if more else None


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
