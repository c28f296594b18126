"""kill -9 under a firehose of streams: what was acknowledged is there, once, and the streams go on by themselves."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from uptake import Client, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2

from tests.faults.test_kill import QUERIES, database_at
from tests.faults.trial import lasting_differences
from tests.processes import PATIENCE_SECONDS, eventually, free_port, in_time, serving

ITEMS = 1000
SHARED = 300
"""How many items both streams send, under the same request ids."""
KILLS = (1, 700)
"""How many acknowledgements there are when the service is killed."""


_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Without it a new client waits as long as those that saw the service die."""


async def items(first: int, killed: asyncio.Event) -> AsyncIterator[feedback_pb2.CollectFeedbackRequest]:
    """The items of one stream; the last come after the last kill, so that each kill comes into the streams."""
    for number in range(first, first + ITEMS):
        if number == first + ITEMS * 3 // 4:
            await killed.wait()
        feedback = (thumbs_down if number % 3 else thumbs_up)(f"answer-{number}", query=QUERIES[number % 4])
        yield feedback_pb2.CollectFeedbackRequest(request_id=f"stream-{number}", feedback=feedback)


async def test_streams_outlive_kills_and_every_piece_is_stored_once(tmp_path: Path) -> None:
    acknowledged: list[dict[str, str]] = [{}, {}]
    killed = asyncio.Event()

    async def stream(client: Client, place: int) -> None:
        async for result in client.feedback.stream(items(place * (ITEMS - SHARED), killed)):
            assert result.error is None
            assert result.request_id not in acknowledged[place]
            acknowledged[place][result.request_id] = result.feedback_id

    async def stored(client: Client) -> dict[str, str]:
        """The interaction of each piece by its id."""
        return {each.id: each.interaction.id async for each in client.feedback.list(page_size=1000)}

    def reached(count: int) -> bool:
        return sum(map(len, acknowledged)) >= count

    port = free_port()
    streams: list[asyncio.Task[None]] = []
    async with AsyncExitStack() as cleanup:
        for acknowledgements in KILLS:
            async with serving(tmp_path / "data", port=str(port)) as service:
                if not streams:
                    for place in range(2):
                        client = await cleanup.enter_async_context(Client(service.address))
                        streams.append(asyncio.create_task(stream(client, place)))
                        cleanup.callback(streams[place].cancel)
                await eventually(partial(reached, acknowledgements), f"{acknowledgements} acknowledged")
                service.kill()
                assert await service.ended() == -signal.SIGKILL
        killed.set()

        before = {id: name for each in acknowledged for name, id in each.items()}
        async with serving(tmp_path / "data", port=str(port)) as service:
            async with Client(service.address, timeout_seconds=PATIENCE_SECONDS, options=[_OWN_CONNECTION]) as client:
                after = await stored(client)
                assert {id: after[id] for id in before} == {
                    id: name.replace("stream", "answer") for id, name in before.items()
                }

                async with in_time("the end of the streams", 2 * PATIENCE_SECONDS):
                    await asyncio.gather(*streams)

                assert [len(each) for each in acknowledged] == [ITEMS, ITEMS]
                by_name = acknowledged[0] | acknowledged[1]
                assert acknowledged[1] | acknowledged[0] == by_name
                everything = await stored(client)
                assert {id: name.replace("answer", "stream") for id, name in everything.items()} == {
                    id: name for name, id in by_name.items()
                }
                metrics = (await client.insights.get()).metrics
                assert metrics.total_feedback == len(everything) == len(by_name) == 2 * ITEMS - SHARED
                async with database_at(service.database_uri) as mongo:
                    assert await lasting_differences(mongo) == []
            service.terminate()
            assert await service.ended() == 0
