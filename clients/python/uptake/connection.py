"""Whether the channel has a connection, waiting until it has one, and why it has none."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any

import grpc
import grpc.aio

_READY = grpc.ChannelConnectivity.READY
_FAILING = grpc.ChannelConnectivity.TRANSIENT_FAILURE
_SHUTDOWN = grpc.ChannelConnectivity.SHUTDOWN
_PROBE_SECONDS = 0.5


class Connection:
    """The connection of a channel. All calls that wait for it share one task.

    gRPC's own way to wait, `wait_for_ready`, cannot tell waiting for a connection from waiting for an answer: a call
    would last until its deadline where nobody is there, and not say so.

    Attributes:
        channel: the channel.
        closed: whether it was closed.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.closed = False
        self._connecting: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether there is one; if not, one is being made from now on."""
        return self.channel.get_state(try_to_connect=True) is _READY

    async def wait(self, until: float) -> None:
        """Return when there was a connection, at a time of the loop, or when it is closed."""
        if self._connecting is None or self._connecting.done():
            self._settled.clear()
            self._connecting = asyncio.create_task(self._connect())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until if until < math.inf else None):
                await self._settled.wait()

    async def failure(self) -> str:
        """Why there is none, in gRPC's words, which it says only to a call that does not wait."""
        if self.channel.get_state() is _FAILING:
            ask: Any = self.channel.unary_unary("/grpc.health.v1.Health/Check")
            try:
                await ask(b"", timeout=_PROBE_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    return error.details() or ""
        return "the connection was neither made nor refused"

    async def close(self, grace_seconds: float | None) -> None:
        """Close the channel, and end what waits for it."""
        self.closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        await self.channel.close(grace_seconds)

    async def _connect(self) -> None:
        try:
            while (state := self.channel.get_state(try_to_connect=True)) not in (_READY, _SHUTDOWN):
                await self.channel.wait_for_state_change(state)
        finally:
            self._settled.set()
