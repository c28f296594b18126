"""One service and two of them on one database: what the second brings, and what they cost each other.

The database is of its own, so that it is the same for both; `uptake serve` knows it as any MongoDB by its address. The
writer slots tell how many batches were committed, the services' logs how many transactions had to run again. Each batch
is one transaction and its trigger another.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import psutil
from motor.motor_asyncio import AsyncIOMotorClient
from uptake.v1 import feedback_pb2_grpc
from uptake_service.mongo.embedded import EmbeddedDatabase
from uptake_service.mongo.transactions import RUN_AGAIN

from tests.benchmarks import traffic
from tests.benchmarks.load import Load, ProcessorTime, closed_loop, on_event_loop
from tests.processes import ServiceProcess, serving

IN_FLIGHT = 128
"""To each."""
SECONDS, FULL_SECONDS = 8.0, 20.0


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table; needs no data. In `full` for longer."""
    return on_event_loop(_run(FULL_SECONDS if full else SECONDS))


async def _run(lasting: float) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    print(
        f"{'processes of the service, 128 in flight each':<46} {'a second':>9} {'of one':>7} {'p99 ms':>8} "
        f"{'service ms':>11} {'database ms':>12} {'database cores':>15} {'all':>5} {'aborted':>8}"
    )
    for number in (1, 2):
        row = await _of(number, lasting)
        name = f"{number} service{'s' * (number > 1)}"
        results[name] = row
        row["of_one"] = row["a_second"] / results["1 service"]["a_second"]
        print(
            f"{name:<46} {row['a_second']:9.0f} {row['of_one']:7.2f} {row['p99_ms']:8.1f} "
            f"{row['service_cpu_ms']:11.2f} {row['database_cpu_ms']:12.2f} {row['database_cores']:15.2f} "
            f"{row['all_cores']:5.2f} "
            f"{row['aborted']:8.1%}"
        )
    return results


async def _of(number: int, lasting: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="uptake-bench-") as folder:
        async with AsyncExitStack() as cleanup:
            database = await EmbeddedDatabase.start(Path(folder) / "database")
            cleanup.push_async_callback(database.stop)
            services = [
                await cleanup.enter_async_context(
                    serving(Path(folder) / f"{place}", mongodb_uri=database.uri, log_level="DEBUG")
                )
                for place in range(number)
            ]
            motor: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(database.uri)
            cleanup.callback(motor.close)
            stubs = [
                feedback_pb2_grpc.FeedbackServiceStub(
                    await cleanup.enter_async_context(grpc.aio.insecure_channel(service.address))
                )
                for service in services
            ]
            sent = traffic.requests(11)

            async def load(seconds: float) -> list[Load]:
                calls = (closed_loop(stub.CollectFeedback, sent, IN_FLIGHT, seconds) for stub in stubs)
                return await asyncio.gather(*calls)

            await load(lasting / 2)
            pids = {f"service{place}": service.process.pid for place, service in enumerate(services)}
            before = await _batches(motor), _aborted(services)
            time = ProcessorTime(database=database.pid, **pids)
            psutil.cpu_percent()
            loads = await load(lasting)
            busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
            used = time.used()
            batches, aborted = await _batches(motor) - before[0], _aborted(services) - before[1]
    answered = sum(load.answered for load in loads)
    return {
        "a_second": sum(load.a_second for load in loads),
        "p99_ms": max(load.p99_ms for load in loads),
        "service_cpu_ms": sum(used[name] for name in pids) * 1000 / answered,
        "database_cpu_ms": used["database"] * 1000 / answered,
        "database_cores": used["database"] / lasting,
        "all_cores": busy,
        "aborted": aborted / (2 * batches + aborted),
    }


async def _batches(motor: "AsyncIOMotorClient[dict[str, Any]]") -> int:
    """How many were committed."""
    return sum([slot["revision"] async for slot in motor["uptake"]["writers"].find()])


def _aborted(services: list[ServiceProcess]) -> int:
    return sum(RUN_AGAIN in line for service in services for line in service.log)
