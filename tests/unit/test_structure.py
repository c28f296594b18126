"""The layers of the service: imports run downwards only, so no folder is part of a cycle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import uptake_service

_ROOT = Path(uptake_service.__file__).parent

LAYERS = (
    ("cli",),
    ("app",),
    # The wire: messages to models and back, one servicer for each service of the contract.
    ("api",),
    # Capabilities, those that use others above these.
    ("erasure",),
    ("insights",),
    ("corrections",),
    ("reviews",),
    ("issues",),
    # Takes feedback in; knows what is derived from it as projections only.
    ("ingest",),
    ("patterns",),
    ("feedback",),
    ("projects", "projections"),
    ("rpc", "live"),
    ("auth",),
    ("coordination",),
    ("audit",),
    ("mongo",),
    ("telemetry",),
    ("config", "ports", "child_process", "embedding"),
    ("domain",),
)
"""Folders and single modules of the service, from the top down. Those of one line know nothing of each other."""


def imports() -> Iterator[tuple[str, str, str]]:
    """(file, the layer that it is of, the layer that it imports from) of each import of our own."""
    for path in sorted(_ROOT.rglob("*.py")):
        name = path.relative_to(_ROOT)
        layer = name.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module == "uptake_service":
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("uptake_service."):
                modules = [node.module.split(".")[1]]
            elif isinstance(node, ast.Import):
                modules = [each.name.split(".")[1] for each in node.names if each.name.startswith("uptake_service.")]
            for module in modules:
                yield str(name), layer, module


def test_every_folder_has_its_layer() -> None:
    there = {path.name.removesuffix(".py") for path in _ROOT.iterdir() if not path.name.startswith(("_", "py."))}
    assert there == {name for names in LAYERS for name in names}


def test_no_import_climbs() -> None:
    depth = {name: place for place, names in enumerate(LAYERS) for name in names}
    climbing = {
        (file, target) for file, layer, target in imports() if layer != target and depth[target] <= depth[layer]
    }
    assert climbing == set()


def test_no_folder_is_part_of_a_cycle() -> None:
    """What the layers forbid anyway; said by itself, so that it holds whatever becomes of their order."""
    targets: dict[str, set[str]] = {}
    for _, layer, target in imports():
        targets.setdefault(layer, set()).add(target)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = list(targets.get(start, set()) - {start})
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                waiting += targets.get(name, set()) - {name}
        return found

    assert [layer for layer in sorted(targets) if layer in reached(layer)] == []
