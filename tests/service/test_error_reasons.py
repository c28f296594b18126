"""What the contract says of each reason is what calls get: an example, and the metadata that the comment lists."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uptake_service
from uptake.v1 import error_pb2
from uptake_service.rpc.errors import CODES, reason_name

from tests.conftest import StartService
from tests.provoked_errors import CASES, Case, Scene

_ENTRY = r"`([a-z][a-z_]*)` \([^()]+\)"
_COMMENT = re.compile(
    r"(?P<code>[A-Z_]+): .+?\. Example: (?P<example>.+?\.) Metadata: (?P<always>.+?\.)"
    r"(?: Metadata at times: (?P<at_times>.+\.))?"
)

NOT_PROVOKED = {
    "RESUME_TOKEN_EXPIRED": "takes events to be older than a day; test_subscriptions deletes some",
    "SUBSCRIBER_TOO_SLOW": "takes a stalled reader for longer than its patience; test_live and test_budgets have one",
    "DATABASE_UNAVAILABLE": "takes a database that does not answer; test_stream_feedback and tests/faults have one",
    "SHUTTING_DOWN": "takes a process that stops during a call; test_subscriptions and test_stream_feedback stop one",
    "DEADLINE_EXCEEDED": "is a race with gRPC, which ends the call by itself; test_arrival and test_budgets have it",
    "READ_TOO_LONG": "takes a read that outlasts the database's time; test_budgets has one",
    "ITEM_REJECTED": "takes a document that MongoDB refuses; test_collecting makes an index that does",
    "CONFLICT": "takes write conflicts again and again; tests/faults has them",
    "ISSUE_RUN_FAILED": "takes a worker that dies; test_issues has one",
}
"""Reasons that no call gets here, with why; none has metadata, which the test of the source shows."""


@dataclass(frozen=True)
class Documented:
    """What the comment of a reason says: its code, and the keys that are always there and at times."""

    code: str
    always: frozenset[str]
    at_times: frozenset[str]


def _keys(listed: str | None) -> frozenset[str]:
    if listed is None or listed == "none.":
        return frozenset()
    assert re.fullmatch(rf"{_ENTRY}(?:, {_ENTRY})*\.", listed), listed
    return frozenset(match[1] for match in re.finditer(_ENTRY, listed))


def _documented() -> dict[str, Documented]:
    source = (Path(__file__).parents[2] / "protos" / "uptake" / "v1" / "error.proto").read_text()
    found: dict[str, Documented] = {}
    comment: list[str] = []
    for line in source.splitlines():
        text = line.strip()
        if text.startswith("//"):
            comment.append(text.removeprefix("//").strip())
            continue
        value = re.fullmatch(r"ERROR_REASON_(\w+) = [1-9]\d*;", text)
        if value:
            parts = _COMMENT.fullmatch(" ".join(comment))
            assert parts is not None, f"{value[1]} has no code, Example and Metadata in this order: {comment}"
            found[value[1]] = Documented(parts["code"], _keys(parts["always"]), _keys(parts["at_times"]))
        comment = []
    return found


DOCUMENTED = _documented()


# The contract and the source


def test_each_reason_has_its_code_an_example_and_its_metadata() -> None:
    assert set(DOCUMENTED) == {reason_name(reason) for reason in CODES}
    assert {reason_name(reason): code.name for reason, code in CODES.items()} == {
        name: documented.code for name, documented in DOCUMENTED.items()
    }
    assert set(error_pb2.ErrorReason.values()) == {0, *CODES}


def _made_in_source() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Where the service makes an error of a reason: the place, the reason and the metadata's keys."""
    folder = Path(uptake_service.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Attribute):
                continue
            name, reason = ast.unparse(node.func), node.args[0].attr
            if not reason.startswith("ERROR_REASON_"):
                continue
            if name == "not_found":
                keys = frozenset({f"{ast.literal_eval(node.args[1])}_id"})
            elif name in ("DomainError", "super().__init__"):
                (given,) = [each.value for each in node.keywords if each.arg == "metadata"] or [ast.Dict([], [])]
                assert isinstance(given, ast.Dict), f"{path}:{node.lineno}"
                keys = frozenset(ast.literal_eval(key) for key in given.keys if key is not None)
            else:
                continue
            yield f"{path.relative_to(folder)}:{node.lineno}", reason.removeprefix("ERROR_REASON_"), keys


def test_wherever_the_service_makes_an_error_it_has_the_metadata_of_its_reason() -> None:
    made = list(_made_in_source())
    wrong = [
        (place, reason, sorted(keys))
        for place, reason, keys in made
        if not DOCUMENTED[reason].always <= keys <= DOCUMENTED[reason].always | DOCUMENTED[reason].at_times
    ]
    assert wrong == []
    assert {reason for _, reason, _ in made} == set(DOCUMENTED)


def test_each_reason_is_provoked_with_each_key_or_is_said_why_not() -> None:
    assert {reason for reason, _, _ in CASES} | set(NOT_PROVOKED) == set(DOCUMENTED)
    assert all(not DOCUMENTED[reason].always | DOCUMENTED[reason].at_times for reason in NOT_PROVOKED)
    for name, documented in DOCUMENTED.items():
        assert frozenset().union(*(keys for reason, keys, _ in CASES if reason == name)) == documented.at_times, name


@pytest.mark.parametrize(
    ("reason", "at_times", "case"), [pytest.param(*case, id=f"{case[0]}: {case[2].__name__}") for case in CASES]
)
async def test_a_call_gets_the_reason_with_exactly_its_metadata(
    start_service: StartService,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    at_times: frozenset[str],
    case: Case,
) -> None:
    error, expected = await case(Scene(start_service, monkeypatch))

    assert (error.reason, error.code.name) == (reason, DOCUMENTED[reason].code)
    assert error.metadata == expected
    assert set(expected) == DOCUMENTED[reason].always | at_times
