"""A stream that goes on across restarts of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc
import grpc.aio

from uptake.backoff import Backoff
from uptake.errors import UptakeError
from uptake.transport import Transport, cancelled_by_caller, closed_error


class Update(Protocol):
    """One message of a stream that can be resumed."""

    resume_token: str

    def HasField(self, field_name: Any) -> bool: ...  # noqa: N802 - protobuf's name


M = TypeVar("M", bound=Update)


class Subscription(Generic[M]):
    """An async iterator over the messages of a stream, without gaps and without repetitions.

    When the stream ends (UNAVAILABLE, CANCELLED, overload, a StreamEnd, or a subscriber that was too slow), it connects
    again with the newest resume token, for as long as it takes; bound that with `asyncio.timeout` around `anext`, after
    which iteration can go on. Any other status is raised as UptakeError, RESUME_TOKEN_EXPIRED among them.

    Use it as an async context manager, or call `aclose`, to end the stream on the server at once.
    """

    def __init__(
        self,
        transport: Transport,
        connect: Callable[[str], grpc.aio.UnaryStreamCall[Any, M]],
        resume_token: str = "",
    ) -> None:
        self._transport = transport
        self._connect = connect
        self._resume_token = resume_token
        self._call: grpc.aio.UnaryStreamCall[Any, M] | None = None
        self._backoff = Backoff()
        self._closed = False

    @property
    def resume_token(self) -> str:
        """Token of the newest message that was handed out: keep it to go on after it in another process."""
        return self._resume_token

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> M:
        """The next message: a snapshot, metrics, an event, a review or a checkpoint; never a StreamEnd.

        Raises:
            UptakeError: the stream ended with a status that connecting again does not mend.
        """
        while not self._closed:
            if self._transport.connection.closed:
                raise closed_error()
            retry_after_seconds: float | None = None
            try:
                message = await self._read()
            except grpc.aio.AioRpcError as rpc_error:
                error = UptakeError.from_rpc(rpc_error)
                if not _can_resume(error):
                    self._closed = True
                    raise error from rpc_error
                retry_after_seconds = error.retry_after_seconds
            except asyncio.CancelledError:
                # gRPC raises it when the channel or the stream is closed, too.
                if cancelled_by_caller():
                    raise
            else:
                if message is not None:
                    return message
            await self._backoff.wait(retry_after_seconds)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the stream."""
        self._closed = True
        self._drop_call()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _read(self) -> M | None:
        """Read one message; None when the stream is over."""
        if self._call is None:
            self._call = self._connect(self._resume_token)
        try:
            message = await self._call.read()
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            # gRPC ends a call whose read is cancelled. The token still stands before the message that it was
            # about to deliver, so that the next call brings it.
            self._drop_call()
            raise
        if message is grpc.aio.EOF:
            self._drop_call()
            return None
        update: M = message  # type: ignore[assignment]
        self._resume_token = update.resume_token or self._resume_token
        if update.HasField("end"):
            self._drop_call()
            return None
        self._backoff.reset()
        return update

    def _drop_call(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


def _can_resume(error: UptakeError) -> bool:
    if error.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return error.reason == "SUBSCRIBER_TOO_SLOW" or error.retry_after_seconds is not None
    # CANCELLED: a server that is stopping, or a proxy, has cut the stream off.
    return error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
