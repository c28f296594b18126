"""An AI service: answers with the newest instructions, and names their revision in what is said of the answer."""

import asyncio
import os

from uptake import Client, thumbs_up
from uptake.v1 import correction_pb2

ADDRESS = os.environ.get("UPTAKE_ADDRESS", "localhost:50051")


async def main() -> None:
    async with Client(ADDRESS, project="examples-assistant") as client:
        change = correction_pb2.InstructionsChange(name="tone", content="Be short.")
        await client.corrections.apply([correction_pb2.CorrectionDraft(instructions=change)], "ann@example.com")
        instructions = await client.corrections.instructions("tone")
        if instructions is None:
            raise SystemExit("there are none")
        print("answers with:", instructions.content)
        # Cheap to ask for again: nothing is sent as long as the revision is the newest.
        print("unchanged:", await client.corrections.instructions("tone", known_revision=instructions.revision) is None)
        vote = thumbs_up("answer-1", query="Hello?", user_id="ann", versions={"tone": str(instructions.revision)})
        stored = await client.collect(vote)
        print("voted on:", dict(stored.interaction.versions))


asyncio.run(main())
