"""The recount of the trigger: its marks, and whether a pattern should have a review that it has not."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from uptake_service.feedback.model import Answer, Evidence, FeedbackState, Sentiment, StoredFeedback
from uptake_service.projects.model import Project
from uptake_service.reviews.marks import Mark
from uptake_service.reviews.model import Review, ReviewState
from uptake_service.reviews.rules import LOOKED_THROUGH, examine, is_quiet


class TriggerRecount:
    """Looks at one pattern's feedback as it goes by, oldest first, and keeps no more of it than the trigger examines.

    Args:
        pattern_id: The pattern.
        project: The pattern's project.
        reviews: All reviews of the pattern.
        marks: The pattern's marks.
        revisions: The revision of each writer's slot.
    """

    def __init__(
        self,
        pattern_id: str,
        project: Project,
        reviews: Sequence[Review],
        marks: Sequence[Mark],
        revisions: Mapping[int, int],
    ) -> None:
        self._pattern_id = pattern_id
        self._project = project
        self._policy = project.settings.review_policy
        self._marks = [_MarkRecount(mark, revisions.get(mark.writer, 0)) for mark in marks]
        self._review = max(reviews, key=lambda review: (review.active, review.create_time), default=None)
        self._fix = self._review.fix if self._review else None
        self._end = self._review.resolution.end_time if self._review and self._review.resolution else None
        self._newest: deque[tuple[Evidence, Answer]] = deque(
            maxlen=LOOKED_THROUGH if self._fix else self._policy.window_size
        )
        self._negatives_since_end = 0
        self._last_change: datetime | None = None
        self._last_due: datetime | None = None

    def count(self, feedback: StoredFeedback) -> None:
        for mark in self._marks:
            mark.count(feedback)
        negative = feedback.state is FeedbackState.ACTIVE and feedback.sentiment is Sentiment.NEGATIVE
        self._last_change = _later(self._last_change, feedback.update_time)
        if negative or feedback.update_time > feedback.create_time:
            self._last_due = _later(self._last_due, feedback.update_time)
        if feedback.state is not FeedbackState.ACTIVE:
            return
        if negative and self._end is not None and feedback.create_time > self._end:
            self._negatives_since_end += 1
        fix = self._fix
        # As the trigger reads it: what occurred before the fix is not looked at, whatever its versions.
        if fix is None or feedback.occur_time >= fix.time:
            self._newest.append((Evidence.of(feedback), feedback.answer))

    def differences(self) -> Iterator[str]:
        """Names what is wrong, once all feedback of the pattern went by."""
        for mark in self._marks:
            yield from mark.differences()
        if not self._marks and self._is_due():
            yield f"pattern {self._pattern_id}: is due for a review and has none"

    def _is_due(self) -> bool:
        """Whether the trigger, when it judged the pattern last, should have opened or reopened a review."""
        review = self._review
        # Until there is enough after a fix the trigger judges at whatever comes in.
        judged = self._last_change if review is not None and not review.fix_sampled else self._last_due
        if judged is None or (self._project.update_time and self._project.update_time >= judged):
            # Under a new policy a pattern is judged when something comes in, not before.
            return False
        if review is not None:
            if review.active or (self._end is not None and self._end >= judged):
                return False
            quiet = is_quiet(review, self._policy, self._negatives_since_end, judged)
            if review.state is ReviewState.DISMISSED and quiet:
                return False
        fix = self._fix
        seen = [evidence for evidence, answer in reversed(self._newest) if fix is None or fix.is_before(answer)]
        return examine(seen, self._policy) is not None


class _MarkRecount:
    def __init__(self, mark: Mark, revision: int) -> None:
        self._mark = mark
        self._missing = set(mark.feedback_ids)
        self._found: list[str] = []
        if mark.revision > revision:
            self._found.append(f"is of revision {mark.revision}, but its writer made only {revision}")

    def count(self, feedback: StoredFeedback) -> None:
        mark, id = self._mark, feedback.id
        if id in self._missing:
            self._missing.remove(id)
            if feedback.writer == mark.writer and feedback.revision < mark.revision:
                self._found.append(f"names feedback {id}, which was written before it")
        elif (
            feedback.state is FeedbackState.ACTIVE
            and feedback.sentiment is Sentiment.NEGATIVE
            and (feedback.writer, feedback.revision) == (mark.writer, mark.revision)
        ):
            self._found.append(f"does not name feedback {id}, which it should")

    def differences(self) -> Iterator[str]:
        for id in sorted(self._missing):
            self._found.append(f"names feedback {id}, which its pattern does not have")
        for problem in self._found:
            yield f"trigger mark {self._mark.name}: {problem}"


def _later(known: datetime | None, time: datetime) -> datetime:
    return time if known is None else max(known, time)
