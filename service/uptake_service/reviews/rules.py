"""When a pattern has turned bad, and what follows. No I/O."""

from collections.abc import Callable, Sequence
from datetime import datetime

from uptake_service.feedback.model import Evidence, FeedbackType, Sentiment
from uptake_service.projects.model import ReviewPolicy
from uptake_service.reviews.marks import Mark
from uptake_service.reviews.model import (
    UPDATE_INSTRUCTIONS,
    UPDATE_KNOWLEDGE,
    Examined,
    RelatedFeedback,
    Review,
    ReviewPriority,
    ReviewState,
)

LOOKED_THROUGH = 1_000
"""Only so much of a pattern's feedback since a fix is looked through for answers after it: a new version that gives
fewer answers than one in a hundred is judged once it gives more."""


def examine(newest_first: Sequence[Evidence], policy: ReviewPolicy) -> Examined | None:
    """Looks at the newest feedback of a pattern.

    Returns:
        What was seen if the pattern is bad: at least the minimum sample within the window, and the share of negative
        ones above the threshold; else None.
    """
    window = newest_first[: policy.window_size]
    if len(window) < policy.minimum_sample:
        return None
    negative = sum(feedback.sentiment is Sentiment.NEGATIVE for feedback in window)
    rate = negative / len(window)
    if rate <= policy.negative_rate_threshold:
        return None
    corrected = any(feedback.type is FeedbackType.CORRECTION for feedback in window)
    return Examined(
        related=tuple(
            RelatedFeedback(
                feedback_id=feedback.id,
                type=feedback.type,
                sentiment=feedback.sentiment,
                occur_time=feedback.occur_time,
            )
            for feedback in window
        ),
        negative_rate=rate,
        priority=ReviewPriority.HIGH if len(window) > policy.high_priority_above else ReviewPriority.MEDIUM,
        suggested_action=UPDATE_KNOWLEDGE if corrected else UPDATE_INSTRUCTIONS,
    )


def judge(
    newest_first: Sequence[Evidence],
    mark: Mark,
    policy: ReviewPolicy,
    quiet_before: Callable[[Sequence[Evidence]], bool] = lambda later: False,
) -> tuple[str, Examined] | None:
    """Judges a pattern at each piece of feedback of a mark, oldest first, as if they had come one by one.

    At each, what the same batch brought after it is left out, so that batching changes no outcome.

    Args:
        newest_first: The pattern's newest feedback: the window and all that the batch touched.
        mark: The batch's due judgement.
        policy: The project's policy.
        quiet_before: Whether the pattern was left alone before the same batch's later feedback, which it is given.

    Returns:
        The feedback at which it first was bad and not left alone, and what was seen when it last was; None if it
        never was.
    """
    same_batch = {
        feedback.id for feedback in newest_first if (feedback.writer, feedback.revision) == (mark.writer, mark.revision)
    }
    due = {feedback.id for feedback in newest_first} & set(mark.feedback_ids)
    points = [feedback for feedback in reversed(newest_first) if feedback.id in due] or newest_first[:1]
    trigger = ""
    last: Examined | None = None
    for point in points:
        seen = [feedback for feedback in newest_first if feedback.id not in same_batch or feedback.order <= point.order]
        examined = examine(seen, policy)
        if examined is not None:
            later = [
                feedback for feedback in newest_first if feedback.id in same_batch and feedback.order > point.order
            ]
            if quiet_before(later):
                continue
            trigger = trigger or point.id
            last = examined
    return None if last is None else (trigger, last)


def is_quiet(review: Review | None, policy: ReviewPolicy, negatives_since: int, now: datetime) -> bool:
    """Whether a pattern is left alone because its newest review was dismissed.

    Args:
        review: The pattern's newest review.
        policy: The project's policy.
        negatives_since: Negative feedback that came in after the dismissal.
        now: The time.
    """
    if review is None or review.state is not ReviewState.DISMISSED or review.resolution is None:
        return False
    if now >= review.resolution.end_time + policy.dismissal_quiet_period:
        return False
    return negatives_since < sum(item.sentiment is Sentiment.NEGATIVE for item in review.examined.related)
