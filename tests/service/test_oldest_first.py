"""What is read oldest first comes whole and in order, in spans of time that no statement takes long for."""

from datetime import UTC, datetime, timedelta

import pytest
from uptake_service.domain.clock import BEGINNING, DAY
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.collection import Collection
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.scans import TimeScans

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
async def things(mongo: Mongo) -> Collection:
    await mongo.create_indexes([Index("things", (("kind", 1), ("time", 1), ("_id", 1)))])
    return mongo.collection("things")


async def read(things: Collection, start: datetime, *, widest: timedelta | None) -> list[list[datetime]]:
    reading = TimeScans(things).oldest_first(
        {"kind": "a"}, "time", start, None, near=NOW, rest={"seen": True}, number=20, widest=widest
    )
    return [[document["time"] for document in documents] async for documents in reading]


@pytest.mark.parametrize("widest", [None, DAY])
async def test_all_of_it_comes_in_order(things: Collection, widest: timedelta | None) -> None:
    # Older than two years, spread over a week, many in one hour, and later than now.
    times = [
        NOW - timedelta(days=3000),
        *(NOW - timedelta(days=7) + timedelta(hours=3 * number) for number in range(50)),
        *(NOW - timedelta(minutes=90) + timedelta(seconds=30 * number) for number in range(120)),
        NOW + timedelta(hours=1),
    ]
    await things.insert_many(
        [
            {"_id": f"{kind}{seen}{number}", "kind": kind, "time": time, "seen": seen}
            for number, time in enumerate(times)
            for kind, seen in (("a", True), ("a", False), ("b", True))
        ]
    )
    lists = await read(things, NOW - timedelta(days=3650), widest=widest)
    assert [time for times in lists for time in times] == times
    assert (await read(things, times[30], widest=widest))[0][0] == times[30]


async def test_spans_stay_short_where_much_may_be_in_one(things: Collection) -> None:
    times = [NOW - timedelta(days=40) + timedelta(hours=number) for number in range(900)]
    await things.insert_many(
        [{"_id": str(number), "kind": "a", "time": time, "seen": True} for number, time in enumerate(times)]
    )
    lists = await read(things, BEGINNING, widest=DAY)
    assert [time for times in lists for time in times] == times
    assert max(times[-1] - times[0] for times in lists) <= DAY


async def test_an_instant_that_holds_much_is_read_in_pieces(things: Collection) -> None:
    # Of two instants, one of them after a long time in which nothing happened; what is not seen lies between.
    documents = [
        {"_id": f"{number:04}", "kind": "a", "time": NOW - timedelta(days=400 * (number % 2)), "seen": number % 3 == 0}
        for number in range(300)
    ]
    await things.insert_many(documents)
    reading = TimeScans(things).oldest_first(
        {"kind": "a"}, "time", BEGINNING, None, near=NOW, rest={"seen": True}, number=20, widest=None
    )
    lists = [[document["_id"] for document in documents] async for documents in reading]
    expected = sorted((each for each in documents if each["seen"]), key=lambda each: (each["time"], each["_id"]))
    assert [id for ids in lists for id in ids] == [each["_id"] for each in expected]
    assert max(len(ids) for ids in lists) <= 20


@pytest.mark.parametrize("time", [BEGINNING, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)])
@pytest.mark.parametrize("near", [BEGINNING, NOW, datetime(9999, 12, 31, tzinfo=UTC)])
async def test_the_ends_of_time_are_read(things: Collection, time: datetime, near: datetime) -> None:
    await things.insert_many([{"_id": f"{number:02}", "kind": "a", "time": time, "seen": True} for number in range(50)])
    for widest in (None, DAY):
        reading = TimeScans(things).oldest_first(
            {"kind": "a"}, "time", BEGINNING, None, near=near, rest={}, number=20, widest=widest
        )
        assert [document["_id"] async for documents in reading for document in documents] == [
            f"{number:02}" for number in range(50)
        ]
