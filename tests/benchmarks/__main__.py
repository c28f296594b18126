"""`make bench`: every benchmark in turn, each printing its figures beside a baseline.

All figures go to bench.json too: `machine`, and for each benchmark its rows by name. With --full each measures for
longer, several times over and up to the largest sizes, which takes an hour or two; names of benchmarks measure only
those.
"""

import argparse
import json
import time
from pathlib import Path

from tests.benchmarks import (
    bought_votes,
    clustering_scale,
    data_sets,
    intake,
    issues_quality,
    languages,
    live_latency,
    machine,
    overload,
    patterns_quality,
    reads,
    redaction_quality,
    resources,
    trigger_quality,
    two_processes,
    verdicts,
)

RESULTS = Path("bench.json")

BENCHMARKS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        patterns_quality,
        languages,
        issues_quality,
        clustering_scale,
        trigger_quality,
        verdicts,
        bought_votes,
        redaction_quality,
        intake,
        overload,
        two_processes,
        reads,
        resources,
        live_latency,
    )
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all without")
    parser.add_argument("--full", action="store_true", help="measure for longer, and the largest sizes too")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    about = machine.description()
    print(", ".join(f"{name} {value}" for name, value in about.items()), end="\n\n")
    measured: dict[str, dict[str, dict[str, float]]] = {}
    began = time.monotonic()
    for name in chosen.names or BENCHMARKS:
        started = time.monotonic()
        measured[name] = BENCHMARKS[name].run(data_sets.FOLDER, full=chosen.full)
        print(f"{name}: {time.monotonic() - started:.0f} seconds", end="\n\n", flush=True)
    RESULTS.write_text(json.dumps({"machine": about, **measured}, indent=1) + "\n", encoding="utf-8")
    print(f"all figures, of {(time.monotonic() - began) / 60:.0f} minutes: {RESULTS.resolve()}")
