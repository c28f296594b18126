"""ReviewService: message to model, call, model to message."""

from datetime import timedelta

from google.protobuf.message import Message
from uptake.v1 import review_pb2 as pb

from uptake_service.api.checks import Checks, PageToken, fitting, page_size, project_of, request_key
from uptake_service.api.messages.corrections import to_draft
from uptake_service.api.messages.corrections import to_message as correction_message
from uptake_service.api.messages.feedback import to_message as feedback_message
from uptake_service.api.messages.reviews import ORDERS, change_message, subscription_message, to_filter, to_message
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.corrections.model import Draft
from uptake_service.corrections.resolution import ReviewResolution
from uptake_service.domain.clock import Clock
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.documents import chunked
from uptake_service.mongo.paging import PAGE_BYTES
from uptake_service.patterns.patterns import Patterns
from uptake_service.reviews.model import Review
from uptake_service.reviews.store import ReviewStore, sort_values
from uptake_service.reviews.subscriptions import ReviewSubscription, ReviewSubscriptions, Update
from uptake_service.reviews.workflow import ReviewWorkflow
from uptake_service.rpc.call import Call

_DEFAULT_LEASE = timedelta(minutes=15)


class ReviewServicer:
    def __init__(
        self,
        reviews: ReviewStore,
        workflow: ReviewWorkflow,
        patterns: Patterns,
        feedback: FeedbackStore,
        resolution: ReviewResolution,
        subscriptions: ReviewSubscriptions,
        requests: RequestRecords,
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._workflow = workflow
        self._subscriptions = subscriptions
        self._patterns = patterns
        self._feedback = feedback
        self._resolution = resolution
        self._requests = requests
        self._clock = clock

    async def ListReviews(self, request: pb.ListReviewsRequest, call: Call) -> pb.ListReviewsResponse:
        project = project_of(request)
        filter = to_filter(request.filter)
        order = ORDERS[request.order]
        size = page_size(request.page_size)
        token = PageToken(self._requests.secret.sign, "ListReviews", project, request.filter, order.value)
        found, more = await self._reviews.page(project, filter, order, token.read(request.page_token), size)
        page: list[pb.Review] = []
        room = PAGE_BYTES
        # What patterns are shown by is not counted among the reviews' bytes.
        for some in chunked(found):
            patterns = await self._patterns.get_many(review.pattern_id for review in some)
            fit = fitting((to_message(review, patterns.get(review.pattern_id)) for review in some), room)
            page += fit
            room -= sum(message.ByteSize() for message in fit)
            if len(fit) < len(some) or room <= 0:
                break
        if len(page) < len(found):
            more = sort_values(found[len(page) - 1], order)
        return pb.ListReviewsResponse(reviews=page, next_page_token=token.make(more))

    async def GetReview(self, request: pb.GetReviewRequest, call: Call) -> pb.GetReviewResponse:
        project, id = project_of(request), request.id
        review = await self._reviews.get(project, id)
        ids = [related.feedback_id for related in review.examined.related]
        related = await self._feedback.whole(await self._feedback.sizes(project, ids))
        return pb.GetReviewResponse(
            review=await self._message(review),
            related_feedback=map(feedback_message, related),
            history=[change_message(change) for change in await self._reviews.history(review)],
        )

    async def ClaimReview(self, request: pb.ClaimReviewRequest, call: Call) -> pb.ClaimReviewResponse:
        checks = Checks()
        project, id = project_of(request), request.id
        lease = _lease(checks, request)
        key = request_key(self._requests, request)
        checks.done()
        review, token = await self._workflow.claim(
            project, id, request.reviewer, lease, request.etag, key, call.caller.key_id
        )
        return pb.ClaimReviewResponse(review=await self._message(review), claim_token=token)

    async def RenewClaim(self, request: pb.RenewClaimRequest, call: Call) -> pb.RenewClaimResponse:
        checks = Checks()
        project, id = project_of(request), request.id
        lease = _lease(checks, request)
        checks.done()
        review = await self._workflow.renew(project, id, request.claim_token, lease, call.caller.key_id)
        return pb.RenewClaimResponse(review=await self._message(review))

    async def ReleaseReview(self, request: pb.ReleaseReviewRequest, call: Call) -> pb.ReleaseReviewResponse:
        project, id = project_of(request), request.id
        key = request_key(self._requests, request)
        review = await self._workflow.release(project, id, request.claim_token, request.note, key, call.caller.key_id)
        return pb.ReleaseReviewResponse(review=await self._message(review))

    async def ResolveReview(self, request: pb.ResolveReviewRequest, call: Call) -> pb.ResolveReviewResponse:
        checks = Checks()
        project, id = project_of(request), request.id
        fix_time = checks.time("fix_time", request, "fix_time")
        if fix_time is not None and fix_time > self._clock.now():
            checks.fail("fix_time", "is in the future; resolve the review when the fix is live")
        drafts = _to_drafts(checks, request)
        key = request_key(self._requests, request)
        checks.done()
        review, corrections = await self._resolution.resolve(
            project, id, request.claim_token, request.note, fix_time, drafts, request.etag, key, call.caller.key_id
        )
        return pb.ResolveReviewResponse(
            review=await self._message(review), corrections=map(correction_message, corrections)
        )

    async def DismissReview(self, request: pb.DismissReviewRequest, call: Call) -> pb.DismissReviewResponse:
        project, id = project_of(request), request.id
        key = request_key(self._requests, request)
        review, _ = await self._workflow.finish(
            project, id, request.claim_token, request.note, None, request.etag, key, call.caller.key_id
        )
        return pb.DismissReviewResponse(review=await self._message(review))

    async def ReopenReview(self, request: pb.ReopenReviewRequest, call: Call) -> pb.ReopenReviewResponse:
        project, id = project_of(request), request.id
        key = request_key(self._requests, request)
        review = await self._workflow.reopen(
            project, id, request.reviewer, request.note, request.etag, key, call.caller.key_id
        )
        return pb.ReopenReviewResponse(review=await self._message(review))

    async def SubscribeReviews(self, request: pb.SubscribeReviewsRequest, call: Call) -> None:
        checks = Checks()
        project = project_of(request)
        filter = to_filter(request.filter)
        interval = checks.checkpoint_interval(request)
        checks.done()

        async def tell(update: Update) -> None:
            await call.write(subscription_message(update, self._clock.now()))

        await self._subscriptions.subscribe(ReviewSubscription(project, filter, interval), request.resume_token, tell)

    async def _message(self, review: Review) -> pb.Review:
        return to_message(review, (await self._patterns.get_many([review.pattern_id])).get(review.pattern_id))


def _to_drafts(checks: Checks, request: pb.ResolveReviewRequest) -> list[Draft]:
    for place, message in enumerate(request.corrections):
        if message.review_id not in ("", request.id):
            checks.fail(f"corrections[{place}].review_id", "must be empty or the review that is resolved")
    return [to_draft(message, request.id) for message in request.corrections]


def _lease(checks: Checks, request: Message) -> timedelta:
    return checks.duration("lease_duration", request, _DEFAULT_LEASE)
