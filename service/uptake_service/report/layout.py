"""Places issues on a plane, so that those that say alike things lie close."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uptake_service.patterns.embed import Embedder


def positions(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float64]:
    """The first two principal coordinates of the texts' vectors (Torgerson 1952, classical scaling of their distances).

    Args:
        texts: What each issue says.

    Returns:
        Shape (len(texts), 2), about -1 to 1. The same texts lie the same way each time.
    """
    if not texts:
        return np.zeros((0, 2))
    vectors = embedder.embed(texts).astype(np.float64)
    left, singular, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    plane = np.zeros((len(texts), 2))
    wide = min(2, singular.size)
    plane[:, :wide] = left[:, :wide] * singular[:wide]
    # A component's sign is arbitrary: the largest coordinate points up.
    largest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    plane *= np.where(largest < 0, -1.0, 1.0)
    return plane
