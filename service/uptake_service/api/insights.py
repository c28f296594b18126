"""InsightService: message to model, call, model to message."""

import asyncio
from datetime import datetime

from cachetools import LRUCache
from uptake.v1 import event_pb2, stream_pb2
from uptake.v1 import insight_pb2 as pb
from uptake.v1.issue_pb2 import ListIssuesRequest

from uptake_service.api.checks import (
    Checks,
    distinct_members,
    project_of,
    to_timestamp,
)
from uptake_service.api.messages.insights import (
    KIND_NUMBERS,
    METRIC_GROUPS,
    METRIC_INTERVALS,
    SEVERITY_NUMBERS,
    event_message,
    metrics_message,
    series_message,
)
from uptake_service.api.snapshots import Snapshots
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.clock import Clock
from uptake_service.insights.live import Live, Subscription, Update
from uptake_service.insights.numbers import LONGEST_WINDOW, Numbers
from uptake_service.insights.series import MOST_POINTS, MetricGroup, MetricInterval, number_of_points
from uptake_service.issues.runner import IssueRunner
from uptake_service.live.token import ResumeToken
from uptake_service.rpc.call import Call
from uptake_service.rpc.errors import stream_end
from uptake_service.rpc.limits import read_slot_given_back

_KINDS = {number: name for name, number in KIND_NUMBERS.items() if number}
_SEVERITIES = {number: name for name, number in SEVERITY_NUMBERS.items() if number} | {
    event_pb2.EVENT_SEVERITY_UNSPECIFIED: "INFO"
}


_JOINED_BYTES = 8 * 1024 * 1024
"""How much of snapshots with their tokens is kept for the next subscriber."""


class InsightServicer:
    def __init__(
        self,
        numbers: Numbers,
        snapshots: Snapshots,
        runner: IssueRunner,
        live: Live,
        requests: RequestRecords,
        clock: Clock,
    ) -> None:
        self._numbers = numbers
        self._snapshots = snapshots
        self._runner = runner
        self._live = live
        self._requests = requests
        self._clock = clock
        self._joined: LRUCache[tuple[bytes, bytes], bytes] = LRUCache(_JOINED_BYTES, len)

    async def GetInsights(self, request: pb.GetInsightsRequest, call: Call) -> bytes:
        checks = Checks()
        project = project_of(request)
        start, end = window(checks, self._numbers, request)
        checks.done()
        if request.refresh_issues:
            async with read_slot_given_back():
                await self._runner.refresh(project)
        return await self._snapshots.response(project, start, end)

    async def SubscribeInsights(self, request: pb.SubscribeInsightsRequest, call: Call) -> None:
        checks = Checks()
        project = project_of(request)
        kinds = distinct_members(request.filter.kinds, _KINDS)
        interval = checks.checkpoint_interval(request)
        checks.done()
        subscription = Subscription(
            project,
            kinds,
            _SEVERITIES[request.filter.minimum_severity],
            interval,
        )

        token = subscription.token(self._requests.secret.sign)

        async def tell(update: Update) -> None:
            await call.write(self._update(token, update))

        await self._live.subscribe(subscription, request.resume_token, tell)

    async def QueryMetrics(self, request: pb.QueryMetricsRequest, call: Call) -> pb.QueryMetricsResponse:
        checks = Checks()
        project = project_of(request)
        start, end = window(checks, self._numbers, request)
        interval = METRIC_INTERVALS.get(request.interval, MetricInterval.DAY)
        group = METRIC_GROUPS.get(request.group)
        score = request.score if request.HasField("score") else None
        if score is not None and group is MetricGroup.SCORE:
            checks.fail("score", "must be unset where series are split by score")
        checks.done()
        number = number_of_points(start, end, interval)
        if number > MOST_POINTS:
            checks.fail(
                "interval",
                f"gives {number:,} points; at most {MOST_POINTS:,} are answered: ask for a wider interval or a shorter "
                "window",
            )
        checks.done()
        series = await self._numbers.series(project, start, end, interval, group, score)
        # Thousands of points take longer than the loop should wait.
        return await asyncio.to_thread(series_message, series)

    def _update(self, token: ResumeToken, update: Update) -> pb.SubscribeInsightsResponse | bytes:
        response = pb.SubscribeInsightsResponse(resume_token=token.make(update.seq))
        if update.snapshot:
            return self._with_token(update.snapshot, response.SerializeToString())
        if update.metrics is not None:
            response.metrics.CopyFrom(metrics_message(update.metrics))
        elif update.event is not None:
            response.event.CopyFrom(event_message(update.event))
        elif update.ending is not None:
            response.end.CopyFrom(stream_end(update.ending))
        else:
            response.checkpoint.CopyFrom(stream_pb2.Checkpoint(time=to_timestamp(self._clock.now())))
        return response

    def _with_token(self, snapshot: bytes, token: bytes) -> bytes:
        """A snapshot with a token: the same bytes for all subscribers of one project and filter."""
        joined = self._joined.get((snapshot, token))
        if joined is None:
            joined = snapshot + token
            if len(joined) <= _JOINED_BYTES:
                self._joined[snapshot, token] = joined
        return joined


def window(
    checks: Checks, numbers: Numbers, request: pb.GetInsightsRequest | pb.QueryMetricsRequest | ListIssuesRequest
) -> tuple[datetime, datetime]:
    """The window that a request asks for, in full hours."""
    start = checks.time("start_time", request, "start_time")
    end = checks.time("end_time", request, "end_time")
    try:
        first, last = numbers.window(start, end)
    except OverflowError:
        checks.fail("end_time", "is no time that a window can end at")
        return numbers.window()
    if first >= last:
        checks.fail("end_time", "must be after start_time")
    elif last - first > LONGEST_WINDOW:
        checks.fail("start_time", "must be at most 10 years before end_time")
    return first, last
