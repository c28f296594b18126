"""Sessions: the statements of a transaction, and how they share trips to a thread."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pymongo import WriteConcern
from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern

from uptake_service.mongo.failures import in_thread, translated


class Session:
    """A session of the driver, for one transaction at a time.

    Statements are calls of the driver that block, made in a thread one after the other. Those that wait together go in
    one trip to the thread and back: writes of which nobody wants to know more than that they were made wait for the
    next statement whose answer is wanted, at the latest the commit, and their errors come from that; and what is asked
    for by `gather`.
    """

    def __init__(self, driver: ClientSession, threads: ThreadPoolExecutor) -> None:
        self._driver = driver
        self._threads = threads
        self._waiting: list[tuple[Callable[[Any], Any], asyncio.Future[Any] | None]] = []
        self._held = False
        self.runs = 0
        """How many transactions were begun in it: more than one if the first had to be run again."""
        self._trip: asyncio.Future[list[tuple[Any, Exception | None]]] | None = None

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        # If it is in a transaction still, this ends it, which is a statement.
        await in_thread(self._threads, self._driver.end_session)

    def start_transaction(self) -> None:
        """Snapshot reads; commits go to a majority and are journaled."""
        self._waiting.clear()
        self.runs += 1
        self._driver.start_transaction(
            read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
        )

    def enqueue(self, statement: Callable[[Any], Any]) -> None:
        """Lets a write wait; it is given the driver's session."""
        self._waiting.append((statement, None))

    async def run(self, statement: Callable[[Any], Any]) -> Any:
        """Makes a statement, after those that wait; it is given the driver's session.

        Who is cancelled waits for the end of what runs, lest it goes on in a session that is rolled back.

        Raises:
            PyMongoError: Of this statement, or of one before it on the same trip.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((statement, answer))
        self._go_on()
        try:
            return await answer
        except asyncio.CancelledError:
            self._waiting = [each for each in self._waiting if each[1] is not answer]
            if self._trip is not None:
                await asyncio.wait({self._trip})
            raise

    async def gather(self, *asking: Awaitable[Any]) -> list[Any]:
        """Waits for several who each make a statement; what they ask for first goes in one trip."""
        loop = asyncio.get_running_loop()
        self._held = True
        tasks = [asyncio.ensure_future(each) for each in asking]
        # Comes after the first step of each.
        loop.call_soon(self._let_go)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return found

    async def flush(self) -> None:
        """Makes the writes that wait."""
        if self._waiting:
            with translated():
                await self.run(lambda _: None)

    async def commit(self) -> None:
        """Makes the writes that wait, and commits; may be called again when the outcome is not known.

        Raises:
            PyMongoError: As the driver tells it, for its labels.
        """
        await self.run(lambda driver: driver.commit_transaction())

    async def abort(self) -> None:
        """Rolls back, if the transaction is still open."""
        self._waiting.clear()
        if self._driver.in_transaction:
            await in_thread(self._threads, self._driver.abort_transaction)

    def _let_go(self) -> None:
        self._held = False
        self._go_on()

    def _go_on(self) -> None:
        """Makes what waits, if an answer is waited for: the error of a write must have somebody to come to."""
        if self._trip is None and not self._held and any(answer is not None for _, answer in self._waiting):
            self._set_out()

    def _set_out(self) -> None:
        statements, self._waiting = self._waiting, []
        self._trip = in_thread(self._threads, _made, [each for each, _ in statements], self._driver)
        self._trip.add_done_callback(lambda trip: self._is_back([answer for _, answer in statements], trip))

    def _is_back(
        self,
        answers: "list[asyncio.Future[Any] | None]",
        trip: "asyncio.Future[list[tuple[Any, Exception | None]]]",
    ) -> None:
        self._trip = None
        made = trip.result()
        for place, answer in enumerate(answers):
            # What came after one that failed was not made, and failed with it.
            result, error = made[min(place, len(made) - 1)]
            if answer is None or answer.done():
                continue
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
        self._go_on()


def _made(statements: list[Callable[[Any], Any]], driver: Any) -> list[tuple[Any, Exception | None]]:
    """Makes statements up to the first that fails; gives what each came to."""
    made: list[tuple[Any, Exception | None]] = []
    for statement in statements:
        try:
            made.append((statement(driver), None))
        except Exception as error:  # noqa: BLE001  It belongs to who asked.
            made.append((None, error))
            break
    return made
