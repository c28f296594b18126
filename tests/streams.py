"""Streams as a caller sees them, message by message, and events that cost nothing to make."""

from typing import Any, Generic, TypeVar, cast

import grpc
import pytest
from google.protobuf.message import Message
from uptake.v1 import insight_pb2
from uptake_service.coordination.event_log import EventLog
from uptake_service.corrections.model import CorrectionEvent, CorrectionState
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.transactions import transaction

from tests.processes import PATIENCE_SECONDS, in_time
from tests.stubs import InsightServiceStub

M = TypeVar("M", bound=Message)


class Stream(Generic[M]):
    """One call of a method that streams."""

    def __init__(self, call: "grpc.aio.UnaryStreamCall[Any, M]") -> None:
        self.call = call

    async def read(self, seconds: float = PATIENCE_SECONDS) -> M:
        async with in_time("a message of the stream", seconds):
            message: Any = await self.call.read()
        assert isinstance(message, Message), "the stream ended"
        return cast(M, message)

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


def subscribe(stub: InsightServiceStub, **request: Any) -> Stream[insight_pb2.SubscribeInsightsResponse]:
    """A subscription to insights, for a request with these fields."""
    return Stream(stub.SubscribeInsights(insight_pb2.SubscribeInsightsRequest(**request)))


async def make_events(mongo: Mongo, count: int, project: str = "default") -> None:
    """Appends events about a correction that there is none of, in one commit."""
    log = EventLog(mongo, retention_days=7)
    event = CorrectionEvent(correction_id="none", state=CorrectionState.APPLIED, revision=1)
    await transaction(mongo, lambda session: log.append(project, [event] * count, session))
