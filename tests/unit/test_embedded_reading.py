"""The embedded database walks an index for the first of an order, finds what it found before, and reads no more."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

storage = pytest.importorskip("secantus.storage", reason="the extra `embedded` is not installed")
from secantus import commands  # noqa: E402
from secantus.cursors import CursorRegistry  # noqa: E402
from uptake_embedded.reading import read_in_order  # noqa: E402

_COUNT = 150
BEGIN = datetime(2026, 11, 27, tzinfo=UTC)
INDEXES: list[tuple[dict[str, int], dict[str, Any]]] = [
    ({"project": 1, "time": -1, "_id": -1}, {}),
    ({"project": 1, "changed": 1, "_id": 1}, {}),
    ({"project": 1, "rank": -1, "rate": -1, "time": -1, "_id": -1}, {}),
    ({"project": 1, "type": 1, "time": -1, "_id": -1}, {"partialFilterExpression": {"type": "c"}}),
    ({"project": 1, "question": 1, "user": 1, "vote": 1}, {"unique": True}),
    ({"tags": 1, "time": -1, "_id": -1}, {}),
]


# Its base is of a package without types, and not there without the extra.
class Mended(storage.Storage):  # type: ignore[name-defined, misc]
    """One of the test's own."""


module = SimpleNamespace(**vars(storage))
module.Storage = Mended
handlers = SimpleNamespace(_HANDLERS=dict(commands._HANDLERS), _split_into_cursor=commands._split_into_cursor)
read_in_order(module, handlers)


class Stores:
    """The same documents in a store that reads all of them, for it has no index, and in one that is mended."""

    def __init__(self, plain: Any, mended: Any, documents: list[dict[str, Any]]) -> None:
        self.plain, self.mended, self.documents = plain, mended, documents


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    documents = [
        {
            "_id": f"{number:024x}",
            "project": "ab"[number % 7 == 0],
            # Many of one instant, and some of every time.
            "time": BEGIN + timedelta(seconds=(number * 7919) % 50 // 10),
            "changed": BEGIN + timedelta(milliseconds=(number * 31) % 97),
            "rank": number % 3,
            "rate": (number * 13) % 5 / 4,
            "type": "cde"[number % 3],
            "question": f"q{number % 40}",
            "user": f"u{number}",
            "vote": "",
            "state": "xy"[number % 5 == 0],
            **({"tags": ["m", "n"]} if number % 11 == 0 else {}),
        }
        for number in range(_COUNT)
    ]
    made = []
    for kind in (storage.Storage, Mended):
        store = kind(str(tmp_path_factory.mktemp(kind.__name__)))
        for keys, options in INDEXES if kind is Mended else ():
            store.create_index("db", "things", "_".join(keys), keys, options)
        store.insert("db", "things", documents)
        made.append(store)
    yield Stores(made[0], made[1], documents)
    for store in made:
        store.close()


NEWEST, CHANGED = {"time": -1, "_id": -1}, {"changed": 1, "_id": 1}
ORDERS: list[tuple[tuple[str, ...], dict[str, int]]] = [
    (("project",), NEWEST),
    (("project",), {"time": 1, "_id": 1}),
    (("project",), CHANGED),
    (("project",), {"changed": -1, "_id": -1}),
    (("project",), {"rank": -1, "rate": -1, "time": -1, "_id": -1}),
    (("project", "rank"), {"rate": -1, "time": -1, "_id": -1}),
    (("project", "rank", "rate"), {"time": 1, "_id": 1}),
    (("project", "time"), {"_id": -1}),
    (("project", "type"), NEWEST),
    # Those that no index serves.
    (("tags",), NEWEST),
    (("state",), NEWEST),
    (("project",), {"state": 1, "_id": 1}),
]
BOUNDS = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.integers(0, _COUNT - 1), max_size=2)
PROJECTIONS = st.sampled_from(
    [None, {"time": 1}, {"question": 0, "user": 0}, {"time": 1, "bytes": {"$bsonSize": "$$ROOT"}}]
)


@given(
    st.sampled_from(ORDERS),
    st.integers(0, _COUNT - 1),
    BOUNDS,
    st.integers(1, 30),
    st.integers(0, 3),
    PROJECTIONS,
    st.booleans(),
)
def test_what_is_found_is_what_was_found(
    stores: Stores,
    order: tuple[tuple[str, ...], dict[str, int]],
    number: int,
    bounds: Mapping[str, int],
    limit: int,
    skip: int,
    projection: dict[str, Any] | None,
    has_rest: bool,
) -> None:
    plain, mended, documents = stores.plain, stores.mended, stores.documents
    fields, sort = order
    first = next(iter(sort))
    filter: dict[str, Any] = {field: documents[number].get(field, ["m"]) for field in fields}
    if fields == ("tags",):
        filter = {"tags": "m"}
        # This goes SecantusDB's own way, which leaves out what equals such a bound of a descending field.
        bounds = {operator.removesuffix("e"): place for operator, place in bounds.items()}
    if bounds:
        filter[first] = {operator: documents[place][first] for operator, place in bounds.items()}
    # As the command gives them.
    options: dict[str, Any] = {"sort": sort, "limit": limit, "projection": projection, "skip": skip}
    options |= dict.fromkeys(("hint", "collation", "min_bound", "max_bound")) | {"let": {"NOW": BEGIN}}
    expected = plain.find_matching("db", "things", filter, **options)
    assert mended.find_matching("db", "things", filter, **options) == expected

    rest = [{"$match": {"state": "x"}}] if has_rest else []
    pipeline: list[dict[str, Any]] = [
        {"$match": filter},
        *rest,
        {"$sort": sort},
        *([{"$limit": limit}] if skip < 2 else []),
    ]
    pipeline += [{"$project": projection}] if projection else []
    assert _answer(handlers, mended, pipeline) == _answer(commands, plain, pipeline)


@given(st.lists(st.integers(0, _COUNT + 5), min_size=1, max_size=20), st.booleans())
def test_whole_keys_of_an_index_are_looked_up(stores: Stores, places: list[int], is_whole: bool) -> None:
    plain, mended, documents = stores.plain, stores.mended, stores.documents
    names = ("project", "question", "user", "vote") if is_whole else ("question", "user")
    keys = [
        {name: documents[place][name] for name in names} if place < _COUNT else dict.fromkeys(names, "none")
        for place in places
    ]
    questions = sorted({key["question"] for key in keys})
    pipeline: list[dict[str, Any]] = [
        {"$match": {"project": "a", "question": {"$in": questions}}},
        {"$match": {"$or": keys}},
    ]
    found = _answer(handlers, mended, pipeline)
    assert sorted(each["_id"] for each in found) == sorted(each["_id"] for each in _answer(commands, plain, pipeline))


def test_no_more_is_read_than_is_asked_for(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    mended, documents = stores.mended, stores.documents
    read: list[str] = []
    match = storage.matches

    def matches(document: dict[str, Any], *arguments: Any, **options: Any) -> bool:
        read.append(document["_id"])
        return bool(match(document, *arguments, **options))

    monkeypatch.setattr(module, "matches", matches)
    newest = mended.find_matching("db", "things", {"project": "a"}, sort=NEWEST, limit=5, let={"NOW": BEGIN})
    assert read == [each["_id"] for each in newest]
    read.clear()
    # Of an instant that has many, the next five after one of them.
    last = newest[-1]
    rest = {"project": "a", "time": last["time"], "_id": {"$lt": last["_id"]}}
    found = mended.find_matching("db", "things", rest, sort={"_id": -1}, limit=5)
    assert read == [each["_id"] for each in found]
    assert len(found) == 5
    read.clear()
    # And what is not in the project is not looked at, nor what equals an exclusive bound.
    older = {"project": "b", "time": {"$lt": last["time"]}}
    found = mended.find_matching("db", "things", older, sort=NEWEST, limit=1)
    assert read == [each["_id"] for each in found]
    read.clear()
    keys = [{"project": "a", "question": each["question"], "user": each["user"], "vote": ""} for each in newest]
    _answer(handlers, mended, [{"$match": {"project": "a"}}, {"$match": {"$or": keys}}])
    assert set(read) == {each["_id"] for each in newest}
    assert len(documents) == _COUNT


def _answer(those: Any, store: Any, pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a pipeline gives."""
    context = commands.CommandContext(connection_id=1, storage=store, cursors=CursorRegistry(), db_name="db")
    answer = those._HANDLERS["aggregate"]({"aggregate": "things", "pipeline": pipeline, "cursor": {}}, context)
    assert answer["ok"] == 1.0, answer
    found: list[dict[str, Any]] = answer["cursor"]["firstBatch"]
    return found
