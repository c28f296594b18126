"""Takes a user's words out of what was made of feedback: patterns, issues, and what was corrected by it."""

from collections.abc import Collection, Sequence

from uptake_service.corrections.model import Author
from uptake_service.corrections.store import CorrectionStore
from uptake_service.erasure.words import Sayings, said, words
from uptake_service.feedback.model import StoredFeedback, complains, complaint
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.insights.issues.model import EVER, Issue
from uptake_service.insights.issues.runner import IssueRunner
from uptake_service.insights.issues.store import IssueStore
from uptake_service.patterns.store import Patterns

_ERASER = Author(reviewer="erasure")
_MEMBERS = 300
"""So many members of an issue tell which of its words are not one user's alone."""

_OPENING = 60
"""Characters of a comment that is its issue's title."""


class DerivedWords:
    def __init__(
        self,
        feedback: FeedbackStore,
        patterns: Patterns,
        issues: IssueStore,
        members: IssueMembers,
        runner: IssueRunner,
        corrections: CorrectionStore,
    ) -> None:
        self._feedback = feedback
        self._patterns = patterns
        self._issues = issues
        self._members = members
        self._runner = runner
        self._corrections = corrections

    async def forget(self, project: str, erased: Sequence[StoredFeedback]) -> None:
        """Replaces what came from a user, whose feedback is all erased and none of it deleted yet.

        What others said too stays. Doing it again does no harm.

        Args:
            project: The project.
            erased: All feedback of the user.
        """
        if not erased:
            return
        await self._patterns_of(erased)
        await self._corrected_by(project, erased)
        has_words = any(complaint(feedback.content.comment, feedback.interaction.query) for feedback in erased)
        if has_words and (await self._issues.generation(project)).attempts:
            # A run that began before has the words in hand, and one that begins now makes everything of what is left.
            await self._runner.refresh(project)
            await self._issues_of(project, erased)

    async def _patterns_of(self, erased: Sequence[StoredFeedback]) -> None:
        user_id = erased[0].user_id
        ids = {feedback.id for feedback in erased}
        texts = {feedback.text for feedback in erased}
        for pattern_id in {feedback.pattern_id for feedback in erased}:
            if await self._patterns.is_named_by(pattern_id, ids, texts):
                other = await self._feedback.newest_text_of_others(pattern_id, user_id)
                await self._patterns.rename(pattern_id, other)

    async def _corrected_by(self, project: str, erased: Sequence[StoredFeedback]) -> None:
        ids = {feedback.id for feedback in erased}
        sayings = Sayings(text for feedback in erased for text in said(feedback))
        async for id, feedback_ids, content in self._corrections.contents(project):
            if (feedback_ids and ids.issuperset(feedback_ids)) or sayings.in_text(content):
                await self._corrections.forget(project, id, _ERASER)

    async def _issues_of(self, project: str, erased: Sequence[StoredFeedback]) -> None:
        gone = {word for f in erased for word in words(complaint(f.content.comment, f.interaction.query))}
        for issue in await self._issues.all(project):
            shown = words(" ".join((issue.found_title, issue.given_title, *issue.keywords))) & gone
            if shown and (alone := shown - await self._words_of_members(project, issue)):
                await self._issues.rename(without(issue, alone))

    async def _words_of_members(self, project: str, issue: Issue) -> set[str]:
        generation = await self._issues.generation(project)
        members = await self._members.newest(generation, [issue.id], EVER, _MEMBERS)
        feedback = await self._feedback.by_ids(project, [member.feedback_id for member in members])
        return {
            word
            for item in feedback
            if complains(item)
            for word in words(complaint(item.content.comment, item.interaction.query))
        }


def without(issue: Issue, alone: Collection[str]) -> Issue:
    """An issue that shows none of these words."""
    keywords = tuple(keyword for keyword in issue.keywords if not words(keyword) & set(alone))
    openings = [sample.text[:_OPENING] for sample in (issue.representative, *issue.samples) if sample]
    clean = [text for text in (issue.found_title, *openings, *keywords) if not words(text) & set(alone)]
    given = "" if words(issue.given_title) & set(alone) else issue.given_title
    return issue.model_copy(
        update={"keywords": keywords, "found_title": clean[0] if clean else "", "given_title": given}
    )
