"""Collections: typed statements.

Every statement is a blocking call of the driver, made in a thread: one way, whether it belongs to a transaction, to a
caller's read, or to neither. Motor makes the client, and follows changes, which takes a thread for as long as it lasts.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import DeleteOne, ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as SyncCollection

from uptake_service.mongo.documents import Document, Filter, Sort, Update
from uptake_service.mongo.failures import in_thread, translated
from uptake_service.mongo.reads import reading
from uptake_service.mongo.session import Session

Statement = Callable[["SyncCollection[Document]", ClientSession | None], Any]
"""A call of the driver that blocks, on a collection, in a session or in none."""

_CHANGE_WAIT_MILLISECONDS = 500
_STREAMED_AT_ONCE = 1000


class Collection:
    """One collection. Every method raises DatabaseUnavailable, DuplicateKey, WriteRefused or, inside a
    transaction, Transient; nothing of the driver's."""

    def __init__(self, collection: "AsyncIOMotorCollection[Document]", threads: Executor) -> None:
        """`threads`: where statements are made that belong to no transaction and to no caller's read."""
        self._watched = collection
        self._collection: SyncCollection[Document] = collection.delegate
        self._threads = threads

    async def get(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        session: Session | None = None,
    ) -> Document | None:
        longest = _longest()
        found: Document | None = await self._do(
            lambda collection, driver: collection.find_one(
                filter, projection, sort=sort, max_time_ms=longest, session=driver
            ),
            session,
        )
        return found

    async def find(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        skip: int = 0,
        limit: int = 0,
        session: Session | None = None,
    ) -> list[Document]:
        longest = _longest()
        found: list[Document] = await self._do(
            lambda collection, driver: collection.find(
                filter, projection, sort=sort, skip=skip, limit=limit, max_time_ms=longest, session=driver
            ).to_list(),
            session,
        )
        return found

    async def find_with_now(self, filter: Filter, *, session: Session | None = None) -> list[Document]:
        """Like find; each document also holds the database's time, in `now`."""
        return await self.aggregate([{"$match": filter}, {"$addFields": {"now": "$$NOW"}}], session=session)

    async def stream(
        self,
        filter: Filter,
        *,
        projection: Filter | None = None,
        sort: Sort | None = None,
        session: Session | None = None,
    ) -> AsyncIterator[Document]:
        """Like find, for more documents than memory should hold."""
        longest = _longest()
        cursor: Iterator[Document] | None = None

        def more(collection: Any, driver: Any) -> list[Document]:
            nonlocal cursor
            if cursor is None:
                cursor = collection.find(
                    filter,
                    projection,
                    sort=sort,
                    batch_size=_STREAMED_AT_ONCE,
                    max_time_ms=longest,
                    session=driver,
                )
            return list(islice(cursor, _STREAMED_AT_ONCE))

        while documents := await self._do(more, session):
            for document in documents:
                yield document

    async def inserts(self) -> AsyncIterator[Document | None]:
        """Documents as they are inserted, from now on; None once the stream is open, and when none came for a while.

        Takes one of the driver's threads for as long as it is iterated over.
        """
        with translated():
            async with self._watched.watch(
                [{"$match": {"operationType": "insert"}}], max_await_time_ms=_CHANGE_WAIT_MILLISECONDS
            ) as stream:
                yield None
                while stream.alive:
                    change = await stream.try_next()
                    yield change["fullDocument"] if change is not None else None

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, session: Session | None = None
    ) -> list[Document]:
        longest = _longest()
        options: dict[str, Any] = {"maxTimeMS": longest} if longest else {}
        found: list[Document] = await self._do(
            lambda collection, driver: collection.aggregate(list(pipeline), session=driver, **options).to_list(),
            session,
        )
        return found

    async def count(self, filter: Filter, *, session: Session | None = None) -> int:
        longest = _longest()
        options: dict[str, Any] = {"maxTimeMS": longest} if longest else {}
        return int(
            await self._do(
                lambda collection, driver: collection.count_documents(filter, session=driver, **options), session
            )
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
        """Makes a statement in a thread: of the transaction, of a caller's read, or of all else."""
        with translated():
            if session is not None:
                return await session.run(lambda driver: statement(self._collection, driver))
            read = reading()
            if read is not None:
                return await read.make(lambda: statement(self._collection, None))
            return await in_thread(self._threads, statement, self._collection, None)

    async def _do_later(self, statement: Statement, session: Session | None) -> None:
        """Makes a write; in a transaction it waits for the next statement that is answered."""
        if session is None:
            await self._do(statement, None)
        else:
            session.enqueue(lambda driver: statement(self._collection, driver))


def _longest() -> int | None:
    """How many milliseconds the database may take for a statement of a caller's read; None for all others."""
    read = reading()
    return read.milliseconds if read is not None else None
