"""ProjectService: message to model, call, model to message."""

from uptake.v1 import project_pb2 as pb

from uptake_service.api.checks import Checks, PageToken, fitting, page_size, project_of, request_key
from uptake_service.api.messages.projects import check_paths, to_audit_event, to_message, to_settings
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.projects.store import ProjectStore
from uptake_service.rpc.call import Call


class ProjectServicer:
    def __init__(self, projects: ProjectStore, audit: AuditLog, requests: RequestRecords) -> None:
        self._audit = audit
        self._projects = projects
        self._requests = requests

    async def GetProject(self, request: pb.GetProjectRequest, call: Call) -> pb.GetProjectResponse:
        id = project_of(request)
        return pb.GetProjectResponse(project=to_message(await self._projects.get(id)))

    async def UpdateProject(self, request: pb.UpdateProjectRequest, call: Call) -> pb.UpdateProjectResponse:
        checks = Checks()
        id = project_of(request)
        paths = list(request.update_mask.paths)
        key = request_key(self._requests, request)
        check_paths(checks, paths)
        checks.check_masked("settings", request.settings, paths)
        checks.done()
        if await self._requests.resource_of(key) is not None:
            return pb.UpdateProjectResponse(project=to_message(await self._projects.get(id)))
        base = await self._projects.get(id)
        settings = to_settings(checks, base.settings, request.settings, paths)
        checks.done()
        if request.etag and request.etag != base.etag:
            raise DomainError(
                Reason.ERROR_REASON_ETAG_MISMATCH,
                "the settings changed since they were read; read them again",
                metadata={"etag": base.etag},
            )
        return pb.UpdateProjectResponse(project=to_message(await self._projects.update(id, settings, base, key)))

    async def ListProjects(self, request: pb.ListProjectsRequest, call: Call) -> pb.ListProjectsResponse:
        size = page_size(request.page_size)
        token = PageToken(self._requests.secret.sign, "ListProjects")
        after = token.read(request.page_token)
        key = call.caller.key
        found = await self._projects.page(after[0] if after else "", size + 1, key.projects if key else ())
        page = fitting([to_message(project) for project in found[:size]])
        more = [page[-1].id] if len(page) < len(found) else None
        return pb.ListProjectsResponse(projects=page, next_page_token=token.make(more))

    async def ListAuditEvents(self, request: pb.ListAuditEventsRequest, call: Call) -> pb.ListAuditEventsResponse:
        checks = Checks()
        project = project_of(request)
        size = page_size(request.page_size)
        start, end = checks.window(request)
        checks.done()
        bounds = [str(time) for time in (start, end)]
        token = PageToken(self._requests.secret.sign, "ListAuditEvents", project, *bounds)
        page, more = await self._audit.page(project, start, end, token.read(request.page_token), size)
        return pb.ListAuditEventsResponse(audit_events=map(to_audit_event, page), next_page_token=token.make(more))
