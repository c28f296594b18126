"""The labelled texts that benchmarks are measured on: CSV files of columns `text` and `label`, kept elsewhere."""

import csv
import gzip
import os
from pathlib import Path

FOLDER = Path(os.environ.get("UPTAKE_DATA_SETS", Path(__file__).parents[3] / "shared" / "data"))


def read(folder: Path, name: str) -> list[tuple[str, str]]:
    """(text, label) of each row of `name`.csv.gz, in the file's order."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def present(folder: Path, *names: str) -> bool:
    """Whether all of the sets are there; says in one line which are not, and where they belong."""
    absent = [f"{name}.csv.gz" for name in names if not (folder / f"{name}.csv.gz").exists()]
    if absent:
        print(f"not measured: put {' and '.join(absent)} (columns text, label) in {folder}, or set UPTAKE_DATA_SETS")
    return not absent
