"""How well questions are told apart, and found again, in many languages; beside one embedder for all of them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from uptake_service.embedding.embed import normalise_query, quantise
from uptake_service.embedding.embedders import KINDS, WORDLLAMA, Embedders, embedder_of
from uptake_service.embedding.index import PatternIndex

from tests.grouping import Grouping
from tests.languages import Language, languages

_TEXTS_TIMED, _FULL_TEXTS_TIMED = 400, 4_000


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table. The texts are in languages.toml; `full` times more of them.

    Returns:
        By language: questions (all unrelated), patterns (that they become), first_edition (that they became with one
        embedder for all languages), again (in how many ways they are sent again, all but word for word), joined (the
        share of those that join their question's pattern), texts_per_second (embedded, 64 at once).
    """
    embedders = Embedders()
    results: dict[str, dict[str, float]] = {}
    print(
        f"{'language':<22} {'embedder of most':<20} {'questions':>9} {'patterns':>9} {'one for all':>12} "
        f"{'again':>6} {'joined':>7} {'texts/s':>8}"
    )
    missed: defaultdict[str, list[bool]] = defaultdict(list)
    for language in languages().values():
        row = _measure(embedders, language, missed, _FULL_TEXTS_TIMED if full else _TEXTS_TIMED)
        results[language.name] = row
        (most, _), *_ = Counter(map(embedder_of, language.questions)).most_common()
        print(
            f"{language.name:<22} {most:<20} {row['questions']:9.0f} {row['patterns']:9.0f} "
            f"{row['first_edition']:12.0f} {row['again']:6.0f} {row['joined']:7.1%} {row['texts_per_second']:8.0f}"
        )
    by_kind = ", ".join(f"{kind} {np.mean(found):.1%}" for kind, found in missed.items())
    print(f"joined, of all languages by what is different: {by_kind}")
    return results


def _measure(
    embedders: Embedders, language: Language, found: defaultdict[str, list[bool]], timed: int
) -> dict[str, float]:
    questions = list(language.questions)
    grouping = Grouping(embedders)
    patterns = [pattern_id for question in questions for pattern_id in grouping.add([question])]
    joined = []
    for number, (question, pattern_id) in enumerate(zip(questions, patterns, strict=True)):
        for kind, texts in language.again(question, number).items():
            # Each by itself, as if it came next.
            same = [grouping.find([text])[0][0] == pattern_id for text in texts]
            found[kind] += same
            joined += same
    texts = (questions * (timed // len(questions) + 1))[:timed]
    embedders.embed(texts[:64])
    started = time.perf_counter()
    for begin in range(0, timed, 64):
        embedders.embed(texts[begin : begin + 64])
    return {
        "questions": float(len(questions)),
        "patterns": float(len(set(patterns))),
        "first_edition": float(_with_one_embedder(embedders, questions)),
        "again": float(len(joined)),
        "joined": float(np.mean(joined)),
        "texts_per_second": timed / (time.perf_counter() - started),
    }


def _with_one_embedder(embedders: Embedders, questions: list[str]) -> int:
    """How many patterns the questions become with WordLlama for all of them."""
    index = PatternIndex(KINDS[WORDLLAMA].dimension)
    members: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    for question, vector in zip(questions, quantise(embedders.get(WORDLLAMA).embed(questions)), strict=True):
        (pattern_id,) = index.assign(vector[np.newaxis], [normalise_query(question)])
        members[pattern_id].append(vector)
        index.put(pattern_id, np.sum(members[pattern_id], axis=0, dtype=np.int32), len(members[pattern_id]))
    return len(members)
