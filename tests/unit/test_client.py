"""What the Python client promises, against a small real server on a loopback socket."""

# ruff: noqa: N802, S105, S106 - method names are the contract's, and no token here opens anything

from __future__ import annotations

import asyncio
import datetime
import decimal
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, NoReturn, Required, TypeAlias, TypedDict, TypeVar

import grpc
import grpc.aio
import pytest
import trustme
import uptake
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue
from google.rpc import error_details_pb2, status_pb2
from uptake.batches import MAX_BATCH_BYTES
from uptake.builders import About
from uptake.v1 import error_pb2, event_pb2, feedback_pb2, insight_pb2, review_pb2, stream_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceServicer, add_FeedbackServiceServicer_to_server
from uptake.v1.insight_pb2_grpc import InsightServiceServicer, add_InsightServiceServicer_to_server
from uptake.v1.review_pb2_grpc import ReviewServiceServicer, add_ReviewServiceServicer_to_server

from tests.processes import eventually, free_port, let_pass

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED

T = TypeVar("T")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

anything: Any = uptake
"""The client as those see it who do not check types."""


class Failure(TypedDict, total=False):
    """What `fail` takes."""

    code: Required[grpc.StatusCode]
    message: str
    details: Sequence[Message]
    raw_details: bytes | None
    pushback: int | None


async def fail(
    context: Context,
    code: grpc.StatusCode,
    message: str = "no",
    *,
    details: Sequence[Message] = (),
    raw_details: bytes | None = None,
    pushback: int | None = None,
) -> NoReturn:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    trailing = [("grpc-status-details-bin", raw_details or status.SerializeToString())]
    if pushback is not None:
        trailing.append(("grpc-retry-pushback-ms", str(pushback)))
    await context.abort(code, message, tuple(trailing))


def because(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="uptake", metadata=metadata)


class FakeFeedback(FeedbackServiceServicer):
    """Records what it is sent; fails as it is told to."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.seconds_left: list[float] = []
        self.failures: list[Failure] = []
        self.item_errors: dict[str, list[error_pb2.ItemError]] = {}
        self.hold: asyncio.Event | None = None
        self.left = asyncio.Event()
        self.concurrent = self.most_concurrent = 0
        self.cut_streams_after: list[tuple[int, grpc.StatusCode | None]] = []
        self.stream_connections = 0
        self.stream_failures: list[Failure] = []

    async def CollectFeedback(
        self, request: feedback_pb2.CollectFeedbackRequest, context: Context
    ) -> feedback_pb2.CollectFeedbackResponse:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata() or ()))
        self.seconds_left.append(context.time_remaining())
        if self.failures:
            await fail(context, **self.failures.pop(0))
        if self.hold is not None:
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.left.set()
                raise
        stored = feedback_pb2.Feedback()
        stored.CopyFrom(request.feedback)
        stored.id = f"stored-{request.request_id}"
        return feedback_pb2.CollectFeedbackResponse(feedback=stored)

    async def BatchCollectFeedback(
        self, request: feedback_pb2.BatchCollectFeedbackRequest, context: Context
    ) -> feedback_pb2.BatchCollectFeedbackResponse:
        self.requests.append(request)
        self.concurrent += 1
        self.most_concurrent = max(self.most_concurrent, self.concurrent)
        if self.failures:
            self.concurrent -= 1
            await fail(context, **self.failures.pop(0))
        if self.hold is not None and len(self.requests) == 1:
            await self.hold.wait()
        elif self.hold is not None:
            self.hold.set()
        self.concurrent -= 1
        results = []
        for item in request.requests:
            if errors := self.item_errors.get(item.feedback.comment):
                results.append(feedback_pb2.BatchCollectFeedbackResult(error=errors.pop(0)))
            else:
                results.append(feedback_pb2.BatchCollectFeedbackResult(feedback=item.feedback))
        return feedback_pb2.BatchCollectFeedbackResponse(results=results)

    async def StreamFeedback(
        self, requests: AsyncIterator[feedback_pb2.StreamFeedbackRequest], context: Context
    ) -> AsyncIterator[feedback_pb2.StreamFeedbackResponse]:
        self.stream_connections += 1
        if self.stream_failures:
            await fail(context, **self.stream_failures.pop(0))
        cut_after, code = self.cut_streams_after.pop(0) if self.cut_streams_after else (None, None)
        yield feedback_pb2.StreamFeedbackResponse(window=3)
        received = 0
        async for request in requests:
            self.requests.append(request)
            if received == cut_after:
                if code is None:
                    yield feedback_pb2.StreamFeedbackResponse(end=stream_pb2.StreamEnd(message="shutting down"))
                await fail(context, code or UNAVAILABLE)
            received += 1
            if errors := self.item_errors.get(request.feedback.comment):
                yield feedback_pb2.StreamFeedbackResponse(request_id=request.request_id[:128], error=errors.pop(0))
            else:
                yield feedback_pb2.StreamFeedbackResponse(
                    request_id=request.request_id[:128], feedback_id=f"id-{request.feedback.comment}"
                )

    async def ListFeedback(
        self, request: feedback_pb2.ListFeedbackRequest, context: Context
    ) -> feedback_pb2.ListFeedbackResponse:
        self.requests.append(request)
        start = int(request.page_token or 0)
        end = start + request.page_size
        found = [feedback_pb2.Feedback(id=str(n)) for n in range(start, min(end, 5))]
        return feedback_pb2.ListFeedbackResponse(feedback=found, next_page_token=str(end) if end < 5 else "")


class FakeInsights(InsightServiceServicer):
    """Sends events numbered on from the token and cuts each connection as its script says."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.scripts: list[tuple[int, str, Failure | None]] = []
        self.left = asyncio.Event()

    async def SubscribeInsights(
        self, request: insight_pb2.SubscribeInsightsRequest, context: Context
    ) -> AsyncIterator[insight_pb2.SubscribeInsightsResponse]:
        self.tokens.append(request.resume_token)
        # The stub has a class there, and no protocol.
        context.add_done_callback(lambda _: self.left.set())  # type: ignore[arg-type]
        count, ending, failure = self.scripts.pop(0)
        sent = int(request.resume_token or 0)
        for seq in range(sent + 1, sent + count + 1):
            yield insight_pb2.SubscribeInsightsResponse(resume_token=str(seq), event=event_pb2.Event(seq=seq))
        if ending == "end":
            yield insight_pb2.SubscribeInsightsResponse(end=stream_pb2.StreamEnd(message="shutting down"))
        if ending == "hold":
            await asyncio.Event().wait()
        if failure is not None:
            await fail(context, **failure)


class FakeReviews(ReviewServiceServicer):
    """One claimable review; renewals fail with what `renewal_failures` holds."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.renewal_failures: list[Failure] = []
        self.renewed = asyncio.Condition()
        self.renewals = 0

    async def ClaimReview(
        self, request: review_pb2.ClaimReviewRequest, context: Context
    ) -> review_pb2.ClaimReviewResponse:
        self.calls.append("claim")
        assert request.request_id
        review = review_pb2.Review(id=request.id, state=review_pb2.REVIEW_STATE_CLAIMED)
        return review_pb2.ClaimReviewResponse(review=review, claim_token="token")

    async def RenewClaim(
        self, request: review_pb2.RenewClaimRequest, context: Context
    ) -> review_pb2.RenewClaimResponse:
        assert request.claim_token == "token"
        if self.renewal_failures:
            await fail(context, **self.renewal_failures.pop(0))
        async with self.renewed:
            self.renewals += 1
            self.renewed.notify_all()
        review = review_pb2.Review(id=request.id, reopen_count=self.renewals)
        return review_pb2.RenewClaimResponse(review=review)

    async def ReleaseReview(
        self, request: review_pb2.ReleaseReviewRequest, context: Context
    ) -> review_pb2.ReleaseReviewResponse:
        self.calls.append("release")
        return review_pb2.ReleaseReviewResponse(review=review_pb2.Review(id=request.id))

    async def ResolveReview(
        self, request: review_pb2.ResolveReviewRequest, context: Context
    ) -> review_pb2.ResolveReviewResponse:
        self.calls.append("resolve")
        review = review_pb2.Review(id=request.id, state=review_pb2.REVIEW_STATE_RESOLVED)
        return review_pb2.ResolveReviewResponse(review=review)


@pytest.fixture
def feedback() -> FakeFeedback:
    return FakeFeedback()


@pytest.fixture
def insights() -> FakeInsights:
    return FakeInsights()


@pytest.fixture
def reviews() -> FakeReviews:
    return FakeReviews()


@pytest.fixture
async def target(feedback: FakeFeedback, insights: FakeInsights, reviews: FakeReviews) -> AsyncIterator[str]:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 16 * 1024 * 1024)])
    add_FeedbackServiceServicer_to_server(feedback, server)
    add_InsightServiceServicer_to_server(insights, server)
    add_ReviewServiceServicer_to_server(reviews, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def client(target: str) -> AsyncIterator[uptake.Client]:
    async with uptake.Client(target, project="shop", api_key="id.secret") as client:
        yield client


async def results_of(iterator: AsyncGenerator[T, None]) -> list[T]:
    async with aclosing(iterator):
        return [item async for item in iterator]


def item_error(code: grpc.StatusCode, message: str = "no") -> error_pb2.ItemError:
    return error_pb2.ItemError(
        code=code.value[0],
        reason=error_pb2.ERROR_REASON_INVALID_FIELD,
        message=message,
        field_violations=[error_pb2.FieldViolation(field="feedback.type", description="is required")],
    )


# Calls: request ids, retries, deadlines, errors


async def test_a_call_is_retried_with_the_request_id_that_was_made_for_it(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    feedback.failures = [{"code": UNAVAILABLE, "pushback": 1}, {"code": EXHAUSTED}]

    stored = await client.collect(uptake.thumbs_up("answer-1"))

    request_ids = {request.request_id for request in feedback.requests}
    assert len(feedback.requests) == 3
    assert len(request_ids) == 1
    assert stored.id == f"stored-{request_ids.pop()}" != "stored-"
    assert {request.project for request in feedback.requests} == {"shop"}


async def test_two_calls_have_two_request_ids_and_a_given_one_is_kept(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    for request_id in (None, None, "mine"):
        await client.collect(uptake.thumbs_up("answer-1"), request_id=request_id)

    first, second, third = (request.request_id for request in feedback.requests)
    assert first != second
    assert third == "mine"


async def test_the_key_goes_with_every_call(client: uptake.Client, feedback: FakeFeedback) -> None:
    await client.collect(uptake.thumbs_up("answer-1"))

    assert feedback.metadata[0]["authorization"] == "Bearer id.secret"


@asynccontextmanager
async def serving_at(address: str, feedback: FakeFeedback) -> AsyncIterator[None]:
    server = grpc.aio.server()
    add_FeedbackServiceServicer_to_server(feedback, server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


async def test_four_seconds_in_which_nothing_listens_fail_no_call(feedback: FakeFeedback) -> None:
    address = f"127.0.0.1:{free_port()}"
    calls = []

    async def call_ten_times_a_second(client: uptake.Client) -> None:
        while True:
            calls.append(asyncio.create_task(client.collect(uptake.thumbs_up("answer-1"))))
            await let_pass(0.1, "ten calls a second")

    async with uptake.Client(address) as client:
        async with serving_at(address, feedback):
            calling = asyncio.create_task(call_ten_times_a_second(client))
            await eventually(lambda: len(feedback.requests) > 0, "the first call")
        await let_pass(4.0, "four seconds in which nothing listens")
        async with serving_at(address, feedback):
            calling.cancel()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert len(outcomes) >= 10
    assert len({request.request_id for request in feedback.requests}) == len(outcomes)


async def test_many_calls_that_are_on_their_way_when_the_server_goes_are_made_again(feedback: FakeFeedback) -> None:
    address = f"127.0.0.1:{free_port()}"
    feedback.hold = asyncio.Event()
    async with uptake.Client(address) as client:
        async with serving_at(address, feedback):
            calls = [asyncio.create_task(client.collect(uptake.thumbs_up("answer-1"))) for _ in range(300)]
            await eventually(lambda: len(feedback.requests) == 300, "all calls at the server")
        feedback.hold.set()
        async with serving_at(address, feedback):
            stored = await asyncio.gather(*calls)

    assert len({item.id for item in stored}) == 300
    assert {item.id for item in stored} == {f"stored-{request.request_id}" for request in feedback.requests}


async def test_where_nothing_listens_the_caller_is_told_and_in_its_own_time_if_that_is_shorter() -> None:
    address = f"127.0.0.1:{free_port()}"
    clock = asyncio.get_running_loop().time
    async with uptake.Client(address, connect_timeout_seconds=1.5) as client:
        for timeout, code, told in [
            (None, UNAVAILABLE, "1.5"),
            (1.0, grpc.StatusCode.DEADLINE_EXCEEDED, "1"),
            (math.inf, UNAVAILABLE, "1.5"),
        ]:
            began = clock()
            with pytest.raises(uptake.UptakeError) as raised:
                await client.collect(uptake.thumbs_up("answer-1"), timeout_seconds=timeout)

            assert clock() - began >= float(told) - 0.01
            assert raised.value.code is code
            assert raised.value.message.startswith(f"nothing answered at {address} within {told} s (")
            assert "Connection refused" in raised.value.message
            assert raised.value.message.endswith("both sides speak TLS or neither does")
            assert "\n" not in str(raised.value)


async def test_the_wrong_kind_of_peer_is_told(target: str) -> None:
    async def answer_http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    secure = grpc.aio.server()
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    secure_target = f"localhost:{secure.add_secure_port('127.0.0.1:0', grpc.ssl_server_credentials([pair]))}"
    await secure.start()
    http1 = await asyncio.start_server(answer_http1, "127.0.0.1", 0)
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    trusting = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    stranger = grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes())
    try:
        for wrong, tls in [
            (secure_target, None),
            (secure_target, stranger),
            (target.replace("127.0.0.1", "localhost"), trusting),
            (f"127.0.0.1:{http1.sockets[0].getsockname()[1]}", None),
            (f"127.0.0.1:{silent.sockets[0].getsockname()[1]}", None),
            ("no-such-host.invalid:1", None),
        ]:
            async with uptake.Client(wrong, tls=tls, connect_timeout_seconds=0.4) as client:
                with pytest.raises(uptake.UptakeError, match="nothing answered at") as raised:
                    await client.collect(uptake.thumbs_up("answer-1"))

            assert raised.value.code is UNAVAILABLE
    finally:
        await secure.stop(None)
        for server in (http1, silent):
            server.close()
            await server.wait_closed()


async def test_a_name_with_several_addresses_is_answered_by_those_that_live(target: str) -> None:
    dead = free_port()
    async with uptake.Client(f"ipv4:127.0.0.1:{dead},{target}") as client:
        for _ in range(10):
            await client.collect(uptake.thumbs_up("answer-1"))


async def test_what_no_service_took_is_tried_until_one_does(client: uptake.Client, feedback: FakeFeedback) -> None:
    shutting_down: Failure = {"code": UNAVAILABLE, "details": [because("SHUTTING_DOWN")], "pushback": 1}
    feedback.failures = [shutting_down] * 4 + [{"code": UNAVAILABLE, "message": "no healthy upstream"}]

    await client.collect(uptake.thumbs_up("answer-1"))

    assert len(feedback.requests) == 6
    assert len({request.request_id for request in feedback.requests}) == 1


async def test_what_no_service_takes_is_given_up_after_the_time_to_connect(target: str, feedback: FakeFeedback) -> None:
    feedback.failures = [{"code": UNAVAILABLE, "message": "no healthy upstream"}] * 20
    async with uptake.Client(target, connect_timeout_seconds=1.5) as client:
        with pytest.raises(uptake.UptakeError, match=r"nothing answered at .* within 1.5 s \(no healthy upstream\)"):
            await client.collect(uptake.thumbs_up("answer-1"))

    assert 1 <= len(feedback.requests) < 20


async def test_after_many_failures_in_a_row_calls_are_no_longer_tried_again(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    feedback.failures = [{"code": UNAVAILABLE, "pushback": 1, "details": [because("DATABASE_UNAVAILABLE")]}] * 100

    for _ in range(20):
        with pytest.raises(uptake.UptakeError):
            await client.collect(uptake.thumbs_up("answer-1"))

    # 50 of 100 tokens are spent on failures; from then on each call is made once.
    assert len(feedback.requests) == 5 * 10 + 10


async def test_a_call_that_a_stopping_server_cancels_is_made_again(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    feedback.failures = [{"code": grpc.StatusCode.CANCELLED}]

    await client.collect(uptake.thumbs_up("answer-1"))

    assert len(feedback.requests) == 2
    assert len({request.request_id for request in feedback.requests}) == 1


async def test_a_closed_client_ends_its_calls_be_they_waiting_or_answered_and_makes_no_more(
    target: str, feedback: FakeFeedback
) -> None:
    feedback.hold = asyncio.Event()
    client, alone = uptake.Client(target), uptake.Client(f"127.0.0.1:{free_port()}")
    calls = [asyncio.create_task(each.collect(uptake.thumbs_up("answer-1"))) for each in (client, alone)]
    await eventually(lambda: len(feedback.requests) == 1, "the call")

    await client.close()
    await alone.close()

    calls.append(asyncio.create_task(client.collect(uptake.thumbs_up("answer-1"))))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["CANCELLED: the client is closed"] * 3


async def test_a_client_of_another_loop_is_refused(client: uptake.Client) -> None:
    def use() -> None:
        asyncio.run(client.projects.get())

    with pytest.raises(RuntimeError, match="made in another event loop"):
        await asyncio.to_thread(use)


def test_a_time_to_connect_of_nothing_is_refused() -> None:
    async def make() -> None:
        uptake.Client(connect_timeout_seconds=0)

    with pytest.raises(ValueError, match="connect_timeout_seconds must be above 0"):
        asyncio.run(make())


async def test_a_negative_pushback_stops_retries(client: uptake.Client, feedback: FakeFeedback) -> None:
    feedback.failures = [{"code": UNAVAILABLE, "pushback": -1}]

    with pytest.raises(uptake.UptakeError) as raised:
        await client.collect(uptake.thumbs_up("answer-1"))

    assert raised.value.code is UNAVAILABLE
    assert len(feedback.requests) == 1


async def test_invalid_argument_is_not_retried_and_names_every_wrong_field(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    violations = [("feedback.type", "is required"), ("feedback.comment", "is too long")]
    bad = error_details_pb2.BadRequest()
    for field, description in violations:
        bad.field_violations.add(field=field, description=description)
    feedback.failures = [{"code": grpc.StatusCode.INVALID_ARGUMENT, "details": [because("INVALID_FIELD"), bad]}]

    with pytest.raises(uptake.UptakeError) as raised:
        await client.collect(feedback_pb2.Feedback())

    assert len(feedback.requests) == 1
    assert raised.value.reason == "INVALID_FIELD"
    assert raised.value.field_violations == violations
    assert "feedback.comment: is too long" in str(raised.value)


async def test_a_wrong_field_that_the_message_names_is_not_told_twice() -> None:
    error = uptake.UptakeError(grpc.StatusCode.INVALID_ARGUMENT, "project: must match [a-z]")
    error.field_violations = [("project", "must match [a-z]"), ("page_size", "must be below 1000")]

    assert str(error) == "INVALID_ARGUMENT: project: must match [a-z]\n  page_size: must be below 1000"


async def test_an_overload_that_lasts_says_when_to_come_back(client: uptake.Client, feedback: FakeFeedback) -> None:
    wait = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000))
    overload: Failure = {"code": EXHAUSTED, "details": [because("OVERLOADED", limit="queue"), wait], "pushback": 1}
    feedback.failures = [overload] * 5

    with pytest.raises(uptake.UptakeError) as raised:
        await client.collect(uptake.thumbs_up("answer-1"))

    assert raised.value.retry_after_seconds == 1.5
    assert raised.value.reason == "OVERLOADED"
    assert raised.value.metadata == {"limit": "queue"}
    assert len(feedback.requests) == 5


async def test_details_that_cannot_be_read_leave_code_and_message(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    feedback.failures = [{"code": grpc.StatusCode.NOT_FOUND, "message": "gone", "raw_details": b"\xff"}]

    with pytest.raises(uptake.UptakeError) as raised:
        await client.collect(uptake.thumbs_up("answer-1"))

    assert str(raised.value) == "NOT_FOUND: gone"


async def test_every_call_has_a_deadline_and_can_bring_its_own(client: uptake.Client, feedback: FakeFeedback) -> None:
    await client.collect(uptake.thumbs_up("answer-1"))
    feedback.hold = asyncio.Event()

    with pytest.raises(uptake.UptakeError) as raised:
        await client.collect(uptake.thumbs_up("answer-1"), timeout_seconds=0.05)

    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    # On the wire gRPC rounds a deadline of this length up, by at most a tenth of a second.
    assert 0.05 < feedback.seconds_left[0] <= 20.1


async def test_cancellation_is_passed_on(client: uptake.Client, feedback: FakeFeedback) -> None:
    feedback.hold = asyncio.Event()

    call = asyncio.create_task(client.collect(uptake.thumbs_up("answer-1")))
    await eventually(lambda: feedback.requests, "the call")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await feedback.left.wait()


async def test_a_list_is_read_over_all_pages_or_by_the_page(client: uptake.Client, feedback: FakeFeedback) -> None:
    listing = client.feedback.list(page_size=2)

    assert [found.id async for found in listing] == ["0", "1", "2", "3", "4"]
    page = await listing.page("2")
    assert [found.id for found in page.feedback] == ["2", "3"]
    assert page.next_page_token == "4"


# Builders


def test_builders_make_feedback_whose_value_matches_its_type() -> None:
    noon = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))

    down = uptake.thumbs_down("a", query="how?", labels={"plan": "pro"}, occur_time=noon, custom={"why": [1]})
    rated = uptake.rating("a", 7, min=0, max=10)
    corrected = uptake.correction("a", "30 days", versions={"prompt": "14"})

    assert down.interaction.query == "how?"
    assert down.labels == {"plan": "pro"}
    assert down.occur_time.ToDatetime(tzinfo=datetime.UTC) == noon
    assert isinstance(why := down.custom.struct_value["why"], ListValue)
    assert why[0] == 1
    assert (rated.rating.score, rated.rating.min, rated.rating.max) == (7, 0, 10)
    assert rated.type == feedback_pb2.FEEDBACK_TYPE_RATING
    assert corrected.correction.corrected == "30 days"
    assert corrected.interaction.versions == {"prompt": "14"}
    assert not uptake.rating("a", 3).rating.HasField("min")


circle: list[Any] = []
circle.append(circle)


@pytest.mark.parametrize(
    ("build", "error", "told"),
    [
        (lambda: anything.thumbs_down("a", coment="x"), TypeError, "'coment'; did you mean 'comment'?"),
        (lambda: anything.thumbs_up("a", userId="x"), TypeError, "'userId'; did you mean 'user_id'?"),
        (lambda: anything.rating("a", 1, mix=1), TypeError, "'mix'; did you mean 'min'?"),
        (lambda: anything.rating("a", 1, custom=1), TypeError, "rating() got an unexpected keyword argument 'custom'"),
        (lambda: anything.correction("a", "b", orignal="c"), TypeError, "did you mean 'original'?"),
        (lambda: anything.thumbs_up("a", xyzzy=1), TypeError, "it takes interaction_id, custom, query,"),
        (lambda: anything.thumbs_up(5), TypeError, "interaction_id must be text, not 5 (int)"),
        (lambda: anything.thumbs_up("a", query=b"x"), TypeError, "query must be text, not b'x' (bytes)"),
        (lambda: uptake.thumbs_up("a", comment="\ud800"), ValueError, "comment is no Unicode text"),
        (lambda: anything.thumbs_up("a", labels={"n": 5}), TypeError, 'labels["n"] must be text, not 5 (int)'),
        (lambda: anything.thumbs_up("a", labels={5: "n"}), TypeError, "the keys of labels must be text, not 5 (int)"),
        (lambda: anything.thumbs_up("a", labels=["n"]), TypeError, "labels must be a mapping from text to text"),
        (lambda: anything.thumbs_up("a", versions={"p": None}), TypeError, 'versions["p"] must be text, not None'),
        (lambda: anything.thumbs_up("a", occur_time="yesterday"), TypeError, "occur_time must be a datetime with"),
        (
            lambda: anything.thumbs_up("a", interaction_create_time=datetime.date(2026, 1, 1)),
            TypeError,
            "interaction_create_time must be a datetime with a time zone, not datetime.date(2026, 1, 1) (date)",
        ),
        (lambda: uptake.thumbs_up("a", occur_time=datetime.datetime(2026, 1, 1)), ValueError, "occur_time has no time"),
        (lambda: anything.rating("a", "4"), TypeError, "score must be a number, not '4' (str)"),
        (lambda: uptake.rating("a", True), TypeError, "score must be a number"),
        (lambda: uptake.rating("a", 10**400), ValueError, "score must be a finite number"),
        (lambda: uptake.rating("a", 1, min=math.nan, max=5), ValueError, "min must be a finite number, not nan"),
        (lambda: anything.correction("a", None), TypeError, "corrected must be text, not None"),
        (lambda: anything.correction("a", "b", kind="KNOWLEDGE"), ValueError, "kind must be one of CORRECTION_KIND_"),
        (
            lambda: uptake.thumbs_up("a", custom={"ids": [{"id": 2**53 + 1}]}),
            ValueError,
            'custom["ids"][0]["id"] is 9007199254740993 (int): integers beyond 2**53 do not come back',
        ),
        (lambda: uptake.thumbs_up("a", custom=-(2**53) - 1), ValueError, "custom is -9007199254740993 (int)"),
        (lambda: uptake.thumbs_up("a", custom=[10**5000]), ValueError, "custom[0] is 0x"),
        (lambda: uptake.thumbs_up("a", custom=[math.inf]), ValueError, "custom[0] must be a finite number, not inf"),
        (lambda: uptake.thumbs_up("a", custom=(1, b"x")), TypeError, "custom[1] must be JSON"),
        (lambda: uptake.thumbs_up("a", custom={"s": {1}}), TypeError, 'custom["s"] must be JSON'),
        (lambda: uptake.thumbs_up("a", custom=decimal.Decimal(1)), TypeError, "custom must be JSON"),
        (lambda: uptake.thumbs_up("a", custom={"o": {1: 2}}), TypeError, 'the keys of custom["o"] must be text, not 1'),
        (lambda: uptake.thumbs_up("a", custom=datetime.datetime(2026, 1, 1)), TypeError, "custom must be JSON"),
        (lambda: uptake.thumbs_up("a", custom=["\ud800"]), ValueError, "custom[0] is no Unicode text"),
        (lambda: uptake.thumbs_up("a", custom=circle), ValueError, "nested deeper than the 32 levels"),
    ],
)
def test_what_would_be_lost_or_misread_is_refused_by_name(
    build: Callable[[], object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as raised:
        build()

    assert told in str(raised.value)


def test_what_is_json_comes_back_as_it_was_given() -> None:
    custom = {"most": 2**53, "least": -(2**53), "list": [1, 1.5, True, None, "x", {}, []], "big": 1e300}

    assert MessageToDict(uptake.thumbs_up("a", custom=custom).custom) == custom
    of_a_tuple: Any = MessageToDict(uptake.thumbs_up("a", custom=(1, 2)).custom)
    assert of_a_tuple == [1, 2]
    assert not uptake.thumbs_up("a").HasField("custom")


def test_none_is_as_good_as_not_given() -> None:
    assert uptake.thumbs_up("a", query=None, labels=None, occur_time=None) == uptake.thumbs_up("a")


def test_every_field_of_about_has_a_place_and_is_put_there() -> None:
    noon = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    values: dict[str, Any] = {text: {"k": text} for text in ("versions", "labels")}
    values |= dict.fromkeys(("interaction_create_time", "occur_time"), noon)
    values |= {"history": [{"role": "user", "content": "Hello"}], "contexts": ["a page"]}

    for name in About.__annotations__:
        made = uptake.thumbs_up("a", **{name: values.get(name, name)})
        assert made != uptake.thumbs_up("a"), name


async def test_a_time_in_a_call_is_named_too(client: uptake.Client) -> None:
    with pytest.raises(ValueError, match="start has no time zone"):
        await client.insights.get(start=datetime.datetime(2026, 1, 1))


# Many pieces at once


async def comments(count: int) -> AsyncIterator[feedback_pb2.Feedback]:
    for number in range(count):
        yield uptake.thumbs_down("answer", comment=str(number))


async def test_collect_many_splits_by_size_and_keeps_the_order(client: uptake.Client, feedback: FakeFeedback) -> None:
    feedback.hold = asyncio.Event()  # The first batch is answered only after the second came in.

    results = await results_of(client.collect_many(comments(7), batch_size=3))

    assert [result.feedback.comment for result in results] == [str(n) for n in range(7)]
    assert sorted(len(request.requests) for request in feedback.requests) == [1, 3, 3]
    assert feedback.most_concurrent == 2
    items = [item for request in feedback.requests for item in request.requests]
    assert len({item.request_id for item in items if item.request_id}) == 7


async def test_collect_many_splits_by_bytes(client: uptake.Client, feedback: FakeFeedback) -> None:
    large = [uptake.thumbs_down("answer", comment="x" * (MAX_BATCH_BYTES // 2)) for _ in range(3)]

    results = await results_of(client.collect_many(large))

    assert len(results) == 3
    assert len(feedback.requests) == 3
    assert all(request.ByteSize() <= MAX_BATCH_BYTES + 1024 for request in feedback.requests)


async def test_collect_many_yields_an_items_error_in_its_place(client: uptake.Client, feedback: FakeFeedback) -> None:
    feedback.item_errors = {"1": [item_error(grpc.StatusCode.INVALID_ARGUMENT)]}

    results = await results_of(client.collect_many(comments(3)))

    assert [result.WhichOneof("result") for result in results] == ["feedback", "error", "feedback"]
    error = uptake.UptakeError.from_item(results[1].error)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert error.field_violations == [("feedback.type", "is required")]


async def test_collect_many_sends_only_overloaded_items_again_with_their_ids(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    feedback.item_errors = {"1": [item_error(EXHAUSTED)]}

    results = await results_of(client.collect_many(comments(3)))

    assert [result.feedback.comment for result in results] == ["0", "1", "2"]
    first, second = feedback.requests
    assert [item.request_id for item in second.requests] == [first.requests[1].request_id]


async def test_collect_many_keeps_given_request_ids_and_the_callers_messages(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    given = feedback_pb2.CollectFeedbackRequest(feedback=uptake.thumbs_up("a"), request_id="mine")
    bare = feedback_pb2.CollectFeedbackRequest(feedback=uptake.thumbs_up("b"))

    await results_of(client.collect_many([given, bare]))

    (request,) = feedback.requests
    assert request.requests[0].request_id == "mine"
    assert request.requests[1].request_id
    assert not bare.request_id


async def test_collect_many_raises_when_a_whole_batch_fails(client: uptake.Client, feedback: FakeFeedback) -> None:
    feedback.failures = [{"code": grpc.StatusCode.PERMISSION_DENIED, "details": [because("PERMISSION_DENIED")]}]

    with pytest.raises(uptake.UptakeError) as raised:
        await results_of(client.collect_many(comments(3)))

    assert raised.value.reason == "PERMISSION_DENIED"


async def test_a_broken_feedback_stream_sends_what_was_not_answered_again(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    feedback.cut_streams_after = [(0, UNAVAILABLE), (2, UNAVAILABLE), (1, None), (1, grpc.StatusCode.CANCELLED)]

    answers = await results_of(client.feedback.stream(comments(6)))

    assert sorted(answer.feedback_id for answer in answers) == [f"id-{n}" for n in range(6)]
    assert feedback.stream_connections == 5
    ids_of_comments: dict[str, set[str]] = {}
    for request in feedback.requests:
        ids_of_comments.setdefault(request.feedback.comment, set()).add(request.request_id)
    assert all(len(ids) == 1 for ids in ids_of_comments.values())


async def test_the_source_of_a_stream_is_read_no_further_ahead_than_the_window(client: uptake.Client) -> None:
    read, answered, ahead = 0, 0, 0

    async def source() -> AsyncIterator[feedback_pb2.Feedback]:
        nonlocal read, ahead
        async for item in comments(50):
            read += 1
            ahead = max(ahead, read - answered)
            yield item

    async with aclosing(client.feedback.stream(source())) as stream:
        async for _ in stream:
            answered += 1

    assert answered == 50
    assert ahead <= 3 + 2  # The fake's window, one item in hand, and one whose answer is just being told.


@pytest.mark.parametrize(
    "failure",
    [
        {"code": grpc.StatusCode.PERMISSION_DENIED, "details": [because("PERMISSION_DENIED")]},
        # What gRPC itself says to a message that is too large for the server.
        {"code": EXHAUSTED, "message": "Received message larger than max"},
    ],
)
async def test_a_feedback_stream_that_is_refused_raises(
    client: uptake.Client, feedback: FakeFeedback, failure: Failure
) -> None:
    feedback.stream_failures = [failure] * 10

    with pytest.raises(uptake.UptakeError) as raised:
        await results_of(client.feedback.stream(comments(6)))

    assert raised.value.code is failure["code"]
    assert feedback.stream_connections <= 5  # gRPC may put an error of its own over the status, and it is asked again.


async def test_an_overloaded_feedback_stream_is_opened_again(client: uptake.Client, feedback: FakeFeedback) -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=1_000_000))
    feedback.stream_failures = [{"code": EXHAUSTED, "details": [because("RATE_LIMITED"), retry], "pushback": -1}]

    assert len(await results_of(client.feedback.stream(comments(6)))) == 6
    assert feedback.stream_connections == 2


async def test_an_item_of_a_stream_that_fails_for_a_while_is_sent_again_and_one_that_is_wrong_is_not(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    later = error_pb2.ItemError(code=UNAVAILABLE.value[0], retry_delay=Duration(nanos=1_000_000))
    wrong = error_pb2.ItemError(
        code=grpc.StatusCode.INVALID_ARGUMENT.value[0],
        reason=error_pb2.ERROR_REASON_INVALID_FIELD,
        field_violations=[error_pb2.FieldViolation(field="feedback.type", description="is required")],
        metadata={"violations_left_out": "1"},
    )
    feedback.item_errors = {"1": [later] * 3, "3": [wrong]}
    items = [uptake.thumbs_up("a", comment=str(n)) for n in range(5)]

    answered: list[Any] = await results_of(client.feedback.stream(items))
    results = {result.item.comment: result for result in answered}

    assert sorted(results) == ["0", "1", "2", "3", "4"]
    assert all(results[item.comment].item is item for item in items)
    assert [results[name].feedback_id for name in "01234"] == ["id-0", "id-1", "id-2", "", "id-4"]
    assert [name for name in "01234" if results[name].error] == ["3"]
    assert results["3"].error.field_violations == [("feedback.type", "is required")]
    assert results["3"].error.metadata == {"violations_left_out": "1"}
    assert len([request for request in feedback.requests if request.feedback.comment == "1"]) == 4
    assert len({request.request_id for request in feedback.requests if request.feedback.comment == "1"}) == 1
    assert len(feedback.requests) == 8
    assert feedback.stream_connections == 1


async def test_items_of_a_stream_with_one_request_id_have_a_result_each(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    items = [
        feedback_pb2.CollectFeedbackRequest(feedback=uptake.thumbs_up("a", comment=str(n)), request_id="r" * length)
        for n, length in enumerate([8, 8, 200, 201])
    ]

    results = await results_of(client.feedback.stream(items))

    assert [result.item for result in results] == items
    assert [result.request_id for result in results] == [item.request_id for item in items]
    assert [result.feedback_id for result in results] == ["id-0", "id-1", "id-2", "id-3"]


async def test_an_item_that_no_service_takes_is_an_error_of_the_source(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    items = [uptake.thumbs_up("a", comment="0"), uptake.thumbs_up("a", comment="x" * MAX_BATCH_BYTES)]

    answers = []
    with pytest.raises(ValueError, match="bytes"):
        async for answer in client.feedback.stream(items):
            answers.append(answer.feedback_id)  # noqa: PERF401 - what came before the error counts

    assert answers == ["id-0"]
    assert len(feedback.requests) == 1


async def test_a_feedback_stream_that_is_left_or_cancelled_leaves_no_task(client: uptake.Client) -> None:
    async def follow() -> None:
        await results_of(client.feedback.stream(comments(1_000_000)))

    await client.collect(uptake.thumbs_up("a"))
    before = len(asyncio.all_tasks())

    async with aclosing(client.feedback.stream(comments(1_000_000))) as stream:
        await anext(stream)
    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following

    await eventually(lambda: len(asyncio.all_tasks()) <= before, "an end of the streams' tasks")


async def test_closing_the_client_ends_a_feedback_stream(client: uptake.Client) -> None:
    async with aclosing(client.feedback.stream(comments(1_000_000))) as stream:
        await anext(stream)
        await client.close()

        with pytest.raises(uptake.UptakeError, match="CANCELLED: the client is closed"):
            async for _ in stream:
                pass


async def test_an_error_of_the_source_of_a_stream_is_raised_after_the_answers(
    client: uptake.Client, feedback: FakeFeedback
) -> None:
    async def source() -> AsyncIterator[feedback_pb2.Feedback]:
        yield uptake.thumbs_up("a", comment="0")
        raise LookupError("the queue is gone")

    answers = []
    with pytest.raises(LookupError):
        async with aclosing(client.feedback.stream(source())) as stream:
            async for answer in stream:
                answers.append(answer.feedback_id)  # noqa: PERF401 - what came before the error counts

    assert answers == ["id-0"]


# Subscriptions


async def test_a_subscription_goes_on_with_the_newest_token_and_repeats_nothing(
    client: uptake.Client, insights: FakeInsights
) -> None:
    later = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=1_000_000))
    insights.scripts = [
        (2, "cut", {"code": UNAVAILABLE}),
        (1, "end", {"code": grpc.StatusCode.CANCELLED}),
        (0, "cut", {"code": grpc.StatusCode.CANCELLED}),
        (2, "cut", {"code": EXHAUSTED, "details": [because("SUBSCRIBER_TOO_SLOW")]}),
        (0, "cut", {"code": EXHAUSTED, "details": [because("RATE_LIMITED"), later]}),
        (1, "hold", None),
    ]

    seen: list[int] = []
    async with client.insights.subscribe() as subscription:
        while len(seen) < 6:
            seen.append((await anext(subscription)).event.seq)

    assert seen == [1, 2, 3, 4, 5, 6]
    assert insights.tokens == ["", "2", "3", "3", "5", "5"]
    assert subscription.resume_token == "6"


async def test_closing_the_client_ends_a_subscription(client: uptake.Client, insights: FakeInsights) -> None:
    insights.scripts = [(1, "hold", None)]
    subscription = client.insights.subscribe()
    await anext(subscription)
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)

    await client.close()

    for ended in (waiting, anext(subscription)):
        with pytest.raises(uptake.UptakeError, match="CANCELLED: the client is closed"):
            await ended


async def test_leaving_a_subscription_ends_it_on_the_server(client: uptake.Client, insights: FakeInsights) -> None:
    insights.scripts = [(1, "hold", None)]

    async with client.insights.subscribe() as subscription:
        await anext(subscription)

    await insights.left.wait()
    assert [message async for message in subscription] == []


async def test_a_subscription_survives_a_cancelled_wait(client: uptake.Client, insights: FakeInsights) -> None:
    insights.scripts = [(1, "hold", None), (1, "hold", None)]

    async with client.insights.subscribe() as subscription:
        await anext(subscription)
        waiting = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await anext(subscription)).event.seq == 2

    assert insights.tokens == ["", "1"]


async def test_a_subscription_raises_what_connecting_again_does_not_mend(
    client: uptake.Client, insights: FakeInsights
) -> None:
    insights.scripts = [
        (0, "cut", {"code": grpc.StatusCode.OUT_OF_RANGE, "details": [because("RESUME_TOKEN_EXPIRED")]})
    ]

    with pytest.raises(uptake.UptakeError) as raised:
        await anext(client.insights.subscribe(resume_token="7"))

    assert raised.value.reason == "RESUME_TOKEN_EXPIRED"
    assert insights.tokens == ["7"]


# Claims


async def test_a_claim_is_renewed_while_held_and_given_back_at_the_end(
    client: uptake.Client, reviews: FakeReviews
) -> None:
    async with await client.reviews.claim("r", "ann", lease_seconds=1.5) as claim, reviews.renewed:
        await reviews.renewed.wait_for(lambda: reviews.renewals >= 2)

    assert claim.token == "token"
    assert claim.review.id == "r"
    assert reviews.calls == ["claim", "release"]


async def test_a_resolved_claim_is_not_given_back(client: uptake.Client, reviews: FakeReviews) -> None:
    async with await client.reviews.claim("r", "ann") as claim:
        response = await claim.resolve("fixed")

    assert response.review.state == claim.review.state == review_pb2.REVIEW_STATE_RESOLVED
    assert reviews.calls == ["claim", "resolve"]


async def test_a_claim_is_given_back_when_the_block_fails(client: uptake.Client, reviews: FakeReviews) -> None:
    with pytest.raises(LookupError):
        async with await client.reviews.claim("r", "ann"):
            raise LookupError

    assert reviews.calls == ["claim", "release"]


async def test_a_lost_claim_is_refused_on_the_next_use_without_a_call(
    client: uptake.Client, reviews: FakeReviews
) -> None:
    reviews.renewal_failures = [{"code": grpc.StatusCode.FAILED_PRECONDITION, "details": [because("CLAIM_LOST")]}]

    async with await client.reviews.claim("r", "ann", lease_seconds=0.15) as claim:
        await claim.lost.wait()
        with pytest.raises(uptake.UptakeError) as raised:
            await claim.resolve("fixed")

    assert raised.value.reason == "CLAIM_LOST"
    assert reviews.calls == ["claim"]


async def test_a_renewal_that_fails_for_a_while_keeps_the_claim(client: uptake.Client, reviews: FakeReviews) -> None:
    reviews.renewal_failures = [{"code": UNAVAILABLE, "pushback": -1}] * 2

    async with await client.reviews.claim("r", "ann", lease_seconds=6.0) as claim:
        async with reviews.renewed:
            await reviews.renewed.wait_for(lambda: reviews.renewals == 1)
        await claim.resolve("fixed")

    assert reviews.calls == ["claim", "resolve"]


async def test_a_claim_whose_renewals_fail_past_its_lease_is_lost(client: uptake.Client, reviews: FakeReviews) -> None:
    reviews.renewal_failures = [{"code": UNAVAILABLE, "pushback": -1}] * 1000

    async with await client.reviews.claim("r", "ann", lease_seconds=0.15) as claim:
        await claim.lost.wait()
        with pytest.raises(uptake.UptakeError, match="CLAIM_LOST"):
            await claim.dismiss()

    assert reviews.calls == ["claim"]


async def test_a_held_token_finishes_a_review_in_another_process(client: uptake.Client, reviews: FakeReviews) -> None:
    await client.reviews.held("r", "token").resolve("fixed")

    assert reviews.calls == ["resolve"]
