"""How many votes, and of how many user ids, it takes to buy a review, its absence or a verdict; on simulated votes of
which the truth is known, by the rules of the service.

Honest voters vote on questions of which all are negative at one rate, or one turns bad. One, three or ten user ids
vote besides, as many votes as they like, always in the worst place: newest in a review's window, first after a fix.
Three rules are compared: "none" bounds nobody (`voter_share` 1); "windows" counts one vote of each voter in a review's
windows and bounds nothing else, as the service did before there was a share; "share" is the default.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from uptake_service.corrections.model import MeasurementBasis, Verdict, Votes
from uptake_service.corrections.verdict import LOOKS, conclude
from uptake_service.corrections.vote_classifier import VoteClassifier
from uptake_service.domain.feedback import Answer, Evidence, FeedbackType, Sentiment
from uptake_service.domain.project import ReviewPolicy
from uptake_service.domain.voters import bucket_of, most_of_one
from uptake_service.feedback.evidence import Vote
from uptake_service.projections.vote_counts import VotesByBucket
from uptake_service.reviews.baseline import outside
from uptake_service.reviews.model import Fix
from uptake_service.reviews.rules import examine

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIX = Fix(time=START)

RATES = (0.05, 0.1, 0.2, 0.3)
"""Of honest votes negative."""
IDS = (1, 3, 10)
VOTES = (10, 30, 100, 1_000)
"""How many votes are bought in all."""
TRIALS = 60
VOTERS = 400
QUESTIONS = 40
PROJECT = 1_000
"""Honest votes on all other questions that a question is held against."""
BAD = 0.4
"""Rate of a question that turned bad, and of one before its fix."""
JUDGED = 100
"""Honest votes on it within which it is to be found."""


@dataclass(frozen=True)
class Rule:
    """A bound: `windows` of a review's windows, `share` of all else."""

    name: str
    windows: float
    share: float

    @property
    def policy(self) -> ReviewPolicy:
        return ReviewPolicy(voter_share=self.windows)


BUCKET_OF = np.array([bucket_of("", f"user/{voter}") for voter in range(VOTERS)])

DEFAULT = ReviewPolicy().voter_share
RULES = (Rule("none", 1.0, 1.0), Rule("windows", DEFAULT, 1.0), Rule("share", DEFAULT, DEFAULT))
NONE, WINDOWS, SHARE = RULES


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Simulates and prints tables; needs no data.

    Args:
        data_dir: Not read.
        full: Whether over three times as many trials.
    """
    trials = 3 * TRIALS if full else TRIALS
    results: dict[str, dict[str, float]] = {}
    attacks = (
        ("opens a review of a good question", opened),
        ("keeps a question that turned bad closed, by good votes on it", held_by_votes),
        ("keeps it closed, by bad votes on others", held_by_others),
        ("makes a fix that changed nothing IMPROVED", lambda *about: turned(*about, bought_negative=False)),
        ("makes it WORSE", lambda *about: turned(*about, bought_negative=True)),
        ("makes it IMPROVED, by bad votes before it", baseline_bought),
    )
    for name, attack in attacks:
        print(f"{name}: share of {trials} trials in which it was bought")
        print(f"{'honest':>8}{'ids':>5}  rule    ", *(f"{votes:>7,}" for votes in (0, *VOTES)), "  votes bought")
        for rate, ids, rule in itertools.product(RATES, IDS, RULES):
            rng = np.random.default_rng(0)
            row = {
                f"{votes}": float(np.mean([attack(rng, rule, rate, ids, votes) for _ in range(trials)]))
                for votes in (0, *VOTES)
            }
            results[f"{name}, {rate:.0%}, {ids} ids, {rule.name}"] = row
            print(f"{rate:>8.0%}{ids:>5}  {rule.name:<8}", *(f"{share:>7.1%}" for share in row.values()))
    results |= honest(30 if full else 5)
    return results


def opened(rng: np.random.Generator, rule: Rule, rate: float, ids: int, votes: int) -> bool:
    """Whether bad votes open a review of a question with 50 honest ones of the usual rate."""
    own = _honest_evidence(rng, 50, rate)
    bought = _bought_evidence(ids, votes, Sentiment.NEGATIVE, after=50)
    return _is_bad(own + bought, _project(rng, rate), rule)


def held_by_votes(rng: np.random.Generator, rule: Rule, rate: float, ids: int, votes: int) -> bool:
    """Whether good votes, so many among a hundred honest ones, keep a question at 40% without a review."""
    project = _project(rng, rate)
    own: list[Evidence] = []
    per_vote = votes / JUDGED
    sent = 0
    for place, each in enumerate(_honest_evidence(rng, JUDGED, BAD)):
        own.append(each)
        due = int(per_vote * (place + 1))
        # They come between the honest ones, so that they are the newest at each judgement but the honest vote's own.
        own[-1:-1] = _bought_evidence(ids, due - sent, Sentiment.POSITIVE, after=place, first=sent)
        sent = due
        if each.sentiment is Sentiment.NEGATIVE and _is_bad(own, project, rule):
            return False
    return True


def held_by_others(rng: np.random.Generator, rule: Rule, rate: float, ids: int, votes: int) -> bool:
    """Whether so many bad votes on other questions keep a question at 40% without a review."""
    project = _project(rng, rate)
    for id in range(ids):
        bought = votes // ids + (id < votes % ids)
        project.add(VotesByBucket.of_bucket(bucket_of("", f"user/bought{id}"), bought, negative=True))
    own = _honest_evidence(rng, JUDGED, BAD)
    return not any(
        _is_bad(own[: place + 1], project, rule)
        for place, each in enumerate(own)
        if each.sentiment is Sentiment.NEGATIVE
    )


def turned(rng: np.random.Generator, rule: Rule, rate: float, ids: int, votes: int, *, bought_negative: bool) -> bool:
    """Whether so many votes, first after a fix that changed nothing, make its verdict; 200 honest ones follow."""
    before = int((rng.random(200) < rate).sum())
    after = [
        _vote(place, f"user/bought{place % ids}", negative=bought_negative) for place in range(votes)
    ] + _honest_votes(rng, 200, rate, after=votes)
    wanted = Verdict.WORSE if bought_negative else Verdict.IMPROVED
    return _verdict(Votes(votes=200, negative=before), after, rule, wanted)


def baseline_bought(rng: np.random.Generator, rule: Rule, rate: float, ids: int, votes: int) -> bool:
    """Whether so many bad votes before a fix that changes nothing make its verdict IMPROVED, by 200 honest ones."""
    before = [(f"user/bought{place % ids}", True) for place in range(votes)]
    before += [(vote.voter, vote.negative) for vote in _honest_votes(rng, 200, rate)]
    most, counted = most_of_one(rule.share, LOOKS[0]), Counter[str]()
    kept = []
    for voter, negative in before:
        counted[voter] += 1
        if counted[voter] <= most:
            kept.append(negative)
    baseline = Votes(votes=len(kept), negative=sum(kept))
    return _verdict(baseline, _honest_votes(rng, 200, rate), rule, Verdict.IMPROVED)


def honest(seeds: int) -> dict[str, dict[str, float]]:
    """What the bound costs where nobody buys votes: of 20,000 votes by 400 voters, some of whom vote far more often
    than others, how many open a review by chance, how many of five bad questions are found, and after how many votes.
    """
    results: dict[str, dict[str, float]] = {}
    print(f"of 20,000 honest votes, over {seeds} seeds: {'false reviews':>20}{'bad found':>12}{'votes until':>13}")
    for rate, bad, rule in itertools.product(RATES, (0, 5), (WINDOWS, SHARE)):
        found = [_stream(seed, rate, bad, rule) for seed in range(seeds)]
        delays = [delay for each in found for delay in each.delays]
        row = {
            "false": float(np.mean([each.false for each in found])),
            "found": float(np.mean([each.found for each in found])),
            "votes": float(np.median(delays)) if delays else 0.0,
        }
        results[f"honest {rate:.0%}, {bad} of {BAD:.0%}, {rule.name}"] = row
        print(
            f"{rate:>6.0%}, {bad} bad, {rule.name:<24}{row['false']:>22.1f}{row['found']:>12.1f}{row['votes']:>13.1f}"
        )
    return results


@dataclass(frozen=True)
class _Stream:
    false: int
    found: int
    delays: tuple[float, ...]


def _stream(seed: int, rate: float, bad: int, rule: Rule) -> _Stream:
    rng = np.random.default_rng([seed, bad])
    number = 20_000
    question = rng.integers(0, QUESTIONS, number)
    activity = 1.0 / (1.0 + np.arange(VOTERS)) ** 0.5
    voter = rng.choice(VOTERS, number, p=activity / activity.sum())
    negative = rng.random(number) < np.where(question < bad, max(BAD, rate), rate)
    policy, bounded = rule.policy, ReviewPolicy(voter_share=rule.share)
    whole, own = VotesByBucket(), defaultdict[int, VotesByBucket](VotesByBucket)
    newest: deque[tuple[int, VotesByBucket]] = deque()
    rows: defaultdict[int, deque[Evidence]] = defaultdict(lambda: deque(maxlen=1_000))
    opened: dict[int, int] = {}
    asked = np.zeros(QUESTIONS, dtype=np.int64)
    for place in range(number):
        about, is_negative = int(question[place]), bool(negative[place])
        asked[about] += 1
        vote = VotesByBucket.of_bucket(int(BUCKET_OF[voter[place]]), 1, negative=is_negative)
        newest.append((about, vote))
        whole.add(vote)
        own[about].add(vote)
        if len(newest) > policy.baseline_votes:
            oldest, gone = newest.popleft()
            whole.add(gone, -1)
            own[oldest].add(gone, -1)
        rows[about].appendleft(_evidence(place, f"user/{voter[place]}", is_negative))
        if is_negative and about not in opened:
            # As the service does, what the least that the rate outside can be does not tell is not asked of it.
            if examine(rows[about], policy, policy.baseline_floor, START) is None:
                continue
            held_against = outside(whole, own[about], bounded).rate(policy)
            if examine(rows[about], policy, held_against, START) is not None:
                opened[about] = int(asked[about])
    found = [count for about, count in opened.items() if about < bad]
    return _Stream(len(opened) - len(found), len(found), tuple(map(float, found)))


def _is_bad(oldest_first: Sequence[Evidence], project: VotesByBucket, rule: Rule) -> bool:
    held_against = outside(project, VotesByBucket(), ReviewPolicy(voter_share=rule.share)).rate(rule.policy)
    return examine(oldest_first[::-1], rule.policy, held_against, START) is not None


def _verdict(baseline: Votes, after: list[Vote], rule: Rule, wanted: Verdict) -> bool:
    counting = VoteClassifier(FIX, rule.share)
    counting.add(after)
    basis = MeasurementBasis(pattern_id="p", baseline=baseline, start=START, fix=FIX, margin=0.05)
    # Whoever looks at the first moment at which it says so acts on it.
    looks = counting.counted.looks
    return any(conclude(basis, looks[: number + 1])[0] is wanted for number in range(len(looks)))


def _project(rng: np.random.Generator, rate: float) -> VotesByBucket:
    buckets, negative = BUCKET_OF[_voters(rng, PROJECT)], rng.random(PROJECT) < rate
    project = VotesByBucket()
    for value in (False, True):
        for bucket, votes in enumerate(np.bincount(buckets[negative == value]).tolist()):
            project.add(VotesByBucket.of_bucket(bucket, votes, negative=value))
    return project


def _voters(rng: np.random.Generator, number: int) -> NDArray[np.int64]:
    return rng.integers(0, VOTERS, number)


def _honest_evidence(rng: np.random.Generator, number: int, rate: float) -> list[Evidence]:
    voters, negative = _voters(rng, number), rng.random(number) < rate
    return [_evidence(place, f"user/{voters[place]}", bool(negative[place])) for place in range(number)]


def _bought_evidence(ids: int, number: int, sentiment: Sentiment, *, after: int, first: int = 0) -> list[Evidence]:
    return [
        _evidence(after, f"user/bought{place % ids}", sentiment is Sentiment.NEGATIVE)
        for place in range(first, first + number)
    ]


def _evidence(place: int, voter: str, negative: bool) -> Evidence:
    return Evidence(
        id=f"{place:06}",
        type=FeedbackType.THUMBS_DOWN if negative else FeedbackType.THUMBS_UP,
        sentiment=Sentiment.NEGATIVE if negative else Sentiment.POSITIVE,
        occur_time=START + place * SECOND,
        create_time=START,
        writer=0,
        revision=0,
        voter=voter,
    )


def _honest_votes(rng: np.random.Generator, number: int, rate: float, after: int = 0) -> list[Vote]:
    negative = rng.random(number) < rate
    return [
        _vote(after + place, f"user/{voter}", negative=bool(negative[place]))
        for place, voter in enumerate(_voters(rng, number))
    ]


def _vote(place: int, voter: str, *, negative: bool) -> Vote:
    time = START + (place + 1) * SECOND
    return Vote(id=f"{place:06}", occur_time=time, answer=Answer(time, frozenset()), negative=negative, voter=voter)
