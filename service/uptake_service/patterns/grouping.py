"""The patterns of one project in memory: which of them a text joins, by its id, its meaning or its spelling. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from uptake_service.embedding.embed import quantise
from uptake_service.embedding.embedders import KINDS, NEARLY_EQUAL, NGRAMS, Embedders, Vector
from uptake_service.embedding.index import PatternIndex

_FIRST_ROWS: Final = 1
_ROWS_AT_ONCE: Final = 1_024


class ProjectPatterns:
    """The patterns of one project. Not thread-safe.

    A text joins the first of these that there is, else it starts a pattern of its own:

    1. the pattern of its id, which is that of every text with its normal form;
    2. by meaning the pattern that the index of its own embedder finds (see PatternIndex);
    3. by spelling the pattern whose representative is the same text but for spelling: n-grams of at least NEARLY_EQUAL.
       A typing error can make another word for an embedder that knows words, and takes little from spelling. This goes
       by texts alone, so it finds patterns of every embedder.

    A pattern keeps the embedder that it began with, so what joins it is embedded by that one.

    Args:
        embedders: The embedders.
        threshold: Least score at which a text joins a pattern by meaning; None is each embedder's own.
    """

    def __init__(self, embedders: Embedders, threshold: float | None = None) -> None:
        self._embedders = embedders
        self._threshold = threshold
        self._indexes: dict[str, PatternIndex] = {}
        self._embedder_of: dict[str, str] = {}
        self._spellings = _Spellings(embedders)

    def __contains__(self, pattern_id: object) -> bool:
        return pattern_id in self._embedder_of

    def introduce(self, patterns: Iterable[tuple[str, str, str]]) -> None:
        """Makes patterns known.

        Args:
            patterns: Id, embedder, and the text that it is compared with by spelling (empty for none), of each.
        """
        for pattern_id, embedder, text in patterns:
            if pattern_id not in self._embedder_of:
                self._embedder_of[pattern_id] = embedder
                self._spellings.put(pattern_id, text)

    def put(self, pattern_id: str, vector_sum: NDArray[np.int32], members: int) -> None:
        """Tells what the members of a known pattern come to. With none left it is found by its id alone."""
        self._spellings.count(pattern_id, members)
        name = self._embedder_of[pattern_id]
        index = self._index(name)
        if index is not None:
            # A sum of another length is of no embedder that the pattern has.
            whole = len(vector_sum) == KINDS[name].dimension
            index.put(pattern_id, vector_sum if whole else np.zeros(KINDS[name].dimension, dtype=np.int32), members)

    def rename(self, pattern_id: str, text: str) -> None:
        """Gives a pattern another text that it is compared with by spelling; empty for none."""
        if pattern_id in self._embedder_of:
            self._spellings.put(pattern_id, text)

    @property
    def unspelled(self) -> int:
        """Of how many patterns' texts the n-grams are still to be worked out."""
        return self._spellings.waiting

    @property
    def embedders(self) -> set[str]:
        """The embedders that patterns have begun with."""
        return set(self._indexes)

    def assign(
        self, texts: Sequence[str], vectors: Sequence[Vector], new_ids: Sequence[str]
    ) -> list[tuple[str, Vector]]:
        """Says which pattern each text of a batch joins, and its vector by that pattern's embedder.

        Nothing here is changed: `introduce` and `put` follow the commit. Earlier texts of the batch can start what
        later ones join.

        Args:
            texts: n texts; an empty one joins by id alone.
            vectors: Their vectors, each by the text's own embedder.
            new_ids: For each the id of the pattern that it would start.
        """
        joined = list(new_ids)
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for row, (new_id, vector) in enumerate(zip(new_ids, vectors, strict=True)):
            if vector.embedder and new_id not in self._embedder_of:
                rows_of[vector.embedder].append(row)
        for name, rows in rows_of.items():
            index = self._index(name)
            if index is None:
                continue
            found = index.assign(np.stack([vectors[row].values for row in rows]), [new_ids[row] for row in rows])
            for row, pattern_id in zip(rows, found, strict=True):
                joined[row] = pattern_id
        begun: dict[str, int] = {}
        for row, pattern_id in enumerate(joined):
            if pattern_id not in self._embedder_of:
                begun.setdefault(pattern_id, row)
        same = self._nearly_equal({id: texts[row] for id, row in begun.items()})
        joined = [same.get(pattern_id, pattern_id) for pattern_id in joined]
        names = [self._embedder_of.get(id) or vectors[begun.get(id, row)].embedder for row, id in enumerate(joined)]
        return list(zip(joined, self._by(names, texts, vectors), strict=True))

    def nearest(self, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """Patterns of a vector's embedder, by their cosine with it, best first."""
        index = self._indexes.get(vector.embedder)
        return index.nearest(vector.values, limit) if index is not None else []

    def _index(self, name: str) -> PatternIndex | None:
        """The index of an embedder; None for what is none that this process has."""
        index = self._indexes.get(name)
        if index is None and name in KINDS:
            rule = KINDS[name].rule
            rule = rule if self._threshold is None else rule._replace(threshold=self._threshold)
            index = self._indexes[name] = PatternIndex(KINDS[name].dimension, rule)
        return index

    def _nearly_equal(self, begun: Mapping[str, str]) -> dict[str, str]:
        """The patterns that those which a batch would start are spelled like, of its own or from before.

        Args:
            begun: Ids and texts, in the order of the batch.
        """
        texts = {id: text for id, text in begun.items() if text}
        if not texts:
            return {}
        vectors = self._embedders.get(NGRAMS).embed(list(texts.values()))
        known, scores = self._spellings.nearest(vectors)
        among = vectors @ vectors.T
        same: dict[str, str] = {}
        kept: list[int] = []
        ids = list(texts)
        for place, id in enumerate(ids):
            best, score = known[place], float(scores[place])
            if kept:
                near = kept[int(among[place, kept].argmax())]
                if among[place, near] > score:
                    best, score = ids[near], float(among[place, near])
            if score >= NEARLY_EQUAL:
                same[id] = best
            else:
                kept.append(place)
        return same

    def _by(self, names: Sequence[str], texts: Sequence[str], vectors: Sequence[Vector]) -> list[Vector]:
        """The vectors of texts by embedders that may be other than their own."""
        result = list(vectors)
        others = [row for row, vector in enumerate(vectors) if vector.embedder and vector.embedder != names[row]]
        if others:
            anew = self._embedders.embed_by([names[row] for row in others], [texts[row] for row in others])
            for row, vector in zip(others, anew, strict=True):
                result[row] = vector
        return result


class _Spellings:
    """The n-grams of patterns' texts, worked out when they are first asked for: at the start nobody waits for it."""

    def __init__(self, embedders: Embedders) -> None:
        self._embedders = embedders
        self._texts: dict[str, str] = {}
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        self._vectors = np.zeros((_FIRST_ROWS, KINDS[NGRAMS].dimension), dtype=np.int8)
        self._lengths = np.full(_FIRST_ROWS, np.inf, dtype=np.float32)
        self._empty: set[str] = set()

    def put(self, pattern_id: str, text: str) -> None:
        """Notes the text of a pattern, in place of the one before."""
        self._texts[pattern_id] = text

    @property
    def waiting(self) -> int:
        return len(self._texts)

    def count(self, pattern_id: str, members: int) -> None:
        """Tells how many members a pattern has; one without is not found."""
        if members > 0:
            self._empty.discard(pattern_id)
        else:
            self._empty.add(pattern_id)

    def nearest(self, vectors: NDArray[np.float32]) -> tuple[list[str], NDArray[np.float32]]:
        """For each of (n, d) unit vectors the pattern most like it, and how much; "" and 0 without any."""
        self._catch_up()
        scale = np.divide(1.0, self._lengths, dtype=np.float32)
        scale[[self._rows[id] for id in self._empty if id in self._rows]] = 0.0
        best = np.zeros(len(vectors), dtype=np.float32)
        found = [""] * len(vectors)
        for begin in range(0, len(self._ids), _ROWS_AT_ONCE):
            end = min(begin + _ROWS_AT_ONCE, len(self._ids))
            scores = self._vectors[begin:end].astype(np.float32) @ vectors.T
            scores *= scale[begin:end, np.newaxis]
            for place, row in enumerate(scores.argmax(axis=0)):
                if scores[row, place] > best[place]:
                    best[place], found[place] = scores[row, place], self._ids[begin + int(row)]
        return found, best

    def _catch_up(self) -> None:
        while self._texts:
            part = [self._texts.popitem() for _ in range(min(len(self._texts), _ROWS_AT_ONCE))]
            vectors = quantise(self._embedders.get(NGRAMS).embed([text for _, text in part]))
            for (pattern_id, _), vector in zip(part, vectors, strict=True):
                row = self._rows.setdefault(pattern_id, len(self._ids))
                if row == len(self._ids):
                    self._ids.append(pattern_id)
                    if row == len(self._vectors):
                        # Zeros take no memory until they are written to.
                        vectors_and_room = np.zeros((2 * row, self._vectors.shape[1]), dtype=np.int8)
                        vectors_and_room[:row] = self._vectors
                        self._vectors = vectors_and_room
                        self._lengths = np.concatenate([self._lengths, np.full(row, np.inf, dtype=np.float32)])
                self._vectors[row] = vector
                # Of nothing but zeros the length counts as endless: it is like nothing.
                self._lengths[row] = float(np.linalg.norm(vector.astype(np.float32))) or np.inf
