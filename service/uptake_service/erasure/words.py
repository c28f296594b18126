"""What tells whether a text holds what somebody said. Pure."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from typing import NamedTuple

from uptake_service.issues.cleaning import WORD

_WORD = re.compile(WORD)
_TOKEN = re.compile(r"\S+")

_LONG = 20
"""So many letters in a row that are the same are a quotation."""

_LONG_WORD, _LONG_CODE, _LONG_NUMBER, _LONG_NAME = 14, 8, 10, 8
"""So many letters of a word, of a key of letters and digits, digits of a number, and letters of two capitalised words
are no other's by chance; dates and prices are shorter."""

_WHOLE = 12
"""So many letters of all that somebody said."""

_GRAM = 6
"""What is compared first; nothing shorter is a quotation."""

_PLACES = 8
"""At so many places of what was said a gram is looked at: of what repeats itself there are thousands."""

_UNSPACED = 3
"""A letter of a script without spaces counts as so many."""

_SCRIPTS = (
    ("\u0e00", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
"""Those: Thai, Lao, Tibetan and Burmese, Khmer, Japanese and Chinese."""


def words(text: str) -> set[str]:
    """The words of a text, in lower case, as titles and keywords have them."""
    return set(_WORD.findall(text.lower()))


def squeezed(text: str) -> str:
    """The letters and digits of a text alone, whatever its case, spacing, punctuation and Unicode form."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(filter(str.isalnum, folded))


class _Piece(NamedTuple):
    """A part of what was said that is a quotation by itself: from where to where in its letters."""

    start: int
    end: int


class Sayings:
    """What somebody said, to be looked for in other texts.

    A text quotes what was said where it has the same letters: 20 in a row, all that was said (12 at least), a word of
    14, a key of 8 letters and digits, a number of 10 digits, or two capitalised words of 8, as names are written. A
    letter of a script without spaces counts as three.
    """

    def __init__(self) -> None:
        self._said: list[tuple[str, list[_Piece]]] = []
        self._known: set[str] = set()
        self._places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self.size = 0
        """How many letters there are in all."""

    def __bool__(self) -> bool:
        return bool(self._said)

    def add(self, text: str, but: str = "") -> None:
        """Adds a text, but not one that stands in another: an answer that is quoted is not the user's."""
        said, pieces = _taken_apart(text)
        if len(said) < _GRAM or said in self._known or (but and said in squeezed(but)):
            return
        self._known.add(said)
        number = len(self._said)
        self._said.append((said, pieces))
        self.size += len(said)
        for start in range(len(said) - _GRAM + 1):
            places = self._places[said[start : start + _GRAM]]
            if len(places) < _PLACES:
                places.append((number, start))

    def quoted_in(self, text: str) -> frozenset[str]:
        """The quotations in a text, as their letters."""
        plain = squeezed(text)
        found: set[str] = set()
        place = 0
        while place + _GRAM <= len(plain):
            longest = 0
            for number, start in self._places.get(plain[place : place + _GRAM], ()):
                said, pieces = self._said[number]
                run = _common(plain, place, said, start)
                end = start + run
                whole = run == len(said) and _weight(said) >= _WHOLE
                if whole or _weight(said[start:end]) >= _LONG:
                    found.add(said[start:end])
                    longest = max(longest, run)
                for piece in pieces[bisect_left(pieces, (start, 0)) : bisect_left(pieces, (end, 0))]:
                    if piece.end <= end:
                        found.add(said[piece.start : piece.end])
            place += max(longest - _GRAM, 1)
        return frozenset(found)


def _common(one: str, place: int, other: str, start: int) -> int:
    """How many letters are the same from two places on."""
    run = _GRAM
    most = min(len(one) - place, len(other) - start)
    while run < most and one[place + run] == other[start + run]:
        run += 1
    return run


def _taken_apart(text: str) -> tuple[str, list[_Piece]]:
    """The letters of a text, and the parts of it that are quotations by themselves."""
    said, pieces = "", list[_Piece]()
    before = 0
    """Where the capitalised word before this one begins, or where there is none the end of it all."""
    for match in _TOKEN.finditer(text):
        token = match.group()
        letters = squeezed(token)
        start, end = len(said), len(said) + len(letters)
        said += letters
        if _is_code(letters):
            pieces.append(_Piece(start, end))
        at = start
        for word in re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", token)):
            length = len(squeezed(word))
            if length >= _LONG_WORD:
                pieces.append(_Piece(at, at + length))
            capitalised = word[:1].isupper()
            if capitalised and before < at and at + length - before >= _LONG_NAME:
                pieces.append(_Piece(before, at + length))
            before = at if capitalised else at + length + 1
            at += length
        if token[-1:] in ".!?":
            # What begins a sentence is no second part of a name.
            before = end + 1
    return said, sorted(pieces)


def _is_code(letters: str) -> bool:
    """Whether it looks like a number or a key that is one person's."""
    digits = sum(map(str.isdigit, letters))
    return digits >= _LONG_NUMBER or (len(letters) > digits > 0 and len(letters) >= _LONG_CODE)


def _weight(letters: str) -> int:
    """How much letters are, in letters of an alphabet."""
    return sum(_UNSPACED if any(first <= letter <= last for first, last in _SCRIPTS) else 1 for letter in letters)
