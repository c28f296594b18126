"""Odd times and numbers: each is answered, or refused with the field that is wrong; none is a fault of the service."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from uptake import Client, UptakeError, rating, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, feedback_pb2, project_pb2, review_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import Service
from tests.contract import METHODS
from tests.corrections import instructions, knowledge

NOW = datetime.now(UTC).replace(microsecond=0)
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second that a timestamp may have."""


def at(seconds: int, nanos: int = 0) -> Timestamp:
    return Timestamp(seconds=seconds, nanos=nanos)


_NOW = int(NOW.timestamp())
TIMES: dict[str, Timestamp | None] = {
    "unset": None,
    "epoch": at(0),
    "before the epoch": at(-1, 999_999_999),
    "year 1": at(FIRST),
    "year 1, a nanosecond on": at(FIRST, 1),
    "year 1, third day": at(FIRST + 2 * 86_400),
    "1582": at(-12_219_292_800),
    "1999": at(946_684_799, 999_999_999),
    "2000": at(946_684_800),
    "an hour ago": at(_NOW - 3600),
    "now": at(_NOW),
    "now, 999 nanoseconds on": at(_NOW, 999),
    "2038": at(2**31),
    "2262": at(9_223_372_037),
    "year 9999": at(LAST - 86_400),
    "the last second": at(LAST),
    "the last nanosecond": at(LAST, 999_999_999),
}
NO_TIMES: dict[str, Timestamp] = {
    "before year 1": at(FIRST - 1),
    "year 10000": at(LAST + 1),
    "largest": at(2**63 - 1),
    "smallest": at(-(2**63)),
    "negative nanos": at(_NOW, -1),
    "a second of nanos": at(_NOW, 1_000_000_000),
}
DURATIONS: dict[str, Duration] = {
    "zero": Duration(),
    "a nanosecond": Duration(nanos=1),
    "negative": Duration(seconds=-5),
    "of two signs": Duration(seconds=5, nanos=-1),
    "seconds of nanos": Duration(nanos=2_000_000_000),
    "ten thousand years": Duration(seconds=315_576_000_000),
    "largest": Duration(seconds=2**63 - 1, nanos=999_999_999),
    "smallest": Duration(seconds=-(2**63)),
}
DOUBLES = (math.nan, math.inf, -math.inf, 5e-324, -0.0, 1.7976931348623157e308, -1e308, 2.0**53, 0.1 + 0.2)
INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), -1, 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), -1, 2**53 + 1, 2**63 - 1),
}


def leaves(message: Descriptor, path: tuple[FieldDescriptor, ...] = ()) -> Iterator[tuple[FieldDescriptor, ...]]:
    """The paths of all times, durations and numbers in a message, but those that callers cannot send."""
    for field in message.fields:
        if field.message_type is None:
            if field.type == FieldDescriptor.TYPE_DOUBLE or field.type in INTEGERS:
                yield (*path, field)
        elif field.message_type.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
            yield (*path, field)
        elif field.message_type.full_name.startswith("uptake.") and not field.is_repeated:
            yield from leaves(field.message_type, (*path, field))


def values_of(field: FieldDescriptor) -> dict[str, object]:
    if field.message_type is None:
        values = DOUBLES if field.type == FieldDescriptor.TYPE_DOUBLE else INTEGERS[field.type]
        return {repr(value): value for value in values}
    if field.message_type.name == "Duration":
        return dict(DURATIONS)
    return {name: time for name, time in {**TIMES, **NO_TIMES}.items() if time is not None}


def put(message: Message, path: tuple[FieldDescriptor, ...], value: object) -> None:
    *parents, last = path
    for parent in parents:
        message = getattr(message, parent.name)
    if isinstance(value, Message):
        getattr(message, last.name).CopyFrom(value)
    else:
        setattr(message, last.name, value)


class Caller:
    """Calls any method by its name, with requests that are right but for what is put into them."""

    def __init__(self, channel: grpc.aio.Channel, base: dict[str, Message]) -> None:
        self._channel = channel
        self._base = base

    def request(self, method: MethodDescriptor) -> Message:
        request = GetMessageClass(method.input_type)()
        if method.name in self._base:
            request.CopyFrom(self._base[method.name])
        return request

    async def call(self, method: MethodDescriptor, request: Message) -> UptakeError | Message:
        """The answer, the first of a stream's; or the error."""
        make: Callable[..., Any] = {
            (False, False): self._channel.unary_unary,
            (False, True): self._channel.unary_stream,
            (True, True): self._channel.stream_stream,
        }[method.client_streaming, method.server_streaming]
        callable = make(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            if not method.server_streaming:
                answered: Message = await callable(request, timeout=30)
                return answered
            calling = callable(iter([request]) if method.client_streaming else request, timeout=30)
            try:
                answer: Message
                async for answer in calling:
                    # A stream of feedback begins with its window.
                    if not getattr(answer, "window", None):
                        return answer
                raise AssertionError(f"{method.name} ended without an answer")
            finally:
                calling.cancel()
        except grpc.aio.AioRpcError as error:
            return UptakeError.from_rpc(error)


def is_fault(answer: UptakeError | Message) -> bool:
    return isinstance(answer, UptakeError) and answer.code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


async def caller_of(service: Service, channel: grpc.aio.Channel) -> Caller:
    """A project with feedback, a claimed review, corrections and issues, and a right request for each method."""
    client = service.client
    for number in range(4):
        bad = thumbs_down(f"i{number}", query="Where is it?", comment="not there", user_id=f"u{number}")
        await client.collect(bad)
    rated = await client.collect(rating("rated", 3, query="Where is it?"))
    (review,) = [review async for review in client.reviews.list()]
    claimed = await client.reviews.claim(review.id, "ann", lease_seconds=3600, auto_renew=False)
    await client.corrections.apply([knowledge("where", "There."), instructions("assistant", "Be kind.")], "ann")
    await client.insights.get(refresh_issues=True)
    everything = feedback_pb2.Feedback(interaction=feedback_pb2.Interaction(id="odd"), user_id="odd")
    everything.type = feedback_pb2.FEEDBACK_TYPE_RATING
    everything.rating.score = 3
    settings: Any = project_pb2.ProjectSettings.DESCRIPTOR
    every_setting = [f"{group.name}.{field.name}" for group in settings.fields for field in group.message_type.fields]
    base: dict[str, Message] = {
        "CollectFeedback": feedback_pb2.CollectFeedbackRequest(feedback=everything),
        "StreamFeedback": feedback_pb2.StreamFeedbackRequest(feedback=everything, request_id="odd"),
        "ListSimilarFeedback": feedback_pb2.ListSimilarFeedbackRequest(query="Where is it?"),
        "AmendFeedback": feedback_pb2.AmendFeedbackRequest(
            id=rated.id, feedback=everything, update_mask={"paths": ["rating"]}
        ),
        "ClaimReview": review_pb2.ClaimReviewRequest(id=review.id, reviewer="bob"),
        "RenewClaim": review_pb2.RenewClaimRequest(id=review.id, claim_token=claimed.token),
        "ResolveReview": review_pb2.ResolveReviewRequest(
            id=review.id, claim_token=claimed.token, corrections=[knowledge("where", "Here.")]
        ),
        "SearchKnowledge": correction_pb2.SearchKnowledgeRequest(query="where"),
        "GetInstructions": correction_pb2.GetInstructionsRequest(name="assistant"),
        "ListInstructionRevisions": correction_pb2.ListInstructionRevisionsRequest(name="assistant"),
        "UpdateProject": project_pb2.UpdateProjectRequest(update_mask={"paths": every_setting}),
    }
    return Caller(channel, base)


async def test_no_odd_time_or_number_is_a_fault_of_the_service(service: Service) -> None:
    wrong: list[str] = []
    tried = 0
    async with grpc.aio.insecure_channel(service.address) as channel:
        caller = await caller_of(service, channel)
        for method in METHODS:
            for path in leaves(method.input_type):
                for name, value in values_of(path[-1]).items():
                    request = caller.request(method)
                    put(request, path, value)
                    answer = await caller.call(method, request)
                    tried += 1
                    if is_fault(answer):
                        wrong.append(f"{method.name} {'.'.join(field.name for field in path)}: {name}")
    assert wrong == []
    assert tried > 500
    # What was taken in can be read, and counts as it should.
    assert await service.client.insights.get()
    assert len([feedback async for feedback in service.client.feedback.list()]) == 6
    assert await check(service.mongo, Clock()) == []


async def test_every_window_is_answered_or_refused_with_its_field(service: Service) -> None:
    wrong: list[str] = []
    refused: dict[str, set[str]] = {}
    async with grpc.aio.insecure_channel(service.address) as channel:
        caller = await caller_of(service, channel)

        async def ask(method: MethodDescriptor, path: tuple[FieldDescriptor, ...], start: str, end: str) -> None:
            request = caller.request(method)
            parent = request if not path else getattr(request, path[0].name)
            for field, name in (("start_time", start), ("end_time", end)):
                time = {**TIMES, **NO_TIMES}[name]
                if time is not None:
                    getattr(parent, field).CopyFrom(time)
            answer = await caller.call(method, request)
            told = f"{method.name} from {start} to {end}"
            if not isinstance(answer, UptakeError):
                if start in NO_TIMES or end in NO_TIMES:
                    wrong.append(f"{told}: answered")
                return
            fields = {field.rpartition(".")[2] for field, _ in answer.field_violations}
            if answer.code is not grpc.StatusCode.INVALID_ARGUMENT or not fields & {
                "start_time",
                "end_time",
                "interval",
            }:
                wrong.append(f"{told}: {answer}")
            refused.setdefault(method.name, set()).add(f"{start} to {end}")

        for method in METHODS:
            for path in leaves(method.input_type):
                if path[-1].name == "start_time":
                    times = [(start, end) for start in TIMES for end in TIMES]
                    times += [(start, end) for start in NO_TIMES for end in ("unset", "now")]
                    times += [(start, end) for start in ("unset", "now") for end in NO_TIMES]
                    for start, end in times:
                        await ask(method, path[:-1], start, end)
    assert wrong == []
    assert set(refused) == {
        "ListFeedback",
        "ListSimilarFeedback",
        "GetInsights",
        "ListIssues",
        "QueryMetrics",
        "ListAuditEvents",
    }
    for name in ("ListFeedback", "ListSimilarFeedback", "ListAuditEvents"):
        # Of two times that are some, only the wrong order is refused.
        assert not {"year 1 to the last second", "unset to year 1", "year 9999 to unset", "now to now"} & refused[name]
        assert "now to year 1" in refused[name]


async def test_windows_of_lists_hold_what_lies_in_them(client: Client) -> None:
    times = {name: NOW - timedelta(hours=hours) for name, hours in (("old", 3), ("middle", 2), ("new", 1))}
    for name, time in times.items():
        await client.collect(thumbs_up(name, query="q", occur_time=time))

    async def found(start: datetime | None, end: datetime | None, similar: bool) -> list[str]:
        filter = feedback_pb2.FeedbackFilter(start_time=start, end_time=end)
        if similar:
            each = [item.feedback for item in await client.feedback.similar(query="q", filter=filter)]
        else:
            each = [item async for item in client.feedback.list(filter=filter, page_size=1)]
        return sorted(item.interaction.id for item in each)

    year_1, year_9999 = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    for similar in (False, True):
        assert await found(year_1, year_9999, similar) == ["middle", "new", "old"]
        assert await found(times["middle"], None, similar) == ["middle", "new"]
        assert await found(None, times["middle"], similar) == ["old"]
        assert await found(times["middle"], times["new"], similar) == ["middle"]
        assert await found(times["middle"], times["middle"], similar) == []
        assert await found(year_9999, None, similar) == []
        assert await found(None, year_1, similar) == []


async def test_windows_of_years_without_feedback_are_zeros(client: Client) -> None:
    await client.collect(thumbs_up("i", query="q"))
    for start in (datetime(1, 1, 1, tzinfo=UTC), datetime(1582, 10, 4, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)):
        insights = await client.insights.get(start=start, end=start + timedelta(days=2))
        assert (insights.metrics.total_feedback, len(insights.time_series)) == (0, 2)
        assert await client.issues.list(start=start, end=start + timedelta(days=2)).page() is not None


async def test_the_ends_of_a_scale_count_as_its_ends(client: Client) -> None:
    best = await client.collect(rating("best", 0.1 + 0.2, min=0, max=0.3))
    worst = await client.collect(rating("worst", -0.30000001192092896, min=-0.3, max=0.3))
    assert (best.sentiment, best.rating.score) == (feedback_pb2.SENTIMENT_POSITIVE, 0.3)
    assert (worst.sentiment, worst.rating.score) == (feedback_pb2.SENTIMENT_NEGATIVE, -0.3)
    assert (await client.insights.get()).metrics.average_rating == 0.5
    # Sent again, and amended, it is the same.
    assert (await client.feedback.amend(best.id, best, ["rating"])).rating == best.rating


async def test_a_large_integer_as_text_is_kept(client: Client) -> None:
    sent = await client.collect(thumbs_up("i", custom={"message_id": "9007199254740993"}))
    assert json_format.MessageToDict((await client.feedback.get(sent.id)).custom) == {"message_id": "9007199254740993"}


async def test_a_rating_without_its_score_is_no_zero(client: Client) -> None:
    forgotten = rating("forgotten", 1, min=0, max=10)
    forgotten.rating.ClearField("score")
    with pytest.raises(UptakeError) as caught:
        await client.collect(forgotten)
    assert [field for field, _ in caught.value.field_violations] == ["feedback.rating.score"]
    zero = await client.collect(rating("zero", 0, min=0, max=10))
    assert zero.rating.HasField("score")
    assert zero.sentiment == feedback_pb2.SENTIMENT_NEGATIVE
