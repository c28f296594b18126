"""What people decide about issues: names, states, merges and splits. It holds through later runs."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uptake_service.coordination.idempotency import RequestKey
from uptake_service.domain.errors import DomainError, InvalidRequest, Reason, Violation
from uptake_service.domain.feedback import StoredFeedback, complaint
from uptake_service.embedding.embedders import Embedders, Space
from uptake_service.feedback.store import FeedbackStore
from uptake_service.issues.cleaning import clean
from uptake_service.issues.members import RUN, DayDeltas, IssueMembers, in_force
from uptake_service.issues.model import COMMENT_LENGTH, Comment, Issue, IssueState, Member, current_ids
from uptake_service.issues.store import IssueStore, split_off
from uptake_service.mongo.session import Session

if TYPE_CHECKING:
    from uptake_service.issues.clustering import Clusters

_SAMPLES = 3


class IssueDecisions:
    def __init__(
        self, issues: IssueStore, members: IssueMembers, feedback: FeedbackStore, embedders: Embedders
    ) -> None:
        self._issues = issues
        self._members = members
        self._feedback = feedback
        self._embedders = embedders

    async def update(
        self,
        project: str,
        id: str,
        title: str | None,
        state: IssueState | None,
        etag: str,
        key: RequestKey | None,
        reviewer: str,
    ) -> str:
        """Renames an issue or says where it stands; None leaves it. An empty title goes back to the found one."""

        async def change(issue: Issue, now: datetime, session: Session) -> list[Issue]:
            _must_stand(issue)
            changes: dict[str, object] = {}
            if title is not None:
                changes["given_title"] = title
            if state is not None:
                changes |= {"state": state, "resolve_time": now if state is IssueState.RESOLVED else issue.resolve_time}
            return [issue.model_copy(update=changes)]

        return await self._issues.change(project, id, change, etag, key, reviewer)

    async def merge(
        self, project: str, id: str, merged_ids: Sequence[str], etag: str, key: RequestKey | None, reviewer: str
    ) -> str:
        """Makes other issues part of this one."""

        async def change(issue: Issue, now: datetime, session: Session) -> list[Issue]:
            _must_stand(issue)
            parts = [await self._issues.get(project, part, session=session) for part in merged_ids]
            for part in parts:
                _must_stand(part)
            whole = issue.model_copy(
                update={
                    "absorbs": True,
                    "frequency": issue.frequency + sum(part.frequency for part in parts),
                    "first_seen_time": min([issue.first_seen_time, *(part.first_seen_time for part in parts)]),
                    "last_seen_time": max([issue.last_seen_time, *(part.last_seen_time for part in parts)]),
                }
            )
            return [whole, *(part.model_copy(update={"merged_into": id}) for part in parts)]

        return await self._issues.change(project, id, change, etag, key, reviewer)

    async def split(
        self,
        project: str,
        id: str,
        feedback_ids: Sequence[str],
        title: str,
        etag: str,
        key: RequestKey | None,
        reviewer: str,
    ) -> tuple[str, str]:
        """Takes members out into an issue of their own.

        Returns:
            The ids of the issue that was split and of the new one.

        Raises:
            DomainError: No such issue, or one of the pieces of feedback is none of its members.
        """
        found = {item.id: item for item in await self._feedback.by_ids(project, feedback_ids)}
        space, described, comments = await self._described(feedback_ids, found)

        async def change(issue: Issue, now: datetime, session: Session) -> list[Issue]:
            _must_stand(issue)
            leaving = await self._leaving(issue, feedback_ids, found, session)
            new = split_off(
                issue,
                leaving,
                now=now,
                found_title=described.titles[0],
                given_title=title,
                keywords=described.keywords[0],
                representative=comments[0],
                samples=tuple(comments[:_SAMPLES]),
                centroid=described.centroids[0].astype("<f4").tobytes(),
                embedder=space.embedder,
                radius=float(described.radii[0]),
            )
            deltas = DayDeltas()
            joined = [member.model_copy(update={"issue_id": new.id, "pinned": True}) for member in leaving]
            for before, after in zip(leaving, joined, strict=True):
                deltas.count(before, -1)
                deltas.count(after, +1)
            await self._members.write(joined, deltas, RUN, session)
            rest = issue.model_copy(update={"frequency": max(0, issue.frequency - len(leaving))})
            return [new, rest]

        new_id = await self._issues.change(project, id, change, etag, key, reviewer)
        return id, new_id

    async def _described(
        self, feedback_ids: Sequence[str], found: Mapping[str, StoredFeedback]
    ) -> "tuple[Space, Clusters, list[Comment]]":
        """Where an issue of this feedback lies, what describes it there, and its comments, those nearest to its middle
        first. What is not `found` has no words."""
        said = [
            (found[one].content.comment, found[one].interaction.query) if one in found else ("", "")
            for one in feedback_ids
        ]
        cleaned = [clean(complaint(*words)) for words in said]
        await self._embedders.load(self._embedders.missing(cleaned))
        spaces = await asyncio.to_thread(self._embedders.spaces, cleaned)
        # The issue lies where most of it does.
        space = max(spaces, key=lambda each: len(each.rows))
        described = await asyncio.to_thread(_describe_as_one, [cleaned[row] for row in space.rows], space.vectors)
        nearest = space.rows[np.argsort(-(space.vectors @ described.centroids[0]), kind="stable")]
        others = np.setdiff1d(np.arange(len(cleaned)), space.rows)
        comments = [
            Comment(text=(said[i][0] or said[i][1])[:COMMENT_LENGTH], feedback_id=feedback_ids[i])
            for i in (*nearest, *others)
        ]
        return space, described, comments

    async def _leaving(
        self, issue: Issue, feedback_ids: Sequence[str], found: Collection[str], session: Session
    ) -> list[Member]:
        """The members of an issue that this feedback is; of what is not `found`, nothing is read.

        Raises:
            DomainError: One is none.
        """
        generation = await self._issues.generation(issue.project, session=session)
        current = current_ids(await self._issues.all(issue.project, session=session))
        stored = await self._members.of_feedback([one for one in feedback_ids if one in found], session)
        leaving: list[Member] = []
        for place, one in enumerate(feedback_ids):
            member = in_force(generation, stored.get(one, []))
            if member is None or not member.active or current.get(member.issue_id) != issue.id:
                raise InvalidRequest([Violation(f"feedback_ids[{place}]", "is no member of the issue")])
            leaving.append(member)
        return leaving


def _describe_as_one(texts: Sequence[str], vectors: NDArray[np.float32]) -> "Clusters":
    """Describes comments as one issue."""
    # Loads what the service does not need otherwise, and would take longer to start with.
    from uptake_service.issues.clustering import describe

    return describe(texts, vectors, np.zeros(len(texts), dtype=np.int64))


def _must_stand(issue: Issue) -> None:
    if issue.merged_into:
        raise DomainError(
            Reason.ERROR_REASON_ISSUE_MERGED,
            f"the issue is part of {issue.merged_into!r} now; change that one",
            subject=issue.id,
            metadata={"merged_into_issue_id": issue.merged_into},
        )
