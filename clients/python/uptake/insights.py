"""What the feedback means: numbers over a window, and all of it live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import grpc.aio

from uptake.subscription import Subscription
from uptake.transport import Transport, duration, timestamp
from uptake.v1 import insight_pb2 as pb
from uptake.v1.event_pb2 import EventFilter
from uptake.v1.insight_pb2_grpc import InsightServiceStub


class InsightCalls:
    """`client.insights`: InsightService.

    Every method takes `timeout_seconds` (default: the client's) and raises UptakeError. Times have a time
    zone.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = InsightServiceStub(transport.channel)

    async def get(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        refresh_issues: bool = False,
        timeout_seconds: float | None = None,
    ) -> pb.Insights:
        """Sum up a window of time.

        Args:
            start: its start, rounded down to a full hour; None for 30 days before the end.
            end: its end, rounded up to a full hour; None for now.
            refresh_issues: cluster the issues first; that can take a minute, so give it the time.
            timeout_seconds: deadline of the call.
        """
        request = pb.GetInsightsRequest(
            project=self._transport.project,
            start_time=timestamp("start", start),
            end_time=timestamp("end", end),
            refresh_issues=refresh_issues,
        )
        return (await self._transport.call(self._stub.GetInsights, request, timeout_seconds)).insights

    async def metrics(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        interval: pb.MetricInterval | None = None,
        group: pb.MetricGroup | None = None,
        score: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Sequence[pb.MetricSeries]:
        """Read time series, the one with most feedback first.

        Args:
            start: start of the window, rounded down to a full hour; None for 30 days before the end.
            end: its end, rounded up to a full hour; None for now.
            interval: width of the points; None for a day. A series has up to 4,000.
            group: what to split by; None for one series. All series have up to 20,000 points.
            score: the score that is counted, empty for the overall one; None for those of the project's policy.
            timeout_seconds: deadline of the call.
        """
        request = pb.QueryMetricsRequest(
            project=self._transport.project,
            start_time=timestamp("start", start),
            end_time=timestamp("end", end),
            interval=interval,
            group=group,
            score=score,
        )
        response = await self._transport.call(self._stub.QueryMetrics, request, timeout_seconds)
        return [*response.metric_series]

    def subscribe(
        self,
        *,
        filter: EventFilter | None = None,
        resume_token: str = "",
        checkpoint_seconds: float | None = None,
    ) -> Subscription[pb.SubscribeInsightsResponse]:
        """Follow what happens: a snapshot, then metrics (the newest replaces the ones before) and every event
        once.

        Args:
            filter: which events; None for all.
            resume_token: go on after this token, with the same filter, instead of starting with a snapshot.
            checkpoint_seconds: how often to be told that nothing happened, 1 to 300; None for the service's
                default.
        """

        def connect(token: str) -> grpc.aio.UnaryStreamCall[Any, pb.SubscribeInsightsResponse]:
            request = pb.SubscribeInsightsRequest(
                project=self._transport.project,
                filter=filter,
                resume_token=token,
                checkpoint_interval=duration(checkpoint_seconds),
            )
            return self._stub.SubscribeInsights(request, metadata=self._transport.metadata)

        return Subscription(self._transport, connect, resume_token)
