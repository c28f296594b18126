"""The rules of corrections: how they lie on one another, what their difference is, what a recount finds."""

import re
import time
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.corrections.knowledge import entry_text
from uptake_service.corrections.model import (
    Author,
    Correction,
    CorrectionState,
    Draft,
    MeasurementBasis,
    Revision,
    Votes,
)
from uptake_service.corrections.rules import (
    applied,
    differences,
    pattern_of_most,
    reverted,
    unified_diff,
    versions_under,
)
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.reviews.model import Fix

START = datetime(2026, 1, 1, tzinfo=UTC)
ANN = Author(reviewer="ann")
BASIS = MeasurementBasis(pattern_id="", baseline=Votes(), start=START, fix=Fix(time=START), margin=0.05)

TEXTS = st.lists(st.sampled_from(["", "a", "b", "c", "-a", "+b", "@@ -1 +1 @@", "\r"]), max_size=30).map("\n".join)


class Target:
    """One target with all its corrections, changed by the rules alone."""

    def __init__(self) -> None:
        self.head: Revision | None = None
        self.corrections: dict[str, Correction] = {}

    def apply(self, content: str, base_revision: int | None = None) -> Correction:
        draft = Draft(kind=CorrectionKind.KNOWLEDGE, target="k", content=content, base_revision=base_revision)
        made, self.head = applied(draft, self.head, "default", ANN, BASIS, START)
        if made.covers:
            below = self.corrections[made.covers]
            self.corrections[below.id] = below.model_copy(update={"state": CorrectionState.SUPERSEDED})
        self.corrections[made.id] = made
        return made

    def revert(self, id: str) -> None:
        assert self.head is not None
        correction = self.corrections[id]
        covered = self.corrections.get(correction.covers)
        while covered is not None and not covered.content:
            covered = self.corrections.get(covered.covers)
        undone, restored, self.head = reverted(
            correction, covered, self.head, ANN, "", Fix(time=START + timedelta(hours=1))
        )
        self.corrections[id] = undone
        if restored is not None:
            self.corrections[restored.id] = restored

    def differences(self) -> list[str]:
        heads = [(CorrectionKind.KNOWLEDGE, self.head)] if self.head else []
        return list(differences(list(self.corrections.values()), heads))


@given(st.lists(st.one_of(st.none(), TEXTS.filter(bool)), max_size=20))
def test_a_target_is_a_stack_whose_revisions_only_grow(steps: list[str | None]) -> None:
    target, stack = Target(), list[Correction]()
    for number, step in enumerate(steps):
        revision = target.head.revision if target.head else 0
        if step is not None:
            base = revision if stack else 0
            made = target.apply(step, base if number % 2 else None)
            assert made.base_revision == base
            stack.append(made)
        elif stack:
            target.revert(stack.pop().id)
        else:
            continue
        assert target.head is not None
        assert target.head.revision == revision + 1
        assert target.head.content == (stack[-1].content if stack else None)
        assert target.head.correction_id == (stack[-1].id if stack else "")
        in_force = [each.id for each in target.corrections.values() if each.state is CorrectionState.APPLIED]
        assert in_force == [each.id for each in stack[-1:]]
        superseded = {each.id for each in target.corrections.values() if each.state is CorrectionState.SUPERSEDED}
        assert superseded == {each.id for each in stack[:-1]}
        assert target.differences() == []


@given(st.integers(0, 3), st.booleans(), st.integers(0, 5))
def test_only_the_head_is_a_base_and_0_is_what_does_not_exist(changes: int, deleted: bool, base: int) -> None:
    target = Target()
    made = [target.apply(str(number)) for number in range(changes)]
    if deleted:
        for correction in reversed(made):
            target.revert(correction.id)
    expected = 0 if deleted else changes
    if base == expected:
        assert target.apply("new", base).base_revision == base
        return
    before = target.head
    with pytest.raises(DomainError) as caught:
        target.apply("new", base)
    assert caught.value.reason == Reason.ERROR_REASON_BASE_REVISION_MISMATCH
    assert [violation.field for violation in caught.value.violations] == ["base_revision"]
    assert target.head is before


def test_what_is_covered_or_undone_cannot_be_undone() -> None:
    target = Target()
    first, second = target.apply("one"), target.apply("two")
    with pytest.raises(DomainError) as caught:
        target.revert(first.id)
    assert caught.value.reason == Reason.ERROR_REASON_CORRECTION_SUPERSEDED
    assert second.id in caught.value.message
    target.revert(second.id)
    with pytest.raises(DomainError) as caught:
        target.revert(second.id)
    assert caught.value.reason == Reason.ERROR_REASON_CORRECTION_REVERTED


@given(st.one_of(st.none(), TEXTS), TEXTS)
def test_a_difference_makes_the_new_text_of_the_old_one(before: str | None, after: str) -> None:
    diff = unified_diff(before, after, 1, 2)
    assert patched(before, diff) == (after if diff or before is None else before)
    assert (diff == "") == (before == after)


def test_a_difference_shows_three_lines_around_each_change() -> None:
    lines = [str(number) for number in range(30)]
    before, after = "\n".join(lines), "\n".join([*lines[:10], "ten", *lines[11:29], "29", "30"])
    assert unified_diff(before, after, 4, 7).split("\n") == [
        "--- revision 4",
        "+++ revision 7",
        "@@ -8,7 +8,7 @@",
        *(" 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13"),
        "@@ -28,3 +28,4 @@",
        *(" 27", " 28", " 29", "+30"),
    ]


def test_versions_under_a_fix_are_those_of_answers_that_came_of_it() -> None:
    old, new = frozenset({("prompt", "1"), ("model", "m")}), frozenset({("prompt", "2"), ("model", "m")})
    fix = Fix(time=START, versions=old)
    assert versions_under(fix, [old, new, frozenset()]) == new
    assert versions_under(fix, [old]) == old
    assert versions_under(Fix(time=START), [old, new]) == old | new
    assert versions_under(fix, []) == frozenset()


@pytest.mark.parametrize("count", [1_000, 25_000])
@pytest.mark.parametrize("kinds", [1, 2, 30, 100, 150, 1_000])
def test_a_difference_of_long_texts_is_right_and_takes_no_time(count: int, kinds: int) -> None:
    random = Random(count + kinds)
    before, after = ("\n".join(str(random.randrange(kinds)) for _ in range(count)) for _ in range(2))
    # Of this thread alone, whatever else the machine does.
    started = time.thread_time()
    diff = unified_diff(before, after, 1, 2)
    assert time.thread_time() - started < 20
    assert patched(before, diff) == (after if diff else before)


@given(st.lists(st.sampled_from(["a", "b", "c"])))
def test_the_pattern_of_most_is_the_first_of_the_most_frequent(ids: list[str]) -> None:
    most = pattern_of_most(ids)
    assert ids.count(most) == max((ids.count(id) for id in ids), default=0)
    assert most == next((id for id in ids if ids.count(id) == ids.count(most)), "")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("refunds/time-limit", "refunds time limit x"),
        ("card_arrival", "card arrival x"),
        ("Über/straße.42", "Über straße 42 x"),
        ("---", " x"),
    ],
)
def test_an_entry_is_found_by_the_words_of_its_key_too(key: str, text: str) -> None:
    assert entry_text(key, "x") == text


def test_a_baseline_without_votes_has_rate_zero() -> None:
    assert (Votes().rate, Votes(votes=8, negative=2).rate) == (0, 0.25)


@pytest.mark.parametrize(
    ("number", "change", "problem"),
    [
        (0, {"revision": 2}, "made"),
        (0, {"state": CorrectionState.APPLIED}, "in force is"),
        (0, {"state": CorrectionState.REVERTED}, "is REVERTED, and covered"),
        (1, {"state": CorrectionState.SUPERSEDED}, "not covered"),
        (1, {"covers": ""}, "not covered"),
        (1, {"content": "other"}, "content"),
    ],
)
def test_a_recount_names_what_does_not_fit(number: int, change: dict[str, object], problem: str) -> None:
    target = Target()
    ids = [target.apply("one").id, target.apply("two").id]
    assert target.differences() == []
    target.corrections[ids[number]] = target.corrections[ids[number]].model_copy(update=change)
    assert any(problem in difference for difference in target.differences()), target.differences()


def test_a_recount_misses_heads_and_corrections() -> None:
    target = Target()
    target.apply("one")
    head = target.head
    target.head = None
    assert target.differences() == ["knowledge 'k' of default: has corrections but is not there"]
    target.head, target.corrections = head, {}
    assert len(target.differences()) == 3


def patched(before: str | None, diff: str) -> str | None:
    """What `patch` makes of a text, by the line numbers of the difference."""
    if not diff:
        return before
    old = [] if before is None else before.split("\n")
    new: list[str] = []
    taken = 0
    lines = diff.split("\n")
    assert lines[:2] == ["--- revision 1", "+++ revision 2"]
    counts = [0, 0]
    for line in lines[2:]:
        if counts == [0, 0]:
            header = re.fullmatch(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@", line)
            assert header, line
            start, old_count, new_start, new_count = map(int, header.groups())
            first = start - 1 if old_count else start
            new += old[taken:first]
            taken, counts = first, [old_count, new_count]
            assert len(new) == (new_start - 1 if new_count else new_start)
            continue
        if line[0] in " -":
            assert old[taken] == line[1:]
            taken += 1
            counts[0] -= 1
        if line[0] in " +":
            new.append(line[1:])
            counts[1] -= 1
    assert counts == [0, 0]
    return "\n".join([*new, *old[taken:]])
