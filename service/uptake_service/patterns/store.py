"""Patterns: which feedback belongs together, in memory for speed and in MongoDB for keeps.

Two collections. `patterns` holds what a pattern is: {_id, project, representative_query, embedder, create_time,
review_id}. `pattern_shares` holds what one writer put into it: {_id, pattern, writer, project, total, negative,
vector_sum, revision}; a pattern's numbers are the sum of its shares and of what the journal holds of them, so that
replicas never contend for them. The index in memory changes only after a commit, and follows other writers by their
revisions.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from uptake_service.feedback.model import FeedbackState, Sentiment, StoredFeedback
from uptake_service.model import Model
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.journal import Journal
from uptake_service.mongo.leases import Writers
from uptake_service.mongo.transactions import snapshot
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

    def document(self, pattern_id: str) -> Document:
        """The change as the journal holds it."""
        return {
            "pattern": pattern_id,
            "project": self.project,
            "total": self.total,
            "negative": self.negative,
            "vector_sum": _packed(self.vector_sum),
        }

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
        self._mongo = mongo
        self._slots = Writers(mongo)
        self._journal = Journal(mongo)
        self._embedder = embedder
        self._threshold = JOIN_THRESHOLD if threshold is None else threshold
        self._writers: defaultdict[int, _Writer] = defaultdict(_Writer)
        self._own: int | None = None
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

    async def vectors(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """The vectors of texts, shape (len(texts), dimension), as `assign` takes them."""
        if len(texts) <= _INLINE_TEXTS and sum(map(len, texts)) <= _INLINE_CHARACTERS:
            return quantise(self._embedder.embed(texts))
        return await asyncio.to_thread(lambda: quantise(self._embedder.embed(texts)))

    async def assign(self, texts: Sequence[Text], vectors: NDArray[np.int8]) -> list[Assignment]:
        """Finds or names the pattern of each text, in order; earlier ones can start what later ones join."""
        async with self._lock:
            if len(texts) <= _INLINE_TEXTS:
                return self._assign(texts, vectors)
            return await asyncio.to_thread(self._assign, texts, vectors)

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
        documents, _ = await asyncio.gather(self._patterns.find({"_id": {"$in": wanted}}), self.refresh())
        return {
            document["_id"]: Pattern(
                id=document["_id"],
                project=document["project"],
                representative_query=document["representative_query"],
                create_time=document["create_time"],
                total=sum(share.total for share in self._known_shares(document["_id"])),
                negative=sum(share.negative for share in self._known_shares(document["_id"])),
            )
            for document in documents
        }

    async def totals(self, ids: Sequence[str], session: Session) -> Counter[str]:
        """How much feedback each pattern has, as committed."""
        shares = await self._shares.find(
            {"pattern": {"$in": list(ids)}}, projection={"pattern": 1, "total": 1}, session=session
        )
        totals: Counter[str] = Counter()
        for share in (*shares, *await self._journal.shares(session)):
            totals[share["pattern"]] += share["total"]
        return totals

    def known_total(self, pattern_id: str) -> int:
        """How much feedback a pattern has, as far as this process knows."""
        return sum(share.total for share in self._known_shares(pattern_id))

    def _known_shares(self, pattern_id: str) -> list[Share]:
        return [writer.shares[pattern_id] for writer in self._writers.values() if pattern_id in writer.shares]

    async def set_review(self, pattern_id: str, review_id: str, session: Session) -> None:
        """Notes the review that the trigger opened for a pattern last."""
        await self._patterns.update({"_id": pattern_id}, {"$set": {"review_id": review_id}}, session=session)

    async def is_named_by(self, pattern_id: str, feedback_ids: Collection[str], texts: Collection[str]) -> bool:
        """Whether a pattern's representative is of this feedback, or says the same as one of these texts."""
        pattern = await self._patterns.get({"_id": pattern_id})
        return pattern is not None and (
            pattern.get("named_by") in feedback_ids or pattern["representative_query"] in texts
        )

    async def rename(self, pattern_id: str, representative: str) -> None:
        """Gives a pattern another representative, which may be empty."""
        change = {"$set": {"representative_query": representative, "named_by": ""}}
        await self._patterns.update({"_id": pattern_id}, change)

    async def write(self, started: Sequence[StoredFeedback], session: Session) -> None:
        """Writes new patterns, by the feedback that started each."""
        await self._patterns.update_each(
            [
                (
                    {"_id": feedback.pattern_id},
                    {
                        "$setOnInsert": {
                            "project": feedback.project,
                            "representative_query": feedback.text or feedback.interaction.id,
                            "named_by": feedback.id,
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

    async def shares_of(self, writer: int, ids: Collection[str]) -> tuple[int, dict[str, Share]]:
        """A writer's shares of these patterns, and the revision of its slot up to which they hold its commits."""
        async with self._lock:
            known = self._writers[writer]
            return known.revision, {id: known.shares[id] for id in ids if id in known.shares}

    async def write_shares(
        self, shares: Mapping[str, Share], revision_of: Mapping[str, int], writer: int, session: Session
    ) -> None:
        """Writes a writer's shares of patterns as they are at a revision of its slot, in place of what is there.

        Args:
            shares: The shares, by pattern.
            revision_of: For each pattern the last revision that changed its share.
            writer: The slot.
            session: The transaction.
        """
        await self._shares.update_each(
            [
                (
                    {"_id": f"{pattern_id}/{writer}"},
                    {
                        "$set": {
                            "pattern": pattern_id,
                            "writer": writer,
                            "project": share.project,
                            "total": share.total,
                            "negative": share.negative,
                            "vector_sum": _packed(share.vector_sum),
                            "revision": revision_of[pattern_id],
                        }
                    },
                )
                for pattern_id, share in shares.items()
            ],
            upsert=True,
            session=session,
        )

    async def committed(self, changes: dict[str, ShareChange], writer: int, revision: int) -> None:
        """Brings the index up to what this process has just committed under `revision`."""
        async with self._lock:
            known = self._writers[writer]
            for pattern_id, change in changes.items():
                known.shares[pattern_id] = change.applied_to(known.shares.get(pattern_id))
                self._put(pattern_id, change.project)
            known.revision = revision

    async def refresh(self) -> None:
        """Reads what other writers committed since the last time.

        A writer's commits are numbered one by one under its slot, so none can hide behind a later one.
        """
        if any(self._is_news(slot) for slot in (await self._slots.revisions()).items()):
            async with snapshot(self._mongo) as session:
                for slot in (await self._slots.revisions(session)).items():
                    if self._is_news(slot):
                        await self._read_writer(*slot, self._writers[slot[0]].revision, session)

    async def reread(self, writer: int) -> None:
        """Reads all of one writer's shares anew: of the slot that this process has just taken, or taken again after a
        commit of unknown outcome. From then on `committed` keeps them up to date."""
        self._own = writer
        async with snapshot(self._mongo) as session:
            revisions = await self._slots.revisions(session)
            await self._read_writer(writer, revisions[writer], 0, session)

    def _is_news(self, slot: tuple[int, int]) -> bool:
        writer, revision = slot
        return writer != self._own and revision > self._writers[writer].revision

    async def _read_writer(self, writer: int, revision: int, after: int, session: Session) -> None:
        documents = await self._shares.find({"writer": writer, "revision": {"$gt": after}}, session=session)
        commits = await self._journal.of_writer(writer, after, revision, "shares", session=session)
        async with self._lock:
            known = self._writers[writer]
            if after == 0:
                known.shares = {}
            elif known.revision != after:
                return  # Another read of the same was quicker.
            for document in documents:
                known.shares[document["pattern"]] = Share(
                    document["project"], document["total"], document["negative"], _unpacked(document["vector_sum"])
                )
            # A share holds what was folded into it; what the journal still has of its pattern came later.
            changes = [change for commit in commits for change in commit["shares"]]
            for document in changes:
                change = ShareChange(
                    document["project"], _unpacked(document["vector_sum"]), document["total"], document["negative"]
                )
                known.shares[document["pattern"]] = change.applied_to(known.shares.get(document["pattern"]))
            for document in (*documents, *changes):
                self._put(document["pattern"], document["project"])
            known.revision = revision

    def _index(self, project: str) -> PatternIndex:
        index = self._indexes.get(project)
        if index is None:
            index = self._indexes[project] = PatternIndex(self._embedder.dimension, threshold=self._threshold)
        return index

    def _put(self, pattern_id: str, project: str) -> None:
        shares = self._known_shares(pattern_id)
        vector_sum = (
            shares[0].vector_sum
            if len(shares) == 1
            else sum((share.vector_sum for share in shares), np.zeros(self._embedder.dimension, dtype=np.int32))
        )
        self._index(project).put(pattern_id, vector_sum, sum(share.total for share in shares))

    def _assign(self, texts: Sequence[Text], vectors: NDArray[np.int8]) -> list[Assignment]:
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


async def folded_since(mongo: Mongo, writer: int, revision: int, session: Session | None) -> set[str]:
    """The patterns whose shares a slot's commits after `revision` changed, of those that are folded in."""
    shares = await mongo.collection("pattern_shares").find(
        {"writer": writer, "revision": {"$gt": revision}}, projection={"pattern": 1}, session=session
    )
    return {share["pattern"] for share in shares}


async def changed_since(mongo: Mongo, revisions: Mapping[int, int], session: Session | None = None) -> set[str]:
    """The patterns of which feedback was written after these revisions of the writers' slots."""
    changed: set[str] = set()
    for writer, revision in (await Writers(mongo).revisions(session)).items():
        known = revisions.get(writer, 0)
        if revision > known:
            # In this order: what is folded between the two is then found as a share.
            changed |= await Journal(mongo).patterns_since(writer, known, session)
            changed |= await folded_since(mongo, writer, known, session)
    return changed


def _packed(vector_sum: NDArray[np.int32]) -> bytes:
    return vector_sum.astype("<i4").tobytes()


def _unpacked(stored: bytes) -> NDArray[np.int32]:
    return np.frombuffer(stored, dtype="<i4").astype(np.int32)
