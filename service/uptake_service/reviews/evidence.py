"""Whether a pattern's newest votes are evidence that it is worse than the project, or may be chance. No I/O.

The judged votes are the newest of each voter. Under the null hypothesis each is negative with the project's own rate
p0; they are evidence where so many negatives would come by chance with a probability below a bound:
P(Binomial(votes, p0) >= negatives) < bound, a one-sided exact binomial test. A pattern is tested at every vote, so
the bound is far below the usual .05.
"""

import math
from typing import Final

NEGATIVE_VOTERS: Final = 2
"""So many voters must be negative at least: one voter alone opens nothing."""

_NEGLIGIBLE: Final = 1e-17
"""Terms below this share of the sum do not change it in double precision."""


def baseline_rate(
    negatives_outside: int, votes_outside: int, prior: float = 20.0, prior_negatives: float = 1.0, floor: float = 0.02
) -> float:
    """The rate of negatives to expect, from the project's votes outside of what is judged.

    The posterior mean under a prior of `prior_negatives` in `prior` votes: a project without other votes is expected
    to be negative in one of twenty.

    Args:
        negatives_outside: Negative votes of the project, without the judged ones.
        votes_outside: All votes of the project, without the judged ones. Both may come from counts that are read a
            moment apart from the judged votes, so they are taken as at least 0, and the negatives as at most the
            votes.
        prior: How many votes the prior is worth.
        prior_negatives: How many of these are negative.
        floor: Least rate that is expected: below it two or three clicks would pass for evidence in a project that is
            nearly always right.

    Returns:
        A rate in 0 to 1.

    Raises:
        ValueError: The prior is no rate, or is worth nothing.
    """
    if not 0 <= prior_negatives <= prior or prior <= 0:
        raise ValueError(f"{prior_negatives} negatives in {prior} votes are no prior")
    votes = max(votes_outside, 0)
    negatives = min(max(negatives_outside, 0), votes)
    return max((negatives + prior_negatives) / (votes + prior), floor)


def tail_probability(votes: int, negatives: int, rate: float) -> float:
    """P(Binomial(votes, rate) >= negatives): how probable so many negatives, or more, are by chance.

    The side of the distribution that does not hold its mean is summed, from its largest term outwards, so that a small
    result keeps its relative precision: about 12 digits up to 1,000 votes.

    Raises:
        ValueError: There are fewer than 0 votes, or the rate is outside 0 to 1.
    """
    if votes < 0 or not 0 <= rate <= 1:
        raise ValueError(f"there is no binomial distribution of {votes} votes at a rate of {rate}")
    if negatives <= 0:
        return 1.0
    if negatives > votes or rate == 0:
        return 0.0
    if rate == 1:
        return 1.0
    if negatives > votes * rate:
        return min(_sum_outwards(votes, negatives, rate), 1.0)
    # P(X <= k - 1) is the upper tail of the positives.
    return max(1.0 - _sum_outwards(votes, votes - negatives + 1, 1 - rate), 0.0)


def is_evidence(votes: int, negatives: int, rate: float, bound: float) -> bool:
    """Whether so many negatives are too improbable, at the expected rate, to be chance.

    Args:
        votes: The judged votes, one of each voter.
        negatives: How many of them are negative.
        rate: As `baseline_rate` gives it.
        bound: The probability below which it is no chance.

    Raises:
        ValueError: As `tail_probability`.
    """
    return negatives >= NEGATIVE_VOTERS and tail_probability(votes, negatives, rate) < bound


def _sum_outwards(trials: int, successes: int, rate: float) -> float:
    """P(Binomial(trials, rate) >= successes) where successes lies above the mean, so that the terms fall."""
    log_term = (
        math.lgamma(trials + 1)
        - math.lgamma(successes + 1)
        - math.lgamma(trials - successes + 1)
        + successes * math.log(rate)
        + (trials - successes) * math.log1p(-rate)
    )
    term = total = math.exp(log_term)
    odds = rate / (1 - rate)
    for count in range(successes, trials):
        term *= (trials - count) / (count + 1) * odds
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return total
