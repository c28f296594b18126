"""What tells whether a text holds what somebody said. Pure."""

import re
from collections.abc import Iterable

from uptake_service.feedback.model import StoredFeedback
from uptake_service.insights.cleaning import WORD

_WORD = re.compile(WORD)
_TOKEN = re.compile(r"\w+")
_FEWEST_WORDS = 3
"""Less is not told apart from what anybody says."""


def said(feedback: StoredFeedback) -> list[str]:
    """What the user wrote of an answer."""
    correction = feedback.content.correction
    return [text for text in (feedback.content.comment, correction.corrected if correction else "") if text]


def words(text: str) -> set[str]:
    """The words of a text, in lower case, as titles and keywords have them."""
    return set(_WORD.findall(text.lower()))


class Sayings:
    """What somebody said, to be looked for in other texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = {plain for text in texts if (plain := _plain(text)).count(" ") > _FEWEST_WORDS}

    def in_text(self, text: str) -> bool:
        """Whether a text holds any of it, whatever its case, spacing and punctuation."""
        plain = _plain(text)
        return any(saying in plain for saying in self._texts)


def _plain(text: str) -> str:
    return f" {' '.join(_TOKEN.findall(text.lower()))} "
