"""How events reach subscribers: soon, whole, and at nobody else's cost."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from motor.motor_asyncio import AsyncIOMotorChangeStream, AsyncIOMotorCollection
from uptake import UptakeError, thumbs_down
from uptake.v1 import insight_pb2, review_pb2
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake.v1.review_pb2_grpc import ReviewServiceStub

from tests.conftest import Service, StartService
from tests.processes import PATIENCE_SECONDS, eventually
from tests.streams import Stream, make_events, subscribe

Message = insight_pb2.SubscribeInsightsResponse

_MANY = 6000
_AT_ONCE = 200
"""As many as are kept: whoever reads these before there are more is never behind, on a slow machine neither."""
_SOON_SECONDS = 45.0
"""Within the interval of those who look."""

# A small window, so that a caller that does not read is noticed after a few messages, not after megabytes.
_SMALL_WINDOW = (("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0))


def channel(service: Service) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(service.address, options=(*_SMALL_WINDOW, ("grpc.use_local_subchannel_pool", 1)))


async def seqs_of(stream: Stream[Message], last: int, seconds: float = PATIENCE_SECONDS) -> list[int]:
    """The events up to the last; each is waited for so long."""
    seqs: list[int] = []
    while not seqs or seqs[-1] < last:
        message = await stream.read(seconds)
        if message.HasField("event"):
            seqs.append(message.event.seq)
    return seqs


async def test_events_come_without_being_looked_for(start_service: StartService) -> None:
    # Whoever looked at this interval would come too late; the second is a replica.
    one, other = [await start_service(subscription_interval_seconds=60) for _ in range(2)]
    async with channel(one) as here, channel(other) as there:
        streams = [subscribe(InsightServiceStub(here)), subscribe(InsightServiceStub(there))]
        for stream in streams:
            await stream.until("snapshot")

        async for result in one.client.collect_many(thumbs_down(f"i{n}", query="Where is it?") for n in range(3)):
            assert result.HasField("feedback")

        for stream in streams:
            assert await seqs_of(stream, 1, _SOON_SECONDS) == [1]
            stream.cancel()


async def test_what_the_change_stream_leaves_out_is_read(start_service: StartService) -> None:
    service = await start_service(subscription_interval_seconds=0.1)
    for task in asyncio.all_tasks():
        if task.get_name() == "change stream":
            task.cancel()
    async with channel(service) as connection:
        stream = subscribe(InsightServiceStub(connection))
        await stream.until("snapshot")
        await make_events(service.mongo, 3)
        assert await seqs_of(stream, 3) == [1, 2, 3]
        stream.cancel()


async def test_a_killed_cursor_of_the_change_stream_is_opened_again(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[AsyncIOMotorChangeStream[Any]] = []
    watch = AsyncIOMotorCollection.watch

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(watch(self, *arguments, **options))
        return opened[-1]

    monkeypatch.setattr(AsyncIOMotorCollection, "watch", watched)
    # At this interval nobody looks while the test runs.
    service = await start_service(subscription_interval_seconds=60)
    async with channel(service) as connection:
        stream = subscribe(InsightServiceStub(connection))
        await stream.until("snapshot")
        cursors: list[int] = []

        def is_open_anew() -> bool:
            """Whether there is a change stream whose cursor is not one of those that were killed."""
            delegate = opened[-1].delegate
            cursor = delegate._cursor.cursor_id if delegate is not None and delegate.alive else None
            return cursor is not None and cursor not in cursors

        seen: list[int] = []
        for _ in range(3):
            await eventually(is_open_anew, "the change stream")
            cursors.append(opened[-1].delegate._cursor.cursor_id)
            await service.mongo.database.command("killCursors", "events", cursors=[cursors[-1]])
            # What comes before the stream is open again comes with the first event after it.
            for _ in range(19):
                await make_events(service.mongo, 1)
            await eventually(is_open_anew, "the change stream, opened again")
            await make_events(service.mongo, 1)
            seen += await seqs_of(stream, len(seen) + 20, _SOON_SECONDS)
        assert seen == list(range(1, 61))
        stream.cancel()


async def test_a_slow_subscriber_is_ended_with_a_token_and_misses_nothing(start_service: StartService) -> None:
    service = await start_service(
        subscriber_backlog=_AT_ONCE, subscriber_patience_seconds=1, subscription_interval_seconds=0.1
    )
    async with channel(service) as slow_connection, channel(service) as quick_connection:
        slow, quick = subscribe(InsightServiceStub(slow_connection)), subscribe(InsightServiceStub(quick_connection))
        await slow.until("snapshot")
        await quick.until("snapshot")
        read: list[int] = []
        for made in range(_AT_ONCE, _MANY + 1, _AT_ONCE):
            await make_events(service.mongo, _AT_ONCE)
            read += await seqs_of(quick, made)
        # The one that reads gets everything, in order, as if the other were not there.
        assert read == list(range(1, _MANY + 1))
        # The one that does not is let go, although it could not be told.
        await eventually(lambda: service.app.parts.broadcaster.subscribers() == 1, "the end of the slow one")
        quick.cancel()

        seen: list[int] = []
        token = ""
        try:
            while True:
                message = await slow.read()
                token = message.resume_token
                if message.HasField("event"):
                    seen.append(message.event.seq)
        except grpc.aio.AioRpcError as raised:
            error = UptakeError.from_rpc(raised)
        assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SUBSCRIBER_TOO_SLOW")
        assert error.retry_after_seconds is not None
        assert len(seen) < _MANY

        resumed = subscribe(InsightServiceStub(slow_connection), resume_token=token)
        seen += await seqs_of(resumed, _MANY)
        assert seen == list(range(1, _MANY + 1))
        resumed.cancel()


@pytest.mark.parametrize("method", ["SubscribeInsights", "SubscribeReviews"])
async def test_subscribers_that_leave_take_all_of_theirs_with_them(start_service: StartService, method: str) -> None:
    service = await start_service(subscription_interval_seconds=0.1)
    await make_events(service.mongo, 100)
    calls: dict[str, Callable[..., Any]] = {
        "SubscribeInsights": lambda channel, **options: InsightServiceStub(channel).SubscribeInsights(
            insight_pb2.SubscribeInsightsRequest(checkpoint_interval={"seconds": 1}), **options
        ),
        "SubscribeReviews": lambda channel, **options: ReviewServiceStub(channel).SubscribeReviews(
            review_pb2.SubscribeReviewsRequest(checkpoint_interval={"seconds": 1}), **options
        ),
    }
    call = calls[method]
    tasks_before = len(asyncio.all_tasks())
    async with channel(service) as connection:
        streams = [Stream[Any](call(connection)) for _ in range(50)]
        for stream in streams:
            await stream.read()
        assert service.app.parts.broadcaster.subscribers() == 50
        # Cancelled, out of time, and read by nobody.
        for stream in streams[:25]:
            stream.cancel()
        await eventually(lambda: service.app.parts.broadcaster.subscribers() == 25, "the end of those cancelled")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in call(connection, timeout=0.5):
                pass
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await eventually(lambda: service.app.parts.broadcaster.subscribers() == 25, "the end of the one out of time")
    await eventually(
        lambda: service.app.parts.broadcaster.subscribers() == 0, "the end of those whose connection closed"
    )
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks_before, "the end of their tasks")
