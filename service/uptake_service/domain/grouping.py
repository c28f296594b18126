"""Which pattern a text belongs to: what is asked, and what is answered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """What to find a pattern for."""

    project: str
    text: str
    interaction_id: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The pattern that a text belongs to, and the text's vector by the pattern's embedder, empty without a text.

    Who `starts` a pattern, or is the first again of one that nothing was left of, gives it its representative.
    """

    pattern_id: str
    vector: bytes
    embedder: str
    starts: bool
