"""The statistics of verdicts: known intervals, symmetry, and error rates on simulated corrections."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from uptake_service.corrections.model import ControlVotes, Look, MeasurementBasis, Verdict, Votes
from uptake_service.corrections.verdict import Control, Group, compare, conclude, enough_control, told_by
from uptake_service.reviews.model import Fix

from tests.benchmarks import verdicts

START = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    votes = draw(st.integers(1, 2_000))
    return Group(votes, draw(st.integers(0, votes)))


@given(groups(), groups())
def test_the_interval_joins_the_score_intervals_of_both_rates(before: Group, after: Group) -> None:
    found = compare(before, after)
    (rate1, low1, high1), (rate2, low2, high2) = (
        (
            np.divide(group.negative, group.votes),
            *binomtest(group.negative, group.votes).proportion_ci(level, method="wilson"),
        )
        for group, level in ((before, 0.999), (after, 0.99))
    )
    assert found.difference == pytest.approx(rate2 - rate1)
    assert found.low == pytest.approx(found.difference - np.hypot(rate2 - low2, high1 - rate1))
    assert found.high == pytest.approx(found.difference + np.hypot(high2 - rate2, rate1 - low1))


@given(groups(), groups(), groups(), groups())
def test_a_control_is_taken_out_and_makes_the_interval_wider(a: Group, b: Group, c: Group, d: Group) -> None:
    alone, held = compare(a, b), compare(a, b, Control(c, d))
    assert held.difference == pytest.approx(alone.difference - held.drift)
    assert held.high - held.low >= alone.high - alone.low - 1e-12
    assert held.low <= held.difference <= held.high


def test_what_a_look_says() -> None:
    before = Group(200, 80)
    assert told_by(compare(before, Group(200, 40)), 0.05) is Verdict.IMPROVED
    assert told_by(compare(before, Group(200, 120)), 0.05) is Verdict.WORSE
    assert told_by(compare(before, Group(25, 8)), 0.05) is Verdict.NOT_ENOUGH_DATA
    assert told_by(compare(Group(5_000, 100), Group(400, 8)), 0.05) is Verdict.NO_CHANGE
    # Everything got better: that is not the correction's doing.
    control = Control(Group(1_000, 400), Group(1_000, 200))
    assert told_by(compare(before, Group(200, 40), control), 0.05) is Verdict.NOT_ENOUGH_DATA


def test_a_control_needs_votes_on_both_sides() -> None:
    assert enough_control(ControlVotes(before=Votes(votes=100), after=Votes(votes=100)))
    assert not enough_control(ControlVotes(before=Votes(votes=99), after=Votes(votes=1_000)))
    assert not enough_control(ControlVotes(before=Votes(votes=1_000), after=Votes(votes=99)))


def test_the_newest_look_that_tells_decides() -> None:
    def at(votes: int, negative: int) -> Look:
        return Look(later=Votes(votes=votes, negative=negative), time=START)

    basis = MeasurementBasis(
        pattern_id="p", baseline=Votes(votes=200, negative=80), start=START, fix=Fix(time=START), margin=0.05
    )
    clear, unclear, bad = at(25, 0), at(50, 15), at(100, 70)

    assert conclude(basis, []) == (Verdict.NOT_ENOUGH_DATA, None)
    for looks, verdict, votes in (
        ([clear], Verdict.IMPROVED, 25),
        ([clear, unclear], Verdict.IMPROVED, 25),
        ([at(25, 8), unclear], Verdict.NOT_ENOUGH_DATA, 50),
        ([clear, unclear, bad], Verdict.WORSE, 100),
    ):
        found, finding = conclude(basis, looks)
        assert found is verdict
        assert finding is not None
        assert (finding.later.votes, finding.drift) == (votes, None)
    nothing = basis.model_copy(update={"baseline": Votes()})
    assert conclude(nothing, [clear]) == (Verdict.NOT_ENOUGH_DATA, None)


def test_error_rates_and_power_are_as_promised() -> None:
    for case in verdicts.CASES:
        row = verdicts.simulate(case, np.random.default_rng(7))
        if case.before == case.after:
            assert max(row["improved"], row["worse"]) <= 0.05, case.name
            assert row["improved"] + row["worse"] <= 0.05, case.name
        elif case.after < case.before:
            assert row["improved"] >= 0.8, case.name
            assert row["worse"] <= 0.05, case.name
        else:
            assert row["worse"] >= 0.8, case.name
