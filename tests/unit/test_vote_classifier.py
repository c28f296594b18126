"""Which votes measure a correction."""

from datetime import UTC, datetime, timedelta

import pytest
from uptake_service.corrections.model import Votes
from uptake_service.corrections.rules import fix_by
from uptake_service.corrections.vote_classifier import MOST_READ, Counted, VoteClassifier
from uptake_service.domain.feedback import Answer, CorrectionKind
from uptake_service.feedback.evidence import Vote
from uptake_service.reviews.model import Fix

FIX = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = frozenset({("prompt", "1")}), frozenset({("prompt", "2")})
NONE: frozenset[tuple[str, str]] = frozenset()
KNOWLEDGE, INSTRUCTIONS = CorrectionKind.KNOWLEDGE, CorrectionKind.INSTRUCTIONS


def vote(
    place: int,
    versions: frozenset[tuple[str, str]] = NONE,
    *,
    answered: int | None = None,
    negative: bool = False,
    voter: str = "",
) -> Vote:
    """A vote so many minutes after the fix on an answer given, unless told, at the same time."""
    answer = place if answered is None else answered
    occurred, answered_at = (FIX + timedelta(minutes=minutes) for minutes in (place, answer))
    return Vote(f"{place:06}", occurred, Answer(answered_at, versions), negative, voter or f"user/{place}")


def count(votes: list[Vote], fix: Fix, voter_share: float = 0.02) -> Counted:
    """Counts votes as they are read, some at a time, up to where the rest makes no difference."""
    counting, whole = VoteClassifier(fix, voter_share), VoteClassifier(fix, voter_share)
    whole.add(votes)
    for place in range(0, len(votes), 7):
        if counting.complete:
            break
        counting.add(votes[place : place + 7])
    assert counting.counted == whole.counted
    return whole.counted


@pytest.mark.parametrize(
    ("kind", "before", "votes", "later", "old"),
    [
        (KNOWLEDGE, NONE, [vote(1), vote(2, answered=-1), vote(3, answered=0)], 2, 1),
        (KNOWLEDGE, OLD, [vote(1, OLD), vote(2, OLD, answered=-1)], 1, 1),
        (KNOWLEDGE, OLD, [vote(1, OLD), vote(2, NEW), vote(3, OLD)], 1, 2),
        (KNOWLEDGE, OLD, [vote(1, OLD), vote(2, NEW, answered=-1), vote(3)], 2, 1),
        (KNOWLEDGE, NONE, [vote(1, OLD), vote(2, NEW)], 2, 0),
        (INSTRUCTIONS, OLD, [vote(1, OLD), vote(2, OLD)], 0, 2),
        (INSTRUCTIONS, OLD, [vote(1, OLD), vote(2, NEW | OLD)], 1, 1),
        (INSTRUCTIONS, NONE, [vote(1, OLD), vote(2)], 2, 0),
    ],
)
def test_versions_tell_where_they_can_and_times_elsewhere(
    kind: CorrectionKind, before: frozenset[tuple[str, str]], votes: list[Vote], later: int, old: int
) -> None:
    counted = count(votes, fix_by([kind], Fix(time=FIX, versions=before)))
    assert (counted.later.votes, counted.old.votes, counted.looks) == (later, old, ())


def test_each_look_sees_the_first_so_many_votes() -> None:
    votes = [vote(place, negative=place >= 30) for place in range(450)]
    counted = count(votes, Fix(time=FIX))
    assert counted.later == Votes(votes=400, negative=370)
    assert [(look.later.votes, look.later.negative) for look in counted.looks] == [
        (25, 0),
        (50, 20),
        (100, 70),
        (200, 170),
        (400, 370),
    ]
    assert counted.looks[0].time == FIX + timedelta(minutes=24)


def test_a_version_that_comes_after_the_last_look_changes_nothing() -> None:
    fix = fix_by([KNOWLEDGE], Fix(time=FIX, versions=OLD))
    votes = [vote(place, OLD) for place in range(400)]
    late = [*votes, *(vote(place, NEW) for place in range(400, 500))]
    assert count(late, fix) == count(votes, fix)
    soon = [*votes[:399], *(vote(place, NEW) for place in range(399, 500))]
    assert count(soon, fix).later.votes == 101


def test_what_an_old_version_gets_is_looked_through_up_to_a_bound() -> None:
    fix = Fix(time=FIX, versions=OLD)
    votes = [vote(place, OLD) for place in range(MOST_READ - 10)]
    votes += [vote(place, NEW) for place in range(MOST_READ - 10, MOST_READ + 10)]
    counted = count(votes, fix)
    assert (counted.later.votes, counted.old.votes) == (10, MOST_READ - 10)


def test_of_each_voter_the_first_vote_counts() -> None:
    votes = [vote(place, negative=place >= 30, voter=f"user/{place % 30}") for place in range(200)]
    counted = count(votes, Fix(time=FIX))
    assert counted.later == Votes(votes=30, negative=0, left_out=170)
    assert [look.later for look in counted.looks] == [Votes(votes=25)]


def test_one_voters_many_votes_are_one_and_the_looks_come_as_without_them() -> None:
    honest = [vote(3 * place, negative=place % 4 == 0) for place in range(60)]
    flood = [vote(1 + 3 * place, negative=True, voter="user/mallory") for place in range(60)]
    flooded = count(sorted([*honest, *flood], key=lambda each: each.order), Fix(time=FIX))
    alone = count(honest, Fix(time=FIX))
    assert (flooded.later.votes, flooded.later.negative) == (alone.later.votes + 1, alone.later.negative + 1)
    assert flooded.later.left_out == 59
    # Mallory has one of the first 25, so the last of these is the 24th honest one.
    assert flooded.looks[0].time == FIX + timedelta(minutes=3 * 23)
    assert flooded.looks[0].later.left_out == 22


def test_how_often_a_voter_counts_is_a_share_of_the_first_look_at_every_look() -> None:
    votes = [vote(place, voter=f"user/{place % 10}") for place in range(500)]
    assert count(votes, Fix(time=FIX), 0.2).later == Votes(votes=50, left_out=450)
    assert [look.later.votes for look in count(votes, Fix(time=FIX), 0.2).looks] == [25, 50]
    assert count(votes, Fix(time=FIX), 1.0).later == Votes(votes=400)


def test_votes_on_older_answers_take_nothing_of_what_counts() -> None:
    fix = fix_by([INSTRUCTIONS], Fix(time=FIX, versions=OLD))
    votes = [vote(1, OLD, voter="user/ann"), vote(2, NEW, voter="user/ann"), vote(3, NEW, voter="user/ann")]
    counted = count(votes, fix)
    assert (counted.later, counted.old) == (Votes(votes=1, left_out=1), Votes(votes=1))
