"""What a service needs: the time until it answers, memory, and how long its event loop keeps others waiting.

The loop is looked at from outside: a call that does nothing, the health check, every few milliseconds, beside the same
on a bare echo. What the echo takes longer under the same load is the machine's, the rest the service's.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from uptake import Client
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc

from tests.benchmarks import traffic
from tests.benchmarks.filling import fill
from tests.benchmarks.intake import echo_server
from tests.benchmarks.load import closed_loop, on_event_loop
from tests.processes import ServiceProcess, serving

PIECES, FULL_PIECES = 20_000, 100_000
SECONDS = 6.0

_PROBE_SECONDS = 0.01
_SENT = 20_000
"""So many come through the service, whose memory is looked at then; more are put beside them."""


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints tables; needs no data. In `full` with more feedback."""
    return on_event_loop(_run(FULL_PIECES if full else PIECES))


async def _run(most: int) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    print(f"{'a service and its embedded database':<46} {'seconds':>8} {'service MiB':>12} {'database MiB':>13}")
    with tempfile.TemporaryDirectory(prefix="uptake-bench-") as folder:
        data = Path(folder) / "data"
        for name, pieces in (("new", most), (f"after {most:,} pieces of feedback", 0)):
            started = time.perf_counter()
            async with serving(data, issue_interval_seconds="86400") as service:
                seconds = time.perf_counter() - started
                await asyncio.sleep(2)
                results[f"started, {name}"] = _print_memory(f"started, {name}", service, seconds)
                if pieces:
                    await _send(service.address, _SENT)
                    name = f"answering, {_SENT:,} pieces of feedback later"
                    results[name] = _print_memory(name, service, 0.0)
                    if pieces > _SENT:
                        await fill(service.database_uri, pieces - _SENT)
                else:
                    results |= await _waiting(service)
                service.terminate()
                await service.ended(60)
    return results


def _print_memory(name: str, service: ServiceProcess, seconds: float) -> dict[str, float]:
    row = {"seconds": seconds} | {
        f"{part}_mib": psutil.Process(pid).memory_info().rss / 2**20
        for part, pid in (("service", service.process.pid), ("database", service.database_pid))
    }
    shown = f"{seconds:8.1f}" if seconds else f"{'-':>8}"
    print(f"{name:<46} {shown} {row['service_mib']:12.0f} {row['database_mib']:13.0f}")
    return row


async def _waiting(service: ServiceProcess) -> dict[str, dict[str, float]]:
    """How long a call that does nothing waits, while other things go on."""
    print(f"{'a call that does nothing':<46} {'p50 ms':>8} {'p99 ms':>8} {'most':>8} {'echo p50':>9} {'echo p99':>9}")

    async def nothing() -> None:
        await asyncio.sleep(SECONDS)

    async def load() -> None:
        await _send(service.address, seconds=SECONDS)

    async def clustering() -> None:
        async with Client(service.address, timeout_seconds=600.0) as client:
            await client.insights.get(refresh_issues=True)

    results: dict[str, dict[str, float]] = {}
    async with echo_server() as echo:
        for name, what in (("idle", nothing), ("64 calls in flight", load), ("clustering issues", clustering)):
            row = await _probed(service.address, echo.address, what)
            results[f"waiting, {name}"] = row
            print(
                f"{name:<46} {row['p50_ms']:8.1f} {row['p99_ms']:8.1f} {row['most_ms']:8.1f} "
                f"{row['echo_p50_ms']:9.1f} {row['echo_p99_ms']:9.1f}"
            )
    return results


async def _probed(address: str, echo: str, what: Callable[[], Awaitable[None]]) -> dict[str, float]:
    async with grpc.aio.insecure_channel(address) as channel, grpc.aio.insecure_channel(echo) as echo_channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        collect = feedback_pb2_grpc.FeedbackServiceStub(echo_channel).CollectFeedback
        probes = [
            asyncio.create_task(_probe(lambda: check(health_pb2.HealthCheckRequest()))),
            asyncio.create_task(_probe(lambda: collect(pb.CollectFeedbackRequest()))),
        ]
        await what()
        for probe in probes:
            probe.cancel()
        times, of_echo = [np.array(probe) * 1000 for probe in await asyncio.gather(*probes)]
    return {
        "p50_ms": float(np.percentile(times, 50)),
        "p99_ms": float(np.percentile(times, 99)),
        "most_ms": float(times.max()),
        "echo_p50_ms": float(np.percentile(of_echo, 50)),
        "echo_p99_ms": float(np.percentile(of_echo, 99)),
    }


async def _probe(call: Callable[[], Awaitable[object]]) -> list[float]:
    """Calls again and again until it is cancelled; how long each took, in seconds."""
    times: list[float] = []
    try:
        while True:
            started = time.perf_counter()
            await call()
            times.append(time.perf_counter() - started)
            await asyncio.sleep(_PROBE_SECONDS)
    except asyncio.CancelledError:
        return times


async def _send(address: str, pieces: int = 0, *, seconds: float = 0.0) -> None:
    """Sends so many pieces of feedback in batches, or calls for so long."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub, sent = feedback_pb2_grpc.FeedbackServiceStub(channel), traffic.requests(7)
        for _ in range(0, pieces, 500):
            await stub.BatchCollectFeedback(pb.BatchCollectFeedbackRequest(requests=itertools.islice(sent, 500)))
        if seconds:
            await closed_loop(stub.CollectFeedback, sent, 64, seconds)
