"""The recount: everything that is derived from feedback, worked out anew and held against what is stored.

All is read in one snapshot, so it may run beside a working service. After any crash it must find nothing.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from uptake_service.clock import Clock
from uptake_service.corrections import rules as correction_rules
from uptake_service.corrections.store import everything as all_corrections
from uptake_service.feedback.model import FeedbackState, Sentiment, StoredFeedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.insights.issues.recount import IssueRecount
from uptake_service.insights.issues.store import IssueStore
from uptake_service.insights.rollups import Counts, RollupDeltas, RollupKey, RollupStore
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.requests import RequestRecords
from uptake_service.mongo.transactions import snapshot
from uptake_service.projects.model import Project
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.marks import Mark, Marks
from uptake_service.reviews.model import Review, ReviewState
from uptake_service.reviews.rules import answered_after, examine, is_quiet
from uptake_service.reviews.store import ReviewStore


@dataclass
class PatternRecount:
    """What one pattern's feedback comes to. `newest` are the active ones, newest last, as many as any policy asks."""

    id: str
    project: str
    total: int = 0
    negative: int = 0
    vector_sum: NDArray[np.int64] | None = None
    newest: list[StoredFeedback] = field(default_factory=list)
    last_change: datetime | None = None
    negatives: list[datetime] = field(default_factory=list)

    def count(self, feedback: StoredFeedback, kept: int) -> None:
        self.last_change = max(self.last_change or feedback.update_time, feedback.update_time)
        if feedback.state is not FeedbackState.ACTIVE:
            return
        self.total += 1
        if feedback.sentiment is Sentiment.NEGATIVE:
            self.negative += 1
            self.negatives.append(feedback.create_time)
        if feedback.vector:
            vector = np.frombuffer(feedback.vector, dtype=np.int8).astype(np.int64)
            self.vector_sum = vector if self.vector_sum is None else self.vector_sum + vector
        self.newest.append(feedback)
        del self.newest[:-kept]


@dataclass
class _Snapshot:
    """What is stored beside feedback."""

    rollups: dict[RollupKey, Counts]
    shares: dict[str, Document]
    patterns: dict[str, Document]
    marks: dict[str, list[Mark]]
    reviews: dict[str, list[Review]]
    writers: dict[int, int]
    projects: dict[str, Project]


async def check(mongo: Mongo, clock: Clock) -> list[str]:
    """Recounts everything.

    Returns:
        A line for each thing that differs, naming it.

    Raises:
        DatabaseUnavailable: The database stopped answering, or gave the snapshot up.
    """
    async with snapshot(mongo) as session:
        stored = await _read(mongo, clock, session)
        feedback = FeedbackStore(mongo, clock)
        deltas = RollupDeltas()
        differences: list[str] = []
        seen: set[str] = set()
        complaints = IssueRecount()
        async for pattern, items in _patterns(feedback.everything(session), deltas, complaints):
            seen.add(pattern.id)
            differences += _pattern_differences(pattern, items, stored)
        differences += [f"pattern share of {id}: its pattern has no feedback" for id in _left_over(stored, seen)]
        differences += rollup_differences(stored.rollups, deltas.changes())
        differences += _review_differences(stored)
        differences += await _event_differences(mongo, session)
        differences += await _correction_differences(mongo, stored, session)
        issues = IssueStore(mongo, clock, EventLog(mongo, clock, 1), RequestRecords(mongo), 1)
        differences += await complaints.differences(issues, IssueMembers(mongo), session)
    return differences


def rollup_differences(stored: dict[RollupKey, Counts], counted: dict[RollupKey, Counts]) -> Iterator[str]:
    """Names each number of a rollup that is not what feedback says; zero is the same as not there."""
    for key in sorted({*stored, *counted}, key=lambda k: (k.project, k.hour, k.dimension, k.value)):
        have, want = stored.get(key, {}), counted.get(key, {})
        for name in sorted({*have, *want}):
            if have.get(name, 0) != want.get(name, 0):
                yield (
                    f"rollup {key.project} {key.hour:%Y-%m-%dT%H}h {key.dimension} {key.value!r}: "
                    f"{name} is {have.get(name, 0)}, feedback says {want.get(name, 0)}"
                )


def mark_differences(mark: Mark, items: list[StoredFeedback], revision: int) -> Iterator[str]:
    """Names what is wrong with a mark.

    Args:
        mark: The mark.
        items: All feedback of its pattern.
        revision: The revision of its writer's slot.
    """
    name = f"trigger mark {mark.document_id}"
    if mark.revision > revision:
        yield f"{name}: is of revision {mark.revision}, but its writer made only {revision}"
    by_id = {item.id: item for item in items}
    for id in mark.feedback_ids:
        item = by_id.get(id)
        if item is None:
            yield f"{name}: names feedback {id}, which its pattern does not have"
        elif item.writer == mark.writer and item.revision < mark.revision:
            yield f"{name}: names feedback {id}, which was written before it"
    for item in items:
        due = item.state is FeedbackState.ACTIVE and item.sentiment is Sentiment.NEGATIVE
        if due and (item.writer, item.revision) == (mark.writer, mark.revision) and item.id not in mark.feedback_ids:
            yield f"{name}: does not name feedback {item.id}, which it should"


def is_due(pattern: PatternRecount, project: Project, reviews: list[Review]) -> bool:
    """Whether the trigger, run at the pattern's last change, would have opened or reopened a review."""
    last_change = pattern.last_change
    if last_change is None or (project.update_time and project.update_time >= last_change):
        # Under a new policy a pattern is judged when something comes in, not before.
        return False
    if any(review.active for review in reviews):
        return False
    policy = project.settings.review_policy
    newest = max(reviews, key=lambda review: review.create_time, default=None)
    window = list(reversed(pattern.newest))
    if newest is not None and newest.resolution is not None:
        fix, end = newest.fix, newest.resolution.end_time
        if end >= last_change:
            return False
        if fix is not None:
            # As the trigger reads it: what occurred before the fix is not looked at, whatever its versions.
            window = [item for item in window if item.occur_time >= fix.time and answered_after(item, fix)]
        since = sum(time > end for time in pattern.negatives)
        if newest.state is ReviewState.DISMISSED and is_quiet(newest, policy, since, last_change):
            return False
    return examine(window, policy) is not None


async def _read(mongo: Mongo, clock: Clock, session: Session) -> _Snapshot:
    requests = RequestRecords(mongo)
    reviews_store = ReviewStore(mongo, clock, EventLog(mongo, clock, 1), requests, 1)
    marks: defaultdict[str, list[Mark]] = defaultdict(list)
    for mark in await Marks(mongo).everything(session):
        marks[mark.pattern_id].append(mark)
    reviews: defaultdict[str, list[Review]] = defaultdict(list)
    for review in await reviews_store.everything(session):
        reviews[review.pattern_id].append(review)
    shares: dict[str, Document] = {}
    async for share in mongo.collection("pattern_shares").stream({}, session=session):
        vector = np.frombuffer(share["vector_sum"], dtype="<i4").astype(np.int64)
        total = shares.setdefault(share["pattern"], {"total": 0, "negative": 0, "vector_sum": np.zeros_like(vector)})
        total["total"] += share["total"]
        total["negative"] += share["negative"]
        total["vector_sum"] = total["vector_sum"] + vector
    return _Snapshot(
        rollups=await RollupStore(mongo).everything(session),
        shares=shares,
        patterns={p["_id"]: p for p in await mongo.collection("patterns").find({}, session=session)},
        marks=marks,
        reviews=reviews,
        writers={w["_id"]: w["revision"] for w in await mongo.collection("writers").find({}, session=session)},
        projects={p.id: p for p in await ProjectStore(mongo, clock, requests, 1).everything(session)},
    )


async def _patterns(
    feedback: AsyncIterator[StoredFeedback], deltas: RollupDeltas, complaints: IssueRecount
) -> AsyncIterator[tuple[PatternRecount, list[StoredFeedback]]]:
    """Recounts feedback, which comes by pattern, a pattern at a time."""
    pattern: PatternRecount | None = None
    items: list[StoredFeedback] = []
    async for item in feedback:
        deltas.count(item, +1)
        complaints.count(item)
        if pattern is None or item.pattern_id != pattern.id:
            if pattern is not None:
                yield pattern, items
            pattern, items = PatternRecount(item.pattern_id, item.project), []
        pattern.count(item, kept=1000)
        # Only what marks look at; whole texts of a large pattern would not fit.
        items.append(item.model_copy(update={"vector": b""}))
    if pattern is not None:
        yield pattern, items


def _pattern_differences(pattern: PatternRecount, items: list[StoredFeedback], stored: _Snapshot) -> Iterator[str]:
    if pattern.id not in stored.patterns:
        yield f"pattern {pattern.id}: has feedback but is not there"
    share = stored.shares.get(pattern.id, {"total": 0, "negative": 0, "vector_sum": np.zeros(1, dtype=np.int64)})
    for name, counted in (("total", pattern.total), ("negative", pattern.negative)):
        if share[name] != counted:
            yield f"pattern {pattern.id}: {name} is {share[name]}, feedback says {counted}"
    counted_sum = np.zeros_like(share["vector_sum"]) if pattern.vector_sum is None else pattern.vector_sum
    if not np.array_equal(counted_sum, share["vector_sum"]):
        yield f"pattern {pattern.id}: its vector sum is not that of its feedback"
    for item in items:
        if item.sentiment is not item.content.sentiment:
            yield f"feedback {item.id}: sentiment is {item.sentiment}, what was said is {item.content.sentiment}"
    marks = stored.marks.pop(pattern.id, [])
    for mark in marks:
        yield from mark_differences(mark, items, stored.writers.get(mark.writer, 0))
    project = stored.projects.get(pattern.project) or Project(id=pattern.project)
    if not marks and is_due(pattern, project, stored.reviews.get(pattern.id, [])):
        yield f"pattern {pattern.id}: is due for a review and has none"


def _left_over(stored: _Snapshot, seen: set[str]) -> list[str]:
    return sorted(
        id
        for id, share in stored.shares.items()
        if id not in seen and (share["total"] or share["negative"] or share["vector_sum"].any())
    )


def _review_differences(stored: _Snapshot) -> Iterator[str]:
    for pattern_id, marks in stored.marks.items():
        for mark in marks:
            yield f"trigger mark {mark.document_id}: its pattern {pattern_id} has no feedback"
    for pattern_id, reviews in stored.reviews.items():
        if sum(review.active for review in reviews) > 1:
            yield f"pattern {pattern_id}: has more than one active review"
    for id, pattern in stored.patterns.items():
        review_id = pattern["review_id"]
        if review_id and all(review.id != review_id for review in stored.reviews.get(id, [])):
            yield f"review {review_id} of pattern {id}: is gone"


async def _event_differences(mongo: Mongo, session: Session) -> list[str]:
    counters = {c["_id"]: c["seq"] for c in await mongo.collection("counters").find({}, session=session)}
    seqs: defaultdict[str, list[int]] = defaultdict(list)
    async for event in mongo.collection("events").stream({}, projection={"project": 1, "seq": 1}, session=session):
        seqs[event["project"]].append(event["seq"])
    differences = []
    for project, found in seqs.items():
        ordered = sorted(found)
        if len(ordered) != ordered[-1] - ordered[0] + 1:
            differences.append(f"events of {project}: seq has a hole between {ordered[0]} and {ordered[-1]}")
        if ordered[-1] != counters.get(project, 0):
            differences.append(
                f"events of {project}: newest seq is {ordered[-1]}, the counter {counters.get(project, 0)}"
            )
    return differences


async def _correction_differences(mongo: Mongo, stored: _Snapshot, session: Session) -> list[str]:
    corrections, heads = await all_corrections(mongo, session)
    reviews_of = {correction.id: correction.review_id for correction in corrections}
    named = [
        (review.id, id)
        for reviews in stored.reviews.values()
        for review in reviews
        if review.resolution
        for id in review.resolution.correction_ids
    ]
    return [
        *correction_rules.differences(corrections, heads),
        *(f"review {review}: its correction {id} is not there" for review, id in named if reviews_of.get(id) != review),
    ]
