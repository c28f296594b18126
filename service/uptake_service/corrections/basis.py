"""What a correction is measured by: the votes before it, and what tells later answers apart."""

from collections.abc import Container, Sequence

from uptake_service.corrections import rules
from uptake_service.corrections.counts import VoteCounts
from uptake_service.corrections.model import Draft, MeasurementBasis, Votes
from uptake_service.domain.clock import Clock, hour_of
from uptake_service.domain.errors import DomainError, Reason, Violation
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import snapshot
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.model import Fix, Review
from uptake_service.reviews.store import ReviewStore


class BasisBuilder:
    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        projects: ProjectStore,
        feedback: FeedbackStore,
        reviews: ReviewStore,
        counts: VoteCounts,
    ) -> None:
        self._mongo = mongo
        self._clock = clock
        self._projects = projects
        self._feedback = feedback
        self._reviews = reviews
        self._counts = counts

    async def of_draft(self, project: str, draft: Draft, fix: Fix | None = None) -> MeasurementBasis:
        """What a draft's correction will be measured by, should it be applied now.

        The baseline is all votes on the pattern's answers that occurred before the fix within the policy's issue
        window: further back the answers were others; each voter's are bounded to the policy's share. It leaves out what
        the review was opened with, which was looked at because it was bad. Feedback that the draft names stays in:
        people name the bad ones and leave the good ones out, so that without those any pattern would seem to have been
        good.

        Args:
            project: The project.
            draft: The draft.
            fix: What tells later answers apart; None for what was seen until now.

        Raises:
            DomainError: The project does not have the feedback or the review that the draft names.
        """
        patterns, review = await self._sources(project, draft)
        now = self._clock.now()
        pattern_id = review.pattern_id if review else rules.pattern_of_most(patterns)
        policy = (await self._projects.recent(project)).settings.review_policy
        if fix is None:
            versions = await self._feedback.evidence.versions_before(pattern_id, now) if pattern_id else frozenset()
            fix = Fix(time=now, versions=versions)
        fix = rules.fix_by([draft.kind], fix)
        start, baseline = hour_of(fix.time - policy.issue_window), Votes()
        if pattern_id:
            seen = {review.trigger_feedback_id, *review.opened_with} if review else set()
            async with snapshot(self._mongo) as session:
                baseline = await self._counts.of_pattern(
                    project, pattern_id, start, fix.time, seen, policy.voter_share, session
                )
        return MeasurementBasis(
            pattern_id=pattern_id,
            baseline=baseline,
            start=start,
            fix=fix,
            margin=policy.no_change_margin,
            voter_share=policy.voter_share,
        )

    async def _sources(self, project: str, draft: Draft) -> tuple[list[str], Review | None]:
        """The patterns of the feedback that a draft names, and its review.

        Raises:
            DomainError: The project does not have one of them; each is named.
        """
        found = {item.id: item for item in await self._feedback.by_ids(project, draft.feedback_ids)}
        violations = _unknown(draft, found)
        review = None
        if draft.review_id:
            try:
                review = await self._reviews.get(project, draft.review_id)
            except DomainError as error:
                if error.reason != Reason.ERROR_REASON_REVIEW_NOT_FOUND:
                    raise
                unknown_review = Violation("review_id", error.message)
                if not violations:
                    raise DomainError(
                        error.reason, error.message, violations=[unknown_review], metadata=error.metadata
                    ) from None
                violations.append(unknown_review)
        if violations:
            raise _feedback_not_found(draft, found, violations)
        return [found[id].pattern_id for id in draft.feedback_ids], review

    async def hold(self, project: str, draft: Draft, session: Session) -> None:
        """Makes a transaction conflict with one that erases the feedback which a draft names: who erases it must find
        the correction.

        Raises:
            DomainError: Some of it is gone already.
        """
        found = await self._feedback.words.seen(project, draft.feedback_ids, session)
        if violations := _unknown(draft, found):
            raise _feedback_not_found(draft, found, violations)
        await self._feedback.words.hold(sorted(found), session)


def _unknown(draft: Draft, found: Container[str]) -> list[Violation]:
    """What is wrong with a draft that names feedback which was not found."""
    return [
        Violation(f"feedback_ids[{place}]", f"the project has no feedback {id!r}")
        for place, id in enumerate(draft.feedback_ids)
        if id not in found
    ]


def _feedback_not_found(draft: Draft, found: Container[str], violations: Sequence[Violation]) -> DomainError:
    return DomainError(
        Reason.ERROR_REASON_FEEDBACK_NOT_FOUND,
        "; ".join(violation.description for violation in violations),
        violations=violations,
        metadata={"feedback_id": next(id for id in draft.feedback_ids if id not in found)},
    )
