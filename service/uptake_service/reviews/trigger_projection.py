"""The trigger as a projection: what a batch makes due is written with it, and judged right after its commit."""

from collections.abc import Callable, Collection, Sequence

from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import Sentiment, Transition
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.projections.projection import Batch, Commit, Projection, Update
from uptake_service.reviews.due import due_patterns
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox
from uptake_service.reviews.recount import ReviewRecount
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.trigger import Trigger


class TriggerProjection(Projection):
    STORES = (TriggerOutbox,)

    @classmethod
    def recounts(cls, mongo: Mongo, clock: Clock) -> Sequence[Recount]:
        return (ReviewRecount(mongo),)

    def __init__(
        self, outbox: TriggerOutbox, reviews: ReviewStore, trigger: Trigger, known_verdicts: Callable[[str], int]
    ) -> None:
        """`known_verdicts`: gives how much feedback that says something of its answers a pattern has, as far as this
        process knows."""
        self._outbox = outbox
        self._reviews = reviews
        self._trigger = trigger
        self._known_verdicts = known_verdicts

    def begin(self, batch: Batch) -> Update:
        # Whether to judge a pattern at feedback that is not negative hangs on what it had.
        gaining = dict.fromkeys(
            assignment.pattern_id
            for draft, assignment in batch.collected
            if draft.content.sentiment is not Sentiment.NEGATIVE
        )
        return _Judged(self._outbox, self._reviews, self._trigger, self._known_verdicts, list(gaining))


class _Judged(Update):
    def __init__(
        self,
        outbox: TriggerOutbox,
        reviews: ReviewStore,
        trigger: Trigger,
        known_verdicts: Callable[[str], int],
        gaining: Sequence[str],
    ) -> None:
        self._outbox = outbox
        self._reviews = reviews
        self._trigger = trigger
        self._known_verdicts = known_verdicts
        self._gaining = gaining
        self._after_fix: Collection[str] = ()
        self._due: list[OutboxEntry] = []

    async def read(self, session: Session) -> None:
        self._after_fix = await self._reviews.short_of_sample(self._gaining, session)

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        self._due = due_patterns(transitions, commit, self._known_verdicts, self._after_fix)
        await self._outbox.add(self._due, commit.time, session)

    async def finish(self) -> None:
        # What it fails at stays in the outbox.
        await self._trigger.run(self._due)
