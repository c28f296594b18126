"""Faults of what the service runs on, each once, under load; `make faults` tries all, each many times."""

from pathlib import Path

import pytest

from tests.disks import CannotMount
from tests.faults.catalogue import CATALOGUE, Fault
from tests.faults.trial import try_fault


@pytest.mark.parametrize("fault", [each for each in CATALOGUE if not each.apart], ids=lambda fault: fault.name)
async def test_nothing_is_lost_doubled_or_different(fault: Fault, tmp_path: Path) -> None:
    try:
        outcome = await try_fault(fault, tmp_path, times=1, acknowledged=200)
    except CannotMount as error:
        pytest.skip(str(error))
    assert outcome.acknowledged >= 200
    assert outcome.claims
    assert (outcome.lost, outcome.doubled, outcome.differences, outcome.wrong) == (0, 0, [], [])
