"""Work that is done once for all who ask at the same time."""

import asyncio
import gc
from collections import defaultdict
from typing import Any

import pytest
from uptake_service.coordination.single_flight import SingleFlight


class Reading:
    """Work that ends when it is told to; it says how often it was done."""

    def __init__(self) -> None:
        self.begun: defaultdict[str, int] = defaultdict(int)
        self.may_end: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))
        self.fails = False

    async def __call__(self, key: str) -> int:
        self.begun[key] += 1
        number = self.begun[key]
        await self.may_end[key].acquire()
        if self.fails:
            raise ValueError(f"{key} {number}")
        return number


@pytest.fixture
def reading() -> Reading:
    return Reading()


@pytest.fixture
def single_flight(reading: Reading) -> SingleFlight[str, int]:
    return SingleFlight(reading)


async def ask(single_flight: SingleFlight[str, int], key: str = "a") -> "asyncio.Task[int]":
    """Somebody who has asked."""
    task = asyncio.create_task(single_flight(key))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_who_asks_while_it_is_done_gets_the_next(single_flight: SingleFlight[str, int], reading: Reading) -> None:
    first = await ask(single_flight)
    later = [await ask(single_flight) for _ in range(3)]
    reading.may_end["a"].release()
    assert await first == 1
    latest = await ask(single_flight)
    reading.may_end["a"].release()
    assert [await each for each in later] == [2, 2, 2]
    reading.may_end["a"].release()
    assert await latest == 3
    assert reading.begun == {"a": 3}


async def test_all_who_ask_at_once_get_the_same(single_flight: SingleFlight[str, int], reading: Reading) -> None:
    reading.may_end["a"].release()
    assert await asyncio.gather(*(single_flight("a") for _ in range(5))) == [1] * 5


async def test_keys_do_not_wait_for_each_other(single_flight: SingleFlight[str, int], reading: Reading) -> None:
    slow = await ask(single_flight, "slow")
    reading.may_end["quick"].release()
    assert await single_flight("quick") == 1
    reading.may_end["slow"].release()
    assert await slow == 1


async def test_who_leaves_leaves_it_to_the_others(single_flight: SingleFlight[str, int], reading: Reading) -> None:
    first, leaving, staying = await ask(single_flight), await ask(single_flight), await ask(single_flight)
    first.cancel()
    leaving.cancel()
    for _ in range(2):
        reading.may_end["a"].release()
    assert await staying == 2
    assert first.cancelled()
    assert leaving.cancelled()


async def test_an_error_is_told_to_all_who_asked_and_to_nobody_later(
    single_flight: SingleFlight[str, int], reading: Reading
) -> None:
    reading.fails = True
    asked = [await ask(single_flight) for _ in range(3)]
    for _ in range(2):
        reading.may_end["a"].release()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(error) for error in told] == ["a 1", "a 2", "a 2"]
    reading.fails = False
    reading.may_end["a"].release()
    assert await single_flight("a") == 3


async def test_an_error_that_nobody_waits_for_is_not_reported(
    single_flight: SingleFlight[str, int], reading: Reading
) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    try:
        reading.fails = True
        leaving = await ask(single_flight)
        leaving.cancel()
        reading.may_end["a"].release()
        for _ in range(5):
            await asyncio.sleep(0)
        del leaving
        gc.collect()
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
    assert reported == []
    assert reading.begun == {"a": 1}


async def test_work_ends_with_the_last_who_waits_for_it(
    single_flight: SingleFlight[str, int], reading: Reading
) -> None:
    first, second = await ask(single_flight), await ask(single_flight)
    first.cancel()
    await asyncio.wait({first})
    assert "a" in single_flight
    second.cancel()
    await asyncio.wait({second})
    for _ in range(3):
        await asyncio.sleep(0)
    assert "a" not in single_flight
    assert len(single_flight) == 0
    # Of either nothing is in the way of who asks now.
    reading.may_end["a"].release()
    assert await single_flight("a") == 3


async def test_who_asks_at_the_moment_in_which_the_last_leaves_gets_work_of_its_own(
    single_flight: SingleFlight[str, int], reading: Reading
) -> None:
    under_way, waiting = await ask(single_flight), await ask(single_flight)
    waiting.cancel()
    late = await ask(single_flight)
    for _ in range(2):
        reading.may_end["a"].release()
    assert await under_way == 1
    assert await late == 2


async def test_keys_wait_for_each_other_where_they_take_turns(reading: Reading) -> None:
    single_flight = SingleFlight(reading, turn=asyncio.Lock())
    first, other = await ask(single_flight, "a"), await ask(single_flight, "b")
    # Who comes while work waits for its turn shares it: it has read nothing yet.
    joined = await ask(single_flight, "b")
    assert reading.begun == {"a": 1}
    reading.may_end["a"].release()
    reading.may_end["b"].release()
    assert [await first, await other, await joined] == [1, 1, 1]
    assert reading.begun == {"a": 1, "b": 1}


async def test_stopping_ends_all_work(single_flight: SingleFlight[str, int]) -> None:
    asked = [await ask(single_flight, key) for key in ("a", "a", "b")]
    await single_flight.stop()
    await asyncio.wait(asked)
    assert all(each.cancelled() for each in asked)
    assert len(single_flight) == 0
