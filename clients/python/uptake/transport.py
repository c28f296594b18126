"""What every call passes: waiting for a service, deadline, retries, key, error mapping, request id, paging."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from uptake.arguments import moment
from uptake.connection import Connection
from uptake.errors import UptakeError
from uptake.retries import Retries, backoff_seconds, is_unanswered, pushback_ms_of

Q = TypeVar("Q")
R = TypeVar("R")


class Page(Protocol):
    """The response of any list method."""

    next_page_token: str


P = TypeVar("P", bound=Page)
T = TypeVar("T")


class Transport:
    """A connection with what its calls have in common.

    Attributes:
        connection: where calls go.
        project: the project of every request.
        metadata: sent with every call.
        timeout_seconds: deadline of a call that does not bring its own.
    """

    def __init__(
        self,
        target: str,
        connection: Connection,
        *,
        project: str,
        metadata: tuple[tuple[str, str], ...],
        timeout_seconds: float,
        connect_timeout_seconds: float,
    ) -> None:
        self.connection = connection
        self.project = project
        self.metadata = metadata
        self.timeout_seconds = timeout_seconds
        self._target = target
        self._connect_timeout_seconds = connect_timeout_seconds
        self._retries = Retries()
        self._loop = asyncio.get_running_loop()

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel of the connection."""
        return self.connection.channel

    async def call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Q, R], request: Q, timeout_seconds: float | None
    ) -> R:
        """Make one call. The deadline covers its retries, and waiting for a service that answers.

        Raises:
            UptakeError: the call failed.
            RuntimeError: another event loop runs than the one that the client was made in.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("this client was made in another event loop; make one in the loop that uses it")
        clock = self._loop.time
        seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        deadline = clock() + seconds
        answers = 0
        # Since no service answers: how often it was tried, and when to give up.
        unanswered, give_up = 0, math.inf
        while True:
            if self.connection.closed:
                raise closed_error()
            if not self.connection.is_ready:
                give_up = min(give_up, clock() + self._connect_timeout_seconds, deadline)
                if clock() >= give_up:
                    raise self._nothing_answered(give_up == deadline, seconds, await self.connection.failure())
                await self.connection.wait(give_up)
                continue
            try:
                response = await method(request, timeout=max(deadline - clock(), 0.0), metadata=self.metadata)
            except grpc.aio.AioRpcError as rpc_error:
                error, pushback_ms = UptakeError.from_rpc(rpc_error), pushback_ms_of(rpc_error)
                if is_unanswered(error, pushback_ms):
                    unanswered += 1
                    give_up = min(give_up, clock() + self._connect_timeout_seconds, deadline)
                    pause = max(backoff_seconds(unanswered), (pushback_ms or 0) / 1000)
                    if clock() + pause >= give_up:
                        if not error.reason:
                            error = self._nothing_answered(give_up == deadline, seconds, error.message)
                        raise error from rpc_error
                else:
                    answers += 1
                    unanswered, give_up = 0, math.inf
                    asked = self._retries.failed(error, answers, pushback_ms)
                    if asked is None or clock() + asked >= deadline:
                        raise error from rpc_error
                    pause = asked
            except asyncio.CancelledError:
                # gRPC raises it when the channel is closed, too.
                if cancelled_by_caller():
                    raise
                raise closed_error() from None
            else:
                self._retries.succeeded()
                return response
            await asyncio.sleep(pause)

    async def close(self, grace_seconds: float | None) -> None:
        """Close the connection."""
        await self.connection.close(grace_seconds)

    def _nothing_answered(self, deadline_passed: bool, deadline_seconds: float, details: str) -> UptakeError:
        """`deadline_passed`: the call's deadline was shorter than the time to connect."""
        code = grpc.StatusCode.DEADLINE_EXCEEDED if deadline_passed else grpc.StatusCode.UNAVAILABLE
        seconds = deadline_seconds if deadline_passed else self._connect_timeout_seconds
        return UptakeError(
            code,
            f"nothing answered at {self._target} within {seconds:g} s ({' '.join(details.split())}); see that the "
            "service runs there, and that both sides speak TLS or neither does",
        )


class Listing(Generic[P, T]):
    """All that a list method matches: iterate over it with `async for`, or take it page by page.

    Nothing is sent before the first page is asked for. Each page is a call with its own deadline and raises
    UptakeError.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[P]], items: Callable[[P], Sequence[T]]) -> None:
        self._fetch = fetch
        self._items = items

    async def page(self, page_token: str = "") -> P:
        """Read one page, as the response message with its `next_page_token`.

        Args:
            page_token: `next_page_token` of the page before; empty for the first.
        """
        return await self._fetch(page_token)

    async def pages(self) -> AsyncIterator[P]:
        """Iterate over the pages."""
        page_token = ""
        while True:
            page = await self._fetch(page_token)
            yield page
            page_token = page.next_page_token
            if not page_token:
                return

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in self._items(page):
                yield item


def request_id_or_new(request_id: str | None) -> str:
    """The caller's request id, or a new one. Made once for a logical call, so that its retries are safe."""
    return request_id or uuid.uuid4().hex


def timestamp(name: str, value: datetime | None) -> Timestamp | None:
    """Convert the argument `name`, to the microsecond.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone.
    """
    return None if value is None else moment(name, value)


def duration(seconds: float | None) -> Duration | None:
    """Convert seconds, to the millisecond."""
    if seconds is None:
        return None
    made = Duration()
    made.FromMilliseconds(round(seconds * 1000))
    return made


def cancelled_by_caller() -> bool:
    """Whether a CancelledError is the caller's; gRPC raises it for a status CANCELLED too."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def closed_error() -> UptakeError:
    """The error of every call of a client that is closed."""
    return UptakeError(grpc.StatusCode.CANCELLED, "the client is closed")
