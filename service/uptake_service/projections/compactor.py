"""The compactor: folds what commits left in the delta log into the numbers that it changes.

What many commits changed of one number becomes one change of it, so that counting costs less the more there is to
count. It goes beside the intake, in transactions of its own that touch nothing which a batch writes. Each transaction
folds a bounded number of numbers and takes the entries out that they came from: a run that is cut off, or whose answer
is lost, is gone on with by whoever comes next, and nothing is folded twice.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Protocol

from uptake_service.coordination.leases import Writers
from uptake_service.domain.errors import Conflict, DatabaseUnavailable
from uptake_service.domain.feedback import Transition
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.projections.delta_log import DeltaLog, Entry
from uptake_service.projections.projection import Batch, Commit, Projection, Update

_SECONDS = 4.0
"""How long a commit may stay in the delta log: longer is less work in all, but more to add up for each who reads."""

_DUE = 20_000
"""How many changes may."""

_MOST_WAITING = 60_000
"""With so many the intake waits: who reads numbers adds up all that a project has in the delta log."""

_MOST_READ = 20_000
"""How many changes one transaction reads: some 10 MiB."""

_MOST_WRITTEN = 1_000
"""How many documents it writes, about; a second of the embedded database. After a time-out it is half as many."""

_LEAST_WRITTEN = 50

_ORPHANS_SECONDS = 30.0
"""How often is looked for what the processes left whose slots nobody has taken."""


class Fold(Protocol):
    """Numbers that changes of one kind are folded into."""

    def places(self, changes: Sequence[Document]) -> set[object]:
        """The documents that the changes are written to, apart from the writer."""

    async def fold(self, changes: Sequence[tuple[int, Document]], writer: int, session: Session) -> None:
        """Writes changes of a writer's numbers, each with the slot's revision that it was committed under, in order."""


class DeltaCompactor(Projection):
    """The entries of the delta log that this process is to fold: its own, and those of slots that nobody holds.

    As a projection it writes the log, what the others added to the commit, so that it is the last of them.
    """

    STORES = (DeltaLog,)

    def __init__(self, mongo: Mongo, log: DeltaLog, folds: Mapping[str, Fold]) -> None:
        """`folds`: by the field of a log entry, the numbers that its changes are of."""
        self._mongo = mongo
        self._log = log
        self._folds = folds
        self._writers = Writers(mongo)
        self._in_order: defaultdict[int, deque[Entry]] = defaultdict(deque)
        """Those with shares, by writer: a share holds all of its writer's commits up to its revision."""
        self._by_hour: deque[Entry] = deque()
        """Those without, for which the order does not matter: the same hours of many commits go together."""
        self._known: dict[str, float] = {}
        """When each became known, oldest first."""
        self._waiting = 0
        self._most_written = _MOST_WRITTEN
        self._failing = False
        self._looked_for_orphans = monotonic()
        self._turn = asyncio.Lock()
        self._progress = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many changes wait to be folded."""
        return self._waiting

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest of them has been waiting, as far as this process knows."""
        return monotonic() - next(iter(self._known.values())) if self._known else 0.0

    def begin(self, batch: Batch) -> Update:
        return _Logged(self, self._log)

    def committed(self, entries: Sequence[Entry]) -> None:
        """Is told of entries that are committed."""
        self._add(entries)

    async def room(self) -> None:
        """Returns when there is room in the delta log for another commit, or folding fails: what is wrong then is no
        reason to take nothing in."""
        while self._waiting > _MOST_WAITING and not self._failing:
            self._progress.clear()
            await self._progress.wait()

    async def adopt(self, writer: int) -> None:
        """Takes over what the log holds of a slot."""
        self._add(await self._log.entries(writer))

    async def run_due(self) -> None:
        """Folds if there is much to fold, or anything that is old."""
        if self._looked_for_orphans + _ORPHANS_SECONDS <= monotonic():
            for writer in await self._writers.expired():
                await self.adopt(writer)
            self._looked_for_orphans = monotonic()
        if self._waiting >= _DUE or self.oldest_seconds >= _SECONDS:
            await self.run()

    async def run(self) -> None:
        """Folds all that is in the delta log by now.

        Raises:
            DatabaseUnavailable, Conflict: It is not known whether the last piece was folded; the next run finds out.
        """
        async with self._turn:
            try:
                self._by_hour = deque(sorted(self._by_hour, key=lambda entry: (entry.start, entry.id)))
                # What comes in meanwhile is for the next run, which has more of it to fold together.
                for queue in (*self._in_order.values(), self._by_hour):
                    left = len(queue)
                    while left > 0:
                        left -= await self._fold_some(queue, left)
                for writer in [writer for writer, queue in self._in_order.items() if not queue]:
                    del self._in_order[writer]
                self._failing = False
            except BaseException:
                self._failing = True
                raise
            finally:
                self._progress.set()

    async def stop(self) -> None:
        """Folds what is left, if that takes no long time: what stays is for who takes the slot."""
        if self._waiting < _DUE:
            await self.run()

    async def _fold_some(self, queue: deque[Entry], most: int) -> int:
        """Folds the first entries of a queue in one transaction; tells how many of its first `most` are done."""
        chosen: list[Entry] = []
        changes = 0
        for entry in queue:
            changes += entry.changes
            if len(chosen) == most or (chosen and changes > _MOST_READ):
                break
            chosen.append(entry)
        try:
            done = await transaction(self._mongo, lambda session: self._fold(chosen, session))
        except (DatabaseUnavailable, Conflict):
            self._most_written = max(self._most_written // 2, _LEAST_WRITTEN)
            raise
        self._most_written = min(self._most_written * 2, _MOST_WRITTEN)
        for _ in range(done):
            self._forget(queue.popleft())
        self._progress.set()
        return done

    async def _fold(self, entries: Sequence[Entry], session: Session) -> int:
        """Folds as many of these entries as one transaction may; tells how many of them are done, be it by another."""
        there = await self._log.read(entries, session)
        folded: list[str] = []
        changes: defaultdict[tuple[str, int], list[tuple[int, Document]]] = defaultdict(list)
        written: set[object] = set()
        done = 0
        for entry in entries:
            document = there.get(entry.id)
            if document is not None:
                places = {place for field, fold in self._folds.items() for place in fold.places(document[field])}
                if folded and len(written) + len(places - written) > self._most_written:
                    break
                written |= places
                folded.append(entry.id)
                for field in self._folds:
                    changes[field, entry.writer] += ((entry.revision, change) for change in document[field])
            done += 1
        for (field, writer), some in changes.items():
            if some:
                await self._folds[field].fold(some, writer, session)
        await self._log.remove(folded, session)
        return done

    def _add(self, entries: Sequence[Entry]) -> None:
        now = monotonic()
        for entry in entries:
            if entry.id not in self._known:
                self._known[entry.id] = now
                self._waiting += entry.changes
                (self._in_order[entry.writer] if entry.shares else self._by_hour).append(entry)

    def _forget(self, entry: Entry) -> None:
        del self._known[entry.id]
        self._waiting -= entry.changes


class _Logged(Update):
    def __init__(self, compactor: DeltaCompactor, log: DeltaLog) -> None:
        self._compactor = compactor
        self._log = log
        self._entries: list[Entry] = []

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        self._entries = await self._log.add(commit.writer, commit.revision, commit.deltas, session)

    async def committed(self, transitions: Sequence[Transition], commit: Commit) -> None:
        self._compactor.committed(self._entries)
