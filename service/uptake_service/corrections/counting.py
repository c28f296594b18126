"""Which votes measure a correction: those on answers given after it. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from uptake_service.corrections.model import Look, Measured, Votes
from uptake_service.corrections.verdict import LOOKS
from uptake_service.feedback.model import CorrectionKind
from uptake_service.feedback.store import Vote
from uptake_service.reviews.model import Fix

MOST_READ = 10_000
"""Only so many votes since a fix are looked through, so that what an old version gets cannot cost without bounds."""

_MOST = LOOKS[-1]


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


def count(votes: Sequence[Vote], fix: Fix, kind: CorrectionKind) -> Counted:
    """Tells later answers from those of before a fix.

    An answer's versions tell, where it has any and answers before the fix had: one not seen before is after it. New
    instructions come with a new version. A change of knowledge leaves the product's versions as they were, and then
    what it answers would never count; so there versions tell only once one was seen that was not there before the fix,
    and no more if that happens when the last look has its votes. Where versions do not tell, the time of the answer
    does, else that of the vote.

    Args:
        votes: Votes that occurred since the fix, oldest first; what comes behind MOST_READ is left out.
        fix: The fix.
        kind: What was corrected.
    """
    votes = votes[:MOST_READ]
    by_time = [vote for vote in votes if vote.answer_time >= fix.time][:_MOST]
    if len(by_time) == _MOST:
        last = by_time[-1].order
        votes_seen: Sequence[Vote] = list(takewhile(lambda vote: vote.order <= last, votes))
    else:
        votes_seen = votes
    by_versions = bool(fix.versions) and (
        kind is CorrectionKind.BEHAVIOR or any(vote.versions - fix.versions for vote in votes_seen)
    )

    def is_later(vote: Vote) -> bool:
        if by_versions and vote.versions:
            return bool(vote.versions - fix.versions)
        return vote.answer_time >= fix.time

    later: list[Vote] = []
    old: list[Vote] = []
    for vote in votes:
        (later if is_later(vote) else old).append(vote)
        if len(later) == _MOST:
            break
    looks = tuple(
        Look(later=_votes(later[:size]), time=later[size - 1].occur_time) for size in LOOKS if size <= len(later)
    )
    return Counted(_votes(later), _votes(old), looks)


def same_count(measured: Measured, counted: Counted) -> bool:
    """Whether a verdict rests on just these votes."""
    looks, fresh = ([(look.later, look.time) for look in each.looks] for each in (measured, counted))
    return (measured.later, measured.old, looks) == (counted.later, counted.old, fresh)


def _votes(votes: Sequence[Vote]) -> Votes:
    return Votes(votes=len(votes), negative=sum(vote.negative for vote in votes))
