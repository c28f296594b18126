"""Numbers of accounts, cards and phones among all the other numbers that people write.

Digits alone are never enough. A card number has an issuer's prefix and length and a right check digit, and stands free
or in groups as on a card, or has a word for a card beside it. A phone number has a plus and a country's code, or an
area code in brackets, or a word for a phone or for calling beside it (or it stands where one is called at, or at a
letter's end), or is written exactly as it is in one of a few large countries, in one where the script beside it is at
home, or in one that the project names. A word for another thing (order, version, date) beside a number keeps it, unless
its writing can mean nothing else. An IBAN needs its country's form and right check digits, a Social Security number a
word for it. Dates, IP addresses and what looks like an IBAN and is none are never looked at.
"""

import re
from collections.abc import Sequence

from uptake_service.ingest.redaction.accounts import ibans, social_security_numbers
from uptake_service.ingest.redaction.cards import cards
from uptake_service.ingest.redaction.context import GONE
from uptake_service.ingest.redaction.phones import phones
from uptake_service.ingest.redaction.scripts import PLAIN
from uptake_service.ingest.redaction.steps import Span, Steps, gathered, has, replaced, scan
from uptake_service.ingest.redaction.words import Words

_PIECE = 2_000
"""Characters of which other digits and signs are made plain at once."""
_ENOUGH = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}")
"""No phone or card number has fewer digits than seven."""
_TWO, _LETTERS_FIRST = re.compile(r"\d\s?\d"), re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\s?\d[^\w\n]?[A-Za-z0-9]{4}")
"""But an IBAN may have letters between."""

_DAY, _MONTH, _SHORT_OR_LONG_YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:[12]\d)?\d\d"


def _date(group: int) -> str:
    """Year, month and day in one of three orders, with the same between them; groups are numbered from `group`."""
    return (
        rf"(?:[12]\d{{3}}([-/.]){_MONTH}\{group}{_DAY}"
        rf"|{_DAY}([-/.]){_MONTH}\{group + 1}{_SHORT_OR_LONG_YEAR}"
        rf"|{_MONTH}([-/.]){_DAY}\{group + 2}{_SHORT_OR_LONG_YEAR})"
    )


_NEVER = re.compile(
    # A date, or two with a dash between them.
    rf"(?<![\d+])(?<!\d[-/.]){_date(1)}(?: ?- ?{_date(4)})?(?![-/.]?\d)"
    # A date in one piece, and a time; what stands after other digits may be the rest of a number.
    r"|(?<![\d+])(?<!\d[ /.-])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T_-]?[0-2]\d[0-5]\d(?:[0-5]\d)?)?(?!\d)"
    # IPv4.
    r"|(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?!\d|\.\d)"
    # IBAN (ISO 13616).
    r"|(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)


_REPLACED = re.compile(r"\[(?:card|phone|iban|ssn)\]")
_BY_NAME = {"[iban]": ibans, "[ssn]": social_security_numbers}


def without_numbers(text: str, regions: Sequence[str] = ()) -> Steps[str]:
    if not (yield from _has_enough(text)):
        return text
    plain = text
    if not text.isascii():
        pieces = []
        for start in range(0, len(text), _PIECE):
            pieces.append(text[start : start + _PIECE].translate(PLAIN))
            yield
        plain = "".join(pieces)
    found: list[Span] = []
    for placeholder, find in _BY_NAME.items():
        spans = yield from gathered(find(plain))
        found += ((start, end, placeholder) for start, end in spans)
        plain = yield from _hidden(plain, spans)
    never = yield from gathered(match and match.span() for match in scan(_NEVER, plain))
    plain = yield from _hidden(plain, never)
    spans = yield from gathered(cards(plain, Words((yield from _as_said(plain)), of_cards=True)))
    found += ((start, end, "[card]") for start, end in spans)
    plain = yield from _hidden(plain, spans)
    spans = yield from gathered(phones(plain, regions, Words((yield from _as_said(plain)))))
    found += ((start, end, "[phone]") for start, end in spans)
    return (yield from replaced(text, found))


def _has_enough(text: str) -> Steps[bool]:
    if (yield from has(_ENOUGH, text)):
        return True
    return (yield from has(_TWO, text)) and (yield from has(_LETTERS_FIRST, text))


def _hidden(text: str, spans: list[tuple[int, int]]) -> Steps[str]:
    """With something of the same length in their place."""
    return (yield from replaced(text, [(start, end, GONE * (end - start)) for start, end in spans]))


def _as_said(text: str) -> Steps[str]:
    """With digits where a number was replaced before: the word before that is still not said of the number after it."""
    if "[" not in text:
        return text
    before = yield from gathered(match and match.span() for match in scan(_REPLACED, text))
    return (yield from replaced(text, [(start, end, "0" * (end - start)) for start, end in before]))
