"""The history of reviews: a line for each change that people, the trigger's openings and expiries made.

A line is written once and for itself, so that a change costs the same however many came before it.
"""

from collections.abc import AsyncIterator, Sequence

from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.reviews.model import Review, ReviewChange

_MOST_READ = 1_000


class ReviewHistory:
    """The collection `review_history`: {_id: "review/number", time, action, actor, note, key_id}.

    A review's lines are numbered from 1; the last one's number is the review's `people_revision`.
    """

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
        """The newest lines of a review as it was read, oldest first, at most a thousand."""
        last = review.people_revision
        numbers = range(max(last - _MOST_READ, 0) + 1, last + 1)
        ids = [f"{review.id}/{number}" for number in numbers]
        found = {line.pop("_id"): line for line in await self._lines.find({"_id": {"$in": ids}})}
        return [ReviewChange(**found[id]) for id in ids if id in found]

    async def everything(self, session: Session) -> AsyncIterator[tuple[str, int]]:
        """Review and number of every line."""
        async for line in self._lines.stream({}, projection={"_id": 1}, session=session):
            review_id, _, number = line["_id"].rpartition("/")
            yield review_id, int(number)


def _to_document(line: ReviewChange) -> Document:
    return line.model_dump() | {"action": line.action.value}
