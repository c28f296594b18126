"""What changes corrections and their targets: the use cases.

A correction is applied or undone in one transaction with its target's new head, the states of the corrections that it
covers or lays bare, an event for each, and the record of its request. Of two that race for one target one loses the
write conflict, and then sees the other's head.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.event_log import EventContent, EventLog
from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.coordination.idempotent_change import idempotent_change
from uptake_service.corrections import rules
from uptake_service.corrections.basis import BasisBuilder
from uptake_service.corrections.failures import from_record, to_record
from uptake_service.corrections.model import (
    Author,
    Correction,
    CorrectionEvent,
    CorrectionState,
    Draft,
    MeasurementBasis,
    Revision,
    VerdictEvent,
)
from uptake_service.corrections.store import CorrectionStore
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DomainError
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Written
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.model import Fix

_ERASER = Author(reviewer="erasure")
"""Who undoes what was made of erased words."""


class Targets(Protocol):
    """Where targets of one kind are kept."""

    async def head(self, project: str, target: str, session: Session | None = None) -> Revision | None: ...

    async def write(self, head: Revision, session: Session) -> None: ...

    async def forget(self, project: str, target: str, correction_id: str, session: Session) -> None:
        """Takes the content that a correction gave a target out of all revisions but the head."""
        ...


class CorrectionWorkflow:
    """Each change is made once for its request id."""

    def __init__(
        self,
        clock: Clock,
        corrections: CorrectionStore,
        basis: BasisBuilder,
        targets: Mapping[CorrectionKind, Targets],
        feedback: FeedbackStore,
        projects: ProjectStore,
        events: EventLog,
        requests: RequestRecords,
        audit: AuditLog,
    ) -> None:
        self._clock = clock
        self._corrections = corrections
        self._basis = basis
        self._targets = targets
        self._feedback = feedback
        self._projects = projects
        self._events = events
        self._requests = requests
        self._audit = audit

    async def apply_each(
        self, project: str, drafts: Sequence[Draft | DomainError], author: Author, call: RequestKey | None
    ) -> list[Correction | DomainError]:
        """Applies drafts in order, each whole or not at all.

        Each has a request record of its own beside the call's, of what was applied as of what could not be, so that a
        repeated call goes on where the first one stopped and answers the same.

        Args:
            project: The project.
            drafts: The drafts; in the place of a bad one what is wrong with it.
            author: Who applies them.
            call: Makes the whole call safe to repeat.

        Returns:
            For each draft the correction as it is now, or why it was not applied.

        Raises:
            DomainError: The request id was used with other content; or one could not be applied now, but may be later:
                what was applied until then stays, and the same call goes on from there.
        """
        await self._note_call(call)
        outcomes: list[str | DomainError] = []
        for place, draft in enumerate(drafts):
            if isinstance(draft, DomainError):
                outcomes.append(draft)
                continue
            # Brackets are in no method's name, so that no caller's request id can be taken for an item's.
            key = call._replace(method=f"{call.method}[{place}]") if call else None
            try:
                outcome = await self._apply(project, draft, author, key)
            except DomainError as error:
                if error.retry_after_seconds is not None:
                    # Going on would put what comes behind this one before it, once the call is repeated.
                    raise
                outcome = await self._settle(error, draft, key)
            outcomes.append(from_record(outcome, draft) or outcome)
        now = await self._corrections.by_ids(project, [outcome for outcome in outcomes if isinstance(outcome, str)])
        return [now[outcome] if isinstance(outcome, str) else outcome for outcome in outcomes]

    async def preview(
        self, project: str, drafts: Sequence[Draft | DomainError], author: Author
    ) -> list[Correction | DomainError]:
        """What `apply_each` would make of drafts; nothing is written."""
        heads: dict[tuple[CorrectionKind, str], Revision | None] = {}
        outcomes: list[Correction | DomainError] = []
        for draft in drafts:
            if isinstance(draft, DomainError):
                outcomes.append(draft)
                continue
            target = (draft.kind, draft.target)
            try:
                basis = await self._basis.of_draft(project, draft)
                if target not in heads:
                    heads[target] = await self._targets[draft.kind].head(project, draft.target)
                correction, heads[target] = await self._made(project, draft, heads[target], author, basis)
                outcomes.append(correction)
            except DomainError as error:
                if error.retry_after_seconds is not None:
                    raise
                outcomes.append(error)
        return outcomes

    async def write(
        self, project: str, draft: Draft, author: Author, basis: MeasurementBasis, session: Session
    ) -> tuple[Correction, list[EventContent]]:
        """Applies a draft in a transaction, which is to append the events.

        Raises:
            DomainError: The draft was made against another head, or the feedback that it names was erased meanwhile.
            DuplicateKey: Another process made the same target first; the transaction is lost, run it again.
        """
        await self._basis.hold(project, draft, session)
        targets = self._targets[draft.kind]
        head = await targets.head(project, draft.target, session)
        correction, new_head = await self._made(project, draft, head, author, basis)
        await self._corrections.add(correction, session)
        await self._audit.add(project, correction.id, changes(None, correction), session, actor=author.reviewer)
        events: list[EventContent] = [
            CorrectionEvent(correction_id=correction.id, state=correction.state, revision=correction.revision)
        ]
        if correction.covers:
            state = CorrectionState.SUPERSEDED
            covered = await self._corrections.get(project, correction.covers, session=session)
            await self._corrections.write_covered(covered, correction.create_time, session)
            covering = CorrectionEvent(correction_id=correction.covers, state=state, revision=correction.revision)
            events.insert(0, covering)
        await targets.write(new_head, session)
        return correction, events

    async def revert(self, project: str, id: str, author: Author, note: str, key: RequestKey | None) -> Correction:
        """Undoes a correction, once for each request key, and gives it as it is now.

        Raises:
            DomainError: The project has no such correction, it is undone already, or a later one covers it.
        """

        basis = (await self._corrections.get(project, id)).basis
        versions: frozenset[tuple[str, str]] = frozenset()
        if basis.pattern_id:
            start, now = basis.fix.time, self._clock.now()
            seen = await self._feedback.evidence.versions_between(basis.pattern_id, start, now) if start < now else []
            versions = rules.versions_under(basis.fix, seen)

        async def change(session: Session) -> str:
            correction = await self._corrections.get(project, id, session=session)
            targets = self._targets[correction.kind]
            head = await targets.head(project, correction.target, session)
            assert head is not None  # noqa: S101  Its correction made it.
            covered = await self._uncovered(project, correction, session)
            fix = rules.fix_by([correction.kind], Fix(time=self._clock.now(), versions=versions))
            undone, restored, new_head = rules.reverted(correction, covered, head, author, note, fix)
            events: list[EventContent] = []
            for changed in (undone, restored):
                if changed is not None:
                    await self._corrections.write_reverted(changed, session)
                    events.append(
                        CorrectionEvent(correction_id=changed.id, state=changed.state, revision=new_head.revision)
                    )
            if undone.verdict is not correction.verdict:
                events.append(VerdictEvent(correction_id=undone.id, verdict=undone.verdict, later_votes=0))
            await targets.write(new_head, session)
            await self._audit.add(project, id, changes(correction, undone), session, actor=author.reviewer)
            await self._events.append(project, events, session)
            return id

        return await self._corrections.get(project, await self._once(project, key, change))

    async def _uncovered(self, project: str, correction: Correction, session: Session) -> Correction | None:
        """What comes into force once a correction is undone: the newest below it whose content was not forgotten."""
        below: Correction | None = correction
        while below is not None:
            below = await self._corrections.get(project, below.covers, session=session) if below.covers else None
            if below is not None and below.content:
                return below
        return None

    async def unquote(self, project: str, id: str, fields: Sequence[str]) -> None:
        """Undoes and empties a correction whose content quotes; else empties what does."""
        if "content" in fields or "target" in fields:
            await self.empty(project, id)
            return

        await self._corrections.empty_fields(id, fields)

    def written(self, project: str) -> AsyncIterator[Written]:
        """What people wrote in each correction of a project; what was emptied is left out."""
        return self._corrections.written(project)

    async def empty(self, project: str, id: str) -> None:
        """Undoes a correction, where it is in force, and takes its words out of everything; that it was made stays."""
        while True:
            correction = await self._corrections.get(project, id)
            if correction.state is CorrectionState.APPLIED:
                # Who reverts it at the same time, or covers it, does no harm: it is looked at again.
                with contextlib.suppress(DomainError):
                    await self.revert(project, id, _ERASER, "", None)
            if await self._events.transaction([project], partial(self._empty, project, id)):
                return

    async def _empty(self, project: str, id: str, session: Session) -> bool:
        """Empties a correction; does nothing, and says so, where it is in force."""
        correction = await self._corrections.get(project, id, session=session)
        if correction.state is CorrectionState.APPLIED:
            return False
        await self._corrections.write_emptied(correction, session)
        await self._targets[correction.kind].forget(project, correction.target, id, session)
        return True

    async def _apply(self, project: str, draft: Draft, author: Author, key: RequestKey | None) -> str:
        """Applies one draft once for each request key; gives what that is recorded to have made."""
        known = await self._requests.resource_of(key)
        if known is not None:
            return known
        basis = await self._basis.of_draft(project, draft)
        unseen = (await self._projects.recent(project)).create_time is None

        async def change(session: Session) -> str:
            correction, events = await self.write(project, draft, author, basis, session)
            if unseen:
                await self._projects.note_use(project, {}, correction.create_time, session)
            await self._events.append(project, events, session)
            return correction.id

        return await self._once(project, key, change)

    async def _settle(self, error: DomainError, draft: Draft, key: RequestKey | None) -> str:
        """Records that a draft could not be applied; gives what is recorded then.

        Without this a repeated call could apply it after all, after what came behind it.
        """
        failed = to_record(error, draft)
        return failed if key is None else await self._once(key.project, key, partial(_named_so, failed))

    async def _made(
        self, project: str, draft: Draft, head: Revision | None, author: Author, basis: MeasurementBasis
    ) -> tuple[Correction, Revision]:
        # In a thread, since comparing two long texts takes its time.
        now = self._clock.now()
        return await asyncio.to_thread(rules.applied, draft, head, project, author, basis, now)

    async def _note_call(self, call: RequestKey | None) -> None:
        """Records a call before its items, so that its id stands for its content even if no item can be applied.

        Raises:
            DomainError: The id was used with other content.
        """
        if call is None:
            return

        await self._once(call.project, call, partial(_named_so, ""))

    async def _once(self, project: str, key: RequestKey | None, change: Callable[[Session], Awaitable[str]]) -> str:
        return await idempotent_change(self._requests, key, partial(self._events.transaction, [project]), change)


async def _named_so(resource: str, session: Session) -> str:
    """A change that changes nothing but what its record says."""
    return resource
