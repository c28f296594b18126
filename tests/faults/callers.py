"""Callers that send feedback and claim reviews, whatever happens, and remember what they were told.

Each keeps at a piece of feedback, under one request id, until it is acknowledged.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from uptake import thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import review_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.review_pb2_grpc import ReviewServiceStub

from tests.processes import PATIENCE_SECONDS, any_moment, eventually, in_time, let_pass

DEADLINE_SECONDS = 4.0
_SLACK_SECONDS = 20.0
"""How much later than its deadline a call may end, on a machine that is busy: this process has to get its turn."""

_BATCH = 20
_QUERIES = tuple(f"How do I change my {thing}?" for thing in ("password", "address", "invoice", "plan", "language"))

DOCUMENTED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}
"""What the contract says of bad luck; anything else is a fault of ours."""

_CHANNEL = (
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
)


@dataclass
class Callers:
    """Several callers of each address.

    Attributes:
        cancelling: Whether they cancel half of their calls.
        service_stopping: Whether a service is ending by SIGTERM now; gRPC cancels the calls that it has not begun.
        pause_seconds: How long each waits after a piece or batch; what is stored is recounted at the end.
        acknowledged: The feedback's id for each request id.
        codes: How often each code was answered, those of cancelled calls apart.
        cancelled: How many calls were cancelled.
        late: Calls that ended after their deadline.
        claims: For each review the numbers of its claims, with those who were told of each.
        newest: When each address last acknowledged anything.
        failed: What clients of ours were told that they must not be told.
    """

    addresses: Sequence[str]
    each: int = 3
    cancelling: bool = False
    service_stopping: bool = False
    pause_seconds: float = 0.0
    acknowledged: dict[str, str] = field(default_factory=dict)
    codes: Counter[grpc.StatusCode] = field(default_factory=Counter)
    cancelled: int = 0
    late: int = 0
    claims: Counter[tuple[str, str]] = field(default_factory=Counter)
    newest: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    _stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    def start(self) -> None:
        for address in self.addresses:
            for place in range(self.each):
                name = f"{address.rpartition(':')[2]}-{place}"
                self._tasks.append(asyncio.create_task(self._send(address, name, batches=place % 2 == 1)))
            self._tasks.append(asyncio.create_task(self._review(address, f"reviewer of {address}")))

    async def stop(self) -> None:
        """Returns when all that was begun is acknowledged."""
        self._stopping = True
        async with in_time("the answers to what was begun", 2 * PATIENCE_SECONDS):
            await asyncio.gather(*self._tasks)
        for channel in self._channels:
            await channel.close()

    @property
    def count(self) -> int:
        """How many callers there are, each with one call at a time."""
        return len(self._tasks)

    async def recovered(self, since: float) -> float:
        """Seconds from then until every address has acknowledged something that was sent later."""

        def all_have() -> bool:
            return all(self.newest.get(address, -1.0) >= since for address in self.addresses)

        await eventually(all_have, "something acknowledged at every address", 2 * PATIENCE_SECONDS)
        return max(self.newest.values()) - since

    def _channel(self, address: str) -> grpc.aio.Channel:
        channel = grpc.aio.insecure_channel(address, options=_CHANNEL)
        self._channels.append(channel)
        return channel

    async def _send(self, address: str, name: str, *, batches: bool) -> None:
        stub = FeedbackServiceStub(self._channel(address))
        number = 0
        while not self._stopping:
            numbers = range(number, number + (_BATCH if batches else 1))
            number = numbers.stop
            waiting = [_request(f"{name}-{each}", each) for each in numbers]
            while waiting:
                began = time.monotonic()
                waiting, done = await (self._batch(stub, waiting) if batches else self._one(stub, waiting))
                if done:
                    self.newest[address] = began
                else:
                    await let_pass(0.05, "a caller comes back a little later")
            await let_pass(self.pause_seconds, "the pace of a caller")

    async def _one(
        self, stub: FeedbackServiceStub, waiting: list[pb.CollectFeedbackRequest]
    ) -> tuple[list[pb.CollectFeedbackRequest], bool]:
        (request,) = waiting
        response = await self._call(stub.CollectFeedback(request, timeout=DEADLINE_SECONDS))
        if response is None:
            return waiting, False
        self._note(request, response.feedback)
        return [], True

    async def _batch(
        self, stub: FeedbackServiceStub, waiting: list[pb.CollectFeedbackRequest]
    ) -> tuple[list[pb.CollectFeedbackRequest], bool]:
        batch = pb.BatchCollectFeedbackRequest(requests=waiting)
        response = await self._call(stub.BatchCollectFeedback(batch, timeout=DEADLINE_SECONDS))
        if response is None:
            return waiting, False
        left = []
        for request, result in zip(waiting, response.results, strict=True):
            if result.HasField("error"):
                self.codes[_code(result.error.code)] += 1
                left.append(request)
            else:
                self._note(request, result.feedback)
        return left, len(left) < len(waiting)

    def _note(self, request: pb.CollectFeedbackRequest, feedback: pb.Feedback) -> None:
        told = self.acknowledged.setdefault(request.request_id, feedback.id)
        assert told == feedback.id

    async def _review(self, address: str, name: str) -> None:
        """Claims whatever is open, for a moment."""
        stub = ReviewServiceStub(self._channel(address))
        number = 0
        while not self._stopping:
            await let_pass(0.02, "the pace of a reviewer")
            number += 1
            listed = await self._call(stub.ListReviews(review_pb2.ListReviewsRequest(), timeout=DEADLINE_SECONDS))
            for review in listed.reviews if listed else ():
                claim = review_pb2.ClaimReviewRequest(
                    id=review.id, reviewer=name, request_id=f"{name}-{number}-{review.id}"
                )
                claim.lease_duration.FromSeconds(5)
                claimed = await self._call(
                    stub.ClaimReview(claim, timeout=DEADLINE_SECONDS), also={grpc.StatusCode.FAILED_PRECONDITION}
                )
                if claimed:
                    self.claims[review.id, claimed.claim_token.partition(".")[0]] += 1
                    release = review_pb2.ReleaseReviewRequest(id=review.id, claim_token=claimed.claim_token)
                    await self._call(
                        stub.ReleaseReview(release, timeout=DEADLINE_SECONDS),
                        also={grpc.StatusCode.FAILED_PRECONDITION},
                    )

    async def _call(self, call: Any, also: set[grpc.StatusCode] | None = None) -> Any:
        """The response; None for what failed, whose code is noted unless it is one of `also`."""
        began = time.monotonic()
        cancelling = None
        if self.cancelling and random.random() < 0.5:
            cancelling = asyncio.create_task(_cancel_soon(call))
        try:
            return await call
        except asyncio.CancelledError:
            self.cancelled += 1
        except grpc.aio.AioRpcError as error:
            not_begun = self.service_stopping and error.code() is grpc.StatusCode.CANCELLED
            if not not_begun and error.code() not in (also or ()):
                self.codes[error.code()] += 1
        finally:
            if time.monotonic() - began > DEADLINE_SECONDS + _SLACK_SECONDS:
                self.late += 1
            if cancelling is not None:
                cancelling.cancel()
        return None


async def _cancel_soon(call: Any) -> None:
    await any_moment(0.1)
    call.cancel()


def _request(request_id: str, number: int) -> pb.CollectFeedbackRequest:
    said = thumbs_up if number % 3 == 0 else thumbs_down
    feedback = said(request_id, query=_QUERIES[number % len(_QUERIES)], comment="it does not work", user_id=request_id)
    return pb.CollectFeedbackRequest(feedback=feedback, request_id=request_id)


def _code(number: int) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == number)
