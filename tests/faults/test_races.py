"""50 reviewers race for 50 reviews on two replicas; `make faults` lets them try 100,000 times."""

from uptake.v1 import review_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import StartService
from tests.faults.races import race

ATTEMPTS = 500


async def test_no_claim_has_two_winners(start_service: StartService) -> None:
    one, other = await start_service(), await start_service()

    found = await race([one.address, other.address], reviewers=50, reviews=50, attempts=ATTEMPTS)

    assert found.attempts >= ATTEMPTS
    assert max(found.won.values()) == 1
    assert found.stale == found.unanswered == 0
    async for review in one.client.reviews.list():
        detail = await one.client.reviews.get(review.id)
        claimed = [line for line in detail.history if line.action == review_pb2.REVIEW_ACTION_CLAIMED]
        assert len(claimed) == found.newest[review.id]
    assert await check(one.mongo, Clock()) == []
