"""Removes feedback, at a user's wish or past its retention: first from every number, then its words, then itself.

Each step can be done again, and finds what a crash left: feedback that is erased and not deleted yet is removed like
any other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.erasing import Erasing
from uptake_service.domain.errors import Conflict, DatabaseUnavailable, DomainError, Reason
from uptake_service.erasure.patterns import PatternWords
from uptake_service.erasure.values import Value
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ingest.changes import Erase
from uptake_service.ingest.intake import Intake
from uptake_service.issues.members import IssueMembers
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import chunked
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction

_AT_ONCE = 200
"""So much as neither a transaction nor the event loop is held up by."""

Spare = Callable[[Session], Awaitable[Collection[str]]]
"""Names the users whose feedback somebody else is about to delete, as the transaction sees it."""

Note = Callable[[int, Collection[Value], Session], Awaitable[None]]
"""Notes in the transaction how much it deletes, and the values that this was counted under."""


class Forgets(Protocol):
    """What keeps words of feedback."""

    async def forget(self, erasing: Erasing) -> None:
        """Takes the words of erased feedback out of what it keeps; doing it again does no harm."""


class FeedbackRemover:
    def __init__(
        self,
        mongo: Mongo,
        intake: Intake,
        feedback: FeedbackStore,
        members: IssueMembers,
        patterns: PatternWords,
        forgetting: Sequence[Forgets],
        requests: RequestRecords,
    ) -> None:
        """`forgetting`: all that keeps words of feedback beside patterns, in the order in which they are asked."""
        self._mongo = mongo
        self._intake = intake
        self._feedback = feedback
        self._members = members
        self._patterns = patterns
        self._forgetting = (patterns, *forgetting)
        self._requests = requests

    async def remove(
        self,
        project: str,
        ids: Sequence[str],
        *,
        before: datetime | None = None,
        by_people: bool,
        user_id: str = "",
        spare: Spare | None = None,
        note: Note | None = None,
    ) -> int:
        """Removes feedback, and tells how much was deleted; what is gone already is no error.

        Args:
            project: The project.
            ids: The feedback.
            before: What by now occurred at this time or later stays; None removes all.
            by_people: Whether also what people made of it goes: corrections, and titles that they gave to issues.
            user_id: The user all of whose feedback is being removed; empty if it is not one user's.
            spare: Whose feedback is left to others to be deleted; None leaves none.
            note: Notes what is deleted; None for nothing.

        Raises:
            DomainError: It could not be done now; some of it may have been.
        """
        for some in chunked(ids, _AT_ONCE):
            # Before it is out of sight, so that no pattern is shown by words of which no feedback is left to be seen.
            await self._patterns.hand_over(some, before)
            await self._mark(project, some, before)
        for each in self._forgetting:
            await each.forget(Erasing(project, ids, by_people, user_id))

        async def delete(some: Sequence[str], session: Session) -> int:
            users = await spare(session) if spare else ()
            going = await self._feedback.removal.erased(some, users, session)
            if note:
                await note(len(going), await self._feedback.words.values(going, session), session)
            await self._members.delete_of_feedback(going, session)
            await self._feedback.removal.delete(going, session)
            return len(going)

        deleted = 0
        for some in chunked(ids, _AT_ONCE):
            erased = await self._feedback.removal.erased(some, ())
            await self._requests.write_tombstones(
                await self._feedback.removal.requests_of(erased),
                erased,
                expired=before is not None,
            )
            deleted += await transaction(self._mongo, partial(delete, some))
        return deleted

    async def _mark(self, project: str, ids: Sequence[str], before: datetime | None) -> None:
        """Takes feedback out of every number and out of sight, through the intake like any other change."""
        waiting = [await self._intake.submit_streamed(Erase(project, id, before), None, None) for id in ids]
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, DomainError) and outcome.reason == Reason.ERROR_REASON_FEEDBACK_NOT_FOUND:
                continue
            if isinstance(outcome, BaseException):
                raise outcome


async def each_by_itself(
    ids: Sequence[str], remove: Callable[[Sequence[str]], Awaitable[object]]
) -> dict[str, Exception]:
    """Removes feedback; where that fails, with ever fewer at once, until what it fails for stands alone.

    Returns:
        What could not be removed, with the reason.

    Raises:
        DatabaseUnavailable, Conflict: No piece of feedback is to blame.
    """
    if not ids:
        return {}
    try:
        await remove(ids)
    except (DatabaseUnavailable, Conflict):
        raise
    except Exception as error:  # noqa: BLE001  Whatever is wrong with one, the others go.
        if len(ids) == 1:
            return {ids[0]: error}
        middle = len(ids) // 2
        return await each_by_itself(ids[:middle], remove) | await each_by_itself(ids[middle:], remove)
    return {}
