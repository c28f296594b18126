"""kill -9 in the midst of corrections: each is applied whole or not at all, and a repeated call goes on from there."""

import asyncio
import contextlib
import itertools
import signal
from pathlib import Path

import pytest
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import correction_pb2 as pb
from uptake.v1 import review_pb2

from tests.corrections import instructions, knowledge
from tests.faults.test_kill import QUERIES, database_at
from tests.faults.trial import lasting_differences
from tests.policies import by_rate_alone
from tests.processes import PATIENCE_SECONDS, eventually, serving

CALLERS = 8
ITEMS = 20


def drafts(call: int) -> list[pb.CorrectionDraft]:
    """Of each call: entries of its own, one that all calls change, and one that cannot be applied."""
    made = [knowledge("shared", f"by call {call}"), knowledge(f"{call}/0", "too early", 1)]
    made += [knowledge(f"{call}/{number}", f"content {number}", 0) for number in range(ITEMS - 3)]
    return [*made, instructions("prompt", f"of call {call}")]


async def apply(client: Client, call: int) -> list[pb.ApplyCorrectionResult]:
    return [*await client.corrections.apply(drafts(call), "ann", request_id=f"call-{call}")]


async def corrections(client: Client) -> list[pb.Correction]:
    return [each async for each in client.corrections.list(page_size=1000)]


@pytest.mark.parametrize("after", [0, 5])
async def test_a_repeated_call_goes_on_where_the_killed_service_stopped(tmp_path: Path, after: int) -> None:
    """It is killed when so many calls were answered, or, for 0, when some of the first were applied in part."""
    numbers = itertools.count()
    sent: list[int] = []
    answers: dict[int, list[pb.ApplyCorrectionResult]] = {}
    async with serving(tmp_path / "data") as service:

        async def send() -> None:
            """Makes one call after the other, so that there are always some for the kill to come into."""
            with contextlib.suppress(UptakeError):
                while True:
                    sent.append(call := next(numbers))
                    answers[call] = await apply(client, call)
                    if len(answers) == after:
                        service.kill()

        async with Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client:
            sending = asyncio.gather(*(send() for _ in range(CALLERS)))
            if not after:

                async def some_are_made() -> bool:
                    return len(await corrections(client)) >= 20

                await eventually(some_are_made, "twenty corrections")
                service.kill()
            assert await service.ended() == -signal.SIGKILL
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    calls = len(sent)

    async with serving(tmp_path / "data") as service:
        async with (
            Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
            database_at(service.database_uri) as mongo,
        ):
            left = {each.id: each for each in await corrections(client)}
            assert await lasting_differences(mongo) == []
            assert 0 < len(left) <= calls * (ITEMS - 1)

            again = dict(zip(sent, await asyncio.gather(*(apply(client, call) for call in sent)), strict=True))

            for call, results in again.items():
                assert [each.HasField("error") for each in results] == [place == 1 for place in range(ITEMS)]
                ids = [each.correction.id for each in results]
                if call in answers:
                    assert ids == [each.correction.id for each in answers[call]]
            made = [each.correction.id for results in again.values() for each in results if each.HasField("correction")]
            assert len(set(made)) == len(made) == calls * (ITEMS - 1)
            assert {each.id for each in await corrections(client)} == set(made)
            assert set(left) <= set(made)
            shared = sorted(each.revision for each in await corrections(client) if each.target == "shared")
            assert shared == list(range(1, calls + 1))
            assert await lasting_differences(mongo) == []
        service.terminate()
        assert await service.ended() == 0


async def test_a_killed_resolution_is_done_with_its_corrections_or_not_at_all(tmp_path: Path) -> None:
    def of_review(id: str) -> list[pb.CorrectionDraft]:
        return [*(knowledge(f"{id}/{number}", "right", 0) for number in range(5)), instructions("prompt", id)]

    tokens: dict[str, str] = {}
    resolved: set[str] = set()
    async with (
        serving(tmp_path / "data") as service,
        Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
    ):
        await by_rate_alone(client)
        for query in QUERIES:
            for number in range(3):
                await client.collect(thumbs_down(f"{query}-{number}", query=query))
        async for review in client.reviews.list():
            tokens[review.id] = (await client.reviews.claim(review.id, "bob")).token

        async def resolve(id: str) -> None:
            with contextlib.suppress(UptakeError):
                claim = client.reviews.held(id, tokens[id])
                await claim.resolve("done", corrections=of_review(id), request_id=id)
                resolved.add(id)
                service.kill()

        assert len(tokens) == len(QUERIES)
        resolving = asyncio.gather(*(resolve(id) for id in tokens))
        assert await service.ended() == -signal.SIGKILL
        resolving.cancel()
        await asyncio.gather(resolving, return_exceptions=True)
    assert resolved

    async with serving(tmp_path / "data") as service:
        async with (
            Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client,
            database_at(service.database_uri) as mongo,
        ):
            left = await corrections(client)
            for id in tokens:
                review = (await client.reviews.get(id)).review
                whole = review.state == review_pb2.REVIEW_STATE_RESOLVED
                assert whole or id not in resolved
                assert sum(each.review_id == id for each in left) == len(of_review(id)) * whole
                assert len(review.resolution.correction_ids) == len(of_review(id)) * whole
            assert await lasting_differences(mongo) == []

            for id, token in tokens.items():
                answer = await client.reviews.held(id, token).resolve("done", corrections=of_review(id), request_id=id)
                assert [each.id for each in answer.corrections] == list(answer.review.resolution.correction_ids)
            everything = await corrections(client)
            assert len(everything) == len(tokens) * len(of_review(""))
            assert {each.id for each in left} <= {each.id for each in everything}
            assert await lasting_differences(mongo) == []
        service.terminate()
        assert await service.ended() == 0
