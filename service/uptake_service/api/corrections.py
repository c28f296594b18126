"""CorrectionService: message to model, call, model to message."""

from uptake.v1 import correction_pb2 as pb

from uptake_service.api.checks import ID_LENGTH, QUERY_LENGTH, Checks, PageToken
from uptake_service.api.messages.corrections import (
    LARGEST_CALL,
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
        checks = Checks()
        project = checks.project(request.project)
        author = _author(checks, call, request.reviewer)
        key = checks.key(self._requests, project, request)
        if not 1 <= len(request.corrections) <= LARGEST_CALL:
            checks.fail("corrections", f"has {len(request.corrections):,} items; 1 to {LARGEST_CALL} are allowed")
        drafts = [_to_draft(item) for item in request.corrections[:LARGEST_CALL]]
        if checks.violations:
            # The whole call fails, so what is wrong with its items is told with the rest.
            for place, draft in enumerate(drafts):
                if isinstance(draft, DomainError):
                    checks.take(f"corrections[{place}]", draft)
        checks.done()
        if request.dry_run:
            outcomes = await self._workflow.preview(project, drafts, author)
        else:
            outcomes = await self._workflow.apply_each(project, drafts, author, key)
        return pb.ApplyCorrectionsResponse(results=[_to_result(outcome) for outcome in outcomes])

    async def GetCorrection(self, request: pb.GetCorrectionRequest, call: Call) -> pb.GetCorrectionResponse:
        checks = Checks()
        project, id = checks.named(request)
        checks.done()
        return pb.GetCorrectionResponse(correction=to_message(await self._corrections.get(project, id)))

    async def ListCorrections(self, request: pb.ListCorrectionsRequest, call: Call) -> pb.ListCorrectionsResponse:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken(self._requests.secret.sign, "ListCorrections", project, request.filter)
        page, more = await self._corrections.page(project, filter, token.read(request.page_token), size)
        return pb.ListCorrectionsResponse(corrections=map(to_message, page), next_page_token=token.make(more))

    async def RevertCorrection(self, request: pb.RevertCorrectionRequest, call: Call) -> pb.RevertCorrectionResponse:
        checks = Checks()
        project, id = checks.named(request)
        author = _author(checks, call, request.reviewer)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = checks.key(self._requests, project, request)
        checks.done()
        return pb.RevertCorrectionResponse(
            correction=to_message(await self._workflow.revert(project, id, author, note, key))
        )

    async def SearchKnowledge(self, request: pb.SearchKnowledgeRequest, call: Call) -> pb.SearchKnowledgeResponse:
        checks = Checks()
        project = checks.project(request.project)
        query = checks.text("query", request.query, QUERY_LENGTH, required=True)
        size = checks.page_size("limit", request.limit, default=_DEFAULT_MATCHES, most=_MOST_MATCHES)
        if not -1.0 <= request.minimum_score <= 1.0:
            checks.fail("minimum_score", "must be -1 to 1")
        prefix = checks.text("key_prefix", request.key_prefix, ID_LENGTH)
        checks.done()
        found = await self._knowledge.search(project, query, size, request.minimum_score, prefix)
        return pb.SearchKnowledgeResponse(
            matches=[pb.KnowledgeMatch(entry=entry_message(entry), score=score) for entry, score in found]
        )

    async def GetInstructions(self, request: pb.GetInstructionsRequest, call: Call) -> pb.GetInstructionsResponse:
        checks = Checks()
        project = checks.project(request.project)
        name = checks.text("name", request.name, ID_LENGTH, required=True)
        for field in ("revision", "known_revision"):
            if getattr(request, field) < 0:
                checks.fail(field, "must not be negative")
        checks.done()
        found = await self._instructions.get(project, name, request.revision, request.known_revision)
        if found is None:
            return pb.GetInstructionsResponse(unchanged=True)
        return pb.GetInstructionsResponse(instructions=instructions_message(found))

    async def ListInstructionRevisions(
        self, request: pb.ListInstructionRevisionsRequest, call: Call
    ) -> pb.ListInstructionRevisionsResponse:
        checks = Checks()
        project = checks.project(request.project)
        name = checks.text("name", request.name, ID_LENGTH, required=True)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken(self._requests.secret.sign, "ListInstructionRevisions", project, name)
        page, more = await self._instructions.page(project, name, token.read(request.page_token), size)
        return pb.ListInstructionRevisionsResponse(
            instructions=map(instructions_message, page), next_page_token=token.make(more)
        )


def _author(checks: Checks, call: Call, reviewer: str) -> Author:
    return Author(reviewer=checks.text("reviewer", reviewer, ID_LENGTH, required=True), key_id=call.caller.key_id)


def _to_draft(message: pb.CorrectionDraft) -> Draft | DomainError:
    checks = Checks()
    draft = to_draft(checks, message)
    return checks.error() or draft


def _to_result(outcome: Correction | DomainError) -> pb.ApplyCorrectionResult:
    if isinstance(outcome, DomainError):
        return pb.ApplyCorrectionResult(error=item_error(outcome))
    return pb.ApplyCorrectionResult(correction=to_message(outcome))
