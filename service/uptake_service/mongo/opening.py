"""The database that the settings name: opened by the service, which starts an embedded one, and by commands."""

import asyncio
import contextlib

from uptake_service.config import Settings
from uptake_service.domain.errors import DatabaseUnavailable, StartupError, WriteRefused
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import EmbeddedDatabase, EmbeddedDatabaseError, holds_data, running_address

_AT_URI = "the database at UPTAKE_MONGODB_URI"


async def start_embedded(settings: Settings, cleanup: contextlib.AsyncExitStack) -> EmbeddedDatabase | None:
    """Starts the embedded database and keeps it running; None where the settings name another.

    Raises:
        StartupError: It cannot be started; the message says what to do.
    """
    if settings.mongodb_uri:
        return None
    try:
        database = await EmbeddedDatabase.start(settings.data_dir, patches=settings.embedded_patches)
    except EmbeddedDatabaseError as error:
        raise StartupError(str(error)) from error
    cleanup.push_async_callback(database.stop)
    keeping = asyncio.create_task(database.keep_running(), name="embedded database")
    cleanup.push_async_callback(_cancel, keeping)
    return database


async def connect(settings: Settings, embedded: EmbeddedDatabase | None, cleanup: contextlib.AsyncExitStack) -> Mongo:
    """Connects to the embedded database, or to that of the settings where there is none.

    Raises:
        StartupError: It cannot be used; the message says what to do.
    """
    if embedded is None:
        return await _connect(settings.mongodb_uri, _AT_URI, settings, settings.database_timeout_seconds, cleanup)
    return await _connect(embedded.uri, "the embedded database", settings, settings.database_timeout_seconds, cleanup)


async def open_existing(
    settings: Settings, cleanup: contextlib.AsyncExitStack, statement_seconds: float | None = None
) -> Mongo:
    """Opens the database that a service uses or has used: that of the settings, the embedded one that runs, or one
    that is started for it. Makes nothing.

    Args:
        settings: The settings.
        cleanup: Closes it.
        statement_seconds: How long a statement may take; None is the settings' time-out. To be reached the database
            never has more than that.

    Raises:
        StartupError: There is none, or it cannot be used; the message says what to do.
    """
    uri, what, where = settings.mongodb_uri, _AT_URI, "UPTAKE_MONGODB_URI"
    if not uri:
        data_dir = settings.data_dir.absolute()
        what, where = f"the embedded database in {data_dir}", str(data_dir)
        try:
            uri = running_address(data_dir) or ""
            if not uri and not holds_data(data_dir):
                raise StartupError(
                    f"there is no database in {data_dir}: no service has run there; set UPTAKE_DATA_DIR to the folder "
                    "of the service's, or UPTAKE_MONGODB_URI to its MongoDB"
                )
        except EmbeddedDatabaseError as error:
            raise StartupError(str(error)) from error
    if not uri:
        embedded = await start_embedded(settings, cleanup)
        assert embedded is not None  # noqa: S101
        uri = embedded.uri
    seconds = statement_seconds or settings.database_timeout_seconds
    mongo = await _connect(uri, what, settings, seconds, cleanup)
    if not await mongo.has_collections():
        raise StartupError(
            f"there is no database {settings.database!r} at {where}: no service has run with it; set UPTAKE_DATABASE "
            "as the service has it"
        )
    return mongo


def refusal(error: WriteRefused) -> str:
    """What the database says, in a line, without the driver's copy of its whole answer."""
    return " ".join(str(error.__context__ or error).partition(", full error:")[0].split())


async def _connect(
    uri: str, what: str, settings: Settings, statement_seconds: float, cleanup: contextlib.AsyncExitStack
) -> Mongo:
    mongo = Mongo.connect(uri, settings.database, statement_seconds, settings.database_timeout_seconds)
    cleanup.callback(mongo.close)
    try:
        transactions = await mongo.has_transactions()
    except DatabaseUnavailable:
        raise StartupError(
            f"{what} does not answer within {settings.database_timeout_seconds:g} seconds; check that it runs, its "
            "address, and that it is a replica set with a primary"
        ) from None
    except WriteRefused as error:
        raise StartupError(f"{what} cannot be used: {refusal(error)}; check its address, user and password") from None
    if not transactions:
        raise StartupError(
            f"{what} is a standalone server, which has no transactions: start it as a replica set (mongod --replSet, "
            "then rs.initiate()), of one node at least"
        )
    return mongo


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
