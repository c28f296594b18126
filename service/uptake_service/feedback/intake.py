"""The intake: a group commit of everything that changes feedback.

Calls wait in one queue. Whatever waits becomes one batch over all projects: one embedding, one transaction with
feedback and every number derived from it, one trigger run; then every caller gets its answer. One call alone waits
for nobody; under load the batches grow by themselves, because calls gather while a batch commits.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from opentelemetry.trace import Span

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.auth.caller import caller
from uptake_service.errors import (
    Conflict,
    DatabaseUnavailable,
    DomainError,
    DuplicateKey,
    Reason,
    WriteRefused,
)
from uptake_service.feedback.folding import Folding
from uptake_service.feedback.model import Feedback, Sentiment, StoredFeedback
from uptake_service.feedback.plan import Amend, Change, Collect, Erase, Plan, Retract, is_vote
from uptake_service.feedback.preparing import Item, Preparing
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ids import new_id
from uptake_service.insights.issues.joining import Joining
from uptake_service.insights.rollups import RollupDeltas
from uptake_service.mongo.client import Mongo, Session
from uptake_service.mongo.leases import SlotLost, WriterSlot
from uptake_service.mongo.requests import RequestKey, RequestRecords, reused
from uptake_service.mongo.transactions import transaction
from uptake_service.patterns.store import Assignment, Patterns, ShareChange, Text
from uptake_service.projects.model import Project
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.marks import Mark, Marks
from uptake_service.reviews.recent import RecentFeedback, told_of
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.trigger import Trigger
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)

_LINGER_SECONDS = 0.003
"""How long a batch that is much smaller than the last one waits for the callers that were just answered."""

_DUPLICATE_TRIES = 4
"""How often a batch is planned again because one of its items, or what it stands for, was recorded before."""

_LOOKS = 20
"""How many batches after one that held a repeated call, or a vote that changes another, look for such first. Others
learn of them by the duplicate key: to look costs each batch a tenth of its time, to be planned again all of it."""

_STREAMED_BATCHES = 2
"""How many batches of what comes by streams may wait: more would make nothing faster, and calls wait behind it."""

_ANSWERS_AT_ONCE = 16
"""How many callers are answered before the loop turns to others: who is refused is not to wait for all of them.
Planning is not parted so: while it waited for others, the database would have nothing to do."""

_TRIGGER_RUNS = 2
"""How many batches may be in the trigger while the next one commits."""


@dataclass
class _Outcome:
    """What a committed batch made of its items, in their order, and what the trigger has to judge."""

    results: list[Feedback | DomainError]
    marks: list[Mark]


class _Committed(Exception):
    """The transaction was committed by an earlier run."""

    def __init__(self, outcome: _Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Intake:
    """Takes changes of feedback in, and answers when they are committed."""

    def __init__(
        self,
        mongo: Mongo,
        slot: WriterSlot,
        feedback: FeedbackStore,
        patterns: Patterns,
        folding: Folding,
        requests: RequestRecords,
        projects: ProjectStore,
        marks: Marks,
        recent: RecentFeedback,
        reviews: ReviewStore,
        joining: Joining,
        trigger: Trigger,
        audit: AuditLog,
        metrics: Metrics,
        tracing: Tracing,
        *,
        queue_size: int,
        batch_size: int,
        heartbeat_seconds: float,
    ) -> None:
        self._mongo = mongo
        self._slot = slot
        self._feedback = feedback
        self._patterns = patterns
        self._folding = folding
        self._requests = requests
        self._projects = projects
        self._marks = marks
        self._recent = recent
        self._reviews = reviews
        self._joining = joining
        self._trigger = trigger
        self._audit = audit
        self._metrics = metrics
        self._tracing = tracing
        self._queue_size = queue_size
        self._batch_size = batch_size
        self._heartbeat_seconds = heartbeat_seconds
        self._queue: deque[Item] = deque()
        self._preparing = Preparing(patterns, projects)
        self._committing = False
        self._streamed = 0
        self._room_for_streamed = asyncio.Semaphore(batch_size * _STREAMED_BATCHES)
        self._arrived = asyncio.Event()
        self._stopping = False
        self._slot_certain = False
        self._looks = 0
        self._trigger_runs = asyncio.Semaphore(_TRIGGER_RUNS)
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
        await self._preparing.stop()
        # What is left in the journal counts there too.
        with contextlib.suppress(DomainError, WriteRefused):
            await self._folding.run()
        with contextlib.suppress(DatabaseUnavailable):
            await self._slot.release()

    @property
    def waiting(self) -> int:
        """How many changes wait for a commit."""
        return len(self._queue)

    async def submit(self, change: Change, key: RequestKey | None, deadline: float | None) -> Feedback:
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
    ) -> "list[asyncio.Future[Feedback]]":
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
        """Why so many more changes are not taken in now; None if there is room for them."""
        if len(self._queue) - self._streamed + number <= self._queue_size:
            return None
        return DomainError(
            Reason.ERROR_REASON_OVERLOADED,
            f"{self._queue_size:,} pieces of feedback may wait, and no more; nothing was written; retry later",
            retry_after_seconds=1.0,
        )

    async def submit_streamed(
        self, change: Change, key: RequestKey | None, deadline: float | None
    ) -> "asyncio.Future[Feedback]":
        """Makes one change that came by a stream; returns when it is admitted, with what will be its answer.

        A stream waits for room, and for its turn among the streams, where a call would be refused: it has always more
        to send, would only send the same again, and is held back by not being read. The room is the streams' own, so
        that they never fill the queue for calls, nor calls theirs.

        Raises:
            DomainError: The service is shutting down.
        """
        await self._room_for_streamed.acquire()
        done: asyncio.Future[Feedback] = asyncio.get_running_loop().create_future()
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
        self._queue.extend(items)
        self._preparing.add(items, ahead=self._committing)
        self._arrived.set()

    async def _run(self) -> None:
        last = 0
        while True:
            if not self._queue:
                if self._stopping:
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
            self._committing = True
            last = await self._process(self._take())
            self._committing = False
            self._preparing.forget()

    async def _heartbeat(self) -> None:
        if not self._slot_certain:
            return
        try:
            await self._slot.renew()
        except SlotLost:
            self._slot_certain = False
        except (DatabaseUnavailable, WriteRefused):
            _log.warning("writer slot %d could not be renewed", self._slot.number)

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
            await self._settle(_join_repeats(batch))
        except Exception as error:  # noqa: BLE001  A fault must not leave callers waiting.
            _log.exception("a batch of %d failed", len(batch))
            self._metrics.batch_failed("failed")
            for item in batch:
                item.answer(error)
        return len(batch)

    async def _settle(self, items: list[Item]) -> None:
        if not items:
            return
        started = time.perf_counter()
        try:
            with self._tracing.commit(len(items), _spans(items)) as span:
                outcome = await self._commit(items)
        except (WriteRefused, DuplicateKey):
            self._metrics.batch_failed("refused")
            if len(items) == 1:
                _log.warning("the database refuses an item", exc_info=True)
                items[0].answer(
                    DomainError(Reason.ERROR_REASON_ITEM_REJECTED, "the database refuses this item as it is")
                )
                return
            # One of them is bad: halve until it stands alone, so that only its caller gets the error.
            middle = len(items) // 2
            await self._settle(items[:middle])
            await self._settle(items[middle:])
            return
        except (DatabaseUnavailable, Conflict) as error:
            self._metrics.batch_failed("conflict" if isinstance(error, Conflict) else "unavailable")
            for item in items:
                item.answer(error)
            return
        self._metrics.batch_committed(len(items), time.perf_counter() - started)
        await self._trigger_runs.acquire()
        finishing = asyncio.create_task(self._finish(items, outcome, span), name="trigger after a batch")
        self._finishing.add(finishing)
        finishing.add_done_callback(self._finishing.discard)

    async def _finish(self, items: list[Item], outcome: _Outcome, commit: Span | None) -> None:
        """Runs the trigger, then answers. What fails in the trigger stays marked and is run again later."""
        try:
            with self._metrics.trigger_seconds.time(), self._tracing.after(commit, "trigger"):
                await self._trigger.run(outcome.marks)
        except (DomainError, WriteRefused, DuplicateKey) as error:
            _log.warning("the trigger failed after a commit and will be run again: %s", error)
        finally:
            self._trigger_runs.release()
            for place, (item, result) in enumerate(zip(items, outcome.results, strict=True), start=1):
                item.answer(result)
                if place % _ANSWERS_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _commit(self, items: list[Item]) -> _Outcome:
        await self._hold_slot()
        projects = {id: await self._projects.recent(id) for id in {item.change.project for item in items}}
        await self._preparing.finish(items)
        assignments = await self._assign(items)
        for tries_left in reversed(range(_DUPLICATE_TRIES)):
            attempt = _Attempt(self, items, assignments, projects, looks=self._looks > 0)
            try:
                outcome = await transaction(self._mongo, attempt.write)
            except _Committed as committed:
                outcome = committed.outcome
            except SlotLost:
                self._slot_certain = False
                await self._hold_slot()
                continue
            except DuplicateKey:
                # An equal request, vote or pattern was recorded before, or by another replica just now.
                if not tries_left:
                    raise
                self._looks = _LOOKS
                continue
            except (DatabaseUnavailable, Conflict):
                # Whether it was committed is not known; what is in memory has to be read again.
                self._slot_certain = False
                raise
            self._looks = max(self._looks - 1, 0)
            self._slot.revision = attempt.revision
            self._folding.committed(attempt.rollups, attempt.shares, attempt.revision)
            self._recent.committed(attempt.changes, self._slot.number, attempt.revision)
            await self._patterns.committed(attempt.shares, self._slot.number, attempt.revision)
            return outcome
        raise Conflict

    async def _hold_slot(self) -> None:
        if not self._slot_certain:
            await self._slot.acquire()
            await self._folding.take_over(self._slot.number, self._slot.revision)
            await self._patterns.reread(self._slot.number)
            self._slot_certain = True

    async def _assign(self, items: list[Item]) -> dict[Item, Assignment]:
        drafts = [(item, item.change.draft) for item in items if isinstance(item.change, Collect)]
        if not drafts:
            return {}
        texts = [Text(draft.project, draft.text, draft.interaction.id) for _, draft in drafts]
        vectors = np.stack([item.vector for item, _ in drafts if item.vector is not None])
        assignments = await self._patterns.assign(texts, vectors)
        return {item: assignment for (item, _), assignment in zip(drafts, assignments, strict=True)}


class _Attempt:
    """One run of a batch's transaction.

    If it `looks`, it first reads what was recorded of its items before. Otherwise it takes what comes to be new, and
    fails by a duplicate key where it is not.
    """

    def __init__(
        self,
        intake: Intake,
        items: list[Item],
        assignments: dict[Item, Assignment],
        projects: dict[str, Project],
        *,
        looks: bool,
    ) -> None:
        self._intake = intake
        self._items = items
        self._assignments = assignments
        self._projects = projects
        self._looks = looks
        self.changes: list[tuple[StoredFeedback | None, StoredFeedback]] = []
        self.rollups = RollupDeltas()
        self.shares: dict[str, ShareChange] = {}
        self.revision = 0
        self._outcome: _Outcome | None = None

    async def write(self, session: Session) -> _Outcome:
        intake = self._intake
        (revision, now), known, after_fix, generations, *votes = await session.together(
            intake._slot.advance(session),
            intake._requests.known(self._keys(), session=session),
            intake._reviews.short_of_sample(self._gaining(), session),
            intake._joining.generations(sorted(self._projects), session),
            *self._votes(session),
        )
        if revision == self.revision + 1 and self._outcome is not None:
            # The run before was committed and its answer lost: nobody else counts this slot's revision up.
            raise _Committed(self._outcome)
        if revision != intake._slot.revision + 1:
            raise SlotLost
        self.revision = revision
        stored = {feedback.id: feedback for each in (*votes, *await self._named(known, session)) for feedback in each}
        plan = Plan(
            now=now,
            writer=intake._slot.number,
            revision=self.revision,
            projects=self._projects,
            stored=list(stored.values()),
            no_share=intake._patterns.no_change,
        )
        results: list[Feedback | DomainError] = []
        made: dict[str, tuple[RequestKey, str]] = {}
        for item in self._items:
            repeated = known.get(item.key) if item.key else None
            if isinstance(repeated, DomainError):
                results.append(repeated)
                continue
            if item.key and item.key.document_id in made:
                results.append(reused(item.key.id))
                continue
            result = plan.now_as(repeated) if repeated else self._apply(plan, item)
            results.append(result)
            if item.key and not repeated and not isinstance(result, DomainError):
                made[item.key.document_id] = (item.key, result.id)
                plan.note_request(result.id, item.key.document_id)
            if isinstance(item.change, Amend | Retract) and not repeated and not isinstance(result, DomainError):
                differences = changes(plan.before(result.id), result)
                await intake._audit.add(item.change.project, result.id, differences, session, by=item.caller)
        marks = plan.marks(intake._patterns.known_total, after_fix)
        self.changes = plan.changes()
        self.rollups, self.shares = plan.rollups(), plan.shares()
        await intake._feedback.write(plan.added, plan.changed, session)
        await intake._requests.add(list(made.values()), session=session)
        await intake._requests.entomb([record for feedback in plan.erased for record in feedback.requests], session)
        told = told_of(self.changes)
        await intake._folding.write(self.rollups, self.shares, told, plan.writer, self.revision, session)
        await intake._patterns.write(plan.started, session)
        await intake._joining.write(self.changes, generations, plan.writer, self.revision, session)
        await intake._marks.add(marks, plan.now, session)
        for project in self._projects.values():
            models, sources = plan.new_models.get(project.id, set()), plan.new_sources.get(project.id, set())
            if plan.added and (project.create_time is None or models or sources):
                await intake._projects.note_use(project.id, models, sources, plan.now, session)
        # Answered as now planned, so that an item changed twice in one batch is told as it ends.
        self._outcome = _Outcome([plan.as_planned(result) for result in results], marks)
        return self._outcome

    def _keys(self) -> list[RequestKey]:
        """The keys to look for. What is no new feedback may fail before its record does, and is always looked for."""
        return [item.key for item in self._items if item.key and (self._looks or not isinstance(item.change, Collect))]

    def _votes(self, session: Session) -> list[Awaitable[list[StoredFeedback]]]:
        """Reads users' votes on the interactions that are voted on, a project each."""
        if not self._looks:
            return []
        interactions: defaultdict[str, set[str]] = defaultdict(set)
        for item in self._items:
            policy = self._projects[item.change.project].settings.review_policy.vote_policy
            if isinstance(item.change, Collect) and is_vote(item.change.draft, policy):
                interactions[item.change.project].add(item.change.draft.interaction.id)
        return [
            self._intake._feedback.votes(project, sorted(ids), session=session) for project, ids in interactions.items()
        ]

    async def _named(self, known: dict[RequestKey, str | DomainError], session: Session) -> list[list[StoredFeedback]]:
        """Reads feedback that was made before, and what is to change."""
        ids: defaultdict[str, set[str]] = defaultdict(set)
        for item in self._items:
            made = known.get(item.key) if item.key else None
            if isinstance(made, str):
                ids[item.change.project].add(made)
            elif made is None and not isinstance(item.change, Collect):
                ids[item.change.project].add(item.change.id)
        read = [
            self._intake._feedback.by_ids(project, sorted(named), session=session) for project, named in ids.items()
        ]
        return await session.together(*read) if read else []

    def _gaining(self) -> list[str]:
        """The patterns that may take feedback which is not negative: whether to judge them hangs on what they had."""
        return list(
            dict.fromkeys(
                assignment.pattern_id
                for item, assignment in self._assignments.items()
                if isinstance(item.change, Collect) and item.change.draft.content.sentiment is not Sentiment.NEGATIVE
            )
        )

    def _apply(self, plan: Plan, item: Item) -> Feedback | DomainError:
        try:
            match item.change:
                case Collect(draft):
                    return plan.collect(draft, new_id(), self._assignments[item])
                case Amend() as amend:
                    return plan.amend(amend)
                case Retract() as retract:
                    return plan.retract(retract)
                case Erase() as erase:
                    return plan.erase(erase)
        except DomainError as error:
            return error


def _join_repeats(batch: list[Item]) -> list[Item]:
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
