"""What users said in feedback: for those who look for issues, and for those who erase."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from uptake_service.domain.clock import DAY, Clock
from uptake_service.domain.feedback import (
    OVERALL,
    FeedbackState,
    Sentiment,
    complaint,
    grouping_text,
    has_own_words,
)
from uptake_service.domain.ids import new_id
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.session import Session

_COMPLAINT_FIELDS = dict.fromkeys(("score", "comment", "interaction.query", "user_id", "occur_time", "pattern_id"), 1)

_SAID_FIELDS = dict.fromkeys(
    (
        *("pattern_id", "interaction.query", "comment"),
        *("statements.interaction.query", "statements.comment"),
    ),
    1,
)

_WORD_FIELDS = dict.fromkeys(
    (
        *("pattern_id", "user_id", "comment", "custom", "labels", "correction", "interaction"),
        *("statements.comment", "statements.custom", "statements.labels", "statements.interaction"),
    ),
    1,
)
_SPOKEN_FIELDS = dict.fromkeys(
    (
        *("user_id", "comment", "custom", "labels", "correction", "interaction.query"),
        *("statements.comment", "statements.custom", "statements.labels", "statements.interaction.query"),
    ),
    1,
)

_COMPLAINTS_AT_ONCE = 300
"""About how many are read at once: more would hold up the event loop, or the database."""


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
class Said:
    """What the user says in one piece of feedback, without the answer that it is about.

    Attributes:
        earlier: Query and comment of each vote that it came of, where there were several.
    """

    feedback_id: str
    pattern_id: str
    query: str
    comment: str
    earlier: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The text that it is grouped by; empty if there is none."""
        return grouping_text(self.query, self.comment)

    @property
    def texts(self) -> set[str]:
        """What it is grouped by, and was before another vote."""
        return {self.text, *(grouping_text(*each) for each in self.earlier)} - {""}

    @property
    def complaints(self) -> tuple[str, ...]:
        return tuple(complaint(comment, query) for query, comment in ((self.query, self.comment), *self.earlier))


@dataclass(frozen=True, slots=True)
class ErasedFeedback:
    """What has to be looked for elsewhere once feedback is erased.

    Attributes:
        said: What the user says, with what names the user, in all fields and in all that the vote came of.
        quoted: What the user quotes of the answer.
        answers: What the product said.
        versions: The versions (name, value) of the answers.
    """

    feedback_id: str
    pattern_id: str
    said: tuple[str, ...]
    quoted: tuple[str, ...]
    answers: str
    versions: frozenset[tuple[str, str]]


class FeedbackWords:
    """Reads of the collection `feedback`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._feedback = mongo.collection("feedback")
        self._scans = TimeScans(self._feedback)
        self._clock = clock

    async def complaints(self, project: str, start: datetime, limit: int) -> list[Complaint]:
        """The words of active negative feedback that occurred at `start` or later, oldest first, at most `limit`."""
        found: list[Complaint] = []
        reading = self._scans.oldest_first(
            {"project": project},
            "occur_time",
            start,
            None,
            near=self._clock.now(),
            rest={"state": FeedbackState.ACTIVE.value, "sentiment": Sentiment.NEGATIVE.value},
            projection=_COMPLAINT_FIELDS,
            number=_COMPLAINTS_AT_ONCE,
            widest=7 * DAY,
        )
        async with aclosing(reading):
            async for documents in reading:
                for document in documents:
                    comment, query = document["comment"], document["interaction"]["query"]
                    if has_own_words(document.get("score", OVERALL), comment, query):
                        found.append(
                            Complaint(
                                feedback_id=document["_id"],
                                text=complaint(comment, query),
                                said=comment or query,
                                user_id=document["user_id"],
                                occur_time=document["occur_time"],
                                pattern_id=document["pattern_id"],
                            )
                        )
                if len(found) >= limit:
                    break
        return found[:limit]

    async def newest_said(
        self,
        pattern_id: str,
        *,
        but: Collection[str] = (),
        since: datetime | None = None,
        session: Session | None = None,
    ) -> Said | None:
        """What the newest active feedback of a pattern says, of that which has words; None without any.

        Args:
            pattern_id: The pattern.
            but: Feedback that does not count, by id.
            since: What occurred before does not count either.
            session: The transaction to read in.
        """
        rest: Document = {
            "state": FeedbackState.ACTIVE.value,
            "$or": [{"interaction.query": {"$gt": ""}}, {"comment": {"$gt": ""}}],
        }
        if but:
            rest["_id"] = {"$nin": list(but)}
        if since:
            rest["occur_time"] = {"$gte": since}
        # Of a pattern that nothing is left of, this is one question instead of one for each span of time.
        any_left = {"pattern_id": pattern_id, **rest}
        if not await self._feedback.find(any_left, projection={"_id": 1}, limit=1, session=session):
            return None
        documents = await self._scans.newest(
            {"pattern_id": pattern_id},
            "occur_time",
            rest=rest,
            near=self._clock.now(),
            projection=_SAID_FIELDS,
            limit=1,
            session=session,
        )
        return _said(documents[0]) if documents else None

    async def said(self, project: str, ids: Sequence[str], state: FeedbackState) -> list[Said]:
        """What those of this feedback say that are in a state."""
        documents = await self._feedback.find(
            {"_id": {"$in": list(ids)}, "project": project, "state": state.value}, projection=_SAID_FIELDS
        )
        return [_said(document) for document in documents]

    async def seen(self, project: str, ids: Sequence[str], session: Session) -> set[str]:
        """Those of `ids` that the project has and that are not erased."""
        if not ids:
            return set()
        condition = {"_id": {"$in": list(ids)}, "project": project, "state": {"$ne": FeedbackState.ERASED.value}}
        documents = await self._feedback.find(condition, projection={"_id": 1}, session=session)
        return {document["_id"] for document in documents}

    async def hold(self, ids: Sequence[str], session: Session) -> None:
        """Makes a transaction that shows this feedback's words elsewhere, or names it, conflict with one that erases
        it."""
        change = {"$set": {"held": new_id()}}
        await self._feedback.update_each([({"_id": id}, change) for id in ids], session=session)

    async def erased_words(self, project: str, ids: Sequence[str]) -> AsyncIterator[ErasedFeedback]:
        """What has to be looked for elsewhere of those of this feedback that are erased."""
        condition = {"_id": {"$in": list(ids)}, "project": project, "state": FeedbackState.ERASED.value}
        for document in await self._feedback.find(condition, projection=_WORD_FIELDS):
            yield _erased_feedback(document)

    async def spoken(self, project: str, but_of: str, limit: int) -> AsyncIterator[list[str]]:
        """What users say in feedback that is not erased, at most `limit` pieces.

        Args:
            project: The project.
            but_of: A user whose feedback is left out; empty for nobody.
            limit: How many at most.
        """
        condition: Document = {"project": project, "state": {"$ne": FeedbackState.ERASED.value}}
        if but_of:
            condition["user_id"] = {"$ne": but_of}
        left = limit
        async for document in self._feedback.stream(condition, projection=_SPOKEN_FIELDS):
            words = _erased_feedback(document)
            yield [*words.said, *words.quoted]
            left -= 1
            if not left:
                return

    async def values(self, ids: Sequence[str], session: Session) -> set[tuple[str, str]]:
        """Under which values this feedback was counted: pairs of a list of the project's and a value."""
        names = {"models": "model_bucket", "sources": "source_bucket", "scores": "score_bucket"}
        documents = await self._feedback.find(
            {"_id": {"$in": list(ids)}}, projection=dict.fromkeys(names.values(), 1), session=session
        )
        return {(kind, document[name]) for document in documents for kind, name in names.items() if document.get(name)}


def _said(document: Document) -> Said:
    return Said(
        feedback_id=document["_id"],
        pattern_id=document["pattern_id"],
        query=document["interaction"]["query"],
        comment=document["comment"],
        earlier=tuple(
            (statement["interaction"]["query"], statement["comment"]) for statement in document.get("statements", ())
        ),
    )


def _erased_feedback(document: Document) -> ErasedFeedback:
    correction = document.get("correction") or {}
    said, answers, versions = (
        [document["user_id"], correction.get("corrected", "")],
        list[str](),
        set[tuple[str, str]](),
    )
    for vote in (document, *document.get("statements", ())):
        interaction = vote["interaction"]
        said += [vote["comment"], interaction["query"], *strings_of(vote["custom"])]
        said += [text for pair in vote["labels"] for text in pair.values()]
        answers += [interaction.get("response", ""), *interaction.get("contexts", ())]
        for turn in interaction.get("history", ()):
            (said if turn["role"] == "user" else answers).append(turn["content"])
        versions |= {(pair["k"], pair["v"]) for pair in interaction.get("versions", ())}
    return ErasedFeedback(
        document["_id"],
        document.get("pattern_id", ""),
        tuple(said),
        (correction.get("original", ""),),
        "\n".join(answers),
        frozenset(versions),
    )


def strings_of(custom_json: str | None) -> list[str]:
    """All strings of a custom value, names too."""
    found: list[str] = []
    left = [json.loads(custom_json)] if custom_json else []
    while left:
        match left.pop():
            case str(text):
                found.append(text)
            case dict(members):
                found += members
                left += members.values()
            case list(items):
                left += items
    return found
