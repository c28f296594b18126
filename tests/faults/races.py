"""Many reviewers race for the same reviews, with claims that run out in the midst of it."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc
from uptake import Client, thumbs_down
from uptake.v1 import feedback_pb2, review_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.review_pb2_grpc import ReviewServiceStub

from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, any_moment

_REFUSED = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED}


@dataclass
class Race:
    """What happened.

    Attributes:
        attempts: Claims that were asked for.
        won: For each claim, of a review and by its number, how many were told that it is theirs.
        newest: The highest number of a claim of each review that anybody was told of.
        stale: Changes that went through under a claim though a later one was known before they were asked for.
        unanswered: Calls that were told to come again, as callers are while the database has no time.
    """

    attempts: int = 0
    won: Counter[tuple[str, int]] = field(default_factory=Counter)
    newest: Counter[str] = field(default_factory=Counter)
    stale: int = 0
    unanswered: int = 0


async def race(addresses: list[str], *, reviewers: int, reviews: int, attempts: int, lease_seconds: int = 3) -> Race:
    """Lets reviewers race until so many claims were attempted, and some were won of reviews that had been claimed."""
    found = Race()
    async with Client(addresses[0], timeout_seconds=PATIENCE_SECONDS) as client:
        await by_rate_alone(client)
    async with grpc.aio.insecure_channel(addresses[0]) as channel:
        feedback, listing = FeedbackServiceStub(channel), ReviewServiceStub(channel)
        for first in range(0, 3 * reviews, 300):
            batch = [
                # Without words an interaction is a pattern of its own.
                feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down(f"i{number // 3}", user_id=f"u{number % 3}"))
                for number in range(first, min(first + 300, 3 * reviews))
            ]
            await feedback.BatchCollectFeedback(feedback_pb2.BatchCollectFeedbackRequest(requests=batch))
        listed = await listing.ListReviews(review_pb2.ListReviewsRequest(page_size=1000))
        ids = [review.id for review in listed.reviews]
    assert len(ids) == reviews, len(ids)
    await asyncio.gather(
        *(
            _reviewer(addresses[place % len(addresses)], f"r{place}", ids, found, attempts, lease_seconds)
            for place in range(reviewers)
        )
    )
    return found


async def _reviewer(address: str, name: str, ids: list[str], found: Race, attempts: int, lease_seconds: int) -> None:
    rng = random.Random(name)
    async with grpc.aio.insecure_channel(address) as channel:
        stub = ReviewServiceStub(channel)
        while found.attempts < attempts or len(found.won) <= len(ids):
            found.attempts += 1
            request = review_pb2.ClaimReviewRequest(id=rng.choice(ids), reviewer=name)
            request.lease_duration.FromSeconds(lease_seconds)
            claimed = await _unless_refused(stub.ClaimReview(request, timeout=PATIENCE_SECONDS), found)
            if claimed is None:
                continue
            id, token = request.id, claimed.claim_token
            number = int(token.partition(".")[0])
            found.won[id, number] += 1
            found.newest[id] = max(found.newest[id], number)
            if rng.random() < 0.9:
                continue  # It runs out by itself.
            await any_moment(2 * lease_seconds, rng)
            stale = found.newest[id] > number
            renewal = review_pb2.RenewClaimRequest(id=id, claim_token=token)
            renewal.lease_duration.FromSeconds(lease_seconds)
            release = review_pb2.ReleaseReviewRequest(id=id, claim_token=token)
            renews = rng.random() < 0.5
            call = (
                stub.RenewClaim(renewal, timeout=PATIENCE_SECONDS)
                if renews
                else stub.ReleaseReview(release, timeout=PATIENCE_SECONDS)
            )
            if await _unless_refused(call, found) is not None:
                found.stale += stale


async def _unless_refused(call: Any, found: Race) -> Any:
    """The response; None where the claim is somebody else's, or nobody knows."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            found.unanswered += 1
            return None
        assert error.code() in _REFUSED, error
        return None
