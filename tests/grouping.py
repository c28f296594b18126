"""Grouping texts into patterns as intake does, without a database: for unit tests and the benchmark of its quality."""

import numpy as np
from numpy.typing import NDArray
from uptake_service.patterns.embed import WordLlamaEmbedder, normalise_query, quantise
from uptake_service.patterns.index import PatternIndex


def group(embedder: WordLlamaEmbedder, texts: list[str], batch: int = 1) -> list[str]:
    """Feeds texts to an empty index, assigning a batch and then putting what it changed; gives each text's pattern."""
    index = PatternIndex(embedder.dimension)
    sums: dict[str, NDArray[np.int32]] = {}
    members: dict[str, int] = {}
    result: list[str] = []
    for begin in range(0, len(texts), batch):
        part = texts[begin : begin + batch]
        vectors = quantise(embedder.embed(part))
        assigned = index.assign(vectors, [normalise_query(text) for text in part])
        for vector, pattern_id in zip(vectors, assigned, strict=True):
            sums[pattern_id] = sums.get(pattern_id, np.zeros(embedder.dimension, np.int32)) + vector
            members[pattern_id] = members.get(pattern_id, 0) + 1
        for pattern_id in set(assigned):
            index.put(pattern_id, sums[pattern_id], members[pattern_id])
        result += assigned
    return result
