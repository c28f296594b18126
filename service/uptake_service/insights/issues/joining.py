"""Between runs new negative feedback joins the nearest issue as it arrives, in the intake's own transaction."""

import asyncio
from collections.abc import Mapping, Sequence

from uptake_service.feedback.model import StoredFeedback, complains, complaint
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.cleaning import clean
from uptake_service.insights.issues.members import RUN, DayDeltas, IssueMembers, in_force
from uptake_service.insights.issues.model import Generation, Member
from uptake_service.insights.issues.store import IssueStore
from uptake_service.mongo.client import Mongo, Session
from uptake_service.mongo.transactions import transaction
from uptake_service.patterns.embed import Embedder

_INLINE_TEXTS = 4
"""As many texts are embedded in less time than a thread is called."""


class Joining:
    def __init__(
        self, mongo: Mongo, issues: IssueStore, members: IssueMembers, feedback: FeedbackStore, embedder: Embedder
    ) -> None:
        self._mongo = mongo
        self._issues = issues
        self._members = members
        self._feedback = feedback
        self._embedder = embedder

    async def generations(self, projects: Sequence[str], session: Session) -> dict[str, Generation]:
        """The generation in force of each project, as the transaction sees it."""
        return await self._issues.generations(projects, session)

    async def write(
        self,
        changes: Sequence[tuple[StoredFeedback | None, StoredFeedback]],
        generations: Mapping[str, Generation],
        writer: int,
        revision: int,
        session: Session,
    ) -> None:
        """Takes out what was a member before and is none now, puts in what is one only now.

        Args:
            changes: Feedback before (None for new) and after.
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

    async def drain(self, project: str) -> int:
        """Moves what was written under older generations after their successor looked; tells how much that was."""
        generation = await self._issues.generation(project)
        moved = 0
        for number in range(generation.undrained, generation.number):
            await self._members.clear(project, number, generation.window_start, live=False)
            async for members in self._members.live_of(project, number, generation.window_start):
                for member in members:
                    if not generation.saw(member.writer, member.revision):
                        moved += await self._settle(generation, member)
                await self._members.delete(members)
        return moved

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
        if not index.ids or not feedback:
            return [""] * len(feedback)
        texts = [clean(complaint(item.content.comment, item.interaction.query)) for item in feedback]
        if len(texts) <= _INLINE_TEXTS:
            return index.assign(self._embedder.embed(texts))
        return await asyncio.to_thread(lambda: index.assign(self._embedder.embed(texts)))


def _leaves(before: StoredFeedback, after: StoredFeedback) -> bool:
    return complains(before) and (not complains(after) or before.occur_time.date() != after.occur_time.date())


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
