"""One bad row stops nobody: projects take turns, what fails rests and is set aside, and nothing is given up."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.job_queue import Item, JobQueue, SetAsideItems
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable
from uptake_service.mongo.client import Mongo

from tests.processes import eventually, let_pass

WORDS = "what a user said"
BAD, GOOD, OTHER = Item("bad", "1"), Item("good", "1"), Item("good", "2")


def queue(mongo: Mongo, **options: Any) -> JobQueue:
    return JobQueue("work", mongo, Clock(), **{"tries": 3, "first_seconds": 0.01, **options})


class Work:
    """Steps that fail for some items, and take several turns for others."""

    def __init__(self, fails: set[Item], turns: dict[Item, int] | None = None) -> None:
        self.fails = fails
        self.turns = Counter(turns or {})
        self.made: list[Item] = []

    async def step(self, item: Item) -> bool:
        self.made.append(item)
        if item in self.fails:
            raise KeyError(WORDS)
        self.turns[item] -= 1
        return self.turns[item] > 0


async def until_set_aside(mongo: Mongo, tried: JobQueue, work: Work, items: list[Item]) -> None:
    async def is_set_aside() -> bool:
        await tried.run(items, work.step)
        return bool(await SetAsideItems(mongo).scan())

    await eventually(is_set_aside, "an item that is set aside")


async def test_what_fails_holds_up_no_other(mongo: Mongo, caplog: pytest.LogCaptureFixture) -> None:
    work, tried = Work({BAD}), queue(mongo, first_seconds=60.0)
    assert await tried.run([BAD, GOOD, OTHER], work.step) == [BAD]
    assert sorted(work.made) == [BAD, GOOD, OTHER]
    assert tried.rests(BAD)
    assert await tried.run([BAD, GOOD], work.step) == [BAD]
    assert work.made.count(BAD) == 1
    assert "KeyError" in caplog.text
    assert WORDS not in caplog.text


async def test_what_fails_again_and_again_is_set_aside_and_told(mongo: Mongo) -> None:
    work, tried = Work({BAD}), queue(mongo)
    await until_set_aside(mongo, tried, work, [BAD, GOOD])
    assert work.made.count(BAD) == 3
    (told,) = await SetAsideItems(mongo).scan()
    assert (told.job, told.project, told.id, told.error) == ("work", "bad", "1", "KeyError")
    assert await SetAsideItems(mongo).counts() == {"work": 1}
    (line,), _ = await AuditLog(mongo, Clock()).page("bad", None, None, None, 10)
    assert (line.method, line.resource_id) == ("jobs.work/SetAside", "1")
    assert tried.rests(BAD)


async def test_what_was_set_aside_is_tried_once_a_service_starts_and_is_told_no_more_once_it_is_done(
    mongo: Mongo,
) -> None:
    work = Work({BAD})
    await until_set_aside(mongo, queue(mongo), work, [BAD])
    again, tried = work.made.count(BAD), queue(mongo)
    assert await tried.run([BAD], work.step) == [BAD]
    assert (work.made.count(BAD), tried.rests(BAD)) == (again + 1, True)
    work.fails.clear()
    assert await queue(mongo).run([BAD], work.step) == []
    assert await SetAsideItems(mongo).scan() == []


async def test_what_is_no_more_due_is_told_no_more(mongo: Mongo) -> None:
    work, tried = Work({BAD}), queue(mongo)
    await until_set_aside(mongo, tried, work, [BAD])
    await tried.run([GOOD], work.step)
    assert await SetAsideItems(mongo).scan() == []


async def test_projects_take_turns_however_much_one_has(mongo: Mongo) -> None:
    much = [Item("much", str(number)) for number in range(5)]
    work = Work(set(), dict.fromkeys(much, 4) | {GOOD: 3})
    assert await queue(mongo).run([*much, GOOD, OTHER], work.step) == []
    assert len(work.made) == 5 * 4 + 3 + 1
    # While the other project has anything left, every second turn is its.
    assert [item.project for item in work.made[:8]] == ["good", "much"] * 4


async def test_a_run_that_ends_early_goes_on_behind_its_last_project(mongo: Mongo) -> None:
    items = [Item(project, "") for project in "abc"]
    made: list[Item] = []
    # So short that a run has time for one step only.
    tried = queue(mongo, run_seconds=0.05)

    async def step(item: Item) -> bool:
        made.append(item)
        await let_pass(0.06, "as long as a run may take")
        return True

    for _ in range(6):
        assert await tried.run(items, step) == items
    assert [item.project for item in made] == list("abcabc")


async def test_a_step_that_hangs_is_ended(mongo: Mongo) -> None:
    made: list[Item] = []

    async def hanging(item: Item) -> bool:
        made.append(item)
        if item is BAD:
            await asyncio.Event().wait()
        return False

    assert await queue(mongo, step_seconds=0.05).run([BAD, GOOD], hanging) == [BAD]
    assert made == [BAD, GOOD]


async def test_a_database_that_does_not_answer_is_no_items_fault(mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = queue(mongo)

    async def unavailable(item: Item) -> bool:
        raise DatabaseUnavailable

    assert await tried.run([BAD], unavailable) == [BAD]
    assert tried.rests(BAD)

    async def away(self: Mongo) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(Mongo, "ping", away)
    with pytest.raises(DatabaseUnavailable):
        await tried.run([GOOD], unavailable)
    assert not tried.rests(GOOD)
