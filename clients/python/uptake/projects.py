"""What is set for a project, and who changed what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask

from uptake.transport import Listing, Transport, request_id_or_new, timestamp
from uptake.v1 import project_pb2 as pb
from uptake.v1.project_pb2_grpc import ProjectServiceStub


class ProjectCalls:
    """`client.projects`: ProjectService.

    Every method takes `timeout_seconds` (default: the client's) and raises UptakeError.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = ProjectServiceStub(transport.channel)

    async def get(self, *, timeout_seconds: float | None = None) -> pb.Project:
        """Read the client's project; one not seen before reads as the defaults."""
        request = pb.GetProjectRequest(project=self._transport.project)
        return (await self._transport.call(self._stub.GetProject, request, timeout_seconds)).project

    async def update(
        self,
        settings: pb.ProjectSettings,
        update_mask: Iterable[str],
        *,
        etag: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.Project:
        """Change the project's settings.

        Args:
            settings: the new values.
            update_mask: what to take from them, such as "review_policy.window_size" or "retention". One that
                is named and unset goes back to its default.
            etag: if given, the call fails when the settings changed since.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Raises:
            UptakeError: INVALID_ARGUMENT with `field_violations`, ABORTED (ETAG_MISMATCH).
        """
        request = pb.UpdateProjectRequest(
            project=self._transport.project,
            settings=settings,
            update_mask=FieldMask(paths=update_mask),
            etag=etag,
            request_id=request_id_or_new(request_id),
        )
        return (await self._transport.call(self._stub.UpdateProject, request, timeout_seconds)).project

    def list(
        self, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[pb.ListProjectsResponse, pb.Project]:
        """List the projects that have feedback or settings, by id.

        Args:
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """

        async def fetch(page_token: str) -> pb.ListProjectsResponse:
            request = pb.ListProjectsRequest(page_size=page_size, page_token=page_token)
            return await self._transport.call(self._stub.ListProjects, request, timeout_seconds)

        return Listing(fetch, lambda page: page.projects)

    def audit_events(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[pb.ListAuditEventsResponse, pb.AuditEvent]:
        """List who changed what, newest first.

        Args:
            start: changes at this time or later, with a time zone; None for no bound.
            end: changes before this time; None for no bound.
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """
        start_time, end_time = timestamp("start", start), timestamp("end", end)

        async def fetch(page_token: str) -> pb.ListAuditEventsResponse:
            request = pb.ListAuditEventsRequest(
                project=self._transport.project,
                start_time=start_time,
                end_time=end_time,
                page_size=page_size,
                page_token=page_token,
            )
            return await self._transport.call(self._stub.ListAuditEvents, request, timeout_seconds)

        return Listing(fetch, lambda page: page.audit_events)
