"""kill -9 while a verdict is worked out: it comes all the same, is told once, and reopens its review once."""

import signal
from functools import partial
from pathlib import Path

import pytest
from uptake import Client
from uptake.v1 import correction_pb2 as pb
from uptake.v1 import project_pb2, review_pb2
from uptake_service.mongo.client import Mongo

from tests.faults.test_kill import database_at
from tests.faults.trial import lasting_differences
from tests.processes import PATIENCE_SECONDS, eventually, serving
from tests.service.test_verdicts import counts, fixed, seen, votes

SETTINGS = {"verdict_interval_seconds": "0.02"}


async def has_verdict(mongo: Mongo) -> bool:
    return await mongo.collection("events").count({"kind": "VERDICT"}) > 0


@pytest.mark.parametrize("told", [False, True])
async def test_a_killed_service_works_out_the_verdict_when_it_is_back(tmp_path: Path, told: bool) -> None:
    async with serving(tmp_path / "data", **SETTINGS) as service:
        async with Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client:
            # The trigger is to leave the reopening to the verdict.
            policy = project_pb2.ReviewPolicy(negative_rate_threshold=0.9)
            await client.projects.update(
                project_pb2.ProjectSettings(review_policy=policy), ["review_policy.negative_rate_threshold"]
            )
            correction, review = await fixed(client, 10, 90)
            await votes(client, "first", 2, 18)
            await seen(client, correction.id, counts(20))
            await votes(client, "then", 24, 6)
            if told:
                # It reopens the review next.
                async with database_at(service.database_uri) as mongo:
                    await eventually(partial(has_verdict, mongo), "the event of the verdict")
            service.kill()
        assert await service.ended() == -signal.SIGKILL

    async with serving(tmp_path / "data", **SETTINGS) as service:
        async with (
            Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
            database_at(service.database_uri) as mongo,
        ):
            report = await seen(client, correction.id, counts(50))
            assert report.verdict == pb.VERDICT_WORSE
            events = await mongo.collection("events").find({"project": "default", "kind": "VERDICT"})
            assert [event["payload"]["verdict"] for event in events] == ["WORSE"]
            detail = await client.reviews.get(review.id)
            assert (detail.review.state, detail.review.reopen_count) == (review_pb2.REVIEW_STATE_OPEN, 1)
            assert f"verdict on correction {correction.id}: worse" in detail.history[-1].note
            assert await lasting_differences(mongo) == []
        service.terminate()
        assert await service.ended() == 0
