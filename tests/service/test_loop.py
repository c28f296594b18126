"""The main job, whole: feedback in, a review opened, claimed, resolved; numbers exact; a subscriber sees it."""

from uptake import Client, thumbs_down, thumbs_up
from uptake.v1 import review_pb2


async def test_a_bad_pattern_becomes_a_review_that_is_resolved(client: Client) -> None:
    for number in range(4):
        await client.collect(thumbs_up(interaction_id=f"good-{number}", query="What are your opening hours?"))
        await client.collect(thumbs_down(interaction_id=f"bad-{number}", query="How do I reset my password?"))

    reviews = [review async for review in client.reviews.list()]

    assert [review.pattern.representative_query for review in reviews] == ["How do I reset my password?"]
    assert reviews[0].state == review_pb2.REVIEW_STATE_OPEN
    assert reviews[0].negative_rate == 1
    assert reviews[0].sample_size == 4
    claim = await client.reviews.claim(reviews[0].id, "ann")
    resolved = (await claim.resolve("wrote a better answer")).review
    assert resolved.state == review_pb2.REVIEW_STATE_RESOLVED
    assert resolved.resolution.reviewer == "ann"
    metrics = (await client.insights.get()).metrics
    assert (metrics.total_feedback, metrics.positive_count, metrics.negative_count) == (8, 4, 4)
