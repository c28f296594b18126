"""Which votes measure a correction."""

from datetime import UTC, datetime, timedelta

import pytest
from uptake_service.corrections.counting import MOST_READ, Counted, Counting
from uptake_service.corrections.model import Votes
from uptake_service.corrections.rules import fix_by
from uptake_service.feedback.model import Answer, CorrectionKind
from uptake_service.feedback.store import Vote
from uptake_service.reviews.model import Fix

FIX = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = frozenset({("prompt", "1")}), frozenset({("prompt", "2")})
NONE: frozenset[tuple[str, str]] = frozenset()
KNOWLEDGE, BEHAVIOR = CorrectionKind.KNOWLEDGE, CorrectionKind.BEHAVIOR


def vote(
    place: int, versions: frozenset[tuple[str, str]] = NONE, *, answered: int | None = None, negative: bool = False
) -> Vote:
    """A vote so many minutes after the fix on an answer given, unless told, at the same time."""
    answer = place if answered is None else answered
    occurred, answered_at = (FIX + timedelta(minutes=minutes) for minutes in (place, answer))
    return Vote(f"{place:06}", occurred, Answer(answered_at, versions), negative)


def count(votes: list[Vote], fix: Fix) -> Counted:
    """Counts votes as they are read, some at a time, up to where the rest makes no difference."""
    counting, whole = Counting(fix), Counting(fix)
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
        (BEHAVIOR, OLD, [vote(1, OLD), vote(2, OLD)], 0, 2),
        (BEHAVIOR, OLD, [vote(1, OLD), vote(2, NEW | OLD)], 1, 1),
        (BEHAVIOR, NONE, [vote(1, OLD), vote(2)], 2, 0),
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
