"""InsightService: message to model, call, model to message."""

import asyncio
from datetime import datetime

from uptake.v1 import event_pb2, insight_pb2_grpc, issue_pb2, stream_pb2
from uptake.v1 import insight_pb2 as pb

from uptake_service.clock import Clock
from uptake_service.insights.issues.decisions import IssueDecisions
from uptake_service.insights.issues.model import IssueState
from uptake_service.insights.issues.runner import IssueRunner
from uptake_service.insights.issues.view import IssueView
from uptake_service.insights.live import Live, Subscription, Update
from uptake_service.insights.messages import (
    ISSUE_STATES,
    KIND_NUMBERS,
    SEVERITY_NUMBERS,
    event_message,
    insights_message,
    issue_message,
    metrics_message,
    series_message,
    to_issue_filter,
    to_metric_group,
    to_metric_interval,
)
from uptake_service.insights.series import MOST_POINTS, number_of_points
from uptake_service.insights.store import LONGEST_WINDOW, InsightStore
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.rpc.calls import Context
from uptake_service.rpc.checks import ID_LENGTH, REQUEST_ID_LENGTH, Checks, PageToken, to_timestamp

_KINDS = {number: name for name, number in KIND_NUMBERS.items() if number}
_SEVERITIES = {number: name for name, number in SEVERITY_NUMBERS.items() if number} | {
    event_pb2.EVENT_SEVERITY_UNSPECIFIED: "INFO"
}


_MOST_MERGED = 100
_MOST_SPLIT = 1000


class InsightServicer(insight_pb2_grpc.InsightServiceServicer):
    def __init__(
        self,
        insights: InsightStore,
        issues: IssueView,
        decisions: IssueDecisions,
        runner: IssueRunner,
        live: Live,
        requests: RequestRecords,
        clock: Clock,
    ) -> None:
        self._insights = insights
        self._issues = issues
        self._decisions = decisions
        self._runner = runner
        self._live = live
        self._requests = requests
        self._clock = clock

    async def GetInsights(self, request: pb.GetInsightsRequest, context: Context) -> pb.GetInsightsResponse:
        checks = Checks()
        project = checks.project(request.project)
        start, end = self._window(checks, request)
        checks.done()
        if request.refresh_issues:
            await self._runner.refresh(project)
        return pb.GetInsightsResponse(insights=insights_message(await self._insights.insights(project, start, end)))

    async def SubscribeInsights(  # type: ignore[override]  # Written to, so that the call ends where it is cancelled.
        self, request: pb.SubscribeInsightsRequest, context: Context
    ) -> None:
        checks = Checks()
        project = checks.project(request.project)
        for number in request.filter.kinds:
            if number not in _KINDS:
                checks.fail("filter.kinds", f"has no value {number}")
        if request.filter.minimum_severity not in _SEVERITIES:
            checks.fail("filter.minimum_severity", f"has no value {request.filter.minimum_severity}")
        interval = checks.checkpoint_interval(request)
        checks.done()
        subscription = Subscription(
            project,
            tuple(_KINDS[number] for number in request.filter.kinds),
            _SEVERITIES[request.filter.minimum_severity],
            interval,
        )

        async def tell(update: Update) -> None:
            await context.write(self._update(subscription, update))

        await self._live.subscribe(subscription, request.resume_token, tell)

    async def ListIssues(self, request: pb.ListIssuesRequest, context: Context) -> pb.ListIssuesResponse:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_issue_filter(checks, request.filter)
        start, end = self._window(checks, request)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        bounds = [time.isoformat() for time in (start, end)] if request.HasField("end_time") else []
        token = PageToken("ListIssues", project, request.filter, *bounds)
        last = token.read(request.page_token)
        found = await self._insights.issues(project, start, end, filter)
        rest = [seen for seen in found if last is None or (-seen.frequency, seen.issue.id) > (-last[0], last[1])]
        page = rest[:size]
        more = token.make([page[-1].frequency, page[-1].issue.id]) if len(rest) > size else ""
        return pb.ListIssuesResponse(issues=[issue_message(seen) for seen in page], next_page_token=more)

    async def GetIssue(self, request: pb.GetIssueRequest, context: Context) -> pb.GetIssueResponse:
        checks = Checks()
        project, id = self._named(checks, request.project, request.id)
        checks.done()
        seen = await self._issues.get(project, id, *self._insights.window())
        return pb.GetIssueResponse(issue=issue_message(seen), daily_frequency=seen.daily)

    async def UpdateIssue(self, request: pb.UpdateIssueRequest, context: Context) -> pb.UpdateIssueResponse:
        checks = Checks()
        project, id = self._named(checks, request.project, request.id)
        paths = set(request.update_mask.paths)
        if not paths:
            checks.fail("update_mask", "is required: title, state")
        for path in sorted(paths - {"title", "state"}):
            checks.fail("update_mask", f"has no field {path!r} that can be changed; title and state can")
        title = checks.text("issue.title", request.issue.title, ID_LENGTH) if "title" in paths else None
        state = ISSUE_STATES.get(request.issue.state) if "state" in paths else None
        if "state" in paths and state not in (IssueState.RESOLVED, IssueState.IGNORED, IssueState.ONGOING):
            checks.fail("issue.state", "must be RESOLVED, IGNORED or ONGOING; the others are the service's to find")
        key = self._key(checks, project, "UpdateIssue", request)
        checks.done()
        await self._decisions.update(project, id, title, state, request.etag, key, request.reviewer)
        return pb.UpdateIssueResponse(issue=await self._issue(project, id))

    async def MergeIssues(self, request: pb.MergeIssuesRequest, context: Context) -> pb.MergeIssuesResponse:
        checks = Checks()
        project, id = self._named(checks, request.project, request.id)
        merged = list(dict.fromkeys(request.merged_ids))
        if not 1 <= len(merged) <= _MOST_MERGED:
            checks.fail("merged_ids", f"has {len(merged)} ids; 1 to {_MOST_MERGED} are allowed")
        if id in merged:
            checks.fail("merged_ids", "must not name the issue that stays")
        for part in merged:
            checks.text("merged_ids", part, ID_LENGTH, required=True)
        key = self._key(checks, project, "MergeIssues", request)
        checks.done()
        await self._decisions.merge(project, id, merged, request.etag, key, request.reviewer)
        return pb.MergeIssuesResponse(issue=await self._issue(project, id))

    async def SplitIssue(self, request: pb.SplitIssueRequest, context: Context) -> pb.SplitIssueResponse:
        checks = Checks()
        project, id = self._named(checks, request.project, request.id)
        ids = list(dict.fromkeys(request.feedback_ids))
        if not 1 <= len(ids) <= _MOST_SPLIT:
            checks.fail("feedback_ids", f"has {len(ids):,} ids; 1 to {_MOST_SPLIT:,} are allowed")
        for one in ids:
            checks.text("feedback_ids", one, ID_LENGTH, required=True)
        title = checks.text("title", request.title, ID_LENGTH)
        key = self._key(checks, project, "SplitIssue", request)
        checks.done()
        id, new_id = await self._decisions.split(project, id, ids, title, request.etag, key, request.reviewer)
        return pb.SplitIssueResponse(issue=await self._issue(project, id), new_issue=await self._issue(project, new_id))

    async def QueryMetrics(self, request: pb.QueryMetricsRequest, context: Context) -> pb.QueryMetricsResponse:
        checks = Checks()
        project = checks.project(request.project)
        start, end = self._window(checks, request)
        interval = to_metric_interval(checks, request.interval)
        group = to_metric_group(checks, request.group)
        checks.done()
        number = number_of_points(start, end, interval)
        if number > MOST_POINTS:
            checks.fail(
                "interval",
                f"gives {number:,} points; at most {MOST_POINTS:,} are answered: ask for a wider interval or a shorter "
                "window",
            )
        checks.done()
        series = await self._insights.series(project, start, end, interval, group)
        # Thousands of points take longer than the loop should wait.
        return await asyncio.to_thread(series_message, series)

    async def _issue(self, project: str, id: str) -> issue_pb2.Issue:
        return issue_message(await self._issues.get(project, id, *self._insights.window()))

    def _named(self, checks: Checks, project: str, id: str) -> tuple[str, str]:
        return checks.project(project), checks.text("id", id, ID_LENGTH, required=True)

    def _key(
        self,
        checks: Checks,
        project: str,
        method: str,
        request: pb.UpdateIssueRequest | pb.MergeIssuesRequest | pb.SplitIssueRequest,
    ) -> RequestKey | None:
        checks.text("reviewer", request.reviewer, ID_LENGTH)
        request_id = checks.text("request_id", request.request_id, REQUEST_ID_LENGTH)
        return self._requests.key(project, method, request_id, request.SerializeToString(deterministic=True))

    def _window(
        self, checks: Checks, request: pb.GetInsightsRequest | pb.ListIssuesRequest | pb.QueryMetricsRequest
    ) -> tuple[datetime, datetime]:
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
        response = pb.SubscribeInsightsResponse(resume_token=subscription.token.make(update.seq))
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
