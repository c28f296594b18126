"""Rows from CSV and its kin (RFC 4180): the delimiter, the header, and where to go on after a quote that is not closed.

A quoted cell may hold line breaks, so a quote that nobody closes swallows all that follows. Such a row is told as bad,
and reading goes on at the next line that makes a row of as many cells as the header has.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from uptake_service.cli.importing.files import (
    LONGEST_ROW,
    BadRow,
    CannotImport,
    Line,
    Lines,
    Row,
    is_unicode,
)

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
"""Those that are looked for, by what people call them."""

_SAMPLE_LINES = 50
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_SHOWN_HEADER = 300
_OPEN_IN_ROW = "opens a quote that is not closed in its row"


class Header(NamedTuple):
    """The names of the columns, the line they stand in, what parts cells, and the names that stand twice.

    A second column "note" is called "note [2]". `spaced` is whether each name but the first has a space before it:
    then the spaces after a delimiter are no part of the cells.
    """

    names: list[str]
    line: int
    delimiter: str
    repeated: tuple[str, ...]
    spaced: bool = False

    def __str__(self) -> str:
        parted = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        names = " | ".join(self.names)
        shown = names if len(names) <= _SHOWN_HEADER else names[:_SHOWN_HEADER] + "…"
        return f"the header in line {self.line:,}, read with the delimiter {parted}, is: {shown}"


class _Record(NamedTuple):
    """The lines of a record and its cells; `fault` says why there are none."""

    lines: list[Line]
    cells: list[str]
    fault: str = ""


def read_header(lines: Lines, delimiter: str, is_known: Callable[[str], bool]) -> Header | None:
    """The header, and what parts the cells; None if there is nothing in the file.

    Args:
        lines: The file; afterwards what follows the header is next.
        delimiter: What parts cells; empty to find out.
        is_known: Whether something comes from a column of this name.

    Raises:
        CannotImport: It is no header.
    """
    first = lines.peek(1)
    separator = _SEPARATOR_LINE.fullmatch(first[0].text) if first else None
    if separator:
        # Excel's way to say it in the file.
        next(lines)
        delimiter = delimiter or separator[1]
    delimiter = delimiter or _likely_delimiter(lines.peek(_SAMPLE_LINES), is_known)
    while (record := _read(lines, delimiter)) is not None:
        if not record.fault and not any(cell.strip() for cell in record.cells):
            continue
        line = record.lines[0].number
        widths = {_width(each, delimiter) for each in record.lines}
        if record.fault or (len(record.lines) > 1 and widths == {len(record.cells)}):
            text = record.lines[0].text[:_SHOWN_HEADER].strip()
            raise CannotImport(
                f"the header in line {line:,} is no CSV: {record.fault or 'a quote is not closed'}; it is: {text}"
            )
        if not is_unicode("".join(record.cells)):
            raise CannotImport(f"the header in line {line:,} is not UTF-8")
        spaced = len(record.cells) > 1 and all(cell.startswith(" ") for cell in record.cells[1:])
        if spaced:
            again = _read(iter(record.lines), delimiter, spaced=True)
            if again is None or again.fault:
                spaced = False
            else:
                record = again
        names = [cell.strip() for cell in record.cells]
        repeated = tuple(name for name, times in Counter(names).items() if name and times > 1)
        return Header(_distinct(names), line, delimiter, repeated, spaced)
    return None


def delimited_rows(
    lines: Lines, header: Header, is_feedback: Callable[[Row], bool], *, fill_short_rows: bool = False
) -> Iterator[tuple[int, Row | BadRow]]:
    """The rows under a header with the line each starts at; one that cannot be read comes as its error.

    Args:
        lines: The file, after its header.
        header: The header.
        is_feedback: Whether a row is of a known type: a line that stands alone as such a row is no part of a cell.
        fill_short_rows: Take rows with fewer cells than the header; what is missing is empty.
    """
    reader = _Reader(lines, header, is_feedback)
    while (record := reader.read()) is not None:
        line = record.lines[0].number
        if not record.fault and not any(cell.strip() for cell in record.cells):
            continue
        cells, width = len(record.cells), len(header.names)
        if record.fault:
            yield line, reader.go_on_after(record)
        elif reader.swallows_rows(record):
            yield line, reader.part_rows_of(record)
        elif cells > width or (cells < width and not fill_short_rows):
            yield line, BadRow(f"has {cells} cell{'s' if cells != 1 else ''}; the header has {width}")
        elif not is_unicode("".join(record.cells)):
            yield line, BadRow("is not UTF-8")
        elif _distinct([cell.strip() for cell in record.cells]) == header.names:
            yield line, BadRow(f"repeats the header in line {header.line:,}")
        else:
            yield line, _row(header, record.cells)


class _Reader:
    """Records, and where the next one begins after one that is broken."""

    def __init__(self, lines: Lines, header: Header, is_feedback: Callable[[Row], bool]) -> None:
        self._lines = lines
        self._header = header
        self._is_feedback = is_feedback
        self._width = len(header.names)
        # Where any words make feedback, as where the type is the same for all rows, only the number of cells can tell.
        self._types_tell = not is_feedback(dict.fromkeys(header.names, "\ufffd"))

    def read(self) -> _Record | None:
        return _read(self._lines, self._header.delimiter, spaced=self._header.spaced)

    def swallows_rows(self, record: _Record) -> bool:
        """Whether lines of a record that reads well are rather rows, which an open quote made part of a cell."""
        rest = [line for line in record.lines[1:] if line.text.strip()]
        if not rest:
            return False
        if self._types_tell:
            fits = len(record.cells) == self._width
            if fits and not self._may_be_a_row(record.lines[0]):
                # The first line could not stand alone, so a line after it that could is the end of the record.
                return False
            likely = sum(self._looks_like_feedback(line) for line in rest)
            return 2 * likely >= len(rest) if fits else likely > 0
        # People write prose with a comma a line, and paste tables; but seldom as wide as the file.
        widths = {_width(line, self._header.delimiter) for line in (record.lines[0], *rest)}
        return self._width > 2 and len(rest) > 2 and widths == {self._width}

    def part_rows_of(self, record: _Record) -> BadRow:
        """What is wrong with a record that swallows rows. They come next, where it is sure that they are rows.

        The last cell may hold a table that somebody pasted.
        """
        if self._types_tell or "\n" not in record.cells[-1].replace("\r", "\n"):
            return self.go_on_after(record._replace(fault=_OPEN_IN_ROW))
        return BadRow(
            f"has a cell over several lines, each as wide as the header; if they are rows, a quote is not closed; "
            f"left out up to line {record.lines[-1].number:,}"
        )

    def go_on_after(self, record: _Record) -> BadRow:
        """What is wrong with a broken record; the line that comes next is one that makes a row."""
        first = last = record.lines[0].number
        self._lines.put_back(record.lines[1:])
        while not _ends_with_its_line(record) and (following := self.read()) is not None:
            if self._makes_row(following):
                self._lines.put_back(following.lines)
                break
            self._lines.put_back(following.lines[1:])
            last = following.lines[0].number
        return BadRow(f"is no CSV: {record.fault}" + (f"; left out up to line {last:,}" if last > first else ""))

    def _makes_row(self, record: _Record) -> bool:
        if record.fault:
            # A bad row of its own, unless it is the rest of a cell.
            return _ends_with_its_line(record) and _width(record.lines[0], self._header.delimiter) >= self._width
        if len(record.cells) != self._width or self.swallows_rows(record):
            return False
        # The end of a broken cell has one quote too many.
        return _quotes(record) % 2 == 0 or (self._types_tell and self._is_feedback(_row(self._header, record.cells)))

    def _looks_like_feedback(self, line: Line) -> bool:
        """Whether a line alone, with quotes taken as they stand, is a row of a known type."""
        delimiter = self._header.delimiter
        if _width(line, delimiter) != self._width:
            return False
        return self._is_feedback(_row(self._header, line.text.rstrip("\r\n").split(delimiter)))

    def _may_be_a_row(self, line: Line) -> bool:
        """Whether a line that opens a quote has the cells of a row and a type among them, wherever that stands."""
        cells = line.text.rstrip("\r\n").split(self._header.delimiter)
        names = self._header.names
        return len(cells) >= self._width and any(
            self._is_feedback(dict.fromkeys(names, cell.strip('"'))) for cell in cells
        )


def _read(lines: Iterator[Line], delimiter: str, *, spaced: bool = False) -> _Record | None:
    """The next record; None at the end."""
    taken: list[Line] = []
    fault = ""

    def texts() -> Iterator[str]:
        nonlocal fault
        characters = 0
        for line in lines:
            taken.append(line)
            characters += len(line.text)
            if not line.whole or characters > LONGEST_ROW:
                fault = f"is longer than {LONGEST_ROW:,} characters"
                return
            yield line.text

    csv.field_size_limit(LONGEST_ROW + 1)
    try:
        cells = next(csv.reader(texts(), delimiter=delimiter, strict=True, skipinitialspace=spaced), None)
    except csv.Error as error:
        return _Record(taken, [], _fault(fault, error, taken))
    if fault:
        return _Record(taken, [], fault)
    return None if cells is None else _Record(taken, cells)


def _fault(fault: str, error: csv.Error, taken: list[Line]) -> str:
    if fault and len(taken) == 1:
        return fault
    if fault or "end of data" in str(error):
        return "opens a quote that is never closed"
    if len(taken) > 1:
        return _OPEN_IN_ROW
    return "has a quote inside a quoted cell that is not doubled"


def _ends_with_its_line(record: _Record) -> bool:
    """Whether a broken record's quotes come in pairs in its first line: then it does not reach into the next."""
    return len(record.lines) == 1 and _quotes(record) % 2 == 0


def _quotes(record: _Record) -> int:
    return sum(line.text.count('"') for line in record.lines)


def _row(header: Header, cells: list[str]) -> Row:
    return {name: cell for name, cell in zip(header.names, cells, strict=False) if name}


def _width(line: Line, delimiter: str) -> int:
    """The cells of a line, with quotes taken as they stand."""
    return line.text.count(delimiter) + 1


def _distinct(names: list[str]) -> list[str]:
    """Names of which each stands for one column, but for the empty one."""
    made: list[str] = []
    for name in names:
        times, distinct = 1, name
        while name and distinct in made:
            times += 1
            distinct = f"{name} [{times}]"
        made.append(distinct)
    return made


def _likely_delimiter(sample: list[Line], is_known: Callable[[str], bool]) -> str:
    """What makes most names of the header known, then most rows as wide as the header, then the widest header."""

    def score(delimiter: str) -> tuple[int, float, int]:
        try:
            records = list(csv.reader((line.text for line in sample if line.whole), delimiter=delimiter))
        except csv.Error:
            return 0, 0.0, 0
        header, *rest = [cells for cells in records if any(cell.strip() for cell in cells)] or [[]]
        width = len(header)
        alike = sum(len(cells) == width for cells in rest) / len(rest) if rest and width > 1 else 0.0
        return sum(is_known(name.strip()) for name in header), alike, width

    return max(DELIMITERS, key=score)
