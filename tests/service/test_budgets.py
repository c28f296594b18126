"""What one caller may have of the service: reads, streams, snapshots, refreshes, and what is new."""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from uptake import Client, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake_service.auth.keys import KeyStore
from uptake_service.domain.access import Role
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import ReadTooLong
from uptake_service.insights.model import SHOWN_BYTES
from uptake_service.mongo.reads import Reading, as_reading

from tests.conftest import Service, StartService
from tests.processes import clustering_workers, eventually
from tests.service.test_prometheus import scrape, until
from tests.streams import Stream, subscribe
from tests.stubs import InsightServiceStub

WIDE = "\U0001f600"
"""A character of four bytes."""

CLOSED_WINDOW = (("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0))


@pytest.fixture
async def measured(start_service: StartService) -> Service:
    return await start_service(metrics_port=0, subscriber_patience_seconds=0.5, streams_per_caller=3, streams=5)


@pytest.fixture
async def plain(measured: Service) -> AsyncIterator[InsightServiceStub]:
    async with grpc.aio.insecure_channel(measured.address, options=(("grpc.enable_retries", 0),)) as channel:
        yield InsightServiceStub(channel)


async def long_corrections(client: Client, number: int) -> None:
    for each in range(number):
        await client.collect(
            correction(f"i{each}", WIDE * 50_000, original=WIDE * 50_000, query=WIDE * 10_000, user_id=f"u{each}")
        )


async def test_long_texts_are_cut_in_insights(client: Client) -> None:
    await long_corrections(client, 21)
    insights = await client.insights.get()
    assert len(insights.user_corrections) == 20
    shown = WIDE * (SHOWN_BYTES // 4)
    for each in insights.user_corrections:
        assert (each.query, each.correction.original, each.correction.corrected) == (shown, shown, shown)
    assert insights.ByteSize() < 20 * 3 * SHOWN_BYTES + 20_000
    # The whole is where it was.
    whole = await client.feedback.get(insights.user_corrections[0].feedback_id)
    assert whole.correction.corrected == WIDE * 50_000


async def test_a_subscriber_that_does_not_take_its_snapshot_is_ended_and_others_go_on(measured: Service) -> None:
    await long_corrections(measured.client, 20)
    request = insight_pb2.SubscribeInsightsRequest(checkpoint_interval={"seconds": 1})
    async with (
        grpc.aio.insecure_channel(measured.address, options=CLOSED_WINDOW) as stalled,
        grpc.aio.insecure_channel(measured.address) as other,
    ):
        # Nobody reads this one.
        call = InsightServiceStub(stalled).SubscribeInsights(request)
        reading = Stream(InsightServiceStub(other).SubscribeInsights(request))
        snapshot = (await reading.until("snapshot"))[-1]
        assert len(snapshot.snapshot.user_corrections) == 20
        port = measured.app.metrics_port
        await until(port, "uptake_subscribers_ended_total", 1, reason="subscriber_too_slow")
        await reading.until("checkpoint")
        seen = await scrape(port)
        assert (seen.value("uptake_subscribers"), seen.value("uptake_streams_open")) == (1, 1)
        call.cancel()
        reading.cancel()


async def test_subscribers_at_the_same_time_are_told_the_same_snapshot(plain: InsightServiceStub) -> None:
    streams = [subscribe(plain) for _ in range(3)]
    told = [(await stream.until("snapshot"))[-1] for stream in streams]
    assert told[0].resume_token
    assert {each.SerializeToString(deterministic=True) for each in told} == {
        told[0].SerializeToString(deterministic=True)
    }
    answered = await plain.GetInsights(insight_pb2.GetInsightsRequest())
    assert answered.insights == told[0].snapshot
    for stream in streams:
        stream.cancel()


async def test_streams_beyond_the_bounds_are_refused_with_a_reason(
    measured: Service, plain: InsightServiceStub
) -> None:
    def open_stream(project: str) -> Stream[insight_pb2.SubscribeInsightsResponse]:
        return subscribe(plain, project=project)

    streams = [open_stream("one") for _ in range(3)] + [open_stream("two") for _ in range(2)]
    for stream in streams:
        await stream.until("snapshot")
    for project, reason in (("one", "RATE_LIMITED"), ("three", "OVERLOADED")):
        error = UptakeError.from_rpc(await open_stream(project).error())
        assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
        assert error.retry_after_seconds
    seen = await scrape(measured.app.metrics_port)
    assert seen.value("uptake_limited_total", limit="streams_of_caller") == 1
    assert seen.value("uptake_limited_total", limit="streams") == 1
    # One that ends makes room.
    streams.pop(0).cancel()
    await until(measured.app.metrics_port, "uptake_calls_total", 1, method="SubscribeInsights", code="CANCELLED")
    stream = open_stream("three")
    await stream.until("snapshot")
    for each in (stream, *streams):
        each.cancel()


async def test_too_many_reads_are_refused_and_the_client_comes_again(start_service: StartService) -> None:
    service = await start_service(metrics_port=0, reads_waiting=1, read_patience_seconds=0.05)
    await service.client.collect(thumbs_up("i", query="q"))
    async with grpc.aio.insecure_channel(service.address, options=(("grpc.enable_retries", 0),)) as channel:
        stub = FeedbackServiceStub(channel)

        async def refused() -> UptakeError | None:
            calls = [stub.ListFeedback(feedback_pb2.ListFeedbackRequest(project=f"new{n}")) for n in range(50)]
            told = await asyncio.gather(*calls, return_exceptions=True)
            errors = [UptakeError.from_rpc(each) for each in told if isinstance(each, grpc.aio.AioRpcError)]
            return errors[0] if errors else None

        error = await eventually(refused, "a refusal")
    assert error is not None
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.reason in ("OVERLOADED", "RATE_LIMITED")
    assert error.retry_after_seconds == 1.0
    # The packaged client waits as long as it is told, and goes on.
    listed = [service.client.feedback.list().page("") for _ in range(5)]
    assert all(len(page.feedback) == 1 for page in await asyncio.gather(*listed))


async def test_a_read_that_takes_too_long_is_given_up_by_the_database(service: Service) -> None:
    rows = [{"_id": number, "text": "x" * 100} for number in range(20_000)]
    await service.mongo.collection("rows").insert_many(rows)
    with ThreadPoolExecutor(1) as threads, as_reading(Reading(threads, 0.001)), pytest.raises(ReadTooLong):
        await service.mongo.collection("rows").find({"text": {"$regex": "y"}})


async def test_a_refresh_of_a_project_that_does_not_exist_starts_nothing(start_service: StartService) -> None:
    service = await start_service(metrics_port=0)
    async with Client(service.address, project="nobody") as client:
        assert not (await client.insights.get(refresh_issues=True)).common_issues
    assert not (await scrape(service.app.metrics_port)).value("uptake_clustering_runs_total")
    assert await service.mongo.collection("leases").get({"_id": "issues/nobody"}) is None


async def test_a_refresh_ends_with_its_last_caller(start_service: StartService) -> None:
    service = await start_service(metrics_port=0)
    await service.client.collect(thumbs_down("i", query="Where is it?", comment="It is nowhere."))
    refreshing = asyncio.create_task(service.client.insights.get(refresh_issues=True))

    # The lease is there before the run knows of it.
    await eventually(lambda: clustering_workers(os.getpid()), "a run")
    refreshing.cancel()
    await asyncio.wait({refreshing})
    await until(service.app.metrics_port, "uptake_clustering_runs_total", 1, outcome="failed")
    # The next one is not held up by it.
    assert (await service.client.insights.get(refresh_issues=True)).metrics.total_feedback == 1


async def test_new_projects_are_taken_at_a_rate_item_by_item(start_service: StartService) -> None:
    service = await start_service(
        metrics_port=0, new_projects_at_once=2, new_projects_per_minute=0.001, new_values_at_once=2
    )
    async with grpc.aio.insecure_channel(service.address, options=(("grpc.enable_retries", 0),)) as channel:
        stub = FeedbackServiceStub(channel)

        async def collect(project: str) -> str:
            request = feedback_pb2.CollectFeedbackRequest(project=project, feedback=thumbs_up("i", query="q"))
            try:
                await stub.CollectFeedback(request)
            except grpc.aio.AioRpcError as error:
                told = UptakeError.from_rpc(error)
                assert told.code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert told.retry_after_seconds == 60
                return told.reason
            return ""

        assert [await collect(f"p{n}") for n in (0, 1, 2, 0)] == ["", "", "RATE_LIMITED", ""]
        batch = feedback_pb2.BatchCollectFeedbackRequest(
            project="p0",
            requests=[
                feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up(f"b{n}", query="q", source=f"s{n}"))
                for n in range(3)
            ],
        )
        results = (await stub.BatchCollectFeedback(batch)).results
        assert [result.HasField("error") for result in results] == [False, False, True]
        assert results[2].error.retry_delay.ToSeconds() > 0
        assert "UPTAKE_NEW_VALUES_PER_MINUTE" in results[2].error.message
    seen = await scrape(service.app.metrics_port)
    assert seen.value("uptake_limited_total", limit="new_projects") == 1
    assert seen.value("uptake_limited_total", limit="new_values") == 1
    assert await service.mongo.collection("projects").get({"_id": "p2"}) is None
    assert await service.mongo.collection("feedback").get({"project": "p2"}) is None


async def test_calls_refused_by_the_queue_or_by_their_keys_rate_are_counted(start_service: StartService) -> None:
    service = await start_service(queue_size=4, metrics_port=0)
    _, key = await KeyStore(service.mongo, Clock()).create("slow", Role.READER, calls_per_second=0.001)
    items = [feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up(f"i{n}", query="q")) for n in range(5)]
    async with grpc.aio.insecure_channel(service.address, options=(("grpc.enable_retries", 0),)) as channel:
        stub = FeedbackServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.BatchCollectFeedback(feedback_pb2.BatchCollectFeedbackRequest(requests=items))
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.GetFeedback(
                    feedback_pb2.GetFeedbackRequest(id="f"), metadata=(("authorization", f"Bearer {key}"),)
                )
    seen = await scrape(service.app.metrics_port)
    assert seen.value("uptake_limited_total", limit="queue") == 1
    # The first was let in, and found nothing.
    assert seen.value("uptake_limited_total", limit="calls_per_second") == 2


async def test_reading_of_projects_that_do_not_exist_keeps_nothing(service: Service) -> None:
    for number in range(20):
        async with Client(service.address, project=f"nobody{number}") as client:
            assert not await client.feedback.similar(query="Where is it?")
    assert not await service.mongo.collection("projects").find({"_id": {"$regex": "nobody"}})


async def test_a_vote_that_another_key_changes_leaves_a_line(start_service: StartService) -> None:
    service = await start_service(require_keys=True)
    keys = KeyStore(service.mongo, Clock())
    one, first = await keys.create("one", Role.COLLECTOR)
    other, second = await keys.create("other", Role.COLLECTOR)
    _, admin = await keys.create("admin", Role.ADMIN)
    for text, vote in ((first, thumbs_up), (first, thumbs_down), (second, thumbs_up), (second, thumbs_up)):
        async with Client(service.address, api_key=text) as client:
            await client.collect(vote("i", query="q", user_id="u"))
    async with Client(service.address, api_key=admin) as client:
        lines = [each async for each in client.projects.audit_events() if each.method.endswith("CollectFeedback")]
    assert [line.key_id for line in lines] == [other.id, other.id]
    # The newest comes first: it says the same again, later.
    told = [{change.field: (change.old_value, change.new_value) for change in line.changes} for line in lines]
    assert set(told[0]) == {"occur_time"}
    assert told[1]["content.type"] == ("THUMBS_DOWN", "THUMBS_UP")
    stored = await service.mongo.collection("feedback").get({})
    assert stored is not None
    assert stored["key_id"] == one.id
