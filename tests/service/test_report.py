"""`uptake report`: one page that draws everything and loads nothing, whatever users wrote."""

import asyncio
import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from uptake import Client, thumbs_down, thumbs_up
from uptake.builders import About
from uptake.v1.correction_pb2 import CorrectionDraft, KnowledgeChange
from uptake_service.cli.report.command import write_report
from uptake_service.domain.errors import StartupError

from tests.conftest import StartService
from tests.issues import complain, run
from tests.processes import PATIENCE_SECONDS, in_time
from tests.service.test_verdicts import seen

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
_MAY_SKIP = not os.environ.get("CI")

needs_chromium = pytest.mark.skipif(
    not _CHROMIUM and _MAY_SKIP, reason="no Chromium is installed: apt-get install chromium; with CI set this fails"
)

_HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> <b>{}</b>"


async def reported(client: Client, folder: Path) -> Path:
    file = folder / "report.html"
    await write_report(client, Console(quiet=True), file, project="default", days=30)
    return file


async def drawn(file: Path, folder: Path) -> tuple[str, str]:
    """The page's document after its scripts ran, and what Chromium logged."""
    process = await asyncio.create_subprocess_exec(
        _CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-crash-reporter",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=10000",
        "--dump-dom",
        file.as_uri(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with in_time("the page as Chromium drew it", 3 * PATIENCE_SECONDS):
        document, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    return document.decode(), log.decode()


def marks(document: str, name: str, kind: str) -> int:
    """How many points (bars too), or whiskers, Plotly drew in a plot."""
    parts = re.split(r'<div id="plot-(\w+)"', document)
    drawing = dict(zip(parts[1::2], parts[2::2], strict=True)).get(name, "")
    return len(re.findall(rf'class="{kind}[ "]', drawing))


@needs_chromium
async def test_plots_are_drawn_and_nothing_is_loaded(start_service: StartService, tmp_path: Path) -> None:
    client = (await start_service(verdict_interval_seconds=0.1)).client
    await complain(client)
    # A bar for each day that the window touches.
    now, days = datetime.now(UTC), 31

    for day in range(3):
        for number in range(4):
            when = now - timedelta(days=day)
            make = thumbs_down if number < 2 else thumbs_up
            about: About = {"query": "When do you open?", "occur_time": when, "model": f"m{number % 2}"}
            await client.collect(make(f"{day}-{number}", **about))
    issues = await run(client)
    opening = KnowledgeChange(key="opening", content="at nine")
    named = [feedback.id async for feedback in client.feedback.list() if feedback.interaction.id == "0-0"]
    unmeasured, result = await client.corrections.apply(
        [CorrectionDraft(knowledge=opening), CorrectionDraft(knowledge=opening, feedback_ids=named)], "ann"
    )
    for number in range(25):
        await client.collect(thumbs_up(f"after-{number}", query="When do you open?"))
    await seen(client, result.correction.id, lambda verdict: verdict.judged.votes == 25)

    document, log = await drawn(await reported(client, tmp_path), tmp_path)

    assert "CONSOLE" not in log
    assert "<h1>What users say</h1>" in document
    assert marks(document, "rates", "point") >= days + 3
    assert marks(document, "rates", "yerror") >= 3
    assert marks(document, "models", "xerror") == len({"m0", "m1", ""})
    assert marks(document, "issues", "point") == len(issues)
    assert marks(document, "map", "point") == len(issues)
    assert marks(document, "reviews", "point") >= 1
    # One before and one after; the other names nothing that measures it.
    assert marks(document, "verdicts", "xerror") == marks(document, "verdicts", "point") == 2
    assert unmeasured.correction.verdict.summary in document
    for issue in issues:
        assert issue.title in document
        assert issue.id in document
    assert f"revision {result.correction.revision}" in document


@needs_chromium
async def test_users_words_are_no_code(client: Client, tmp_path: Path) -> None:
    sent = client.collect_many(
        thumbs_down(f"i{number}", query=_HOSTILE.format("query"), comment=_HOSTILE.format(number), model="<i>m</i>")
        for number in range(30)
    )
    assert [result.HasField("feedback") async for result in sent] == [True] * 30
    await client.collect(thumbs_up("good", query="fine", model="other"))
    assert await run(client)

    file = await reported(client, tmp_path)
    document, log = await drawn(file, tmp_path)

    assert "CONSOLE" not in log
    assert "<title>Uptake: default</title>" in document
    assert "onerror=" not in re.sub(r"&lt;img.*?&gt;|u003cimg.*?u003e", "", document.partition("<body>")[2])
    assert "<i>m</i>" not in document


@needs_chromium
async def test_without_feedback_the_page_says_so(client: Client, tmp_path: Path) -> None:
    document, log = await drawn(await reported(client, tmp_path), tmp_path)

    assert "CONSOLE" not in log
    for said in ("There is no feedback in this window", "No issues were found", "nothing waits for a person"):
        assert said in " ".join(document.split())
    assert "plot-" not in document.partition("<body>")[2]


async def test_a_report_is_written_whole_or_not_at_all(client: Client, tmp_path: Path) -> None:
    file = await reported(client, tmp_path)
    before = file.read_text()
    assert await reported(client, tmp_path) == file
    assert file.read_text() != ""
    assert os.listdir(tmp_path) == [file.name]  # noqa: PTH208 - pathlib's would block the loop as much.
    assert "<h1>What users say</h1>" in before

    with pytest.raises(StartupError, match="cannot be written"):
        await reported(client, tmp_path / "nowhere")
