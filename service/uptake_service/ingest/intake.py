"""The intake: a group commit of everything that changes feedback.

Calls wait in one queue. Whatever waits becomes one batch over all projects: one embedding, one transaction with
feedback and every number derived from it, one trigger run; then every caller gets its answer. One call alone waits
for nobody; under load the batches grow by themselves, because calls gather while a batch commits.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence

from opentelemetry.trace import Span

from uptake_service.coordination.idempotency import RequestKey
from uptake_service.domain.caller import caller
from uptake_service.domain.errors import (
    Conflict,
    DatabaseUnavailable,
    DomainError,
    DuplicateKey,
    Reason,
    WriteRefused,
)
from uptake_service.domain.feedback import complaint
from uptake_service.ingest.changes import Change, Collect, Made
from uptake_service.ingest.committer import Committed, Committer, Grouper, ItemFailed
from uptake_service.ingest.preprocessor import Item, Preprocessor
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)

_LINGER_SECONDS = 0.003
"""How long a batch that is much smaller than the last one waits for the callers that were just answered."""

_STREAMED_BATCHES = 2
"""How many batches of what comes by streams may wait: more would make nothing faster, and calls wait behind it."""

_ANSWERS_AT_ONCE = 16
"""How many callers are answered before the loop turns to others: who is refused is not to wait for all of them.
Planning is not parted so: while it waited for others, the database would have nothing to do."""

_FINISHING_BATCHES = 2
"""How many batches may be in the trigger while the next one commits."""


class Intake:
    """Takes changes of feedback in, and answers when they are committed."""

    def __init__(
        self,
        committer: Committer,
        preprocessor: Preprocessor,
        grouper: Grouper,
        metrics: Metrics,
        tracing: Tracing,
        *,
        queue_size: int,
        batch_size: int,
        heartbeat_seconds: float,
    ) -> None:
        self._committer = committer
        self._preprocessor = preprocessor
        self._grouper = grouper
        self._metrics = metrics
        self._tracing = tracing
        self._queue_size = queue_size
        self._batch_size = batch_size
        self._heartbeat_seconds = heartbeat_seconds
        self._queue: deque[Item] = deque()
        self._committing = False
        self._streamed = 0
        self._late = 0
        """How many wait until an embedder that they need is loaded; others go before them."""
        self._loading: set[asyncio.Task[None]] = set()
        self._room_for_streamed = asyncio.Semaphore(batch_size * _STREAMED_BATCHES)
        self._arrived = asyncio.Event()
        self._stopping = False
        self._may_finish = asyncio.Semaphore(_FINISHING_BATCHES)
        self._finishing: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name="intake")

    async def stop(self) -> None:
        """Commits what waits, then ends. New changes are refused from now on."""
        self._stopping = True
        self._arrived.set()
        if self._running is not None:
            await self._running
        while self._finishing:
            await asyncio.wait(set(self._finishing))
        await self._preprocessor.stop()
        # What projections leave undone counts, too, and is done by whoever takes the slot.
        with contextlib.suppress(DomainError, WriteRefused):
            await self._committer.stop()
        with contextlib.suppress(DatabaseUnavailable):
            await self._committer.release()

    @property
    def waiting(self) -> int:
        """How many changes wait for a commit."""
        return len(self._queue) + self._late

    @property
    def behind(self) -> bool:
        """Whether more waits than one commit takes."""
        return len(self._queue) > self._batch_size

    async def submit(self, change: Change, key: RequestKey | None, deadline: float | None) -> Made:
        """Makes one change; returns when it is committed.

        Args:
            change: What to do.
            key: Makes the change safe to repeat.
            deadline: Loop time after which the caller has gone; past it nothing is written.

        Raises:
            DomainError: It was not made, or (DATABASE_UNAVAILABLE) it is not known whether it was.
        """
        return await self.submit_many([(change, key)], deadline)[0]

    def submit_many(
        self, changes: Sequence[tuple[Change, RequestKey | None]], deadline: float | None
    ) -> "list[asyncio.Future[Made]]":
        """Makes many changes, each for itself; all are admitted or none is.

        Raises:
            DomainError: The queue has no room for all of them, or the service is shutting down.
        """
        self.ensure_room(len(changes))
        loop = asyncio.get_running_loop()
        by, span = caller(), self._tracing.current()
        items = [Item(change, key, deadline, loop.create_future(), by, span) for change, key in changes]
        self._admit(items)
        return [item.done for item in items]

    def ensure_room(self, number: int) -> None:
        """Raises DomainError when the queue has no room for so many changes; to be asked before anything costs time."""
        refusal = self.refusal(number)
        if refusal is not None:
            raise refusal

    def refusal(self, number: int = 1) -> DomainError | None:
        """Why so many more changes are refused now, which is counted; None if there is room for them."""
        if self.waiting - self._streamed + number <= self._queue_size:
            return None
        self._metrics.limited("queue")
        return DomainError(
            Reason.ERROR_REASON_OVERLOADED,
            f"{self._queue_size:,} pieces of feedback may wait, and no more; nothing was written; retry later",
            retry_after_seconds=1.0,
            metadata={"limit": "queue"},
        )

    async def submit_streamed(
        self, change: Change, key: RequestKey | None, deadline: float | None
    ) -> "asyncio.Future[Made]":
        """Makes one change that came by a stream; returns when it is admitted, with what will be its answer.

        A stream waits for room, and for its turn among the streams, where a call would be refused: it has always more
        to send, would only send the same again, and is held back by not being read. The room is the streams' own, so
        that they never fill the queue for calls, nor calls theirs.

        Raises:
            DomainError: The service is shutting down.
        """
        await self._room_for_streamed.acquire()
        done: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        try:
            self._admit([Item(change, key, deadline, done, caller(), self._tracing.current(), streamed=True)])
        except DomainError:
            self._room_for_streamed.release()
            raise
        self._streamed += 1
        return done

    def _admit(self, items: list[Item]) -> None:
        if self._stopping:
            raise DomainError(
                Reason.ERROR_REASON_SHUTTING_DOWN,
                "this process is shutting down; retry",
                retry_after_seconds=0.1,
            )
        ready: list[Item] = []
        late: list[Item] = []
        missing: set[str] = set()
        for item in items:
            lacks = self._missing(item.change)
            (late if lacks else ready).append(item)
            missing |= lacks
        self._enqueue(ready)
        if late:
            self._late += len(late)
            loading = asyncio.create_task(self._enqueue_loaded(late, missing), name="loading an embedder")
            self._loading.add(loading)
            loading.add_done_callback(self._loading.discard)

    def _enqueue(self, items: list[Item]) -> None:
        self._queue.extend(items)
        self._preprocessor.add(items, ahead=self._committing)
        self._arrived.set()

    def _missing(self, change: Change) -> set[str]:
        """The embedders that a change needs and that are not loaded yet."""
        if not isinstance(change, Collect):
            return set()
        draft = change.draft
        return self._grouper.missing((draft.text, complaint(draft.content.comment, draft.interaction.query)))

    async def _enqueue_loaded(self, items: list[Item], missing: set[str]) -> None:
        """Enqueues what waits for embedders once they are loaded."""
        failed: Exception | None = None
        try:
            await self._grouper.load(missing)
        except Exception as error:  # noqa: BLE001  Whatever is wrong with a model, callers must not be left waiting.
            _log.exception("an embedder of %s cannot be loaded", ", ".join(sorted(missing)))
            failed = error
        self._late -= len(items)
        if failed is None:
            self._enqueue(items)
            return
        for item in items:
            if item.streamed:
                self._streamed -= 1
                self._room_for_streamed.release()
            item.answer(failed)
        self._arrived.set()

    async def _run(self) -> None:
        last = 0
        while True:
            if not self._queue:
                if self._stopping and not self._late:
                    return
                self._arrived.clear()
                try:
                    async with asyncio.timeout(self._heartbeat_seconds):
                        await self._arrived.wait()
                except TimeoutError:
                    await self._heartbeat()
                    continue
            if last > 1 and len(self._queue) < last // 2 and not self._stopping:
                await asyncio.sleep(_LINGER_SECONDS)
            await self._committer.room()
            self._committing = True
            last = await self._process(self._take())
            self._committing = False
            self._preprocessor.forget()

    async def _heartbeat(self) -> None:
        try:
            await self._committer.keep_slot()
        except (DatabaseUnavailable, WriteRefused):
            _log.warning("the writer slot could not be renewed")

    def _take(self) -> list[Item]:
        """The next batch; calls that were cancelled or whose time is over are left out."""
        now = asyncio.get_running_loop().time()
        batch: list[Item] = []
        while self._queue and len(batch) < self._batch_size:
            item = self._queue.popleft()
            if item.streamed:
                self._streamed -= 1
                self._room_for_streamed.release()
            if item.done.done():
                continue
            if item.deadline is not None and item.deadline <= now:
                item.answer(
                    DomainError(Reason.ERROR_REASON_DEADLINE_EXCEEDED, "the deadline passed; nothing was written")
                )
                continue
            batch.append(item)
        return batch

    async def _process(self, batch: list[Item]) -> int:
        """Commits a batch and hands it to the trigger; whatever happens, every caller gets an answer.

        Returns how many there were.
        """
        try:
            await self._commit_or_bisect(_coalesced(batch))
        except Exception as error:  # noqa: BLE001  A fault must not leave callers waiting.
            _log.exception("a batch of %d failed", len(batch))
            self._metrics.batch_failed("failed")
            for item in batch:
                item.answer(error)
        return len(batch)

    async def _commit_or_bisect(self, items: list[Item]) -> None:
        if not items:
            return
        started = time.perf_counter()
        try:
            with self._tracing.commit(len(items), _spans(items)) as span:
                committed = await self._committer.commit(items)
        except (WriteRefused, DuplicateKey, ItemFailed) as error:
            self._metrics.batch_failed("failed" if isinstance(error, ItemFailed) else "refused")
            if len(items) == 1 and isinstance(error, ItemFailed):
                _log.warning("an item failed", exc_info=error.error)
                items[0].answer(error.error)
                return
            if len(items) == 1:
                _log.warning("the database refuses an item", exc_info=True)
                items[0].answer(
                    DomainError(Reason.ERROR_REASON_ITEM_REJECTED, "the database refuses this item as it is")
                )
                return
            # One of them is bad: halve until it stands alone, so that only its caller gets the error.
            middle = len(items) // 2
            await self._commit_or_bisect(items[:middle])
            await self._commit_or_bisect(items[middle:])
            return
        except (DatabaseUnavailable, Conflict) as error:
            self._metrics.batch_failed("conflict" if isinstance(error, Conflict) else "unavailable")
            for item in items:
                item.answer(error)
            return
        self._metrics.batch_committed(len(items), time.perf_counter() - started)
        await self._may_finish.acquire()
        finishing = asyncio.create_task(self._finish(items, committed, span), name="after a batch")
        self._finishing.add(finishing)
        finishing.add_done_callback(self._finishing.discard)

    async def _finish(self, items: list[Item], committed: Committed, commit: Span | None) -> None:
        """Does what follows from a commit, such as the trigger, then answers."""
        try:
            with self._metrics.trigger_seconds.time(), self._tracing.after(commit, "trigger"):
                await committed.finish()
        finally:
            self._may_finish.release()
            for place, (item, result) in enumerate(zip(items, committed.results, strict=True), start=1):
                item.answer(result)
                if place % _ANSWERS_AT_ONCE == 0:
                    await asyncio.sleep(0)


def _coalesced(batch: list[Item]) -> list[Item]:
    """Leaves one item of those that are the same call again; they share its answer."""
    first: dict[RequestKey, Item] = {}
    kept: list[Item] = []
    for item in batch:
        leader = first.setdefault(item.key, item) if item.key else item
        if leader is item:
            kept.append(item)
        else:
            leader.repeats.append(item)
    return kept


def _spans(items: list[Item]) -> Iterator[Span]:
    for item in items:
        for one in (item, *item.repeats):
            if one.span is not None:
                yield one.span
