"""How alike stored vectors are."""

from collections.abc import Sequence

import numpy as np


def similarities(vector: bytes, others: Sequence[bytes]) -> list[float]:
    """Cosines, -1 to 1, of a stored vector with others; 0 where one of the two is empty or all zero."""
    if not others:
        return []
    size = len(vector)
    rows = np.zeros((len(others), size), dtype=np.float64)
    for row, other in enumerate(others):
        if len(other) == size and size:
            rows[row] = np.frombuffer(other, dtype=np.int8)
    one = np.frombuffer(vector, dtype=np.int8).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    dots = rows @ one if size else np.zeros(len(others))
    return [
        float(np.clip(value, -1.0, 1.0))
        for value in np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    ]
