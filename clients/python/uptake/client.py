"""The client: one connection to an Uptake service, for one project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

import grpc

from uptake.batches import FeedbackItems, collect_many
from uptake.channel import ChannelOption, open_channel
from uptake.connection import Connection
from uptake.corrections import CorrectionCalls
from uptake.feedback import FeedbackCalls
from uptake.insights import InsightCalls
from uptake.issues import IssueCalls
from uptake.projects import ProjectCalls
from uptake.reviews import ReviewCalls
from uptake.transport import Transport, request_id_or_new
from uptake.v1.feedback_pb2 import BatchCollectFeedbackResult, CollectFeedbackRequest, Feedback
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub


class Client:
    """A client of one project, to be made once and shared: it is safe to use from any number of tasks of one
    loop.

    Where no service answers, as while it is restarted, calls wait for it. Those that it answers with UNAVAILABLE or
    overload are retried within their deadline, as often as it allows. That is safe because every call that changes
    something carries a request id, made once for the logical call.

    Attributes:
        feedback: reading, amending, retracting, erasing, streaming in.
        reviews: the tasks for people.
        insights: numbers and the live subscription.
        issues: what users complain of.
        corrections: changes to knowledge and instructions, and reading both.
        projects: settings, and who changed what.
    """

    def __init__(
        self,
        target: str = "localhost:50051",
        *,
        project: str = "default",
        api_key: str | None = None,
        tls: grpc.ChannelCredentials | None = None,
        timeout_seconds: float = 20.0,
        connect_timeout_seconds: float = 15.0,
        options: Sequence[ChannelOption] = (),
    ) -> None:
        """Connect; nothing is sent before the first call.

        Args:
            target: a gRPC target, "host:port" or "dns:///host:port".
            project: the project of every call.
            api_key: an API key, "id.secret". Without `tls` it travels in clear text: for loopback or a mesh
                only.
            tls: what the server is trusted by, such as `grpc.ssl_channel_credentials()`; None for plain text.
            timeout_seconds: deadline of every call that does not bring its own, with all its waiting and
                retries. Streams have none.
            connect_timeout_seconds: how long a call waits for a service that answers, such as one that is
                restarted. Then it fails with UNAVAILABLE; where its deadline is shorter, with DEADLINE_EXCEEDED.
                Streams wait for as long as it takes.
            options: gRPC channel options, over those of `uptake.channel.OPTIONS`.

        Raises:
            RuntimeError: no event loop runs; gRPC binds a channel to the loop that it is made in.
            ValueError: `connect_timeout_seconds` is not above 0.
        """
        asyncio.get_running_loop()
        if not connect_timeout_seconds > 0:
            raise ValueError(f"connect_timeout_seconds must be above 0, not {connect_timeout_seconds}")
        channel, metadata = open_channel(target, api_key=api_key, tls=tls, options=options)
        self._transport = Transport(
            target,
            Connection(channel),
            project=project,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
        )
        self._stub = FeedbackServiceStub(channel)
        self.feedback = FeedbackCalls(self._transport)
        self.reviews = ReviewCalls(self._transport)
        self.insights = InsightCalls(self._transport)
        self.issues = IssueCalls(self._transport)
        self.corrections = CorrectionCalls(self._transport)
        self.projects = ProjectCalls(self._transport)

    async def collect(
        self, feedback: Feedback, *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> Feedback:
        """Store one piece of feedback. It is committed when this returns.

        Args:
            feedback: what the user said; `thumbs_up` and its like make one.
            request_id: makes it safe to call this again: the same id with the same content stores nothing
                more. Up to 128 characters. Made when not given, which covers the client's own retries only.
            timeout_seconds: deadline of the call; None for the client's.

        Returns:
            The feedback as it is stored. A user's second vote of the same score on an interaction gives the amended
            first one; `collect_many` tells of each whether it was new.

        Raises:
            UptakeError: INVALID_ARGUMENT with `field_violations`; ALREADY_EXISTS (REQUEST_ID_REUSED);
                RESOURCE_EXHAUSTED or UNAVAILABLE when retries did not help; and any other status.
        """
        request = CollectFeedbackRequest(
            project=self._transport.project, feedback=feedback, request_id=request_id_or_new(request_id)
        )
        return (await self._transport.call(self._stub.CollectFeedback, request, timeout_seconds)).feedback

    def collect_many(
        self,
        items: FeedbackItems,
        *,
        batch_size: int = 500,
        in_flight: int = 2,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[BatchCollectFeedbackResult, None]:
        """Store much feedback, such as an import, in few calls. Results come a batch at a time.

        One item that fails does not stop the rest. Items that fail for want of room or of the database are
        sent again a few times. For feedback that trickles in, `feedback.stream` answers sooner.

        Args:
            items: Feedback, or CollectFeedbackRequest to choose the request id, so that a whole import can be
                repeated. It is read as batches are sent.
            batch_size: items a call, 1 to 1,000; a call is also bounded by bytes.
            in_flight: calls at once.
            timeout_seconds: deadline of each call; None for the client's.

        Yields:
            One result for each item, in their order: `feedback` as stored, or `error` (see
            `UptakeError.from_item`).

        Raises:
            UptakeError: a whole call failed. The results so far stand; of the items in flight it is not
                known.
            ValueError: a bound is out of range.
        """
        return collect_many(
            self._transport,
            items,
            batch_size=batch_size,
            in_flight=in_flight,
            timeout_seconds=timeout_seconds,
        )

    async def close(self, grace_seconds: float | None = None) -> None:
        """Close the connection.

        Args:
            grace_seconds: how long calls in flight may go on; None cancels them at once.
        """
        await self._transport.close(grace_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
