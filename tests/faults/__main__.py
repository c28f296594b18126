"""`make faults`: every fault again and again under load, and a table of what came of it. It takes about half an hour.
At the end reviewers race for the same reviews.

Names of faults, or parts of them, try only those; `race` is the race. Exits with 1 if anything was lost, doubled or
different.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.disks import CannotMount
from tests.faults.catalogue import CATALOGUE
from tests.faults.races import race
from tests.faults.stage import stage
from tests.faults.trial import try_fault

TIMES, SLOW_TIMES = 20, 5
ACKNOWLEDGED = 1_000
ATTEMPTS = 100_000
LEASE_SECONDS = 8
"""So short that claims run out all the time, and so long that most attempts come too late."""


async def _run(names: list[str]) -> bool:
    good = True
    print(
        f"{'fault':<38} {'tried':>5} {'acknowledged':>12} {'lost':>5} {'doubled':>7} {'differences':>11} {'claims':>6} "
        f"{'back s':>7} {'at most':>7}  proof of the last"
    )
    for fault in CATALOGUE:
        if names and not any(name in fault.name for name in names):
            continue
        times = SLOW_TIMES if fault.slow else TIMES
        with tempfile.TemporaryDirectory(prefix="uptake-faults-") as folder:
            try:
                outcome = await try_fault(fault, Path(folder), times=times, acknowledged=ACKNOWLEDGED)
            except CannotMount as error:
                print(f"{fault.name:<38} not tried: {error}")
                good = False
                continue
        print(
            f"{fault.name:<38} {outcome.tried:5} {outcome.acknowledged:12,} {outcome.lost:5} {outcome.doubled:7} "
            f"{len(outcome.differences):11} {outcome.claims:6} {statistics.median(outcome.recovered):7.1f} "
            f"{max(outcome.recovered):7.1f}  {outcome.proofs[-1]}",
            flush=True,
        )
        for line in (*outcome.differences, *outcome.wrong):
            print(f"  {line}")
        good &= not (outcome.lost or outcome.doubled or outcome.differences or outcome.wrong)
    if not names or "race" in names:
        good &= await _race()
    return good


async def _race() -> bool:
    with tempfile.TemporaryDirectory(prefix="uptake-faults-") as folder:
        async with stage(Path(folder)) as scene:
            found = await race(
                scene.addresses, reviewers=50, reviews=200, attempts=ATTEMPTS, lease_seconds=LEASE_SECONDS
            )
            async with scene.mongo() as mongo:
                differences = await check(mongo, Clock())
    twice = sum(won > 1 for won in found.won.values())
    print(
        f"50 reviewers race for 200 reviews: {found.attempts:,} attempts, {len(found.won):,} claims won, {twice} won "
        f"twice, {found.stale} changes under a claim that was no longer the newest, {found.unanswered} calls told to "
        f"come again, {len(differences)} differences"
    )
    return not (twice or found.stale or differences)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT")
    sys.exit(0 if asyncio.run(_run(parser.parse_args().names)) else 1)
