"""Which feedback belongs to which issue, and how often by day.

Every run writes members and counts of its own generation beside those in force, so that all of it comes into force at
once, when the generation's number does. In the window of the generation in force only its own documents count; older
days keep what the last run that saw them wrote.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from uptake_service.clock import DAY, day_of
from uptake_service.insights.issues.model import Generation, Member
from uptake_service.mongo.client import Document, Mongo, Session, since

RUN = -1
"""The writer of what a run writes; no writer slot has this number."""

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class DayKey:
    """Where members are counted, apart from the writer."""

    project: str
    generation: int
    issue_id: str
    day: datetime


@dataclass
class Seen:
    """A change of a day's count, and the newest member of it."""

    count: int = 0
    last_time: datetime | None = None


@dataclass
class DayDeltas:
    """Changes of counts, merged before they are written. Members of no issue are not counted."""

    by_key: defaultdict[DayKey, Seen] = field(default_factory=lambda: defaultdict(Seen))

    def count(self, member: Member, sign: int) -> None:
        if not member.issue_id:
            return
        seen = self.by_key[DayKey(member.project, member.generation, member.issue_id, member.day)]
        seen.count += sign
        if sign > 0:
            seen.last_time = max(seen.last_time or member.occur_time, member.occur_time)


class IssueMembers:
    """The collections `issue_members` (see Member) and `issue_days`:
    {_id: "issue/generation/day/writer", project, generation, issue_id, day, writer, total, last_time}."""

    def __init__(self, mongo: Mongo) -> None:
        self._members = mongo.collection("issue_members")
        self._days = mongo.collection("issue_days")

    async def open(self) -> None:
        await self._members.create_index([("project", 1), ("generation", 1), ("occur_time", 1)])
        await self._members.create_index([("feedback_id", 1)])
        await self._days.create_index([("project", 1), ("day", 1)])

    async def of_feedback(self, ids: Sequence[str], session: Session) -> dict[str, list[Member]]:
        """The members that pieces of feedback are, in all generations."""
        found: defaultdict[str, list[Member]] = defaultdict(list)
        if ids:
            for document in await self._members.find({"feedback_id": {"$in": list(ids)}}, session=session):
                found[document["feedback_id"]].append(_member(document))
        return found

    async def write(self, members: Sequence[Member], deltas: DayDeltas, writer: int, session: Session) -> None:
        """Writes members over what is there, and changes this writer's counts."""
        await self._members.update_each(
            [({"_id": member.document_id}, {"$set": member.model_dump()}) for member in members],
            upsert=True,
            session=session,
        )
        await self._days.update_each(
            [
                (_day_filter(key, writer), _day_update(key, writer, seen))
                for key, seen in deltas.by_key.items()
                if seen.count
            ],
            upsert=True,
            session=session,
        )

    async def publishable(self, members: Iterable[Member]) -> None:
        """Writes a generation that is not in force yet, with its counts; not in a transaction."""
        deltas = DayDeltas()
        chunk: list[Document] = []
        for member in members:
            deltas.count(member, +1)
            chunk.append({"_id": member.document_id} | member.model_dump())
            if len(chunk) == _CHUNK:
                await self._members.insert_many(chunk)
                chunk = []
        await self._members.insert_many(chunk)
        await self._days.insert_many(
            [
                {"_id": _day_id(key, RUN)} | _day_fields(key, RUN) | {"total": seen.count, "last_time": seen.last_time}
                for key, seen in deltas.by_key.items()
            ]
        )

    async def of_generation(self, generation: Generation, *, session: Session | None = None) -> AsyncIterator[Member]:
        """The members in the generation's window."""
        async for document in self._members.stream(
            {
                "project": generation.project,
                "generation": generation.number,
                "occur_time": since(generation.window_start),
            },
            session=session,
        ):
            yield _member(document)

    async def live_of(self, project: str, number: int, start: datetime) -> list[Member]:
        """What came in live under a generation and has not been moved over."""
        return [
            _member(document)
            for document in await self._members.find(
                {"project": project, "generation": number, "live": True, "occur_time": since(start)}
            )
        ]

    async def newest(
        self, generation: Generation, issue_ids: Sequence[str], time: datetime, limit: int
    ) -> list[Member]:
        """Active members of issues that occurred after `time`, at most `limit`."""
        documents = await self._members.find(
            {
                "project": generation.project,
                "generation": generation.number,
                "occur_time": {"$gt": time},
                "issue_id": {"$in": list(issue_ids)},
                "active": True,
            },
            limit=limit,
        )
        return [_member(document) for document in documents]

    async def delete(self, member: Member, *, session: Session | None = None) -> None:
        """Deletes a member, unless it was written again since it was read."""
        await self._members.delete_many(
            {"_id": member.document_id, "writer": member.writer, "revision": member.revision}, session=session
        )

    async def clear(self, project: str, number: int, start: datetime, *, live: bool) -> None:
        """Deletes a generation's members and counts from the day `start` on; what came in live only if `live`."""
        query: Document = {"project": project, "generation": number} | ({} if live else {"live": False})
        newest = await self._members.find(query | {"occur_time": since(start)}, projection={"occur_time": 1}, limit=1)
        if newest:
            first = await self._edge(query, start, +1)
            last = await self._edge(query, start, -1)
            day = day_of(first)
            while day <= last:
                # A day at a time: one delete of everything could outlast the database's time-out.
                await self._members.delete_many(query | {"occur_time": {**since(day), "$lt": day + DAY}})
                day += DAY
        await self._days.delete_many({"project": project, "day": since(start), "generation": number})

    async def by_day(
        self, generation: Generation, start: datetime, end: datetime, *, session: Session | None = None
    ) -> dict[tuple[str, datetime], Seen]:
        """Counts by issue and day, for the days from that of `start` to before `end`, the writers added up."""
        documents = await self._days.find(
            {"project": generation.project, "day": {**since(day_of(start)), "$lt": end}}, session=session
        )
        seen: defaultdict[tuple[str, datetime], Seen] = defaultdict(Seen)
        for document in documents:
            if counts(generation, document["generation"], document["day"]):
                day = seen[document["issue_id"], document["day"]]
                day.count += document["total"]
                if document["last_time"] is not None:
                    day.last_time = max(day.last_time or document["last_time"], document["last_time"])
        return {key: day for key, day in seen.items() if day.count > 0}

    async def has_days(self, issue_id: str) -> bool:
        """Whether anything was ever counted for an issue that still is."""
        return await self._days.get({"_id": {"$gt": f"{issue_id}/", "$lt": f"{issue_id}0"}}) is not None

    async def all_members(self, session: Session) -> AsyncIterator[Member]:
        """Every member: what a recount is held against."""
        async for document in self._members.stream({}, session=session):
            yield _member(document)

    async def all_days(self, session: Session) -> dict[DayKey, int]:
        """Every count, the writers added up."""
        totals: defaultdict[DayKey, int] = defaultdict(int)
        async for document in self._days.stream({}, session=session):
            key = DayKey(document["project"], document["generation"], document["issue_id"], document["day"])
            totals[key] += document["total"]
        return totals

    async def _edge(self, query: Document, start: datetime, direction: int) -> datetime:
        operator = "$min" if direction > 0 else "$max"
        found = await self._members.aggregate(
            [
                {"$match": query | {"occur_time": since(start)}},
                {"$group": {"_id": None, "edge": {operator: "$occur_time"}}},
            ]
        )
        return found[0]["edge"] if found else start


def counts(generation: Generation, number: int, day: datetime) -> bool:
    """Whether what the generation `number` says of a day is in force."""
    if day >= generation.window_start:
        return number == generation.number
    return number <= generation.number


def in_force(generation: Generation, members: Sequence[Member]) -> Member | None:
    """Of what one piece of feedback is in several generations, the one that counts."""
    counting = [member for member in members if counts(generation, member.generation, member.day)]
    return max(counting, key=lambda member: member.generation, default=None)


def _day_id(key: DayKey, writer: int) -> str:
    return f"{key.issue_id}/{key.generation}/{key.day:%Y%m%d}/{writer}"


def _day_fields(key: DayKey, writer: int) -> Document:
    return {
        "project": key.project,
        "generation": key.generation,
        "issue_id": key.issue_id,
        "day": key.day,
        "writer": writer,
    }


def _day_filter(key: DayKey, writer: int) -> Document:
    return {"_id": _day_id(key, writer)}


def _day_update(key: DayKey, writer: int, seen: Seen) -> Document:
    update: Document = {"$inc": {"total": seen.count}, "$setOnInsert": _day_fields(key, writer)}
    if seen.last_time is not None:
        return update | {"$max": {"last_time": seen.last_time}}
    update["$setOnInsert"]["last_time"] = None
    return update


def _member(document: Document) -> Member:
    return Member(**{name: value for name, value in document.items() if name != "_id"})
