"""The history of reviews: a line for each change that people, the trigger's openings and expiries made.

A line is written once and for itself, so that a change costs the same however many came before it.
"""

from collections.abc import AsyncIterator, Sequence

from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked
from uptake_service.mongo.paging import read_sizes, read_whole, within
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, Written, texts
from uptake_service.reviews.model import Review, ReviewChange

_MOST_READ = 1_000


class ReviewHistory(Store):
    """The collection `review_history`: {_id: "review/number", time, action, actor, note, key_id}.

    A review's lines are numbered from 1; the last one's number is the review's `people_revision`.
    """

    TEXTS = (
        texts("review_history", Holds.WRITTEN, "note"),
        texts("review_history", Holds.NONE, "_id", "action", "actor", "key_id"),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._lines = mongo.collection("review_history")

    async def add(self, review: Review, lines: Sequence[ReviewChange], session: Session) -> None:
        """Writes the lines that led to the review as it is now, in the transaction that writes the review."""
        first = review.people_revision - len(lines) + 1
        await self._lines.insert_many(
            [{"_id": f"{review.id}/{number}"} | _to_document(line) for number, line in enumerate(lines, first)],
            session=session,
        )

    async def of(self, review: Review) -> list[ReviewChange]:
        """The newest lines of a review as it was read, oldest first, at most a thousand, and as many as an answer has
        room for."""
        last = review.people_revision
        ids = [f"{review.id}/{number}" for number in range(last, max(last - _MOST_READ, 0), -1)]
        rows = await read_sizes(self._lines, ids)
        newest = await read_whole(self._lines, within(rows))
        return [ReviewChange(**{name: line[name] for name in line if name != "_id"}) for line in reversed(newest)]

    async def written(self, reviews: Sequence[Document]) -> AsyncIterator[Written]:
        """The notes in the history of reviews, of each of which `_id` and `people_revision` are given."""
        ids = [f"{each['_id']}/{number}" for each in reviews for number in range(1, each["people_revision"] + 1)]
        for some in chunked(ids):
            for line in await self._lines.find({"_id": {"$in": some}, "note": {"$ne": ""}}, projection={"note": 1}):
                yield Written(line["_id"], {"note": line["note"]})

    async def unquote(self, id: str, fields: Sequence[str]) -> None:
        """Empties a note."""
        await self._lines.update({"_id": id}, {"$set": dict.fromkeys(fields, "")})

    async def scan(self, session: Session) -> AsyncIterator[tuple[str, int]]:
        """Review and number of every line."""
        async for line in self._lines.stream({}, projection={"_id": 1}, session=session):
            review_id, _, number = line["_id"].rpartition("/")
            yield review_id, int(number)


def _to_document(line: ReviewChange) -> Document:
    return line.model_dump() | {"action": line.action.value}
