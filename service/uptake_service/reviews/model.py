"""Reviews as the service knows them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from uptake_service.feedback.model import Answer, FeedbackType, Sentiment
from uptake_service.model import Model
from uptake_service.mongo.events import NewEvent

UPDATE_KNOWLEDGE = "Update knowledge base with corrections"
UPDATE_INSTRUCTIONS = "Review and update prompt/instructions"


class ReviewState(StrEnum):
    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"


ACTIVE_STATES = (ReviewState.OPEN, ReviewState.CLAIMED)


class ReviewPriority(StrEnum):
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class ReviewAction(StrEnum):
    OPENED = "OPENED"
    UPDATED = "UPDATED"
    CLAIMED = "CLAIMED"
    RENEWED = "RENEWED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"
    REOPENED = "REOPENED"
    MERGED = "MERGED"


class ReviewOrder(StrEnum):
    NEWEST = "NEWEST"
    MOST_URGENT = "MOST_URGENT"


@dataclass(frozen=True, slots=True)
class RelatedFeedback:
    """A piece of feedback that the trigger examined."""

    feedback_id: str
    type: FeedbackType
    sentiment: Sentiment
    occur_time: datetime


class Examined(Model):
    """What the trigger saw: the part of a review that it writes. `related` is newest first."""

    related: tuple[RelatedFeedback, ...]
    negative_rate: float
    priority: ReviewPriority
    suggested_action: str

    @property
    def sample_size(self) -> int:
        return len(self.related)


class Claim(Model):
    """Who works on a review, until when. `number` counts the review's claims and is part of the claim's token."""

    number: int
    reviewer: str
    expire_time: datetime


class Fix(Model):
    """What tells answers before a fix from answers after it.

    An answer's versions tell, where it has any and answers before the fix had: one not seen before is after it. New
    instructions come with a new version. A change of knowledge mostly leaves the product's versions as they were, and
    then what it answers would never count; so there versions tell only once one was seen that was not there before.
    Where versions do not tell, the time of the answer does.

    Attributes:
        time: When it went live.
        versions: Versions (name, value) of answers seen before it.
        versions_tell: Whether versions tell, or only would once a new one was seen.
    """

    time: datetime
    versions: frozenset[tuple[str, str]] = frozenset()
    versions_tell: bool = True

    def is_new(self, answer: Answer) -> bool:
        """Whether an answer is of a version that was not there before the fix, where any were."""
        return bool(self.versions) and bool(answer.versions - self.versions)

    def is_before(self, answer: Answer) -> bool:
        """Whether an answer was given after the fix."""
        if self.versions_tell and self.versions and answer.versions:
            return self.is_new(answer)
        return answer.time >= self.time


class Resolution(Model):
    """How a review ended. `fix` is None for a dismissal."""

    note: str
    reviewer: str
    end_time: datetime
    fix: Fix | None = None
    correction_ids: tuple[str, ...] = ()
    merged_into_review_id: str = ""


class ReviewChange(Model):
    """One line of a review's history."""

    time: datetime
    action: ReviewAction
    actor: str = ""
    note: str = ""
    key_id: str = ""


class Review(Model):
    """A task for a person about one pattern.

    Attributes:
        claim_count: How often it was claimed.
        fix: The newest fix that ended it; answers before it are not examined any more, also after a reopening.
        fix_sampled: Whether feedback on answers after the fix was enough to judge by when it was last judged.
        revision: How often it changed.
        people_revision: How many lines its history has: how often it changed but by what the trigger saw; the etag.
    """

    id: str
    project: str
    pattern_id: str
    state: ReviewState
    examined: Examined
    trigger_feedback_id: str
    claim: Claim | None = None
    claim_count: int = 0
    fix: Fix | None = None
    fix_sampled: bool = True
    resolution: Resolution | None = None
    reopen_count: int = 0
    revision: int = 1
    people_revision: int = 1
    create_time: datetime
    update_time: datetime

    @property
    def etag(self) -> str:
        return str(self.people_revision)

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES

    def event(self, action: ReviewAction) -> NewEvent:
        """The event that tells of a change of this review."""
        return NewEvent(
            kind="REVIEW",
            severity=_severity(action, self.examined.priority),
            payload={
                "review_id": self.id,
                "pattern_id": self.pattern_id,
                "action": action.value,
                "state": self.state.value,
                "priority": self.examined.priority.value,
                "negative_rate": self.examined.negative_rate,
                "sample_size": self.examined.sample_size,
                "revision": self.revision,
            },
        )


class ReviewFilter(Model):
    """Narrows a list: every set field must match, a tuple matches any of its values."""

    states: tuple[ReviewState, ...] = ()
    priorities: tuple[ReviewPriority, ...] = ()
    assignee: str = ""
    pattern_id: str = ""

    def matches(self, review: Review) -> bool:
        return (
            (not self.states or review.state in self.states)
            and (not self.priorities or review.examined.priority in self.priorities)
            and (not self.assignee or (review.claim is not None and review.claim.reviewer == self.assignee))
            and (not self.pattern_id or review.pattern_id == self.pattern_id)
        )


def _severity(action: ReviewAction, priority: ReviewPriority) -> str:
    if action not in (ReviewAction.OPENED, ReviewAction.REOPENED):
        return "INFO"
    return "CRITICAL" if priority is ReviewPriority.HIGH else "WARNING"
