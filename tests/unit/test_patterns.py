"""What embedding and grouping promise, without a server."""

from __future__ import annotations

import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from uptake_service.embedding import index as defaults
from uptake_service.embedding.embed import QUANTUM, normalise_query, quantise
from uptake_service.embedding.embedders import Embedders
from uptake_service.embedding.index import PatternIndex
from uptake_service.embedding.wordllama import WordLlamaEmbedder

from tests.grouping import group

DIMENSION = 8


@pytest.fixture(scope="module")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


@pytest.fixture(scope="module")
def embedders() -> Embedders:
    return Embedders()


# The text's normal form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset it?", "how do i  reset it"),
        ("RESET\tPASSWORD!!", "reset password"),
        ("\uff52\uff45\uff53\uff45\uff54", "reset"),
        ("STRASSE", "straße"),
        ("can\u2019t log in \u2026", "can't log in"),
        ("パスワード。", "パスワード"),
    ],
)
def test_spelling_that_carries_no_meaning_does_not_make_another_query(one: str, other: str) -> None:
    assert normalise_query(one) == normalise_query(other)


def test_punctuation_alone_stays_what_it_is() -> None:
    assert normalise_query(" ?! ") == "?!"
    assert normalise_query("   ") == ""


@given(st.text(max_size=50))
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    once = normalise_query(text)
    assert normalise_query(once) == once


# Vectors


def test_rows_are_unit_vectors_and_unknown_text_is_zero(embedder: WordLlamaEmbedder) -> None:
    vectors = embedder.embed(["reset my password", "", "   ", "</s>", "😀", "?", "@someone", "https://example.org/a"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (8, embedder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 0, 0, 1, 1, 1, 1], abs=1e-5)
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_a_vector_does_not_depend_on_its_batch(embedder: WordLlamaEmbedder) -> None:
    texts = ["cancel my plan", "", "where is the refund " * 2_000, "weather", "x" * 9_000]
    together = embedder.embed(texts * 3)
    alone = np.concatenate([embedder.embed([text]) for text in texts] * 3)
    assert together == pytest.approx(alone, abs=1e-5)


def test_identical_queries_have_identical_vectors(embedder: WordLlamaEmbedder) -> None:
    one, other = embedder.embed(["Cancel my  Subscription!", "cancel my subscription"])
    assert np.array_equal(one, other)


def test_several_threads_get_the_same_vectors(embedder: WordLlamaEmbedder) -> None:
    texts = [f"question number {number} about my card" for number in range(200)]
    expected = embedder.embed(texts)
    answers: list[NDArray[np.float32]] = []
    threads = [threading.Thread(target=lambda: answers.append(embedder.embed(texts))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(np.array_equal(answer, expected) for answer in answers)


def test_loading_leaves_logging_as_it_was() -> None:
    """In a process of its own, for it is loaded once."""
    code = (
        "import logging; from uptake_service.embedding.wordllama import WordLlamaEmbedder; root = logging.getLogger(); "
        "before = (list(root.handlers), root.level); WordLlamaEmbedder(); "
        "assert (list(root.handlers), root.level) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_quantised_vectors_keep_cosines(embedder: WordLlamaEmbedder) -> None:
    vectors = embedder.embed(["reset my password", "i forgot my password", "weather in paris"])
    stored = quantise(vectors)
    assert stored.dtype == np.int8
    assert stored.astype(np.float32) / QUANTUM == pytest.approx(vectors, abs=0.5 / QUANTUM + 1e-6)
    assert quantise(np.array([0.9, -0.9, 0.0], dtype=np.float32)).tolist() == [127, -127, 0]


# Grouping real queries


def test_queries_that_ask_the_same_share_a_pattern(embedders: Embedders) -> None:
    texts = [
        "How do I reset my password?",
        "I forgot my password, how can I reset it?",
        "password reset",
        "Cancel my subscription",
        "how can I cancel my plan",
        "What's the weather in Paris?",
    ]
    for batch in (1, len(texts)):
        reset, forgot, keywords, cancel, plan, weather = group(embedders, texts, batch)
        assert reset == forgot == keywords
        assert cancel == plan
        assert len({reset, cancel, weather}) == 3


def test_other_languages_and_long_texts_are_grouped_too(embedders: Embedders) -> None:
    story = "My printer shows a paper jam although there is no paper in it. " * 80
    texts = [
        "パスワードを忘れました",
        "パスワードをリセットする方法",
        story,
        "Weather in Paris",
        story[:4_000],
    ]
    forgot, reset, long, weather, shorter = group(embedders, texts)
    assert forgot == reset
    assert long == shorter
    assert len({forgot, long, weather}) == 3


# The index


def vector(*components: int) -> NDArray[np.int8]:
    result = np.zeros(DIMENSION, dtype=np.int8)
    result[: len(components)] = components
    return result


def rows(*vectors: NDArray[np.int8]) -> NDArray[np.int8]:
    return np.stack(vectors)


def test_an_identical_query_joins_by_id_whatever_its_vector() -> None:
    index = PatternIndex(DIMENSION)
    index.put("known", vector(127).astype(np.int32), 1)
    assert index.assign(rows(vector(0, 127), vector(0, 0, 127), vector(0, 0, 0, 127)), ["known", "new", "new"]) == [
        "known",
        "new",
        "new",
    ]


def test_an_identical_query_of_the_batch_goes_where_the_first_one_went() -> None:
    index = PatternIndex(DIMENSION)
    index.put("known", vector(127).astype(np.int32), 1)
    batch = rows(vector(126, 3), vector(0, 127), vector(0, 0, 127))
    assert index.assign(batch, ["again", "again", "other"]) == ["known", "known", "other"]


def test_zero_vectors_join_only_by_id() -> None:
    index = PatternIndex(DIMENSION)
    index.put("nothing", vector().astype(np.int32), 3)
    index.put("something", vector(127).astype(np.int32), 1)
    zeros = rows(vector(), vector(), vector(), vector())
    assert index.assign(zeros, ["a", "b", "a", "nothing"]) == ["a", "b", "a", "nothing"]
    assert index.nearest(vector(), 5) == []
    assert [pattern_id for pattern_id, _ in index.nearest(vector(127), 5)] == ["something"]


def test_a_pattern_started_in_a_batch_takes_later_rows_of_it() -> None:
    index = PatternIndex(DIMENSION)
    batch = rows(vector(120), vector(0, 120), vector(119, 5), vector(5, 119))
    assert index.assign(batch, ["a", "b", "c", "d"]) == ["a", "b", "a", "b"]


def test_assign_does_not_change_the_index() -> None:
    index = PatternIndex(DIMENSION)
    assert index.assign(rows(vector(127)), ["a"]) == ["a"]
    assert len(index) == 0
    assert index.assign(rows(vector(127)), ["b"]) == ["b"]
    assert index.assign(np.zeros((0, DIMENSION), dtype=np.int8), []) == []


def test_a_pattern_without_members_attracts_nothing_but_stays_known() -> None:
    index = PatternIndex(DIMENSION)
    index.put("a", vector(127).astype(np.int32), 1)
    assert index.assign(rows(vector(127)), ["b"]) == ["a"]
    index.put("a", vector().astype(np.int32), 0)
    assert "a" in index
    assert index.nearest(vector(127), 1) == []
    assert index.assign(rows(vector(127), vector(127)), ["b", "a"]) == ["b", "a"]


def test_a_removed_pattern_is_gone_and_the_others_stay() -> None:
    index = PatternIndex(DIMENSION)
    for place in range(DIMENSION):
        index.put(str(place), vector(*([0] * place), 127).astype(np.int32), 1)
    index.remove("2")
    index.remove("2")
    assert "2" not in index
    assert len(index) == DIMENSION - 1
    assert [index.nearest(vector(*([0] * place), 127), 1)[0][0] for place in (0, 7)] == ["0", "7"]


def test_nearest_is_sorted_bounded_and_at_least_the_minimum() -> None:
    index = PatternIndex(DIMENSION)
    index.put("same", vector(100).astype(np.int32) * 3, 3)
    index.put("near", vector(100, 100).astype(np.int32), 1)
    index.put("across", vector(0, 100).astype(np.int32), 1)
    index.put("opposite", vector(-100).astype(np.int32), 1)
    found = index.nearest(vector(50), 10)
    assert [pattern_id for pattern_id, _ in found] == ["same", "near", "across", "opposite"]
    assert [cosine for _, cosine in found] == pytest.approx([1, math.sqrt(0.5), 0, -1], abs=1e-6)
    assert index.nearest(vector(50), 2) == found[:2]
    assert index.nearest(vector(50), 10, 0.5) == found[:2]
    assert index.nearest(vector(50), 0) == []


def test_wrong_shapes_are_refused() -> None:
    index = PatternIndex(DIMENSION)
    with pytest.raises(ValueError, match="shape"):
        index.put("a", np.zeros(DIMENSION + 1, dtype=np.int32), 1)
    with pytest.raises(ValueError, match="shape"):
        index.assign(rows(vector(1)), ["a", "b"])
    with pytest.raises(ValueError, match="shape"):
        index.nearest(np.zeros(DIMENSION + 1, dtype=np.int8), 1)


class NaiveIndex:
    """The rule of PatternIndex's docstring, written down once more in the slowest way."""

    def __init__(self) -> None:
        self.patterns: dict[str, tuple[NDArray[np.float64], int]] = {}

    def attracting(self) -> dict[str, tuple[NDArray[np.float64], int]]:
        return {key: (total, n) for key, (total, n) in self.patterns.items() if n > 0 and total.any()}

    def assign(self, vectors: NDArray[np.int8], new_ids: list[str]) -> list[str]:
        attracting = self.attracting()
        mean = sum((t / np.linalg.norm(t) for t, _ in attracting.values()), np.zeros(DIMENSION))
        mean = mean / (len(attracting) + defaults.MEAN_PRIOR)
        result: list[str] = []
        started: dict[str, tuple[NDArray[np.float64], int]] = {}
        joined: dict[str, str] = {}
        for stored, new_id in zip(vectors, new_ids, strict=True):
            length = float(np.linalg.norm(stored.astype(float)))
            query = stored / length if length else stored.astype(float)
            chosen = joined.get(new_id, new_id)
            if new_id not in self.patterns and new_id not in joined and length:
                ranked = sorted(
                    (
                        (score(query, total / (QUANTUM * n), n, mean), cosine(query, total), key)
                        for key, (total, n) in (attracting | started).items()
                        if n > 0
                    ),
                    reverse=True,
                )
                if ranked:
                    best, plain, key = ranked[0]
                    # Where rounding decides, either answer is right.
                    assume(abs(best - defaults.JOIN_THRESHOLD) > 1e-4)
                    assume(abs(plain - defaults.MIN_COSINE) > 1e-4)
                    assume(len(ranked) == 1 or best - ranked[1][0] > 1e-4)
                    if best >= defaults.JOIN_THRESHOLD and plain >= defaults.MIN_COSINE:
                        chosen = key
            if chosen not in self.patterns:
                total, n = started.get(chosen, (np.zeros(DIMENSION), 0))
                started[chosen] = (total + query * QUANTUM, n + (1 if length else 0))
            joined[new_id] = chosen
            result.append(chosen)
        return result


def cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def score(query: NDArray[np.float64], mean: NDArray[np.float64], n: int, project: NDArray[np.float64]) -> float:
    bonus = defaults.SIZE_BONUS * math.log(min(n, defaults.SIZE_CAP))
    return cosine(query - project, mean - project) + bonus


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(st.tuples(st.sampled_from(["put", "put", "empty", "remove"]), st.integers(0, 25)), max_size=60),
    batch=st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=90),
)
def test_any_history_of_puts_and_removes_assigns_as_the_rule_says(
    seed: int, steps: list[tuple[str, int]], batch: list[tuple[int, bool]]
) -> None:
    random = np.random.default_rng(seed)
    topics = random.normal(size=(6, DIMENSION))

    def draw() -> NDArray[np.int8]:
        raw = topics[random.integers(6)] + random.normal(scale=0.5, size=DIMENSION)
        return quantise((raw / np.linalg.norm(raw) * 0.5).astype(np.float32))

    index, naive = PatternIndex(DIMENSION), NaiveIndex()
    for action, number in steps:
        key = f"p{number}"
        if action == "remove":
            index.remove(key)
            naive.patterns.pop(key, None)
            continue
        members = int(random.integers(1, 300)) if action == "put" else 0
        total = draw().astype(np.int32) * members
        index.put(key, total, members)
        naive.patterns[key] = (total.astype(float), members)
    assert len(index) == len(naive.patterns)
    assert all(key in index for key in naive.patterns)

    vectors = np.stack([draw() if has_text else vector() for _, has_text in batch])
    new_ids = [f"p{number}" for number, _ in batch]
    assert index.assign(vectors, new_ids) == naive.assign(vectors, new_ids)

    query = draw()
    expected = sorted((cosine(query.astype(float), t) for t, _ in naive.attracting().values()), reverse=True)
    assert [value for _, value in index.nearest(query, 5)] == pytest.approx(expected[:5], abs=1e-5)
