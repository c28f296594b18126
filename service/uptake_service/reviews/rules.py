"""When a pattern has turned bad, and what follows. No I/O."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from uptake_service.domain.feedback import CorrectionKind, Evidence, Sentiment
from uptake_service.domain.project import ReviewPolicy, TriggerRule
from uptake_service.domain.voters import most_of_one
from uptake_service.reviews.evidence import baseline_rate, is_evidence
from uptake_service.reviews.model import (
    UPDATE_INSTRUCTIONS,
    UPDATE_KNOWLEDGE,
    Examined,
    RelatedFeedback,
    Review,
    ReviewPriority,
    ReviewState,
)
from uptake_service.reviews.outbox import OutboxEntry

LOOKED_THROUGH = 1_000
"""Only so much of a pattern's feedback is looked through for answers after a fix: a new version that gives fewer
answers than one in a hundred is judged once it gives more. Past so much, only those are looked for who have not voted
as often as counts: who votes very often must not hide the others."""

_FEWEST_VOTERS = 2
"""One voter alone opens nothing."""


@dataclass(frozen=True)
class Outside:
    """The votes on all else in the project, which a pattern's are held against; `left_out` do not count."""

    votes: int = 0
    negatives: int = 0
    left_out: int = 0

    def rate(self, policy: ReviewPolicy) -> float:
        return baseline_rate(self.negatives, self.votes, prior=policy.baseline_prior_votes, floor=policy.baseline_floor)


def rows_needed(policy: ReviewPolicy) -> int:
    """How many of a pattern's newest pieces of feedback are looked at."""
    return max(policy.window_size, policy.evidence_window_size)


def most_of_voter(policy: ReviewPolicy) -> int:
    """How many of one voter's newest votes, and of their corrections beside them, count: a share of the smaller window,
    so that it is no more of the larger one."""
    return most_of_one(policy.voter_share, min(policy.window_size, policy.evidence_window_size))


def negatives_in(feedback: Iterable[Evidence | RelatedFeedback]) -> int:
    """How much of this feedback is negative."""
    return sum(each.sentiment is Sentiment.NEGATIVE for each in feedback)


class Gathered:
    """A pattern's feedback as it is gathered, newest first.

    Attributes:
        evidence: The feedback.
        voters: Those who voted.
        enough: Of whom there are as many votes (True) or corrections (False) as `most`: no older ones are asked for.
    """

    def __init__(self, most: int, evidence: Iterable[Evidence] = ()) -> None:
        self._most = most
        self._pieces: Counter[tuple[str, bool]] = Counter()
        self.evidence: list[Evidence] = []
        self.voters: set[str] = set()
        self.enough: set[tuple[str, bool]] = set()
        self.begin_again(evidence)

    def begin_again(self, evidence: Iterable[Evidence]) -> None:
        """Goes on as if it had gathered this alone, in the same lists and sets."""
        for each in (self._pieces, self.evidence, self.voters, self.enough):
            each.clear()
        for piece in evidence:
            self.add(piece)

    def add(self, evidence: Evidence) -> None:
        self.evidence.append(evidence)
        if evidence.is_vote:
            self.voters.add(evidence.voter)
        of = evidence.voter, evidence.is_vote
        self._pieces[of] += 1
        if self._pieces[of] >= self._most:
            self.enough.add(of)


@dataclass(frozen=True)
class _Sample:
    """What of a pattern's newest feedback is judged: of each voter as much as the policy lets count.

    Attributes:
        window: The newest feedback.
        votes: The newest votes; none where no evidence is asked for.
        correction: The kind of the newest correction that users gave.
        left_out: How much is newer than the oldest of these and does not count.
    """

    window: list[Evidence]
    votes: list[Evidence]
    correction: CorrectionKind | None
    left_out: int

    @property
    def negative_rate(self) -> float:
        return negatives_in(self.window) / len(self.window) if self.window else 0.0

    def is_enough(self, policy: ReviewPolicy) -> bool:
        return len(self.window) >= policy.minimum_sample and _voters(self.window) >= _FEWEST_VOTERS

    def examined(self, policy: ReviewPolicy, rate: float) -> Examined:
        return Examined(
            related=tuple(
                RelatedFeedback(
                    feedback_id=feedback.id,
                    type=feedback.type,
                    sentiment=feedback.sentiment,
                    occur_time=feedback.occur_time,
                    score=feedback.score,
                )
                for feedback in self.window
            ),
            negative_rate=self.negative_rate,
            priority=ReviewPriority.HIGH if len(self.window) > policy.high_priority_above else ReviewPriority.MEDIUM,
            suggested_action=UPDATE_KNOWLEDGE if self.correction is CorrectionKind.KNOWLEDGE else UPDATE_INSTRUCTIONS,
            evidence_votes=len(self.votes),
            evidence_negatives=negatives_in(self.votes),
            evidence_left_out=self.left_out,
            baseline_rate=rate if self.votes else 0.0,
        )


def look(newest_first: Iterable[Evidence], policy: ReviewPolicy, rate: float = 0.0) -> Examined:
    """What the newest feedback of a pattern says, be it bad or not.

    Args:
        newest_first: The feedback, newest first.
        policy: The project's policy.
        rate: The negative rate of the rest of the project.
    """
    return _sample(newest_first, policy).examined(policy, rate)


def is_sampled(newest_first: Iterable[Evidence], policy: ReviewPolicy) -> bool:
    """Whether feedback on answers after a fix is enough to go by; that of one voter alone is not."""
    return _sample(newest_first, policy).is_enough(policy)


def examine(newest_first: Iterable[Evidence], policy: ReviewPolicy, rate: float, since: datetime) -> Examined | None:
    """What the newest feedback of a pattern says if it is bad; else None.

    It is bad with at least the minimum sample within the window, a share of negative ones above the threshold, and two
    voters; under the rule EVIDENCE also only where chance would hardly bring so many negative votes.

    Args:
        newest_first: The feedback, newest first; read only as far as needed.
        policy: The project's policy.
        rate: The negative rate of the rest of the project.
        since: What occurred before tells nothing of today.
    """
    sample = _sample((feedback for feedback in newest_first if feedback.occur_time >= since), policy)
    if not sample.is_enough(policy) or sample.negative_rate <= policy.negative_rate_threshold:
        return None
    if policy.trigger_rule is TriggerRule.EVIDENCE and not (
        _voters(sample.votes, Sentiment.NEGATIVE) >= _FEWEST_VOTERS
        and is_evidence(len(sample.votes), negatives_in(sample.votes), rate, policy.significance_level)
    ):
        return None
    return sample.examined(policy, rate)


def judge(
    newest_first: Sequence[Evidence],
    mark: OutboxEntry,
    examined: Callable[[Iterable[Evidence]], Examined | None],
    quiet_before: Callable[[Sequence[Evidence]], bool] = lambda later: False,
) -> tuple[str, Examined] | None:
    """Judges a pattern at each piece of feedback of a mark, oldest first, as if they had come one by one.

    At each, what the same batch brought after it is left out, so that batching changes no outcome; but for the rate of
    the rest of the project, which is that after the batch.

    Args:
        newest_first: The pattern's newest feedback: the window and all that the batch touched.
        mark: The batch's due judgement.
        examined: What feedback says if it is bad (see `examine`).
        quiet_before: Whether the pattern was left alone before the same batch's later feedback, which it is given.

    Returns:
        The feedback at which it first was bad and not left alone, and what was seen when it last was; None if it
        never was.
    """
    same_batch = {
        feedback.id for feedback in newest_first if (feedback.writer, feedback.revision) == (mark.writer, mark.revision)
    }
    due = {feedback.id for feedback in newest_first} & set(mark.feedback_ids)
    places = [place for place, feedback in enumerate(newest_first) if feedback.id in due][::-1] or [0][
        : len(newest_first)
    ]
    others = [place for place, feedback in enumerate(newest_first) if feedback.id not in same_batch]
    trigger = ""
    last: Examined | None = None
    for place in places:
        newer = [newest_first[other] for other in others[: bisect_left(others, place)]]
        found = examined(chain(newer, newest_first[place:]))
        if found is not None:
            if quiet_before([feedback for feedback in newest_first[:place] if feedback.id in same_batch]):
                continue
            trigger = trigger or newest_first[place].id
            last = found
    return None if last is None else (trigger, last)


def is_quiet(review: Review | None, policy: ReviewPolicy, negatives_since: int, now: datetime) -> bool:
    """Whether a pattern is left alone because its newest review was dismissed.

    Args:
        review: The pattern's newest review.
        policy: The project's policy.
        negatives_since: Negative feedback that came in after the dismissal and counts (see `counting_negatives`).
        now: The time.
    """
    if review is None or review.state is not ReviewState.DISMISSED or review.resolution is None:
        return False
    if now >= review.resolution.end_time + policy.dismissal_quiet_period:
        return False
    return negatives_since < _complaints(review)


def _voters(feedback: Iterable[Evidence], sentiment: Sentiment | None = None) -> int:
    """How many voters feedback is of; of a sentiment, if one is named."""
    return len({each.voter for each in feedback if sentiment is None or each.sentiment is sentiment})


def counting_negatives(negatives: Mapping[str, int], review: Review, policy: ReviewPolicy) -> int:
    """How many of the negatives that each voter gave after a dismissal count against its quiet period."""
    most = most_of_one(policy.voter_share, _complaints(review))
    return sum(min(number, most) for number in negatives.values())


def _sample(newest_first: Iterable[Evidence], policy: ReviewPolicy) -> _Sample:
    wanted = policy.evidence_window_size if policy.trigger_rule is TriggerRule.EVIDENCE else 0
    most, needed = most_of_voter(policy), rows_needed(policy)
    window: list[Evidence] = []
    votes: list[Evidence] = []
    counted: Counter[tuple[str, bool]] = Counter()
    correction: CorrectionKind | None = None
    left_out = 0
    for place, feedback in enumerate(newest_first):
        full = len(window) == policy.window_size and len(votes) == wanted
        if full and place >= needed:
            break
        if place < needed:
            correction = correction or feedback.kind
        if full:
            continue
        if counted[feedback.voter, feedback.is_vote] >= most:
            # Further back it depends on who else was looked for.
            left_out += place < LOOKED_THROUGH
            continue
        counted[feedback.voter, feedback.is_vote] += 1
        if feedback.is_vote and len(votes) < wanted:
            votes.append(feedback)
        if len(window) < policy.window_size:
            window.append(feedback)
    return _Sample(window, votes, correction, left_out)


def _complaints(review: Review) -> int:
    """How many negatives a review rests on."""
    return negatives_in(review.examined.related)
