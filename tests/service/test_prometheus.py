"""The metrics endpoint: what a scrape shows of calls, commits, streams and jobs, and what it never shows."""

import asyncio
import contextlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families
from uptake import Client, UptakeError, thumbs_down
from uptake_service.app.server import App
from uptake_service.domain.errors import StartupError
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.transactions import transaction
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox
from uptake_service.telemetry.metrics import Metrics

from tests.conftest import Service, StartService
from tests.processes import PATIENCE_SECONDS, eventually, get
from tests.streams import make_events

MARKER = "zanzibar"
"""Stands in everything that users and callers say."""


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with this name and at least these labels; 0 without any."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def labels(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self._samples if label in sample.labels}


async def scrape(port: int) -> Scrape:
    status, text = await get(port, "/metrics")
    assert status == 200
    return Scrape(text)


async def until(port: int, name: str, least: float, **labels: str) -> Scrape:
    """The first scrape in which there is so much of it."""

    async def look() -> Scrape | None:
        seen = await scrape(port)
        return seen if seen.value(name, **labels) >= least else None

    found = await eventually(look, f"{least:g} of {name} {labels}")
    assert found is not None
    return found


@pytest.fixture
async def watched(start_service: StartService) -> Service:
    return await start_service(metrics_port=0)


async def test_calls_are_counted_by_method_and_code(watched: Service) -> None:
    await watched.client.collect(thumbs_down("one"))
    await watched.client.collect(thumbs_down("two"))
    with pytest.raises(UptakeError):
        await watched.client.collect(thumbs_down(""))

    seen = await scrape(watched.app.metrics_port)

    assert seen.value("uptake_calls_total", method="CollectFeedback", code="OK") == 2
    assert seen.value("uptake_calls_total", method="CollectFeedback", code="INVALID_ARGUMENT") == 1
    assert seen.value("uptake_call_seconds_count", method="CollectFeedback") == 3
    assert seen.value("uptake_call_seconds_sum", method="CollectFeedback") > 0
    assert seen.value("uptake_calls_in_progress") == 0


async def test_a_method_that_does_not_exist_is_unknown(watched: Service) -> None:
    async with grpc.aio.insecure_channel(watched.address) as channel:
        for name in ("uptake.v1.FeedbackService/Zanzibar", "zanzibar.Service/Call"):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await channel.unary_unary(f"/{name}", bytes)(b"")
            assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED

    seen = await scrape(watched.app.metrics_port)

    assert seen.value("uptake_calls_total", method="unknown", code="UNIMPLEMENTED") == 2
    # The method that is called most has its series from the start.
    assert seen.labels("method") <= {"unknown", "CollectFeedback"}


async def test_a_stream_is_in_progress_until_its_caller_leaves(watched: Service) -> None:
    port = watched.app.metrics_port
    async with watched.client.insights.subscribe() as updates:
        await anext(aiter(updates))
        seen = await scrape(port)
        assert seen.value("uptake_calls_in_progress", method="SubscribeInsights") == 1
        assert seen.value("uptake_subscribers") == 1

    seen = await until(port, "uptake_subscribers_ended_total", 1)

    assert seen.value("uptake_subscribers_ended_total", reason="left") == 1
    assert seen.value("uptake_subscribers") == 0
    seen = await until(port, "uptake_calls_total", 1, method="SubscribeInsights", code="CANCELLED")
    assert seen.value("uptake_calls_in_progress") == 0


async def test_commits_are_measured(watched: Service) -> None:
    feedback = [thumbs_down(f"i{n}", query="Where is it?") for n in range(20)]
    results = [result async for result in watched.client.collect_many(feedback)]
    assert all(result.HasField("feedback") for result in results)

    seen = await scrape(watched.app.metrics_port)

    batches = seen.value("uptake_batches_total", outcome="committed")
    assert batches >= 1
    assert seen.value("uptake_batch_size_sum") == 20
    assert seen.value("uptake_batch_size_count") == batches
    assert seen.value("uptake_commit_seconds_count") == batches
    assert seen.value("uptake_trigger_seconds_count") == batches
    assert seen.value("uptake_intake_waiting") == 0
    assert seen.value("uptake_database_up") == 1


async def test_events_runs_and_leases_are_measured(start_service: StartService) -> None:
    watched = await start_service(metrics_port=0, subscription_interval_seconds=60, trigger_interval_seconds=0.1)
    port = watched.app.metrics_port
    async with watched.client.insights.subscribe() as updates:
        await anext(aiter(updates))

        async def look() -> Scrape | None:
            # What happens before the change stream is open comes by being looked for.
            await make_events(watched.mongo, 1)
            seen = await scrape(port)
            return seen if seen.value("uptake_event_delay_seconds_count") else None

        seen = await eventually(look, "an event by the change stream")
        assert seen is not None
        assert seen.value("uptake_change_stream_silent_seconds") < PATIENCE_SECONDS

    await watched.client.collect(thumbs_down("i", query="Where is it?"))
    await watched.client.insights.get(refresh_issues=True)

    seen = await until(port, "uptake_leases_held", 1, job="sweep")
    assert seen.value("uptake_clustering_runs_total", outcome="published") == 1
    assert seen.value("uptake_clustering_seconds_count") == 1
    assert seen.value("uptake_clustering_last_success_timestamp_seconds") > 1_700_000_000
    assert seen.value("uptake_leases_held", job="issues") == 0
    queues = {"trigger_marks", "claims", "issue_members", "issue_returns", "expiry"}
    assert seen.labels("job") == {"sweep", "verdicts", "issues", "erasures", "retention"} | queues
    assert seen.value("uptake_jobs_set_aside", job="claims") == 0


async def test_marks_that_nobody_judges_show_their_age(start_service: StartService) -> None:
    # Its lease is over at once, so that the next process looks for marks when it starts, and then not for an hour.
    first = await start_service(trigger_interval_seconds=0.01)
    await first.app.stop()
    mongo = Mongo.connect(first.settings.mongodb_uri, first.settings.database, 5.0)
    mark = OutboxEntry(project="default", pattern_id="none", writer=0, revision=1, feedback_ids=(), touched=1)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    await transaction(mongo, lambda session: TriggerOutbox(mongo).add([mark], an_hour_ago, session))
    mongo.close()

    watched = await start_service(metrics_port=0, trigger_interval_seconds=3600)

    seen = await until(watched.app.metrics_port, "uptake_trigger_mark_age_seconds", 3600)
    assert seen.value("uptake_trigger_mark_age_seconds") < 3700


async def test_what_users_and_callers_say_is_in_no_metric(watched: Service) -> None:
    async with Client(watched.address, project=MARKER, timeout_seconds=60) as client:
        for n in range(4):
            given = thumbs_down(f"{MARKER}-{n}", query=f"{MARKER}?", comment=MARKER, user_id=f"{MARKER}-{n}")
            await client.collect(given)
        await client.insights.get(refresh_issues=True)
        with pytest.raises(UptakeError):
            await client.reviews.get(MARKER)

    status, text = await get(watched.app.metrics_port, "/metrics")

    assert status == 200
    assert "GetReview" in text
    assert MARKER not in text.lower()


async def test_probes_and_pages_that_are_not_there(watched: Service) -> None:
    port = watched.app.metrics_port

    assert await get(port, "/healthz") == (200, "ok\n")
    assert await get(port, "/readyz") == (200, "ok\n")
    assert (await get(port, "/"))[0] == 404
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /metrics HTTP/1.1\r\n\r\n")
    assert b" 405 " in await reader.readline()
    writer.close()


async def test_a_request_without_end_is_hung_up_on(watched: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", watched.app.metrics_port)
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET /" + b"x" * 100_000)
        await writer.drain()
        assert await reader.read() == b""
    writer.close()

    assert (await get(watched.app.metrics_port, "/healthz"))[0] == 200


async def test_without_a_port_there_is_none(start_service: StartService) -> None:
    assert (await start_service()).app.metrics_port == 0


async def test_a_taken_port_is_told(watched: Service) -> None:
    taken = watched.settings.model_copy(update={"metrics_port": watched.app.metrics_port})

    with pytest.raises(StartupError, match="UPTAKE_METRICS_PORT"):
        await App(taken).start()


def test_the_docs_list_every_metric_and_alert_on_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/observability.md").read_text()
    listed = set(re.findall(r"^\| `(uptake_\w+)` \| (\w+) \|", page, re.MULTILINE))
    alerts = set(
        re.findall(r"uptake_\w+", " ".join(re.findall(r"^\| `(.*?)` \| (?:\d+ (?:min|h)|) ?\|", page, re.MULTILINE)))
    )

    measured = [family for family in Metrics().registry.collect() if family.name.startswith("uptake_")]

    assert listed == {(family.name, family.type) for family in measured}
    endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
    assert len(alerts) >= 9
    assert alerts <= {family.name + ending for family in measured for ending in endings[family.type]}
