"""Finds the pattern of a query among one project's patterns: exact arithmetic, in memory, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uptake_service.embedding.embed import QUANTUM

# How these were chosen: the rule is that of a Dirichlet process in which a pattern's likelihood falls with
# the angle to its centroid and its prior grows with its size (the Chinese restaurant process; DP-means,
# Kulis and Jordan 2012, is the same without the prior); 1 / SIZE_BONUS is the likelihood's concentration.
# On shuffles of banking77 the optimum is flat: B-cubed F stays within 0.01 for SIZE_BONUS from 0.04 to 0.08
# (each with its best threshold) and, at 0.05, for JOIN_THRESHOLD from 0.56 to 0.60. Of these we take the
# upper end, because a wrong join hides a problem, while a missed one leaves it in two patterns that each
# show it. SIZE_CAP and MIN_COSINE cost nothing there; they keep a pattern with a hundred thousand members,
# or the first patterns of a new project, from drawing in everything remotely alike. MEAN_PRIOR measured the
# same from 20 to 50.
JOIN_THRESHOLD: Final = 0.59
SIZE_BONUS: Final = 0.05
SIZE_CAP: Final = 100
MIN_COSINE: Final = 0.45
MEAN_PRIOR: Final = 20.0

# Rows of a batch that are compared with all patterns at once: a score matrix of 5 MB at 20,000 patterns.
_ROWS_AT_ONCE: Final = 64


class JoinRule(NamedTuple):
    """When a query joins a pattern; see PatternIndex.

    Attributes:
        threshold: Least score at which a query joins a pattern.
        size_bonus: How much more readily a query joins a pattern with e times the members.
        size_cap: Members beyond this many add no bonus.
        min_cosine: Least plain cosine at which a query joins a pattern, whatever its score.
        mean_prior: Number of patterns from which the project's mean is half believed.
    """

    threshold: float = JOIN_THRESHOLD
    size_bonus: float = SIZE_BONUS
    size_cap: int = SIZE_CAP
    min_cosine: float = MIN_COSINE
    mean_prior: float = MEAN_PRIOR


class PatternIndex:
    """The patterns of one project and one embedder, by centroid. Not thread-safe.

    A query q is compared with a pattern's mean vector m after the project's mean u is taken from both:

        score = cos(q - u, m - u) + size_bonus * ln(min(members, size_cap))

    and joins the pattern with the highest score if that is at least `threshold` and cos(q, m) at least
    `min_cosine`. In a bank's project every query is about cards and accounts; u holds what they share, so
    that it does not make them alike (the first step of "All-but-the-Top", Mu and Viswanath 2018). It is the
    sum of the patterns' unit centroids over (patterns + mean_prior): each pattern counts once, so one very
    frequent question does not subtract itself, and in a new project u is near zero.

    Args:
        dimension: length of a vector.
        rule: when a query joins.
    """

    def __init__(self, dimension: int = 256, rule: JoinRule = JoinRule()) -> None:  # noqa: B008  It cannot change.
        self._dimension = dimension
        self._rule = rule
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        # Of one row at first: many projects have few patterns.
        self._means = np.zeros((1, dimension), dtype=np.float32)
        self._lengths = np.zeros(1, dtype=np.float32)
        self._bonuses = np.full(1, -np.inf, dtype=np.float32)
        # Sum of unit centroids and their number, over the patterns that attract.
        self._centroid_sum = np.zeros(dimension, dtype=np.float64)
        self._attracting = 0

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, pattern_id: object) -> bool:
        return pattern_id in self._rows

    def put(self, pattern_id: str, vector_sum: NDArray[np.int32], members: int) -> None:
        """Insert or replace a pattern.

        Args:
            pattern_id: its id.
            vector_sum: shape (dimension,), the sum of its members' quantised vectors.
            members: how many there are. With none left (or a sum of zero) the pattern stays known, so the
                same query still joins it by id, but it attracts nothing and `nearest` does not find it.

        Raises:
            ValueError: vector_sum has another shape.
        """
        if vector_sum.shape != (self._dimension,):
            raise ValueError(f"vector_sum has shape {vector_sum.shape}, not ({self._dimension},)")
        row = self._rows.get(pattern_id)
        if row is None:
            row = len(self._ids)
            if row == len(self._means):
                self._grow()
            self._rows[pattern_id] = row
            self._ids.append(pattern_id)
        else:
            self._leave_mean(row)
        mean = vector_sum.astype(np.float64) / (QUANTUM * max(members, 1))
        length = float(np.linalg.norm(mean)) if members > 0 else 0.0
        self._means[row] = mean
        self._lengths[row] = length
        self._bonuses[row] = self._bonus(members) if length > 0 else -np.inf
        if length > 0:
            self._centroid_sum += self._unit_centroid(row)
            self._attracting += 1

    def remove(self, pattern_id: str) -> None:
        """Forget a pattern; one that is not there is no error."""
        row = self._rows.pop(pattern_id, None)
        if row is None:
            return
        self._leave_mean(row)
        last = len(self._ids) - 1
        if row != last:
            self._means[row] = self._means[last]
            self._lengths[row] = self._lengths[last]
            self._bonuses[row] = self._bonuses[last]
            self._ids[row] = self._ids[last]
            self._rows[self._ids[row]] = row
        self._ids.pop()
        self._lengths[last] = 0.0
        self._bonuses[last] = -np.inf

    def assign(self, vectors: NDArray[np.int8], new_ids: Sequence[str]) -> list[str]:
        """Say which pattern each query of a batch joins. The index stays as it is: `put` follows the commit.

        Rows are taken in order. A row whose new id is known, from the index or from an earlier row of the
        batch, is the same query and joins what that one joined. Any other joins by score, or starts a
        pattern under its new id, which later rows of the batch may join; such a pattern's centroid and size
        move within the batch, those of the index and the project's mean do not. A vector of zeros joins
        only by id.

        Args:
            vectors: shape (n, dimension), quantised.
            new_ids: n ids, one for each row, of the pattern that it would start.

        Returns:
            n pattern ids.

        Raises:
            ValueError: the shapes do not match.
        """
        count = len(new_ids)
        if vectors.shape != (count, self._dimension):
            raise ValueError(f"vectors have shape {vectors.shape}, not ({count}, {self._dimension})")
        if count == 0:
            return []
        queries = _unit_rows(vectors)
        known = np.count_nonzero(vectors, axis=1) > 0
        mean = self._project_mean()
        square = float(mean @ mean)
        shifts = queries @ mean
        # |q - u|; the floor only guards the division, for a query that equals the mean.
        spreads = np.sqrt(np.maximum(1.0 - 2.0 * shifts + square, 1e-9))
        best_rows, best_scores, best_cosines = self._best_in_index(queries, mean, square, shifts, spreads)

        batch = _StartedPatterns(queries, shifts, square, spreads)
        joined: dict[str, str] = {}
        for row, new_id in enumerate(new_ids):
            chosen = new_id if new_id in self._rows else joined.get(new_id)
            if chosen is None and known[row]:
                scores = batch.scores(row, self._rule.size_bonus, self._rule.size_cap)
                near = int(scores.argmax()) if len(scores) else -1
                if near >= 0 and scores[near] > best_scores[row]:
                    score, cosine, pattern_id = scores[near], batch.cosine(row, near), batch.ids[near]
                elif np.isfinite(best_scores[row]):
                    score, cosine, pattern_id = best_scores[row], best_cosines[row], self._ids[best_rows[row]]
                else:
                    score, cosine, pattern_id = -np.inf, -np.inf, new_id
                if score >= self._rule.threshold and cosine >= self._rule.min_cosine:
                    chosen = pattern_id
            joined[new_id] = chosen = new_id if chosen is None else chosen
            if chosen not in self._rows:
                batch.join(row, chosen)
        return [joined[new_id] for new_id in new_ids]

    def nearest(self, vector: NDArray[np.int8], limit: int, minimum: float = -1.0) -> list[tuple[str, float]]:
        """The patterns most like a query, by the plain cosine with their centroids, best first.

        Args:
            vector: shape (dimension,), quantised. A vector of zeros is like nothing: no results.
            limit: most results.
            minimum: least cosine of a result.

        Returns:
            Pairs of pattern id and cosine, in -1 to 1.

        Raises:
            ValueError: vector has another shape.
        """
        if vector.shape != (self._dimension,):
            raise ValueError(f"vector has shape {vector.shape}, not ({self._dimension},)")
        size = len(self._ids)
        if limit <= 0 or size == 0 or not vector.any():
            return []
        query = _unit_rows(vector[np.newaxis])[0]
        lengths = self._lengths[:size]
        cosines = np.full(size, -np.inf, dtype=np.float32)
        np.divide(self._means[:size] @ query, lengths, out=cosines, where=lengths > 0)
        found = np.flatnonzero(cosines >= minimum)
        if len(found) > limit:
            found = found[np.argpartition(-cosines[found], limit - 1)[:limit]]
        found = found[np.argsort(-cosines[found], kind="stable")]
        return [(self._ids[row], min(1.0, float(cosines[row]))) for row in found]

    def _best_in_index(
        self,
        queries: NDArray[np.float32],
        mean: NDArray[np.float32],
        square: float,
        shifts: NDArray[np.float32],
        spreads: NDArray[np.float32],
    ) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """Row, score and plain cosine of each query's best pattern in the index; -inf where there is none."""
        size, count = len(self._ids), len(queries)
        rows = np.zeros(count, dtype=np.intp)
        best = np.full(count, -np.inf, dtype=np.float32)
        cosines = np.full(count, -np.inf, dtype=np.float32)
        if not self._attracting:
            return rows, best, cosines
        means, lengths, bonuses = self._means[:size], self._lengths[:size], self._bonuses[:size]
        # (q - u)(m - u) is expanded, so that a moved mean never costs a copy of all centroids.
        pattern_shifts = means @ mean
        pattern_spreads = np.sqrt(np.maximum(lengths**2 - 2.0 * pattern_shifts + square, 1e-9))
        for begin in range(0, count, _ROWS_AT_ONCE):
            part = slice(begin, min(begin + _ROWS_AT_ONCE, count))
            dots = queries[part] @ means.T
            scores = dots - pattern_shifts
            scores += (square - shifts[part])[:, np.newaxis]
            scores /= pattern_spreads
            scores /= spreads[part, np.newaxis]
            scores += bonuses
            top = scores.argmax(axis=1)
            each = np.arange(len(top))
            rows[part], best[part] = top, scores[each, top]
            cosines[part] = dots[each, top] / lengths[top]
        return rows, best, cosines

    def _project_mean(self) -> NDArray[np.float32]:
        return (self._centroid_sum / max(self._attracting + self._rule.mean_prior, 1.0)).astype(np.float32)

    def _bonus(self, members: int) -> float:
        return self._rule.size_bonus * float(np.log(min(members, self._rule.size_cap)))

    def _unit_centroid(self, row: int) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self._means[row].astype(np.float64)
        return mean / float(self._lengths[row])

    def _leave_mean(self, row: int) -> None:
        if self._lengths[row] > 0:
            self._centroid_sum -= self._unit_centroid(row)
            self._attracting -= 1
            if not self._attracting:
                self._centroid_sum[:] = 0.0  # or rounding would stay behind for ever

    def _grow(self) -> None:
        size = len(self._means)
        # Zeros take no memory until they are written to.
        means = np.zeros((2 * size, self._dimension), dtype=np.float32)
        means[:size] = self._means
        self._means = means
        self._lengths = np.concatenate([self._lengths, np.zeros_like(self._lengths)])
        self._bonuses = np.concatenate([self._bonuses, np.full(size, -np.inf, dtype=np.float32)])


class _StartedPatterns:
    """The patterns that a batch starts, kept by their products with the batch's queries."""

    def __init__(
        self,
        queries: NDArray[np.float32],
        shifts: NDArray[np.float32],
        square: float,
        spreads: NDArray[np.float32],
    ) -> None:
        self.ids: list[str] = []
        self._queries, self._shifts, self._square, self._spreads = queries, shifts, square, spreads
        count = len(queries)
        self._places: dict[str, int] = {}
        # Of each started pattern's vector sum: products with every query, itself, and the project's mean.
        self._dots = np.zeros((count, 0), dtype=np.float32)
        self._squares = np.zeros(count, dtype=np.float32)
        self._sum_shifts = np.zeros(count, dtype=np.float32)
        self._members = np.zeros(count, dtype=np.float32)

    def join(self, row: int, pattern_id: str) -> None:
        """Make a query a member, the first one starting the pattern. A query of zeros counts for nothing."""
        place = self._places.setdefault(pattern_id, len(self.ids))
        if place == len(self.ids):
            self.ids.append(pattern_id)
            if place == self._dots.shape[1]:
                more = np.zeros((len(self._queries), max(4, place)), dtype=np.float32)
                self._dots = np.concatenate([self._dots, more], axis=1)
        query = self._queries[row]
        own = float(query @ query)
        if own == 0.0:
            return
        self._squares[place] += 2.0 * float(self._dots[row, place]) + own
        self._dots[:, place] += self._queries @ query
        self._sum_shifts[place] += self._shifts[row]
        self._members[place] += 1.0

    def scores(self, row: int, size_bonus: float, size_cap: int) -> NDArray[np.float32]:
        """Shape (started,): the scores of a query, -inf for patterns without a vector."""
        size = len(self.ids)
        members, shifts = self._members[:size], self._sum_shifts[:size]
        products = self._dots[row, :size] - shifts - members * (self._shifts[row] - self._square)
        spreads = self._squares[:size] - 2.0 * members * shifts + members**2 * self._square
        scores: NDArray[np.float32] = products / np.sqrt(np.maximum(spreads, 1e-9)) / self._spreads[row]
        scores += size_bonus * np.log(np.clip(members, 1.0, size_cap))
        scores[members == 0] = -np.inf
        return scores

    def cosine(self, row: int, place: int) -> float:
        """The plain cosine of a query with a started pattern that has a vector."""
        return float(self._dots[row, place] / np.sqrt(self._squares[place]))


def _unit_rows(vectors: NDArray[np.int8]) -> NDArray[np.float32]:
    """Rows of unit length, which rounding took from them; rows of zeros stay so."""
    rows = vectors.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, lengths, out=rows, where=lengths > 0)
    return rows
