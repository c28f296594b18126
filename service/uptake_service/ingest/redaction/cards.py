"""Numbers of payment cards, by the issuers in cards.toml and Luhn's check digit."""

import re
import tomllib
from collections.abc import Iterator
from importlib import resources

from uptake_service.ingest.redaction.context import Context, is_joined
from uptake_service.ingest.redaction.steps import scan
from uptake_service.ingest.redaction.words import Words


def _issuers() -> dict[int, tuple[tuple[str, str], ...]]:
    """(first, last) prefix of each issuer, by the length of the number."""
    table: dict[int, list[tuple[str, str]]] = {}
    for issuer in _DATA["issuer"]:
        for prefix in issuer["prefixes"]:
            first, _, last = prefix.partition("-")
            for length in issuer["lengths"]:
                table.setdefault(length, []).append((first, last or first))
    return {length: tuple(prefixes) for length, prefixes in table.items()}


_DATA = tomllib.loads(resources.files(__package__).joinpath("cards.toml").read_text(encoding="utf-8"))
_ISSUERS = _issuers()
_ALONE, _GROUPED = frozenset(_DATA["alone"]), frozenset(_DATA["alone"] + _DATA["grouped"])


def _candidate() -> re.Pattern[str]:
    """Digits in one piece, or in groups as on a card with the same between all of them, or in any groups."""
    shapes = []
    for number, lengths in enumerate(sorted(_DATA["groups"], key=len, reverse=True)):
        first, second, *others = map(int, lengths.split("-"))
        rest = "".join(f"(?P=s{number})\\d{{{length}}}" for length in others)
        shapes.append(f"\\d{{{first - 1}}}(?P<s{number}> {{1,2}}|-|\\.| - )\\d{{{second}}}{rest}")
    grouped = rf"(?<!\d[ .-]\d)(?:{'|'.join(shapes)})(?!\d|[-./]\d)"
    return re.compile(
        rf"[2-9](?<!\d\d)(?:\d{{11,18}}(?!\d)|(?P<usual>{grouped})|\d*(?:[ .-]{{1,3}}\d{{1,8}}){{1,8}}(?!\d))"
    )


_CANDIDATE = _candidate()
_FEWEST_DIGITS = min(_ISSUERS)
_EXPIRY = re.compile(
    r"\W{0,3}(?:(?:0?[1-9]|1[0-2])\s?[/-]\s?(?:20)?\d\d(?!\d)(?:\W{1,3}\d{3,4}(?!\d))?|\d{3}(?![\d,.:/-]| \d))"
)
"""What is written after a card number: the month and year until which it holds, and its check value."""
_EXPIRY_DATE = re.compile(
    r"(?:[\s\"',;|]{1,4}(?:(?:exp\.?|expires|until)[\s:]{1,2})?(?:0[1-9]|1[0-2])\s?/\s?|\|(?:0[1-9]|1[0-2])\|)"
    r"(?:20)?[2-4]\d(?!\d|/\d)",
    re.IGNORECASE,
)
_NEXT_NUMBER = re.compile(r"[\s|]{1,3}\d")
_NAMED = re.compile(r"[^\W\d_]{1,12}\"?'?(?:=|:(?! )|(?<=[\"']):\s?)[\"']?$")


def cards(text: str, words: Words) -> Iterator[tuple[int, int] | None]:
    """(start, end) of each card number, in order, and None where it may be paused.

    `text` has its digits and what stands between them in ASCII.
    """
    for match in scan(_CANDIDATE, text):
        yield None
        if match is None:
            continue
        start = match.start()
        written = match[0]
        usual = match["usual"] is not None
        while True:
            digits = written if written.isdigit() else "".join(filter(str.isdigit, written))
            if len(digits) < _FEWEST_DIGITS:
                break
            if is_card(digits) and _is_said(text, start, start + len(written), usual, words):
                yield start, start + len(written)
                break
            # Its last group may be what stands on a card after the number.
            written = written.rstrip("0123456789").rstrip(" .-")


def _is_said(text: str, start: int, end: int, usual: bool, words: Words) -> bool:
    """Whether grouping, freedom or a word says that what could be a card number is one."""
    length = sum(map(str.isdigit, text[start:end]))
    if usual and length in _GROUPED and not is_joined(text, start, end) and not _is_in_row(text, end):
        return True
    context = Context(text, start, end, words)
    if _EXPIRY_DATE.match(text, end) is not None and not context.is_joined:
        return True
    if context.is_joined and context.kind != "card":
        return False
    if context.kind == "card":
        return True
    return length == end - start and length in _ALONE and not context.is_other and not _is_field(text, start, end)


def _is_field(text: str, start: int, end: int) -> bool:
    """Whether a machine wrote it: `name=`, `"name":` or `name:` stands before it, or commas without a space around."""
    if _NAMED.search(text, max(0, start - 32), start) is not None:
        return True
    before, after = text[start - 1 : start], text[end : end + 2]
    return (not before or before in "\n,;|\t") and after[:1] in (",", ";", "|", "\t") and after[1:].strip() != ""


def _is_in_row(text: str, end: int) -> bool:
    """Whether other numbers follow than those that stand on a card."""
    return _NEXT_NUMBER.match(text, end) is not None and _EXPIRY.match(text, end) is None


def is_card(digits: str) -> bool:
    """Whether an issuer has numbers that begin so and are so long, and the last digit is the check digit."""
    return any(first <= digits[: len(first)] <= last for first, last in _ISSUERS.get(len(digits), ())) and _luhn(digits)


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    numbers = [ord(digit) - 48 for digit in reversed(digits)]
    return sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(numbers)) % 10 == 0
