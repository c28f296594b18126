"""Which votes measure a correction: those on answers given after it. No I/O."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from uptake_service.corrections.model import Look, Measured, Votes
from uptake_service.corrections.verdict import LOOKS
from uptake_service.domain.voters import most_of_one
from uptake_service.feedback.evidence import Vote
from uptake_service.reviews.model import Fix

MOST_READ = 10_000
"""Only so many votes since a fix are looked through, so that what an old version gets cannot cost without bounds."""


@dataclass(frozen=True)
class Counted:
    """The votes since a fix, told apart.

    Attributes:
        later: Those on answers after it, up to those of the last look.
        old: Those on answers from before it, as far as it was looked for later ones.
        looks: The looks that there are enough later ones for, without their controls.
    """

    later: Votes
    old: Votes
    looks: tuple[Look, ...]


class VoteClassifier:
    """Tells later answers from those of before a fix, vote by vote.

    Of each voter the first votes on later answers count, as many as are a share of the first look: so that every look
    sees what the one before it saw, and who votes very often has no more of the later ones.

    A new version that is first seen when the last look has its votes changes nothing any more.
    """

    def __init__(self, fix: Fix, voter_share: float = 1.0) -> None:
        self._versions_tell = fix.versions_tell
        self._fix_by_versions = fix.model_copy(update={"versions_tell": True})
        self._fix_by_time = fix.model_copy(update={"versions_tell": False})
        self._read = 0
        most = most_of_one(voter_share, LOOKS[0])
        self._by_versions, self._by_time = _Told(most), _Told(most)

    @property
    def complete(self) -> bool:
        """Whether votes that come after these make no difference."""
        return self._told.full or self._read == MOST_READ

    @property
    def counted(self) -> Counted:
        told = self._told
        looks = tuple(
            Look(later=told.first(size), time=told.later[size - 1].occur_time)
            for size in LOOKS
            if size <= len(told.later)
        )
        later = told.first(len(told.later)).model_copy(update={"left_out": told.left_out})
        return Counted(later, Votes(votes=told.old, negative=told.old_negative), looks)

    def add(self, votes: Iterable[Vote]) -> None:
        """Takes votes that occurred since the fix, oldest first, behind those before; MOST_READ in all."""
        for vote in islice(votes, MOST_READ - self._read):
            self._read += 1
            if self._fix_by_time.is_new(vote.answer) and not self._by_time.full:
                self._versions_tell = True
            self._by_time.add(vote, self._fix_by_time.precedes(vote.answer))
            self._by_versions.add(vote, self._fix_by_versions.precedes(vote.answer))

    @property
    def _told(self) -> "_Told":
        return self._by_versions if self._versions_tell else self._by_time


class _Told:
    """Votes told apart in one way, up to those of the last look."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_voter: Counter[str] = Counter()
        self._left_out_before: list[int] = []
        self.later: list[Vote] = []
        self.left_out = 0
        self.old = 0
        self.old_negative = 0

    @property
    def full(self) -> bool:
        return len(self.later) == LOOKS[-1]

    def add(self, vote: Vote, is_later: bool) -> None:
        if self.full:
            return
        if not is_later:
            self.old += 1
            self.old_negative += vote.negative
        elif self._of_voter[vote.voter] >= self._most:
            self.left_out += 1
        else:
            self._of_voter[vote.voter] += 1
            self._left_out_before.append(self.left_out)
            self.later.append(vote)

    def first(self, size: int) -> Votes:
        """The first so many later votes, and how many up to the last of them do not count."""
        votes = self.later[:size]
        left_out = self._left_out_before[size - 1] if size else 0
        return Votes(votes=size, negative=sum(vote.negative for vote in votes), left_out=left_out)


def same_count(measured: Measured, counted: Counted) -> bool:
    """Whether a verdict rests on just these votes."""
    looks, fresh = ([(look.later, look.time) for look in each.looks] for each in (measured, counted))
    return (measured.later, measured.old, looks) == (counted.later, counted.old, fresh)
