"""What the trigger remembers of patterns' newest feedback, held against what is stored."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from uptake import thumbs_down, thumbs_up
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import Evidence
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.reviews.recent import Wanted

from tests.conftest import Service, StartService

QUERIES = ("weather in Paris tomorrow", "cancel my subscription")
WINDOW = 5


async def _differences(service: Service, patterns: list[str]) -> list[str]:
    recent, stored = service.app.parts.reviews.recent, FeedbackStore(service.mongo, Clock())

    async def compare(session: Session) -> list[str]:
        await recent.catch_up(session)
        found = await recent.newest(dict.fromkeys(patterns, Wanted("default", ("",), WINDOW, 1)), session)
        different = []
        for id in patterns:
            expected = await stored.evidence.newest_of_pattern(
                id, [""], WINDOW, width=timedelta(days=9), session=session
            )
            if found[id][:WINDOW] != expected:
                different.append(f"{id}: {found[id][:WINDOW]} instead of {expected}")
        return different

    return await transaction(service.mongo, compare)


@pytest.mark.parametrize("seed", range(2))
async def test_it_equals_what_is_stored_whatever_two_replicas_change(start_service: StartService, seed: int) -> None:
    rng = random.Random(seed)
    services = [await start_service(), await start_service()]
    start = datetime.now(UTC) - timedelta(days=1)
    patterns: set[str] = set()
    stored: list[str] = []

    async def change(number: int) -> None:
        client = rng.choice(services).client
        kind = rng.random() if stored else 0.0
        if kind < 0.6:
            make = rng.choice((thumbs_up, thumbs_down))
            said = make(
                f"i{rng.randrange(30)}" if rng.random() < 0.3 else f"new{number}",
                query=rng.choice(QUERIES),
                user_id=f"u{rng.randrange(3)}",
                occur_time=start + timedelta(minutes=rng.randrange(600)),
            )
            feedback = await client.collect(said)
            patterns.add(feedback.pattern_id)
            stored.append(feedback.id)
        elif kind < 0.8:
            await client.feedback.retract(rng.choice(stored))
        else:
            await client.feedback.retract(stored[-1])

    for round in range(25):
        await asyncio.gather(*(change(round * 10 + number) for number in range(rng.randint(1, 6))))
        for service in services:
            if rng.random() < 0.7:
                assert await _differences(service, sorted(patterns)) == []


async def test_what_is_remembered_is_not_read_again(service: Service) -> None:
    client = service.client
    for number in range(12):
        last = await client.collect(thumbs_down(f"i{number}", query=QUERIES[0]))
    # Behind the service's back, where no revision tells of it: only what is remembered still has it.
    await service.mongo.collection("feedback").delete_many({})

    recent = service.app.parts.reviews.recent

    async def read(session: Session) -> dict[str, list[Evidence]]:
        await recent.catch_up(session)
        return await recent.newest({last.pattern_id: Wanted("default", ("",), 10, 1)}, session)

    newest = await transaction(service.mongo, read)
    assert newest[last.pattern_id][0].id == last.id
    assert len(newest[last.pattern_id]) >= 10
