"""A vote may be said any number of times: its document stays small, and its erasure comes to an end."""

from collections import Counter

import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as pb
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.issues.membership import IssueMembership

from tests.conftest import Service
from tests.processes import PATIENCE_SECONDS

TIMES = 1200


def said(times: int) -> list[pb.CollectFeedbackRequest]:
    """One user's one vote, up and down again and again, each a call of its own."""
    return [
        pb.CollectFeedbackRequest(
            feedback=(thumbs_up if number % 2 else thumbs_down)("i", query="q", user_id="u"), request_id=f"r{number}"
        )
        for number in range(times)
    ]


async def reason(client: Client, request: pb.CollectFeedbackRequest) -> str:
    (result,) = [result async for result in client.collect_many([request])]
    return UptakeError.from_item(result.error).reason


async def test_a_vote_said_again_and_again_keeps_one_record_and_is_erased_with_all_of_them(service: Service) -> None:
    client, requests = service.client, service.mongo.collection("requests")
    calls = said(TIMES)
    results = [result async for result in client.collect_many(calls)]
    assert len({result.feedback.id for result in results}) == 1
    (stored,) = await service.mongo.collection("feedback").find({})
    assert len(stored["requests"]) == 1
    records = await requests.find({})
    assert Counter("expire_time" in record for record in records) == {False: 1, True: TIMES - 1}
    # What is sent once more does nothing.
    again = [result async for result in client.collect_many(calls[:3])]
    assert [result.feedback.id for result in again] == [stored["_id"]] * 3
    assert await requests.count({}) == TIMES
    assert await check(service.mongo, Clock()) == []

    assert await client.feedback.erase_user("u", timeout_seconds=PATIENCE_SECONDS) == 1

    tombstones = [record for record in await requests.find({}) if "/CollectFeedback/" in record["_id"]]
    assert all(record.get("erased") and "resource" not in record and "digest" not in record for record in tombstones)
    assert sum("expire_time" in record for record in tombstones) == TIMES == len(tombstones)
    assert [await reason(client, calls[number]) for number in (0, 1, TIMES - 1)] == ["FEEDBACK_ERASED"] * 3
    assert await check(service.mongo, Clock()) == []


async def test_records_that_feedback_named_before_become_tombstones_too(service: Service) -> None:
    """The first edition had feedback name the records of all calls that changed it, and these did not name it."""
    client, requests = service.client, service.mongo.collection("requests")
    calls = said(4)
    results = [result async for result in client.collect_many(calls)]
    names = [record["_id"] for record in await requests.find({})]
    await requests.update_each([({"_id": id}, {"$unset": {"change": "", "expire_time": ""}}) for id in names])
    feedback = service.mongo.collection("feedback")
    await feedback.update({"_id": results[0].feedback.id}, {"$set": {"requests": names}})
    await client.collect(thumbs_up("i", query="q", user_id="u"), request_id="r4")

    await client.feedback.delete(results[0].feedback.id)

    assert {record.get("erased") for record in await requests.find({"_id": {"$in": names}})} == {True}
    assert [await reason(client, call) for call in said(5)] == ["FEEDBACK_ERASED"] * 5
    assert await check(service.mongo, Clock()) == []


async def test_an_erasure_does_not_wait_for_clustering(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a run nor for what the last one left to be moved over."""
    client = service.client
    complaints = [
        thumbs_down(f"i{n}", comment=f"the invoice link number {n} is dead", user_id=f"u{n % 3}") for n in range(30)
    ]
    [_ async for _ in client.collect_many(complaints)]
    await client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE_SECONDS)

    async def fails(*_: object, **__: object) -> bool:
        raise RuntimeError

    monkeypatch.setattr(IssueMembership, "drain", fails)
    assert await client.feedback.erase_user("u1", timeout_seconds=PATIENCE_SECONDS) == 10
    assert await check(service.mongo, Clock()) == []
    (issue,) = (await client.insights.get()).common_issues
    assert issue.frequency == 20
