"""How much of a window one voter's votes may be."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.domain.voters import (
    BUCKETS,
    bucket_counts,
    bucket_of,
    most_counted,
    most_of_bucket,
    most_of_one,
    tally,
)

VOTES_OF_EACH = st.lists(st.integers(0, 5_000), max_size=40)
SHARES = st.floats(0.001, 1.0)


@pytest.mark.parametrize(
    ("share", "votes", "most"), [(0.02, 10, 1), (0.02, 50, 1), (0.02, 100, 2), (0.29, 100, 29), (0.1, 30, 3)]
)
def test_a_share_of_a_window_is_so_many_votes_but_one_always(share: float, votes: int, most: int) -> None:
    assert most_of_one(share, votes) == most


def test_a_share_of_one_bounds_nothing() -> None:
    assert most_of_one(1.0, 10) > 10**9
    assert most_counted([7, 100_000], 1.0) == 100_000
    assert tally(100, 90, counts_of({1: (100, 90)}), 1.0).left_out == 0


@given(VOTES_OF_EACH, SHARES, st.integers(0, 1_000))
def test_no_bucket_has_more_than_the_bound_of_what_counts_and_none_could_have_more(
    votes_of_each: list[int], share: float, rest: int
) -> None:
    def counted(most: int) -> int:
        return rest + sum(min(votes, most) for votes in votes_of_each)

    most = most_counted(votes_of_each, share, rest=rest)
    assert most <= most_of_bucket(share, counted(most)) or most == 0
    if max(votes_of_each, default=0) > most:
        assert most + 1 > most_of_bucket(share, counted(most + 1))


@given(VOTES_OF_EACH, st.floats(0.001, 0.5), st.integers(1, 10_000))
def test_who_votes_more_raises_nobodys_bound(votes_of_each: list[int], share: float, more: int) -> None:
    """A voter who has all that counts for one gains nothing by another vote."""
    most = most_counted(votes_of_each, share)
    largest = max(votes_of_each, default=0)
    if largest > most:
        votes_of_each[votes_of_each.index(largest)] += more
        assert most_counted(votes_of_each, share) == most


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_voter_is_in_one_bucket_everywhere(project: str, voter: str) -> None:
    assert bucket_of(project, voter) == bucket_of(project, voter)
    assert 0 <= bucket_of(project, voter) < BUCKETS


def test_voters_are_spread_over_the_buckets() -> None:
    found = Counter(bucket_of("default", f"user/{number}") for number in range(BUCKETS * 100))
    assert len(found) == BUCKETS
    assert max(found.values()) < 160
    # It is a number that is stored, so it is the same in every edition.
    assert bucket_of("default", "user/ann") == 35


def counts_of(buckets: dict[int, tuple[int, int]]) -> Counter[str]:
    """Counts of buckets with so many votes, so many of them negative."""
    counts: Counter[str] = Counter()
    for bucket, (votes, negatives) in buckets.items():
        for number in range(votes):
            counts.update(bucket_counts(bucket, negative=number < negatives))
    return counts


def test_what_a_bucket_has_too_much_of_is_left_out_at_its_own_rate() -> None:
    honest = dict.fromkeys(range(1, 49), (2, 0))
    # Of 102: 2% are 2 votes, and 0.8 of others, with three deviations and one 4.
    assert most_of_bucket(0.02, 102) == 6
    bought = tally(96 + 500, 500, counts_of(honest | {0: (500, 500)}), 0.02)
    assert (bought.votes, bought.negatives, bought.left_out) == (102, 6, 494)
    mixed = tally(96 + 500, 250, counts_of(honest | {0: (500, 250)}), 0.02)
    assert (mixed.votes, mixed.negatives) == (102, 3)


def test_votes_of_before_there_were_buckets_all_count() -> None:
    assert tally(300, 200, {}, 0.02).left_out == 0
    counted = tally(300 + 50, 200 + 50, counts_of({3: (50, 50)}), 0.02)
    most = most_of_bucket(0.02, counted.votes)
    assert (counted.votes, counted.negatives, counted.left_out) == (300 + most, 200 + most, 50 - most)


@pytest.mark.parametrize("number", [20, 100, 300, 2_000, 50_000])
def test_of_voters_with_a_vote_each_nearly_none_is_left_out(number: int) -> None:
    left_out = 0
    for project in range(40):
        votes = Counter[str]()
        for voter in range(number):
            votes.update(bucket_counts(bucket_of(f"p{project}", f"user/{voter}"), negative=False))
        left_out += tally(number, 0, votes, 0.02).left_out
    assert left_out <= 1


BUCKETED = st.dictionaries(
    st.integers(0, BUCKETS - 1),
    st.tuples(st.integers(0, 200), st.integers(0, 200)).map(lambda pair: (max(pair), min(pair))),
    max_size=30,
)


@given(BUCKETED, st.integers(0, 100), st.floats(0.001, 1.0))
def test_no_bucket_has_more_than_its_share_and_all_votes_are_told_of(
    buckets: dict[int, tuple[int, int]], rest: int, share: float
) -> None:
    votes = rest + sum(votes for votes, _ in buckets.values())
    negatives = sum(negatives for _, negatives in buckets.values())
    counted = tally(votes, negatives, counts_of(buckets), share)
    assert counted.votes + counted.left_out == votes
    assert 0 <= counted.negatives <= counted.votes
    bound = most_of_bucket(share, counted.votes)
    assert counted.votes <= rest + sum(min(votes, bound) for votes, _ in buckets.values())


@given(BUCKETED, st.floats(0.001, 1.0), st.randoms())
def test_the_order_of_counting_changes_nothing(
    buckets: dict[int, tuple[int, int]], share: float, random: Random
) -> None:
    votes = sum(votes for votes, _ in buckets.values())
    negatives = sum(negatives for _, negatives in buckets.values())
    shuffled = list(counts_of(buckets).items())
    random.shuffle(shuffled)
    assert tally(votes, negatives, dict(shuffled), share) == tally(votes, negatives, counts_of(buckets), share)


@pytest.mark.parametrize(("votes", "negatives"), [(-3, 0), (0, -2), (5, 9)])
def test_counts_that_were_read_a_moment_apart_do_no_harm(votes: int, negatives: int) -> None:
    counted = tally(votes, negatives, counts_of({1: (4, 4)}), 0.02)
    assert 0 <= counted.negatives <= counted.votes <= max(votes, 0)
