"""Takes the words of feedback that is erased out of the issues that were found in it."""

from collections.abc import Collection, Sequence

from uptake_service.domain.clock import BEGINNING
from uptake_service.domain.erasing import Erasing
from uptake_service.domain.feedback import FeedbackState
from uptake_service.erasure.words import words
from uptake_service.feedback.store import FeedbackStore
from uptake_service.issues.cleaning import clean
from uptake_service.issues.members import IssueMembers
from uptake_service.issues.membership import IssueMembership
from uptake_service.issues.model import Generation, Issue, current_ids
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.documents import chunked

_MEMBERS = 300
"""So many members of an issue tell which of its words others said too."""

_MEMBERS_AT_ONCE = 50
"""Mostly a few say all of an issue's words, and no more have to be read."""

_OPENING = 60
"""Characters of a comment that is its issue's title."""


class IssueWords:
    """What the stores declare as DERIVED of issues."""

    def __init__(
        self, feedback: FeedbackStore, issues: IssueStore, members: IssueMembers, membership: IssueMembership
    ) -> None:
        self._feedback = feedback
        self._issues = issues
        self._members = members
        self._membership = membership

    async def forget(self, erasing: Erasing) -> None:
        """Takes the feedback out of issues, and out of their titles, keywords and samples what nobody else says."""
        complained, erased = set[str](), set[str]()
        for ids in chunked(erasing.ids):
            for each in await self._feedback.words.said(erasing.project, ids, FeedbackState.ERASED):
                erased.add(each.feedback_id)
                for text in each.complaints:
                    complained |= _all_words(text)
        if erased:
            await self._forget(erasing.project, erased, complained, by_people=erasing.by_people)

    async def _forget(
        self, project: str, erased: Collection[str], complained: Collection[str], *, by_people: bool
    ) -> None:
        if not (await self._issues.generation(project)).attempts:
            return
        # What a run that began before found has the words in it. One that begins now sees only what is left.
        await self._issues.supersede_runs(project)
        # Members that a run wrote meanwhile are none either; what else is to be moved over is not waited for.
        await self._membership.withdraw(project, sorted(erased))
        generation, issues = await self._issues.generation(project), await self._issues.all(project)
        current = current_ids(issues)
        for issue in issues:
            found = words(" ".join((issue.found_title, *issue.keywords)))
            shown = found.union(words(issue.given_title).intersection(complained))
            parts = [id for id, end in current.items() if end == current[issue.id]]
            alone = await self._said_by_no_member(generation, parts, shown, complained) if shown else shown

            def rewritten(issue: Issue, alone: Collection[str] = frozenset(alone)) -> Issue:
                return without(issue, alone, erased, by_people=by_people)

            if rewritten(issue) != issue:
                await self._issues.rewrite(project, issue.id, rewritten)

    async def _said_by_no_member(
        self, generation: Generation, parts: Sequence[str], shown: Collection[str], complained: Collection[str]
    ) -> set[str]:
        """Those words that no member of an issue, whose parts these are, says. Of an issue with more members than are
        looked at only those that erased feedback said."""
        members = await self._members.newest(generation, parts, BEGINNING, _MEMBERS)
        alone = set(shown)
        for ids in chunked([member.feedback_id for member in members], _MEMBERS_AT_ONCE):
            for each in await self._feedback.words.said(generation.project, ids, FeedbackState.ACTIVE):
                alone -= _all_words(each.complaints[0])
            if not alone:
                break
        return alone if len(members) < _MEMBERS else alone.intersection(complained)


def _all_words(text: str) -> set[str]:
    """The words of a complaint, as it is and as issues are found by it."""
    return words(text) | words(clean(text))


def without(issue: Issue, alone: Collection[str], erased: Collection[str], *, by_people: bool) -> Issue:
    """An issue that shows none of these words and no sample of erased feedback.

    Args:
        issue: The issue.
        alone: The words.
        erased: Ids of feedback.
        by_people: Whether the title that a person gave goes too.
    """
    samples = tuple(sample for sample in issue.samples if sample.feedback_id not in erased)
    shown = issue.representative
    representative = shown if shown and shown.feedback_id not in erased else None
    keywords = tuple(keyword for keyword in issue.keywords if not words(keyword) & set(alone))
    found = issue.found_title
    if words(found) & set(alone):
        openings = [sample.text[:_OPENING] for sample in (representative, *samples) if sample]
        found = next((text for text in (*openings, *keywords) if not words(text) & set(alone)), "")
    given = "" if by_people and words(issue.given_title) & set(alone) else issue.given_title
    return issue.model_copy(
        update={
            "keywords": keywords,
            "found_title": found,
            "given_title": given,
            "representative": representative,
            "samples": samples,
        }
    )
