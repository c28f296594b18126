"""What a batch of changes does to feedback and to every number derived from it. Pure arithmetic, no I/O.

The numbers follow from before and after: for each piece of feedback that the batch touches, its old share is taken
out and its new one put in. So a retraction, an amendment or a second vote cannot be counted wrongly in a way of its
own.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from uptake_service.errors import DomainError, InvalidRequest, Reason, Violation, not_found
from uptake_service.feedback.model import (
    VOTES,
    Content,
    Draft,
    Feedback,
    FeedbackState,
    Sentiment,
    StoredFeedback,
)
from uptake_service.insights.rollups import RollupDeltas
from uptake_service.patterns.store import Assignment, ShareChange
from uptake_service.projects.model import Project, VotePolicy
from uptake_service.projects.store import bucket
from uptake_service.reviews.marks import Mark

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

    `change` gives the new content from the old; it raises InvalidRequest when the two do not fit together.
    """

    project: str
    id: str
    change: Callable[[Content], Content]


@dataclass(frozen=True)
class Retract:
    """Take feedback back."""

    project: str
    id: str


@dataclass(frozen=True)
class Erase:
    """Take feedback out of every number and out of sight, for good; whoever asks for this deletes it then."""

    project: str
    id: str


Change = Collect | Amend | Retract | Erase


def is_vote(draft: Draft, policy: VotePolicy) -> bool:
    """Whether a user has one of these on an interaction."""
    return policy is VotePolicy.AMEND and bool(draft.user_id) and draft.content.type in VOTES


@dataclass
class Plan:
    """The writes that a batch comes to.

    Args:
        now: Time of the batch, by the database's clock: dismissals and fixes, which feedback is held against, are too.
        writer: The writer slot.
        revision: The revision of the slot that the transaction makes.
        projects: The projects of all changes, by id.
        stored: Feedback that changes may touch, as stored.
        no_share: Makes an empty change of a pattern's share.
    """

    now: datetime
    writer: int
    revision: int
    projects: dict[str, Project]
    stored: Sequence[StoredFeedback]
    no_share: Callable[[str], ShareChange]
    _before: dict[str, StoredFeedback] = field(init=False)
    _after: dict[str, StoredFeedback] = field(init=False)
    _votes: dict[tuple[str, str, str], str] = field(init=False)
    _started: dict[str, StoredFeedback] = field(init=False, default_factory=dict)
    new_models: dict[str, set[str]] = field(init=False, default_factory=dict)
    new_sources: dict[str, set[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._before = {feedback.id: feedback for feedback in self.stored}
        self._after = dict(self._before)
        self._votes = {_vote_key(feedback): feedback.id for feedback in self.stored if feedback.vote == ""}

    def collect(self, draft: Draft, id: str, assignment: Assignment) -> Feedback:
        """Stores new feedback under `id`, or amends the vote that the user has already.

        An older vote that comes in late changes nothing: the newest is what the user thinks.
        """
        project = self.projects[draft.project]
        vote = is_vote(draft, project.settings.review_policy.vote_policy)
        if vote:
            earlier = self._votes.get((draft.project, draft.interaction.id, draft.user_id))
            if earlier is not None:
                feedback = self._after[earlier]
                if draft.occur_time < feedback.occur_time:
                    return feedback
                return self._change(
                    feedback,
                    content=draft.content,
                    sentiment=draft.content.sentiment,
                    occur_time=draft.occur_time,
                    source=draft.source,
                    source_bucket=self._bucket(project, self.new_sources, project.sources, draft.source),
                )
        feedback = StoredFeedback(
            **dict(draft),
            id=id,
            sentiment=draft.content.sentiment,
            pattern_id=assignment.pattern_id,
            create_time=self.now,
            update_time=self.now,
            state=FeedbackState.ACTIVE,
            vector=assignment.vector,
            model_bucket=self._bucket(project, self.new_models, project.models, draft.interaction.model),
            source_bucket=self._bucket(project, self.new_sources, project.sources, draft.source),
            vote="" if vote else id,
            writer=self.writer,
            revision=self.revision,
        )
        self._after[id] = feedback
        if vote:
            self._votes[_vote_key(feedback)] = id
        if assignment.starts:
            self._started.setdefault(assignment.pattern_id, feedback)
        return feedback

    def amend(self, amend: Amend) -> Feedback:
        """Raises DomainError: no such feedback, retracted, or the new content does not fit together."""
        feedback = self._find(amend.project, amend.id)
        if feedback.state is FeedbackState.RETRACTED:
            raise DomainError(
                Reason.ERROR_REASON_FEEDBACK_RETRACTED,
                f"feedback {amend.id!r} was retracted and takes no more changes",
                subject=amend.id,
            )
        content = amend.change(feedback.content)
        if content == feedback.content:
            return feedback
        if (content.type in VOTES) != (feedback.content.type in VOTES):
            raise InvalidRequest(
                [
                    Violation(
                        "feedback.type",
                        "a vote stays a vote and a correction a correction; send new feedback",
                    )
                ]
            )
        return self._change(feedback, content=content, sentiment=content.sentiment)

    def retract(self, retract: Retract) -> Feedback:
        """Raises DomainError: no such feedback. Retracting again changes nothing."""
        feedback = self._find(retract.project, retract.id)
        if feedback.state is FeedbackState.RETRACTED:
            return feedback
        if feedback.vote == "":
            self._votes.pop(_vote_key(feedback), None)
        # It leaves the user's one vote free for another.
        return self._change(feedback, state=FeedbackState.RETRACTED, vote=feedback.id)

    def erase(self, erase: Erase) -> Feedback:
        """Raises DomainError: no such feedback, or it is erased already."""
        feedback = self._find(erase.project, erase.id)
        if feedback.vote == "":
            self._votes.pop(_vote_key(feedback), None)
        return self._change(feedback, state=FeedbackState.ERASED, vote=feedback.id)

    def note_request(self, feedback_id: str, record: str) -> None:
        """Notes on feedback the request record of a call that brought or changed it."""
        feedback = self._after[feedback_id]
        self._after[feedback_id] = feedback.model_copy(update={"requests": (*feedback.requests, record)})

    @property
    def erased(self) -> list[StoredFeedback]:
        return [feedback for feedback in self.changed if feedback.state is FeedbackState.ERASED]

    def before(self, id: str) -> StoredFeedback | None:
        """Feedback as it was before the batch; None for new."""
        return self._before.get(id)

    def now_as(self, id: str) -> Feedback | DomainError:
        """Feedback that an earlier equal call made, as it is now."""
        feedback = self._after.get(id)
        if feedback is None or feedback.state is FeedbackState.ERASED:
            return not_found(Reason.ERROR_REASON_FEEDBACK_NOT_FOUND, "feedback", id)
        return feedback

    def as_planned(self, result: Feedback | DomainError) -> Feedback | DomainError:
        """The result of an item as the whole batch leaves it, or as it was where that is erased."""
        if isinstance(result, DomainError):
            return result
        after = self._after[result.id]
        return result if after.state is FeedbackState.ERASED else after

    @property
    def added(self) -> list[StoredFeedback]:
        return [feedback for id, feedback in self._after.items() if id not in self._before]

    @property
    def changed(self) -> list[StoredFeedback]:
        return [
            feedback for id, feedback in self._after.items() if id in self._before and feedback is not self._before[id]
        ]

    @property
    def started(self) -> list[StoredFeedback]:
        """For each pattern that is new, the feedback that started it."""
        return list(self._started.values())

    def changes(self) -> list[tuple[StoredFeedback | None, StoredFeedback]]:
        """What the batch touches, before (None for new) and after."""
        return [(self._before.get(feedback.id), feedback) for feedback in (*self.added, *self.changed)]

    def rollups(self) -> RollupDeltas:
        deltas = RollupDeltas()
        for feedback in self.changed:
            deltas.count(self._before[feedback.id], -1)
        for feedback in (*self.added, *self.changed):
            deltas.count(feedback, +1)
        return deltas

    def shares(self) -> dict[str, ShareChange]:
        """Changes of this writer's shares, by pattern."""
        changes: dict[str, ShareChange] = {}
        for feedback in self.changed:
            self._share(changes, self._before[feedback.id], -1)
        for feedback in (*self.added, *self.changed):
            self._share(changes, feedback, +1)
        # A vote that moved in time leaves its pattern's numbers as they are, but not what is measured by it.
        touched = {feedback.pattern_id for feedback in self.changed}
        return {id: change for id, change in changes.items() if id in touched or not change.empty}

    def marks(self, known_total: Callable[[str], int], after_fix: Collection[str]) -> list[Mark]:
        """The patterns that the trigger has to judge, with the feedback to judge them at.

        Those are the patterns that took negative feedback, those of which something was changed or taken back, and
        those that had too little feedback to be judged by.

        Args:
            known_total: Gives how much feedback a pattern had before the batch, as far as this process knows.
            after_fix: The patterns that have too little feedback on answers after their fix.
        """
        touched: dict[str, list[StoredFeedback]] = {}
        for feedback in (*self.added, *self.changed):
            touched.setdefault(feedback.pattern_id, []).append(feedback)
        marks = []
        for pattern_id, items in touched.items():
            active = sorted(
                (item for item in items if item.state is FeedbackState.ACTIVE),
                key=lambda item: (item.occur_time, item.id),
            )
            added = [item for item in active if item.id not in self._before]
            missing = self.projects[items[0].project].settings.review_policy.minimum_sample - known_total(pattern_id)
            # Until there is enough to judge by, each may be the one that makes it enough, whatever it says itself:
            # others may add to the pattern at this moment too.
            early = {item.id for item in (added if pattern_id in after_fix else added[: max(missing, 0)])}
            due = [item for item in active if _is_negative(item) or item.id in early]
            if due or any(item.id in self._before for item in items):
                marks.append(
                    Mark(
                        project=items[0].project,
                        pattern_id=pattern_id,
                        writer=self.writer,
                        revision=self.revision,
                        feedback_ids=tuple(item.id for item in due),
                        touched=len(items),
                    )
                )
        return marks

    def _share(self, changes: dict[str, ShareChange], feedback: StoredFeedback, sign: int) -> None:
        change = changes.get(feedback.pattern_id)
        if change is None:
            change = changes[feedback.pattern_id] = self.no_share(feedback.project)
        change.count(feedback, sign)

    def _find(self, project: str, id: str) -> StoredFeedback:
        feedback = self._after.get(id)
        if feedback is None or feedback.project != project or feedback.state is FeedbackState.ERASED:
            raise not_found(Reason.ERROR_REASON_FEEDBACK_NOT_FOUND, "feedback", id)
        return feedback

    def _change(self, feedback: StoredFeedback, **changes: object) -> StoredFeedback:
        changes |= {"update_time": self.now, "writer": self.writer, "revision": self.revision}
        changed = feedback.model_copy(update=changes)
        self._after[feedback.id] = changed
        return changed

    def _bucket(self, project: Project, new: dict[str, set[str]], known: tuple[str, ...], value: str) -> str:
        if not value or value in known:
            return value
        fresh = new.setdefault(project.id, set())
        counted = bucket(value, {*known, *fresh})
        if counted == value:
            fresh.add(value)
        return counted


def _is_negative(feedback: Feedback) -> bool:
    return feedback.sentiment is Sentiment.NEGATIVE


def _vote_key(feedback: StoredFeedback) -> tuple[str, str, str]:
    return feedback.project, feedback.interaction.id, feedback.user_id
