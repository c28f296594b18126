"""ReviewService: message to model, call, model to message."""

from datetime import datetime, timedelta

from google.protobuf.message import Message
from uptake.v1 import review_pb2 as pb
from uptake.v1 import review_pb2_grpc

from uptake_service.auth.caller import caller
from uptake_service.clock import Clock
from uptake_service.corrections.messages import LARGEST_CALL, to_draft
from uptake_service.corrections.messages import to_message as correction_message
from uptake_service.corrections.model import Draft
from uptake_service.corrections.rules import fix_by
from uptake_service.corrections.store import CorrectionStore
from uptake_service.feedback.messages import to_message as feedback_message
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.patterns.store import Patterns
from uptake_service.reviews.messages import change_message, to_filter, to_message, to_order, watch_message
from uptake_service.reviews.model import Fix, Review
from uptake_service.reviews.store import ReviewStore, sort_values
from uptake_service.reviews.watch import ReviewWatch, Update, Watching
from uptake_service.rpc.calls import Context
from uptake_service.rpc.checks import ID_LENGTH, QUERY_LENGTH, REQUEST_ID_LENGTH, Checks, PageToken

_SHORTEST_LEASE = timedelta(seconds=1)
_LONGEST_LEASE = timedelta(hours=24)
_DEFAULT_LEASE = timedelta(minutes=15)


class ReviewServicer(review_pb2_grpc.ReviewServiceServicer):
    def __init__(
        self,
        reviews: ReviewStore,
        patterns: Patterns,
        feedback: FeedbackStore,
        corrections: CorrectionStore,
        watch: ReviewWatch,
        requests: RequestRecords,
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._watch = watch
        self._patterns = patterns
        self._feedback = feedback
        self._corrections = corrections
        self._requests = requests
        self._clock = clock

    async def ListReviews(self, request: pb.ListReviewsRequest, context: Context) -> pb.ListReviewsResponse:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        order = to_order(checks, request.order)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken("ListReviews", project, request.filter, order.value)
        found = await self._reviews.page(project, filter, order, token.read(request.page_token), size + 1)
        page = found[:size]
        more = token.make(sort_values(page[-1], order)) if len(found) > size else ""
        patterns = await self._patterns.get_many(review.pattern_id for review in page)
        return pb.ListReviewsResponse(
            reviews=[to_message(review, patterns.get(review.pattern_id)) for review in page],
            next_page_token=more,
        )

    async def GetReview(self, request: pb.GetReviewRequest, context: Context) -> pb.GetReviewResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        checks.done()
        review = await self._reviews.get(project, id)
        ids = [related.feedback_id for related in review.examined.related]
        by_id = {feedback.id: feedback for feedback in await self._feedback.by_ids(project, ids)}
        return pb.GetReviewResponse(
            review=await self._message(review),
            related_feedback=[feedback_message(by_id[id]) for id in ids if id in by_id],
            history=[change_message(change) for change in await self._reviews.history(review)],
        )

    async def ClaimReview(self, request: pb.ClaimReviewRequest, context: Context) -> pb.ClaimReviewResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        reviewer = checks.text("reviewer", request.reviewer, ID_LENGTH, required=True)
        lease = _lease(checks, request)
        key = self._key(checks, project, "ClaimReview", request, request.request_id)
        checks.done()
        review, token = await self._reviews.claim(project, id, reviewer, lease, request.etag, key, caller().key_id)
        return pb.ClaimReviewResponse(review=await self._message(review), claim_token=token)

    async def RenewClaim(self, request: pb.RenewClaimRequest, context: Context) -> pb.RenewClaimResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        lease = _lease(checks, request)
        checks.done()
        review = await self._reviews.renew(project, id, token, lease, caller().key_id)
        return pb.RenewClaimResponse(review=await self._message(review))

    async def ReleaseReview(self, request: pb.ReleaseReviewRequest, context: Context) -> pb.ReleaseReviewResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = self._key(checks, project, "ReleaseReview", request, request.request_id)
        checks.done()
        review = await self._reviews.release(project, id, token, note, key, caller().key_id)
        return pb.ReleaseReviewResponse(review=await self._message(review))

    async def ResolveReview(self, request: pb.ResolveReviewRequest, context: Context) -> pb.ResolveReviewResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        fix_time = checks.time("fix_time", request, "fix_time")
        if fix_time is not None and fix_time > self._clock.now():
            checks.fail("fix_time", "is in the future; resolve the review when the fix is live")
        drafts = _to_drafts(checks, request)
        key = self._key(checks, project, "ResolveReview", request, request.request_id)
        checks.done()
        pattern_id = (await self._reviews.get(project, id)).pattern_id
        versions = await self._feedback.versions_before(pattern_id, fix_time or self._clock.now())

        def fix_of(now: datetime) -> Fix:
            return fix_by((draft.kind for draft in drafts), Fix(time=fix_time or now, versions=versions))

        key_id = caller().key_id
        also = await self._corrections.with_resolution(project, drafts, fix_of(self._clock.now()), key_id)
        review, ids = await self._reviews.finish(project, id, token, note, fix_of, request.etag, key, key_id, also)
        corrections = await self._corrections.by_ids(project, ids)
        return pb.ResolveReviewResponse(
            review=await self._message(review), corrections=[correction_message(corrections[id]) for id in ids]
        )

    async def DismissReview(self, request: pb.DismissReviewRequest, context: Context) -> pb.DismissReviewResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = self._key(checks, project, "DismissReview", request, request.request_id)
        checks.done()
        review, _ = await self._reviews.finish(project, id, token, note, None, request.etag, key, caller().key_id)
        return pb.DismissReviewResponse(review=await self._message(review))

    async def ReopenReview(self, request: pb.ReopenReviewRequest, context: Context) -> pb.ReopenReviewResponse:
        checks = Checks()
        project, id = _named(checks, request.project, request.id)
        reviewer = checks.text("reviewer", request.reviewer, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = self._key(checks, project, "ReopenReview", request, request.request_id)
        checks.done()
        review = await self._reviews.reopen(project, id, reviewer, note, request.etag, key, caller().key_id)
        return pb.ReopenReviewResponse(review=await self._message(review))

    async def WatchReviews(  # type: ignore[override]  # Written to, so that the call ends where it is cancelled.
        self, request: pb.WatchReviewsRequest, context: Context
    ) -> None:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        interval = checks.checkpoint_interval(request)
        checks.done()

        async def tell(update: Update) -> None:
            await context.write(watch_message(update, self._clock.now()))

        await self._watch.watch(Watching(project, filter, interval), request.resume_token, tell)

    async def _message(self, review: Review) -> pb.Review:
        return to_message(review, (await self._patterns.get_many([review.pattern_id])).get(review.pattern_id))

    def _key(self, checks: Checks, project: str, method: str, request: Message, request_id: str) -> RequestKey | None:
        checks.text("request_id", request_id, REQUEST_ID_LENGTH)
        return self._requests.key(project, method, request_id, request.SerializeToString(deterministic=True))


def _named(checks: Checks, project: str, id: str) -> tuple[str, str]:
    return checks.project(project), checks.text("id", id, ID_LENGTH, required=True)


def _to_drafts(checks: Checks, request: pb.ResolveReviewRequest) -> list[Draft]:
    if len(request.corrections) > LARGEST_CALL:
        checks.fail("corrections", f"has {len(request.corrections):,} items; at most {LARGEST_CALL} are allowed")
    drafts: list[Draft] = []
    for place, message in enumerate(request.corrections[:LARGEST_CALL]):
        of_item = Checks()
        drafts.append(to_draft(of_item, message, request.id))
        checks.take(f"corrections[{place}]", of_item.violations)
    return drafts


def _lease(checks: Checks, request: Message) -> timedelta:
    return checks.duration(
        "lease_duration",
        request,
        "lease_duration",
        least=_SHORTEST_LEASE,
        most=_LONGEST_LEASE,
        default=_DEFAULT_LEASE,
    )
