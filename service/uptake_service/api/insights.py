"""InsightService: message to model, call, model to message."""

import asyncio
from datetime import datetime

from cachetools import LRUCache
from uptake.v1 import event_pb2, issue_pb2, stream_pb2
from uptake.v1 import insight_pb2 as pb

from uptake_service.api.checks import (
    Checks,
    PageToken,
    distinct_members,
    fitting,
    page_size,
    project_of,
    request_key,
    to_timestamp,
)
from uptake_service.api.messages.insights import (
    ISSUE_STATES,
    KIND_NUMBERS,
    METRIC_GROUPS,
    METRIC_INTERVALS,
    SEVERITY_NUMBERS,
    event_message,
    issue_message,
    metrics_message,
    series_message,
    to_issue_filter,
)
from uptake_service.api.snapshots import Snapshots
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.clock import Clock
from uptake_service.insights.live import Live, Subscription, Update
from uptake_service.insights.numbers import LONGEST_WINDOW, Numbers
from uptake_service.insights.series import MOST_POINTS, MetricGroup, MetricInterval, number_of_points
from uptake_service.insights.store import InsightStore
from uptake_service.issues.decisions import IssueDecisions
from uptake_service.issues.model import IssueState
from uptake_service.issues.runner import IssueRunner
from uptake_service.issues.view import IssueView
from uptake_service.live.token import ResumeToken
from uptake_service.rpc.call import Call
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
        insights: InsightStore,
        numbers: Numbers,
        snapshots: Snapshots,
        issues: IssueView,
        decisions: IssueDecisions,
        runner: IssueRunner,
        live: Live,
        requests: RequestRecords,
        clock: Clock,
    ) -> None:
        self._insights = insights
        self._numbers = numbers
        self._snapshots = snapshots
        self._issues = issues
        self._decisions = decisions
        self._runner = runner
        self._live = live
        self._requests = requests
        self._clock = clock
        self._joined: LRUCache[tuple[bytes, bytes], bytes] = LRUCache(_JOINED_BYTES, len)

    async def GetInsights(self, request: pb.GetInsightsRequest, call: Call) -> bytes:
        checks = Checks()
        project = project_of(request)
        start, end = self._window(checks, request)
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

    async def ListIssues(self, request: pb.ListIssuesRequest, call: Call) -> pb.ListIssuesResponse:
        checks = Checks()
        project = project_of(request)
        filter = to_issue_filter(request.filter)
        start, end = self._window(checks, request)
        size = page_size(request.page_size)
        checks.done()
        bounds = [time.isoformat() for time in (start, end)] if request.HasField("end_time") else []
        token = PageToken(self._requests.secret.sign, "ListIssues", project, request.filter, *bounds)
        last = token.read(request.page_token)
        found = await self._insights.issues(project, start, end, filter)
        rest = [seen for seen in found if last is None or (-seen.frequency, seen.issue.id) > (-last[0], last[1])]
        page = fitting(map(issue_message, rest[:size]))
        more = [page[-1].frequency, page[-1].id] if len(page) < len(rest) else None
        return pb.ListIssuesResponse(issues=page, next_page_token=token.make(more))

    async def GetIssue(self, request: pb.GetIssueRequest, call: Call) -> pb.GetIssueResponse:
        project, id = project_of(request), request.id
        seen = await self._issues.get(project, id, *self._numbers.window())
        return pb.GetIssueResponse(issue=issue_message(seen), daily_frequency=seen.daily)

    async def UpdateIssue(self, request: pb.UpdateIssueRequest, call: Call) -> pb.UpdateIssueResponse:
        checks = Checks()
        project, id = project_of(request), request.id
        paths = set(request.update_mask.paths)
        checks.check_masked("issue", request.issue, sorted(paths))
        title = request.issue.title if "title" in paths else None
        state = ISSUE_STATES.get(request.issue.state) if "state" in paths else None
        if "state" in paths and state not in (IssueState.RESOLVED, IssueState.IGNORED, IssueState.ONGOING):
            checks.fail("issue.state", "must be RESOLVED, IGNORED or ONGOING; the others are the service's to find")
        key = request_key(self._requests, request)
        checks.done()
        await self._decisions.update(project, id, title, state, request.etag, key, request.reviewer)
        return pb.UpdateIssueResponse(issue=await self._issue(project, id))

    async def MergeIssues(self, request: pb.MergeIssuesRequest, call: Call) -> pb.MergeIssuesResponse:
        checks = Checks()
        project, id = project_of(request), request.id
        merged = list(dict.fromkeys(request.merged_ids))
        if id in merged:
            checks.fail("merged_ids", "must not name the issue that stays")
        key = request_key(self._requests, request)
        checks.done()
        await self._decisions.merge(project, id, merged, request.etag, key, request.reviewer)
        return pb.MergeIssuesResponse(issue=await self._issue(project, id))

    async def SplitIssue(self, request: pb.SplitIssueRequest, call: Call) -> pb.SplitIssueResponse:
        project, id = project_of(request), request.id
        ids = list(dict.fromkeys(request.feedback_ids))
        key = request_key(self._requests, request)
        id, new_id = await self._decisions.split(project, id, ids, request.title, request.etag, key, request.reviewer)
        return pb.SplitIssueResponse(issue=await self._issue(project, id), new_issue=await self._issue(project, new_id))

    async def QueryMetrics(self, request: pb.QueryMetricsRequest, call: Call) -> pb.QueryMetricsResponse:
        checks = Checks()
        project = project_of(request)
        start, end = self._window(checks, request)
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

    async def _issue(self, project: str, id: str) -> issue_pb2.Issue:
        return issue_message(await self._issues.get(project, id, *self._numbers.window()))

    def _window(
        self, checks: Checks, request: pb.GetInsightsRequest | pb.ListIssuesRequest | pb.QueryMetricsRequest
    ) -> tuple[datetime, datetime]:
        start = checks.time("start_time", request, "start_time")
        end = checks.time("end_time", request, "end_time")
        try:
            first, last = self._numbers.window(start, end)
        except OverflowError:
            checks.fail("end_time", "is no time that a window can end at")
            return self._numbers.window()
        if first >= last:
            checks.fail("end_time", "must be after start_time")
        elif last - first > LONGEST_WINDOW:
            checks.fail("start_time", "must be at most 10 years before end_time")
        return first, last

    def _update(self, token: ResumeToken, update: Update) -> pb.SubscribeInsightsResponse | bytes:
        response = pb.SubscribeInsightsResponse(resume_token=token.make(update.seq))
        if update.snapshot:
            return self._with_token(update.snapshot, response.SerializeToString())
        if update.metrics is not None:
            response.metrics.CopyFrom(metrics_message(update.metrics))
        elif update.event is not None:
            response.event.CopyFrom(event_message(update.event))
        elif update.ending:
            response.end.CopyFrom(stream_pb2.StreamEnd(reason=update.ending))
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
