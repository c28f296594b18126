"""No test waits for a fixed time: all wait for the state that they need, by tests/processes.py and waiting.ts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import hypothesis

from tests.processes import PATIENCE_SECONDS

TESTS = Path(__file__).parents[1]
TYPESCRIPT = TESTS.parent / "clients" / "typescript" / "tests"

ALLOWED = {
    ("processes.py", "eventually"): "the one way to wait",
    ("processes.py", "in_time"): "the limit of what waits by itself",
    ("processes.py", "let_pass"): "a time that a test is about; its callers say which",
    ("processes.py", "any_moment"): "a random moment before harm, of which nothing is taken to have begun",
    ("faults/callers.py", "_send"): "when what was acknowledged was sent; told, and compared with nothing",
    ("faults/callers.py", "_call"): "a call's deadline is a promise about time; the bound is wide",
    ("faults/trial.py", "try_fault"): "told in the table of `make faults`",
    ("faults/fuzz.py", "_main"): "`make fuzz` sends garbage for so long",
    ("faults/fuzz.py", "_call"): "garbage may open a stream that nobody ends; how it ends is not judged",
    ("faults/fuzz.py", "_send_slowly"): "garbage may be answered or not",
    ("faults/greed.py", "refresh_and_leave"): "who asks leaves soon",
    ("faults/soak.py", "soak"): "`make soak` goes on for so long",
    (
        "unit/test_limits.py",
        "test_the_database_is_told_how_long_a_statement_may_take",
    ): "a deadline of the loop's clock",
    ("service/test_readiness.py", "test_an_embedded_database_on_a_full_disk"): "who fills it goes on with another call",
    ("service/test_live.py", "test_subscribers_that_leave_take_all_of_theirs_with_them"): "a deadline that passes",
    ("service/test_stream_feedback.py", "test_a_stream_past_its_deadline_ends_and_leaves_nothing_behind"): "the same",
    ("service/test_embedded_database.py", "test_a_start_that_takes_too_long_fails_and_leaves_nothing"): "it is",
    ("service/test_embedded_database.py", "test_a_hanging_database_is_ended_by_force"): "it does not end by itself",
    ("service/test_embedded_database.py", "test_stop_leaves_nothing_behind"): "a refusal on loopback comes at once",
    ("unit/test_acceptor.py", "_most_in_a_turn"): "the loop is to be busy",
    ("unit/test_client.py", "test_every_call_has_a_deadline_and_can_bring_its_own"): "a deadline that passes",
    ("unit/test_correction_rules.py", "test_a_difference_of_long_texts_is_right_and_takes_no_time"): "processor time",
    ("unit/test_embedders.py", "seconds"): "processor time",
    ("unit/test_event_loop.py", "turns_until_all_are_answered"): "the loop is to be busy",
}
"""Functions that deal in time itself, each with its reason."""

_CLOCKS = {"monotonic", "perf_counter", "thread_time", "process_time"}
_LIMITS = {"timeout", "timeout_seconds", "start_timeout_seconds"}
_LEAST_LIMIT_SECONDS = 30.0
"""For the deadlines of calls; on a busy machine what usually takes a tenth of a second may take several."""


def found_in(file: Path) -> Iterator[tuple[str, int, str]]:
    """Function, line and what it does with time, for everything that needs a reason."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, int, str]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.Call):
                yield from ((inner, child.lineno, what) for what in _of_call(child))
            yield from walk(child, inner)

    yield from walk(ast.parse(file.read_text()), "")


def _of_call(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
    if name == "sleep" and not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0):
        yield "sleeps"
    elif owner == "asyncio" and name in ("timeout", "wait_for"):
        yield "has a limit of its own: use in_time(), which says what did not come"
    elif owner == "time" and name in _CLOCKS:
        yield "measures time"
    elif name in ("eventually", "in_time"):
        yield from (
            f"gives up after {argument.value} s: what comes late on a busy machine must not fail"
            for argument in call.args[1:]
            if isinstance(argument, ast.Constant)
            and isinstance(argument.value, int | float)
            and argument.value < PATIENCE_SECONDS
        )
    for keyword in call.keywords:
        value = keyword.value
        seconds = value.value if isinstance(value, ast.Constant) else None
        if keyword.arg in _LIMITS and isinstance(seconds, int | float) and seconds < _LEAST_LIMIT_SECONDS:
            yield f"sets {keyword.arg} to {seconds} s"


def test_no_test_waits_for_a_time() -> None:
    used, wrong = set(), []
    for file in sorted(TESTS.rglob("*.py")):
        name = file.relative_to(TESTS).as_posix()
        if name.startswith("benchmarks/"):
            continue
        for function, line, what in found_in(file):
            if (name, function) in ALLOWED:
                used.add((name, function))
            else:
                wrong.append(f"tests/{name}:{line} {function}() {what}")
    assert wrong == []
    assert used == set(ALLOWED), "these need no leave any more"


def test_no_test_of_the_typescript_client_waits_for_a_time() -> None:
    wrong = [
        f"{file.name}:{number}"
        for file in sorted(TYPESCRIPT.glob("*.ts"))
        if file.name != "waiting.ts"
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if re.search(r"setTimeout|setInterval|node:timers|Atomics\.wait", line)
    ]
    assert wrong == []


def test_no_example_of_a_property_has_a_limit_of_time() -> None:
    assert hypothesis.settings().deadline is None


def test_what_waits_is_found(tmp_path: Path) -> None:
    file = tmp_path / "test_waits.py"
    file.write_text(
        "async def test_it():\n"
        "    await asyncio.sleep(0)\n"
        "    await asyncio.sleep(0.1)\n"
        "    async with asyncio.timeout(5), in_time('it', 5):\n"
        "        await eventually(lambda: True, 'it', 70)\n"
        "        began = time.monotonic()\n"
        "        await Client('x', timeout_seconds=5).get(timeout=60)\n"
    )
    assert [(function, line) for function, line, _ in found_in(file)] == [("test_it", line) for line in (3, 4, 4, 6, 7)]
