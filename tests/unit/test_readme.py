"""The README says what the code says."""

import re
from pathlib import Path

from uptake_service.cli import cli
from uptake_service.config import Settings

_README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_table_of_settings_is_that_of_the_service() -> None:
    listed = re.findall(r"^\| `UPTAKE_(\w+)` \| (.*?) \| (.*) \|$", _README, re.MULTILINE)
    settings = [
        (name.upper(), _shown(field.default), field.description) for name, field in Settings.model_fields.items()
    ]
    assert listed == settings


def _shown(default: object) -> str:
    return "unset" if default in (None, "") else f"`{str(default).lower() if default is False else default}`"


def test_every_command_is_listed() -> None:
    assert set(re.findall(r"^    uptake (\w+) ", _README, re.MULTILINE)) == set(cli.commands)
