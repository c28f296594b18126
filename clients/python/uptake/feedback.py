"""Finding feedback again, changing it, and streaming it in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from uptake.batches import FeedbackItems
from uptake.ingest import Ingest, StreamResult
from uptake.transport import Listing, Transport, request_id_or_new
from uptake.v1 import feedback_pb2 as pb
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub

_ERASING_SECONDS = 300.0


class FeedbackCalls:
    """`client.feedback`: every call of FeedbackService except those that `Client` has itself.

    Every method takes `timeout_seconds` (default: the client's) and raises UptakeError.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = FeedbackServiceStub(transport.channel)

    async def get(self, id: str, *, timeout_seconds: float | None = None) -> pb.Feedback:
        """Read one piece of feedback.

        Raises:
            UptakeError: NOT_FOUND (FEEDBACK_NOT_FOUND).
        """
        request = pb.GetFeedbackRequest(project=self._transport.project, id=id)
        return (await self._transport.call(self._stub.GetFeedback, request, timeout_seconds)).feedback

    def list(
        self,
        *,
        filter: pb.FeedbackFilter | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[pb.ListFeedbackResponse, pb.Feedback]:
        """List feedback, newest first by `occur_time`.

        Args:
            filter: which feedback; None for all that is ACTIVE.
            page_size: items a page, up to 1,000; 0 for the service's default.
            timeout_seconds: deadline of each page.
        """

        async def fetch(page_token: str) -> pb.ListFeedbackResponse:
            request = pb.ListFeedbackRequest(
                project=self._transport.project, filter=filter, page_size=page_size, page_token=page_token
            )
            return await self._transport.call(self._stub.ListFeedback, request, timeout_seconds)

        return Listing(fetch, lambda page: page.feedback)

    async def similar(
        self,
        *,
        query: str | None = None,
        feedback_id: str | None = None,
        interaction_id: str | None = None,
        filter: pb.FeedbackFilter | None = None,
        limit: int = 0,
        timeout_seconds: float | None = None,
    ) -> Sequence[pb.SimilarFeedback]:
        """List feedback on queries that ask the same, most similar first.

        Args:
            query: text to compare with. Give exactly one of this and the next two.
            feedback_id: the feedback to compare with.
            interaction_id: the interaction whose newest feedback to compare with.
            filter: which feedback; None for all that is ACTIVE.
            limit: how many at most, up to 100; 0 for the service's default.
            timeout_seconds: deadline of the call.

        Raises:
            ValueError: not exactly one reference was given.
        """
        if [query, feedback_id, interaction_id].count(None) != 2:
            raise ValueError("give exactly one of query, feedback_id and interaction_id")
        request = pb.ListSimilarFeedbackRequest(
            project=self._transport.project,
            query=query,
            feedback_id=feedback_id,
            interaction_id=interaction_id,
            filter=filter,
            limit=limit,
        )
        response = await self._transport.call(self._stub.ListSimilarFeedback, request, timeout_seconds)
        return [*response.similar_feedback]

    async def amend(
        self,
        id: str,
        feedback: pb.Feedback,
        update_mask: Iterable[str],
        *,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> pb.Feedback:
        """Change what the user said.

        Args:
            id: the feedback's id.
            feedback: the new content, such as one that `thumbs_down` makes.
            update_mask: what to take from it: any of "type", "rating", "correction", "custom", "comment",
                "labels".
            request_id: made when not given.
            timeout_seconds: deadline of the call.

        Returns:
            The feedback as it is now.

        Raises:
            UptakeError: NOT_FOUND; FAILED_PRECONDITION (FEEDBACK_RETRACTED); INVALID_ARGUMENT when the result
                is not valid as a whole.
        """
        request = pb.AmendFeedbackRequest(
            project=self._transport.project,
            id=id,
            feedback=feedback,
            update_mask=FieldMask(paths=update_mask),
            request_id=request_id_or_new(request_id),
        )
        return (await self._transport.call(self._stub.AmendFeedback, request, timeout_seconds)).feedback

    async def retract(
        self, id: str, *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> pb.Feedback:
        """Take feedback back: it stays readable and counts nowhere. Again changes nothing.

        Raises:
            UptakeError: NOT_FOUND (FEEDBACK_NOT_FOUND).
        """
        request = pb.RetractFeedbackRequest(
            project=self._transport.project, id=id, request_id=request_id_or_new(request_id)
        )
        return (await self._transport.call(self._stub.RetractFeedback, request, timeout_seconds)).feedback

    async def delete(self, id: str, *, request_id: str | None = None, timeout_seconds: float | None = None) -> None:
        """Remove one piece of feedback, an anonymous one too, its share of every number and its words in what was made
        of it, for good.

        A call that ends early does not end it; the same call again waits for the rest.

        Args:
            id: the feedback's id.
            request_id: makes the call safe to repeat; None for a new one.
            timeout_seconds: deadline; None for five minutes, like an erasure's.

        Raises:
            UptakeError: NOT_FOUND (FEEDBACK_NOT_FOUND).
        """
        request = pb.DeleteFeedbackRequest(
            project=self._transport.project, id=id, request_id=request_id_or_new(request_id)
        )
        deadline = _ERASING_SECONDS if timeout_seconds is None else timeout_seconds
        await self._transport.call(self._stub.DeleteFeedback, request, deadline)

    async def erase_user(
        self, user_id: str, *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> int:
        """Remove all feedback of one user, its share of every number and its words in what was made of it, for good.

        A call that ends early does not end it; the same call again waits for the rest.

        Args:
            user_id: the caller's id of the user.
            request_id: makes the call safe to repeat; None for a new one.
            timeout_seconds: deadline; None for five minutes, since issues are found anew for it.

        Returns:
            How many pieces of feedback were removed.
        """
        request = pb.EraseUserFeedbackRequest(
            project=self._transport.project, user_id=user_id, request_id=request_id_or_new(request_id)
        )
        deadline = _ERASING_SECONDS if timeout_seconds is None else timeout_seconds
        response = await self._transport.call(self._stub.EraseUserFeedback, request, deadline)
        return response.erased_count

    def stream(self, items: FeedbackItems) -> AsyncGenerator[StreamResult, None]:
        """Store feedback as it comes from a source without an end, such as a queue.

        A stream that breaks (UNAVAILABLE, overload, a server that restarts) is opened again, for as long as it
        takes, and what was not answered is sent again with the same request ids. So is an item for which the
        service had no room or no database. To finish, end the source; to give up, leave the loop, best within
        `contextlib.aclosing`: what was not answered by then is stored or not.

        Args:
            items: Feedback, or CollectFeedbackRequest to choose the request id. It is read no further ahead than
                the service's window. An item with the request id of one that waits for its answer waits too.

        Yields:
            One result for each item, in the order of the commits: its `feedback_id` or its `error`.

        Raises:
            UptakeError: the stream ended with another status.
            ValueError: an item is larger than any service takes; after the answers to those before.
            Exception: what the source raised, after the answers to what it gave before.
        """
        return Ingest(self._transport, items).results()
