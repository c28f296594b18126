"""How much of a project's other feedback is negative: what a pattern's votes are held against.

Nobody's votes are more than a bounded share of it (see `feedback.voters`): who votes often on other questions must not
make a bad one look usual.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from uptake_service.domain.clock import HOUR, Clock, hour_of, older
from uptake_service.domain.project import ReviewPolicy
from uptake_service.mongo.session import Session
from uptake_service.projections.rollup_deltas import Counts, Unfolded, add_all
from uptake_service.projections.rollups import RollupStore
from uptake_service.projections.vote_counts import VotesByBucket
from uptake_service.reviews.rules import Outside

_ENOUGH = 0.75
"""The newest hours are enough if no more than a quarter of the votes that they were taken for are left out; else twice
as many votes are looked at, so that nobody's votes push all others out of sight."""


@dataclass(frozen=True)
class _Project:
    """The newest votes of a project, and those of each of its patterns in the same hours."""

    votes: VotesByBucket
    of_pattern: Mapping[str, Counts]


class Baselines:
    """Reads baselines in one transaction, once one is asked for: those of a project's patterns at once.

    Where much is negative everywhere, every batch asks for that of nearly every pattern.
    """

    def __init__(
        self, rollups: RollupStore, clock: Clock, pattern_ids: Mapping[str, Collection[str]], session: Session
    ) -> None:
        """`pattern_ids`: the patterns that may be asked for, by project."""
        self._rollups = rollups
        self._session = session
        self._now = clock.now()
        self._pattern_ids = pattern_ids
        self._found: dict[str, _Project] = {}

    async def of(self, project: str, pattern_id: str, policy: ReviewPolicy) -> Outside:
        """The project's newest votes on all patterns but this one (see `outside`)."""
        found = self._found.get(project)
        if found is None:
            found = self._found[project] = await self._read(project, self._pattern_ids[project], policy)
        own = VotesByBucket.of(found.of_pattern.get(pattern_id, {}))
        return outside(found.votes, own, policy)

    async def _read(self, project: str, pattern_ids: Collection[str], policy: ReviewPolicy) -> _Project:
        oldest, end = hours_of(policy, self._now)
        session, scores = self._session, policy.scores
        unfolded = await self._rollups.unfolded(project, oldest, end, session)
        whole = VotesByHour()
        for hour, counts in (
            await self._rollups.by_hour(project, "all", oldest, end, unfolded, session, scores=scores)
        ).items():
            whole.add(hour, VotesByBucket.of(counts))
        number = policy.baseline_votes
        while True:
            start = whole.start_of_newest(number, oldest, end)
            votes = whole.between(start, end)
            for counts in (await self._voters(project, start, end, unfolded, policy)).values():
                add_all(votes.voters, counts)
            if start == oldest or is_enough(votes, policy):
                break
            number *= 2
        own = await self._rollups.of_patterns(project, pattern_ids, start, end, unfolded, session, scores=scores)
        return _Project(votes, own)

    async def _voters(
        self, project: str, start: datetime, end: datetime, unfolded: Unfolded, policy: ReviewPolicy
    ) -> dict[datetime, Counts]:
        if policy.voter_share >= 1:
            return {}
        session = self._session
        return await self._rollups.by_hour(project, "voters", start, end, unfolded, session, scores=policy.scores)


@dataclass
class VotesByHour:
    """The votes of each hour."""

    hours: defaultdict[datetime, VotesByBucket] = field(default_factory=lambda: defaultdict(VotesByBucket))

    def add(self, hour: datetime, votes: VotesByBucket) -> None:
        self.hours[hour].add(votes)

    def forget(self, before: datetime) -> None:
        """Forgets the hours before a time."""
        for hour in [hour for hour in self.hours if hour < before]:
            del self.hours[hour]

    def start_of_newest(self, number: int, start: datetime, end: datetime) -> datetime:
        """The newest hour from which on there are so many votes before `end`; `start` if there are fewer."""
        found = 0
        for hour in sorted((hour for hour in self.hours if start <= hour < end), reverse=True):
            found += self.hours[hour].votes
            if found >= number:
                return hour
        return start

    def between(self, start: datetime, end: datetime) -> VotesByBucket:
        total = VotesByBucket()
        for hour, votes in self.hours.items():
            if start <= hour < end:
                total.add(votes)
        return total


def newest(whole: VotesByHour, policy: ReviewPolicy, oldest: datetime, end: datetime) -> tuple[datetime, VotesByBucket]:
    """The newest votes that a baseline is taken from, and the hour from which they are."""
    number = policy.baseline_votes
    while True:
        start = whole.start_of_newest(number, oldest, end)
        votes = whole.between(start, end)
        if start == oldest or is_enough(votes, policy):
            return start, votes
        number *= 2


def hours_of(policy: ReviewPolicy, now: datetime) -> tuple[datetime, datetime]:
    """The full hours in which votes are young enough to tell something, those of clocks ahead with them."""
    return hour_of(older(now, policy.evidence_age)), hour_of(now) + 2 * HOUR


def is_enough(votes: VotesByBucket, policy: ReviewPolicy) -> bool:
    """Whether votes are those of the newest hours that a baseline is taken from."""
    return votes.counted(policy.voter_share).votes >= _ENOUGH * policy.baseline_votes


def outside(whole: VotesByBucket, own: VotesByBucket, policy: ReviewPolicy) -> Outside:
    """The votes of a project without those of a pattern, with each voter's bounded to the policy's share."""
    rest = VotesByBucket(whole.votes, whole.negatives, dict(whole.voters))
    rest.add(own, -1)
    counted = rest.counted(policy.voter_share)
    return Outside(counted.votes, counted.negatives, counted.left_out)
