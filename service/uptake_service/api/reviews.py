"""ReviewService: message to model, call, model to message."""

from datetime import timedelta

from google.protobuf.message import Message
from uptake.v1 import review_pb2 as pb

from uptake_service.api.checks import ID_LENGTH, QUERY_LENGTH, Checks, PageToken, fitting
from uptake_service.api.messages.corrections import LARGEST_CALL, to_draft
from uptake_service.api.messages.corrections import to_message as correction_message
from uptake_service.api.messages.feedback import to_message as feedback_message
from uptake_service.api.messages.reviews import change_message, subscription_message, to_filter, to_message, to_order
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.corrections.model import Draft
from uptake_service.corrections.resolution import ReviewResolution
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import EARLIEST
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.paging import PAGE_BYTES
from uptake_service.patterns.patterns import Patterns
from uptake_service.reviews.model import LONGEST_CLAIM, Review
from uptake_service.reviews.store import ReviewStore, sort_values
from uptake_service.reviews.subscriptions import ReviewSubscription, ReviewSubscriptions, Update
from uptake_service.reviews.workflow import ReviewWorkflow
from uptake_service.rpc.call import Call

_SHORTEST_LEASE = timedelta(seconds=1)
_DEFAULT_LEASE = timedelta(minutes=15)

_PATTERNS_AT_ONCE = 100


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
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        order = to_order(checks, request.order)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken(self._requests.secret.sign, "ListReviews", project, request.filter, order.value)
        found, more = await self._reviews.page(project, filter, order, token.read(request.page_token), size)
        page: list[pb.Review] = []
        room = PAGE_BYTES
        # What patterns are shown by is not counted among the reviews' bytes.
        for start in range(0, len(found), _PATTERNS_AT_ONCE):
            some = found[start : start + _PATTERNS_AT_ONCE]
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
        checks = Checks()
        project, id = checks.named(request)
        checks.done()
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
        project, id = checks.named(request)
        reviewer = checks.text("reviewer", request.reviewer, ID_LENGTH, required=True)
        lease = _lease(checks, request)
        key = checks.key(self._requests, project, request)
        checks.done()
        review, token = await self._workflow.claim(project, id, reviewer, lease, request.etag, key, call.caller.key_id)
        return pb.ClaimReviewResponse(review=await self._message(review), claim_token=token)

    async def RenewClaim(self, request: pb.RenewClaimRequest, call: Call) -> pb.RenewClaimResponse:
        checks = Checks()
        project, id = checks.named(request)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        lease = _lease(checks, request)
        checks.done()
        review = await self._workflow.renew(project, id, token, lease, call.caller.key_id)
        return pb.RenewClaimResponse(review=await self._message(review))

    async def ReleaseReview(self, request: pb.ReleaseReviewRequest, call: Call) -> pb.ReleaseReviewResponse:
        checks = Checks()
        project, id = checks.named(request)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = checks.key(self._requests, project, request)
        checks.done()
        review = await self._workflow.release(project, id, token, note, key, call.caller.key_id)
        return pb.ReleaseReviewResponse(review=await self._message(review))

    async def ResolveReview(self, request: pb.ResolveReviewRequest, call: Call) -> pb.ResolveReviewResponse:
        checks = Checks()
        project, id = checks.named(request)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        fix_time = checks.time("fix_time", request, "fix_time")
        if fix_time is not None and fix_time > self._clock.now():
            checks.fail("fix_time", "is in the future; resolve the review when the fix is live")
        elif fix_time is not None and fix_time < EARLIEST:
            checks.fail("fix_time", "is before the year 2000")
        drafts = _to_drafts(checks, request)
        key = checks.key(self._requests, project, request)
        checks.done()
        review, corrections = await self._resolution.resolve(
            project, id, token, note, fix_time, drafts, request.etag, key, call.caller.key_id
        )
        return pb.ResolveReviewResponse(
            review=await self._message(review), corrections=map(correction_message, corrections)
        )

    async def DismissReview(self, request: pb.DismissReviewRequest, call: Call) -> pb.DismissReviewResponse:
        checks = Checks()
        project, id = checks.named(request)
        token = checks.text("claim_token", request.claim_token, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = checks.key(self._requests, project, request)
        checks.done()
        review, _ = await self._workflow.finish(project, id, token, note, None, request.etag, key, call.caller.key_id)
        return pb.DismissReviewResponse(review=await self._message(review))

    async def ReopenReview(self, request: pb.ReopenReviewRequest, call: Call) -> pb.ReopenReviewResponse:
        checks = Checks()
        project, id = checks.named(request)
        reviewer = checks.text("reviewer", request.reviewer, ID_LENGTH, required=True)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = checks.key(self._requests, project, request)
        checks.done()
        review = await self._workflow.reopen(project, id, reviewer, note, request.etag, key, call.caller.key_id)
        return pb.ReopenReviewResponse(review=await self._message(review))

    async def SubscribeReviews(self, request: pb.SubscribeReviewsRequest, call: Call) -> None:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        interval = checks.checkpoint_interval(request)
        checks.done()

        async def tell(update: Update) -> None:
            await call.write(subscription_message(update, self._clock.now()))

        await self._subscriptions.subscribe(ReviewSubscription(project, filter, interval), request.resume_token, tell)

    async def _message(self, review: Review) -> pb.Review:
        return to_message(review, (await self._patterns.get_many([review.pattern_id])).get(review.pattern_id))


def _to_drafts(checks: Checks, request: pb.ResolveReviewRequest) -> list[Draft]:
    if len(request.corrections) > LARGEST_CALL:
        checks.fail("corrections", f"has {len(request.corrections):,} items; at most {LARGEST_CALL} are allowed")
    drafts: list[Draft] = []
    for place, message in enumerate(request.corrections[:LARGEST_CALL]):
        of_item = Checks()
        drafts.append(to_draft(of_item, message, request.id))
        if (error := of_item.error()) is not None:
            checks.take(f"corrections[{place}]", error)
    return drafts


def _lease(checks: Checks, request: Message) -> timedelta:
    return checks.duration(
        "lease_duration",
        request,
        "lease_duration",
        least=_SHORTEST_LEASE,
        most=LONGEST_CLAIM,
        default=_DEFAULT_LEASE,
    )
