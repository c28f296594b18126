"""What a read costs does not depend on what is stored: a page ends early with a token, and all pages are the list."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from uptake import Client, Listing, UptakeError, correction, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, feedback_pb2, feedback_pb2_grpc, project_pb2
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo import paging, reads
from uptake_service.mongo.collection import Collection

from tests.conftest import Service
from tests.corrections import apply, instructions, knowledge
from tests.policies import by_rate_alone

LARGE = "\U0001f600" * 50_000
"""200 KB."""

NOW = datetime.now(UTC).replace(microsecond=0)
QUERY = "How do I export my invoices?"


class Read:
    """What a call's reads took of the database; the service's own jobs, which run beside them, are not counted."""

    def __init__(self) -> None:
        self.statements = self.documents = self.bytes = self.largest = 0

    def note(self, documents: list[dict[str, Any]]) -> None:
        size = sum(len(bson.encode(document)) for document in documents)
        self.statements += 1
        self.documents += len(documents)
        self.bytes += size
        self.largest = max(self.largest, size)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Read]:
    """Begins to count what the service reads, anew each time."""
    counted = [Read()]

    for name in ("find", "aggregate"):
        ask = getattr(Collection, name)

        async def counting(self: Collection, *arguments: Any, ask: Any = ask, **options: Any) -> Any:
            found = await ask(self, *arguments, **options)
            if reads.reading() is not None:
                counted[0].note(found)
            return found

        monkeypatch.setattr(Collection, name, counting)

    def begin() -> Read:
        counted[0] = Read()
        return counted[0]

    return begin


async def _pages(listing: Listing[Any, Any], items: Callable[[Any], Any], read: Callable[[], Read]) -> list[list[str]]:
    """The ids on each page of a list of large things, none of which costs more than a page and one of them."""
    pages: list[list[str]] = []
    token = ""
    while True:
        reading = read()
        page = await listing.page(token)
        assert page.ByteSize() <= paging.PAGE_BYTES + 100_000
        assert 0 < reading.largest <= paging.PAGE_BYTES + 1_000_000
        assert reading.bytes <= 2 * paging.PAGE_BYTES
        pages.append([each.id for each in items(page)])
        token = page.next_page_token
        if not token:
            return pages


async def test_a_page_of_large_feedback_ends_early_and_the_next_goes_on(
    client: Client, read: Callable[[], Read]
) -> None:
    stored = [
        await client.collect(
            # Of one instant, all but the last.
            thumbs_down(f"m{number}", query=QUERY, response=LARGE, occur_time=NOW - (number == 24) * timedelta(hours=1))
        )
        for number in range(25)
    ]
    expected = [each.id for each in sorted(stored, key=lambda each: (each.occur_time.ToDatetime(), each.id))][::-1]
    for filter in (None, feedback_pb2.FeedbackFilter(pattern_id=stored[0].pattern_id)):
        pages = await _pages(client.feedback.list(filter=filter, page_size=1000), lambda page: page.feedback, read)
        assert list(itertools.chain(*pages)) == expected
        assert 3 <= len(pages) <= 4
    changes = feedback_pb2.FeedbackFilter(update_start_time=stored[0].update_time)
    pages = await _pages(client.feedback.list(filter=changes, page_size=1000), lambda page: page.feedback, read)
    assert list(itertools.chain(*pages)) == [each.id for each in stored]
    # Without pages the best come first, as many as there is room for.
    reading = read()
    similar = await client.feedback.similar(query=QUERY, limit=100)
    assert 5 <= len(similar) <= 10
    assert 0 < reading.largest <= paging.PAGE_BYTES + 1_000_000


async def test_what_is_not_there_is_looked_for_in_bounded_pieces(
    client: Client, read: Callable[[], Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of one instant.
    kept = [
        thumbs_up(
            f"m{number}", model="a" if number % 100 == 7 else "b", occur_time=NOW - (number % 2) * timedelta(days=1)
        )
        for number in range(2_300)
    ]
    results = [result async for result in client.collect_many(kept)]
    assert all(result.HasField("feedback") for result in results)
    first = min((result.feedback.update_time for result in results), key=lambda time: time.ToDatetime())
    for filter, found in (
        (feedback_pb2.FeedbackFilter(labels={"x": "y"}), 0),
        (feedback_pb2.FeedbackFilter(states=[feedback_pb2.FEEDBACK_STATE_RETRACTED]), 0),
        (feedback_pb2.FeedbackFilter(trace_id="none"), 0),
        (feedback_pb2.FeedbackFilter(model="a"), 23),
        (feedback_pb2.FeedbackFilter(model="a", update_start_time=first), 23),
    ):
        listing = client.feedback.list(filter=filter)
        pages, token = [], ""
        while True:
            reading = read()
            page = await listing.page(token)
            assert 0 < reading.documents <= paging.MOST_EXAMINED + 50
            pages.append(page)
            token = page.next_page_token
            if not token:
                break
        assert len(pages) == 3
        ids = [each.id for page in pages for each in page.feedback]
        assert len(ids) == len(set(ids)) == found


async def test_an_interaction_is_found_by_its_key_however_much_there_is_beside_it(
    client: Client, read: Callable[[], Read]
) -> None:
    many = [
        thumbs_up("home", user_id=f"u{number}", occur_time=NOW - timedelta(seconds=number)) for number in range(450)
    ]
    few = [thumbs_down("few", user_id=f"u{number}", occur_time=NOW - timedelta(hours=number)) for number in range(3)]
    results = [result async for result in client.collect_many([*many, *few])]
    ids = [result.feedback.id for result in results]

    def of(interaction: str, **more: Any) -> Any:
        return client.feedback.list(filter=feedback_pb2.FeedbackFilter(interaction_id=interaction, **more), page_size=2)

    reading = read()
    page = await of("none").page()
    assert (list(page.feedback), page.next_page_token, reading.documents) == ([], "", 0)
    reading = read()
    page = await of("few").page()
    assert [each.id for each in page.feedback] == ids[450:452]
    assert reading.documents <= 5
    assert [each.id async for each in of("few")] == ids[450:]
    assert [each.id async for each in of("few", user_id="u1")] == [ids[451]]
    assert [each.id async for each in of("few", end_time=few[1].occur_time)] == [ids[452]]
    # One with much is looked for among the newest.
    newest = of("home")
    page = await newest.page()
    assert [each.id for each in page.feedback] == ids[:2]
    filter = feedback_pb2.FeedbackFilter(interaction_id="home")
    assert [each.id async for each in client.feedback.list(filter=filter, page_size=1000)] == ids[:450]


async def test_a_vote_is_found_by_its_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    client = service.client
    votes = [thumbs_up("home", user_id=f"u{number}", response="x" * 20_000) for number in range(100)]
    await asyncio.gather(*(client.collect(vote) for vote in votes))
    found: list[tuple[int, int]] = []
    read_votes = FeedbackStore.votes

    async def counting(self: FeedbackStore, project: str, keys: Any, **options: Any) -> Any:
        answer = await read_votes(self, project, keys, **options)
        found.append((len(keys), len(answer)))
        return answer

    monkeypatch.setattr(FeedbackStore, "votes", counting)
    stored = await client.collect(thumbs_down("home", user_id="u7"))
    changed = await client.collect(thumbs_up("home", user_id="u7"))
    assert changed.id == stored.id
    # Of a hundred with their answers only the one.
    assert set(found) == {(1, 1)}
    both = [thumbs_down("home", user_id="u8"), thumbs_down("home", user_id="nobody")]
    found.clear()
    assert all([result.HasField("feedback") async for result in client.collect_many(both)])
    assert (2, 1) in found


async def test_a_batch_of_small_votes_on_large_feedback_has_a_small_answer(client: Client) -> None:
    large = thumbs_down("i", query=QUERY, response=LARGE, user_id="u")
    stored = (await client.collect(large)).id
    again = [
        feedback_pb2.CollectFeedbackRequest(request_id=f"{number}", feedback=thumbs_up("i", query=QUERY, user_id="u"))
        for number in range(100)
    ]
    stub = feedback_pb2_grpc.FeedbackServiceStub(client._transport.channel)
    answer = await stub.BatchCollectFeedback(feedback_pb2.BatchCollectFeedbackRequest(requests=again))
    assert [result.feedback.id for result in answer.results] == [stored] * len(again)
    whole = [result for result in answer.results if result.feedback.interaction.response == LARGE]
    assert whole == answer.results[: len(whole)]
    assert 10 <= len(whole) < len(again)
    assert answer.ByteSize() < 3_000_000


async def test_lists_of_large_corrections_and_revisions_end_early(client: Client, read: Callable[[], Read]) -> None:
    for number in range(14):
        words = f"{number}{LARGE[:-2]}"
        await apply(client, instructions("agent", words), knowledge(f"key {number}", words))
    pages = await _pages(client.corrections.list(page_size=1000), lambda page: page.corrections, read)
    ids = list(itertools.chain(*pages))
    assert len(ids) == len(set(ids)) == 28
    assert len(pages) >= 4
    target = correction_pb2.CorrectionFilter(target="key 3")
    assert len([each async for each in client.corrections.list(filter=target)]) == 1
    revisions: list[int] = []
    async for page in client.corrections.instruction_revisions("agent", page_size=1000).pages():
        assert page.ByteSize() <= paging.PAGE_BYTES + 100_000
        revisions += [each.revision for each in page.instructions]
    assert revisions == list(range(14, 0, -1))
    reading = read()
    found = await client.corrections.search_knowledge("key", limit=100, minimum_similarity=-1)
    assert 8 <= len(found) <= 10
    assert 0 < reading.largest <= paging.PAGE_BYTES + 1_000_000


async def test_a_review_shows_as_much_of_what_it_relates_to_as_there_is_room_for(
    client: Client, read: Callable[[], Read]
) -> None:
    await by_rate_alone(client)
    for number in range(20):
        large = correction(f"m{number}", corrected=LARGE, original=LARGE, query=QUERY, user_id=f"u{number}")
        await client.collect(thumbs_down(f"m{number}", query=QUERY, response=LARGE, user_id=f"u{number}"))
        await client.collect(large)
    (listed,) = [each async for each in client.reviews.list()]
    reading = read()
    got = await client.reviews.get(listed.id)
    assert 0 < reading.largest <= paging.PAGE_BYTES + 1_000_000
    assert 0 < len(got.related_feedback) < len(listed.related_feedback)
    assert [each.id for each in got.related_feedback] == [
        each.feedback_id for each in listed.related_feedback[: len(got.related_feedback)]
    ]


async def test_reads_of_projects_that_nobody_has_cost_no_memory(service: Service) -> None:
    await service.client.collect(thumbs_up("m1", query=QUERY))
    app = service.app
    patterns, projects = app.parts.feedback.patterns._projects, app.parts.feedback.projects._cache
    before = set(patterns)
    for number in range(30):
        async with Client(service.address, project=f"nobody-{number}") as client:
            assert await client.feedback.similar(query=QUERY) == []
            assert [each async for each in client.feedback.list()] == []
            await client.insights.get()
    assert set(patterns) == before == {"default"}
    assert not [id for id in projects if id.startswith("nobody")]


async def test_a_token_is_of_one_method_project_and_filter(service: Service) -> None:
    client = service.client
    for number in range(3):
        await client.collect(thumbs_up(f"m{number}"))
        await apply(client, instructions("agent", f"{number}"))
        await client.projects.update(project_pb2.ProjectSettings(), ["retention"])
    async with Client(service.address, project="other") as other:
        await other.collect(thumbs_up("m1"))
        await apply(other, *(instructions("agent", str(number)) for number in range(3)))
        listings: dict[str, Listing[Any, Any]] = {}
        for name, each in (("own", client), ("other", other)):
            listings |= {
                f"feedback of {name}": each.feedback.list(page_size=1),
                f"votes of {name}": each.feedback.list(
                    filter=feedback_pb2.FeedbackFilter(types=[feedback_pb2.FEEDBACK_TYPE_THUMBS_UP]), page_size=1
                ),
                f"corrections of {name}": each.corrections.list(page_size=1),
                f"revisions of {name}": each.corrections.instruction_revisions("agent", page_size=1),
                f"lines of {name}": each.projects.audit_events(page_size=1),
                f"reviews of {name}": each.reviews.list(page_size=1),
                f"issues of {name}": each.issues.list(page_size=1),
            }
        listings["projects"] = client.projects.list(page_size=1)
        tokens = {name: (await listing.page()).next_page_token for name, listing in listings.items()}
        assert sum(map(bool, tokens.values())) >= 9
        for name, listing in listings.items():
            for of, token in tokens.items():
                if not token or of == name:
                    continue
                with pytest.raises(UptakeError) as caught:
                    await listing.page(token)
                assert caught.value.reason == "INVALID_PAGE_TOKEN", f"{name} took one of {of}"
