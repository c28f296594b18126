"""StreamFeedback: each message is answered after its commit, a window holds a firehose back, no end loses anything."""

import asyncio
import gc
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import grpc
import pytest
from uptake import Client, StreamResult, UptakeError, rating, thumbs_down, thumbs_up
from uptake.v1 import error_pb2
from uptake.v1 import feedback_pb2 as pb
from uptake_service.api.feedback import FeedbackServicer
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ingest import preprocessor, streaming
from uptake_service.ingest.intake import Intake

from tests.conftest import Service, StartService
from tests.processes import PATIENCE_SECONDS, eventually, free_port, in_time
from tests.stubs import FeedbackServiceStub

QUERIES = ("How do I reset my password?", "What are your opening hours?", "Where is my parcel?")


def message(number: int, **changes: Any) -> pb.StreamFeedbackRequest:
    feedback = (thumbs_down if number % 3 == 0 else thumbs_up)(f"answer-{number}", query=QUERIES[number % 3])
    return pb.StreamFeedbackRequest(**{"feedback": feedback, "request_id": f"request-{number}", **changes})


class Stream:
    """A caller that knows nothing of windows."""

    def __init__(self, stub: FeedbackServiceStub, **options: Any) -> None:
        self._call: Any = stub.StreamFeedback(**options)
        self.window = 0

    async def send(self, *messages: pb.StreamFeedbackRequest) -> None:
        for each in messages:
            await self._call.write(each)

    async def half_close(self) -> None:
        await self._call.done_writing()

    async def read(self) -> pb.StreamFeedbackResponse | None:
        """The next response after the first, which is the window; None at the end."""
        async with in_time("an answer of the stream"):
            if not self.window:
                first = await self._call.read()
                assert first == pb.StreamFeedbackResponse(window=first.window)
                self.window = first.window
            response = await self._call.read()
        return None if response is grpc.aio.EOF else response

    async def answers(self, count: int) -> list[pb.StreamFeedbackResponse]:
        found = [await self.read() for _ in range(count)]
        assert all(found), "the stream ended early"
        return [each for each in found if each is not None]

    async def rest(self) -> list[pb.StreamFeedbackResponse]:
        """Everything that still comes."""
        found = []
        while (each := await self.read()) is not None:
            found.append(each)
        return found

    async def error(self) -> UptakeError:
        """How the stream ended, where that is not with OK."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.rest()
        return UptakeError.from_rpc(caught.value)

    async def code(self) -> grpc.StatusCode:
        code: grpc.StatusCode = await self._call.code()
        return code

    def cancel(self) -> None:
        self._call.cancel()


@pytest.fixture
async def stub(service: Service) -> AsyncIterator[FeedbackServiceStub]:
    async with grpc.aio.insecure_channel(service.address) as channel:
        yield FeedbackServiceStub(channel)


@pytest.fixture
async def small(start_service: StartService) -> Service:
    """A service with a window of 20, four pieces a transaction, and room for ten calls.

    When it stops, whoever does not end by itself holds it up for longer than a test waits.
    """
    return await start_service(stream_window=20, batch_size=4, queue_size=10, drain_seconds=2 * PATIENCE_SECONDS)


@pytest.fixture
async def small_stub(small: Service) -> AsyncIterator[FeedbackServiceStub]:
    async with grpc.aio.insecure_channel(small.address) as channel:
        yield FeedbackServiceStub(channel)


class Held:
    """A database that does not get on: nothing commits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._let_go = asyncio.Event()
        process = Intake._process

        async def wait_and_process(intake: Intake, batch: list[Any]) -> int:
            await self._let_go.wait()
            return await process(intake, batch)

        monkeypatch.setattr(Intake, "_process", wait_and_process)

    def let_go(self) -> None:
        self._let_go.set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


@pytest.fixture
def read_by_server(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the service read each request id."""
    counted: Counter[str] = Counter()
    read = FeedbackServicer._read

    def count_and_read(servicer: FeedbackServicer, checks: Any, item: Any, project: str) -> Any:
        counted[item.request_id] += 1
        return read(servicer, checks, item, project)

    monkeypatch.setattr(FeedbackServicer, "_read", count_and_read)
    return counted


def kept_in_memory() -> int:
    """How many streams and pieces of feedback the service holds."""
    gc.collect()
    kinds = (streaming._Stream, streaming.Received, streaming.Reply, preprocessor.Item)
    return sum(type(each) in kinds for each in gc.get_objects())


async def total(client: Client) -> int:
    return (await client.insights.get()).metrics.total_feedback


def ids_of(answers: Iterable[pb.StreamFeedbackResponse]) -> dict[str, str]:
    return {each.request_id: each.feedback_id for each in answers}


async def test_thousands_of_messages_are_answered_each_and_stored_once(
    service: Service, stub: FeedbackServiceStub
) -> None:
    stream = Stream(stub)
    messages = [message(number) for number in range(2500)]

    sending = asyncio.create_task(stream.send(*messages))
    answers = await stream.answers(len(messages))
    await sending
    await stream.half_close()

    assert await stream.rest() == []
    assert await stream.code() is grpc.StatusCode.OK
    assert stream.window == 2048
    ids = ids_of(answers)
    assert set(ids) == {each.request_id for each in messages}
    assert len(set(ids.values())) == len(messages)
    stored = {each.id: each async for each in service.client.feedback.list(page_size=1000)}
    assert set(stored) == set(ids.values())
    for each in messages:
        assert stored[ids[each.request_id]].interaction == each.feedback.interaction
    assert await total(service.client) == len(messages)
    assert await check(service.mongo, Clock()) == []


async def test_what_is_answered_is_committed(service: Service, stub: FeedbackServiceStub) -> None:
    stream = Stream(stub)
    for number in range(5):
        await stream.send(message(number))
        (answer,) = await stream.answers(1)
        assert (await service.client.feedback.get(answer.feedback_id)).interaction.id == f"answer-{number}"
        assert await total(service.client) == number + 1
    stream.cancel()


async def test_equal_ids_in_one_stream_and_in_other_calls_are_stored_once(
    service: Service, stub: FeedbackServiceStub
) -> None:
    stream = Stream(stub)
    other = message(0, feedback=thumbs_up("another", query="q"))

    await stream.send(message(0), other, message(0), message(0))
    answers = await stream.answers(4)
    again = await service.client.collect(message(0).feedback, request_id="request-0")
    await stream.send(message(0))
    answers += await stream.answers(1)

    assert {each.request_id for each in answers} == {"request-0"}
    assert [each.feedback_id for each in answers if each.feedback_id] == [again.id] * 4
    (reused,) = (each.error for each in answers if each.HasField("error"))
    assert reused.reason == error_pb2.ERROR_REASON_REQUEST_ID_REUSED
    assert not reused.HasField("retry_delay")
    assert await total(service.client) == 1
    stream.cancel()


async def test_equal_ids_in_two_streams_to_two_replicas_at_once_are_stored_once(start_service: StartService) -> None:
    replicas = [await start_service(), await start_service()]
    items = [pb.CollectFeedbackRequest(feedback=m.feedback, request_id=m.request_id) for m in map(message, range(300))]

    async def stored(client: Client) -> dict[str, str]:
        return {each.request_id: each.feedback_id async for each in client.feedback.stream(items)}

    first, second = await asyncio.gather(*(stored(replica.client) for replica in replicas))

    assert first == second
    assert len(set(first.values())) == len(items)
    assert all(first.values())
    assert await total(replicas[0].client) == len(items)
    assert await check(replicas[0].mongo, Clock()) == []


async def test_garbage_among_good_messages_is_answered_and_ends_nothing(service: Service) -> None:
    def cut(data: bytes) -> bytes:
        return data[:-1]

    def wrong_text(data: bytes) -> bytes:
        return data.replace(b"answer", b"\xff\xfe\xfd\xfc\xfb\xfa")

    garbage: list[tuple[bytes, str, set[str]]] = [
        (message(0, request_id="").SerializeToString(), "", {"request_id"}),
        (b"", "", {"request_id", "feedback"}),
        (message(0, request_id="r" * 200).SerializeToString(), "r" * 128, {"request_id"}),
        (message(1, feedback=rating("i", 9)).SerializeToString(), "request-1", {"feedback.rating.score"}),
        (message(2, feedback=thumbs_up("", query="q" * 10_001)).SerializeToString(), "request-2", {
            "feedback.interaction.id", "feedback.interaction.query",
        }),
        (message(3, project="other").SerializeToString(), "request-3", {"project"}),
        (message(4, project="No Project").SerializeToString(), "request-4", {"project"}),
        (cut(message(5).SerializeToString()), "", set()),
        (wrong_text(message(6).SerializeToString()), "", set()),
        (os.urandom(1000) + b"\xff" * 16, "", set()),
    ]  # fmt: skip
    async with grpc.aio.insecure_channel(service.address) as channel:
        call: Any = channel.stream_stream(
            "/uptake.v1.FeedbackService/StreamFeedback", response_deserializer=pb.StreamFeedbackResponse.FromString
        )()
        assert (await call.read()).window
        for number, (data, request_id, fields) in enumerate(garbage):
            await call.write(data)
            answer = await call.read()
            assert answer.request_id == request_id
            assert answer.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
            assert answer.error.reason == error_pb2.ERROR_REASON_INVALID_FIELD
            assert answer.error.message
            assert {each.field for each in answer.error.field_violations} == fields
            assert not answer.error.HasField("retry_delay")
            await call.write(message(100 + number).SerializeToString())
            answer = await call.read()
            assert (answer.request_id, answer.HasField("error")) == (f"request-{100 + number}", False)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
    assert await total(service.client) == len(garbage)
    assert await check(service.mongo, Clock()) == []


async def test_a_stream_has_one_project(service: Service, stub: FeedbackServiceStub) -> None:
    stream = Stream(stub)

    await stream.send(
        message(0, project="No Project"), message(1, project="shop"), message(2), message(3, project="default")
    )
    answers = {each.request_id: each for each in await stream.answers(4)}
    stream.cancel()

    refused = [id for id, each in answers.items() if each.HasField("error")]
    assert sorted(refused) == ["request-0", "request-3"]
    assert await total(service.client) == 0
    async with Client(service.address, project="shop") as shop:
        assert await total(shop) == 2


async def test_a_message_larger_than_any_ends_the_stream_and_stores_what_was_before(
    service: Service, stub: FeedbackServiceStub
) -> None:
    stream = Stream(stub)
    await stream.send(message(0))
    await stream.answers(1)

    await stream.send(message(1, request_id="r" * (16 * 1024 * 1024)))

    error = await stream.error()
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "")
    assert await total(service.client) == 1


async def test_no_more_than_the_window_is_read_however_much_is_sent(
    small: Service, small_stub: FeedbackServiceStub, held: Held, read_by_server: Counter[str]
) -> None:
    stream = Stream(small_stub)
    messages = [message(number) for number in range(500)]

    sending = asyncio.create_task(stream.send(*messages))
    # A transaction of one, held; room for two transactions of four; and one more that waits for room.
    await eventually(lambda: len(read_by_server) >= 10, "as much read as there is room for")
    await total(small.client)
    assert len(read_by_server) == 10

    held.let_go()
    answers = await stream.answers(len(messages))
    await sending
    stream.cancel()
    assert len(set(ids_of(answers).values())) == len(messages)
    assert await total(small.client) == len(messages)


async def test_no_more_than_the_window_waits_for_answers(
    start_service: StartService, held: Held, read_by_server: Counter[str]
) -> None:
    service = await start_service(stream_window=20)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stream = Stream(FeedbackServiceStub(channel))
        messages = [message(number) for number in range(500)]

        sending = asyncio.create_task(stream.send(*messages))
        await eventually(lambda: len(read_by_server) >= 20, "a window full of messages")
        await total(service.client)
        assert len(read_by_server) == 20

        held.let_go()
        answers = await stream.answers(len(messages))
        assert stream.window == 20
        await sending
        stream.cancel()
    assert len(set(ids_of(answers).values())) == len(messages)


async def test_a_caller_that_does_not_read_its_answers_is_not_read_either(
    small: Service, small_stub: FeedbackServiceStub, read_by_server: Counter[str]
) -> None:
    stream = Stream(small_stub)
    # Answered with 64 wrong fields each, some 10 kB.
    labels = {f"{number:063}": "v" * 257 for number in range(64)}
    wrong = [message(number, feedback=thumbs_up("i", labels=labels)) for number in range(5000)]

    sending = asyncio.create_task(stream.send(*wrong))
    await eventually(lambda: len(read_by_server) >= 20, "a window full of messages")
    before = -1
    while before < len(read_by_server):
        before = len(read_by_server)
        for _ in range(10):
            await total(small.client)
    assert 20 <= before < len(wrong)
    assert not sending.done()

    answers = await stream.answers(len(wrong))
    await sending
    stream.cancel()
    assert set(ids_of(answers)) == {each.request_id for each in wrong}


async def test_half_close_brings_every_answer_then_ok(
    small: Service, small_stub: FeedbackServiceStub, held: Held, read_by_server: Counter[str]
) -> None:
    stream = Stream(small_stub)
    await stream.send(*(message(number) for number in range(9)))
    await stream.half_close()
    await eventually(lambda: len(read_by_server) == 9, "everything read")

    held.let_go()

    assert sorted(ids_of(await stream.rest())) == [f"request-{number}" for number in range(9)]
    assert await stream.code() is grpc.StatusCode.OK
    assert await total(small.client) == 9


async def test_half_close_at_once_is_ok(service: Service, stub: FeedbackServiceStub) -> None:
    stream = Stream(stub)
    await stream.half_close()
    assert await stream.rest() == []
    assert await stream.code() is grpc.StatusCode.OK


async def nothing_left(service: Service, tasks: int) -> None:
    # By number: gRPC waits for the next call in a task of its own, a new one after every call.
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "an end of the streams' tasks")
    await eventually(lambda: kept_in_memory() == 0, "an end of what the streams held")
    stored = [each.interaction.id async for each in service.client.feedback.list(page_size=1000)]
    assert len(set(stored)) == len(stored) == await total(service.client)
    assert await check(service.mongo, Clock()) == []


async def test_cancelled_streams_leave_nothing_behind(
    service: Service, stub: FeedbackServiceStub, read_by_server: Counter[str]
) -> None:
    await total(service.client)
    tasks = len(asyncio.all_tasks())
    streams = [Stream(stub) for _ in range(5)]
    messages = [message(number) for number in range(500)]
    for place, stream in enumerate(streams):
        await stream.send(*messages[place * 100 : place * 100 + 100])
    await eventually(lambda: len(read_by_server) > 250, "some of it read")

    for stream in streams:
        stream.cancel()

    await nothing_left(service, tasks)
    # Sent again it is all there, once.
    again = (pb.CollectFeedbackRequest(feedback=each.feedback, request_id=each.request_id) for each in messages)
    ids = {each.feedback_id async for each in service.client.feedback.stream(again)}
    assert len(ids) == await total(service.client) == len(messages)


async def test_streams_cancelled_at_any_moment_leave_nothing_behind(
    service: Service, stub: FeedbackServiceStub, caplog: pytest.LogCaptureFixture
) -> None:
    await total(service.client)
    tasks = len(asyncio.all_tasks())
    for place in range(30):
        stream = Stream(stub)
        sending = asyncio.create_task(stream.send(*(message(place * 30 + number) for number in range(30))))
        await stream.answers(place)

        stream.cancel()
        await asyncio.wait([sending])
        sending.exception()

    await nothing_left(service, tasks)
    assert await total(service.client) >= sum(range(30))
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_cancelled_while_nothing_gets_on_nothing_is_written(
    small: Service, small_stub: FeedbackServiceStub, held: Held, read_by_server: Counter[str]
) -> None:
    await total(small.client)
    tasks = len(asyncio.all_tasks())
    stream = Stream(small_stub)
    sending = asyncio.create_task(stream.send(*(message(number) for number in range(200))))
    await eventually(lambda: len(read_by_server) == 10, "the room used up")

    stream.cancel()
    await asyncio.wait([sending])
    sending.exception()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "an end of the stream's tasks")
    held.let_go()

    # What was taken for the transaction that was held is committed, what waited is not.
    await nothing_left(small, tasks)
    assert await total(small.client) == 1
    # The places in the queue are free again.
    stream = Stream(small_stub)
    await stream.send(*(message(number) for number in range(20)))
    assert len(await stream.answers(20)) == 20
    stream.cancel()


async def test_a_stream_past_its_deadline_ends_and_leaves_nothing_behind(
    small: Service, small_stub: FeedbackServiceStub, held: Held, read_by_server: Counter[str]
) -> None:
    await total(small.client)
    tasks = len(asyncio.all_tasks())
    stream = Stream(small_stub, timeout=1.0)
    # How much of it comes in before that is the machine's affair.
    sending = asyncio.create_task(stream.send(*(message(number) for number in range(9))))

    assert (await stream.error()).code is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait([sending])
    sending.exception()

    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "an end of the stream's tasks")
    held.let_go()
    await nothing_left(small, tasks)
    assert await total(small.client) <= 1


_VANISHING = """
import asyncio, sys
from uptake import Client, thumbs_up

async def main():
    async with Client(sys.argv[1]) as client:
        items = (thumbs_up(f"i{number}", query="q") for number in range(1_000_000))
        async for _ in client.feedback.stream(items):
            print("answered", flush=True)

asyncio.run(main())
"""


async def test_a_client_that_vanishes_leaves_nothing_behind(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    await total(service.client)
    tasks = len(asyncio.all_tasks())
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _VANISHING, service.address, stdout=PIPE)
    assert process.stdout is not None
    async with in_time("fifty answers"):
        for _ in range(50):
            assert await process.stdout.readline()

    process.send_signal(signal.SIGKILL)
    await process.wait()

    del process
    await nothing_left(service, tasks)
    assert await total(service.client) >= 50
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_service_that_stops_answers_what_it_took_and_sends_the_stream_elsewhere(
    start_service: StartService,
    small: Service,
    small_stub: FeedbackServiceStub,
    held: Held,
    read_by_server: Counter[str],
) -> None:
    stream, idle = Stream(small_stub), Stream(small_stub)
    messages = [message(number) for number in range(9)]
    await stream.send(*messages)
    await eventually(lambda: len(read_by_server) == 9, "everything read")

    stopping = asyncio.create_task(small.app.stop())
    (last,) = await idle.answers(1)
    held.let_go()
    answers = await stream.answers(len(messages) + 1)
    errors = [await each.error() for each in (stream, idle)]
    async with in_time("the end of the service"):
        await stopping

    assert all(each.HasField("end") and each.end.message for each in (last, answers[-1]))
    for error in errors:
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        assert error.retry_after_seconds is not None
    assert set(ids_of(answers[:-1])) == {each.request_id for each in messages}
    other = await start_service()
    assert await total(other.client) == len(messages)
    assert await check(other.mongo, Clock()) == []


async def test_the_clients_stream_goes_on_over_a_restart(start_service: StartService) -> None:
    service = await start_service(port=free_port())
    results: list[StreamResult] = []
    async with Client(service.address) as client:
        async for result in client.feedback.stream(message(number).feedback for number in range(1000)):
            results.append(result)
            if len(results) == 100:
                await service.app.stop()
                again = await start_service(port=service.app.port)

    assert [each.error for each in results if each.error] == []
    assert len({each.feedback_id for each in results}) == len({each.request_id for each in results}) == 1000
    assert await total(again.client) == 1000
    assert await check(again.mongo, Clock()) == []


async def test_the_clients_stream_goes_on_after_a_server_that_did_not_wait_for_it(
    start_service: StartService, held: Held
) -> None:
    service = await start_service(port=free_port(), drain_seconds=0)
    async with Client(service.address) as client:
        results = client.feedback.stream(message(n).feedback for n in range(50))
        first = asyncio.ensure_future(anext(results))
        await total(service.client)
        stopping = asyncio.create_task(service.app.stop())
        held.let_go()
        await stopping
        await start_service(port=service.app.port)
        ids = {(await first).feedback_id} | {each.feedback_id async for each in results}
    assert len(ids) == 50


async def test_streams_fill_no_place_of_calls_and_take_turns(
    small: Service, small_stub: FeedbackServiceStub, held: Held, read_by_server: Counter[str]
) -> None:
    greedy, modest = Stream(small_stub), Stream(small_stub)
    sending = asyncio.create_task(greedy.send(*(message(number) for number in range(200))))
    await eventually(lambda: len(read_by_server) == 10, "the streams' room used up")
    await modest.send(*(message(number) for number in range(1000, 1005)))
    await eventually(lambda: len(read_by_server) == 11, "one more waiting for room")

    calls = [asyncio.create_task(small.client.collect(thumbs_up(f"call-{n}"), timeout_seconds=60)) for n in range(10)]
    await total(small.client)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await small_stub.CollectFeedback(pb.CollectFeedbackRequest(feedback=thumbs_up("one too many")))
    assert UptakeError.from_rpc(refused.value).reason == "OVERLOADED"

    held.let_go()
    await asyncio.gather(*calls)
    assert len(await modest.answers(5)) == 5
    assert len(read_by_server) < 205
    assert len(await greedy.answers(200)) == 200
    await sending
    assert await total(small.client) == 215
    for stream in (greedy, modest):
        stream.cancel()


async def test_without_the_database_messages_fail_for_a_while_and_the_stream_goes_on(
    service: Service, stub: FeedbackServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(stub)
    with monkeypatch.context() as outage:
        outage.setattr(FeedbackStore, "write", _raising(DatabaseUnavailable))
        await stream.send(message(0))
        (answer,) = await stream.answers(1)
    assert answer.error.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert answer.error.reason == error_pb2.ERROR_REASON_DATABASE_UNAVAILABLE
    assert answer.error.retry_delay.ToMilliseconds() == 1000

    await stream.send(message(0))
    (answer,) = await stream.answers(1)
    assert answer.feedback_id
    stream.cancel()
    assert await total(service.client) == 1


async def test_the_clients_stream_sends_again_what_the_database_had_no_time_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter(range(2))
    write = FeedbackStore.write

    async def write_at_last(*arguments: Any) -> None:
        if next(failures, None) is not None:
            raise DatabaseUnavailable
        await write(*arguments)

    monkeypatch.setattr(FeedbackStore, "write", write_at_last)

    results = [each async for each in service.client.feedback.stream(message(n).feedback for n in range(200))]

    assert next(failures, None) is None
    assert all(each.feedback_id for each in results)
    assert len(results) == await total(service.client) == 200


async def test_a_fault_inside_ends_the_stream_and_stays_inside(
    service: Service, stub: FeedbackServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FeedbackStore, "write", _raising(lambda: RuntimeError("secret")))
    stream = Stream(stub)
    await stream.send(message(0))

    error = await stream.error()

    assert (error.code, error.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in str(error)
    assert await total(service.client) == 0


def _raising(error: Callable[[], Exception]) -> Callable[..., Any]:
    async def fail(*arguments: Any) -> None:
        raise error()

    return fail
