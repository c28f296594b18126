"""How much of a window one voter's votes may be. Pure.

Votes are cheap to somebody who votes on many answers, so of one voter only so many count as are a share of all that
count. Where votes are read one by one, a voter is known by name. Where hours of them are counted in rollups, voters are
counted in buckets, by a hash of their name: no voter is in two, so a bound on a bucket bounds each voter in it.
"""

import math
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b

BUCKETS = 128
"""Of all votes a bucket has 0.8% on average, well below the share at which it is bounded."""

_DEVIATIONS = 3
"""So many standard deviations a bucket may have above what others in it have on average (it is a Poisson distribution),
and one vote: of a hundred voters with one vote each, one in 250 projects then leaves out a vote that it should not."""

_VOTES, _NEGATIVES = (tuple(f"{kind}{bucket}" for bucket in range(BUCKETS)) for kind in "vn")
"""The names of their counts in rollups."""


@dataclass(frozen=True)
class Tally:
    """Votes that count, how many of them are negative, and how many do not count."""

    votes: int = 0
    negatives: int = 0
    left_out: int = 0


def most_of_one(share: float, votes: int) -> int:
    """How many votes of one voter count among so many: a share of them, but one always. A share of 1 bounds nothing."""
    if share >= 1:
        return sys.maxsize
    # What a product of binary fractions misses must not cost a vote: 0.29 * 100 is below 29.
    return max(1, math.floor(round(share * votes, 9)))


def most_of_bucket(share: float, votes: int) -> int:
    """How many votes of one bucket count among so many: one voter's share, and what others in it have by chance."""
    others = votes / BUCKETS
    return most_of_one(share, votes) + math.floor(others + _DEVIATIONS * math.sqrt(others) + 1)


def most_counted(votes_of_each: Collection[int], share: float, *, rest: int = 0) -> int:
    """How many votes of one bucket count, where each bucket has so many.

    The share is one of the votes that count, not of those that were cast: else a voter would raise their own bound.

    Args:
        votes_of_each: The votes of each bucket.
        share: How many of them may be one voter's, above 0 to 1.
        rest: Votes that count whosever they are.
    """
    most = max(votes_of_each, default=0)
    # Fewer of each make fewer in all, so that it comes down to the largest number that holds.
    while True:
        counted = rest + sum(min(votes, most) for votes in votes_of_each)
        fewer = most_of_bucket(share, counted)
        if fewer >= most:
            return most
        most = fewer


def bucket_of(project: str, voter: str) -> int:
    """The bucket that a voter of a project is counted in."""
    digest = blake2b(f"{project}/{voter}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def bucket_counts(bucket: int, *, negative: bool) -> dict[str, int]:
    """What one vote of a bucket counts in a rollup."""
    return {_VOTES[bucket]: 1, _NEGATIVES[bucket]: 1} if negative else {_VOTES[bucket]: 1}


def voters_of(counts: Mapping[str, int], *, negative: bool = False) -> dict[int, int]:
    """The votes of each bucket that has any, or its negative ones."""
    names = _NEGATIVES if negative else _VOTES
    return {bucket: number for bucket, name in enumerate(names) if (number := counts.get(name, 0)) > 0}


def tally(votes: int, negatives: int, counts: Mapping[str, int], share: float) -> Tally:
    """So many votes with each bucket's bounded. What a bucket has too many of is left out in the bucket's own rate.

    Args:
        votes: All votes.
        negatives: How many of them are negative.
        counts: Those of each bucket; votes of before there were buckets are in none, and all count.
        share: Largest share of the votes that count which one bucket's may be, above 0 to 1.
    """
    votes = max(votes, 0)
    negatives = min(max(negatives, 0), votes)
    of_each = voters_of(counts)
    rest = max(votes - sum(of_each.values()), 0)
    most = most_counted(of_each.values(), share, rest=rest)
    too_many = {bucket: number - most for bucket, number in of_each.items() if number > most}
    if not too_many:
        return Tally(votes, negatives)
    negatives_of_each = voters_of(counts, negative=True)
    left_out = min(sum(too_many.values()), votes)
    gone = math.fsum(
        number * min(negatives_of_each.get(bucket, 0), of_each[bucket]) / of_each[bucket]
        for bucket, number in too_many.items()
    )
    counted = votes - left_out
    return Tally(counted, min(max(round(negatives - gone), 0), counted), left_out)
