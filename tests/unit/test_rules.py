"""The rules that need no I/O: sentiment, the trigger, priority, rollup arithmetic, claim tokens."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.errors import DomainError
from uptake_service.feedback.model import (
    Content,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    StoredFeedback,
    sentiment_of,
)
from uptake_service.insights.rollups import RollupDeltas
from uptake_service.projects.model import ReviewPolicy
from uptake_service.reviews.marks import Mark
from uptake_service.reviews.model import ReviewPriority
from uptake_service.reviews.rules import examine, judge
from uptake_service.reviews.store import ReviewStore

START = datetime(2026, 1, 1, tzinfo=UTC)


def feedback(number: int, negative: bool, revision: int = 1, state: FeedbackState = FeedbackState.ACTIVE) -> Any:
    content = Content(type=FeedbackType.THUMBS_DOWN if negative else FeedbackType.THUMBS_UP)
    return StoredFeedback(
        id=f"{number:024d}",
        project="default",
        interaction=Interaction(id=str(number)),
        content=content,
        occur_time=START + timedelta(minutes=number),
        sentiment=content.sentiment,
        pattern_id="p",
        create_time=START,
        update_time=START,
        state=state,
        vector=b"",
        model_bucket="",
        source_bucket="",
        vote=str(number),
        writer=0,
        revision=revision,
    )


@pytest.mark.parametrize(
    ("score", "low", "high", "sentiment"),
    [
        (2.6, 1, 5, Sentiment.NEGATIVE),
        (2.7, 1, 5, Sentiment.NEUTRAL),
        (3.3, 1, 5, Sentiment.NEUTRAL),
        (3.4, 1, 5, Sentiment.POSITIVE),
        (4, 0, 10, Sentiment.NEGATIVE),
        (6, 0, 10, Sentiment.POSITIVE),
        (0.12, 0, 0.3, Sentiment.NEGATIVE),
    ],
)
def test_a_rating_counts_by_its_position(score: float, low: float, high: float, sentiment: Sentiment) -> None:
    assert sentiment_of(FeedbackType.RATING, Rating(score=score, min=low, max=high)) is sentiment


@given(st.integers(0, 100), st.floats(-1000, 1000), st.floats(0.01, 1000))
def test_a_rating_does_not_depend_on_its_scale(percent: int, low: float, width: float) -> None:
    rating = Rating(score=low + width * percent / 100, min=low, max=low + width)
    if percent not in (40, 60):
        expected = Sentiment.NEGATIVE if percent < 40 else Sentiment.POSITIVE if percent > 60 else Sentiment.NEUTRAL
        assert sentiment_of(FeedbackType.RATING, rating) is expected


@given(st.lists(st.booleans(), max_size=30))
def test_a_pattern_is_bad_by_the_newest_ten_alone(votes: list[bool]) -> None:
    newest_first = [feedback(number, negative) for number, negative in enumerate(votes)][::-1]
    window = votes[-10:]
    examined = examine(newest_first, ReviewPolicy())
    assert (examined is not None) == (len(window) >= 3 and sum(window) * 10 > 3 * len(window))
    if examined is not None:
        assert examined.sample_size == len(window)
        assert examined.priority is (ReviewPriority.HIGH if len(window) > 5 else ReviewPriority.MEDIUM)


@given(st.lists(st.booleans(), max_size=15), st.lists(st.booleans(), min_size=1, max_size=25))
def test_a_batch_is_judged_as_if_it_had_come_one_by_one(before: list[bool], batch: list[bool]) -> None:
    policy = ReviewPolicy()
    old = [feedback(number, negative, revision=1) for number, negative in enumerate(before)]
    new = [feedback(len(old) + number, negative, revision=2) for number, negative in enumerate(batch)]
    due = tuple(item.id for item in new if item.sentiment is Sentiment.NEGATIVE)
    if not due:
        return
    mark = Mark(project="default", pattern_id="p", writer=0, revision=2, feedback_ids=due, touched=len(new))
    found = judge([*old, *new][::-1], mark, policy)
    seen = list(old)
    one_by_one = []
    for item in new:
        seen.append(item)
        if item.id in due and (examined := examine(seen[::-1], policy)):
            one_by_one.append((item.id, examined))
    assert found == ((one_by_one[0][0], one_by_one[-1][1]) if one_by_one else None)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(FeedbackState)), max_size=20))
def test_what_is_put_in_and_taken_out_again_leaves_nothing(items: list[tuple[bool, FeedbackState]]) -> None:
    deltas = RollupDeltas()
    made = [feedback(number, negative, state=state) for number, (negative, state) in enumerate(items)]
    for item in made:
        deltas.count(item, +1)
    active = sum(state is FeedbackState.ACTIVE for _, state in items)
    assert sum(c.get("total", 0) for key, c in deltas.changes().items() if key.dimension == "all") == active
    for item in reversed(made):
        deltas.count(item, -1)
    assert deltas.changes() == {}


@given(st.text(max_size=80))
def test_no_text_passes_for_a_claim_token(text: str) -> None:
    requests = SimpleNamespace(digest=lambda content: content[:16].ljust(32, b"\0"))
    store = ReviewStore(SimpleNamespace(collection=lambda name: None), None, None, requests, 1)  # type: ignore[arg-type]
    assert store._number("id", store._token("id", 7)) == 7
    with pytest.raises(DomainError):
        store._number("id", text)
