"""Insights as they are sent: read and encoded once for all who ask, and remembered until anything of them changes.

Many dashboards cost the database what one does, and as many subscribers share the bytes of one snapshot.
"""

import asyncio
from datetime import datetime

from cachetools import LRUCache
from google.protobuf.message import Message
from uptake.v1 import insight_pb2 as pb

from uptake_service.api.messages.insights import insights_message
from uptake_service.coordination.single_flight import SingleFlight
from uptake_service.insights.store import InsightStore

_MOST_BYTES = 16 * 1024 * 1024

_Asked = tuple[type[Message], tuple[str, datetime, datetime]]
"""The kind of answer, and of which window."""


class Snapshots:
    """Serialised answers with a project's insights over a window of full hours."""

    def __init__(self, insights: InsightStore) -> None:
        self._insights = insights
        self._read = SingleFlight(self._remembered)
        self._known: LRUCache[_Asked, tuple[object, bytes]] = LRUCache(_MOST_BYTES, lambda known: len(known[1]))

    async def response(self, project: str, start: datetime, end: datetime) -> bytes:
        """A GetInsightsResponse."""
        return await self._read((pb.GetInsightsResponse, (project, start, end)))

    async def update(self, project: str, start: datetime, end: datetime) -> bytes:
        """A SubscribeInsightsResponse without a token; serialised messages are merged by being joined."""
        return await self._read((pb.SubscribeInsightsResponse, (project, start, end)))

    async def _remembered(self, asked: _Asked) -> bytes:
        kind, window = asked
        state, corrections = await asyncio.gather(self._insights.state(window[0]), self._insights.corrections(*window))
        known = self._known.get(asked)
        if known is not None and known[0] == (state, corrections):
            return known[1]
        insights = (await self._insights.insights(*window)).model_copy(update={"corrections": corrections})

        def encode() -> bytes:
            message = insights_message(insights)
            if kind is pb.GetInsightsResponse:
                return pb.GetInsightsResponse(insights=message).SerializeToString()
            return pb.SubscribeInsightsResponse(snapshot=message).SerializeToString()

        # The days of ten years take longer than the loop should wait.
        encoded = await asyncio.to_thread(encode)
        if len(encoded) <= _MOST_BYTES:
            self._known[asked] = (state, corrections), encoded
        return encoded
