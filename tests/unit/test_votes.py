"""What two votes of one user on one answer come to: the whole table, whichever arrives first."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uptake_service.domain.feedback import (
    ChatMessage,
    Content,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    Statement,
)
from uptake_service.domain.votes import MOST_STATEMENTS, Merged, merge, with_statement

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

VERDICTS = {
    "up": (FeedbackType.THUMBS_UP, None),
    "down": (FeedbackType.THUMBS_DOWN, None),
    "two stars": (FeedbackType.RATING, Rating(score=2)),
    "three stars": (FeedbackType.RATING, Rating(score=3)),
    "five stars": (FeedbackType.RATING, Rating(score=5)),
}

# Whether the words of the first vote stay, where the second brings none.
STAY = {
    ("up", "up"): True,
    ("up", "down"): False,
    ("up", "two stars"): False,
    ("up", "three stars"): True,
    ("up", "five stars"): True,
    ("down", "up"): False,
    ("down", "down"): True,
    ("down", "two stars"): True,
    ("down", "three stars"): True,
    ("down", "five stars"): False,
    ("two stars", "up"): False,
    ("two stars", "down"): True,
    ("two stars", "two stars"): True,
    ("two stars", "three stars"): True,
    ("two stars", "five stars"): False,
    ("three stars", "up"): True,
    ("three stars", "down"): True,
    ("three stars", "two stars"): True,
    ("three stars", "three stars"): True,
    ("three stars", "five stars"): True,
    ("five stars", "up"): True,
    ("five stars", "down"): False,
    ("five stars", "two stars"): False,
    ("five stars", "three stars"): True,
    ("five stars", "five stars"): True,
}


def vote(
    verdict: str,
    minute: int,
    *,
    comment: str = "",
    labels: dict[str, str] | None = None,
    custom: str | None = None,
    source: str = "",
    **answer: Any,
) -> Statement:
    type, rating = VERDICTS[verdict]
    time = START + minute * MINUTE
    content = Content(type=type, rating=rating, comment=comment, labels=labels or {}, custom_json=custom)
    interaction = Interaction(id="m", **answer)
    return Statement(time=time, occur_time=time, content=content, interaction=interaction, source=source)


def amendment(minute: int, fields: tuple[str, ...], **content: Any) -> Statement:
    time = START + minute * MINUTE
    whole = Content(**{"type": FeedbackType.THUMBS_DOWN, **content})
    return Statement(time=time, occur_time=START, content=whole, interaction=Interaction(id="m"), amended=fields)


def arriving(*statements: Statement) -> Merged:
    """What statements come to that arrive in this order."""
    kept: tuple[Statement, ...] = statements[:1]
    for statement in statements[1:]:
        kept = with_statement(kept, statement)
    return merge(kept)


def in_any_order(*statements: Statement) -> Merged:
    """What statements come to, the same in whatever order they arrive."""
    found = [arriving(*order) for order in itertools.permutations(statements)]
    assert all(each == found[0] for each in found)
    return found[0]


@pytest.mark.parametrize(("first", "second"), STAY)
@pytest.mark.parametrize("first_words", [False, True])
@pytest.mark.parametrize("second_words", [False, True])
def test_the_newer_vote_decides_and_words_stay_unless_it_brings_its_own_or_says_the_opposite(
    first: str, second: str, first_words: bool, second_words: bool
) -> None:
    old: dict[str, Any] = {"comment": "too old", "labels": {"reason": "outdated"}} if first_words else {}
    new: dict[str, Any] = {"comment": "wrong", "labels": {"reason": "wrong"}} if second_words else {}
    merged = in_any_order(vote(first, 1, **old), vote(second, 2, **new))
    assert (merged.content.type, merged.content.rating) == VERDICTS[second]
    assert merged.occur_time == merged.said_time == START + 2 * MINUTE
    expected = new or (old if STAY[first, second] else {})
    assert merged.content.comment == expected.get("comment", "")
    assert merged.content.labels == expected.get("labels", {})


@pytest.mark.parametrize(("first", "second"), STAY)
@pytest.mark.parametrize("second_custom", [None, '{"b":2}'])
def test_a_custom_value_stays_like_words_where_a_thumb_can_carry_it(
    first: str, second: str, second_custom: str | None
) -> None:
    if "stars" in first or ("stars" in second and second_custom):
        return  # A rating carries none.
    merged = in_any_order(vote(first, 1, custom='{"a":1}'), vote(second, 2, custom=second_custom))
    stays = STAY[first, second] and "stars" not in second
    assert merged.content.custom_json == (second_custom or ('{"a":1}' if stays else None))


def test_a_custom_value_waits_while_the_vote_is_a_rating() -> None:
    votes = vote("down", 1, custom='{"a":1}'), vote("two stars", 2), vote("down", 3)
    assert in_any_order(*votes[:2]).content.custom_json is None
    assert in_any_order(*votes).content.custom_json == '{"a":1}'


ANSWER: dict[str, Any] = {
    "response": "You cannot.",
    "model": "model-a",
    "variant": "A",
    "versions": {"prompt": "7"},
    "create_time": START,
    "history": (ChatMessage(role="user", content="Hello"),),
    "contexts": ("a page",),
    "trace_id": "t",
    "span_id": "s",
}


@pytest.mark.parametrize("known_first", [False, True])
def test_what_one_vote_tells_of_the_question_and_the_answer_the_other_does_not_lose(known_first: bool) -> None:
    told = {**ANSWER, "query": "How do I export?", "conversation_id": "c", "source": "web"}
    first, second = (told, {}) if known_first else ({}, told)
    merged = in_any_order(vote("down", 1, **first), vote("down", 2, **second))
    assert merged.source == "web"
    assert merged.interaction == Interaction(id="m", query="How do I export?", conversation_id="c", **ANSWER)


@pytest.mark.parametrize("verdict", ["up", "down"])
@pytest.mark.parametrize(
    "other",
    [
        {"model": "model-b"},
        {"variant": "B"},
        {"response": "Under Billing."},
        {"versions": {"prompt": "8"}},
        {"versions": {"prompt": "8", "index": "1"}},
        {"model": "model-b", "response": "Under Billing.", "versions": {"prompt": "8"}, "contexts": ("another",)},
    ],
)
def test_a_vote_on_another_answer_takes_all_of_that_answer_and_nothing_of_the_first(
    other: dict[str, Any], verdict: str
) -> None:
    merged = in_any_order(
        vote("down", 1, query="How do I export?", **ANSWER),
        vote(verdict, 2, **other),
    )
    assert merged.interaction == Interaction(id="m", query="How do I export?", **other)


@pytest.mark.parametrize("same", [{"model": "model-a"}, {"response": "You cannot. "}, {"versions": {"index": "2"}}, {}])
def test_a_vote_that_does_not_name_another_answer_is_on_the_same(same: dict[str, Any]) -> None:
    merged = in_any_order(vote("down", 1, **ANSWER), vote("up", 2, **same))
    assert merged.interaction.model == "model-a"
    assert merged.interaction.contexts == ("a page",)
    assert merged.interaction.versions["prompt"] == "7"


def test_the_newer_question_stands() -> None:
    merged = in_any_order(vote("down", 1, query="How do I export?"), vote("down", 2, query="How do I import?"))
    assert merged.interaction.query == "How do I import?"
    assert in_any_order(vote("down", 1, query="q"), vote("down", 2, query=" \n")).interaction.query == "q"


def test_words_that_the_opposite_took_away_do_not_come_back() -> None:
    merged = in_any_order(vote("down", 1, comment="dead link"), vote("up", 2), vote("down", 3))
    assert merged.content.comment == ""
    assert merged.content.sentiment is Sentiment.NEGATIVE


def test_what_an_amendment_cleared_only_a_later_vote_fills() -> None:
    first, cleared = vote("down", 1, comment="my name is Ann"), amendment(5, ("comment",))
    assert in_any_order(first, cleared).content.comment == ""
    assert arriving(first, cleared, vote("down", 2, comment="late")).content.comment == ""
    assert arriving(first, cleared, vote("down", 6)).content.comment == ""
    assert arriving(first, cleared, vote("down", 6, comment="anew")).content.comment == "anew"
    kept = with_statement((first,), cleared)
    assert not any("Ann" in each.content.comment for each in kept)


def test_an_amended_verdict_holds_against_older_votes() -> None:
    first, amended = vote("down", 1), amendment(5, ("type",), type=FeedbackType.THUMBS_UP)
    late, later = vote("down", 2, comment="late"), vote("down", 6)
    assert arriving(first, amended, late).content.type is FeedbackType.THUMBS_UP
    assert arriving(first, amended, late, later).content.type is FeedbackType.THUMBS_DOWN


def test_at_the_same_time_the_more_negative_vote_counts() -> None:
    merged = in_any_order(vote("up", 1, comment="fine"), vote("down", 1))
    assert merged.content.type is FeedbackType.THUMBS_DOWN


VOTES = st.builds(
    lambda verdict, minute, comment, query, model, response, custom: vote(
        verdict,
        minute,
        comment=comment,
        query=query,
        model=model,
        response=response,
        custom=None if "stars" in verdict else custom,
    ),
    st.sampled_from(sorted(VERDICTS)),
    st.integers(0, 5),
    st.sampled_from(["", "bad", "good"]),
    st.sampled_from(["", "q", "r"]),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "yes", "no"]),
    st.sampled_from([None, "1", "2"]),
)


@settings(deadline=None)
@given(st.lists(VOTES, min_size=1, max_size=4))
def test_the_order_of_arrival_makes_no_difference(votes: list[Statement]) -> None:
    in_any_order(*votes)


@settings(deadline=None)
@given(st.lists(VOTES, min_size=1, max_size=3 * MOST_STATEMENTS))
def test_many_votes_in_their_order_come_to_the_same_though_few_are_kept(votes: list[Statement]) -> None:
    ordered = [each.model_copy(update={"time": START + place * MINUTE}) for place, each in enumerate(votes)]
    kept: tuple[Statement, ...] = ()
    for each in ordered:
        kept = with_statement(kept, each)
    assert len(kept) <= MOST_STATEMENTS
    assert merge(kept) == merge(ordered)
