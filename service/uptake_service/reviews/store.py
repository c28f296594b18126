"""The collection `reviews`, with the history of each."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from uptake_service.domain.errors import Reason, not_found
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import IDS_AT_ONCE, Document, Filter, Sort, chunked
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import Listing, read_page
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Removals, Store, Written, texts
from uptake_service.mongo.transactions import transaction
from uptake_service.reviews.documents import (
    RANKS,
    fix_document,
    ran_out,
    to_document,
    to_fix,
    to_review,
    without_versions,
)
from uptake_service.reviews.history import ReviewHistory
from uptake_service.reviews.model import (
    Fix,
    Review,
    ReviewChange,
    ReviewFilter,
    ReviewOrder,
    ReviewState,
)

SORTS: dict[ReviewOrder, Sort] = {
    ReviewOrder.NEWEST: [("create_time", -1), ("_id", -1)],
    ReviewOrder.MOST_URGENT: [("rank", -1), ("negative_rate", -1), ("create_time", -1), ("_id", -1)],
}

_NOTED = {"resolution.note": 1, "people_revision": 1}


class ReviewStore(Store):
    """The collection `reviews`."""

    TEXTS = (
        texts("reviews", Holds.WRITTEN, "resolution.note"),
        texts("reviews", Holds.VALUE, "fix.versions.*", "resolution.fix.versions.*"),
        # Scores that the trigger looks at are those that the project's policy names.
        texts(
            "reviews", Holds.NONE, "_id", "project", "pattern_id", "covers", "state", "related.*", "suggested_action"
        ),
        texts("reviews", Holds.NONE, "opened_with", "trigger_feedback_id", "claim.reviewer", "resolution.reviewer"),
        texts("reviews", Holds.NONE, "resolution.correction_ids", "resolution.merged_into_review_id"),
    )
    INDEXES = (
        # No two active reviews cover one pattern; of the first edition's, which name no more than one, neither.
        Index("reviews", (("pattern_id", 1),), unique=True, where={"active": True}),
        Index("reviews", (("covers", 1),), unique=True, where={"active": True, "covers": {"$exists": True}}),
        Index("reviews", (("covers", 1), ("create_time", -1))),
        *(Index("reviews", (("project", 1), ("covers", 1), *sort)) for sort in SORTS.values()),
        Index("reviews", (("project", 1), ("_id", 1))),
        Index("reviews", (("fix_sampled", 1), ("pattern_id", 1))),
        *(Index("reviews", (("project", 1), *sort)) for sort in SORTS.values()),
        Index("reviews", (("state", 1), ("claim.expire_time", 1))),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._reviews = mongo.collection("reviews")
        self._history = ReviewHistory(mongo)
        self._removals = Removals(mongo)

    async def open(self) -> None:
        """Notes on the first edition's reviews the one pattern that each covers, some at a time."""
        while found := await self._reviews.find({"covers": None}, projection={"pattern_id": 1}, limit=IDS_AT_ONCE):
            await self._reviews.update_each(
                [({"_id": document["_id"]}, {"$set": {"covers": [document["pattern_id"]]}}) for document in found]
            )

    async def get(self, project: str, id: str, *, session: Session | None = None) -> Review:
        """Raises DomainError when the project has no such review."""
        found = await self._read({"_id": id, "project": project}, limit=1, session=session)
        if not found:
            raise not_found(Reason.ERROR_REASON_REVIEW_NOT_FOUND, "review", id)
        return found[0]

    async def with_now(self, project: str, id: str, session: Session | None = None) -> Document:
        """A review's document, with the database's time in `now`; for `to_review`.

        Raises:
            DomainError: The project has no such review.
        """
        documents = await self._reviews.find_with_now({"project": project, "_id": id}, session=session)
        if not documents:
            raise not_found(Reason.ERROR_REASON_REVIEW_NOT_FOUND, "review", id)
        return documents[0]

    async def page(
        self, project: str, filter: ReviewFilter, order: ReviewOrder, last: Sequence[Any] | None, limit: int
    ) -> tuple[list[Review], list[Any] | None]:
        """Reviews that match, from the first after the sort values `last`; and those to go on after, None at the
        end."""
        equal = {"project": project} | ({"covers": filter.pattern_id} if filter.pattern_id else {})
        stored = {state.value for state in filter.states}
        if ReviewState.OPEN in filter.states:
            # A claim that ran out is still written as claimed.
            stored.add(ReviewState.CLAIMED.value)
        ranks = {RANKS[priority] for priority in filter.priorities}

        def keep(document: Document) -> bool:
            return (
                (not stored or document["state"] in stored)
                and (not ranks or document["rank"] in ranks)
                and (not filter.assignee or (document["claim"] or {}).get("reviewer") == filter.assignee)
            )

        listing = Listing(equal, SORTS[order], keep=keep, fields=("state", "rank", "claim"))
        page = await read_page(self._reviews, listing, last, limit)
        # Asked for once, and only if claims are there that may have run out.
        now = await self._mongo.now() if any(document["claim"] for document in page.documents) else None
        found = [to_review(document | {"now": now}) for document in page.documents]
        return [review for review in found if filter.matches(review)], page.next

    async def by_ids(self, project: str, ids: Sequence[str]) -> list[Review]:
        """Those of these reviews that the project has."""
        return await self._read({"_id": {"$in": list(ids)}, "project": project})

    async def history(self, review: Review) -> list[ReviewChange]:
        """The newest changes of a review as it was read, oldest first, at most a thousand."""
        return await self._history.of(review)

    async def active_count(self, project: str) -> int:
        return await self._reviews.count({"project": project, "active": True})

    async def active_of_patterns(self, pattern_ids: Sequence[str], *, session: Session | None = None) -> dict[str, str]:
        """For each pattern with an active review, that review's id."""
        documents = await self._reviews.find(
            {"covers": {"$in": list(pattern_ids)}, "active": True}, projection={"covers": 1}, session=session
        )
        return {id: document["_id"] for document in documents for id in document["covers"]}

    async def newest_of_patterns(self, pattern_ids: Sequence[str], session: Session) -> dict[str, Review]:
        """For each pattern the review that the trigger has to go by: the active one, else the newest."""
        newest: dict[str, Review] = {}
        if pattern_ids:
            for review in await self._read({"covers": {"$in": list(pattern_ids)}}, session=session):
                for id in review.covers:
                    known = newest.get(id)
                    if known is None or (review.active, review.create_time) > (known.active, known.create_time):
                        newest[id] = review
        return newest

    async def short_of_sample(self, pattern_ids: Sequence[str], session: Session) -> frozenset[str]:
        """Those of `pattern_ids` that have too little feedback on answers after their fix to be judged by."""
        found: set[str] = set()
        for some in chunked(pattern_ids):
            documents = await self._reviews.find(
                {"fix_sampled": False, "pattern_id": {"$in": some}},
                projection={"pattern_id": 1},
                session=session,
            )
            found.update(document["pattern_id"] for document in documents)
        return frozenset(found)

    async def note_after_fix(self, review: Review, session: Session) -> None:
        """Writes what the trigger saw of the time after the fix; nobody is told of that."""
        noted = {"fix": fix_document(review.fix), "fix_sampled": review.fix_sampled}
        await self._reviews.update({"_id": review.id}, {"$set": noted}, session=session)

    async def written(self, project: str) -> AsyncIterator[Written]:
        """The notes that people made on the reviews of a project: at the end of each, and in its history."""
        noted: list[Document] = []
        async for document in self._reviews.stream({"project": project}, projection=_NOTED):
            resolution = document.get("resolution")
            if resolution and resolution["note"]:
                yield Written(document["_id"], {"resolution.note": resolution["note"]})
            noted.append(document)
            if len(noted) == IDS_AT_ONCE:
                async for line in self._history.written(noted):
                    yield line
                noted = []
        async for line in self._history.written(noted):
            yield line

    async def unquote(self, project: str, id: str, fields: Sequence[str]) -> None:
        """Empties a note on a review, or in its history."""
        if "/" in id:
            await self._history.unquote(id, fields)
            return

        async def body(session: Session) -> None:
            # One that was reopened meanwhile has no resolution.
            await self._reviews.update(
                {"_id": id, "resolution": {"$ne": None}}, {"$set": dict.fromkeys(fields, "")}, session=session
            )
            await self._removals.note(session)

        await transaction(self._mongo, body)

    async def fixes(self, pattern_id: str) -> list[tuple[str, Fix]]:
        """The fixes of the reviews that cover a pattern, and of which review each is."""
        documents = await self._reviews.find({"covers": pattern_id}, projection={"fix": 1})
        return [(document["_id"], fix) for document in documents if (fix := to_fix(document["fix"])) is not None]

    async def drop_versions(self, id: str, gone: Collection[tuple[str, str]]) -> None:
        """Takes versions (name, value) out of a review's fixes."""

        async def body(session: Session) -> None:
            document = await self._reviews.get({"_id": id}, session=session)
            if document is None:
                return
            fresh: Document = {}
            for path, holder in (("fix", document), ("resolution.fix", document["resolution"] or {"fix": None})):
                if holder["fix"]:
                    fresh[f"{path}.versions"] = without_versions(holder["fix"], gone)
            if fresh:
                await self._reviews.update({"_id": id}, {"$set": fresh}, session=session)

        await transaction(self._mongo, body)

    async def scan(self, session: Session) -> list[Review]:
        """All reviews of all projects."""
        return await self._read({}, session=session)

    async def add(self, review: Review, line: ReviewChange, session: Session) -> None:
        """Writes a review that was opened, and its first line of history.

        Raises:
            DuplicateKey: The pattern has an active review already.
        """
        await self._reviews.insert(to_document(review), session=session)
        await self._history.add(review, [line], session)

    async def write(self, review: Review, lines: Sequence[ReviewChange], session: Session) -> None:
        """Writes a review that was changed, and the lines of history that tell of it.

        Raises:
            DuplicateKey: Another active review covers one of its patterns.
        """
        fresh = to_document(review)
        del fresh["_id"]
        await self._reviews.update({"_id": review.id}, {"$set": fresh}, session=session)
        await self._history.add(review, lines, session)

    async def write_examined(self, review: Review, line: ReviewChange | None, session: Session) -> None:
        """Writes what the trigger found; of a review that it reopened or closed also what follows from that, and the
        line of history."""
        document = to_document(review)
        names = ["rank", "related", "negative_rate", "suggested_action", "evidence", "complaints_gone"]
        names += ["update_time", "revision"]
        if line:
            names += ["state", "active", "claim", "claim_seconds", "resolution", "reopen_count", "trigger_feedback_id"]
            names += ["people_revision", "opened_with"]
        changed = await self._reviews.update(
            {"_id": review.id, "revision": review.revision - 1},
            {"$set": {name: document[name] for name in names}},
            session=session,
        )
        if not changed:
            # Read and written in one snapshot, so this cannot be; a wrong review must not pass silently.
            raise AssertionError(f"review {review.id} changed under its transaction")
        if line:
            await self._history.add(review, [line], session)

    async def expired_claims(self) -> list[tuple[str, str]]:
        """Project and id of reviews whose claims ran out."""
        documents = await self._reviews.aggregate(
            [
                {"$match": {"state": ReviewState.CLAIMED.value}},
                {"$project": {"project": 1, "claim": 1, "claim_seconds": 1, "now": "$$NOW"}},
            ]
        )
        return [(document["project"], document["_id"]) for document in documents if ran_out(document)]

    async def _read(self, filter: Filter, *, limit: int = 0, session: Session | None = None) -> list[Review]:
        """Reads reviews, with claims that ran out by the database's clock as open."""
        pipeline: list[Document] = [{"$match": filter}]
        if limit:
            pipeline.append({"$limit": limit})
        pipeline.append({"$addFields": {"now": "$$NOW"}})
        return [to_review(document) for document in await self._reviews.aggregate(pipeline, session=session)]


def sort_values(review: Review, order: ReviewOrder) -> list[Any]:
    """The values of a review that its place in an order depends on."""
    newest = [review.create_time, review.id]
    if order is ReviewOrder.NEWEST:
        return newest
    return [RANKS[review.examined.priority], review.examined.negative_rate, *newest]
