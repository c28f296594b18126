"""The tasks for people: finding and claiming reviews, and subscribing to them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

from uptake.claim import Claim
from uptake.subscription import Subscription
from uptake.transport import Listing, Transport, duration, request_id_or_new
from uptake.v1 import review_pb2 as pb
from uptake.v1.review_pb2_grpc import ReviewServiceStub

LEASE_SECONDS = 900.0


class ReviewCalls:
    """`client.reviews`: ReviewService. What needs a claim is on `Claim`.

    Every method takes `timeout_seconds` (default: the client's) and raises UptakeError.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = ReviewServiceStub(transport.channel)

    def list(
        self,
        *,
        filter: pb.ReviewFilter | None = None,
        order: pb.ReviewOrder | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[pb.ListReviewsResponse, pb.Review]:
        """List reviews.

        Args:
            filter: which; None for all.
            order: in which order; None for newest first.
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """

        async def fetch(page_token: str) -> pb.ListReviewsResponse:
            request = pb.ListReviewsRequest(
                project=self._transport.project,
                filter=filter,
                order=order,
                page_size=page_size,
                page_token=page_token,
            )
            return await self._transport.call(self._stub.ListReviews, request, timeout_seconds)

        return Listing(fetch, lambda page: page.reviews)

    async def get(self, id: str, *, timeout_seconds: float | None = None) -> pb.GetReviewResponse:
        """Read one review, with its related feedback as it is now and its history.

        Raises:
            UptakeError: NOT_FOUND (REVIEW_NOT_FOUND).
        """
        request = pb.GetReviewRequest(project=self._transport.project, id=id)
        return await self._transport.call(self._stub.GetReview, request, timeout_seconds)

    async def claim(
        self,
        id: str,
        reviewer: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
        auto_renew: bool = True,
        etag: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Claim:
        """Take a review for one reviewer: `async with await client.reviews.claim(...) as claim`.

        Args:
            id: the review's id.
            reviewer: who claims it, 1 to 256 characters.
            lease_seconds: how long the claim holds without being renewed, 1 second to 24 hours.
            auto_renew: renew in the background while in `async with`.
            etag: if given, the call fails when the review changed since.
            request_id: made when not given; the same id gives the same token.
            timeout_seconds: deadline of the call.

        Raises:
            UptakeError: FAILED_PRECONDITION (REVIEW_CLAIMED, REVIEW_FINISHED), NOT_FOUND, ABORTED
                (ETAG_MISMATCH).
        """
        request = pb.ClaimReviewRequest(
            project=self._transport.project,
            id=id,
            reviewer=reviewer,
            lease_duration=duration(lease_seconds),
            etag=etag,
            request_id=request_id_or_new(request_id),
        )
        asked_at = asyncio.get_running_loop().time()
        response = await self._transport.call(self._stub.ClaimReview, request, timeout_seconds)
        return Claim(
            self._transport,
            self._stub,
            response.review,
            response.claim_token,
            lease_seconds=lease_seconds,
            held_from=asked_at,
            auto_renew=auto_renew,
        )

    def held(self, id: str, token: str, *, lease_seconds: float = LEASE_SECONDS, auto_renew: bool = False) -> Claim:
        """A claim that was made before, perhaps by another process: a web tool claims in one request and
        resolves in a later one. Nothing is sent; `review` has only its id until a call answers.

        Args:
            id: the review's id.
            token: `Claim.token`.
            lease_seconds: how long a renewal holds, 1 second to 24 hours.
            auto_renew: renew in the background while in `async with`.
        """
        return Claim(
            self._transport,
            self._stub,
            pb.Review(id=id),
            token,
            lease_seconds=lease_seconds,
            held_from=asyncio.get_running_loop().time(),
            auto_renew=auto_renew,
        )

    async def reopen(
        self,
        id: str,
        reviewer: str,
        note: str = "",
        *,
        etag: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.Review:
        """Open a finished review again.

        Args:
            id: the review's id.
            reviewer: who opens it, 1 to 256 characters.
            note: why, up to 10,000 characters.
            etag: if given, the call fails when the review changed since.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Raises:
            UptakeError: FAILED_PRECONDITION (REVIEW_NOT_FINISHED, ACTIVE_REVIEW_EXISTS), NOT_FOUND, ABORTED.
        """
        request = pb.ReopenReviewRequest(
            project=self._transport.project,
            id=id,
            reviewer=reviewer,
            note=note,
            etag=etag,
            request_id=request_id_or_new(request_id),
        )
        return (await self._transport.call(self._stub.ReopenReview, request, timeout_seconds)).review

    def subscribe(
        self,
        *,
        filter: pb.ReviewFilter | None = None,
        resume_token: str = "",
        checkpoint_seconds: float | None = None,
    ) -> Subscription[pb.SubscribeReviewsResponse]:
        """Follow the reviews that match: every one that matches now, then each change.

        Args:
            filter: which; None for all.
            resume_token: go on after this token instead, with the same filter.
            checkpoint_seconds: how often to be told that nothing happened, 1 to 300; None for the service's
                default.
        """

        def connect(token: str) -> grpc.aio.UnaryStreamCall[Any, pb.SubscribeReviewsResponse]:
            request = pb.SubscribeReviewsRequest(
                project=self._transport.project,
                filter=filter,
                resume_token=token,
                checkpoint_interval=duration(checkpoint_seconds),
            )
            return self._stub.SubscribeReviews(request, metadata=self._transport.metadata)

        return Subscription(self._transport, connect, resume_token)
