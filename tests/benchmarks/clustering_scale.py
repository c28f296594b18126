"""How clustering into issues grows with the number of complaints: seconds, memory, and the exponent of growth.

The comments are the real texts of banking77 where they are there, else made up, each with some of its words left out,
so that any number of them differ. Every size runs in a process of its own. Beside it, for as long as that is feasible,
HDBSCAN on the same vectors brought to 16 dimensions by PCA.
"""

import json
import math
import random
import subprocess
import sys
import time
from pathlib import Path

import hdbscan
import numpy as np
from sklearn.decomposition import PCA
from uptake_service.embedding.wordllama import WordLlamaEmbedder
from uptake_service.issues import clustering
from uptake_service.issues.cleaning import clean

from tests.benchmarks import data_sets, machine, traffic

SIZES = (1_000, 10_000, 100_000)
FULL_SIZES = (*SIZES, 1_000_000)
PLAIN_UP_TO = 10_000

_SET = "banking77"
_KEPT = 0.8
"""This share of a text's words is kept, on average."""


def run(folder: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table.

    Returns:
        By size: seconds to embed, cluster and name issues, peak_mib (of the process, with vectors and libraries),
        issues, exponent (of the seconds, from the size before), plain_seconds (HDBSCAN alone), and seconds as a
        multiple of it.
    """
    results: dict[str, dict[str, float]] = {}
    print(
        f"{'clustering of complaints':<26} {'seconds':>8} {'MiB':>6} {'issues':>7} {'exponent':>9} "
        f"{'PCA, HDBSCAN s':>15} {'times':>6}"
    )
    smaller: tuple[int, float] | None = None
    for size in FULL_SIZES if full else SIZES:
        row = _in_a_process(folder, "uptake", size)
        if smaller:
            row["exponent"] = math.log(row["seconds"] / smaller[1]) / math.log(size / smaller[0])
        smaller = size, row["seconds"]
        if size <= PLAIN_UP_TO:
            row["plain_seconds"] = _in_a_process(folder, "plain", size)["seconds"]
            row["of_plain"] = row["seconds"] / row["plain_seconds"]
        results[f"{size:,}"] = row
        exponent, plain, times = (
            f"{row[name]:.2f}" if name in row else "-" for name in ("exponent", "plain_seconds", "of_plain")
        )
        print(
            f"{f'{size:,}':<26} {row['seconds']:8.1f} {row['peak_mib']:6.0f} {row['issues']:7.0f} {exponent:>9} "
            f"{plain:>15} {times:>6}",
            flush=True,
        )
    return results


def comments(folder: Path, count: int) -> list[str]:
    """So many complaints that differ."""
    if (folder / f"{_SET}.csv.gz").exists():
        texts = [text for text, _ in data_sets.read(folder, _SET)]
    else:
        texts = [f"{complaint} {query}" for complaint in traffic.COMPLAINTS for query in traffic.queries()]
    rng = random.Random(0)
    made = []
    for _ in range(count):
        words = rng.choice(texts).split()
        made.append(" ".join(word for word in words if rng.random() < _KEPT) or words[0])
    return made


def _in_a_process(folder: Path, method: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.clustering_scale", str(folder), method, str(size)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _measure(folder: Path, method: str, size: int) -> dict[str, float]:
    said = comments(folder, size)
    embedder = WordLlamaEmbedder()
    started = time.perf_counter()
    cleaned = [clean(text) for text in said]
    vectors = embedder.embed(cleaned)
    if method == "plain":
        points = PCA(16, random_state=0).fit_transform(vectors)
        labels = hdbscan.HDBSCAN(min_cluster_size=10).fit_predict(points)
    else:
        labels = clustering.cluster(cleaned, vectors)
        clustering.describe(cleaned, vectors, labels)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_mib": machine.peak_mib(), "issues": int(np.max(labels)) + 1}


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
