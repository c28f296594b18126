"""Judges what a crash, an outage or an error left in the outbox."""

import logging
from datetime import datetime, timedelta

from uptake_service.coordination.job_queue import Item, JobQueue
from uptake_service.domain.errors import Conflict, DatabaseUnavailable
from uptake_service.reviews.outbox import TriggerOutbox
from uptake_service.reviews.trigger import Trigger

_log = logging.getLogger(__name__)

_LEFT_AT_ONCE = 1000


class OutboxSweep:
    def __init__(self, outbox: TriggerOutbox, trigger: Trigger, queue: JobQueue) -> None:
        self._outbox = outbox
        self._trigger = trigger
        self._queue = queue

    async def run(self, older_than_seconds: float) -> int:
        """Judges marks that a crash, an outage or an error left; tells of how many batches.

        What cannot be judged is parted until it stands alone, and holds up no other.
        """
        age = timedelta(seconds=older_than_seconds)
        last: tuple[datetime, str] | None = None
        due: list[Item] = []
        while left := await self._outbox.left(age, last, _LEFT_AT_ONCE):
            last = left[-1].create_time, left[-1].id
            due += [Item(each.project, each.id) for each in left if each.due]
            if len(left) < _LEFT_AT_ONCE:
                break
        judged = len(due) - len(await self._queue.run(due, self._run_left))
        if judged:
            _log.info("judged what %d batches marked and nobody had judged", judged)
        return judged

    async def _run_left(self, item: Item) -> bool:
        marks = await self._outbox.of(item.id)
        try:
            await self._trigger.run(marks)
        except (DatabaseUnavailable, Conflict):
            raise
        except Exception:
            if len(marks) == 1:
                raise
            # Of one of its patterns; each is judged by itself the next time.
            await self._outbox.split(marks)
        return False
