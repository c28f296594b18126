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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uptake_service.clock import Clock, day_of
from uptake_service.feedback.store import Complaint, FeedbackStore
from uptake_service.ids import new_id
from uptake_service.insights.cleaning import clean
from uptake_service.insights.clustering import Clusters, cluster, describe
from uptake_service.insights.issues.identity import Earlier, identify
from uptake_service.insights.issues.joining import Joining
from uptake_service.insights.issues.members import RUN, IssueMembers
from uptake_service.insights.issues.model import (
    COMMENT_LENGTH,
    Comment,
    Generation,
    Issue,
    Member,
    PatternCount,
    current_ids,
)
from uptake_service.insights.issues.order import ORPHANED, SUPERSEDED, Order
from uptake_service.insights.issues.states import RECENT, next_state
from uptake_service.insights.issues.store import IssueStore, Superseded
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.requests import RequestRecords
from uptake_service.patterns.embed import WordLlamaEmbedder

_SAMPLES = 3
_PATTERNS = 5
_MOST_COMMENTS = 1_000_000


@dataclass(frozen=True)
class Found:
    """What a run makes of the comments of its window."""

    members: list[Member]
    issues: list[Issue]


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
        requests = RequestRecords(mongo)
        issues = IssueStore(
            mongo,
            clock,
            EventLog(mongo, order.event_retention_days),
            requests,
            order.request_retention_days,
        )
        members, feedback = IssueMembers(mongo), FeedbackStore(mongo, clock)
        embedder = WordLlamaEmbedder()
        joining = Joining(mongo, issues, members, feedback, embedder)
        base, number = await issues.begin(order.project, order.fence)
        await joining.drain(order.project)
        for failed in range(base.number + 1, number):
            await members.clear(order.project, failed, base.window_start, live=True)
        window_start = day_of(order.now - order.window)
        # Read before the feedback: what is written later is looked at again when members are moved over.
        cut = {slot["_id"]: slot["revision"] for slot in await mongo.collection("writers").find({})}
        comments = await feedback.complaints(order.project, window_start, _MOST_COMMENTS)
        before = {m.feedback_id: m async for m in members.of_generation(base, window_start) if m.active}
        known = await issues.all(order.project)
        cleaned = [clean(comment.text) for comment in comments]
        generation = base.model_copy(
            update={"number": number, "window_start": window_start, "cut": cut, "clustered": len(comments)}
        )
        found = find(order, generation, comments, cleaned, embedder.embed(cleaned), before, known)
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
        await joining.drain(order.project)
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
    vectors: npt.NDArray[np.float32],
    before: dict[str, Member],
    known: Sequence[Issue],
) -> Found:
    """Clusters comments and says which issue each cluster is. The same input gives the same result, but for new ids.

    Args:
        order: The order.
        generation: The generation to make.
        comments: n comments.
        cleaned: Their texts as `clean` leaves them.
        vectors: (n, d) their embeddings, unit rows.
        before: The members in force, by feedback.
        known: All issues that there are.
    """
    current = current_ids(known)
    was = [before.get(comment.feedback_id) for comment in comments]
    names = identify(
        cluster(cleaned, vectors, seed=order.seed),
        vectors,
        [current.get(member.issue_id, "") if member else "" for member in was],
        [bool(member and member.pinned) for member in was],
        [
            Earlier(
                issue.id,
                issue.decided,
                issue.absorbs,
                current.get(issue.split_from, "") if issue.split_from != issue.id else "",
            )
            for issue in known
            if not issue.merged_into
        ],
    )
    rows: defaultdict[str | int, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        if name != -1:
            rows[name].append(row)
    order_of = sorted(rows, key=lambda name: (-len(rows[name]), rows[name][0]))
    labels = np.full(len(comments), -1, dtype=np.int64)
    for place, name in enumerate(order_of):
        labels[rows[name]] = place
    described = describe(cleaned, vectors, labels, seed=order.seed)
    by_id = {issue.id: issue for issue in known}
    ids = [name if isinstance(name, str) else new_id() for name in order_of]
    members = [
        Member(
            project=order.project,
            generation=generation.number,
            feedback_id=comment.feedback_id,
            issue_id=ids[labels[row]] if labels[row] >= 0 else "",
            occur_time=comment.occur_time,
            pinned=bool(member and member.pinned),
            writer=RUN,
            revision=0,
        )
        for row, (comment, member) in enumerate(zip(comments, was, strict=True))
    ]
    issues = [
        _issue(order, generation, by_id.get(id), id, place, rows[name], comments, vectors, described)
        for place, (name, id) in enumerate(zip(order_of, ids, strict=True))
    ]
    return Found(members, issues)


def _issue(
    order: Order,
    generation: Generation,
    earlier: Issue | None,
    id: str,
    place: int,
    rows: Sequence[int],
    comments: Sequence[Complaint],
    vectors: npt.NDArray[np.float32],
    described: Clusters,
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
    nearest = [rows[i] for i in np.argsort(-(vectors[rows] @ described.centroids[place]), kind="stable")]
    fields: dict[str, object] = {
        "found_title": described.titles[place],
        "keywords": described.keywords[place],
        "representative": _comment(comments[int(described.medoids[place])]),
        "samples": tuple(_samples([comments[row] for row in nearest])),
        "centroid": described.centroids[place].astype("<f4").tobytes(),
        "radius": float(described.radii[place]),
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
