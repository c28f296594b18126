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
def together(reading: Reading) -> SingleFlight[str, int]:
    return SingleFlight(reading)


async def ask(together: SingleFlight[str, int], key: str = "a") -> "asyncio.Task[int]":
    """Somebody who has asked."""
    task = asyncio.create_task(together(key))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_who_asks_while_it_is_done_gets_the_next(together: SingleFlight[str, int], reading: Reading) -> None:
    first = await ask(together)
    later = [await ask(together) for _ in range(3)]
    reading.may_end["a"].release()
    assert await first == 1
    latest = await ask(together)
    reading.may_end["a"].release()
    assert [await each for each in later] == [2, 2, 2]
    reading.may_end["a"].release()
    assert await latest == 3
    assert reading.begun == {"a": 3}


async def test_all_who_ask_at_once_get_the_same(together: SingleFlight[str, int], reading: Reading) -> None:
    reading.may_end["a"].release()
    assert await asyncio.gather(*(together("a") for _ in range(5))) == [1] * 5


async def test_keys_do_not_wait_for_each_other(together: SingleFlight[str, int], reading: Reading) -> None:
    slow = await ask(together, "slow")
    reading.may_end["quick"].release()
    assert await together("quick") == 1
    reading.may_end["slow"].release()
    assert await slow == 1


async def test_who_leaves_leaves_it_to_the_others(together: SingleFlight[str, int], reading: Reading) -> None:
    first, leaving, staying = await ask(together), await ask(together), await ask(together)
    first.cancel()
    leaving.cancel()
    for _ in range(2):
        reading.may_end["a"].release()
    assert await staying == 2
    assert first.cancelled()
    assert leaving.cancelled()


async def test_an_error_is_told_to_all_who_asked_and_to_nobody_later(
    together: SingleFlight[str, int], reading: Reading
) -> None:
    reading.fails = True
    asked = [await ask(together) for _ in range(3)]
    for _ in range(2):
        reading.may_end["a"].release()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(error) for error in told] == ["a 1", "a 2", "a 2"]
    reading.fails = False
    reading.may_end["a"].release()
    assert await together("a") == 3


async def test_an_error_that_nobody_waits_for_is_not_reported(
    together: SingleFlight[str, int], reading: Reading
) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    try:
        reading.fails = True
        leaving = await ask(together)
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


async def test_work_ends_with_the_last_who_waits_for_it(together: SingleFlight[str, int], reading: Reading) -> None:
    first, second = await ask(together), await ask(together)
    first.cancel()
    await asyncio.wait({first})
    assert "a" in together
    second.cancel()
    await asyncio.wait({second})
    for _ in range(3):
        await asyncio.sleep(0)
    assert "a" not in together
    assert len(together) == 0
    # Of either nothing is in the way of who asks now.
    reading.may_end["a"].release()
    assert await together("a") == 3


async def test_who_asks_at_the_moment_in_which_the_last_leaves_gets_work_of_its_own(
    together: SingleFlight[str, int], reading: Reading
) -> None:
    under_way, waiting = await ask(together), await ask(together)
    waiting.cancel()
    late = await ask(together)
    for _ in range(2):
        reading.may_end["a"].release()
    assert await under_way == 1
    assert await late == 2


async def test_keys_wait_for_each_other_where_they_take_turns(reading: Reading) -> None:
    together = SingleFlight(reading, turn=asyncio.Lock())
    first, other = await ask(together, "a"), await ask(together, "b")
    # Who comes while work waits for its turn shares it: it has read nothing yet.
    joined = await ask(together, "b")
    assert reading.begun == {"a": 1}
    reading.may_end["a"].release()
    reading.may_end["b"].release()
    assert [await first, await other, await joined] == [1, 1, 1]
    assert reading.begun == {"a": 1, "b": 1}


async def test_stopping_ends_all_work(together: SingleFlight[str, int]) -> None:
    asked = [await ask(together, key) for key in ("a", "a", "b")]
    await together.stop()
    await asyncio.wait(asked)
    assert all(each.cancelled() for each in asked)
    assert len(together) == 0
