"""Where feedback is kept, in the collection `feedback`.

Maps are lists of {k, v} and custom values JSON text, so that no user's string is ever a key.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from uptake_service.clock import DAY, Clock
from uptake_service.errors import Reason, not_found
from uptake_service.feedback.model import (
    EARLIEST,
    VISIBLE_STATES,
    VOTES,
    Answer,
    Content,
    CorrectionValue,
    Evidence,
    FeedbackFilter,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    StoredFeedback,
    complaint,
)
from uptake_service.mongo.client import Document, Mongo, Session, since
from uptake_service.mongo.paging import after


@dataclass(frozen=True, slots=True)
class Complaint:
    """The words of one piece of negative feedback: `text` is what issues are found by, `said` what is shown."""

    feedback_id: str
    text: str
    said: str
    user_id: str
    occur_time: datetime
    pattern_id: str


@dataclass(frozen=True, slots=True)
class Vote:
    """What of a vote a correction is measured by."""

    id: str
    occur_time: datetime
    answer: Answer
    negative: bool

    @property
    def order(self) -> tuple[datetime, str]:
        return self.occur_time, self.id


NEWEST_FIRST = [("occur_time", -1), ("_id", -1)]

_READ_AT_ONCE = 100

_MILLISECOND = timedelta(milliseconds=1)
_VOTES_AT_ONCE, _COMPLAINTS_AT_ONCE, _RECOUNTED_AT_ONCE, _REMOVED_AT_ONCE = 300, 300, 500, 200
"""About how many are read at once: more would hold up the event loop, or the database."""

# Apart from pattern and time: with one more condition beside them the embedded database leaves the index.
_VOTES: Document = {"state": FeedbackState.ACTIVE.value, "type": {"$in": [type.value for type in VOTES]}}
_VOTE_FIELDS = {"occur_time": 1, "sentiment": 1, "interaction.versions": 1, "interaction.create_time": 1}

_VISIBLE = [state.value for state in VISIBLE_STATES]

_EVIDENCE_FIELDS = dict.fromkeys(("type", "sentiment", "occur_time", "create_time", "writer", "revision"), 1)

_VERSIONS_FROM = 1000
"""From how much of a pattern's newest feedback the versions before a fix are taken."""


class FeedbackStore:
    """The collection `feedback`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._feedback = mongo.collection("feedback")
        self._clock = clock

    async def open(self) -> None:
        await self._feedback.create_index([("project", 1), *NEWEST_FIRST])
        await self._feedback.create_index([("pattern_id", 1), *NEWEST_FIRST])
        await self._feedback.create_index(
            [("project", 1), ("interaction.id", 1), ("user_id", 1), ("vote", 1)], unique=True
        )
        await self._feedback.create_index([("project", 1), ("user_id", 1), *NEWEST_FIRST])
        await self._feedback.create_index(
            [("project", 1), ("type", 1), *NEWEST_FIRST], where={"type": FeedbackType.CORRECTION.value}
        )

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

    async def votes(self, project: str, interaction_ids: Sequence[str], *, session: Session) -> list[StoredFeedback]:
        """The one votes of users on these interactions."""
        # An interaction has few; asked for votes alone the embedded database leaves the index and reads the project.
        documents = await self._feedback.find(
            {"project": project, "interaction.id": {"$in": list(interaction_ids)}}, session=session
        )
        return [to_feedback(document) for document in documents if not document["vote"]]

    async def page(
        self, project: str, filter: FeedbackFilter, last: Sequence[Any] | None, limit: int
    ) -> list[StoredFeedback]:
        """Feedback that matches, newest first, from the first after `last` (occur_time, id)."""
        equal: Document = {"project": project}
        if filter.pattern_id:
            equal = {"pattern_id": filter.pattern_id}
        elif filter.user_id:
            equal["user_id"] = filter.user_id
        elif filter.types == (FeedbackType.CORRECTION,):
            equal["type"] = FeedbackType.CORRECTION.value
        rest = _conditions(project, filter)
        most = filter.end_time - timedelta(milliseconds=1) if filter.end_time else None
        if last is not None:
            most = min(most, last[0]) if most else last[0]
            rest = {"$and": [rest, after(NEWEST_FIRST, last)]}
        documents = await self._feedback.find_newest(
            equal,
            "occur_time",
            rest=rest,
            least=filter.start_time,
            most=most,
            near=self._clock.now(),
            projection={"vector": 0},
            limit=limit,
        )
        return [to_feedback(document) for document in documents]

    async def newest_of_patterns(
        self, project: str, pattern_ids: Sequence[str], filter: FeedbackFilter, limit: int
    ) -> list[StoredFeedback]:
        """For each pattern its newest feedback that matches, at most `limit`."""
        rest = _conditions(project, filter)
        found: list[StoredFeedback] = []
        for pattern_id in pattern_ids:
            documents = await self._feedback.find_newest(
                {"pattern_id": pattern_id}, "occur_time", rest=rest, near=self._clock.now(), limit=limit
            )
            found += [to_feedback(document) for document in documents]
        return found

    async def newest_of_pattern(
        self, pattern_id: str, limit: int, *, width: timedelta, session: Session | None = None
    ) -> list[Evidence]:
        """The newest active feedback of a pattern, newest first.

        Args:
            pattern_id: The pattern.
            limit: How much at most.
            width: In how much of the newest time it is looked for first.
            session: The transaction to read in.
        """
        documents = await self._feedback.find_newest(
            {"pattern_id": pattern_id},
            "occur_time",
            rest={"state": FeedbackState.ACTIVE.value},
            near=self._clock.now(),
            width=width,
            projection=_EVIDENCE_FIELDS,
            limit=limit,
            session=session,
        )
        return [_evidence(document) for document in documents]

    async def answers_since(
        self, pattern_id: str, time: datetime, limit: int, *, session: Session | None = None
    ) -> AsyncIterator[tuple[Evidence, Answer]]:
        """The active feedback of a pattern that occurred at `time` or later, newest first, at most `limit`, and the
        answers that it is about; read as it is asked for."""
        rest: Document = {"state": FeedbackState.ACTIVE.value}
        most: datetime | None = None
        for read in range(0, limit, _READ_AT_ONCE):
            number = min(_READ_AT_ONCE, limit - read)
            documents = await self._feedback.find_newest(
                {"pattern_id": pattern_id},
                "occur_time",
                rest=rest,
                least=time,
                most=most,
                near=self._clock.now(),
                projection=_EVIDENCE_FIELDS | {"interaction.versions": 1, "interaction.create_time": 1},
                limit=number,
                session=session,
            )
            for document in documents:
                yield _evidence(document), _answer(document)
            if len(documents) < number:
                return
            most = documents[-1]["occur_time"]
            rest = {"state": FeedbackState.ACTIVE.value, **after(NEWEST_FIRST, [most, documents[-1]["_id"]])}

    async def count_negative_since(self, pattern_id: str, time: datetime, *, session: Session | None = None) -> int:
        """How much active negative feedback of a pattern was stored after `time`."""
        return await self._feedback.count(
            {
                "pattern_id": pattern_id,
                "state": FeedbackState.ACTIVE.value,
                "sentiment": Sentiment.NEGATIVE.value,
                "create_time": {"$gt": time},
            },
            session=session,
        )

    async def versions_before(self, pattern_id: str, time: datetime) -> frozenset[tuple[str, str]]:
        """The versions (name, value) on the newest feedback of a pattern that occurred before `time`."""
        return frozenset().union(*await self.versions_between(pattern_id, None, time))

    async def versions_between(
        self, pattern_id: str, start: datetime | None, end: datetime
    ) -> list[frozenset[tuple[str, str]]]:
        """The versions of each of the newest of a pattern's feedback that occurred from `start` and before `end`."""
        documents = await self._feedback.find_newest(
            {"pattern_id": pattern_id},
            "occur_time",
            least=start,
            most=end - _MILLISECOND,
            near=end,
            projection={"interaction.versions": 1},
            limit=_VERSIONS_FROM,
        )
        return [_versions(document) for document in documents]

    async def votes_between(
        self, pattern_id: str, start: datetime, end: datetime, *, session: Session
    ) -> tuple[int, int]:
        """How many active votes on a pattern occurred from `start` and before `end`, and how many are negative."""
        groups = await self._feedback.aggregate(
            [
                {"$match": {"pattern_id": pattern_id, "occur_time": {**since(start), "$lt": end}}},
                {"$match": _VOTES},
                {"$group": {"_id": "$sentiment", "votes": {"$sum": 1}}},
            ],
            session=session,
        )
        votes = {group["_id"]: group["votes"] for group in groups}
        return sum(votes.values()), votes.get(Sentiment.NEGATIVE.value, 0)

    async def votes_since(
        self, pattern_id: str, start: datetime, end: datetime | None, *, session: Session
    ) -> AsyncGenerator[list[Vote], None]:
        """The active votes on a pattern that occurred from `start` and, with an `end`, before it, oldest first.

        They come some hundreds at a time, so that it costs what is taken.
        """
        reading = self._feedback.oldest_first(
            {"pattern_id": pattern_id},
            "occur_time",
            start,
            end,
            near=self._clock.now(),
            rest=_VOTES,
            projection=_VOTE_FIELDS,
            number=_VOTES_AT_ONCE,
            session=session,
        )
        async with aclosing(reading):
            async for documents in reading:
                yield [
                    Vote(
                        id=document["_id"],
                        occur_time=document["occur_time"],
                        answer=_answer(document),
                        negative=document["sentiment"] == Sentiment.NEGATIVE.value,
                    )
                    for document in documents
                ]

    async def complaints(self, project: str, start: datetime, limit: int) -> list[Complaint]:
        """The words of active negative feedback that occurred at `start` or later, oldest first, at most `limit`."""
        found: list[Complaint] = []
        reading = self._feedback.oldest_first(
            {"project": project},
            "occur_time",
            start,
            None,
            near=self._clock.now(),
            rest={"state": FeedbackState.ACTIVE.value, "sentiment": Sentiment.NEGATIVE.value},
            projection={"comment": 1, "interaction.query": 1, "user_id": 1, "occur_time": 1, "pattern_id": 1},
            number=_COMPLAINTS_AT_ONCE,
            widest=DAY,
        )
        async with aclosing(reading):
            async for documents in reading:
                for document in documents:
                    comment, query = document["comment"], document["interaction"]["query"]
                    text = complaint(comment, query)
                    if text:
                        found.append(
                            Complaint(
                                feedback_id=document["_id"],
                                text=text,
                                said=comment or query,
                                user_id=document["user_id"],
                                occur_time=document["occur_time"],
                                pattern_id=document["pattern_id"],
                            )
                        )
                if len(found) >= limit:
                    break
        return found[:limit]

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

    async def everything(self, project: str, session: Session) -> AsyncIterator[StoredFeedback]:
        """All feedback of a project, oldest first, without the answers that it is about."""
        reading = self._feedback.oldest_first(
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

    async def newest_text_of_others(self, pattern_id: str, user_id: str) -> str:
        """The text of the newest active feedback of a pattern that is not this user's; empty without any."""
        documents = await self._feedback.find_newest(
            {"pattern_id": pattern_id},
            "occur_time",
            rest={"state": FeedbackState.ACTIVE.value, "user_id": {"$ne": user_id}},
            near=self._clock.now(),
            limit=1,
        )
        return to_feedback(documents[0]).text if documents else ""

    async def to_erase(self, project: str, user_id: str, before: datetime, limit: int) -> list[str]:
        """The ids of a user's feedback that was stored by a time and is not erased yet, at most `limit`."""
        documents = await self._feedback.find(
            {"project": project, "user_id": user_id, "create_time": {"$lte": before}, "state": {"$in": _VISIBLE}},
            projection={"_id": 1},
            limit=limit,
        )
        return [document["_id"] for document in documents]

    async def older_than(self, project: str, time: datetime) -> AsyncIterator[list[str]]:
        """The ids of all feedback that occurred before a time, erased or not, oldest first and some at a time."""
        reading = self._feedback.oldest_first(
            {"project": project},
            "occur_time",
            EARLIEST,
            time,
            near=self._clock.now(),
            rest={},
            projection={"occur_time": 1},
            number=_REMOVED_AT_ONCE,
        )
        async with aclosing(reading):
            async for documents in reading:
                yield [document["_id"] for document in documents]

    async def erased(self, project: str, user_id: str) -> AsyncIterator[StoredFeedback]:
        """A user's feedback that is erased and not deleted yet."""
        condition = {"project": project, "user_id": user_id, "state": FeedbackState.ERASED.value}
        async for document in self._feedback.stream(condition, projection={"interaction.response": 0}):
            yield to_feedback(document)

    async def delete_erased(self, ids: Sequence[str], session: Session) -> int:
        """Deletes those of this feedback that are erased; tells how many those were."""
        return await self._feedback.delete_many(
            {"_id": {"$in": list(ids)}, "state": FeedbackState.ERASED.value}, session=session
        )

    async def count(self, session: Session) -> int:
        """How much feedback there is in all projects."""
        return await self._feedback.count({}, session=session)


def pairs(mapping: Mapping[str, str]) -> list[Document]:
    """A map as it is stored."""
    return [{"k": key, "v": value} for key, value in mapping.items()]


def mapping(stored: Sequence[Document]) -> dict[str, str]:
    """A map as it was stored by `pairs`."""
    return {pair["k"]: pair["v"] for pair in stored}


def to_document(feedback: StoredFeedback) -> Document:
    interaction, content = feedback.interaction, feedback.content
    document: Document = {
        "_id": feedback.id,
        "project": feedback.project,
        "interaction": {
            "id": interaction.id,
            "query": interaction.query,
            "response": interaction.response,
            "model": interaction.model,
            "versions": pairs(interaction.versions),
            "create_time": interaction.create_time,
        },
        "type": content.type.value,
        "rating": None,
        "correction": None,
        "custom": content.custom_json,
        "comment": content.comment,
        "labels": pairs(content.labels),
        "user_id": feedback.user_id,
        "source": feedback.source,
        "occur_time": feedback.occur_time,
        "sentiment": feedback.sentiment.value,
        "pattern_id": feedback.pattern_id,
        "create_time": feedback.create_time,
        "update_time": feedback.update_time,
        "state": feedback.state.value,
        "vector": feedback.vector,
        "model_bucket": feedback.model_bucket,
        "source_bucket": feedback.source_bucket,
        "vote": feedback.vote,
        "writer": feedback.writer,
        "revision": feedback.revision,
        "requests": list(feedback.requests),
    }
    if content.rating is not None:
        document["rating"] = {
            "score": content.rating.score,
            "min": content.rating.min,
            "max": content.rating.max,
        }
    if content.correction is not None:
        document["correction"] = {
            "original": content.correction.original,
            "corrected": content.correction.corrected,
            "kind": content.correction.kind.value,
        }
    return document


def to_feedback(document: Document) -> StoredFeedback:
    interaction = document["interaction"]
    return StoredFeedback(
        id=document["_id"],
        project=document["project"],
        interaction=Interaction(
            id=interaction["id"],
            query=interaction["query"],
            response=interaction.get("response", ""),
            model=interaction["model"],
            versions=mapping(interaction["versions"]),
            create_time=interaction["create_time"],
        ),
        content=Content(
            type=FeedbackType(document["type"]),
            rating=Rating(**document["rating"]) if document["rating"] else None,
            correction=CorrectionValue(**document["correction"]) if document["correction"] else None,
            custom_json=document["custom"],
            comment=document["comment"],
            labels=mapping(document["labels"]),
        ),
        user_id=document["user_id"],
        source=document["source"],
        occur_time=document["occur_time"],
        sentiment=Sentiment(document["sentiment"]),
        pattern_id=document["pattern_id"],
        create_time=document["create_time"],
        update_time=document["update_time"],
        state=FeedbackState(document["state"]),
        vector=document.get("vector", b""),
        model_bucket=document["model_bucket"],
        source_bucket=document["source_bucket"],
        vote=document["vote"],
        writer=document["writer"],
        revision=document["revision"],
        requests=tuple(document.get("requests", ())),
    )


def vote_of(feedback: StoredFeedback) -> Vote | None:
    """A piece of feedback as `votes_since` gives it; None if it is no active vote."""
    if feedback.state is not FeedbackState.ACTIVE or feedback.content.type not in VOTES:
        return None
    return Vote(
        id=feedback.id,
        occur_time=feedback.occur_time,
        answer=feedback.answer,
        negative=feedback.sentiment is Sentiment.NEGATIVE,
    )


def _evidence(document: Document) -> Evidence:
    return Evidence(
        id=document["_id"],
        type=FeedbackType(document["type"]),
        sentiment=Sentiment(document["sentiment"]),
        occur_time=document["occur_time"],
        create_time=document["create_time"],
        writer=document["writer"],
        revision=document["revision"],
    )


def _answer(document: Document) -> Answer:
    return Answer(document["interaction"]["create_time"] or document["occur_time"], _versions(document))


def _versions(document: Document) -> frozenset[tuple[str, str]]:
    return frozenset((pair["k"], pair["v"]) for pair in document["interaction"]["versions"])


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_id"}


def _conditions(project: str, filter: FeedbackFilter) -> Document:
    """All that a filter asks for but its times."""
    query: Document = {"project": project, "state": {"$in": [state.value for state in filter.states]}}
    if filter.types:
        query["type"] = {"$in": [type.value for type in filter.types]}
    if filter.sentiments:
        query["sentiment"] = {"$in": [sentiment.value for sentiment in filter.sentiments]}
    for name, value in (
        ("pattern_id", filter.pattern_id),
        ("interaction.id", filter.interaction_id),
        ("user_id", filter.user_id),
        ("source", filter.source),
        ("interaction.model", filter.model),
    ):
        if value:
            query[name] = value
    if filter.labels:
        query["labels"] = {"$all": [{"$elemMatch": pair} for pair in pairs(filter.labels)]}
    return query
