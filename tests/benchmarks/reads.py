"""What reading costs, and how it grows with what there is to read.

A call beside what would answer it without what the service keeps ready: of numbers an aggregation over the feedback of
the window, of a page of documents as many of these found by their ids. `times` is the call divided by that. Of a
million pieces only the calls are measured: the other takes minutes, and gigabytes of the embedded database.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from motor.motor_asyncio import AsyncIOMotorClient
from uptake import Client, thumbs_down, thumbs_up
from uptake.v1 import insight_pb2

from tests.benchmarks import traffic
from tests.benchmarks.filling import add_reviews, fill
from tests.processes import serving

SIZES = (1_000, 100_000)
FULL_SIZES = (*SIZES, 1_000_000)
REVIEWS = 10_000
SECONDS, FULL_SECONDS = 2.0, 3.0
"""For how long a call is made again and again."""

_DAYS = 30
_DASHBOARDS = 32
_RAW_UP_TO = 100_000

Call = Callable[[], Awaitable[object]]


def run(data_dir: Path, *, full: bool = False) -> dict[str, dict[str, float]]:
    """Measures and prints a table; needs no data. In `full` for longer, and the largest size too."""
    return asyncio.run(_run(*((FULL_SIZES, FULL_SECONDS) if full else (SIZES, SECONDS))))


async def _run(sizes: tuple[int, ...], lasting: float) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    print(f"{'reading':<70} {'p50 ms':>8} {'p99 ms':>8} {'raw ms':>9} {'times':>7} {'growth':>7}")
    for size in sizes:
        for name, row in (await _of_size(size, lasting, add=REVIEWS if size == sizes[-1] else 0)).items():
            smallest = results.get(f"{name}, {sizes[0]:,} pieces of feedback", row)
            row["growth"] = row["p50_ms"] / smallest["p50_ms"]
            results[f"{name}, {size:,} pieces of feedback"] = row
            raw, times = (
                f"{row['raw_ms']:.1f}" if "raw_ms" in row else "-",
                f"{row['times']:.2f}" if "times" in row else "-",
            )
            print(
                f"{f'{name}, {size:,} pieces of feedback':<70} {row['p50_ms']:8.1f} {row['p99_ms']:8.1f} "
                f"{raw:>9} {times:>7} {row['growth']:7.2f}"
            )
    return results


async def _of_size(size: int, lasting: float, *, add: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="uptake-bench-") as folder:
        # Issues are looked for once, before anything is measured.
        async with serving(Path(folder) / "data", issue_interval_seconds="86400") as service:
            await fill(service.database_uri, size, days=_DAYS)
            motor: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(service.database_uri)
            async with Client(service.address, timeout_seconds=600.0) as client:
                await client.insights.get(refresh_issues=True)
                measuring = _Measuring(lasting, beside=size <= _RAW_UP_TO)
                calls = await _calls(client, motor["uptake"])
                results = {name: await measuring.row(*each) for name, each in calls.items()}
                if add:
                    await add_reviews(service.database_uri, add)
                    first = await _first_page(client, motor["uptake"])
                    results[f"ListReviews, 50 of {add:,} reviews"] = await _Measuring(lasting, beside=True).row(*first)
            motor.close()
    return results


async def _calls(client: Client, database: Any) -> dict[str, tuple[Call, Call, Call | None]]:
    """Each call, what answers it without what the service keeps ready, and what is done before each."""
    end = datetime.now(UTC)
    window = {"project": "default", "occur_time": {"$gt": end - timedelta(days=_DAYS), "$lte": end}}
    votes = itertools.count()
    complaints = itertools.cycle(traffic.COMPLAINTS)
    queries = itertools.cycle(("How do I change my password?", "Where do I find the invoice?", "the link is dead"))

    async def vote() -> None:
        await client.collect(thumbs_up(f"bench-{next(votes)}", query=next(queries)))

    async def complain() -> None:
        await client.collect(thumbs_down(f"bench-{next(votes)}", query=next(queries), comment=next(complaints)))

    def aggregated(*stages: dict[str, Any]) -> Call:
        return lambda: database["feedback"].aggregate([{"$match": window}, *stages]).to_list(None)

    newest = [each.id for each in (await client.feedback.list(page_size=50).page()).feedback]
    counted = aggregated({"$group": {"_id": "$sentiment", "count": {"$sum": 1}}})
    by_day = {"$dateToString": {"date": "$occur_time", "format": "%Y-%m-%d"}}
    # Pages first, as long as those that are looked for by their ids are the newest.
    return {
        "ListFeedback, newest 50": (
            lambda: client.feedback.list(page_size=50).page(""),
            _by_ids(database["feedback"], newest),
            None,
        ),
        "ListSimilarFeedback, 10": (
            lambda: client.feedback.similar(query=next(queries)),
            _by_ids(database["feedback"], newest[:10]),
            None,
        ),
        "ListReviews, first 50": await _first_page(client, database),
        "GetInsights, 30 days": (client.insights.get, counted, None),
        "GetInsights, 30 days, a vote before each": (client.insights.get, counted, vote),
        "GetInsights, 30 days, a complaint before each": (client.insights.get, counted, complain),
        f"{_DASHBOARDS} GetInsights at once, a vote before": (
            lambda: asyncio.gather(*(client.insights.get() for _ in range(_DASHBOARDS))),
            counted,
            vote,
        ),
        "QueryMetrics, 30 days by day": (
            client.insights.metrics,
            aggregated({"$group": {"_id": {"day": by_day, "sentiment": "$sentiment"}, "count": {"$sum": 1}}}),
            None,
        ),
        "QueryMetrics by pattern": (
            lambda: client.insights.metrics(group=insight_pb2.METRIC_GROUP_PATTERN),
            aggregated({"$group": {"_id": {"day": by_day, "pattern": "$pattern_id"}, "count": {"$sum": 1}}}),
            None,
        ),
    }


async def _first_page(client: Client, database: Any) -> tuple[Call, Call, None]:
    ids = [each.id for each in (await client.reviews.list(page_size=50).page()).reviews]
    return lambda: client.reviews.list(page_size=50).page(""), _by_ids(database["reviews"], ids), None


def _by_ids(collection: Any, ids: list[str]) -> Call:
    return lambda: collection.find({"_id": {"$in": ids}}).to_list(None)


class _Measuring:
    def __init__(self, lasting: float, *, beside: bool) -> None:
        self._lasting = lasting
        self._beside = beside
        self._raw: dict[Call, float] = {}

    async def row(self, call: Call, raw: Call, before: Call | None) -> dict[str, float]:
        await call()
        times = await _times(call, self._lasting, before=before)
        row = {"p50_ms": statistics.median(times), "p99_ms": float(np.percentile(times, 99))}
        if self._beside:
            # Several calls are held against the same, which may take long.
            if raw not in self._raw:
                self._raw[raw] = statistics.median(await _times(raw, self._lasting))
            row["raw_ms"] = self._raw[raw]
            row["times"] = row["p50_ms"] / row["raw_ms"]
        return row


async def _times(call: Call, seconds: float, *, before: Call | None = None) -> list[float]:
    """Milliseconds of each call; there is one at least."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        if before is not None:
            await before()
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1000)
    return times
