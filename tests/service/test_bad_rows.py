"""One bad row stops nobody: each job does what can be done, tells what cannot, and does that too once it can be."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import grpc
import pytest
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as pb
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.app.check import check
from uptake_service.coordination.job_queue import SetAsideItems
from uptake_service.domain.clock import Clock
from uptake_service.insights.model import Metrics
from uptake_service.insights.numbers import Numbers
from uptake_service.issues.runner import IssueRunner
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction

from tests.conftest import Service, StartService
from tests.corrections import knowledge
from tests.processes import PATIENCE_SECONDS, eventually, in_time
from tests.streams import make_events, subscribe

SOON = 0.05
BAD, GOOD = "bad", "good"


async def broken(service: Service, collection: str, id: str, *fields: str) -> Callable[[], Awaitable[object]]:
    """Makes a document that cannot be read; gives what makes it whole again."""
    stored = service.mongo.collection(collection)
    whole: Document = await stored.get({"_id": id}) or {}
    assert await stored.update({"_id": id}, {"$set": dict.fromkeys(fields, 7)})

    async def mend() -> bool:
        return await stored.update({"_id": id}, {"$set": {field: whole[field] for field in fields}})

    return mend


async def collected(client: Client, *items: pb.Feedback) -> list[pb.Feedback]:
    return [result.feedback async for result in client.collect_many(items)]


async def bad_votes(client: Client, query: str, count: int = 4) -> list[pb.Feedback]:
    """Complaints of one question, each of another user."""
    return await collected(client, *(thumbs_down(f"{query}-{n}", query=query, user_id=f"u{n}") for n in range(count)))


async def test_an_erasure_removes_what_it_can_and_the_rest_once_it_can(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=SOON)
    async with Client(service.address, project=BAD) as bad, Client(service.address, project=GOOD) as good:
        rows = await collected(bad, *(thumbs_down(f"i{n}", query=f"question {n}", user_id="u") for n in range(9)))
        await collected(good, thumbs_down("i", query="q", user_id="u"))
        mend = await broken(service, "feedback", rows[4].id, "interaction")

        erasing = asyncio.create_task(bad.feedback.erase_user("u", timeout_seconds=PATIENCE_SECONDS))
        assert await good.feedback.erase_user("u") == 1

        stored = service.mongo.collection("feedback")

        async def one_is_left() -> bool:
            return [document["_id"] for document in await stored.find({"project": BAD})] == [rows[4].id]

        await eventually(one_is_left, "the end of all that can be removed")
        (erasure,) = await service.mongo.collection("erasures").find({"project": BAD})
        assert (erasure["done"], erasure["erased_count"], erasing.done()) == (False, 8, False)
        # Others' erasures of the same project go on too.
        await collected(bad, thumbs_up("other", query="q", user_id="v"))
        assert await bad.feedback.erase_user("v") == 1
        await mend()
        assert await erasing == 9

    async def adds_up() -> bool:
        # What the trigger could not judge with the bad row beside it, the sweep judges.
        return await check(service.mongo, Clock()) == []

    await eventually(adds_up, "a clean recount")


async def test_a_mark_that_cannot_be_judged_holds_up_no_other(start_service: StartService) -> None:
    """Both are of one batch. The patterns' first reviews cannot be read, or be found again."""
    service = await start_service(trigger_interval_seconds=SOON)
    async with Client(service.address, project=BAD) as bad, Client(service.address, project=GOOD) as good:
        for client in (bad, good):
            await bad_votes(client, "How do I pay?")
        (of_bad,) = [review async for review in bad.reviews.list()]
        (of_good,) = [review async for review in good.reviews.list()]
        reviews, marks = service.mongo.collection("reviews"), service.mongo.collection("trigger_marks")
        mend = await broken(service, "reviews", of_bad.id, "related")
        await reviews.delete_many({"_id": of_good.id})
        patterns = [
            {"project": project, "pattern_id": review.pattern.id, "feedback_ids": [], "touched": 1, "changed": True}
            for project, review in ((BAD, of_bad), (GOOD, of_good))
        ]
        patterns[1]["feedback_ids"] = [of_good.trigger_feedback_id]
        now = await service.mongo.now()
        await marks.insert({"_id": "0/9", "writer": 0, "revision": 9, "create_time": now, "patterns": patterns})

        async def is_back() -> bool:
            return await reviews.count({"project": GOOD}) == 1

        await eventually(is_back, "the other project's review")
        assert [document["patterns"][0]["project"] for document in await marks.find({})] == [BAD]
        await mend()

        async def all_are_judged() -> bool:
            return await marks.count({}) == 0

        await eventually(all_are_judged, "the judging of what was mended")


async def test_a_claim_that_cannot_be_expired_holds_up_no_other(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=SOON)
    async with Client(service.address, project=BAD) as bad, Client(service.address, project=GOOD) as good:
        ids = {}
        for client, project in ((bad, BAD), (good, GOOD)):
            await bad_votes(client, "How do I pay?")
            (review,) = [review async for review in client.reviews.list()]
            await client.reviews.claim(review.id, "ann", lease_seconds=1)
            ids[project] = review.id
        mend = await broken(service, "reviews", ids[BAD], "claim")
        stored = service.mongo.collection("reviews")

        async def is_open(project: str) -> bool:
            return bool(((await stored.get({"_id": ids[project]})) or {})["state"] == "OPEN")

        await eventually(lambda: is_open(GOOD), "the end of the other claim")
        assert not await is_open(BAD)
        await mend()
        await eventually(lambda: is_open(BAD), "the end of the claim that was mended")


async def test_a_verdict_that_cannot_be_worked_out_holds_up_no_other(start_service: StartService) -> None:
    service = await start_service(verdict_interval_seconds=SOON)
    corrections = service.mongo.collection("corrections")
    ids = []
    for project in (BAD, GOOD):
        async with Client(service.address, project=project) as client:
            (vote, *_) = await bad_votes(client, "How do I pay?")
            drafts = [knowledge("paying", "With a card.", feedback_ids=[vote.id])]
            (result,) = await client.corrections.apply(drafts, "ann")
            ids.append(result.correction.id)

    async def is_measured(id: str) -> bool:
        found = (await corrections.get({"_id": id})) or {}
        return not found["unmeasured"] and found["measured"] is not None

    for id in ids:
        await eventually(partial(is_measured, id), "the first count")
    mend = await broken(service, "corrections", ids[0], "measured")
    for project in (BAD, GOOD):
        async with Client(service.address, project=project) as client:
            await collected(client, thumbs_up("later", query="How do I pay?", user_id="later"))

    async def counted(id: str) -> bool:
        measured = ((await corrections.get({"_id": id})) or {})["measured"]
        return bool(measured != 7 and measured["later"]["votes"] + measured["old"]["votes"] == 1)

    await eventually(lambda: counted(ids[1]), "the other project's verdict")

    async def is_noted() -> bool:
        return ((await corrections.get({"_id": ids[0]})) or {})["unmeasured"] is True

    await eventually(is_noted, "a verdict that is still due")
    await mend()
    await eventually(lambda: counted(ids[0]), "the verdict that was mended")
    assert await check(service.mongo, Clock()) == []


async def test_a_project_whose_issues_cannot_be_looked_for_holds_up_no_other(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[str] = []

    async def run(self: IssueRunner, project: str) -> None:
        looked_for.append(project)
        if project == BAD:
            raise RuntimeError

    monkeypatch.setattr(IssueRunner, "_run", run)
    service = await start_service(issue_interval_seconds=SOON)
    for project in (BAD, GOOD):
        async with Client(service.address, project=project) as client:
            await bad_votes(client, "How do I pay?")
    await eventually(lambda: looked_for.count(GOOD) > 3, "runs of the other project")
    assert BAD in looked_for
    assert looked_for.count(BAD) < looked_for.count(GOOD)


async def test_a_bad_row_of_one_batch_fails_alone(service: Service) -> None:
    """What is amended beside it, and what is new, is written."""
    client = service.client
    rows = await collected(client, *(thumbs_up(f"i{n}", query=f"question {n}") for n in range(3)))
    await broken(service, "feedback", rows[1].id, "interaction")

    async def amend(row: pb.Feedback) -> str:
        try:
            await client.feedback.amend(row.id, pb.Feedback(comment="it changed"), ["comment"])
        except UptakeError as error:
            return error.code.name
        return "OK"

    changing = [amend(row) for row in rows]
    codes, stored = await asyncio.gather(asyncio.gather(*changing), client.collect(thumbs_up("new", query="q")))
    assert codes == ["OK", "INTERNAL", "OK"]
    assert (await client.feedback.get(stored.id)).interaction.id == "new"


async def test_what_is_set_aside_is_told_by_check_and_metrics(start_service: StartService) -> None:
    service = await start_service(trigger_interval_seconds=SOON, metrics_port=0)
    aside: dict[str, Any] = {"_id": "erasures/p/e", "job": "erasures", "project": "p", "id": "e", "error": "KeyError"}
    await service.mongo.collection("set_aside").insert(aside | {"time": await service.mongo.now()})
    assert await check(service.mongo, Clock()) == [
        "erasures of p, e: set aside after failing again and again, KeyError"
    ]
    registry = service.app._metrics.registry

    def shown(job: str) -> float | None:
        return registry.get_sample_value("uptake_jobs_set_aside", {"job": job})

    await eventually(lambda: shown("erasures") == 1.0, "the metric")
    assert shown("retention") == 0.0
    await SetAsideItems(service.mongo).remove("erasures", [])
    await service.mongo.collection("set_aside").delete_many({})
    await eventually(lambda: shown("erasures") == 0.0, "the metric's end")


async def test_an_event_that_cannot_be_read_holds_up_no_other(start_service: StartService) -> None:
    """Its project's subscribers are told; the others go on to hear of theirs."""
    service = await start_service(subscription_interval_seconds=SOON)
    stored, counters = service.mongo.collection("events"), service.mongo.collection("counters")

    async def spoilt(session: Session) -> None:
        await counters.update_each([({"_id": BAD}, {"$inc": {"seq": 1}})], upsert=True, session=session)
        event = {"_id": "bad", "project": BAD, "seq": 1, "kind": "CORRECTION", "expire_time": datetime.now(UTC)}
        await stored.insert_many([event], session=session)

    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = InsightServiceStub(channel)
        streams = {project: subscribe(stub, project=project) for project in (BAD, GOOD)}
        for stream in streams.values():
            await stream.until("snapshot")
        await transaction(service.mongo, spoilt)
        async with in_time("the end of the stream", PATIENCE_SECONDS):
            with pytest.raises(grpc.aio.AioRpcError, match="INTERNAL"):
                while await streams[BAD].call.read() is not grpc.aio.EOF:
                    pass
        await make_events(service.mongo, 2, GOOD)
        assert [message.event.seq for message in (await streams[GOOD].until("event"))[-1:]] == [1]


async def test_metrics_that_cannot_be_read_hold_up_no_other(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start_service(subscription_interval_seconds=SOON)
    read = Numbers.metrics

    async def metrics(self: Numbers, project: str, *window: datetime) -> Metrics:
        if project == BAD:
            raise RuntimeError(project)
        return await read(self, project, *window)

    monkeypatch.setattr(Numbers, "metrics", metrics)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = InsightServiceStub(channel)
        streams = [subscribe(stub, project=project) for project in (BAD, GOOD)]
        for stream in streams:
            await stream.until("snapshot")
        async with Client(service.address, project=GOOD) as client:
            await client.collect(thumbs_up("i", query="q"))

        async def is_told() -> bool:
            told = (await streams[1].until("metrics"))[-1].metrics
            return told.total_feedback == 1

        await eventually(is_told, "the other project's metrics")
