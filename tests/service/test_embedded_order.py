"""What is read in the order of an index is what all that matches, sorted and cut off, would be; and reads no more."""

import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection

Documents = AsyncIOMotorCollection[dict[str, Any]]

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SEEDS = range(6)
QUERIES = 60


@pytest.fixture
async def things(mongodb_uri: str) -> AsyncIterator[Documents]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb_uri, tz_aware=True)
    name = f"order_{uuid.uuid4().hex[:8]}"
    yield client[name].things
    await client.drop_database(name)
    client.close()


def document(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "_id": f"{rng.randrange(10**6):06}{number:06}",
        "kind": rng.choice("ab"),
        "time": NOW + timedelta(seconds=rng.randrange(8)),
        "seen": rng.random() < 0.5,
        "score": rng.randrange(5),
    }


def condition(rng: random.Random, documents: list[dict[str, Any]]) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """What to look for and in which order, as the service does it or nearly so."""
    some = rng.choice(documents)
    filter: dict[str, Any] = {"kind": rng.choice("abc")} if rng.random() < 0.8 else {}
    sign = rng.choice((1, -1))
    if rng.random() < 0.3:
        filter["time"] = some["time"]
        if rng.random() < 0.7:
            filter["_id"] = {rng.choice(("$gt", "$lt", "$gte", "$lte")): some["_id"]}
        sort = [("_id", sign)]
    else:
        bounds = rng.sample((rng.choice(("$gt", "$gte")), rng.choice(("$lt", "$lte"))), rng.randrange(3))
        if bounds:
            filter["time"] = {bound: rng.choice(documents)["time"] for bound in bounds}
        # Where no index serves the order, SecantusDB by itself leaves out what equals a bound.
        sort = [("time", sign), ("_id", sign if bounds or rng.random() < 0.9 else -sign)]
    if rng.random() < 0.3:
        filter["seen"] = rng.random() < 0.5
    if rng.random() < 0.2:
        filter["$or"] = [{"score": {"$gt": 2}}, {"_id": {"$lt": some["_id"]}}]
    return filter, sort


def fits(found: dict[str, Any], filter: dict[str, Any]) -> bool:
    compare = {
        "$gt": lambda one, other: one > other,
        "$lt": lambda one, other: one < other,
        "$gte": lambda one, other: one >= other,
        "$lte": lambda one, other: one <= other,
    }
    return all(
        any(fits(found, each) for each in wanted)
        if name == "$or"
        else all(compare[operator](found[name], bound) for operator, bound in wanted.items())
        if isinstance(wanted, dict)
        else found[name] == wanted
        for name, wanted in filter.items()
    )


def expected(documents: list[dict[str, Any]], filter: dict[str, Any], sort: list[tuple[str, int]]) -> list[str]:
    found = [each for each in documents if fits(each, filter)]
    for field, sign in reversed(sort):
        found.sort(key=lambda each: each[field], reverse=sign < 0)
    return [each["_id"] for each in found]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sign", [1, -1])
async def test_the_first_of_all_are_the_first_of_all(things: Documents, seed: int, sign: int) -> None:
    rng = random.Random(seed)
    await things.create_index([("kind", 1), ("time", sign), ("_id", sign)])
    if seed % 2:
        await things.create_index([("time", 1)])
    documents = [document(rng, number) for number in range(300)]
    await things.insert_many(documents[:200])
    async with await things.database.client.start_session() as session, session.start_transaction():
        # Also within a transaction, which sees what it wrote and not what it deleted.
        await things.insert_many(documents[200:], session=session)
        await things.delete_many({"score": 4}, session=session)
        documents = [each for each in documents if each["score"] != 4]
        for _ in range(QUERIES):
            filter, sort = condition(rng, documents)
            skip, limit = rng.choice((0, 0, 3, 40)), rng.choice((1, 7, 70, 500))
            want = expected(documents, filter, sort)[skip : skip + limit]
            found = things.find(filter, {"_id": 1}, sort=sort, skip=skip, limit=limit, session=session)
            assert [each["_id"] async for each in found] == want, (filter, sort, skip, limit)
            if not isinstance(filter.get("time"), dict):
                some = [each["_id"] async for each in things.find(filter, {"_id": 1}, limit=limit, session=session)]
                every = expected(documents, filter, sort)
                assert len(set(some)) == len(some) == min(limit, len(every))
                assert set(some) <= set(every)
            stages: list[dict[str, Any]] = [{"$match": {name: filter[name]}} for name in filter] or [{"$match": {}}]
            stages += [{"$sort": dict(sort)}, *([{"$limit": limit}] if limit < 500 else []), {"$project": {"_id": 1}}]
            want = expected(documents, filter, sort)[:limit]
            assert [each["_id"] async for each in things.aggregate(stages, session=session)] == want, stages
