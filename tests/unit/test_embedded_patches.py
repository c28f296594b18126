"""What is mended in the embedded database."""

import os
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from bson import Code, ObjectId
from hypothesis import given
from hypothesis import strategies as st
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import DuplicateKeyError, OperationFailure

transactions = pytest.importorskip("secantus.transactions", reason="the extra `embedded` is not installed")
driver = pytest.importorskip("wiredtiger.packing", reason="the extra `embedded` is not installed")
from secantus import query, sortkey, storage  # noqa: E402
from uptake_embedded.keys import encode_at_once, pack_at_once  # noqa: E402
from uptake_embedded.patches import let_statements_run, look_up_texts  # noqa: E402

from tests.processes import PATIENCE_SECONDS, in_time  # noqa: E402


# Its base is of a package without types, and not there without the extra.
class Registry(transactions.TransactionRegistry):  # type: ignore[name-defined, misc]
    """One of the test's own."""


let_statements_run(Registry)

mended = SimpleNamespace(pack=driver.pack, unpack=driver.unpack)
pack_at_once(mended)

quick = SimpleNamespace(**vars(storage))
quick_encoding = SimpleNamespace(**vars(sortkey))
encode_at_once(quick, quick_encoding)

quick_conditions = SimpleNamespace(**vars(query))
look_up_texts(quick_conditions)


def test_a_statement_does_not_wait_for_one_of_another_transaction() -> None:
    registry = Registry()
    running, _ = registry.for_statement(b"a", None, 1, start=True)
    started, end = threading.Event(), threading.Event()

    def run() -> None:
        with running.mutex:
            started.set()
            end.wait(PATIENCE_SECONDS)

    statement = threading.Thread(target=run)
    statement.start()
    assert started.wait(PATIENCE_SECONDS)
    other = threading.Thread(target=registry.for_statement, args=(b"b", None, 1), kwargs={"start": True})
    other.start()
    other.join(PATIENCE_SECONDS / 2)
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


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8),
    st.text(alphabet="a\0é", min_size=95, max_size=105),
    st.binary(max_size=8),
    st.datetimes(),
    st.just(ObjectId("0123456789abcdef01234567")),
    st.just(Code("a")),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner)),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES)
FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "b.0"]), st.sampled_from([1, -1, 1.0, -1.0]), min_size=1
)


@given(DOCUMENTS, FIELDS, st.booleans())
def test_keys_of_indexes_are_those_of_the_database(
    document: dict[str, Any], fields: dict[str, float], sparse: bool
) -> None:
    assert quick._index_key_variants(document, fields, sparse=sparse) == storage._index_key_variants(
        document, fields, sparse=sparse
    )
    assert quick._doc_makes_multikey(document, fields) == storage._doc_makes_multikey(document, fields)


@given(VALUES)
def test_ranks_and_inverted_bytes_are_those_of_the_database(value: Any) -> None:
    assert quick_encoding._rank(value) == sortkey._rank(value)
    key = sortkey.encode_value(value)
    assert quick_encoding.invert_bytes(key) == sortkey.invert_bytes(key)


@given(
    st.lists(st.one_of(VALUES, st.sampled_from("ab")), max_size=2), st.lists(st.sampled_from("abc")), st.lists(VALUES)
)
def test_lists_of_texts_are_compared_as_the_database_does(
    values: list[Any], texts: list[str], others: list[Any]
) -> None:
    for condition in (texts, others, [*texts, *others]):
        for operator in ("$in", "$nin"):
            expected = query._op_matches(values, operator, condition)
            assert quick_conditions._op_matches(values, operator, condition) is expected
    with pytest.raises(query.QueryError):
        quick_conditions._op_matches(["a"], "$in", "a")


@pytest.fixture
async def database(mongodb_uri: str) -> AsyncIterator["AsyncIOMotorDatabase[dict[str, Any]]"]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb_uri)
    name = f"mending_{uuid.uuid4().hex[:8]}"
    yield client[name]
    await client.drop_database(name)
    client.close()


@pytest.mark.skipif("UPTAKE_TEST_MONGODB_URI" in os.environ, reason="MongoDB logs everything")
async def test_only_what_is_watched_is_in_the_oplog(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> None:
    async with database.events.watch() as stream:
        async with await database.client.start_session() as session, session.start_transaction():
            for number in (1, 2):
                for name in ("things", "events"):
                    await database[name].insert_one({"_id": number}, session=session)
            await database.things.update_one({"_id": 1}, {"$set": {"a": 1}}, session=session)
            await database.events.update_one({"_id": 1}, {"$set": {"a": 1}}, session=session)
        changes = [await anext(stream) for _ in range(3)]
    seen = [(change["operationType"], change["documentKey"]["_id"]) for change in changes]
    assert seen == [("insert", 1), ("insert", 2), ("update", 1)]
    logged = database.client["local"]["oplog.rs"].find({"ns": {"$regex": f"^{database.name}\\."}})
    assert {entry["ns"] async for entry in logged} == {f"{database.name}.events"}
    assert await database.things.count_documents({}) == 2


@pytest.mark.skipif("UPTAKE_TEST_MONGODB_URI" in os.environ, reason="MongoDB has other bounds")
async def test_a_transaction_that_is_too_large_is_refused(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> None:
    async with await database.client.start_session() as session:
        with pytest.raises(OperationFailure, match="too large"):
            async with session.start_transaction():
                for number in range(10):
                    documents = [{"_id": f"{number}/{place}", "text": "x" * 1_000_000} for place in range(10)]
                    await database.things.insert_many(documents, session=session)
    assert await database.things.count_documents({}) == 0


@pytest.mark.skipif("UPTAKE_TEST_MONGODB_URI" in os.environ, reason="MongoDB waits for them for a minute")
async def test_what_is_dropped_does_not_wait_for_transactions_that_nobody_ends(
    database: "AsyncIOMotorDatabase[dict[str, Any]]",
) -> None:
    await database.things.insert_many([{"_id": number} for number in range(2_500)])
    drops: list[Callable[[], Awaitable[Any]]] = [
        database.things.drop,
        lambda: database.client.drop_database(database.name),
    ]
    for drop in drops:
        async with await database.client.start_session() as session:
            session.start_transaction()
            await database.things.update_one({"_id": 1}, {"$set": {"a": 1}}, upsert=True, session=session)
            async with in_time("the end of what is dropped"):
                await drop()
            with pytest.raises(OperationFailure) as refusal:
                await session.commit_transaction()
            assert refusal.value.has_error_label("TransientTransactionError")
        assert await database.things.count_documents({}) == 0


async def test_indexes_that_change_are_read_again(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> None:
    collection = database["things"]
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


async def test_what_is_found_is_read_as_it_was_written(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> None:
    """However it is parted into messages, and through a pipeline too."""
    written = [
        {"_id": number, "words": "ü\0" * number, "in": {"lists": [[number], {}, None, 2.5, 2**40]}, "id": ObjectId()}
        for number in range(250)
    ]
    await database.things.insert_many(written)
    for batch_size in (1, 100, 250, 0):
        assert await database.things.find(batch_size=batch_size).to_list(None) == written
        assert await database.things.aggregate([{"$match": {}}], batchSize=batch_size).to_list(None) == written
    assert await database.things.find({"_id": 7}, {"words": 1}).to_list(None) == [{"_id": 7, "words": "ü\0" * 7}]
    assert sorted((await database.things.index_information()).keys()) == ["_id_"]
