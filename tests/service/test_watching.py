"""`uptake insights --watch` and `uptake reviews --watch`, as lines and as a view."""

import asyncio
import contextlib
import io
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from uptake import Client, thumbs_down
from uptake_service.cli.watching import watch_insights, watch_reviews

from tests.conftest import Service, StartService
from tests.processes import eventually, in_time, launch, serving

QUERY = "How do I reset my [bold]password[/bold]?"


@pytest.fixture
async def quick(start_service: StartService) -> Service:
    return await start_service(subscription_interval_seconds=0.1)


@contextlib.asynccontextmanager
async def watching(
    watch: Callable[[Client, Console], Coroutine[Any, Any, None]], client: Client, *, terminal: bool
) -> AsyncIterator[Callable[[], str]]:
    """Yields what tells everything shown so far."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120, height=40, color_system=None)
    task = asyncio.create_task(watch(client, console))
    try:
        yield shown.getvalue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def make_bad(client: Client) -> None:
    async for result in client.collect_many(thumbs_down(f"i{number}", query=QUERY) for number in range(3)):
        assert result.HasField("feedback")


@pytest.mark.parametrize("terminal", [False, True])
async def test_insights_are_followed(quick: Service, terminal: bool) -> None:
    async with watching(watch_insights, quick.client, terminal=terminal) as shown:
        await eventually(lambda: "0 pieces of feedback in 30 days" in shown(), "the snapshot")
        await make_bad(quick.client)
        await eventually(lambda: "3 pieces of feedback in 30 days: 0.0% positive, 100.0% negative" in shown(), "3")
        (review,) = [each async for each in quick.client.reviews.list()]
        await eventually(lambda: f"review {review.id} opened, negative 100% of 3" in shown(), "the event")


@pytest.mark.parametrize("terminal", [False, True])
async def test_reviews_are_followed(quick: Service, terminal: bool) -> None:
    def watch(client: Client, console: Console) -> Coroutine[Any, Any, None]:
        return watch_reviews(client, console, states=("open",))

    async with watching(watch, quick.client, terminal=terminal) as shown:
        await make_bad(quick.client)
        # Users' words are shown as they are.
        await eventually(lambda: QUERY in " ".join(shown().split()), "the review")
        (review,) = [each async for each in quick.client.reviews.list()]
        await quick.client.reviews.claim(review.id, "ann")
        gone = "0 open" if terminal else f"{review.id}  no longer open"
        await eventually(lambda: gone in shown(), "its going")


async def test_ctrl_c_ends_watching(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        # A shell's job in the background ignores Ctrl-C, and what it starts does too; the tests may be such a job.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            process = await launch("insights", "--watch", "--address", service.address)
        finally:
            signal.signal(signal.SIGINT, before)
        try:
            assert process.stdout is not None
            async with in_time("the first line"):
                assert b"0 pieces of feedback" in await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            async with in_time("the end of watching"):
                _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert (process.returncode, errors) == (0, b"")
