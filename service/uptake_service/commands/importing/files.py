"""Reading a file of JSON lines or CSV, either gzipped, row by row: a bad row spoils no other."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

# Far above what a valid row can hold, and below the 16 MB that a call can.
_LONGEST_ROW = 1_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")

Row = Mapping[str, Any]


class BadRow(Exception):
    """A row that is no feedback; the message says why."""


class CannotImport(Exception):
    """The file or the mapping as a whole cannot be read; the message says why."""


def form_of(file: Path) -> str:
    """ "csv" or "jsonl", by the file's name without ".gz".

    Raises:
        CannotImport: It is named like neither.
    """
    name = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    suffix = name.suffix.lower()
    if suffix == ".csv":
        return "csv"
    if suffix in _JSON_SUFFIXES:
        return "jsonl"
    raise CannotImport(f"{file.name} is named neither .csv nor {', '.join(_JSON_SUFFIXES)} (with or without .gz)")


@contextmanager
def opened(file: Path) -> Iterator[tuple[TextIO, Callable[[], int], int]]:
    """A file as text, how far it is read, and its size, both in its own bytes.

    What is gzipped shows in the first bytes, whatever the name says. Bytes that are no UTF-8 become lone surrogates,
    so that only their row is bad.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise CannotImport(f"{file.name} cannot be read: {error.strerror}") from error
    with raw:
        plain: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else raw
        with io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield text, raw.tell, file.stat().st_size


def rows(text: TextIO, form: str, needed: Mapping[str, str]) -> Iterator[tuple[int, Row | BadRow]]:
    """The rows of a file with the line each starts at; one that cannot be read comes as its error.

    Args:
        text: The file.
        form: "csv" or "jsonl".
        needed: The columns that a CSV file must have, by the field that is mapped to each.

    Raises:
        CannotImport: A needed column is not in the header of a CSV file.
    """
    return _csv_rows(text, needed) if form == "csv" else _json_rows(text)


def _json_rows(text: TextIO) -> Iterator[tuple[int, Row | BadRow]]:
    number = 0
    while line := text.readline(_LONGEST_ROW + 1):
        number += 1
        if len(line) > _LONGEST_ROW:
            while line and line[-1] not in "\r\n":
                line = text.readline(_LONGEST_ROW)
            yield number, BadRow(f"is longer than {_LONGEST_ROW:,} characters")
        elif line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> Row | BadRow:
    if not _is_unicode(line):
        return BadRow("is not UTF-8")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(f"is no JSON: {error}")
    return value if isinstance(value, dict) else BadRow("is no JSON object")


def _csv_rows(text: TextIO, needed: Mapping[str, str]) -> Iterator[tuple[int, Row | BadRow]]:
    csv.field_size_limit(_LONGEST_ROW)
    reader = csv.reader(text)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if header is None:
                raise CannotImport(f"the header is no CSV: {error}") from error
            yield line, BadRow(f"is no CSV: {error}")
            continue
        if not cells:
            continue
        if header is None:
            header = [name.strip() for name in cells]
            _check_header(header, needed)
        elif len(cells) > len(header):
            yield line, BadRow(f"has {len(cells)} cells; the header has {len(header)}")
        elif not _is_unicode("".join(cells)):
            yield line, BadRow("is not UTF-8")
        else:
            yield line, {name: cell for name, cell in zip(header, cells, strict=False) if name}


def _check_header(header: list[str], needed: Mapping[str, str]) -> None:
    twice = sorted(name for name, times in Counter(header).items() if name and times > 1)
    if twice:
        raise CannotImport(f"the header names {twice[0]!r} twice")
    for field, column in needed.items():
        if column not in header:
            raise CannotImport(f"{field} is mapped to the column {column!r}; the file has {', '.join(header)}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
