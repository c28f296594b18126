"""What commits leave in the journal counts as much as what is folded in, and is folded in once."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uptake import thumbs_down, thumbs_up
from uptake_service.check import check
from uptake_service.clock import DAY, HOUR, Clock, hour_of
from uptake_service.errors import DatabaseUnavailable
from uptake_service.insights.rollups import RollupStore
from uptake_service.insights.totals import PatternTotals
from uptake_service.mongo import transactions
from uptake_service.mongo.journal import Journal

from tests.conftest import Service, StartService

QUERIES = ("weather in Paris tomorrow", "cancel my subscription", "where is my parcel")


async def _numbers(service: Service) -> tuple[object, ...]:
    metrics = (await service.client.insights.get()).metrics
    reviews = [review async for review in service.client.reviews.list()]
    return (
        metrics.total_feedback,
        metrics.negative_rate,
        {review.pattern.id: (review.pattern.feedback_count, review.pattern.negative_count) for review in reviews},
    )


async def _in_journal(service: Service) -> int:
    return await service.mongo.collection("journal").count({})


@pytest.mark.parametrize("seed", range(2))
async def test_two_replicas_count_the_same_before_and_after_folding(start_service: StartService, seed: int) -> None:
    rng = random.Random(seed)
    services = [await start_service(pattern_refresh_seconds=0.05), await start_service(pattern_refresh_seconds=0.05)]
    start = datetime.now(UTC) - timedelta(hours=5)
    stored: list[str] = []

    async def change(number: int) -> None:
        client = rng.choice(services).client
        if stored and rng.random() < 0.3:
            await client.feedback.retract(rng.choice(stored))
            return
        make = rng.choice((thumbs_up, thumbs_down))
        occurred = start + timedelta(minutes=rng.randrange(200))
        said = make(f"i{number}", query=rng.choice(QUERIES), user_id="u", model="m", occur_time=occurred)
        stored.append((await client.collect(said)).id)

    for round in range(8):
        await asyncio.gather(
            *(change(round * 10 + number) for number in range(6)),
            *(service.app.folding.run() for service in services if rng.random() < 0.5),
        )
        assert await check(services[0].mongo, Clock()) == []
        before = [await _numbers(service) for service in services]
        assert before[0] == before[1]
        if rng.random() < 0.5:
            for service in services:
                await service.app.folding.run()
            assert await _in_journal(services[0]) == 0
            assert [await _numbers(service) for service in services] == before
            assert await check(services[0].mongo, Clock()) == []


async def test_remembered_counts_of_patterns_are_those_that_are_stored(service: Service) -> None:
    rng = random.Random(5)
    rollups = RollupStore(service.mongo)
    totals = PatternTotals(service.mongo, rollups)
    last = hour_of(datetime.now(UTC)) + HOUR
    stored: list[str] = []
    for number in range(40):
        said = rng.choice((thumbs_up, thumbs_down))(
            f"i{number}",
            query=rng.choice(("Where is my parcel?", "How do I pay?", "Who are you?")),
            occur_time=last - timedelta(minutes=rng.randrange(1, 4 * 24 * 60)),
        )
        stored.append((await service.client.collect(said)).id)
        if rng.random() < 0.3:
            await service.client.feedback.retract(rng.choice(stored))
        if rng.random() < 0.5:
            await service.app.folding.run()
        # Windows that begin and end within days, as well as the one of all the time.
        start, end = rng.choice([(last - DAY * 3, last), (last - HOUR * 30, last - HOUR * 2), (last - DAY * 5, last)])
        found = await totals.of("default", start, end)
        expected = await rollups.by_value("default", "pattern", start, end)
        assert {id: _counted(counts) for id, counts in found.items() if _counted(counts)} == {
            id: _counted(counts) for id, counts in expected.items() if _counted(counts)
        }


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


async def test_a_fold_whose_answer_was_lost_is_not_made_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await service.client.collect(thumbs_down(f"i{number}", query=QUERIES[0]))
    commit = transactions._commit

    async def lost(*arguments: Any) -> None:
        await commit(*arguments)
        raise DatabaseUnavailable

    with monkeypatch.context() as broken, pytest.raises(DatabaseUnavailable):
        broken.setattr(transactions, "_commit", lost)
        await service.app.folding.run()
    assert await _in_journal(service) == 0
    for number in range(3):
        await service.client.collect(thumbs_down(f"later{number}", query=QUERIES[0]))
    await service.app.folding.run()
    assert await check(service.mongo, Clock()) == []
    assert (await _numbers(service))[0] == 6


async def test_what_a_stopped_process_could_not_fold_is_folded_by_who_takes_its_slot(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> bool:
        raise DatabaseUnavailable

    first = await start_service()
    with monkeypatch.context() as broken:
        broken.setattr(Journal, "remove", fails)
        for number in range(4):
            await first.client.collect(thumbs_down(f"i{number}", query=QUERIES[0]))
        await first.app.stop()
    second = await start_service()
    assert await _in_journal(second) > 0
    assert (await _numbers(second))[0] == 4
    await second.client.collect(thumbs_down("i5", query=QUERIES[0]))
    await second.app.folding.run()
    assert await _in_journal(second) == 0
    assert (await _numbers(second))[0] == 5
    assert await check(second.mongo, Clock()) == []
