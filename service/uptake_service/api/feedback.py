"""FeedbackService: message to model, call, model to message."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from google.protobuf.message import DecodeError
from uptake.v1 import feedback_pb2 as pb

from uptake_service.api.checks import Checks, PageToken, page_size, project_of, request_key, to_timestamp
from uptake_service.api.messages.feedback import amended, outcome_number, to_draft, to_filter, to_message
from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DomainError
from uptake_service.domain.feedback import Content
from uptake_service.domain.project import DEFAULT_PROJECT
from uptake_service.erasure.eraser import Eraser
from uptake_service.feedback.store import FeedbackPage, FeedbackStore
from uptake_service.ingest.changes import Amend, Change, Collect, Made, Retract
from uptake_service.ingest.intake import Intake
from uptake_service.ingest.streaming import FeedbackStreams, Received, Reply
from uptake_service.mongo.paging import PAGE_BYTES
from uptake_service.patterns.similar import SimilarFeedback
from uptake_service.patterns.store import PatternStore
from uptake_service.rpc.call import Call
from uptake_service.rpc.calls import Messages
from uptake_service.rpc.errors import item_error, stream_end, undecodable
from uptake_service.rpc.rules import check

_MOST_SIMILAR = 100
_DEFAULT_SIMILAR = 10

_REQUEST_ID_LENGTH = 128
"""Characters of a wrong request id that an answer gives back."""

_COLLECT = "CollectFeedback"
"""The method under which collected feedback's request ids are known, however it was sent."""


class FeedbackServicer:
    def __init__(
        self,
        intake: Intake,
        feedback: FeedbackStore,
        patterns: PatternStore,
        similar: SimilarFeedback,
        streams: FeedbackStreams,
        eraser: Eraser,
        requests: RequestRecords,
        clock: Clock,
        future_tolerance_seconds: float,
    ) -> None:
        self._intake = intake
        self._feedback = feedback
        self._patterns = patterns
        self._similar = similar
        self._streams = streams
        self._eraser = eraser
        self._requests = requests
        self._clock = clock
        self._future_tolerance = timedelta(seconds=future_tolerance_seconds)

    async def CollectFeedback(self, request: pb.CollectFeedbackRequest, call: Call) -> pb.CollectFeedbackResponse:
        self._intake.ensure_room(1)
        change, key = self._to_collect(Checks(), request, project_of(request))
        made = await self._intake.submit(change, key, call.deadline)
        return pb.CollectFeedbackResponse(feedback=to_message(made.feedback), outcome=outcome_number(made.outcome))

    async def BatchCollectFeedback(
        self, request: pb.BatchCollectFeedbackRequest, call: Call
    ) -> pb.BatchCollectFeedbackResponse:
        project = project_of(request)
        self._intake.ensure_room(len(request.requests))
        # A few words on many large pieces are answered with no more than that many words, and a page.
        room = 2 * request.ByteSize() + PAGE_BYTES
        read = [self._read_item(item, project) for item in request.requests]
        good = [item for item in read if not isinstance(item, DomainError)]
        outcomes = iter(await _outcomes(self._intake.submit_many(good, call.deadline)))
        results = [item if isinstance(item, DomainError) else next(outcomes) for item in read]
        return pb.BatchCollectFeedbackResponse(results=_to_results(results, room))

    async def StreamFeedback(self, request_iterator: Messages, call: Call) -> None:
        project = ""

        async def receive() -> Received | None:
            nonlocal project
            try:
                request = await anext(request_iterator)
            except DecodeError:
                return Received("", undecodable(), request_iterator.size)
            except StopAsyncIteration:
                return None
            checks, named = Checks(), request.project or project or DEFAULT_PROJECT
            if project and named != project:
                checks.fail("project", "must be empty or the stream's project, that of its first message")
            read = self._read(checks, request, named)
            if not project and not _is_violation_of(read, "project"):
                project = named
            return Received(request.request_id[:_REQUEST_ID_LENGTH], read, request_iterator.size)

        async def send(reply: Reply) -> None:
            await call.write(_to_response(reply))
            request_iterator.give_back(reply.size)

        await call.write(pb.StreamFeedbackResponse(window=self._streams.window))
        try:
            await self._streams.serve(receive, send, call.deadline)
        except DomainError as ending:
            await call.write(pb.StreamFeedbackResponse(end=stream_end(ending)))
            raise

    async def GetFeedback(self, request: pb.GetFeedbackRequest, call: Call) -> pb.GetFeedbackResponse:
        project, id = project_of(request), request.id
        return pb.GetFeedbackResponse(feedback=to_message(await self._feedback.get(project, id)))

    async def ListFeedback(self, request: pb.ListFeedbackRequest, call: Call) -> pb.ListFeedbackResponse:
        checks = Checks()
        project = project_of(request)
        filter = to_filter(checks, request.filter)
        size = page_size(request.page_size)
        checks.done()
        token = PageToken(self._requests.secret.sign, "ListFeedback", project, request.filter)
        last = token.read(request.page_token)
        until: datetime | None = None
        if filter.update_start_time is not None:
            # Asked for before the reading: what is committed after it may be missing from the page.
            until = await self._feedback.complete_until()
            until = max(min(until, filter.update_end_time or until), filter.update_start_time)
        page = FeedbackPage([], None)
        if not filter.pattern_id or await self._patterns.has(project, filter.pattern_id):
            page = await self._feedback.page(project, filter, last, size)
        return pb.ListFeedbackResponse(
            feedback=[to_message(feedback) for feedback in page.feedback],
            next_page_token=token.make(page.next),
            complete_until_time=to_timestamp(until),
        )

    async def ListSimilarFeedback(
        self, request: pb.ListSimilarFeedbackRequest, call: Call
    ) -> pb.ListSimilarFeedbackResponse:
        checks = Checks()
        project = project_of(request)
        filter = to_filter(checks, request.filter)
        size = page_size(request.limit, default=_DEFAULT_SIMILAR, most=_MOST_SIMILAR)
        checks.done()
        reference = request.WhichOneof("reference")
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

    async def AmendFeedback(self, request: pb.AmendFeedbackRequest, call: Call) -> pb.AmendFeedbackResponse:
        checks = Checks()
        project, id = project_of(request), request.id
        paths = list(request.update_mask.paths)
        checks.check_masked("feedback", request.feedback, paths)
        key = request_key(self._requests, request)
        checks.done()

        def change(old: Content) -> Content:
            checks = Checks()
            content = amended(checks, old, request.feedback, paths)
            checks.done()
            assert content is not None  # noqa: S101  The checks found nothing wrong.
            return content

        fields, comment = tuple(dict.fromkeys(paths)), request.feedback.comment if "comment" in paths else ""
        corrected = request.feedback.correction
        correction = (corrected.original, corrected.corrected) if "correction" in paths else ()
        amend = Amend(project, id, change, fields, comment, self._clock.tick(), correction)
        made = await self._intake.submit(amend, key, call.deadline)
        return pb.AmendFeedbackResponse(feedback=to_message(made.feedback))

    async def RetractFeedback(self, request: pb.RetractFeedbackRequest, call: Call) -> pb.RetractFeedbackResponse:
        project, id, key = self._target(request)
        made = await self._intake.submit(Retract(project, id), key, call.deadline)
        return pb.RetractFeedbackResponse(feedback=to_message(made.feedback))

    async def DeleteFeedback(self, request: pb.DeleteFeedbackRequest, call: Call) -> pb.DeleteFeedbackResponse:
        project, id, key = self._target(request)
        await self._eraser.delete(project, id, key)
        return pb.DeleteFeedbackResponse()

    async def EraseUserFeedback(self, request: pb.EraseUserFeedbackRequest, call: Call) -> pb.EraseUserFeedbackResponse:
        project = project_of(request)
        key = request_key(self._requests, request)
        return pb.EraseUserFeedbackResponse(erased_count=await self._eraser.erase(project, request.user_id, key))

    def _to_collect(
        self, checks: Checks, request: pb.CollectFeedbackRequest | pb.StreamFeedbackRequest, project: str
    ) -> tuple[Collect, RequestKey | None]:
        draft = to_draft(checks, project, request.feedback, self._clock.tick(), self._future_tolerance)
        checks.done()
        assert draft is not None  # noqa: S101  The checks found nothing wrong.
        content = request.feedback.SerializeToString(deterministic=True)
        return Collect(draft), self._requests.key(project, _COLLECT, request.request_id, content)

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
            check(item)
            return self._to_collect(checks, item, project)
        except DomainError as error:
            return error

    def _target(
        self, request: pb.RetractFeedbackRequest | pb.DeleteFeedbackRequest
    ) -> tuple[str, str, RequestKey | None]:
        """The project, the feedback and the key of a request that names one piece of feedback and says no more."""
        return project_of(request), request.id, request_key(self._requests, request)


def _is_violation_of(read: object, field: str) -> bool:
    """Whether what was read is an error that names this field."""
    return isinstance(read, DomainError) and any(each.field == field for each in read.violations)


async def _outcomes(futures: "Sequence[asyncio.Future[Made]]") -> list[Made | DomainError]:
    """What became of each; an error that is nobody's in particular is raised."""
    outcomes: list[Made | DomainError] = []
    for outcome in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
            raise outcome
        outcomes.append(outcome)
    return outcomes


def _to_results(outcomes: Sequence[Made | DomainError], room: int) -> Iterator[pb.BatchCollectFeedbackResult]:
    """The feedback is told whole while there is room for it, in bytes, and then by its id."""
    for made in outcomes:
        if isinstance(made, DomainError):
            yield pb.BatchCollectFeedbackResult(error=item_error(made))
            continue
        message: pb.Feedback | None = None
        if room > 0:
            message = to_message(made.feedback)
            room -= message.ByteSize()
        if message is None or room < 0:
            message = pb.Feedback(id=made.feedback.id)
        yield pb.BatchCollectFeedbackResult(feedback=message, outcome=outcome_number(made.outcome))


def _to_response(reply: Reply) -> pb.StreamFeedbackResponse:
    if isinstance(reply.outcome, DomainError):
        return pb.StreamFeedbackResponse(request_id=reply.request_id, error=item_error(reply.outcome))
    made = reply.outcome
    return pb.StreamFeedbackResponse(
        request_id=reply.request_id, feedback_id=made.feedback.id, outcome=outcome_number(made.outcome)
    )
