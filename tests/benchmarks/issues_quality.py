"""How well negative feedback is clustered into issues: against the labels of two sets of real texts.

What was tried, what it gave, and the figures of UMAP with HDBSCAN beside it are in issues_quality.md.
"""

import csv
import gzip
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from uptake_service.insights import clustering
from uptake_service.patterns.embed import WordLlamaEmbedder

from tests.benchmarks.patterns_quality import b_cubed

_ROWS = 10_000
_SETS = ("banking77", "airline_tweets")


def run(data_dir: Path) -> dict[str, dict[str, float]]:
    """Measures and prints a table, with everything in one cluster as the baseline; {} where the data are absent."""
    if not all((data_dir / f"{name}.csv.gz").exists() for name in _SETS):
        print(f"issues: the labelled sets are not in {data_dir}")
        return {}
    embedder = WordLlamaEmbedder()
    found: dict[str, dict[str, float]] = {}
    print(f"{'clustering of issues':<53} {'F':>6} {'NMI':>6} {'noise':>6} {'issues':>7} {'seconds':>8}")
    for name in _SETS:
        texts, labels = _load(data_dir / f"{name}.csv.gz")
        cleaned = [clustering.clean(text) for text in texts]
        vectors = embedder.embed(cleaned)
        started = time.perf_counter()
        issues = clustering.cluster(cleaned, vectors)
        clustering.describe(cleaned, vectors, issues)
        seconds = time.perf_counter() - started
        for method, clusters, spent in (("uptake", issues, seconds), ("all in one", np.zeros_like(issues), 0.0)):
            # Noise counts as issues of one member each.
            alone = np.where(clusters < 0, clusters.max() + 1 + np.arange(len(clusters)), clusters)
            f = b_cubed([str(cluster) for cluster in alone], labels)[2]
            nmi = float(normalized_mutual_info_score(labels, alone))
            noise = float((clusters < 0).mean())
            count = len(np.unique(clusters[clusters >= 0]))
            row = f"{name}, {len(texts):,} rows: {method}"
            print(f"{row:<53} {f:6.3f} {nmi:6.3f} {noise:6.2f} {count:7d} {spent:8.1f}")
            found[f"{name} {method}"] = {"f": f, "nmi": nmi, "noise": noise, "seconds": spent}
    return found


def _load(file: Path) -> tuple[list[str], list[str]]:
    """A fixed sample of the rows that have a reason, in their order."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(text) if row["label"] not in ("", "Can't Tell")]
    kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:_ROWS])
    return [rows[place][0] for place in kept], [rows[place][1] for place in kept]
