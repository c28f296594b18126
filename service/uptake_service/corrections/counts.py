"""How many votes there are on patterns between two times.

Full hours come from rollups, so that a pattern with a million votes costs no more than one with a hundred.
"""

from collections.abc import Collection
from datetime import datetime

from uptake_service.clock import hour_of
from uptake_service.corrections.model import Votes
from uptake_service.feedback.model import VOTES
from uptake_service.feedback.store import FeedbackStore, vote_of
from uptake_service.insights.rollups import Counts, RollupStore
from uptake_service.mongo.client import Session


class VoteCounts:
    def __init__(self, feedback: FeedbackStore, rollups: RollupStore) -> None:
        self._feedback = feedback
        self._rollups = rollups

    async def of_pattern(
        self, project: str, pattern_id: str, start: datetime, end: datetime, without: Collection[str], session: Session
    ) -> Votes:
        """The votes on a pattern from `start`, a full hour, to before `end`, but for those of `without`, by id."""
        hour = hour_of(end)
        counted = _votes(await self._rollups.of_pattern(pattern_id, start, hour, session))
        votes, negative = await self._feedback.votes_between(pattern_id, hour, end, session=session)
        votes, negative = votes + counted.votes, negative + counted.negative
        for feedback in await self._feedback.by_ids(project, sorted(without), session=session):
            vote = vote_of(feedback)
            if vote and feedback.pattern_id == pattern_id and start <= vote.occur_time < end:
                votes, negative = votes - 1, negative - vote.negative
        return Votes(votes=votes, negative=negative)

    async def of_others(
        self, project: str, pattern_ids: Collection[str], start: datetime, end: datetime, session: Session
    ) -> Votes:
        """The votes on a project's patterns but for these from `start` to before `end`, both full hours."""
        total = _votes(await self._rollups.of_project(project, start, end, session))
        votes, negative = total.votes, total.negative
        for pattern_id in pattern_ids:
            own = _votes(await self._rollups.of_pattern(pattern_id, start, end, session))
            votes, negative = votes - own.votes, negative - own.negative
        return Votes(votes=votes, negative=negative)


def _votes(counts: Counts) -> Votes:
    votes = sum(counts.get(type.value.lower(), 0) for type in VOTES)
    # Only votes are negative.
    return Votes(votes=votes, negative=counts.get("negative", 0))
