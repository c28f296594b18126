"""Projections: numbers and documents derived from feedback, changed in the commit that changes the feedback.

The intake, the check and the start of a process walk one list of them (`app/build.py`). A new derived number is a new
projection: one file, and one line in that list.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.erasing import Erasing
from uptake_service.domain.feedback import Draft, StoredFeedback, Transition
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.project import Project
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Store
from uptake_service.projections.delta_log import Deltas


@dataclass(frozen=True)
class Batch:
    """What is known of a batch before its transaction.

    Attributes:
        projects: The projects of all that is in it, by id.
        collected: What callers send as new, with the pattern that each belongs to.
    """

    projects: Mapping[str, Project]
    collected: Sequence[tuple[Draft, Assignment]]


@dataclass(frozen=True)
class Commit:
    """One commit of a writer slot.

    Attributes:
        writer: The slot.
        revision: The slot's revision that the commit makes.
        time: When, by the database's clock.
        projects: The projects of the batch, by id.
        started: For each pattern that is new, the feedback that it is named by.
        deltas: By project, what the delta log is to hold of the commit; projections add to it when they write.
    """

    writer: int
    revision: int
    time: datetime
    projects: Mapping[str, Project]
    started: Sequence[StoredFeedback]
    deltas: "defaultdict[str, Deltas]" = field(default_factory=lambda: defaultdict(Deltas))


class Update:
    """One projection's part in one batch. The transaction may run again: then it reads and writes again."""

    async def read(self, session: Session) -> None:
        """Reads what it needs to know. Projections read together, in one trip to the database."""

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        """Makes its writes, in the batch's transaction."""

    async def committed(self, transitions: Sequence[Transition], commit: Commit) -> None:
        """Is told that what it wrote is committed: what is in memory follows."""

    async def finish(self) -> None:
        """Does what follows from the commit, while the next batch commits and before callers have their answers.

        What fails here must be found again by a job: the batch is committed.
        """


class Projection:
    """What is derived from feedback, of one kind.

    Attributes:
        STORES: The classes that declare its collections' TEXTS and INDEXES.
    """

    STORES: "tuple[type[Store], ...]" = ()

    @classmethod
    def recounts(cls, mongo: Mongo, clock: Clock) -> Sequence[Recount]:
        """What `uptake check` holds against the stored numbers."""
        return ()

    def begin(self, batch: Batch) -> Update:
        """Begins its part in a batch."""
        raise NotImplementedError

    async def adopt(self, writer: int) -> None:
        """Is told of the writer slot that this process has just taken, or taken again after a commit whose outcome is
        not known: what was committed under it has to be looked up."""

    async def forget(self, erasing: Erasing) -> None:
        """Takes the words of erased feedback out of what it keeps, unless feedback that stays says them too.

        Its numbers have left with the commit that erased it. Doing it again does no harm.
        """

    async def room(self) -> None:
        """Returns when it can take another commit."""

    async def stop(self) -> None:
        """Does what is left, while the slot is still held. Nothing is committed any more."""
