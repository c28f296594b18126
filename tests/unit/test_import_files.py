"""What `uptake import` reads from a file: encodings, JSON lines, CSV with whatever is wrong with it, the header."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from uptake_service.cli.importing.delimited import delimited_rows, read_header
from uptake_service.cli.importing.files import BadRow, CannotImport, Lines, form_of
from uptake_service.cli.importing.reading import Options, reading

Read = Callable[..., list[tuple[int, Any]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The rows of a file of this content with their lines; a bad one as the words of its error."""

    def rows(content: str | bytes, name: str = "a.csv", **options: Any) -> list[tuple[int, Any]]:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        with reading(file, Options(**({"mapping": {}} | options))) as source:
            return [(line, str(row) if isinstance(row, BadRow) else row) for line, row in source.rows]

    return rows


# Files


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"),
        ("a.CSV.gz", "csv"),
        ("a.tsv", "tsv"),
        ("a.tab.gz", "tsv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.csv.json", "jsonl"),
    ],
)
def test_the_form_follows_the_name(name: str, form: str) -> None:
    assert form_of(Path(name)) == form


@pytest.mark.parametrize("name", ["a.gz", "a.txt", "a.parquet.gz", "csv"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(CannotImport, match="neither"):
        form_of(Path(name))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("zipped", [True, False])
def test_gzip_and_encoding_are_known_by_the_first_bytes(tmp_path: Path, name: str, encoding: str, zipped: bool) -> None:
    content = "type,query\r\nTHUMBS_UP,Grüße 👍\r\n".encode(encoding)
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if zipped else content)

    with reading(file, Options({})) as source:
        found = list(source.rows)
        assert source.position() == source.size == file.stat().st_size

    assert found == [(2, {"type": "THUMBS_UP", "query": "Grüße 👍"})]


def test_utf_16_with_the_other_byte_order(read: Read) -> None:
    assert read(b"\xfe\xff" + "type\nTHUMBS_UP\n".encode("utf-16-be")) == [(2, {"type": "THUMBS_UP"})]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "a zip archive or a spreadsheet"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\x00\x00", "xz"),
        (b"\x28\xb5\x2f\xfd\x00", "zstd"),
        (b"PAR1\x15", "Parquet"),
        (gzip.compress(gzip.compress(b"type\nTHUMBS_UP\n", mtime=0), mtime=0), "gzipped twice"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:8b\nsize 8\n", "a pointer of Git LFS"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html><html>", "a web page"),
        ("type,query\nTHUMBS_UP,hello\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("type,query\nTHUMBS_UP,hello\n".encode("utf-16-be"), "UTF-16 without a byte order mark"),
        (b"\x01\x00\x00\x07" * 40, "no text"),
        (b"type,query\nTHUMBS_UP,a\x00b\n", "no text"),
        (b"\x1f\x8bgarbage", "cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl.gz"])
def test_what_holds_no_rows_is_told_for_what_it_is(read: Read, name: str, content: bytes, what: str) -> None:
    with pytest.raises(CannotImport, match=what):
        read(content, name)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("content", ["", "\n\r\n  \n", "\ufeff"])
def test_an_empty_file_is_told(read: Read, name: str, content: str) -> None:
    with pytest.raises(CannotImport, match=f"{name} is empty"):
        read(content, name)


def test_lines_can_be_put_back_and_looked_at(tmp_path: Path) -> None:
    lines = Lines(io.StringIO("a\nb\r\nc\rd", newline=""))

    assert [line.text for line in lines.peek(2)] == ["a\n", "b\r\n"]
    first, second = next(lines), next(lines)
    lines.put_back([first, second])

    assert [(line.number, line.text) for line in lines] == [(1, "a\n"), (2, "b\r\n"), (3, "c\r"), (4, "d")]


# Rows of JSON


def test_json_lines_with_blank_and_broken_ones(read: Read) -> None:
    found = read('{"type": 1}\n\n{"a": \n[1]\r\n{"a": 2}', "a.jsonl")

    assert [line for line, _ in found] == [1, 3, 4, 5]
    assert found[0][1] == {"type": 1}
    assert found[1][1].startswith("is no JSON: ")
    assert found[2][1] == "is no JSON object"
    assert found[3][1] == {"a": 2}


def test_a_row_that_is_too_long_is_skipped_whole(read: Read) -> None:
    found = read('{"a": "' + "x" * 2_500_000 + '"}\n{"type": 2}\n', "a.jsonl")

    assert found == [(1, "is longer than 1,000,000 characters"), (2, {"type": 2})]


def test_a_key_that_stands_twice_spoils_its_row(read: Read) -> None:
    found = read(
        '{"type": "THUMBS_UP", "type": "THUMBS_DOWN"}\n{"type": "THUMBS_UP", "a": {"b": 1, "b": 2}}', "a.jsonl"
    )

    assert found == [(1, "names 'type' twice"), (2, "names 'b' twice")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[{"type": "THUMBS_UP"}, {"type": "THUMBS_UP"}]', "one JSON array"),
        ('[\n  {"type": "THUMBS_UP"},\n  {"type": "THUMBS_UP"}\n]\n', "one JSON array"),
        ('\n[{"type": "THUMBS_UP"},\n{"type": "THUMBS_UP"}]', "one JSON array"),
        ('[{"type": "THUMBS_UP"}, {"type"', "one JSON array"),
        ("[" + '{"type": "THUMBS_UP"},' * 60_000, "one JSON array"),
        ('{\n  "rows": [\n    {"type": "THUMBS_UP"}\n  ]\n}\n', "JSON over several lines"),
        ('{"rows": [\n{"type": "THUMBS_UP"}\n]}', "JSON over several lines"),
        ('{"rows": [{"type": "THUMBS_UP"}], "total": 1}\n', r"Rows inside 'rows' are not read.*\.\[\"rows\"\]\[\]"),
        ("type,query\nTHUMBS_UP,a\n", "not JSON lines: it begins with 'type,query'"),
        ("---\ntype: THUMBS_UP\n", "not JSON lines"),
        ('{"kind": "THUMBS_UP"}\n' * 3, "no column for the type.*the rows have kind"),
    ],
)
def test_what_is_not_json_lines_is_told_once(read: Read, content: str, reason: str) -> None:
    with pytest.raises(CannotImport, match=reason):
        read(content, "a.jsonl")


def test_one_broken_line_is_a_bad_row_not_a_bad_file(read: Read) -> None:
    assert [line for line, _ in read('{"type": ', "a.jsonl")] == [1]
    assert len(read('{"type": "a"}}\n{"type": "THUMBS_UP"}', "a.jsonl")) == 2
    assert len(read('["a"]\n{"type": "THUMBS_UP"}', "a.jsonl")) == 2


def test_json_in_a_csv_file_shows_the_header_that_it_would_be(read: Read) -> None:
    with pytest.raises(CannotImport, match=r'header in line 1.*is: \{"query": "a"'):
        read('{"query": "a", "kind": "b"}\n')


# Rows of CSV

HEADER = "interaction_id,type,query,comment,user_id\n"
OTHERS = "".join(f"b{n},THUMBS_DOWN,question {n},comment {n},u{n}\n" for n in range(10))
"""Ten rows that nothing is wrong with."""


def good_and_bad(found: list[tuple[int, Any]]) -> tuple[list[str], list[tuple[int, str]]]:
    good = [row["interaction_id"] for _, row in found if not isinstance(row, str)]
    return good, [(line, row) for line, row in found if isinstance(row, str)]


def test_a_csv_row_is_named_by_the_line_it_starts_at(read: Read) -> None:
    found = read('type,comment\nTHUMBS_UP,"two\nlines"\n\nTHUMBS_DOWN,x,y\nTHUMBS_DOWN,"z"\n , \n')

    assert found == [
        (2, {"type": "THUMBS_UP", "comment": "two\nlines"}),
        (5, "has 3 cells; the header has 2"),
        (6, {"type": "THUMBS_DOWN", "comment": "z"}),
    ]


def test_a_row_with_too_few_cells_is_bad_unless_it_is_to_be_filled(read: Read) -> None:
    content = "type,comment\nTHUMBS_DOWN\nTHUMBS_UP,x\n"

    assert read(content) == [(2, "has 1 cell; the header has 2"), (3, {"type": "THUMBS_UP", "comment": "x"})]
    assert read(content, fill_short_rows=True)[0] == (2, {"type": "THUMBS_DOWN"})


def test_a_csv_cell_that_is_too_long_does_not_stop_the_rest(read: Read) -> None:
    found = read("type\n" + "x" * 1_000_001 + "\nTHUMBS_UP\n")

    assert found == [(2, "is no CSV: is longer than 1,000,000 characters"), (3, {"type": "THUMBS_UP"})]


@pytest.mark.parametrize(("name", "head"), [("a.csv", b"type,query\n"), ("a.jsonl", b"")])
def test_bytes_that_are_no_utf_8_spoil_only_their_row(read: Read, name: str, head: bytes) -> None:
    rows = b'{"type": "caf\xe9"}\n{"type": "tea"}\n' if not head else b"THUMBS_UP,caf\xe9\nTHUMBS_UP,tea\n"

    (_, bad), (_, good) = read(head + rows, name)

    assert bad == "is not UTF-8"
    assert isinstance(good, dict)


@pytest.mark.parametrize(
    "broken",
    [
        'x1,THUMBS_DOWN,"How do I pay?,late,u\n',
        'x1,THUMBS_DOWN,How do I pay?,late,"u\n',
        '"x1,THUMBS_DOWN,How do I pay?,late,u\n',
        'x1,THUMBS_DOWN,"How do I, well, pay?,late,u\n',
        'x1,THUMBS_DOWN,"He said ""no",late,"u\n',
        'x1,THUMBS_DOWN,"He said "no", right",late,u\n',
        '"x1","THUMBS_DOWN","How do I pay?,"late","u"\n',
    ],
)
@pytest.mark.parametrize(
    "others",
    [
        OTHERS,
        OTHERS.replace("question 9", 'question 9"'),
        OTHERS.replace("u9\n", 'u9"\n'),
        OTHERS.replace("question 4", '""'),
        OTHERS.replace("question 4", '"one, ""two"""'),
        OTHERS.replace("question 0", '"over\ntwo, lines"'),
        OTHERS.removesuffix("\n"),
    ],
)
@pytest.mark.parametrize("change", [(",", ";"), (",", "\t"), ("\n", "\r\n"), ("", "")])
def test_an_open_quote_spoils_its_row_and_no_other(
    read: Read, broken: str, others: str, change: tuple[str, str]
) -> None:
    text = HEADER + "a,THUMBS_UP,q,c,u\n" + broken + others
    good, bad = good_and_bad(read(text.replace(*change) if change[0] else text))

    assert [line for line, _ in bad] == [3]
    assert "quote" in bad[0][1]
    assert good == ["a"] + [f"b{n}" for n in range(10)]


def test_each_of_several_open_quotes_is_told(read: Read) -> None:
    broken = 'x,THUMBS_DOWN,"How,late,u\n'
    good, bad = good_and_bad(read(HEADER + broken + OTHERS + broken + OTHERS + broken))

    assert [line for line, _ in bad] == [2, 13, 24]
    assert len(good) == 20


def test_rows_that_each_hold_a_quote_that_is_not_doubled_are_each_told(read: Read) -> None:
    _, bad = good_and_bad(read(HEADER + 'x,THUMBS_DOWN,"He said "no" today",late,u\n' * 4))

    assert [line for line, _ in bad] == [2, 3, 4, 5]


def test_the_rest_of_a_broken_cell_is_no_row(read: Read) -> None:
    good, bad = good_and_bad(read(HEADER + 'x,THUMBS_DOWN,"He said "no"\nand then, well, nothing",c,u\n' + OTHERS))

    assert bad == [(2, "is no CSV: has a quote inside a quoted cell that is not doubled; left out up to line 3")]
    assert len(good) == 10


def test_a_bad_row_after_an_open_quote_is_told_for_itself(read: Read) -> None:
    found = read(HEADER + 'x,THUMBS_DOWN,"How,late,u\nb,LIKE,q,c,u\n' + OTHERS)

    assert found[1] == (3, {"interaction_id": "b", "type": "LIKE", "query": "q", "comment": "c", "user_id": "u"})
    assert len(found) == 12


@pytest.mark.parametrize(
    "cell",
    [
        "one\ntwo",
        "one\r\n\r\ntwo, and three\n",
        "He said no,\nand went",
        "a,b,c,d,e\nf,g,h,i,j\nk,l,m,n,o",
        "1;2;3\n4;5;6",
        "\n",
        "x\n" * 500,
    ],
)
@pytest.mark.parametrize("mapping", [{}, {"type": "=THUMBS_DOWN"}])
def test_a_cell_over_several_lines_is_one_cell(read: Read, cell: str, mapping: Mapping[str, str]) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    found = read(HEADER + f"x,THUMBS_DOWN,{quoted},c,u\n" + f"y,THUMBS_UP,q,c,{quoted}\n" + OTHERS, mapping=mapping)

    assert [row for _, row in found if isinstance(row, str)] == []
    assert (found[0][1]["query"], found[1][1]["user_id"]) == (cell, cell)
    assert len(found) == 12


def test_where_the_type_tells_nothing_a_pasted_table_is_not_taken_for_rows(read: Read) -> None:
    content = 'id,query\n1,"Add:\n1,2\n3,4\n5,6"\n2,b\n'

    assert [row["id"] for _, row in read(content, mapping={"type": "=THUMBS_DOWN"})] == ["1", "2"]


def test_where_the_type_tells_nothing_rows_in_a_cell_are_told_by_their_width(read: Read) -> None:
    mapping = {"type": "=THUMBS_DOWN"}
    closed = OTHERS.replace("question 9", 'question 9"')
    good, bad = good_and_bad(read(HEADER + 'x,THUMBS_DOWN,"How,late,u\n' + closed, mapping=mapping))
    assert ([line for line, _ in bad], len(good)) == ([2], 10)

    # In the last column it may be a table that somebody pasted: told, and not sent as rows.
    last = OTHERS.replace("u9\n", 'u9"\n')
    good, bad = good_and_bad(read(HEADER + 'x,THUMBS_DOWN,How,late,"u\n' + last + OTHERS, mapping=mapping))
    assert [line for line, _ in bad] == [2]
    assert "left out up to line 12" in bad[0][1]
    assert len(good) == 10


def test_an_open_quote_is_not_looked_after_for_ever(read: Read) -> None:
    rows = "b,THUMBS_DOWN,question,comment,u\n" * 40_000
    good, bad = good_and_bad(read(HEADER + 'x,THUMBS_DOWN,"How,late,u\n' + rows))

    assert len(bad) == 1
    assert len(good) == 40_000


cells = st.text(st.sampled_from('a ,;"\n'), max_size=6)


def in_order(type: str, query: str, comment: str, place: int) -> str:
    """A line of CSV with the type in this place."""
    row = [query, comment]
    row.insert(place, type)
    return ",".join(row)


@pytest.mark.parametrize("place", [0, 1, 2])
@given(st.lists(st.tuples(cells, cells), max_size=8))
@example([('"', "\n")])
@example([("a\na", "a"), ("a, a\n\n\n", "a\n"), ("\na\na,a", "a")])
def test_well_formed_csv_is_read_as_it_was_written(place: int, written: list[tuple[str, str]]) -> None:
    """Wherever the type stands: before, between or after cells over several lines."""
    lines = [in_order("type", "query", "comment", place)]
    quoted = [[f'"{each.replace(chr(34), chr(34) * 2)}"' for each in row] for row in written]
    lines += [in_order("THUMBS_UP", query, comment, place) for query, comment in quoted]
    source = Lines(io.StringIO("\n".join(lines) + "\n", newline=""))
    header = read_header(source, ",", lambda name: True)
    assert header is not None

    found = list(delimited_rows(source, header, lambda row: row["type"] == "THUMBS_UP"))

    assert [row for _, row in found] == [{"type": "THUMBS_UP", "query": a, "comment": b} for a, b in written]


CELLS = ("How do I pay", "thanks, bye", 'say "hi"', "one\ntwo", "Hello,\n\nplease\nthis, now", "", 'TV 55"', "a, b, c")


@pytest.mark.parametrize("type_at", [1, 4])
@pytest.mark.parametrize("types_tell", [True, False])
@given(
    written=st.lists(st.tuples(st.sampled_from(CELLS), st.sampled_from(CELLS)), min_size=2, max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    place=st.floats(0, 0.999),
    added=st.booleans(),
)
def test_a_quote_too_many_or_too_few_costs_one_row_and_changes_no_other(
    type_at: int, types_tell: bool, written: list[tuple[str, str]], quoting: Any, place: float, added: bool
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=quoting, lineterminator="\n")
    names = ["id", "query", "comment", "user"]
    rows = [[f"i{n}", *cells, f"u{n}"] for n, cells in enumerate(written)]
    for row, cell in ((names, "type"), *((row, "THUMBS_UP") for row in rows)):
        row.insert(type_at, cell)
    writer.writerows([names, *rows])
    text = out.getvalue()
    body = text.index("\n") + 1
    places = [at for at in range(body, len(text)) if (text[at - 1] in ",\n" if added else text[at] == '"')]
    at = places[int(place * len(places))] if places else len(text)
    text = text[:at] + '"' * added + text[at + (not added) :]
    source = Lines(io.StringIO(text, newline=""))
    header = read_header(source, ",", lambda name: name == "type")
    assert header is not None

    found = list(delimited_rows(source, header, lambda row: not types_tell or row["type"] == "THUMBS_UP"))

    good = [list(row.values()) for _, row in found if not isinstance(row, BadRow)]
    lost = [row for row in rows if row not in good]
    changed = [row for row in good if row not in rows]
    # One quote fewer can leave a cell that reads well, with the other quote in it.
    assert len(lost) <= 1
    assert len(changed) <= len(lost)
    assert not lost or changed or any(isinstance(row, BadRow) for _, row in found)


@given(st.text(st.sampled_from('xy ,"\n\r'), max_size=60))
def test_every_line_of_whatever_text_is_read_and_no_good_row_after_it_is_lost(text: str) -> None:
    source = Lines(io.StringIO("type,query\n" + text + "\n" + "THUMBS_UP,good\n" * 3, newline=""))
    header = read_header(source, ",", lambda name: True)
    assert header is not None

    found = list(delimited_rows(source, header, lambda row: row["type"] == "THUMBS_UP"))

    assert sum(row == {"type": "THUMBS_UP", "query": "good"} for _, row in found) >= 2
    assert [line for line, _ in found] == sorted({line for line, _ in found})


# The header


@pytest.mark.parametrize(
    "content",
    [
        "interaction_id;type;query\na;THUMBS_UP;How, do I; pay?\n".replace("; pay", " pay"),
        "interaction_id\ttype\tquery\na\tTHUMBS_UP\tHow, do I pay?\n",
        "interaction_id|type|query\na|THUMBS_UP|How, do I pay?\n",
        'interaction_id,type,query\na,THUMBS_UP,"How, do I pay?"\n',
        "sep=;\r\ninteraction_id;type;query\r\na;THUMBS_UP;How, do I pay?\r\n",
        '\ufeff"sep=\t"\ninteraction_id\ttype\tquery\na\tTHUMBS_UP\tHow, do I pay?\n',
        "\n\ninteraction_id;type;query\n\na;THUMBS_UP;How, do I pay?\n",
        'interaction_id;type;query\na;THUMBS_UP;"How, do I pay?"\nb;THUMBS_UP;"never closed\n',
    ],
)
def test_what_parts_the_cells_is_found(read: Read, content: str) -> None:
    assert read(content)[0][1] == {"interaction_id": "a", "type": "THUMBS_UP", "query": "How, do I pay?"}


def test_a_delimiter_that_is_given_is_taken(read: Read) -> None:
    assert read("type:query\nTHUMBS_UP:a,b\n", delimiter=":")[0][1] == {"type": "THUMBS_UP", "query": "a,b"}
    assert read("type,query\tx\nTHUMBS_UP,a\n", delimiter=",")[0][1] == {"type": "THUMBS_UP", "query\tx": "a"}
    with pytest.raises(CannotImport, match="a delimiter is for CSV"):
        read('{"type": "THUMBS_UP"}', "a.jsonl", delimiter=";")


def test_a_tsv_file_is_parted_by_tabs_whatever_else_is_in_it(read: Read) -> None:
    assert read("type\tquery\nTHUMBS_UP\ta,b;c\n", "a.tsv")[0][1] == {"type": "THUMBS_UP", "query": "a,b;c"}


def test_two_columns_that_both_fit_a_field_are_refused(read: Read) -> None:
    with pytest.raises(CannotImport, match="'User ID' and 'userId' both fit user_id"):
        read("type,User ID,userId\nTHUMBS_UP,a,b\n")
    assert len(read("type,User ID,userId,user_id\nTHUMBS_UP,a,b,c\n")) == 1


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("interaction_id,typ,query\na,THUMBS_UP,b\n", r"interaction_id \| typ \| query; did you mean 'typ'"),
        ("What?,Why?\na,b\n", r"What\? \| Why\?"),
        ("My export of May\n\ntype,query\nTHUMBS_UP,b\n", "delimiter comma, is: My export of May"),
        ("a1,THUMBS_UP,b\na2,THUMBS_UP,b\n", r"is: a1 \| THUMBS_UP \| b"),
        ("typ;qry\na;b\n", r"delimiter semicolon, is: typ \| qry"),
    ],
)
def test_a_header_without_a_type_is_told_with_what_was_found(read: Read, content: str, shown: str) -> None:
    with pytest.raises(CannotImport, match=shown) as caught:
        read(content)

    assert "--map" in str(caught.value)
    assert "--delimiter" in str(caught.value)


def test_a_header_that_fits_no_field_is_told_even_where_the_type_is_given(read: Read) -> None:
    with pytest.raises(CannotImport, match=r"no column is called like a field; the header.* foo \| bar"):
        read("foo,bar\na,b\n", mapping={"type": "=THUMBS_UP"})


@pytest.mark.parametrize("rows", [1, 3000])
def test_json_lines_of_which_nothing_is_read_are_refused(read: Read, rows: int) -> None:
    mapping = {"type": "=THUMBS_UP", "source": "=export"}
    content = '{"frage": "wie", "n": 1}\n' * rows

    with pytest.raises(CannotImport, match="the rows have frage, n"):
        read(content, "a.jsonl", mapping=mapping)
    assert len(read(content + '{"Comment": "late"}\n', "a.jsonl", mapping=mapping)) == rows + 1


@pytest.mark.parametrize("mapping", [{}, {"type": "=THUMBS_UP"}])
def test_a_header_that_comes_again_is_no_row(read: Read, mapping: Mapping[str, str]) -> None:
    file = "type,query,note,note\nTHUMBS_UP,one,,\n"

    found = read(file + file.replace("type", " type"), mapping=mapping)

    assert [(line, row if isinstance(row, str) else row["query"]) for line, row in found] == [
        (2, "one"),
        (3, "repeats the header in line 1"),
        (4, "one"),
    ]


def test_spaces_after_the_delimiters_are_no_part_of_cells_where_the_header_has_them(read: Read) -> None:
    found = read('type, "query", comment\nTHUMBS_UP, "a, b", "c"\nTHUMBS_UP, "x\n y",  z\n')

    assert [row for _, row in found] == [
        {"type": "THUMBS_UP", "query": "a, b", "comment": "c"},
        {"type": "THUMBS_UP", "query": "x\n y", "comment": "z"},
    ]
    # Else they are (RFC 4180).
    assert read("type,query\nTHUMBS_UP, a\n") == [(2, {"type": "THUMBS_UP", "query": " a"})]


@pytest.mark.parametrize(
    "header",
    ['interaction_id,type,"query\n', 'type,"query,comment\nTHUMBS_UP,hi",c\n'],
)
def test_an_open_quote_in_the_header_is_told(read: Read, header: str) -> None:
    with pytest.raises(CannotImport, match="header in line 1 is no CSV"):
        read(header + "a,THUMBS_UP,b\n" * 3)


def test_a_name_in_the_header_may_have_lines(read: Read) -> None:
    assert read('type,"Score\n(1 to 5)",query\nTHUMBS_UP,3,a\n')[0][1]["Score\n(1 to 5)"] == "3"


def test_a_mapped_column_that_the_header_lacks_stops_the_import(read: Read) -> None:
    with pytest.raises(CannotImport, match=r"query is mapped to the column 'txt'; the file has text, label.*'text'"):
        read("text,label\na,b\n", mapping={"query": "txt", "type": "=THUMBS_UP"})


def test_a_name_that_stands_twice_stops_the_import_where_it_is_needed(read: Read) -> None:
    with pytest.raises(CannotImport, match="'type' twice; type may be either"):
        read("type,type\na,b\n")
    with pytest.raises(CannotImport, match="'note' twice; comment may be either"):
        read("type,note,note\na,b,c\n", mapping={"comment": "note"})
    assert read("type,note,note,,\nTHUMBS_UP,b,c,d,e\n") == [(2, {"type": "THUMBS_UP", "note": "b", "note [2]": "c"})]


# Columns that no row of JSON has


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"type": "=THUMBS_UP", "query": "promt"}, "query is mapped to the column 'promt'.*did you mean 'prompt'"),
        ({"type": "lable?true:THUMBS_UP|*:THUMBS_DOWN"}, "type is mapped to the column 'lable'.*mean 'label'"),
        ({}, "no column for the type"),
    ],
)
@pytest.mark.parametrize("rows", [1, 3000])
def test_a_column_that_no_row_has_stops_the_import_before_it_begins(
    read: Read, mapping: Mapping[str, str], reason: str, rows: int
) -> None:
    with pytest.raises(CannotImport, match=reason):
        read('{"prompt": "a", "completion": "b", "label": true}\n' * rows, "a.jsonl", mapping=mapping)


def test_a_column_that_few_rows_have_is_found_before_the_import_begins(read: Read) -> None:
    content = '{"type": "THUMBS_UP"}\n' * 3000 + '{"type": "THUMBS_UP", "note": "late"}\n'

    assert len(read(content, "a.jsonl", mapping={"comment": "note"})) == 3001
