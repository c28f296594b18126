"""Keys of SecantusDB 0.7.0b3's tables and indexes, made in less time.

Each document is one row in the table of documents, one in that of ids and one for each index, and each row's key is put
together in Python, value by value and letter by letter of a format. What comes out is the same, byte for byte; whatever
is not plain (lists, collations, sparse and special indexes) goes SecantusDB's own way. Imported by the process of the
embedded database only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

_REMEMBERED = 4_096
_SHORT = 100
"""Names and the like, which come again and again, are short."""

_MISSING = object()


def pack_at_once(driver: Any) -> None:
    """Packs and unpacks the keys and values of WiredTiger's tables without going through their format each time.

    The driver reads the format letter by letter for every key of every document and index; that is a fifth of an
    insert. SecantusDB's tables have formats of text (S) with at most one number (q) or bytes (u) at the end; others go
    the driver's way.

    Args:
        driver: The module whose `pack` and `unpack` are to be replaced.
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

    @lru_cache(_REMEMBERED)
    def packed_texts(*texts: str) -> bytes:
        """Texts before the last value: database, collection and index, again and again."""
        return b"".join([text.partition("\0")[0].encode() + b"\0" for text in texts])

    def pack(format: str, *values: Any) -> bytes:
        found = shape(format)
        if found is None or len(values) != len(format) or not format:
            return slow_pack(format, *values)
        texts, last = found
        if last == "q":
            return packed_texts(*values[:texts]) + pack_number(values[-1])
        if last == "u":
            value = values[-1]
            return packed_texts(*values[:texts]) + (value if type(value) is bytes else value.encode())
        return packed_texts(*values)

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


def encode_at_once(storage: Any, sortkey: Any) -> None:
    """Makes the keys of indexes of plain values without looking for lists in them three times over.

    For each document SecantusDB goes through the fields of each index to see whether there are lists in it, again to
    make its key, and again to look whether a unique one is taken; that is half of an insert with five indexes.

    Args:
        storage: The module of the indexes.
        sortkey: The module of the encoding of values.
    """
    slow_keys: Callable[..., list[bytes]] = storage._index_key_variants
    slow_lists: Callable[[Any, Any], bool] = storage._doc_makes_multikey
    slow_rank: Callable[[Any], int] = sortkey._rank
    encode: Callable[[Any], bytes] = sortkey.encode_value
    separator: bytes = sortkey.COMPOUND_SEP
    inverted = bytes(255 - byte for byte in range(256))
    ranks: dict[type, int] = {}

    def rank(value: Any) -> int:
        """A value's rank depends on its type alone."""
        found = ranks.get(type(value))
        if found is None:
            found = ranks[type(value)] = slow_rank(value)
        return found

    @lru_cache(_REMEMBERED)
    def encoded_text(text: str) -> bytes:
        return encode(text)

    def keys(document: Any, fields: Mapping[str, Any], *, sparse: bool, collation: Any = None) -> list[bytes]:
        if sparse or collation is not None:
            return slow_keys(document, fields, sparse=sparse, collation=collation)
        parts: list[bytes] = []
        for path, direction in fields.items():
            value = _plain(document, path)
            if value is _MISSING:
                return slow_keys(document, fields, sparse=sparse, collation=collation)
            part = encoded_text(value) if type(value) is str and len(value) <= _SHORT else encode(value)
            parts.append(part.translate(inverted) if int(direction) == -1 else part)
        return [separator.join(parts)]

    def has_lists(document: Any, fields: Mapping[str, Any]) -> bool:
        for path in fields:
            if _plain(document, path) is _MISSING:
                return slow_lists(document, fields)
        return False

    storage._index_key_variants = keys
    storage._doc_makes_multikey = has_lists
    sortkey._rank = rank
    sortkey.invert_bytes = lambda key: key.translate(inverted)


def _plain(document: Any, path: str) -> Any:
    """What is at a path; _MISSING also where lists are on it or at its end."""
    value = document
    for step in _steps(path):
        if type(value) is not dict:
            return _MISSING
        value = value.get(step, _MISSING)
    return _MISSING if isinstance(value, list) else value


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))
