"""The recount of feedback by itself: what each piece says of itself, and the requests that made or changed it."""

from collections.abc import Iterator

from uptake_service.coordination.idempotency import RequestRecord
from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import VOTES, FeedbackState, StoredFeedback, vote_slot
from uptake_service.domain.project import Project, VotePolicy
from uptake_service.domain.votes import merge
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session

_ERASING = ("EraseUserFeedback", "DeleteFeedback")
"""What these made is an erasure."""


class FeedbackRecount(Recount):
    """Holds feedback against what was said, and against the request records that name it."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._feedback = FeedbackStore(mongo, clock)
        self._named: dict[str, str] = {}
        self._found: list[str] = []
        self._counted = 0

    def note(self, record: RequestRecord) -> None:
        if record.method.endswith("Feedback") and record.method not in _ERASING:
            self._named[record.resource] = record.id

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        self._counted += 1
        self._named.pop(feedback.id, None)
        self._found += _differences(feedback, project)

    async def differences(self, session: Session) -> list[str]:
        there = await self._feedback.count(session)
        if there != self._counted:
            self._found.append(f"feedback: {there} pieces are there, {self._counted} of them in projects that are")
        return [
            *self._found,
            *(
                f"request record {record}: its feedback {resource} is not there"
                for resource, record in sorted(self._named.items())
            ),
        ]


def _differences(feedback: StoredFeedback, project: Project) -> Iterator[str]:
    """Names what is wrong with a piece of feedback by itself."""
    said = feedback.content.sentiment
    if feedback.sentiment is not said:
        yield f"feedback {feedback.id}: sentiment is {feedback.sentiment}, what was said is {said}"
    if feedback.vote not in _votes(feedback, project):
        yield f"feedback {feedback.id}: vote is {feedback.vote!r}"
    if feedback.statements and merge(feedback.statements).content != feedback.content:
        yield f"feedback {feedback.id}: it is not what all its statements come to"


def _votes(feedback: StoredFeedback, project: Project) -> tuple[str, ...]:
    """What `vote` may be."""
    if feedback.state is not FeedbackState.ACTIVE or not feedback.user_id or feedback.content.type not in VOTES:
        return (feedback.id,)
    slot = vote_slot(feedback.score)
    # Under settings that changed, votes of before may stand.
    amends = project.settings.review_policy.vote_policy is VotePolicy.AMEND and project.revision == 0
    return (slot,) if amends else (slot, feedback.id)
