"""Background jobs: each runs at an interval until the process stops, and outlives what goes wrong in a run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Jobs:
    """The background jobs of a process."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def every(self, seconds: float, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Starts a job that runs now and again `seconds` after each run."""
        self._tasks.append(asyncio.create_task(_repeat(seconds, name, run), name=name))

    def run(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Starts a job that goes on by itself until the process stops."""
        self._tasks.append(asyncio.create_task(run(), name=name))

    async def stop(self) -> None:
        """Ends all jobs; a run that is under way is cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(seconds: float, name: str, run: Callable[[], Awaitable[object]]) -> None:
    failed = False
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001  The job has to run again whatever happened.
            # Told once, not at every turn of an outage.
            if not failed:
                _log.warning("%s failed and will be tried again: %s", name, error, exc_info=error)
            failed = True
        else:
            failed = False
        await asyncio.sleep(seconds)
