"""How well negative feedback is clustered into issues: against the labels of two sets of real texts.

Beside it stands what most would build (BERTopic's shape, Grootendorst 2022): UMAP to five dimensions, HDBSCAN, and
noise given to the nearest cluster, on the same vectors. Each row is measured in a process of its own. What was tried,
and what it gave, is in issues_quality.md.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import normalized_mutual_info_score
from uptake_service.embedding.wordllama import WordLlamaEmbedder
from uptake_service.issues import clustering
from uptake_service.issues.cleaning import clean

from tests.benchmarks import data_sets, machine
from tests.benchmarks.patterns_quality import b_cubed

Method = Callable[[Sequence[str], npt.NDArray[np.float32]], npt.NDArray[np.int64]]

BASELINE = "UMAP, HDBSCAN"
SETS = ("banking77", "airline_tweets")
NO_REASON = ("", "Can't Tell")

ROWS, FULL_ROWS = 2_000, 10_000


def run(folder: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table.

    Args:
        folder: the folder with the sets.
        full: whether of FULL_ROWS rows of each set: the baseline takes minutes for so many.

    Returns:
        By set and method: B-cubed precision, recall and f, nmi, noise (share of rows in no issue; each counts as an
        issue of one), issues, seconds (the first time in a process), again_seconds (the second time, when all code is
        compiled), peak_mib (of the process, with vectors and libraries), and f, seconds and again_seconds as
        multiples of the baseline's. Empty if there are no data.
    """
    if not data_sets.present(folder, *SETS):
        return {}
    rows = FULL_ROWS if full else ROWS
    print(
        f"{f'clustering of issues, {rows:,} rows at most':<40} {'P':>6} {'R':>6} {'F':>6} {'NMI':>6} {'noise':>6} "
        f"{'issues':>7} {'seconds':>8} {'again':>6} {'MiB':>6} {'F / base':>9} {'s / base':>9} {'again / base':>13}"
    )
    results: dict[str, dict[str, float]] = {}
    for name in SETS:
        baseline = _in_a_process(folder, name, BASELINE, rows)
        for method in METHODS:
            row = baseline if method == BASELINE else _in_a_process(folder, name, method, rows)
            row |= {f"{key}_ratio": row[key] / baseline[key] for key in ("f", "seconds", "again_seconds")}
            results[f"{name}, {method}"] = row
            print(
                f"{name + ', ' + method:<40} {row['precision']:6.3f} {row['recall']:6.3f} {row['f']:6.3f} "
                f"{row['nmi']:6.3f} {row['noise']:6.2f} {row['issues']:7.0f} {row['seconds']:8.1f} "
                f"{row['again_seconds']:6.1f} {row['peak_mib']:6.0f} {row['f_ratio']:9.2f} {row['seconds_ratio']:9.3f} "
                f"{row['again_seconds_ratio']:13.3f}",
                flush=True,
            )
    return results


def _uptake(texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    labels = clustering.cluster(texts, vectors)
    clustering.describe(texts, vectors, labels)
    return labels


def _umap_hdbscan(texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    import hdbscan
    from umap import UMAP

    reduced = UMAP(
        n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=0, n_jobs=1
    ).fit_transform(vectors)
    labels: npt.NDArray[np.int64] = hdbscan.HDBSCAN(min_cluster_size=10).fit_predict(reduced)
    centroids = np.array([vectors[labels == cluster].mean(axis=0) for cluster in range(labels.max() + 1)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    return np.where(labels < 0, (vectors @ centroids.T).argmax(axis=1), labels)


def _all_in_one(texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    return np.zeros(len(texts), dtype=np.int64)


METHODS: dict[str, Method] = {"uptake": _uptake, BASELINE: _umap_hdbscan, "all in one": _all_in_one}


def _in_a_process(folder: Path, name: str, method: str, rows: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.issues_quality", str(folder), name, method, str(rows)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    row: dict[str, float] = json.loads(done.stdout)
    return row


def _measure(folder: Path, name: str, method: Method, rows: int) -> dict[str, float]:
    texts, labels = load(folder, name, rows)
    cleaned = [clean(text) for text in texts]
    vectors = WordLlamaEmbedder().embed(cleaned)
    spent: list[float] = []
    for _ in range(2):
        started = time.perf_counter()
        found = method(cleaned, vectors)
        spent.append(time.perf_counter() - started)
    return score(found, labels) | {"seconds": spent[0], "again_seconds": spent[1], "peak_mib": machine.peak_mib()}


def load(folder: Path, name: str, number: int = FULL_ROWS) -> tuple[list[str], list[str]]:
    """Texts and labels of a fixed sample of so many of the rows that have a reason, in their order."""
    rows = [(text, label) for text, label in data_sets.read(folder, name) if label not in NO_REASON]
    kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:number])
    return [rows[place][0] for place in kept], [rows[place][1] for place in kept]


def score(found: npt.NDArray[np.int64], labels: Sequence[str]) -> dict[str, float]:
    """B-cubed precision, recall and f, nmi, noise and issues of clusters, where less than 0 is noise."""
    alone = np.where(found < 0, found.max() + 1 + np.arange(len(found)), found)
    precision, recall, f = b_cubed([str(cluster) for cluster in alone], labels)
    return {
        "precision": precision,
        "recall": recall,
        "f": f,
        "nmi": float(normalized_mutual_info_score(labels, alone)),
        "noise": float((found < 0).mean()),
        "issues": float(len(np.unique(found[found >= 0]))),
    }


if __name__ == "__main__":
    if sys.argv[3] == BASELINE:
        import umap  # noqa: F401  (importing is no part of the time)
    print(json.dumps(_measure(Path(sys.argv[1]), sys.argv[2], METHODS[sys.argv[3]], int(sys.argv[4]))))
