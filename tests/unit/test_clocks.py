"""What was given for a time lasts no longer than that, however the clock was set meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.domain.clock import BEGINNING, CLOCK_TOLERANCE, lasts, older

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
STEPS = st.timedeltas(min_value=timedelta(days=-3650), max_value=timedelta(days=3650))


@given(STEPS, st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=1)), st.floats(0.0, 2.0))
def test_nothing_lasts_longer_than_it_was_given_for(step: timedelta, length: timedelta, share: float) -> None:
    """The clock is off by `step` when it is given, and right from then on."""
    expire_time = NOW + step + length
    later = NOW + length * share
    if lasts(expire_time, length, later):
        assert later < expire_time <= later + length + CLOCK_TOLERANCE
    elif timedelta() <= step <= CLOCK_TOLERANCE:
        assert share >= 1.0


@pytest.mark.parametrize("age", [timedelta(days=1), timedelta(days=365 * 3000), timedelta.max])
def test_there_is_a_time_before_every_age(age: timedelta) -> None:
    assert BEGINNING <= older(NOW, age) <= NOW
