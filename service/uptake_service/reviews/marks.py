"""Marks: patterns that the trigger has to judge.

A batch's marks are one document, written in the transaction that makes them due and deleted in the one that judges
them, so a crash between the two loses nothing, and nobody judges a part of them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from uptake_service.model import Model
from uptake_service.mongo.client import Document, Mongo, Session


class Mark(Model):
    """One batch's due judgement of one pattern.

    Attributes:
        writer: The writer slot of the batch.
        revision: The slot's revision of the batch.
        feedback_ids: The feedback to judge at, oldest first; none judges the pattern as it stands.
        touched: How much feedback of the pattern the batch touched.
    """

    project: str
    pattern_id: str
    writer: int
    revision: int
    feedback_ids: tuple[str, ...]
    touched: int

    @property
    def name(self) -> str:
        """What people are told of it by."""
        return f"{self.pattern_id}/{self.writer}/{self.revision}"


class Marks:
    """The collection `trigger_marks`: {_id: "writer/revision", writer, revision, create_time, patterns: [{project,
    pattern_id, feedback_ids, touched}]}."""

    def __init__(self, mongo: Mongo) -> None:
        self._marks = mongo.collection("trigger_marks")

    async def open(self) -> None:
        await self._marks.create_index([("create_time", 1)])

    async def add(self, marks: Sequence[Mark], now: datetime, session: Session) -> None:
        """Adds all marks of a batch; there may be none."""
        if not marks:
            return
        await self._marks.insert(
            {
                "_id": _id(marks),
                "writer": marks[0].writer,
                "revision": marks[0].revision,
                "create_time": now,
                "patterns": [mark.model_dump(exclude={"writer", "revision"}) for mark in marks],
            },
            session=session,
        )

    async def clear(self, marks: Sequence[Mark], session: Session) -> bool:
        """Deletes all marks of a batch; tells whether they were still there."""
        return await self._marks.delete_each([{"_id": _id(marks)}], session=session) == 1

    async def left(self, age: timedelta, limit: int) -> list[list[Mark]]:
        """The marks of the oldest `limit` batches, of those older than `age`, oldest first."""
        documents = await self._marks.aggregate(
            [{"$sort": {"create_time": 1}}, {"$limit": limit}, {"$addFields": {"now": "$$NOW"}}]
        )
        return [_marks(document) for document in documents if document["create_time"] + age < document["now"]]

    async def oldest_age(self) -> timedelta:
        """How long the oldest mark waits; zero if none does."""
        documents = await self._marks.aggregate(
            [{"$sort": {"create_time": 1}}, {"$limit": 1}, {"$addFields": {"now": "$$NOW"}}]
        )
        return max((document["now"] - document["create_time"] for document in documents), default=timedelta())

    async def everything(self, session: Session) -> list[Mark]:
        return [mark for document in await self._marks.find({}, session=session) for mark in _marks(document)]


def _id(marks: Sequence[Mark]) -> str:
    return f"{marks[0].writer}/{marks[0].revision}"


def _marks(document: Document) -> list[Mark]:
    return [
        Mark(writer=document["writer"], revision=document["revision"], **pattern) for pattern in document["patterns"]
    ]
