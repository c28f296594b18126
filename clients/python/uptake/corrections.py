"""Changes to knowledge and instructions, and reading both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from uptake.transport import Listing, Transport, request_id_or_new
from uptake.v1 import correction_pb2 as pb
from uptake.v1.correction_pb2_grpc import CorrectionServiceStub


class CorrectionCalls:
    """`client.corrections`: CorrectionService.

    Every method takes `timeout_seconds` (default: the client's) and raises UptakeError.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = CorrectionServiceStub(transport.channel)

    async def apply(
        self,
        corrections: Iterable[pb.CorrectionDraft],
        reviewer: str,
        *,
        dry_run: bool = False,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Sequence[pb.ApplyCorrectionResult]:
        """Apply corrections, each whole or not at all.

        Args:
            corrections: what to change, 1 to 100. With a `base_revision` that is not the head the correction
                fails with ABORTED (BASE_REVISION_MISMATCH); 0 is the head of what does not exist.
            reviewer: who applies them, 1 to 256 characters.
            dry_run: only show what would change.
            request_id: made when not given. A call that failed on its way goes on where it stopped when it is
                made again with the same id.
            timeout_seconds: deadline of the call.

        Returns:
            For each correction, in their order, `correction` or `error` (see `UptakeError.from_item`).
        """
        request = pb.ApplyCorrectionsRequest(
            project=self._transport.project,
            corrections=corrections,
            reviewer=reviewer,
            dry_run=dry_run,
            request_id=request_id_or_new(request_id),
        )
        response = await self._transport.call(self._stub.ApplyCorrections, request, timeout_seconds)
        return [*response.results]

    async def get(self, id: str, *, timeout_seconds: float | None = None) -> pb.Correction:
        """Read one correction with its verdict.

        Raises:
            UptakeError: NOT_FOUND (CORRECTION_NOT_FOUND).
        """
        request = pb.GetCorrectionRequest(project=self._transport.project, id=id)
        return (await self._transport.call(self._stub.GetCorrection, request, timeout_seconds)).correction

    def list(
        self,
        *,
        filter: pb.CorrectionFilter | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[pb.ListCorrectionsResponse, pb.Correction]:
        """List corrections, newest first.

        Args:
            filter: which; None for all.
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """

        async def fetch(page_token: str) -> pb.ListCorrectionsResponse:
            request = pb.ListCorrectionsRequest(
                project=self._transport.project, filter=filter, page_size=page_size, page_token=page_token
            )
            return await self._transport.call(self._stub.ListCorrections, request, timeout_seconds)

        return Listing(fetch, lambda page: page.corrections)

    async def revert(
        self,
        id: str,
        reviewer: str,
        note: str = "",
        *,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.Correction:
        """Undo a correction that no later one covers.

        Args:
            id: the correction's id.
            reviewer: who reverts it, 1 to 256 characters.
            note: why, up to 10,000 characters.
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Raises:
            UptakeError: FAILED_PRECONDITION (CORRECTION_SUPERSEDED, CORRECTION_REVERTED), NOT_FOUND.
        """
        request = pb.RevertCorrectionRequest(
            project=self._transport.project,
            id=id,
            reviewer=reviewer,
            note=note,
            request_id=request_id_or_new(request_id),
        )
        return (await self._transport.call(self._stub.RevertCorrection, request, timeout_seconds)).correction

    async def search_knowledge(
        self,
        query: str,
        *,
        limit: int = 0,
        minimum_similarity: float = 0.0,
        key_prefix: str = "",
        timeout_seconds: float | None = None,
    ) -> Sequence[pb.KnowledgeMatch]:
        """Find entries of the knowledge base by meaning, best first.

        Args:
            query: what to look for, 1 to 10,000 characters.
            limit: how many at most, up to 100; 0 for the service's default.
            minimum_similarity: leave out entries below this cosine similarity, -1 to 1.
            key_prefix: only entries whose key starts so.
            timeout_seconds: deadline of the call.
        """
        request = pb.SearchKnowledgeRequest(
            project=self._transport.project,
            query=query,
            limit=limit,
            minimum_similarity=minimum_similarity,
            key_prefix=key_prefix,
        )
        response = await self._transport.call(self._stub.SearchKnowledge, request, timeout_seconds)
        return [*response.matches]

    async def instructions(
        self,
        name: str,
        *,
        revision: int = 0,
        known_revision: int = 0,
        timeout_seconds: float | None = None,
    ) -> pb.Instructions | None:
        """Read instructions by name, cheap to poll.

        Args:
            name: their name.
            revision: which revision; 0 for the newest.
            known_revision: the revision that the caller has; 0 for none.
            timeout_seconds: deadline of the call.

        Returns:
            The instructions, or None when they are those of `known_revision`.

        Raises:
            UptakeError: NOT_FOUND (INSTRUCTIONS_NOT_FOUND).
        """
        request = pb.GetInstructionsRequest(
            project=self._transport.project, name=name, revision=revision, known_revision=known_revision
        )
        response = await self._transport.call(self._stub.GetInstructions, request, timeout_seconds)
        return None if response.unchanged else response.instructions

    def instruction_revisions(
        self, name: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[pb.ListInstructionRevisionsResponse, pb.Instructions]:
        """List the revisions of instructions, newest first.

        Args:
            name: their name.
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """

        async def fetch(page_token: str) -> pb.ListInstructionRevisionsResponse:
            request = pb.ListInstructionRevisionsRequest(
                project=self._transport.project, name=name, page_size=page_size, page_token=page_token
            )
            return await self._transport.call(self._stub.ListInstructionRevisions, request, timeout_seconds)

        return Listing(fetch, lambda page: page.instructions)
