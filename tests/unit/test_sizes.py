"""Files, functions and constructors stay as small as can be read at once; those that are better whole are named."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ("service", "clients/python", "packages", "tests", "protos", "deploy", "docs", "examples")
OTHERS = (
    ("protos/uptake", ".proto"),
    ("clients/typescript/src", ".ts"),
    ("clients/typescript/tests", ".ts"),
    ("deploy", ".yaml"),
    ("docs", ".md"),
)
"""What is no Python: its folders, and how its files' names end."""

MOST_LINES_OF_FILE = 450
MOST_LINES_OF_FUNCTION = 60
"""From its `def` to its end, the docstring with it."""
MOST_ARGUMENTS = 9
"""Of a constructor, beside `self`."""

_ONE_CAPABILITY = "the tests of one capability share their fixtures and are read by their sections"
_ONE_SERVICE = "a third of its lines are the rules in fields' options, and one file holds one service"

LARGE_FILES = {
    "clients/typescript/tests/faults.test.ts": "all of it is held against one service that fails as it is told to",
    "protos/uptake/v1/feedback.proto": _ONE_SERVICE,
    "protos/uptake/v1/review.proto": _ONE_SERVICE,
    "tests/faults/catalogue.py": "the list of all faults, each with what it does and what proves that it was done",
    "tests/provoked_errors.py": "a list of cases of one kind, each read by itself",
    "tests/faults/soak.py": "the callers, the model and what holds one against the other know each other's every word",
    "tests/service/test_access.py": _ONE_CAPABILITY,
    "tests/service/test_collecting.py": _ONE_CAPABILITY,
    "tests/service/test_corrections.py": _ONE_CAPABILITY,
    "tests/service/test_reviews.py": _ONE_CAPABILITY,
    "tests/service/test_stream_feedback.py": _ONE_CAPABILITY,
    "tests/service/test_verdicts.py": _ONE_CAPABILITY,
    "tests/unit/test_client.py": "all of it is held against one service that fails as it is told to",
    "tests/unit/test_import_files.py": _ONE_CAPABILITY,
    "tests/unit/test_importer.py": _ONE_CAPABILITY,
    "tests/unit/test_redaction.py": "mostly tables of texts and what is left of them",
}
LONG_FUNCTIONS = {
    ("tests/service/test_isolation.py", "calls"): "a table: every call that takes an id, by what the id names",
}
MANY_ARGUMENTS: dict[str, str] = {}


def sources() -> Iterator[tuple[str, ast.Module, int]]:
    """Path, syntax and lines of every Python file that is written by hand."""
    for folder in PYTHON:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
                text = path.read_text(encoding="utf-8")
                yield path.relative_to(ROOT).as_posix(), ast.parse(text), text.count("\n")


def others() -> Iterator[tuple[str, int]]:
    """Path and lines of every other file that is written by hand."""
    for folder, suffix in OTHERS:
        for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
            if "gen" not in path.relative_to(ROOT).parts:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8").count("\n")


def test_files() -> None:
    lines_of = {path: lines for path, _, lines in sources()} | dict(others())
    assert {Path(path).suffix for path in lines_of} == {".py", *(suffix for _, suffix in OTHERS)}
    assert {path for path, lines in lines_of.items() if lines > MOST_LINES_OF_FILE} == set(LARGE_FILES)


def test_functions() -> None:
    long = {
        (path, node.name)
        for path, tree, _ in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_OF_FUNCTION
    }
    assert long == set(LONG_FUNCTIONS)


def test_constructors() -> None:
    many = {
        f"{path}:{each.name}"
        for path, tree, _ in sources()
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
        for node in each.body
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        if len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) - 1 > MOST_ARGUMENTS
    }
    assert many == set(MANY_ARGUMENTS)
