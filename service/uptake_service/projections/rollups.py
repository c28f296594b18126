"""Rollups: hourly counts of feedback, whole and broken down, so that numbers cost the same however much there is.

A rollup's document belongs to one writer, so replicas never contend for it; readers add the writers up. All counts are
whole numbers, so that a recount gives the very same.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Literal
from urllib.parse import quote

from uptake_service.domain.clock import BEGINNING, HOUR, day_of
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import snapshot
from uptake_service.projections.delta_log import DeltaLog
from uptake_service.projections.rollup_deltas import (
    Breakdown,
    Counts,
    Dimension,
    RollupDeltas,
    RollupKey,
    Unfolded,
    add,
    add_all,
    key_of,
    of_score,
)


class Use(Enum):
    """Whether anything is counted under a value."""

    USED = "something is"
    LOGGED = "nothing is, but what cancels out is in the delta log yet"
    GONE = "nothing is"


_END = datetime(9999, 1, 1, tzinfo=UTC)

_HOURS = {f"h{hour}": hour * HOUR for hour in range(24)}


def _rollups_of(breakdown: Breakdown, value: str, scores: Sequence[str]) -> list[tuple[str, str | None]]:
    """Dimension and value of the rollups that name a value; None for every value of the dimension. Of a score the first
    counts each piece of its feedback once."""
    if breakdown == "score":
        dimensions: tuple[Dimension, ...] = ("all", "model", "source", "pattern", "voters")
        return [("score", value), *((of_score(each, value), None) for each in dimensions)]
    return [(of_score(breakdown, score), value) for score in scores]


def _is_of(breakdown: Breakdown, value: str, key: RollupKey) -> bool:
    """Whether a rollup names a value."""
    dimension, _, score = key.dimension.partition(":")
    if breakdown == "score":
        return score == quote(value, safe="") or (dimension, key.value) == ("score", value)
    return (dimension, key.value) == (breakdown, value)


class RollupStore(Store):
    """The collection `rollups`: {_id, project, day, dimension, value, writer, written, h0: {total, positive, ...}, ...,
    h23}.

    A document holds the hours of a day, so that a window of weeks is few documents, and how often it was written.
    Readers add what the delta log holds.
    """

    TEXTS = (
        # The id is made of those and of the project.
        texts("rollups", Holds.VALUE, "_id", "dimension", "value"),
        texts("rollups", Holds.NONE, "project"),
    )
    INDEXES = (
        Index("rollups", (("project", 1), ("dimension", 1), ("day", 1))),
        Index("rollups", (("dimension", 1), ("value", 1), ("day", 1))),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._log = DeltaLog(mongo)
        self._rollups = mongo.collection("rollups")

    def places(self, changes: Sequence[Document]) -> set[object]:
        return {(change["project"], change["hour"].date(), change["dimension"], change["value"]) for change in changes}

    async def fold(self, changes: Sequence[tuple[int, Document]], writer: int, session: Session) -> None:
        await self.write(RollupDeltas.of(change for _, change in changes), writer, session)

    async def write(self, deltas: RollupDeltas, writer: int, session: Session) -> None:
        changes: defaultdict[RollupKey, Counts] = defaultdict(lambda: {"written": 1})
        for key, counts in deltas.changes().items():
            for name, number in counts.items():
                changes[key.of_day][f"h{key.hour.hour}.{name}"] = number
            # What moved from one pattern to another is no change of the whole, which still tells that it was written.
            changes.setdefault(key.of_day.of_project, {"written": 1})
        await self._rollups.update_each(
            [
                (
                    {"_id": f"{key.project}/{key.hour:%Y%m%d}/{key.dimension}/{writer}/{key.value}"},
                    {
                        "$inc": counts,
                        "$setOnInsert": {
                            "project": key.project,
                            "day": key.hour,
                            "dimension": key.dimension,
                            "value": key.value,
                            "writer": writer,
                        },
                    },
                )
                for key, counts in changes.items()
            ],
            upsert=True,
            session=session,
        )

    async def by_start(
        self,
        project: str,
        dimensions: Sequence[str],
        start: datetime,
        end: datetime,
        start_of: Callable[[datetime], datetime],
    ) -> dict[tuple[datetime, str], Counts]:
        """Counts from `start` to before `end`, the dimensions, the writers and the hours of an interval added up.

        All is read at one moment: what one writer counted and another took out again is seen whole or not at all.

        Returns:
            Counts by value and by what `start_of` tells of an hour: the start of the interval that it lies in.
        """
        totals: defaultdict[tuple[datetime, str], Counts] = defaultdict(dict)
        async with snapshot(self._mongo) as session:
            for dimension in dimensions:
                async for key, counts in self._read({"project": project, "dimension": dimension}, start, end, session):
                    add(totals[start_of(key.hour), key.value], counts)
        return dict(totals)

    async def by_value(
        self, project: str, dimensions: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, Counts]:
        """Counts by value over the whole of `start` to before `end`, the dimensions added up."""
        totals = await self.by_start(project, dimensions, start, end, lambda _: start)
        return {value: counts for (_, value), counts in totals.items()}

    async def written(
        self, project: str, scores: Sequence[str], start: datetime, end: datetime, session: Session
    ) -> dict[datetime, frozenset[tuple[str, int, int]]]:
        """For each day from `start` to before `end`: each of these scores, each writer, and how often it wrote the
        project's rollup of that score."""
        written: defaultdict[datetime, set[tuple[str, int, int]]] = defaultdict(set)
        for score in scores:
            documents = await self._rollups.find(
                {"project": project, "dimension": of_score("all", score), "day": {"$gte": start, "$lt": end}},
                projection={"day": 1, "writer": 1, "written": 1},
                session=session,
            )
            for document in documents:
                written[document["day"]].add((score, document["writer"], document["written"]))
        return {day: frozenset(times) for day, times in written.items()}

    async def stored(
        self, project: str, dimension: str, start: datetime, end: datetime, session: Session
    ) -> list[tuple[str, Counts]]:
        """Counts by value of the hours from `start` to before `end`, without what is in the delta log."""
        condition = {"project": project, "dimension": dimension}
        return [(key.value, counts) async for key, counts in self._stored(condition, start, end, session)]

    async def logged(
        self, project: str, dimension: str, start: datetime, end: datetime, session: Session
    ) -> list[tuple[str, Counts]]:
        """Counts by value of the hours from `start` to before `end` that the delta log holds."""
        condition = {"project": project, "dimension": dimension}
        return [(key.value, counts) async for key, counts in self._logged(condition, start, end, session)]

    async def of_project(self, project: str, start: datetime, end: datetime, session: Session) -> Counts:
        """The counts of the whole project's overall score, those of its voters with them, from `start` to before `end`,
        both full hours."""
        total = await self._total({"project": project, "dimension": "all"}, start, end, session)
        add_all(total, await self._total({"project": project, "dimension": "voters"}, start, end, session))
        return total

    async def unfolded(
        self, project: str, start: datetime, end: datetime, session: Session
    ) -> list[tuple[RollupKey, Counts]]:
        """What the delta log holds of a project, at least from `start` to before `end`: for who reads several times in
        one transaction, in which it stays the same."""
        changes = await self._log.rollups(project, start, end, session)
        return [(key_of(change, change["hour"]), change["counts"]) for change in changes]

    async def by_hour(
        self,
        project: str,
        dimension: Literal["all", "voters"],
        start: datetime,
        end: datetime,
        unfolded: Unfolded,
        session: Session,
        *,
        scores: Sequence[str],
    ) -> dict[datetime, Counts]:
        """The counts of the whole project for each hour from `start` to before `end`, the scores added up; of the
        dimension "voters" those of its voters."""
        totals: defaultdict[datetime, Counts] = defaultdict(dict)
        dimensions = {of_score(dimension, score) for score in scores}
        for each in sorted(dimensions):
            async for key, counts in self._stored({"project": project, "dimension": each}, start, end, session):
                add_all(totals[key.hour], counts)
        for key, counts in unfolded:
            if key.project == project and key.dimension in dimensions and start <= key.hour < end:
                add_all(totals[key.hour], counts)
        return dict(totals)

    async def of_patterns(
        self,
        project: str,
        pattern_ids: Collection[str],
        start: datetime,
        end: datetime,
        unfolded: Unfolded,
        session: Session,
        *,
        scores: Sequence[str],
    ) -> dict[str, Counts]:
        """The counts of each of these patterns, those of its voters with them, from `start` to before `end`, both full
        hours, the scores added up."""
        totals: defaultdict[str, Counts] = defaultdict(dict)
        dimensions = {of_score("pattern", score) for score in scores}
        for dimension in sorted(dimensions):
            for ids in chunked(sorted(pattern_ids)):
                some: Document = {"dimension": dimension, "value": {"$in": ids}}
                async for key, counts in self._stored(some, start, end, session):
                    add_all(totals[key.value], counts)
        for key, counts in unfolded:
            inside = key.project == project and key.dimension in dimensions and start <= key.hour < end
            if inside and key.value in pattern_ids:
                add_all(totals[key.value], counts)
        return dict(totals)

    async def of_pattern(
        self, project: str, pattern_id: str, start: datetime, end: datetime, session: Session
    ) -> Counts:
        """The counts of a pattern's overall score, those of its voters with them, from `start` to before `end`, both
        full hours."""
        return await self._total({"project": project, "dimension": "pattern", "value": pattern_id}, start, end, session)

    async def use(self, project: str, breakdown: Breakdown, value: str, scores: Sequence[str], session: Session) -> Use:
        """Whether anything is counted under a value of a project: a model, a source or a score.

        Args:
            project: The project.
            breakdown: What the value is of.
            value: The value.
            scores: The scores that the project counts apart, the overall one and OTHER among them.
            session: The transaction.
        """
        logged, total = False, 0
        where = _rollups_of(breakdown, value, scores)[0] if breakdown == "score" else None
        for key, counts in await self.unfolded(project, BEGINNING, _END, session):
            if key.project == project and _is_of(breakdown, value, key):
                logged = True
                if where is None or (key.dimension, key.value) == where:
                    total += counts.get("total", 0)
        for dimension, of_it in [where] if where else _rollups_of(breakdown, value, scores):
            condition = {"project": project, "dimension": dimension, "value": of_it}
            async for _, counts in self._stored(condition, None, None, session):
                total += counts.get("total", 0)
        return Use.USED if total else Use.LOGGED if logged else Use.GONE

    async def drop_value(
        self, project: str, breakdown: Breakdown, value: str, scores: Sequence[str], session: Session
    ) -> None:
        """Deletes the rollups of a value under which nothing is counted."""
        for dimension, of_it in _rollups_of(breakdown, value, scores):
            some = {"project": project, "dimension": dimension} | ({} if of_it is None else {"value": of_it})
            await self._rollups.delete_many(some, session=session)

    async def scan(self, session: Session) -> dict[RollupKey, Counts]:
        """Every rollup of every project, the writers added up: what a recount is held against."""
        totals: defaultdict[RollupKey, Counts] = defaultdict(dict)
        async for key, counts in self._stored({}, None, None, session):
            add_all(totals[key], counts)
        async for change in self._log.scan("rollups", session):
            add_all(totals[key_of(change, change["hour"])], change["counts"])
        return dict(totals)

    async def _total(self, condition: Document, start: datetime, end: datetime, session: Session) -> Counts:
        total: Counts = {}
        async for _, counts in self._read(condition, start, end, session):
            add_all(total, counts)
        return total

    async def _read(
        self, condition: Document, start: datetime, end: datetime, session: Session
    ) -> AsyncIterator[tuple[RollupKey, Counts]]:
        """Counts of the hours from `start` to before `end`, those of the delta log with them."""
        async for each in self._stored(condition, start, end, session):
            yield each
        async for each in self._logged(condition, start, end, session):
            yield each

    async def _stored(
        self, condition: Document, start: datetime | None, end: datetime | None, session: Session
    ) -> AsyncIterator[tuple[RollupKey, Counts]]:
        days: Document = {}
        if start is not None and end is not None:
            days = {"day": {"$gte": day_of(start), "$lt": end}}
        async for document in self._rollups.stream(condition | days, session=session):
            for name, hour in _HOURS.items():
                counts = document.get(name)
                if counts:
                    key = key_of(document, document["day"] + hour)
                    if start is None or end is None or start <= key.hour < end:
                        yield key, counts

    async def _logged(
        self, condition: Document, start: datetime, end: datetime, session: Session
    ) -> AsyncIterator[tuple[RollupKey, Counts]]:
        for key, counts in await self.unfolded(condition["project"], start, end, session):
            if start <= key.hour < end and all(getattr(key, name) == value for name, value in condition.items()):
                yield key, counts
