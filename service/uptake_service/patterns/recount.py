"""The recount of patterns: that each is there, and what its shares hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from uptake_service.coordination.recount import Recount
from uptake_service.domain.feedback import OVERALL, FeedbackState, FeedbackType, Sentiment, StoredFeedback
from uptake_service.domain.project import Project
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.patterns.shares import ShareStore
from uptake_service.patterns.store import PatternStore

_COUNTS = ("total", "negative", "comments", "members")


@dataclass
class Numbers:
    """What a pattern's shares hold together, or what its feedback comes to.

    Attributes:
        foreign: How much has a vector of another embedder than the pattern's.
    """

    total: int = 0
    negative: int = 0
    comments: int = 0
    members: int = 0
    vector_sum: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    foreign: int = 0

    def count(self, feedback: StoredFeedback, embedder: str) -> None:
        if feedback.state is not FeedbackState.ACTIVE:
            return
        self.members += 1
        if feedback.score == OVERALL:
            self.total += 1
            self.negative += feedback.sentiment is Sentiment.NEGATIVE
            self.comments += feedback.content.type is FeedbackType.COMMENT
        if feedback.vector and feedback.embedder != embedder:
            self.foreign += 1
        elif feedback.vector:
            self.add_vector(np.frombuffer(feedback.vector, dtype=np.int8).astype(np.int64))

    def add_vector(self, vector: NDArray[np.int64]) -> None:
        # A share that no vector was counted in has no length.
        length = max(len(self.vector_sum), len(vector))
        self.vector_sum = _long(self.vector_sum, length) + _long(vector, length)


class PatternRecount(Recount):
    def __init__(self, mongo: Mongo) -> None:
        self._patterns = PatternStore(mongo)
        self._shares = ShareStore(mongo)
        self._embedder_of: dict[str, str] = {}
        self._stored: dict[str, Numbers] = {}
        self._counted: dict[str, Numbers] = {}
        self._first_embedder: dict[str, str] = {}

    async def read(self, session: Session) -> set[str]:
        self._embedder_of = await self._patterns.embedders(session)
        async for id, share in self._shares.scan(session):
            numbers = self._stored.setdefault(id, Numbers())
            for name in _COUNTS:
                setattr(numbers, name, getattr(numbers, name) + getattr(share, name))
            numbers.add_vector(share.vector_sum.astype(np.int64))
        return set()

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        id = feedback.pattern_id
        embedder = self._embedder_of.get(id)
        if embedder is None:
            # Of a pattern that is not there, that of its first feedback.
            embedder = self._first_embedder.setdefault(id, feedback.embedder)
        self._counted.setdefault(id, Numbers()).count(feedback, embedder)

    async def differences(self, session: Session) -> list[str]:
        found = [line for id in sorted(self._counted) for line in self._of_pattern(id)]
        for id in sorted(self._stored.keys() - self._counted.keys()):
            left = self._stored[id]
            if any(getattr(left, name) for name in _COUNTS) or left.vector_sum.any():
                found.append(f"pattern share of {id}: its pattern has no feedback")
        return found

    def _of_pattern(self, id: str) -> Iterator[str]:
        counted, stored = self._counted[id], self._stored.get(id, Numbers())
        if id not in self._embedder_of:
            yield f"pattern {id}: has feedback but is not there"
        for name in _COUNTS:
            have, want = getattr(stored, name), getattr(counted, name)
            if have != want:
                yield f"pattern {id}: {name} is {have}, feedback says {want}"
        if counted.foreign:
            yield f"pattern {id}: {counted.foreign} of its feedback have vectors of another embedder"
        length = max(len(counted.vector_sum), len(stored.vector_sum))
        if not np.array_equal(_long(counted.vector_sum, length), _long(stored.vector_sum, length)):
            yield f"pattern {id}: its vector sum is not that of its feedback"


def _long(vector_sum: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """A vector sum with zeros up to a length; one without a vector is as long as is asked."""
    return np.pad(vector_sum, (0, length - len(vector_sum)))
