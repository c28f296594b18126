"""How much feedback is taken in, beside a bare gRPC echo of the same messages and the driver's own inserts.

Load generator, service, echo and embedded database share the machine. The baselines run right before and after each
measurement, on the same database with the same write concern. `echo`, `insert_one` and `insert_many` in the table are
the feedback taken in, divided by what the baseline did in the same time; `indexed` is insert_many into a collection
with the indexes that feedback has, and `writes` are transactions of the driver, one after the other, with the writes of
as large a batch: no service could take in more one batch after the other. Processor times are for each piece. `limit`
is what could be taken in a second if none of the machine's cores ever waited, all else equal, and `bare` the same for
what a piece costs the echo and the writes, and those who call them: with a call for each piece and batches of this
size no service on this gRPC and this database could take in more.
"""

import asyncio
import itertools
import math
import os
import statistics
import sys
import tempfile
import time
import uuid
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import WriteConcern
from uptake import Client
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc

from tests.benchmarks import traffic
from tests.benchmarks.load import Load, ProcessorTime, T, closed_loop, on_event_loop
from tests.echo import EchoServicer
from tests.processes import ServiceProcess, serving

IN_FLIGHT = (1, 16, 64, 256)
SECONDS = 4.0
ROUNDS, FULL_ROUNDS = 1, 3

_BATCH_SECONDS = 12.0
"""A batch of 1,000 may take seconds, and only whole ones count."""

_MOST_A_SECOND = 4_000
"""More feedback than is sent in one."""

_IN_A_COMMIT = 512
"""The most that the service commits at once."""

_JOURNAL_BYTES, _PIECE_BYTES, _PATTERN_BYTES = 500, 250, 1_200
"""How long the journal's entry for a batch is: by itself, for each piece of feedback, for each of their patterns."""

_ALONE = "CollectFeedback, 1 in flight"
_BATCH = "/uptake.v1.FeedbackService/BatchCollectFeedback"


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table; needs no data. In `full` it is of the medians of several rounds."""
    return on_event_loop(_run(FULL_ROUNDS if full else ROUNDS))


async def _run(rounds: int) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}

    def keep(name: str, row: dict[str, float]) -> None:
        results[name] = row
        _print(name, row)

    print(_HEAD)
    with tempfile.TemporaryDirectory(prefix="uptake-bench-") as folder:
        async with serving(Path(folder) / "data") as service, echo_server() as echo:
            bench = _Bench(service, echo, rounds)
            await bench.warm_up()
            for in_flight in IN_FLIGHT:
                keep(f"CollectFeedback, {in_flight} in flight", await bench.single(in_flight))
            for size in (100, 1000):
                keep(f"BatchCollectFeedback of {size:,}", await bench.batches(size))
            keep("StreamFeedback", await bench.stream())
            await bench.close()
    return results


@dataclass(frozen=True)
class Echo:
    """A process that answers CollectFeedback with the feedback sent, and does nothing else."""

    address: str
    pid: int


@dataclass(frozen=True)
class _Cost:
    """What came of a load, and the processor milliseconds of each process for each of its pieces."""

    load: Load
    used: dict[str, float]


_Baselines = dict[str, Callable[[], Awaitable[_Cost]]]


class _Bench:
    def __init__(self, service: ServiceProcess, echo: Echo, rounds: int) -> None:
        self._service = service
        self._echo = echo
        self._rounds = rounds
        self._channel = grpc.aio.insecure_channel(service.address)
        self._echo_channel = grpc.aio.insecure_channel(echo.address)
        self._motor: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(service.database_uri)
        self._traffic = traffic.requests(1)
        self._stored: list[dict[str, Any]] = []

    async def close(self) -> None:
        await self._channel.close()
        await self._echo_channel.close()
        self._motor.close()

    async def warm_up(self) -> None:
        call: Callable[[Any], Awaitable[object]] = self._channel.unary_unary(traffic.COLLECT)
        await closed_loop(call, self._messages(1), 64, SECONDS)
        self._stored = await self._motor["uptake"]["feedback"].find(limit=1000).to_list(None)

    async def single(self, in_flight: int) -> dict[str, float]:
        """CollectFeedback beside the echo and insert_one."""

        async def echo() -> _Cost:
            messages = itertools.cycle(self._messages(1))
            call: Callable[[Any], Awaitable[object]] = self._echo_channel.unary_unary(traffic.COLLECT)
            return await self._cost(closed_loop(call, messages, in_flight, SECONDS))

        async def insert() -> _Cost:
            plain = await self._plain()
            return await self._cost(closed_loop(plain.insert_one, self._copies(), in_flight, SECONDS))

        # While one batch commits, those that the batch before answered gather for the next.
        baselines = {"of_echo": echo, "of_insert_one": insert, "of_writes": self._writing(max(in_flight // 2, 1))}
        return await self._beside(traffic.COLLECT, 1, in_flight, baselines)

    async def batches(self, size: int) -> dict[str, float]:
        """BatchCollectFeedback, two in flight, beside insert_many of 1,000."""
        return await self._beside(_BATCH, size, 2, self._insert_baselines(size), _BATCH_SECONDS)

    async def stream(self) -> dict[str, float]:
        """One stream, never waiting for an answer, beside insert_many of 1,000."""

        async def measure(_: object) -> Load:
            end = time.perf_counter() + SECONDS

            async def source() -> AsyncIterator[pb.CollectFeedbackRequest]:
                while time.perf_counter() < end:
                    yield next(self._traffic)

            started, answered = time.perf_counter(), 0
            async with Client(self._service.address) as client:
                async for result in client.feedback.stream(source()):
                    assert result.error is None, result.error
                    answered += 1
            return Load(answered, answered / (time.perf_counter() - started), math.nan, math.nan)

        return await self._medians(lambda: None, measure, self._insert_baselines(_IN_A_COMMIT))

    def _insert_baselines(self, size: int) -> _Baselines:
        return {
            "of_insert_many": self._insert_many,
            "of_indexed": self._insert_indexed,
            "of_writes": self._writing(min(size, _IN_A_COMMIT)),
        }

    def _writing(self, size: int) -> Callable[[], Awaitable[_Cost]]:
        """What a batch of so many writes, written by the driver in a transaction, one after the other."""

        async def measure() -> _Cost:
            plain, copies = await self._plain(indexed=True), self._copies()
            database = plain.database

            async def write(documents: list[dict[str, Any]]) -> None:
                patterns = len({document["pattern_id"] for document in documents})
                entry = bytes(_JOURNAL_BYTES + _PIECE_BYTES * size + _PATTERN_BYTES * patterns)
                records = [{"_id": document["_id"], "digest": bytes(32)} for document in documents]
                async with (
                    await self._motor.start_session() as session,
                    session.start_transaction(write_concern=plain.write_concern),
                ):
                    await database["slots"].update_one({"_id": 0}, {"$inc": {"n": 1}}, upsert=True, session=session)
                    await plain.insert_many(documents, session=session)
                    await database["requests"].insert_many(records, session=session)
                    await database["journal"].insert_one({"_id": documents[0]["_id"], "n": entry}, session=session)

            batches = (list(itertools.islice(copies, size)) for _ in itertools.count())
            # The first makes the collections, and waits until those of the last baseline are dropped.
            await write(next(batches))
            return await self._cost(closed_loop(write, batches, 1, SECONDS, size=size))

        return measure

    async def _insert_indexed(self) -> _Cost:
        return await self._insert_many(indexed=True)

    async def _insert_many(self, *, indexed: bool = False) -> _Cost:
        plain, copies = await self._plain(indexed=indexed), self._copies()
        batches = (list(itertools.islice(copies, 1000)) for _ in itertools.count())
        return await self._cost(closed_loop(plain.insert_many, batches, 2, SECONDS, size=1000))

    async def _beside(
        self, method: str, size: int, in_flight: int, baselines: _Baselines, seconds: float = SECONDS
    ) -> dict[str, float]:
        call: Callable[[Any], Awaitable[object]] = self._channel.unary_unary(method)
        return await self._medians(
            lambda: self._messages(size, seconds),
            lambda messages: closed_loop(call, messages, in_flight, seconds, size=size),
            baselines,
        )

    async def _cost(self, loading: Awaitable[Load]) -> _Cost:
        processors = ProcessorTime(
            service=self._service.process.pid,
            database=self._service.database_pid,
            calls=os.getpid(),
            echo=self._echo.pid,
        )
        load = await loading
        return _Cost(load, {name: seconds * 1000 / load.answered for name, seconds in processors.used().items()})

    async def _medians(
        self, prepare: Callable[[], T], measure: Callable[[T], Awaitable[Load]], baselines: _Baselines
    ) -> dict[str, float]:
        """Measures beside baselines; what `prepare` makes for it is made before time is taken."""
        rounds: list[dict[str, float]] = []
        for _ in range(self._rounds):
            beside = {name: await baseline() for name, baseline in baselines.items()}
            cost = await self._cost(measure(prepare()))
            row = {"a_second": cost.load.a_second, "p50_ms": cost.load.p50_ms, "p99_ms": cost.load.p99_ms}
            row |= {name: cost.load.a_second / baseline.load.a_second for name, baseline in beside.items()}
            row["writes_p50_times"] = cost.load.p50_ms / beside["of_writes"].load.p50_ms
            row |= {f"{name}_cpu_ms": used for name, used in cost.used.items() if name != "echo"}
            row["limit"] = _at_most(sum(cost.used.values()))
            if "of_echo" in beside:
                echo, writes = beside["of_echo"].used, beside["of_writes"].used
                row["bare"] = _at_most(echo["echo"] + echo["calls"] + writes["database"] + writes["calls"])
            rounds.append(row)
        medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        return {name: value for name, value in medians.items() if not math.isnan(value)}

    def _messages(self, size: int, seconds: float = SECONDS) -> Iterator[bytes]:
        """More than can be sent in the time, serialised."""
        made = int(_MOST_A_SECOND * seconds)
        if size == 1:
            return traffic.serialised(self._traffic, made)
        batches = (list(itertools.islice(self._traffic, size)) for _ in range(made // size))
        return iter([pb.BatchCollectFeedbackRequest(requests=batch).SerializeToString() for batch in batches])

    async def _plain(self, *, indexed: bool = False) -> "AsyncIOMotorCollection[dict[str, Any]]":
        """An empty collection, without indexes or with those of feedback, written to as the service writes: to a
        majority, journaled."""
        await self._motor.drop_database("plain")
        plain = self._motor["plain"].get_collection("feedback", write_concern=WriteConcern("majority", j=True))
        if indexed:
            for name, index in (await self._motor["uptake"]["feedback"].index_information()).items():
                how = {option: value for option, value in index.items() if option not in ("key", "v", "ns")}
                if name != "_id_":
                    await plain.create_index(index["key"], **how)
        return plain

    def _copies(self) -> Iterator[dict[str, Any]]:
        """What the service stored, under new ids."""
        for number in itertools.count():
            id = uuid.uuid4().hex
            yield self._stored[number % len(self._stored)] | {"_id": id, "vote": id}


def _at_most(cpu_ms: float) -> float:
    """How many pieces the cores could do in a second that cost so many processor milliseconds, if none ever waited."""
    return (psutil.cpu_count() or 1) * 1000 / cpu_ms


_HEAD = (
    f"{'feedback taken in':<32} {'a second':>9} {'p50 ms':>8} {'p99 ms':>8} {'echo':>6} {'insert_one':>11} "
    f"{'insert_many':>12} {'indexed':>8} {'writes':>7} {'service ms':>11} {'database ms':>12} {'calls ms':>9} "
    f"{'limit':>6} {'bare':>6}"
)


def _print(name: str, row: dict[str, float]) -> None:
    p50, p99 = (f"{row[time]:.1f}" if time in row else "-" for time in ("p50_ms", "p99_ms"))
    echo, one, many, indexed, writes = (
        f"{row[ratio]:.2f}" if ratio in row else "-"
        for ratio in ("of_echo", "of_insert_one", "of_insert_many", "of_indexed", "of_writes")
    )
    bare = f"{row['bare']:.0f}" if "bare" in row else "-"
    print(
        f"{name:<32} {row['a_second']:9.0f} {p50:>8} {p99:>8} {echo:>6} {one:>11} {many:>12} {indexed:>8} {writes:>7} "
        f"{row['service_cpu_ms']:11.2f} {row['database_cpu_ms']:12.2f} {row['calls_cpu_ms']:9.2f} "
        f"{row['limit']:6.0f} {bare:>6}"
    )
    if name == _ALONE:
        print(f"one call alone takes {row['writes_p50_times']:.2f} times as long as one transaction of the driver")


@asynccontextmanager
async def echo_server() -> AsyncIterator[Echo]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.intake", stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        yield Echo(f"localhost:{int(await process.stdout.readline())}", process.pid)
    finally:
        process.kill()
        await process.wait()


async def _serve_echo() -> None:
    server = grpc.aio.server()
    feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(EchoServicer(), server)
    port = server.add_insecure_port("localhost:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve_echo())
