"""What answers a stream is waited for, and whatever becomes of it is known."""

import asyncio
import base64
import gc
from datetime import UTC, datetime
from typing import Any

import pytest
from google.rpc import error_details_pb2, status_pb2
from uptake.v1 import feedback_pb2
from uptake_service.domain.access import Key, Role
from uptake_service.domain.caller import Caller
from uptake_service.domain.errors import DomainError, InvalidRequest, Reason, Violation
from uptake_service.rpc.call import ensure_project
from uptake_service.rpc.calls import _while_it_may
from uptake_service.rpc.errors import _MESSAGE_BYTES, Trailing, _remembered, item_error, trailing


async def _stay() -> None:
    """The caller may go on."""


async def test_an_answer_that_is_cancelled_is_no_good_end() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await _while_it_may(work(), _stay)


async def test_an_answer_that_fails_as_its_call_is_cancelled_leaves_no_error_behind() -> None:
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: told.append(context))
    failing = asyncio.Event()

    async def work() -> None:
        await failing.wait()
        raise LookupError("the caller has left")

    try:
        call = asyncio.create_task(_while_it_may(work(), _stay))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        failing.set()
        # The work fails in the next step of the loop, and its call is cancelled before it can learn of that.
        loop.call_soon(call.cancel)
        with pytest.raises(asyncio.CancelledError):
            await call
        del call
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert told == []


@pytest.mark.parametrize(("seconds", "milliseconds"), [(None, -1), (0.0, 1), (0.0004, 1), (0.0015, 2), (1.0, 1000)])
def test_who_is_to_wait_waits_long_enough_and_never_0_ms(seconds: float | None, milliseconds: int) -> None:
    error = DomainError(Reason.ERROR_REASON_RATE_LIMITED, "too fast", retry_after_seconds=seconds)
    assert dict(trailing(error))["grpc-retry-pushback-ms"] == str(milliseconds)
    assert item_error(error).retry_delay.ToMilliseconds() == max(milliseconds, 0)


def test_only_refusals_of_overload_are_kept() -> None:
    """Whatever else an error says may quote a caller, and would be held for as long as it is kept."""
    metadata = {"limit": "queue"}
    _remembered.cache_clear()
    for each in (
        DomainError(Reason.ERROR_REASON_ETAG_MISMATCH, "changed", metadata={"etag": "x" * 1_000_000}),
        InvalidRequest([Violation("id", "is required")]),
        DomainError(Reason.ERROR_REASON_CLAIM_LOST, "lost", subject="r"),
    ):
        assert trailing(each) is not trailing(each)
    assert _remembered.cache_info().currsize == 0
    full = [
        DomainError(Reason.ERROR_REASON_OVERLOADED, "full", retry_after_seconds=1.0, metadata=metadata)
        for _ in range(2)
    ]
    assert trailing(full[0]) is trailing(full[1])


@pytest.mark.parametrize("name", ["x" * 5_000_000, "mine" + "x" * 5_000_000, "字" * 1_000_000])
def test_a_project_name_of_megabytes_is_cut_before_it_is_kept_or_quoted(name: str) -> None:
    request = feedback_pb2.CollectFeedbackRequest(project=name)
    with pytest.raises(DomainError) as caught:
        ensure_project(_caller("mine"), request)
    assert caught.value.reason == Reason.ERROR_REASON_PERMISSION_DENIED
    assert caught.value.metadata["project"] == name[:64]
    # Nor does a stream keep it, whose messages are given back long before it ends.
    assert ensure_project(_caller(), request) == name[:64]


def test_no_project_is_another_by_being_cut() -> None:
    """A longest name with more behind it is not for the key of that name."""
    mine = "m" * 63
    assert ensure_project(_caller(mine), feedback_pb2.CollectFeedbackRequest(project=mine)) == mine
    for longer in (mine + "m", mine + "m" * 1_000_000):
        with pytest.raises(DomainError):
            ensure_project(_caller(mine), feedback_pb2.CollectFeedbackRequest(project=longer))


def _caller(*projects: str) -> Caller:
    key = Key(id="k", name="k", role=Role.ADMIN, projects=projects, create_time=datetime(2025, 1, 1, tzinfo=UTC))
    return Caller(key=key)


@pytest.mark.parametrize("count", [1, 20, 21, 100, 100_000])
@pytest.mark.parametrize("text", ["is wrong", "\U0001f600" * 256, "%" * 10_000, "x" * 100_000])
def test_a_status_with_however_much_wrong_fits_into_the_metadata_that_clients_take(count: int, text: str) -> None:
    error = InvalidRequest([Violation(f"labels[{place}]", text) for place in range(count)])
    for each in (error, DomainError(Reason.ERROR_REASON_CLAIM_LOST, text, subject=text, violations=error.violations)):
        details = dict(trailing(each))["grpc-status-details-bin"]
        assert isinstance(details, bytes)
        assert len(base64.b64encode(details)) + _MESSAGE_BYTES < 8_000
    named, left_out = _told(trailing(error))
    assert named + left_out == count
    if text == "is wrong":
        assert named == min(count, 20)
        item = item_error(error)
        assert len(item.field_violations) == named
        assert int(item.metadata.get("violations_left_out", "0")) == left_out
    assert count == 1 or "more" in error.message or count <= 5


def _told(metadata: Trailing) -> tuple[int, int]:
    """How many wrong fields a status names, and how many more it says there are."""
    packed = dict(metadata)["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    status = status_pb2.Status.FromString(packed)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return len(bad.field_violations), int(info.metadata.get("violations_left_out", "0"))
