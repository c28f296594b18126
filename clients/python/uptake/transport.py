"""What every call passes: deadline, key, error mapping, request id, paging."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from uptake.errors import UptakeError

Q = TypeVar("Q")
R = TypeVar("R")


class Page(Protocol):
    """The response of any list method."""

    next_page_token: str


P = TypeVar("P", bound=Page)
T = TypeVar("T")


@dataclass(frozen=True)
class Transport:
    """A channel with what its calls have in common.

    Attributes:
        channel: where calls go.
        project: the project of every request.
        metadata: sent with every call.
        timeout_seconds: deadline of a call that does not bring its own.
    """

    channel: grpc.aio.Channel
    project: str
    metadata: tuple[tuple[str, str], ...]
    timeout_seconds: float

    async def call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Q, R], request: Q, timeout_seconds: float | None
    ) -> R:
        """Make one call. The deadline covers its retries.

        Raises:
            UptakeError: the call failed.
        """
        seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        try:
            return await method(request, timeout=seconds, metadata=self.metadata)
        except grpc.aio.AioRpcError as error:
            raise UptakeError.from_rpc(error) from error


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


def timestamp(moment: datetime | None) -> Timestamp | None:
    """Convert a moment, to the microsecond.

    Raises:
        ValueError: it has no time zone; guessing one would put feedback into the wrong hour.
    """
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; use datetime.now(UTC) or the like")
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def duration(seconds: float | None) -> Duration | None:
    """Convert seconds, to the millisecond."""
    if seconds is None:
        return None
    made = Duration()
    made.FromMilliseconds(round(seconds * 1000))
    return made
