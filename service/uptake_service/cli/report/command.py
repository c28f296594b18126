"""`uptake report`: everything on one page."""

import asyncio
import os
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text
from uptake import Client

from uptake_service.domain.errors import StartupError


async def write_report(client: Client, console: Console, file: Path, *, project: str, days: int) -> None:
    """Writes the report of the last `days` days to `file`, whole or not at all.

    Raises:
        StartupError: The libraries that draw are not installed, or the file cannot be written.
    """
    if not can_report():
        raise StartupError("a report needs plotly and jinja2; install them with: pip install '.[report]'")
    from uptake_service.cli.report.gather import gather
    from uptake_service.cli.report.page import render
    from uptake_service.embedding.embedders import Embedders

    with console.status("reading"):
        page = render(await gather(client, project, days, datetime.now(UTC)), Embedders())
    await asyncio.to_thread(_write, file, page)
    console.print(Text(f"  wrote {file}, {len(page) / 1e6:.1f} MB: open it in a browser"))


def can_report() -> bool:
    """Whether the libraries that a report is made with are installed."""
    return all(find_spec(library) for library in ("plotly", "jinja2"))


def _write(file: Path, page: str) -> None:
    """Beside the file first, so that a full disk leaves the report from before."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        try:
            beside.write_text(page, encoding="utf-8")
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise StartupError(f"{file} cannot be written: {error.strerror}") from error
