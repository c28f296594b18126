"""The recount of the trigger: its marks, and whether a pattern should have a review that it has not."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from uptake_service.domain.clock import hour_of
from uptake_service.domain.feedback import (
    VOTES,
    Evidence,
    FeedbackState,
    FeedbackType,
    Sentiment,
    StoredFeedback,
)
from uptake_service.domain.project import Project
from uptake_service.projections.vote_counts import VotesByBucket
from uptake_service.reviews.baseline import VotesByHour, hours_of, newest, outside
from uptake_service.reviews.model import Review, ReviewState
from uptake_service.reviews.outbox import OutboxEntry
from uptake_service.reviews.rules import (
    LOOKED_THROUGH,
    counting_negatives,
    examine,
    is_quiet,
    most_of_voter,
    rows_needed,
)

_CLEARLY = 0.1
"""Only what is ten times as unlikely as the policy asks for is told to be due. The trigger judged when feedback came
in, by the rate outside at that moment; what was changed since, no recount can know."""


_MOST_HOURS = 2_000
"""With votes in more hours those are forgotten that are too old to tell anything."""


def count_vote(votes: VotesByHour, feedback: StoredFeedback) -> None:
    if feedback.content.type in VOTES:
        votes.add(hour_of(feedback.occur_time), VotesByBucket.of_one(feedback))


class RelatedRecount:
    """Holds what active reviews say of feedback against the feedback, as it goes by."""

    def __init__(self, reviews: Iterable[Review], waiting: Iterable[str]) -> None:
        """`waiting`: the patterns that the trigger has still to judge."""
        self._waiting = set(waiting)
        self._said: defaultdict[str, list[tuple[Review, Sentiment]]] = defaultdict(list)
        for review in reviews:
            if review.active and not self._waiting.intersection(review.covers):
                for related in review.examined.related:
                    self._said[related.feedback_id].append((review, related.sentiment))

    def count(self, feedback: StoredFeedback) -> None:
        kept = []
        for review, sentiment in self._said.pop(feedback.id, ()):
            same = feedback.state is FeedbackState.ACTIVE and feedback.sentiment is sentiment
            if not same or feedback.pattern_id not in review.covers:
                kept.append((review, sentiment))
        if kept:
            self._said[feedback.id] = kept

    def differences(self) -> Iterator[str]:
        for id, reviews in sorted(self._said.items()):
            for review, sentiment in reviews:
                yield f"review {review.id}: says that feedback {id} is {sentiment} and of its patterns, which it is not"


class TriggerRecount:
    """Looks at one pattern's feedback as it goes by, oldest first, and keeps no more of it than the trigger examines.

    Args:
        pattern_id: The pattern.
        project: The pattern's project.
        whole: The project's votes, once all of them went by.
        reviews: All reviews of the pattern.
        marks: The pattern's marks.
        revisions: The revision of each writer's slot.
    """

    def __init__(
        self,
        pattern_id: str,
        project: Project,
        whole: VotesByHour,
        reviews: Sequence[Review],
        marks: Sequence[OutboxEntry],
        revisions: Mapping[int, int],
    ) -> None:
        self._pattern_id = pattern_id
        self._project = project
        self._policy = project.settings.review_policy
        self._marks = [_MarkRecount(mark, revisions.get(mark.writer, 0)) for mark in marks]
        self._review = max(reviews, key=lambda review: (review.active, review.create_time), default=None)
        self._fix = self._review.fix if self._review else None
        self._end = self._review.resolution.end_time if self._review and self._review.resolution else None
        self._newest = _NewestOfVoters(rows_needed(self._policy), most_of_voter(self._policy))
        self._looked_through = 0
        self._older_answers = False
        self._whole = whole
        self._own = VotesByHour()
        self._negatives_since_end: Counter[str] = Counter()
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
        if feedback.score not in self._policy.scores:
            return
        self._count_own(feedback)
        if negative and self._end is not None and feedback.create_time > self._end:
            self._negatives_since_end[feedback.voter] += 1
        if feedback.content.type is FeedbackType.COMMENT:
            return
        fix = self._fix
        # As the trigger reads it: what occurred before the fix is not looked at, whatever its versions.
        if fix is None or feedback.occur_time >= fix.time:
            self._looked_through += 1
            if fix is None or fix.precedes(feedback.answer):
                self._newest.add(Evidence.of(feedback))
            else:
                self._older_answers = True

    def _count_own(self, feedback: StoredFeedback) -> None:
        """Counts a vote, unless it is older than what is told to be due can rest on: that is judged no earlier."""
        oldest = hours_of(self._policy, self._last_due)[0] if self._last_due is not None else None
        if oldest is None or feedback.occur_time >= oldest:
            count_vote(self._own, feedback)
        if oldest is not None and len(self._own.hours) > _MOST_HOURS:
            self._own.forget(oldest)

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
            negatives = counting_negatives(self._negatives_since_end, review, self._policy)
            quiet = is_quiet(review, self._policy, negatives, judged)
            if review.state is ReviewState.DISMISSED and quiet:
                return False
        if self._older_answers and self._looked_through > LOOKED_THROUGH:
            # What lies behind so much on older answers the trigger may not have seen.
            return False
        oldest, end = hours_of(self._policy, judged)
        start, votes = newest(self._whole, self._policy, oldest, end)
        rate = outside(votes, self._own.between(start, end), self._policy).rate(self._policy)
        strict = self._policy.model_copy(update={"significance_level": self._policy.significance_level * _CLEARLY})
        return examine(self._newest.newest_first(), strict, rate, judged - self._policy.evidence_age) is not None


class _NewestOfVoters:
    """The newest feedback that goes by, oldest first: so much of each of so many voters, corrections beside votes."""

    def __init__(self, voters: int, most: int) -> None:
        self._voters = voters
        self._most = min(most, LOOKED_THROUGH)
        self._votes: OrderedDict[str, deque[Evidence]] = OrderedDict()
        self._corrections: OrderedDict[str, deque[Evidence]] = OrderedDict()

    def add(self, evidence: Evidence) -> None:
        of_voters = self._votes if evidence.is_vote else self._corrections
        of_voters.setdefault(evidence.voter, deque(maxlen=self._most)).append(evidence)
        of_voters.move_to_end(evidence.voter)
        if len(of_voters) > self._voters:
            of_voters.popitem(last=False)

    def newest_first(self) -> list[Evidence]:
        pieces = chain(*self._votes.values(), *self._corrections.values())
        return sorted(pieces, key=lambda each: each.order, reverse=True)


class _MarkRecount:
    def __init__(self, mark: OutboxEntry, revision: int) -> None:
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
