"""How often the trigger opens reviews by chance, and how soon it finds what is bad, on simulated votes of which the
truth is known.

Queries are drawn again and again from banking77; its intents are the questions. Each vote is another voter's and is
negative with its question's rate at that time. Every vote is judged as the service does, against the votes before it.
A review stays open to the end and covers its groups: a bad vote on what it covers updates it and opens no other one. At
each time it is about the question that most of the negative votes ask that were judged last. A bad question is found
when a review is about it; a review is false if it opens about a question that is not bad then, and a duplicate if it
opens about one that is found already.

Groups are the questions themselves ("gold": what perfect grouping would give) or the service's patterns ("patterns").
"Neighbourhood" judges, in place of a vote's pattern, the newest votes near it, and its review covers the patterns of
all of these; what an open review covers is explained, so that a vote opens another one only if the rest of its
neighbourhood is evidence by itself, and otherwise its pattern joins the review.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from uptake_service.domain.project import ReviewPolicy
from uptake_service.embedding.embed import quantise
from uptake_service.embedding.embedders import WORDLLAMA, Embedders, Vector
from uptake_service.reviews.evidence import baseline_rate, is_evidence

from tests.benchmarks import data_sets
from tests.grouping import group

POLICY = ReviewPolicy()
WINDOW = POLICY.evidence_window_size
VOTES = 20_000
SEEDS = 10
DRAWS = 4
"""Over the queries of each seed votes are drawn so many times, with other bad questions each time: of 50 bad questions
alone the median varies by a third."""
BATCH = 64

NEAR = 0.5
"""Least centred cosine of a neighbour. The delay is the same from .4 to .6; above, a neighbourhood is a pattern."""
RECENT = 5_000
"""Of so many newest votes neighbours are looked for: these find what all 20,000 find; 1,000 miss half of the questions
that are asked seldom."""

_BLOCK = 250
"""Votes whose neighbours are found at once, around one mean."""
_MEAN_CAP = 100
_MEAN_PRIOR = 20
"""Of each pattern so many queries at most count for the project's mean, which so many queries at the origin join."""


@dataclass(frozen=True)
class Scenario:
    """Which votes come.

    Attributes:
        base: Rate of negatives of a question that is not bad.
        rate: Rate of a bad one.
        bad: How many questions, drawn at random, are bad.
        begin: From which vote on they are.
        zipf: Whether the n-th question is asked 1/n as often as the first (and which is first is drawn); else all
            texts are equally frequent.
    """

    name: str
    base: float
    rate: float = 0.0
    bad: int = 0
    begin: int = 0
    zipf: bool = False


SCENARIOS = (
    Scenario("flat 5%", 0.05),
    Scenario("flat 10%", 0.1),
    Scenario("flat 20%", 0.2),
    Scenario("flat 30%", 0.3),
    Scenario("five of 40% on 10%", 0.1, 0.4, 5),
    Scenario("five of 60% on 10%", 0.1, 0.6, 5),
    Scenario("five turn 40% at 10,000", 0.1, 0.4, 5, VOTES // 2),
    Scenario("five turn 60% at 10,000", 0.1, 0.6, 5, VOTES // 2),
    Scenario("Zipf, flat 10%", 0.1, zipf=True),
    Scenario("Zipf, five of 40% on 10%", 0.1, 0.4, 5, zipf=True),
)


@dataclass(frozen=True)
class Rule:
    """A way to judge. `evidence`: whether the seed's rule alone is not enough."""

    name: str
    grouping: str
    evidence: bool


RULES = (
    Rule("seed's rule", "gold", evidence=False),
    Rule("evidence", "gold", evidence=True),
    Rule("seed's rule", "patterns", evidence=False),
    Rule("evidence", "patterns", evidence=True),
    Rule("evidence", "neighbourhood", evidence=True),
)


@dataclass(frozen=True)
class Stream:
    """Queries in the order in which they come: of each its question, and by grouping its group and its window, the
    newest votes up to its own that are judged with it, shape (votes, WINDOW), newest first, -1 where there are none."""

    question: NDArray[np.int64]
    groups: dict[str, NDArray[np.int64]]
    windows: dict[str, NDArray[np.int64]]


class _Remembering(Embedders):
    """Embeds each of a set of texts once, however often it is asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self._known = dict(zip(texts, super().embed(texts), strict=True))

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [self._known[text] for text in texts]


@dataclass(frozen=True)
class Finding:
    """A vote at which what was judged, newest first, was bad: a review was opened, or one that was open was updated."""

    vote: int
    judged: NDArray[np.int64]
    opened: bool


@dataclass(frozen=True)
class Outcome:
    false: int
    found: int
    duplicates: int
    delays: tuple[float, ...]
    """Of each bad question the votes on it until it was found, infinite if it never was."""


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measure and print a table over all scenarios and rules.

    Args:
        data_dir: the folder with banking77.csv.gz.
        full: whether over 30 seeds, not only 10.

    Returns:
        By scenario, grouping and rule: means and extremes, over seeds and draws, of false reviews, found bad questions
        and duplicates, and the median of the votes on a bad question until it was found (absent where there is
        nothing to find, or half is not found). Empty if there are no data.
    """
    if not data_sets.present(data_dir, "banking77"):
        return {}
    table = data_sets.read(data_dir, "banking77")
    texts = [text for text, _ in table]
    names, questions = np.unique([label for _, label in table], return_inverse=True)
    embedders = _Remembering(texts)
    vectors = quantise(embedders.get(WORDLLAMA).embed(texts)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0)

    outcomes: dict[tuple[Scenario, Rule], list[Outcome]] = {(s, rule): [] for s in SCENARIOS for rule in RULES}
    for seed in range(3 * SEEDS if full else SEEDS):
        for zipf in (False, True):
            rows = _draw(questions, len(names), seed, zipf)
            pattern_ids = group(embedders, [texts[row] for row in rows], batch=BATCH)
            stream = _stream(questions[rows], np.unique(pattern_ids, return_inverse=True)[1], vectors[rows])
            for scenario in SCENARIOS:
                for draw in range(DRAWS if scenario.zipf is zipf else 0):
                    for rule, outcome in _simulate(stream, scenario, len(names), seed, draw).items():
                        outcomes[scenario, rule].append(outcome)

    print(f"{'':62s}{'false reviews':>15s}{'bad found':>14s}{'votes until':>13s}{'duplicates':>14s}")
    print(f"{'scenario':26s}{'judged':15s}{'rule':21s}{'mean':>8s}{'max':>7s}{'mean':>8s}{'min':>6s}", end="")
    print(f"{'median':>13s}{'mean':>8s}{'max':>6s}")
    results: dict[str, dict[str, float]] = {}
    for (scenario, rule), each in outcomes.items():
        row = _summary(each)
        results[f"{scenario.name}, {rule.grouping}, {rule.name}"] = row
        print(
            f"{scenario.name:26s}{rule.grouping:15s}{rule.name:21s}{row['false']:8.1f}{row['false_max']:7.0f}", end=""
        )
        if scenario.bad:
            votes = f"{row['votes']:.1f}" if "votes" in row else "never"
            print(f"{row['found']:8.1f}{row['found_min']:6.0f}{votes:>13s}", end="")
            print(f"{row['duplicates']:8.1f}{row['duplicates_max']:6.0f}", end="")
        print()
    return results


def judge(
    windows: NDArray[np.int64],
    groups: NDArray[np.int64],
    negative: NDArray[np.bool_],
    updates_from: int,
    evidence: bool,
) -> list[Finding]:
    """Judges each vote in turn.

    Args:
        windows: Shape (votes, WINDOW), as of a `Stream`.
        groups: Shape (votes,), what a review covers.
        negative: Shape (votes,), which votes are negative.
        updates_from: The vote from which on updates are told of; before there is nothing to find.
        evidence: Whether the seed's rule alone is not enough.
    """
    present = windows >= 0
    bad = present & negative[windows]
    seed_votes = present[:, : POLICY.window_size].sum(axis=1)
    seed_negatives = bad[:, : POLICY.window_size].sum(axis=1)
    # As in the service, a vote that is not negative is judged only where there was too little to judge before.
    due = negative | (seed_votes <= POLICY.minimum_sample)
    due &= (seed_votes >= POLICY.minimum_sample) & (seed_negatives > POLICY.negative_rate_threshold * seed_votes)
    negatives_before = np.concatenate([[0], np.cumsum(negative)])

    findings: list[Finding] = []
    covered: dict[int, int] = {}
    reviews = 0
    for vote in np.flatnonzero(due).tolist():
        judged = windows[vote, : WINDOW if evidence else POLICY.window_size]
        judged = judged[judged >= 0]
        own = int(groups[vote])
        if own in covered and vote < updates_from:
            continue
        if evidence:
            complaints = negative[judged]
            negatives = int(complaints.sum())
            newest = max(vote + 1 - POLICY.baseline_votes, 0)
            own_newest = judged[judged >= newest]
            rate = baseline_rate(
                int(negatives_before[vote + 1] - negatives_before[newest]) - int(negative[own_newest].sum()),
                vote + 1 - newest - len(own_newest),
            )
            if not is_evidence(len(judged), negatives, rate, POLICY.significance_level):
                continue
            by = np.array([covered.get(each, -1) for each in groups[judged].tolist()])
            free = by < 0
            alone = int(free.sum()), int((complaints & free).sum())
            if own not in covered and not is_evidence(*alone, rate, POLICY.significance_level):
                explaining = by[~free & complaints] if (~free & complaints).any() else by[~free]
                covered[own] = int(np.bincount(explaining).argmax())
        findings.append(Finding(vote, judged, opened=own not in covered))
        if own not in covered:
            for each in groups[judged].tolist():
                covered.setdefault(each, reviews)
            reviews += 1
    return findings


def group_windows(groups: NDArray[np.int64], window: int = WINDOW) -> NDArray[np.int64]:
    """The newest votes of each vote's group up to its own, shape (votes, window), newest first, -1 for none."""
    order = np.argsort(groups, kind="stable")
    begins = np.flatnonzero(np.diff(groups[order], prepend=-1))
    first = np.repeat(begins, np.diff(begins, append=len(groups)))
    places = np.arange(len(groups))[:, np.newaxis] - np.arange(window)
    result = np.empty((len(groups), window), dtype=np.int64)
    result[order] = np.where(places >= first[:, np.newaxis], order[np.maximum(places, 0)], -1)
    return result


def near_windows(
    vectors: NDArray[np.float32], patterns: NDArray[np.int64], window: int = WINDOW, minimum: float = NEAR
) -> NDArray[np.int64]:
    """The newest votes near each vote, itself first, shape (votes, window), newest first, -1 for none.

    Args:
        vectors: Shape (votes, dimension), of unit length, oldest first.
        patterns: Shape (votes,), of which a popular one does not become the mean that is taken from both sides.
        window: Most votes of one neighbourhood.
        minimum: Least cosine of two votes after the mean of the queries before them is taken from both.
    """
    votes = len(vectors)
    result = np.full((votes, window), -1, dtype=np.int64)
    total, counted, members = np.zeros(vectors.shape[1]), 0, Counter[int]()
    for begin in range(0, votes, _BLOCK):
        end = min(begin + _BLOCK, votes)
        oldest = max(begin - RECENT, 0)
        centred = vectors[oldest:end] - (total / (counted + _MEAN_PRIOR)).astype(np.float32)
        centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
        near = centred[begin - oldest :] @ centred.T >= minimum
        for row in range(end - begin):
            vote = begin + row
            found = np.flatnonzero(near[row, : vote - oldest])[::-1][: window - 1] + oldest
            result[vote, 0] = vote
            result[vote, 1 : 1 + len(found)] = found
        for vote in range(begin, end):
            members[int(patterns[vote])] += 1
            if members[int(patterns[vote])] <= _MEAN_CAP:
                total += vectors[vote]
                counted += 1
    return result


def _draw(questions: NDArray[np.int64], count: int, seed: int, zipf: bool) -> NDArray[np.int64]:
    """The rows of the data in the order in which they are asked."""
    rng = np.random.default_rng([seed, zipf])
    if not zipf:
        return rng.integers(0, len(questions), VOTES)
    share = 1.0 / (1.0 + rng.permutation(count))
    weight = (share / np.bincount(questions))[questions]
    return rng.choice(len(questions), VOTES, p=weight / weight.sum())


def _stream(question: NDArray[np.int64], patterns: NDArray[np.int64], vectors: NDArray[np.float32]) -> Stream:
    return Stream(
        question,
        {"gold": question, "patterns": patterns, "neighbourhood": patterns},
        {
            "gold": group_windows(question),
            "patterns": group_windows(patterns),
            "neighbourhood": near_windows(vectors, patterns),
        },
    )


def _simulate(stream: Stream, scenario: Scenario, questions: int, seed: int, draw: int) -> dict[Rule, Outcome]:
    rng = np.random.default_rng([seed, SCENARIOS.index(scenario), draw])
    bad = rng.choice(questions, scenario.bad, replace=False)
    begun = np.arange(len(stream.question)) >= scenario.begin
    rates = np.where(np.isin(stream.question, bad) & begun, scenario.rate, scenario.base)
    negative = rng.random(len(rates)) < rates
    updates_from = scenario.begin if scenario.bad else len(rates)
    outcomes = {}
    for rule in RULES:
        windows, groups = stream.windows[rule.grouping], stream.groups[rule.grouping]
        findings = judge(windows, groups, negative, updates_from, rule.evidence)
        outcomes[rule] = _outcome(findings, stream.question, negative, bad.tolist(), scenario.begin)
    return outcomes


def _outcome(
    findings: Sequence[Finding],
    question: NDArray[np.int64],
    negative: NDArray[np.bool_],
    bad: Sequence[int],
    begin: int,
) -> Outcome:
    found: dict[int, int] = {}
    false = duplicates = 0
    for finding in findings:
        about = int(np.bincount(question[finding.judged[negative[finding.judged]]]).argmax())
        if about not in bad or finding.vote < begin:
            false += finding.opened
        elif about in found:
            duplicates += finding.opened
        else:
            found[about] = finding.vote
    delays = tuple(
        float((question[begin : found[each] + 1] == each).sum()) if each in found else math.inf for each in bad
    )
    return Outcome(false, len(found), duplicates, delays)


def _summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    false = [outcome.false for outcome in outcomes]
    found = [outcome.found for outcome in outcomes]
    duplicates = [outcome.duplicates for outcome in outcomes]
    row = {
        "false": float(np.mean(false)),
        "false_max": float(max(false)),
        "found": float(np.mean(found)),
        "found_min": float(min(found)),
        "duplicates": float(np.mean(duplicates)),
        "duplicates_max": float(max(duplicates)),
    }
    delays = [delay for outcome in outcomes for delay in outcome.delays]
    if delays and math.isfinite(median := float(np.median(delays))):
        row["votes"] = median
    return row
