"""Marks: patterns that the trigger has to judge.

A batch's marks are one document, written in the transaction that makes them due and deleted in the one that judges
them, so a crash between the two loses nothing, and nobody judges a part of them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from uptake_service.domain.clock import lasts
from uptake_service.domain.model import Model
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import after as after_last
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction


class OutboxEntry(Model):
    """One batch's due judgement of one pattern.

    Attributes:
        writer: The writer slot of the batch.
        revision: The slot's revision of the batch.
        feedback_ids: The feedback to judge at, oldest first; none judges the pattern as it stands.
        touched: How much feedback of the pattern the batch touched.
        changed: Whether feedback that was there before changed, left the pattern or was taken back.
        part: Its number in the batch, once that was split; empty while it is judged with the others.
    """

    project: str
    pattern_id: str
    writer: int
    revision: int
    feedback_ids: tuple[str, ...]
    touched: int
    changed: bool = True
    part: str = ""

    @property
    def name(self) -> str:
        """What people are told of it by."""
        return f"{self.pattern_id}/{self.writer}/{self.revision}"


class PendingEntries(NamedTuple):
    """A batch's marks that may have been left behind: their id, the project of the first, and whether they are due."""

    id: str
    project: str
    create_time: datetime
    due: bool


class TriggerOutbox(Store):
    """The collection `trigger_marks`: {_id: "writer/revision", writer, revision, create_time, patterns: [{project,
    pattern_id, feedback_ids, touched}]}; of a batch that was split one for each pattern: {_id: "writer/revision/part",
    part, ...}."""

    TEXTS = (
        texts("trigger_marks", Holds.NONE, "_id", "patterns.project", "patterns.pattern_id", "patterns.feedback_ids"),
    )
    INDEXES = (Index("trigger_marks", (("create_time", 1), ("_id", 1))),)

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._marks = mongo.collection("trigger_marks")

    async def add(self, marks: Sequence[OutboxEntry], now: datetime, session: Session) -> None:
        """Adds all marks of a batch; there may be none."""
        if not marks:
            return
        await self._marks.insert(
            {
                "_id": _id(marks),
                "writer": marks[0].writer,
                "revision": marks[0].revision,
                "create_time": now,
                "patterns": [mark.model_dump(exclude={"writer", "revision", "part"}) for mark in marks],
            },
            session=session,
        )

    async def clear(self, marks: Sequence[OutboxEntry], session: Session) -> bool:
        """Deletes all marks of a batch; tells whether they were still there."""
        return await self._marks.delete_each([{"_id": _id(marks)}], session=session) == 1

    async def left(self, age: timedelta, after: tuple[datetime, str] | None, limit: int) -> list[PendingEntries]:
        """The batches whose marks are older than `age`, oldest first, from the first after a time and id, at most
        `limit`.

        What was marked while the database's clock was ahead is old.
        """
        sort = [("create_time", 1), ("_id", 1)]
        documents = await self._marks.aggregate(
            [
                {"$match": after_last(sort, after) if after else {}},
                {"$sort": dict(sort)},
                {"$limit": limit},
                {"$project": {"create_time": 1, "patterns.project": 1, "now": "$$NOW"}},
            ]
        )
        return [
            PendingEntries(
                document["_id"],
                document["patterns"][0]["project"],
                document["create_time"],
                not lasts(document["create_time"] + age, age, document["now"]),
            )
            for document in documents
        ]

    async def of(self, id: str) -> list[OutboxEntry]:
        """The marks of a batch; none, if they are judged."""
        document = await self._marks.get({"_id": id})
        return _marks(document) if document else []

    async def split(self, marks: Sequence[OutboxEntry]) -> None:
        """Parts a batch's marks, so that each is judged by itself; nothing, if they are judged meanwhile."""

        async def body(session: Session) -> None:
            document = await self._marks.get({"_id": _id(marks)}, session=session)
            if document is None or not await self.clear(marks, session):
                return
            await self._marks.insert_many(
                [
                    document | {"_id": f"{document['_id']}/{part}", "part": str(part), "patterns": [pattern]}
                    for part, pattern in enumerate(document["patterns"])
                ],
                session=session,
            )

        await transaction(self._mongo, body)

    async def oldest_age(self) -> timedelta:
        """How long the oldest mark waits; zero if none does."""
        documents = await self._marks.aggregate(
            [{"$sort": {"create_time": 1}}, {"$limit": 1}, {"$addFields": {"now": "$$NOW"}}]
        )
        ages = [document["now"] - document["create_time"] for document in documents]
        return max(timedelta(), *ages) if ages else timedelta()

    async def scan(self, session: Session) -> list[OutboxEntry]:
        return [mark for document in await self._marks.find({}, session=session) for mark in _marks(document)]


def _id(marks: Sequence[OutboxEntry]) -> str:
    name, part = f"{marks[0].writer}/{marks[0].revision}", marks[0].part
    return f"{name}/{part}" if part else name


def _marks(document: Document) -> list[OutboxEntry]:
    return [
        OutboxEntry(writer=document["writer"], revision=document["revision"], part=document.get("part", ""), **pattern)
        for pattern in document["patterns"]
    ]
