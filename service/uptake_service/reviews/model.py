"""Reviews as the service knows them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from uptake_service.coordination.event_log import EventContent
from uptake_service.domain.clock import lasts
from uptake_service.domain.feedback import OVERALL, Answer, FeedbackType, Sentiment
from uptake_service.domain.model import Model

UPDATE_KNOWLEDGE = "Update knowledge base with corrections"
UPDATE_INSTRUCTIONS = "Review and update prompt/instructions"

LONGEST_CLAIM = timedelta(hours=24)

COMPLAINTS_GONE = "none of the complaints that it rested on is left: they were taken back, changed or removed"


class ReviewState(StrEnum):
    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"
    CLOSED = "CLOSED"


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
    CLOSED = "CLOSED"


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
    score: str = OVERALL


class Examined(Model):
    """What the trigger saw: the part of a review that it writes.

    Attributes:
        related: The feedback, newest first.
        evidence_votes: How many votes were the evidence; 0 where none was asked for.
        evidence_negatives: How many of them were negative.
        evidence_left_out: How much feedback did not count, because its voters had counted as often as one may.
        baseline_rate: The negative rate that they were held against.
        baseline_left_out: How many votes did not count in that, for the same reason.
    """

    related: tuple[RelatedFeedback, ...]
    negative_rate: float
    priority: ReviewPriority
    suggested_action: str
    evidence_votes: int = 0
    evidence_negatives: int = 0
    evidence_left_out: int = 0
    baseline_rate: float = 0.0
    baseline_left_out: int = 0

    @property
    def sample_size(self) -> int:
        return len(self.related)

    @property
    def feedback_ids(self) -> frozenset[str]:
        return frozenset(each.feedback_id for each in self.related)


class Claim(Model):
    """Who works on a review, until when.

    Attributes:
        number: Counts the review's claims and is part of the claim's token.
        reviewer: Who.
        expire_time: Until when, by the database's clock.
        seconds: For how long from when it was made or renewed.
    """

    number: int
    reviewer: str
    expire_time: datetime
    seconds: float

    def lasts(self, now: datetime) -> bool:
        """Whether it still holds the review."""
        return lasts(self.expire_time, timedelta(seconds=self.seconds), now)


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

    def precedes(self, answer: Answer) -> bool:
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
    """A task for a person about one or more patterns.

    Attributes:
        pattern_id: The pattern that turned bad.
        covers: The patterns that it is about, `pattern_id` first; they only grow.
        opened_with: The feedback (ids) on which the trigger opened it, or reopened it last. What it examined later is
            not among them.
        complaints_gone: Whether nothing that it rested on is left. It is closed then, or once nobody has it any more.
        claim_count: How often it was claimed.
        fix: The newest fix that ended it; answers before it are not examined any more, also after a reopening.
        fix_sampled: Whether feedback on answers after the fix was enough to judge by when it was last judged.
        revision: How often it changed.
        people_revision: How many lines its history has: how often it changed but by what the trigger saw; the etag.
    """

    id: str
    project: str
    pattern_id: str
    covers: tuple[str, ...]
    state: ReviewState
    examined: Examined
    opened_with: frozenset[str] = frozenset()
    complaints_gone: bool = False
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

    def closed(self, now: datetime) -> tuple["Review", ReviewChange]:
        """The review as it is once it closed itself, and the line of history that says so."""
        resolution = Resolution(note=COMPLAINTS_GONE, reviewer="", end_time=now)
        changes = {"state": ReviewState.CLOSED, "claim": None, "resolution": resolution}
        return self.model_copy(update=changes), ReviewChange(time=now, action=ReviewAction.CLOSED, note=COMPLAINTS_GONE)

    def reopened(self) -> "Review":
        """The review as it is once it is open again, whoever opens it and whatever is left of its complaints."""
        changes = {
            "state": ReviewState.OPEN,
            "claim": None,
            "resolution": None,
            "reopen_count": self.reopen_count + 1,
            "complaints_gone": False,
        }
        return self.model_copy(update=changes)

    def event(self, action: ReviewAction) -> "ReviewEvent":
        """The event that tells of a change of this review."""
        return ReviewEvent(
            review_id=self.id,
            pattern_id=self.pattern_id,
            action=action,
            state=self.state,
            priority=self.examined.priority,
            negative_rate=self.examined.negative_rate,
            sample_size=self.examined.sample_size,
            revision=self.revision,
        )


class ReviewEvent(EventContent):
    """A review changed."""

    KIND = "REVIEW"

    review_id: str
    pattern_id: str
    action: ReviewAction
    state: ReviewState
    priority: ReviewPriority
    negative_rate: float
    sample_size: int
    revision: int

    @property
    def severity(self) -> str:
        return _severity(self.action, self.priority)


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
            and (not self.pattern_id or self.pattern_id in review.covers)
        )


def _severity(action: ReviewAction, priority: ReviewPriority) -> str:
    if action not in (ReviewAction.OPENED, ReviewAction.REOPENED):
        return "INFO"
    return "CRITICAL" if priority is ReviewPriority.HIGH else "WARNING"
