"""Streams as a caller sees them, message by message, and events that cost nothing to make."""

import asyncio
from typing import Any, Generic, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.events import EventLog, NewEvent
from uptake_service.mongo.transactions import transaction

M = TypeVar("M", bound=Message)


class Stream(Generic[M]):
    """One call of a method that streams."""

    def __init__(self, call: "grpc.aio.UnaryStreamCall[Any, M]") -> None:
        self.call = call

    async def read(self) -> M:
        async with asyncio.timeout(10):
            message = await self.call.read()
        assert isinstance(message, Message), "the stream ended"
        return message

    async def until(self, kind: str) -> list[M]:
        """Everything up to the first message of that kind."""
        messages = [await self.read()]
        while messages[-1].WhichOneof("update") != kind:
            messages.append(await self.read())
        return messages

    async def error(self) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.read()
        return caught.value

    def cancel(self) -> None:
        self.call.cancel()


async def make_events(mongo: Mongo, count: int, project: str = "default") -> None:
    """Appends events about a correction that there is none of, in one commit."""
    log = EventLog(mongo, retention_days=7)
    event = NewEvent("CORRECTION", "INFO", {"correction_id": "none", "state": "APPLIED", "revision": 1})
    await transaction(mongo, lambda session: log.append(project, [event] * count, session))
