"""Token buckets: full at first, filled by time, and forgotten when they are full again."""

import pytest
from uptake_service.domain import token_bucket
from uptake_service.domain.token_bucket import TokenBucket, TokenBuckets


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(token_bucket, "monotonic", time)
    return time


def test_what_is_taken_comes_back_with_time(time: Time) -> None:
    bucket = TokenBucket(2.0, 3.0)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    time.now = 0.5
    assert [bucket.take() for _ in range(2)] == [0, 0.5]
    time.now = 100
    assert bucket.full
    assert bucket.tokens == 3


def test_what_was_used_may_be_more_than_there_was_and_is_owed_within_bounds(time: Time) -> None:
    bucket = TokenBucket(1.0, 2.0)
    bucket.spend(100)
    assert bucket.tokens == -2
    time.now = 2.5
    assert bucket.tokens == 0.5
    assert bucket.take() == 0.5


def test_full_buckets_are_forgotten_and_others_are_not(time: Time) -> None:
    each = TokenBuckets[int](1.0, 1.0)
    assert not each[0].take()
    for key in range(1, 5_000):
        assert each[key].full
    assert len(each) <= 1_001
    assert each[0].take() == 1.0


def test_the_number_of_buckets_may_grow_where_all_are_in_use(time: Time) -> None:
    each = TokenBuckets[int](0.001, 1.0)
    for key in range(5_000):
        assert not each[key].take()
    assert len(each) == 5_000
    assert all(each[key].take() for key in range(5_000))
