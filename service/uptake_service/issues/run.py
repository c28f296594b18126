"""One clustering run of one project, in a process of its own: reads, clusters, writes and publishes a generation.

It is started by runner.py with its order as JSON on standard input. It ends with 0 when its result is in force or there
was nothing to do, with SUPERSEDED when a newer run or a person's decision came in between.
"""

import asyncio
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.clock import Clock, day_of
from uptake_service.domain.ids import new_id
from uptake_service.embedding.embedders import Embedders, Space
from uptake_service.feedback.store import FeedbackStore
from uptake_service.feedback.words import Complaint
from uptake_service.issues.cleaning import clean
from uptake_service.issues.clustering import NOISE, cluster, locate
from uptake_service.issues.identity import Earlier, identify
from uptake_service.issues.members import RUN, IssueMembers
from uptake_service.issues.membership import IssueMembership
from uptake_service.issues.model import (
    COMMENT_LENGTH,
    Comment,
    Generation,
    Issue,
    Member,
    PatternCount,
    current_ids,
)
from uptake_service.issues.order import ORPHANED, SUPERSEDED, Order
from uptake_service.issues.states import RECENT, next_state
from uptake_service.issues.store import IssueStore, Superseded
from uptake_service.issues.titles import name_issues
from uptake_service.mongo.client import Mongo

_SAMPLES = 3
_PATTERNS = 5
_MOST_COMMENTS = 1_000_000


@dataclass(frozen=True)
class Found:
    """What a run makes of the comments of its window."""

    members: list[Member]
    issues: list[Issue]


@dataclass(frozen=True)
class _Place:
    """Where an issue lies: the embedder of most of its members, centroid and radius among those, and all its rows, the
    nearest to the centroid first, those of other embedders last."""

    embedder: str
    centroid: npt.NDArray[np.float32]
    radius: float
    nearest: tuple[int, ...]


async def run(order: Order) -> None:
    """Makes one run.

    Raises:
        Superseded: Its result is worth nothing; nothing of it is visible.
        DomainError: The database does not answer.
    """
    started = time.monotonic()
    mongo = Mongo.connect(order.uri, order.database, order.timeout_seconds)
    try:
        clock = Clock()
        requests = RequestRecords(mongo, order.request_retention_days)
        issues = IssueStore(
            mongo,
            clock,
            EventLog(mongo, order.event_retention_days),
            requests,
        )
        members, feedback = IssueMembers(mongo), FeedbackStore(mongo, clock)
        embedders = Embedders()
        membership = IssueMembership(mongo, issues, members, feedback, embedders)
        base, number = await issues.begin(order.project, order.fence)
        await membership.drain(order.project)
        for failed in range(base.number + 1, number):
            await members.clear(order.project, failed, base.window_start, live=True)
        window_start = day_of(order.now - order.window)
        # Read before the feedback: what is written later is looked at again when members are moved over.
        cut = {slot["_id"]: slot["revision"] for slot in await mongo.collection("writers").find({})}
        comments = await feedback.words.complaints(order.project, window_start, _MOST_COMMENTS)
        before = {m.feedback_id: m async for m in members.of_generation(base, window_start) if m.active}
        known = await issues.all(order.project)
        cleaned = [clean(comment.text) for comment in comments]
        generation = base.model_copy(
            update={"number": number, "window_start": window_start, "cut": cut, "clustered": len(comments)}
        )
        found = find(order, generation, comments, cleaned, embedders.spaces(cleaned), before, known)
        await members.publishable(found.members)
        await issues.publish(
            base,
            generation.model_copy(
                update={
                    "undrained": min(base.undrained, base.number),
                    "seconds": time.monotonic() - started,
                    "publish_time": clock.now(),
                }
            ),
            found.issues,
        )
        await membership.drain(order.project)
        kept = {issue.id for issue in found.issues}
        gone = [issue.id for issue in known if issue.id not in kept and not issue.decided and not issue.merged_into]
        await issues.forget(order.project, [id for id in gone if not await members.has_days(id)])
    finally:
        mongo.close()


def find(
    order: Order,
    generation: Generation,
    comments: Sequence[Complaint],
    cleaned: Sequence[str],
    spaces: Sequence[Space],
    before: dict[str, Member],
    known: Sequence[Issue],
) -> Found:
    """Clusters comments and says which issue each cluster is. The same input gives the same result, but for new ids.

    Comments of one embedder are clustered by themselves, so that a cluster holds none of another; an issue that people
    merged may hold clusters of several, and then lies in the space of most of its members.

    Args:
        order: The order.
        generation: The generation to make.
        comments: n comments.
        cleaned: Their texts as `clean` leaves them.
        spaces: Their embeddings, by embedder.
        before: The members in force, by feedback.
        known: All issues that there are.
    """
    current = current_ids(known)
    was = [before.get(comment.feedback_id) for comment in comments]
    names = identify(
        _clusters(cleaned, spaces, order.seed),
        spaces,
        [current.get(member.issue_id, "") if member else "" for member in was],
        [bool(member and member.pinned) for member in was],
        _earlier(known, current),
    )
    rows: defaultdict[str | int, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        if name != NOISE:
            rows[name].append(row)
    order_of = sorted(rows, key=lambda name: (-len(rows[name]), rows[name][0]))
    labels = np.full(len(comments), NOISE, dtype=np.int64)
    for place, name in enumerate(order_of):
        labels[rows[name]] = place
    places = _places(spaces, labels, len(order_of))
    keywords, titles = name_issues(cleaned, labels, order.seed)
    by_id = {issue.id: issue for issue in known}
    ids = [name if isinstance(name, str) else new_id() for name in order_of]
    members = [
        _member(generation, comment, ids[label] if label >= 0 else "", member)
        for comment, member, label in zip(comments, was, labels, strict=True)
    ]
    issues = [
        _issue(
            order, generation, by_id.get(id), id, rows[name], comments, places[place], titles[place], keywords[place]
        )
        for place, (name, id) in enumerate(zip(order_of, ids, strict=True))
    ]
    return Found(members, issues)


def _earlier(known: Sequence[Issue], current: Mapping[str, str]) -> list[Earlier]:
    """What issues that stand say of who may have their names."""
    return [
        Earlier(
            issue.id,
            issue.decided,
            issue.absorbs,
            current.get(issue.split_from, "") if issue.split_from != issue.id else "",
        )
        for issue in known
        if not issue.merged_into
    ]


def _member(generation: Generation, comment: Complaint, issue_id: str, before: Member | None) -> Member:
    return Member(
        project=generation.project,
        generation=generation.number,
        feedback_id=comment.feedback_id,
        issue_id=issue_id,
        occur_time=comment.occur_time,
        pinned=bool(before and before.pinned),
        writer=RUN,
        revision=0,
    )


def _clusters(cleaned: Sequence[str], spaces: Sequence[Space], seed: int) -> npt.NDArray[np.int64]:
    """(n,) the cluster of each comment, or NOISE; those of one embedder are numbered after those of the one before."""
    labels = np.full(len(cleaned), NOISE, dtype=np.int64)
    for space in spaces:
        found = cluster([cleaned[row] for row in space.rows], space.vectors, seed=seed)
        labels[space.rows] = np.where(found == NOISE, NOISE, found + labels.max(initial=NOISE) + 1)
    return labels


def _places(spaces: Sequence[Space], labels: npt.NDArray[np.int64], count: int) -> list[_Place]:
    """Where each of `count` issues lies."""
    members = np.array([np.bincount(labels[space.rows] + 1, minlength=count + 1)[1:] for space in spaces])
    places: dict[int, _Place] = {}
    for number, space in enumerate(spaces):
        own = np.flatnonzero(members.argmax(axis=0) == number)
        rank = np.full(count + 1, NOISE, dtype=np.int64)
        rank[own] = np.arange(len(own))
        # What belongs to no issue, the last rank, is noise here; so is what belongs to an issue of another space.
        located = locate(space.vectors, rank[labels[space.rows]])
        for issue, centroid, radius in zip(own, located.centroids, located.radii, strict=True):
            inside = np.flatnonzero(labels[space.rows] == issue)
            ranked = inside[np.argsort(-(space.vectors[inside] @ centroid), kind="stable")]
            others = np.setdiff1d(np.flatnonzero(labels == issue), space.rows)
            nearest = (*space.rows[ranked].tolist(), *others.tolist())
            places[int(issue)] = _Place(space.embedder, centroid, float(radius), nearest)
    return [places[issue] for issue in range(count)]


def _issue(
    order: Order,
    generation: Generation,
    earlier: Issue | None,
    id: str,
    rows: Sequence[int],
    comments: Sequence[Complaint],
    place: _Place,
    title: str,
    keywords: tuple[str, ...],
) -> Issue:
    times = [comments[row].occur_time for row in rows]
    recent = sum(time > order.now - RECENT for time in times)
    first_seen = min([earlier.first_seen_time, *times] if earlier else times)
    resolved = earlier.resolve_time if earlier else None
    state = next_state(
        earlier,
        recent=recent,
        before=len(times) - recent,
        # Of an issue younger than the window only its own time can be held against the newest days.
        recent_share=RECENT / max(order.now - max(generation.window_start, first_seen), RECENT),
        since_resolved=sum(time > resolved for time in times) if resolved else 0,
    )
    patterns = Counter(comments[row].pattern_id for row in rows)
    fields: dict[str, object] = {
        "found_title": title,
        "keywords": keywords,
        "representative": _comment(comments[place.nearest[0]]),
        "samples": tuple(_samples([comments[row] for row in place.nearest])),
        "centroid": place.centroid.astype("<f4").tobytes(),
        "embedder": place.embedder,
        "radius": place.radius,
        "state": state,
        "frequency": len(rows),
        "generation": generation.number,
        "first_seen_time": first_seen,
        "last_seen_time": max(times),
        "patterns": tuple(PatternCount(pattern_id=p, count=n) for p, n in patterns.most_common(_PATTERNS)),
        "update_time": order.now,
    }
    if earlier is None:
        return Issue(id=id, project=order.project, create_time=order.now, **fields)
    return earlier.model_copy(update=fields | {"revision": earlier.revision + 1})


def _samples(nearest: Sequence[Complaint]) -> list[Comment]:
    """The first few comments that differ, each of another user where there are so many."""
    chosen: list[Complaint] = []
    for same_user_too in (False, True):
        for comment in nearest:
            if len(chosen) == _SAMPLES:
                break
            known_user = comment.user_id and any(comment.user_id == other.user_id for other in chosen)
            if all(comment.said != other.said for other in chosen) and (same_user_too or not known_user):
                chosen.append(comment)
    return [_comment(comment) for comment in chosen]


def _comment(comment: Complaint) -> Comment:
    return Comment(text=comment.said[:COMMENT_LENGTH], feedback_id=comment.feedback_id)


def main() -> None:
    os.nice(10)  # The service answers first.
    order = Order.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        asyncio.run(run(order))
    except Superseded:
        sys.exit(SUPERSEDED)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
