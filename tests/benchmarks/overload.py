"""What happens when more feedback comes than can be taken in: how much still is, and how soon the rest is refused.

Calls come at a steady pace whether earlier ones were answered or not, as from many independent users. The pace is a
multiple of what 256 calls in flight bring. They come from this machine: what making them takes of its cores, the
service does not have.
"""

import asyncio
import functools
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import psutil
from google.rpc import error_details_pb2, status_pb2

from tests.benchmarks import traffic
from tests.benchmarks.load import ProcessorTime, closed_loop, on_event_loop
from tests.processes import serving

MULTIPLES, FULL_MULTIPLES = (1.0, 2.0, 3.0), (0.5, 1.0, 1.5, 2.0, 3.0)
SECONDS = 24.0
"""Under overload batches are large, and take about a second each: in less time one more or less would show."""
QUEUE = 1024
"""The most that may wait: half of the default's time at a pace that this machine can carry."""

_MOST_A_SECOND = 3000
_TIMEOUT_SECONDS = 30.0
_TICK_SECONDS = 0.005
_SETTLE_SECONDS = 3.0
_DETAILS = "grpc-status-details-bin"


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table; needs no data. In `full` at more paces."""
    return on_event_loop(_run(FULL_MULTIPLES if full else MULTIPLES))


async def _run(multiples: tuple[float, ...]) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    print(
        f"{'feedback offered, of what is taken in':<40} {'offered':>8} {'taken in':>9} {'of best':>8} {'p50 ms':>8} "
        f"{'p99 ms':>8} {'refused':>8} {'p50 ms':>8} {'p99 ms':>8} {'others':>7} {'MiB':>6} "
        f"{'cores: calls':>13} {'service':>8} {'database':>9}"
    )
    with tempfile.TemporaryDirectory(prefix="uptake-bench-") as folder:
        async with (
            serving(Path(folder) / "data", queue_size=str(QUEUE)) as service,
            grpc.aio.insecure_channel(service.address) as channel,
        ):
            collect: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(traffic.COLLECT)
            process = psutil.Process(service.process.pid)
            await closed_loop(collect, _messages(3, SECONDS * _MOST_A_SECOND), 256, SECONDS / 2)
            capacity = (await closed_loop(collect, _messages(4, SECONDS * _MOST_A_SECOND), 256, SECONDS)).a_second
            for place, multiple in enumerate(multiples):
                sent = _messages(5 + place, SECONDS * capacity * multiple)
                cores = ProcessorTime(calls=os.getpid(), service=process.pid, database=service.database_pid)
                began = time.perf_counter()
                row = await _offer(collect, sent, capacity * multiple)
                seconds = time.perf_counter() - began
                row |= {f"{name}_cores": used / seconds for name, used in cores.used().items()}
                row["service_mib"] = process.memory_info().rss / 2**20
                results[f"{multiple:g} times"] = row
                await asyncio.sleep(_SETTLE_SECONDS)
    best = max(row["a_second"] for row in results.values())
    for name, row in results.items():
        row["of_best"] = row["a_second"] / best
        print(
            f"{name:<40} {row['offered']:8.0f} {row['a_second']:9.0f} {row['of_best']:8.2f} {row['p50_ms']:8.1f} "
            f"{row['p99_ms']:8.1f} {row['refused']:8.0f} {row['refused_p50_ms']:8.1f} {row['refused_p99_ms']:8.1f} "
            f"{row['others']:7.0f} {row['service_mib']:6.0f} {row['calls_cores']:13.2f} {row['service_cores']:8.2f} "
            f"{row['database_cores']:9.2f}"
        )
    return results


def _messages(seed: int, number: float) -> Iterator[bytes]:
    return traffic.serialised(traffic.requests(seed), int(number) + 1000)


async def _offer(
    collect: "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]", sent: Iterator[bytes], a_second: float
) -> dict[str, float]:
    took: defaultdict[str, list[float]] = defaultdict(list)
    ends: list[float] = []
    codes: Counter[str] = Counter()

    async def call(request: bytes) -> None:
        started = time.perf_counter()
        try:
            await collect(request, timeout=_TIMEOUT_SECONDS)
            outcome = "taken in"
            ends.append(time.perf_counter())
        except grpc.aio.AioRpcError as error:
            outcome = "refused" if _is_refusal(error) else error.code().name
        took[outcome].append((time.perf_counter() - started) * 1000)
        codes[outcome] += 1

    calls: set[asyncio.Task[None]] = set()
    started = time.perf_counter()
    offered = 0
    while (passed := time.perf_counter() - started) < SECONDS:
        while offered < passed * a_second:
            calls.add(task := asyncio.create_task(call(next(sent))))
            task.add_done_callback(calls.discard)
            offered += 1
        await asyncio.sleep(_TICK_SECONDS)
    while calls:
        await asyncio.wait(set(calls))
    # From when the queue has filled to when nothing comes any more.
    counted = [end for end in ends if started + SECONDS / 3 <= end < started + SECONDS]
    accepted, refused = np.array(took["taken in"]), np.array(took["refused"] or [0.0])
    return {
        "offered": offered / SECONDS,
        "a_second": len(counted) / (SECONDS * 2 / 3),
        "p50_ms": float(np.percentile(accepted, 50)),
        "p99_ms": float(np.percentile(accepted, 99)),
        "refused": codes["refused"] / SECONDS,
        "refused_p50_ms": float(np.percentile(refused, 50)),
        "refused_p99_ms": float(np.percentile(refused, 99)),
        "others": offered - codes["taken in"] - codes["refused"],
    }


def _is_refusal(error: grpc.aio.AioRpcError) -> bool:
    """Whether it is RESOURCE_EXHAUSTED, and tells when a retry makes sense."""
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return False
    # Most are the same: each is looked into once, for that costs more than to be refused.
    return any(key == _DETAILS and _tells_when(value) for key, value in error.trailing_metadata() or ())


@functools.cache
def _tells_when(details: bytes) -> bool:
    status = status_pb2.Status.FromString(details)
    return any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)
