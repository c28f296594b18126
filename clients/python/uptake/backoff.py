"""How long to wait before trying again."""

from __future__ import annotations

import asyncio
import random

INITIAL_SECONDS = 0.2
MAX_SECONDS = 10.0


class Backoff:
    """Exponential back-off with full jitter: the clients of a restarted server do not return all at once.

    Each wait is drawn evenly from 0 to a bound that doubles from 0.2 to 10 seconds.
    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self) -> None:
        self._bound = INITIAL_SECONDS

    def reset(self) -> None:
        """Start over: it works again."""
        self._bound = INITIAL_SECONDS

    async def wait(self, at_least_seconds: float | None = None) -> None:
        """Wait, no shorter than the service asked for."""
        await asyncio.sleep(self.next_seconds(at_least_seconds))

    def next_seconds(self, at_least_seconds: float | None = None) -> float:
        """How long to wait this time, no shorter than the service asked for."""
        jittered = random.uniform(0, self._bound)  # noqa: S311 - spreads load, protects nothing
        self._bound = min(self._bound * 2, MAX_SECONDS)
        return (at_least_seconds or 0.0) + jittered
