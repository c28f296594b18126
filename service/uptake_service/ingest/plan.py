"""What a batch of changes does to feedback and to every number derived from it. Pure arithmetic, no I/O.

The numbers follow from before and after: for each piece of feedback that the batch touches, its old share is taken
out and its new one put in. So a retraction, an amendment or a second vote cannot be counted wrongly in a way of its
own.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from uptake_service.coordination.idempotency import erased
from uptake_service.domain.clock import MICROSECOND, older
from uptake_service.domain.errors import DomainError, InvalidRequest, Reason, Violation, not_found
from uptake_service.domain.feedback import (
    VOTES,
    CollectOutcome,
    Draft,
    Feedback,
    FeedbackState,
    Statement,
    StoredFeedback,
    Transition,
    text_of,
    vote_slot,
)
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.project import Project
from uptake_service.domain.voters import bucket_of
from uptake_service.domain.votes import Merged, merge, with_statement
from uptake_service.ingest.changes import Amend, Erase, Made, Retract, is_vote
from uptake_service.projects.store import bucket

WithoutText = Callable[[str, str], Assignment]
"""Gives the pattern of an interaction of which there is no text, by project and interaction id."""


@dataclass
class Plan:
    """The writes that a batch comes to.

    Args:
        now: Time of the batch, by the database's clock: dismissals and fixes, which feedback is held against, are too.
        writer: The writer slot.
        revision: The revision of the slot that the transaction makes.
        projects: The projects of all changes, by id.
        stored: Feedback that changes may touch, as stored.
        without_text: Gives the pattern of an interaction of which there is no text.
    """

    now: datetime
    writer: int
    revision: int
    projects: Mapping[str, Project]
    stored: Sequence[StoredFeedback]
    without_text: WithoutText
    _before: dict[str, StoredFeedback] = field(init=False)
    _after: dict[str, StoredFeedback] = field(init=False)
    _votes: dict[tuple[str, str, str, str], str] = field(init=False)
    _started: dict[str, StoredFeedback] = field(init=False, default_factory=dict)
    _starting: set[str] = field(init=False, default_factory=set)
    new_models: dict[str, set[str]] = field(init=False, default_factory=dict)
    new_sources: dict[str, set[str]] = field(init=False, default_factory=dict)
    new_scores: dict[str, set[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._before = {feedback.id: feedback for feedback in self.stored}
        self._after = dict(self._before)
        self._votes = {_vote_key(feedback): feedback.id for feedback in self.stored if _is_one_vote(feedback)}

    def collect(self, draft: Draft, id: str, assignment: Assignment, key_id: str = "") -> Made:
        """Stores new feedback under `id`, by the key that brings it, or amends the vote that the user has already.

        Raises:
            DomainError: It is older than the project keeps feedback.
        """
        project = self.projects[draft.project]
        age = project.settings.retention.feedback_age
        if age is not None and draft.occur_time < older(self.now, age):
            raise DomainError(
                Reason.ERROR_REASON_FEEDBACK_EXPIRED,
                f"it occurred on {draft.occur_time:%Y-%m-%d}; the project keeps feedback for {age.days:,} days, so "
                "nothing was stored",
                metadata={"feedback_age": f"{age.total_seconds():.15g}s"},
            )
        vote = is_vote(draft, project.settings.review_policy.vote_policy)
        if vote:
            earlier = self._votes.get((draft.project, draft.interaction.id, draft.user_id, vote_slot(draft.score)))
            if earlier is not None:
                return self._vote_again(self._after[earlier], draft, assignment, project)
        feedback = StoredFeedback(
            **dict(draft),
            id=id,
            sentiment=draft.content.sentiment,
            pattern_id=assignment.pattern_id,
            create_time=self.now,
            update_time=self.now,
            state=FeedbackState.ACTIVE,
            vector=assignment.vector,
            embedder=assignment.embedder,
            model_bucket=self._bucket(project, self.new_models, project.models, draft.interaction.model),
            source_bucket=self._bucket(project, self.new_sources, project.sources, draft.source),
            score_bucket=self._bucket(
                project,
                self.new_scores,
                project.scores,
                draft.score,
                apart=draft.score in project.settings.review_policy.scores,
            ),
            voter_bucket=bucket_of(draft.project, draft.voter),
            vote=vote_slot(draft.score) if vote else id,
            writer=self.writer,
            revision=self.revision,
            key_id=key_id,
        )
        self._after[id] = feedback
        if vote:
            self._votes[_vote_key(feedback)] = id
        if assignment.starts:
            self._started.setdefault(assignment.pattern_id, feedback)
        return Made(feedback, CollectOutcome.CREATED)

    def amend(self, amend: Amend, assignment: Assignment | None) -> Feedback:
        """Changes what the user said; `assignment` is the pattern of a new comment.

        Raises:
            DomainError: No such feedback, retracted, or the new content does not fit together.
        """
        feedback = self._find(amend.project, amend.id)
        if feedback.state is FeedbackState.RETRACTED:
            raise DomainError(
                Reason.ERROR_REASON_FEEDBACK_RETRACTED,
                f"feedback {amend.id!r} was retracted and takes no more changes",
                subject=amend.id,
                metadata={"feedback_id": amend.id},
            )
        content = amend.change(feedback.content)
        one_vote = _is_one_vote(feedback)
        if content == feedback.content and (not one_vote or _is_amended(feedback, amend.fields)):
            return feedback
        old, new = feedback.content.type, content.type
        if old != new and not (old in VOTES and new in VOTES):
            raise InvalidRequest(
                [
                    Violation(
                        "feedback.type",
                        "a vote stays a vote, a correction a correction and a comment a comment; send new feedback",
                    )
                ]
            )
        changes: dict[str, object] = {}
        if one_vote:
            # Newer than all that was said, whoever's clock told the time of that.
            statements = _statements(feedback)
            time = max(amend.time, *(each.time + MICROSECOND for each in statements))
            amendment = Statement(
                time=time,
                occur_time=feedback.occur_time,
                content=content,
                interaction=feedback.interaction,
                amended=amend.fields,
            )
            statements = with_statement(statements, amendment)
            merged = merge(statements)
            if merged.content == feedback.content:
                # What it shows stands, but not what it hides, nor what older votes may still fill.
                changes["update_time"] = feedback.update_time
            content = merged.content
            changes |= {"statements": statements, "said_time": merged.said_time}
        changes |= {"content": content, "sentiment": content.sentiment}
        placed = self._placed(feedback, text_of(feedback.interaction, content), amend.comment, assignment)
        return self._change(feedback, **changes, **placed)

    def retract(self, retract: Retract) -> Feedback:
        """Raises DomainError: no such feedback. Retracting again changes nothing."""
        feedback = self._find(retract.project, retract.id)
        if feedback.state is FeedbackState.RETRACTED:
            return feedback
        if _is_one_vote(feedback):
            self._votes.pop(_vote_key(feedback), None)
        # It leaves the user's one vote free for another.
        return self._change(feedback, state=FeedbackState.RETRACTED, vote=feedback.id)

    def erase(self, erase: Erase) -> Feedback:
        """Raises DomainError: no such feedback, or it is erased already."""
        feedback = self._find(erase.project, erase.id)
        if erase.before is not None and feedback.occur_time >= erase.before:
            return feedback
        if _is_one_vote(feedback):
            self._votes.pop(_vote_key(feedback), None)
        return self._change(feedback, state=FeedbackState.ERASED, vote=feedback.id)

    def note_request(self, made: Made, record: str) -> bool:
        """Notes the request record of a call that made or changed feedback; tells whether it made it.

        It is written in any case, so that the record and an erasure are in each other's way.
        """
        feedback, is_new = self._after[made.feedback.id], made.outcome is CollectOutcome.CREATED
        written: dict[str, object] = {"writer": self.writer, "revision": self.revision}
        if is_new:
            written["requests"] = (record,)
        self._after[feedback.id] = feedback.model_copy(update=written)
        return is_new

    def before(self, id: str) -> StoredFeedback | None:
        """Feedback as it was before the batch; None for new."""
        return self._before.get(id)

    def resolve_repeated(self, id: str) -> Feedback | DomainError:
        """Feedback that an earlier equal call made, as it is now."""
        feedback = self._after.get(id)
        if feedback is None or feedback.state is FeedbackState.ERASED:
            # It is out of sight, and its record will be a tombstone in a moment.
            return erased()
        return feedback

    def final_state(self, result: Made | DomainError) -> Made | DomainError:
        """The result of an item as the whole batch leaves it, or as it was where that is erased."""
        if isinstance(result, DomainError):
            return result
        after = self._after[result.feedback.id]
        return result if after.state is FeedbackState.ERASED else Made(after, result.outcome)

    def new_values(self, project: str) -> dict[str, set[str]]:
        """The values that are to be counted apart from now on, where there are any: of models, sources and scores."""
        new = {"models": self.new_models, "sources": self.new_sources, "scores": self.new_scores}
        return {name: values[project] for name, values in new.items() if values.get(project)}

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

    def transitions(self) -> list[Transition]:
        """What becomes of each piece of feedback that the batch touches."""
        return [Transition(self._before.get(feedback.id), feedback) for feedback in (*self.added, *self.changed)]

    def _vote_again(self, feedback: StoredFeedback, draft: Draft, assignment: Assignment, project: Project) -> Made:
        """Amends a user's vote with another of the same score on the same interaction."""
        vote = Statement(
            time=draft.said_time,
            occur_time=draft.occur_time,
            content=draft.content,
            interaction=draft.interaction,
            source=draft.source,
        )
        before = _statements(feedback)
        statements = with_statement(before, vote)
        if statements == before:
            return Made(feedback, CollectOutcome.UNCHANGED)
        merged = merge(statements)
        changes: dict[str, object] = {
            "statements": statements,
            "said_time": merged.said_time,
            "content": merged.content,
            "sentiment": merged.content.sentiment,
            "interaction": merged.interaction,
            "source": merged.source,
            "occur_time": merged.occur_time,
            "model_bucket": self._bucket(project, self.new_models, project.models, merged.interaction.model),
            "source_bucket": self._bucket(project, self.new_sources, project.sources, merged.source),
            **self._placed(feedback, text_of(merged.interaction, merged.content), draft.text, assignment),
        }
        if _is_same(feedback, merged):
            # It is older, or says nothing new; but it counts once something else comes in late.
            return Made(self._change(feedback, **changes, update_time=feedback.update_time), CollectOutcome.UNCHANGED)
        return Made(self._change(feedback, **changes), CollectOutcome.AMENDED, feedback)

    def _placed(
        self, feedback: StoredFeedback, text: str, new_text: str, assignment: Assignment | None
    ) -> dict[str, object]:
        """What places changed feedback into the pattern of its text: the one of before, or that of the new text."""
        if text == feedback.text:
            return {}
        if not text:
            assignment = self.without_text(feedback.project, feedback.interaction.id)
        elif text != new_text or assignment is None:
            # Words of an older vote, which no one looked for a pattern of; they stay where the vote is.
            return {}
        if assignment.starts:
            self._starting.add(assignment.pattern_id)
        return {
            "pattern_id": assignment.pattern_id,
            "vector": assignment.vector,
            "embedder": assignment.embedder,
        }

    def _find(self, project: str, id: str) -> StoredFeedback:
        feedback = self._after.get(id)
        if feedback is None or feedback.project != project or feedback.state is FeedbackState.ERASED:
            raise not_found(Reason.ERROR_REASON_FEEDBACK_NOT_FOUND, "feedback", id)
        return feedback

    def _change(self, feedback: StoredFeedback, **changes: object) -> StoredFeedback:
        written = {"update_time": self.now, "writer": self.writer, "revision": self.revision}
        changed = feedback.model_copy(update=written | changes)
        self._after[feedback.id] = changed
        if changed.pattern_id in self._starting:
            self._started.setdefault(changed.pattern_id, changed)
        return changed

    def _bucket(
        self, project: Project, new: dict[str, set[str]], known: tuple[str, ...], value: str, *, apart: bool = False
    ) -> str:
        """The value under which a value is counted; with `apart` by itself, however many there are."""
        if not value or value in known:
            return value
        fresh = new.setdefault(project.id, set())
        counted = value if apart else bucket(value, {*known, *fresh})
        if counted == value:
            fresh.add(value)
        return counted


def _is_one_vote(feedback: StoredFeedback) -> bool:
    """Whether it is a user's one vote of its score on the interaction."""
    return feedback.vote == vote_slot(feedback.score)


def _vote_key(feedback: StoredFeedback) -> tuple[str, str, str, str]:
    return feedback.project, feedback.interaction.id, feedback.user_id, feedback.vote


def _is_amended(feedback: StoredFeedback, fields: Collection[str]) -> bool:
    """Whether the last that was said is an amendment that set these fields."""
    last = max(feedback.statements, key=lambda statement: statement.time, default=None)
    return last is not None and last.amended is not None and set(fields) <= set(last.amended)


def _statements(feedback: StoredFeedback) -> tuple[Statement, ...]:
    """All that was said in a vote."""
    return feedback.statements or (
        Statement(
            time=feedback.said_time,
            occur_time=feedback.occur_time,
            content=feedback.content,
            interaction=feedback.interaction,
            source=feedback.source,
        ),
    )


def _is_same(feedback: StoredFeedback, merged: Merged) -> bool:
    stands = feedback.content, feedback.interaction, feedback.source, feedback.occur_time
    return stands == (merged.content, merged.interaction, merged.source, merged.occur_time)
