"""What is mended in SecantusDB 0.7.0b3 while it runs: a wait and two kinds of work done over and over.

It is a server in Python, so one core is all it has, and what a statement costs there bounds what the service can do.
Each of these leaves what the server does as it is. Imported by the process of the embedded database only.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any


def mend() -> None:
    """Mends the server of this process, before it is made."""
    # Imported here, for this file is read where SecantusDB is not installed too.
    import wiredtiger.swig_wiredtiger as driver  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from secantus import storage, transactions  # type: ignore[import-untyped, import-not-found, unused-ignore]

    let_statements_run(transactions.TransactionRegistry)
    pack_at_once(driver)
    remember_indexes(storage.Storage, storage._IDX_TABLE)


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


def pack_at_once(driver: Any) -> None:
    """Packs and unpacks the keys and values of WiredTiger's tables without going through their format each time.

    The driver reads the format letter by letter for every key of every document and index; that is a fifth of an
    insert. SecantusDB's tables have formats of text (S) with at most one number (q) or bytes (u) at the end; others go
    the driver's way.
    """
    from wiredtiger import intpacking  # type: ignore[import-untyped, import-not-found, unused-ignore]

    pack_number: Callable[[int], bytes] = intpacking.pack_int
    slow_pack: Callable[..., bytes] = driver.pack
    slow_unpack: Callable[..., list[Any]] = driver.unpack

    @cache
    def shape(format: str) -> tuple[int, str] | None:
        """How many texts a format begins with, and what comes last; None for another kind of format."""
        texts = len(format) - len(format.lstrip("S"))
        last = format[texts:]
        return (texts, last) if last in ("", "q", "u") else None

    def pack(format: str, *values: Any) -> bytes:
        found = shape(format)
        if found is None or len(values) != len(format) or not format:
            return slow_pack(format, *values)
        texts, last = found
        packed = b"".join([value.partition("\0")[0].encode() + b"\0" for value in values[:texts]])
        if last == "q":
            return packed + pack_number(values[-1])
        if last == "u":
            value = values[-1]
            return packed + (value if type(value) is bytes else value.encode())
        return packed

    def unpack(format: str, packed: bytes | None) -> list[Any]:
        found = shape(format)
        if found is None or not packed:
            return slow_unpack(format, packed)
        texts, last = found
        *parts, rest = packed.split(b"\0", texts)
        values: list[Any] = [part.decode() for part in parts]
        if last == "q":
            values.append(intpacking.unpack_int(rest)[0])
        elif last == "u":
            values.append(rest)
        return values

    driver.pack = pack
    driver.unpack = unpack


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
