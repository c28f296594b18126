"""Reads that would cost much: what is large, what is not there, and tokens that nobody was given."""

import asyncio
import base64
import json
import random
from typing import Any

import grpc
import psutil
from uptake import Client, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2 as pb
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake_service.mongo.paging import PAGE_BYTES

from tests.faults.callers import Callers
from tests.faults.stage import Stage
from tests.processes import PATIENCE_SECONDS

_LARGE = "\U0001f600" * 50_000
"""200 KB."""

_READERS = 6
_PROJECT = "reading"
"""Apart from what is counted."""


async def read_much(stage: Stage, callers: Callers) -> str:
    """Several readers ask for a thousand large pieces of feedback at once."""
    process = psutil.Process(stage.replicas[0].process.pid)
    async with Client(stage.addresses[0], project=_PROJECT, timeout_seconds=PATIENCE_SECONDS) as client:
        for number in range(15):
            await client.collect(thumbs_down(f"large-{number}", query="Why is it large?", response=_LARGE))
        before = process.memory_info().rss
        pages = await asyncio.gather(*(client.feedback.list(page_size=1000).page() for _ in range(_READERS)))
    largest = max(page.ByteSize() for page in pages)
    assert all(page.next_page_token for page in pages)
    assert largest <= PAGE_BYTES + len(_LARGE.encode()), largest
    grown = (process.memory_info().rss - before) >> 20
    assert grown < 100, f"{grown} MiB"
    return f"{_READERS} pages of at most {largest / 2**20:.1f} MiB, the service grew by {grown} MiB"


async def read_what_is_not_there(stage: Stage, callers: Callers) -> str:
    """Several readers look through a project for what it does not have."""
    calls = 0

    async def look(client: Client, filter: pb.FeedbackFilter) -> None:
        nonlocal calls
        async for page in client.feedback.list(filter=filter).pages():
            assert not page.feedback
            calls += 1

    async with Client(stage.addresses[0], timeout_seconds=PATIENCE_SECONDS) as client:
        nothing: list[dict[str, Any]] = [{"labels": {"x": "y"}}, {"interaction_id": "none"}, {"trace_id": "none"}]
        filters = [pb.FeedbackFilter(**each) for each in nothing for _ in range(2)]
        await asyncio.gather(*(look(client, filter) for filter in filters))
    return f"{len(filters)} readers found nothing in {calls} calls"


async def forge_tokens(stage: Stage, callers: Callers) -> str:
    """Sends page tokens that were forged, cut, changed, or made for another project or filter."""
    async with Client(stage.addresses[0], timeout_seconds=PATIENCE_SECONDS) as client:
        token = (await client.feedback.list(page_size=1).page()).next_page_token
    assert token
    forged = [token[:-1], token[1:], token * 2, "x", "=" * 40]
    places = random.sample(range(len(token)), 10)
    forged += [token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in places]
    values: list[Any] = [[], [1], [{"ms": 10**30}, "x"], {"a": 1}, None, "x", [[[[]]]]]
    for value in values:
        body = json.dumps(value).encode()
        forged += [base64.urlsafe_b64encode(check + body).decode().rstrip("=") for check in (b"", b"x" * 8, b"x" * 16)]
    requests = [pb.ListFeedbackRequest(page_size=1, page_token=each) for each in forged]
    requests.append(pb.ListFeedbackRequest(page_size=1, page_token=token, project="other"))
    requests.append(pb.ListFeedbackRequest(page_token=token, filter=pb.FeedbackFilter(source="web")))
    async with grpc.aio.insecure_channel(stage.addresses[0]) as channel:
        stub = FeedbackServiceStub(channel)
        for request in requests:
            try:
                await stub.ListFeedback(request, timeout=PATIENCE_SECONDS)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (request, error)
            else:
                raise AssertionError(f"taken: {request}")
    return f"{len(requests)} tokens refused"


async def crowd_interaction(stage: Stage, callers: Callers) -> str:
    """Many users vote on one interaction, with its answer, and one of them changes their mind again and again."""
    async with Client(stage.addresses[0], project=_PROJECT, timeout_seconds=PATIENCE_SECONDS) as client:
        name = f"home-{random.getrandbits(64):x}"
        votes = [thumbs_up(name, user_id=f"u{number}", response=_LARGE[:5000]) for number in range(300)]
        results = [result async for result in client.collect_many(votes)]
        ids = {result.feedback.id for result in results}
        assert len(ids) == len(votes)
        for number in range(20):
            say = (thumbs_up, thumbs_down)[number % 2]
            assert (await client.collect(say(name, user_id="u7"))).id in ids
    return f"{len(votes)} votes on one interaction, one changed 20 times"
