"""The collection `patterns`: what a pattern is, apart from its numbers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from uptake_service.domain.feedback import StoredFeedback
from uptake_service.domain.grouping import Text
from uptake_service.domain.model import Model
from uptake_service.embedding.embed import normalise_query
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, Filter
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts


class Pattern(Model):
    """A group of queries that ask the same thing.

    Attributes:
        total: Its feedback of the overall score.
        negative: The negative ones of these.
    """

    id: str
    project: str
    representative_query: str
    create_time: datetime
    total: int = 0
    negative: int = 0


@dataclass(frozen=True, slots=True)
class Naming:
    """What a pattern is shown by, and the feedback whose text that is."""

    id: str
    project: str
    representative_query: str
    named_by: str


class PatternStore(Store):
    """{_id, project, representative_query, named_by, embedder, create_time, review_id, renamed?}.

    A pattern's numbers are in its shares (`shares.py`).
    """

    TEXTS = (
        texts("patterns", Holds.DERIVED, "representative_query"),
        # The id is a hash of what its first question said; nobody can read it.
        texts("patterns", Holds.NONE, "_id", "project", "named_by", "embedder", "review_id"),
    )
    INDEXES = (
        Index("patterns", (("project", 1), ("_id", 1))),
        Index("patterns", (("renamed", 1),), where={"renamed": {"$exists": True}}),
        Index("patterns", (("named_by", 1),)),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._patterns = mongo.collection("patterns")

    async def has(self, project: str, id: str) -> bool:
        """Whether a pattern is the project's; of one of another project no more is read than of one that is none."""
        return await self._patterns.get({"project": project, "_id": id}, projection={"_id": 1}) is not None

    async def get_many(self, ids: Sequence[str]) -> list[Pattern]:
        """The patterns that exist of `ids`, without their numbers."""
        return [
            Pattern(
                id=document["_id"],
                project=document["project"],
                representative_query=document["representative_query"],
                create_time=document["create_time"],
            )
            for document in await self._patterns.find({"_id": {"$in": ids}})
        ]

    async def set_review(self, pattern_id: str, review_id: str, session: Session) -> None:
        """Notes the review that the trigger opened for a pattern last."""
        await self._patterns.update({"_id": pattern_id}, {"$set": {"review_id": review_id}}, session=session)

    async def named(self, ids: Sequence[str], by: Sequence[str]) -> list[Naming]:
        """What these patterns are shown by, and those that are shown by this feedback."""
        fields = {"project": 1, "representative_query": 1, "named_by": 1}
        found = await self._patterns.find({"_id": {"$in": list(ids)}}, projection=fields)
        found += await self._patterns.find({"named_by": {"$in": list(by)}}, projection=fields)
        documents = {document["_id"]: document for document in found}.values()
        return [
            Naming(document["_id"], document["project"], document["representative_query"], document.get("named_by", ""))
            for document in documents
        ]

    async def rename(self, naming: Naming, representative: str, named_by: str, number: int, session: Session) -> None:
        """Gives a pattern another representative, which may be empty, unless it has another by now; `follow` tells the
        processes.

        Args:
            naming: What it is shown by.
            representative: The new one.
            named_by: The feedback that says so.
            number: The number of this removal of words.
            session: The transaction.
        """
        change = {"$set": {"representative_query": representative, "named_by": named_by, "renamed": number}}
        condition = {"_id": naming.id, "representative_query": naming.representative_query}
        await self._patterns.update_each([(condition, change)], session=session)

    async def renamed_since(self, number: int) -> list[tuple[str, str, str]]:
        """(id, project, text) of the patterns that were given another representative after a removal of words."""
        fields = {"project": 1, "representative_query": 1}
        renamed = await self._patterns.find({"renamed": {"$gt": number}}, projection=fields)
        return [(document["_id"], document["project"], _spelled(document)) for document in renamed]

    async def begun(self, condition: Filter, session: Session | None) -> dict[str, tuple[str, str]]:
        """By id, the embedder that each pattern began with and the text that it began with, empty without one."""
        fields = {"project": 1, "embedder": 1, "representative_query": 1}
        documents = await self._patterns.find(condition, projection=fields, session=session)
        return {document["_id"]: (document["embedder"], _spelled(document)) for document in documents}

    async def embedders(self, session: Session) -> dict[str, str]:
        """The embedder of every pattern, by id."""
        documents = await self._patterns.find({}, projection={"embedder": 1}, session=session)
        return {document["_id"]: document["embedder"] for document in documents}

    async def reviews(self, session: Session) -> dict[str, str]:
        """By id, the review that was opened last of each pattern that had one."""
        condition = {"review_id": {"$ne": None}}
        documents = await self._patterns.find(condition, projection={"review_id": 1}, session=session)
        return {document["_id"]: document["review_id"] for document in documents}

    async def write(self, started: Sequence[StoredFeedback], session: Session) -> None:
        """Writes new patterns, by the feedback that started each, and names those whose words were all removed."""
        names = {
            feedback.pattern_id: {
                "representative_query": feedback.text or feedback.interaction.id,
                "named_by": feedback.id,
            }
            for feedback in started
        }
        await self._patterns.update_each(
            [
                (
                    {"_id": feedback.pattern_id},
                    {
                        "$setOnInsert": names[feedback.pattern_id]
                        | {
                            "project": feedback.project,
                            "embedder": feedback.embedder,
                            "create_time": feedback.create_time,
                            "review_id": None,
                        }
                    },
                )
                for feedback in started
            ],
            upsert=True,
            session=session,
        )
        await self._patterns.update_each(
            [({"_id": id, "representative_query": ""}, {"$set": name}) for id, name in names.items()], session=session
        )


def pattern_id_of(text: Text) -> str:
    """The id of the pattern that a text starts: the same in every replica that sees the same text first."""
    kind, key = ("text", normalise_query(text.text)) if text.text else ("interaction", text.interaction_id)
    return hashlib.sha256("\0".join((text.project, kind, key)).encode()).hexdigest()[:24]


def _spelled(document: Document) -> str:
    """The text of a pattern; what was started without one is named by its interaction."""
    representative: str = document["representative_query"]
    is_interaction = pattern_id_of(Text(document["project"], "", representative)) == document["_id"]
    return "" if is_interaction else representative
