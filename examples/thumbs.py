"""Sends the votes of a chat: a thumb, then a second thought of the same user with words."""

import asyncio
import os

from uptake import Client, thumbs_down, thumbs_up

ADDRESS = os.environ.get("UPTAKE_ADDRESS", "localhost:50051")
QUESTION = "Where is my parcel?"


async def main() -> None:
    async with Client(ADDRESS, project="examples") as client:
        # The id is the caller's own, of the answer. The same user's next vote on it amends the first.
        first = await client.collect(thumbs_up("answer-1", query=QUESTION, user_id="ann"), request_id="click-1")
        second = await client.collect(
            thumbs_down("answer-1", query=QUESTION, user_id="ann", comment="the tracking page is empty"),
            request_id="click-2",
        )
        print("one vote:", first.id == second.id)
        # The same request once more, as after a lost answer, stores nothing.
        again = await client.collect(thumbs_up("answer-1", query=QUESTION, user_id="ann"), request_id="click-1")
        print("still the newest:", again.comment)


asyncio.run(main())
