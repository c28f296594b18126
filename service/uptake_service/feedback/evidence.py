"""What the trigger and verdicts read of feedback: votes and corrections of one pattern, by when they occurred."""

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from uptake_service.domain.clock import Clock, just_before
from uptake_service.domain.feedback import (
    OVERALL,
    VOTES,
    Answer,
    CorrectionKind,
    Evidence,
    FeedbackState,
    FeedbackType,
    Sentiment,
    StoredFeedback,
    voter_of,
)
from uptake_service.feedback.documents import NEWEST_FIRST, versions_of
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, since
from uptake_service.mongo.paging import (
    after,
)
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.session import Session

# Apart from pattern and time: with one more condition beside them the embedded database leaves the index.
_VOTES: Document = {
    "state": FeedbackState.ACTIVE.value,
    "type": {"$in": [type.value for type in VOTES]},
    "score": {"$in": [OVERALL, None]},
}
_VOTE_FIELDS = dict.fromkeys(
    (
        *("occur_time", "sentiment", "user_id"),
        *("interaction.id", "interaction.versions", "interaction.create_time"),
    ),
    1,
)

_EVIDENCE_FIELDS = dict.fromkeys(
    (
        *("type", "sentiment", "occur_time", "create_time", "writer", "revision"),
        *("user_id", "interaction.id", "score", "correction.kind"),
    ),
    1,
)

_ANSWERS_AT_ONCE, _VOTES_AT_ONCE = 100, 300
"""About how many are read at once: more would hold up the event loop, or the database."""

_VERSIONS_FROM = 1000
"""From how much of a pattern's newest feedback the versions before a fix are taken."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What of a vote a correction is measured by."""

    id: str
    occur_time: datetime
    answer: Answer
    negative: bool
    voter: str

    @property
    def order(self) -> tuple[datetime, str]:
        return self.occur_time, self.id


def vote_of(feedback: StoredFeedback) -> Vote | None:
    """A piece of feedback as `votes_since` gives it; None if it is no active vote of the overall score."""
    if feedback.state is not FeedbackState.ACTIVE or feedback.content.type not in VOTES or feedback.score != OVERALL:
        return None
    return Vote(
        id=feedback.id,
        occur_time=feedback.occur_time,
        answer=feedback.answer,
        negative=feedback.sentiment is Sentiment.NEGATIVE,
        voter=feedback.voter,
    )


class FeedbackEvidence:
    """Reads of the collection `feedback`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._feedback = mongo.collection("feedback")
        self._scans = TimeScans(self._feedback)
        self._clock = clock

    async def newest_of_pattern(
        self,
        pattern_id: str,
        scores: Sequence[str],
        limit: int,
        *,
        width: timedelta,
        but_of: Collection[tuple[str, bool]] = (),
        before: Evidence | None = None,
        session: Session | None = None,
    ) -> list[Evidence]:
        """The newest active feedback of a pattern that says something of its answers, newest first.

        Args:
            pattern_id: The pattern.
            scores: Of which scores.
            limit: How much at most.
            width: In how much of the newest time it is looked for first.
            but_of: Voters whose votes (True) or corrections (False) are not looked for.
            before: Only what is older than this.
            session: The transaction to read in.
        """
        rest = _evidence_of(scores)
        if but_of:
            rest = {"$and": [rest, *_not_of(but_of)]}
        if before is not None:
            rest = {"$and": [rest, after(NEWEST_FIRST, [before.occur_time, before.id])]}
        documents = await self._scans.newest(
            {"pattern_id": pattern_id},
            "occur_time",
            rest=rest,
            most=before.occur_time if before else None,
            near=self._clock.now(),
            width=width,
            projection=_EVIDENCE_FIELDS,
            limit=limit,
            session=session,
        )
        return [_evidence(document) for document in documents]

    async def answers_since(
        self,
        pattern_id: str,
        scores: Sequence[str],
        time: datetime,
        limit: int,
        enough: Collection[tuple[str, bool]] = (),
        *,
        session: Session | None = None,
    ) -> AsyncGenerator[tuple[Evidence, Answer], None]:
        """The active feedback of a pattern that says something of its answers, of these scores, that occurred at `time`
        or later, newest first, at most `limit`, and the answers that it is about; read as it is asked for.

        Then as much again without the votes (True) and corrections (False) of voters who are in `enough` at that time,
        if any are.
        """
        most: datetime | None = None
        last: list[Any] = []
        for read in range(0, 2 * limit, _ANSWERS_AT_ONCE):
            number = min(_ANSWERS_AT_ONCE, limit - read % limit)
            rest = _evidence_of(scores)
            if read >= limit:
                if not enough:
                    return
                rest = {"$and": [rest, *_not_of(enough)]}
            if last:
                rest = {"$and": [rest, after(NEWEST_FIRST, last)]}
            documents = await self._scans.newest(
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
            last = [most, documents[-1]["_id"]]

    async def negatives_since(
        self, pattern_id: str, scores: Sequence[str], time: datetime, *, session: Session | None = None
    ) -> Counter[str]:
        """How much active negative feedback of a pattern, of these scores, was stored after `time`, by voter."""
        condition = {
            "pattern_id": pattern_id,
            "state": FeedbackState.ACTIVE.value,
            "sentiment": Sentiment.NEGATIVE.value,
            "score": _of_scores(scores),
            "create_time": {"$gt": time},
        }
        voters: Counter[str] = Counter()
        for users, voter in (({"$gt": ""}, "user_id"), ("", "interaction.id")):
            groups = await self._feedback.aggregate(
                [
                    {"$match": condition | {"user_id": users}},
                    {"$group": {"_id": f"${voter}", "negatives": {"$sum": 1}}},
                ],
                session=session,
            )
            for group in groups:
                name = voter_of(group["_id"], "") if voter == "user_id" else voter_of("", group["_id"])
                voters[name] += group["negatives"]
        return voters

    async def versions_before(self, pattern_id: str, time: datetime) -> frozenset[tuple[str, str]]:
        """The versions (name, value) on the newest feedback of a pattern that occurred before `time`."""
        return frozenset().union(*await self.versions_between(pattern_id, None, time))

    async def versions_between(
        self, pattern_id: str, start: datetime | None, end: datetime
    ) -> list[frozenset[tuple[str, str]]]:
        """The versions of each of the newest of a pattern's feedback that occurred from `start` and before `end`."""
        documents = await self._scans.newest(
            {"pattern_id": pattern_id},
            "occur_time",
            rest={"state": {"$ne": FeedbackState.ERASED.value}},
            least=start,
            most=just_before(end),
            near=end,
            projection={"interaction.versions": 1},
            limit=_VERSIONS_FROM,
        )
        return [versions_of(document) for document in documents]

    async def votes_between(
        self, pattern_id: str, start: datetime, end: datetime, *, session: Session
    ) -> Counter[tuple[int | None, bool]]:
        """How many active votes on a pattern occurred from `start` and before `end`, by bucket of voters and by whether
        they are negative."""
        groups = await self._feedback.aggregate(
            [
                {"$match": {"pattern_id": pattern_id, "occur_time": {**since(start), "$lt": end}}},
                {"$match": _VOTES},
                {"$group": {"_id": {"bucket": "$voter_bucket", "sentiment": "$sentiment"}, "votes": {"$sum": 1}}},
            ],
            session=session,
        )
        votes: Counter[tuple[int | None, bool]] = Counter()
        for group in groups:
            by = group["_id"]
            votes[by.get("bucket"), by["sentiment"] == Sentiment.NEGATIVE.value] += group["votes"]
        return votes

    async def votes_since(
        self, pattern_id: str, start: datetime, end: datetime | None, *, session: Session
    ) -> AsyncGenerator[list[Vote], None]:
        """The active votes on a pattern that occurred from `start` and, with an `end`, before it, oldest first.

        They come some hundreds at a time, so that it costs what is taken.
        """
        reading = self._scans.oldest_first(
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
                        voter=_voter(document),
                    )
                    for document in documents
                ]


def _evidence(document: Document) -> Evidence:
    return Evidence(
        id=document["_id"],
        type=FeedbackType(document["type"]),
        sentiment=Sentiment(document["sentiment"]),
        occur_time=document["occur_time"],
        create_time=document["create_time"],
        writer=document["writer"],
        revision=document["revision"],
        voter=_voter(document),
        score=document.get("score", OVERALL),
        kind=CorrectionKind(document["correction"]["kind"]) if document.get("correction") else None,
    )


def _evidence_of(scores: Sequence[str]) -> Document:
    """What of a pattern's feedback tells whether its answers are bad; the first edition's has no score."""
    return {
        "state": FeedbackState.ACTIVE.value,
        "type": {"$ne": FeedbackType.COMMENT.value},
        "score": _of_scores(scores),
    }


def _voter(document: Document) -> str:
    return voter_of(document["user_id"], document["interaction"]["id"])


def _not_of(enough: Collection[tuple[str, bool]]) -> list[Document]:
    """That feedback is none of these voters' votes (True) or corrections (False); for voters see `voter_of`."""
    conditions: list[Document] = []
    for of_votes, others in ((True, FeedbackType.CORRECTION.value), (False, {"$ne": FeedbackType.CORRECTION.value})):
        named = sorted(voter.partition("/")[::2] for voter, is_vote in enough if is_vote is of_votes)
        users, interactions = ([name for of, name in named if of == kind] for kind in ("user", "interaction"))
        if users:
            conditions.append({"$or": [{"type": others}, {"user_id": {"$nin": users}}]})
        if interactions:
            unnamed: list[Document] = [{"user_id": {"$ne": ""}}, {"interaction.id": {"$nin": interactions}}]
            conditions.append({"$or": [{"type": others}, *unnamed]})
    return conditions


def _of_scores(scores: Sequence[str]) -> Document:
    return {"$in": [*scores, None] if OVERALL in scores else list(scores)}


def _answer(document: Document) -> Answer:
    return Answer(document["interaction"]["create_time"] or document["occur_time"], versions_of(document))
