"""What people do with reviews, and what follows from time: the use cases.

A change by a person reads the review with the database's time, decides, and writes it back, with a line of history and
an event, in one transaction: a claim that has run out reads as open and is refused even before anybody sweeps it up,
and of two people who race one loses the write conflict and then sees what the other did.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.event_log import EventContent, EventLog
from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.coordination.idempotent_change import idempotent_change
from uptake_service.domain.clock import cut
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.reviews.claims import ClaimTokens, claimed, held_claim
from uptake_service.reviews.documents import to_review
from uptake_service.reviews.model import Fix, Resolution, Review, ReviewAction, ReviewChange, ReviewState
from uptake_service.reviews.store import ReviewStore

Change = Callable[[Review, datetime], tuple[Review, ReviewChange]]
"""Gives a review as it should be, and the line of history, from the review as it is and the database's time."""

Also = Callable[[Review, Session], Awaitable[tuple[Review, list[EventContent]]]]
"""Writes what belongs to a change, in its transaction: gets the review as it should be, and gives it with what came of
that, and the events that tell of it."""


class ReviewWorkflow:
    """Each change is made once for its request id."""

    def __init__(self, reviews: ReviewStore, events: EventLog, requests: RequestRecords, audit: AuditLog) -> None:
        self._reviews = reviews
        self._events = events
        self._requests = requests
        self._audit = audit
        self._tokens = ClaimTokens(requests.digest)

    async def claim(
        self,
        project: str,
        id: str,
        reviewer: str,
        lease: timedelta,
        etag: str,
        key: RequestKey | None,
        key_id: str,
    ) -> tuple[Review, str]:
        """Takes the review for a reviewer.

        Returns:
            The review and the claim's token. A repeated request gets the token that it got before.
        """

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            line = ReviewChange(time=now, action=ReviewAction.CLAIMED, actor=reviewer, key_id=key_id)
            return claimed(review, reviewer, lease, now), line

        review, resource = await self._make(
            project, id, change, etag, key, lambda review: f"{review.id}:{review.claim_count}"
        )
        id, number = resource.split(":")
        return review, self._tokens.make(id, int(number))

    async def renew(self, project: str, id: str, token: str, lease: timedelta, key_id: str) -> Review:
        number = self._tokens.number(id, token)

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            claim = held_claim(review, number)
            until = {"expire_time": now + lease, "seconds": lease.total_seconds()}
            renewed = review.model_copy(update={"claim": claim.model_copy(update=until)})
            return renewed, ReviewChange(time=now, action=ReviewAction.RENEWED, actor=claim.reviewer, key_id=key_id)

        return (await self._make(project, id, change))[0]

    async def release(
        self, project: str, id: str, token: str, note: str, key: RequestKey | None, key_id: str
    ) -> Review:
        number = self._tokens.number(id, token)

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            claim = held_claim(review, number)
            released = review.model_copy(update={"state": ReviewState.OPEN, "claim": None})
            return released, ReviewChange(
                time=now, action=ReviewAction.RELEASED, actor=claim.reviewer, note=note, key_id=key_id
            )

        return (await self._make(project, id, change, "", key))[0]

    async def finish(
        self,
        project: str,
        id: str,
        token: str,
        note: str,
        fix_of: Callable[[datetime], Fix] | None,
        etag: str,
        key: RequestKey | None,
        key_id: str,
        also: Also | None = None,
    ) -> tuple[Review, list[str]]:
        """Resolves the review with the fix that `fix_of` gives for the time of the end, or dismisses it without.

        Returns:
            The review, and the ids of the corrections that came with its end. A repeated request gets those that it
            got before, also when the review was reopened since.
        """
        number = self._tokens.number(id, token)

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            claim = held_claim(review, number)
            fix = fix_of(now) if fix_of else None
            state, action = (
                (ReviewState.RESOLVED, ReviewAction.RESOLVED)
                if fix
                else (ReviewState.DISMISSED, ReviewAction.DISMISSED)
            )
            resolution = Resolution(note=note, reviewer=claim.reviewer, end_time=now, fix=fix)
            changes: dict[str, object] = {"state": state, "claim": None, "resolution": resolution}
            if fix:
                changes |= {"fix": fix, "fix_sampled": False}
            finished = review.model_copy(update=changes)
            return finished, ReviewChange(time=now, action=action, actor=claim.reviewer, note=note, key_id=key_id)

        def resource_of(review: Review) -> str:
            return ":".join([review.id, *(review.resolution.correction_ids if review.resolution else ())])

        review, resource = await self._make(project, id, change, etag, key, resource_of, also)
        return review, resource.split(":")[1:]

    async def reopen(
        self, project: str, id: str, reviewer: str, note: str, etag: str, key: RequestKey | None, key_id: str
    ) -> Review:
        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            if review.active:
                raise DomainError(
                    Reason.ERROR_REASON_REVIEW_NOT_FINISHED,
                    "the review is not finished yet",
                    subject=id,
                    metadata={"state": review.state},
                )
            line = ReviewChange(time=now, action=ReviewAction.REOPENED, actor=reviewer, note=note, key_id=key_id)
            return review.reopened(), line

        async def ensure_only_active(review: Review, session: Session) -> tuple[Review, list[EventContent]]:
            active = await self._reviews.active_of_patterns(review.covers, session=session)
            if active:
                raise DomainError(
                    Reason.ERROR_REASON_ACTIVE_REVIEW_EXISTS,
                    "the pattern has another active review",
                    subject=id,
                    metadata={"review_id": next(iter(active.values()))},
                )
            return review, []

        # Another that is opened since that read makes the write fail by a duplicate key, and all is read again.
        return (await self._make(project, id, change, etag, key, also=ensure_only_active))[0]

    async def reopen_failed(self, review: Review, note: str, told: Sequence[EventContent], session: Session) -> None:
        """Reopens a resolved review whose fix failed, in the transaction that found it.

        Args:
            review: The review.
            note: What was found.
            told: What else the transaction tells of, before the reopening. It is to append no more events.
            session: The transaction.
        """

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            return review.reopened(), ReviewChange(time=now, action=ReviewAction.REOPENED, note=note)

        async def also(review: Review, session: Session) -> tuple[Review, list[EventContent]]:
            return review, [*told]

        await self._apply(review.project, review.id, change, "", session, also)

    async def expire_claim(self, project: str, id: str) -> None:
        """Opens a review whose claim ran out, with the events."""
        await self._events.transaction([project], lambda session: self._apply(project, id, None, "", session))

    async def _make(
        self,
        project: str,
        id: str,
        change: Change,
        etag: str = "",
        key: RequestKey | None = None,
        resource_of: Callable[[Review], str] = lambda review: review.id,
        also: Also | None = None,
    ) -> tuple[Review, str]:
        """Makes a change once for each request key, with its event.

        Returns:
            The review as it is now, and the resource recorded for the request.
        """

        made: list[Review] = []

        async def make(session: Session) -> str:
            made.append(await self._apply(project, id, change, etag, session, also))
            return resource_of(made[0])

        if await self._requests.resource_of(key) is None:
            # Most who are too late learn it here, without a turn.
            _changed(await self._reviews.with_now(project, id), change, etag)

        async def transact(body: Callable[[Session], Awaitable[str]]) -> str:
            async def fresh(session: Session) -> str:
                made.clear()
                return await body(session)

            return await self._events.transaction([project], fresh)

        resource = await idempotent_change(self._requests, key, transact, make)
        # Unless an equal call made it.
        review = made[0] if made else await self._reviews.get(project, resource.split(":")[0])
        return review, resource

    async def _apply(
        self, project: str, id: str, change: Change | None, etag: str, session: Session, also: Also | None = None
    ) -> Review:
        """Makes one change in a transaction, with a line of history and an event; before it, if the claim has run
        out, that is told too. Without a change only that is."""
        document = await self._reviews.with_now(project, id, session)
        review, lines = _expired(document)
        if change is None and not lines:
            return review
        told: list[EventContent] = [review.event(line.action) for line in lines]
        line: ReviewChange | None = None
        if change is not None:
            changed, line = _changed(document, change, etag)
            if also is not None:
                changed, events = await also(changed, session)
                told += events
            review = _next(changed, line)
            lines.append(line)
            told.append(review.event(line.action))
        if review.complaints_gone and review.state is ReviewState.OPEN:
            closed, end = review.closed(cut(document["now"]))
            review = _next(closed, end)
            lines.append(end)
            told.append(review.event(end.action))
        await self._reviews.write(review, lines, session)
        if line is not None:
            await self._audit.add(project, id, changes(to_review(document), review), session, actor=line.actor)
        await self._events.append(project, told, session)
        return review


def _expired(document: Document) -> tuple[Review, list[ReviewChange]]:
    """A stored review, and the line that is to come first where its claim has run out."""
    review = to_review(document)
    if document["claim"] and review.claim is None:
        line = ReviewChange(time=cut(document["now"]), action=ReviewAction.EXPIRED)
        return _next(review, line), [line]
    return review, []


def _changed(document: Document, change: Change, etag: str) -> tuple[Review, ReviewChange]:
    """What a change makes of a stored review, and its line of history.

    Raises:
        DomainError: It cannot be made.
    """
    stored = to_review(document)
    if etag and etag != stored.etag:
        raise DomainError(
            Reason.ERROR_REASON_ETAG_MISMATCH,
            "the review changed since it was read; read it again",
            metadata={"etag": stored.etag},
        )
    return change(_expired(document)[0], cut(document["now"]))


def _next(review: Review, line: ReviewChange) -> Review:
    """A changed review, after the line of history that tells of the change."""
    return review.model_copy(
        update={
            "revision": review.revision + 1,
            "people_revision": review.people_revision + 1,
            "update_time": line.time,
        }
    )
