"""Bytes in flight: how much of callers' messages is here at once, of all of them and of each.

A call holds the bytes of its message, and what a call costs beside it, until it is answered. Whoever holds a share
already is refused more of it, so that no caller takes the room of the others.
"""

import asyncio
from typing import NamedTuple

from uptake_service.domain.errors import DomainError, Reason
from uptake_service.telemetry.metrics import Metrics

CALL_BYTES = 16 * 1024
"""What a call takes with a message of up to 4 KiB: its tasks, its metadata, gRPC's state of it."""

_WITH_CALL_BYTES = 4 * 1024

SMALL_BYTES = 64 * 1024
"""Messages of up to this size find room when large ones do not."""

RETRY_SECONDS = 1.0


class Holder(NamedTuple):
    """Who holds bytes: a key, or where none was sent, a connection.

    Attributes:
        name: The key's id, or the connection's address.
        has_key: Which of the two it is.
    """

    name: str
    has_key: bool


class BytesInFlight:
    """What is held now.

    Of the total, a key may hold half and a connection without a key a quarter. The last quarter is kept from callers
    without a key, and from messages that are not small: a few callers or a few large messages fill it never.
    """

    def __init__(self, metrics: Metrics, total: int) -> None:
        """`total`: bytes."""
        self._metrics = metrics
        self._total = total
        self._held: dict[Holder, int] = {}
        self._all = 0
        self._of_nobody = 0
        self._freed = asyncio.Event()

    @property
    def held(self) -> int:
        """Bytes."""
        return self._all

    def take(self, holder: Holder, size: int) -> None:
        """Holds so many bytes more.

        Raises:
            DomainError: OVERLOADED; there is no room for them, and nothing was taken.
        """
        if not self._has_room(holder, size):
            whose, limit = (
                ("this caller's", "bytes_in_flight_of_caller")
                if self._all + size <= self._total
                else ("the", "bytes_in_flight")
            )
            self._metrics.limited(limit)
            raise DomainError(
                Reason.ERROR_REASON_OVERLOADED,
                f"{whose} calls in progress leave no room for this one; nothing was written; retry later",
                retry_after_seconds=RETRY_SECONDS,
                metadata={"limit": limit},
            )
        self._all += size
        self._held[holder] = self._held.get(holder, 0) + size
        if not holder.has_key:
            self._of_nobody += size

    async def wait_and_take(self, holder: Holder, size: int) -> None:
        """Holds so many bytes more as soon as there is room for them."""
        while not self._has_room(holder, size):
            self._freed.clear()
            await self._freed.wait()
        self.take(holder, size)

    def give_back(self, holder: Holder, size: int) -> None:
        self._all -= size
        if not holder.has_key:
            self._of_nobody -= size
        left = self._held[holder] - size
        if left:
            self._held[holder] = left
        else:
            del self._held[holder]
        self._freed.set()

    def _has_room(self, holder: Holder, size: int) -> bool:
        quarter = self._total // 4
        if self._held.get(holder, 0) + size > (2 * quarter if holder.has_key else quarter):
            return False
        if not holder.has_key and self._of_nobody + size > 3 * quarter:
            return False
        return self._all + size <= (self._total if size <= SMALL_BYTES + CALL_BYTES else 3 * quarter)


class Reservation:
    """What one call holds."""

    __slots__ = ("_of", "_size", "holder")

    def __init__(self, of: BytesInFlight, holder: Holder) -> None:
        """Raises as `BytesInFlight.take` does."""
        of.take(holder, CALL_BYTES)
        self.holder = holder
        self._of = of
        self._size = CALL_BYTES

    def take(self, message: int) -> None:
        """Holds a message of so many bytes too. Raises as `BytesInFlight.take` does."""
        if message > _WITH_CALL_BYTES:
            self._of.take(self.holder, message)
            self._size += message

    async def wait_and_take(self, size: int) -> None:
        """Holds one of the messages of a stream, when there is room for it."""
        await self._of.wait_and_take(self.holder, size)
        self._size += size

    def give_back(self, size: int) -> None:
        """Holds one of the messages of a stream no longer."""
        self._size -= size
        self._of.give_back(self.holder, size)

    def release(self) -> None:
        """Gives back all that is left."""
        if self._size:
            self.give_back(self._size)
