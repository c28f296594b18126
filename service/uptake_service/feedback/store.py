"""The collection `feedback`.

What the trigger, verdicts, issues and erasing read of it stands in files of their own.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import Reason, not_found
from uptake_service.domain.feedback import (
    EARLIEST,
    OVERALL,
    FeedbackFilter,
    FeedbackState,
    FeedbackType,
    StoredFeedback,
    vote_slot,
)
from uptake_service.feedback.documents import NEWEST_FIRST, mapping, to_document, to_feedback
from uptake_service.feedback.evidence import FeedbackEvidence
from uptake_service.feedback.removal import FeedbackRemoval
from uptake_service.feedback.words import FeedbackWords
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked, since
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import (
    MOST_EXAMINED,
    Listing,
    read_keys,
    read_page,
    read_sizes,
    read_whole,
    within,
)
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts

_BY_CHANGE = [("update_time", 1), ("_id", 1)]

_LONGEST_COMMIT = timedelta(seconds=65)
"""How much later than its `update_time` a change may show up: MongoDB ends transactions after 60 seconds."""

_RECOUNTED_AT_ONCE = 500
"""About how many are read at once: more would hold up the event loop, or the database."""

_FILTERED = (
    *("occur_time", "project", "state", "type", "sentiment", "pattern_id", "user_id", "source", "score", "labels"),
    *("interaction.id", "interaction.model", "interaction.conversation_id", "interaction.trace_id"),
    "interaction.variant",
)
"""The fields that a filter may ask for."""

_NOT_SHOWN = {"vector": 0, "statements": 0, "requests": 0}
"""What is no part of feedback as callers see it."""

_SIZE = {"$bsonSize": {name: f"${name}" for name in ("interaction", "comment", "correction", "custom", "labels")}}
"""How many bytes of it they see."""

_ON_INTERACTION = 200
"""Up to so much feedback on one interaction is read by that; with more, the newest of the project is looked through."""

_MOST_OF_PATTERN = 300
"""So much of a pattern's newest feedback is looked at for what is similar."""

_ANY_SIZE = 2**62


@dataclass(frozen=True)
class FeedbackPage:
    """Some of a list of feedback, and the sort values to go on after; None at its end."""

    feedback: list[StoredFeedback]
    next: list[Any] | None


class FeedbackStore(Store):
    """The collection `feedback`."""

    TEXTS = (
        texts("feedback", Holds.FEEDBACK, "interaction.*", "comment", "labels.k", "labels.v", "custom", "user_id"),
        texts("feedback", Holds.FEEDBACK, "source", "score", "correction.original", "correction.corrected"),
        texts("feedback", Holds.FEEDBACK, "model_bucket", "source_bucket", "score_bucket", "vote"),
        texts("feedback", Holds.FEEDBACK, "statements.*"),
        texts("feedback", Holds.NONE, "_id", "project", "type", "correction.kind", "sentiment", "pattern_id", "state"),
        texts("feedback", Holds.NONE, "embedder", "requests", "held", "key_id"),
    )
    INDEXES = (
        Index("feedback", (("project", 1), ("_id", 1))),
        Index("feedback", (("project", 1), *NEWEST_FIRST)),
        Index("feedback", (("pattern_id", 1), *NEWEST_FIRST)),
        Index("feedback", (("project", 1), ("interaction.id", 1), ("user_id", 1), ("vote", 1)), unique=True),
        Index("feedback", (("project", 1), ("user_id", 1), *NEWEST_FIRST)),
        Index("feedback", (("project", 1), *_BY_CHANGE)),
        Index(
            "feedback",
            (("project", 1), ("type", 1), *NEWEST_FIRST),
            where={"type": FeedbackType.CORRECTION.value},
        ),
    )

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._feedback = mongo.collection("feedback")
        self._scans = TimeScans(self._feedback)
        self._clock = clock
        self.evidence = FeedbackEvidence(mongo, clock)
        self.words = FeedbackWords(mongo, clock)
        self.removal = FeedbackRemoval(mongo, clock)

    async def get(self, project: str, id: str) -> StoredFeedback:
        """Raises DomainError when the project has no such feedback."""
        found = await self.by_ids(project, [id])
        if not found:
            raise not_found(Reason.ERROR_REASON_FEEDBACK_NOT_FOUND, "feedback", id)
        return found[0]

    async def by_ids(self, project: str, ids: Sequence[str], *, session: Session | None = None) -> list[StoredFeedback]:
        """Those of `ids` that the project has, in no order."""
        if not ids:
            return []
        documents = await self._feedback.find({"_id": {"$in": list(ids)}, "project": project}, session=session)
        return [to_feedback(document) for document in documents if document["state"] != FeedbackState.ERASED]

    async def votes(
        self, project: str, keys: Collection[tuple[str, str, str]], *, session: Session
    ) -> list[StoredFeedback]:
        """The votes of these keys: interaction, user and score.

        Each is looked up by its whole key, however much else there is on its interaction. The first condition says no
        more than the second: it is for the embedded database, which finds nothing by an index where there is an $or.
        """
        wanted = [
            {"project": project, "interaction.id": interaction, "user_id": user, "vote": vote_slot(score)}
            for interaction, user, score in keys
        ]
        found: list[StoredFeedback] = []
        for some in chunked(wanted):
            interactions = sorted({key["interaction.id"] for key in some})
            first = {"project": project, "interaction.id": {"$in": interactions}}
            pipeline: list[Document] = [{"$match": first}, {"$match": {"$or": some}}]
            found += [to_feedback(each) for each in await self._feedback.aggregate(pipeline, session=session)]
        return found

    async def page(
        self,
        project: str,
        filter: FeedbackFilter,
        last: Sequence[Any] | None,
        limit: int,
        *,
        most_examined: int = MOST_EXAMINED,
    ) -> FeedbackPage:
        """Feedback that matches, newest first, from the first after `last`; with `filter.update_start_time` by when it
        changed, oldest first."""
        if filter.update_start_time is not None:
            return await self._page(_changes(project, filter), last, limit, most_examined)
        if filter.interaction_id:
            equal: Document = {"project": project, "interaction.id": filter.interaction_id}
            by_key = Listing(equal, [("user_id", 1), ("vote", 1)], fields=_FILTERED, size=_SIZE)
            rows, more = await read_keys(self._feedback, by_key, None, _ON_INTERACTION, room=_ANY_SIZE)
            if more is None:
                return await self._page_of(rows, _newest(project, filter), last, limit)
        return await self._page(_newest(project, filter), last, limit, most_examined)

    async def first(self, project: str, filter: FeedbackFilter, number: int) -> list[StoredFeedback]:
        """The newest feedback that matches, read until there is enough or no more."""
        found: list[StoredFeedback] = []
        page = await self.page(project, filter, None, number)
        found += page.feedback
        while len(found) < number and page.next is not None:
            page = await self.page(project, filter, page.next, number - len(found))
            found += page.feedback
        return found

    async def _page(self, listing: Listing, last: Sequence[Any] | None, limit: int, most_examined: int) -> FeedbackPage:
        page = await read_page(self._feedback, listing, last, limit, most_examined=most_examined)
        # What changed between its key and the whole of it may match no more.
        return FeedbackPage([to_feedback(each) for each in page.documents if listing.keep(each)], page.next)

    async def _page_of(
        self, rows: list[Document], listing: Listing, last: Sequence[Any] | None, limit: int
    ) -> FeedbackPage:
        """The same of feedback whose keys are known."""
        newest = sorted(filter(listing.keep, rows), key=listing.values, reverse=True)
        wanted = [row for row in newest if last is None or listing.values(row) < list(last)]
        kept = within(wanted[:limit])
        documents = await read_whole(self._feedback, kept, listing.projection)
        found = [to_feedback(each) for each in documents if listing.keep(each)]
        return FeedbackPage(found, listing.values(kept[-1]) if len(kept) < len(wanted) else None)

    async def candidates(
        self, project: str, pattern_ids: Sequence[str], filter: FeedbackFilter, number: int
    ) -> list[Document]:
        """Of the newest feedback of each pattern, at most `number` that match: _id, occur_time, embedder, vector and
        bytes."""
        found: list[Document] = []
        for pattern_id in pattern_ids:
            if filter.pattern_id in ("", pattern_id):
                of_it = _newest(project, filter.model_copy(update={"pattern_id": pattern_id}))
                listing = replace(of_it, fields=(*of_it.fields, "vector", "embedder"))
                rows, _ = await read_keys(
                    self._feedback, listing, None, number, room=_ANY_SIZE, most_examined=_MOST_OF_PATTERN
                )
                found += rows
        return found

    async def whole(self, rows: Sequence[Document]) -> list[StoredFeedback]:
        """The feedback of some keys, in their order, as much as a page has room for; what is erased is left out."""
        documents = await read_whole(self._feedback, within(rows), _NOT_SHOWN)
        return [to_feedback(document) for document in documents if document["state"] != FeedbackState.ERASED]

    async def sizes(self, project: str, ids: Sequence[str]) -> list[Document]:
        """_id and bytes of those of `ids` that the project has, in their order."""
        return await read_sizes(self._feedback, ids, of={"project": project}, size=_SIZE)

    async def complete_until(self) -> datetime:
        """No change with an earlier `update_time` will show up any more."""
        return await self._mongo.now() - _LONGEST_COMMIT

    async def write(self, added: Sequence[StoredFeedback], changed: Sequence[StoredFeedback], session: Session) -> None:
        """Inserts what is new and writes over what changed.

        Raises:
            DuplicateKey: Another process recorded the same vote first.
        """
        # Changes first: a retraction leaves the user's one vote free for a new one of the same batch.
        await self._feedback.update_each(
            [({"_id": feedback.id}, {"$set": _without_id(to_document(feedback))}) for feedback in changed],
            session=session,
        )
        await self._feedback.insert_many([to_document(feedback) for feedback in added], session=session)

    async def scan(self, project: str, session: Session) -> AsyncIterator[StoredFeedback]:
        """All feedback of a project, oldest first, without the answers that it is about."""
        reading = self._scans.oldest_first(
            {"project": project},
            "occur_time",
            EARLIEST,
            None,
            near=self._clock.now(),
            rest={},
            projection={"interaction.response": 0},
            number=_RECOUNTED_AT_ONCE,
            session=session,
        )
        async with aclosing(reading):
            async for documents in reading:
                for document in documents:
                    yield to_feedback(document)

    async def count(self, session: Session) -> int:
        """How much feedback there is in all projects."""
        return await self._feedback.count({}, session=session)


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_id"}


def _newest(project: str, filter: FeedbackFilter) -> Listing:
    """Feedback that matches, newest first, by the index that leaves least to look at."""
    equal: Document = {"project": project}
    if filter.pattern_id:
        # A pattern is of one project.
        equal = {"pattern_id": filter.pattern_id}
    elif filter.user_id:
        equal["user_id"] = filter.user_id
    elif filter.types == (FeedbackType.CORRECTION,):
        equal["type"] = FeedbackType.CORRECTION.value
    bounds = since(filter.start_time) if filter.start_time else {}
    bounds |= {"$lt": filter.end_time} if filter.end_time else {}
    return Listing(equal, NEWEST_FIRST, bounds, _matching(project, filter), _FILTERED, _NOT_SHOWN, _SIZE)


def _changes(project: str, filter: FeedbackFilter) -> Listing:
    """Feedback that matches and changed from `filter.update_start_time`, oldest change first."""
    assert filter.update_start_time is not None  # noqa: S101  Whoever asks for changes says since when.
    bounds = since(max(filter.update_start_time, EARLIEST))
    bounds |= {"$lt": filter.update_end_time} if filter.update_end_time else {}
    return Listing({"project": project}, _BY_CHANGE, bounds, _matching(project, filter), _FILTERED, _NOT_SHOWN, _SIZE)


def _matching(project: str, filter: FeedbackFilter) -> Callable[[Document], bool]:
    """Whether feedback is the project's and all that a filter asks for, but for the times of changes."""
    wanted: list[tuple[tuple[str, ...], Collection[str]]] = [
        (tuple(path.split(".")), frozenset(values))
        for path, values in (
            ("project", (project,)),
            ("state", filter.states),
            ("type", filter.types),
            ("sentiment", filter.sentiments),
            ("pattern_id", (filter.pattern_id,)),
            ("interaction.id", (filter.interaction_id,)),
            ("user_id", (filter.user_id,)),
            ("source", (filter.source,)),
            ("interaction.model", (filter.model,)),
            ("interaction.conversation_id", (filter.conversation_id,)),
            ("interaction.trace_id", (filter.trace_id,)),
            ("interaction.variant", (filter.variant,)),
        )
        if any(values)
    ]
    scores, labels = frozenset(filter.scores), filter.labels.items()
    start, end = filter.start_time, filter.end_time

    def matches(document: Document) -> bool:
        time = document["occur_time"]
        if (start is not None and time < start) or (end is not None and time >= end):
            return False
        for path, values in wanted:
            found: Any = document
            for step in path:
                found = found.get(step, "")
            if found not in values:
                return False
        # The first edition's has no score.
        if scores and document.get("score", OVERALL) not in scores:
            return False
        return labels <= mapping(document["labels"]).items() if labels else True

    return matches
