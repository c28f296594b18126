"""The documents say what the code says, and the README's example shows something on its first run."""

import re
import runpy
import textwrap
from pathlib import Path

import pytest
from uptake_service.cli.main import cli
from uptake_service.config import Settings

from tests.conftest import Service
from tests.processes import run_python

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text()


def test_the_page_of_settings_is_that_of_the_service() -> None:
    found = runpy.run_path(str(_ROOT / "docs/settings_table.py"))
    assert found["PAGE"].read_text() == found["page"](), "call make docs"
    assert set(re.findall(r"^\| `UPTAKE_(\w+)`", found["page"](), re.MULTILINE)) == {
        name.upper() for name in Settings.model_fields
    }


def test_every_command_is_listed() -> None:
    assert set(re.findall(r"^    uptake (\w+) ", (_ROOT / "docs/cli.md").read_text(), re.MULTILINE)) == set(
        cli.commands
    )


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(_README.splitlines()) < 150
    folders = (".", "docs", "examples", "clients/*", "packages/*")
    pages = [page for folder in folders for page in _ROOT.glob(f"{folder}/*.md")]
    assert len(pages) > 15
    for page in pages:
        for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
            target = page.parent / link if link else page
            assert target.exists(), f"{page}: {link}"
            assert not anchor or anchor in _anchors(target), f"{page}: {link}#{anchor}"


def _anchors(page: Path) -> set[str]:
    """What the headings of a page are linked to by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _example_of_the_readme() -> str:
    (code,) = re.findall(r"^    import asyncio\n.*?^    asyncio\.run\(main\(\)\)$", _README, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(code)


def _example_of_the_client() -> str:
    code: str = re.findall(r"```python\n(.*?)```", (_ROOT / "clients/python/README.md").read_text(), re.DOTALL)[0]
    return code


@pytest.mark.parametrize("example", [_example_of_the_readme(), _example_of_the_client()], ids=["README", "client"])
async def test_the_example_prints_a_review_on_a_fresh_service_and_again(example: str, service: Service) -> None:
    assert example.count('"localhost:50051"') == 1
    question = re.findall(r'query="([^"]+)"', example)[0]

    for _ in range(2):
        code, output, errors = await run_python("-c", example.replace("localhost:50051", service.address))
        assert (code, errors) == (0, "")
        assert re.fullmatch(rf"{re.escape(question)} -> \w.*\n", output)
