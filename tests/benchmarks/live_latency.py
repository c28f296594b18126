"""How soon events reach five hundred subscribers, what one that reads nothing costs the others, and what is given back.

Subscribers live in a process of their own; feedback comes from this one. An event's time is the database's, from within
the transaction that made it, so the figures hold the rest of the commit too.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
from uptake import Client, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2
from uptake.v1.insight_pb2_grpc import InsightServiceStub

from tests.benchmarks.load import on_event_loop
from tests.processes import serving

SUBSCRIBERS = 500
A_SECOND = 300
SECONDS = 15
BAD = 0.02
"""This share of the feedback goes to patterns that are bad, and moves their reviews."""

_BAD_QUERIES = ("How do I reset my password?", "Where is my invoice?", "Can I get a refund for a lost parcel?")
_GOOD_QUERIES = ("When do you open?", "Do you ship to Norway?", "What does express delivery cost?", "Who are you?")

_CHANNELS = 10
_SETTLE_SECONDS = 3.0


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table; needs no data, and is the same in `full`."""
    return on_event_loop(_run())


async def _run() -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="uptake-bench-") as folder:
        async with serving(Path(folder) / "data") as service, Client(service.address, timeout_seconds=30.0) as client:
            process = psutil.Process(service.process.pid)
            await _load(client, 2)
            for name, subscribers, stalled in (
                ("one subscriber", 1, 0),
                (f"{SUBSCRIBERS} subscribers", SUBSCRIBERS, 0),
                (f"{SUBSCRIBERS} subscribers, and one that reads nothing", SUBSCRIBERS, 1),
            ):
                results[name] = await _measure(service.address, client, process, subscribers, stalled)
    print(
        f"{'events to subscribers, ' + str(A_SECOND) + ' pieces of feedback a second':<60} "
        f"{'events':>7} {'p50 ms':>7} {'p99 ms':>7} {'last p50':>9} {'last p99':>9} {'KiB each':>9} {'MiB left':>9}"
    )
    for name, row in results.items():
        print(
            f"{name:<60} {row['events']:7.0f} {row['p50_ms']:7.1f} {row['p99_ms']:7.1f} "
            f"{row['last_p50_ms']:9.1f} {row['last_p99_ms']:9.1f} {row['kib_each']:9.1f} {row['left_mib']:9.1f}"
        )
    return results


async def _measure(
    address: str, client: Client, service: psutil.Process, subscribers: int, stalled: int
) -> dict[str, float]:
    before = service.memory_info().rss
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.live_latency",
        address,
        str(subscribers),
        str(stalled),
        limit=2**28,
        stdin=PIPE,
        stdout=PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    await child.stdout.readline()
    each = (service.memory_info().rss - before) / 1024 / (subscribers + stalled)
    await _load(client, SECONDS)
    child.stdin.write(b"end\n")
    await child.stdin.drain()
    delays: list[list[float]] = json.loads(await child.stdout.readline())
    await child.wait()
    await asyncio.sleep(_SETTLE_SECONDS)
    left = (service.memory_info().rss - before) / 2**20
    everything = np.array([delay for of_event in delays for delay in of_event]) * 1000
    last = np.array([max(of_event) for of_event in delays]) * 1000
    return {
        "events": len(delays),
        "p50_ms": float(np.percentile(everything, 50)),
        "p99_ms": float(np.percentile(everything, 99)),
        "last_p50_ms": float(np.percentile(last, 50)),
        "last_p99_ms": float(np.percentile(last, 99)),
        "kib_each": each,
        "left_mib": left,
    }


async def _load(client: Client, seconds: float) -> None:
    """Sends feedback at a steady pace, as many callers would."""
    rng = random.Random(0)
    calls: set[asyncio.Task[Any]] = set()
    started = time.perf_counter()
    sent = 0
    while (passed := time.perf_counter() - started) < seconds:
        while sent < passed * A_SECOND:
            calls.add(task := asyncio.create_task(client.collect(_feedback(rng), timeout_seconds=60)))
            task.add_done_callback(calls.discard)
            sent += 1
        await asyncio.sleep(0.01)
    await asyncio.gather(*calls)


def _feedback(rng: random.Random) -> feedback_pb2.Feedback:
    if rng.random() < BAD:
        return thumbs_down(f"i{rng.getrandbits(64):x}", query=rng.choice(_BAD_QUERIES))
    return thumbs_up(f"i{rng.getrandbits(64):x}", query=rng.choice(_GOOD_QUERIES))


async def _subscribe(address: str, subscribers: int, stalled: int) -> None:
    """The process of the subscribers: says when they are there, and what they saw once it is told to end."""
    channels = [
        grpc.aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),)) for _ in range(_CHANNELS)
    ]
    request = insight_pb2.SubscribeInsightsRequest(filter={"kinds": [1]})
    ready = asyncio.Semaphore(0)
    delays: dict[int, list[float]] = {}

    async def read(channel: grpc.aio.Channel) -> None:
        async for message in InsightServiceStub(channel).SubscribeInsights(request):
            if message.HasField("snapshot"):
                ready.release()
            elif message.HasField("event"):
                delay = time.time() - message.event.time.ToNanoseconds() / 1e9
                delays.setdefault(message.event.seq, []).append(delay)

    readers = [asyncio.create_task(read(channels[number % _CHANNELS])) for number in range(subscribers)]
    idle = [InsightServiceStub(channels[0]).SubscribeInsights(request) for _ in range(stalled)]
    for _ in range(subscribers):
        await ready.acquire()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.sleep(_SETTLE_SECONDS)
    # What reached only some lies at an edge of the time.
    whole = [each for each in delays.values() if len(each) == subscribers]
    print(json.dumps(whole), flush=True)
    for call in idle:
        call.cancel()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_subscribe(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
