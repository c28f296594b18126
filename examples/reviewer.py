"""A reviewer's tool: makes a pattern bad, claims its review, and resolves it with a correction of knowledge."""

import asyncio
import os

from uptake import Client, thumbs_down
from uptake.v1 import correction_pb2, review_pb2

ADDRESS = os.environ.get("UPTAKE_ADDRESS", "localhost:50051")
QUESTION = "How do I cancel?"


async def main() -> None:
    async with Client(ADDRESS, project="examples-reviewer") as client:
        for user in ("ann", "ben", "cho", "dee"):
            await client.collect(thumbs_down(f"cancel-{user}", query=QUESTION, user_id=user, comment="it fails"))
        urgent = client.reviews.list(order=review_pb2.REVIEW_ORDER_MOST_URGENT)
        review = await anext(aiter(urgent))
        print("to do:", review.pattern.representative_query)
        change = correction_pb2.KnowledgeChange(key="cancelling", content="Settings, Plan, Cancel.")
        # The claim is renewed while we work; leaving the block without an end gives it back.
        async with await client.reviews.claim(review.id, "ann@example.com") as claim:
            await claim.resolve("wrote an entry", corrections=[correction_pb2.CorrectionDraft(knowledge=change)])
        (entry,) = await client.corrections.search_knowledge(QUESTION, limit=1)
        print("known now:", entry.entry.content)


asyncio.run(main())
