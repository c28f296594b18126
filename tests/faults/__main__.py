"""`make faults`: every fault again and again under load, and a table of what came of it. It takes about half an hour.

Names of faults, or parts of them, try only those. Exits with 1 if anything was lost, doubled or different.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from tests.faults.catalogue import CATALOGUE
from tests.faults.trial import try_fault

TIMES, SLOW_TIMES = 20, 5
ACKNOWLEDGED = 1_000


async def _run(names: list[str]) -> bool:
    good = True
    print(
        f"{'fault':<38} {'tried':>5} {'acknowledged':>12} {'lost':>5} {'doubled':>7} {'differences':>11} {'claims':>6} "
        f"{'back s':>7} {'at most':>7}  proof of the last"
    )
    for fault in CATALOGUE:
        if names and not any(name in fault.name for name in names):
            continue
        with tempfile.TemporaryDirectory(prefix="uptake-faults-") as folder:
            times = SLOW_TIMES if fault.slow else TIMES
            outcome = await try_fault(fault, Path(folder), times=times, acknowledged=ACKNOWLEDGED)
        print(
            f"{fault.name:<38} {outcome.tried:5} {outcome.acknowledged:12,} {outcome.lost:5} {outcome.doubled:7} "
            f"{len(outcome.differences):11} {outcome.claims:6} {statistics.median(outcome.recovered):7.1f} "
            f"{max(outcome.recovered):7.1f}  {outcome.proofs[-1]}",
            flush=True,
        )
        for line in (*outcome.differences, *outcome.wrong):
            print(f"  {line}")
        good &= not (outcome.lost or outcome.doubled or outcome.differences or outcome.wrong)
    return good


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT")
    sys.exit(0 if asyncio.run(_run(parser.parse_args().names)) else 1)
