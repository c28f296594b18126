"""Grouping texts into patterns as intake does, without a database: for unit tests and benchmarks of its quality."""

import numpy as np
from numpy.typing import NDArray
from uptake_service.embedding.embed import normalise_query
from uptake_service.embedding.embedders import Embedders, Vector
from uptake_service.patterns.grouping import ProjectPatterns


class Grouping:
    """One project's patterns, kept up to date."""

    def __init__(self, embedders: Embedders) -> None:
        self._embedders = embedders
        self._patterns = ProjectPatterns(embedders)
        self._sums: dict[str, NDArray[np.int32]] = {}
        self._members: dict[str, int] = {}

    def add(self, texts: list[str]) -> list[str]:
        """Assigns a batch, and then puts what it changed; gives each text's pattern."""
        found = self.find(texts)
        for text, (pattern_id, vector) in zip(texts, found, strict=True):
            self._patterns.introduce([(pattern_id, vector.embedder, text)])
            before = self._sums.get(pattern_id, np.zeros(len(vector.values), np.int32))
            self._sums[pattern_id] = before + vector.values
            self._members[pattern_id] = self._members.get(pattern_id, 0) + 1
        for pattern_id in {pattern_id for pattern_id, _ in found}:
            self._patterns.put(pattern_id, self._sums[pattern_id], self._members[pattern_id])
        return [pattern_id for pattern_id, _ in found]

    def find(self, texts: list[str]) -> list[tuple[str, Vector]]:
        """The pattern and the vector of each text of a batch; nothing changes."""
        return self._patterns.assign(texts, self._embedders.embed(texts), [normalise_query(text) for text in texts])


def group(embedders: Embedders, texts: list[str], batch: int = 1) -> list[str]:
    """Feeds texts to a new project, some at a time; gives each text's pattern."""
    grouping = Grouping(embedders)
    return [
        pattern_id for begin in range(0, len(texts), batch) for pattern_id in grouping.add(texts[begin : begin + batch])
    ]
