"""ProjectService: message to model, call, model to message."""

from uptake.v1 import project_pb2 as pb
from uptake.v1 import project_pb2_grpc

from uptake_service.audit.log import AuditLog
from uptake_service.auth.caller import caller
from uptake_service.errors import DomainError, Reason
from uptake_service.mongo.requests import RequestRecords
from uptake_service.projects.messages import to_audit_event, to_message, to_settings
from uptake_service.projects.store import ProjectStore
from uptake_service.rpc.calls import Context
from uptake_service.rpc.checks import REQUEST_ID_LENGTH, Checks, PageToken


class ProjectServicer(project_pb2_grpc.ProjectServiceServicer):
    def __init__(self, projects: ProjectStore, audit: AuditLog, requests: RequestRecords) -> None:
        self._audit = audit
        self._projects = projects
        self._requests = requests

    async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> pb.GetProjectResponse:
        checks = Checks()
        id = checks.project(request.project)
        checks.done()
        return pb.GetProjectResponse(project=to_message(await self._projects.get(id)))

    async def UpdateProject(self, request: pb.UpdateProjectRequest, context: Context) -> pb.UpdateProjectResponse:
        checks = Checks()
        id = checks.project(request.project)
        request_id = checks.text("request_id", request.request_id, REQUEST_ID_LENGTH)
        checks.done()
        content = request.SerializeToString(deterministic=True)
        key = self._requests.key(id, "UpdateProject", request_id, content)
        if await self._requests.resource_of(key) is not None:
            return pb.UpdateProjectResponse(project=to_message(await self._projects.get(id)))
        base = await self._projects.get(id)
        settings = to_settings(checks, base.settings, request.settings, list(request.update_mask.paths))
        checks.done()
        if request.etag and request.etag != base.etag:
            raise DomainError(Reason.ERROR_REASON_ETAG_MISMATCH, "the settings changed since they were read")
        return pb.UpdateProjectResponse(project=to_message(await self._projects.update(id, settings, base, key)))

    async def ListProjects(self, request: pb.ListProjectsRequest, context: Context) -> pb.ListProjectsResponse:
        checks = Checks()
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken("ListProjects")
        after = token.read(request.page_token)
        key = caller().key
        found = await self._projects.page(after[0] if after else "", size + 1, key.projects if key else ())
        page = found[:size]
        more = token.make([page[-1].id]) if len(found) > size else ""
        return pb.ListProjectsResponse(projects=[to_message(project) for project in page], next_page_token=more)

    async def ListAuditEvents(self, request: pb.ListAuditEventsRequest, context: Context) -> pb.ListAuditEventsResponse:
        checks = Checks()
        project = checks.project(request.project)
        size = checks.page_size("page_size", request.page_size)
        start = checks.time("start_time", request, "start_time")
        end = checks.time("end_time", request, "end_time")
        checks.done()
        bounds = [str(time) for time in (start, end)]
        token = PageToken("ListAuditEvents", project, *bounds)
        found = await self._audit.page(project, start, end, token.read(request.page_token), size + 1)
        page = found[:size]
        more = token.make([page[-1].time, page[-1].id]) if len(found) > size else ""
        return pb.ListAuditEventsResponse(audit_events=map(to_audit_event, page), next_page_token=more)
