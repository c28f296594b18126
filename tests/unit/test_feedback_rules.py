"""What a plan promises: numbers kept change by change are those of a recount, however changes fall into batches."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uptake_service.domain.errors import DomainError
from uptake_service.domain.feedback import (
    POSITION_SCALE,
    VOTES,
    Content,
    CorrectionValue,
    Draft,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    StoredFeedback,
    sentiment_of,
)
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.project import Project, ProjectSettings, ReviewPolicy, VotePolicy
from uptake_service.ingest.changes import AMENDABLE, Amend, Change, Collect, Retract
from uptake_service.ingest.plan import Plan
from uptake_service.patterns.shares import Share, share_changes
from uptake_service.projections.rollup_deltas import RollupDeltas

START = datetime(2026, 1, 1, tzinfo=UTC)
DIMENSION = 4
CROWD = tuple(f"known-{number}" for number in range(99))
"""So many models that of two new ones only the first still gets a count of its own."""


def projects() -> dict[str, Project]:
    keep_all = ProjectSettings(review_policy=ReviewPolicy(vote_policy=VotePolicy.KEEP_ALL))
    return {"amend": Project(id="amend", models=CROWD), "keep": Project(id="keep", settings=keep_all)}


@dataclass
class Kept:
    """What is stored after some batches: feedback, and the sums of every change of its numbers."""

    projects: dict[str, Project] = field(default_factory=projects)
    feedback: dict[str, StoredFeedback] = field(default_factory=dict)
    rollups: Counter[tuple[object, ...]] = field(default_factory=Counter)
    shares: dict[str, Share] = field(default_factory=dict)
    made: int = 0

    def run(self, batch: Sequence[Change]) -> None:
        plan = Plan(
            now=START + timedelta(days=9),
            writer=0,
            revision=1,
            projects=self.projects,
            stored=list(self.feedback.values()),
            without_text=without_text,
        )
        for change in batch:
            try:
                self._apply(plan, change)
            except DomainError:
                continue
        for item in (*plan.added, *plan.changed):
            self.feedback[item.id] = item
        for key, counts in RollupDeltas.of_transitions(plan.transitions()).changes().items():
            for name, number in counts.items():
                self.rollups[key.project, key.hour, key.dimension, key.value, name] += number
        for pattern_id, share in share_changes(plan.transitions()).items():
            self.shares[pattern_id] = share.applied_to(self.shares.get(pattern_id))
        for id, project in self.projects.items():
            fresh = {"models": plan.new_models, "sources": plan.new_sources, "scores": plan.new_scores}
            self.projects[id] = project.model_copy(
                update={name: (*getattr(project, name), *new.get(id, ())) for name, new in fresh.items()}
            )

    def _apply(self, plan: Plan, change: Change) -> None:
        if isinstance(change, Collect):
            self.made += 1
            plan.collect(change.draft, id_of(self.made), assigned(change.project, change.draft.text))
        elif isinstance(change, Amend):
            plan.amend(change, assigned(change.project, change.comment))
        elif isinstance(change, Retract):
            plan.retract(change)


def assigned(project: str, text: str) -> Assignment:
    """The pattern of a text, as if no two texts were alike."""
    vector = np.array([len(text), -3, sum(text.encode()) % 100, 7], dtype=np.int8).tobytes()
    return Assignment(f"{project}-{text}", vector if text else b"", "an embedder" if text else "", starts=False)


def without_text(project: str, interaction_id: str) -> Assignment:
    return Assignment(f"{project}/{interaction_id}", b"", "", starts=False)


def draft(minutes: int = 0, **about: object) -> Draft:
    """Feedback as it is sent some minutes after START."""
    time = START + timedelta(minutes=minutes)
    return Draft(**{"project": "amend", "occur_time": time, "said_time": time, **about})


def id_of(number: int) -> str:
    return f"{number:024d}"


def recounted(feedback: Iterable[StoredFeedback]) -> Counter[tuple[object, ...]]:
    """Rollups counted from nothing, by other code than the service's."""
    counts: Counter[tuple[object, ...]] = Counter()
    for item in feedback:
        if item.state is not FeedbackState.ACTIVE:
            continue
        hour = item.occur_time.replace(minute=0, second=0, microsecond=0)
        places = [
            ("all", ""),
            ("model", item.model_bucket),
            ("source", item.source_bucket),
            ("pattern", item.pattern_id),
        ]
        if item.score:
            places = [(f"{dimension}:{item.score}", value) for dimension, value in places] + [("score", item.score)]
        for dimension, value in places:
            for name in ("total", item.sentiment.value.lower(), item.content.type.value.lower()):
                counts[item.project, hour, dimension, value, name] += 1
            if item.content.rating:
                counts[item.project, hour, dimension, value, "position"] += item.content.rating.position
        if item.content.type in VOTES:
            colon = f":{item.score}" if item.score else ""
            for dimension, value in ((f"pattern{colon}", item.pattern_id), (f"voters{colon}", "")):
                counts[item.project, hour, dimension, value, f"v{item.voter_bucket}"] += 1
                if item.sentiment is Sentiment.NEGATIVE:
                    counts[item.project, hour, dimension, value, f"n{item.voter_bucket}"] += 1
    return counts


def without_zeros(counts: Counter[tuple[object, ...]]) -> dict[tuple[object, ...], int]:
    return {key: number for key, number in counts.items() if number}


CONTENTS = st.one_of(
    st.sampled_from([Content(type=FeedbackType.THUMBS_UP), Content(type=FeedbackType.THUMBS_DOWN, comment="no")]),
    st.integers(0, 10).map(
        lambda score: Content(type=FeedbackType.RATING, rating=Rating(score=score, min=0.0, max=10.0))
    ),
    st.just(Content(type=FeedbackType.CORRECTION, correction=CorrectionValue(corrected="right"))),
    st.just(Content(type=FeedbackType.COMMENT, comment="so so")),
)
PROJECTS = st.sampled_from(["amend", "amend", "keep"])
COLLECTS = st.builds(
    lambda project, interaction, user, query, model, source, minutes, content, score: Collect(
        draft(
            minutes,
            project=project,
            interaction=Interaction(id=interaction, query=query, model=model),
            content=content,
            user_id=user,
            source=source,
            score="" if content.type is FeedbackType.CORRECTION else score,
        )
    ),
    PROJECTS,
    st.sampled_from(["i", "j"]),
    st.sampled_from(["", "u", "v"]),
    st.sampled_from(["q", "r", ""]),
    st.sampled_from(["", "m", "n"]),
    st.sampled_from(["web", "app"]),
    st.sampled_from([0, 30, 90]),
    CONTENTS,
    st.sampled_from(["", "", "tone"]),
)
TARGETS = st.integers(1, 12).map(id_of)
AMENDS = st.builds(
    lambda project, id, new: Amend(project, id, lambda old: new, AMENDABLE, new.comment, START + timedelta(days=1)),
    PROJECTS,
    TARGETS,
    CONTENTS,
)
RETRACTS = st.builds(Retract, PROJECTS, TARGETS)
CHANGES = st.lists(st.one_of(COLLECTS, COLLECTS, AMENDS, RETRACTS), max_size=30)


def batches(changes: Sequence[Change], cuts: Iterable[int]) -> Iterator[Sequence[Change]]:
    places = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(changes)), len(changes)]
    for begin, end in itertools.pairwise(places):
        yield changes[begin:end]


@settings(deadline=None, max_examples=200)
@given(CHANGES, st.lists(st.integers(1, 29), max_size=8))
def test_numbers_kept_change_by_change_are_those_of_a_recount(changes: list[Change], cuts: list[int]) -> None:
    kept = Kept()
    for batch in batches(changes, cuts):
        kept.run(batch)
    assert without_zeros(kept.rollups) == without_zeros(recounted(kept.feedback.values()))
    for pattern_id in {item.pattern_id for item in kept.feedback.values()}:
        active = [
            item
            for item in kept.feedback.values()
            if item.pattern_id == pattern_id and item.state is FeedbackState.ACTIVE
        ]
        share = kept.shares.get(pattern_id) or Share("", 0, 0, 0, 0, np.zeros(DIMENSION, dtype=np.int32))
        overall = [item for item in active if not item.score]
        assert share.members == len(active)
        assert share.total == len(overall)
        assert share.negative == sum(item.sentiment is Sentiment.NEGATIVE for item in overall)
        assert share.comments == sum(item.content.type is FeedbackType.COMMENT for item in overall)
        vectors = [np.frombuffer(item.vector, dtype=np.int8).astype(int) for item in active if item.vector]
        if not len(share.vector_sum):
            assert not vectors
            continue
        assert share.vector_sum.tolist() == np.sum([np.zeros(DIMENSION, dtype=int), *vectors], axis=0).tolist()


@settings(deadline=None, max_examples=200)
@given(CHANGES, st.lists(st.integers(1, 29), max_size=8))
def test_how_changes_fall_into_batches_changes_nothing(changes: list[Change], cuts: list[int]) -> None:
    one_by_one, batched = Kept(), Kept()
    for change in changes:
        one_by_one.run([change])
    for batch in batches(changes, cuts):
        batched.run(batch)
    assert batched.feedback == one_by_one.feedback
    assert without_zeros(batched.rollups) == without_zeros(one_by_one.rollups)


@settings(deadline=None, max_examples=200)
@given(CHANGES, st.lists(st.integers(1, 29), max_size=8))
def test_one_person_has_one_vote_on_an_interaction(changes: list[Change], cuts: list[int]) -> None:
    kept = Kept()
    for batch in batches(changes, cuts):
        kept.run(batch)
    stored = Counter((item.project, item.interaction.id, item.user_id, item.vote) for item in kept.feedback.values())
    assert all(number == 1 for number in stored.values())
    votes = [
        (item.interaction.id, item.user_id, item.score)
        for item in kept.feedback.values()
        if item.project == "amend"
        and item.user_id
        and item.state is FeedbackState.ACTIVE
        and item.content.type in VOTES
    ]
    assert len(votes) == len(set(votes))
    assert all(item.vote == item.id for item in kept.feedback.values() if item.project == "keep")


@given(CHANGES)
def test_taking_everything_back_leaves_no_numbers(changes: list[Change]) -> None:
    kept = Kept()
    kept.run(changes)
    kept.run([Retract(item.project, item.id) for item in kept.feedback.values()])
    assert without_zeros(kept.rollups) == {}
    assert not any(share.total or share.negative or share.vector_sum.any() for share in kept.shares.values())


def test_past_a_hundred_models_the_rest_counts_as_other() -> None:
    kept = Kept()
    for number, model in enumerate(["first", "second", "first", CROWD[0]]):
        interaction = Interaction(id=str(number), model=model)
        kept.run([Collect(draft(interaction=interaction, content=Content(type=FeedbackType.THUMBS_UP)))])
    assert [item.model_bucket for item in kept.feedback.values()] == ["first", "other", "first", CROWD[0]]


def test_without_a_model_feedback_counts_under_none_and_takes_no_models_place() -> None:
    kept = Kept()
    models = ["", "first", "", "second", ""]
    changes = [
        Collect(
            draft(
                interaction=Interaction(id=str(number), model=model),
                content=Content(type=FeedbackType.THUMBS_UP),
            )
        )
        for number, model in enumerate(models)
    ]
    kept.run(changes[:1])
    kept.run(changes[1:])
    assert [item.model_bucket for item in kept.feedback.values()] == ["", "first", "", "other", ""]


@pytest.mark.parametrize(
    ("position", "sentiment"),
    [
        (0, Sentiment.NEGATIVE),
        (400_000, Sentiment.NEGATIVE),
        (400_001, Sentiment.NEUTRAL),
        (599_999, Sentiment.NEUTRAL),
        (600_000, Sentiment.POSITIVE),
        (1_000_000, Sentiment.POSITIVE),
    ],
)
def test_the_boundaries_of_sentiment_are_exact(position: int, sentiment: Sentiment) -> None:
    rating = Rating(score=float(position), min=0.0, max=float(POSITION_SCALE))
    assert sentiment_of(FeedbackType.RATING, rating) is sentiment


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
def test_the_boundaries_hold_where_binary_fractions_miss_them(
    score: float, low: float, high: float, sentiment: Sentiment
) -> None:
    assert sentiment_of(FeedbackType.RATING, Rating(score=score, min=low, max=high)) is sentiment


@given(st.integers(0, 100), st.floats(-1000, 1000), st.floats(0.01, 1000))
def test_a_rating_does_not_depend_on_its_scale(percent: int, low: float, width: float) -> None:
    rating = Rating(score=low + width * percent / 100, min=low, max=low + width)
    if percent not in (40, 60):
        expected = Sentiment.NEGATIVE if percent < 40 else Sentiment.POSITIVE if percent > 60 else Sentiment.NEUTRAL
        assert sentiment_of(FeedbackType.RATING, rating) is expected


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_a_better_score_never_means_a_worse_sentiment(one: float, two: float, first: float, second: float) -> None:
    low, high = min(one, two), max(one, two)
    if not high > low:
        return
    worse, better = (
        Rating(score=min(high, max(low, low + (high - low) * place)), min=low, max=high)
        for place in sorted((first, second))
    )
    order = [Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE]
    found = [order.index(sentiment_of(FeedbackType.RATING, rating)) for rating in (worse, better)]
    assert found == sorted(found)
    assert all(0 <= rating.position <= POSITION_SCALE for rating in (worse, better))
    assert all(math.isfinite(rating.position) for rating in (worse, better))


@pytest.mark.parametrize(
    ("type", "sentiment"),
    [
        (FeedbackType.THUMBS_UP, Sentiment.POSITIVE),
        (FeedbackType.THUMBS_DOWN, Sentiment.NEGATIVE),
        (FeedbackType.CORRECTION, Sentiment.NEUTRAL),
        (FeedbackType.COMMENT, Sentiment.NEUTRAL),
    ],
)
def test_without_a_score_the_type_decides(type: FeedbackType, sentiment: Sentiment) -> None:
    assert sentiment_of(type, None) is sentiment


@given(st.lists(COLLECTS, max_size=10))
def test_a_share_put_in_and_taken_out_cancels(changes: list[Collect]) -> None:
    kept = Kept()
    kept.run(changes)
    deltas = RollupDeltas()
    for sign in (+1, -1):
        for item in kept.feedback.values():
            deltas.count(item, sign)
    assert deltas.changes() == {}
