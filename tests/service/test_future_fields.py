"""Documents evolve: what a later version wrote is read by this one, and what it does not know of it stays."""

from typing import Any

from uptake import Client, thumbs_down, thumbs_up
from uptake_service.app.check import check
from uptake_service.app.stores import STORES
from uptake_service.domain.clock import Clock

from tests.conftest import StartService
from tests.corrections import instructions, knowledge
from tests.policies import by_rate_alone

QUERY = "How do I change my password?"
FUTURE = "from_the_future"
_COUNTED = {"rollups", "journal", "language_votes"}
"""There a name inside a document is a count: a new one would be another number, not another field."""


def with_future(value: Any, *, nested: bool) -> Any:
    """A stored value with a field more in each document in it."""
    if isinstance(value, list) and nested:
        return [with_future(each, nested=nested) for each in value]
    if isinstance(value, dict):
        inner = {name: with_future(each, nested=nested) if nested else each for name, each in value.items()}
        return inner | {FUTURE: {"a": [1]}}
    return value


async def made(client: Client) -> tuple[str, str]:
    """Something in every collection; a review that is claimed, with its token."""
    await by_rate_alone(client)
    for number in range(6):
        await client.collect(thumbs_down(f"i{number}", query=QUERY, comment="it never arrives", user_id=f"u{number}"))
    await client.collect(thumbs_up("i0", query=QUERY, user_id="u0"), request_id="again")
    (review,) = [review async for review in client.reviews.list()]
    claim = await client.reviews.claim(review.id, "ann")
    await client.corrections.apply(
        [knowledge("passwords", "In the settings."), instructions("tone", "Be short.")], "ann"
    )
    await client.insights.get(refresh_issues=True)
    return review.id, claim.token


async def test_a_database_with_fields_from_the_future_is_served(start_service: StartService) -> None:
    first = await start_service()
    review_id, token = await made(first.client)
    names = {text.collection for store in STORES for text in store.TEXTS}
    changed = 0
    for name in sorted(names):
        stored = first.mongo.collection(name)
        for document in await stored.find({}):
            fresh = with_future(document, nested=name not in _COUNTED)
            await stored.update({"_id": document["_id"]}, {"$set": {k: v for k, v in fresh.items() if k != "_id"}})
            changed += 1
    assert changed > 30

    service = await start_service()
    client = service.client
    assert [each.interaction.query async for each in client.feedback.list()] == [QUERY] * 6
    await client.collect(thumbs_down("i1", query=QUERY, comment="still", user_id="u1"))
    await client.collect(thumbs_down("new", query=QUERY, user_id="new"))
    resolved = await client.reviews.held(review_id, token).resolve(note="done")
    assert resolved.review.id == review_id
    assert (await client.insights.get(refresh_issues=True)).metrics.total_feedback == 7
    assert sorted([correction.target async for correction in client.corrections.list()]) == ["passwords", "tone"]
    assert await client.feedback.erase_user("u2") == 1
    assert await check(service.mongo, Clock()) == []
    (review,) = await service.mongo.collection("reviews").find({"_id": review_id})
    assert review[FUTURE] == {"a": [1]}
