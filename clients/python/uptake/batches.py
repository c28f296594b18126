"""Many pieces of feedback in few calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import TypeVar

from uptake.backoff import Backoff
from uptake.errors import UptakeError
from uptake.transport import Transport, request_id_or_new
from uptake.v1.feedback_pb2 import (
    BatchCollectFeedbackRequest,
    BatchCollectFeedbackResult,
    CollectFeedbackRequest,
    Feedback,
)
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub

FeedbackItem = Feedback | CollectFeedbackRequest
FeedbackItems = Iterable[FeedbackItem] | AsyncIterable[FeedbackItem]

# The server takes messages of 16 MB, and its answer repeats the batch with what it adds.
MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_BATCH_SIZE = 1000
ITEM_ATTEMPTS = 4

T = TypeVar("T")


async def collect_many(
    transport: Transport,
    items: FeedbackItems,
    *,
    batch_size: int,
    in_flight: int,
    timeout_seconds: float | None,
) -> AsyncGenerator[BatchCollectFeedbackResult, None]:
    """Send items in batches and yield their results in order. See `Client.collect_many`."""
    if not 1 <= batch_size <= MAX_BATCH_SIZE:
        raise ValueError(f"batch_size must be from 1 to {MAX_BATCH_SIZE}, not {batch_size}")
    if in_flight < 1:
        raise ValueError(f"in_flight must be at least 1, not {in_flight}")
    running: deque[asyncio.Task[list[BatchCollectFeedbackResult]]] = deque()
    try:
        async with aclosing(_batches(items, batch_size)) as batches:
            async for batch in batches:
                running.append(asyncio.create_task(_collect_batch(transport, batch, timeout_seconds)))
                if len(running) == in_flight:
                    for result in await running[0]:
                        yield result
                    running.popleft()
        while running:
            for result in await running[0]:
                yield result
            running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """Iterate over either kind of iterable."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _batches(items: FeedbackItems, batch_size: int) -> AsyncGenerator[list[CollectFeedbackRequest], None]:
    batch: list[CollectFeedbackRequest] = []
    batch_bytes = 0
    async for item in each(items):
        request = _identified(item)
        item_bytes = request.ByteSize()
        if batch and (len(batch) == batch_size or batch_bytes + item_bytes > MAX_BATCH_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(request)
        batch_bytes += item_bytes
    if batch:
        yield batch


def _identified(item: FeedbackItem) -> CollectFeedbackRequest:
    """A request of its own for the item, with a request id; the caller's message stays as it is."""
    if isinstance(item, Feedback):
        return CollectFeedbackRequest(feedback=item, request_id=request_id_or_new(None))
    if item.request_id:
        return item
    request = CollectFeedbackRequest()
    request.CopyFrom(item)
    request.request_id = request_id_or_new(None)
    return request


async def _collect_batch(
    transport: Transport, batch: Sequence[CollectFeedbackRequest], timeout_seconds: float | None
) -> list[BatchCollectFeedbackResult]:
    """Send one batch, and again those of its items that failed for want of room or of the database."""
    stub = FeedbackServiceStub(transport.channel)
    results: list[BatchCollectFeedbackResult] = [BatchCollectFeedbackResult()] * len(batch)
    due = list(range(len(batch)))
    backoff = Backoff()
    for attempt in range(1, ITEM_ATTEMPTS + 1):
        request = BatchCollectFeedbackRequest(project=transport.project, requests=[batch[at] for at in due])
        response = await transport.call(stub.BatchCollectFeedback, request, timeout_seconds)
        for at, result in zip(due, response.results, strict=True):
            results[at] = result
        due = [at for at in due if _worth_repeating(results[at])]
        if not due or attempt == ITEM_ATTEMPTS:
            break
        await backoff.wait()
    return results


def _worth_repeating(result: BatchCollectFeedbackResult) -> bool:
    return result.HasField("error") and UptakeError.from_item(result.error).retryable
