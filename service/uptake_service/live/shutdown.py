"""Tells the streams that the process is stopping."""

import asyncio
from collections.abc import Callable

from uptake_service.domain.errors import DomainError, Reason


class Shutdown:
    """Asked for once; never taken back."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._told: list[Callable[[], None]] = []

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def when_asked(self, tell: Callable[[], None]) -> None:
        """Calls `tell` when the process is stopping."""
        self._told.append(tell)

    def ask(self) -> None:
        self._asked.set()
        for tell in self._told:
            tell()

    async def wait(self) -> None:
        await self._asked.wait()


def stopping() -> DomainError:
    """What a stream ends with after it has told its caller to resume elsewhere."""
    return DomainError(
        Reason.ERROR_REASON_SHUTTING_DOWN,
        "this process is shutting down; resume elsewhere",
        retry_after_seconds=0.1,
    )
