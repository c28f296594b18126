"""The tutorial works: its blocks run one after the other, and print what it says that they print."""

import ast
import contextlib
import inspect
import io
import re
from pathlib import Path
from typing import Any

from tests.conftest import Service, StartService
from tests.processes import PATIENCE_SECONDS, in_time

_TUTORIAL = Path(__file__).parents[2] / "docs/tutorial.md"
_BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


async def run(code: str, names: dict[str, Any]) -> str:
    """What a block prints that may await, as in `python -m asyncio`."""
    output = io.StringIO()
    compiled = compile(code, str(_TUTORIAL), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(output):
        result = eval(compiled, names)  # noqa: S307  It is our own page.
        if inspect.isawaitable(result):
            await result
    return output.getvalue()


async def test_the_tutorial_prints_what_it_says(start_service: StartService) -> None:
    service: Service = await start_service(verdict_interval_seconds=0.1)
    names: dict[str, Any] = {}
    blocks = _BLOCK.findall(_TUTORIAL.read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    for code, told in blocks:
        async with in_time(f"the end of: {code[:60]}", 4 * PATIENCE_SECONDS):
            assert await run(code.replace("localhost:50051", service.address), names) == told
