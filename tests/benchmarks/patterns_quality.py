"""How well online grouping finds the intents of banking77, beside the plain nearest centroid."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from uptake_service.embedding.embedders import WORDLLAMA, Embedders

from tests.benchmarks import data_sets
from tests.grouping import group

ROWS = 10_000
BATCH = 64
FULL_SHUFFLES = (11, 12, 13)
SHUFFLES = FULL_SHUFFLES[:1]


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measure and print a table; each number is the mean over the shuffles of the data.

    Args:
        data_dir: the folder with banking77.csv.gz.
        full: whether over FULL_SHUFFLES, not only SHUFFLES.

    Returns:
        By method: precision, recall, f, patterns, largest, seconds. Empty if there are no data.
    """
    if not data_sets.present(data_dir, "banking77"):
        return {}
    table = data_sets.read(data_dir, "banking77")
    seeds = FULL_SHUFFLES if full else SHUFFLES
    shuffles = [[table[row] for row in np.random.default_rng(seed).permutation(len(table))[:ROWS]] for seed in seeds]

    embedders = Embedders()
    uptake = partial(group, embedders, batch=BATCH)
    results = {f"uptake ({WORDLLAMA})": _mean([_measure(uptake, rows) for rows in shuffles])}
    plain: dict[str, dict[str, float]] = {}
    model = _plain_model()
    for threshold in (0.40, 0.43, 0.46, 0.49, 0.52, 0.55):
        plain[f"plain mean pool, cosine >= {threshold:.2f}"] = _mean(
            [_measure(_plain, rows, model, threshold) for rows in shuffles]
        )
    best = max(plain, key=lambda name: plain[name]["f"])
    results[f"{best} (its best)"] = plain[best]

    print(f"{'method':52s} {'P':>6s} {'R':>6s} {'F':>6s} {'patterns':>9s} {'largest':>8s} {'seconds':>8s}")
    for name, row in results.items():
        print(
            f"{name:52s} {row['precision']:6.3f} {row['recall']:6.3f} {row['f']:6.3f}"
            f" {row['patterns']:9.0f} {row['largest']:8.0f} {row['seconds']:8.2f}"
        )
    return results


def b_cubed(clusters: Sequence[str], labels: Sequence[str]) -> tuple[float, float, float]:
    """B-cubed precision, recall and their harmonic mean (Bagga and Baldwin 1998), element by element.

    An element's precision is the share of its cluster that has its label, its recall the share of its label
    that is in its cluster, itself included; the scores are the means over elements.
    """
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    _, label = np.unique(np.asarray(labels), return_inverse=True)
    cells, both = np.unique(cluster.astype(np.int64) * (int(label.max()) + 1) + label, return_counts=True)
    in_cluster = np.bincount(cluster)[cells // (int(label.max()) + 1)]
    in_label = np.bincount(label)[cells % (int(label.max()) + 1)]
    squares = both.astype(np.float64) ** 2
    precision = float((squares / in_cluster).sum() / len(cluster))
    recall = float((squares / in_label).sum() / len(cluster))
    return precision, recall, 2 * precision * recall / (precision + recall)


def _plain(texts: list[str], model: Any, threshold: float) -> list[str]:
    """One query at a time: join the centroid of the highest cosine if that is at least the threshold."""
    sums = np.zeros((len(texts), 256), dtype=np.float32)
    lengths = np.ones(len(texts), dtype=np.float32)
    size = 0
    result: list[str] = []
    for query in model.embed(texts, norm=True):
        cosines = sums[:size] @ query / lengths[:size]
        place = int(cosines.argmax()) if size else -1
        if place < 0 or cosines[place] < threshold:
            place = size
            size += 1
        sums[place] += query
        lengths[place] = np.linalg.norm(sums[place])
        result.append(str(place))
    return result


def _plain_model() -> Any:
    import wordllama

    return wordllama.WordLlama.load(disable_download=True, cache_dir=Path(wordllama.__file__).parent)


def _measure(method: Any, rows: list[tuple[str, str]], *arguments: Any) -> dict[str, float]:
    begin = time.perf_counter()
    clusters = method([text for text, _ in rows], *arguments)
    seconds = time.perf_counter() - begin
    precision, recall, f = b_cubed(clusters, [label for _, label in rows])
    _, sizes = np.unique(np.asarray(clusters), return_counts=True)
    return {
        "precision": precision,
        "recall": recall,
        "f": f,
        "patterns": float(len(sizes)),
        "largest": float(sizes.max()),
        "seconds": seconds,
    }


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
