"""Folds what this process's commits left in the journal into rollups and patterns' shares.

What many commits changed of one number becomes one change of it, so that counting costs less the more there is to
count. It goes beside the intake, in transactions of its own that touch nothing which a batch writes.
"""

import asyncio
from dataclasses import dataclass

from uptake_service.insights.rollups import RollupDeltas, RollupStore
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.journal import Journal
from uptake_service.mongo.transactions import snapshot, transaction
from uptake_service.patterns.store import Patterns, Share, ShareChange

_SECONDS = 4.0
"""How long a commit may stay in the journal: longer is less work in all, but more to add up for each who reads."""

_COMMITS = 64
"""How many may."""


@dataclass(frozen=True)
class _Commit:
    revision: int
    rollups: RollupDeltas
    patterns: frozenset[str]
    time: float


class _Gone(Exception):
    """Something is no longer in the journal: another process has the slot, or an earlier run did go through."""


class Folding:
    """What a writer slot has in the journal, as far as this process holds the slot."""

    def __init__(self, mongo: Mongo, journal: Journal, rollups: RollupStore, patterns: Patterns) -> None:
        self._mongo = mongo
        self._journal = journal
        self._rollups = rollups
        self._patterns = patterns
        self._writer = -1
        self._commits: list[_Commit] = []
        self._certain = True
        self._turn = asyncio.Lock()

    async def write(
        self,
        rollups: RollupDeltas,
        shares: dict[str, ShareChange],
        feedback: Document,
        writer: int,
        revision: int,
        session: Session,
    ) -> None:
        """Writes what a commit changes; `feedback` is what it tells the triggers of other processes."""
        if _is_empty(rollups, shares):
            return
        await self._journal.add(
            writer,
            revision,
            rollups.documents(),
            [change.document(id) for id, change in shares.items()],
            feedback,
            session,
        )

    def committed(self, rollups: RollupDeltas, shares: dict[str, ShareChange], revision: int) -> None:
        """Is told of a commit that `write` was part of, before the patterns are."""
        if not _is_empty(rollups, shares):
            self._commits.append(_Commit(revision, rollups, frozenset(shares), asyncio.get_running_loop().time()))

    async def take_over(self, writer: int, revision: int) -> None:
        """Takes over what is in the journal of a slot that this process has just taken at this revision."""
        async with self._turn, snapshot(self._mongo) as session:
            documents = await self._journal.of_writer(writer, 0, revision, session=session)
        self._writer = writer
        self._commits = [
            _Commit(
                document["revision"],
                RollupDeltas.of(document["rollups"]),
                frozenset(change["pattern"] for change in document["shares"]),
                0.0,
            )
            for document in documents
        ]
        self._certain = True

    async def run_due(self) -> None:
        """Folds if there is much to fold, or anything that is old."""
        now = asyncio.get_running_loop().time()
        if self._commits and (len(self._commits) >= _COMMITS or self._commits[0].time + _SECONDS <= now):
            await self.run()

    async def run(self) -> None:
        """Folds all that is in the journal.

        Raises:
            DatabaseUnavailable: It is not known whether it was done; the next run finds out.
        """
        async with self._turn:
            if not self._certain:
                await self._look_again()
            # The patterns are told of a commit after this is, so that the shares hold no more than what is folded.
            revision, shares = await self._patterns.shares_of(
                self._writer, frozenset().union(*(commit.patterns for commit in self._commits))
            )
            commits = [commit for commit in self._commits if commit.revision <= revision]
            if not commits:
                return
            writer = self._writer
            try:
                await transaction(self._mongo, lambda session: self._fold(writer, commits, shares, session))
            except _Gone:
                self._certain = False
                return
            except BaseException:
                self._certain = False
                raise
            if self._writer == writer:
                done = {commit.revision for commit in commits}
                self._commits = [commit for commit in self._commits if commit.revision not in done]

    async def _fold(self, writer: int, commits: list[_Commit], shares: dict[str, Share], session: Session) -> None:
        if not await self._journal.remove(writer, [commit.revision for commit in commits], session):
            raise _Gone
        rollups = RollupDeltas()
        revision_of: dict[str, int] = {}
        for commit in commits:
            rollups.merge(commit.rollups)
            revision_of.update(dict.fromkeys(commit.patterns, commit.revision))
        await self._rollups.write(rollups, writer, session)
        await self._patterns.write_shares({id: shares[id] for id in revision_of}, revision_of, writer, session)

    async def _look_again(self) -> None:
        """Forgets what an earlier run folded without this process having been told."""
        last = self._commits[-1].revision if self._commits else 0
        async with snapshot(self._mongo) as session:
            documents = await self._journal.of_writer(self._writer, 0, last, "writer", session=session)
        left = {document["revision"] for document in documents}
        self._commits = [commit for commit in self._commits if commit.revision in left or commit.revision > last]
        self._certain = True


def _is_empty(rollups: RollupDeltas, shares: dict[str, ShareChange]) -> bool:
    return not (rollups.by_key or shares)
