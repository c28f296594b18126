"""Feedback on queries that ask what a given one asks: the nearest patterns, then their feedback by its own vector."""

from uptake_service.errors import Reason, not_found
from uptake_service.feedback.model import VISIBLE_STATES, FeedbackFilter, StoredFeedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.patterns.store import Patterns, similarities

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
        """Feedback with its cosine similarity to a query, most similar first."""
        vector, pattern_ids = await self._patterns.nearest(project, query, _PATTERNS)
        return await self._rank(project, vector, pattern_ids, filter, limit, "")

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
        any_state = FeedbackFilter(interaction_id=id, states=VISIBLE_STATES)
        newest = await self._feedback.page(project, any_state, None, 1)
        if not newest:
            raise not_found(Reason.ERROR_REASON_FEEDBACK_NOT_FOUND, "feedback on interaction", id)
        return await self.to_feedback(project, newest[0].id, filter, limit)

    async def _like(
        self, reference: StoredFeedback, filter: FeedbackFilter, limit: int
    ) -> list[tuple[StoredFeedback, float]]:
        nearest = await self._patterns.nearest_to_vector(reference.project, reference.vector, _PATTERNS)
        pattern_ids = list(dict.fromkeys([reference.pattern_id, *nearest]))
        return await self._rank(reference.project, reference.vector, pattern_ids, filter, limit, reference.id)

    async def _rank(
        self,
        project: str,
        vector: bytes,
        pattern_ids: list[str],
        filter: FeedbackFilter,
        limit: int,
        left_out: str,
    ) -> list[tuple[StoredFeedback, float]]:
        candidates = [
            feedback
            for feedback in await self._feedback.newest_of_patterns(
                project, pattern_ids, filter, max(limit + 1, _CANDIDATES)
            )
            if feedback.id != left_out
        ]
        scores = similarities(vector, [feedback.vector for feedback in candidates])
        ranked = sorted(
            zip(candidates, scores, strict=True),
            key=lambda pair: (pair[1], pair[0].occur_time, pair[0].id),
            reverse=True,
        )
        return ranked[:limit]
