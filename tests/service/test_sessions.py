"""Sessions: statements that wait together are made in order, in one trip, and errors come to who waits."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
from uptake_service.domain.errors import DuplicateKey
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.collection import Collection
from uptake_service.mongo.failures import Transient
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction

from tests.processes import PATIENCE_SECONDS, eventually


@pytest.fixture
async def mongo(mongo: Mongo) -> Mongo:
    await mongo.collection("things").insert({"_id": "there"})
    return mongo


@pytest.fixture
def things(mongo: Mongo) -> Collection:
    return mongo.collection("things")


async def test_what_is_asked_for_together_goes_in_one_trip_in_its_order(mongo: Mongo, things: Collection) -> None:
    trips = 0

    async def body(session: Session) -> list[Any]:
        nonlocal trips
        submit = session._threads.submit

        def count(*arguments: Any) -> Any:
            nonlocal trips
            trips += 1
            return submit(*arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session._threads, "submit", count)
            await things.insert({"_id": "new"}, session=session)
            return await session.gather(
                things.count({}, session=session),
                things.delete_each([{"_id": "there"}], session=session),
                things.find({}, session=session),
            )

    assert await transaction(mongo, body) == [2, 1, [{"_id": "new"}]]
    assert trips == 1
    assert await things.find({}) == [{"_id": "new"}]


async def test_the_error_of_a_write_comes_to_all_that_are_asked_for_after_it(mongo: Mongo, things: Collection) -> None:
    outcomes: list[Any] = []

    async def body(session: Session) -> None:
        await things.insert({"_id": "there"}, session=session)
        asked = (things.count({}, session=session), things.get({"_id": "there"}, session=session))
        outcomes.extend(await session.gather(*(asyncio.gather(each, return_exceptions=True) for each in asked)))
        raise outcomes[0][0]

    with pytest.raises(DuplicateKey):
        await transaction(mongo, body)
    assert [type(outcome[0]) for outcome in outcomes] == [DuplicateKey, DuplicateKey]


async def test_a_write_that_nobody_asks_after_fails_the_commit(mongo: Mongo, things: Collection) -> None:
    async def body(session: Session) -> None:
        await things.count({}, session=session)
        await things.insert({"_id": "there"}, session=session)

    with pytest.raises(DuplicateKey):
        await transaction(mongo, body)


async def test_who_is_cancelled_leaves_nothing_behind(mongo: Mongo, things: Collection) -> None:
    under_way, end = threading.Event(), threading.Event()

    async def body(session: Session) -> None:
        def wait(_: object) -> None:
            under_way.set()
            end.wait(PATIENCE_SECONDS)

        slow = asyncio.create_task(session.run(wait))
        await things.insert({"_id": "never"}, session=session)
        await asyncio.gather(slow, things.count({}, session=session))

    running = asyncio.create_task(transaction(mongo, body))
    await eventually(under_way.is_set, "a statement under way")
    running.cancel()
    # Time enough for whoever did not wait to be gone.
    for _ in range(20):
        await things.count({})
    assert not running.done(), "it left a statement under way in its session"
    end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await things.find({}) == [{"_id": "there"}]


async def test_a_body_with_arguments_is_run_again_too(mongo: Mongo, things: Collection) -> None:
    tries = 0

    async def body(name: str, session: Session) -> str:
        nonlocal tries
        tries += 1
        await things.insert({"_id": name}, session=session)
        if tries == 1:
            raise Transient
        return name

    assert await transaction(mongo, partial(body, "new")) == "new"
    assert tries == 2
    assert await things.count({"_id": "new"}) == 1
