"""The lists of words.toml, and which of them a word or a phrase is of."""

import re
import tomllib
from functools import lru_cache
from importlib import resources

from uptake_service.ingest.redaction.scripts import UNSPACED

LONGEST_UNSPACED = 8
"""So many letters a word of a script without spaces has at most."""

IS_UNSPACED = re.compile(rf"[{UNSPACED}]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ELISION = re.compile(r"[^\W\d_]{1,2}'(?=[^\W\d_]{3})")
_CLITICS = re.compile(r"(?:[وف]?[بكل]?ال|لل|[وفبل])(?=[\u0620-\u064a]{3})|[ושהבלמכ]{1,2}(?=[א-ת]{3})")
"""Arabic's and Hebrew's articles and prepositions, which are written as one with the word."""

_LISTS: dict[str, list[str]] = tomllib.loads(
    resources.files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
)
PIECES = {
    name: _LISTS.pop(name)
    for name in (
        *("abbreviations", "of", "of_the", "at", "towards", "determiners", "possessives"),
        *("elsewhere", "between", "copulas", "closing"),
    )
}
"""The lists that tell nothing by themselves: small words, and pieces of regular expressions."""


def any_of(name: str) -> str:
    """A pattern of any of a list's pieces of regular expressions."""
    return f"(?:{'|'.join(PIECES[name])})"


@lru_cache(maxsize=8192)
def kind_of(phrase: str) -> str | None:
    """The list that a word or a phrase is of; None if it tells nothing."""
    # Turkish has a capital I with a dot, which becomes two characters.
    lower = _ELISION.sub("", phrase.lower().replace("’", "'").replace("i\u0307", "i"))
    found = _lookup(lower)
    if found is None and (pieces := _CAMEL.split(phrase))[1:]:
        found = _lookup(" ".join(pieces).lower()) or _lookup(pieces[-1].lower())
        return None if found in ("call", "reach", "send") else found  # The name of a function: `callMe`.
    if found is None and (match := _CLITICS.match(lower)) is not None:
        return _lookup(lower[match.end() :])
    return found


def _lookup(phrase: str) -> str | None:
    if (kind := WORDS.get(phrase)) is not None:
        return kind
    # What begins a phrase must reach into its last word.
    for length in range(len(phrase), max(1, phrase.rfind(" ") + 1), -1):
        if (kind := _STARTS.get(phrase[:length])) is not None:
            return kind
    if " " not in phrase:
        kinds = [kind for inside, kind in _INSIDE.items() if inside in phrase]
        if kinds:
            return next((kind for kind in kinds if kind != "named"), "named")
    # What ends one must begin in its first word.
    for start in range((phrase.find(" ") + 1 or len(phrase)) - 1):
        if (kind := _ENDS.get(phrase[start:])) is not None:
            return kind
    return None


def _tables(lists: dict[str, list[str]]) -> tuple[dict[str, str], ...]:
    """The list of each word, of each that begins a word, ends one or is anywhere in one."""
    words: dict[str, str] = {}
    starts: dict[str, str] = {}
    ends: dict[str, str] = {}
    inside: dict[str, str] = {}
    for kind, some in lists.items():
        for each in some:
            if each.startswith("*"):
                table = inside if each.endswith("*") else ends
            else:
                table = starts if each.endswith("*") else words
            table[each.strip("*").lower()] = kind
    return words, starts, ends, inside


WORDS, _STARTS, _ENDS, _INSIDE = _tables(_LISTS)


def _lengths(edge: int) -> dict[str, list[int]]:
    """How long words are, the longest first, by their last (-1) or first (0) letter."""
    lengths: dict[str, set[int]] = {}
    for word in WORDS:
        if len(word) <= LONGEST_UNSPACED and IS_UNSPACED.match(word[edge]) is not None:
            lengths.setdefault(word[edge], set()).add(len(word))
    return {letter: sorted(some, reverse=True) for letter, some in lengths.items()}


UNSPACED_LENGTHS = (_lengths(-1), _lengths(0))
"""Of words in scripts without spaces."""
