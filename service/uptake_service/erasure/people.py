"""Takes the words of a user who is erased out of what people wrote, and made of the user's feedback."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from uptake_service.corrections.store import CorrectionStore
from uptake_service.corrections.workflow import CorrectionWorkflow
from uptake_service.domain.clock import Clock
from uptake_service.domain.erasing import Erasing
from uptake_service.erasure.words import Sayings, squeezed
from uptake_service.feedback.store import FeedbackStore
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.documents import chunked
from uptake_service.mongo.texts import Writing
from uptake_service.reviews.store import ReviewStore

_OTHERS = 20_000
"""So much of others' feedback tells whether they said the same."""

_LETTERS = 100_000
"""So much of what users said is looked for at once in what people wrote."""

_INLINE_CHARACTERS = 2_000
"""So many are taken apart in less time than a thread is called."""

_TEXTS_AT_ONCE = 100
"""So many texts are looked through in a thread at once."""


@dataclass
class _Found:
    """Where what people wrote quotes: the store, the resource, and the quotations in each of its fields."""

    store: Writing
    id: str
    quotations: dict[str, frozenset[str]] = field(default_factory=dict)


class PeoplesWords:
    """What the stores declare as WRITTEN, read from each of `writing`; and versions among what they declare as VALUE,
    as far as they are those of fixes (`values.py` has the others)."""

    def __init__(
        self,
        clock: Clock,
        feedback: FeedbackStore,
        corrections: CorrectionStore,
        correction_workflow: CorrectionWorkflow,
        reviews: ReviewStore,
        issues: IssueStore,
    ) -> None:
        self._clock = clock
        self._feedback = feedback
        self._corrections = corrections
        self._correction_workflow = correction_workflow
        self._reviews = reviews
        self.writing: tuple[Writing, ...] = (correction_workflow, reviews, issues)

    async def forget(self, erasing: Erasing) -> None:
        """Takes out what quotes the feedback and nothing that others say too; corrections made of it are emptied."""
        if not erasing.by_people:
            return
        project, user_id = erasing.project, erasing.user_id
        erased: set[str] = set()
        versions: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        sayings = Sayings()
        for some in chunked(erasing.ids):
            async for each in self._feedback.words.erased_words(project, some):
                erased.add(each.feedback_id)
                versions[each.pattern_id] |= each.versions
                for text, but in (*((text, "") for text in each.said), *((text, each.answers) for text in each.quoted)):
                    if len(text) + len(but) > _INLINE_CHARACTERS:
                        await asyncio.to_thread(sayings.add, text, but)
                    else:
                        sayings.add(text, but)
                    if sayings.size > _LETTERS:
                        await self._written_of(project, sayings, user_id)
                        sayings = Sayings()
        await self._written_of(project, sayings, user_id)
        await self._made_of(project, erased)
        await self._versions_of(versions)

    async def _made_of(self, project: str, erased: Collection[str]) -> None:
        """Empties the corrections that were made of erased feedback alone; of the others it is taken off."""
        async for written in self._corrections.written(project):
            left = [id for id in written.made_of if id not in erased]
            if written.made_of and not left:
                await self._correction_workflow.empty(project, written.id)
            elif len(left) < len(written.made_of):
                await self._corrections.set_made_of(written.id, left)

    async def _written_of(self, project: str, sayings: Sayings, user_id: str) -> None:
        """Takes out of what people wrote what quotes this and nothing that others say too."""
        if not sayings:
            return
        found: list[_Found] = []
        for store in self.writing:
            some: list[tuple[str, Mapping[str, str]]] = []
            async for written in store.written(project):
                some.append((written.id, written.texts))
                if len(some) == _TEXTS_AT_ONCE:
                    found += await asyncio.to_thread(_quoting, store, some, sayings)
                    some = []
            found += await asyncio.to_thread(_quoting, store, some, sayings)
        own = {quotation for each in found for field in each.quotations.values() for quotation in field}
        own = await self._said_by_no_other(project, own, user_id)
        for each in found:
            fields = [name for name, quotations in each.quotations.items() if quotations & own]
            if fields:
                await each.store.unquote(project, each.id, fields)

    async def _said_by_no_other(self, project: str, quotations: set[str], user_id: str) -> set[str]:
        """Those that no feedback that stays says."""
        left = set(quotations)
        if not left:
            return left
        some: list[str] = []
        async for said in self._feedback.words.spoken(project, user_id, _OTHERS):
            some += said
            if len(some) >= _TEXTS_AT_ONCE:
                left -= await asyncio.to_thread(_said_in, left, some)
                some = []
                if not left:
                    return left
        return left - await asyncio.to_thread(_said_in, left, some)

    async def _versions_of(self, versions: Mapping[str, Collection[tuple[str, str]]]) -> None:
        """Takes versions out of the fixes of patterns that no feedback has which was, or could be, seen before them."""
        now = self._clock.now()
        for pattern_id, erased in versions.items():
            for store in (self._corrections, self._reviews):
                for id, fix in await store.fixes(pattern_id):
                    gone = fix.versions.intersection(erased)
                    for end in (fix.time, now):
                        if gone:
                            seen = await self._feedback.evidence.versions_before(pattern_id, end)
                            gone -= seen
                    if gone:
                        await store.drop_versions(id, gone)


def _quoting(store: Writing, written: Sequence[tuple[str, Mapping[str, str]]], sayings: Sayings) -> list[_Found]:
    """Those that quote."""
    found = []
    for id, texts in written:
        quotations = {name: sayings.quoted_in(text) for name, text in texts.items() if text}
        if any(quotations.values()):
            found.append(_Found(store, id, quotations))
    return found


def _said_in(quotations: Collection[str], texts: Sequence[str]) -> set[str]:
    """Those quotations that stand in one of these texts."""
    found: set[str] = set()
    for text in texts:
        said = squeezed(text)
        found.update(quotation for quotation in quotations if quotation in said)
    return found
