"""Marks: patterns that the trigger has to judge.

A mark is written in the transaction that makes it due and deleted in the one that judges, so a crash between the two
loses nothing. Each transaction writes marks of its own, which nobody else touches.
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
    def document_id(self) -> str:
        return f"{self.pattern_id}/{self.writer}/{self.revision}"


class Marks:
    """The collection `trigger_marks`:
    {_id, pattern_id, writer, revision, project, feedback_ids, touched, create_time}."""

    def __init__(self, mongo: Mongo) -> None:
        self._marks = mongo.collection("trigger_marks")

    async def open(self) -> None:
        await self._marks.create_index([("create_time", 1)])

    async def add(self, marks: list[Mark], now: datetime, session: Session) -> None:
        await self._marks.insert_many(
            [
                {
                    "_id": mark.document_id,
                    "project": mark.project,
                    "pattern_id": mark.pattern_id,
                    "writer": mark.writer,
                    "revision": mark.revision,
                    "feedback_ids": list(mark.feedback_ids),
                    "touched": mark.touched,
                    "create_time": now,
                }
                for mark in marks
            ],
            session=session,
        )

    async def clear(self, marks: Sequence[Mark], session: Session) -> int:
        """Deletes marks; tells how many were still there."""
        return await self._marks.delete_each([{"_id": mark.document_id} for mark in marks], session=session)

    async def left(self, age: timedelta, limit: int) -> list[Mark]:
        """Of the oldest `limit` marks those older than `age`, oldest first."""
        documents = await self._marks.aggregate(
            [{"$sort": {"create_time": 1}}, {"$limit": limit}, {"$addFields": {"now": "$$NOW"}}]
        )
        return [_mark(document) for document in documents if document["create_time"] + age < document["now"]]

    async def oldest_age(self) -> timedelta:
        """How long the oldest mark waits; zero if none does."""
        documents = await self._marks.aggregate(
            [{"$sort": {"create_time": 1}}, {"$limit": 1}, {"$addFields": {"now": "$$NOW"}}]
        )
        return max((document["now"] - document["create_time"] for document in documents), default=timedelta())

    async def everything(self, session: Session) -> list[Mark]:
        return [_mark(document) for document in await self._marks.find({}, session=session)]


def _mark(document: Document) -> Mark:
    return Mark(
        project=document["project"],
        pattern_id=document["pattern_id"],
        writer=document["writer"],
        revision=document["revision"],
        feedback_ids=tuple(document["feedback_ids"]),
        touched=document["touched"],
    )
