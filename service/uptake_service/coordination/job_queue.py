"""What a background job has to do, item by item, so that none holds up another.

Projects take turns, and a turn is one step of one item. An item that fails rests, longer each time, while the others go
on. After some tries it is set aside: this is told by a metric, by `uptake check` and in the audit log, and from then on
it is tried at long intervals and when a service starts. Nothing is ever given up; once it succeeds, all that is over.
"""

import asyncio
import logging
import random
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from uptake_service.audit.log import AuditLog
from uptake_service.coordination.recount import Recount
from uptake_service.domain.caller import Caller
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable, DomainError, Reason
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session

_log = logging.getLogger(__name__)

_TRIES = 8
"""So many failures in a row set an item aside, which takes some two minutes."""

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 3600.0
_RUN_SECONDS = 20.0
_STEP_SECONDS = 120.0
"""A step that takes longer is ended, and has failed: whatever it waits for holds up all others."""

_STORED_AT_ONCE = 1000


class Item(NamedTuple):
    """What a job is to do for a project, such as one erasure; jobs that work for projects name those."""

    project: str
    id: str


@dataclass(frozen=True)
class SetAside:
    """An item of a job that failed again and again; `error` names what was raised, without its text."""

    job: str
    project: str
    id: str
    error: str
    time: datetime


class SetAsideItems:
    """The collection `set_aside`: {_id: "job/project/id", job, project, id, error, time}."""

    def __init__(self, mongo: Mongo) -> None:
        self._items = mongo.collection("set_aside")

    async def of_job(self, job: str) -> set[Item]:
        documents = await self._items.find({"job": job}, projection={"project": 1, "id": 1}, limit=_STORED_AT_ONCE)
        return {Item(document["project"], document["id"]) for document in documents}

    async def scan(self, session: Session | None = None) -> list[SetAside]:
        return [
            SetAside(document["job"], document["project"], document["id"], document["error"], document["time"])
            for document in await self._items.find({}, sort=[("_id", 1)], session=session)
        ]

    async def counts(self) -> dict[str, int]:
        """How many items each job has set aside."""
        groups = await self._items.aggregate([{"$group": {"_id": "$job", "items": {"$sum": 1}}}])
        return {group["_id"]: int(group["items"]) for group in groups}

    async def add(self, found: SetAside) -> None:
        fields = {name: getattr(found, name) for name in ("job", "project", "id", "error", "time")}
        await self._items.update_each([({"_id": _key(found.job, found)}, {"$set": fields})], upsert=True)

    async def remove(self, job: str, items: Iterable[Item]) -> None:
        await self._items.delete_each([{"_id": _key(job, item)} for item in items])


@dataclass
class _Failure:
    """Failures in a row: how many, and until when, by the loop's clock, the item rests."""

    tries: int
    until: float


class SetAsideRecount(Recount):
    """Tells of what jobs have set aside: it is wrong as long as it is there."""

    def __init__(self, mongo: Mongo) -> None:
        self._set_aside = SetAsideItems(mongo)

    async def differences(self, session: Session) -> list[str]:
        return [
            f"{each.job} of {each.project}, {each.id or 'all of it'}: set aside after failing again and again, "
            f"{each.error}"
            for each in await self._set_aside.scan(session)
        ]


class JobQueue:
    """The items of one job. One process at a time is to run it.

    Args:
        job: The job's name, as metrics and people know it.
        mongo: The database.
        clock: The service's clock.
        tries: How many failures in a row set an item aside.
        first_seconds: About how long it rests after the first failure; twice as long after each further one.
        longest_seconds: How long at most, and what is set aside always.
        step_seconds: How long one step may take.
        run_seconds: After how long a run leaves what is left to the next one.
    """

    def __init__(
        self,
        job: str,
        mongo: Mongo,
        clock: Clock,
        *,
        tries: int = _TRIES,
        first_seconds: float = _FIRST_SECONDS,
        longest_seconds: float = _LONGEST_SECONDS,
        step_seconds: float = _STEP_SECONDS,
        run_seconds: float = _RUN_SECONDS,
    ) -> None:
        self._job = job
        self._mongo = mongo
        self._clock = clock
        self._audit = AuditLog(mongo, clock)
        self._stored = SetAsideItems(mongo)
        self._tries = tries
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._step_seconds = step_seconds
        self._run_seconds = run_seconds
        self._failures: dict[Item, _Failure] = {}
        self._last_project = ""

    def rests(self, item: Item) -> bool:
        """Whether an item that failed is not to be tried yet."""
        failure = self._failures.get(item)
        return failure is not None and asyncio.get_running_loop().time() < failure.until

    async def run(self, items: Iterable[Item], step: Callable[[Item], Awaitable[bool]]) -> list[Item]:
        """Does what is to be done, a step of one project's item after a step of another's.

        Args:
            items: All that there is to be done.
            step: Does a bounded part of what an item needs; tells whether there is more.

        Returns:
            What was not finished: what failed or rests, and what the run had no time left for.

        Raises:
            DatabaseUnavailable: The database does not answer; that is no item's fault.
        """
        items = list(dict.fromkeys(items))
        set_aside = await self._stored.of_job(self._job) if items or self._failures else set()
        loop = asyncio.get_running_loop()
        ends, unfinished = loop.time() + self._run_seconds, set(items)
        turns = _Turns((item for item in items if not self.rests(item)), self._last_project)
        while (item := turns.next()) is not None and loop.time() < ends:
            self._last_project = item.project
            try:
                async with asyncio.timeout(self._step_seconds):
                    more = await step(item)
            except Exception as error:  # noqa: BLE001  Whatever is wrong with one, the others go on.
                await self._failed(item, error, item in set_aside)
                continue
            if more:
                turns.again(item)
                continue
            unfinished.discard(item)
            self._failures.pop(item, None)
        over = [item for item in set_aside if item not in unfinished]
        await self._stored.remove(self._job, over)
        for item in over:
            _log.info("%s of %s, %s: no longer set aside", self._job, item.project, item.id)
        for item in [each for each in self._failures if each not in unfinished]:
            del self._failures[item]
        return [item for item in items if item in unfinished]

    async def _failed(self, item: Item, error: Exception, known: bool) -> None:
        """Has an item rest, and sets it aside if that is due.

        Raises:
            DatabaseUnavailable: It failed because the database does not answer at all.
        """
        if isinstance(error, DatabaseUnavailable):
            await self._mongo.ping()
        if isinstance(error, DomainError) and error.reason == Reason.ERROR_REASON_SHUTTING_DOWN:
            raise error
        failure = self._failures.setdefault(item, _Failure(0, 0.0))
        failure.tries += 1
        pause = min(self._first_seconds * 2 ** (failure.tries - 1), self._longest_seconds)
        aside = known or failure.tries >= self._tries
        if aside:
            pause = self._longest_seconds
        # Half of it by chance, so that what failed together is not tried together.
        pause *= random.uniform(0.5, 1.0)  # noqa: S311
        failure.until = asyncio.get_running_loop().time() + pause
        _log.warning(
            "%s of %s, %s failed %d times and is tried again in %.1f s: %s%s",
            *(self._job, item.project, item.id, failure.tries, pause, _name(error)),
            # Where, without what: the text of an error may hold users' words.
            "\n" + "".join(traceback.format_tb(error.__traceback__)) if failure.tries == 1 else "",
        )
        if aside and not known and failure.tries == self._tries:
            await self._stored.add(SetAside(self._job, item.project, item.id, _name(error), self._clock.now()))
            by = Caller(method=f"jobs.{self._job}/SetAside")
            await self._audit.add(item.project, item.id, [], None, by=by)


class _Turns:
    """Items by project, whose turns go round; after a run that was cut short they go on behind its last project."""

    def __init__(self, items: Iterable[Item], last: str) -> None:
        self._of_project: dict[str, deque[Item]] = {}
        for item in items:
            self._of_project.setdefault(item.project, deque()).append(item)
        ordered = sorted(self._of_project, key=lambda project: (project <= last, project))
        self._order = deque(ordered)

    def next(self) -> Item | None:
        """The next item of the next project; None if there is none left."""
        while self._order:
            waiting = self._of_project[self._order[0]]
            if waiting:
                self._order.rotate(-1)
                return waiting.popleft()
            self._order.popleft()
        return None

    def again(self, item: Item) -> None:
        """Lets an item wait for another turn, behind its project's others."""
        self._of_project[item.project].append(item)


def _key(job: str, item: Item | SetAside) -> str:
    return f"{job}/{item.project}/{item.id}"


def _name(error: Exception) -> str:
    """What was raised, without its text, which may hold users' words."""
    if isinstance(error, DomainError):
        return f"{type(error).__name__} {Reason.Name(error.reason)}"
    return type(error).__name__
