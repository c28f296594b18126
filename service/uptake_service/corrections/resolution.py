"""Resolving a review with the corrections that fix it: all in one transaction, or nothing is changed."""

from collections.abc import Sequence
from datetime import datetime

from uptake_service.coordination.event_log import EventContent
from uptake_service.coordination.idempotency import RequestKey
from uptake_service.corrections import rules
from uptake_service.corrections.basis import BasisBuilder
from uptake_service.corrections.model import Author, Correction, Draft, MeasurementBasis
from uptake_service.corrections.store import CorrectionStore
from uptake_service.corrections.workflow import CorrectionWorkflow
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import naming_item
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.session import Session
from uptake_service.reviews.model import Fix, Review
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.workflow import Also, ReviewWorkflow


class ReviewResolution:
    def __init__(
        self,
        clock: Clock,
        feedback: FeedbackStore,
        reviews: ReviewStore,
        review_workflow: ReviewWorkflow,
        store: CorrectionStore,
        corrections: CorrectionWorkflow,
        basis: BasisBuilder,
    ) -> None:
        self._clock = clock
        self._feedback = feedback
        self._reviews = reviews
        self._review_workflow = review_workflow
        self._store = store
        self._corrections = corrections
        self._basis = basis

    async def resolve(
        self,
        project: str,
        id: str,
        token: str,
        note: str,
        fix_time: datetime | None,
        drafts: Sequence[Draft],
        etag: str,
        key: RequestKey | None,
        key_id: str,
    ) -> tuple[Review, list[Correction]]:
        """Resolves a review, once for each request key.

        Args:
            project: The project.
            id: The review.
            token: Shows the claim.
            note: What the reviewer says of it.
            fix_time: When the fix went live; None for now.
            drafts: The corrections, which name the review.
            etag: If set, what the review's etag must be.
            key: Makes the call safe to repeat.
            key_id: The key of the call; the reviewer is the one who holds the claim.

        Returns:
            The review, and the corrections that came with its end.

        Raises:
            DomainError: It cannot be resolved so; of a draft that cannot be applied, the error names the draft, as
                corrections[place].
        """
        pattern_id = (await self._reviews.get(project, id)).pattern_id
        versions = await self._feedback.evidence.versions_before(pattern_id, fix_time or self._clock.now())

        def fix_of(now: datetime) -> Fix:
            return rules.fix_by((draft.kind for draft in drafts), Fix(time=fix_time or now, versions=versions))

        also = await self._applying(project, drafts, fix_of(self._clock.now()), key_id)
        review, ids = await self._review_workflow.finish(project, id, token, note, fix_of, etag, key, key_id, also)
        corrections = await self._store.by_ids(project, ids)
        return review, [corrections[id] for id in ids]

    async def _applying(self, project: str, drafts: Sequence[Draft], fix: Fix, key_id: str) -> Also:
        """What applies drafts in the transaction that resolves their review: all of them, or nothing is changed.

        Args:
            project: The project.
            drafts: The drafts, which name the review.
            fix: The review's fix, if it is resolved now.
            key_id: The key of the call; the reviewer is the one who holds the claim.

        Raises:
            DomainError: The project does not have the feedback that a draft names; or, raised in the transaction, a
                draft was made against another head. The error names the draft, as corrections[place].
        """
        bases: list[MeasurementBasis] = []
        for place, draft in enumerate(drafts):
            with naming_item(f"corrections[{place}]"):
                bases.append(await self._basis.of_draft(project, draft, fix))

        async def also(review: Review, session: Session) -> tuple[Review, list[EventContent]]:
            resolution = review.resolution
            assert resolution is not None and resolution.fix is not None  # noqa: S101
            author = Author(reviewer=resolution.reviewer, key_id=key_id)
            ids: list[str] = []
            events: list[EventContent] = []
            for place, (draft, basis) in enumerate(zip(drafts, bases, strict=True)):
                # The time of the fix, where the request names none, is known only now.
                frozen = basis.model_copy(update={"fix": rules.fix_by([draft.kind], resolution.fix)})
                with naming_item(f"corrections[{place}]"):
                    correction, told = await self._corrections.write(project, draft, author, frozen, session)
                ids.append(correction.id)
                events += told
            resolution = resolution.model_copy(update={"correction_ids": tuple(ids)})
            return review.model_copy(update={"resolution": resolution}), events

        return also
