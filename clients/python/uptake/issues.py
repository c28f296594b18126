"""What users complain of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask

from uptake.transport import Listing, Transport, request_id_or_new, timestamp
from uptake.v1 import issue_pb2 as pb
from uptake.v1.issue_pb2 import Issue, IssueState
from uptake.v1.issue_pb2_grpc import IssueServiceStub


class IssueCalls:
    """`client.issues`: IssueService. What people decide holds through later runs.

    Every method takes `timeout_seconds` (default: the client's) and raises UptakeError; NOT_FOUND
    (ISSUE_NOT_FOUND) wherever an id is given. `reviewer` is who decides, up to 256 characters.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = IssueServiceStub(transport.channel)

    def list(
        self,
        *,
        filter: pb.IssueFilter | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[pb.ListIssuesResponse, Issue]:
        """List issues, most frequent first.

        Args:
            filter: which; None for all but IGNORED.
            start: start of the window that frequencies are of, with a time zone; None for 30 days before its
                end.
            end: end of that window; None for now.
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """
        start_time, end_time = timestamp("start", start), timestamp("end", end)

        async def fetch(page_token: str) -> pb.ListIssuesResponse:
            request = pb.ListIssuesRequest(
                project=self._transport.project,
                filter=filter,
                start_time=start_time,
                end_time=end_time,
                page_size=page_size,
                page_token=page_token,
            )
            return await self._transport.call(self._stub.ListIssues, request, timeout_seconds)

        return Listing(fetch, lambda page: page.issues)

    async def get(self, id: str, *, timeout_seconds: float | None = None) -> pb.GetIssueResponse:
        """Read one issue, with its frequency by day over the last 30 days."""
        request = pb.GetIssueRequest(project=self._transport.project, id=id)
        return await self._transport.call(self._stub.GetIssue, request, timeout_seconds)

    async def update(
        self,
        id: str,
        *,
        title: str | None = None,
        state: IssueState | None = None,
        reviewer: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Issue:
        """Rename, resolve or ignore an issue.

        Args:
            id: the issue's id.
            title: its new title; None leaves it.
            state: ISSUE_STATE_RESOLVED, _IGNORED or _ONGOING; None leaves it.
            reviewer: who changes it.
            request_id: made when not given.
            timeout_seconds: deadline of the call.
        """
        given = {"title": title is not None, "state": state is not None}
        request = pb.UpdateIssueRequest(
            project=self._transport.project,
            id=id,
            issue=Issue(title=title, state=state),
            update_mask=FieldMask(paths=[path for path, is_given in given.items() if is_given]),
            reviewer=reviewer,
            request_id=request_id_or_new(request_id),
        )
        return (await self._transport.call(self._stub.UpdateIssue, request, timeout_seconds)).issue

    async def merge(
        self,
        id: str,
        merged_ids: Iterable[str],
        *,
        reviewer: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Issue:
        """Make several issues one.

        Args:
            id: the issue that stays.
            merged_ids: the issues that become part of it, 1 to 100.
            reviewer: who merges them.
            request_id: made when not given.
            timeout_seconds: deadline of the call.
        """
        request = pb.MergeIssuesRequest(
            project=self._transport.project,
            id=id,
            merged_ids=merged_ids,
            reviewer=reviewer,
            request_id=request_id_or_new(request_id),
        )
        return (await self._transport.call(self._stub.MergeIssues, request, timeout_seconds)).issue

    async def split(
        self,
        id: str,
        feedback_ids: Iterable[str],
        *,
        title: str = "",
        reviewer: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.SplitIssueResponse:
        """Take members out of an issue into one of their own.

        Args:
            id: the issue to split.
            feedback_ids: the members that leave it, 1 to 1,000.
            title: title of the new issue; empty for one from its members' words.
            reviewer: who splits it.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Returns:
            The issue that was split, and the new one.
        """
        request = pb.SplitIssueRequest(
            project=self._transport.project,
            id=id,
            feedback_ids=feedback_ids,
            title=title,
            reviewer=reviewer,
            request_id=request_id_or_new(request_id),
        )
        return await self._transport.call(self._stub.SplitIssue, request, timeout_seconds)
