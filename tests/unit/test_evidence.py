"""When a pattern's newest votes are evidence, and when they may be chance."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from uptake_service.domain.project import ReviewPolicy
from uptake_service.reviews.evidence import baseline_rate, is_evidence, tail_probability

BOUND = ReviewPolicy().significance_level
FLOOR = ReviewPolicy().baseline_floor
RATES = st.floats(0.0, 1.0)


def exact(votes: int, negatives: int, rate: float) -> Fraction:
    p = Fraction(rate)
    return sum(
        (math.comb(votes, count) * p**count * (1 - p) ** (votes - count) for count in range(negatives, votes + 1)),
        Fraction(0),
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 40), st.integers(-2, 42), RATES)
def test_the_tail_is_the_exact_one(votes: int, negatives: int, rate: float) -> None:
    expected = exact(votes, max(negatives, 0), rate)
    assert tail_probability(votes, negatives, rate) == pytest.approx(float(expected), rel=1e-11, abs=1e-300)


@settings(deadline=None)
@given(st.integers(100, 1_000), st.floats(0.0, 1.0), st.floats(0.001, 0.999))
def test_the_tail_stays_exact_for_a_thousand_votes(votes: int, share: float, rate: float) -> None:
    negatives = round(share * votes)
    expected = float(binom.sf(negatives - 1, votes, rate))
    assume(expected > 1e-250)
    assert tail_probability(votes, negatives, rate) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), RATES, RATES)
def test_more_negatives_are_less_probable_and_a_higher_rate_expects_more(
    votes: int, negatives: int, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert 0 <= tail_probability(votes, negatives, low) <= 1
    assert tail_probability(votes, negatives + 1, low) <= tail_probability(votes, negatives, low) * (1 + 1e-9)
    assert tail_probability(votes, negatives, low) <= tail_probability(votes, negatives, high) * (1 + 1e-9) + 1e-15


@pytest.mark.parametrize(("votes", "rate"), [(-1, 0.5), (10, -0.1), (10, 1.1), (10, math.nan)])
def test_there_is_no_tail_of_what_is_no_distribution(votes: int, rate: float) -> None:
    with pytest.raises(ValueError, match="no binomial distribution"):
        tail_probability(votes, 1, rate)


def test_with_nothing_else_in_the_project_four_of_ten_are_evidence_as_are_three_of_three() -> None:
    alone = baseline_rate(0, 0)
    assert alone == 0.05
    assert tail_probability(10, 4, alone) == pytest.approx(0.00103, abs=5e-6)
    assert is_evidence(10, 4, alone, BOUND)
    assert is_evidence(3, 3, alone, BOUND)
    assert not is_evidence(10, 3, alone, BOUND)
    assert not is_evidence(3, 2, alone, BOUND)


def test_what_is_usual_in_a_project_is_no_evidence_in_it() -> None:
    usual = baseline_rate(300, 1_000)
    assert usual == pytest.approx(0.295, abs=1e-3)
    assert not is_evidence(10, 4, usual, BOUND)
    assert not is_evidence(10, 7, usual, BOUND)
    assert is_evidence(10, 8, usual, BOUND)
    assert is_evidence(30, 18, usual, BOUND)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_baseline_lies_between_the_prior_and_what_is_seen_but_never_below_the_floor(one: int, other: int) -> None:
    negatives, votes = sorted((one, other))
    rate = baseline_rate(negatives, votes)
    low, high = sorted((0.05, negatives / votes if votes else 0.05))
    assert max(low, FLOOR) - 1e-12 <= rate <= max(high, FLOOR) + 1e-12


def test_the_floor_and_the_prior_are_the_callers() -> None:
    assert baseline_rate(0, 1_000_000) == FLOOR
    assert baseline_rate(0, 1_000_000, floor=0.0) == pytest.approx(1e-6, rel=1e-3)
    assert baseline_rate(0, 0, prior=10, prior_negatives=3) == 0.3


@pytest.mark.parametrize(("negatives", "votes"), [(-3, -1), (2, -1), (5, 2), (-1, 2)])
def test_counts_read_a_moment_apart_still_give_a_rate(negatives: int, votes: int) -> None:
    assert 0 < baseline_rate(negatives, votes) <= 1


@pytest.mark.parametrize(("prior", "negatives"), [(0, 0), (-1, -2), (10, 11), (10, -1)])
def test_a_prior_that_is_no_rate_is_refused(prior: float, negatives: float) -> None:
    with pytest.raises(ValueError, match="no prior"):
        baseline_rate(1, 2, prior=prior, prior_negatives=negatives)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), RATES)
def test_one_negative_voter_is_no_evidence_whatever_the_bound(votes: int, negatives: int, rate: float) -> None:
    assume(negatives <= votes)
    assert is_evidence(votes, negatives, rate, bound=1.1) == (negatives >= 2)


@settings(deadline=None)
@given(st.integers(1, 300), RATES)
def test_evidence_is_monotone_so_each_number_of_votes_has_a_least_number_of_negatives(votes: int, rate: float) -> None:
    answers = [is_evidence(votes, negatives, rate, BOUND) for negatives in range(votes + 1)]
    assert answers == sorted(answers)


@settings(deadline=None)
@given(st.integers(1, 120), st.floats(0.02, 0.9))
def test_at_one_look_chance_passes_less_often_than_the_bound_says(votes: int, rate: float) -> None:
    by_chance = sum(
        float(binom.pmf(negatives, votes, rate))
        for negatives in range(votes + 1)
        if is_evidence(votes, negatives, rate, BOUND)
    )
    assert by_chance < BOUND
