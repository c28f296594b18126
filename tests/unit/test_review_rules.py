"""The rules of reviews: what is examined, when a pattern is left alone, what a fix covers, which tokens are claims'."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.domain.errors import DomainError
from uptake_service.domain.feedback import (
    Content,
    CorrectionKind,
    CorrectionValue,
    Evidence,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    StoredFeedback,
)
from uptake_service.domain.project import ReviewPolicy, TriggerRule
from uptake_service.reviews.claims import ClaimTokens
from uptake_service.reviews.model import (
    UPDATE_INSTRUCTIONS,
    UPDATE_KNOWLEDGE,
    Examined,
    Fix,
    Resolution,
    Review,
    ReviewPriority,
    ReviewState,
)
from uptake_service.reviews.outbox import OutboxEntry
from uptake_service.reviews.rules import Outside, counting_negatives, examine, is_quiet, judge, look, rows_needed

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

KINDS = st.sampled_from(("up", "down", "neutral", "correction"))

_CONTENTS = {
    "up": Content(type=FeedbackType.THUMBS_UP),
    "down": Content(type=FeedbackType.THUMBS_DOWN),
    "neutral": Content(type=FeedbackType.RATING, rating=Rating(score=3)),
    "correction": Content(type=FeedbackType.CORRECTION, correction=CorrectionValue(corrected="right")),
}


def stored(
    number: int,
    kind: str = "down",
    *,
    revision: int = 1,
    minute: int | None = None,
    versions: dict[str, str] | None = None,
    answered: datetime | None = None,
) -> StoredFeedback:
    content = _CONTENTS[kind]
    return StoredFeedback(
        id=f"{number:024d}",
        project="default",
        interaction=Interaction(id=str(number), versions=versions or {}, create_time=answered),
        content=content,
        occur_time=START + timedelta(minutes=number if minute is None else minute),
        said_time=START,
        sentiment=content.sentiment,
        pattern_id="p",
        create_time=START,
        update_time=START,
        state=FeedbackState.ACTIVE,
        vector=b"",
        embedder="",
        model_bucket="",
        source_bucket="",
        score_bucket="",
        vote=str(number),
        writer=0,
        revision=revision,
    )


def evidence(number: int, kind: str = "down", *, revision: int = 1, minute: int | None = None) -> Evidence:
    return Evidence.of(stored(number, kind, revision=revision, minute=minute))


def examined_by(policy: ReviewPolicy, rate: float = 0.05) -> Callable[[Iterable[Evidence]], Examined | None]:
    """What the rules say of feedback while the rest of the project has this negative rate."""
    return lambda feedback: examine(feedback, policy, rate, START)


def newest_first(feedback: list[Evidence]) -> list[Evidence]:
    return sorted(feedback, key=lambda item: item.order, reverse=True)


def mark_of(feedback: list[Evidence], due: list[Evidence]) -> OutboxEntry:
    return OutboxEntry(
        project="default",
        pattern_id="p",
        writer=0,
        revision=2,
        feedback_ids=tuple(item.id for item in due),
        touched=len(feedback),
    )


def ended(state: ReviewState, negatives: int, fix: Fix | None = None) -> Review:
    examined = look([evidence(number) for number in range(negatives)], ReviewPolicy(minimum_sample=1))
    return Review(
        id="r",
        project="default",
        pattern_id="p",
        covers=("p",),
        state=state,
        examined=examined,
        trigger_feedback_id="f",
        resolution=Resolution(note="", reviewer="ann", end_time=START, fix=fix),
        create_time=START,
        update_time=START,
    )


@st.composite
def policies(draw: st.DrawFn) -> ReviewPolicy:
    window = draw(st.integers(1, 12))
    return ReviewPolicy(
        trigger_rule=draw(st.sampled_from(list(TriggerRule))),
        evidence_window_size=draw(st.integers(1, 20)),
        window_size=window,
        minimum_sample=draw(st.integers(1, window)),
        negative_rate_threshold=draw(st.sampled_from((0.0, 0.3, 0.5, 0.99, 1.0))),
        high_priority_above=draw(st.integers(0, 12)),
    )


@given(st.lists(KINDS, max_size=25), policies())
def test_what_is_examined_follows_the_policy(kinds: list[str], policy: ReviewPolicy) -> None:
    feedback = newest_first([evidence(number, kind) for number, kind in enumerate(kinds)])
    window = feedback[: policy.window_size]
    examined = examined_by(policy)(feedback)
    negative = sum(item.sentiment is Sentiment.NEGATIVE for item in window)
    bad = len(window) >= max(policy.minimum_sample, 2) and negative / len(window) > policy.negative_rate_threshold
    if policy.trigger_rule is TriggerRule.RATE:
        assert (examined is not None) == bad
    else:
        votes = [item for item in feedback if item.type is not FeedbackType.CORRECTION]
        votes = votes[: policy.evidence_window_size]
        negatives = sum(item.sentiment is Sentiment.NEGATIVE for item in votes)
        by_chance = sum(
            math.comb(len(votes), k) * 0.05**k * 0.95 ** (len(votes) - k) for k in range(negatives, len(votes) + 1)
        )
        assert (examined is not None) == (bad and negatives >= 2 and by_chance < policy.significance_level)
    if examined is None:
        return
    assert [related.feedback_id for related in examined.related] == [item.id for item in window]
    assert examined.negative_rate == negative / len(window)
    assert (examined.priority is ReviewPriority.HIGH) == (len(window) > policy.high_priority_above)
    corrected = any(item.type is FeedbackType.CORRECTION for item in feedback[: rows_needed(policy)])
    assert examined.suggested_action == (UPDATE_KNOWLEDGE if corrected else UPDATE_INSTRUCTIONS)


@given(st.lists(KINDS, max_size=25), st.lists(KINDS, max_size=25), policies())
def test_what_fell_out_of_the_window_changes_nothing(kinds: list[str], older: list[str], policy: ReviewPolicy) -> None:
    window = [evidence(100 + number, kind) for number, kind in enumerate(kinds)]
    votes = sum(kind != "correction" for kind in kinds)
    if len(window) >= policy.window_size and votes >= policy.evidence_window_size and "correction" in kinds:
        past = [evidence(number, kind) for number, kind in enumerate(older)]
        examined = examined_by(policy)
        assert examined(newest_first([*past, *window])) == examined(newest_first(window))


@given(
    st.lists(st.tuples(KINDS, st.integers(0, 9)), max_size=12),
    st.lists(st.tuples(KINDS, st.integers(0, 9)), min_size=1, max_size=15),
    policies(),
    st.integers(0, 12),
)
def test_a_batch_equals_its_items_one_by_one_at_equal_times_under_any_policy_and_after_a_dismissal(
    before: list[tuple[str, int]], batch: list[tuple[str, int]], policy: ReviewPolicy, loud_after: int
) -> None:
    old = [evidence(number, kind, minute=minute) for number, (kind, minute) in enumerate(before)]
    new = [evidence(100 + number, kind, minute=minute, revision=2) for number, (kind, minute) in enumerate(batch)]
    new = newest_first(new)[::-1]
    due = [item for item in new if item.sentiment is Sentiment.NEGATIVE]

    def quiet_before(later: Any) -> bool:
        negatives = sum(item.sentiment is Sentiment.NEGATIVE for item in later)
        return len(due) - negatives < loud_after

    one_by_one: list[tuple[str, Examined]] = []
    seen, negatives = list(old), 0
    for item in new:
        seen.append(item)
        if item in due:
            negatives += 1
            examined = examined_by(policy)(newest_first(seen))
            if examined is not None and negatives >= loud_after:
                one_by_one.append((item.id, examined))
    if due:
        found = judge(newest_first([*old, *new]), mark_of(new, due), examined_by(policy), quiet_before)
        assert found == ((one_by_one[0][0], one_by_one[-1][1]) if one_by_one else None)


@given(st.lists(KINDS, max_size=15), policies())
def test_a_mark_without_feedback_judges_the_pattern_as_it_stands(kinds: list[str], policy: ReviewPolicy) -> None:
    feedback = newest_first([evidence(number, kind) for number, kind in enumerate(kinds)])
    examined = examined_by(policy)(feedback)
    found = judge(feedback, mark_of([], []), examined_by(policy))
    assert found == (None if examined is None else (feedback[0].id, examined))


def by(number: int, voter: str, kind: str = "down") -> Evidence:
    return replace(evidence(number, kind), voter=voter)


def test_four_of_ten_open_a_review_where_there_is_nothing_else_and_three_do_not() -> None:
    ten = [evidence(number, "down" if number < 4 else "up") for number in range(10)]
    assert examined_by(ReviewPolicy(), Outside().rate(ReviewPolicy()))(newest_first(ten))
    nine = [evidence(number, "down" if number < 3 else "up") for number in range(9)]
    assert not examined_by(ReviewPolicy(), Outside().rate(ReviewPolicy()))(newest_first(nine))


def test_what_is_usual_in_the_project_is_no_evidence() -> None:
    four = [evidence(number, "down" if number < 4 else "up") for number in range(10)]
    usual = Outside(votes=100, negatives=30).rate(ReviewPolicy())
    assert not examined_by(ReviewPolicy(), usual)(newest_first(four))
    assert examined_by(ReviewPolicy(trigger_rule=TriggerRule.RATE), usual)(newest_first(four))


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_one_voter_alone_opens_nothing_however_often_they_vote(rule: TriggerRule) -> None:
    policy = ReviewPolicy(trigger_rule=rule, minimum_sample=1, window_size=10)
    assert not examined_by(policy)(newest_first([by(number, "user/ann") for number in range(20)]))


def test_three_clicks_of_one_are_one() -> None:
    clicks = [*(by(number, "user/ann") for number in range(3)), by(3, "user/bob")]
    seen = look(newest_first(clicks), ReviewPolicy())
    assert (seen.sample_size, seen.evidence_votes, seen.evidence_negatives) == (2, 2, 2)


@pytest.mark.parametrize("kind", ["up", "down", "correction"])
def test_one_voters_feedback_takes_one_place_of_the_window_whatever_it_is(kind: str) -> None:
    honest = [by(number, f"user/{number}", "down" if number < 5 else "up") for number in range(10)]
    flood = [by(100 + number, "user/mallory", kind) for number in range(200)]
    seen = examined_by(ReviewPolicy())(newest_first([*honest, *flood]))
    alone = look(newest_first(honest), ReviewPolicy())
    assert alone.evidence_left_out == 0
    assert seen is not None
    assert seen.evidence_votes - alone.evidence_votes == (kind != "correction")
    assert seen.evidence_negatives - alone.evidence_negatives == (kind == "down")
    assert seen.evidence_left_out == 199


def test_a_vote_and_a_correction_of_one_voter_both_count() -> None:
    both = [by(1, "user/ann", "down"), by(2, "user/ann", "correction"), by(3, "user/ann", "correction")]
    assert look(newest_first(both), ReviewPolicy()).sample_size == 2


def test_how_much_of_a_voter_counts_is_policy() -> None:
    votes = [by(number, f"user/{number % 4}") for number in range(40)]
    for share, counted in ((0.02, 4), (0.2, 8), (0.5, 20), (1.0, 40)):
        assert look(newest_first(votes), ReviewPolicy(voter_share=share)).evidence_votes == counted


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_one_voter_alone_opens_nothing_under_any_share(rule: TriggerRule) -> None:
    policy = ReviewPolicy(trigger_rule=rule, voter_share=1.0)
    angry = [by(number, "user/ann") for number in range(20)]
    assert not examined_by(policy)(newest_first(angry))
    if rule is TriggerRule.EVIDENCE:
        assert not examined_by(policy)(newest_first([*angry, by(21, "user/bob", "up")]))
    assert examined_by(policy)(newest_first([*angry, by(21, "user/bob")]))


@given(
    st.lists(st.tuples(KINDS, st.integers(0, 4)), max_size=30),
    st.integers(0, 4),
    st.integers(1, 60),
    st.sampled_from((0.02, 0.2)),
)
def test_more_votes_of_who_counts_fully_change_no_others(
    votes: list[tuple[str, int]], flooder: int, number: int, share: float
) -> None:
    """What counts of the others, but for those whom the windows have no room for, is what counted before."""
    policy = ReviewPolicy(voter_share=share, window_size=100, evidence_window_size=100)
    before = [by(place, f"user/{voter}", kind) for place, (kind, voter) in enumerate(votes)]
    flood = [by(1_000 + place, f"user/{flooder}", "up") for place in range(number)]
    others = {each.id for each in before if each.voter != f"user/{flooder}"}
    related = [
        [each.feedback_id for each in look(newest_first(rows), policy).related if each.feedback_id in others]
        for rows in (before, [*before, *flood])
    ]
    assert related[0] == related[1]


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 500)), st.integers(1, 10))
def test_one_voters_negatives_end_no_quiet_period_of_several(negatives: dict[str, int], complaints: int) -> None:
    review = ended(ReviewState.DISMISSED, complaints)
    counted = counting_negatives(negatives, review, ReviewPolicy())
    assert counted == len(negatives)
    assert is_quiet(review, ReviewPolicy(), counted, START) == (len(negatives) < complaints)


def test_what_is_old_opens_nothing() -> None:
    old = [evidence(number, minute=-1) for number in range(10)]
    assert not examined_by(ReviewPolicy())(newest_first(old))
    assert examined_by(ReviewPolicy())(newest_first([evidence(number) for number in range(10)]))


def test_the_suggestion_follows_the_newest_correction() -> None:
    knowledge, instructions = (replace(evidence(n, "correction"), kind=kind) for n, kind in enumerate(CorrectionKind))
    votes = [evidence(number) for number in range(2, 6)]
    assert look(newest_first([knowledge, *votes]), ReviewPolicy()).suggested_action == UPDATE_KNOWLEDGE
    assert look(newest_first([knowledge, instructions, *votes]), ReviewPolicy()).suggested_action == UPDATE_INSTRUCTIONS
    assert look(newest_first(votes), ReviewPolicy()).suggested_action == UPDATE_INSTRUCTIONS


@given(st.integers(1, 10), st.integers(0, 20), st.integers(-60, 60))
def test_a_dismissal_is_quiet_until_the_period_is_over_or_as_many_negatives_came(
    negatives: int, since: int, seconds: int
) -> None:
    policy = ReviewPolicy()
    now = START + policy.dismissal_quiet_period + seconds * SECOND
    review = ended(ReviewState.DISMISSED, negatives)
    assert is_quiet(review, policy, since, now) == (seconds < 0 and since < negatives)


@pytest.mark.parametrize("state", [state for state in ReviewState if state is not ReviewState.DISMISSED])
def test_only_a_dismissal_is_quiet(state: ReviewState) -> None:
    assert not is_quiet(ended(state, 3), ReviewPolicy(), 0, START)
    assert not is_quiet(None, ReviewPolicy(), 0, START)


VERSIONS = st.dictionaries(st.sampled_from(("prompt", "index")), st.sampled_from("123"), max_size=2)


@given(VERSIONS, VERSIONS, st.integers(-2, 2), st.none() | st.integers(-2, 2))
def test_versions_tell_first_then_the_answers_time_then_the_feedbacks(
    versions: dict[str, str], known: dict[str, str], occurred: int, answered: int | None
) -> None:
    fix = Fix(time=START, versions=frozenset(known.items()))
    answer_time = None if answered is None else START + timedelta(minutes=answered)
    feedback = stored(0, minute=occurred, versions=versions, answered=answer_time)
    if versions and known:
        expected = any(known.get(name) != value for name, value in versions.items())
    else:
        expected = (occurred if answered is None else answered) >= 0
    assert fix.precedes(feedback.answer) == expected
    by_time = fix.model_copy(update={"versions_tell": False})
    assert by_time.precedes(feedback.answer) == ((occurred if answered is None else answered) >= 0)


@given(st.text(max_size=80))
def test_no_text_passes_for_a_claim_token(text: str) -> None:
    tokens = ClaimTokens(lambda content: content[:16].ljust(32, b"\0"))
    assert tokens.number("id", tokens.make("id", 7)) == 7
    with pytest.raises(DomainError):
        tokens.number("id", text)
