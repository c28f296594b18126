"""What stands beside a number: the words, and what makes it a part of something longer."""

import re

from uptake_service.ingest.redaction.looks import Looks
from uptake_service.ingest.redaction.scripts import UNSPACED
from uptake_service.ingest.redaction.words import PHONES, Word, Words, is_at

GONE = "\ue000"
"""What stands for something that was recognised, in a copy of the text: a letter to whatever is beside it."""

_CURRENCIES = "$€£¥₹₽₩₺₴฿₫¢元円원"
_UNIT = re.compile(
    rf" ?[%°{_CURRENCIES}]|(?: |(?<=\d))(?:"
    "USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|KRW|TRY|PLN|SEK|NOK|DKK|BRL|dollars?|euros?|rupees|kr|zł|kč|ft|lei|rm|rp|won|yen|yuan|baht|"
    "руб|рублей|грн|тг|رس|ريال|درهم|रुपये|ms|µs|us|ns|s|sec|seconds|km|m|cm|mm|kg|g|lbs?|[kmgt]i?b|bytes?|[kmg]?hz|kwh|px|"
    r"users|people|votes|points|items|rows)(?![^\W_]|['’])"
    r"| ?[次个個人条條件块塊回名枚本冊秒分字歩歳年月日号號點点票]|[번명개원회건점]",
    re.IGNORECASE,
)
_DECIMALS = re.compile(r",\d{1,3}(?!\d)")
_CLAUSE = re.compile("[,;.(]")
_PLACE = 24
_LONGEST_URL = 200
_LABEL = re.compile(r"[^\w]{1,2}")
_PREFIX = re.compile(r"(?<![^\W\d_])[א-ת]{1,2}-?$")
"""Hebrew's prepositions are written as one with what follows, with a hyphen or without."""
_FREE = re.compile(rf"[{UNSPACED}\uac00-\ud7a3]")
"""Letters that may stand beside a number without being a part of it."""


def is_free(char: str) -> bool:
    """Whether it is a letter that may stand beside a number without being a part of it."""
    return _FREE.match(char) is not None


class Context:
    """Of the number at [start, end) of a text."""

    def __init__(self, text: str, start: int, end: int, words: Words, leader: "Context | None" = None) -> None:
        """`leader` is the number before it in a list ("call A or B"), whose word is its word too."""
        self._text, self._start, self._end = text, start, end
        self._words = words
        self._leader: Context | None = leader
        if leader is not None and leader._leader is not None:
            self._leader = leader._leader
        self._known: tuple[Word | None] | None = None
        self._joined: bool | None = None

    @property
    def _before(self) -> Word | None:
        if self._leader is not None:
            return self._leader._before
        return self._words.before(self._start)

    @property
    def _after(self) -> Word | None:
        if self._leader is not None and self._leader._before is None:
            return self._leader._after
        return self._words.after(self._end)

    @property
    def _word(self) -> Word | None:
        if self._known is None:  # A cached_property of Python 3.11 takes a lock, which costs more than it saves here.
            self._known = (self._nearest(),)
        return self._known[0]

    def _nearest(self) -> Word | None:
        """The nearest word: one before that is said of this very number, or one after, or one farther before."""
        before = self._before
        if before is None or not before.near:
            return self._after or before
        if before.kind == "named" or (before.kind == "other" and not before.beside):
            # "My account fails because NUMBER is no longer my phone".
            after = self._after
            if after is None or _CLAUSE.search(self._text, self._end, self._end + after.gap) is not None:
                return before
            if before.kind == "named" and after.kind in ("call", "reach"):
                return after._replace(kind="call")
            if after.kind in ("number", "phone"):
                return after
        return before

    @property
    def kind(self) -> str | None:
        """The list of words.toml that has the nearest word."""
        return self._word.kind if self._word is not None else None

    @property
    def may_be_called(self) -> bool:
        """Whether there is a word for a phone, or none at all."""
        return self._word is None or self._word.kind in PHONES

    def is_called(self, looks: Looks) -> bool:
        """Whether a word says that it is a phone number: the less it looks like one, the nearer the word must be."""
        word = self._word
        if word is None or word.kind not in PHONES:
            return False
        if word.kind == "number":
            return word.near or looks is Looks.SURE
        if word.kind == "named":
            return looks is Looks.SURE or (word.labels and looks is Looks.LIKELY and self._is_of_somebody(word))
        if word.labels and looks > Looks.ODD:
            return True
        if word.kind in ("reach", "label"):
            if self._text[self._start - 1 : self._start] == "=":
                return False  # Of code: `call=4155552671`.
            return looks > Looks.ODD if word.beside else looks is Looks.SURE and word.claims
        if looks is Looks.ODD:
            return word.beside and word is self._before
        return looks is Looks.SURE or word.beside or word.kind == "call"

    def _is_of_somebody(self, word: Word) -> bool:
        """Whether a name stands between the word and the number: "the number of Ann: 4155552671"."""
        between = self._text[max(0, self._start - word.gap) : self._start]
        return any(part[0].isupper() and part[1:].islower() for part in between.split())

    @property
    def labels(self) -> bool:
        return self._word is not None and self._word.labels

    @property
    def is_named_phone(self) -> bool:
        return self._word is not None and self._word.beside and self._word.kind in ("number", "phone")

    @property
    def is_other(self) -> bool:
        """Whether it is said to be the number of something else."""
        word, before = self._word, self._before
        return word is not None and word.kind == "other" and (before is None or before.near)

    @property
    def is_at(self) -> bool:
        """Whether it is where something happens: "nobody answers at"."""
        return is_at(self._text[max(0, self._start - _PLACE) : self._start], towards=self.kind == "reach")

    @property
    def is_joined(self) -> bool:
        if self._joined is None:
            self._joined = self._is_joined()
        return self._joined

    def _is_joined(self) -> bool:
        """Whether it is a part of something longer: an identifier, a file's name, a URL, a decimal, an amount."""
        if is_joined_after(self._text, self._end):
            return True
        if not is_joined_before(self._text, self._start):
            return False
        # `tel:`, `Phone.`, `wa.me/` stand so before what they name.
        before = self._before
        if self._text[self._start - 1] == "/" and before is not None and before.kind not in ("number", "phone"):
            return True  # `/call/4155552671` is a path.
        between = self._text[self._start - before.gap : self._start] if before is not None else ""
        return before is None or before.kind == "other" or _LABEL.fullmatch(between) is None


def is_joined(text: str, start: int, end: int) -> bool:
    """Whether [start, end) is a part of something longer, whatever the words beside it say."""
    return is_joined_after(text, end) or is_joined_before(text, start)


def is_joined_before(text: str, start: int) -> bool:
    if start == 0:
        return False
    char, other = text[start - 1], text[start - 2 : start - 1]
    if "א" <= char <= "ת" and _PREFIX.search(text, max(0, start - 4), start) is not None:
        return False
    if (
        char == "_"
        or char == "#"
        or char in _CURRENCIES
        or (char.isalnum() and _FREE.match(char) is None)
        or char == GONE
    ):
        return True
    if char in "±≈~" or (char in "([" and other.isalpha()):
        return True
    if char in ",:" and other.isdigit():
        return True
    if char == "-" and not other.strip() and text[start] != "0":
        return True  # A number below zero.
    if char == "-" and _PREFIX.search(text, max(0, start - 5), start) is not None:
        return False
    if char in "-/.\\&@~" and (other.isalnum() or other in ("_", GONE)) and _FREE.match(other) is None:
        return True
    token = text[max(0, start - _LONGEST_URL) : start]
    if "://" not in token and not (char == "=" and "?" in token):
        return False
    token = token[max(token.rfind(space) for space in ' \n\t"<>') + 1 :]
    return "://" in token or (char == "=" and "?" in token)


def is_joined_after(text: str, end: int) -> bool:
    char, other = text[end : end + 1], text[end + 1 : end + 2]
    if char and (char in "_@" or char == GONE or (char.isalnum() and _FREE.match(char) is None)):
        return True
    if char and char in ":+" and other.isdigit():
        return True
    if char == "," and _DECIMALS.match(text, end) is not None:
        return True
    if char and char in "-/.\\" and (other.isalnum() or other in ("_", GONE)) and _FREE.match(other) is None:
        return not (char == "." and other.isupper())
    return _UNIT.match(text, end) is not None
