"""The driver's errors, turned into ours."""

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from uptake_service.domain.errors import DatabaseUnavailable, DuplicateKey, ReadTooLong, WriteRefused
from uptake_service.mongo.reads import reading

T = TypeVar("T")

_DUPLICATE_KEY = 11000
_CANNOT_WRITE = (1, 14031)
"""InternalError and OutOfDiskSpace: what is wrong is the database, not what it was asked to do."""
_INDEX_OF_DUPLICATE = re.compile(r"index: (?:\S+\.\$)?(\S+)")


class Transient(Exception):
    """A transaction was aborted by a conflict or a lost connection; run again it may well succeed."""


def in_thread(threads: Executor, statement: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
    """Makes a statement that blocks, in one of these threads.

    Raises:
        DatabaseUnavailable: The connection to the database is closed: the process is stopping.
    """
    try:
        return asyncio.get_running_loop().run_in_executor(threads, statement, *arguments)
    except RuntimeError:
        raise DatabaseUnavailable from None


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into ours.

    What the driver says may hold the document that was written, with users' words, and must not come into the log: it
    is the error's context, which is not printed.
    """
    try:
        yield
    except PyMongoError as error:
        raise _translate(error) from None


def _translate(error: PyMongoError) -> Exception:
    duplicate = _duplicate_index(error)
    if duplicate is not None:
        return DuplicateKey(duplicate)
    if isinstance(error, ExecutionTimeout) and reading() is not None:
        return ReadTooLong()
    if error.has_error_label("TransientTransactionError"):
        return Transient(_told(error))
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
    return WriteRefused(_told(error))


def _told(error: PyMongoError) -> str:
    """What an error is, without anything that was stored or asked for."""
    details = getattr(error, "details", None) or {}
    failures = details.get("writeErrors") if isinstance(error, BulkWriteError) else [details]
    told = {f"{each.get('codeName', 'code')} {each['code']}" for each in failures or () if "code" in each}
    return ", ".join([type(error).__name__, *sorted(told)])


def _duplicate_index(error: PyMongoError) -> str | None:
    details = getattr(error, "details", None) or {}
    failures = details.get("writeErrors", [details]) if isinstance(error, BulkWriteError) else [details]
    for failure in failures:
        if failure.get("code") == _DUPLICATE_KEY:
            match = _INDEX_OF_DUPLICATE.search(failure.get("errmsg", ""))
            return match.group(1) if match else ""
    return None
