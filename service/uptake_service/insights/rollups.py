"""Rollups: hourly counts of feedback, whole and broken down, so that numbers cost the same however much there is.

A rollup's document belongs to one writer, so replicas never contend for it; readers add the writers up. All counts are
whole numbers, so that a recount gives the very same.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from uptake_service.clock import HOUR, day_of, hour_of
from uptake_service.feedback.model import Content, FeedbackState, FeedbackType, Sentiment, StoredFeedback
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.journal import Journal
from uptake_service.mongo.transactions import snapshot

Dimension = Literal["all", "model", "source", "pattern"]

Counts = dict[str, int]
"""Counts by name: `total`, a sentiment, a type, and `position`, the sum of the ratings' positions."""

_SENTIMENT_NAMES = {sentiment: sentiment.value.lower() for sentiment in Sentiment}
_TYPE_NAMES = {type: type.value.lower() for type in FeedbackType}

NAMES = ("total", *_SENTIMENT_NAMES.values(), *_TYPE_NAMES.values(), "position")

_HOURS = {f"h{hour}": hour * HOUR for hour in range(24)}


class RollupKey(NamedTuple):
    """Where feedback is counted, apart from the writer."""

    project: str
    hour: datetime
    dimension: Dimension
    value: str

    @property
    def of_day(self) -> "RollupKey":
        return self._replace(hour=day_of(self.hour))


class RollupDeltas:
    """Changes of rollups, merged before they are written."""

    def __init__(self) -> None:
        self.by_key: defaultdict[RollupKey, Counts] = defaultdict(dict)

    def count(self, feedback: StoredFeedback, sign: int) -> None:
        """Puts in (+1) or takes out (-1) the share of one piece of feedback; what is not active has none."""
        if feedback.state is not FeedbackState.ACTIVE:
            return
        share = share_of(feedback.content)
        hour = hour_of(feedback.occur_time)
        dimensions: tuple[tuple[Dimension, str], ...] = (
            ("all", ""),
            ("model", feedback.model_bucket),
            ("source", feedback.source_bucket),
            ("pattern", feedback.pattern_id),
        )
        for dimension, value in dimensions:
            counts = self.by_key[RollupKey(feedback.project, hour, dimension, value)]
            for name, number in share.items():
                counts[name] = counts.get(name, 0) + sign * number

    @classmethod
    def of(cls, documents: Iterable[Document]) -> "RollupDeltas":
        """The changes that `documents` gave."""
        deltas = cls()
        for document in documents:
            add(deltas.by_key[_key_of(document, document["hour"])], document["counts"])
        return deltas

    def merge(self, other: "RollupDeltas") -> None:
        for key, counts in other.by_key.items():
            add(self.by_key[key], counts)

    def documents(self) -> list[Document]:
        """What changed, as the journal holds it: {project, hour, dimension, value, counts}."""
        return [
            {
                "project": key.project,
                "hour": key.hour,
                "dimension": key.dimension,
                "value": key.value,
                "counts": counts,
            }
            for key, counts in self.changes().items()
        ]

    def changes(self) -> dict[RollupKey, Counts]:
        """What changed, without what cancelled out."""
        changed = {
            key: {name: number for name, number in counts.items() if number} for key, counts in self.by_key.items()
        }
        return {key: counts for key, counts in changed.items() if counts}


def share_of(content: Content) -> Counts:
    """The counts of one piece of feedback."""
    share = {"total": 1, _SENTIMENT_NAMES[content.sentiment]: 1, _TYPE_NAMES[content.type]: 1}
    if content.rating is not None:
        share["position"] = content.rating.position
    return share


def by_type(counts: Counts) -> dict[FeedbackType, Counts]:
    """Counts of any feedback as the counts of each type: what a type's sentiment is leaves the rest to the ratings."""
    thumbs_up, thumbs_down, corrections = (
        counts.get(_TYPE_NAMES[type], 0)
        for type in (FeedbackType.THUMBS_UP, FeedbackType.THUMBS_DOWN, FeedbackType.CORRECTION)
    )
    ratings = counts.get("rating", 0)
    return {
        FeedbackType.THUMBS_UP: {"total": thumbs_up, "positive": thumbs_up, "thumbs_up": thumbs_up},
        FeedbackType.THUMBS_DOWN: {"total": thumbs_down, "negative": thumbs_down, "thumbs_down": thumbs_down},
        FeedbackType.CORRECTION: {"total": corrections, "neutral": corrections, "correction": corrections},
        FeedbackType.RATING: {
            "total": ratings,
            "positive": counts.get("positive", 0) - thumbs_up,
            "negative": counts.get("negative", 0) - thumbs_down,
            "neutral": counts.get("neutral", 0) - corrections,
            "rating": ratings,
            "position": counts.get("position", 0),
        },
    }


def add(total: Counts, counts: Mapping[str, int]) -> None:
    """Adds `counts` to `total`; names that are no counts are left out."""
    for name in NAMES:
        number = counts.get(name)
        if number:
            total[name] = total.get(name, 0) + number


class RollupStore:
    """The collection `rollups`: {_id, project, day, dimension, value, writer, written, h0: {total, positive, ...}, ...,
    h23}.

    A document holds the hours of a day, so that a window of weeks is few documents, and how often it was written.
    Readers add what the journal holds.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._journal = Journal(mongo)
        self._rollups = mongo.collection("rollups")

    async def open(self) -> None:
        await self._rollups.create_index([("project", 1), ("dimension", 1), ("day", 1)])
        await self._rollups.create_index([("dimension", 1), ("value", 1), ("day", 1)])

    async def write(self, deltas: RollupDeltas, writer: int, session: Session) -> None:
        changes: defaultdict[RollupKey, Counts] = defaultdict(lambda: {"written": 1})
        for key, counts in deltas.changes().items():
            for name, number in counts.items():
                changes[key.of_day][f"h{key.hour.hour}.{name}"] = number
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
        dimension: Dimension,
        start: datetime,
        end: datetime,
        start_of: Callable[[datetime], datetime],
    ) -> dict[tuple[datetime, str], Counts]:
        """Counts from `start` to before `end`, the writers and the hours of an interval added up.

        All is read at one moment: what one writer counted and another took out again is seen whole or not at all.

        Returns:
            Counts by value and by what `start_of` tells of an hour: the start of the interval that it lies in.
        """
        totals: defaultdict[tuple[datetime, str], Counts] = defaultdict(dict)
        async with snapshot(self._mongo) as session:
            async for key, counts in self._read({"project": project, "dimension": dimension}, start, end, session):
                add(totals[start_of(key.hour), key.value], counts)
        return dict(totals)

    async def by_value(self, project: str, dimension: Dimension, start: datetime, end: datetime) -> dict[str, Counts]:
        """Counts by value over the whole of `start` to before `end`."""
        totals = await self.by_start(project, dimension, start, end, lambda _: start)
        return {value: counts for (_, value), counts in totals.items()}

    async def written(
        self, project: str, start: datetime, end: datetime, session: Session
    ) -> dict[datetime, frozenset[tuple[int, int]]]:
        """For each day from `start` to before `end`: each writer, and how often it wrote the project's rollup."""
        documents = await self._rollups.find(
            {"project": project, "dimension": "all", "day": {"$gte": start, "$lt": end}},
            projection={"day": 1, "writer": 1, "written": 1},
            session=session,
        )
        written: defaultdict[datetime, set[tuple[int, int]]] = defaultdict(set)
        for document in documents:
            written[document["day"]].add((document["writer"], document["written"]))
        return {day: frozenset(times) for day, times in written.items()}

    async def stored(
        self, project: str, dimension: Dimension, start: datetime, end: datetime, session: Session
    ) -> list[tuple[str, Counts]]:
        """Counts by value of the hours from `start` to before `end`, without what is in the journal."""
        condition = {"project": project, "dimension": dimension}
        return [(key.value, counts) async for key, counts in self._stored(condition, start, end, session)]

    async def journalled(
        self, project: str, dimension: Dimension, start: datetime, end: datetime, session: Session
    ) -> list[tuple[str, Counts]]:
        """Counts by value of the hours from `start` to before `end` that the journal holds."""
        condition = {"project": project, "dimension": dimension}
        return [(key.value, counts) async for key, counts in self._journalled(condition, start, end, session)]

    async def of_project(self, project: str, start: datetime, end: datetime, session: Session) -> Counts:
        """The counts of the whole project from `start` to before `end`, both full hours."""
        return await self._total({"project": project, "dimension": "all"}, start, end, session)

    async def of_pattern(self, pattern_id: str, start: datetime, end: datetime, session: Session) -> Counts:
        """The counts of a pattern from `start` to before `end`, both full hours."""
        return await self._total({"dimension": "pattern", "value": pattern_id}, start, end, session)

    async def everything(self, session: Session) -> dict[RollupKey, Counts]:
        """Every rollup of every project, the writers added up: what a recount is held against."""
        totals: defaultdict[RollupKey, Counts] = defaultdict(dict)
        async for key, counts in self._read({}, None, None, session):
            add(totals[key], counts)
        return dict(totals)

    async def _total(self, condition: Document, start: datetime, end: datetime, session: Session) -> Counts:
        total: Counts = {}
        async for _, counts in self._read(condition, start, end, session):
            add(total, counts)
        return total

    async def _read(
        self, condition: Document, start: datetime | None, end: datetime | None, session: Session
    ) -> AsyncIterator[tuple[RollupKey, Counts]]:
        """Counts of the hours from `start` to before `end`, those of the journal with them."""
        async for each in self._stored(condition, start, end, session):
            yield each
        async for each in self._journalled(condition, start, end, session):
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
                    key = _key_of(document, document["day"] + hour)
                    if start is None or end is None or start <= key.hour < end:
                        yield key, counts

    async def _journalled(
        self, condition: Document, start: datetime | None, end: datetime | None, session: Session
    ) -> AsyncIterator[tuple[RollupKey, Counts]]:
        for change in await self._journal.rollups(session):
            key = _key_of(change, change["hour"])
            inside = start is None or end is None or start <= key.hour < end
            if inside and all(change[name] == value for name, value in condition.items()):
                yield key, change["counts"]


def _key_of(document: Document, hour: datetime) -> RollupKey:
    return RollupKey(document["project"], hour, document["dimension"], document["value"])
