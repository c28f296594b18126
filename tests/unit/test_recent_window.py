"""What is remembered of a pattern's newest feedback says what all of it says, however often one voter votes."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uptake_service.domain.feedback import Evidence
from uptake_service.domain.project import ReviewPolicy
from uptake_service.reviews import recent, rules
from uptake_service.reviews.recent import Wanted, _Window
from uptake_service.reviews.rules import Gathered, look, most_of_voter, rows_needed

from tests.unit.test_review_rules import evidence, newest_first

POLICY = ReviewPolicy(window_size=4, minimum_sample=2, evidence_window_size=6)
LOOKED_THROUGH = 12


@pytest.fixture(autouse=True, scope="module")
def _small() -> object:
    with pytest.MonkeyPatch.context() as patch:
        for module in (rules, recent):
            patch.setattr(module, "LOOKED_THROUGH", LOOKED_THROUGH)
        patch.setattr(recent, "_SPARE", 1)
        yield


def cold(rows: list[Evidence], wanted: Wanted) -> list[Evidence]:
    """What is read of all that is there, oldest first."""
    newest = newest_first(rows)
    gathered = Gathered(wanted.most_of_voter, newest[:LOOKED_THROUGH])
    for each in newest[LOOKED_THROUGH:]:
        if len(gathered.voters) >= wanted.number:
            break
        if (each.voter, each.is_vote) not in gathered.enough:
            gathered.add(each)
    return gathered.evidence


PIECES = st.lists(
    st.tuples(
        # One votes far more often than all others.
        st.sampled_from(("mallory", "mallory", "mallory", "mallory", *"abcdefgh")),
        st.sampled_from(("up", "down", "correction")),
        st.integers(0, 60),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=50)
@given(st.lists(PIECES, max_size=25), PIECES, st.sampled_from((0.02, 0.5)))
def test_it_says_what_all_says(
    batches: list[list[tuple[str, str, int]]], first: list[tuple[str, str, int]], share: float
) -> None:
    policy = POLICY.model_copy(update={"voter_share": share})
    numbers = count()

    def made(batch: list[tuple[str, str, int]]) -> list[Evidence]:
        return [
            replace(evidence(number, kind, minute=minute), voter=voter)
            for (voter, kind, minute), number in zip(batch, numbers, strict=False)
        ]

    rows = made(first)
    window = _Window(policy.scores, most_of_voter(policy), newest_first(rows)[::-1], whole=True)
    for batch in batches:
        added = made(batch)
        rows += added
        for each in added:
            window.put(each)
        wanted = Wanted("default", policy.scores, rows_needed(policy) + len(batch), len(batch), most_of_voter(policy))
        if window.serves(wanted):
            window.cut(wanted)
            assert look(window.evidence[::-1], policy) == look(newest_first(rows), policy)
            assert look(cold(rows, wanted), policy) == look(newest_first(rows), policy)
    assert len(window.evidence) <= len(rows)


def test_a_flood_of_one_voter_is_not_all_remembered() -> None:
    honest = [replace(evidence(number), voter=f"user/{number}") for number in range(3)]
    flood = [replace(evidence(number, "up"), voter="user/mallory") for number in range(10, 200)]
    window = _Window(POLICY.scores, 1, honest, whole=True)
    for each in flood:
        window.put(each)
    window.cut(Wanted("default", POLICY.scores, rows_needed(POLICY) + 1, 1))
    assert [each.voter for each in window.evidence[:3]] == ["user/0", "user/1", "user/2"]
    assert len(window.evidence) == LOOKED_THROUGH + 3
