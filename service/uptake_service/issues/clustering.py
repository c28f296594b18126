"""Groups negative feedback comments into issues: clusters of comments that complain of the same thing.

    texts -> vectors -> context -> kNN graph -> 24 diffusion coordinates -> HDBSCAN -> votes and merges

Plain sentence vectors of informal text are blurred: HDBSCAN finds either crumbs or one lump in them. Two steps sharpen
them. **Context**: each word gets the mean vector of the comments that use it, and each comment is moved towards the
mean of its words, so that the corpus itself says which words belong together. **Diffusion**: comments become points
whose distance tells how easily a random walk on the kNN graph gets from one to the other; this joins what is connected,
not what is round, and leaves few dimensions, where HDBSCAN is fast. Votes of graph neighbours then settle what HDBSCAN
called noise, and clusters with no real border between them are merged.

Everything is deterministic for a given seed on one machine, and runs on one core when the BLAS is told so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import hdbscan
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.feature_extraction.text import CountVectorizer

from uptake_service.issues.cleaning import WORD
from uptake_service.issues.titles import name_issues

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

NOISE = -1
NEIGHBOURS = 15  # of the kNN graph; the square root of the number of rows when that is less
COORDINATES = 24  # HDBSCAN's time grows fast past about 30
WALK_STEPS = 16  # length of the random walk: eigenvalues are raised to this power
CLUSTER_SCALE = 0.25  # a cluster has at least max(5, CLUSTER_SCALE * sqrt(rows)) members: 25 of 10,000
CORE_SCALE = 0.1  # HDBSCAN's min_samples, likewise, at least 3
BORDER = 4.0  # clusters merge while the edges between them are more than this many times those expected by chance
LARGE = 60  # so many members are never too many for one cluster, whatever their share
FEW_TEXTS = 20  # with fewer different texts each takes part twice, so that there is something to cluster
BLOCK = 512  # rows of a similarity matrix held at a time


@dataclass(frozen=True, slots=True)
class Clusters:
    """The issues of n texts, described: k of them."""

    labels: Ints  # (n,) index of the text's issue, or NOISE
    centroids: Floats  # (k, d) unit vectors in the space of the input vectors
    radii: Floats  # (k,) least cosine similarity to the centroid at which a new vector joins
    sizes: Ints  # (k,) members
    medoids: Ints  # (k,) index of the member nearest to the centroid
    keywords: tuple[tuple[str, ...], ...]  # up to eight n-grams from members' texts, best first
    titles: tuple[str, ...]  # all different: a phrase of members' own, or two of their words


def cluster(
    texts: Sequence[str],
    vectors: npt.NDArray[Any],
    *,
    seed: int = 0,
    sample_size: int = 20_000,
    min_share: float = 0.6,
    max_share: float = 0.3,
) -> Ints:
    """Finds issues among n comments.

    Args:
        texts: n comments, as `clean` leaves them.
        vectors: (n, d) their embeddings, of any length; rows of zeros are noise.
        seed: of the sample and of the eigensolver's first vector; the same seed gives the same result.
        sample_size: rows on which HDBSCAN runs at most. The others join by the votes of their neighbours in the
            sample, and one more pass runs over what is left.
        min_share: of its neighbours' votes that a comment outside HDBSCAN's clusters needs to join one (0 to 1).
        max_share: the largest part of the rows that HDBSCAN may choose as one cluster (0 to 1).

    Returns:
        (n,) the issue of each comment, 0 to k - 1 with the largest first, or NOISE.

    Raises:
        ValueError: the number of texts is not the number of vectors.
    """
    if len(vectors) != len(texts):
        raise ValueError(f"{len(texts)} texts but {len(vectors)} vectors")
    space = _unit(np.asarray(vectors, dtype=np.float32))
    representative, copies = _copies(texts)
    usable = np.abs(space).sum(axis=1) > 0
    rows = np.flatnonzero((representative == np.arange(len(texts))) & usable)
    labels = np.full(len(texts), NOISE, dtype=np.int64)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        sample = rows if len(rows) <= sample_size else np.sort(rng.choice(rows, sample_size, replace=False))
        if len(sample) < 2 * _at_least(5, CLUSTER_SCALE, len(sample)):
            break
        first = labels.max() + 1
        context, found = _group([texts[int(i)] for i in sample], space[sample], rng, min_share, max_share)
        labels[sample] = np.where(found >= 0, found + first, NOISE)
        if len(sample) == len(rows):
            break
        rest = np.setdiff1d(rows, sample, assume_unique=True)
        voted, far = _vote([texts[int(i)] for i in rest], space[rest], context, found)
        labels[rest] = np.where(voted >= 0, voted + first, NOISE)
        rows = rest[far]
    labels = labels[representative]
    labels[~usable] = NOISE
    # Of what is sent very often hardly a copy took part, so it may have been too rare to be in a cluster.
    often = np.flatnonzero((copies >= _at_least(5, CLUSTER_SCALE, len(texts))) & (labels == NOISE) & usable)
    if len(often):
        first_copy = {texts[i]: labels.max() + 1 + k for k, i in enumerate(_first_rows(texts, often))}
        labels[often] = [first_copy[texts[int(i)]] for i in often]
    return _largest_first(labels)


class _Context(NamedTuple):
    """What maps texts and vectors into the space of the kNN graph, and the sample that lies there."""

    counter: Any
    word_vectors: Floats  # (words, d)
    means: tuple[Floats, Floats, Floats]
    points: Floats  # (rows, d) unit vectors of the sample

    def project(self, texts: Sequence[str], space: Floats) -> Floats:
        """(rows, d) unit vectors: each comment's own vector plus that of its words, both centred."""
        own = _unit(space - self.means[0])
        words = _unit(self.counter.transform(texts) @ self.word_vectors - self.means[1])
        return _unit(own + words - self.means[2])


def _context(texts: Sequence[str], space: Floats) -> _Context:
    """Word vectors from the comments that use the word; a comment is moved towards the mean of its words'.

    Rare words' means are shrunk towards the corpus mean, and words used everywhere have means near it, so both weigh
    little without a list of stop words. A form of second-order co-occurrence (Schuetze 1998, "Automatic Word Sense
    Discrimination"), here over sentence vectors.
    """
    counter = CountVectorizer(token_pattern=WORD, binary=True, min_df=2, dtype=np.float32)
    try:
        used = counter.fit_transform(texts)
    except ValueError:  # no word occurs twice
        counter = CountVectorizer(vocabulary={"": 0}, dtype=np.float32)
        used = sp.csr_matrix((len(texts), 1), dtype=np.float32)
    mean = space.mean(axis=0)
    own = _unit(space - mean)
    word_vectors = (used.T @ own) / (np.asarray(used.sum(axis=0)).T + 2.0)
    of_words = used @ word_vectors
    words_mean = of_words.mean(axis=0)
    both = own + _unit(of_words - words_mean)
    both_mean = both.mean(axis=0)
    return _Context(counter, word_vectors, (mean, words_mean, both_mean), _unit(both - both_mean))


def _group(
    texts: Sequence[str], space: Floats, rng: np.random.Generator, min_share: float, max_share: float
) -> tuple[_Context, Ints]:
    """The context and the label of each of the rows, NOISE for those that no cluster holds."""
    context = _context(texts, space)
    n = len(space)
    graph = _graph(context.points)
    core = hdbscan.HDBSCAN(
        min_cluster_size=_at_least(5, CLUSTER_SCALE, n),
        min_samples=_at_least(3, CORE_SCALE, n),
        max_cluster_size=max(int(max_share * n), LARGE),
        core_dist_n_jobs=1,
    ).fit_predict(_diffuse(graph, rng).astype(np.float64))
    if core.max() < 0:
        return context, core.astype(np.int64)
    labels = _settle(core.astype(np.int64), graph)
    labels = _merge(labels, graph)
    labels = np.where(np.bincount(labels + 1)[labels + 1] < _at_least(5, CLUSTER_SCALE, n), NOISE, labels)
    if labels.max() < 0:
        return context, labels
    votes = _one_hot(labels)
    near = (graph @ votes).toarray()
    share = near[np.arange(n), labels] / np.maximum(near.sum(axis=1), 1e-9)
    labels[(labels < 0) | ((core < 0) & (share < min_share))] = NOISE
    return context, _compact(labels)


def _graph(points: Floats) -> Any:
    """(n, n) symmetric kNN graph, weighted by distance on each point's own scale.

    Weight exp(-d^2 / (s_i s_j)), s the distance to the 7th neighbour (Zelnik-Manor and Perona 2004).
    """
    n = len(points)
    k = min(NEIGHBOURS, max(3, int(n**0.5)), n - 1)
    neighbours, similarity = _nearest(points, points, k, skip_self=True)
    squared = np.maximum(2 - 2 * similarity, 0)
    scale = np.sqrt(squared[:, min(6, k - 1)]) + 1e-6
    # Copies have no distance at all; without a floor they would be an island.
    weights = np.maximum(np.exp(-squared / (scale[:, None] * scale[neighbours])), 1e-4)
    directed = sp.csr_matrix((weights.ravel(), neighbours.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    return directed.maximum(directed.T).tocsr()


def _nearest(points: Floats, among: Floats, k: int, *, skip_self: bool = False) -> tuple[Ints, Floats]:
    """(n, k) indices and cosine similarities of the k nearest rows of `among`, nearest first; exact, in blocks."""
    index = np.empty((len(points), k), dtype=np.int64)
    value = np.empty((len(points), k), dtype=np.float32)
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK] @ among.T
        if skip_self:
            row = np.arange(len(block))
            block[row, start + row] = -2
        top = np.argpartition(block, -k, axis=1)[:, -k:]
        found = np.take_along_axis(block, top, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        index[start : start + BLOCK] = np.take_along_axis(top, order, axis=1)
        value[start : start + BLOCK] = np.take_along_axis(found, order, axis=1)
    return index, value


def _diffuse(graph: Any, rng: np.random.Generator) -> Floats:
    """(n, COORDINATES) unit rows: the diffusion map (Coifman and Lafon 2006) after WALK_STEPS steps.

    Three hundredths of the mean degree is spread over all pairs, so that small islands of the graph do not take an
    eigenvector each (Zhang and Rohe 2018, "Understanding Regularized Spectral Clustering").
    """
    n = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1), dtype=np.float32).ravel()
    extra = np.float32(0.03 * degree.mean())
    scale = (1 / np.sqrt(degree + extra)).astype(np.float32)
    walk = (sp.diags(scale) @ graph @ sp.diags(scale)).tocsr().astype(np.float32)

    def step(v: Floats) -> Floats:
        return np.asarray(walk @ v.ravel() + extra / n * scale * (scale @ v.ravel()), dtype=np.float32)

    if n <= 4 * COORDINATES:
        values, rows = np.linalg.eigh(walk.toarray() + extra / n * np.outer(scale, scale))
        values, rows = values[-COORDINATES:], rows[:, -COORDINATES:]
    else:
        start = rng.standard_normal(n).astype(np.float32)
        operator = LinearOperator((n, n), matvec=step, dtype=np.float32)
        values, rows = eigsh(operator, k=COORDINATES, which="LA", tol=1e-3, v0=start)
    return _unit((rows * np.maximum(values, 0) ** WALK_STEPS).astype(np.float32))


def _settle(core: Ints, graph: Any) -> Ints:
    """Labels spread from HDBSCAN's clusters over the graph (Zhu and Ghahramani 2002), then three majority votes."""
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-9)
    walk = sp.diags((1 / degree).astype(np.float32)) @ graph.astype(np.float32)
    given = _one_hot(core).toarray()
    known = core >= 0
    spread = given.copy()
    for _ in range(20):
        spread = walk @ spread
        spread[known] = given[known]
    labels = np.where(spread.max(axis=1) > 1e-6, spread.argmax(axis=1), NOISE)
    for _ in range(3):
        votes = (graph @ _one_hot(labels, given.shape[1])).toarray()
        labels = np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), labels)
    return _compact(labels)


def _merge(labels: Ints, graph: Any) -> Ints:
    """Merges, best gain first, while a merge raises modularity at resolution BORDER (Reichardt and Bornholdt 2006)."""
    members = _one_hot(labels)
    edges = (members.T @ graph @ members).toarray().astype(np.float64)
    edges /= graph.sum()
    volume = np.asarray(members.T @ np.asarray(graph.sum(axis=1))).ravel() / graph.sum()
    target = np.arange(len(edges))
    alive = np.ones(len(edges), dtype=bool)
    while True:
        gain = np.where(alive[:, None] & alive, edges - BORDER * np.outer(volume, volume), -1.0)
        np.fill_diagonal(gain, -1.0)
        i, j = np.unravel_index(gain.argmax(), gain.shape)
        if gain[i, j] <= 0:
            break
        edges[i] += edges[j]
        edges[:, i] += edges[:, j]
        volume[i] += volume[j]
        alive[j] = False
        target[target == j] = i
    return _compact(np.where(labels >= 0, target[labels], NOISE))


def _vote(texts: Sequence[str], space: Floats, context: _Context, found: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """For rows outside the sample the label of half of their neighbours there, and which rows are far from the sample.

    Far is farther than all but 5 % of the sample's own rows: only there can an issue be that the sample has not. A row
    that is near but contested between issues is NOISE, and another pass over such rows would only find crumbs.
    """
    kept = np.arange(0, len(found), max(1, len(found) // 10_000))
    among, label = context.points[kept], found[kept]
    k = min(NEIGHBOURS, len(kept) - 1)
    usual = _nearest(among[:2_000], among, k + 1)[1][:, 1:].mean(axis=1)
    floor = np.quantile(usual, 0.05)
    labels = np.full(len(texts), NOISE, dtype=np.int64)
    far = np.zeros(len(texts), dtype=np.bool_)
    for start in range(0, len(texts), 10 * BLOCK):
        part = slice(start, start + 10 * BLOCK)
        neighbours, similarity = _nearest(context.project(texts[part], space[part]), among, k)
        votes = np.zeros((len(neighbours), label.max() + 2), dtype=np.float32)
        np.add.at(votes, (np.arange(len(neighbours))[:, None], label[neighbours]), 1 / k)  # NOISE votes in the last
        best = np.where(votes.max(axis=1) >= 0.5 - 1e-4, votes.argmax(axis=1), NOISE)
        far[part] = similarity.mean(axis=1) < floor
        labels[part] = np.where(far[part] | (best == label.max() + 1), NOISE, best)
    return labels, far


class Located(NamedTuple):
    """Where k issues lie among vectors; see Clusters."""

    centroids: Floats
    radii: Floats
    sizes: Ints
    medoids: Ints


def describe(texts: Sequence[str], vectors: npt.NDArray[Any], labels: Ints, *, seed: int = 0) -> Clusters:
    """Gives each issue its centroid, radius, medoid, keywords and title.

    Args:
        texts: n comments, as `clean` leaves them.
        vectors: (n, d) their embeddings, of any length.
        labels: (n,) the issue of each, 0 to k - 1 without gaps, or NOISE; in whatever order they are wanted.
        seed: of the choice of members that keywords are counted from.
    """
    keywords, titles = name_issues(texts, labels, seed)
    return Clusters(labels, *locate(vectors, labels), tuple(keywords), tuple(titles))


def locate(vectors: npt.NDArray[Any], labels: Ints) -> Located:
    """Gives each issue its centroid, radius, size and medoid, as `describe` does."""
    space = _unit(np.asarray(vectors, dtype=np.float32))
    sizes = np.bincount(labels[labels >= 0])
    centroids = _unit(np.asarray(_one_hot(labels).T @ space, dtype=np.float32)) if len(sizes) else space[:0]
    radii, medoids = np.zeros(len(sizes), dtype=np.float32), np.zeros(len(sizes), dtype=np.int64)
    nearest, similarity = np.zeros(len(space), dtype=np.int64), np.zeros(len(space), dtype=np.float32)
    for start in range(0, len(space) if len(sizes) else 0, BLOCK):
        block = space[start : start + BLOCK] @ centroids.T
        nearest[start : start + BLOCK], similarity[start : start + BLOCK] = block.argmax(axis=1), block.max(axis=1)
    for c in range(len(sizes)):
        members = np.flatnonzero(labels == c)
        medoids[c] = members[(space[members] @ centroids[c]).argmax()]
        # Those that would join, nearest first: the radius is where right joins exceed wrong ones by the most.
        joins = np.flatnonzero(nearest == c)
        joins = joins[np.argsort(-similarity[joins], kind="stable")]
        excess = np.cumsum(np.where(labels[joins] == c, 1, -1))
        best = similarity[joins[excess.argmax()]] if len(joins) and excess.max() > 0 else 1.0
        radii[c] = max(best, np.quantile(space[members] @ centroids[c], 0.1))
    return Located(centroids, radii, sizes, medoids)


def _largest_first(labels: Ints) -> Ints:
    labels = _compact(labels)
    order = np.argsort(-np.bincount(labels[labels >= 0]), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return np.where(labels >= 0, rank[labels] if len(rank) else NOISE, NOISE)


def _copies(cleaned: Sequence[str]) -> tuple[Ints, Ints]:
    """For each text the row that stands for it and its count.

    Of equal texts the first stands for all, so that one wording, however often it is sent, is no cluster by itself. The
    second of each stands for itself where there are FEW_TEXTS different ones.
    """
    first: dict[str, int] = {}
    seen: dict[str, int] = {}
    most = 1 if len(set(cleaned)) >= FEW_TEXTS else 2
    representative = np.arange(len(cleaned))
    for i, text in enumerate(cleaned):
        seen[text] = seen.get(text, 0) + 1
        if seen[text] > most:
            representative[i] = first[text]
        first.setdefault(text, i)
    return representative, np.array([seen[text] for text in cleaned], dtype=np.int64)


def _first_rows(cleaned: Sequence[str], rows: Ints) -> list[int]:
    return list({cleaned[i]: int(i) for i in rows[::-1]}.values())[::-1]


def _at_least(least: int, scale: float, n: int) -> int:
    return max(least, round(scale * math.sqrt(n)))


def _one_hot(labels: Ints, count: int | None = None) -> Any:
    """(n, count) sparse matrix with a one at each row's label, none for NOISE."""
    rows = np.flatnonzero(labels >= 0)
    width = int(labels.max()) + 1 if count is None else count
    return sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, labels[rows])), shape=(len(labels), width))


def _compact(labels: Ints) -> Ints:
    """The same labels without gaps in their numbers."""
    used, compact = np.unique(labels, return_inverse=True)
    return np.asarray(compact - (1 if len(used) and used[0] == NOISE else 0), dtype=np.int64)


def _unit(rows: npt.NDArray[Any]) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)
