"""Feedback on queries that ask what a given one asks: the nearest patterns, then their feedback by its own vector.

Vectors of two embedders are never compared. A query is embedded by each embedder that finds something with it and that
the project's patterns began with.
"""

from collections.abc import Mapping

from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.feedback import VISIBLE_STATES, FeedbackFilter, StoredFeedback
from uptake_service.embedding.embedders import FIRST_EDITION
from uptake_service.feedback.store import FeedbackStore
from uptake_service.patterns.patterns import Patterns
from uptake_service.patterns.similarity import similarities

_PATTERNS = 10
"""How many of the nearest patterns are looked at."""

_CANDIDATES = 50
"""How many of each pattern's newest feedback are looked at, at least."""


class SimilarFeedback:
    def __init__(self, feedback: FeedbackStore, patterns: Patterns) -> None:
        self._feedback = feedback
        self._patterns = patterns

    async def to_query(
        self, project: str, query: str, filter: FeedbackFilter, limit: int
    ) -> list[tuple[StoredFeedback, float]]:
        """Feedback with its cosine similarity to a query, most similar first, as much as a page has room for."""
        vectors, pattern_ids = await self._patterns.nearest(project, query, _PATTERNS)
        return await self._rank(project, vectors, pattern_ids, filter, limit, "")

    async def to_feedback(
        self, project: str, id: str, filter: FeedbackFilter, limit: int
    ) -> list[tuple[StoredFeedback, float]]:
        """The same for what a piece of feedback is about; that one is left out.

        Raises:
            DomainError: The project has no such feedback.
        """
        return await self._like(await self._feedback.get(project, id), filter, limit)

    async def to_interaction(
        self, project: str, id: str, filter: FeedbackFilter, limit: int
    ) -> list[tuple[StoredFeedback, float]]:
        """The same for an interaction, by its newest feedback.

        Raises:
            DomainError: The project has no feedback on it.
        """
        newest = await self._feedback.first(project, FeedbackFilter(interaction_id=id, states=VISIBLE_STATES), 1)
        if not newest:
            raise DomainError(
                Reason.ERROR_REASON_FEEDBACK_NOT_FOUND,
                f"the project has no feedback on interaction {id!r}",
                metadata={"interaction_id": id},
            )
        return await self.to_feedback(project, newest[0].id, filter, limit)

    async def _like(
        self, reference: StoredFeedback, filter: FeedbackFilter, limit: int
    ) -> list[tuple[StoredFeedback, float]]:
        vectors, nearest = await self._patterns.nearest(reference.project, reference.text, _PATTERNS)
        # Its own vector is by its pattern's embedder, which its text need not have today.
        vectors[reference.embedder] = reference.vector
        pattern_ids = list(dict.fromkeys([reference.pattern_id, *nearest]))
        return await self._rank(reference.project, vectors, pattern_ids, filter, limit, reference.id)

    async def _rank(
        self,
        project: str,
        vectors: Mapping[str, bytes],
        pattern_ids: list[str],
        filter: FeedbackFilter,
        limit: int,
        left_out: str,
    ) -> list[tuple[StoredFeedback, float]]:
        candidates = [
            row
            for row in await self._feedback.candidates(project, pattern_ids, filter, max(limit + 1, _CANDIDATES))
            if row["_id"] != left_out
        ]
        # Only vectors of one embedder are compared; what none of the query's is for has no similarity.
        scores = dict.fromkeys((row["_id"] for row in candidates), 0.0)
        for embedder, vector in vectors.items():
            of_it = [row for row in candidates if row.get("embedder", FIRST_EDITION) == embedder]
            for row, score in zip(of_it, similarities(vector, [row.get("vector", b"") for row in of_it]), strict=True):
                scores[row["_id"]] = score
        candidates.sort(key=lambda row: (scores[row["_id"]], row["occur_time"], row["_id"]), reverse=True)
        return [(each, scores[each.id]) for each in await self._feedback.whole(candidates[:limit])]
