"""Reading SecantusDB 0.7.0b3 in the order of an index, and no further than it is asked for.

SecantusDB reads and decodes all documents that an index finds, sorts them, and then cuts the list to its limit: the
newest 50 of a project cost what all of the project costs, in time and in memory. Here an index that has the order
asked for is walked, and left once there is enough; documents are decoded some at a time. What is found is the same.
Whatever else is asked goes SecantusDB's own way. Imported by the process of the embedded database only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bson

_BYTES_AT_ONCE = 1024 * 1024
_DOCUMENTS_AT_ONCE = 64
"""So much is read while others wait for the lock, and decoded while it is held in memory."""

_ALL = 2**62
_PLAIN = (str, int, bson.Int64, float, bool, datetime, bson.ObjectId)
_BOUNDS = {"$gt", "$gte", "$lt", "$lte"}

Found = list[dict[str, Any]]


@dataclass(frozen=True)
class _Span:
    """A span of an index: entries from `first` to before `last`, by the bytes of their keys."""

    index: str
    first: bytes
    last: bytes
    backwards: bool


def read_in_order(storage: Any, commands: Any) -> None:
    """Lets `find` with a sort and a limit, and the pipelines that mean the same, walk an index.

    A pipeline is $match (what the index serves), any further $match, $sort, and if any $limit and $project; or a $match
    and a second one that names whole keys of an index, as {$or: [{field: value, ...}, ...]}.

    Args:
        storage: The module of the class that holds the data.
        commands: The module of the commands.
    """
    find: Callable[..., Found] = storage.Storage.find_matching
    aggregate: Callable[[dict[str, Any], Any], dict[str, Any]] = commands._HANDLERS["aggregate"]

    def find_in_order(
        self: Any,
        db: str,
        collection: str,
        filter: dict[str, Any] | None = None,
        *,
        limit: int = 0,
        sort: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | None = None,
        skip: int = 0,
        let: dict[str, Any] | None = None,
        **options: Any,
    ) -> Found:
        # Each command has a time as a variable.
        plain = not any(options.values()) and not (let or {}).keys() - {"NOW"} and db != "local"
        if plain and filter and sort and limit > 0 and "$$NOW" not in repr((filter, projection)):
            found = _walk(self, storage, db, collection, [filter], sort, skip + limit, projection)
            if found is not None:
                return found[skip:]
        options |= {"skip": skip, "let": let}
        return find(self, db, collection, filter, limit=limit, sort=sort, projection=projection, **options)

    def aggregate_in_order(command: dict[str, Any], context: Any) -> dict[str, Any]:
        found = None
        if not {"let", "collation", "hint", "explain"} & command.keys() and isinstance(command["aggregate"], str):
            collection, pipeline = command["aggregate"], command.get("pipeline", ())
            keys = _whole_keys(pipeline)
            if keys is not None:
                found = _look_up(context.storage, storage, context.db_name, collection, *keys)
            # The time is SecantusDB's to fill in.
            elif "$$NOW" not in repr(pipeline):
                asked = _first_of_an_order(pipeline)
                if asked is not None:
                    found = _walk(context.storage, storage, context.db_name, collection, *asked)
        if found is None:
            return aggregate(command, context)
        namespace = f"{context.db_name}.{command['aggregate']}"
        size = (command.get("cursor") or {}).get("batchSize", -1)
        first, cursor = commands._split_into_cursor(found, size, namespace, context.cursors)
        return {"cursor": {"firstBatch": first, "id": bson.Int64(cursor), "ns": namespace}, "ok": 1.0}

    storage.Storage.find_matching = find_in_order
    commands._HANDLERS["aggregate"] = aggregate_in_order


def _first_of_an_order(
    pipeline: Sequence[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], Mapping[str, Any], int, Mapping[str, Any] | None] | None:
    """Conditions, order, number and projection of a pipeline that asks for the first of an order; None for others."""
    stages = [next(iter(stage.items())) for stage in pipeline if len(stage) == 1]
    names = [name for name, _ in stages]
    matches = names.index("$sort") if "$sort" in names else 0
    rest = names[matches:]
    if not matches or set(names[:matches]) != {"$match"} or len(stages) != len(pipeline):
        return None
    if rest not in (["$sort"], ["$sort", "$limit"], ["$sort", "$project"], ["$sort", "$limit", "$project"]):
        return None
    values = dict(stages[matches:])
    conditions = [dict(value) for _, value in stages[:matches]]
    return conditions, values["$sort"], int(values.get("$limit", _ALL)), values.get("$project")


def _whole_keys(pipeline: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]] | None:
    """Conditions and the keys that the second names, of a pipeline of two $match; None for others."""
    if [list(stage) for stage in pipeline] != [["$match"], ["$match"]]:
        return None
    conditions = [dict(stage["$match"]) for stage in pipeline]
    keys = conditions[1].get("$or")
    if len(conditions[1]) != 1 or not keys:
        return None
    plain = all(type(value) in _PLAIN for key in keys for value in key.values())
    return (conditions, keys) if plain else None


def _walk(
    store: Any,
    storage: Any,
    db: str,
    collection: str,
    conditions: list[dict[str, Any]],
    sort: Mapping[str, Any],
    limit: int,
    projection: Mapping[str, Any] | None,
) -> Found | None:
    """The first documents of an order that match, None where no index has the order."""
    store._refresh_read_snapshot()
    with store._lock:
        span = _span(store, storage, db, collection, conditions[0], sort)
    if span is None:
        return None
    found: Found = []
    for documents in _documents(store, storage, db, collection, span, found, limit):
        kept = [each for each in documents if _meets(storage, each, conditions)]
        found += storage.apply_projection_batch(kept, projection, conditions[0]) if projection else kept
        if len(found) >= limit:
            break
    return found


def _look_up(
    store: Any, storage: Any, db: str, collection: str, conditions: list[dict[str, Any]], keys: list[dict[str, Any]]
) -> Found | None:
    """The documents of whole keys of an index; None where one is of none."""
    store._refresh_read_snapshot()
    found: dict[int, None] = {}
    with store._lock:
        indexes = [
            (name, fields)
            for name, fields, options in store._iter_indexes(db, collection)
            if not options.get("multikey") and not options.get("partialFilterExpression") and not options.get("sparse")
        ]
        for key in keys:
            name, fields = next(((name, fields) for name, fields in indexes if fields.keys() == key.keys()), ("", {}))
            if not name:
                return None
            parts = [storage.encode_value_directed(key[field], int(fields[field])) for field in fields]
            whole = storage.COMPOUND_SEP.join(parts)
            found.update(dict.fromkeys(store._scan_index_for_id_keys(db, collection, name, whole)))
        documents = store._docs_by_recordids(db, collection, list(found))
    # That they have one of the keys is known; to compare each with all of these would cost more than all the rest.
    return [each for each in documents if _meets(storage, each, conditions[:1])]


def _meets(storage: Any, document: dict[str, Any], conditions: list[dict[str, Any]]) -> bool:
    storage._deadline.check()
    return all(storage.matches(document, condition) for condition in conditions)


def _span(
    store: Any, storage: Any, db: str, collection: str, filter: dict[str, Any], sort: Mapping[str, Any]
) -> _Span | None:
    """The span of an index that holds what matches a filter in an order; None if no index serves all of both.

    The filter has equalities, and bounds on the first field of the order at most. (Bytes of a descending field are
    inverted, which keeps the order of numbers, times and texts of one length, but not of a text and a longer one that
    begins with it; such an order is asked for by _id alone, and ids are of one length.)
    """
    order = [(field, int(direction)) for field, direction in sort.items()]
    bounds = filter.get(order[0][0], {})
    equal = {field: value for field, value in filter.items() if not (field == order[0][0] and isinstance(value, dict))}
    if not isinstance(bounds, dict) or not bounds.keys() <= _BOUNDS:
        return None
    if not all(type(value) in _PLAIN for value in (*equal.values(), *bounds.values())):
        return None
    for name, fields, options in store._iter_indexes(db, collection):
        if options.get("multikey") or options.get("sparse") or options.get("collation"):
            continue
        partial = options.get("partialFilterExpression") or {}
        if partial and not store._query_implies_partial(equal, partial):
            continue
        keys = list(fields.items())
        before, after = keys[: len(keys) - len(order)], keys[len(keys) - len(order) :]
        if {field for field, _ in before} | partial.keys() != equal.keys() | partial.keys():
            continue
        turned = [(field, -direction) for field, direction in order]
        if after not in (order, turned):
            continue
        prefix = [storage.encode_value_directed(equal[field], int(direction)) for field, direction in before]
        first, last = _ends(storage, prefix, bounds, int(after[0][1]), whole=len(after) == 1)
        return _Span(name, first, last, after != order)
    return None


def _ends(
    storage: Any, prefix: list[bytes], bounds: Mapping[str, Any], direction: int, *, whole: bool
) -> tuple[bytes, bytes]:
    """Where in an index those entries begin and end that have a prefix and lie within bounds of the next field.

    Args:
        storage: The module of the encodings.
        prefix: The encoded fields before.
        bounds: The bounds, by operator.
        direction: The next field's in the index.
        whole: Whether that is the index's last field.
    """
    separator = storage._escape_kb(storage.COMPOUND_SEP)
    begin = b"".join(storage._escape_kb(part) + separator for part in prefix)
    first, last = begin, _behind(begin) if begin else b"\xff" * 16
    for operator, value in bounds.items():
        key = begin + storage._escape_kb(storage.encode_value_directed(value, direction))
        equal = key + (storage._ENTRY_SEP if whole else separator)
        is_least = (operator in ("$gt", "$gte")) == (direction == 1)
        # Of an exclusive bound nothing that equals it, be it ever so much, is walked over.
        at = equal if (operator in ("$gte", "$lt")) == (direction == 1) else _behind(equal)
        first, last = (max(first, at), last) if is_least else (first, min(last, at))
    return first, last


def _behind(prefix: bytes) -> bytes:
    """The first bytes after all that begin with a prefix."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])


def _documents(
    store: Any, storage: Any, db: str, collection: str, span: _Span, found: Found, limit: int
) -> Iterator[Found]:
    """The documents of a span, some at a time, and at most as many as `found`, which grows, is short of a limit."""
    entries = store._cursor(storage._IDX_ENTRIES_TABLE)
    rows = store._cursor_optional(storage._doc_table_for(db, collection))
    if rows is None:
        return
    step = entries.prev if span.backwards else entries.next
    with store._lock:
        entries.set_key(db, collection, span.index, span.last if span.backwards else span.first)
        near = entries.search_near()
        more = near != storage.wt.WT_NOTFOUND
        # What is near may be on the other side of the end that the walk begins at.
        if more and (near >= 0 if span.backwards else near < 0):
            more = step() == 0
    while more:
        raw: list[bytes] = []
        size, most = 0, min(limit - len(found), _DOCUMENTS_AT_ONCE)
        with store._lock:
            while more and len(raw) < most and size < _BYTES_AT_ONCE:
                of_db, of_collection, of_index, packed = entries.get_key()
                packed = bytes(packed)
                if (of_db, of_collection, of_index) != (db, collection, span.index) or not (
                    span.first <= packed < span.last
                ):
                    more = False
                    break
                _, row = storage._unpack_entry(packed)
                rows.reset()
                rows.set_key(db, collection, row)
                if row is not None and rows.search() == 0:
                    raw.append(storage._unframe_doc_value(bytes(rows.get_value()))[1])
                    size += len(raw[-1])
                more = step() == 0
        yield [bson.decode(each) for each in raw]
