"""Removes feedback: out of every number first, through the intake like any other change, then from the database."""

import asyncio
from collections.abc import Sequence

from uptake_service.errors import DomainError, Reason
from uptake_service.feedback.intake import Intake
from uptake_service.feedback.plan import Erase
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.mongo.client import Session


class Removing:
    def __init__(self, intake: Intake, feedback: FeedbackStore, members: IssueMembers) -> None:
        self._intake = intake
        self._feedback = feedback
        self._members = members

    async def mark(self, project: str, ids: Sequence[str]) -> None:
        """Takes feedback out of every number and out of sight; what is erased or gone already is left.

        Raises:
            DomainError: It could not be done now; some of it may have been.
        """
        waiting = [await self._intake.submit_streamed(Erase(project, id), None, None) for id in ids]
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, DomainError) and outcome.reason == Reason.ERROR_REASON_FEEDBACK_NOT_FOUND:
                continue
            if isinstance(outcome, BaseException):
                raise outcome

    async def delete(self, ids: Sequence[str], session: Session) -> int:
        """Deletes what is marked, and tells how much that was."""
        await self._members.delete_of_feedback(ids, session)
        return await self._feedback.delete_erased(ids, session)
