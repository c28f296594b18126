"""Which votes measure a correction: those on answers given after it. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from uptake_service.corrections.model import Look, Measured, Votes
from uptake_service.corrections.verdict import LOOKS
from uptake_service.feedback.store import Vote
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


class Counting:
    """Tells later answers from those of before a fix, vote by vote.

    A new version that is first seen when the last look has its votes changes nothing any more.
    """

    def __init__(self, fix: Fix) -> None:
        self._versions_tell = fix.versions_tell
        self._fix_by_versions = fix.model_copy(update={"versions_tell": True})
        self._fix_by_time = fix.model_copy(update={"versions_tell": False})
        self._read = 0
        self._by_versions, self._by_time = _Told(), _Told()

    @property
    def complete(self) -> bool:
        """Whether votes that come after these make no difference."""
        return self._told.full or self._read == MOST_READ

    @property
    def counted(self) -> Counted:
        later = self._told.later
        looks = tuple(
            Look(later=_votes(later[:size]), time=later[size - 1].occur_time) for size in LOOKS if size <= len(later)
        )
        return Counted(_votes(later), Votes(votes=self._told.old, negative=self._told.old_negative), looks)

    def add(self, votes: Iterable[Vote]) -> None:
        """Takes votes that occurred since the fix, oldest first, behind those before; MOST_READ in all."""
        for vote in islice(votes, MOST_READ - self._read):
            self._read += 1
            if self._fix_by_time.is_new(vote.answer) and not self._by_time.full:
                self._versions_tell = True
            self._by_time.add(vote, self._fix_by_time.is_before(vote.answer))
            self._by_versions.add(vote, self._fix_by_versions.is_before(vote.answer))

    @property
    def _told(self) -> "_Told":
        return self._by_versions if self._versions_tell else self._by_time


class _Told:
    """Votes told apart in one way, up to those of the last look."""

    def __init__(self) -> None:
        self.later: list[Vote] = []
        self.old = 0
        self.old_negative = 0

    @property
    def full(self) -> bool:
        return len(self.later) == LOOKS[-1]

    def add(self, vote: Vote, is_later: bool) -> None:
        if self.full:
            return
        if is_later:
            self.later.append(vote)
        else:
            self.old += 1
            self.old_negative += vote.negative


def same_count(measured: Measured, counted: Counted) -> bool:
    """Whether a verdict rests on just these votes."""
    looks, fresh = ([(look.later, look.time) for look in each.looks] for each in (measured, counted))
    return (measured.later, measured.old, looks) == (counted.later, counted.old, fresh)


def _votes(votes: Sequence[Vote]) -> Votes:
    return Votes(votes=len(votes), negative=sum(vote.negative for vote in votes))
