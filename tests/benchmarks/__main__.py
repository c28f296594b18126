"""`make bench`: every benchmark in turn, each printing its figures beside a baseline."""

import os
from pathlib import Path

from tests.benchmarks import issues_quality, live_latency, patterns_quality

DATA_SETS = Path(os.environ.get("UPTAKE_DATA_SETS", Path(__file__).parents[3] / "shared" / "data"))


if __name__ == "__main__":
    patterns_quality.run(DATA_SETS)
    issues_quality.run(DATA_SETS)
    live_latency.run(DATA_SETS)
