"""The driver's only door: typed operations on collections, with its errors turned into ours.

Nothing outside this folder imports motor or pymongo, so that moving to another driver changes one folder.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
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


class Session:
    """A session of the driver, for one transaction at a time.

    Writes of which nobody wants to know more than that they were made wait for the next statement whose answer is
    wanted, at the latest the commit, and go with it: each statement for itself would cost a change to a thread of the
    driver and back. Their errors come from that statement.
    """

    def __init__(self, driver: AsyncIOMotorClientSession, threads: ThreadPoolExecutor) -> None:
        self.driver = driver
        self._threads = threads
        self._later: list[Callable[[], object]] = []

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.driver.end_session()

    def start_transaction(self) -> None:
        """Snapshot reads; commits go to a majority and are journaled."""
        self._later.clear()
        self.driver.start_transaction(
            read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
        )

    def later(self, write: Callable[[], object]) -> None:
        """Lets a write wait, which is a call of the driver that blocks."""
        self._later.append(write)

    async def settle(self) -> None:
        """Makes the writes that wait."""
        if self._later:
            with translated():
                await self._in_thread(self._run_later)

    async def commit(self) -> None:
        """Makes the writes that wait, and commits; may be called again when the outcome is not known.

        Raises:
            PyMongoError: As the driver tells it, for its labels.
        """
        await self._in_thread(self._commit)

    async def abort(self) -> None:
        """Rolls back, if the transaction is still open."""
        self._later.clear()
        if self.driver.delegate.in_transaction:
            await self.driver.abort_transaction()

    async def _in_thread(self, run: Callable[[], None]) -> None:
        """Runs what blocks. Who is cancelled waits for its end, lest it goes on in a session that is rolled back."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, run)
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Its error, if there is one, is nobody's any more.
            running.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({running})
            raise

    def _run_later(self) -> None:
        while self._later:
            self._later.pop(0)()

    def _commit(self) -> None:
        self._run_later()
        self.driver.delegate.commit_transaction()


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
        with translated():
            return await self._collection.find_one(filter, projection, sort=sort, session=await _settled(session))

    async def find(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        limit: int = 0,
        session: Session | None = None,
    ) -> list[Document]:
        with translated():
            cursor = self._collection.find(filter, projection, sort=sort, limit=limit, session=await _settled(session))
            return await cursor.to_list(None)

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
        with_now: bool = False,
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
            with_now: Whether each document is also to hold the database's time, in `now`.
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
            if with_now:
                pipeline.append({"$addFields": {"now": "$$NOW"}})
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
        projection: Filter,
        number: int,
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
            projection: What of the documents is wanted.
            number: About how many a list is to have.
            session: The transaction to read in.
        """
        width = _FIRST_SPAN
        while end is None or start < end:
            last = start + width if start < near else end
            if end is not None:
                last = min(last or end, end)
            found = await self.aggregate(
                [
                    {"$match": {**filter, time_field: {**since(start), **({"$lt": last} if last else {})}}},
                    {"$match": rest},
                    {"$project": projection},
                    {"$sort": {time_field: 1, "_id": 1}},
                ],
                session=session,
            )
            if found:
                yield found
            if last is None:
                break
            if len(found) < number // 2:
                width *= 4
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
        with translated():
            async for document in self._collection.find(
                filter, projection, sort=sort, session=await _settled(session), batch_size=1000
            ):
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
        with translated():
            return await self._collection.aggregate(list(pipeline), session=await _settled(session)).to_list(None)

    async def count(self, filter: Filter, *, session: Session | None = None) -> int:
        with translated():
            return await self._collection.count_documents(filter, session=await _settled(session))

    async def insert(self, document: Document, *, session: Session | None = None) -> None:
        await self.insert_many([document], session=session)

    async def insert_many(self, documents: Sequence[Document], *, session: Session | None = None) -> None:
        """Inserts all in one message, ordered; no documents is no message. In a transaction it waits for the next
        statement that is answered."""
        if not documents:
            return
        if session is not None:
            session.later(lambda: self._collection.delegate.insert_many(documents, session=session.driver.delegate))
            return
        with translated():
            await self._collection.insert_many(documents)

    async def update(self, filter: Filter, update: Update, *, session: Session | None = None) -> bool:
        """Updates one document; tells whether there was one."""
        with translated():
            return (
                await self._collection.update_one(filter, update, session=await _settled(session))
            ).matched_count > 0

    async def update_and_get(
        self, filter: Filter, update: Sequence[Mapping[str, Any]], *, session: Session | None = None
    ) -> Document | None:
        """Updates one document by the stages of a pipeline, which know $$NOW; returns what it is then, None without."""
        with translated():
            found: Document | None = await self._collection.find_one_and_update(
                filter, list(update), return_document=ReturnDocument.AFTER, session=await _settled(session)
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
        if session is not None:
            session.later(
                lambda: self._collection.delegate.bulk_write(operations, ordered=False, session=session.driver.delegate)
            )
            return
        with translated():
            await self._collection.bulk_write(operations, ordered=False)

    async def delete_each(self, ids: Sequence[str], *, session: Session | None = None) -> int:
        """Deletes documents by _id in one message; tells how many there were."""
        if not ids:
            return 0
        with translated():
            result = await self._collection.bulk_write(
                [DeleteOne({"_id": id}) for id in ids], ordered=False, session=await _settled(session)
            )
            return result.deleted_count

    async def delete_many(self, filter: Filter, *, session: Session | None = None) -> int:
        with translated():
            return (await self._collection.delete_many(filter, session=await _settled(session))).deleted_count


class _Depths:
    """How far back enough was found, by what was asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], tuple[datetime, float]] = OrderedDict()

    def get(self, asked: tuple[object, ...], near: datetime) -> timedelta:
        """How wide the first window before `near` is to be."""
        depth, time = self._known.get(asked, (near, 0.0))
        # Not for long: much may come in, and all of a window is read.
        return max(near - depth, _FIRST_WIDTH) if monotonic() < time + _DEPTH_SECONDS else _FIRST_WIDTH

    def put(self, asked: tuple[object, ...], depth: datetime) -> None:
        self._known[asked] = depth, monotonic()
        self._known.move_to_end(asked)
        if len(self._known) > _DEPTHS:
            self._known.popitem(last=False)


async def _settled(session: Session | None) -> AsyncIOMotorClientSession | None:
    if session is None:
        return None
    await session.settle()
    return session.driver


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
