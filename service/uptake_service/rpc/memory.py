"""The memory of this process: how much of it there is, and giving back to the system what is no longer used."""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_STATM = Path("/proc/self/statm")
_MUCH_BYTES = 32 * 1024 * 1024
_LITTLE_BYTES = 4 * 1024 * 1024
_LONGEST_PAUSE = 12
"""Calls of `give_back`; a minute, where it is called every five seconds."""


def resident_bytes() -> int:
    """Resident memory, as the system counts it; 0 where it does not tell (it is Linux that does)."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _trim() -> Callable[[int], int] | None:
    """The C library's `malloc_trim`; None where it has none (it is glibc that has)."""
    try:
        function = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    function.argtypes, function.restype = [ctypes.c_size_t], ctypes.c_int
    return function


_malloc_trim = _trim()


async def trim_memory() -> None:
    """Gives all free memory back to the system, where the C library can."""
    if _malloc_trim is not None:
        await asyncio.to_thread(_malloc_trim, 0)


class MemoryReturn:
    """Gives free memory back to the system.

    glibc keeps what was freed, in an arena for each of the threads that freed it: after a burst of large messages the
    process would stay as large as it was then. Releasing the free pages of all arenas takes some milliseconds for each
    100 MiB, so it is done more and more seldom while it brings nothing.
    """

    def __init__(self, resident: Callable[[], int] = resident_bytes) -> None:
        self._resident = resident
        self._least = resident()
        self._after = self._least
        self._pause = self._left = 1

    async def give_back(self) -> None:
        """Gives back what is free, if that may be much; to be called every few seconds."""
        now = self._resident()
        if now > self._after + _MUCH_BYTES:
            self._pause = self._left = 1
        self._left -= 1
        if self._left > 0 or now < self._least + _MUCH_BYTES:
            return
        await trim_memory()
        self._after = self._resident()
        self._least = min(self._least, self._after)
        self._pause = 1 if now - self._after > _LITTLE_BYTES else min(2 * self._pause, _LONGEST_PAUSE)
        self._left = self._pause
