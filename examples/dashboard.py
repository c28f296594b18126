"""A dashboard: subscribes to insights, leaves, and continues where it left."""

import asyncio
import os

from uptake import Client, thumbs_down

ADDRESS = os.environ.get("UPTAKE_ADDRESS", "localhost:50051")


async def main() -> None:
    async with Client(ADDRESS, project="examples-dashboard") as client:
        token = ""
        async with client.insights.subscribe() as subscription:
            async for message in subscription:
                token = message.resume_token  # Keep it: it is all that is needed to go on.
                if message.HasField("snapshot"):
                    break
        for user in ("ann", "ben", "cho", "dee"):
            await client.collect(thumbs_down(f"map-{user}", query="Why is the map empty?", user_id=user))
        async with client.insights.subscribe(resume_token=token) as subscription:
            async for message in subscription:
                if message.HasField("event") and message.event.HasField("review"):
                    print("a review opened while nobody listened")
                    break


asyncio.run(main())
