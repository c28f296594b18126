"""Commits batches: finds what each item needs, and runs the batch's transaction until its outcome is known."""

import logging
import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from uptake_service.coordination.leases import SlotLost, WriterSlot
from uptake_service.domain.errors import Conflict, DatabaseUnavailable, DomainError, DuplicateKey, WriteRefused
from uptake_service.domain.grouping import Assignment, Text
from uptake_service.domain.project import Project
from uptake_service.embedding.embedders import Vector
from uptake_service.ingest.batch import AlreadyCommitted, BatchTransaction, Stores
from uptake_service.ingest.changes import Collect, Made
from uptake_service.ingest.novelty import NoveltyLimiter
from uptake_service.ingest.preprocessor import Item, Preprocessor
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.transactions import transaction
from uptake_service.projections.projection import Batch, Projection, Update

_log = logging.getLogger(__name__)

_DUPLICATE_TRIES = 4
"""How often a batch is planned again because one of its items, or what it stands for, was recorded before."""

_LOOKS = 20
"""How many batches after one that held a repeated call, or a vote that changes another, look for such first. Others
learn of them by the duplicate key: to look costs each batch a tenth of its time, to be planned again all of it."""


class Grouper(Protocol):
    """Finds the pattern that a text belongs to."""

    def missing(self, texts: Iterable[str]) -> set[str]:
        """The embedders that these texts need and that are not loaded yet."""

    async def load(self, embedders: Collection[str]) -> None:
        """Loads embedders."""

    async def assign(self, texts: Sequence[Text], vectors: Sequence[Vector]) -> list[Assignment]:
        """The pattern of each text, in order; earlier ones may start what later ones join."""

    def without_text(self, project: str, interaction_id: str) -> Assignment:
        """The pattern of feedback on an interaction of which there is no text."""


class ItemFailed(Exception):
    """A fault at one item of a batch, of which nothing was written."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Committed:
    """What a batch came to: a result for each item, and what still follows from it."""

    def __init__(self, results: Sequence[Made | DomainError], updates: Sequence[Update]) -> None:
        self.results = results
        self._updates = updates

    async def finish(self) -> None:
        """Does what follows, before callers have their answers. What one projection fails at keeps no other from it."""
        for update in self._updates:
            try:
                await update.finish()
            except Exception as error:  # noqa: BLE001  The batch is committed: a job finds again what is left.
                _log.warning(
                    "%s failed after a commit, and a job does the rest: %s\n%s",
                    type(update).__module__,
                    type(error).__name__,
                    # Where, without what: the text of an error may hold users' words.
                    "".join(traceback.format_tb(error.__traceback__)),
                )

    def with_refused(self, items: Sequence[Item], refused: Mapping[Item, DomainError]) -> "Committed":
        """The same for a larger batch, of which some items were refused before and the others committed."""
        made = iter(self.results)
        return Committed([refused[item] if item in refused else next(made) for item in items], self._updates)


class Committer:
    """Commits under one writer slot, one batch at a time."""

    def __init__(
        self,
        mongo: Mongo,
        slot: WriterSlot,
        stores: Stores,
        grouper: Grouper,
        preprocessor: Preprocessor,
        novelty: NoveltyLimiter,
        projections: Sequence[Projection],
    ) -> None:
        """`projections`: in the order in which they write."""
        self._mongo = mongo
        self._slot = slot
        self._stores = stores
        self._grouper = grouper
        self._preprocessor = preprocessor
        self._novelty = novelty
        self._projections = projections
        self._slot_certain = False
        self._looks = 0

    async def room(self) -> None:
        """Returns when every projection can take another commit."""
        for projection in self._projections:
            await projection.room()

    async def keep_slot(self) -> None:
        """Renews the writer slot while there is nothing to commit.

        Raises:
            DatabaseUnavailable, WriteRefused: It could not be renewed now.
        """
        if self._slot_certain:
            try:
                await self._slot.renew()
            except SlotLost:
                self._slot_certain = False

    async def stop(self) -> None:
        """Ends when nothing will be committed any more."""
        for projection in self._projections:
            await projection.stop()

    async def release(self) -> None:
        """Gives the writer slot up."""
        await self._slot.release()

    async def commit(self, items: Sequence[Item]) -> Committed:
        """Commits a batch; what cannot be taken in is told in its result.

        Raises:
            WriteRefused, DuplicateKey, ItemFailed: One of its items is to blame; nothing was written.
            DatabaseUnavailable, Conflict: None is; it is not known whether it was written.
        """
        await self._hold_slot()
        projects = {id: await self._stores.projects.recent(id) for id in {item.change.project for item in items}}
        await self._preprocessor.finish(items)
        assignments = await self._assign(items)
        refused = self._novelty.refused(items, assignments, projects)
        allowed = [item for item in items if item not in refused]
        done = await self._write(allowed, assignments, projects) if allowed else Committed((), ())
        return done.with_refused(items, refused)

    async def _write(
        self, items: Sequence[Item], assignments: Mapping[Item, Assignment], projects: Mapping[str, Project]
    ) -> Committed:
        for tries_left in reversed(range(_DUPLICATE_TRIES)):
            try:
                updates, batch = self._begun(items, assignments, projects)
                await transaction(self._mongo, batch.run)
            except AlreadyCommitted:
                pass
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
            except (DomainError, WriteRefused):
                raise
            except Exception as error:
                # One cannot be begun, what it stands for cannot be read, or the like; nothing was written.
                raise ItemFailed(error) from error
            self._looks = max(self._looks - 1, 0)
            self._slot.revision = batch.commit.revision
            try:
                for update in updates:
                    await update.committed(batch.transitions, batch.commit)
            except BaseException:
                # Those after it know nothing of the commit; what is in memory has to be read again.
                self._slot_certain = False
                raise
            return Committed(batch.results, updates)
        raise Conflict

    def _begun(
        self, items: Sequence[Item], assignments: Mapping[Item, Assignment], projects: Mapping[str, Project]
    ) -> tuple[list[Update], BatchTransaction]:
        """Each projection's part in a batch, and the batch's transaction."""
        collected = [(item.change.draft, assignments[item]) for item in items if isinstance(item.change, Collect)]
        updates = [projection.begin(Batch(projects, collected)) for projection in self._projections]
        batch = BatchTransaction(
            self._stores,
            self._slot,
            items,
            assignments,
            projects,
            updates,
            self._grouper.without_text,
            looks=self._looks > 0,
        )
        return updates, batch

    async def _hold_slot(self) -> None:
        if not self._slot_certain:
            await self._slot.acquire()
            for projection in self._projections:
                await projection.adopt(self._slot.number)
            self._slot_certain = True

    async def _assign(self, items: Sequence[Item]) -> dict[Item, Assignment]:
        placed = [item for item in items if item.text is not None]
        if not placed:
            return {}
        texts = [_text(item) for item in placed]
        assignments = await self._grouper.assign(texts, [item.vector for item in placed])
        return dict(zip(placed, assignments, strict=True))


def _text(item: Item) -> Text:
    interaction_id = item.change.draft.interaction.id if isinstance(item.change, Collect) else ""
    return Text(item.change.project, item.text or "", interaction_id)
