"""The knowledge base: entries by key, and finding them by meaning.

Two collections. `knowledge` holds each entry's newest revision: {_id: "project/key", project, key, content, revision,
correction_id, update_time, gone, vector, embedder, change}; a deleted entry stays, gone and with content null, so that
its revisions go on growing. `knowledge_changes` counts the changes of a project's entries: {_id: project, change}, in
the transaction that makes each. Every search reads that counter first, and then what changed since the last one, so
that an entry is found by any replica as soon as it is committed.

An entry is embedded by the embedder that knows its language best. A query is compared with entries of each embedder
that finds something with it, in that embedder's space; the best cosines of all come first.
"""

import asyncio
import re
import threading
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from uptake_service.corrections.model import Revision
from uptake_service.embedding.embedders import KINDS, Embedders, Vector, embedder_of, embedders_to_search
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import read_sizes, read_whole, within
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts

_NO_WORD = re.compile(r"[\W_]+")


class KnowledgeStore(Store):
    """The entries of all projects, with an index of each project that was searched."""

    TEXTS = (
        # It is that of the correction in force; CorrectionStore takes it out.
        texts("knowledge", Holds.WRITTEN, "content"),
        texts("knowledge", Holds.NONE, "_id", "project", "key", "correction_id", "embedder"),
        texts("knowledge_changes", Holds.NONE, "_id"),
    )
    INDEXES = (Index("knowledge", (("project", 1), ("change", 1))),)

    def __init__(self, mongo: Mongo, embedders: Embedders) -> None:
        self._entries = mongo.collection("knowledge")
        self._changes = mongo.collection("knowledge_changes")
        self._embedders = embedders
        self._indexes: dict[str, _Index] = {}

    async def head(self, project: str, key: str, session: Session | None = None) -> Revision | None:
        """The newest revision of an entry, which may be a deletion; None if there never was one."""
        document = await self._entries.get({"_id": _id(project, key)}, projection={"vector": 0}, session=session)
        return _revision(document) if document else None

    async def write(self, head: Revision, session: Session) -> None:
        """Writes an entry's new head."""
        text = "" if head.content is None else entry_text(head.target, head.content)
        (vector,) = await self._embed([text])
        await self._changes.update_each(
            [({"_id": head.project}, {"$inc": {"change": 1}})], upsert=True, session=session
        )
        counter = await self._changes.get({"_id": head.project}, session=session)
        assert counter is not None  # noqa: S101
        document = {
            "project": head.project,
            "key": head.target,
            "content": head.content,
            "revision": head.revision,
            "correction_id": head.correction_id,
            "update_time": head.time,
            "gone": head.content is None,
            "vector": vector.values.tobytes(),
            "embedder": vector.embedder,
            "change": counter["change"],
        }
        id = _id(head.project, head.target)
        await self._entries.update_each([({"_id": id}, {"$set": document})], upsert=True, session=session)

    async def forget(self, project: str, target: str, correction_id: str, session: Session) -> None:
        """Does nothing: of an entry only the head is kept."""

    async def search(
        self, project: str, query: str, limit: int, minimum_similarity: float, key_prefix: str
    ) -> list[tuple[Revision, float]]:
        """Entries with their cosine similarity to a query, best first, and by key where that is equal; as much of them
        as an answer has room for.

        Args:
            project: The project.
            query: What to look for; one of nothing but punctuation finds nothing.
            limit: How many at most.
            minimum_similarity: Leaves out entries below it, -1 to 1.
            key_prefix: Only entries whose key starts so.
        """
        counter = await self._changes.get({"_id": project})
        if counter is None:
            return []
        index = self._indexes.setdefault(project, _Index())
        await self._refresh(project, index, counter["change"])
        names = [name for name in embedders_to_search(query) if name in index.embedders]
        await self._embedders.load(names)
        found = await asyncio.to_thread(
            lambda: index.nearest(
                self._embedders.embed_by(names, [query] * len(names)), limit, minimum_similarity, key_prefix
            )
        )
        rows = await read_sizes(self._entries, [_id(project, key) for key, _ in found])
        entries = await read_whole(self._entries, within(rows), {"vector": 0})
        by_key = {document["key"]: _revision(document) for document in entries if not document["gone"]}
        return [(by_key[key], score) for key, score in found if key in by_key]

    async def _embed(self, texts: list[str]) -> list[Vector]:
        await self._embedders.load(self._embedders.missing(texts))
        return await asyncio.to_thread(self._embedders.embed, texts)

    async def _refresh(self, project: str, index: "_Index", change: int) -> None:
        """Brings an index up to a change at least."""
        async with index.reading:
            if change <= index.change:
                return
            # What changes from here on may be among these; it is then read once more by the next search.
            since: Document = {"project": project, "change": {"$gt": index.change}}
            changed = await self._entries.find(since)
            there = [document for document in changed if not document["gone"]]
            texts = [entry_text(document["key"], document["content"]) for document in there]
            # Of another embedder than today's. The new vectors are not written back: while two versions of the service
            # run, each would undo what the other wrote.
            names = await asyncio.to_thread(lambda: [embedder_of(text) for text in texts])
            stale = [row for row, document in enumerate(there) if document["embedder"] != names[row]]
            anew = dict(zip(stale, await self._embed([texts[row] for row in stale]), strict=True))
            vectors = {
                document["key"]: anew.get(row)
                or Vector(document["embedder"], np.frombuffer(document["vector"], dtype=np.int8))
                for row, document in enumerate(there)
            }
            await asyncio.to_thread(
                index.change_to, change, vectors, [document["key"] for document in changed if document["gone"]]
            )


async def heads(mongo: Mongo, session: Session) -> list[Revision]:
    """The heads of all entries of all projects."""
    documents = await mongo.collection("knowledge").find({}, projection={"vector": 0}, session=session)
    return [_revision(document) for document in documents]


def entry_text(key: str, content: str) -> str:
    """The text that an entry is found by: the words of its key, then its content.

    Chosen on banking77 with the intent's name as key and 1, 3 or 10 of its queries as content, 40 others searched for
    (first hit right): content alone 0.44, 0.63, 0.73; with the key as it is 0.57, 0.67, 0.73; with the key's words
    0.61, 0.69, 0.74. A vector of the key averaged with one of the content is at best as good, and worst when longer.
    """
    return f"{_NO_WORD.sub(' ', key).strip()} {content}"


class _Index:
    """The entries of one project in memory, up to a change, by embedder. Safe for use from threads."""

    def __init__(self) -> None:
        self.reading = asyncio.Lock()
        """Held while changes are read, so that many searches at once read them once."""
        self.change = 0
        # A call that is cancelled goes on in its thread after `reading` is free again.
        self._lock = threading.Lock()
        self._embedder_of: dict[str, str] = {}
        self._entries: dict[str, _Entries] = {}

    @property
    def embedders(self) -> set[str]:
        """The embedders that entries are embedded by."""
        return set(self._entries)

    def change_to(self, change: int, vectors: Mapping[str, Vector], gone: Iterable[str]) -> None:
        """Takes over everything up to a change; does nothing where that, or a later one, is known already."""
        with self._lock:
            if change <= self.change:
                return
            for key in (*vectors, *gone):
                before = self._embedder_of.pop(key, None)
                if before is not None:
                    self._entries[before].remove(key)
            for key, vector in vectors.items():
                self._embedder_of[key] = vector.embedder
                if vector.embedder not in self._entries:
                    self._entries[vector.embedder] = _Entries(KINDS[vector.embedder].dimension)
                self._entries[vector.embedder].put(key, vector.values)
            self.change = change

    def nearest(
        self, queries: Sequence[Vector], limit: int, minimum_similarity: float, key_prefix: str
    ) -> list[tuple[str, float]]:
        """Keys with their cosines, best first, of a query's vectors by one or more embedders."""
        with self._lock:
            found = [
                each
                for query in queries
                if query.embedder in self._entries
                for each in self._entries[query.embedder].nearest(query.values, limit, minimum_similarity, key_prefix)
            ]
        return sorted(found, key=lambda each: (-each[1], each[0]))[:limit]


class _Entries:
    """The entries of one embedder. Not thread-safe.

    Vectors are quantised, and kept as float32: every product of two is a sum of whole numbers below 2^24, which
    float32 holds exactly, so that scores do not depend on the order of summation.
    """

    def __init__(self, dimension: int) -> None:
        self._keys: list[str] = []
        self._rows: dict[str, int] = {}
        self._vectors = np.zeros((16, dimension), dtype=np.float32)

    def nearest(
        self, query: NDArray[np.int8], limit: int, minimum_similarity: float, key_prefix: str
    ) -> list[tuple[str, float]]:
        """Keys with their cosines, best first. What is all zero, a query too, is like nothing."""
        vectors, wanted = self._vectors[: len(self._keys)], query.astype(np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors) * np.float64(wanted @ wanted))
        scores = np.divide(vectors @ wanted, lengths, out=np.full(len(lengths), -np.inf), where=lengths > 0)
        rows = np.flatnonzero(scores >= minimum_similarity)
        if key_prefix:
            rows = np.array([row for row in rows if self._keys[row].startswith(key_prefix)], dtype=np.intp)
        if len(rows) > limit:
            rows = rows[scores[rows] >= np.partition(scores[rows], -limit)[-limit]]
        ranked = sorted(rows, key=lambda row: (-scores[row], self._keys[row]))[:limit]
        return [(self._keys[row], float(np.clip(scores[row], -1.0, 1.0))) for row in ranked]

    def put(self, key: str, vector: NDArray[np.int8]) -> None:
        row = self._rows[key] = len(self._keys)
        self._keys.append(key)
        if row == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[row] = vector

    def remove(self, key: str) -> None:
        row = self._rows.pop(key)
        last_key = self._keys.pop()
        if last_key != key:
            self._vectors[row] = self._vectors[len(self._keys)]
            self._keys[row] = last_key
            self._rows[last_key] = row


def _id(project: str, key: str) -> str:
    return f"{project}/{key}"


def _revision(document: Document) -> Revision:
    return Revision(
        project=document["project"],
        target=document["key"],
        revision=document["revision"],
        content=document["content"],
        correction_id=document["correction_id"],
        time=document["update_time"],
    )
