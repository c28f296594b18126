"""`make bench`: every benchmark in turn, each printing its figures beside a baseline.

All figures go to bench.json too: `machine`, and for each benchmark its rows by name.
"""

import json
from pathlib import Path

from tests.benchmarks import data_sets, intake, issues_quality, live_latency, machine, patterns_quality, verdicts

RESULTS = Path("bench.json")


if __name__ == "__main__":
    measured = {
        module.__name__.rpartition(".")[2]: module.run(data_sets.FOLDER)
        for module in (patterns_quality, issues_quality, verdicts, intake, live_latency)
    }
    RESULTS.write_text(json.dumps({"machine": machine.description(), **measured}, indent=1) + "\n", encoding="utf-8")
    print(f"all figures: {RESULTS.resolve()}")
