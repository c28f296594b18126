"""What callers ask for: changes of feedback, each for itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from uptake_service.domain.feedback import VOTES, CollectOutcome, Content, Draft, Feedback, StoredFeedback
from uptake_service.domain.project import VotePolicy

AMENDABLE = ("type", "rating", "correction", "custom", "comment", "labels")
"""Paths of an update mask of AmendFeedback."""


@dataclass(frozen=True)
class Collect:
    """Store new feedback, or amend the user's vote with it."""

    draft: Draft

    @property
    def project(self) -> str:
        return self.draft.project


@dataclass(frozen=True)
class Amend:
    """Change what the user said.

    Attributes:
        change: Gives the new content from the old; raises InvalidRequest when the two do not fit together.
        fields: What it sets, of AMENDABLE.
        comment: The new comment, where it sets that: feedback without a query is grouped by it.
        time: When it was asked for.
        correction: The texts of the new correction, where it sets that.
    """

    project: str
    id: str
    change: Callable[[Content], Content]
    fields: tuple[str, ...]
    comment: str
    time: datetime
    correction: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retract:
    """Take feedback back."""

    project: str
    id: str


@dataclass(frozen=True)
class Erase:
    """Take feedback out of every number and out of sight, for good; whoever asks for this deletes it then.

    With `before` only what occurred earlier than that: a vote that moved meanwhile is no longer old.
    """

    project: str
    id: str
    before: datetime | None = None


Change = Collect | Amend | Retract | Erase


@dataclass(frozen=True)
class Made:
    """What a change made: the feedback as it is now, and, of collecting, what that did and the vote that it changed."""

    feedback: Feedback
    outcome: CollectOutcome | None = None
    replaced: StoredFeedback | None = None


def is_vote(draft: Draft, policy: VotePolicy) -> bool:
    """Whether a user has one of these of each score on an interaction."""
    return policy is VotePolicy.AMEND and bool(draft.user_id) and draft.content.type in VOTES
