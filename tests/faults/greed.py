"""Callers that take all they can get of a service, while others go on."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import grpc
import psutil
from prometheus_client.parser import text_string_to_metric_families
from uptake import Client, correction, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.insight_pb2_grpc import InsightServiceStub

from tests.faults.callers import Callers
from tests.faults.stage import Replica, Stage
from tests.processes import PATIENCE_SECONDS, eventually, get

_MOST_MIB = 600
_WIDE = "\U0001f600"

_NO_RETRIES = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
# So small a window that a snapshot of long texts does not fit.
_SMALL_WINDOW = (*_NO_RETRIES, ("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0))


async def read_nothing(stage: Stage, callers: Callers) -> str:
    """A hundred subscribers take nothing of the largest snapshot; each is ended."""
    replica = random.choice(stage.replicas)
    await _large_snapshot(replica, callers)
    before = await _metric(replica, "uptake_subscribers_ended_total", reason="subscriber_too_slow")
    async with _channel(replica, _SMALL_WINDOW) as channel:
        stub = InsightServiceStub(channel)
        calls = [stub.SubscribeInsights(insight_pb2.SubscribeInsightsRequest()) for _ in range(100)]

        async def ended() -> bool:
            return (
                await _metric(replica, "uptake_subscribers_ended_total", reason="subscriber_too_slow") >= before + 100
            )

        await eventually(ended, "the end of subscribers that read nothing", 2 * PATIENCE_SECONDS)
        for call in calls:
            call.cancel()
    return f"100 ended, {_ensure_small(replica)}"


async def read_at_any_cost(stage: Stage, callers: Callers) -> str:
    """Sixty readers of one project ask for what there is none of, again and again; others read and write meanwhile."""
    replica = random.choice(stage.replicas)
    enough = len(callers.acknowledged) + 50
    async with _channel(replica, _NO_RETRIES) as channel:
        stub = FeedbackServiceStub(channel)
        filter = feedback_pb2.FeedbackFilter(labels={"none": "none"})
        request = feedback_pb2.ListFeedbackRequest(filter=filter)
        codes: Counter[str] = Counter()
        while len(callers.acknowledged) < enough or sum(codes.values()) < 600:
            codes += await _codes(stub.ListFeedback(request, timeout=PATIENCE_SECONDS) for _ in range(60))
        assert set(codes) <= {"OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}, codes
    return f"{dict(codes)}, {_ensure_small(replica)}"


async def refresh_and_leave(stage: Stage, callers: Callers) -> str:
    """Forty callers ask for issues of projects that are not there, ten for those of one that is, and all leave."""
    replica = random.choice(stage.replicas)
    async with _channel(replica, _NO_RETRIES) as channel:
        stub = InsightServiceStub(channel)
        projects = [f"nobody-{number}" for number in range(40)] + ["default"] * 10
        asked = [insight_pb2.GetInsightsRequest(project=project, refresh_issues=True) for project in projects]
        codes = await _codes(stub.GetInsights(request, timeout=0.5) for request in asked)
    async with stage.mongo() as mongo:
        assert not await mongo.collection("leases").find({"_id": {"$regex": "^issues/nobody"}})
    async with Client(f"localhost:{replica.port}", timeout_seconds=PATIENCE_SECONDS) as client:
        await client.insights.get(refresh_issues=True)
    return f"{dict(codes)}, and the next refresh is answered"


async def bring_new_projects(stage: Stage, callers: Callers) -> str:
    """More new projects than are taken in, one with each call."""
    replica = random.choice(stage.replicas)
    name = f"{random.getrandbits(40):x}"
    async with _channel(replica, _NO_RETRIES) as channel:
        stub = FeedbackServiceStub(channel)
        codes: Counter[str] = Counter()
        for hundred in range(15):
            ids = [f"new-{name}-{hundred}-{number}" for number in range(100)]
            requests = [
                feedback_pb2.CollectFeedbackRequest(project=id, feedback=thumbs_up(id, query="Whose is it?"))
                for id in ids
            ]
            codes += await _codes(stub.CollectFeedback(each, timeout=PATIENCE_SECONDS) for each in requests)
        assert codes["RESOURCE_EXHAUSTED"], codes
    return f"{dict(codes)}, {_ensure_small(replica)}"


async def _large_snapshot(replica: Replica, callers: Callers) -> None:
    """Twenty corrections of the largest size."""
    async with Client(f"localhost:{replica.port}", timeout_seconds=PATIENCE_SECONDS) as client:
        for _ in range(20):
            id = f"large-{random.getrandbits(64):x}"
            long = correction(id, _WIDE * 50_000, original=_WIDE * 50_000, query=_WIDE * 10_000)
            callers.acknowledged[id] = (await client.collect(long, request_id=id)).id


def _channel(replica: Replica, options: tuple[tuple[str, int], ...]) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"localhost:{replica.port}", options=options)


async def _codes(calls: Any) -> Counter[str]:
    async def code(call: Awaitable[object]) -> str:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    return Counter(await asyncio.gather(*(code(call) for call in calls)))


async def _metric(replica: Replica, name: str, **labels: str) -> float:
    _, page = await get(replica.metrics_port, "/metrics")
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def _ensure_small(replica: Replica) -> str:
    used = psutil.Process(replica.process.pid).memory_info().rss / 2**20
    assert used < _MOST_MIB, f"{used:.0f} MiB"
    return f"{used:.0f} MiB"
