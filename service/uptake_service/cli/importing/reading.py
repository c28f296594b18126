"""A file as rows and columns, checked as a whole before the first row is taken."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from uptake_service.cli.importing.columns import Columns, listed, nearest, parse_mapping
from uptake_service.cli.importing.delimited import Header, delimited_rows, read_header
from uptake_service.cli.importing.files import UNREADABLE, BadRow, CannotImport, Lines, Row, form_of, opened
from uptake_service.cli.importing.json_lines import json_rows, wrapped_rows
from uptake_service.cli.importing.rows import SkippedRow, type_of

_FIRST_ROWS = 1000
_FIRST_CHARACTERS = 8_000_000


@dataclass(frozen=True)
class Options:
    """How a file is read.

    Attributes:
        mapping: For a field the column it comes from, `=text` for the same text in every row, or
            `column?a:X|~b:Y|*:Z`, which gives X where the column is "a", else Y where it contains "b", else Z.
        delimiter: What parts the cells of CSV; empty to find out.
        fill_short_rows: Take CSV rows with fewer cells than the header; what is missing is empty.
    """

    mapping: Mapping[str, str]
    delimiter: str = ""
    fill_short_rows: bool = False


@dataclass(frozen=True)
class Reading:
    """A file that is being read.

    Attributes:
        rows: Its rows with the line each starts at; one that cannot be read comes as its error. Raises CannotImport
            where the file is damaged, and at its end if it was empty or lacked a column.
        columns: Its columns, as far as it is read.
        header: The header of CSV.
        position: How many of its bytes are read.
        size: How many it has.
    """

    rows: Iterator[tuple[int, Row | BadRow]]
    columns: Columns
    header: Header | None
    position: Callable[[], int]
    size: int


@contextmanager
def reading(file: Path, options: Options) -> Iterator[Reading]:
    """Opens a file of rows.

    Raises:
        CannotImport: The file or the mapping as a whole cannot be read, or no row has a column that the mapping
            names; the message says why.
    """
    columns = Columns(parse_mapping(options.mapping))
    form = form_of(file)
    with opened(file) as (text, position, size):
        try:
            header, rows = _rows(Lines(text), form, options, columns)
        except UNREADABLE as error:
            raise CannotImport(f"{file.name} cannot be read: {error}") from error
        first, rest = _first(rows)
        if header is None:
            _check_columns(file, form, options, columns, [row for _, row in first if not isinstance(row, BadRow)])
        checked = _checked(chain(first, rest), file, columns, header)
        yield Reading(checked, columns, header, position, size)


def _rows(
    lines: Lines, form: str, options: Options, columns: Columns
) -> tuple[Header | None, Iterator[tuple[int, Row | BadRow]]]:
    if form == "jsonl":
        if options.delimiter:
            raise CannotImport("a delimiter is for CSV; this file is read as JSON lines")
        return None, _seen(json_rows(lines), columns)
    header = read_header(lines, options.delimiter or ("\t" if form == "tsv" else ""), columns.is_wanted)
    if header is None:
        return None, iter(())
    columns.learn(header.names)
    columns.check_header(header.repeated)
    _refuse(columns, str(header), "the file has", " --delimiter tells what parts cells.")

    def is_feedback(row: Row) -> bool:
        try:
            type_of(row, columns)
        except BadRow:
            return False
        except SkippedRow:
            pass
        return True

    found = delimited_rows(lines, header, is_feedback, fill_short_rows=options.fill_short_rows)
    return header, _seen(found, columns)


def _seen(rows: Iterator[tuple[int, Row | BadRow]], columns: Columns) -> Iterator[tuple[int, Row | BadRow]]:
    for line, row in rows:
        if not isinstance(row, BadRow):
            columns.see(row)
        yield line, row


def _first(
    rows: Iterator[tuple[int, Row | BadRow]],
) -> tuple[list[tuple[int, Row | BadRow]], Iterator[tuple[int, Row | BadRow]]]:
    """The first rows, and the others; what breaks the file is raised when reading comes to it."""
    first: list[tuple[int, Row | BadRow]] = []
    characters = 0
    try:
        for line, row in islice(rows, _FIRST_ROWS):
            first.append((line, row))
            characters += len(str(row))
            if characters > _FIRST_CHARACTERS:
                break
    except UNREADABLE as error:
        return first, _raising(error)
    return first, rows


def _raising(error: BaseException) -> Iterator[tuple[int, Row | BadRow]]:
    raise error
    yield


def _checked(
    rows: Iterator[tuple[int, Row | BadRow]], file: Path, columns: Columns, header: Header | None
) -> Iterator[tuple[int, Row | BadRow]]:
    """Rows; raises CannotImport at damage, and at the end where there was none, or where a column did not come."""
    any_row = any_good = False
    try:
        for line, row in rows:
            any_row, any_good = True, any_good or not isinstance(row, BadRow)
            yield line, row
    except UNREADABLE as error:
        raise CannotImport(f"{file.name} cannot be read further: {error}") from error
    if not any_row and header is None:
        raise CannotImport(f"{file.name} is empty")
    if any_good and header is None:
        # A pipe cannot be looked through before.
        _refuse(columns, "", "the rows have", "")


def _check_columns(file: Path, form: str, options: Options, columns: Columns, first: list[Row]) -> None:
    """Refuses JSON rows none of which has a column that the mapping names, or the type's, or any that is used.

    Where the first rows have it not, the rest of the file is looked through, for a key may be rare.
    """
    if not first or not (columns.missing() or columns.nothing_is_read()) or not file.is_file():
        return
    whole = Columns(columns.sources)
    with opened(file) as (text, _, _):
        _, rows = _rows(Lines(text), form, options, whole)
        try:
            for _ in rows:
                if not (whole.missing() or whole.nothing_is_read()):
                    return
        except UNREADABLE:
            return  # Told when the import comes to it.
    wrapped = wrapped_rows(first[0]) if len(first) == 1 else None
    _refuse(
        whole,
        "",
        "the rows have",
        f" Rows inside {wrapped!r} are not read; this makes lines of them: jq -c '.[\"{wrapped}\"][]'"
        if wrapped
        else "",
    )


def _refuse(columns: Columns, header: str, has: str, hint: str) -> None:
    """Raises CannotImport where a column is missing, or where no column is used at all."""
    for field, column in columns.missing().items():
        near = nearest(column, columns.names)
        if columns.sources[field].mapped:
            where = f" ({header})" if header else ""
            raise CannotImport(
                f"{field} is mapped to the column {column!r}; {has} {listed(columns.names)}{near}{where}"
            )
        raise CannotImport(
            f"there is no column for the type, which is looked for as {column!r} in any case; "
            f"{header or f'{has} {listed(columns.names)}'}{near}. Say which it is with "
            f"--map 'type=COLUMN?yes:THUMBS_UP|no:THUMBS_DOWN', or --map type==THUMBS_DOWN for all rows.{hint}"
        )
    if columns.nothing_is_read():
        raise CannotImport(
            f"no column is called like a field; {header or f'{has} {listed(columns.names)}'}. "
            f"Say with --map FIELD=COLUMN, such as --map query=COLUMN.{hint}"
        )
