"""What `uptake import` makes of a file: its rows, the mapping, request ids, and what is wrong with a row."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from uptake import UptakeError
from uptake.v1 import error_pb2, feedback_pb2
from uptake_service.commands.importing.command import refusal_of, run_import
from uptake_service.commands.importing.files import BadRow, CannotImport, form_of, opened, rows
from uptake_service.commands.importing.rows import needed_columns, parse_mapping, request_id_of, to_feedback
from uptake_service.commands.tables import one_line

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

UP = feedback_pb2.FEEDBACK_TYPE_THUMBS_UP
DOWN = feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN
CORRECTION = feedback_pb2.FEEDBACK_TYPE_CORRECTION
RATING = feedback_pb2.FEEDBACK_TYPE_RATING

AIRLINE = {
    "type": "sentiment?negative:THUMBS_DOWN|positive:THUMBS_UP|*:RATING",
    "rating": "=3",
    "comment": "text",
    "labels.topic": "label",
}


def read(text: str, form: str, mapping: Mapping[str, str] | None = None) -> list[tuple[int, Any]]:
    """The rows of a file's text; a bad one as the words of its error."""
    found = rows(io.StringIO(text, newline=""), form, needed_columns(parse_mapping(mapping or {})))
    return [(line, str(row) if isinstance(row, BadRow) else row) for line, row in found]


def feedback(row: Mapping[str, Any], **mapping: str) -> feedback_pb2.Feedback:
    return to_feedback(row, parse_mapping(mapping), "request", NOW)


# Files


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.jsonl", "jsonl"), ("a.ndjson.gz", "jsonl"), ("a.csv.json", "jsonl")],
)
def test_the_form_follows_the_name(name: str, form: str) -> None:
    assert form_of(Path(name)) == form


@pytest.mark.parametrize("name", ["a.gz", "a.txt", "a.parquet.gz", "csv"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(CannotImport, match="neither"):
        form_of(Path(name))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("zipped", [True, False])
def test_gzip_is_known_by_its_first_bytes(tmp_path: Path, name: str, zipped: bool) -> None:
    content = "\ufefftype,query\nTHUMBS_UP,Grüße\n".encode()
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if zipped else content)

    with opened(file) as (text, position, size):
        found = list(rows(text, "csv", {}))
        assert position() == size == file.stat().st_size

    assert found == [(2, {"type": "THUMBS_UP", "query": "Grüße"})]


# Rows


def test_json_lines_with_blank_and_broken_ones() -> None:
    found = read('{"a": 1}\n\n{"a": \n[1]\r\n{"a": 2}', "jsonl")

    assert [line for line, _ in found] == [1, 3, 4, 5]
    assert found[0][1] == {"a": 1}
    assert found[1][1].startswith("is no JSON: ")
    assert found[2][1] == "is no JSON object"
    assert found[3][1] == {"a": 2}


def test_a_row_that_is_too_long_is_skipped_whole() -> None:
    found = read('{"a": "' + "x" * 2_500_000 + '"}\n{"a": 2}\n', "jsonl")

    assert found == [(1, "is longer than 1,000,000 characters"), (2, {"a": 2})]


def test_a_csv_row_is_named_by_the_line_it_starts_at() -> None:
    found = read('type,comment\nTHUMBS_UP,"two\nlines"\n\nTHUMBS_DOWN,x,y\nTHUMBS_DOWN\n', "csv")

    assert found == [
        (2, {"type": "THUMBS_UP", "comment": "two\nlines"}),
        (5, "has 3 cells; the header has 2"),
        (6, {"type": "THUMBS_DOWN"}),
    ]


def test_a_csv_cell_that_is_too_long_does_not_stop_the_rest() -> None:
    found = read("type\n" + "x" * 1_000_001 + "\nTHUMBS_UP\n", "csv")

    assert found[0][1].startswith("is no CSV: ")
    assert found[1] == (3, {"type": "THUMBS_UP"})


@pytest.mark.parametrize(("name", "head"), [("a.csv", b"query\n"), ("a.jsonl", b"")])
def test_bytes_that_are_no_utf_8_spoil_only_their_row(tmp_path: Path, name: str, head: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(head + b'{"query": "caf\xe9"}\n{"query": "tea"}\n')

    with opened(file) as (text, _, _):
        found = [row for _, row in rows(text, form_of(file), {})]

    assert str(found[0]) == "is not UTF-8"
    assert not isinstance(found[1], BadRow)


def test_a_mapped_column_that_the_header_lacks_stops_the_import() -> None:
    with pytest.raises(CannotImport, match="query is mapped to the column 'txt'; the file has text, label"):
        read("text,label\na,b\n", "csv", {"query": "txt"})


def test_a_header_with_a_name_twice_stops_the_import() -> None:
    with pytest.raises(CannotImport, match="twice"):
        read("text,text\na,b\n", "csv")


# Fields


def test_every_field_by_its_name() -> None:
    made = feedback(
        {
            "interaction_id": 7,
            "query": "q",
            "response": "r",
            "model": "m",
            "type": "correction",
            "original": "o",
            "corrected": "c",
            "correction_kind": "behavior",
            "comment": "words",
            "user_id": "u",
            "source": "web",
            "occur_time": "2026-02-01T10:00:00+01:00",
            "interaction_create_time": 1_760_000_000.5,
            "labels": {"plan": "gold", "beta": True, "none": None},
            "versions": {"prompt": 14},
        }
    )

    assert made.type == CORRECTION
    assert made.interaction.id == "7"
    assert (made.interaction.query, made.interaction.response, made.interaction.model) == ("q", "r", "m")
    assert (made.correction.original, made.correction.corrected) == ("o", "c")
    assert made.correction.kind == feedback_pb2.CORRECTION_KIND_BEHAVIOR
    assert (made.comment, made.user_id, made.source) == ("words", "u", "web")
    assert made.occur_time.ToDatetime(UTC) == datetime(2026, 2, 1, 9, tzinfo=UTC)
    assert made.interaction.create_time.ToMilliseconds() == 1_760_000_000_500
    assert dict(made.labels) == {"plan": "gold", "beta": "true"}
    assert dict(made.interaction.versions) == {"prompt": "14"}


def test_labels_and_versions_in_columns_of_their_own() -> None:
    made = feedback({"type": "THUMBS_UP", "labels.plan": "gold", "labels.empty": "", "versions.prompt": "14"})

    assert dict(made.labels) == {"plan": "gold"}
    assert dict(made.interaction.versions) == {"prompt": "14"}


def test_a_rating_with_its_scale() -> None:
    made = feedback({"type": "RATING", "rating": "7.5", "rating_min": "0", "rating_max": "10"})

    assert (made.rating.score, made.rating.min, made.rating.max) == (7.5, 0, 10)
    assert not feedback({"type": "RATING", "rating": 4}).rating.HasField("min")


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("1760000000", datetime.fromtimestamp(1_760_000_000, UTC)),
        (1_760_000_000, datetime.fromtimestamp(1_760_000_000, UTC)),
        ("20260201", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01 10:00", datetime(2026, 2, 1, 10, tzinfo=UTC)),
        ("2026-02-01T10:00:00Z", datetime(2026, 2, 1, 10, tzinfo=UTC)),
    ],
)
def test_times(value: Any, time: datetime) -> None:
    assert feedback({"type": "THUMBS_UP", "occur_time": value}).occur_time.ToDatetime(UTC) == time


def test_minutes_ago_count_from_now_unless_there_is_a_time() -> None:
    row = {"type": "THUMBS_UP", "minutes_ago": 90}

    assert feedback(row).occur_time.ToDatetime(UTC) == NOW - timedelta(minutes=90)
    assert feedback(row | {"occur_time": "2026-01-01"}).occur_time.ToDatetime(UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert not feedback({"type": "THUMBS_UP", "minutes_ago": ""}).HasField("occur_time")


def test_a_row_without_interaction_gets_one_from_its_request_id() -> None:
    assert feedback({"type": "THUMBS_UP"}).interaction.id == "request"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "has no type"),
        ({"type": "LIKE"}, "type is 'LIKE', none of THUMBS_UP"),
        ({"type": "RATING"}, "no rating"),
        ({"type": "RATING", "rating": "good"}, "rating is 'good', no number"),
        ({"type": "RATING", "rating": float("nan")}, "rating is nan, no number"),
        ({"type": "RATING", "rating": 10**400}, "no number"),
        ({"type": "RATING", "rating": True}, "no number"),
        ({"type": "RATING", "rating": 3, "rating_max": "x"}, "rating_max is 'x'"),
        ({"type": "CORRECTION", "corrected": "c", "correction_kind": "STYLE"}, "correction_kind is 'STYLE'"),
        ({"type": "THUMBS_UP", "occur_time": "24-02-2015 11:35"}, "occur_time is '24-02-2015 11:35', no time"),
        ({"type": "THUMBS_UP", "occur_time": 1e300}, "no time"),
        ({"type": "THUMBS_UP", "occur_time": "1760000000000"}, "no time"),
        ({"type": "THUMBS_UP", "minutes_ago": 1e300}, "too many"),
        ({"type": "THUMBS_UP", "labels": "gold"}, "labels is no JSON object"),
        ({"type": "THUMBS_UP", "labels": {"a": {}}}, "labels.a is a JSON object"),
        ({"type": "THUMBS_UP", "query": ["a"]}, "query is a JSON array"),
        ({"type": "THUMBS_UP", "query": "\ud800"}, "cannot be sent"),
    ],
)
def test_a_bad_row_says_why(row: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(BadRow) as caught:
        feedback(row)

    assert reason in str(caught.value)


# Mapping


def test_a_field_from_another_column_and_a_constant() -> None:
    made = feedback({"text": "hi", "type": "THUMBS_DOWN", "topic": "x"}, query="text", type="=THUMBS_UP", source="=a=b")

    assert (made.type, made.interaction.query, made.source) == (UP, "hi", "a=b")


@pytest.mark.parametrize(
    ("sentiment", "type", "value"), [("negative", DOWN, None), ("positive", UP, None), ("neutral", RATING, "rating")]
)
def test_airline_tweets(sentiment: str, type: int, value: str | None) -> None:
    row = {"text": "late again", "label": "Late Flight", "sentiment": sentiment}
    made = to_feedback(row, parse_mapping(AIRLINE), "request", NOW)

    assert (made.type, made.WhichOneof("value"), made.comment) == (type, value, "late again")
    assert dict(made.labels) == {"topic": "Late Flight"}
    assert made.rating.score == (3 if value else 0)


@pytest.mark.parametrize(
    ("label", "type"),
    [("card_not_working", DOWN), ("declined_transfer", DOWN), ("wrong_amount", DOWN), ("age_limit", UP), ("", UP)],
)
def test_banking77(label: str, type: int) -> None:
    cases = "label?~not:THUMBS_DOWN|~declined:THUMBS_DOWN|~wrong:THUMBS_DOWN|*:THUMBS_UP"
    made = feedback({"text": "why?", "label": label}, type=cases, query="text")

    assert (made.type, made.interaction.query) == (type, "why?")


def test_the_first_case_that_matches_wins_and_a_key_may_hold_colons() -> None:
    cases = {"type": "=THUMBS_UP", "source": "code?a:b:first|~a:second|true:third"}

    assert feedback({"code": "a:b"}, **cases).source == "first"
    assert feedback({"code": "xa"}, **cases).source == "second"
    assert feedback({"code": True}, **cases).source == "third"
    assert feedback({"code": "z"}, **cases).source == ""


def test_a_type_that_no_case_matches_is_a_bad_row() -> None:
    with pytest.raises(BadRow, match="no case of the mapping matches 'meh'"):
        feedback({"mood": "meh"}, type="mood?good:THUMBS_UP|bad:THUMBS_DOWN")


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("colour", "text", "no field 'colour'"),
        ("labels.", "text", "no field 'labels.'"),
        ("query", "", "names no column"),
        ("query", "?a:b", "names no column"),
        ("type", "label?", "has the case ''"),
        ("type", "label?a:THUMBS_UP|b", "has the case 'b'"),
        ("type", "label?~:THUMBS_UP", "has the case '~:THUMBS_UP'"),
    ],
)
def test_a_mapping_that_cannot_be(field: str, text: str, reason: str) -> None:
    with pytest.raises(CannotImport) as caught:
        parse_mapping({field: text})

    assert reason in str(caught.value)


# Request ids


def ids(*found: Mapping[str, Any], **mapping: str) -> list[str]:
    seen: Counter[bytes] = Counter()
    return [request_id_of(row, mapping, seen) for row in found]


def test_a_second_import_makes_the_same_ids_and_equal_rows_differ() -> None:
    row, other = {"a": 1, "b": "x"}, {"a": 2}

    first = ids(row, other, row)

    assert ids({"b": "x", "a": 1}, other, row) == first
    assert len(set(first)) == 3
    assert all(len(id) == 32 for id in first)


def test_another_mapping_makes_other_ids_in_whatever_order_it_is_given() -> None:
    row = {"a": 1}

    assert ids(row, query="a") != ids(row, comment="a")
    assert ids(row, query="a", source="=x") == ids(row, source="=x", query="a")


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b"]), st.text(st.characters(exclude_categories=[]), max_size=2)),
        max_size=20,
    )
)
def test_ids_are_unique_and_repeatable(found: list[dict[str, str]]) -> None:
    assert len(set(ids(*found))) == len(found)
    assert ids(*found) == ids(*(json.loads(json.dumps(row)) for row in found))


# Answers


def answer(code: grpc.StatusCode, reason: int, *violations: tuple[str, str]) -> feedback_pb2.BatchCollectFeedbackResult:
    fields = [error_pb2.FieldViolation(field=field, description=why) for field, why in violations]
    error = error_pb2.ItemError(code=code.value[0], reason=reason, message="no", field_violations=fields)  # type: ignore[arg-type]
    return feedback_pb2.BatchCollectFeedbackResult(error=error)


def test_a_refusal_names_the_wrong_fields() -> None:
    refused = answer(
        grpc.StatusCode.INVALID_ARGUMENT,
        error_pb2.ERROR_REASON_INVALID_FIELD,
        ("feedback.rating.score", "is too high"),
        ("feedback.source", "is too long"),
    )

    assert refusal_of(refused) == "feedback.rating.score is too high; feedback.source is too long"
    assert refusal_of(answer(grpc.StatusCode.INTERNAL, 0)) == "no"


def test_what_was_stored_before_is_no_refusal() -> None:
    assert refusal_of(feedback_pb2.BatchCollectFeedbackResult(feedback=feedback_pb2.Feedback(id="1"))) is None
    assert refusal_of(answer(grpc.StatusCode.ALREADY_EXISTS, error_pb2.ERROR_REASON_REQUEST_ID_REUSED)) is None


def test_a_service_without_room_stops_the_import() -> None:
    with pytest.raises(UptakeError):
        refusal_of(answer(grpc.StatusCode.RESOURCE_EXHAUSTED, 0))


# The whole, with a client that answers by itself


class Answers:
    """In place of a client: accepts everything, or is not there."""

    def __init__(self, error: UptakeError | None = None) -> None:
        self.requests: list[feedback_pb2.CollectFeedbackRequest] = []
        self._error = error

    async def collect_many(self, items: Any, **_: Any) -> Any:
        async for request in items:
            if self._error:
                raise self._error
            self.requests.append(request)
            yield feedback_pb2.BatchCollectFeedbackResult(feedback=request.feedback)


async def imported(client: Answers, file: Path, **mapping: str) -> tuple[int, list[str]]:
    """Runs an import; returns its exit code and what it printed, without the progress bar."""
    console = Console(file=io.StringIO(), width=200)
    code = await run_import(client, file, mapping, console)  # type: ignore[arg-type]
    printed: str = console.file.getvalue()  # type: ignore[attr-defined]
    return code, [line for line in printed.splitlines() if line.strip() and not line.startswith("importing")]


async def test_a_good_file_gives_0(tmp_path: Path) -> None:
    client, file = Answers(), tmp_path / "[red]a.jsonl"
    file.write_text('{"type": "THUMBS_UP"}\n' * 3)

    assert await imported(client, file) == (0, ["3 rows read, 3 accepted, 0 bad"])
    assert len({request.request_id for request in client.requests}) == 3
    assert all(request.feedback.interaction.id == request.request_id for request in client.requests)


async def test_bad_rows_are_told_up_to_twenty_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"type": "[/x]\\u001b[2J"}\n' * 25 + '{"type": "THUMBS_UP"}\n')

    code, printed = await imported(Answers(), file)

    assert code == 1
    assert len(printed) == 22
    assert printed[0].startswith("line 1: type is '[/X]")
    assert "\x1b" not in "".join(printed)
    assert printed[20:] == ["and 5 more bad rows", "26 rows read, 1 accepted, 25 bad"]


async def test_a_service_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"type": "THUMBS_UP"}\n')

    code, printed = await imported(Answers(UptakeError(grpc.StatusCode.UNAVAILABLE, "refused\nhere")), file)

    assert code == 1
    assert printed[0].startswith("stopped: no service answers (refused here)")


async def test_a_damaged_file_is_sent_up_to_the_damage(tmp_path: Path) -> None:
    client, file = Answers(), tmp_path / "a.jsonl.gz"
    content = b"".join(b'{"type": "THUMBS_UP", "comment": "%d"}\n' % number for number in range(50_000))
    file.write_bytes(gzip.compress(content)[:-1000])

    code, printed = await imported(client, file)

    assert code == 1
    assert "a.jsonl.gz cannot be read further" in printed[0]
    assert client.requests


async def test_a_wrong_mapping_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\nhi\n")

    code, printed = await imported(Answers(), file, query="txt")

    assert (code, printed[0]) == (1, "stopped: query is mapped to the column 'txt'; the file has text")


def test_users_words_cannot_steer_a_terminal() -> None:
    assert one_line("a\x1b[2J\nb\u202ec", 20) == "a [2J b c"
    assert one_line("abcdef", 4) == "abc…"
