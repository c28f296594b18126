"""CorrectionService: message to model, call, model to message."""

from uptake.v1 import correction_pb2 as pb

from uptake_service.api.checks import PageToken, page_size, project_of, request_key
from uptake_service.api.messages.corrections import (
    entry_message,
    instructions_message,
    to_draft,
    to_filter,
    to_message,
)
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.corrections.instructions import InstructionStore
from uptake_service.corrections.knowledge import KnowledgeStore
from uptake_service.corrections.model import Author, Correction, Draft
from uptake_service.corrections.store import CorrectionStore
from uptake_service.corrections.workflow import CorrectionWorkflow
from uptake_service.domain.errors import DomainError
from uptake_service.rpc.call import Call
from uptake_service.rpc.errors import item_error
from uptake_service.rpc.rules import check

_MOST_MATCHES = 100
_DEFAULT_MATCHES = 10


class CorrectionServicer:
    def __init__(
        self,
        corrections: CorrectionStore,
        workflow: CorrectionWorkflow,
        knowledge: KnowledgeStore,
        instructions: InstructionStore,
        requests: RequestRecords,
    ) -> None:
        self._corrections = corrections
        self._workflow = workflow
        self._knowledge = knowledge
        self._instructions = instructions
        self._requests = requests

    async def ApplyCorrections(self, request: pb.ApplyCorrectionsRequest, call: Call) -> pb.ApplyCorrectionsResponse:
        project, author = project_of(request), _author(call, request.reviewer)
        key = request_key(self._requests, request)
        drafts = [_to_draft(item) for item in request.corrections]
        if request.dry_run:
            outcomes = await self._workflow.preview(project, drafts, author)
        else:
            outcomes = await self._workflow.apply_each(project, drafts, author, key)
        results = [_to_result(outcome) for outcome in outcomes]
        if request.dry_run:
            for each in results:
                if each.HasField("correction"):
                    each.correction.ClearField("id")
        return pb.ApplyCorrectionsResponse(results=results)

    async def GetCorrection(self, request: pb.GetCorrectionRequest, call: Call) -> pb.GetCorrectionResponse:
        project, id = project_of(request), request.id
        return pb.GetCorrectionResponse(correction=to_message(await self._corrections.get(project, id)))

    async def ListCorrections(self, request: pb.ListCorrectionsRequest, call: Call) -> pb.ListCorrectionsResponse:
        project = project_of(request)
        filter = to_filter(request.filter)
        size = page_size(request.page_size)
        token = PageToken(self._requests.secret.sign, "ListCorrections", project, request.filter)
        page, more = await self._corrections.page(project, filter, token.read(request.page_token), size)
        return pb.ListCorrectionsResponse(corrections=map(to_message, page), next_page_token=token.make(more))

    async def RevertCorrection(self, request: pb.RevertCorrectionRequest, call: Call) -> pb.RevertCorrectionResponse:
        project, id = project_of(request), request.id
        author = _author(call, request.reviewer)
        key = request_key(self._requests, request)
        return pb.RevertCorrectionResponse(
            correction=to_message(await self._workflow.revert(project, id, author, request.note, key))
        )

    async def SearchKnowledge(self, request: pb.SearchKnowledgeRequest, call: Call) -> pb.SearchKnowledgeResponse:
        project = project_of(request)
        size = page_size(request.limit, default=_DEFAULT_MATCHES, most=_MOST_MATCHES)
        found = await self._knowledge.search(
            project, request.query, size, request.minimum_similarity, request.key_prefix
        )
        matches = [pb.KnowledgeMatch(entry=entry_message(each), similarity=similarity) for each, similarity in found]
        return pb.SearchKnowledgeResponse(matches=matches)

    async def GetInstructions(self, request: pb.GetInstructionsRequest, call: Call) -> pb.GetInstructionsResponse:
        project = project_of(request)
        found = await self._instructions.get(project, request.name, request.revision, request.known_revision)
        if found is None:
            return pb.GetInstructionsResponse(unchanged=True)
        return pb.GetInstructionsResponse(instructions=instructions_message(found))

    async def ListInstructionRevisions(
        self, request: pb.ListInstructionRevisionsRequest, call: Call
    ) -> pb.ListInstructionRevisionsResponse:
        project = project_of(request)
        size = page_size(request.page_size)
        token = PageToken(self._requests.secret.sign, "ListInstructionRevisions", project, request.name)
        page, more = await self._instructions.page(project, request.name, token.read(request.page_token), size)
        return pb.ListInstructionRevisionsResponse(
            instructions=map(instructions_message, page), next_page_token=token.make(more)
        )


def _author(call: Call, reviewer: str) -> Author:
    return Author(reviewer=reviewer, key_id=call.caller.key_id)


def _to_draft(message: pb.CorrectionDraft) -> Draft | DomainError:
    """One of many: what is wrong with it is its own, and raised for none."""
    try:
        check(message)
    except DomainError as error:
        return error
    return to_draft(message)


def _to_result(outcome: Correction | DomainError) -> pb.ApplyCorrectionResult:
    if isinstance(outcome, DomainError):
        return pb.ApplyCorrectionResult(error=item_error(outcome))
    return pb.ApplyCorrectionResult(correction=to_message(outcome))
