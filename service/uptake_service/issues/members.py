"""Which feedback belongs to which issue, and how often by day.

Every run writes members and counts of its own generation beside those in force, so that all of it comes into force at
once, when the generation's number does. In the window of the generation in force only its own documents count; older
days keep what the last run that saw them wrote.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from uptake_service.domain.clock import DAY, day_of, month_of
from uptake_service.issues.model import Generation, Member
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked, since
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts

RUN = -1
"""The writer of what a run writes; no writer slot has this number."""

_CHUNK, _DELETED_AT_ONCE = 1000, 200
"""How many members a statement writes or reads, and deletes, which takes longer."""

_DAYS = {f"d{number}": (number - 1) * DAY for number in range(1, 32)}


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


class IssueMembers(Store):
    """The collections `issue_members` (see Member) and `issue_months`: {_id: "issue/generation/month/writer", project,
    generation, issue_id, month, writer, live, d1: {total, last_time}, ..., d31}; `live` says that it is no run's.

    A document holds the days of a month, so that a window of weeks is few documents.
    """

    TEXTS = (
        texts("issue_members", Holds.NONE, "_id", "project", "feedback_id", "issue_id"),
        texts("issue_months", Holds.NONE, "_id", "project", "issue_id"),
    )
    INDEXES = (
        Index("issue_members", (("project", 1), ("generation", 1), ("occur_time", 1), ("_id", 1))),
        Index("issue_members", (("project", 1), ("generation", 1), ("issue_id", 1), ("occur_time", -1))),
        Index("issue_members", (("feedback_id", 1),)),
        Index("issue_months", (("project", 1), ("live", 1), ("month", 1))),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._members = mongo.collection("issue_members")
        self._scans = TimeScans(self._members)
        self._months = mongo.collection("issue_months")

    async def of_feedback(self, ids: Sequence[str], session: Session) -> dict[str, list[Member]]:
        """The members that pieces of feedback are, in all generations."""
        found: defaultdict[str, list[Member]] = defaultdict(list)
        if ids:
            for document in await self._members.find({"feedback_id": {"$in": list(ids)}}, session=session):
                found[document["feedback_id"]].append(_member(document))
        return found

    async def write(
        self,
        members: Sequence[Member],
        deltas: DayDeltas,
        writer: int,
        session: Session,
        *,
        added: Sequence[Member] = (),
    ) -> None:
        """Writes members over what is there, adds those of feedback that is new, and changes this writer's counts."""
        await self._members.insert_many(
            [{"_id": member.document_id} | member.model_dump() for member in added], session=session
        )
        await self._members.update_each(
            [({"_id": member.document_id}, {"$set": member.model_dump()}) for member in members],
            upsert=True,
            session=session,
        )
        await self._months.update_each(
            [
                ({"_id": _month_id(key, writer)}, _month_update(key, writer, days))
                for key, days in _by_month(deltas).items()
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
        await self._months.insert_many(
            [
                {"_id": _month_id(key, RUN)}
                | _month_fields(key, RUN)
                | {name: {"total": seen.count, "last_time": seen.last_time} for name, seen in days.items()}
                for key, days in _by_month(deltas).items()
            ]
        )

    async def of_generation(self, generation: Generation, start: datetime) -> AsyncIterator[Member]:
        """The members in the generation's window that occurred at `start` or later, oldest first."""
        start = max(start, generation.window_start)
        async for members in self._lists(generation.project, generation.number, start, {}):
            for member in members:
                yield member

    def live_of(self, project: str, number: int, start: datetime) -> AsyncGenerator[list[Member], None]:
        """What came in live under a generation and has not been moved over, about a thousand at a time."""
        return self._lists(project, number, start, {"live": True})

    async def newest(
        self, generation: Generation, issue_ids: Sequence[str], time: datetime, limit: int
    ) -> list[Member]:
        """The newest active members of issues that occurred after `time`, at most `limit` of all of them."""
        found: list[Member] = []
        for issue_id in issue_ids:
            documents = await self._members.find(
                {
                    "project": generation.project,
                    "generation": generation.number,
                    "issue_id": issue_id,
                    "occur_time": {"$gt": time},
                    "active": True,
                },
                sort=[("occur_time", -1)],
                limit=limit,
            )
            found += [_member(document) for document in documents]
        return sorted(found, key=lambda member: member.occur_time, reverse=True)[:limit]

    async def delete(self, members: Sequence[Member]) -> None:
        """Deletes members, but those that were written again since they were read."""
        await self._delete(
            {"_id": member.document_id, "writer": member.writer, "revision": member.revision} for member in members
        )

    async def delete_of_feedback(self, feedback_ids: Sequence[str], session: Session) -> None:
        """Deletes what this feedback, none of which counts any more, is in all generations."""
        await self._members.delete_many({"feedback_id": {"$in": list(feedback_ids)}, "active": False}, session=session)

    async def clear(self, project: str, number: int, start: datetime, *, live: bool) -> None:
        """Deletes a generation's members and counts from the day `start` on; what came in live only if `live`."""
        rest: Document = {} if live else {"live": False}
        async for members in self._lists(project, number, start, rest):
            await self._delete({"_id": member.document_id} | rest for member in members)
        counts = {"project": project, "generation": number}
        cut = await self._months.find(counts | {"month": month_of(start)})
        gone = {name: "" for name, day in _DAYS.items() if month_of(start) + day >= start}
        await self._months.update_each([({"_id": document["_id"]}, {"$unset": gone}) for document in cut])
        await self._months.delete_many(counts | {"month": since(start)})

    async def by_day(
        self, generation: Generation, start: datetime, end: datetime, *, live: bool
    ) -> dict[tuple[str, datetime], Seen]:
        """Counts by issue and day, for the days from that of `start` to before `end`.

        Args:
            generation: The generation in force.
            start: Of its day all is counted.
            end: What is later is not counted.
            live: Whether what came in since the run, the writer slots added up and what left taken off, else what runs
                counted.
        """
        documents = await self._months.find(
            {
                "project": generation.project,
                "live": live,
                "month": {**since(month_of(start)), "$lt": end},
            }
        )
        first = day_of(start)
        seen: defaultdict[tuple[str, datetime], Seen] = defaultdict(Seen)
        for document in documents:
            for day, total, last_time in _days_of(document):
                if first <= day < end and counts(generation, document["generation"], day):
                    of_day = seen[document["issue_id"], day]
                    of_day.count += total
                    if last_time is not None:
                        of_day.last_time = max(of_day.last_time or last_time, last_time)
        return seen

    async def has_days(self, issue_id: str) -> bool:
        """Whether anything was ever counted for an issue that still is."""
        documents = await self._months.find({"_id": {"$gt": f"{issue_id}/", "$lt": f"{issue_id}0"}})
        return any(True for document in documents for _ in _days_of(document))

    async def all_members(self, session: Session) -> AsyncIterator[Member]:
        """Every member: what a recount is held against."""
        async for document in self._members.stream({}, session=session):
            yield _member(document)

    async def all_days(self, session: Session) -> dict[DayKey, int]:
        """Every count, the writers added up."""
        totals: defaultdict[DayKey, int] = defaultdict(int)
        async for document in self._months.stream({}, session=session):
            for day, total, _ in _days_of(document):
                totals[DayKey(document["project"], document["generation"], document["issue_id"], day)] += total
        return totals

    async def _delete(self, filters: Iterable[Document]) -> None:
        for some in chunked(list(filters), _DELETED_AT_ONCE):
            await self._members.delete_each(some)

    async def _lists(
        self, project: str, number: int, start: datetime, rest: Document
    ) -> AsyncGenerator[list[Member], None]:
        """A generation's members that occurred at `start` or later, oldest first: so many at a time that no statement
        outlasts the database's time-out, however many there are."""
        reading = self._scans.oldest_first(
            {"project": project, "generation": number},
            "occur_time",
            start,
            None,
            near=datetime.now(UTC),
            rest=rest,
            number=_CHUNK,
            widest=7 * DAY,
        )
        async with aclosing(reading):
            async for documents in reading:
                yield [_member(document) for document in documents]


def counts(generation: Generation, number: int, day: datetime) -> bool:
    """Whether what the generation `number` says of a day is in force."""
    if day >= generation.window_start:
        return number == generation.number
    return number <= generation.number


def in_force(generation: Generation, members: Sequence[Member]) -> Member | None:
    """Of what one piece of feedback is in several generations, the one that counts."""
    counting = [member for member in members if counts(generation, member.generation, member.day)]
    return max(counting, key=lambda member: member.generation, default=None)


def _by_month(deltas: DayDeltas) -> dict[DayKey, dict[str, Seen]]:
    """What changed, by the first of each month, and by the names of its days."""
    months: defaultdict[DayKey, dict[str, Seen]] = defaultdict(dict)
    for key, seen in deltas.by_key.items():
        if seen.count:
            months[replace(key, day=month_of(key.day))][f"d{key.day.day}"] = seen
    return months


def _month_id(month: DayKey, writer: int) -> str:
    return f"{month.issue_id}/{month.generation}/{month.day:%Y%m}/{writer}"


def _month_fields(month: DayKey, writer: int) -> Document:
    return {
        "project": month.project,
        "generation": month.generation,
        "issue_id": month.issue_id,
        "month": month.day,
        "writer": writer,
        "live": writer != RUN,
    }


def _month_update(month: DayKey, writer: int, days: Mapping[str, Seen]) -> Document:
    newest = {f"{name}.last_time": seen.last_time for name, seen in days.items() if seen.last_time is not None}
    update: Document = {
        "$inc": {f"{name}.total": seen.count for name, seen in days.items()},
        "$setOnInsert": _month_fields(month, writer),
    }
    return update | {"$max": newest} if newest else update


def _days_of(document: Document) -> Iterator[tuple[datetime, int, datetime | None]]:
    """The days that a month's document has: their starts, counts and newest members."""
    for name, day in _DAYS.items():
        found = document.get(name)
        if found:
            yield document["month"] + day, found["total"], found.get("last_time")


def _member(document: Document) -> Member:
    return Member(**{name: value for name, value in document.items() if name != "_id"})
