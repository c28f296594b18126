"""Keys, tokens and passwords, by the shapes in keys.toml, and by their names."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from uptake_service.ingest.redaction.looks import looks_random
from uptake_service.ingest.redaction.named import is_stand_in, named_secrets
from uptake_service.ingest.redaction.steps import Steps, gathered, has, replaced

_LONG = re.compile(r"[!-~]{16}")
"""Most that keys.toml knows has so many printable ASCII characters in a row, and few texts of people have."""
_PLACES_IN_A_ROW = 20


@dataclass(frozen=True)
class Shape:
    provider: str
    marks: tuple[str, ...]
    lead: int
    pattern: re.Pattern[str]
    random: bool
    password: bool
    short: bool
    example: str

    def spans(self, text: str) -> Iterator[tuple[int, int] | None]:
        """(start, end) of each secret; None where it may be paused. Only the places of its marks are looked at."""
        for mark in self.marks:
            at, places = text.find(mark), 0
            while at >= 0:
                match = self.pattern.match(text, at - self.lead) if at >= self.lead else None
                places += 1
                if match is not None:
                    if self._is_secret(match):
                        yield match.span(self._group)
                    at = text.find(mark, max(match.end(), at + 1))
                else:
                    at = text.find(mark, at + 1)
                if places % _PLACES_IN_A_ROW == 0:
                    yield None

    @property
    def _group(self) -> str | int:
        return "secret" if "secret" in self.pattern.groupindex else 0

    def _is_secret(self, match: re.Match[str]) -> bool:
        secret = match[self._group]
        return not (self.random and not looks_random(secret)) and not (self.password and is_stand_in(secret))


def without_keys(text: str) -> Steps[str]:
    spans = yield from gathered(named_secrets(text))
    shapes: tuple[Shape, ...] = SHAPES
    if not (yield from has(_LONG, text)):
        shapes = _SHORT if any(map(text.__contains__, _SHORT_MARKS)) else ()
    for shape in shapes:
        spans += yield from gathered(shape.spans(text))
        yield
    return (yield from replaced(text, [(start, end, "[key]") for start, end in spans]))


def _compiled(key: dict[str, Any]) -> Shape:
    shape = key["shape"] if not key.get("bounded", True) else rf"(?<![\w-])(?:{key['shape']})(?!\w)"
    return Shape(
        key["provider"],
        tuple(key["marks"]),
        key.get("lead", 0),
        re.compile(shape),
        key.get("random", False),
        key.get("password", False),
        key.get("short", False),
        "".join(key["example"]),
    )


_DATA = tomllib.loads(resources.files(__package__).joinpath("keys.toml").read_text(encoding="utf-8"))["key"]
SHAPES = tuple(_compiled(key) for key in _DATA)
_SHORT = tuple(shape for shape in SHAPES if shape.short)
_SHORT_MARKS = tuple(mark for shape in _SHORT for mark in shape.marks)
