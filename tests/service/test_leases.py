"""Leases, writer slots and what is kept for a time follow the database's clock, and never outlast their length."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uptake_service.coordination.expiry import Expiry
from uptake_service.coordination.leases import Leases, SlotLost, Writers, WriterSlot
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.indexes import Index

SECONDS = 600.0


async def set_back(mongo: Mongo, collection: str, by: timedelta) -> None:
    """Makes what is stored as if the database's clock had been ahead when it was written, and is right now."""
    for document in await mongo.collection(collection).find({}):
        ends = {"$set": {"expire_time": document["expire_time"] + by}}
        await mongo.collection(collection).update({"_id": document["_id"]}, ends)


@pytest.mark.parametrize("by", [timedelta(hours=2), timedelta(days=3650)])
async def test_a_lease_taken_while_the_clock_was_ahead_is_free(mongo: Mongo, by: timedelta) -> None:
    one, other = Leases(mongo), Leases(mongo)
    fence = await one.acquire("job", SECONDS)
    assert fence is not None
    assert await other.acquire("job", SECONDS) is None
    assert (await one.is_free("job"), await other.is_free("job")) == (True, False)
    await set_back(mongo, "leases", by)
    assert await other.is_free("job")
    assert await other.acquire("job", SECONDS) == fence + 1
    assert await one.acquire("job", SECONDS) is None


async def test_who_holds_a_lease_while_the_clock_is_set_back_renews_it(mongo: Mongo) -> None:
    one, other = Leases(mongo), Leases(mongo)
    fence = await one.acquire("job", SECONDS)
    await set_back(mongo, "leases", timedelta(days=700))
    assert await one.acquire("job", SECONDS) == fence
    (lease,) = await mongo.collection("leases").find_with_now({})
    assert lease["expire_time"] <= lease["now"] + timedelta(seconds=SECONDS)
    assert await other.acquire("job", SECONDS) is None


async def test_a_lease_of_before_ends_too(mongo: Mongo) -> None:
    """Documents of before do not say how long they were taken for; that of who asks is as long."""
    await mongo.collection("leases").insert(
        {"_id": "job", "holder": "gone", "fence": 3, "expire_time": datetime(2999, 1, 1, tzinfo=UTC)}
    )
    assert await Leases(mongo).acquire("job", SECONDS) == 4


async def test_a_writer_slot_taken_while_the_clock_was_ahead_is_free(mongo: Mongo) -> None:
    one, other = WriterSlot(mongo, SECONDS), WriterSlot(mongo, SECONDS)
    await one.acquire()
    await set_back(mongo, "writers", timedelta(hours=2))
    await other.acquire()
    assert other.number == one.number
    with pytest.raises(SlotLost):
        await one.renew()
    assert await Writers(mongo).revisions() == {one.number: 0}


async def test_what_was_to_be_kept_for_a_time_is_kept_no_longer(mongo: Mongo) -> None:
    things = mongo.collection("things")
    await mongo.create_indexes([Index("things", (("expire_time", 1),), where={"expire_time": {"$exists": True}})])
    now, day = await mongo.now(), timedelta(days=1)
    ahead = [{"_id": f"ahead{number}", "expire_time": now + timedelta(days=700 + number)} for number in range(700)]
    await things.insert_many([*ahead, {"_id": "right", "expire_time": now + day / 2}, {"_id": "for good"}])
    expiry = Expiry(mongo, {"things": day})
    assert await expiry.due() == ["things"]
    assert await expiry.shorten("things")
    assert not await expiry.shorten("things")
    assert await expiry.due() == []
    stored: dict[str, Any] = {str(document["_id"]): document.get("expire_time") for document in await things.find({})}
    latest = await mongo.now() + day
    assert all(now < stored[str(document["_id"])] <= latest for document in ahead)
    assert (stored["right"] - now, stored["for good"]) == (day / 2, None)


async def test_a_clock_that_was_set_back_is_noticed(mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    expiry = Expiry(mongo, {"things": timedelta(days=1)})
    await expiry.shorten("things")
    assert await expiry.due() == []
    now, by = Mongo.now, timedelta()

    async def set_by(self: Mongo) -> datetime:
        return await now(self) + by

    monkeypatch.setattr(Mongo, "now", set_by)
    by = timedelta(days=700)
    assert await expiry.due() == []
    by = timedelta()
    assert await expiry.due() == ["things"]
