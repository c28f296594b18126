"""Which feedback belongs together: all patterns of all projects, in memory.

What is in memory changes only after a commit, and follows other writers by their revisions.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from uptake_service.coordination.leases import Writers
from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import Transition
from uptake_service.domain.grouping import Assignment, Text
from uptake_service.embedding.embedders import FIRST_EDITION, Embedders, Vector, embedders_to_search
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Removals
from uptake_service.mongo.transactions import snapshot
from uptake_service.patterns.grouping import ProjectPatterns
from uptake_service.patterns.recount import PatternRecount
from uptake_service.patterns.shares import Share, ShareChange, ShareStore, added, share_changes
from uptake_service.patterns.store import Pattern, PatternStore, pattern_id_of
from uptake_service.projections.delta_log import DeltaLog
from uptake_service.projections.projection import Batch, Commit, Projection, Update

_INLINE_TEXTS = 4
"""As many short texts are embedded in less time than a thread is called."""
_INLINE_CHARACTERS = 2_000

_READ_ALL_FROM = 1_000
"""To read all patterns of a project is quicker than to look for more than so many."""

_READ_AT_ONCE = 5_000
"""About how many are read with one statement."""


@dataclass
class _Writer:
    """What is known of one writer's shares, up to a revision of its slot."""

    revision: int = 0
    shares: dict[str, Share] = field(default_factory=dict)


class Patterns(Projection):
    """All patterns of all projects. Safe to use from several coroutines."""

    STORES = (PatternStore, ShareStore)

    @classmethod
    def recounts(cls, mongo: Mongo, clock: Clock) -> Sequence[Recount]:
        return (PatternRecount(mongo),)

    def __init__(
        self, mongo: Mongo, patterns: PatternStore, shares: ShareStore, embedders: Embedders, threshold: float | None
    ) -> None:
        """`threshold`: the cosine from which a text joins a pattern; None takes each embedder's own."""
        self._mongo = mongo
        self._patterns = patterns
        self._shares = shares
        self._slots = Writers(mongo)
        self._log = DeltaLog(mongo)
        self._embedders = embedders
        self._threshold = threshold
        self._writers: defaultdict[int, _Writer] = defaultdict(_Writer)
        self._own: int | None = None
        self._removals = Removals(mongo)
        self.removals = 0
        """The number of the newest removal of words that this process knows of: what it remembers from before may hold
        some that are gone."""
        self._projects: dict[str, ProjectPatterns] = {}
        # What the last assignments would start: embedder and text by id. Once it is committed it need not be read.
        self._starting: dict[str, tuple[str, str]] = {}
        # What is in memory is read in threads; whoever changes it must wait for them.
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Reads every share."""
        # Before the texts: what is replaced meanwhile is read once more.
        self.removals = await self._removals.newest()
        await self.refresh()

    def missing(self, texts: Iterable[str]) -> set[str]:
        """The embedders that these texts need and that are not loaded yet."""
        return self._embedders.missing(texts)

    async def load(self, embedders: Collection[str]) -> None:
        """Loads embedders. Texts that need one load it anyway, but hold up what is embedded with them."""
        await self._embedders.load(embedders)

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts, as `assign` takes them."""
        missing = self._embedders.missing(texts)
        if missing:
            await self._embedders.load(missing)
        if len(texts) <= _INLINE_TEXTS and sum(map(len, texts)) <= _INLINE_CHARACTERS:
            return self._embedders.embed(texts)
        return await asyncio.to_thread(self._embedders.embed, texts)

    async def assign(self, texts: Sequence[Text], vectors: Sequence[Vector]) -> list[Assignment]:
        """Finds or names the pattern of each text, in order; earlier ones can start what later ones join.

        Raises:
            ValueError: there are not as many vectors as texts.
        """
        async with self._lock:
            if len(texts) <= _INLINE_TEXTS and all(map(self._is_at_hand, {text.project for text in texts})):
                return self._assign(texts, vectors)
            return await asyncio.to_thread(self._assign, texts, vectors)

    def without_text(self, project: str, interaction_id: str) -> Assignment:
        """The pattern of feedback on an interaction of which there is no text."""
        pattern_id = pattern_id_of(Text(project, "", interaction_id))
        return Assignment(pattern_id, b"", "", not self._is_known(project, pattern_id))

    async def nearest(self, project: str, text: str, limit: int) -> tuple[dict[str, bytes], list[str]]:
        """A text's vectors, by the embedders that know something of it and that the project's patterns began with, and
        the ids of the patterns most like it, best first."""
        patterns = self._projects.get(project)
        if patterns is None:
            return {}, []
        names = [name for name in embedders_to_search(text) if name in patterns.embedders]
        await self._embedders.load(names)
        async with self._lock:
            return await asyncio.to_thread(self._nearest, patterns, names, text, limit)

    async def get_many(self, ids: Iterable[str]) -> dict[str, Pattern]:
        """The patterns that exist of `ids`, with their numbers as committed."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        found, _ = await asyncio.gather(self._patterns.get_many(wanted), self.refresh())
        return {pattern.id: pattern.model_copy(update=self._numbers(pattern.id)) for pattern in found}

    def known_verdicts(self, pattern_id: str) -> int:
        """How much feedback of the overall score that says something of its answers a pattern has, as far as this
        process knows."""
        return sum(share.total - share.comments for share in self._known_shares(pattern_id))

    def _numbers(self, pattern_id: str) -> dict[str, int]:
        shares = self._known_shares(pattern_id)
        return {"total": sum(share.total for share in shares), "negative": sum(share.negative for share in shares)}

    def _known_members(self, pattern_id: str) -> int:
        return sum(share.members for share in self._known_shares(pattern_id))

    def _known_shares(self, pattern_id: str) -> list[Share]:
        return [writer.shares[pattern_id] for writer in self._writers.values() if pattern_id in writer.shares]

    async def follow(self) -> None:
        """Reads what other writers committed, and the representatives that were replaced, since the last time."""
        await self.refresh()
        number = await self._removals.newest()
        if number == self.removals:
            return
        renamed = await self._patterns.renamed_since(self.removals)
        async with self._lock:
            for id, project, text in renamed:
                if project in self._projects:
                    self._projects[project].rename(id, text)
            self.removals = max(self.removals, number)

    def begin(self, batch: Batch) -> Update:
        return _Grouped(self, self._patterns)

    async def committed(self, changes: dict[str, ShareChange], writer: int, revision: int) -> None:
        """Brings what is in memory up to what this process has just committed under `revision`."""
        unread = [id for id, change in changes.items() if not self._is_known(change.project, id)]
        read = await self._read({id: changes[id].project for id in unread if id not in self._starting})
        async with self._lock:
            for pattern_id in unread:
                begun = self._starting.get(pattern_id) or read.get(pattern_id) or (FIRST_EDITION, "")
                self._project(changes[pattern_id].project).introduce([(pattern_id, *begun)])
            self._starting.clear()
            known = self._writers[writer]
            for pattern_id, change in changes.items():
                known.shares[pattern_id] = change.applied_to(known.shares.get(pattern_id))
                self._put(pattern_id, change.project)
            known.revision = revision

    async def refresh(self) -> None:
        """Reads what other writers committed since the last time.

        A writer's commits are numbered one by one under its slot, so none can hide behind a later one.
        """
        if any(self._is_news(slot) for slot in (await self._slots.revisions()).items()):
            async with snapshot(self._mongo) as session:
                for slot in (await self._slots.revisions(session)).items():
                    if self._is_news(slot):
                        await self._read_writer(*slot, self._writers[slot[0]].revision, session)

    async def adopt(self, writer: int) -> None:
        """Reads what one writer committed since the last time: of the slot that this process has just taken, or taken
        again after a commit of unknown outcome. From then on `committed` keeps it up to date."""
        self._own = writer
        async with snapshot(self._mongo) as session:
            revisions = await self._slots.revisions(session)
            await self._read_writer(writer, revisions[writer], self._writers[writer].revision, session)

    def _is_news(self, slot: tuple[int, int]) -> bool:
        writer, revision = slot
        return writer != self._own and revision > self._writers[writer].revision

    async def _read_writer(self, writer: int, revision: int, after: int, session: Session) -> None:
        shares = await self._shares.since(writer, after, session)
        entries = await self._log.of_writer(writer, after, "shares", session=session)
        changes = [change for entry in entries for change in entry["shares"]]
        of_project = {id: share.project for id, share in shares.items()}
        of_project |= {change["pattern"]: change["project"] for change in changes}
        unread = {id: project for id, project in of_project.items() if not self._is_known(project, id)}
        read = await self._read(unread, session)
        async with self._lock:
            known = self._writers[writer]
            if after == 0:
                known.shares = {}
            elif known.revision != after:
                return  # Another read of the same was quicker.
            known.shares |= shares
            # A share holds what was folded into it; what the delta log still has of its pattern came later.
            for document in changes:
                id = document["pattern"]
                known.shares[id] = ShareChange.of(document).applied_to(known.shares.get(id))
            for pattern_id, project in of_project.items():
                self._project(project).introduce([(pattern_id, *read.get(pattern_id, (FIRST_EDITION, "")))])
                self._put(pattern_id, project)
            known.revision = revision

    async def _read(self, of_project: Mapping[str, str], session: Session | None = None) -> dict[str, tuple[str, str]]:
        """Embedder and text of patterns, by id; in parts: at once they may take longer than a statement may.

        Args:
            of_project: For each id the project.
            session: The transaction to read in.
        """
        read: dict[str, tuple[str, str]] = {}
        known = {name for name, patterns in self._projects.items() if patterns.embedders}
        for condition in _parts(of_project, known):
            read |= await self._patterns.begun(condition, session)
        return read

    def _project(self, project: str) -> ProjectPatterns:
        """The patterns of a project of which something is committed: callers may name any other."""
        patterns = self._projects.get(project)
        if patterns is None:
            patterns = self._projects[project] = self._new_project()
        return patterns

    def _new_project(self) -> ProjectPatterns:
        return ProjectPatterns(self._embedders, self._threshold)

    def _is_at_hand(self, project: str) -> bool:
        """Whether nothing has to be loaded or caught up with before texts can be compared."""
        patterns = self._projects.get(project)
        return patterns is None or (patterns.unspelled <= _INLINE_TEXTS and self._embedders.has(patterns.embedders))

    def _is_known(self, project: str, pattern_id: str) -> bool:
        patterns = self._projects.get(project)
        return patterns is not None and pattern_id in patterns

    def _put(self, pattern_id: str, project: str) -> None:
        shares = self._known_shares(pattern_id)
        vector_sum = shares[0].vector_sum.astype(np.int32)
        for share in shares[1:]:
            vector_sum = added(vector_sum, share.vector_sum)
        self._project(project).put(pattern_id, vector_sum, sum(share.members for share in shares))

    def _assign(self, texts: Sequence[Text], vectors: Sequence[Vector]) -> list[Assignment]:
        new_ids = [pattern_id_of(text) for text in texts]
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for row, (text, _) in enumerate(zip(texts, vectors, strict=True)):
            rows_of[text.project].append(row)
        assignments: dict[int, Assignment] = {}
        for project, rows in rows_of.items():
            # Of a project whose first feedback this may be, nothing is kept unless it is committed.
            patterns = self._projects.get(project) or self._new_project()
            said = [texts[row].text for row in rows]
            found = patterns.assign(said, [vectors[row] for row in rows], [new_ids[row] for row in rows])
            for row, own, (id, vector) in zip(rows, said, found, strict=True):
                known = id in patterns
                starts = not known or not self._known_members(id)
                assignments[row] = Assignment(id, vector.values.tobytes(), vector.embedder, starts)
                if not known:
                    self._starting.setdefault(id, (vector.embedder, own))
        return [assignments[row] for row in range(len(texts))]

    def _nearest(
        self, patterns: ProjectPatterns, names: Sequence[str], text: str, limit: int
    ) -> tuple[dict[str, bytes], list[str]]:
        vectors = self._embedders.embed_by(names, [text] * len(names))
        found = [each for vector in vectors for each in patterns.nearest(vector, limit)]
        found.sort(key=lambda each: -each[1])
        return {vector.embedder: vector.values.tobytes() for vector in vectors}, [id for id, _ in found[:limit]]


class _Grouped(Update):
    """Writes new patterns, and what a batch changes of this writer's shares."""

    def __init__(self, patterns: Patterns, store: PatternStore) -> None:
        self._patterns = patterns
        self._store = store
        self._changes: dict[str, ShareChange] = {}

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        self._changes = share_changes(transitions)
        for id, change in self._changes.items():
            commit.deltas[change.project].shares.append(change.document(id))
        await self._store.write(commit.started, session)

    async def committed(self, transitions: Sequence[Transition], commit: Commit) -> None:
        await self._patterns.committed(self._changes, commit.writer, commit.revision)


def _parts(of_project: Mapping[str, str], known: Collection[str]) -> Iterator[Document]:
    """Conditions that find at least these patterns, not too many with each.

    Args:
        of_project: For each id the project.
        known: The projects of which something is known already, and may be much.
    """
    named = list(of_project)
    if len(of_project) > _READ_ALL_FROM:
        whole = {
            project: patterns
            for project, patterns in Counter(of_project.values()).items()
            if patterns <= _READ_AT_ONCE and project not in known
        }
        named = [id for id, project in of_project.items() if project not in whole]
        some: list[str] = []
        number = 0
        for project, patterns in whole.items():
            some.append(project)
            number += patterns
            if number > _READ_AT_ONCE:
                yield {"project": {"$in": some}}
                some, number = [], 0
        if some:
            yield {"project": {"$in": some}}
    for ids in chunked(named):
        yield {"_id": {"$in": ids}}
