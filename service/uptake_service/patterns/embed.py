"""Turns short texts into unit vectors, and unit vectors into the small exact form that is stored."""

from __future__ import annotations

import functools
import logging
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

QUANTUM: Final = 254
"""Steps per unit: a component v is stored as round(v * QUANTUM), so a stored 254 would be 1.0."""

QUANTISED_LIMIT: Final = 127
"""Largest stored magnitude. It stands for 0.5; no token of the default model has a larger component."""

MAX_CHARACTERS: Final = 2_000
"""Of a longer text only its two ends are embedded, half of this from each: there people put what they ask."""

# A gather of 1,024 rows of 256 float32 is 1 MB, which stays in the processor's cache.
_TOKENS_PER_GATHER: Final = 1_024

# Phones type curly quotes where keyboards type straight ones, and NFKC does not unite them.
_QUOTES: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})

# Whom a text addresses, and links: many tokens that say nothing of what it asks. A name further on may be its
# subject ("what does @property do").
_ADDRESSEES_AND_LINKS: Final = re.compile(r"^[\s.]*(?:@\w+[\s,:]*)+|\b(?:https?://|www\.)\S+")


class Embedder(Protocol):
    """Maps texts to vectors whose dot product says how alike the texts are. Safe for use from threads."""

    @property
    def name(self) -> str:
        """Stored with every vector; two embedders with one name give the same vectors."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts.

        Returns:
            Shape (len(texts), dimension). Rows have unit length, or are all zero where the model knows
            nothing of the text (an empty text, for one).
        """


class WordLlamaEmbedder:
    """Static token embeddings (WordLlama, 256 dimensions), summed over a text.

    The model is in the package's wheel; nothing is downloaded. Texts are embedded in the form of
    `normalise_query`, so that queries that count as identical have identical vectors, without links and
    without the @names that they begin with (unless nothing else is there).

    Tokens are not weighted by frequency on top: the vectors' lengths were trained under mean pooling and
    already act as weights ("the" has 1.6, "password" 18). Smooth inverse frequency (Arora et al. 2017, "A
    Simple but Tough-to-Beat Baseline for Sentence Embeddings") over Zipf ranks, and removing the
    vocabulary's leading components, measured the same or worse. Removing the mean of a project's own
    queries does help; that is the index's part.

    Raises:
        ImportError: `wordllama` is not installed.
        FileNotFoundError: its installation lacks the packaged model.
    """

    def __init__(self) -> None:
        self._tokenizer, self._table = _model()

    @property
    def name(self) -> str:
        return "wordllama-256-sum1"

    @property
    def dimension(self) -> int:
        return int(self._table.shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        encodings = self._tokenizer.encode_batch_fast([_content(text) for text in texts], add_special_tokens=False)
        rows: list[int] = []
        starts: list[int] = []
        tokens: list[int] = []
        for row, encoding in enumerate(encodings):
            ids = encoding.ids
            if not ids:
                continue  # reduceat would give an empty segment its neighbour's first token
            if tokens and len(tokens) + len(ids) > _TOKENS_PER_GATHER:
                vectors[rows] = self._segment_sums(tokens, starts)
                rows, starts, tokens = [], [], []
            rows.append(row)
            starts.append(len(tokens))
            tokens.extend(ids)
        if tokens:
            vectors[rows] = self._segment_sums(tokens, starts)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    def _segment_sums(self, tokens: list[int], starts: list[int]) -> NDArray[np.float32]:
        sums: NDArray[np.float32] = np.add.reduceat(self._table[tokens], starts, axis=0)
        return sums


@functools.cache
def _model() -> tuple[Tokenizer, NDArray[np.float32]]:
    """The tokenizer and the (tokens, dimension) embeddings. Read once in a process: that is half of a service's start,
    and tests start hundreds."""
    # wordllama calls logging.basicConfig when imported; that does nothing while the root has a handler.
    root, shield = logging.getLogger(), logging.NullHandler()
    root.addHandler(shield)
    try:
        import wordllama
    finally:
        root.removeHandler(shield)
    model = wordllama.WordLlama.load(dim=256, disable_download=True, cache_dir=Path(wordllama.__file__).parent)
    model.tokenizer.no_padding()
    # <unk>, <s> and </s> can be typed by a user, but mean nothing.
    model.embedding[:3] = 0.0
    return model.tokenizer, model.embedding


def _content(text: str) -> str:
    query = normalise_query(text)
    content = _ADDRESSEES_AND_LINKS.sub(" ", query).strip() or query
    if len(content) <= MAX_CHARACTERS:
        return content
    return f"{content[: MAX_CHARACTERS // 2]} {content[-MAX_CHARACTERS // 2 :]}"


def quantise(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Round unit vectors to int8, so that sums of stored vectors are exact and do not depend on their order.

    Args:
        vectors: any shape; components in units of the unit vector.

    Returns:
        The same shape, clip(round(v * QUANTUM), -QUANTISED_LIMIT, QUANTISED_LIMIT). An int32 sum holds
        16.9 million of them.
    """
    return np.clip(np.rint(vectors * QUANTUM), -QUANTISED_LIMIT, QUANTISED_LIMIT).astype(np.int8)


def normalise_query(text: str) -> str:
    """The form in which two queries are the same query.

    NFKC, straight quotes, case folded, white space joined, punctuation at the end dropped. A text of nothing
    but punctuation keeps it, so that "?" and "!" stay two queries.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_QUOTES)
    joined = " ".join(folded.split())
    end = len(joined)
    while end and (joined[end - 1] == " " or unicodedata.category(joined[end - 1]).startswith("P")):
        end -= 1
    return joined[:end] or joined
