"""Which patterns the trigger has to judge after a batch, and at which feedback. Pure."""

from collections.abc import Callable, Collection, Sequence

from uptake_service.domain.feedback import (
    OVERALL,
    Feedback,
    FeedbackState,
    FeedbackType,
    Sentiment,
    StoredFeedback,
    Transition,
)
from uptake_service.projections.projection import Commit
from uptake_service.reviews.outbox import OutboxEntry


def due_patterns(
    transitions: Sequence[Transition],
    commit: Commit,
    known_verdicts: Callable[[str], int],
    after_fix: Collection[str],
) -> list[OutboxEntry]:
    """The patterns that the trigger has to judge, with the feedback to judge them at.

    Those are the patterns that took negative feedback or a correction, those of which something was changed, moved
    away or taken back, and those that had too little feedback to be judged by.

    Args:
        transitions: What the batch makes of feedback.
        commit: The batch's commit.
        known_verdicts: Gives how much feedback of the overall score, without comments, a pattern had before the batch,
            as far as this process knows.
        after_fix: The patterns that have too little feedback on answers after their fix.
    """
    touched: dict[str, list[StoredFeedback]] = {}
    left: dict[str, list[StoredFeedback]] = {}
    old: set[str] = set()
    for before, after in transitions:
        touched.setdefault(after.pattern_id, []).append(after)
        if before is not None:
            old.add(after.id)
            if before.pattern_id != after.pattern_id:
                left.setdefault(before.pattern_id, []).append(before)
    due: list[OutboxEntry] = []
    for pattern_id in (*touched, *(id for id in left if id not in touched)):
        items = touched.get(pattern_id, [])
        project = commit.projects[(items or left[pattern_id])[0].project]
        active = sorted(
            (item for item in items if item.state is FeedbackState.ACTIVE),
            key=lambda item: (item.occur_time, item.id),
        )
        added = [item for item in active if item.id not in old]
        policy = project.settings.review_policy
        judged = [
            item for item in added if item.score in policy.scores and item.content.type is not FeedbackType.COMMENT
        ]
        missing = policy.minimum_sample - (known_verdicts(pattern_id) if OVERALL in policy.scores else 0)
        # Until there is enough to judge by, each may be the one that makes it enough, whatever it says itself:
        # others may add to the pattern at this moment too.
        early = {item.id for item in (judged if pattern_id in after_fix else judged[: max(missing, 0)])}
        judged_at = [item for item in active if _is_negative(item) or item.id in early]
        corrected = any(item.content.type is FeedbackType.CORRECTION for item in added)
        changed = pattern_id in left or any(item.id in old for item in items)
        if judged_at or corrected or changed:
            due.append(
                OutboxEntry(
                    project=project.id,
                    pattern_id=pattern_id,
                    writer=commit.writer,
                    revision=commit.revision,
                    feedback_ids=tuple(item.id for item in judged_at),
                    touched=len(items),
                    changed=changed,
                )
            )
    return due


def _is_negative(feedback: Feedback) -> bool:
    return feedback.sentiment is Sentiment.NEGATIVE
