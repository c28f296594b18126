"""`uptake demo` tells the main job whole."""

import re
from pathlib import Path

from tests.processes import run


async def test_the_demo_shows_the_main_job(tmp_path: Path) -> None:
    code, output, errors = await run("demo", folder=tmp_path)

    assert (code, errors) == (0, "")
    shown = " ".join(output.split())
    assert "422 accepted" in shown
    complaints = output.partition("what users complain of")[2].partition("what to improve")[0]
    assert len(re.findall(r"^ {2}\d+ ", complaints, re.MULTILINE)) >= 5
    assert "OPENED -> CLAIMED -> RESOLVED" in shown
    corrected = re.search(r"knowledge parcels/\w+, revision 1: (.*?) OPENED", shown)
    assert corrected
    searched = shown.partition("searches the knowledge base")[2]
    found, _, judged = searched.partition("What a subscriber saw")[0].partition("did it work?")
    assert corrected[1] in found
    # How much of it opened the review, and is therefore left out of the baseline, is a matter of how commits fell.
    assert re.search(r"improved: It helped: [1-9] of \d+ votes \(\d+%\) .* 2 of 100 votes \(2%\) after it\.", judged)
    assert "reopened" not in shown
    events = searched.partition("What a subscriber saw")[2]
    assert all(
        re.search(kind, events)
        for kind in (r"issue \w+ new", r"correction \w+ applied", r"review \w+ resolved", r"correction \w+ improved")
    )
    assert "<h1>What users say</h1>" in (tmp_path / "uptake-report.html").read_text()
