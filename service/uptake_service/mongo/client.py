"""The driver's only door: typed operations on collections, with its errors turned into ours.

Nothing outside this folder imports motor or pymongo, so that moving to another driver changes one folder.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo import DeleteOne, ReturnDocument, UpdateOne, WriteConcern
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern

from uptake_service.errors import DatabaseUnavailable, DuplicateKey, StartupError, WriteRefused
from uptake_service.recently import Recently

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]

_DUPLICATE_KEY = 11000
_CANNOT_WRITE = (1, 14031)
"""InternalError and OutOfDiskSpace: what is wrong is the database, not what it was asked to do."""
_CHANGE_WAIT_MILLISECONDS = 500
_TRANSACTION_THREADS = 16
_FIRST_WIDTH, _WIDEST = timedelta(seconds=10), timedelta(days=730)
_DEPTHS, _DEPTH_SECONDS = 10_000, 30.0
_FIRST_SPAN = timedelta(minutes=1)
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INDEX_OF_DUPLICATE = re.compile(r"index: (?:\S+\.\$)?(\S+)")


def since(time: datetime) -> Document:
    """The condition for a time field to be at `time` or later.

    It has no $gte: on an index where the field descends and another follows it, the embedded database (SecantusDB
    0.7.0b3) leaves out what equals that bound. Stored times are whole milliseconds, so this is the same.
    """
    return {"$gt": time - _MILLISECOND}


class Transient(Exception):
    """A transaction was aborted by a conflict or a lost connection; run again it may well succeed."""


Statement = Callable[[Any, Any], Any]
"""A call of the driver, on a collection (its own or motor's, which then gives something to wait for) in a session."""


class Session:
    """A session of the driver, for one transaction at a time.

    Statements are calls of the driver that block, made in a thread one after the other. Those that wait together go in
    one trip to the thread and back: writes of which nobody wants to know more than that they were made wait for the
    next statement whose answer is wanted, at the latest the commit, and their errors come from that; and what is asked
    for by `together`.
    """

    def __init__(self, driver: AsyncIOMotorClientSession, threads: ThreadPoolExecutor) -> None:
        self.driver = driver
        self._threads = threads
        self._waiting: list[tuple[Callable[[Any], Any], asyncio.Future[Any] | None]] = []
        self._held = False
        self.runs = 0
        """How many transactions were begun in it: more than one if the first had to be run again."""
        self._trip: asyncio.Future[list[tuple[Any, Exception | None]]] | None = None

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.driver.end_session()

    def start_transaction(self) -> None:
        """Snapshot reads; commits go to a majority and are journaled."""
        self._waiting.clear()
        self.runs += 1
        self.driver.start_transaction(
            read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
        )

    def later(self, statement: Callable[[Any], Any]) -> None:
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

    async def together(self, *asking: Awaitable[Any]) -> list[Any]:
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

    async def settle(self) -> None:
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
        if self.driver.delegate.in_transaction:
            await self.driver.abort_transaction()

    def _let_go(self) -> None:
        self._held = False
        self._go_on()

    def _go_on(self) -> None:
        """Makes what waits, if an answer is waited for: the error of a write must have somebody to come to."""
        if self._trip is None and not self._held and any(answer is not None for _, answer in self._waiting):
            self._set_out()

    def _set_out(self) -> None:
        statements, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        self._trip = loop.run_in_executor(self._threads, _made, [each for each, _ in statements], self.driver.delegate)
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


class Mongo:
    """A database on a replica set or sharded cluster."""

    def __init__(self, client: "AsyncIOMotorClient[Document]", uri: str, database: str, timeout_seconds: float) -> None:
        self.client = client
        self.uri = uri
        self.timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(_TRANSACTION_THREADS, "transactions")
        self.database = client.get_database(
            database,
            codec_options=CodecOptions(tz_aware=True),
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
        )

    @classmethod
    def connect(cls, uri: str, database: str, timeout_seconds: float) -> "Mongo":
        """Opens a pool; the first operation connects.

        Raises:
            StartupError: The URI is malformed.
        """
        milliseconds = int(timeout_seconds * 1000)
        try:
            client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                uri,
                appname="uptake",
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=milliseconds,
                waitQueueTimeoutMS=milliseconds,
                tz_aware=True,
            )
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise StartupError(f"bad setting: UPTAKE_MONGODB_URI: {error}") from None
        return cls(client, uri, database, timeout_seconds)

    def collection(self, name: str) -> "Collection":
        return Collection(self.database.get_collection(name))

    async def ping(self) -> None:
        """Raises DatabaseUnavailable when the database does not answer in time."""
        with translated():
            await self.database.command("ping")

    async def now(self) -> datetime:
        """The time by the database's clock."""
        with translated():
            answer = await self.database.command("hello", codec_options=self.database.codec_options)
        time: datetime = answer["localTime"]
        return time

    async def start_session(self) -> Session:
        with translated():
            return Session(await self.client.start_session(), self._threads)

    def close(self) -> None:
        self.client.close()
        self._threads.shutdown(wait=False)


class Collection:
    """One collection. Every method raises DatabaseUnavailable, DuplicateKey, WriteRefused or, inside a
    transaction, Transient; nothing of the driver's."""

    def __init__(self, collection: "AsyncIOMotorCollection[Document]") -> None:
        self._collection = collection
        self._depths = _Depths()

    async def create_index(
        self,
        keys: Sort,
        *,
        unique: bool = False,
        where: Filter | None = None,
        expire_after_seconds: int | None = None,
    ) -> None:
        options: dict[str, Any] = {"unique": unique}
        if where is not None:
            options["partialFilterExpression"] = where
        if expire_after_seconds is not None:
            options["expireAfterSeconds"] = expire_after_seconds
        with translated():
            await self._collection.create_index(list(keys), **options)

    async def get(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        session: Session | None = None,
    ) -> Document | None:
        found: Document | None = await self._do(
            lambda collection, driver: collection.find_one(filter, projection, sort=sort, session=driver), session
        )
        return found

    async def find(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        session: Session | None = None,
    ) -> list[Document]:
        found: list[Document] = await self._do(
            lambda collection, driver: collection.find(
                filter, projection, sort=sort, limit=limit, session=driver
            ).to_list(None),
            session,
        )
        return found

    async def find_with_now(self, filter: Filter, *, session: Session | None = None) -> list[Document]:
        """Like find; each document also holds the database's time, in `now`."""
        return await self.aggregate([{"$match": filter}, {"$addFields": {"now": "$$NOW"}}], session=session)

    async def find_newest(
        self,
        filter: Filter,
        time_field: str,
        *,
        rest: Filter | None = None,
        least: datetime | None = None,
        most: datetime | None = None,
        near: datetime,
        width: timedelta | None = None,
        projection: Filter | None = None,
        limit: int,
        session: Session | None = None,
    ) -> list[Document]:
        """The newest documents, newest first by `time_field` and _id.

        Reads one window of time after the other, each eight times as wide as the one before, until there are
        enough: so it costs what it returns, also on a database that sorts only after it has read all that matches.
        Where enough was found is remembered for some seconds, for the next time that the like is asked for.

        Args:
            filter: Equalities that an index followed by `time_field` serves.
            time_field: The field that orders.
            rest: What else must hold.
            least: No documents before this time.
            most: No documents after this time.
            near: Where the newest documents are expected: the time from which windows are counted without `most`.
            width: How wide the first window is; None goes as far back as was enough the last time.
            projection: What to leave out.
            limit: How many at most.
            session: The transaction to read in.
        """
        found: list[Document] = []
        asked = (repr(filter), *(rest or ()), most is None, limit)
        # Without `most` the newest window has no end: a clock may have been ahead.
        end = {"$lte": most} if most else {}
        older = most or near
        width = width or self._depths.get(asked, older)
        first = max(least or _EARLIEST, _EARLIEST)
        while len(found) < limit:
            # Past two years everything older is one window.
            older = max(older - width, first) if width < _WIDEST else first
            pipeline: list[Mapping[str, Any]] = [{"$match": {**filter, time_field: {**since(older), **end}}}]
            if rest:
                pipeline.append({"$match": rest})
            pipeline += [{"$sort": {time_field: -1, "_id": -1}}, {"$limit": limit - len(found)}]
            if projection:
                pipeline.append({"$project": projection})
            found += await self.aggregate(pipeline, session=session)
            if older == first:
                break
            end, width = {"$lt": older}, width * 8
        if len(found) < limit:
            self._depths.put(asked, _EARLIEST)
        elif found and time_field in found[-1]:
            self._depths.put(asked, found[-1][time_field])
        return found

    async def oldest_first(
        self,
        filter: Filter,
        time_field: str,
        start: datetime,
        end: datetime | None,
        *,
        near: datetime,
        rest: Filter,
        projection: Filter | None = None,
        number: int,
        widest: timedelta | None = None,
        session: Session | None = None,
    ) -> AsyncGenerator[list[Document], None]:
        """Documents from `start` and, with an `end`, before it, in lists, oldest first by `time_field` and _id.

        Each list is of one span of time, as long as brings about `number` of them, so that it costs what is taken and
        no statement takes long, also on a database that sorts only after it has read all that matches.

        Args:
            filter: Equalities that an index followed by `time_field` serves.
            time_field: The field that orders.
            start: No documents before this time.
            end: None from this time on; without it there is no end.
            near: About now. What is later, for clocks may be ahead, is one span.
            rest: What else must hold.
            projection: What of the documents is wanted; None is all.
            number: About how many a list is to have.
            widest: How long a span may become while little is found: how much a long one holds is known only when it
                was read. Without it the spans grow, and an empty past costs little.
            session: The transaction to read in.
        """
        width = _FIRST_SPAN
        while end is None or start < end:
            last = start + width if start < near else end
            if widest and last:
                # What is older than two years is one span, as in `find_newest`.
                last = max(last, near - _WIDEST)
            if end is not None:
                last = min(last or end, end)
            pipeline: list[Mapping[str, Any]] = [
                {"$match": {**filter, time_field: {**since(start), **({"$lt": last} if last else {})}}},
                {"$match": rest},
                {"$sort": {time_field: 1, "_id": 1}},
            ]
            if projection:
                pipeline.append({"$project": projection})
            found = await self.aggregate(pipeline, session=session)
            if found:
                yield found
            if last is None:
                break
            if len(found) < number // 2:
                width = min(width * 4, widest) if widest else width * 4
            elif len(found) > number * 2:
                width = max(width / 4, _MILLISECOND)
            start = last

    async def stream(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        session: Session | None = None,
    ) -> AsyncIterator[Document]:
        """Like find, for more documents than memory should hold."""
        if session is not None:
            await session.settle()
        driver = session.driver if session else None
        with translated():
            async for document in self._collection.find(filter, projection, sort=sort, session=driver, batch_size=1000):
                yield document

    async def inserts(self) -> AsyncIterator[Document | None]:
        """Documents as they are inserted, from now on; None once the stream is open, and when none came for a while.

        Takes one of the driver's threads for as long as it is iterated over.
        """
        with translated():
            async with self._collection.watch(
                [{"$match": {"operationType": "insert"}}], max_await_time_ms=_CHANGE_WAIT_MILLISECONDS
            ) as stream:
                yield None
                while stream.alive:
                    change = await stream.try_next()
                    yield change["fullDocument"] if change is not None else None

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, session: Session | None = None
    ) -> list[Document]:
        found: list[Document] = await self._do(
            lambda collection, driver: collection.aggregate(list(pipeline), session=driver).to_list(None), session
        )
        return found

    async def count(self, filter: Filter, *, session: Session | None = None) -> int:
        return int(
            await self._do(lambda collection, driver: collection.count_documents(filter, session=driver), session)
        )

    async def insert(self, document: Document, *, session: Session | None = None) -> None:
        await self.insert_many([document], session=session)

    async def insert_many(self, documents: Sequence[Document], *, session: Session | None = None) -> None:
        """Inserts all in one message, ordered; no documents is no message. In a transaction it waits for the next
        statement that is answered."""
        if not documents:
            return
        await self._do_later(lambda collection, driver: collection.insert_many(documents, session=driver), session)

    async def update(self, filter: Filter, update: Update, *, session: Session | None = None) -> bool:
        """Updates one document; tells whether there was one."""
        result = await self._do(
            lambda collection, driver: collection.update_one(filter, update, session=driver), session
        )
        return bool(result.matched_count)

    async def update_and_get(
        self, filter: Filter, update: Sequence[Mapping[str, Any]], *, session: Session | None = None
    ) -> Document | None:
        """Updates one document by the stages of a pipeline, which know $$NOW; returns what it is then, None without."""
        found: Document | None = await self._do(
            lambda collection, driver: collection.find_one_and_update(
                filter, list(update), return_document=ReturnDocument.AFTER, session=driver
            ),
            session,
        )
        return found

    async def update_each(
        self,
        updates: Sequence[tuple[Filter, Update]],
        *,
        upsert: bool = False,
        session: Session | None = None,
    ) -> None:
        """Makes many one-document updates in one message. In a transaction it waits for the next statement that is
        answered."""
        if not updates:
            return
        operations = [UpdateOne(filter, update, upsert=upsert) for filter, update in updates]
        await self._do_later(
            lambda collection, driver: collection.bulk_write(operations, ordered=False, session=driver), session
        )

    async def delete_each(self, filters: Sequence[Filter], *, session: Session | None = None) -> int:
        """Deletes a document for each filter, all in one message; tells how many there were."""
        if not filters:
            return 0
        operations = [DeleteOne(filter) for filter in filters]
        result = await self._do(
            lambda collection, driver: collection.bulk_write(operations, ordered=False, session=driver), session
        )
        return int(result.deleted_count)

    async def delete_many(self, filter: Filter, *, session: Session | None = None) -> int:
        result = await self._do(lambda collection, driver: collection.delete_many(filter, session=driver), session)
        return int(result.deleted_count)

    async def _do(self, statement: Statement, session: Session | None) -> Any:
        """Makes a statement: in the transaction of a session, else by motor."""
        with translated():
            if session is None:
                return await statement(self._collection, None)
            return await session.run(lambda driver: statement(self._collection.delegate, driver))

    async def _do_later(self, statement: Statement, session: Session | None) -> None:
        """Makes a write; in a transaction it waits for the next statement that is answered."""
        if session is None:
            await self._do(statement, None)
        else:
            session.later(lambda driver: statement(self._collection.delegate, driver))


class _Depths:
    """How far back enough was found, by what was asked for."""

    def __init__(self) -> None:
        self._known = Recently[tuple[object, ...], tuple[datetime, float]](_DEPTHS)

    def get(self, asked: tuple[object, ...], near: datetime) -> timedelta:
        """How wide the first window before `near` is to be."""
        depth, time = self._known.get(asked, (near, 0.0))
        # Not for long: much may come in, and all of a window is read.
        return max(near - depth, _FIRST_WIDTH) if monotonic() < time + _DEPTH_SECONDS else _FIRST_WIDTH

    def put(self, asked: tuple[object, ...], depth: datetime) -> None:
        self._known[asked] = depth, monotonic()


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into ours."""
    try:
        yield
    except PyMongoError as error:
        raise _translate(error) from error


def _translate(error: PyMongoError) -> Exception:
    duplicate = _duplicate_index(error)
    if duplicate is not None:
        return DuplicateKey(duplicate)
    if error.has_error_label("TransientTransactionError"):
        return Transient(str(error))
    if isinstance(
        error,
        ConnectionFailure
        | ServerSelectionTimeoutError
        | ExecutionTimeout
        | WaitQueueTimeoutError
        | WTimeoutError
        | WriteConcernError,
    ) or error.has_error_label("RetryableWriteError"):
        return DatabaseUnavailable()
    if isinstance(error, OperationFailure) and error.code in _CANNOT_WRITE:
        return DatabaseUnavailable()
    return WriteRefused(str(error))


def _duplicate_index(error: PyMongoError) -> str | None:
    details = getattr(error, "details", None) or {}
    failures = details.get("writeErrors", [details]) if isinstance(error, BulkWriteError) else [details]
    for failure in failures:
        if failure.get("code") == _DUPLICATE_KEY:
            match = _INDEX_OF_DUPLICATE.search(failure.get("errmsg", ""))
            return match.group(1) if match else ""
    return None
