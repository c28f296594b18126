"""Opening a file of rows: what it is, how its bytes become text, its lines with their numbers."""

import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

LONGEST_ROW = 1_000_000
"""Characters. Far above what a valid row can hold, and below the 16 MB that a call can."""

UNREADABLE = (OSError, EOFError, zlib.error, UnicodeError)
"""What reading a file that is damaged raises."""

_HEAD_BYTES = 1024
_GZIP_MAGIC = b"\x1f\x8b"
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_CSV_SUFFIXES = (".csv", ".tsv", ".tab")

# The longer one first: UTF-32's mark begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_NO_ROWS = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet; save the sheet as CSV"),
    (b"BZh", "compressed with bzip2; unpack it with: bunzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz; unpack it with: unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it with: unzstd"),
    (_GZIP_MAGIC, "gzipped twice; unpack it once with: gunzip"),
    (b"PAR1", "Parquet; write it as CSV or JSON lines"),
    (b"ARROW1", "Arrow; write it as CSV or JSON lines"),
    (b"Obj\x01", "Avro; write it as CSV or JSON lines"),
    (b"SQLite format 3", "a SQLite database; export the table as CSV"),
    (b"%PDF", "a PDF"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file; fetch that with: git lfs pull"),
    (b"<!doctype", "a web page; was a login page downloaded instead of the file?"),
    (b"<html", "a web page; was a login page downloaded instead of the file?"),
    (b"<?xml", "XML; write it as CSV or JSON lines"),
)

Row = Mapping[str, Any]


class BadRow(Exception):
    """A row that is no feedback; the message says why."""


class CannotImport(Exception):
    """The file or the mapping as a whole cannot be read; the message says why."""


class Line(NamedTuple):
    """A line of a file with its end; `whole` is false where it is longer than LONGEST_ROW and was cut."""

    number: int
    text: str
    whole: bool = True


class Lines:
    """The lines of a text. Some can be put back, and some looked at before they are read."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._back: deque[Line] = deque()
        self._number = 0
        self._broken: BaseException | None = None

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        if self._back:
            return self._back.popleft()
        if self._broken is not None:
            raise self._broken
        text = self._text.readline(LONGEST_ROW + 1)
        if not text:
            raise StopIteration
        self._number += 1
        if len(text) <= LONGEST_ROW:
            return Line(self._number, text)
        rest = text
        while rest and rest[-1] not in "\r\n":
            rest = self._text.readline(LONGEST_ROW)
        return Line(self._number, text, whole=False)

    def put_back(self, lines: list[Line]) -> None:
        """These come next, in this order."""
        self._back.extendleft(reversed(lines))

    def peek(self, most: int, characters: int = 65_536) -> list[Line]:
        """Up to `most` of the lines that come next, fewer once they hold so many characters or the file breaks."""
        seen: list[Line] = []
        try:
            for line in self:
                seen.append(line)
                characters -= len(line.text)
                if len(seen) == most or characters <= 0:
                    break
        except UNREADABLE as error:
            # Told when reading comes to it: what stands before it is good.
            self._broken = error
        self.put_back(seen)
        return seen


def form_of(file: Path) -> str:
    """ "csv", "tsv" or "jsonl", by the file's name without ".gz".

    Raises:
        CannotImport: It is named like none of them.
    """
    name = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    suffix = name.suffix.lower()
    if suffix in _CSV_SUFFIXES:
        return "csv" if suffix == ".csv" else "tsv"
    if suffix in _JSON_SUFFIXES:
        return "jsonl"
    known = ", ".join((*_CSV_SUFFIXES, *_JSON_SUFFIXES))
    raise CannotImport(f"{file.name} is named neither {known} (with or without .gz)")


@contextmanager
def opened(file: Path) -> Iterator[tuple[TextIO, Callable[[], int], int]]:
    """A file as text, how far it is read, and its size, both in its own bytes; a pipe has neither.

    What is gzipped, or UTF-16 or UTF-32 with a byte order mark, shows in the first bytes, whatever the name says; all
    else is read as UTF-8. Bytes that are no UTF-8 become lone surrogates, so that only their row is bad.

    Raises:
        CannotImport: It cannot be opened, or is of a kind that holds no rows.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise CannotImport(f"{file.name} cannot be read: {error.strerror}") from error
    with raw:
        try:
            plain: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else raw
            head: bytes = plain.peek(_HEAD_BYTES)[:_HEAD_BYTES]
        except UNREADABLE as error:
            raise CannotImport(f"{file.name} cannot be read: {error}") from error
        encoding = _encoding(file, head)
        errors = "surrogateescape" if encoding == "utf-8-sig" else "surrogatepass"
        with io.TextIOWrapper(plain, encoding=encoding, errors=errors, newline="") as text:
            yield text, raw.tell if raw.seekable() else (lambda: 0), file.stat().st_size


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(file: Path, head: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, what in _NO_ROWS:
        if head.startswith(magic) or start.startswith(magic):
            raise CannotImport(f"{file.name} is {what}")
    if b"\x00" in head:
        # In UTF-16 every second byte of Latin text is 0.
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 4 and min(even, odd) == 0:
            raise CannotImport(f"{file.name} seems to be UTF-16 without a byte order mark; save it as UTF-8")
        raise CannotImport(f"{file.name} is no text: its first {len(head):,} bytes hold a zero")
    return "utf-8-sig"
