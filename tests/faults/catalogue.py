"""The faults: each does its harm to a stage once, and gives proof that it happened."""

import asyncio
import contextlib
import itertools
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psutil
from google.protobuf import duration_pb2
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import project_pb2
from uptake.v1.correction_pb2 import CorrectionDraft, KnowledgeChange
from uptake.v1.feedback_pb2 import BatchCollectFeedbackResult, CollectFeedbackRequest
from uptake_service.app.server import App
from uptake_service.config import load_settings
from uptake_service.domain.clock import Clock

from tests.benchmarks.redaction_attacks import ATTACKS
from tests.faults import greed
from tests.faults.callers import Callers
from tests.faults.reading import crowd_interaction, forge_tokens, read_much, read_what_is_not_there
from tests.faults.stage import Alone, Proxy, Replica, Stage, alone, stage
from tests.faults.steady import Steady, python_calls, typescript_calls
from tests.processes import PATIENCE_SECONDS, any_moment, clustering_workers, eventually, get, let_pass, listens, runs

_ABSENCE_SECONDS = 4.0
_RESTART_PAUSE_SECONDS = 0.5
"""A restart takes so long that at full speed twenty of them would be recounted for minutes."""

_FEEDBACK = "/uptake.v1.FeedbackService"
_ALONE = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
_LARGEST_BYTES = 16 * 1024 * 1024 - 1024
_MOST_MIB = 600


_LONGEST_TEXT, _LONGEST_COMMENT = 50_000, 10_000
_SLOW = ("'1234号码01-011'", "'0### ########\\n', drawn", "words, at, joined", "'הסיסמה:='")


Harm = Callable[[Any, Callers], Awaitable[str]]


@dataclass(frozen=True)
class Fault:
    """A fault, and the stage that it is tried on. `slow` ones are tried fewer times.

    Those `apart` are tried by `make faults` alone: tests of the service show the same without callers beside it.
    """

    name: str
    harm: Harm
    slow: bool = False
    apart: bool = False
    stage: Callable[[Path], AbstractAsyncContextManager[Stage]] = stage


async def kill_both(stage: Stage, callers: Callers) -> str:
    return ", ".join([await _kill(replica) for replica in stage.replicas])


async def kill_one(stage: Stage, callers: Callers) -> str:
    return await _kill(random.choice(stage.replicas))


async def kill_database(stage: Stage, callers: Callers) -> str:
    process = psutil.Process(stage.database.pid)
    process.kill()
    await eventually(lambda: not runs(process.pid) and stage.database.pid != process.pid, "another database")
    return f"pid {process.pid} gone"


async def freeze_database(stage: Stage, callers: Callers) -> str:
    process = psutil.Process(stage.database.pid)
    process.suspend()
    try:
        await eventually(lambda: process.status() == psutil.STATUS_STOPPED, "a database that stands still")
        before = sum(process.cpu_times()[:2])
        failures = await _time_is_over(callers)
        assert process.status() == psutil.STATUS_STOPPED
        assert sum(process.cpu_times()[:2]) - before < 0.1
    finally:
        process.resume()
    return f"pid {process.pid} stopped, {failures}"


async def cut_database(stage: Stage, callers: Callers) -> str:
    return _cut(stage.behind)


async def cut_callers(stage: Stage, callers: Callers) -> str:
    return _cut(random.choice(stage.fronts))


async def half_open_database(stage: Stage, callers: Callers) -> str:
    before = stage.behind.cut
    async with stage.behind.half_open():
        failures = await _time_is_over(callers)
    assert stage.behind.cut > before
    return f"{stage.behind.cut - before} connections silent, {failures}"


async def delay_database(stage: Stage, callers: Callers) -> str:
    stage.behind.delay_seconds = 0.2
    began = asyncio.get_running_loop().time()
    async with stage.mongo() as straight:
        await straight.ping()

    def ended() -> int:
        return len(callers.acknowledged) + sum(callers.codes.values())

    enough = ended() + 3 * callers.count
    await eventually(lambda: ended() >= enough, "calls that end, well or not")
    stage.behind.delay_seconds = 0.0
    return f"200 ms each way for {asyncio.get_running_loop().time() - began:.0f} s"


async def lose_answers(stage: Stage, callers: Callers) -> str:
    front = random.choice(stage.fronts)
    before = front.cut
    async with front.losing_answers():
        lost = front.lost
        await eventually(lambda: front.lost >= lost + 5, "answers that are lost")
    assert front.cut > before
    return f"answers of {front.cut - before} ends lost"


async def fill_disk(stage: Alone, callers: Callers) -> str:
    """The disk is full for some time, under load, and then is not; nothing else is done about it."""
    service, child = stage.service.process, stage.database.pid
    async with stage.disk.kept_full():
        # What is written goes into files that are there already, until they are full.
        pouring = asyncio.create_task(_pour(stage, callers))
        await eventually(lambda: not runs(child), "the end of a database that panicked", 2 * PATIENCE_SECONDS)
        pouring.cancel()
        failures = await _time_is_over(callers)
        pages = [(await get(stage.service.metrics_port, path))[0] for path in ("/healthz", "/readyz")]
        assert pages == [503, 503], pages
        assert stage.database.pid == child
    await eventually(lambda: stage.database.pid != child, "another database")
    await _healthy(stage)
    assert stage.service.process is service
    assert "No space left on device" in stage.service.log()
    return f"pid {child} panicked, its disk full for some time more, {failures}"


async def kill_own_database(stage: Alone, callers: Callers) -> str:
    service, child = stage.service.process, stage.database.pid
    psutil.Process(child).kill()
    await eventually(lambda: stage.database.pid != child, "another database")
    await _healthy(stage)
    assert stage.service.process is service
    return f"pid {child} gone"


async def _healthy(stage: Alone) -> None:
    async def is_healthy() -> bool:
        return [(await get(stage.service.metrics_port, path))[0] for path in ("/healthz", "/readyz")] == [200, 200]

    await eventually(is_healthy, "health and readiness")


async def _pour(stage: Alone, callers: Callers) -> None:
    """Sends feedback that takes much room, and notes what of it is acknowledged."""
    async with Client(stage.addresses[0], timeout_seconds=PATIENCE_SECONDS) as client:
        for number in itertools.count():
            name = f"much-{random.getrandbits(64):x}"
            items = [
                CollectFeedbackRequest(
                    feedback=thumbs_down(f"{name}-{each}", query="Why is it full?", comment=_much(number)),
                    request_id=f"{name}-{each}",
                )
                for each in range(50)
            ]
            with contextlib.suppress(UptakeError):
                results = client.collect_many(items)
                async for item, result in _paired(items, results):
                    if not result.HasField("error"):
                        callers.acknowledged[item.request_id] = result.feedback.id


async def _paired(
    items: list[CollectFeedbackRequest], results: AsyncIterator[BatchCollectFeedbackResult]
) -> AsyncIterator[tuple[CollectFeedbackRequest, BatchCollectFeedbackResult]]:
    number = 0
    async for result in results:
        yield items[number], result
        number += 1


def _much(number: int) -> str:
    """A comment of 8 kB that cannot be packed much smaller."""
    return " ".join(f"{random.getrandbits(40):x}" for _ in range(740)) + f" {number}"


async def kill_clustering(stage: Stage, callers: Callers) -> str:
    replica = random.choice(stage.replicas)
    async with Client(f"localhost:{replica.port}", timeout_seconds=PATIENCE_SECONDS) as client:
        refreshing = asyncio.create_task(client.insights.get(refresh_issues=True))
        found: list[psutil.Process] = []

        def look() -> bool:
            found.extend(clustering_workers(replica.process.pid))
            return bool(found) or refreshing.done()

        await eventually(look, "a worker")
        assert found, "the run ended unseen"
        with contextlib.suppress(psutil.NoSuchProcess):
            found[0].kill()
        with contextlib.suppress(UptakeError):
            await refreshing
    return f"worker {found[0].pid} gone"


class _Ahead(Clock):
    def __init__(self, hours: int) -> None:
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._ahead


async def jump_clock(stage: Stage, callers: Callers) -> str:
    """A third replica whose clock is wrong by an hour, one way and the other, works beside those two."""
    taken = 0
    for hours in (1, -1):
        settings = load_settings(port=0, mongodb_uri=stage.database.uri, pattern_refresh_seconds=0.2)
        app = App(settings, _Ahead(hours))
        await app.start()
        try:
            async with Client(f"localhost:{app.port}", timeout_seconds=PATIENCE_SECONDS) as client:
                for number in range(15):
                    id = f"clock-{random.getrandbits(64):x}-{number}"
                    feedback = await client.collect(thumbs_down(id, query="How late is it?"), request_id=id)
                    callers.acknowledged[id] = feedback.id
                    taken += 1
        finally:
            await app.stop()
    return f"{taken} taken in an hour off"


async def cancel_calls(stage: Stage, callers: Callers) -> str:
    before, callers.cancelling = callers.cancelled, True
    await eventually(lambda: callers.cancelled >= before + 100, "a hundred cancelled calls")
    callers.cancelling = False
    return f"{callers.cancelled - before} calls cancelled"


async def buy_votes(stage: Stage, callers: Callers) -> str:
    """One user votes on many answers, at both replicas: for a question that is bad, and against one that is not."""
    name = f"bought-{random.getrandbits(32):x}"
    bad, good = f"Why is the {name} lamp red?", f"Where do I buy {name} paint?"
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(address, project=name, timeout_seconds=PATIENCE_SECONDS))
            for address in stage.addresses
        ]

        async def vote(client: Client, made: Callable[..., Any], query: str, users: list[str]) -> None:
            votes = [made(f"{name}-{random.getrandbits(64):x}", query=query, user_id=user) for user in users]
            results = [result async for result in client.collect_many(votes, batch_size=50)]
            callers.failed += [str(result.error) for result in results if not result.HasField("feedback")]

        for made, query, count in ((thumbs_up, bad, 6), (thumbs_down, bad, 2), (thumbs_up, good, 9)):
            await vote(clients[0], made, query, [f"{made.__name__}-{number}" for number in range(count)])
        await asyncio.gather(
            *(
                vote(client, made, query, ["mallory"] * 100)
                for client in clients
                for made, query in ((thumbs_up, bad), (thumbs_down, good))
            )
        )
        await vote(clients[1], thumbs_down, bad, [f"last-{number}" for number in range(4)])

        async def opened() -> list[str]:
            return [review.pattern.representative_query async for review in clients[0].reviews.list()]

        await eventually(opened, "a review of the bad question")
        found = await opened()
    callers.failed += [f"a review of {query!r} was bought" for query in found if query != bad]
    return "200 votes for the bad question and 200 against the good one"


async def flood_messages(stage: Stage, callers: Callers) -> str:
    """One caller sends messages as large as any, all at once, and begins some that do not come."""
    replica = random.choice(stage.replicas)
    content: Any = random.randbytes(_LARGEST_BYTES)
    async with _heights(replica) as height:
        channels = [grpc.aio.insecure_channel(f"localhost:{replica.port}", options=_ALONE) for _ in range(20)]
        held: list[grpc.aio.Call] = [
            channels[0].stream_unary(f"{_FEEDBACK}/CollectFeedback")(_never()) for _ in range(200)
        ]
        calls: list[grpc.aio.Call] = [
            channel.unary_unary(f"{_FEEDBACK}/BatchCollectFeedback")(content) for channel in channels
        ]
        codes = Counter([(await call.code()).name for call in calls])
        for call in held:
            call.cancel()
        for channel in channels:
            await channel.close()
    assert set(codes) <= {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}, codes
    assert max(height) < _MOST_MIB, height
    return f"{dict(codes)}, {max(height)} MiB at most"


async def reset_streams(stage: Stage, callers: Callers) -> str:
    """One caller opens calls and leaves them, again and again, of methods that there are and of one that is not."""
    replica = random.choice(stage.replicas)
    before, opened = len(callers.acknowledged), 0
    async with (
        _heights(replica) as height,
        grpc.aio.insecure_channel(f"localhost:{replica.port}", options=_ALONE) as channel,
    ):
        while opened < 3000 or len(callers.acknowledged) < before + 20:
            for method in ("CollectFeedback", "ListFeedback", "NoSuchMethod"):
                calls: list[grpc.aio.Call] = [
                    channel.stream_unary(f"{_FEEDBACK}/{method}")(_never()) for _ in range(10)
                ]
                await any_moment(0.02)
                for call in calls:
                    call.cancel()
                opened += len(calls)
    assert max(height) < _MOST_MIB, height
    return f"{opened} opened and left, {max(height)} MiB at most"


# Of messages that gRPC is given as they are its types say Never.
async def _never() -> AsyncIterator[Any]:
    await asyncio.get_running_loop().create_future()
    yield b""


@contextlib.asynccontextmanager
async def _heights(replica: Replica) -> AsyncIterator[list[int]]:
    """What memory a replica has meanwhile, in MiB, again and again."""
    process, heights = psutil.Process(replica.process.pid), list[int]()

    async def look() -> None:
        while True:
            heights.append(process.memory_info().rss >> 20)
            await let_pass(0.02, "the pace of looking at memory")

    looking = asyncio.create_task(look())
    try:
        yield heights
        heights.append(process.memory_info().rss >> 20)
    finally:
        looking.cancel()


async def restart_under_python(stage: Stage, callers: Callers) -> str:
    return await _restart(stage, callers, python_calls)


async def restart_under_typescript(stage: Stage, callers: Callers) -> str:
    return await _restart(stage, callers, typescript_calls)


async def set_clock_back(stage: Stage, callers: Callers) -> str:
    """The database's clock was two hours ahead, and is right again; who held leases and slots is gone."""
    killed = await kill_both(stage, callers)
    ahead = timedelta(hours=2)
    async with stage.mongo() as mongo:
        leases = mongo.collection("leases")
        for collection in (leases, mongo.collection("writers")):
            for document in await collection.find({}):
                ends = {"$set": {"expire_time": document["expire_time"] + ahead}}
                await collection.update({"_id": document["_id"], "expire_time": document["expire_time"]}, ends)

        async def is_renewed() -> bool:
            (lease,) = await leases.find_with_now({"_id": "sweep"})
            return bool(lease["now"] < lease["expire_time"] < lease["now"] + ahead / 2)

        await eventually(is_renewed, "a sweep by somebody else")
    return f"leases two hours ahead, {killed}"


async def spoil_row(stage: Stage, callers: Callers) -> str:
    """A row that nobody can read is in the way of an erasure; another project's goes on, and this one once it can."""
    name = f"spoilt-{random.getrandbits(64):x}"
    items = [thumbs_down(f"{name}-{number}", query="What is this?", user_id="u") for number in range(5)]
    async with stage.mongo() as mongo, contextlib.AsyncExitStack() as cleanup:
        rows, erasures = mongo.collection("feedback"), mongo.collection("erasures")
        of_two = [
            await cleanup.enter_async_context(
                Client(stage.addresses[0], project=project, timeout_seconds=PATIENCE_SECONDS)
            )
            for project in (name, f"{name}-other")
        ]
        for client in of_two:
            stored = [result async for result in client.collect_many(items)]
            if client is of_two[0]:
                spoilt = await rows.get({"_id": stored[2].feedback.id}) or {}
        await rows.update({"_id": spoilt["_id"]}, {"$set": {"interaction": 7}})
        erasing = asyncio.create_task(of_two[0].feedback.erase_user("u"))
        assert await of_two[1].feedback.erase_user("u") == len(items)

        async def is_left_alone() -> bool:
            return await rows.count({"project": name}) == 1

        await eventually(is_left_alone, "the end of all other rows")
        assert await erasures.count({"project": name, "done": True}) == 0
        await rows.update({"_id": spoilt["_id"]}, {"$set": {"interaction": spoilt["interaction"]}})
        assert await erasing == len(items)
    return f"row {spoilt['_id']} spoilt and mended, {len(items)} erased here and there"


async def say_again(stage: Stage, callers: Callers) -> str:
    """One user says one vote again and again, each time by a call of its own, and is erased."""
    name, times = f"again-{random.getrandbits(64):x}", 600
    async with (
        stage.mongo() as mongo,
        Client(stage.addresses[0], project=name, timeout_seconds=PATIENCE_SECONDS) as client,
    ):
        items = [
            CollectFeedbackRequest(
                feedback=thumbs_down(name, query="Again?", comment=f"for the time {number}", user_id="u"),
                request_id=f"{name}-{number}",
            )
            for number in range(times)
        ]
        ids = {result.feedback.id async for result in client.collect_many(items)}
        assert len(ids) == 1
        (stored,) = await mongo.collection("feedback").find({"project": name})
        assert len(stored["requests"]) == 1
        assert await client.feedback.erase_user("u") == 1
        left = await mongo.collection("requests").count({"resource": stored["_id"]})
    assert left == 0
    return f"{times} calls on one vote, erased"


async def change_old_votes(stage: Stage, callers: Callers) -> str:
    """Users change votes that are past their project's retention while that deletes them: each new one stays."""
    project, count = f"aged-{random.getrandbits(32):x}", 100
    before = datetime.now(UTC) - timedelta(days=3)
    retention = project_pb2.Retention(feedback_age=duration_pb2.Duration(seconds=86_400))
    async with Client(stage.addresses[0], project=project, timeout_seconds=PATIENCE_SECONDS) as client:
        for number in range(count):
            old = thumbs_down(f"old-{number}", query=f"question {number % 5}", user_id=f"u{number}", occur_time=before)
            await client.collect(old)
        await client.projects.update(project_pb2.ProjectSettings(retention=retention), ["retention"])
        fresh: dict[str, str] = {}
        for number in range(0, count, 2):
            vote = thumbs_up(f"old-{number}", query=f"question {number % 5}", user_id=f"u{number}")
            fresh[(await client.collect(vote)).id] = vote.interaction.id

        async def old_ones_are_gone() -> bool:
            return len([each async for each in client.feedback.list(page_size=1000)]) <= len(fresh)

        await eventually(old_ones_are_gone, "the end of what is past its retention")
        left = {each.id: each.interaction.id async for each in client.feedback.list(page_size=1000)}
        assert left == fresh, f"{len(fresh.keys() - left.keys())} acknowledged votes are gone"
    return f"{len(fresh)} of {count} votes changed, each there"


async def kill_during_erasure(stage: Stage, callers: Callers) -> str:
    """A replica dies while a user is erased; the erasure ends all the same, and nothing that the user said is left."""
    project, word = f"erased-{random.getrandbits(32):x}", f"zqx{random.getrandbits(40):x}marker"
    async with Client(stage.addresses[0], project=project, timeout_seconds=PATIENCE_SECONDS) as client:
        for number in range(40):
            said = thumbs_down(f"{word}-{number}", query=f"Why is {word} dead?", comment=f"the {word} link is dead")
            said.user_id, said.interaction.model, said.source = word, word, word
            await client.collect(said, request_id=f"{word}-{number}")
        await client.corrections.apply(
            [CorrectionDraft(knowledge=KnowledgeChange(key="links", content=f"A user says: {word.upper()}!"))], "ann"
        )
        await client.insights.get(refresh_issues=True)
        erasing = asyncio.create_task(client.feedback.erase_user(word, request_id="erase"))
        await any_moment(1.0)
        proof = await kill_one(stage, callers)
        with contextlib.suppress(UptakeError):
            await erasing
    async with stage.mongo() as mongo:

        async def is_found_nowhere() -> bool:
            return not [
                found
                for name in await mongo.database.list_collection_names()
                async for found in mongo.database[name].find({})
                if word in repr(found).lower()
            ]

        # What the killed process left in the journal is folded once its slot is free, or found to be nobody's.
        await eventually(is_found_nowhere, "the end of the user's words", 3 * PATIENCE_SECONDS)
    return f"{proof}, nothing of the user is left"


async def send_slow_texts(stage: Stage, callers: Callers) -> str:
    """Texts made to take long when they are redacted, as large as may be, and several at once."""
    async with Client(stage.addresses[0], timeout_seconds=PATIENCE_SECONDS) as client:
        texts = [ATTACKS[name](_LONGEST_TEXT) for name in _SLOW]

        async def send(text: str) -> None:
            id = f"slow-{random.getrandbits(64):x}"
            feedback = thumbs_down(id, query="How do I change my plan?", response=text, comment=text[:_LONGEST_COMMENT])
            made = await client.collect(feedback, request_id=id)
            callers.acknowledged[id] = made.id

        await asyncio.gather(*map(send, texts))
    return f"{len(texts)} texts of {_LONGEST_TEXT:,} characters"


CATALOGUE = (
    Fault("both replicas killed -9", kill_both),
    Fault("one of two replicas killed -9", kill_one),
    Fault("restarted, gone for 4 s, Python calls", restart_under_python),
    Fault("restarted, gone for 4 s, TypeScript", restart_under_typescript),
    Fault("database killed -9", kill_database),
    Fault("database frozen", freeze_database, slow=True),
    Fault("connections to the database cut", cut_database),
    Fault("connections to the database half-open", half_open_database, slow=True),
    Fault("connections to the database slow", delay_database, slow=True),
    Fault("connections of callers cut", cut_callers),
    Fault("answers lost, calls repeated", lose_answers),
    Fault("disk of the embedded database full", fill_disk, stage=alone),
    Fault("embedded database killed -9", kill_own_database, stage=alone),
    Fault("clustering worker killed -9", kill_clustering),
    Fault("clock an hour off", jump_clock, slow=True),
    Fault("database's clock set back two hours", set_clock_back, apart=True),
    Fault("a row that nobody can read", spoil_row, apart=True),
    Fault("one vote said 600 times, and erased", say_again, apart=True),
    Fault("half of the calls cancelled", cancel_calls, slow=True),
    Fault("one user buys votes on both replicas", buy_votes, slow=True, apart=True),
    Fault("old votes changed under retention", change_old_votes, slow=True, apart=True),
    Fault("a replica killed -9 in an erasure", kill_during_erasure, slow=True, apart=True),
    Fault("a thousand large ones read at once", read_much, slow=True, apart=True),
    Fault("what is not there looked for", read_what_is_not_there, slow=True, apart=True),
    Fault("tokens forged", forge_tokens, slow=True, apart=True),
    Fault("one interaction crowded with votes", crowd_interaction, slow=True, apart=True),
    Fault("largest messages, many at once", flood_messages, slow=True, apart=True),
    Fault("calls opened and left, thousands", reset_streams, slow=True, apart=True),
    Fault("subscribers that read nothing", greed.read_nothing, slow=True, apart=True),
    Fault("costly reads without end", greed.read_at_any_cost, slow=True, apart=True),
    Fault("refreshes that nobody waits for", greed.refresh_and_leave, slow=True, apart=True),
    Fault("new projects without end", greed.bring_new_projects, slow=True, apart=True),
    Fault("texts made to take long", send_slow_texts, apart=True),
)


async def _time_is_over(callers: Callers) -> str:
    """Waits until calls have failed, about twice as many as there are callers: all time-outs on the way were met."""
    failed = sum(callers.codes.values())
    enough = failed + 2 * callers.count
    await eventually(lambda: sum(callers.codes.values()) >= enough, "calls that fail")
    return f"{sum(callers.codes.values()) - failed} calls failed"


async def _kill(replica: Replica) -> str:
    process = replica.process
    process.send_signal(signal.SIGKILL)
    await eventually(lambda: not runs(process.pid), "its end")
    return f"pid {process.pid} gone"


async def _restart(
    stage: Stage, callers: Callers, calling: Callable[[str], AbstractAsyncContextManager[Steady]]
) -> str:
    """Ends a replica by SIGTERM under calls of a client, and starts it again when it was gone for four seconds."""
    replica = random.choice(stage.replicas)
    before = replica.process
    callers.pause_seconds = _RESTART_PAUSE_SECONDS
    async with calling(f"localhost:{replica.port}") as steady:
        replica.absence_seconds, callers.service_stopping = _ABSENCE_SECONDS, True
        try:
            before.terminate()
            await eventually(lambda: replica.process is not before, "another process")
        finally:
            replica.absence_seconds, callers.service_stopping = 0.0, False
        await eventually(lambda: listens(replica.port), "its port")
    assert before.returncode == 0
    assert steady.calls > _ABSENCE_SECONDS / 0.1
    callers.acknowledged |= steady.acknowledged
    callers.failed += steady.failed
    return f"{len(steady.failed)} of {steady.calls} failed, {steady.slowest_seconds:.1f} s at most"


def _cut(proxy: Proxy) -> str:
    before = proxy.cut
    proxy.cut_all()
    assert proxy.cut > before
    return f"{proxy.cut - before} ends cut"
