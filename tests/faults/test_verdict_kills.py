"""kill -9 while a verdict is worked out: it comes all the same, is told once, and reopens its review once."""

import asyncio
import signal
from pathlib import Path

import pytest
from uptake import Client
from uptake.v1 import correction_pb2 as pb
from uptake.v1 import project_pb2, review_pb2
from uptake_service.check import check
from uptake_service.clock import Clock

from tests.faults.test_kill import database_at
from tests.processes import serving
from tests.service.test_verdicts import counts, fixed, seen, votes

SETTINGS = {"verdict_interval_seconds": "0.02"}


@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_a_killed_service_works_out_the_verdict_when_it_is_back(tmp_path: Path, seconds: float) -> None:
    async with serving(tmp_path / "data", **SETTINGS) as service:
        async with Client(service.address, timeout_seconds=20.0) as client:
            # The trigger is to leave the reopening to the verdict.
            policy = project_pb2.ReviewPolicy(negative_rate_threshold=0.9)
            await client.projects.update(
                project_pb2.ProjectSettings(review_policy=policy), ["review_policy.negative_rate_threshold"]
            )
            correction, review = await fixed(client, 10, 90)
            await votes(client, "first", 2, 18)
            await seen(client, correction.id, counts(20))
            await votes(client, "then", 24, 6)
            await asyncio.sleep(seconds)
            service.kill()
        assert await service.ended() == -signal.SIGKILL

    async with serving(tmp_path / "data", **SETTINGS) as service:
        async with (
            Client(service.address, timeout_seconds=20.0) as client,
            database_at(service.database_uri) as mongo,
        ):
            report = await seen(client, correction.id, counts(50))
            assert report.verdict == pb.VERDICT_WORSE
            events = await mongo.collection("events").find({"project": "default", "kind": "VERDICT"})
            assert [event["payload"]["verdict"] for event in events] == ["WORSE"]
            detail = await client.reviews.get(review.id)
            assert (detail.review.state, detail.review.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
            assert f"verdict on correction {correction.id}: worse" in detail.history[-1].note
            assert await check(mongo, Clock()) == []
        service.terminate()
        assert await service.ended() == 0
