"""Whether the negative rate after a correction differs from the one before it. Pure statistics, no I/O.

Votes come in one by one and somebody always watches; a test at each of them would find something sooner or later. So a
verdict looks only when 25, 50, 100, 200 and 400 later votes are in, and each look has a fifth of the error of 5%
(Bonferroni's inequality: whatever the looks have to do with one another, a false one among them comes up in at most 5%
of the corrections that changed nothing).

The votes before are held to a tenth of that error. What is corrected was picked because its votes were bad, and of
patterns that are all alike the worst tenth looks bad by chance alone, which would make any fix seem to help; picking a
tenth of them makes a rare error at most ten times as frequent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uptake_service.corrections.model import ControlVotes, Finding, Look, MeasurementBasis, Verdict, Votes

LOOKS = (25, 50, 100, 200, 400)
"""How many later votes there are at each look."""

ERROR = 0.05
"""How often a correction that changed nothing may be called IMPROVED or WORSE, over all looks."""

LEAST_CONTROL = 100
"""With fewer control votes before or after, the control's own chance would hide more than its drift explains."""

_Z = NormalDist().inv_cdf(1 - ERROR / len(LOOKS) / 2)
_Z_PICKED = NormalDist().inv_cdf(1 - ERROR / len(LOOKS) / 10 / 2)


@dataclass(frozen=True)
class Group:
    """Votes, and how many of them are negative: a number each, or arrays of one shape for many comparisons at once."""

    votes: ArrayLike
    negative: ArrayLike


@dataclass(frozen=True)
class Control:
    """Votes on what was not corrected, before the fix and after it."""

    before: Group
    after: Group


@dataclass(frozen=True)
class Comparison:
    """By how much the negative rate rose, with the interval of one look (99% and more), each from -2 to 2.

    Attributes:
        difference: The rate after less the rate before, less `drift`.
        low: Lower end of its interval.
        high: Upper end of its interval.
        drift: By how much the rate of the control rose; 0 without a control.
    """

    difference: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    drift: NDArray[np.float64]


def compare(before: Group, after: Group, control: Control | None = None) -> Comparison:
    """Compares two rates, or what is left of their difference when that of a control is taken out.

    Without a control this is the hybrid score interval, method 10 of R. G. Newcombe, "Interval estimation for the
    difference between independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998),
    873-890: each rate's score interval (Wilson 1927), their distances squared and added. With a control it is the
    difference in differences, whose interval follows from those of its four rates in the same way: the method of
    variance estimates recovery, G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a
    general approach", Statistics in Medicine 27 (2008), 1693-1702.

    Args:
        before: Votes before the fix, at least one.
        after: Votes after it, at least one.
        control: Votes of the control, at least one on either side.
    """
    terms = [(after, 1, _Z), (before, -1, _Z_PICKED)]
    if control is not None:
        terms += [(control.before, 1, _Z), (control.after, -1, _Z)]
    difference, below, above = np.zeros(()), np.zeros(()), np.zeros(())
    for group, sign, z in terms:
        rate, low, high = _score_interval(group, z)
        difference = difference + sign * rate
        down, up = (rate - low, high - rate) if sign > 0 else (high - rate, rate - low)
        below, above = below + down**2, above + up**2
    drift = _rate(control.after) - _rate(control.before) if control is not None else np.zeros(np.shape(difference))
    return Comparison(difference, difference - np.sqrt(below), difference + np.sqrt(above), drift)


def improved(comparison: Comparison) -> NDArray[np.bool_]:
    """Where the negative rate fell."""
    return np.asarray(comparison.high < 0)


def worse(comparison: Comparison) -> NDArray[np.bool_]:
    """Where the negative rate rose."""
    return np.asarray(comparison.low > 0)


def told_by(comparison: Comparison, margin: float) -> Verdict:
    """What one comparison of single numbers says.

    Args:
        comparison: The comparison.
        margin: What differs by no more than this counts as no change, 0 to 1.
    """
    if improved(comparison):
        return Verdict.IMPROVED
    if worse(comparison):
        return Verdict.WORSE
    if comparison.low >= -margin and comparison.high <= margin:
        return Verdict.NO_CHANGE
    return Verdict.NOT_ENOUGH_DATA


def enough_control(control: ControlVotes) -> bool:
    """Whether a control has votes enough to be compared with."""
    return min(control.before.votes, control.after.votes) >= LEAST_CONTROL


def conclude(basis: MeasurementBasis, looks: Sequence[Look]) -> tuple[Verdict, Finding | None]:
    """The verdict of a correction: that of the newest look that tells, for it knows most.

    Args:
        basis: What it is measured by.
        looks: The looks that there are votes enough for, the first one first.

    Returns:
        The verdict, and what the look says that it goes by, which is the newest if none tells; None without a look, or
        with nothing before the fix to compare with.
    """
    finding: Finding | None = None
    if not basis.baseline.votes:
        return Verdict.NOT_ENOUGH_DATA, finding
    for look in reversed(looks):
        comparison = compare(_group(basis.baseline), _group(look.later), _control(look.control))
        verdict = told_by(comparison, basis.margin)
        found = Finding(
            later=look.later,
            difference=float(comparison.difference),
            low=float(comparison.low),
            high=float(comparison.high),
            drift=float(comparison.drift) if look.control else None,
            control_left_out=look.control.before.left_out + look.control.after.left_out if look.control else 0,
        )
        if verdict is not Verdict.NOT_ENOUGH_DATA:
            return verdict, found
        finding = finding or found
    return Verdict.NOT_ENOUGH_DATA, finding


def _control(votes: ControlVotes | None) -> Control | None:
    return Control(_group(votes.before), _group(votes.after)) if votes else None


def _group(votes: Votes) -> Group:
    return Group(votes.votes, votes.negative)


def _rate(group: Group) -> NDArray[np.float64]:
    return np.asarray(group.negative, dtype=np.float64) / np.asarray(group.votes, dtype=np.float64)


def _score_interval(group: Group, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A rate and the ends of its score interval, `z` standard errors to either side."""
    votes, rate = np.asarray(group.votes, dtype=np.float64), _rate(group)
    middle = (rate + z**2 / (2 * votes)) / (1 + z**2 / votes)
    reach = z / (1 + z**2 / votes) * np.sqrt(rate * (1 - rate) / votes + z**2 / (4 * votes**2))
    # At rates of 0 and 1 rounding could leave the rate outside.
    return rate, np.clip(middle - reach, 0, rate), np.clip(middle + reach, rate, 1)
