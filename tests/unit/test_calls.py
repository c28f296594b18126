"""What answers a stream is waited for, and whatever becomes of it is known."""

import asyncio
import gc
from typing import Any

import pytest
from uptake_service.errors import DomainError, Reason
from uptake_service.rpc.calls import _while_it_may
from uptake_service.rpc.errors import item_error, trailing


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
