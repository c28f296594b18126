"""IssueService: message to model, call, model to message."""

from uptake.v1 import issue_pb2 as pb

from uptake_service.api.checks import Checks, PageToken, fitting, page_size, project_of, request_key, to_timestamp
from uptake_service.api.insights import window
from uptake_service.api.messages.insights import ISSUE_STATES, issue_message, to_issue_filter
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.insights.numbers import Numbers
from uptake_service.insights.store import InsightStore
from uptake_service.issues.decisions import IssueDecisions
from uptake_service.issues.model import IssueState
from uptake_service.issues.view import IssueView, SeenIssue
from uptake_service.rpc.call import Call


class IssueServicer:
    def __init__(
        self,
        insights: InsightStore,
        numbers: Numbers,
        issues: IssueView,
        decisions: IssueDecisions,
        requests: RequestRecords,
    ) -> None:
        self._insights = insights
        self._numbers = numbers
        self._issues = issues
        self._decisions = decisions
        self._requests = requests

    async def ListIssues(self, request: pb.ListIssuesRequest, call: Call) -> pb.ListIssuesResponse:
        checks = Checks()
        project = project_of(request)
        filter = to_issue_filter(request.filter)
        start, end = window(checks, self._numbers, request)
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
        return pb.GetIssueResponse(issue=issue_message(seen), daily_frequencies=_daily(seen))

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

    async def _issue(self, project: str, id: str) -> pb.Issue:
        return issue_message(await self._issues.get(project, id, *self._numbers.window()))


def _daily(seen: SeenIssue) -> list[pb.DailyFrequency]:
    return [
        pb.DailyFrequency(start_time=to_timestamp(day), frequency=count)
        for day, count in zip(seen.days, seen.daily, strict=True)
    ]
