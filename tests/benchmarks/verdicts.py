"""How often verdicts are right and how often they are wrong, on simulated corrections of which the truth is known.

Votes are drawn one by one as they come in. Before each fix the trigger watches them as it does in the service, by its
default policy; the baseline leaves out what it saw. Beside the verdict stands what a test at 5% at every vote would
have said to somebody who watches.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from uptake_service.corrections.verdict import LOOKS, Comparison, Control, Group, compare, improved, worse
from uptake_service.domain.project import ReviewPolicy

CORRECTIONS = 2_000
AFTER = 400
CONTROL = 2_000
MARGIN = ReviewPolicy().no_change_margin


@dataclass(frozen=True)
class Case:
    """Corrections of one kind: the rates before and after, and by how much every rate drifts meanwhile.

    Attributes:
        selected: Only those patterns are corrected whose votes before the fix are by chance among the worst tenth,
            though all are alike.
        seen: How many votes there are before the fix.
        votes: How many there are after it.
        control: Whether there is a control.
    """

    name: str
    before: float
    after: float
    drift: float = 0.0
    selected: bool = False
    seen: int = 200
    votes: int = AFTER
    control: bool = True


CASES = (
    Case("no effect", 0.2, 0.2),
    Case("no effect, no control", 0.2, 0.2, control=False),
    Case("no effect on a rate of 5%, 3,000 votes before", 0.05, 0.05, seen=3_000, control=False),
    Case("no effect, watched at every vote", 0.4, 0.4, control=False),
    Case("drift up, no effect", 0.2, 0.2, drift=0.1),
    Case("drift down, no effect", 0.4, 0.4, drift=-0.1),
    Case("baseline picked because it was bad", 0.3, 0.3, selected=True),
    Case("the same, of 60 votes before", 0.3, 0.3, selected=True, seen=60),
    Case("the same, of 1,000 votes before", 0.3, 0.3, selected=True, seen=1_000),
    Case("halved from 40%, 200 votes", 0.4, 0.2, votes=200),
    Case("halved from 40%, 200 votes, no control", 0.4, 0.2, votes=200, control=False),
    Case("halved from 40%", 0.4, 0.2),
    Case("doubled from 20%", 0.2, 0.4),
    Case("halved from 40%, drift up", 0.4, 0.2, drift=0.1),
)


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Simulates and prints a table; needs no data, and takes seconds in `full` too."""
    rng = np.random.default_rng(0)
    results = {case.name: simulate(case, rng) for case in CASES}
    columns = ("improved", "worse", "no_change", "not_enough_data", "naive_improved", "naive_worse")
    print(f"{f'verdicts on {CORRECTIONS:,} simulated corrections each':<48}", *(f"{name:>15}" for name in columns))
    for name, row in results.items():
        print(f"{name:<48}", *(f"{row[column]:>15.1%}" for column in columns))
    return results


def simulate(case: Case, rng: np.random.Generator) -> dict[str, float]:
    """The share of corrections that ever were called each, and of those that a test at every vote would have."""
    before = _baselines(case, rng)
    later = rng.random((CORRECTIONS, case.votes)) < case.after + case.drift
    control = None
    if case.control:
        rates = (0.15, 0.15 + case.drift)
        control = Control(*(Group(CONTROL, rng.binomial(CONTROL, rate, CORRECTIONS)) for rate in rates))
    known = np.asarray(before.votes) > 0
    ever_improved, ever_worse = np.zeros(CORRECTIONS, bool), np.zeros(CORRECTIONS, bool)
    same = np.zeros(CORRECTIONS, bool)
    for look in LOOKS:
        if look <= case.votes:
            seen = compare(before, Group(look, later[:, :look].sum(axis=1)), control)
            ever_improved |= improved(seen) & known
            ever_worse |= worse(seen) & known
            same |= _same(seen) & known
    naive_improved, naive_worse = _watched(before, later)
    return {
        "improved": float(ever_improved.mean()),
        "worse": float(ever_worse.mean()),
        "no_change": float((same & ~ever_improved & ~ever_worse).mean()),
        "not_enough_data": float((~same & ~ever_improved & ~ever_worse).mean()),
        "naive_improved": naive_improved,
        "naive_worse": naive_worse,
        "baseline_votes": float(np.asarray(before.votes).mean()),
    }


def _same(seen: Comparison) -> NDArray[np.bool_]:
    return np.asarray((seen.low >= -MARGIN) & (seen.high <= MARGIN))


def _baselines(case: Case, rng: np.random.Generator) -> Group:
    """The votes before each fix less those that the trigger saw, of patterns that it opened a review for."""
    policy = ReviewPolicy()
    drawn = CORRECTIONS * (10 if case.selected else 2)
    votes = rng.random((drawn, case.seen)) < case.before
    if case.selected:
        votes = votes[np.argsort(-votes.sum(axis=1), kind="stable")[:CORRECTIONS]]
    sums = np.concatenate([np.zeros((len(votes), 1), int), votes.cumsum(axis=1)], axis=1)
    ends = np.arange(1, case.seen + 1)
    starts = np.maximum(ends - policy.window_size, 0)
    rates = (sums[:, ends] - sums[:, starts]) / (ends - starts)
    bad = (rates > policy.negative_rate_threshold) & votes & (ends >= policy.minimum_sample)
    opened = bad.any(axis=1)
    votes, sums, bad = votes[opened][:CORRECTIONS], sums[opened][:CORRECTIONS], bad[opened][:CORRECTIONS]
    # What the review shows is what the trigger saw when it last fired.
    last = case.seen - bad[:, ::-1].argmax(axis=1)
    first = np.maximum(last - policy.window_size, 0)
    rows = np.arange(len(votes))
    negative = sums[:, -1] - (sums[rows, last] - sums[rows, first])
    return Group(case.seen - (last - first), negative)


def _watched(before: Group, later: NDArray[np.bool_]) -> tuple[float, float]:
    """The shares that a test of two rates at 5% at every vote from the tenth calls improved and worse at some time."""
    old = np.asarray(before.negative) / np.asarray(before.votes)
    ends = np.arange(10, later.shape[1] + 1)
    new = later.cumsum(axis=1)[:, 9:] / ends
    pooled = (np.asarray(before.negative)[:, None] + new * ends) / (np.asarray(before.votes)[:, None] + ends)
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9) * (1 / np.asarray(before.votes)[:, None] + 1 / ends))
    score = (new - old[:, None]) / error
    edge = norm.isf(0.025)
    return float((score < -edge).any(axis=1).mean()), float((score > edge).any(axis=1).mean())
