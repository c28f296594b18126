"""The script that a text is written in. Pure: the same in every process, whatever it has seen before."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Final

LATIN: Final = "LATIN"

# Scripts that one language writes side by side, and the names of characters that belong to one of them.
_ALIASES: Final = dict.fromkeys(("HIRAGANA", "KATAKANA", "BOPOMOFO", "IDEOGRAPHIC"), "CJK")

# No script's own: they stand in words of several.
_OF_NO_SCRIPT: Final = frozenset({"MODIFIER", "FEMININE", "MASCULINE"})

SYLLABIC: Final = frozenset(
    {"CJK", "HANGUL", "ETHIOPIC", "CHEROKEE", "CANADIAN", "YI", "VAI", "BAMUM", "KPELLE", "MENDE", "NUSHU", "TANGUT"}
)
"""Scripts whose characters are syllables or words."""

SPACELESS: Final = frozenset(
    {"CJK", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE", "TAI", "NEW", "YI", "TANGUT"}
)
"""Scripts in which spaces do not part words, so that writers differ in where they put one."""


def dominant_script(query: str) -> str:
    """The script of most of a text, as Unicode names it ("LATIN", "CJK" with kana, "DEVANAGARI"); "" without a letter.

    A Latin letter counts once, one of another alphabet twice, a syllable or a word three times: names of products,
    code and addresses are Latin in every language, and a syllable says as much as some letters. Where two are equal,
    Latin gives way, else the first by name wins.

    Args:
        query: The text in normal form, as `normalise_query` gives it.
    """
    if query.isascii():
        return LATIN if any(map(str.isalpha, query)) else ""
    counts = Counter(map(script_of, query))
    del counts[""]
    if not counts:
        return ""
    return min(counts, key=lambda script: (-counts[script] * _weight(script), script == LATIN, script))


def _weight(script: str) -> int:
    return 1 if script == LATIN else 3 if script in SYLLABIC else 2


@lru_cache(maxsize=20_000)
def script_of(character: str) -> str:
    """The first word of a letter's name, which is its script; "" for what is no letter."""
    if unicodedata.category(character)[0] != "L":
        return ""
    first = unicodedata.name(character, "").partition(" ")[0].partition("-")[0]
    return "" if first in _OF_NO_SCRIPT else _ALIASES.get(first, first)
