"""InsightService: message to model, call, model to message."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from uptake.v1 import event_pb2, insight_pb2_grpc, stream_pb2
from uptake.v1 import insight_pb2 as pb

from uptake_service.clock import Clock
from uptake_service.insights.live import Live, Subscription, Update
from uptake_service.insights.messages import (
    KIND_NUMBERS,
    SEVERITY_NUMBERS,
    event_message,
    insights_message,
    metrics_message,
)
from uptake_service.insights.store import LONGEST_WINDOW, InsightStore
from uptake_service.rpc.calls import Context, not_implemented
from uptake_service.rpc.checks import Checks, to_timestamp

_KINDS = {number: name for name, number in KIND_NUMBERS.items() if number}
_SEVERITIES = {number: name for name, number in SEVERITY_NUMBERS.items() if number} | {
    event_pb2.EVENT_SEVERITY_UNSPECIFIED: "INFO"
}


class InsightServicer(insight_pb2_grpc.InsightServiceServicer):
    def __init__(self, insights: InsightStore, live: Live, clock: Clock) -> None:
        self._insights = insights
        self._live = live
        self._clock = clock

    async def GetInsights(self, request: pb.GetInsightsRequest, context: Context) -> pb.GetInsightsResponse:
        checks = Checks()
        project = checks.project(request.project)
        start, end = self._window(checks, request)
        checks.done()
        return pb.GetInsightsResponse(insights=insights_message(await self._insights.insights(project, start, end)))

    async def SubscribeInsights(
        self, request: pb.SubscribeInsightsRequest, context: Context
    ) -> AsyncIterator[pb.SubscribeInsightsResponse]:
        checks = Checks()
        project = checks.project(request.project)
        for number in request.filter.kinds:
            if number not in _KINDS:
                checks.fail("filter.kinds", f"has no value {number}")
        if request.filter.minimum_severity not in _SEVERITIES:
            checks.fail("filter.minimum_severity", f"has no value {request.filter.minimum_severity}")
        interval = checks.duration(
            "checkpoint_interval",
            request,
            "checkpoint_interval",
            least=timedelta(seconds=1),
            most=timedelta(minutes=5),
            default=timedelta(seconds=10),
        )
        checks.done()
        subscription = Subscription(
            project,
            tuple(_KINDS[number] for number in request.filter.kinds),
            _SEVERITIES[request.filter.minimum_severity],
            interval,
        )
        async for update in self._live.subscribe(subscription, request.resume_token):
            yield self._update(subscription, update)

    ListIssues = not_implemented("ListIssues")
    GetIssue = not_implemented("GetIssue")
    UpdateIssue = not_implemented("UpdateIssue")
    MergeIssues = not_implemented("MergeIssues")
    SplitIssue = not_implemented("SplitIssue")
    QueryMetrics = not_implemented("QueryMetrics")

    def _window(self, checks: Checks, request: pb.GetInsightsRequest) -> tuple[datetime, datetime]:
        start = checks.time("start_time", request, "start_time")
        end = checks.time("end_time", request, "end_time")
        try:
            first, last = self._insights.window(start, end)
        except OverflowError:
            checks.fail("end_time", "is no time that a window can end at")
            return self._insights.window()
        if first >= last:
            checks.fail("end_time", "must be after start_time")
        elif last - first > LONGEST_WINDOW:
            checks.fail("start_time", "must be at most 10 years before end_time")
        return first, last

    def _update(self, subscription: Subscription, update: Update) -> pb.SubscribeInsightsResponse:
        response = pb.SubscribeInsightsResponse(resume_token=subscription.token(update.seq))
        if update.snapshot is not None:
            response.snapshot.CopyFrom(insights_message(update.snapshot))
        elif update.metrics is not None:
            response.metrics.CopyFrom(metrics_message(update.metrics))
        elif update.event is not None:
            response.event.CopyFrom(event_message(update.event))
        elif update.ending:
            response.end.CopyFrom(stream_pb2.StreamEnd(reason=update.ending))
        else:
            response.checkpoint.CopyFrom(stream_pb2.Checkpoint(time=to_timestamp(self._clock.now())))
        return response
