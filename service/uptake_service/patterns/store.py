"""Patterns: which feedback belongs together, in memory for speed and in MongoDB for keeps.

Two collections. `patterns` holds what a pattern is: {_id, project, representative_query, embedder, create_time,
review_id}. `pattern_shares` holds what one writer put into it: {_id, pattern, writer, project, total, negative,
vector_sum, revision}; a pattern's numbers are the sum of its shares, so that replicas never contend for them. The
index in memory changes only after a commit, and follows other writers by their revisions.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from uptake_service.feedback.model import FeedbackState, Sentiment, StoredFeedback
from uptake_service.model import Model
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.patterns.embed import Embedder, normalise_query, quantise
from uptake_service.patterns.index import JOIN_THRESHOLD, PatternIndex

_INLINE_TEXTS = 4
"""As many short texts are embedded in less time than a thread is called."""
_INLINE_CHARACTERS = 2_000


class Pattern(Model):
    """A group of queries that ask the same thing."""

    id: str
    project: str
    representative_query: str
    create_time: datetime
    total: int
    negative: int


@dataclass(frozen=True, slots=True)
class Text:
    """What to find a pattern for."""

    project: str
    text: str
    interaction_id: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The pattern that a text belongs to. `vector` is empty where there is no text."""

    pattern_id: str
    vector: bytes
    starts: bool


@dataclass
class Share:
    """What one writer put into one pattern."""

    project: str
    total: int
    negative: int
    vector_sum: NDArray[np.int32]


@dataclass
class ShareChange:
    """What a batch changes of a share."""

    project: str
    vector_sum: NDArray[np.int32]
    total: int = 0
    negative: int = 0

    def count(self, feedback: StoredFeedback, sign: int) -> None:
        """Puts in (+1) or takes out (-1) one piece of feedback; what is not active has no share."""
        if feedback.state is not FeedbackState.ACTIVE:
            return
        self.total += sign
        if feedback.sentiment is Sentiment.NEGATIVE:
            self.negative += sign
        if feedback.vector:
            self.vector_sum += sign * np.frombuffer(feedback.vector, dtype=np.int8)

    def applied_to(self, share: Share | None) -> Share:
        """The share with this change; None is a writer that put nothing in before."""
        if share is None:
            return Share(self.project, self.total, self.negative, self.vector_sum.copy())
        return Share(
            self.project,
            share.total + self.total,
            share.negative + self.negative,
            share.vector_sum + self.vector_sum,
        )

    @property
    def empty(self) -> bool:
        return not (self.total or self.negative or self.vector_sum.any())


@dataclass
class _Writer:
    """What is known of one writer's shares, up to a revision of its slot."""

    revision: int = 0
    shares: dict[str, Share] = field(default_factory=dict)


class Patterns:
    """All patterns of all projects. Safe to use from several coroutines."""

    def __init__(self, mongo: Mongo, embedder: Embedder, threshold: float | None) -> None:
        self._patterns = mongo.collection("patterns")
        self._shares = mongo.collection("pattern_shares")
        self._writers_collection = mongo.collection("writers")
        self._embedder = embedder
        self._threshold = JOIN_THRESHOLD if threshold is None else threshold
        self._writers: defaultdict[int, _Writer] = defaultdict(_Writer)
        self._indexes: dict[str, PatternIndex] = {}
        # The index is read in threads; whoever changes it must wait for them.
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Makes the indexes and reads every share."""
        await self._patterns.create_index([("project", 1)])
        await self._shares.create_index([("writer", 1), ("revision", 1)])
        await self._shares.create_index([("pattern", 1)])
        await self.refresh()

    def no_change(self, project: str) -> ShareChange:
        return ShareChange(project, np.zeros(self._embedder.dimension, dtype=np.int32))

    async def assign(self, texts: Sequence[Text]) -> list[Assignment]:
        """Finds or names the pattern of each text, in order; earlier ones can start what later ones join."""
        async with self._lock:
            if len(texts) <= _INLINE_TEXTS and sum(len(text.text) for text in texts) <= _INLINE_CHARACTERS:
                return self._assign(texts)
            return await asyncio.to_thread(self._assign, texts)

    async def nearest(self, project: str, text: str, limit: int) -> tuple[bytes, list[str]]:
        """The vector of a text and the ids of the patterns most like it, best first."""
        async with self._lock:
            return await asyncio.to_thread(self._nearest, project, text, limit)

    async def nearest_to_vector(self, project: str, vector: bytes, limit: int) -> list[str]:
        """The ids of the patterns most like a stored vector, best first."""
        async with self._lock:
            index = self._index(project)
            quantised = np.frombuffer(vector, dtype=np.int8)
            return [id for id, _ in await asyncio.to_thread(index.nearest, quantised, limit)]

    async def get_many(self, ids: Iterable[str]) -> dict[str, Pattern]:
        """The patterns that exist of `ids`, with their numbers as committed."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        documents = await self._patterns.find({"_id": {"$in": wanted}})
        totals = await self.totals(wanted)
        return {
            document["_id"]: Pattern(
                id=document["_id"],
                project=document["project"],
                representative_query=document["representative_query"],
                create_time=document["create_time"],
                total=totals[document["_id"]][0],
                negative=totals[document["_id"]][1],
            )
            for document in documents
        }

    async def totals(self, ids: Sequence[str], *, session: Session | None = None) -> defaultdict[str, tuple[int, int]]:
        """How much feedback each pattern has and how much of it is negative, as committed; (0, 0) if none."""
        shares = await self._shares.find(
            {"pattern": {"$in": list(ids)}}, projection={"pattern": 1, "total": 1, "negative": 1}, session=session
        )
        totals: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for share in shares:
            total, negative = totals[share["pattern"]]
            totals[share["pattern"]] = total + share["total"], negative + share["negative"]
        return totals

    def known_total(self, pattern_id: str) -> int:
        """How much feedback a pattern has, as far as this process knows."""
        return sum(writer.shares[pattern_id].total for writer in self._writers.values() if pattern_id in writer.shares)

    async def set_review(self, pattern_id: str, review_id: str, session: Session) -> None:
        """Notes the review that the trigger opened for a pattern last."""
        await self._patterns.update({"_id": pattern_id}, {"$set": {"review_id": review_id}}, session=session)

    async def write(
        self,
        started: Sequence[StoredFeedback],
        changes: dict[str, ShareChange],
        writer: int,
        revision: int,
        session: Session,
    ) -> None:
        """Writes new patterns, by the feedback that started each, and this writer's changed shares."""
        await self._patterns.update_each(
            [
                (
                    {"_id": feedback.pattern_id},
                    {
                        "$setOnInsert": {
                            "project": feedback.project,
                            "representative_query": feedback.text or feedback.interaction.id,
                            "embedder": self._embedder.name,
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
        own = self._writers[writer].shares
        updates: list[tuple[Document, Document]] = []
        for pattern_id, change in changes.items():
            share = change.applied_to(own.get(pattern_id))
            updates.append(
                (
                    {"_id": f"{pattern_id}/{writer}"},
                    {
                        "$set": {
                            "pattern": pattern_id,
                            "writer": writer,
                            "project": share.project,
                            "total": share.total,
                            "negative": share.negative,
                            "vector_sum": share.vector_sum.astype("<i4").tobytes(),
                            "revision": revision,
                        }
                    },
                )
            )
        await self._shares.update_each(updates, upsert=True, session=session)

    async def committed(self, changes: dict[str, ShareChange], writer: int, revision: int) -> None:
        """Brings the index up to what this process has just committed under `revision`."""
        async with self._lock:
            known = self._writers[writer]
            for pattern_id, change in changes.items():
                known.shares[pattern_id] = change.applied_to(known.shares.get(pattern_id))
                self._put(pattern_id, change.project)
            known.revision = revision

    async def refresh(self, *, own: int | None = None) -> None:
        """Reads what other writers committed since the last time.

        A writer's commits are numbered one by one under its slot, so none can hide behind a later one.

        Args:
            own: This process's own slot, which `committed` keeps up to date; None reads all.
        """
        for slot in await self._writers_collection.find({}, projection={"revision": 1}):
            if slot["_id"] != own and slot["revision"] > self._writers[slot["_id"]].revision:
                await self._read_writer(slot["_id"], slot["revision"])

    async def reread(self, writer: int) -> None:
        """Reads all of one writer's shares anew: a slot that was taken over, or a commit of unknown outcome."""
        slot = await self._writers_collection.get({"_id": writer})
        async with self._lock:
            self._writers[writer].revision = 0
        if slot is not None:
            await self._read_writer(writer, slot["revision"])

    async def _read_writer(self, writer: int, revision: int) -> None:
        known = self._writers[writer]
        documents = await self._shares.find({"writer": writer, "revision": {"$gt": known.revision}})
        async with self._lock:
            for document in documents:
                pattern_id = document["pattern"]
                known.shares[pattern_id] = Share(
                    document["project"],
                    document["total"],
                    document["negative"],
                    np.frombuffer(document["vector_sum"], dtype="<i4").astype(np.int32),
                )
                self._put(pattern_id, document["project"])
            # Not the newest revision seen: of a commit that came in between only a part may have been read.
            known.revision = revision

    def _index(self, project: str) -> PatternIndex:
        index = self._indexes.get(project)
        if index is None:
            index = self._indexes[project] = PatternIndex(self._embedder.dimension, threshold=self._threshold)
        return index

    def _put(self, pattern_id: str, project: str) -> None:
        shares = [writer.shares[pattern_id] for writer in self._writers.values() if pattern_id in writer.shares]
        vector_sum = (
            shares[0].vector_sum
            if len(shares) == 1
            else sum((share.vector_sum for share in shares), np.zeros(self._embedder.dimension, dtype=np.int32))
        )
        self._index(project).put(pattern_id, vector_sum, sum(share.total for share in shares))

    def _assign(self, texts: Sequence[Text]) -> list[Assignment]:
        vectors = quantise(self._embedder.embed([text.text for text in texts]))
        new_ids = [pattern_id_of(text) for text in texts]
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for row, text in enumerate(texts):
            rows_of[text.project].append(row)
        joined: dict[int, str] = {}
        for project, rows in rows_of.items():
            ids = self._index(project).assign(vectors[rows], [new_ids[row] for row in rows])
            joined.update(zip(rows, ids, strict=True))
        return [
            Assignment(
                joined[row],
                vectors[row].tobytes() if text.text else b"",
                joined[row] not in self._index(text.project),
            )
            for row, text in enumerate(texts)
        ]

    def _nearest(self, project: str, text: str, limit: int) -> tuple[bytes, list[str]]:
        vector = quantise(self._embedder.embed([text]))[0]
        return vector.tobytes(), [id for id, _ in self._index(project).nearest(vector, limit)]


def pattern_id_of(text: Text) -> str:
    """The id of the pattern that a text starts: the same in every replica that sees the same text first."""
    kind, key = ("text", normalise_query(text.text)) if text.text else ("interaction", text.interaction_id)
    return hashlib.sha256("\0".join((text.project, kind, key)).encode()).hexdigest()[:24]


def similarities(vector: bytes, others: Sequence[bytes]) -> list[float]:
    """Cosines, -1 to 1, of a stored vector with others; 0 where one of the two is empty or all zero."""
    if not others:
        return []
    size = len(vector)
    rows = np.zeros((len(others), size), dtype=np.float64)
    for row, other in enumerate(others):
        if len(other) == size and size:
            rows[row] = np.frombuffer(other, dtype=np.int8)
    one = np.frombuffer(vector, dtype=np.int8).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    dots = rows @ one if size else np.zeros(len(others))
    return [
        float(np.clip(value, -1.0, 1.0))
        for value in np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    ]


async def changed_since(mongo: Mongo, revisions: Mapping[int, int], session: Session | None = None) -> set[str]:
    """The patterns of which feedback was written after these revisions of the writers' slots."""
    changed: set[str] = set()
    for slot in await mongo.collection("writers").find({}, projection={"revision": 1}, session=session):
        known = revisions.get(slot["_id"], 0)
        if slot["revision"] > known:
            shares = await mongo.collection("pattern_shares").find(
                {"writer": slot["_id"], "revision": {"$gt": known}}, projection={"pattern": 1}, session=session
            )
            changed.update(share["pattern"] for share in shares)
    return changed
