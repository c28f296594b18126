"""The delta log: what commits changed of the numbers, until it is folded into them.

To count one batch in its places (an hour's rollups, patterns' shares) costs more than to store its feedback, and the
next batch counts in the same places again. So a commit writes what it changes as a few entries; every few seconds they
are added to the places. Who reads numbers adds what the delta log holds of them, in the same snapshot.

An entry is of one project, so that nobody reads what others left, and has no more changes than one transaction can
fold. What belongs to long ago stands apart: who reads the newest days does not read it.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked, since
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction

MOST_CHANGES = 500
"""An entry has at most so many."""

_MOST_SHARES = 200
"""An entry of shares alone has at most so many: each has a vector sum of some kilobytes."""


@dataclass
class Deltas:
    """What a commit changes in one project.

    Attributes:
        rollups: Changes of rollups, each with its `hour`.
        shares: Changes of patterns' shares, each with its `pattern`.
        feedback: What the commit tells the triggers of other processes.
    """

    rollups: list[Document] = field(default_factory=list)
    shares: list[Document] = field(default_factory=list)
    feedback: Document = field(default_factory=lambda: {"added": [], "changed": []})


@dataclass(frozen=True)
class Entry:
    """What is known of an entry without its changes.

    Attributes:
        id: Its _id.
        writer: The writer slot of its commit.
        revision: The slot's revision that the commit made.
        changes: How many it has.
        start: The first hour that its rollups are of; None if it has none.
        shares: Whether it has changes of shares.
    """

    id: str
    writer: int
    revision: int
    changes: int
    start: datetime | None
    shares: bool


_ADDED = ("pattern", "id", "type", "sentiment", "voter", "kind")


class DeltaLog(Store):
    """The collection `journal`: {_id: "writer/revision/place", writer, revision, project, start, end, rollups: [...],
    shares: [...], feedback, changes, share_changes}, where `start` and `end` are the first and the last hour that its
    rollups are of.

    What a change looks like is known to who counts in those places, and what `feedback` is to the trigger.
    """

    TEXTS = (
        # Until the entry is folded in, some seconds later.
        texts("journal", Holds.VALUE, "rollups.dimension", "rollups.value", "feedback.added.score"),
        # A voter is a digest.
        texts("journal", Holds.NONE, "_id", "project", "rollups.project", "shares.pattern", "shares.project"),
        texts("journal", Holds.NONE, "feedback.changed", *(f"feedback.added.{name}" for name in _ADDED)),
    )
    INDEXES = (
        Index("journal", (("project", 1), ("end", 1))),
        Index("journal", (("writer", 1), ("revision", 1))),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._log = mongo.collection("journal")

    async def open(self) -> None:
        """Splits the entries of older versions, which were whole commits of several projects."""
        for old in await self._log.find({"changes": None}, projection={"_id": 1}):
            await transaction(self._mongo, lambda session, id=old["_id"]: self._split(id, session))  # type: ignore[misc]

    async def add(self, writer: int, revision: int, deltas: Mapping[str, Deltas], session: Session) -> list[Entry]:
        """Writes what the commit of a slot's revision changes, by project; returns the entries."""
        documents = list(_documents(writer, revision, deltas))
        await self._log.insert_many(documents, session=session)
        return [_entry(document) for document in documents]

    async def of_writer(self, writer: int, after: int, *names: str, session: Session) -> list[Document]:
        """What a slot's commits after the revision `after` changed, of those not folded in yet; only these fields, if
        any are named."""
        return await self._log.find(
            _of_writer(writer, after), projection=dict.fromkeys((*names, "revision"), 1), session=session
        )

    async def entries(self, writer: int) -> list[Entry]:
        """All entries of a slot, oldest first."""
        fields = dict.fromkeys(("writer", "revision", "changes", "start", "share_changes"), 1)
        documents = await self._log.find(_of_writer(writer, 0), projection=fields)
        return sorted(map(_entry, documents), key=lambda entry: entry.revision)

    async def read(self, entries: Sequence[Entry], session: Session) -> dict[str, Document]:
        """The changes of those of these entries that are there, by id."""
        documents = await self._log.find(
            {"_id": {"$in": [entry.id for entry in entries]}}, projection={"feedback": 0}, session=session
        )
        return {document["_id"]: document for document in documents}

    async def rollups(self, project: str, start: datetime, end: datetime, session: Session) -> list[Document]:
        """A project's changes of rollups that are not folded in yet, at least those from `start` to before `end`."""
        documents = await self._log.find(
            {"project": project, "end": since(start), "start": {"$lt": end}},
            projection={"rollups": 1},
            session=session,
        )
        return [change for document in documents for change in document["rollups"]]

    async def shares(self, projects: Sequence[str], *names: str, session: Session) -> list[Document]:
        """The changes of projects' shares that are not folded in yet, each with the fields named."""
        documents = await self._log.find(
            {"project": {"$in": list(projects)}},
            projection={f"shares.{name}": 1 for name in ("pattern", *names)},
            session=session,
        )
        return [change for document in documents for change in document.get("shares", ())]

    async def scan(self, name: str, session: Session) -> AsyncIterator[Document]:
        """All changes of `rollups` or `shares` that are not folded in yet."""
        async for document in self._log.stream({}, projection={name: 1}, session=session):
            for change in document[name]:
                yield change

    async def patterns_since(self, writer: int, revision: int, session: Session | None) -> set[str]:
        """The patterns whose shares a slot's commits after `revision` changed, of those not folded in yet."""
        documents = await self._log.find(
            _of_writer(writer, revision), projection={"shares.pattern": 1}, session=session
        )
        return {change["pattern"] for document in documents for change in document.get("shares", ())}

    async def remove(self, ids: Sequence[str], session: Session) -> None:
        """Takes entries out that are folded in."""
        await self._log.delete_each([{"_id": id} for id in ids], session=session)

    async def _split(self, id: str, session: Session) -> None:
        old = await self._log.get({"_id": id}, session=session)
        if old is None:
            return  # Another process was quicker.
        rollups: dict[str, list[Document]] = {}
        shares: dict[str, list[Document]] = {}
        for name, by_project in (("rollups", rollups), ("shares", shares)):
            for change in old[name]:
                by_project.setdefault(change["project"], []).append(change)
        deltas = {project: Deltas(rollups.get(project, []), shares.get(project, [])) for project in {*rollups, *shares}}
        await self._log.delete_many({"_id": id}, session=session)
        await self.add(old["writer"], old["revision"], deltas, session)


def _of_writer(writer: int, after: int) -> Document:
    """The condition for the entries of a slot's commits after a revision."""
    return {"writer": writer, "revision": {"$gt": after}}


def _documents(writer: int, revision: int, deltas: Mapping[str, Deltas]) -> Iterator[Document]:
    place = 0
    for project, changed in deltas.items():
        if not (changed.rollups or changed.shares):
            continue
        feedback = changed.feedback
        for rollups, shares in _pieces(changed):
            hours = [change["hour"] for change in rollups]
            yield {
                "_id": f"{writer}/{revision}/{place}",
                "writer": writer,
                "revision": revision,
                "project": project,
                "start": min(hours, default=None),
                "end": max(hours, default=None),
                "changes": len(rollups) + len(shares),
                "share_changes": len(shares),
                "rollups": rollups,
                "shares": shares,
                "feedback": feedback,
            }
            place += 1
            feedback = {"added": [], "changed": []}


def _pieces(changes: Deltas) -> Iterator[tuple[Sequence[Document], Sequence[Document]]]:
    """Changes of rollups and of shares, as many as an entry may have; many rollups in the order of their hours."""
    if len(changes.rollups) + len(changes.shares) <= MOST_CHANGES and len(changes.shares) <= _MOST_SHARES:
        yield changes.rollups, changes.shares
        return
    rollups = sorted(changes.rollups, key=lambda change: change["hour"])
    for some in chunked(rollups, MOST_CHANGES):
        yield some, ()
    for some in chunked(changes.shares, _MOST_SHARES):
        yield (), some


def _entry(document: Document) -> Entry:
    return Entry(
        document["_id"],
        document["writer"],
        document["revision"],
        document["changes"],
        document["start"],
        bool(document["share_changes"]),
    )
