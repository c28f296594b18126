"""Where corrections are kept, in the collection `corrections`, and what changes their targets.

A correction is applied or undone in one transaction with its target's new head, the states of the corrections that it
covers or lays bare, an event for each, and the record of its request. Of two that race for one target one loses the
write conflict, and then sees the other's head.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.clock import Clock, hour_of
from uptake_service.corrections import instructions, knowledge, rules
from uptake_service.corrections.counts import VoteCounts
from uptake_service.corrections.model import (
    Author,
    Correction,
    CorrectionFilter,
    CorrectionState,
    Draft,
    Measured,
    Revert,
    Revision,
    Verdict,
    Votes,
    Yardstick,
    state_event,
    verdict_event,
)
from uptake_service.errors import Conflict, DomainError, DuplicateKey, Reason, Violation, naming_item, not_found
from uptake_service.feedback.model import CorrectionKind
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Document, Mongo, Session, since
from uptake_service.mongo.events import EventLog, NewEvent
from uptake_service.mongo.paging import after
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.mongo.transactions import snapshot
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.model import Fix, Review
from uptake_service.reviews.store import Also, ReviewStore, fix_document, to_fix

T = TypeVar("T")

NEWEST_FIRST = [("create_time", -1), ("_id", -1)]

_IDS_AT_ONCE = 100
"""Longer lists of ids cost the embedded database more for each."""

_REVERT_CHANGES = ("state", "revert", "baseline", "start", "fix", "verdict", "measured", "unmeasured", "covered_time")

_RACE_TRIES = 4
"""How often a transaction is run again because another made the same target, or recorded the same request, first."""


class Targets(Protocol):
    """Where targets of one kind are kept."""

    async def head(self, project: str, target: str, session: Session | None = None) -> Revision | None: ...

    async def write(self, head: Revision, session: Session) -> None: ...

    async def forget(self, project: str, target: str, correction_id: str, session: Session) -> None:
        """Takes the content that a correction gave a target out of all revisions but the head."""
        ...


class CorrectionStore:
    """The collection `corrections`."""

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        events: EventLog,
        requests: RequestRecords,
        projects: ProjectStore,
        feedback: FeedbackStore,
        reviews: ReviewStore,
        counts: VoteCounts,
        targets: Mapping[CorrectionKind, Targets],
        request_retention_days: int,
    ) -> None:
        self._mongo = mongo
        self._corrections = mongo.collection("corrections")
        self._audit = AuditLog(mongo, clock)
        self._clock = clock
        self._events = events
        self._requests = requests
        self._projects = projects
        self._feedback = feedback
        self._reviews = reviews
        self._counts = counts
        self._targets = targets
        self._request_retention = timedelta(days=request_retention_days)

    async def open(self) -> None:
        for fields in ([], ["target"], ["review_id"], ["pattern_id"]):
            await self._corrections.create_index([("project", 1), *((field, 1) for field in fields), *NEWEST_FIRST])
        await self._corrections.create_index([("pattern_id", 1)])
        await self._corrections.create_index([("unmeasured", 1)], where={"unmeasured": True})

    async def get(self, project: str, id: str, *, session: Session | None = None) -> Correction:
        """Raises DomainError when the project has no such correction."""
        document = await self._corrections.get({"_id": id, "project": project}, session=session)
        if document is None:
            raise not_found(Reason.ERROR_REASON_CORRECTION_NOT_FOUND, "correction", id)
        return _to_correction(document)

    async def by_ids(self, project: str, ids: Sequence[str]) -> dict[str, Correction]:
        """Those of `ids` that the project has, by id."""
        if not ids:
            return {}
        documents = await self._corrections.find({"_id": {"$in": list(ids)}, "project": project})
        return {document["_id"]: _to_correction(document) for document in documents}

    async def page(
        self, project: str, filter: CorrectionFilter, last: Sequence[Any] | None, limit: int
    ) -> list[Correction]:
        """Corrections that match, newest first, from the first after `last` (create_time, id)."""
        equal: Document = {"project": project}
        rest: Document = {}
        for name in ("target", "review_id", "pattern_id"):
            value = getattr(filter, name)
            if value:
                # One has an index; with it the others narrow little more.
                (equal if len(equal) == 1 else rest)[name] = value
        for name, values in (("kind", filter.kinds), ("state", filter.states), ("verdict", filter.verdicts)):
            if values:
                rest[name] = {"$in": [value.value for value in values]}
        if last is not None:
            rest = {"$and": [rest, after(NEWEST_FIRST, last)]}
        documents = await self._corrections.find_newest(
            equal,
            "create_time",
            rest=rest,
            most=last[0] if last else None,
            near=self._clock.now(),
            limit=limit,
        )
        return [_to_correction(document) for document in documents]

    async def applied_between(self, project: str, start: datetime, end: datetime, limit: int) -> list[Correction]:
        """The newest corrections that were applied from `start` and before `end`, without contents and differences."""
        documents = await self._corrections.find_newest(
            {"project": project},
            "create_time",
            least=start,
            most=end - timedelta(milliseconds=1),
            near=self._clock.now(),
            projection={"content": 0, "diff": 0},
            limit=limit,
        )
        return [_to_correction(document | {"content": "", "diff": ""}) for document in documents]

    async def unmeasured(self) -> list[Correction]:
        """Those of all projects that have to be worked out though no vote changed."""
        return [_to_correction(document) for document in await self._corrections.find({"unmeasured": True})]

    async def of_patterns(self, pattern_ids: Collection[str]) -> list[Correction]:
        """Those that are measured by one of these patterns."""
        found: list[Correction] = []
        ordered = sorted(pattern_ids)
        for start in range(0, len(ordered), _IDS_AT_ONCE):
            condition = {"pattern_id": {"$in": ordered[start : start + _IDS_AT_ONCE]}}
            found += [_to_correction(document) for document in await self._corrections.find(condition)]
        return found

    async def corrected_patterns(self, project: str, start: datetime, end: datetime, session: Session) -> set[str]:
        """The patterns that a correction was made for between two times."""
        documents = await self._corrections.find(
            {"project": project, "create_time": since(start)},
            projection={"pattern_id": 1, "fix.time": 1},
            session=session,
        )
        return {
            document["pattern_id"]
            for document in documents
            if document["pattern_id"] and start <= document["fix"]["time"] <= end
        }

    async def write_measured(self, correction: Correction, session: Session) -> None:
        """Writes what a verdict rests on, and the verdict."""
        document = _to_document(correction)
        fresh = {name: document[name] for name in ("verdict", "measured", "unmeasured")}
        await self._corrections.update({"_id": correction.id}, {"$set": fresh}, session=session)

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
                outcome = await self._settle(error, key)
            outcomes.append(_to_error(outcome) or outcome)
        now = await self.by_ids(project, [outcome for outcome in outcomes if isinstance(outcome, str)])
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
                yardstick = await self.yardstick(project, draft)
                if target not in heads:
                    heads[target] = await self._targets[draft.kind].head(project, draft.target)
                correction, heads[target] = await self._made(project, draft, heads[target], author, yardstick)
                outcomes.append(correction)
            except DomainError as error:
                if error.retry_after_seconds is not None:
                    raise
                outcomes.append(error)
        return outcomes

    async def yardstick(self, project: str, draft: Draft, fix: Fix | None = None) -> Yardstick:
        """What a draft's correction will be measured by, should it be applied now.

        The baseline is all votes on the pattern's answers that occurred before the fix within the policy's issue
        window: further back the answers were others. It leaves out what the review's trigger saw, which was looked at
        because it was bad. Feedback that the draft names stays in: people name the bad ones and leave the good ones
        out, so that without those any pattern would seem to have been good.

        Args:
            project: The project.
            draft: The draft.
            fix: What tells later answers apart; None for what was seen until now.

        Raises:
            DomainError: The project does not have the feedback or the review that the draft names.
        """
        patterns, review = await self._sources(project, draft)
        now = self._clock.now()
        pattern_id = review.pattern_id if review else rules.pattern_of_most(patterns)
        policy = (await self._projects.recent(project)).settings.review_policy
        if fix is None:
            versions = await self._feedback.versions_before(pattern_id, now) if pattern_id else frozenset()
            fix = Fix(time=now, versions=versions)
        fix = rules.fix_by([draft.kind], fix)
        start, baseline = hour_of(fix.time - policy.issue_window), Votes()
        if pattern_id:
            seen = {review.trigger_feedback_id, *(r.feedback_id for r in review.examined.related)} if review else set()
            async with snapshot(self._mongo) as session:
                baseline = await self._counts.of_pattern(project, pattern_id, start, fix.time, seen, session)
        return Yardstick(pattern_id=pattern_id, baseline=baseline, start=start, fix=fix, margin=policy.no_change_margin)

    async def write(
        self, project: str, draft: Draft, author: Author, yardstick: Yardstick, session: Session
    ) -> tuple[Correction, list[NewEvent]]:
        """Applies a draft in a transaction, which is to append the events.

        Raises:
            DomainError: The draft was made against another head.
            DuplicateKey: Another process made the same target first; the transaction is lost, run it again.
        """
        targets = self._targets[draft.kind]
        head = await targets.head(project, draft.target, session)
        correction, new_head = await self._made(project, draft, head, author, yardstick)
        await self._corrections.insert(_to_document(correction), session=session)
        await self._audit.add(project, correction.id, changes(None, correction), session, actor=author.reviewer)
        events = [state_event(correction.id, correction.state, correction.revision)]
        if correction.covers:
            state = CorrectionState.SUPERSEDED
            covered = await self.get(project, correction.covers, session=session)
            fresh = {
                "state": state.value,
                "covered_time": covered.covered_time or correction.create_time,
                "unmeasured": bool(covered.yardstick.pattern_id),
            }
            await self._corrections.update({"_id": covered.id}, {"$set": fresh}, session=session)
            events.insert(0, state_event(correction.covers, state, correction.revision))
        await targets.write(new_head, session)
        return correction, events

    async def with_resolution(self, project: str, drafts: Sequence[Draft], fix: Fix, key_id: str) -> Also:
        """What applies drafts in the transaction that resolves their review: all of them, or nothing is changed.

        Args:
            project: The project.
            drafts: The drafts, which name the review.
            fix: The review's fix, if it is resolved now.
            key_id: The key of the call; the reviewer is the one who holds the claim.

        Raises:
            DomainError: The project does not have the feedback that a draft names; or, raised in the transaction, a
                draft was made against another head. The error names the draft, as corrections[place].
        """
        yardsticks: list[Yardstick] = []
        for place, draft in enumerate(drafts):
            with naming_item(f"corrections[{place}]"):
                yardsticks.append(await self.yardstick(project, draft, fix))

        async def also(review: Review, session: Session) -> tuple[Review, list[NewEvent]]:
            resolution = review.resolution
            assert resolution is not None and resolution.fix is not None  # noqa: S101
            author = Author(reviewer=resolution.reviewer, key_id=key_id)
            ids: list[str] = []
            events: list[NewEvent] = []
            for place, (draft, yardstick) in enumerate(zip(drafts, yardsticks, strict=True)):
                # The time of the fix, where the request names none, is known only now.
                frozen = yardstick.model_copy(update={"fix": rules.fix_by([draft.kind], resolution.fix)})
                with naming_item(f"corrections[{place}]"):
                    correction, told = await self.write(project, draft, author, frozen, session)
                ids.append(correction.id)
                events += told
            resolution = resolution.model_copy(update={"correction_ids": tuple(ids)})
            return review.model_copy(update={"resolution": resolution}), events

        return also

    async def revert(self, project: str, id: str, author: Author, note: str, key: RequestKey | None) -> Correction:
        """Undoes a correction, once for each request key, and gives it as it is now.

        Raises:
            DomainError: The project has no such correction, it is undone already, or a later one covers it.
        """

        yardstick = (await self.get(project, id)).yardstick
        versions: frozenset[tuple[str, str]] = frozenset()
        if yardstick.pattern_id:
            start, now = yardstick.fix.time, self._clock.now()
            seen = await self._feedback.versions_between(yardstick.pattern_id, start, now) if start < now else []
            versions = rules.versions_under(yardstick.fix, seen)

        async def body(session: Session) -> str:
            made = await self._requests.resource_of(key, session=session)
            if made is not None:
                return made
            correction = await self.get(project, id, session=session)
            targets = self._targets[correction.kind]
            head = await targets.head(project, correction.target, session)
            assert head is not None  # noqa: S101  Its correction made it.
            covered = await self.get(project, correction.covers, session=session) if correction.covers else None
            fix = rules.fix_by([correction.kind], Fix(time=self._clock.now(), versions=versions))
            undone, restored, new_head = rules.reverted(correction, covered, head, author, note, fix)
            events = []
            for changed in (undone, restored):
                if changed is not None:
                    document = _to_document(changed)
                    fresh = {name: document[name] for name in _REVERT_CHANGES}
                    await self._corrections.update({"_id": changed.id}, {"$set": fresh}, session=session)
                    events.append(state_event(changed.id, changed.state, new_head.revision))
            if undone.verdict is not correction.verdict:
                events.append(verdict_event(undone.id, undone.verdict, 0))
            await targets.write(new_head, session)
            await self._audit.add(project, id, changes(correction, undone), session, actor=author.reviewer)
            await self._record(key, id, session)
            await self._events.append(project, events, session)
            return id

        return await self.get(project, await self._once(project, body))

    async def contents(self, project: str) -> AsyncIterator[tuple[str, tuple[str, ...], str]]:
        """Of each correction its id, the feedback that it was made of, and its content; forgotten ones are left out."""
        fields = {"feedback_ids": 1, "content": 1}
        async for document in self._corrections.stream({"project": project}, projection=fields):
            if document["content"]:
                yield document["_id"], tuple(document["feedback_ids"]), document["content"]

    async def forget(self, project: str, id: str, author: Author) -> None:
        """Undoes a correction, where it is in force, and takes its words out of everything; that it was made stays."""
        correction = await self.get(project, id)
        if correction.state is CorrectionState.APPLIED:
            await self.revert(project, id, author, "", None)

        async def body(session: Session) -> None:
            await self._corrections.update(
                {"_id": id}, {"$set": {"content": "", "diff": "", "note": ""}}, session=session
            )
            # Its words are on the other side of what covers it.
            await self._corrections.update({"project": project, "covers": id}, {"$set": {"diff": ""}}, session=session)
            await self._targets[correction.kind].forget(project, correction.target, id, session)

        await self._once(project, body)

    async def _apply(self, project: str, draft: Draft, author: Author, key: RequestKey | None) -> str:
        """Applies one draft once for each request key; gives what that is recorded to have made."""
        known = await self._requests.resource_of(key)
        if known is not None:
            return known
        yardstick = await self.yardstick(project, draft)
        unseen = (await self._projects.recent(project)).create_time is None

        async def body(session: Session) -> str:
            made = await self._requests.resource_of(key, session=session)
            if made is not None:
                return made
            correction, events = await self.write(project, draft, author, yardstick, session)
            if unseen:
                await self._projects.note_use(project, set(), set(), correction.create_time, session)
            await self._record(key, correction.id, session)
            await self._events.append(project, events, session)
            return correction.id

        return await self._once(project, body)

    async def _settle(self, error: DomainError, key: RequestKey | None) -> str:
        """Records that a draft could not be applied; gives what is recorded then.

        Without this a repeated call could apply it after all, after what came behind it.
        """
        failed = _from_error(error)
        if key is None:
            return failed

        async def body(session: Session) -> str:
            made = await self._requests.resource_of(key, session=session)
            if made is None:
                await self._record(key, failed, session)
            return failed if made is None else made

        return await self._once(key.project, body)

    async def _made(
        self, project: str, draft: Draft, head: Revision | None, author: Author, yardstick: Yardstick
    ) -> tuple[Correction, Revision]:
        # In a thread, since comparing two long texts takes its time.
        now = self._clock.now()
        return await asyncio.to_thread(rules.applied, draft, head, project, author, yardstick, now)

    async def _sources(self, project: str, draft: Draft) -> tuple[list[str], Review | None]:
        """The patterns of the feedback that a draft names, and its review.

        Raises:
            DomainError: The project does not have one of them; each is named.
        """
        found = {item.id: item for item in await self._feedback.by_ids(project, draft.feedback_ids)}
        violations = [
            Violation(f"feedback_ids[{place}]", f"the project has no feedback {id!r}")
            for place, id in enumerate(draft.feedback_ids)
            if id not in found
        ]
        review, reason = None, Reason.ERROR_REASON_FEEDBACK_NOT_FOUND
        if draft.review_id:
            try:
                review = await self._reviews.get(project, draft.review_id)
            except DomainError as error:
                if error.reason != Reason.ERROR_REASON_REVIEW_NOT_FOUND:
                    raise
                reason = reason if violations else error.reason
                violations.append(Violation("review_id", error.message))
        if violations:
            raise DomainError(
                reason, "; ".join(violation.description for violation in violations), violations=violations
            )
        return [found[id].pattern_id for id in draft.feedback_ids], review

    async def _note_call(self, call: RequestKey | None) -> None:
        """Records a call before its items, so that its id stands for its content even if no item can be applied.

        Raises:
            DomainError: The id was used with other content.
        """
        if call is None:
            return

        async def body(session: Session) -> None:
            if await self._requests.resource_of(call, session=session) is None:
                await self._record(call, "", session)

        await self._once(call.project, body)

    async def _record(self, key: RequestKey | None, resource: str, session: Session) -> None:
        if key is not None:
            expire_time = self._clock.now() + self._request_retention
            await self._requests.add([(key, resource)], expire_time=expire_time, session=session)

    async def _once(self, project: str, body: Callable[[Session], Awaitable[T]]) -> T:
        for _ in range(_RACE_TRIES):
            try:
                return await self._events.transaction([project], body)
            except DuplicateKey:
                # Another made the same target, or recorded the same request, since this one looked: look again.
                continue
        raise Conflict


def _from_error(error: DomainError) -> str:
    """An error as a request record holds it, where else it holds the id of what was made."""
    violations = [[violation.field, violation.description] for violation in error.violations]
    return json.dumps([error.reason, error.message, violations])


def _to_error(resource: str) -> DomainError | None:
    """The error that a request record holds; None if it holds an id."""
    if not resource.startswith("["):
        return None
    reason, message, violations = json.loads(resource)
    return DomainError(reason, message, violations=[Violation(field, description) for field, description in violations])


async def everything(mongo: Mongo, session: Session) -> tuple[list[Correction], list[tuple[CorrectionKind, Revision]]]:
    """All corrections of all projects, without their differences, and the heads of all targets."""
    documents = await mongo.collection("corrections").find({}, projection={"diff": 0}, session=session)
    heads = [(CorrectionKind.KNOWLEDGE, head) for head in await knowledge.heads(mongo, session)]
    heads += [(CorrectionKind.BEHAVIOR, head) for head in await instructions.heads(mongo, session)]
    return [_to_correction(document | {"diff": ""}) for document in documents], heads


def _to_document(correction: Correction) -> Document:
    yardstick, revert = correction.yardstick, correction.revert
    return {
        "_id": correction.id,
        "project": correction.project,
        "kind": correction.kind.value,
        "target": correction.target,
        "revision": correction.revision,
        "base_revision": correction.base_revision,
        "content": correction.content,
        "diff": correction.diff,
        "feedback_ids": list(correction.feedback_ids),
        "review_id": correction.review_id,
        "author": correction.author.model_dump(),
        "note": correction.note,
        "state": correction.state.value,
        "covers": correction.covers,
        "pattern_id": yardstick.pattern_id,
        "baseline": yardstick.baseline.model_dump(),
        "start": yardstick.start,
        "fix": fix_document(yardstick.fix),
        "margin": yardstick.margin,
        "covered_time": correction.covered_time,
        "verdict": correction.verdict.value,
        "measured": correction.measured.model_dump() if correction.measured else None,
        "unmeasured": correction.unmeasured,
        "create_time": correction.create_time,
        "revert": revert.model_dump() | {"verdict": revert.verdict.value} if revert else None,
    }


def _to_correction(document: Document) -> Correction:
    fix = to_fix(document["fix"])
    assert fix is not None  # noqa: S101
    return Correction(
        id=document["_id"],
        project=document["project"],
        kind=CorrectionKind(document["kind"]),
        target=document["target"],
        revision=document["revision"],
        base_revision=document["base_revision"],
        content=document["content"],
        diff=document["diff"],
        feedback_ids=tuple(document["feedback_ids"]),
        review_id=document["review_id"],
        author=Author(**document["author"]),
        note=document["note"],
        state=CorrectionState(document["state"]),
        covers=document["covers"],
        yardstick=Yardstick(
            pattern_id=document["pattern_id"],
            baseline=Votes(**document["baseline"]),
            start=document["start"],
            fix=fix,
            margin=document["margin"],
        ),
        covered_time=document["covered_time"],
        verdict=Verdict(document["verdict"]),
        measured=Measured(**document["measured"]) if document["measured"] else None,
        unmeasured=document["unmeasured"],
        create_time=document["create_time"],
        revert=Revert(**document["revert"]) if document["revert"] else None,
    )
