"""Transactions: all or nothing, retried while a retry can help, bounded in time."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from pymongo.errors import ConnectionFailure, PyMongoError

from uptake_service.domain.errors import Conflict, DatabaseUnavailable
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.failures import Transient, translated
from uptake_service.mongo.session import Session

T = TypeVar("T")

_log = logging.getLogger(__name__)

RUN_AGAIN = "a transaction is run again"
"""Logged for each one, at DEBUG."""

_FIRST_PAUSE_SECONDS = 0.016
"""About as long as who won goes on for: to come back sooner is to lose again."""

_LONGEST_PAUSE_SECONDS = 0.25


async def transaction(mongo: Mongo, body: Callable[[Session], Awaitable[T]]) -> T:
    """Runs `body` in a transaction: snapshot reads, committed to a majority and journaled.

    `body` may run more than once, so it must change nothing but the database. What it raises aborts the transaction.
    Retries follow the driver specification for transactions (transient errors run the whole again, an unknown commit
    result commits again), within the database timeout.

    Raises:
        DatabaseUnavailable: The database did not answer in time; after a commit was sent its outcome is not known.
        Conflict: Others changed the same documents until the time was over.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + mongo.timeout_seconds
    pause = _FIRST_PAUSE_SECONDS
    async with await mongo.start_session() as session:
        while True:
            try:
                session.start_transaction()
                result = await body(session)
                await _commit(session, deadline)
            except Transient as error:
                await _abort(session)
                if loop.time() + pause >= deadline:
                    if isinstance(error.__context__, ConnectionFailure):
                        raise DatabaseUnavailable from error
                    raise Conflict from error
            except BaseException:
                await _abort(session)
                raise
            else:
                return result
            name = getattr(body, "func", body).__qualname__
            _log.debug("%s: %s, another changed the same documents", RUN_AGAIN, name)
            # Full jitter, so that two writers in each other's way do not meet again.
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def snapshot(mongo: Mongo) -> AsyncIterator[Session]:
    """A session whose reads all see the database as it was at the first of them.

    Raises:
        DatabaseUnavailable: The connection or the snapshot was lost; what was read so far is worth nothing.
    """
    async with await mongo.start_session() as session:
        session.start_transaction()
        try:
            yield session
        except Transient as error:
            raise DatabaseUnavailable from error
        finally:
            await _abort(session)


async def _commit(session: Session, deadline: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            await session.commit()
        except PyMongoError as error:
            if error.has_error_label("UnknownTransactionCommitResult") and loop.time() < deadline:
                await asyncio.sleep(_FIRST_PAUSE_SECONDS)
                continue
            with translated():
                raise
        else:
            return


async def _abort(session: Session) -> None:
    # Of a transaction that the server dropped by itself; the error that led here is the one to tell.
    with contextlib.suppress(PyMongoError):
        await session.abort()
