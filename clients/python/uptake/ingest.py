"""Feedback as it comes, over one stream that is opened again when it breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass

import grpc
import grpc.aio

from uptake.backoff import Backoff
from uptake.batches import MAX_BATCH_BYTES, FeedbackItem, FeedbackItems, each
from uptake.errors import UptakeError
from uptake.transport import Transport, cancelled_by_caller, closed_error, request_id_or_new
from uptake.v1.feedback_pb2 import CollectFeedbackRequest, StreamFeedbackRequest, StreamFeedbackResponse
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub

ANSWERED_ID_LENGTH = 128


@dataclass(frozen=True)
class StreamResult:
    """What became of one item of `client.feedback.stream`.

    Attributes:
        item: the item, as the source gave it.
        request_id: the request id that it was sent with: its own, or the one made for it.
        feedback_id: id of the committed feedback; empty when it was not stored.
        error: why it was not stored, to be raised or read; None when it was.
    """

    item: FeedbackItem
    request_id: str
    feedback_id: str = ""
    error: UptakeError | None = None


@dataclass(frozen=True)
class _Sent:
    item: FeedbackItem
    request: StreamFeedbackRequest


class _Connection:
    """What one connection has to send, and how much of it may be on its way."""

    def __init__(self, unanswered: Iterable[StreamFeedbackRequest]) -> None:
        self.unsent = deque(unanswered)
        # With one item on its way until the window is told, nothing is written after a refusal, which
        # therefore shows as itself (see `_status_is_lost`).
        self.window = 1
        self.in_flight = 0
        self.resume_at = 0.0
        self.ended = False

    @property
    def may_send(self) -> bool:
        return bool(self.unsent) and self.in_flight < self.window


class Ingest:
    """One logical StreamFeedback over any number of connections.

    What was sent and not answered is kept, and sent again with the same request ids after a break: each item
    is stored once. The service's window bounds how much that is, and how far the source is read ahead.
    """

    def __init__(self, transport: Transport, items: FeedbackItems) -> None:
        self._transport = transport
        self._items = items
        self._changed = asyncio.Condition()
        self._unanswered: dict[str, _Sent] = {}
        self._connection = _Connection(())
        self._window = 1
        self._backoff = Backoff()
        self._exhausted = False
        self._source_error: Exception | None = None

    async def results(self) -> AsyncGenerator[StreamResult, None]:
        """Yield one result for each item, in the order of their commits. See `FeedbackCalls.stream`."""
        feeding = asyncio.create_task(self._feed())
        try:
            while not self._finished:
                if self._transport.connection.closed:
                    raise closed_error()
                retry_after_seconds: float | None = None
                self._connection = _Connection(sent.request for sent in self._unanswered.values())
                call = FeedbackServiceStub(self._transport.channel).StreamFeedback(
                    self._requests(self._connection), metadata=self._transport.metadata
                )
                try:
                    async for response in call:
                        if response.HasField("end"):
                            break
                        result = await self._take(response)
                        if result is not None:
                            self._backoff.reset()
                            yield result
                except grpc.aio.AioRpcError as rpc_error:
                    error = UptakeError.from_rpc(rpc_error)
                    if not (_can_go_on(error) or _status_is_lost(rpc_error)):
                        raise error from rpc_error
                    retry_after_seconds = error.retry_after_seconds
                except asyncio.CancelledError:
                    # gRPC raises it for a status CANCELLED too: a server or proxy has cut the stream off.
                    if cancelled_by_caller():
                        raise
                finally:
                    call.cancel()
                    await self._end(self._connection)
                if not self._finished:
                    await self._backoff.wait(retry_after_seconds)
            if self._source_error is not None:
                raise self._source_error
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    @property
    def _finished(self) -> bool:
        return self._exhausted and not self._unanswered

    async def _requests(self, connection: _Connection) -> AsyncIterator[StreamFeedbackRequest]:
        """What one connection sends: never more than the window, and the end when all is answered."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: connection.ended or connection.may_send or self._finished)
                if connection.ended or not connection.unsent:
                    return
                pause_seconds = connection.resume_at - asyncio.get_running_loop().time()
                if pause_seconds <= 0:
                    request = connection.unsent.popleft()
                    connection.in_flight += 1
            if pause_seconds > 0:
                await asyncio.sleep(pause_seconds)
            else:
                yield request

    async def _end(self, connection: _Connection) -> None:
        """Lets the writer of a connection end."""
        async with self._changed:
            connection.ended = True
            self._changed.notify_all()

    async def _feed(self) -> None:
        """Read the source no further ahead than the window."""
        try:
            async for item in each(self._items):
                request = self._request(item)
                key = _answered_id(request)
                async with self._changed:
                    await self._changed.wait_for(
                        lambda: len(self._unanswered) < self._window and key not in self._unanswered  # noqa: B023
                    )
                    self._unanswered[key] = _Sent(item, request)
                    self._connection.unsent.append(request)
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - the source's own; raised to the caller after the last answer
            self._source_error = error
        async with self._changed:
            self._exhausted = True
            self._changed.notify_all()

    async def _take(self, response: StreamFeedbackResponse) -> StreamResult | None:
        """Note a response; None for one that ends nothing: a window, or an item that has to be sent again."""
        async with self._changed:
            self._changed.notify_all()
            if response.window:
                self._window = self._connection.window = response.window
            sent = self._unanswered.get(response.request_id)
            if sent is None:
                return None
            self._connection.in_flight -= 1
            if response.HasField("error") and response.error.HasField("retry_delay"):
                self._send_again(sent, UptakeError.from_item(response.error).retry_after_seconds)
                return None
            del self._unanswered[response.request_id]
        return StreamResult(
            sent.item,
            sent.request.request_id,
            response.feedback_id,
            UptakeError.from_item(response.error) if response.HasField("error") else None,
        )

    def _send_again(self, sent: _Sent, after_seconds: float | None) -> None:
        """The service had no room or no database for it: nothing more is sent until it was given time."""
        now = asyncio.get_running_loop().time()
        if self._connection.resume_at <= now:
            self._connection.resume_at = now + self._backoff.next_seconds(after_seconds)
        self._connection.unsent.append(sent.request)

    def _request(self, item: FeedbackItem) -> StreamFeedbackRequest:
        if isinstance(item, CollectFeedbackRequest):
            project, feedback, request_id = item.project, item.feedback, item.request_id
        else:
            project, feedback, request_id = "", item, ""
        request = StreamFeedbackRequest(
            project=project or self._transport.project,
            feedback=feedback,
            request_id=request_id_or_new(request_id),
        )
        if request.ByteSize() > MAX_BATCH_BYTES:
            raise ValueError(
                f"an item has {request.ByteSize():,} bytes; the service takes none of more than {MAX_BATCH_BYTES:,}"
            )
        return request


def _answered_id(request: StreamFeedbackRequest) -> str:
    """What the answer to a request calls it."""
    return request.request_id[:ANSWERED_ID_LENGTH]


def _can_go_on(error: UptakeError) -> bool:
    """Whether another connection may mend it. gRPC itself says RESOURCE_EXHAUSTED to what it will never take."""
    if error.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return error.retry_after_seconds is not None
    return error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def _status_is_lost(error: grpc.aio.AioRpcError) -> bool:
    """Whether gRPC put an error of its own over the status, as it does when a write comes after the end.

    https://github.com/grpc/grpc/issues/36066
    """
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"
