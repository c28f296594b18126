"""`uptake import` against a running service: what is stored, and that each row's fate is told."""

import io
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import duration_pb2
from rich.console import Console
from uptake import Client
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import project_pb2
from uptake_service.cli.importing.command import run_import
from uptake_service.cli.importing.preview import run_preview
from uptake_service.cli.importing.reading import Options

from tests.conftest import Service, StartService
from tests.processes import eventually, run

Rows = list[dict[str, Any]]


async def imported(client: Client, file: Path, **mapping: str) -> tuple[int, str]:
    """Exit code and the last line that is printed."""
    console = Console(file=io.StringIO(), width=200)
    code = await run_import(client, file, Options(mapping), console)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue().splitlines()[-1]


def lines(tmp_path: Path, rows: Rows) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


async def stored(client: Client) -> dict[str, pb.Feedback]:
    return {each.interaction.id: each async for each in client.feedback.list()}


async def test_what_is_new_amended_or_already_there_is_counted_apart(client: Client, tmp_path: Path) -> None:
    vote: dict[str, Any] = {"interaction_id": "a", "user_id": "ann", "type": "THUMBS_DOWN", "comment": "late"}
    vote["occur_time"] = "2026-02-01T10:00:00Z"
    later = vote | {"type": "THUMBS_UP", "comment": "mended", "occur_time": "2026-02-01T11:00:00Z"}
    rows = [vote, later, {"interaction_id": "b", "type": "THUMBS_UP"}]

    first = await imported(client, lines(tmp_path, rows))
    again = await imported(client, lines(tmp_path, rows))
    # The vote as it stands, from another column: another row, and nothing new in it.
    same = await imported(client, lines(tmp_path, [later | {"export": 2}]))

    assert first == (0, "3 rows read, 3 accepted (2 new, 1 amended, 0 already there), 0 skipped, 0 bad")
    assert again == (0, "3 rows read, 3 accepted (0 new, 0 amended, 3 already there), 0 skipped, 0 bad")
    assert same == (0, "1 rows read, 1 accepted (0 new, 0 amended, 1 already there), 0 skipped, 0 bad")
    assert {id: each.type for id, each in (await stored(client)).items()} == {
        "a": pb.FEEDBACK_TYPE_THUMBS_UP,
        "b": pb.FEEDBACK_TYPE_THUMBS_UP,
    }


async def test_rows_of_an_erased_user_are_counted_as_such_every_time(client: Client, tmp_path: Path) -> None:
    rows: Rows = [
        {"interaction_id": f"e{n}", "type": "THUMBS_DOWN", "query": "q", "user_id": "eve" if n < 3 else f"u{n}"}
        for n in range(5)
    ]
    file = lines(tmp_path, rows)
    assert (await imported(client, file))[0] == 0
    assert await client.feedback.erase_user("eve") == 3
    file = lines(tmp_path, [*rows, {"interaction_id": "new", "type": "THUMBS_UP"}])

    for new, there in ((1, 2), (0, 3)):
        assert await imported(client, file) == (
            0,
            f"6 rows read, 3 accepted ({new} new, 0 amended, {there} already there), 0 skipped, 3 erased, 0 bad",
        )
    assert set(await stored(client)) == {"e3", "e4", "new"}


async def test_rows_past_the_retention_are_counted_as_such(start_service: StartService, tmp_path: Path) -> None:
    service = await start_service(retention_interval_seconds=0.05)
    client, now = service.client, datetime.now(UTC)
    rows: Rows = [
        {"interaction_id": f"i{days}", "type": "THUMBS_UP", "occur_time": (now - timedelta(days=days)).isoformat()}
        for days in range(1, 9)
    ]
    assert (await imported(client, lines(tmp_path, rows)))[0] == 0
    retention = project_pb2.Retention(feedback_age=duration_pb2.Duration(seconds=int(4.5 * 86_400)))
    await client.projects.update(project_pb2.ProjectSettings(retention=retention), ["retention"])

    found = service.mongo.collection("feedback")

    async def only_what_is_younger_is_left() -> bool:
        return await found.count({}) == 4

    await eventually(only_what_is_younger_is_left, "the end of what is past its retention")

    # Those that were stored once, and one that never was.
    rows.append({"interaction_id": "old", "type": "THUMBS_UP", "occur_time": "2020-01-01"})
    assert await imported(client, lines(tmp_path, rows)) == (
        0,
        "9 rows read, 4 accepted (0 new, 0 amended, 4 already there), 0 skipped, 5 expired, 0 bad",
    )


async def test_a_file_with_an_open_quote_loses_one_row(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = "".join(f"b{n},THUMBS_DOWN,question {n},comment {n},u{n}\n" for n in range(10))
    file.write_text('interaction_id,type,query,comment,user_id\nx,THUMBS_DOWN,"How do I pay?,late,u\n' + rows)

    code, told = await imported(client, file)

    assert code == 1
    assert told.startswith("11 rows read, 10 accepted")
    assert told.endswith("1 bad")
    found = await stored(client)
    assert {id: (each.interaction.query, each.comment, each.user_id) for id, each in found.items()} == {
        f"b{n}": (f"question {n}", f"comment {n}", f"u{n}") for n in range(10)
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "sep=;\r\nInteraction ID;Type;Query\r\na;THUMBS_DOWN;Wo, bitte?\r\n".encode("utf-16")),
        ("a.tsv", b"interaction_id\ttype\tquery\na\tThumbs down\tWo, bitte?\n"),
    ],
)
async def test_a_table_as_a_spreadsheet_saves_it(client: Client, tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    assert (await imported(client, file))[0] == 0

    found = (await stored(client))["a"]
    assert (found.type, found.interaction.query) == (pb.FEEDBACK_TYPE_THUMBS_DOWN, "Wo, bitte?")


async def test_what_an_answer_came_from_is_stored(client: Client, tmp_path: Path) -> None:
    row = {
        "interaction_id": "a",
        "type": "COMMENT",
        "comment": "Where did you find this?",
        "query": "How long do refunds take?",
        "history": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
        "contexts": ["Refunds take 14 days.", "Pay by card."],
        "conversation_id": "c",
        "trace_id": "t",
        "span_id": "s",
    }
    named = {"interaction_id": "b", "type": "RATING", "rating": 4, "judged": "helpfulness"}

    code, told = await imported(client, lines(tmp_path, [row, named]), score="judged")

    assert (code, told) == (0, "2 rows read, 2 accepted (2 new, 0 amended, 0 already there), 0 skipped, 0 bad")
    found = await stored(client)
    interaction = found["a"].interaction
    assert found["a"].type == pb.FEEDBACK_TYPE_COMMENT
    assert [(each.role, each.content) for each in interaction.history] == [("system", "Be kind."), ("user", "Hi")]
    assert list(interaction.contexts) == row["contexts"]
    assert (interaction.conversation_id, interaction.trace_id, interaction.span_id) == ("c", "t", "s")
    assert found["b"].score == "helpfulness"


async def test_what_a_dry_run_calls_bad_the_service_refuses_with_the_same_words(client: Client, tmp_path: Path) -> None:
    rows: Rows = [
        {"interaction_id": "x" * 257, "type": "THUMBS_UP"},
        {"type": "RATING", "rating": 7},
        {"type": "THUMBS_UP", "comment": "x" * 10_001},
        {"type": "CORRECTION", "corrected": ""},
        {"type": "THUMBS_UP", "occur_time": "1999-12-31"},
    ]
    file = lines(tmp_path, rows)
    shown = (io.StringIO(), io.StringIO())
    dry, wet = (Console(file=each, width=300) for each in shown)

    assert run_preview(file, Options({}), dry) == await run_import(client, file, Options({}), wet) == 1

    told = [[line for line in each.getvalue().splitlines() if line.startswith("line ")] for each in shown]
    assert told[0] == told[1]
    assert len(told[0]) == 5


async def test_a_dry_run_redacts_what_the_service_redacts(client: Client, tmp_path: Path) -> None:
    words = "write to ann@example.com"
    row: dict[str, Any] = {"interaction_id": "a", "type": "CORRECTION", "corrected": words}
    row |= {"original": words, "user_id": words}
    row |= {"query": words, "response": words, "comment": words, "source": words, "labels": {"by": words}}
    texts: dict[str, Any] = {"history": [{"role": "user", "content": words}], "contexts": [words]}
    file, dry = lines(tmp_path, [row | texts]), Console(file=io.StringIO(), width=300)

    assert run_preview(file, Options({}), dry) == 0
    assert (await imported(client, file))[0] == 0

    assert isinstance(dry.file, io.StringIO)
    shown = [line.split() for line in dry.file.getvalue().splitlines()]
    redacted = {words[0] for words in shown if words and words[-1] == "(redacted)"}
    found = (await stored(client))["a"]
    kept = {
        "query": found.interaction.query,
        "response": found.interaction.response,
        "comment": found.comment,
        "corrected": found.correction.corrected,
        "original": found.correction.original,
        "user_id": found.user_id,
        "source": found.source,
        "labels": found.labels["by"],
        "history": found.interaction.history[0].content,
        "contexts": found.interaction.contexts[0],
    }
    assert redacted == {field for field, text in kept.items() if text != words}


async def test_the_command_exits_with_what_became_of_the_rows_and_a_dry_run_needs_no_service(
    service: Service, tmp_path: Path
) -> None:
    file = lines(tmp_path, [{"type": "THUMBS_UP", "query": "How do I pay?"}])

    code, output, errors = await run("import", str(file), "--dry-run", "--address", "localhost:1")
    assert (code, errors) == (0, "")
    assert "How do I pay?" in output
    assert output.splitlines()[-1] == "1 rows read, 1 would be sent, 0 skipped, 0 bad; nothing was sent"
    file.write_text(file.read_text() + '{"type": "LIKE"}\n')
    code, output, _ = await run("import", str(file), "--address", service.address)
    assert code == 1
    assert output.splitlines()[-1].startswith("2 rows read, 1 accepted")
    assert len(await stored(service.client)) == 1


async def test_a_pipe_is_read_and_a_column_that_never_came_is_told_at_its_end(client: Client, tmp_path: Path) -> None:
    def import_of(content: str) -> Path:
        pipe = tmp_path / "rows.jsonl"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_text, args=(content,), daemon=True).start()
        return pipe

    row = '{"type": "THUMBS_UP", "text": "a"}\n'
    assert (await imported(client, import_of(row), query="text"))[0] == 0
    code, told = await imported(client, import_of(row * 2), query="txt")
    assert code == 1
    assert told.startswith("2 rows read, 2 accepted")
