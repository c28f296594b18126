"""Streams of feedback: each message is taken in as it comes and answered after its commit, in any order.

A window bounds how much of a stream is here, from the reading of a message to the writing of its answer. While it is
used up, and while the intake has no room, the stream is not read, and gRPC holds the caller back.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from uptake_service.coordination.idempotency import RequestKey
from uptake_service.domain.errors import DomainError
from uptake_service.ingest.changes import Change, Made
from uptake_service.ingest.intake import Intake
from uptake_service.live.shutdown import Shutdown, stopping


@dataclass(frozen=True)
class Received:
    """One message of a stream: what it asks for, or what is wrong with it, and how many bytes it had."""

    request_id: str
    content: tuple[Change, RequestKey | None] | DomainError
    size: int


@dataclass(frozen=True)
class Reply:
    """What became of the message with this request id, which had so many bytes."""

    request_id: str
    outcome: Made | DomainError
    size: int


Receive = Callable[[], Awaitable[Received | None]]
"""Reads the next message; None at the caller's end."""

Send = Callable[[Reply], Awaitable[None]]


class FeedbackStreams:
    """Serves streams, each for itself.

    Attributes:
        window: How many messages of one stream may be here unanswered.
    """

    def __init__(self, intake: Intake, shutdown: Shutdown, window: int) -> None:
        self.window = window
        self._intake = intake
        self._shutdown = shutdown

    async def serve(self, receive: Receive, send: Send, deadline: float | None) -> None:
        """Takes in until the caller's end, and answers all of it.

        Where it is cancelled, what waits for its commit is dropped, and what is being committed stays.

        Args:
            receive: Reads the next message.
            send: Writes an answer.
            deadline: Loop time after which the caller has gone; past it nothing is written.

        Raises:
            DomainError: The process is stopping; all that was taken in is answered, and nothing more is.
        """
        stream = _Stream(self._intake, self.window, deadline)
        reading = asyncio.create_task(stream.take_in(receive), name="reading a feedback stream")
        asked = asyncio.create_task(self._shutdown.wait(), name="end of a feedback stream")
        asked.add_done_callback(lambda _: reading.cancel())
        try:
            await stream.answer(send, reading)
        finally:
            reading.cancel()
            asked.cancel()
            stream.drop()
            await asyncio.wait((reading, asked))
            # Looked at in any case: it may have failed at the moment in which we were cancelled.
            if not reading.cancelled():
                reading.exception()
        if reading.cancelled():
            raise stopping()
        reading.result()


class _Stream:
    """What of one stream is here: in the intake, or answered and not sent yet."""

    def __init__(self, intake: Intake, window: int, deadline: float | None) -> None:
        self._intake = intake
        self._deadline = deadline
        self._room = asyncio.Semaphore(window)
        self._uncommitted: dict[asyncio.Future[Made], Received] = {}
        self._replies: deque[Reply] = deque()
        self._fault: BaseException | None = None
        self._changed = asyncio.Event()

    async def take_in(self, receive: Receive) -> None:
        """Reads until the end, never ahead of the window."""
        while True:
            await self._room.acquire()
            received = await receive()
            if received is None:
                return
            if isinstance(received.content, DomainError):
                self._replies.append(Reply(received.request_id, received.content, received.size))
                self._changed.set()
                continue
            change, key = received.content
            done = await self._intake.submit_streamed(change, key, self._deadline)
            self._uncommitted[done] = received
            done.add_done_callback(self._settled)

    async def answer(self, send: Send, reading: "asyncio.Task[None]") -> None:
        """Sends answers as they come, until nothing is read any more and nothing is left to answer."""
        reading.add_done_callback(lambda _: self._changed.set())
        while self._uncommitted or self._replies or not reading.done():
            self._changed.clear()
            while self._replies:
                await send(self._replies.popleft())
                self._room.release()
            if self._fault is not None:
                raise self._fault
            if self._uncommitted or not reading.done():
                await self._changed.wait()

    def drop(self) -> None:
        """Takes back what is not being committed yet; there is nobody left to answer."""
        for done in self._uncommitted:
            done.cancel()

    def _settled(self, done: "asyncio.Future[Made]") -> None:
        received = self._uncommitted.pop(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is None or isinstance(error, DomainError):
            self._replies.append(Reply(received.request_id, error or done.result(), received.size))
        else:
            self._fault = error
        self._changed.set()
