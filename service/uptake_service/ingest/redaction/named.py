"""What its name calls a secret: `password=...`, "mein Passwort ist ...", `API_KEY: ...`; the names are in names.toml.

A password has no shape of its own. So it depends on how it is given: a machine's writing (quotes, an environment
variable, a URL, a connection string) is enough; after "is" or a free-standing colon it must look like no word.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from uptake_service.ingest.redaction.context import is_free
from uptake_service.ingest.redaction.looks import looks_random
from uptake_service.ingest.redaction.scripts import UNSPACED
from uptake_service.ingest.redaction.words import COPULAS

NAMES: dict[str, list[str]] = tomllib.loads(
    resources.files(__package__).joinpath("names.toml").read_text(encoding="utf-8")
)


def _any_of(name: str) -> str:
    """Longest first; a space is a space, a hyphen, an underscore, a full stop or nothing."""
    words = sorted(NAMES[name], key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\ ", "[ _.-]?") for word in words)


_UNSPACED = rf"[{UNSPACED}\uac00-\ud7a3]"
_KINDS = ("passwords", "short_passwords", "password_variables", "secrets", "variables")
_ENDINGS: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
"""By a name's last word, in small letters: its kind, and its words before that, the last first."""
for _kind in _KINDS:
    for _name in NAMES[_kind]:
        *_before, _last = _name.lower().split(" ")
        _ENDINGS.setdefault(_last, []).append((_kind, tuple(reversed(_before))))
_STEMS = tuple(word for word in sorted(_ENDINGS) if not any(other in word for other in set(_ENDINGS) - {word}))
"""One of these is in each name, in small letters."""
_PIECE, _LONGEST_NAME = 2_000, 60
_SEPARATORS = " _.-"
_SIGN_FOLLOWS = re.compile(r"\\?[\"']?\s?[=:]")
_ABOUT = rf"(?: (?i:{_any_of('about')}) [^\s=:\d]{{1,20}}(?: [^\s=:\d]{{1,20}})?)?"
"""What it is for: "my password for the router is ..."."""
_COPULA = "|".join(sorted(map(re.escape, (word for word in COPULAS if word != "on")), key=len, reverse=True))
_GIVEN = re.compile(
    r"[_-]?\d?(?P<closed>\\?[\"'`]\]?|\]|\)|\*\*)?"
    r"(?:(?P<sign>\s{0,3}(?:=>|:=|=|[:：＝])(?:\s?(?:str|string|String|SecretStr)\s?=)?\s{0,3})"
    rf"|(?P<says>\s[–—-]\s|\son:\s|{_ABOUT}\s{{1,2}}(?i:{_COPULA})(?:\s{{1,2}}|:\s)"
    r"|\s?(?:是|为|為|は|が|는|은|이|가)[:：]?\s?)"
    r"|(?P<space> (?=\S{8})))"
    r"(?P<quote>\\?[\"'`]|[“„«‘「]|\*\*)?"
)
"""What stands between the name and its value."""
_SPACE = re.compile(r"[ \t]")
"""Before a key there may be nothing but a space."""
_QUOTED = re.compile(r"[^\"'`“”«»’」\s\\]{1,256}(?=\\?[\"'`“”»’」]|\*\*)")
_BARE = re.compile(r"[^\s\"'`<>,;&|，。；、]{1,96}")
_RANDOM = re.compile(r"[\w.+/~=-]{20,512}", re.ASCII)
_OF_AWS = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
"""Its secrets are 40 characters of base64, with a slash wherever there is one."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LATIN = re.compile(rf"[!-~]{{5,}}(?={_UNSPACED})")
"""What is written in ASCII ends where a script without spaces goes on."""
_TRAILING = ".,;:)]}?"

_STAND_INS = frozenset(NAMES["stand_ins"])
_PASSWORD_STEMS = tuple(
    word for word in {name.lower().replace(" ", "") for name in (*NAMES["passwords"], "secret", "token", "api key")}
)
_OF_LETTERS = re.compile(r"(?:[^\W\d]|[-. ])++")
_WITHOUT_SEPARATORS = str.maketrans("", "", _SEPARATORS)
_OPENS = re.compile(r"[<\[{(]|%[sdA-Z({]|\$[\w({]|[#@]\{|@\w+$|[*•….]{2}")
_CODE = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_]\w*+)+[()\[\]]*")
_CALL = re.compile(r"[\w.]*[(\[]")
_PATH = re.compile(r"[~.]?/[\w.-]+/|[A-Z]:\\")
_AN_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s\d]+")
_COUNTED = re.compile(r"\d+[-–]?[^\W\d_]{1,12}(?:-[a-z]++)*|[v#]?\d+(?:[.,:/-]\d++)*%?")
"""8-character, 30days, 12/11/2024, v2.3.1."""
_STANDARD = re.compile(rf"(?:{_any_of('standards')})[-_]?\d*(?:-[a-z]++)*", re.IGNORECASE)
_ENDS = re.compile(r"[\"'`\s]*(?:[.,;!?)\n]|$)")
_STRONG = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)")
_CAMEL = re.compile(r"[A-Z]{0,3}[a-z]*(?:[A-Z][a-z]++)*\d*|[A-Z]+-?\d+\w?")
"""What a word, a product or a ticket may be called, directly after "password"."""
_SIGN_INSIDE = re.compile(r"[^\W\d_][!@#$%^&*+~]+[^\W_]")
_OPTION = re.compile(r"(?:^|[?&;]|--|\bexport )[\w.-]{0,40}$", re.ASCII)
"""Before a name: of a URL's query, a connection string, a command."""


class _Name(NamedTuple):
    kind: str
    start: int
    end: int


def named_secrets(text: str) -> Iterator[tuple[int, int] | None]:
    """(start, end) of each value, in order; None where it may be paused."""
    done = 0
    for name in _names(text):
        span = None if name is None else _value(text, name)
        if span is None:
            yield None
        elif span[0] >= done:
            done = span[1]
            yield span


def _names(text: str) -> Iterator[_Name | None]:
    """Every name of a secret, in order; None where it may be paused."""
    end = -1
    for begin in range(0, len(text), _PIECE):
        small = _small(text[begin : begin + _PIECE + _LONGEST_NAME])
        if any(map(small.__contains__, _STEMS)):
            yield None
            for at, last in sorted((at, word) for word in _ENDINGS for at in _places(small, word)):
                name = _name_at(text, begin + at, last)
                if name is not None and name.end != end:
                    end = name.end
                    yield name
                else:
                    yield None
        yield None


def _small(text: str) -> str:
    """In small letters, of the same length: that of İ alone is two characters."""
    return text.replace("İ", "I").lower()


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while 0 <= at < _PIECE:
        yield at
        at = text.find(word, at + 1)


def _name_at(text: str, at: int, last: str) -> _Name | None:
    """The name whose last word is at `at`, with as many words as it may have."""
    end = at + len(last)
    following = text[end : end + 1]
    if following.isalnum() and not is_free(following):
        return None
    longest: _Name | None = None
    for kind, before in _ENDINGS[last]:
        start = _start(text, at, before)
        if start < 0 or not _may_be(kind, text, start, end):
            continue
        if longest is None or start < longest.start:
            longest = _Name(kind, start, end)
    return longest


def _start(text: str, at: int, before: tuple[str, ...]) -> int:
    """Where a name begins that has these words before the last one at `at`, or -1."""
    for word in before:
        if text[at - 1 : at] in _SEPARATORS and at > 0:
            at -= 1
        if at < len(word) or text[at - len(word) : at].lower() != word:
            return -1
        at -= len(word)
    return at


def _may_be(kind: str, text: str, start: int, end: int) -> bool:
    """Whether what stands around a name lets it be one of its kind."""
    before = text[start - 1 : start] if start else ""
    if kind == "short_passwords":
        return not before.isalnum() and _SIGN_FOLLOWS.match(text, end) is not None
    if kind in ("password_variables", "variables"):
        return before.isascii() and before.isalnum() and not before.islower() and text[start:end].isupper()
    return True


def _value(text: str, name: _Name) -> tuple[int, int] | None:
    """(start, end) of what the name calls a secret, if it is one."""
    given = _GIVEN.match(text, name.end)
    if name.kind in ("secrets", "variables"):
        start = given.end() if given is not None else name.end + (_SPACE.match(text, name.end) is not None)
        key = _RANDOM.match(text, start) if start > name.end else None
        if key is None or not (looks_random(key[0]) or _UUID.fullmatch(key[0]) or _OF_AWS.match(key[0])):
            return None
        return key.span()
    if given is None:
        return None
    begin, says = given.end(), given["says"] is not None
    if given["quote"] is not None:
        quoted = _QUOTED.match(text, begin)
        if quoted is None or is_stand_in(quoted[0]):
            return None
        return quoted.span() if (_is_chosen(quoted[0]) if says else len(quoted[0]) > 3) else None
    bare = _BARE.match(text, begin)
    if bare is None:
        return None
    latin = _LATIN.match(bare[0])
    value = (bare if latin is None else latin)[0].rstrip(_TRAILING)
    if (
        not value
        or is_stand_in(value)
        or _PATH.match(value)
        or _CALL.match(bare[0])
        or _CODE.fullmatch(value)
        or _AN_ADDRESS.fullmatch(value)
    ):
        return None
    return (begin, begin + len(value)) if _is_given(text, name, given, value, begin + len(value)) else None


def _is_given(text: str, name: _Name, given: re.Match[str], value: str, end: int) -> bool:
    """Whether the way it is given says that a value without quotes is a password, and no word or number of the text."""
    sign = given["sign"]
    if given["space"] is not None:
        return _is_chosen(value) and _STRONG.match(value) is not None and _CAMEL.fullmatch(value) is None
    if value.isdigit() and name.kind == "short_passwords":
        return False
    if value.isdigit():
        fewest = 4 if sign is not None and not sign.isspace() and sign == sign.strip() else 6
        return len(value) >= fewest and (sign == "=" or _ENDS.match(text, end) is not None)
    if sign is None or sign != sign.rstrip():
        return _is_chosen(value)
    if _is_chosen(value):
        return True
    # `password=secret` is a parameter's name in code; in a URL, a connection string or a command it is a value.
    return len(value) > 2 and (
        _OPTION.search(text, max(0, name.start - 48), name.start) is not None
        or (sign == "=" and text[end : end + 1] in (";", "&"))
        or (text[name.start : name.end].isupper() and sign == "=")
    )


def _is_chosen(value: str) -> bool:
    """Whether it looks like a password and like no word, count, date, version or standard."""
    if len(value) < 5 or _COUNTED.fullmatch(value) or _STANDARD.fullmatch(value) or "://" in value:
        return False
    letters = sum(map(str.isalpha, value))
    digits = sum(map(str.isdigit, value))
    return (letters > 0 and digits > 0 and letters + digits > 4) or _SIGN_INSIDE.search(value) is not None


def is_stand_in(value: str) -> bool:
    """Whether it stands for a password that is not told: `<your password>`, `****`, `xxx`, `changeme`, a variable."""
    small = value.lower().strip("\"'.!?")
    if not small or _OPENS.match(value) or len(set(small)) == 1 or small in _STAND_INS:
        return True
    if "***" in small or "xxx" in small or "..." in small or "[" in small or "${" in small or "{{" in small:
        return True
    if _OF_LETTERS.fullmatch(small) is None:
        return False
    joined = small.translate(_WITHOUT_SEPARATORS)
    return any(stem in joined for stem in _PASSWORD_STEMS)
