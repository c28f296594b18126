"""CorrectionService: message to model, call, model to message."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from uptake.v1 import correction_pb2 as pb
from uptake.v1 import correction_pb2_grpc

from uptake_service.auth.caller import caller
from uptake_service.corrections.instructions import InstructionStore
from uptake_service.corrections.knowledge import KnowledgeStore
from uptake_service.corrections.messages import (
    LARGEST_CALL,
    entry_message,
    instructions_message,
    to_draft,
    to_filter,
    to_message,
)
from uptake_service.corrections.model import Author, Correction, Draft
from uptake_service.corrections.store import CorrectionStore
from uptake_service.errors import DomainError, InvalidRequest
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.rpc.calls import Context
from uptake_service.rpc.checks import ID_LENGTH, QUERY_LENGTH, REQUEST_ID_LENGTH, Checks, PageToken
from uptake_service.rpc.errors import item_error

_MOST_MATCHES = 100
_DEFAULT_MATCHES = 10

_PAGE_BYTES = 2 * 1024 * 1024
"""A page of long texts ends after this much: clients take 4 MiB unless told otherwise, and one correction fits."""

T = TypeVar("T")
M = TypeVar("M", bound=Message)


class CorrectionServicer(correction_pb2_grpc.CorrectionServiceServicer):
    def __init__(
        self,
        corrections: CorrectionStore,
        knowledge: KnowledgeStore,
        instructions: InstructionStore,
        requests: RequestRecords,
    ) -> None:
        self._corrections = corrections
        self._knowledge = knowledge
        self._instructions = instructions
        self._requests = requests

    async def ApplyCorrections(
        self, request: pb.ApplyCorrectionsRequest, context: Context
    ) -> pb.ApplyCorrectionsResponse:
        checks = Checks()
        project = checks.project(request.project)
        author = _author(checks, request.reviewer)
        key = self._key(checks, project, "ApplyCorrections", request, request.request_id)
        if not 1 <= len(request.corrections) <= LARGEST_CALL:
            checks.fail("corrections", f"has {len(request.corrections):,} items; 1 to {LARGEST_CALL} are allowed")
        drafts = [_to_draft(item) for item in request.corrections[:LARGEST_CALL]]
        if checks.violations:
            # The whole call fails, so what is wrong with its items is told with the rest.
            for place, draft in enumerate(drafts):
                if isinstance(draft, DomainError):
                    checks.take(f"corrections[{place}]", draft.violations)
        checks.done()
        if request.dry_run:
            outcomes = await self._corrections.preview(project, drafts, author)
        else:
            outcomes = await self._corrections.apply_each(project, drafts, author, key)
        return pb.ApplyCorrectionsResponse(results=[_to_result(outcome) for outcome in outcomes])

    async def GetCorrection(self, request: pb.GetCorrectionRequest, context: Context) -> pb.GetCorrectionResponse:
        checks = Checks()
        project = checks.project(request.project)
        id = checks.text("id", request.id, ID_LENGTH, required=True)
        checks.done()
        return pb.GetCorrectionResponse(correction=to_message(await self._corrections.get(project, id)))

    async def ListCorrections(self, request: pb.ListCorrectionsRequest, context: Context) -> pb.ListCorrectionsResponse:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken("ListCorrections", project, request.filter)
        found = await self._corrections.page(project, filter, token.read(request.page_token), size + 1)
        page = _page(found, size, to_message)
        last = found[len(page) - 1] if len(page) < len(found) else None
        return pb.ListCorrectionsResponse(
            corrections=page, next_page_token=token.make([last.create_time, last.id]) if last else ""
        )

    async def RevertCorrection(
        self, request: pb.RevertCorrectionRequest, context: Context
    ) -> pb.RevertCorrectionResponse:
        checks = Checks()
        project = checks.project(request.project)
        id = checks.text("id", request.id, ID_LENGTH, required=True)
        author = _author(checks, request.reviewer)
        note = checks.text("note", request.note, QUERY_LENGTH)
        key = self._key(checks, project, "RevertCorrection", request, request.request_id)
        checks.done()
        return pb.RevertCorrectionResponse(
            correction=to_message(await self._corrections.revert(project, id, author, note, key))
        )

    async def SearchKnowledge(self, request: pb.SearchKnowledgeRequest, context: Context) -> pb.SearchKnowledgeResponse:
        checks = Checks()
        project = checks.project(request.project)
        query = checks.text("query", request.query, QUERY_LENGTH, required=True)
        size = checks.page_size("page_size", request.page_size, default=_DEFAULT_MATCHES, most=_MOST_MATCHES)
        if not -1.0 <= request.minimum_score <= 1.0:
            checks.fail("minimum_score", "must be -1 to 1")
        prefix = checks.text("key_prefix", request.key_prefix, ID_LENGTH)
        checks.done()
        found = await self._knowledge.search(project, query, size, request.minimum_score, prefix)
        return pb.SearchKnowledgeResponse(
            matches=[pb.KnowledgeMatch(entry=entry_message(entry), score=score) for entry, score in found]
        )

    async def GetInstructions(self, request: pb.GetInstructionsRequest, context: Context) -> pb.GetInstructionsResponse:
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
        self, request: pb.ListInstructionRevisionsRequest, context: Context
    ) -> pb.ListInstructionRevisionsResponse:
        checks = Checks()
        project = checks.project(request.project)
        name = checks.text("name", request.name, ID_LENGTH, required=True)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken("ListInstructionRevisions", project, name)
        last = token.read(request.page_token)
        found = await self._instructions.page(project, name, last[0] if last else None, size + 1)
        page = _page(found, size, instructions_message)
        more = token.make([page[-1].revision]) if len(page) < len(found) else ""
        return pb.ListInstructionRevisionsResponse(instructions=page, next_page_token=more)

    def _key(self, checks: Checks, project: str, method: str, request: Message, request_id: str) -> RequestKey | None:
        checks.text("request_id", request_id, REQUEST_ID_LENGTH)
        return self._requests.key(project, method, request_id, request.SerializeToString(deterministic=True))


def _author(checks: Checks, reviewer: str) -> Author:
    return Author(reviewer=checks.text("reviewer", reviewer, ID_LENGTH, required=True), key_id=caller().key_id)


def _to_draft(message: pb.CorrectionDraft) -> Draft | DomainError:
    checks = Checks()
    draft = to_draft(checks, message)
    return InvalidRequest(checks.violations) if checks.violations else draft


def _to_result(outcome: Correction | DomainError) -> pb.ApplyCorrectionResult:
    if isinstance(outcome, DomainError):
        return pb.ApplyCorrectionResult(error=item_error(outcome))
    return pb.ApplyCorrectionResult(correction=to_message(outcome))


def _page(found: Sequence[T], size: int, message_of: Callable[[T], M]) -> list[M]:
    """The messages of one page: as many as fit, and one at least."""
    page: list[M] = []
    room = _PAGE_BYTES
    for item in found[:size]:
        message = message_of(item)
        room -= message.ByteSize()
        if page and room < 0:
            break
        page.append(message)
    return page
