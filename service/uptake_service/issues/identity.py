"""Which issue each cluster of a run is: ids stay from run to run, and what people decided holds. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from uptake_service.embedding.embedders import Space

NOISE = -1

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_SAME = 0.1
"""Least shared part (Jaccard, over the rows that both runs saw) at which a cluster is an earlier issue."""


@dataclass(frozen=True)
class Earlier:
    """What is known of an issue from before the run.

    Attributes:
        id: Its id.
        decided: A person said something of it: it stays, with the members that no cluster took.
        absorbs: It stands for others too: every cluster that is mostly of its members is part of it.
        split_from: The issue that people took its first members out of.
    """

    id: str
    decided: bool = False
    absorbs: bool = False
    split_from: str = ""


def identify(
    labels: Ints, spaces: Sequence[Space], before: Sequence[str], pinned: Sequence[bool], earlier: Sequence[Earlier]
) -> list[str | int]:
    """Names the issue of each row.

    Args:
        labels: (n,) the run's clusters, NOISE for none.
        spaces: The rows' vectors, by embedder.
        before: For each row the issue that it belonged to, merged ones resolved; empty for none.
        pinned: For each row whether a person put it there.
        earlier: The issues that there are.

    Returns:
        For each row the id of an earlier issue, or the number of a cluster that is a new one, or NOISE.
    """
    known = {issue.id: issue for issue in earlier}
    was = np.array([id if id in known else "" for id in before], dtype=object)
    held = np.array(pinned, dtype=bool) & (was != "")
    names: list[str | int] = [NOISE] * len(labels)
    free = np.where(held, NOISE, labels)
    identity = _matches(free, was, held, known)
    for cluster in range(int(free.max(initial=NOISE)) + 1):
        name = identity.get(cluster, cluster)
        for row in np.flatnonzero(free == cluster):
            names[row] = name
    for row in np.flatnonzero(held):
        names[row] = was[row]
    for row in np.flatnonzero((free == NOISE) & ~held & (was != "")):
        if known[was[row]].decided:
            names[row] = was[row]
    for issue in earlier:
        if issue.split_from:
            _draw(names, spaces, held & (was == issue.id), issue)
    return names


def _matches(
    free: Ints, was: npt.NDArray[np.object_], held: npt.NDArray[np.bool_], known: dict[str, Earlier]
) -> dict[int, str]:
    """The earlier issue of each cluster that is one, by the members they share."""
    rows = np.flatnonzero((free != NOISE) & (was != ""))
    if not len(rows):
        return {}
    # Pinned members come back whatever the clusters are, so they say nothing of which cluster an issue is.
    ids, columns = np.unique(was[(was != "") & ~held].astype(str), return_inverse=True)
    shared = np.zeros((int(free.max()) + 1, len(ids)))
    of_row = dict(zip(np.flatnonzero((was != "") & ~held), columns, strict=True))
    for row in rows:
        shared[free[row], of_row[row]] += 1
    sizes = np.bincount(columns, minlength=len(ids))
    matched: dict[int, str] = {}
    for cluster in range(len(shared)):
        seen = shared[cluster].sum()
        best = int(shared[cluster].argmax())
        if seen and shared[cluster, best] > seen / 2 and known[ids[best]].absorbs:
            matched[cluster] = str(ids[best])
    left = [cluster for cluster in range(len(shared)) if cluster not in matched and shared[cluster].any()]
    open_ids = [column for column, id in enumerate(ids) if id not in set(matched.values())]
    if left and open_ids:
        for i, j in zip(*linear_sum_assignment(-shared[np.ix_(left, open_ids)]), strict=True):
            cluster, column = left[i], open_ids[j]
            union = shared[cluster].sum() + sizes[column] - shared[cluster, column]
            if shared[cluster, column] >= _SAME * union:
                matched[cluster] = str(ids[column])
    return matched


def _draw(names: list[str | int], spaces: Sequence[Space], core: npt.NDArray[np.bool_], issue: Earlier) -> None:
    """Rows of the issue that another was split from go to that other if they are nearer to what people took out.

    That is told for each embedder by itself; where people took nothing out, nothing goes.
    """
    for space in spaces:
        out = core[space.rows]
        left = np.array([names[row] == issue.split_from for row in space.rows], dtype=bool)
        if not out.any() or not left.any():
            continue
        middle = _unit(space.vectors[out].mean(axis=0))
        rest = _unit(space.vectors[left].mean(axis=0))
        for row in space.rows[left & ~out & (space.vectors @ middle > space.vectors @ rest)]:
            names[row] = issue.id


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)
