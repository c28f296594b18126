"""The examples run on a fresh service, and print what they say."""

from pathlib import Path

import pytest

from tests.conftest import Service
from tests.processes import run_python

_FOLDER = Path(__file__).parents[2] / "examples"
_PRINTED = {
    "thumbs.py": "one vote: True\nstill the newest: the tracking page is empty\n",
    "reviewer.py": "to do: How do I cancel?\nknown now: Settings, Plan, Cancel.\n",
    "assistant.py": "answers with: Be short.\nunchanged: True\nvoted on: {'tone': '1'}\n",
    "dashboard.py": "a review opened while nobody listened\n",
}


def test_every_example_is_tried_and_listed() -> None:
    assert {path.name for path in _FOLDER.glob("*.py")} == set(_PRINTED)
    readme = (_FOLDER / "README.md").read_text()
    assert all(f"examples/{name}" in readme for name in _PRINTED)


@pytest.mark.parametrize("name", sorted(_PRINTED))
async def test_an_example_prints_what_it_should(name: str, service: Service) -> None:
    printed = await run_python(str(_FOLDER / name), UPTAKE_ADDRESS=service.address)
    assert printed == (0, _PRINTED[name], "")
