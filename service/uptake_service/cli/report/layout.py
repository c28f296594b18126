"""Places issues on a plane, so that those that say alike things lie close."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uptake_service.embedding.embedders import Embedders


def positions(embedders: Embedders, texts: Sequence[str]) -> NDArray[np.float64]:
    """The first two principal coordinates of the texts' vectors (Torgerson 1952, classical scaling of their distances).

    Texts of two embedders, which cannot be compared, have nothing in common.

    Args:
        texts: What each issue says.

    Returns:
        Shape (len(texts), 2), about -1 to 1. The same texts lie the same way each time.
    """
    if not texts:
        return np.zeros((0, 2))
    spaces = embedders.spaces(texts)
    vectors = np.zeros((len(texts), sum(space.vectors.shape[1] for space in spaces)))
    begin = 0
    for space in spaces:
        end = begin + space.vectors.shape[1]
        vectors[space.rows, begin:end] = space.vectors
        begin = end
    left, singular, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    plane = np.zeros((len(texts), 2))
    wide = min(2, singular.size)
    plane[:, :wide] = left[:, :wide] * singular[:wide]
    # A component's sign is arbitrary: the largest coordinate points up.
    largest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    plane *= np.where(largest < 0, -1.0, 1.0)
    return plane
