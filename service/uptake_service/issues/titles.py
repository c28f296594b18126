"""Keywords and titles for clusters of comments, in the comments' own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer

from uptake_service.issues.cleaning import WORD

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_ROWS = 6_000  # from which n-grams are counted
_KEYWORDS = 8
_PHRASE_WEIGHT = (1.0, 2.8, 3.4)  # of an n-gram of one, two and three words as a title
_OPENING = 60  # characters of a comment that is its issue's title where no n-gram is one

_FUNCTION_WORDS = frozenset(
    """
    a about after again all also am an and any are as at be because been before being but by can could did do does
    doesn't doing don't down each even for from get gets getting got had has have having he her here hers him his how
    i i'd i'll i'm i've if in into is isn't it it's its just like ll me more most much my need needs no nor not now of
    off on once one only or other our ours out over own please re s same she should so some still such t than thanks
    thank that that's the their theirs them then there these they this those through to too under until us ve very
    want was wasn't way we were what what's when where which while who whom why will with won't would yet you you're
    your yours
    """.split()  # noqa: SIM905
)
_MAY_LEAD = frozenset({"can't", "didn't", "how", "never", "no", "not", "on", "out", "won't"})
_MAY_END = frozenset({"down", "off", "out", "up"})


def name_issues(texts: Sequence[str], labels: Ints, seed: int) -> tuple[list[tuple[str, ...]], list[str]]:
    """Keywords and a title for each issue, from n-grams of one to three words.

    An n-gram g scores p(g|c) log(p(g|c) / p(g|others)), its share of the divergence of issue and rest: it must be
    both frequent and particular. Class-based TF-IDF (Grootendorst 2022) has only the second in its logarithm.

    Args:
        texts: n comments, as `clean` leaves them.
        labels: (n,) the issue of each, 0 to k - 1 without gaps, or less than 0 for none.
        seed: of the choice of members that n-grams are counted from.

    Returns:
        For each of k issues up to eight n-grams, best first, and a title: a phrase of members' own, or two of
        their words, no two alike.
    """
    members = [np.flatnonzero(labels == issue) for issue in range(int(labels.max(initial=-1)) + 1)]
    if not members:
        return [], []
    openings = [texts[int(rows[0])][:_OPENING] for rows in members]
    rng = np.random.default_rng(seed)
    each = max(60, _ROWS // len(members))
    rows = np.sort(np.concatenate([rng.permutation(of_issue)[:each] for of_issue in members]))
    counter = CountVectorizer(token_pattern=WORD, ngram_range=(1, 3), binary=True, min_df=2, dtype=np.float32)
    try:
        used = counter.fit_transform([texts[int(row)] for row in rows])
    except ValueError:  # no word occurs twice
        return [()] * len(members), openings
    grams = [str(gram) for gram in counter.get_feature_names_out()]
    words = [gram.split(" ") for gram in grams]
    lengths = np.array([len(part) for part in words])
    scores = _scores(used, labels[rows], np.array([len(of_issue) for of_issue in members]))
    scores[:, [not _tells(part) for part in words]] = 0
    keywords: list[tuple[str, ...]] = []
    titles: list[str] = []
    for score, opening in zip(scores, openings, strict=True):
        best = [g for g in np.argsort(-score * (1 + 0.2 * (lengths - 1)), kind="stable")[:60] if score[g] > 0]
        chosen: list[int] = []
        for g in best:
            if not any(set(words[g]) & set(words[h]) - _FUNCTION_WORDS for h in chosen):
                chosen.append(g)
        keywords.append(tuple(grams[g] for g in chosen[:_KEYWORDS]))
        # A phrase says more than a word: it wins unless it is far rarer.
        names = sorted(best, key=lambda g: -score[g] * _PHRASE_WEIGHT[lengths[g] - 1])
        candidates = [grams[g] for g in names]
        if names and lengths[names[0]] == 1:  # one word says little: "gate, delayed"
            others = [grams[g] for g in chosen if lengths[g] == 1 and grams[g][:3] != candidates[0][:3]]
            candidates.insert(0, ", ".join([candidates[0], *others[:1]]))
        titles.append(next((name for name in candidates if name not in titles), opening))
    return keywords, titles


def _scores(used: Any, labels: Ints, sizes: Ints) -> Floats:
    """(issues, n-grams) scores, from which of the rows uses which n-gram; sizes are those of the whole issues."""
    rows = len(labels)
    member = sp.csr_matrix((np.ones(rows, dtype=np.float32), (labels, np.arange(rows))), shape=(len(sizes), rows))
    counts = (member @ used).toarray()
    weights = sizes / sizes.sum()
    inside = counts / np.bincount(labels)[:, None]
    outside = (weights @ inside - weights[:, None] * inside) / np.maximum(1 - weights[:, None], 1e-9)
    return np.where(counts >= 2, inside * np.log((inside + 1e-9) / (outside + 2 / rows)), 0)


def _tells(words: Sequence[str]) -> bool:
    """Whether an n-gram can stand alone: no function word at its ends, but for "on hold", "hung up" and the like."""
    lead = words[0] not in _FUNCTION_WORDS or (len(words) > 1 and words[0] in _MAY_LEAD)
    end = words[-1] not in _FUNCTION_WORDS or (len(words) > 1 and words[-1] in _MAY_END)
    return lead and end and max(map(len, words)) > 2
