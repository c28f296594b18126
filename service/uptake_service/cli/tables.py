"""What the tables of the command line are made of: columns of two facts a row, users' words kept plain."""

from collections.abc import Sequence
from datetime import timedelta

from rich.table import Table
from rich.text import Text

_BARS = " ▁▂▃▄▅▆▇█"


def two_line_table(*narrow: str, wide: str) -> Table:
    """A table whose cells hold two facts each, so that a line of 80 characters has room for users' words."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in narrow:
        table.add_column(heading, no_wrap=True)
    table.add_column(wide, min_width=24)
    return table


def one_line(text: str, longest: int) -> str:
    """Users' words on one line, without what could steer a terminal."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def over(first: str, second: str) -> Text:
    """Two lines; as Text, since users' words in brackets are not rich's markup."""
    return Text.assemble(first, "\n", (second, "dim")) if second else Text(first)


def age(passed: timedelta) -> str:
    minutes = max(int(passed.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def sparkline(values: Sequence[int]) -> str:
    most = max(values, default=0)
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] if most else _BARS[0] for value in values)


def enum_name(full: str, prefix: str) -> str:
    return full.removeprefix(prefix).lower().replace("_", " ")
