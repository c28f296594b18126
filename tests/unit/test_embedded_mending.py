"""What is mended in the embedded database."""

import threading
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError

transactions = pytest.importorskip("secantus.transactions", reason="the extra `embedded` is not installed")
driver = pytest.importorskip("wiredtiger.packing", reason="the extra `embedded` is not installed")

from uptake_service.mongo.embedded_mending import let_statements_run, pack_at_once  # noqa: E402


class Registry(transactions.TransactionRegistry):  # type: ignore[name-defined, misc]
    """One of the test's own."""


let_statements_run(Registry)

mended = SimpleNamespace(pack=driver.pack, unpack=driver.unpack)
pack_at_once(mended)


def test_a_statement_does_not_wait_for_one_of_another_transaction() -> None:
    registry = Registry()
    running, _ = registry.for_statement(b"a", None, 1, start=True)
    started, end = threading.Event(), threading.Event()

    def run() -> None:
        with running.mutex:
            started.set()
            end.wait(30)

    statement = threading.Thread(target=run)
    statement.start()
    assert started.wait(10)
    other = threading.Thread(target=registry.for_statement, args=(b"b", None, 1), kwargs={"start": True})
    other.start()
    other.join(10)
    waits = other.is_alive()
    end.set()
    statement.join()
    other.join()
    assert not waits


def test_a_transaction_that_nobody_uses_is_still_ended() -> None:
    now = [0.0]
    ended: list[bytes] = []
    registry = Registry(
        rollback_func=lambda transaction: ended.append(transaction.lsid_bytes),
        lifetime_seconds=60.0,
        time_func=lambda: now[0],
    )
    registry.for_statement(b"a", None, 1, start=True)
    now[0] = 61.0
    registry.for_statement(b"b", None, 1, start=True)
    assert ended == [b"a"]
    assert len(registry) == 1


WHOLE = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
TEXT = WHOLE.filter(lambda text: "\0" not in text)
LAST = {
    "q": st.integers(min_value=-(2**63), max_value=2**63 - 1),
    "u": st.binary(max_size=30),
}


@given(st.lists(WHOLE, min_size=1, max_size=3), st.sampled_from(["", "q", "u"]), st.data())
def test_keys_and_values_are_packed_as_the_driver_packs_them(texts: list[str], last: str, data: st.DataObject) -> None:
    format = "S" * len(texts) + last
    values = [*texts, *([data.draw(LAST[last])] if last else [])]
    packed = driver.pack(format, *values)
    assert mended.pack(format, *values) == packed
    assert mended.unpack(format, packed) == driver.unpack(format, packed)


@given(st.sampled_from(["q", "u"]), st.data())
def test_single_numbers_and_bytes_are_packed_as_the_driver_packs_them(format: str, data: st.DataObject) -> None:
    value = data.draw(LAST[format])
    packed = driver.pack(format, value)
    assert mended.pack(format, value) == packed
    assert mended.unpack(format, packed) == driver.unpack(format, packed)


def test_other_formats_go_the_drivers_way() -> None:
    packed = driver.pack("SuSq", "a", b"b", "c", 4)
    assert mended.pack("SuSq", "a", b"b", "c", 4) == packed
    assert mended.unpack("SuSq", packed) == driver.unpack("SuSq", packed)
    assert mended.unpack("u", None) == driver.unpack("u", None)


async def test_indexes_that_change_are_read_again(mongodb_uri: str) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb_uri)
    collection = client[f"mending_{uuid.uuid4().hex[:8]}"]["things"]
    try:
        await collection.insert_many([{"_id": 1, "name": "a", "tags": "x"}, {"_id": 2, "name": "b", "tags": "x"}])
        await collection.create_index([("name", 1)], unique=True, name="name")
        await collection.create_index([("tags", 1)])
        with pytest.raises(DuplicateKeyError):
            await collection.insert_one({"_id": 3, "name": "a"})
        # The first list turns an index into one of many keys in the middle of a statement.
        await collection.insert_many([{"_id": number, "name": str(number), "tags": ["x", "y"]} for number in (4, 5)])
        assert await collection.count_documents({"tags": "y"}) == 2
        await collection.drop_index("name")
        await collection.insert_one({"_id": 3, "name": "a"})
        assert await collection.count_documents({"name": "a"}) == 2
    finally:
        await client.drop_database(collection.database.name)
        client.close()
