"""Hashed character n-grams: know no language, and tell nearly equal texts from others in every script."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from uptake_service.embedding.embed import content, normalise_query, without_links
from uptake_service.embedding.scripts import SPACELESS, SYLLABIC, dominant_script

_DIMENSION: Final = 512

_LETTERS: Final = (2, 4)
"""Shortest and longest n-gram of an alphabet."""

_SYLLABLES: Final = (1, 2)
"""The same where a character is a syllable or a word: one wrong one would spoil all longer n-grams of a short text."""

_ROWS_AT_ONCE: Final = 128

# Vowel points and accents that people leave out (Hebrew, Arabic, and those that Greek, Cyrillic and Latin letters
# carry); the vowels of Indic scripts and of Thai are marks too, but nobody leaves them out.
_MARKS_LEFT_OUT: Final = frozenset(map(chr, (*range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660), 0x670)))

# Two keyboards' forms of one Arabic letter, the stretching of words, the i whose dot capitals lose in Turkish, and
# Armenian marks that stand within a word.
_SPELLINGS: Final = {
    "\u064a": "\u06cc",
    "\u0649": "\u06cc",
    "\u0643": "\u06a9",
    "\u0629": "\u0647",
    "\u0640": "",
    "\u0131": "i",
    **dict.fromkeys("\u055a\u055b\u055c\u055d\u055e\u055f", ""),
}

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_MIXERS: Final = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_HALF: Final = np.uint64(33)


class NgramEmbedder:
    """Character n-grams, each added to or taken from one of 512 components by its hash (Weinberger et al. 2009,
    "Feature Hashing for Large Scale Multitask Learning"); components are brought to their square root, so that what
    occurs often in a long text does not drown the rest.

    Case, accents, punctuation, the script of digits, characters that cannot be seen and, where spaces do not part
    words, spaces count for nothing. A text without a letter (emoji, digits, a link) has a direction of its own: it is
    like none but its equal. One of nothing but punctuation is all zero.
    """

    @property
    def name(self) -> str:
        return f"ngrams-{_DIMENSION}-1"

    @property
    def dimension(self) -> int:
        return _DIMENSION

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), _DIMENSION), dtype=np.float32)
        spelled: dict[tuple[int, int], list[tuple[int, str]]] = {_LETTERS: [], _SYLLABLES: []}
        for row, text in enumerate(texts):
            query = normalise_query(text)
            script = dominant_script(without_links(query))
            if not script:
                vectors[row] = _direction(_key(query))
                continue
            spelling = _spelling(content(text))
            if script in SPACELESS:
                spelling = spelling.replace(" ", "")
            spelled[_SYLLABLES if script in SYLLABIC else _LETTERS].append((row, f" {spelling} "))
        for (shortest, longest), rows in spelled.items():
            for begin in range(0, len(rows), _ROWS_AT_ONCE):
                part = rows[begin : begin + _ROWS_AT_ONCE]
                vectors[[row for row, _ in part]] = _hashed([spelling for _, spelling in part], shortest, longest)
        return vectors


def _hashed(spellings: Sequence[str], shortest: int, longest: int) -> NDArray[np.float32]:
    """(n, 512) unit rows, of n texts that begin and end with a space."""
    characters = np.frombuffer("".join(spellings).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    text_of = np.repeat(np.arange(len(spellings)), [len(spelling) for spelling in spellings])
    sums = np.zeros(len(spellings) * _DIMENSION)
    hashes = np.zeros(len(characters), dtype=np.uint64)
    for length in range(1, longest + 1):
        count = len(characters) - length + 1
        if count <= 0:
            break
        hashes = hashes[:count] * _MULTIPLIER + characters[length - 1 :] + np.uint64(1)
        if length < shortest:
            continue
        whole = text_of[:count] == text_of[length - 1 :]
        if length == 1:
            whole &= characters != ord(" ")
        mixed = hashes[whole]
        for mixer in _MIXERS:
            mixed = (mixed ^ (mixed >> _HALF)) * mixer
        mixed ^= mixed >> _HALF
        places = text_of[:count][whole] * _DIMENSION + (mixed % np.uint64(_DIMENSION)).astype(np.int64)
        signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
        sums += np.bincount(places, weights=signs, minlength=len(sums))
    rows = (np.sign(sums) * np.sqrt(np.abs(sums))).reshape(len(spellings), _DIMENSION)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, lengths, out=rows, where=lengths > 0)
    return rows.astype(np.float32)


def _direction(key: str) -> NDArray[np.float32]:
    """A unit vector that hangs on nothing but the key; zero for an empty one."""
    if not key:
        return np.zeros(_DIMENSION, dtype=np.float32)
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(key.encode()).digest(_DIMENSION // 8), dtype=np.uint8))
    return np.where(bits, 1.0, -1.0).astype(np.float32) / np.float32(_DIMENSION**0.5)


def _key(query: str) -> str:
    """What two texts without a letter have in common if they are one: no spaces, no punctuation around it, no tones of
    skin, and of an emoji that is repeated one."""
    key: list[str] = []
    for character in filter(None, map(_shown, query)):
        if not (key and key[-1] == character and unicodedata.category(character)[0] == "S"):
            key.append(character)
    while key and _is_punctuation(key[-1]):
        key.pop()
    begin = next((place for place, character in enumerate(key) if not _is_punctuation(character)), 0)
    return "".join(key[begin:])


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Sk") or category[0] in "ZC":
        return ""
    return str(unicodedata.decimal(character)) if category == "Nd" else character


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"


class _Spelling(dict[int, str]):
    """What stands for a character, by its number; worked out when it is first met."""

    def __missing__(self, number: int) -> str:
        character = chr(number)
        category = unicodedata.category(character)
        stands = _SPELLINGS.get(character)
        if stands is None:
            if character in _MARKS_LEFT_OUT or category == "Cf":
                stands = ""
            elif category == "Nd":
                stands = str(unicodedata.decimal(character))
            else:
                stands = " " if category[0] in "PSZC" else character
        self[number] = stands
        return stands


_SPELLING: Final = _Spelling()


def _spelling(text: str) -> str:
    """Letters and digits of a text, its words parted by one space."""
    plain = unicodedata.normalize("NFD", text).translate(_SPELLING)
    return " ".join(unicodedata.normalize("NFC", plain).split())
