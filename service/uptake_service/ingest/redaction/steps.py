"""Work in steps: generators that pause so often that nothing else waits for them for long.

A thread is no help here: a regular expression holds Python's lock until it is done, and a thread that has the lock
keeps it for five milliseconds while the event loop waits. So what may take long is cut: no call into `re` looks through
more than some thousand characters, and between two of them the event loop may take its turn.
"""

import asyncio
import re
import time
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work that pauses at each yield, and returns its result."""

Span = tuple[int, int, str]
"""Where something starts and ends in a text, and what is to stand there."""

_WINDOW, _OVERLAP = 2_000, 640
"""Characters that are looked through at once, and how many more a match that begins in them may have."""
_TURN_SECONDS = 0.0004
_SPANS_AT_ONCE = 200


def finished(steps: Steps[T]) -> T:
    """The result, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


async def paced(steps: Steps[T]) -> T:
    """The result; everything else that is ready on the event loop gets its turn before this goes on for long."""
    began = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if time.perf_counter() - began > _TURN_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()


def scan(pattern: re.Pattern[str], text: str, begin: int = 0) -> Iterator[re.Match[str] | None]:
    """What `pattern.finditer` finds, with a None wherever it may be paused.

    The pattern matches no empty text, and decides by few characters behind a match's end.
    """
    length, overlap = len(text), _OVERLAP
    while begin < length:
        end = min(begin + _WINDOW + overlap, length)
        match = pattern.search(text, begin, end)
        if match is not None and match.end() > end - _OVERLAP // 4 and end < length:
            # It may go on behind the window, or would be none if what follows were seen.
            overlap *= 2
            begin = match.start()
            yield None
            continue
        overlap = _OVERLAP
        if match is not None:
            begin = match.end()
            yield match
        elif end == length:
            return
        else:
            begin = end - _OVERLAP
            yield None


def gathered(found: Iterable[T | None]) -> Steps[list[T]]:
    """What is found, with a pause after each and wherever there is a None."""
    some = []
    for each in found:
        if each is not None:
            some.append(each)
        yield
    return some


def has(pattern: re.Pattern[str], text: str) -> Steps[bool]:
    """Whether the pattern matches anywhere."""
    if len(text) <= _WINDOW:
        return pattern.search(text) is not None
    for match in scan(pattern, text):
        if match is not None:
            return True
        yield
    return False


def replaced(text: str, spans: list[Span]) -> Steps[str]:
    """The text with the first of those in place that overlap."""
    if not spans:
        return text
    parts: list[str] = []
    done = 0
    for place, (start, end, replacement) in enumerate(sorted(spans)):
        if start >= done:
            parts += (text[done:start], replacement)
        done = max(done, end)
        if place % _SPANS_AT_ONCE == 0:
            yield
    return "".join((*parts, text[done:]))
