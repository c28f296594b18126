"""What commits leave in the journal counts as much as what is folded in, and is folded in once."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uptake import Client, thumbs_down, thumbs_up
from uptake_service.app.check import check
from uptake_service.domain.clock import DAY, HOUR, Clock, hour_of
from uptake_service.domain.errors import DatabaseUnavailable
from uptake_service.insights.totals import PatternTotals
from uptake_service.mongo import transactions
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.projections import compactor
from uptake_service.projections.compactor import DeltaCompactor
from uptake_service.projections.delta_log import MOST_CHANGES
from uptake_service.projections.rollups import RollupStore

from tests.conftest import Service, StartService
from tests.processes import PATIENCE_SECONDS, eventually

QUERIES = ("weather in Paris tomorrow", "cancel my subscription", "where is my parcel")


async def _numbers(service: Service) -> tuple[int, float, dict[str, tuple[int, int]]]:
    metrics = (await service.client.insights.get()).metrics
    reviews = [review async for review in service.client.reviews.list()]
    return (
        metrics.total_feedback,
        metrics.negative_rate,
        {review.pattern.id: (review.pattern.feedback_count, review.pattern.negative_count) for review in reviews},
    )


async def _in_journal(service: Service) -> int:
    return await service.mongo.collection("journal").count({})


@pytest.mark.parametrize("seed", range(2))
async def test_two_replicas_count_the_same_before_and_after_folding(start_service: StartService, seed: int) -> None:
    rng = random.Random(seed)
    services = [await start_service(pattern_refresh_seconds=0.05), await start_service(pattern_refresh_seconds=0.05)]
    start = datetime.now(UTC) - timedelta(hours=5)
    stored: list[str] = []

    async def change(number: int) -> None:
        client = rng.choice(services).client
        if stored and rng.random() < 0.3:
            await client.feedback.retract(rng.choice(stored))
            return
        make = rng.choice((thumbs_up, thumbs_down))
        occurred = start + timedelta(minutes=rng.randrange(200))
        said = make(f"i{number}", query=rng.choice(QUERIES), user_id="u", model="m", occur_time=occurred)
        stored.append((await client.collect(said)).id)

    for round in range(8):
        await asyncio.gather(
            *(change(round * 10 + number) for number in range(6)),
            *(service.app.parts.feedback.compactor.run() for service in services if rng.random() < 0.5),
        )
        assert await check(services[0].mongo, Clock()) == []
        before = [await _numbers(service) for service in services]
        assert before[0] == before[1]
        if rng.random() < 0.5:
            for service in services:
                await service.app.parts.feedback.compactor.run()
            assert await _in_journal(services[0]) == 0
            assert [await _numbers(service) for service in services] == before
            assert await check(services[0].mongo, Clock()) == []


async def test_remembered_counts_of_patterns_are_those_that_are_stored(service: Service) -> None:
    rng = random.Random(5)
    rollups = RollupStore(service.mongo)
    totals = PatternTotals(service.mongo, rollups)
    last = hour_of(datetime.now(UTC)) + HOUR
    stored: list[str] = []
    for number in range(40):
        said = rng.choice((thumbs_up, thumbs_down))(
            f"i{number}",
            query=rng.choice(("Where is my parcel?", "How do I pay?", "Who are you?")),
            occur_time=last - timedelta(minutes=rng.randrange(1, 4 * 24 * 60)),
        )
        stored.append((await service.client.collect(said)).id)
        if rng.random() < 0.3:
            await service.client.feedback.retract(rng.choice(stored))
        if rng.random() < 0.5:
            await service.app.parts.feedback.compactor.run()
        # Windows that begin and end within days, as well as the one of all the time.
        start, end = rng.choice([(last - DAY * 3, last), (last - HOUR * 30, last - HOUR * 2), (last - DAY * 5, last)])
        found = await totals.of("default", ("",), start, end)
        expected = await rollups.by_value("default", ["pattern"], start, end)
        assert {id: _counted(counts) for id, counts in found.items() if _counted(counts)} == {
            id: _counted(counts) for id, counts in expected.items() if _counted(counts)
        }


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


async def test_a_fold_whose_answer_was_lost_is_not_made_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await service.client.collect(thumbs_down(f"i{number}", query=QUERIES[0]))
    commit = transactions._commit

    async def lost(*arguments: Any) -> None:
        await commit(*arguments)
        raise DatabaseUnavailable

    with monkeypatch.context() as broken, pytest.raises(DatabaseUnavailable):
        broken.setattr(transactions, "_commit", lost)
        await service.app.parts.feedback.compactor.run()
    assert await _in_journal(service) == 0
    for number in range(3):
        await service.client.collect(thumbs_down(f"later{number}", query=QUERIES[0]))
    await service.app.parts.feedback.compactor.run()
    assert await check(service.mongo, Clock()) == []
    assert (await _numbers(service))[0] == 6


async def test_what_a_stopped_process_could_not_fold_is_folded_by_who_takes_its_slot(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: DeltaCompactor) -> None:
        raise DatabaseUnavailable

    first = await start_service()
    with monkeypatch.context() as broken:
        broken.setattr(DeltaCompactor, "run", fails)
        for number in range(4):
            await first.client.collect(thumbs_down(f"i{number}", query=QUERIES[0]))
        await first.app.stop()
    second = await start_service()
    assert await _in_journal(second) > 0
    assert (await _numbers(second))[0] == 4
    await second.client.collect(thumbs_down("i5", query=QUERIES[0]))
    await second.app.parts.feedback.compactor.run()
    assert await _in_journal(second) == 0
    assert (await _numbers(second))[0] == 5
    assert await check(second.mongo, Clock()) == []


async def test_a_history_is_folded_in_small_transactions_and_counts_the_same_meanwhile(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start_service()
    small = 100
    monkeypatch.setattr(compactor, "_SECONDS", 3600.0)
    monkeypatch.setattr(service.app.parts.feedback.compactor, "_most_written", small)
    monkeypatch.setattr(compactor, "_MOST_WRITTEN", small)
    await _import_history(service, 600)
    entries = await service.mongo.collection("journal").find({})
    assert max(entry["changes"] for entry in entries) <= MOST_CHANGES
    # No entry can be folded in parts; whatever comes beside the first one must fit.
    most = small + max(entry["changes"] for entry in entries)
    written: list[int] = []
    write = RollupStore.write

    async def counted(self: RollupStore, deltas: Any, writer: int, session: Session) -> None:
        written.append(len({key.of_day for key in deltas.changes()}))
        assert await check(service.mongo, Clock()) == []
        await write(self, deltas, writer, session)

    monkeypatch.setattr(RollupStore, "write", counted)
    await service.app.parts.feedback.compactor.run()
    assert await _in_journal(service) == 0
    assert len(written) > 5
    assert max(written) <= most
    assert await check(service.mongo, Clock()) == []


async def test_a_fold_that_fails_in_its_midst_is_gone_on_with(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start_service()
    monkeypatch.setattr(compactor, "_SECONDS", 3600.0)
    monkeypatch.setattr(compactor, "_MOST_WRITTEN", 100)
    monkeypatch.setattr(service.app.parts.feedback.compactor, "_most_written", 100)
    await _import_history(service, 300)
    before = await _in_journal(service)
    fold, folds = DeltaCompactor._fold, 0

    async def fails_at_the_third(self: DeltaCompactor, *arguments: Any) -> int:
        nonlocal folds
        folds += 1
        if folds == 3:
            raise DatabaseUnavailable
        return await fold(self, *arguments)

    monkeypatch.setattr(DeltaCompactor, "_fold", fails_at_the_third)
    with pytest.raises(DatabaseUnavailable):
        await service.app.parts.feedback.compactor.run()
    assert 0 < await _in_journal(service) < before
    assert await check(service.mongo, Clock()) == []
    # The piece that failed is made smaller, and the intake waits for nothing that does not go on.
    assert service.app.parts.feedback.compactor._most_written == 50
    monkeypatch.setattr(compactor, "_MOST_WAITING", 0)
    await service.client.collect(thumbs_up("more", query=QUERIES[0]))
    await service.app.parts.feedback.compactor.run()
    assert await _in_journal(service) == 0
    assert await check(service.mongo, Clock()) == []


async def test_a_start_reads_what_was_left_thousands_of_commits_ago(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: DeltaCompactor) -> None:
        return

    monkeypatch.setattr(DeltaCompactor, "run", nothing)
    first = await start_service()
    for number in range(3):
        await first.client.collect(thumbs_down(f"i{number}", query=QUERIES[0]))
    await first.app.stop()
    # As if there had been as many commits since, of which all is folded.
    async with _database_of(first) as mongo:
        await mongo.collection("writers").update({"_id": 0}, {"$inc": {"revision": 5000}})
    monkeypatch.undo()
    second = await start_service()
    review_id = (await _numbers(second))[2]
    assert list(review_id.values()) == [(3, 3)]
    await second.client.collect(thumbs_down("i3", query=QUERIES[0]))
    await second.app.parts.feedback.compactor.run()
    assert await _in_journal(second) == 0
    assert (await _numbers(second))[0] == 4
    assert await check(second.mongo, Clock()) == []


async def test_what_a_process_left_whose_slot_nobody_takes_is_folded_by_another(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: DeltaCompactor) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(compactor, "_ORPHANS_SECONDS", 0.0)
    staying = await start_service()
    await staying.client.collect(thumbs_up("first", query=QUERIES[1]))
    with monkeypatch.context() as broken:
        leaving = await start_service()
        broken.setattr(leaving.app.parts.feedback.compactor, "run", lambda: fails(leaving.app.parts.feedback.compactor))
        await leaving.client.collect(thumbs_down("i", query=QUERIES[0]))
        await leaving.app.stop()
    await staying.app.parts.feedback.compactor.run()
    await staying.app.parts.feedback.compactor.run_due()
    await staying.app.parts.feedback.compactor.run()
    assert await _in_journal(staying) == 0
    assert await check(staying.mongo, Clock()) == []


async def test_the_entries_of_older_versions_are_split_by_project_at_the_start(start_service: StartService) -> None:
    async def nothing(_: DeltaCompactor) -> None:
        return

    first = await start_service()
    # Only of this service: the next one folds.
    first.app.parts.feedback.compactor.run = nothing.__get__(first.app.parts.feedback.compactor)  # type: ignore[method-assign]
    async with Client(first.address, project="other") as other:
        await asyncio.gather(
            *(first.client.collect(thumbs_down(f"i{n}", query=QUERIES[0])) for n in range(3)),
            other.collect(thumbs_up("i", query=QUERIES[1])),
        )
    await first.app.stop()
    async with _database_of(first) as mongo:
        journal = mongo.collection("journal")
        for writer, revision in {(entry["writer"], entry["revision"]) for entry in await journal.find({})}:
            entries = await journal.find({"writer": writer, "revision": revision})
            await journal.delete_many({"writer": writer, "revision": revision})
            old: Document = {"_id": f"{writer}/{revision}", "writer": writer, "revision": revision}
            for name in ("rollups", "shares"):
                old[name] = [change for entry in entries for change in entry[name]]
            await journal.insert(old | {"feedback": {"added": [], "changed": []}})
    second = await start_service()
    left = await second.mongo.collection("journal").find({})
    assert {entry["project"] for entry in left} == {"default", "other"}
    assert (await _numbers(second))[0] == 3
    assert await check(second.mongo, Clock()) == []
    await second.client.collect(thumbs_down("later", query=QUERIES[0]))
    await second.app.parts.feedback.compactor.run()
    assert await _in_journal(second) == 0
    assert await check(second.mongo, Clock()) == []


@asynccontextmanager
async def _database_of(stopped: Service) -> AsyncIterator[Mongo]:
    """The database of a service that was stopped."""
    mongo = Mongo.connect(stopped.settings.mongodb_uri, stopped.settings.database, PATIENCE_SECONDS)
    yield mongo
    mongo.close()


async def _import_history(service: Service, number: int) -> None:
    """Votes that are spread over two years, each on a day of its own."""
    rng = random.Random(number)
    now = datetime.now(UTC)
    votes = [
        rng.choice((thumbs_up, thumbs_down))(
            f"h{place}",
            query=rng.choice(QUERIES),
            user_id=f"u{place}",
            model=f"m{place % 3}",
            occur_time=now - timedelta(days=rng.randrange(700), minutes=rng.randrange(1440)),
        )
        for place in range(number)
    ]
    assert not [each async for each in service.client.collect_many(votes, batch_size=200) if each.HasField("error")]


async def test_a_commit_after_which_one_could_not_read_is_folded_in_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> None:
        raise DatabaseUnavailable

    await service.client.collect(thumbs_up("before", query=QUERIES[0]))
    patterns, compactor = service.app.parts.feedback.patterns, service.app.parts.feedback.compactor
    with monkeypatch.context() as patched:
        patched.setattr(patterns, "committed", unreadable)
        call = asyncio.ensure_future(service.client.collect(thumbs_down("late", query=QUERIES[1]), request_id="r"))
        await eventually(lambda: _holds(service, 2), "the commit")
    assert (await call).interaction.id == "late"
    await service.client.collect(thumbs_up("after", query=QUERIES[2]))
    await compactor.run()
    assert await _in_journal(service) == 0
    assert await check(service.mongo, Clock()) == []


async def _holds(service: Service, number: int) -> bool:
    return await service.mongo.collection("feedback").count({}) == number
