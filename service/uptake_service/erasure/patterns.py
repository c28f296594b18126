"""Takes the words of feedback that is erased out of what patterns are shown by."""

from collections.abc import Collection, Sequence
from datetime import datetime

from uptake_service.domain.erasing import Erasing
from uptake_service.domain.feedback import FeedbackState
from uptake_service.domain.grouping import Text
from uptake_service.feedback.store import FeedbackStore
from uptake_service.feedback.words import Said
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import chunked
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Removals
from uptake_service.mongo.transactions import transaction
from uptake_service.patterns.patterns import Patterns
from uptake_service.patterns.store import Naming, PatternStore, pattern_id_of


class PatternWords:
    """What the stores declare as DERIVED of patterns."""

    def __init__(self, mongo: Mongo, feedback: FeedbackStore, patterns: Patterns, store: PatternStore) -> None:
        self._mongo = mongo
        self._feedback = feedback
        self._patterns = patterns
        self._store = store
        self._removals = Removals(mongo)

    async def forget(self, erasing: Erasing) -> None:
        """Lets others' words stand for the patterns that this feedback stands for; none, where there are no others."""
        for ids in chunked(erasing.ids):
            said = await self._feedback.words.said(erasing.project, ids, FeedbackState.ERASED)
            await self._forget(erasing.project, said)

    async def hand_over(self, ids: Collection[str], before: datetime | None) -> None:
        """Lets words of others stand for the patterns that this feedback, which is about to be removed, stands for.

        Args:
            ids: The feedback.
            before: What occurred earlier is about to be removed too.
        """
        for pattern in await self._store.named((), sorted(ids)):
            await self._show_by_others(pattern, but=ids, since=before)

    async def _forget(self, project: str, said: Sequence[Said]) -> None:
        ids = {each.feedback_id for each in said}
        texts = {text for each in said for text in each.texts}
        # Of a vote that moved to another pattern, the one that it was in may still be shown by its words; the first
        # edition did not note by whose, but a pattern's id is made of the text that started it.
        began = {pattern_id_of(Text(project, text, "")) for text in texts}
        named = await self._store.named(sorted(began.union(each.pattern_id for each in said)), sorted(ids))
        for pattern in named:
            if pattern.named_by in ids or pattern.representative_query in texts:
                await self._show_by_others(pattern)

    async def _show_by_others(
        self, pattern: Naming, *, but: Collection[str] = (), since: datetime | None = None
    ) -> None:
        async def body(session: Session) -> None:
            said = await self._feedback.words.newest_said(pattern.id, but=but, since=since, session=session)
            number = await self._removals.note(session)
            if said is not None:
                # Who erases that one meanwhile would not know that it stands here.
                await self._feedback.words.hold([said.feedback_id], session)
            text, named_by = (said.text, said.feedback_id) if said else ("", "")
            await self._store.rename(pattern, text, named_by, number, session)

        await transaction(self._mongo, body)
        await self._patterns.follow()
