"""What the words beside a number say it is, by words.toml."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from phonenumbers import SUPPORTED_REGIONS

from uptake_service.ingest.redaction.lists import (
    IS_UNSPACED,
    LONGEST_UNSPACED,
    PIECES,
    UNSPACED_LENGTHS,
    WORDS,
    any_of,
    kind_of,
)
from uptake_service.ingest.redaction.scripts import MARKS, UNSPACED

_BEFORE, _AFTER = 56, 32
"""How many characters before and after a number are looked at."""
_NEAR = 24
"""Up to so many characters from a number a word is taken to be said of that number."""

_WORD = re.compile(rf"[{UNSPACED}]+|(?![{UNSPACED}])[^\W\d_](?:(?![{UNSPACED}])[^\W\d_]|[{MARKS}]|['’](?=[^\W\d_]))*")
_SENTENCE_END = re.compile(r"[!?。！？।؟\n;]|\.\s")
_ABBREVIATED = re.compile(rf"(?<![^\W\d_]){any_of('abbreviations')}\.", re.I)
_ARGUMENTS = re.compile(r"\([^)]*[^\W\d_][^)]*$")
"""What follows the name of a function: `call(fn, 1234567)`."""
_WITHIN_PHRASE = re.compile(r"[ _/.-]|(?<=[^\W\d_].)\. |")
_COMPOUND = re.compile(r"[^\W\d_]-[^\W\d_]{1,12}$")
"""The number of something, as in "Rezept-Nr."."""
_GENITIVE = re.compile(r"ال[^\W\d_]+ |[a-zà-öø-ÿ]{4,} ")
"""One word between "number" and digits: what has the number, in Arabic and Indonesian; a name has a capital."""
_OF = re.compile(
    rf" {any_of('of')}(?: {any_of('of_the')})? [^\W\d_]+"
    r"| ال[^\W\d_]+",
    re.IGNORECASE,
)
_ACRONYM = re.compile(r"(?<![\w-])[A-Z]{2,5}(?: (?:number|no|nr|id)\.?)?[\s:]{1,2}$")
"""What stands so before a number names it: "NHS number 123 456 7890"."""
_PLACES = frozenset((*SUPPORTED_REGIONS, "USA", "UK", "UAE", "HQ", "OK", "AM", "PM"))
_MOST_SMALL = 4
"""A preposition, and three small words after it."""
_LETTERS = re.compile(rf"(?:[^\W\d_]|[{MARKS}])+")
_LETTERS_LAST = re.compile(rf"(?:[^\W\d_]|[{MARKS}])+$")
_AT, _TOWARDS_ONLY = frozenset(PIECES["at"]), frozenset(PIECES["towards"])
_POSSESSIVES = frozenset(PIECES["possessives"])
_SMALL = rf"(?:{any_of('determiners')}\W{{1,3}}){{0,3}}[:\s+(\"'„“«]*$"
_PREPOSITION = re.compile(rf"(?<![^\W\d_]){any_of('at')}(?![^\W\d_])[\s-]*" + _SMALL, re.IGNORECASE)
"""Where somebody is called at."""
_TOWARDS = re.compile(rf"(?<![^\W\d_]){any_of('towards')}(?![^\W\d_])[\s-]*" + _SMALL, re.IGNORECASE)
"""Or from, and where something is sent to."""
_ELSEWHERE = frozenset(PIECES["elsewhere"])
"""Between a number and a word after it these keep them apart: "it says 12345 on my phone"."""
_MOST_KNOWN = 256
"""Numbers of one text whose words are remembered, and words."""


PHONES = ("number", "phone", "call", "reach", "send", "named", "label")
"""The lists of words.toml that speak of phone numbers, and labels of one letter."""
_POSSESSIVE = any_of("possessives")
_NUMARAM = re.compile(r"(?<![^\W\d_])numara(?:m|mız|mı|mızı)$", re.IGNORECASE)
"""My number, my new number, my father's number."""
_DIGIT = re.compile(r"\d")
_MOST_BETWEEN = 4
"""So many digits may stand between a word for a phone and its number: "call me in 2024 at"."""
_LONGEST_MINE, _LONGEST_WHOSE = 48, 36
_MINE_BETWEEN = re.compile(rf"(?<![^\W\d_]){_POSSESSIVE}(?![^\W\d_])", re.IGNORECASE)
_WHOSE = re.compile(
    rf"(?<![^\W\d_]){_POSSESSIVE} (?:[^\W\d_]{{2,14}} ?:|0[67] ?(?::|c'est|est|is)) ?[+(]{{0,2}}$", re.IGNORECASE
)
"""Whom a number belongs to: "my wife: 0151 23456789", "mon 06 c'est 06 12 34 56 78"."""
_BETWEEN = frozenset(PIECES["between"])
COPULAS = frozenset(PIECES["copulas"])
_CLOSES = frozenset(each.split(" ")[0] for each in PIECES["closing"])
_CLOSING = re.compile(
    rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, PIECES['closing']))})(?![^\W\d_])[^\d!?:;=]{{0,36}}$", re.IGNORECASE
)
_LETTER = re.compile(r"(?<![\w-])[TMPF][.:][ \t]?[+(]{0,2}$")
"""What stands before numbers in signatures and on cards: telephone, mobile, phone, fax."""


class Word(NamedTuple):
    """The nearest word that says something: its list in words.toml, and how near it stands."""

    kind: str
    near: bool
    """No other number and no sentence's end between, and few characters."""
    beside: bool
    """Nothing between but small words, as in "call me at"."""
    gap: int
    """How many characters stand between."""
    claims: bool = True
    """No other number and no sentence's end between."""
    labels: bool = False
    """A colon or "is" stands directly before the number, and few words between: "phone of the office: 1234567"."""


class Words:
    """The words of one text; each is looked up once, however many numbers stand beside it."""

    def __init__(self, text: str, *, of_cards: bool = False) -> None:
        """Of a card's number the word may stand behind other numbers, as in "card 5555, number ..."."""
        self._text = text
        self._of_cards = of_cards
        self._tokens: list[tuple[int, int]] = []
        self._starts: list[int] = []
        """(start, end) of the words from some place on to `_done`, in order."""
        self._done = 0
        self._phrases: tuple[dict[int, tuple[str | None, int]], ...] = ({}, {})
        """By the end of a word, and by the start of one: the list that has the phrase there, and its words."""
        self._unspaced: tuple[dict[int, str | None], ...] = ({}, {})
        self._before: dict[int, Word | None] = {}
        self._after: dict[int, Word | None] = {}

    def before(self, end: int) -> Word | None:
        """The nearest telling word before `end`, unless another number or sentence stands between that takes it."""
        if end not in self._before:
            self._forget()
            self._before[end] = self._word_before(end)
        return self._before[end]

    def after(self, start: int) -> Word | None:
        """The nearest telling word after `start`, in the same sentence and before any other number."""
        if start not in self._after:
            self._forget()
            self._after[start] = self._word_after(start)
        return self._after[start]

    def _forget(self) -> None:
        """What was found of numbers long before; the numbers come in their order."""
        if len(self._before) + len(self._after) > _MOST_KNOWN:
            self._before.clear()
            self._after.clear()
            for phrases, unspaced in zip(self._phrases, self._unspaced, strict=True):
                phrases.clear()
                unspaced.clear()
            keep = max(0, len(self._tokens) - _MOST_KNOWN)
            del self._tokens[:keep], self._starts[:keep]

    def _word_before(self, end: int) -> Word | None:
        begin = max(0, end - _BEFORE)
        window = self._text[begin:end]
        if _LETTER.search(window, max(0, len(window) - 6)) is not None:
            return Word("label", True, True, 2)
        taken, taken_to = _acronym(window), 0
        far: Word | None = None
        named: Word | None = None
        letters = frozenset(_LETTERS.findall(window.lower()))
        owned = not letters.isdisjoint(_POSSESSIVES)
        last_digit, other_number = _digits_before(window)
        for kind, place in self._telling_before(begin, end):
            position = place - begin
            if position <= other_number and not self._of_cards:
                break
            if position <= last_digit and kind in ("other", "code", "tag", "named"):
                continue  # Of the other number.
            # A full stop after the very word belongs to it: "Tel. 1234567".
            between = window[position:].lstrip(".: \t\n") + " "
            if "(" in between and _ARGUMENTS.match(between) is not None:
                continue
            word = _described(kind, between, len(window) - position, colon=":" in window[position : position + 2])
            if kind == "named":
                if _COMPOUND.search(window, max(0, position - 16), position) is not None:
                    taken = taken or word._replace(kind="other")
                elif (owned or "numara" in window) and _is_mine(window, position):
                    named = named or word._replace(kind="call")
                elif _GENITIVE.fullmatch(between) is not None and between.strip() not in _BETWEEN:
                    taken = taken or word._replace(kind="other")
                elif word.claims:
                    named = named or word
            elif kind == "tag":
                if word.labels and taken is None:
                    return word._replace(kind="reach")
            elif kind == "code" and word.claims and is_at(window, towards=True):
                return Word("reach", True, True, word.gap)
            elif kind in PHONES:
                if taken is not None and kind in ("number", "phone") and _OF.fullmatch(window, position, taken_to):
                    taken = None  # "Phone of the customer: NUMBER".
                    word = word._replace(labels=window[taken_to : taken_to + 1] == ":")
                # "Call me about my order at NUMBER": what one is called at is a phone number.
                if taken is not None and (kind != "call" or not word.claims or not is_at(window)):
                    return taken
                if kind in ("call", "reach", "send") and word.claims and is_at(window, towards=kind != "call"):
                    return Word("call" if kind == "call" else "reach", True, True, word.gap)
                if kind == "reach" and owned and word.near and _MINE_BETWEEN.search(between) is not None:
                    return word._replace(beside=True)
                if kind != "send":
                    return word if position > other_number else far
            elif word.near and (word.beside or kind not in ("other", "code") or "," not in between):
                if taken is None:
                    taken = word._replace(kind="other") if kind == "code" else word
                    taken_to = position
            elif kind == "card":
                far = far or word
        if taken is None and (_closes(window, letters) or (owned and _tells_whose(window))):
            return Word("reach", True, True, 2)
        if named is not None and owned and taken is None and _MINE_BETWEEN.search(window, len(window) - named.gap):
            return named._replace(kind="reach", beside=True)
        return taken or named or far

    def _word_after(self, start: int) -> Word | None:
        for kind, place in self._telling_after(start, min(start + _AFTER, len(self._text))):
            if kind in ("send", "tag"):
                continue
            kind = "other" if kind == "code" else kind
            between = self._text[start:place]
            word = _described("reach" if kind == "named" else kind, between, place - start)
            return word if word.near and _ELSEWHERE.isdisjoint(_LETTERS.findall(between.lower())) else None
        return None

    def _tokens_to(self, begin: int, end: int) -> int:
        """How many tokens begin before `end`, once all are known that end after `begin`."""
        if begin > self._done + _BEFORE:
            self._tokens.clear()
            self._starts.clear()
            self._done = begin
            # Not from the middle of a word.
            while self._done > begin - _BEFORE and self._text[self._done - 1].isalpha():
                self._done -= 1
        while self._done < end:
            stop = end + _BEFORE
            for match in _WORD.finditer(self._text, self._done, stop):
                if match.end() < stop or IS_UNSPACED.match(match[0]) is not None or match.start() + _BEFORE < end:
                    self._tokens.append(match.span())
                    self._starts.append(match.start())
            self._done = max(self._tokens[-1][1] if self._tokens else 0, end)
        return bisect_left(self._starts, end)

    def _telling_before(self, begin: int, end: int) -> Iterator[tuple[str, int]]:
        """(list, place after it) of each telling word or phrase before `end`, the last one first."""
        at = self._tokens_to(begin, end) - 1
        while at >= 0 and self._tokens[at][1] > begin:
            first, last = self._tokens[at]
            if last > end:
                at -= 1
                continue
            if IS_UNSPACED.match(self._text, first) is not None:
                found = self._nearest_unspaced(range(last, max(first, begin), -1), before=True)
                if found is not None:
                    yield found
                at -= 1
                continue
            if (known := self._phrases[0].get(last)) is None:
                known = self._phrases[0][last] = self._phrase(at, -1)
            kind, count = known
            if kind is not None and kind != "nothing":
                yield kind, last
            at -= count

    def _telling_after(self, start: int, end: int) -> Iterator[tuple[str, int]]:
        """(list, place where it begins) of each telling word or phrase from `start` on, the first one first."""
        count_to = self._tokens_to(start, end)
        at = bisect_left(self._starts, start)
        while at < count_to:
            first, last = self._tokens[at]
            if IS_UNSPACED.match(self._text, first) is not None:
                found = self._nearest_unspaced(range(first, min(last, end)), before=False)
                if found is not None:
                    yield found
                at += 1
                continue
            if (known := self._phrases[1].get(first)) is None:
                known = self._phrases[1][first] = self._phrase(at, 1)
            kind, count = known
            if kind is not None and kind != "nothing":
                yield kind, first
            at += count

    def _phrase(self, at: int, step: int) -> tuple[str | None, int]:
        """The list that has the longest phrase of up to three words from the token `at` on or to it, and its words."""
        text, tokens = self._text, self._tokens
        first, last = tokens[at]
        parts = [text[first:last]]
        for other in (at + step, at + 2 * step):
            if not 0 <= other < len(tokens):
                break
            start, end = tokens[other]
            gap = (end, first) if step < 0 else (last, start)
            if gap[1] - gap[0] > 2 or _WITHIN_PHRASE.fullmatch(text, *gap) is None:
                break
            first, last = min(first, start), max(last, end)
            parts.append(f"{text[start:end]} {parts[-1]}" if step < 0 else f"{parts[-1]} {text[start:end]}")
        for count in range(len(parts), 0, -1):
            kind = kind_of(parts[count - 1])
            if kind is not None:
                return kind, count
        return None, 1

    def _nearest_unspaced(self, places: range, *, before: bool) -> tuple[str, int] | None:
        """The first telling word that ends (or begins) at one of the places, in a script without spaces."""
        named = None
        cache = self._unspaced[not before]
        for place in places:
            if place in cache:
                kind = cache[place]
            else:
                kind = cache[place] = self._unspaced_at(place, before=before)
            if kind is not None:
                if kind != "named":
                    return kind, place
                named = named or (kind, place)
        return named

    def _unspaced_at(self, place: int, *, before: bool) -> str | None:
        text = self._text
        edge = text[place - 1 : place] if before else text[place : place + 1]
        lengths = UNSPACED_LENGTHS[not before].get(edge)
        if lengths is None:
            return None
        near = text[max(0, place - LONGEST_UNSPACED) : place] if before else text[place : place + LONGEST_UNSPACED]
        near = near.lower()
        for length in lengths:
            if (kind := WORDS.get(near[-length:] if before else near[:length])) is not None:
                return kind
        return None


def _digits_before(window: str) -> tuple[int, int]:
    """Where the last digit of a window is, and where the last one that is too many between a word and its number."""
    last, found = -1, 0
    for at in range(len(window) - 1, -1, -1):
        if window[at].isdigit():
            last = max(last, at)
            found += 1
            if found > _MOST_BETWEEN:
                return last, at
    return last, -1


def is_at(window: str, *, towards: bool = False) -> bool:
    """Whether it ends with a preposition of place, as in "you get me at"; or with "to" or "from": "a text from"."""
    last = list(_LETTERS.finditer(window, max(0, len(window) - _LONGEST_MINE)))[-_MOST_SMALL:]
    if not last:
        return False
    words, start = {match[0].lower() for match in last}, last[0].start()
    return (not words.isdisjoint(_AT) and _PREPOSITION.search(window, start) is not None) or (
        towards and not words.isdisjoint(_TOWARDS_ONLY) and _TOWARDS.search(window, start) is not None
    )


def _acronym(window: str) -> Word | None:
    match = _ACRONYM.search(window)
    if match is None or (name := re.split(r"[\s:]", match[0])[0]) in _PLACES or kind_of(name) is not None:
        return None
    return Word("other", True, True, len(window) - match.start() - len(name))


def _closes(window: str, letters: frozenset[str]) -> bool:
    """Whether it ends as a letter does, before the sender's number; `letters`: its words, in lower case."""
    return ("," in window or "\n" in window) and not letters.isdisjoint(_CLOSES) and _CLOSING.search(window) is not None


def _tells_whose(window: str) -> bool:
    """Whether it ends with whom a number belongs to."""
    ends = ":" in window[-4:] or window[-3:-1] in ("st", "is")
    return ends and _WHOSE.search(window, max(0, len(window) - _LONGEST_WHOSE)) is not None


def _is_mine(window: str, position: int) -> bool:
    """Whether what ends at `position` is somebody's: "my new number"; with up to two words between."""
    head = window[max(0, position - _LONGEST_MINE) : position]
    if "numara" in head and _NUMARAM.search(head) is not None:
        return True
    last, *before = reversed(head.split(" ")[-4:])
    if not last or not _is_word(last):
        return False
    for word in before:
        letters = _LETTERS_LAST.search(word)
        if letters is not None and letters[0].lower() in _POSSESSIVES:
            return True
        if not word or len(word) > 14 or not _is_word(word):
            return False
    return False


def _is_word(word: str) -> bool:
    return not any(char.isdigit() or char.isspace() for char in word)


def _described(kind: str, between: str, gap: int, *, colon: bool = False) -> Word:
    claims = (len(between) <= _NEAR or kind != "other") and not _takes(between)
    if not claims or len(between) > _NEAR:
        return Word(kind, False, False, gap, claims)
    words = _WORD.findall(between)
    most = 2 if kind == "phone" else 4
    if kind in ("reach", "other") and "," in between:
        most = 0
    beside = len(words) <= most and all(len(word) <= 3 or word.lower() in _BETWEEN for word in words)
    if between[:1] == "_" and kind == "phone" and words and words[0].lower() not in _BETWEEN:
        beside = False  # In the name of something else: PHONE_MAX.
    labels = (len(words) <= 2 and (between.rstrip()[-1:] == ":" or (colon and not words))) or (
        0 < len(words) < 6 and not COPULAS.isdisjoint(word.lower() for word in words[-2:])
    )
    return Word(kind, True, beside, gap, claims, labels)


def _takes(between: str) -> bool:
    """Whether another number or a sentence's end between a word and a number keeps the word from the number."""
    if _DIGIT.search(between) is not None:
        return True
    if "." in between:
        between = _ABBREVIATED.sub("", between)
    return _SENTENCE_END.search(between) is not None
