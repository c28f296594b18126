"""Token buckets: how much somebody may do at once, and how much of that each second brings back."""

from collections.abc import Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_FEWEST_SWEPT = 1_000


class TokenBucket:
    """One bucket. It is full at first.

    Args:
        a_second: Tokens that a second brings; 0 brings none.
        most: Tokens that it holds.
    """

    def __init__(self, a_second: float, most: float) -> None:
        self._a_second = a_second
        self._most = most
        self._tokens = most
        self._time = monotonic()

    @property
    def tokens(self) -> float:
        """What is there now; below 0 after more was spent than there was."""
        now = monotonic()
        self._tokens = min(self._tokens + (now - self._time) * self._a_second, self._most)
        self._time = now
        return self._tokens

    @property
    def full(self) -> bool:
        return self.tokens >= self._most

    def take(self) -> float:
        """Takes one; returns how many seconds until there is one, 0 when it was taken."""
        if self.tokens < 1:
            return (1 - self._tokens) / self._a_second if self._a_second else float("inf")
        self._tokens -= 1
        return 0.0

    def spend(self, tokens: float) -> None:
        """Takes what was used, whether it is there or not; at most as much is owed as the bucket holds."""
        self._tokens = max(self.tokens - tokens, -self._most)


class TokenBuckets(Generic[K]):
    """A bucket for each of whom there may be many: one that is full again is forgotten."""

    def __init__(self, a_second: float, most: float) -> None:
        self._a_second = a_second
        self._most = most
        self._buckets: dict[K, TokenBucket] = {}
        self._sweep_at = _FEWEST_SWEPT

    def __getitem__(self, key: K) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.full}
                self._sweep_at = max(2 * len(self._buckets), _FEWEST_SWEPT)
            bucket = self._buckets[key] = TokenBucket(self._a_second, self._most)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
