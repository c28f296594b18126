"""Between runs new negative feedback joins the nearest issue as it arrives, in the intake's own transaction."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial

from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import StoredFeedback, Transition, complains, complaint
from uptake_service.embedding.embedders import Embedders
from uptake_service.feedback.store import FeedbackStore
from uptake_service.issues.cleaning import clean
from uptake_service.issues.members import RUN, DayDeltas, IssueMembers, in_force
from uptake_service.issues.model import Generation, Member
from uptake_service.issues.recount import IssueRecount
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import chunked
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.projections.projection import Batch, Commit, Projection, Update

_INLINE_TEXTS = 4
"""As many texts are embedded in less time than a thread is called."""


class IssueMembership(Projection):
    STORES = (IssueMembers,)

    @classmethod
    def recounts(cls, mongo: Mongo, clock: Clock) -> Sequence[Recount]:
        return (IssueRecount(mongo, clock),)

    def __init__(
        self, mongo: Mongo, issues: IssueStore, members: IssueMembers, feedback: FeedbackStore, embedders: Embedders
    ) -> None:
        self._mongo = mongo
        self._issues = issues
        self._members = members
        self._feedback = feedback
        self._embedders = embedders

    def begin(self, batch: Batch) -> Update:
        return _Joined(self, self._issues, sorted(batch.projects))

    async def write(
        self,
        changes: Sequence[Transition],
        generations: Mapping[str, Generation],
        writer: int,
        revision: int,
        session: Session,
    ) -> None:
        """Takes out what was a member before and is none now, puts in what is one only now.

        Args:
            changes: What becomes of feedback.
            generations: The generation in force of each of their projects, as the transaction sees it.
            writer: Whose counts change: a writer slot, or RUN.
            revision: The slot's revision of the transaction.
            session: The transaction.
        """
        leaving = [before for before, after in changes if before is not None and _leaves(before, after)]
        coming = [after for before, after in changes if _comes(before, after)]
        if not leaving and not coming:
            return
        new = {after.id for before, after in changes if before is None}
        deltas = DayDeltas()
        added: list[Member] = []
        written: dict[str, Member] = {}
        stored = await self._members.of_feedback([feedback.id for feedback in leaving], session)
        for feedback in leaving:
            generation = generations[feedback.project]
            old = in_force(generation, stored[feedback.id])
            if old is not None and old.active:
                deltas.count(old, -1)
            # Written also where there was none: what a run has in hand learns from it that the feedback is gone.
            base = old or _member(generation, feedback, "", writer, revision)
            gone = base.model_copy(update={"active": False, "live": True, "writer": writer, "revision": revision})
            written[gone.document_id] = gone
        for project in sorted({feedback.project for feedback in (*leaving, *coming)}):
            generation = generations[project]
            own = [feedback for feedback in coming if feedback.project == project]
            for feedback, issue_id in zip(own, await self._labels(generation, own, session), strict=True):
                member = _member(generation, feedback, issue_id, writer, revision)
                deltas.count(member, +1)
                if feedback.id in new:
                    added.append(member)
                else:
                    written[member.document_id] = member
            await self._issues.hide(project, [f.id for f in leaving if f.project == project], session)
        await self._members.write(list(written.values()), deltas, writer, session, added=added)

    async def drain(self, project: str, seconds: float = math.inf) -> bool:
        """Moves what was written under older generations after their successor looked.

        What is moved is deleted there, so that the next time goes on where this one ends.

        Args:
            project: The project.
            seconds: After how long it leaves the rest to the next time.

        Returns:
            Whether nothing is left.
        """
        ends = time.monotonic() + seconds
        generation = await self._issues.generation(project)
        for number in range(generation.undrained, generation.number):
            await self._members.clear(project, number, generation.window_start, live=False)
            async with aclosing(self._members.live_of(project, number, generation.window_start)) as reading:
                async for members in reading:
                    for place, member in enumerate(members):
                        if time.monotonic() > ends:
                            await self._members.delete(members[:place])
                            return False
                        if not generation.saw(member.writer, member.revision):
                            await self._settle(generation, member)
                    await self._members.delete(members)
        return True

    async def withdraw(self, project: str, feedback_ids: Sequence[str]) -> None:
        """Makes members of issues agree with feedback that is no complaint any more, whatever runs wrote meanwhile.

        Such a run cannot come into force any more, or it is in force. How much is left to be moved over by `drain` does
        not matter.
        """
        generation = await self._issues.generation(project)
        for ids in chunked(feedback_ids):
            await transaction(self._mongo, partial(self._withdraw, generation, ids))

    async def _withdraw(self, generation: Generation, feedback_ids: Sequence[str], session: Session) -> None:
        now = await self._issues.generation(generation.project, session=session)
        stored = await self._members.of_feedback(feedback_ids, session)
        found = await self._feedback.by_ids(generation.project, feedback_ids, session=session)
        complaining = {feedback.id for feedback in found if complains(feedback)}
        members = [in_force(now, stored[id]) for id in feedback_ids if id not in complaining]
        gone = [member for member in members if member is not None and member.active]
        if not gone:
            return
        deltas = DayDeltas()
        for member in gone:
            deltas.count(member, -1)
        written = [member.model_copy(update={"active": False, "live": True}) for member in gone]
        await self._members.write(written, deltas, RUN, session)
        await self._issues.note_edit(generation.project, session)

    async def _settle(self, generation: Generation, old: Member) -> bool:
        """Makes the member in force agree with the feedback."""

        async def body(session: Session) -> bool:
            now = await self._issues.generation(generation.project, session=session)
            if now.number != generation.number:
                return False
            found = await self._feedback.by_ids(generation.project, [old.feedback_id], session=session)
            wanted = found[0] if found and complains(found[0]) else None
            stored = await self._members.of_feedback([old.feedback_id], session)
            current = in_force(now, stored[old.feedback_id])
            active = current if current is not None and current.active else None
            if (active and active.day) == (_member(now, wanted, "", RUN, 0).day if wanted else None):
                return False
            deltas = DayDeltas()
            written: list[Member] = []
            if active is not None:
                deltas.count(active, -1)
                written.append(active.model_copy(update={"active": False, "live": True}))
            if wanted is not None:
                label = (await self._labels(now, [wanted], session))[0]
                member = _member(now, wanted, label, wanted.writer, wanted.revision)
                deltas.count(member, +1)
                written = [member]
            await self._members.write(written, deltas, RUN, session)
            await self._issues.note_edit(generation.project, session)
            return True

        return await transaction(self._mongo, body)

    async def _labels(self, generation: Generation, feedback: Sequence[StoredFeedback], session: Session) -> list[str]:
        index = await self._issues.index(generation, session)
        if not index.by_embedder or not feedback:
            return [""] * len(feedback)
        texts = [clean(_complaint(item)) for item in feedback]
        await self._embedders.load(self._embedders.missing(texts))
        if len(texts) <= _INLINE_TEXTS:
            return index.assign(self._embedders.spaces(texts), len(texts))
        return await asyncio.to_thread(lambda: index.assign(self._embedders.spaces(texts), len(texts)))


class _Joined(Update):
    def __init__(self, membership: IssueMembership, issues: IssueStore, projects: Sequence[str]) -> None:
        self._membership = membership
        self._issues = issues
        self._projects = projects
        self._generations: Mapping[str, Generation] = {}

    async def read(self, session: Session) -> None:
        self._generations = await self._issues.generations(self._projects, session)

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        await self._membership.write(transitions, self._generations, commit.writer, commit.revision, session)


def _leaves(before: StoredFeedback, after: StoredFeedback) -> bool:
    return complains(before) and (
        not complains(after)
        or before.occur_time.date() != after.occur_time.date()
        or _complaint(before) != _complaint(after)
    )


def _complaint(feedback: StoredFeedback) -> str:
    return complaint(feedback.content.comment, feedback.interaction.query)


def _comes(before: StoredFeedback | None, after: StoredFeedback) -> bool:
    return complains(after) and (before is None or not complains(before) or _leaves(before, after))


def _member(generation: Generation, feedback: StoredFeedback, issue_id: str, writer: int, revision: int) -> Member:
    return Member(
        project=feedback.project,
        generation=generation.number,
        feedback_id=feedback.id,
        issue_id=issue_id,
        occur_time=feedback.occur_time,
        live=True,
        writer=writer,
        revision=revision,
    )
