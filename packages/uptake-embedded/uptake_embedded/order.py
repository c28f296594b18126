"""Reads of SecantusDB 0.7.0b3 that end with what was asked for.

SecantusDB reads all that matches, and only then sorts it and cuts it off: the first ten of ninety thousand documents
cost as much as all. Where an index has the order that is asked for, or none is, this reads until there is enough. What
an index does not serve (lists, collations, hints, partial indexes that may lack something) goes SecantusDB's own way.
Imported by the process of the embedded database only.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

_RANGE = {"$gt", "$gte", "$lt", "$lte"}
_DOWN = {"$gt": "$lt", "$gte": "$lte", "$lt": "$gt", "$lte": "$gte"}
_PLAIN = (str, int, float, bool, datetime.datetime)
_AT_ONCE = 64
_ALL = 2**62
_BEHIND_ALL = b"\xff" * 16


@dataclass
class _Asked:
    """What is asked for: the first `limit` after `skip` of what matches, in the order `sort`.

    Attributes:
        rest: What else must match, behind what documents are looked for by.
        variables: What expressions in the conditions may name.
        skipped: Whether those to be skipped are left out already.
    """

    collection: str
    sort: Mapping[str, Any]
    skip: int
    limit: int
    rest: Sequence[Mapping[str, Any]] = ()
    variables: dict[str, Any] | None = None
    skipped: bool = False


@dataclass(frozen=True)
class _Walk:
    """A way along an index: entries that begin with `prefix`, between two bounds of the next field, none of them exact
    but where it says so.

    Attributes:
        exact: Whether every entry on the way is a document that matches.
    """

    index: str
    prefix: bytes
    low: bytes | None
    low_inclusive: bool
    high: bytes | None
    high_inclusive: bool
    backwards: bool
    exact: bool


def stop_early(storage: Any, commands: Any) -> None:
    """Walks along an index where it has the order that is asked for, until there is enough.

    Args:
        storage: The module of the class that holds the data.
        commands: The module of the commands.
    """
    kept = storage.Storage
    find: Callable[..., list[dict[str, Any]]] = kept.find_matching
    look_up: Callable[..., list[dict[str, Any]] | None] = kept._try_index_lookup
    aggregate: Callable[[dict[str, Any], Any], dict[str, Any]] = commands._HANDLERS["aggregate"]
    state = threading.local()

    def find_some(
        self: Any, db: str, collection: str, filter: dict[str, Any] | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        asked, state.pipeline = getattr(state, "pipeline", None), None
        skip, limit, sort = options.pop("skip", 0), options.pop("limit", 0), options.get("sort")
        if limit > 0:
            asked = _Asked(collection, sort or {}, skip, limit)
        special = any(options.get(name) for name in ("hint", "collation", "min_bound", "max_bound"))
        if asked is None or asked.collection != collection or special:
            return find(self, db, collection, filter, skip=skip, limit=limit, **options)
        asked.variables = options.get("let")
        state.asked = asked
        try:
            found = find(self, db, collection, filter, limit=skip + limit if limit > 0 else limit, **options)
        finally:
            state.asked = None
        return found if asked.skipped else found[skip:]

    def look_up_some(
        self: Any, db: str, collection: str, filter: dict[str, Any], *, collation: Any = None
    ) -> list[dict[str, Any]] | None:
        asked, state.asked = getattr(state, "asked", None), None
        walk = entries = None
        if asked is not None and collation is None:
            if asked.sort:
                walk = _plan(storage, self, db, asked, filter)
                entries = walk and _entries(storage, self, db, collection, walk)
            else:
                ids = self._try_index_id_keys(db, collection, _plain(filter))
                entries = ids and iter(dict.fromkeys(ids))
        if asked is None or not entries:
            return look_up(self, db, collection, _plain(filter), collation=collation)
        if walk and walk.exact and not asked.rest:
            asked.skipped = True
            ids = list(islice(entries, asked.skip, asked.skip + asked.limit))
            return list(self._docs_by_recordids(db, collection, ids))
        return _until_enough(storage, self, db, collection, asked, filter, entries)

    def aggregate_some(command: dict[str, Any], context: Any) -> dict[str, Any]:
        state.pipeline = _asked_by(command)
        try:
            return aggregate(command, context)
        finally:
            state.pipeline = None

    kept.find_matching, kept._try_index_lookup = find_some, look_up_some
    commands._HANDLERS["aggregate"] = aggregate_some


def _until_enough(
    storage: Any,
    kept: Any,
    db: str,
    collection: str,
    asked: _Asked,
    filter: Mapping[str, Any],
    entries: Iterator[int],
) -> list[dict[str, Any]]:
    """The first that match of the documents of these rows, those to be skipped with them."""
    found: list[dict[str, Any]] = []
    wanted = asked.skip + asked.limit
    while len(found) < wanted:
        storage._deadline.check()
        ids = list(islice(entries, _AT_ONCE))
        found += [
            document
            for document in kept._docs_by_recordids(db, collection, ids)
            if all(storage.matches(document, each, vars=asked.variables) for each in (filter, *asked.rest))
        ]
        if len(ids) < _AT_ONCE:
            break
    return found


def _plain(filter: Mapping[str, Any]) -> dict[str, Any]:
    """A condition without its alternatives and the like, for which SecantusDB would use no index; what is found is held
    against the whole of it."""
    return {name: value for name, value in filter.items() if name not in ("$or", "$and", "$nor")}


def _asked_by(command: Mapping[str, Any]) -> _Asked | None:
    """What a pipeline asks for that begins with conditions and an order, mostly with a limit; None for another."""
    collection, stages = command.get("aggregate"), list(command.get("pipeline") or ())
    conditions: list[Mapping[str, Any]] = []
    while stages and list(stages[0]) == ["$match"]:
        conditions.append(stages.pop(0)["$match"])
    if not isinstance(collection, str) or not conditions or not stages or list(stages[0]) != ["$sort"]:
        return None
    limit = stages[1].get("$limit", _ALL) if len(stages) > 1 else _ALL
    if not isinstance(limit, int) or limit < 1 or not isinstance(stages[0]["$sort"], Mapping):
        return None
    return _Asked(collection, stages[0]["$sort"], 0, limit, conditions[1:])


def _plan(storage: Any, kept: Any, db: str, asked: _Asked, filter: Mapping[str, Any]) -> _Walk | None:
    """The way along an index whose order is the one asked for; None where there is none."""
    order = list(asked.sort.items())
    if any(wanted not in (1, -1) for _, wanted in order):
        return None
    equal = {name: value for name, value in filter.items() if not name.startswith("$") and type(value) in _PLAIN}
    best: tuple[int, str, list[tuple[str, int]]] | None = None
    for name, keys, options in list(kept._iter_indexes(db, asked.collection)):
        partial = options.get("partialFilterExpression")
        if options.get("sparse") or options.get("multikey") or options.get("collation"):
            continue
        if partial and not _implies(kept, filter, partial):
            continue
        fields = list(keys.items())
        if any(direction not in (1, -1) for _, direction in fields):
            continue
        for first in range(len(fields) - len(order) + 1):
            ordered = fields[first : first + len(order)]
            turns = {direction * wanted for (_, direction), (_, wanted) in zip(ordered, order, strict=True)}
            same = [field for field, _ in ordered] == [field for field, _ in order]
            if same and len(turns) == 1 and all(field in equal for field, _ in fields[:first]):
                if best is None or first > best[0]:
                    best = (first, name, fields)
                break
    if best is None:
        return None
    first, index, fields = best
    field, direction = fields[first]
    parts = [storage.encode_value_directed(equal[name], sign) for name, sign in fields[:first]]
    prefix = b"".join(part + storage.COMPOUND_SEP for part in parts)
    bounds: Any = filter.get(field)
    ranged = (
        type(bounds) is dict
        and all(operator in _RANGE and type(value) in _PLAIN for operator, value in bounds.items())
        # One bound a side, at most.
        and len({operator[:3] for operator in bounds}) == len(bounds) > 0
    )
    low = high = None
    low_inclusive = high_inclusive = True
    for operator, value in bounds.items() if ranged else ():
        toward = operator if direction == 1 else _DOWN[operator]
        bound = prefix + storage.encode_value_directed(value, direction)
        if toward in ("$gt", "$gte"):
            low, low_inclusive = bound, toward == "$gte"
        else:
            high, high_inclusive = bound, toward == "$lte"
    served = {name for name, _ in fields[:first]} | ({field} if ranged else set())
    # With one end open, values of other types may lie on the way.
    closed = not ranged or (low is not None and high is not None)
    return _Walk(
        index,
        prefix,
        low,
        low_inclusive,
        high,
        high_inclusive,
        backwards=order[0][1] * direction == -1,
        exact=served == set(filter) and (closed or _one_type(bounds)),
    )


def _implies(kept: Any, filter: Mapping[str, Any], partial: Mapping[str, Any]) -> bool:
    """Whether all that matches is in a partial index."""
    if list(partial.values()) == [{"$exists": True}]:
        wanted = filter.get(next(iter(partial)))
        return type(wanted) in _PLAIN or (
            type(wanted) is dict
            and bool(wanted)
            and all(operator in _RANGE and type(value) in _PLAIN for operator, value in wanted.items())
        )
    return bool(kept._query_implies_partial(filter, partial))


def _one_type(bounds: Mapping[str, Any]) -> bool:
    """Whether what is looked for by these bounds is of a kind that fields of this service hold nothing else beside."""
    return all(type(value) in (datetime.datetime, str) for value in bounds.values())


def _entries(storage: Any, kept: Any, db: str, collection: str, walk: _Walk) -> Iterator[int]:
    """The ids of the rows along an index, in the order that is asked for."""
    escape, separator = storage._escape_kb, storage._escape_kb(storage.COMPOUND_SEP)
    prefix = escape(walk.prefix)
    low, high = (escape(bound) if bound is not None else None for bound in (walk.low, walk.high))
    cursor = kept._cursor(storage._IDX_ENTRIES_TABLE)

    def at(key: bytes, bound: bytes) -> bool:
        """Whether an entry's value is that of the bound."""
        return key == bound or key.startswith(bound + separator)

    def too_low(key: bytes) -> bool:
        return low is not None and (not walk.low_inclusive if at(key, low) else key < low)

    def too_high(key: bytes) -> bool:
        return high is not None and (not walk.high_inclusive if at(key, high) else key > high)

    if walk.backwards:
        cursor.set_key(db, collection, walk.index, _behind(high if high is not None else prefix))
        found = cursor.search_near()
        if found == storage.wt.WT_NOTFOUND or (found >= 0 and cursor.prev() != 0):
            return
    else:
        cursor.set_key(db, collection, walk.index, low if low is not None else prefix)
        found = cursor.search_near()
        if found == storage.wt.WT_NOTFOUND or (found < 0 and cursor.next() != 0):
            return
    step = cursor.prev if walk.backwards else cursor.next
    skips, ends = (too_high, too_low) if walk.backwards else (too_low, too_high)
    while True:
        key = cursor.get_key()
        if (key[0], key[1], key[2]) != (db, collection, walk.index):
            return
        entry, row = storage._unpack_entry(bytes(key[3]))
        if not entry.startswith(prefix) or ends(entry):
            return
        if row is not None and not skips(entry):
            yield row
        if step() != 0:
            return


def _behind(prefix: bytes) -> bytes:
    """The least key that is greater than all that begin so."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else _BEHIND_ALL
