"""A reviewer's hold on a review."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc

from uptake.backoff import Backoff
from uptake.errors import UptakeError
from uptake.transport import Transport, duration, request_id_or_new, timestamp
from uptake.v1 import review_pb2 as pb
from uptake.v1.correction_pb2 import CorrectionDraft

if TYPE_CHECKING:
    from uptake.v1.review_pb2_grpc import ReviewServiceAsyncStub

# Three renewals fit into a lease, so that one that fails costs nothing.
RENEWALS_PER_LEASE = 3


class Claim:
    """A claimed review. Within `async with` the lease is renewed in the background, a third of its length
    apart; a block that ends without `resolve`, `dismiss` or `release` gives the review back.

    Every method raises UptakeError: FAILED_PRECONDITION with the reason CLAIM_LOST when the lease ran out or
    somebody else has the review. Once the claim is known to be lost they raise that without a call.

    Attributes:
        review: the review as it was last seen.
        token: shows that the caller holds the claim. Keep it secret; `reviews.held` makes a Claim of it
            elsewhere.
        lost: set when the claim is lost, for work that should then stop.
    """

    def __init__(
        self,
        transport: Transport,
        stub: ReviewServiceAsyncStub,
        review: pb.Review,
        token: str,
        *,
        lease_seconds: float,
        held_from: float,
        auto_renew: bool,
    ) -> None:
        """`held_from`: the loop's time when the claim was asked for, from which the lease is counted."""
        self.review = review
        self.token = token
        self.lost = asyncio.Event()
        self._transport = transport
        self._stub = stub
        self._lease_seconds = lease_seconds
        self._held_until = held_from + lease_seconds
        self._auto_renew = auto_renew
        self._renewing: asyncio.Task[None] | None = None
        self._finished = False
        self._loss: UptakeError | None = None
        # A renewal that overtakes the finishing call would be refused, and would look like a lost claim.
        self._turn = asyncio.Lock()

    async def renew(self, lease_seconds: float | None = None, *, timeout_seconds: float | None = None) -> pb.Review:
        """Extend the lease.

        Args:
            lease_seconds: how long it holds from now, 1 second to 24 hours; None for as long as claimed.
            timeout_seconds: deadline of the call.

        Returns:
            The review.
        """
        async with self._turn:
            return await self._renew(lease_seconds, timeout_seconds)

    async def release(
        self, note: str = "", *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> pb.Review:
        """Give the review back.

        Args:
            note: why, up to 10,000 characters.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Returns:
            The review, open again.
        """
        request = pb.ReleaseReviewRequest(
            project=self._transport.project,
            id=self.review.id,
            claim_token=self.token,
            note=note,
            request_id=request_id_or_new(request_id),
        )
        async with self._turn:
            self._raise_if_lost()
            response = await self._transport.call(self._stub.ReleaseReview, request, timeout_seconds)
            return self._finish(response.review)

    async def resolve(
        self,
        note: str = "",
        *,
        corrections: Iterable[CorrectionDraft] = (),
        fix_time: datetime | None = None,
        etag: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.ResolveReviewResponse:
        """Finish: the answers were fixed. Only feedback on answers after the fix can reopen the review.

        Args:
            note: what was done, up to 10,000 characters.
            corrections: applied in the same commit, up to 100. If one cannot be applied, nothing is changed.
            fix_time: when the fix went live, with a time zone; None for now.
            etag: if given, the call fails when the review changed since.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Returns:
            The review, resolved, and the corrections that were applied.

        Raises:
            UptakeError: besides a lost claim, ABORTED (BASE_REVISION_MISMATCH, ETAG_MISMATCH).
        """
        request = pb.ResolveReviewRequest(
            project=self._transport.project,
            id=self.review.id,
            claim_token=self.token,
            note=note,
            fix_time=timestamp("fix_time", fix_time),
            corrections=corrections,
            etag=etag,
            request_id=request_id_or_new(request_id),
        )
        async with self._turn:
            self._raise_if_lost()
            response = await self._transport.call(self._stub.ResolveReview, request, timeout_seconds)
            self._finish(response.review)
            return response

    async def dismiss(
        self,
        note: str = "",
        *,
        etag: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.Review:
        """Finish: nothing is to be fixed. The pattern stays quiet for a time.

        Args:
            note: why, up to 10,000 characters.
            etag: if given, the call fails when the review changed since.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Returns:
            The review, dismissed.

        Raises:
            UptakeError: besides a lost claim, ABORTED (ETAG_MISMATCH).
        """
        request = pb.DismissReviewRequest(
            project=self._transport.project,
            id=self.review.id,
            claim_token=self.token,
            note=note,
            etag=etag,
            request_id=request_id_or_new(request_id),
        )
        async with self._turn:
            self._raise_if_lost()
            response = await self._transport.call(self._stub.DismissReview, request, timeout_seconds)
            return self._finish(response.review)

    async def __aenter__(self) -> Self:
        if self._auto_renew:
            self._renewing = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self._over:
            return
        try:
            await self.release()
        except UptakeError as failed:
            # A claim that is gone needs no release. Otherwise the lease ends by itself, and the block's own
            # error says more than this one.
            if failed.code is not grpc.StatusCode.FAILED_PRECONDITION and error is None:
                raise

    async def _keep(self) -> None:
        """Renew until finished or lost. A renewal that fails is tried again while the lease lasts."""
        pause = self._lease_seconds / RENEWALS_PER_LEASE
        while not self._over:
            await asyncio.sleep(pause)
            backoff = Backoff()
            while not await self._renewed_or_over(min(pause, self._transport.timeout_seconds)):
                await backoff.wait()

    async def _renewed_or_over(self, timeout_seconds: float) -> bool:
        async with self._turn:
            if self._over:
                return True
            try:
                await self._renew(None, timeout_seconds)
            except UptakeError as error:
                if asyncio.get_running_loop().time() >= self._held_until:
                    self._lose(error)
                return self._over
            return True

    async def _renew(self, lease_seconds: float | None, timeout_seconds: float | None) -> pb.Review:
        self._raise_if_lost()
        seconds = self._lease_seconds if lease_seconds is None else lease_seconds
        request = pb.RenewClaimRequest(
            project=self._transport.project,
            id=self.review.id,
            claim_token=self.token,
            lease_duration=duration(seconds),
        )
        asked_at = asyncio.get_running_loop().time()
        try:
            response = await self._transport.call(self._stub.RenewClaim, request, timeout_seconds)
        except UptakeError as error:
            if error.code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND):
                self._lose(error)
            raise
        self._held_until = asked_at + seconds
        self.review = response.review
        return response.review

    @property
    def _over(self) -> bool:
        return self._finished or self.lost.is_set()

    def _finish(self, review: pb.Review) -> pb.Review:
        self.review = review
        self._finished = True
        return review

    def _lose(self, error: UptakeError) -> None:
        self._loss = error
        self.lost.set()

    def _raise_if_lost(self) -> None:
        if self._loss is not None:
            raise UptakeError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the claim on review {self.review.id} is lost; claim it again",
                reason="CLAIM_LOST",
            ) from self._loss
