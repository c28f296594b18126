"""Enums of the wire and of the service have the same values."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uptake_service

_ROOT = Path(uptake_service.__file__).parent


def tables() -> Iterator[tuple[str, Any, set[int]]]:
    """Where each table is made with `numbers` or `members`, its enum on the wire, and the numbers that it has."""
    for path in sorted(_ROOT.rglob("*.py")):
        name = ".".join(("uptake_service", *path.relative_to(_ROOT).with_suffix("").parts))
        if name == "uptake_service.api.enums":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("numbers" | "members" as kind), args=[wire, _, _]):
                    # As the module sees it: its names are those of the expression.
                    names = vars(importlib.import_module(name))
                    made = eval(ast.unparse(node), names)  # noqa: S307
                    table = set(made.values()) if kind == "numbers" else set(made)
                    yield f"{name}:{node.lineno}", eval(ast.unparse(wire), names), table  # noqa: S307


TABLES = [pytest.param(wire, table, id=where) for where, wire, table in tables()]


def test_tables_are_found() -> None:
    named = {str(each.id).rpartition(":")[0] for each in TABLES}
    assert {f"uptake_service.api.messages.{name}" for name in ("corrections", "feedback", "insights")} <= named


@pytest.mark.parametrize(("wire", "table"), TABLES)
def test_the_service_knows_every_value_of_the_contract(wire: Any, table: set[int]) -> None:
    assert table == set(wire.values()) - {0}
