"""What is patched in SecantusDB 0.7.0b3 while it runs: a wait, and work that is done over and over or for nobody.

It is a server in Python, so one core is all it has, and what a statement costs there bounds what the service can do.
Each patch leaves what the server answers as it is.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import version
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from uptake_embedded.keys import encode_at_once, pack_at_once
from uptake_embedded.order import stop_early
from uptake_embedded.reading import read_in_order

VERSION = "0.7.0b3"
"""The patches are made of this version's code."""

_REMOVED_AT_ONCE = 1000


class WrongVersion(Exception):
    """SecantusDB is installed in another version than the patches are for."""


def patch(watched: Collection[str]) -> None:
    """Patches the server of this process, before it is made.

    Args:
        watched: The collections that change streams are opened on, by name.

    Raises:
        WrongVersion: The patches are for another version.
    """
    installed = version("SecantusDB")
    if installed != VERSION:
        raise WrongVersion(
            f"the patches are for SecantusDB {VERSION}, and {installed} is installed: install that version, or go "
            "without them (--no-patches, UPTAKE_EMBEDDED_PATCHES=false)"
        )
    # Imported here, for this file is read where SecantusDB is not installed too.
    import wiredtiger.swig_wiredtiger as driver  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from secantus import commands, query, sortkey, storage, transactions  # type: ignore[import-untyped, import-not-found, unused-ignore]

    let_statements_run(transactions.TransactionRegistry)
    pack_at_once(driver)
    encode_at_once(storage, sortkey)
    remember_indexes(storage.Storage, storage._IDX_TABLE)
    log_only(storage.Storage, frozenset(watched))
    look_up_texts(query)
    encode_once(commands)
    read_in_order(storage, commands)
    drop_at_once(storage, commands._HANDLERS)
    stop_early(storage, commands)


def let_statements_run(registry: Any) -> None:
    """Keeps statements of one transaction from waiting for those of all others.

    SecantusDB looks for transactions to end before each statement, and waits for the mutex of every one: also of one
    that runs a statement, which may in turn wait for a page of storage that the waiting one holds. Both stand still for
    seconds then. One whose mutex is held is in use, and need not be looked at.
    """
    from secantus.transactions import TxnState  # type: ignore[import-untyped, import-not-found, unused-ignore]

    def prune(self: Any) -> int:
        ended = 0
        for transaction in self._txns.values():
            if not transaction.mutex.acquire(blocking=False):
                continue
            try:
                idle = transaction.last_use < self._time() - self._lifetime
                if transaction.state is TxnState.IN_PROGRESS and idle:
                    self._rollback_quietly(transaction)
                    transaction.state = TxnState.ABORTED
                    ended += 1
            finally:
                transaction.mutex.release()
        return ended

    registry._prune_locked = prune


def remember_indexes(storage: Any, catalog: str) -> None:
    """Reads a collection's indexes once for each write statement instead of several times for each of its documents.

    A statement's writes share one snapshot of storage, so that the indexes stay the same meanwhile, but for what the
    statement itself changes of them; then they are read again. A third of an insert with five indexes was this.

    Args:
        storage: The class that holds the data.
        catalog: The table of the indexes.
    """
    remembered = threading.local()
    open_cursor = storage._cursor
    read: Callable[..., Iterator[tuple[str, dict[str, Any], dict[str, Any]]]] = storage._iter_indexes
    write_together = storage._batch_transaction
    note_lists = storage._maybe_mark_multikey

    def cursor(self: Any, table: str, **options: Any) -> Any:
        if table == catalog:
            remembered.indexes = {}
        return open_cursor(self, table, **options)

    def indexes(self: Any, db: str, collection: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        if not getattr(remembered, "writing", 0):
            return read(self, db, collection)
        found = remembered.indexes.get((db, collection))
        if found is None:
            found = list(read(self, db, collection))
            remembered.indexes[db, collection] = found
        return iter(found)

    def note(self: Any, db: str, collection: str, document: Any, indexes: list[Any], known: set[str]) -> set[str]:
        """Called for each document; asks for a cursor each time, but changes what it notes for the first time only."""
        before, remembered_before = len(known), getattr(remembered, "indexes", {})
        noted: set[str] = note_lists(self, db, collection, document, indexes, known)
        if len(noted) == before:
            remembered.indexes = remembered_before
        return noted

    @contextlib.contextmanager
    def transaction(self: Any, **options: Any) -> Iterator[Any]:
        remembered.indexes = {}
        remembered.writing = getattr(remembered, "writing", 0) + 1
        try:
            with write_together(self, **options) as session:
                yield session
        finally:
            remembered.writing -= 1

    storage._cursor = cursor
    storage._iter_indexes = indexes
    storage._batch_transaction = transaction
    storage._maybe_mark_multikey = note


def log_only(storage: Any, collections: Collection[str]) -> None:
    """Writes to the oplog only what change streams read.

    For each document written, of any collection, SecantusDB encodes it twice more and stores it once more, and a change
    stream of one collection reads and decodes what was written to all. So the oplog also reaches further back.

    Args:
        storage: The class that holds the data.
        collections: Those that change streams are opened on, by name.
    """
    emit = storage._emit_oplog
    insert_some = storage._insert_chunk

    def insert(self: Any, db: str, collection: str, prepared: list[tuple[Any, bytes]], **options: Any) -> Any:
        transaction = getattr(self._tls, "user_txn", None)
        if transaction is not None and collection not in collections:
            # What bounds a transaction's size is counted where the oplog is written.
            transaction.dirty_bytes += sum(len(blob) for _, blob in prepared)
        return insert_some(self, db, collection, prepared, **options)

    def emit_watched(self: Any, entries: list[dict[str, Any]], before: list[bytes | None] | None = None) -> int:
        kept = [place for place, entry in enumerate(entries) if entry["ns"].partition(".")[2] in collections]
        if len(kept) == len(entries):
            return int(emit(self, entries, before))
        transaction = getattr(self._tls, "user_txn", None)
        if transaction is not None:
            left = (entry for place, entry in enumerate(entries) if place not in kept and entry["op"] != "i")
            transaction.dirty_bytes += sum(len(bson.encode(entry)) for entry in left)
        return int(emit(self, [entries[place] for place in kept], before and [before[place] for place in kept]))

    storage._insert_chunk = insert
    storage._emit_oplog = emit_watched


def look_up_texts(query: Any) -> None:
    """Compares a text with a list of texts ($in) by looking it up, not with each, and without checking the list anew.

    What an index finds is compared again with the whole condition, so that to find 50 ids was 2,500 comparisons.

    Args:
        query: The module of the conditions.
    """
    compare = query._op_matches
    remembered = threading.local()

    def texts_of(condition: Any) -> frozenset[str] | None:
        if getattr(remembered, "condition", None) is not condition:
            plain = type(condition) is list and all(type(each) is str for each in condition)
            remembered.condition, remembered.texts = condition, frozenset(condition) if plain else None
        found: frozenset[str] | None = remembered.texts
        return found

    def matches(values: list[Any], operator: str, condition: Any, collation: Any = None, **options: Any) -> bool:
        if operator == "$in" and collation is None and len(values) == 1 and type(values[0]) is str:
            texts = texts_of(condition)
            if texts is not None:
                return values[0] in texts
        return bool(compare(values, operator, condition, collation, **options))

    query._op_matches = matches


def encode_once(commands: Any) -> None:
    """Encodes what is found once: SecantusDB does it to see how much fits into a message, and again for the message.

    Args:
        commands: The module of the commands.
    """
    split = commands._split_into_cursor

    def split_encoded(documents: list[Any], *arguments: Any, **options: Any) -> Any:
        return split([RawBSONDocument(bson.encode(each)) for each in documents], *arguments, **options)

    commands._split_into_cursor = split_encoded


def drop_at_once(storage: Any, handlers: dict[str, Any]) -> None:
    """Drops a collection or a database in transactions of many documents, after those that are open were ended.

    SecantusDB removes each document by itself, and tries again until nobody else is changing it, with the server
    standing still meanwhile: for ever, when somebody who was killed has a transaction open. The service drops nothing;
    those who test and measure it do.

    Args:
        storage: The module of the class that holds the data.
        handlers: What each command is handled by.
    """
    remove = storage.Storage._delete_keys

    def remove_together(self: Any, table: str, keys: list[Any]) -> None:
        for first in range(0, len(keys), _REMOVED_AT_ONCE):
            with self._batch_transaction():
                remove(self, table, keys[first : first + _REMOVED_AT_ONCE])

    def after_others(handle: Callable[[dict[str, Any], Any], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def end_and_handle(command: dict[str, Any], context: Any) -> dict[str, Any]:
            context.transactions.abort_all()
            return handle(command, context)

        return end_and_handle

    storage.Storage._delete_keys = remove_together
    for method in ("drop_collection", "drop_database"):
        # What is changed after the others were ended is waited for with the lock given up, as other writes do.
        setattr(storage.Storage, method, storage._retry_write_conflicts(getattr(storage.Storage, method)))
    for command in ("drop", "dropDatabase"):
        handlers[command] = after_others(handlers[command])
