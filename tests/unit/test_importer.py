"""What `uptake import` makes of a file: its rows, the mapping, request ids, and what is wrong with a row."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from uptake import UptakeError
from uptake.v1 import error_pb2, feedback_pb2
from uptake_service.cli.importing.columns import FIELDS, Columns, parse_mapping
from uptake_service.cli.importing.command import outcome_of, run_import
from uptake_service.cli.importing.files import BadRow, CannotImport
from uptake_service.cli.importing.preview import run_preview
from uptake_service.cli.importing.reading import Options
from uptake_service.cli.importing.rows import SkippedRow, request_id_of, to_feedback
from uptake_service.cli.main import cli
from uptake_service.cli.tables import one_line

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

UP = feedback_pb2.FEEDBACK_TYPE_THUMBS_UP
DOWN = feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN
CORRECTION = feedback_pb2.FEEDBACK_TYPE_CORRECTION
RATING = feedback_pb2.FEEDBACK_TYPE_RATING
COMMENT = feedback_pb2.FEEDBACK_TYPE_COMMENT

AIRLINE = {
    "type": "sentiment?negative:THUMBS_DOWN|positive:THUMBS_UP|*:RATING",
    "rating": "=3",
    "comment": "text",
    "labels.topic": "label",
}


def columns_of(row: Mapping[str, Any], **mapping: str) -> Columns:
    columns = Columns(parse_mapping(mapping))
    columns.learn(row)
    return columns


def feedback(row: Mapping[str, Any], **mapping: str) -> feedback_pb2.Feedback:
    return to_feedback(row, columns_of(row, **mapping), "request", NOW)


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
            "correction_kind": "instructions",
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
    assert made.correction.kind == feedback_pb2.CORRECTION_KIND_INSTRUCTIONS
    assert (made.comment, made.user_id, made.source) == ("words", "u", "web")
    assert made.occur_time.ToDatetime(UTC) == datetime(2026, 2, 1, 9, tzinfo=UTC)
    assert made.interaction.create_time.ToMilliseconds() == 1_760_000_000_500
    assert dict(made.labels) == {"plan": "gold", "beta": "true"}
    assert dict(made.interaction.versions) == {"prompt": "14"}


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("knowledge", feedback_pb2.CORRECTION_KIND_KNOWLEDGE),
        ("INSTRUCTIONS", feedback_pb2.CORRECTION_KIND_INSTRUCTIONS),
        # Its name in the first edition.
        ("BEHAVIOR", feedback_pb2.CORRECTION_KIND_INSTRUCTIONS),
    ],
)
def test_the_kind_of_a_correction(written: str, kind: feedback_pb2.CorrectionKind) -> None:
    made = feedback({"type": "CORRECTION", "corrected": "c", "correction_kind": written})

    assert made.correction.kind == kind


@pytest.mark.parametrize("in_csv", [False, True])
def test_what_the_answer_came_from(in_csv: bool) -> None:
    history = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}, {"role": "assistant"}]
    contexts = ["Refunds take 14 days.", "Pay by card."]
    made = feedback(
        {
            "type": "thumbs_down",
            "conversation_id": "c",
            "trace_id": "4bf92f35",
            "span_id": 7,
            "score": "helpfulness",
            "history": json.dumps(history) if in_csv else history,
            "contexts": json.dumps(contexts) if in_csv else contexts,
            "labels": '{"plan": "gold"}' if in_csv else {"plan": "gold"},
        }
    )

    interaction = made.interaction
    assert (interaction.conversation_id, interaction.trace_id, interaction.span_id) == ("c", "4bf92f35", "7")
    assert [(each.role, each.content) for each in interaction.history] == [
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", ""),
    ]
    assert list(interaction.contexts) == contexts
    assert made.score == "helpfulness"
    assert dict(made.labels) == {"plan": "gold"}


def test_fields_that_hold_nothing_are_not_set() -> None:
    made = feedback({"type": "THUMBS_UP", "history": "", "contexts": None, "score": "", "trace_id": "", "labels": ""})

    assert made == feedback({"type": "THUMBS_UP"})


def test_a_comment_without_a_verdict() -> None:
    made = feedback({"type": "comment", "comment": "Where did you find this?", "query": "q", "user_id": "u"})

    assert (made.type, made.WhichOneof("value")) == (COMMENT, None)
    assert (made.comment, made.interaction.query, made.user_id) == ("Where did you find this?", "q", "u")


def test_a_score_is_a_name_unless_a_mapping_says_so() -> None:
    assert feedback({"type": "THUMBS_UP", "name": "5"}, score="name").score == "5"
    with pytest.raises(BadRow, match=r"score is '4.5'; it names what is judged: a number is a rating"):
        feedback({"type": "THUMBS_UP", "score": 4.5})


@pytest.mark.parametrize("type", ["Thumbs up", " thumbs_up ", "thumbs-up", "FEEDBACK_TYPE_THUMBS_UP", "Thumbs  Up"])
def test_a_type_in_any_case_and_with_any_separators(type: str) -> None:
    assert feedback({"type": type}).type == UP


def test_nan_is_nothing_for_python_writes_it_for_missing_text() -> None:
    assert feedback({"type": "THUMBS_UP", "comment": float("nan"), "query": "NaN"}) == feedback(
        {"type": "THUMBS_UP", "query": "NaN"}
    )


def test_the_name_as_it_stands_wins_and_two_others_are_refused() -> None:
    assert feedback({"type": "THUMBS_UP", "User ID": "a", "user_id": "b"}).user_id == "b"
    assert feedback({"type": "THUMBS_UP", "Labels.Plan": "gold"}).labels["Plan"] == "gold"
    with pytest.raises(BadRow, match="'User ID' and 'userId' both fit 'user_id'"):
        feedback({"type": "THUMBS_UP", "User ID": "a", "userId": "b"})


def test_what_a_type_has_no_use_for_is_counted() -> None:
    columns = columns_of({"type": "", "rating": "", "corrected": "", "history": ""})
    message = {"role": "tool", "content": "x", "name": "search"}
    for row in (
        {"type": "THUMBS_UP", "rating": 4, "corrected": "c", "history": [message]},
        {"type": "THUMBS_UP", "rating": 0},
        {"type": "RATING", "rating": 4, "corrected": ""},
    ):
        to_feedback(row, columns, "request", NOW)

    assert columns.ignored == {"rating of THUMBS_UP": 2, "corrected of THUMBS_UP": 1, "name in history": 1}


def test_labels_and_versions_in_columns_of_their_own() -> None:
    made = feedback({"type": "THUMBS_UP", "labels.plan": "gold", "labels.empty": "", "versions.prompt": "14"})

    assert dict(made.labels) == {"plan": "gold"}
    assert dict(made.interaction.versions) == {"prompt": "14"}


@pytest.mark.parametrize(
    "row",
    [
        {"labels": {"plan": "gold"}, "labels.plan": "free"},
        {"labels": '{"plan": "gold"}', "Labels.plan": "free"},
        {"labels.plan": "gold", "Labels.plan": "free"},
    ],
)
def test_a_label_that_is_said_twice_spoils_its_row_unless_both_say_the_same(row: dict[str, Any]) -> None:
    with pytest.raises(BadRow, match=r"labels.plan is both 'gold' and 'free'; say which with --map"):
        feedback({"type": "THUMBS_UP"} | row)

    same = {name: value.replace("free", "gold") if isinstance(value, str) else value for name, value in row.items()}
    assert dict(feedback({"type": "THUMBS_UP"} | same).labels) == {"plan": "gold"}


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
        ({"type": "RATING", "rating": "1_000"}, "no number"),
        ({"type": "RATING", "rating": "5 stars"}, "rating is '5 stars', no number"),
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
        ({"type": "THUMBS_UP", "labels": '{"a": '}, "labels is no JSON object"),
        ({"type": "THUMBS_UP", "contexts": "Refunds take 14 days."}, "contexts is no JSON list: 'Refunds"),
        ({"type": "THUMBS_UP", "contexts": {"a": "b"}}, "contexts is no JSON list"),
        ({"type": "THUMBS_UP", "contexts": [{"text": "b"}]}, "contexts is a JSON object"),
        ({"type": "THUMBS_UP", "contexts": ["\ud800"]}, "cannot be sent"),
        ({"type": "THUMBS_UP", "history": ["hi"]}, "history holds what is no message"),
        ({"type": "THUMBS_UP", "history": [{"content": "hi"}]}, "history holds what is no message"),
        ({"type": "THUMBS_UP", "history": [{"role": "user", "content": ["hi"]}]}, "history.content is a JSON array"),
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
    made = feedback(row, **AIRLINE)

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


def test_a_case_may_skip_rows() -> None:
    cases = {"type": "vote?up:THUMBS_UP|:SKIP|~n/a:SKIP|*:THUMBS_DOWN"}

    assert feedback({"vote": "up"}, **cases).type == UP
    for vote in ("", None, "n/a today"):
        with pytest.raises(SkippedRow):
            feedback({"vote": vote}, **cases)
    with pytest.raises(BadRow, match="type is 'SKIP'"):
        feedback({"type": "SKIP"})


def test_a_type_that_no_case_matches_is_a_bad_row() -> None:
    with pytest.raises(BadRow, match="no case of the mapping matches 'meh'"):
        feedback({"mood": "meh"}, type="mood?good:THUMBS_UP|bad:THUMBS_DOWN")


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("colour", "text", "no field 'colour' to map; there are"),
        ("coment", "text", "no field 'coment' to map; did you mean 'comment'?"),
        ("type", "=THUMB_UP", "gives 'THUMB_UP'; did you mean 'THUMBS_UP'?"),
        ("type", "label?1:THUMBS_UP|*:LIKE", "gives 'LIKE'"),
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


def answer(code: grpc.StatusCode, reason: Any, *violations: tuple[str, str]) -> feedback_pb2.BatchCollectFeedbackResult:
    fields = [error_pb2.FieldViolation(field=field, description=why) for field, why in violations]
    error = error_pb2.ItemError(code=code.value[0], reason=reason, message="no", field_violations=fields)
    return feedback_pb2.BatchCollectFeedbackResult(error=error)


ERASED = answer(grpc.StatusCode.FAILED_PRECONDITION, error_pb2.ERROR_REASON_FEEDBACK_ERASED)
EXPIRED = answer(grpc.StatusCode.FAILED_PRECONDITION, error_pb2.ERROR_REASON_FEEDBACK_EXPIRED)
REUSED = answer(grpc.StatusCode.ALREADY_EXISTS, error_pb2.ERROR_REASON_REQUEST_ID_REUSED)
INVALID = answer(grpc.StatusCode.INVALID_ARGUMENT, error_pb2.ERROR_REASON_INVALID_FIELD, ("feedback.source", "is long"))


def stored(outcome: Any) -> feedback_pb2.BatchCollectFeedbackResult:
    return feedback_pb2.BatchCollectFeedbackResult(feedback=feedback_pb2.Feedback(id="1"), outcome=outcome)


def test_a_refusal_names_the_wrong_fields() -> None:
    refused = answer(
        grpc.StatusCode.INVALID_ARGUMENT,
        error_pb2.ERROR_REASON_INVALID_FIELD,
        ("feedback.rating.score", "is too high"),
        ("feedback.source", "is too long"),
    )

    assert outcome_of(refused) == ("bad", "feedback.rating.score is too high; feedback.source is too long")
    assert outcome_of(answer(grpc.StatusCode.INTERNAL, 0)) == ("bad", "no")


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (stored(feedback_pb2.COLLECT_OUTCOME_CREATED), "new"),
        (stored(feedback_pb2.COLLECT_OUTCOME_AMENDED), "amended"),
        (stored(feedback_pb2.COLLECT_OUTCOME_UNCHANGED), "already there"),
        (stored(feedback_pb2.COLLECT_OUTCOME_REPEATED), "already there"),
        (stored(feedback_pb2.COLLECT_OUTCOME_UNSPECIFIED), "stored"),
        (stored(99), "stored"),
        (REUSED, "already there"),
        (ERASED, "erased"),
        (EXPIRED, "expired"),
    ],
)
def test_every_outcome_has_a_name(result: feedback_pb2.BatchCollectFeedbackResult, outcome: str) -> None:
    assert outcome_of(result) == (outcome, "")


def test_a_service_without_room_stops_the_import() -> None:
    with pytest.raises(UptakeError):
        outcome_of(answer(grpc.StatusCode.RESOURCE_EXHAUSTED, 0))


# The whole, with a client that answers by itself


class Answers:
    """In place of a client: gives these results, then says that all is new; or fails after them."""

    def __init__(self, *results: feedback_pb2.BatchCollectFeedbackResult, error: UptakeError | None = None) -> None:
        self.requests: list[feedback_pb2.CollectFeedbackRequest] = []
        self._results = list(results)
        self._error = error

    async def collect_many(self, items: Any, **_: Any) -> Any:
        async for request in items:
            self.requests.append(request)
            if self._results:
                yield self._results.pop(0)
            elif self._error:
                raise self._error
            else:
                yield stored(feedback_pb2.COLLECT_OUTCOME_CREATED)


def printed_by(console: Console) -> list[str]:
    """What was printed, without the progress bar."""
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    return [line for line in printed.splitlines() if line.strip() and not line.startswith(("importing", "reading"))]


async def imported(client: Answers, file: Path, **mapping: str) -> tuple[int, list[str]]:
    """Runs an import; returns its exit code and what it printed."""
    console = Console(file=io.StringIO(), width=200)
    code = await run_import(cast(Any, client), file, Options(mapping), console)
    return code, printed_by(console)


def previewed(file: Path, **mapping: str) -> tuple[int, list[str]]:
    console = Console(file=io.StringIO(), width=200)
    return run_preview(file, Options(mapping), console), printed_by(console)


async def test_a_good_file_gives_0(tmp_path: Path) -> None:
    client, file = Answers(), tmp_path / "[red]a.jsonl"
    file.write_text('{"type": "THUMBS_UP"}\n' * 3)

    assert await imported(client, file) == (
        0,
        [
            "2 rows equal an earlier row of the file; each counts by itself",
            "3 rows read, 3 accepted (3 new, 0 amended, 0 already there), 0 skipped, 0 bad",
        ],
    )
    assert len({request.request_id for request in client.requests}) == 3
    assert all(request.feedback.interaction.id == request.request_id for request in client.requests)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    ("type", "user"),
    [("Type", "User_ID"), ("TYPE", "user id"), (" type ", "userId"), ("type", "User-Id"), ("tYpE", "USERID")],
)
async def test_names_of_columns_may_differ_in_case_and_separators(
    tmp_path: Path, name: str, type: str, user: str
) -> None:
    file = tmp_path / name
    row = {type: "THUMBS_DOWN", user: "ann"}
    file.write_text(json.dumps(row) + "\n" if name == "a.jsonl" else f"{type},{user}\nTHUMBS_DOWN,ann\n")
    client = Answers()

    code, printed = await imported(client, file)

    assert (code, len(printed)) == (0, 1), printed
    assert (client.requests[0].feedback.type, client.requests[0].feedback.user_id) == (DOWN, "ann")


async def test_what_became_of_the_rows_is_counted_apart(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    votes = ["up"] * 10 + ["none", "what?"]
    file.write_text("".join(json.dumps({"vote": vote, "n": n}) + "\n" for n, vote in enumerate(votes)))
    outcomes = [stored(each) for each in (1, 1, 2, 3, 4)]
    client = Answers(*outcomes, REUSED, ERASED, EXPIRED, INVALID, stored(0))

    code, printed = await imported(client, file, type="vote?up:THUMBS_UP|none:SKIP")

    assert code == 1
    assert sorted(printed[:2]) == [
        "line 12: type: no case of the mapping matches 'what?'",
        "line 9: feedback.source is long",
    ]
    assert printed[2:] == [
        "nothing but the type is read, so that the votes are on no question; say with --map FIELD=COLUMN which column "
        "holds what",
        "columns not used: n (12 rows)",
        "12 rows read, 7 accepted (2 new, 1 amended, 3 already there, 1 stored), 1 skipped, 1 erased, 1 expired, 2 bad",
    ]


async def test_what_is_erased_expired_or_skipped_is_not_bad(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"vote": "up", "query": "a"}\n{"vote": "up"}\n{"vote": ""}\n')

    assert await imported(Answers(ERASED, EXPIRED), file, type="vote?up:THUMBS_UP|:SKIP") == (
        0,
        ["3 rows read, 0 accepted (0 new, 0 amended, 0 already there), 1 skipped, 1 erased, 1 expired, 0 bad"],
    )


async def test_what_was_not_used_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    thumbs = "".join(f"THUMBS_UP,4,gut,,{n}\n" for n in range(3))
    file.write_text("type,rating,Kommentar,[red]x,query\n" + thumbs + "RATING,4,,,\n")

    assert await imported(Answers(), file) == (
        0,
        [
            "columns not used: Kommentar (3 rows), [red]x (0 rows)",
            "not used: rating of THUMBS_UP (3 times)",
            "4 rows read, 4 accepted (4 new, 0 amended, 0 already there), 0 skipped, 0 bad",
        ],
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "Query Text,Type\nwie,THUMBS_UP\n"),
        ("a.jsonl", '{"type": "THUMBS_UP", "interaction": {"query": "wie"}}\n'),
    ],
)
async def test_votes_of_which_only_the_type_is_read_are_told(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)

    _, printed = await imported(Answers(), file)
    _, shown = previewed(file)
    _, mapped = await imported(Answers(), file, query=printed[1].split(": ")[1].partition(" (")[0])

    told = "nothing but the type is read, so that the votes are on no question; say with --map FIELD=COLUMN"
    assert printed[0].startswith(told)
    assert any(line.startswith(told) for line in shown)
    assert not any(line.startswith(told) for line in mapped)


async def test_a_case_of_a_mapping_that_no_row_comes_under_is_told(tmp_path: Path) -> None:
    """A file with 5.0 in place of 5 would be all thumbs down, in silence."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"query": "q", "stars": 5.0}\n{"query": "q", "stars": 1.0}\n{"query": "q", "stars": ""}\n')
    cases = "stars?5:THUMBS_UP|~4:THUMBS_UP|1.0:THUMBS_DOWN|:SKIP|*:THUMBS_DOWN"

    code, printed = await imported(Answers(), file, type=cases)

    assert code == 0
    assert printed[:-1] == ["no row came under '5' of stars (type)", "no row came under '~4' of stars (type)"]


async def test_a_header_with_no_row_under_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("type,query\n\n,\n")

    code, printed = await imported(Answers(), file)

    assert (code, printed[0]) == (0, "there is a header and no row under it")

    file.write_text("type,query\nTHUMBS_UP,a,b\n")
    code, printed = await imported(Answers(), file)

    assert code == 1
    assert len(printed) == 2


async def test_bad_rows_are_told_up_to_twenty_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    bad = [json.dumps({"type": "[/x]\x1b[2J", "query": str(n)}) for n in range(25)]
    file.write_text("\n".join([*bad, '{"type": "THUMBS_UP"}']))

    code, printed = await imported(Answers(), file)

    assert code == 1
    assert len(printed) == 22
    assert printed[0].startswith("line 1: type is '[/X]")
    assert "\x1b" not in "".join(printed)
    assert printed[20] == "and 5 more bad rows"
    assert printed[21].startswith("26 rows read, 1 accepted")
    assert printed[21].endswith("25 bad")


async def test_a_service_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"type": "THUMBS_UP"}\n')

    code, printed = await imported(Answers(error=UptakeError(grpc.StatusCode.UNAVAILABLE, "refused\nhere")), file)

    assert code == 1
    assert printed[0].startswith("stopped: no service answers (refused here)")


async def test_rows_that_were_not_answered_are_counted_where_the_import_stops(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(f'{{"type": "THUMBS_UP", "query": "{n}"}}\n' for n in range(3)))
    client = Answers(stored(1), error=UptakeError(grpc.StatusCode.PERMISSION_DENIED, "no"))

    code, printed = await imported(client, file)

    assert code == 1
    assert printed == [
        "stopped: PERMISSION_DENIED: no",
        "the same import can be run again: rows that were stored are not stored twice",
        "2 rows read, 1 accepted (1 new, 0 amended, 0 already there), 0 skipped, 0 bad, 1 not answered",
    ]


async def test_a_damaged_file_is_sent_up_to_the_damage(tmp_path: Path) -> None:
    client, file = Answers(), tmp_path / "a.jsonl.gz"
    content = b"".join(b'{"type": "THUMBS_UP", "comment": "%d"}\n' % number for number in range(10_000))
    file.write_bytes(gzip.compress(content)[:-1000])

    code, printed = await imported(client, file)

    assert code == 1
    assert "a.jsonl.gz cannot be read further" in printed[0]
    assert len(client.requests) > 1000


@pytest.mark.parametrize("kept", [1, 12, 40])
@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
async def test_a_file_that_is_cut_early_is_an_error(tmp_path: Path, name: str, kept: int) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(b"type,query\n" + b"THUMBS_UP,a\n" * 100)[:kept])

    code, printed = await imported(Answers(), file)

    assert code == 1
    assert any(line.startswith("stopped: ") for line in printed)


async def test_a_wrong_mapping_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\nhi\n")

    code, printed = await imported(Answers(), file, query="txt", type="=THUMBS_UP")

    assert code == 1
    assert printed[0].startswith(
        "stopped: query is mapped to the column 'txt'; the file has text; did you mean 'text'?"
    )


# A dry run


def test_a_dry_run_shows_what_would_be_stored(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "vote,Query,comment,user,when,plan,x\n"
        "good,How do I pay?,write to ann@example.com,u1,2026-02-01T10:00:00Z,gold,\n"
        "bad,Where is it?,,,,,y\n"
        "none,,,,,,y\n"
        "odd,,,,,,y\n" + "bad,q,,u,2026-02-01,,\n" * 8
    )

    code, printed = previewed(
        file,
        type="vote?good:THUMBS_UP|bad:THUMBS_DOWN|none:SKIP",
        user_id="user",
        occur_time="when",
        **{"labels.plan": "plan"},
    )

    assert code == 1
    assert printed[:11] == [
        "line 2: THUMBS_UP, positive",
        "    query            How do I pay?",
        "    comment          write to [email]   (redacted)",
        "    user_id          u1",
        "    occur_time       2026-02-01 10:00:00 UTC",
        "    labels           plan=gold",
        "line 3: THUMBS_DOWN, negative",
        "    query            Where is it?",
        "    occur_time       the time of the import",
        "line 5: type: no case of the mapping matches 'odd'",
        "line 6: THUMBS_DOWN, negative",
    ]
    assert sum(line.startswith("line ") and "THUMBS" in line for line in printed) == 5
    filled, *rest = printed[-7:]
    assert filled.startswith("filled: query 100%, response 0%, comment 10%,")
    assert "user_id 90%" in filled
    assert "labels 10%" in filled
    assert rest == [
        "types: 9 THUMBS_DOWN, 1 THUMBS_UP",
        "sentiments: 9 NEGATIVE, 1 POSITIVE",
        "redaction would change 1 rows by the default policy; the project's may differ",
        "columns not used: x (3 rows)",
        "7 rows equal an earlier row of the file; each counts by itself",
        "12 rows read, 10 would be sent, 1 skipped, 1 bad; nothing was sent",
    ]


@pytest.mark.parametrize("written", ["INSTRUCTIONS", "behavior"])
def test_a_dry_run_names_the_kind_of_a_correction_as_the_contract_does(tmp_path: Path, written: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"type,corrected,correction_kind\nCORRECTION,Say it shorter.,{written}\n")

    code, printed = previewed(file)

    assert code == 0
    assert "    correction_kind  INSTRUCTIONS" in printed


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"interaction_id": "x" * 257}, "feedback.interaction.id must be at most 256 characters"),
        ({"comment": "x" * 10_001}, "feedback.comment must be at most 10000 characters"),
        ({"type": "RATING", "rating": 7}, "feedback.rating.score is 7, outside its scale of 1 to 5"),
        ({"occur_time": "1999-01-01"}, "feedback.occur_time must be greater than or equal to 2000-01-01T00:00:00Z"),
        ({"type": "CORRECTION"}, "feedback.correction.corrected is required"),
        ({"minutes_ago": -60}, "in the future"),
    ],
)
def test_a_dry_run_knows_what_the_service_refuses(tmp_path: Path, row: Mapping[str, Any], reason: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"type": "THUMBS_UP", **row}) + "\n")

    code, printed = previewed(file)

    assert code == 1
    assert printed[0].startswith("line 1: ")
    assert reason in printed[0]
    assert printed[-1] == "1 rows read, 0 would be sent, 0 skipped, 1 bad; nothing was sent"


def test_every_field_of_a_row_has_a_fill_rate(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"type": "THUMBS_UP"}\n' * 1000 + '{"type": "THUMBS_UP", "model": "m"}\n')

    code, printed = previewed(file)

    filled = next(line for line in printed if line.startswith("filled: "))
    told = {part.split()[0]: part.split()[1] for part in filled.removeprefix("filled: ").split(", ")}
    assert code == 0
    assert set(told) == set(FIELDS) - {"type", "minutes_ago", "rating_min", "rating_max"}
    # Never 0% where there is one.
    assert (told["model"], told["query"]) == ("1%", "0%")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--map", "type=a", "--map", "type=b"], 2, "type is mapped twice"),
        (["--map", "type"], 2, "is not FIELD=COLUMN"),
        (["--delimiter", "||"], 2, "one character"),
        (["--delimiter", "comma"], 2, "one character"),
        (["--map", "typ=a"], 1, "there is no field 'typ' to map; did you mean 'type'?"),
        (["--delimiter", "tab"], 1, "read with the delimiter tab, is: type,query"),
        ([], 0, "1 would be sent"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text("type,query\nTHUMBS_UP,a\n")

    result = CliRunner().invoke(cli, ["import", str(file), "--dry-run", *arguments])

    assert result.exit_code == code
    assert told in " ".join(result.output.split())


def test_the_help_tells_the_exit_codes() -> None:
    assert "Exits with 0 if every row was accepted" in CliRunner().invoke(cli, ["import", "--help"]).output


def test_users_words_cannot_steer_a_terminal() -> None:
    assert one_line("a\x1b[2J\nb\u202ec", 20) == "a [2J b c"
    assert one_line("abcdef", 4) == "abc…"
