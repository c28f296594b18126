"""Which failed calls are made again, and when."""

from __future__ import annotations

import random

import grpc
import grpc.aio

from uptake.errors import UptakeError

MAX_ATTEMPTS = 5
INITIAL_BACKOFF_SECONDS = 0.2
BACKOFF_MULTIPLIER = 2.5
MAX_BACKOFF_SECONDS = 2.0

MAX_TOKENS = 100.0
TOKENS_PER_SUCCESS = 0.1

_PUSHBACK_KEY = "grpc-retry-pushback-ms"


class Retries:
    """The retries of all calls of a client: those that a service answered with UNAVAILABLE or overload.

    They are made again after the time that the service asks for if it does, and not at all when it says that a retry
    is wrong. After many failures in a row retries only add load: they stop until calls succeed. gRPC's own retries are
    not used, since they count refused connections as failures of the service: a restart under load ended them all.

    Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
    """

    def __init__(self) -> None:
        self._tokens = MAX_TOKENS

    def succeeded(self) -> None:
        """A call succeeded."""
        self._tokens = min(self._tokens + TOKENS_PER_SUCCESS, MAX_TOKENS)

    def failed(self, error: UptakeError, attempts: int, pushback_ms: int | None) -> float | None:
        """A call was answered with an error.

        Args:
            error: the error.
            attempts: how often the service has answered the call so far, 1 or more.
            pushback_ms: what the service asks for (`pushback_ms_of`).

        Returns:
            How long to wait before it is made again, in seconds; None: not again.
        """
        if not error.retryable:
            return None
        self._tokens = max(self._tokens - 1, 0.0)
        refused = pushback_ms is not None and pushback_ms < 0
        if refused or attempts >= MAX_ATTEMPTS or self._tokens <= MAX_TOKENS / 2:
            return None
        if pushback_ms is not None:
            return pushback_ms / 1000
        return backoff_seconds(attempts) if error.retry_after_seconds is None else error.retry_after_seconds


def backoff_seconds(attempts: int) -> float:
    """How long to wait after so many attempts, 1 or more."""
    backoff = min(INITIAL_BACKOFF_SECONDS * BACKOFF_MULTIPLIER ** (attempts - 1), MAX_BACKOFF_SECONDS)
    return backoff * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, protects nothing


def pushback_ms_of(error: grpc.aio.AioRpcError) -> int | None:
    """When the service wants the call again; negative: never; None: it does not say."""
    for key, value in error.trailing_metadata():
        if key == _PUSHBACK_KEY:
            try:
                return int(value)
            except ValueError:
                return -1  # What cannot be read means no retry, says the source above.
    return None


def is_unanswered(error: UptakeError, pushback_ms: int | None) -> bool:
    """Whether a call failed because no service took it: there was no connection, it broke, a proxy had no service
    behind it, or the process that was asked is shutting down. gRPC's servers cancel what they have not begun then."""
    if error.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return False
    return error.reason == "SHUTTING_DOWN" or (error.reason == "" and pushback_ms is None)
