"""The driver's only door. Nothing outside this folder imports motor or pymongo, so that moving to another driver
changes one folder."""

import asyncio
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import IndexModel, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from uptake_service.domain.errors import StartupError
from uptake_service.mongo.collection import Collection
from uptake_service.mongo.documents import Document
from uptake_service.mongo.failures import in_thread, translated
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session

_TRANSACTION_THREADS = 16
_THREADS = 16
_INDEX_SECONDS = 1800.0
"""How long the indexes of a collection may take to be made: it goes through all that is stored."""


class Mongo:
    """A database on a replica set or sharded cluster."""

    def __init__(self, client: "AsyncIOMotorClient[Document]", uri: str, database: str, timeout_seconds: float) -> None:
        self.client = client
        self.uri = uri
        self.timeout_seconds = timeout_seconds
        self._transaction_threads = ThreadPoolExecutor(_TRANSACTION_THREADS, "transactions")
        self._threads = ThreadPoolExecutor(_THREADS, "statements")
        self.database = client.get_database(
            database,
            codec_options=CodecOptions(tz_aware=True),
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
        )

    @classmethod
    def connect(cls, uri: str, database: str, timeout_seconds: float, reach_seconds: float | None = None) -> "Mongo":
        """Opens a pool; the first operation connects.

        Args:
            uri: A MongoDB URI.
            database: The database's name.
            timeout_seconds: How long a statement may take.
            reach_seconds: How long it may take to reach a server; None is as long as a statement.

        Raises:
            StartupError: The URI is malformed.
        """
        milliseconds = int(timeout_seconds * 1000)
        to_reach = int((reach_seconds or timeout_seconds) * 1000)
        try:
            with warnings.catch_warnings():
                # Of an option that it does not know the driver only warns, and goes on without it.
                warnings.filterwarnings("error", category=UserWarning, module="pymongo")
                client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                    uri,
                    appname="uptake",
                    serverSelectionTimeoutMS=to_reach,
                    connectTimeoutMS=to_reach,
                    socketTimeoutMS=milliseconds,
                    waitQueueTimeoutMS=milliseconds,
                    tz_aware=True,
                )
        except (PyMongoError, UserWarning, ValueError, OSError) as error:
            raise StartupError(f"bad setting: UPTAKE_MONGODB_URI: {' '.join(str(error).split())}") from None
        return cls(client, uri, database, timeout_seconds)

    def collection(self, name: str) -> "Collection":
        return Collection(self.database.get_collection(name), self._threads)

    async def create_indexes(self, indexes: Iterable[Index]) -> None:
        """Makes those indexes that are not there, with one statement for each collection.

        Raises:
            WriteRefused: One is there with other options, or what is stored does not fit a unique one.
            DatabaseUnavailable: The database does not answer.
        """
        models: defaultdict[str, list[IndexModel]] = defaultdict(list)
        for index in indexes:
            models[index.collection].append(IndexModel(list(index.keys), **index.options))

        def make(name: str, models: list[IndexModel]) -> None:
            with pymongo.timeout(_INDEX_SECONDS):
                self.database.delegate[name].create_indexes(models)

        with translated():
            await asyncio.gather(*(in_thread(self._threads, make, name, each) for name, each in models.items()))

    async def ping(self) -> None:
        """Raises DatabaseUnavailable when the database does not answer in time."""
        await self._make(lambda database: database.command("ping"))

    async def has_transactions(self) -> bool:
        """Whether it is a replica set or a sharded cluster: a standalone server has no transactions."""
        told = await self._make(lambda database: database.command("hello"))
        return "setName" in told or told.get("msg") == "isdbgrid"

    async def has_collections(self) -> bool:
        """Whether anything was ever made in the database."""
        return bool(await self._make(lambda database: database.list_collection_names()))

    async def now(self) -> datetime:
        """The time by the database's clock."""
        answer = await self._make(lambda database: database.command("hello", codec_options=database.codec_options))
        time: datetime = answer["localTime"]
        return time

    async def start_session(self) -> Session:
        with translated():
            driver = await in_thread(self._transaction_threads, self.client.delegate.start_session)
        return Session(driver, self._transaction_threads)

    def close(self) -> None:
        self.client.close()
        self._threads.shutdown(wait=False)
        self._transaction_threads.shutdown(wait=False)

    async def _make(self, statement: Callable[[Any], Any]) -> Any:
        with translated():
            return await in_thread(self._threads, statement, self.database.delegate)
