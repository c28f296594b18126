"""The embedded database's output, in the log of the service."""

from __future__ import annotations

import json
import logging
import re
import time
from collections import deque

_KEPT_LINES = 200
_REPEAT_SECONDS = 10.0
"""The same message is not logged more often."""
_WIREDTIGER_LINE = re.compile(r"\[\d+:\d+\]\[\d+:0x[0-9a-f]+\]")
"""How a line begins that WiredTiger itself writes: its time, process and thread."""


class ChildLog:
    """The output of one child: kept while it starts, so that a failed start is reported in one line, then logged.

    Attributes:
        panic: What WiredTiger said when it gave up, and what it said of the cause; empty unless it did.
    """

    def __init__(self) -> None:
        self.panic = ""
        self._cause = ""
        self._logged_at: dict[str, float] = {}
        self._kept: deque[tuple[int, str, str]] | None = deque(maxlen=_KEPT_LINES)

    @property
    def last(self) -> str:
        """The last line that is not empty, of those that were kept."""
        lines = [line.strip() for _, _, message in self._kept or () for line in message.split("\n")]
        return next((line for line in reversed(lines) if line), "")

    def take(self, line: str) -> bool:
        """Takes a line in; tells whether WiredTiger panicked in it."""
        words = _parsed(line)
        if self._kept is not None:
            self._kept.append(words)
        elif self._is_news(words[2]):
            _log(*words)
        # Only WiredTiger's own lines begin so: what callers sent is inside the JSON of others.
        if self.panic or not _WIREDTIGER_LINE.match(line):
            return False
        said = line.partition("[ERROR]: ")[2]
        if "WT_PANIC" not in line:
            self._cause = said or self._cause
            return False
        self.panic = f"the embedded database panicked: {self._cause or said}"
        return True

    def _is_news(self, message: str) -> bool:
        """Whether it was not said a moment ago: of a full disk it reports every write."""
        said = _WIREDTIGER_LINE.sub("", message)
        now = time.monotonic()
        self._logged_at = {each: when for each, when in self._logged_at.items() if now - when < _REPEAT_SECONDS}
        if said in self._logged_at:
            return False
        self._logged_at[said] = now
        return True

    def log_all(self, level: int | None = None) -> None:
        """Logs what was kept, at this level or at that of each, and from now on everything at once."""
        kept, self._kept = self._kept or (), None
        for own_level, name, message in kept:
            _log(level or own_level, name, message)


def _log(level: int, name: str, message: str) -> None:
    logging.getLogger(name).log(level, "%s", message)


def _parsed(line: str) -> tuple[int, str, str]:
    """Level, logger and message of a line that the launcher or WiredTiger wrote."""
    try:
        record = json.loads(line)
        return logging.getLevelNamesMapping()[record["level"]], str(record["logger"]), str(record["message"])
    except (ValueError, LookupError, TypeError):
        return logging.ERROR if "[ERROR]" in line else logging.WARNING, "wiredtiger", line
