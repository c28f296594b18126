"""FeedbackService: message to model, call, model to message."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import grpc
from google.protobuf.message import DecodeError
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc, stream_pb2

from uptake_service.clock import Clock
from uptake_service.errors import DomainError, InvalidRequest
from uptake_service.feedback.intake import Intake
from uptake_service.feedback.messages import amended, check_mask, to_draft, to_filter, to_message
from uptake_service.feedback.model import Content, Feedback
from uptake_service.feedback.plan import Amend, Change, Collect, Retract
from uptake_service.feedback.similar import SimilarFeedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.feedback.streaming import FeedbackStreams, Received, Reply
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.rpc.calls import Context, deadline_of
from uptake_service.rpc.checks import ID_LENGTH, QUERY_LENGTH, REQUEST_ID_LENGTH, Checks, PageToken
from uptake_service.rpc.errors import item_error, undecodable

_LARGEST_BATCH = 1000
_MOST_SIMILAR = 100
_DEFAULT_SIMILAR = 10

_COLLECT = "CollectFeedback"
"""The method under which collected feedback's request ids are known, however it was sent."""


Erase = Callable[[str, str, RequestKey | None], Awaitable[int]]
"""Erases all feedback of a project's user, once for each request key, and tells how much that was."""


class FeedbackServicer(feedback_pb2_grpc.FeedbackServiceServicer):
    def __init__(
        self,
        intake: Intake,
        feedback: FeedbackStore,
        similar: SimilarFeedback,
        streams: FeedbackStreams,
        erase: Erase,
        requests: RequestRecords,
        clock: Clock,
        future_tolerance_seconds: float,
    ) -> None:
        self._intake = intake
        self._feedback = feedback
        self._similar = similar
        self._streams = streams
        self._erase = erase
        self._requests = requests
        self._clock = clock
        self._future_tolerance = timedelta(seconds=future_tolerance_seconds)

    async def CollectFeedback(self, request: pb.CollectFeedbackRequest, context: Context) -> pb.CollectFeedbackResponse:
        self._intake.ensure_room(1)
        checks = Checks()
        change, key = self._to_collect(checks, request, checks.project(request.project))
        feedback = await self._intake.submit(change, key, deadline_of(context))
        return pb.CollectFeedbackResponse(feedback=to_message(feedback))

    async def BatchCollectFeedback(
        self, request: pb.BatchCollectFeedbackRequest, context: Context
    ) -> pb.BatchCollectFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        if not 1 <= len(request.requests) <= _LARGEST_BATCH:
            checks.fail("requests", f"has {len(request.requests):,} items; 1 to {_LARGEST_BATCH:,} are allowed")
        checks.done()
        self._intake.ensure_room(len(request.requests))
        read = [self._read_item(item, project) for item in request.requests]
        good = [item for item in read if not isinstance(item, DomainError)]
        outcomes = iter(await _outcomes(self._intake.submit_many(good, deadline_of(context))))
        results = [item if isinstance(item, DomainError) else next(outcomes) for item in read]
        return pb.BatchCollectFeedbackResponse(results=[_to_result(result) for result in results])

    async def StreamFeedback(  # type: ignore[override]  # Read from and written to at once.
        self, request_iterator: object, context: Context
    ) -> None:
        project = ""

        async def receive() -> Received | None:
            nonlocal project
            try:
                request = await context.read()
            except DecodeError:
                return Received("", undecodable())
            if request is grpc.aio.EOF:
                return None
            checks = Checks()
            named = checks.project(request.project or project)
            if not project and not checks.violations:
                project = named
            elif project and named != project:
                checks.fail("project", "must be empty or the stream's project, that of its first message")
            if not request.request_id:
                checks.fail("request_id", "is required")
            return Received(request.request_id[:REQUEST_ID_LENGTH], self._read(checks, request, named))

        async def send(reply: Reply) -> None:
            await context.write(_to_response(reply))

        await context.write(pb.StreamFeedbackResponse(window=self._streams.window))
        try:
            await self._streams.serve(receive, send, deadline_of(context))
        except DomainError as ending:
            await context.write(pb.StreamFeedbackResponse(end=stream_pb2.StreamEnd(reason=ending.message)))
            raise

    async def GetFeedback(self, request: pb.GetFeedbackRequest, context: Context) -> pb.GetFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        id = checks.text("id", request.id, ID_LENGTH, required=True)
        checks.done()
        return pb.GetFeedbackResponse(feedback=to_message(await self._feedback.get(project, id)))

    async def ListFeedback(self, request: pb.ListFeedbackRequest, context: Context) -> pb.ListFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        size = checks.page_size("page_size", request.page_size)
        checks.done()
        token = PageToken("ListFeedback", project, request.filter)
        found = await self._feedback.page(project, filter, token.read(request.page_token), size + 1)
        page = found[:size]
        more = token.make([page[-1].occur_time, page[-1].id]) if len(found) > size else ""
        return pb.ListFeedbackResponse(feedback=[to_message(feedback) for feedback in page], next_page_token=more)

    async def ListSimilarFeedback(
        self, request: pb.ListSimilarFeedbackRequest, context: Context
    ) -> pb.ListSimilarFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        filter = to_filter(checks, request.filter)
        size = checks.page_size("page_size", request.page_size, default=_DEFAULT_SIMILAR, most=_MOST_SIMILAR)
        reference = request.WhichOneof("reference")
        if reference is None:
            checks.fail("reference", "is required: feedback_id, interaction_id or query")
        checks.text("feedback_id", request.feedback_id, ID_LENGTH, required=reference == "feedback_id")
        checks.text("interaction_id", request.interaction_id, ID_LENGTH, required=reference == "interaction_id")
        checks.text("query", request.query, QUERY_LENGTH, required=reference == "query")
        checks.done()
        if reference == "query":
            found = await self._similar.to_query(project, request.query, filter, size)
        elif reference == "feedback_id":
            found = await self._similar.to_feedback(project, request.feedback_id, filter, size)
        else:
            found = await self._similar.to_interaction(project, request.interaction_id, filter, size)
        return pb.ListSimilarFeedbackResponse(
            similar_feedback=[
                pb.SimilarFeedback(feedback=to_message(feedback), similarity=similarity)
                for feedback, similarity in found
            ]
        )

    async def AmendFeedback(self, request: pb.AmendFeedbackRequest, context: Context) -> pb.AmendFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        id = checks.text("id", request.id, ID_LENGTH, required=True)
        paths = check_mask(checks, list(request.update_mask.paths))
        key = self._key(checks, project, "AmendFeedback", request)
        checks.done()

        def change(old: Content) -> Content:
            checks = Checks()
            content = amended(checks, old, request.feedback, paths)
            if content is None:
                raise InvalidRequest(checks.violations)
            return content

        feedback = await self._intake.submit(Amend(project, id, change), key, deadline_of(context))
        return pb.AmendFeedbackResponse(feedback=to_message(feedback))

    async def RetractFeedback(self, request: pb.RetractFeedbackRequest, context: Context) -> pb.RetractFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        id = checks.text("id", request.id, ID_LENGTH, required=True)
        key = self._key(checks, project, "RetractFeedback", request)
        checks.done()
        feedback = await self._intake.submit(Retract(project, id), key, deadline_of(context))
        return pb.RetractFeedbackResponse(feedback=to_message(feedback))

    async def EraseUserFeedback(
        self, request: pb.EraseUserFeedbackRequest, context: Context
    ) -> pb.EraseUserFeedbackResponse:
        checks = Checks()
        project = checks.project(request.project)
        user_id = checks.text("user_id", request.user_id, ID_LENGTH, required=True)
        key = self._key(checks, project, "EraseUserFeedback", request)
        checks.done()
        return pb.EraseUserFeedbackResponse(erased_count=await self._erase(project, user_id, key))

    def _to_collect(
        self, checks: Checks, request: pb.CollectFeedbackRequest | pb.StreamFeedbackRequest, project: str
    ) -> tuple[Collect, RequestKey | None]:
        if not request.HasField("feedback"):
            checks.fail("feedback", "is required")
        request_id = checks.text("request_id", request.request_id, REQUEST_ID_LENGTH)
        draft = to_draft(checks, project, request.feedback, self._clock.now(), self._future_tolerance)
        checks.done()
        assert draft is not None  # noqa: S101  The checks found nothing wrong.
        content = request.feedback.SerializeToString(deterministic=True)
        return Collect(draft), self._requests.key(project, _COLLECT, request_id, content)

    def _read_item(
        self, item: pb.CollectFeedbackRequest, project: str
    ) -> tuple[Change, RequestKey | None] | DomainError:
        checks = Checks()
        if item.project not in ("", project):
            checks.fail("project", "must be empty or the batch's project")
        return self._read(checks, item, project)

    def _read(
        self, checks: Checks, item: pb.CollectFeedbackRequest | pb.StreamFeedbackRequest, project: str
    ) -> tuple[Change, RequestKey | None] | DomainError:
        """One of many: what is wrong with it is its own, and raised for none."""
        try:
            return self._to_collect(checks, item, project)
        except DomainError as error:
            return error

    def _key(
        self,
        checks: Checks,
        project: str,
        method: str,
        request: pb.AmendFeedbackRequest | pb.RetractFeedbackRequest | pb.EraseUserFeedbackRequest,
    ) -> RequestKey | None:
        request_id = checks.text("request_id", request.request_id, REQUEST_ID_LENGTH)
        return self._requests.key(project, method, request_id, request.SerializeToString(deterministic=True))


async def _outcomes(futures: "Sequence[asyncio.Future[Feedback]]") -> list[Feedback | DomainError]:
    """What became of each; an error that is nobody's in particular is raised."""
    outcomes: list[Feedback | DomainError] = []
    for outcome in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
            raise outcome
        outcomes.append(outcome)
    return outcomes


def _to_result(outcome: Feedback | DomainError) -> pb.BatchCollectFeedbackResult:
    if isinstance(outcome, DomainError):
        return pb.BatchCollectFeedbackResult(error=item_error(outcome))
    return pb.BatchCollectFeedbackResult(feedback=to_message(outcome))


def _to_response(reply: Reply) -> pb.StreamFeedbackResponse:
    if isinstance(reply.outcome, DomainError):
        return pb.StreamFeedbackResponse(request_id=reply.request_id, error=item_error(reply.outcome))
    return pb.StreamFeedbackResponse(request_id=reply.request_id, feedback_id=reply.outcome.id)
