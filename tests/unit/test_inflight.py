"""Bytes in flight: no caller takes the room of the others, and what was held is given back."""

import asyncio

import hypothesis
from hypothesis import strategies
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.rpc.inflight import CALL_BYTES, SMALL_BYTES, BytesInFlight, Holder, Reservation
from uptake_service.telemetry.metrics import Metrics

_KEY, _OTHER_KEY = Holder("a", True), Holder("b", True)
_CONNECTIONS = [Holder(f"ipv4:127.0.0.1:{port}", False) for port in range(5)]
_TOTAL = 64 * 1024 * 1024
_QUARTER = _TOTAL // 4


def _fill(in_flight: BytesInFlight, holder: Holder, size: int) -> int:
    """Takes until no more is to be had, in pieces of a size; returns how much that was."""
    taken = 0
    while True:
        try:
            in_flight.take(holder, size)
        except DomainError as error:
            assert (error.reason, error.retry_after_seconds) == (Reason.ERROR_REASON_OVERLOADED, 1.0)
            return taken
        taken += size


def test_a_key_holds_half_and_a_connection_without_one_a_quarter() -> None:
    assert _fill(BytesInFlight(Metrics(), _TOTAL), _KEY, CALL_BYTES) == 2 * _QUARTER
    assert _fill(BytesInFlight(Metrics(), _TOTAL), _CONNECTIONS[0], CALL_BYTES) == _QUARTER


def test_what_is_refused_is_counted_by_its_limit() -> None:
    metrics = Metrics()
    in_flight = BytesInFlight(metrics, _TOTAL)
    _fill(in_flight, _KEY, CALL_BYTES)
    for key in (_OTHER_KEY, Holder("c", True)):
        _fill(in_flight, key, CALL_BYTES)
    counted = [
        metrics.registry.get_sample_value("uptake_limited_total", {"limit": limit})
        for limit in ("bytes_in_flight_of_caller", "bytes_in_flight")
    ]
    assert counted == [1, 2]


def test_connections_without_a_key_leave_a_quarter_to_keys() -> None:
    in_flight = BytesInFlight(Metrics(), _TOTAL)
    assert sum(_fill(in_flight, connection, CALL_BYTES) for connection in _CONNECTIONS) == 3 * _QUARTER
    assert _fill(in_flight, _KEY, CALL_BYTES) == _QUARTER


def test_large_messages_leave_a_quarter_to_small_ones() -> None:
    in_flight = BytesInFlight(Metrics(), _TOTAL)
    large = 4 * 1024 * 1024
    assert _fill(in_flight, _KEY, large) + _fill(in_flight, _OTHER_KEY, large) == 3 * _QUARTER
    assert _fill(in_flight, _OTHER_KEY, SMALL_BYTES) == _QUARTER


@hypothesis.given(
    strategies.lists(
        strategies.tuples(strategies.sampled_from([_KEY, _OTHER_KEY, *_CONNECTIONS]), strategies.integers(1, _QUARTER)),
        max_size=40,
    )
)
def test_never_more_than_the_total_is_held_and_all_of_it_is_given_back(wanted: list[tuple[Holder, int]]) -> None:
    in_flight = BytesInFlight(Metrics(), _TOTAL)
    taken = []
    for holder, size in wanted:
        before = in_flight.held
        try:
            in_flight.take(holder, size)
        except DomainError:
            assert in_flight.held == before
        else:
            taken.append((holder, size))
        assert in_flight.held == sum(size for _, size in taken) <= _TOTAL
    for holder, size in taken:
        in_flight.give_back(holder, size)
    assert in_flight.held == 0
    assert _fill(in_flight, _KEY, CALL_BYTES) == 2 * _QUARTER


async def test_a_stream_waits_for_room_and_takes_it() -> None:
    in_flight = BytesInFlight(Metrics(), _TOTAL)
    holding = Reservation(in_flight, _CONNECTIONS[0])
    rest = _fill(in_flight, _CONNECTIONS[0], CALL_BYTES)
    waiting = asyncio.create_task(holding.wait_and_take(SMALL_BYTES))
    await asyncio.sleep(0)
    assert not waiting.done()
    in_flight.give_back(_CONNECTIONS[0], rest)
    await waiting
    assert in_flight.held == CALL_BYTES + SMALL_BYTES
    holding.give_back(SMALL_BYTES)
    holding.release()
    holding.release()
    assert in_flight.held == 0
