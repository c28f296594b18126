"""Feedback as it comes, over one stream that is opened again when it breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

import grpc
import grpc.aio

from uptake.backoff import Backoff
from uptake.batches import FeedbackItem, FeedbackItems, each
from uptake.errors import UptakeError
from uptake.transport import Transport, request_id_or_new
from uptake.v1.feedback_pb2 import CollectFeedbackRequest, StreamFeedbackRequest, StreamFeedbackResponse
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub


class Ingest:
    """One logical StreamFeedback over any number of connections.

    What was sent and not answered is kept, and sent again with the same request ids after a break: each item
    is stored once. The service's window bounds how much that is, and how far the source is read ahead.
    """

    def __init__(self, transport: Transport, items: FeedbackItems) -> None:
        self._transport = transport
        self._items = items
        self._changed = asyncio.Condition()
        self._unanswered: dict[str, StreamFeedbackRequest] = {}
        self._unsent: deque[StreamFeedbackRequest] = deque()
        self._window = 1
        self._in_flight = 0
        self._exhausted = False
        self._source_error: Exception | None = None

    async def responses(self) -> AsyncGenerator[StreamFeedbackResponse, None]:
        """Yield one answer for each item, in the order of their commits. See `FeedbackCalls.stream`."""
        feeding = asyncio.create_task(self._feed())
        backoff = Backoff()
        call: grpc.aio.StreamStreamCall[StreamFeedbackRequest, StreamFeedbackResponse] | None = None
        try:
            while not (self._exhausted and not self._unanswered):
                retry_after_seconds: float | None = None
                call = self._connect()
                try:
                    async for response in call:
                        if await self._take(response):
                            backoff.reset()
                            yield response
                except grpc.aio.AioRpcError as rpc_error:
                    error = UptakeError.from_rpc(rpc_error)
                    if not (error.retryable or _status_is_lost(rpc_error)):
                        raise error from rpc_error
                    retry_after_seconds = error.retry_after_seconds
                if not self._exhausted or self._unanswered:
                    await backoff.wait(retry_after_seconds)
            if self._source_error is not None:
                raise self._source_error
        finally:
            feeding.cancel()
            if call is not None:
                call.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            async with self._changed:  # Lets the writer of a call that ended by itself end too.
                self._unsent = deque()
                self._changed.notify_all()

    def _connect(self) -> grpc.aio.StreamStreamCall[StreamFeedbackRequest, StreamFeedbackResponse]:
        # A deque of its own for each connection: the writer of a broken one may still be taking from the old.
        self._unsent = deque(self._unanswered.values())
        self._in_flight = 0
        # The window is the connection's. With one item on its way until it is told, nothing is written
        # after a refusal, which therefore shows as itself (see `_status_is_lost`).
        self._window = 1
        stub = FeedbackServiceStub(self._transport.channel)
        return stub.StreamFeedback(self._requests(self._unsent), metadata=self._transport.metadata)

    async def _requests(self, unsent: deque[StreamFeedbackRequest]) -> AsyncIterator[StreamFeedbackRequest]:
        """What one connection sends: never more than the window, and the end when all is sent."""
        while True:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: (
                        unsent is not self._unsent
                        or (unsent and self._in_flight < self._window)
                        or (self._exhausted and not unsent)
                    )
                )
                if unsent is not self._unsent or not unsent:
                    return
                request = unsent.popleft()
                self._in_flight += 1
            yield request

    async def _feed(self) -> None:
        """Read the source no further ahead than the window."""
        try:
            async for item in each(self._items):
                request = self._request(item)
                async with self._changed:
                    await self._changed.wait_for(lambda: len(self._unanswered) < self._window)
                    self._unanswered[request.request_id] = request
                    self._unsent.append(request)
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - the source's own; raised to the caller after the last answer
            self._source_error = error
        async with self._changed:
            self._exhausted = True
            self._changed.notify_all()

    async def _take(self, response: StreamFeedbackResponse) -> bool:
        """Note an answer; False for one that is none: a window, or an item answered before a break."""
        async with self._changed:
            self._window = response.window or self._window
            answered = self._unanswered.pop(response.request_id, None)
            if response.request_id:
                self._in_flight -= 1
            self._changed.notify_all()
        return answered is not None

    def _request(self, item: FeedbackItem) -> StreamFeedbackRequest:
        if isinstance(item, CollectFeedbackRequest):
            project, feedback, request_id = item.project, item.feedback, item.request_id
        else:
            project, feedback, request_id = "", item, ""
        return StreamFeedbackRequest(
            project=project or self._transport.project,
            feedback=feedback,
            request_id=request_id_or_new(request_id),
        )


def _status_is_lost(error: grpc.aio.AioRpcError) -> bool:
    """Whether gRPC put an error of its own over the status, as it does when a write comes after the end.

    https://github.com/grpc/grpc/issues/36066
    """
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"
