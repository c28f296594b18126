"""Numbers of bank accounts (IBAN, by ibans.toml) and of people in the United States (SSN)."""

import re
import tomllib
from collections.abc import Iterator
from importlib import resources

from uptake_service.ingest.redaction.named import NAMES
from uptake_service.ingest.redaction.steps import scan

_CLASSES = {"n": r"\d", "a": "[A-Za-z]", "c": "[A-Za-z0-9]"}


def _bban(structure: str) -> re.Pattern[str]:
    """With one space or hyphen between any two of its characters, of a number in groups."""
    parts = [rf"(?:[ -]?{_CLASSES[kind]}){{{count}}}" for count, kind in re.findall(r"(\d+)([nac])", structure)]
    return re.compile("".join(parts) + r"(?![A-Za-z0-9])")


_DATA = tomllib.loads(resources.files(__package__).joinpath("ibans.toml").read_text(encoding="utf-8"))
_BBANS = {country: _bban(structure) for country, structure in _DATA.items()}
_BEGINS = re.compile(r"(?<![A-Za-z0-9])(?P<country>[A-Za-z]{2})(?P<check>\d ?\d)(?=[ -]?[A-Za-z0-9])")


def ibans(text: str) -> Iterator[tuple[int, int] | None]:
    """(start, end) of each IBAN (ISO 13616) with right check digits, in order; None where it may be paused."""
    done = 0
    for match in scan(_BEGINS, text):
        yield None
        if match is not None and match.start() >= done:
            country = match["country"].upper()
            bban = _BBANS.get(country)
            rest = bban.match(text, match.end()) if bban is not None else None
            if rest is not None and _is_checked(country + match["check"].replace(" ", ""), rest[0]):
                done = rest.end()
                yield match.start("country"), done


def _is_checked(first: str, rest: str) -> bool:
    """ISO 7064, MOD 97-10: letters are numbers from 10 on, and what stands first is counted last."""
    account = rest.replace(" ", "").replace("-", "").upper()
    return int("".join(str(int(char, 36)) for char in account + first)) % 97 == 1


_SSN = re.compile(
    r"(?<![\w.,/#$-])(?<!\d )(?!000|666|9)\d{3}(?P<between>-| |)(?!00)\d\d(?P=between)(?!0000)\d{4}"
    r"(?![\w%]|[-./:,]\w| \d)"
)
"""Areas 000, 666 and 9xx, group 00 and serial 0000 are not given out (ssa.gov/employer/randomization.html)."""
_BEFORE, _AFTER = 40, 32
_NAMES = "|".join(sorted((each.replace(" ", "[ _-]?") for each in NAMES["social_security"]), key=len, reverse=True))
_NAMED_BEFORE = re.compile(
    rf"(?<![^\W\d_])(?:{_NAMES})(?![^\W\d_])(?![^\d]*\b(?:not|no longer|isn't|nicht)\b)[^\d\n]*$", re.IGNORECASE
)
_NAMED_AFTER = re.compile(rf"[^\d\n.;]{{0,12}}?(?<![^\W\d_])(?:{_NAMES})(?![^\W\d_])", re.IGNORECASE)


def social_security_numbers(text: str) -> Iterator[tuple[int, int] | None]:
    """(start, end) of each Social Security number with its name beside it, in order; None where it may be paused."""
    for match in scan(_SSN, text):
        if match is None:
            yield None
            continue
        start, end = match.span()
        if (
            _NAMED_BEFORE.search(text, max(0, start - _BEFORE), start) is not None
            or _NAMED_AFTER.match(text, end, end + _AFTER) is not None
        ):
            yield start, end
