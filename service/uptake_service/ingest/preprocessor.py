"""What waits for a commit, and what is made ready of it meanwhile: redaction, and the vector of its text.

Both need nothing of the commits before, so they are done while one is under way, and the next has less left to do.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from opentelemetry.trace import Span

from uptake_service.coordination.idempotency import RequestKey
from uptake_service.domain.caller import Caller
from uptake_service.domain.feedback import CollectOutcome
from uptake_service.domain.visible import is_visible
from uptake_service.embedding.embedders import NO_VECTOR, Vector
from uptake_service.ingest.changes import Amend, Change, Collect, Made
from uptake_service.ingest.redacting import redacting_change
from uptake_service.ingest.redaction.steps import Steps, paced
from uptake_service.projects.store import ProjectStore

_FEWEST_AHEAD, _MOST_AHEAD = 200, 256
"""How many are prepared ahead at once. Single calls come in by and by, and in groups as small as theirs it costs more
than it saves; for more the commit that needs the first of them would wait."""


@dataclass(eq=False)
class Item:
    """One change that waits for its commit, with those who sent the same once more."""

    change: Change
    key: RequestKey | None
    deadline: float | None
    done: "asyncio.Future[Made]"
    caller: Caller
    span: Span | None
    streamed: bool = False
    prepared: bool = False
    vector: Vector = NO_VECTOR
    repeats: "list[Item]" = field(default_factory=list)

    @property
    def text(self) -> str | None:
        """The text to find a pattern for; None if the change brings none."""
        match self.change:
            case Collect(draft):
                return draft.text
            case Amend() as amend if "comment" in amend.fields and is_visible(amend.comment):
                return amend.comment
        return None

    def answer(self, result: Made | Exception) -> None:
        """Answers its caller, if the caller is still there, and everyone who sent the same."""
        for item in (self, *self.repeats):
            if item.done.done():
                continue
            if isinstance(result, Exception):
                item.done.set_exception(result)
            elif item is self or result.outcome is None:
                item.done.set_result(result)
            else:
                item.done.set_result(Made(result.feedback, CollectOutcome.REPEATED))


Embed = Callable[[Sequence[str]], Awaitable[list[Vector]]]
"""Gives the vectors of texts."""


class Preprocessor:
    def __init__(self, embed: Embed, projects: ProjectStore) -> None:
        self._embed = embed
        self._projects = projects
        self._waiting: deque[Item] = deque()
        self._turn = asyncio.Lock()
        self._ahead: asyncio.Task[None] | None = None

    def add(self, items: Sequence[Item], *, ahead: bool) -> None:
        """Notes items of the queue; with `ahead` they are begun with, once they are enough to be worth it."""
        self._waiting.extend(items)
        if ahead and self._ahead is None and len(self._waiting) >= _FEWEST_AHEAD:
            self._ahead = asyncio.create_task(self._go_ahead(), name="preparing")

    async def finish(self, batch: Sequence[Item]) -> None:
        """Prepares what is left to prepare of a batch, the oldest of the queue."""
        async with self._turn:
            await self._prepare([item for item in batch if not item.prepared])

    def forget(self) -> None:
        """Drops what has left the queue: the oldest, which are prepared, or have their answer."""
        while self._waiting and (self._waiting[0].prepared or self._waiting[0].done.done()):
            self._waiting.popleft()

    async def stop(self) -> None:
        if self._ahead is not None:
            await asyncio.wait({self._ahead})

    async def _go_ahead(self) -> None:
        try:
            while len(self._waiting) >= _FEWEST_AHEAD:
                async with self._turn:
                    some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AHEAD))]
                    await self._prepare([item for item in some if not (item.prepared or item.done.done())])
        except Exception:  # noqa: BLE001  Whose batch it is finds it unprepared, and tells what is wrong.
            return
        finally:
            self._ahead = None

    async def _prepare(self, items: Sequence[Item]) -> None:
        if not items:
            return
        redaction = {
            id: (await self._projects.recent(id)).settings.redaction for id in {item.change.project for item in items}
        }

        def redact() -> Steps[None]:
            for item in items:
                item.change = yield from redacting_change(item.change, redaction[item.change.project])
                yield

        await paced(redact())
        texts = [(item, item.text) for item in items if item.text is not None]
        vectors = await self._embed([text for _, text in texts])
        for (item, _), vector in zip(texts, vectors, strict=True):
            item.vector = vector
        for item in items:
            item.prepared = True
