"""Shares: what each writer put into each pattern.

A pattern's numbers are the sum of its shares and of what the delta log holds of them, so that replicas never contend
for them.
"""

import string
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from uptake_service.coordination.leases import Writers
from uptake_service.domain.feedback import OVERALL, FeedbackState, FeedbackType, Sentiment, StoredFeedback, Transition
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.projections.delta_log import DeltaLog

_PARTS = [{"$gte": digit, "$lt": digit + "~"} for digit in string.hexdigits[:16]]
"""Conditions for patterns' ids, which are hashes: for each a sixteenth of them."""

VectorSum = NDArray[np.int8] | NDArray[np.int16] | NDArray[np.int32]


@dataclass(slots=True)
class Share:
    """What one writer put into one pattern.

    Attributes:
        total: Its feedback of the overall score.
        negative: The negative ones of these.
        comments: Those of them that say nothing of the answer.
        members: Its feedback of all scores: what `vector_sum` is of.
    """

    project: str
    total: int
    negative: int
    comments: int
    members: int
    vector_sum: VectorSum


@dataclass
class ShareChange:
    """What a batch changes of a share. Its vector sum has no length until a vector is counted."""

    project: str
    vector_sum: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    total: int = 0
    negative: int = 0
    comments: int = 0
    members: int = 0

    def count(self, feedback: StoredFeedback, sign: int) -> None:
        """Puts in (+1) or takes out (-1) one piece of feedback; what is not active has no share."""
        if feedback.state is not FeedbackState.ACTIVE:
            return
        self.members += sign
        if feedback.score == OVERALL:
            self.total += sign
            self.negative += sign * (feedback.sentiment is Sentiment.NEGATIVE)
            self.comments += sign * (feedback.content.type is FeedbackType.COMMENT)
        if feedback.vector:
            self.vector_sum = added(
                self.vector_sum, sign * np.frombuffer(feedback.vector, dtype=np.int8).astype(np.int32)
            )

    def applied_to(self, share: Share | None) -> Share:
        """The share with this change; None is a writer that put nothing in before."""
        if share is None:
            vector_sum = _compact(self.vector_sum)
            return Share(self.project, self.total, self.negative, self.comments, self.members, vector_sum)
        return Share(
            self.project,
            share.total + self.total,
            share.negative + self.negative,
            share.comments + self.comments,
            share.members + self.members,
            _compact(added(share.vector_sum, self.vector_sum)),
        )

    def plus(self, other: "ShareChange") -> "ShareChange":
        """This change and another of the same share."""
        return ShareChange(
            self.project,
            added(self.vector_sum, other.vector_sum),
            self.total + other.total,
            self.negative + other.negative,
            self.comments + other.comments,
            self.members + other.members,
        )

    @classmethod
    def of(cls, document: Document) -> "ShareChange":
        """The change that the delta log holds."""
        return cls(
            document["project"],
            _unpacked(document["vector_sum"]),
            document["total"],
            document["negative"],
            _comments(document),
            _members(document),
        )

    def document(self, pattern_id: str) -> Document:
        """The change as the delta log holds it."""
        return {
            "pattern": pattern_id,
            "project": self.project,
            "total": self.total,
            "negative": self.negative,
            "comments": self.comments,
            "members": self.members,
            "vector_sum": _packed(self.vector_sum),
        }

    @property
    def empty(self) -> bool:
        return not (self.total or self.negative or self.comments or self.members or self.vector_sum.any())


class ShareStore(Store):
    """The collection `pattern_shares`: {_id, pattern, writer, project, total, negative, comments, members, vector_sum,
    revision}, with the vectors of the pattern's embedder."""

    TEXTS = (texts("pattern_shares", Holds.NONE, "_id", "pattern", "project"),)
    INDEXES = (
        Index("pattern_shares", (("writer", 1), ("revision", 1))),
        Index("pattern_shares", (("pattern", 1),)),
    )

    def __init__(self, mongo: Mongo) -> None:
        self._shares = mongo.collection("pattern_shares")
        self._log = DeltaLog(mongo)
        self._writers = Writers(mongo)

    async def members(self, ids: Sequence[str], projects: Collection[str], session: Session) -> Counter[str]:
        """How much feedback, of whatever score, each of these patterns of these projects has, as committed."""
        shares = await self._shares.find(
            {"pattern": {"$in": list(ids)}}, projection={"pattern": 1, "members": 1, "total": 1}, session=session
        )
        members: Counter[str] = Counter()
        unfolded = await self._log.shares(sorted(projects), "members", session=session)
        for share in (*shares, *(change for change in unfolded if change["pattern"] in ids)):
            members[share["pattern"]] += _members(share)
        return members

    async def since(self, writer: int, revision: int, session: Session) -> dict[str, Share]:
        """A writer's shares, by pattern, that were written after a revision of its slot; all of them in parts: read at
        once they may take longer than a statement may."""
        shares: dict[str, Share] = {}
        for part in [{}] if revision else [{"pattern": ids} for ids in _PARTS]:
            condition = {**part, "writer": writer, "revision": {"$gt": revision}}
            for document in await self._shares.find(condition, session=session):
                shares[document["pattern"]] = _share(document)
        return shares

    async def folded_since(self, writer: int, revision: int, session: Session | None) -> set[str]:
        """The patterns whose shares a slot's commits after `revision` changed, of those that are folded in."""
        shares = await self._shares.find(
            {"writer": writer, "revision": {"$gt": revision}}, projection={"pattern": 1}, session=session
        )
        return {share["pattern"] for share in shares}

    async def changed_since(self, revisions: Mapping[int, int], session: Session | None = None) -> set[str]:
        """The patterns of which feedback was written after these revisions of the writers' slots."""
        changed: set[str] = set()
        for writer, revision in (await self._writers.revisions(session)).items():
            known = revisions.get(writer, 0)
            if revision > known:
                # In this order: what is folded between the two is then found as a share.
                changed |= await self._log.patterns_since(writer, known, session)
                changed |= await self.folded_since(writer, known, session)
        return changed

    async def scan(self, session: Session) -> AsyncIterator[tuple[str, Share]]:
        """Every share, by the pattern's id, and then what the delta log holds of any."""
        for document in await self._shares.find({}, session=session):
            yield document["pattern"], _share(document)
        async for change in self._log.scan("shares", session):
            yield change["pattern"], ShareChange.of(change).applied_to(None)

    def places(self, changes: Sequence[Document]) -> set[object]:
        return {change["pattern"] for change in changes}

    async def fold(self, changes: Sequence[tuple[int, Document]], writer: int, session: Session) -> None:
        by_pattern: dict[str, ShareChange] = {}
        revision_of: dict[str, int] = {}
        for revision, document in changes:
            id, change = document["pattern"], ShareChange.of(document)
            known = by_pattern.get(id)
            by_pattern[id] = change if known is None else known.plus(change)
            revision_of[id] = revision
        await self.write(by_pattern, revision_of, writer, session)

    async def write(
        self, changes: Mapping[str, ShareChange], revision_of: Mapping[str, int], writer: int, session: Session
    ) -> None:
        """Adds changes to a writer's shares of patterns.

        Args:
            changes: What changes, by pattern.
            revision_of: For each pattern the last revision of the slot whose commit is among that.
            writer: The slot.
            session: The transaction.
        """
        shares: dict[str, Share] = {}
        for some in chunked([f"{id}/{writer}" for id in sorted(changes)]):
            for document in await self._shares.find({"_id": {"$in": some}}, session=session):
                shares[document["pattern"]] = _share(document)
        shares = {id: change.applied_to(shares.get(id)) for id, change in changes.items()}
        await self._shares.update_each(
            [
                (
                    {"_id": f"{pattern_id}/{writer}"},
                    {
                        "$set": {
                            "pattern": pattern_id,
                            "writer": writer,
                            "project": share.project,
                            "total": share.total,
                            "negative": share.negative,
                            "comments": share.comments,
                            "members": share.members,
                            "vector_sum": _packed(share.vector_sum),
                            "revision": revision_of[pattern_id],
                        }
                    },
                )
                for pattern_id, share in shares.items()
            ],
            upsert=True,
            session=session,
        )


def _share(document: Document) -> Share:
    return Share(
        document["project"],
        document["total"],
        document["negative"],
        _comments(document),
        _members(document),
        _compact(_unpacked(document["vector_sum"])),
    )


def _members(share: Document) -> int:
    """The members of a share; the first edition counted none apart from the total."""
    members: int = share["members"] if "members" in share else share["total"]
    return members


def _comments(share: Document) -> int:
    """The comments of a share; the first edition had none."""
    comments: int = share.get("comments", 0)
    return comments


def share_changes(transitions: Sequence[Transition]) -> dict[str, ShareChange]:
    """What a batch changes of its writer's shares, by pattern."""
    changes: dict[str, ShareChange] = {}

    def count(feedback: StoredFeedback, sign: int) -> None:
        change = changes.get(feedback.pattern_id)
        if change is None:
            change = changes[feedback.pattern_id] = ShareChange(feedback.project)
        change.count(feedback, sign)

    # A vote that moved in time leaves its pattern's numbers as they are, but not what is measured by it.
    touched: set[str] = set()
    for before, after in transitions:
        if before is not None:
            count(before, -1)
            touched |= {before.pattern_id, after.pattern_id}
        count(after, +1)
    return {id: change for id, change in changes.items() if id in touched or not change.empty}


def added(one: VectorSum, other: VectorSum) -> NDArray[np.int32]:
    """The sum of two vector sums, of which one may hold no vector yet.

    Those of two lengths are of two embedders, which only two versions of the service that start the same pattern at
    the same time can bring about; the first then stays what it is.
    """
    if not len(one):
        return other.astype(np.int32)
    return one.astype(np.int32) + other if len(one) == len(other) else one.astype(np.int32)


def _compact(vector_sum: NDArray[np.int32]) -> VectorSum:
    """A vector sum for memory, in the smallest whole numbers that hold it: most patterns have few members."""
    most = int(np.abs(vector_sum).max(initial=0))
    if most <= np.iinfo(np.int8).max:
        return vector_sum.astype(np.int8)
    if most <= np.iinfo(np.int16).max:
        return vector_sum.astype(np.int16)
    return vector_sum.copy()


def _packed(vector_sum: VectorSum) -> bytes:
    return vector_sum.astype("<i4").tobytes()


def _unpacked(stored: bytes) -> NDArray[np.int32]:
    return np.frombuffer(stored, dtype="<i4").astype(np.int32)
