"""Prints docs/settings.md anew, from the settings themselves: `make docs`."""

import re
from pathlib import Path

from uptake_service.config import Settings

PAGE = Path(__file__).with_name("settings.md")


def table() -> str:
    rows = ["| name | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `UPTAKE_{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The page, with the table as it should be."""
    return re.sub(r"\| name \| default .*", lambda _: table(), PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def _shown(default: object) -> str:
    if default in (None, ""):
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
