"""The rules of reviews: what is examined, when a pattern is left alone, what a fix covers, which tokens are claims'."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.errors import DomainError
from uptake_service.feedback.model import (
    Content,
    Evidence,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    StoredFeedback,
)
from uptake_service.projects.model import ReviewPolicy
from uptake_service.reviews.marks import Mark
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
from uptake_service.reviews.rules import examine, is_quiet, judge
from uptake_service.reviews.store import ReviewStore

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

KINDS = st.sampled_from(("up", "down", "neutral", "correction"))

_CONTENTS = {
    "up": Content(type=FeedbackType.THUMBS_UP),
    "down": Content(type=FeedbackType.THUMBS_DOWN),
    "neutral": Content(type=FeedbackType.RATING, rating=Rating(score=3)),
    "correction": Content(type=FeedbackType.CORRECTION),
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
        sentiment=content.sentiment,
        pattern_id="p",
        create_time=START,
        update_time=START,
        state=FeedbackState.ACTIVE,
        vector=b"",
        model_bucket="",
        source_bucket="",
        vote=str(number),
        writer=0,
        revision=revision,
    )


def evidence(number: int, kind: str = "down", *, revision: int = 1, minute: int | None = None) -> Evidence:
    return Evidence.of(stored(number, kind, revision=revision, minute=minute))


def newest_first(feedback: list[Evidence]) -> list[Evidence]:
    return sorted(feedback, key=lambda item: item.order, reverse=True)


def mark_of(feedback: list[Evidence], due: list[Evidence]) -> Mark:
    return Mark(
        project="default",
        pattern_id="p",
        writer=0,
        revision=2,
        feedback_ids=tuple(item.id for item in due),
        touched=len(feedback),
    )


def ended(state: ReviewState, negatives: int, fix: Fix | None = None) -> Review:
    examined = examine([evidence(number) for number in range(negatives)], ReviewPolicy(minimum_sample=1))
    assert examined is not None
    return Review(
        id="r",
        project="default",
        pattern_id="p",
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
        window_size=window,
        minimum_sample=draw(st.integers(1, window)),
        negative_rate_threshold=draw(st.sampled_from((0.0, 0.3, 0.5, 0.99, 1.0))),
        high_priority_above=draw(st.integers(0, 12)),
    )


@given(st.lists(KINDS, max_size=25), policies())
def test_what_is_examined_follows_the_policy(kinds: list[str], policy: ReviewPolicy) -> None:
    feedback = newest_first([evidence(number, kind) for number, kind in enumerate(kinds)])
    window = feedback[: policy.window_size]
    examined = examine(feedback, policy)
    negative = sum(item.sentiment is Sentiment.NEGATIVE for item in window)
    bad = len(window) >= policy.minimum_sample and negative / len(window) > policy.negative_rate_threshold
    assert (examined is not None) == bad
    if examined is None:
        return
    assert [related.feedback_id for related in examined.related] == [item.id for item in window]
    assert examined.negative_rate == negative / len(window)
    assert (examined.priority is ReviewPriority.HIGH) == (len(window) > policy.high_priority_above)
    corrected = any(item.type is FeedbackType.CORRECTION for item in window)
    assert examined.suggested_action == (UPDATE_KNOWLEDGE if corrected else UPDATE_INSTRUCTIONS)


@given(st.lists(KINDS, max_size=25), st.lists(KINDS, max_size=25), policies())
def test_what_fell_out_of_the_window_changes_nothing(kinds: list[str], older: list[str], policy: ReviewPolicy) -> None:
    window = [evidence(100 + number, kind) for number, kind in enumerate(kinds)]
    if len(window) >= policy.window_size:
        past = [evidence(number, kind) for number, kind in enumerate(older)]
        assert examine(newest_first([*past, *window]), policy) == examine(newest_first(window), policy)


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

    def quiet_before(later: object) -> bool:
        negatives = sum(item.sentiment is Sentiment.NEGATIVE for item in later)  # type: ignore[attr-defined]
        return len(due) - negatives < loud_after

    one_by_one: list[tuple[str, Examined]] = []
    seen, negatives = list(old), 0
    for item in new:
        seen.append(item)
        if item in due:
            negatives += 1
            examined = examine(newest_first(seen), policy)
            if examined is not None and negatives >= loud_after:
                one_by_one.append((item.id, examined))
    if due:
        found = judge(newest_first([*old, *new]), mark_of(new, due), policy, quiet_before)
        assert found == ((one_by_one[0][0], one_by_one[-1][1]) if one_by_one else None)


@given(st.lists(KINDS, max_size=15), policies())
def test_a_mark_without_feedback_judges_the_pattern_as_it_stands(kinds: list[str], policy: ReviewPolicy) -> None:
    feedback = newest_first([evidence(number, kind) for number, kind in enumerate(kinds)])
    examined = examine(feedback, policy)
    found = judge(feedback, mark_of([], []), policy)
    assert found == (None if examined is None else (feedback[0].id, examined))


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
    assert fix.is_before(feedback.answer) == expected
    by_time = fix.model_copy(update={"versions_tell": False})
    assert by_time.is_before(feedback.answer) == ((occurred if answered is None else answered) >= 0)


@given(st.text(max_size=80))
def test_no_text_passes_for_a_claim_token(text: str) -> None:
    requests = SimpleNamespace(digest=lambda content: content[:16].ljust(32, b"\0"))
    store = ReviewStore(SimpleNamespace(collection=lambda name: None), None, None, requests, 1)  # type: ignore[arg-type]
    assert store._number("id", store._token("id", 7)) == 7
    with pytest.raises(DomainError):
        store._number("id", text)
