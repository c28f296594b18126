"""The recount of feedback by itself: what each piece says of itself, and the requests that made or changed it."""

from collections.abc import Iterator

from uptake_service.feedback.model import VOTES, FeedbackState, StoredFeedback
from uptake_service.mongo.requests import RequestRecord
from uptake_service.projects.model import Project, VotePolicy


class FeedbackRecount:
    """Holds feedback, as it goes by, against what was said and against the request records that name it."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}

    def expect(self, record: RequestRecord) -> None:
        """Takes a record of a call that made or changed feedback, before any feedback goes by."""
        if record.expire_time is None:
            self._named[record.resource] = record.id

    def differences(self, feedback: StoredFeedback, project: Project) -> Iterator[str]:
        """Names what is wrong with a piece of feedback."""
        self._named.pop(feedback.id, None)
        said = feedback.content.sentiment
        if feedback.sentiment is not said:
            yield f"feedback {feedback.id}: sentiment is {feedback.sentiment}, what was said is {said}"
        if feedback.vote not in _votes(feedback, project):
            yield f"feedback {feedback.id}: vote is {feedback.vote!r}"

    def left_over(self) -> Iterator[str]:
        """Names the records whose feedback never went by."""
        for resource, record in sorted(self._named.items()):
            yield f"request record {record}: its feedback {resource} is not there"


def _votes(feedback: StoredFeedback, project: Project) -> tuple[str, ...]:
    """What `vote` may be."""
    if feedback.state is not FeedbackState.ACTIVE or not feedback.user_id or feedback.content.type not in VOTES:
        return (feedback.id,)
    # Under settings that changed, votes of before may stand.
    amends = project.settings.review_policy.vote_policy is VotePolicy.AMEND and project.revision == 0
    return ("",) if amends else ("", feedback.id)
