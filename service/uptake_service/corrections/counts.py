"""How many votes there are on patterns between two times, with each voter's bounded to a share of those that count.

Full hours come from rollups, so that a pattern with a million votes costs no more than one with some thousand.
"""

from collections import Counter
from collections.abc import Collection
from contextlib import aclosing
from datetime import datetime

from uptake_service.corrections.model import Votes
from uptake_service.corrections.verdict import LOOKS
from uptake_service.domain.clock import hour_of
from uptake_service.domain.voters import most_of_one
from uptake_service.feedback.evidence import vote_of
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.session import Session
from uptake_service.projections.rollups import RollupStore
from uptake_service.projections.vote_counts import VotesByBucket

_MOST_READ = 2_000
"""The votes of a pattern that has no more are read one by one, so that each voter is bounded by themselves: among few
votes a bucket has much room for one voter beside what others in it have."""


class VoteCounts:
    def __init__(self, feedback: FeedbackStore, rollups: RollupStore) -> None:
        self._feedback = feedback
        self._rollups = rollups

    async def of_pattern(
        self,
        project: str,
        pattern_id: str,
        start: datetime,
        end: datetime,
        without: Collection[str],
        share: float,
        session: Session,
    ) -> Votes:
        """The votes on a pattern from `start`, a full hour, to before `end`, but for those of `without`, by id.

        Of each voter the first count, as many as of the later votes of a verdict.
        """
        hour = hour_of(end)
        votes = VotesByBucket.of(await self._rollups.of_pattern(project, pattern_id, start, hour, session))
        newest = await self._feedback.evidence.votes_between(pattern_id, hour, end, session=session)
        for (bucket, negative), number in newest.items():
            votes.add(VotesByBucket.of_bucket(bucket, number, negative=negative))
        if share < 1 and votes.votes <= _MOST_READ:
            return await self._of_voters(pattern_id, start, end, without, most_of_one(share, LOOKS[0]), session)
        for feedback in await self._feedback.by_ids(project, sorted(without), session=session):
            vote = vote_of(feedback)
            if vote and feedback.pattern_id == pattern_id and start <= vote.occur_time < end:
                votes.add(VotesByBucket.of_one(feedback), -1)
        return _counted(votes, share)

    async def _of_voters(
        self,
        pattern_id: str,
        start: datetime,
        end: datetime,
        without: Collection[str],
        most: int,
        session: Session,
    ) -> Votes:
        of_voter: Counter[str] = Counter()
        counted = negative = left_out = 0
        reading = self._feedback.evidence.votes_since(pattern_id, start, end, session=session)
        async with aclosing(reading):
            async for votes in reading:
                for vote in votes:
                    if vote.id in without:
                        continue
                    if of_voter[vote.voter] >= most:
                        left_out += 1
                        continue
                    of_voter[vote.voter] += 1
                    counted += 1
                    negative += vote.negative
        return Votes(votes=counted, negative=negative, left_out=left_out)

    async def of_others(
        self,
        project: str,
        pattern_ids: Collection[str],
        start: datetime,
        end: datetime,
        share: float,
        session: Session,
    ) -> Votes:
        """The votes on a project's patterns but for these from `start` to before `end`, both full hours."""
        votes = VotesByBucket.of(await self._rollups.of_project(project, start, end, session))
        for pattern_id in pattern_ids:
            votes.add(VotesByBucket.of(await self._rollups.of_pattern(project, pattern_id, start, end, session)), -1)
        return _counted(votes, share)


def _counted(votes: VotesByBucket, share: float) -> Votes:
    counted = votes.counted(share)
    return Votes(votes=counted.votes, negative=counted.negatives, left_out=counted.left_out)
