"""The names of limits are the same in the contract and in the metrics' documentation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_limit_of_the_contract_is_one_of_the_metric() -> None:
    contract = re.sub(r"\n\s*//", "", (ROOT / "protos/uptake/v1/error.proto").read_text(encoding="utf-8"))
    told = {
        name for text in re.findall(r"Metadata: `limit` \((.*?)\)", contract) for name in re.findall("`(.*?)`", text)
    }
    documented = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"refused by a `limit`: (.*?)\.", documented)
    assert "queue" in told
    assert set(names.split(", ")) == told
