"""What embedders have in common: texts become unit vectors, and unit vectors the small exact form that is stored."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

QUANTUM: Final = 254
"""Steps per unit: a component v is stored as round(v * QUANTUM), so a stored 254 would be 1.0."""

QUANTISED_LIMIT: Final = 127
"""Largest stored magnitude. It stands for 0.5; hardly any vector of an embedder has a larger component."""

MAX_CHARACTERS: Final = 2_000
"""Of a longer text only its two ends are embedded, half of this from each: there people put what they ask."""

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


def content(text: str) -> str:
    """What is embedded of a text: its normal form without links and without the @names that it begins with, unless
    nothing else is there; of a long one its two ends."""
    query = normalise_query(text)
    rest = without_links(query) or query
    if len(rest) <= MAX_CHARACTERS:
        return rest
    return f"{rest[: MAX_CHARACTERS // 2]} {rest[-MAX_CHARACTERS // 2 :]}"


def without_links(query: str) -> str:
    """A text in normal form without links and the @names that it begins with; may be empty."""
    if "@" not in query and "://" not in query and "www." not in query:
        return query  # As nearly all; to look for the rest takes longer.
    return _ADDRESSEES_AND_LINKS.sub(" ", query).strip()


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
    if text.isascii():
        folded = text.lower()  # The same, in a third of the time.
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_QUOTES)
    joined = " ".join(folded.split())
    end = len(joined)
    while end and (joined[end - 1] == " " or unicodedata.category(joined[end - 1]).startswith("P")):
        end -= 1
    return joined[:end] or joined
