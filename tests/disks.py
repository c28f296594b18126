"""Small disks that can be filled: a tmpfs each, so that nothing else of this machine is short of room."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.processes import let_pass

_AT_ONCE_BYTES = 16 * 1024 * 1024
_REFILL_SECONDS = 0.02


class CannotMount(Exception):
    """This user may not mount a disk."""


class Disk:
    """A disk mounted on `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    @asynccontextmanager
    async def kept_full(self) -> AsyncIterator[None]:
        """Fills it to the last page, and again whenever a page is given up; at the end gives all of it back."""
        await asyncio.to_thread(self._fill)
        filling = asyncio.create_task(self._fill_again())
        try:
            yield
        finally:
            filling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await filling
            self._ballast.unlink()

    async def _fill_again(self) -> None:
        while True:
            await let_pass(_REFILL_SECONDS, "pages that may be given up meanwhile")
            self._fill()

    def _fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while free := self.free_bytes:
                os.posix_fallocate(ballast.fileno(), ballast.tell(), min(free, _AT_ONCE_BYTES))
                ballast.seek(0, os.SEEK_END)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Disk]:
    """Mounts a disk on a folder, which is made. Raises CannotMount where that is not allowed."""
    folder.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if mounting.returncode:
        folder.rmdir()
        raise CannotMount(mounting.stderr.strip())
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607
