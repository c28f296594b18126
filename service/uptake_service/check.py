"""The recount: everything that is derived from feedback, worked out anew and held against what is stored.

All is read in one snapshot, so it may run beside a working service. After any crash it must find nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uptake_service.clock import Clock
from uptake_service.corrections import rules as correction_rules
from uptake_service.corrections.measuring import MeasuringProgress
from uptake_service.corrections.model import Correction, Revision
from uptake_service.corrections.recount import VerdictRecount
from uptake_service.corrections.store import everything as all_corrections
from uptake_service.feedback.model import CorrectionKind, FeedbackState, Sentiment, StoredFeedback
from uptake_service.feedback.recount import FeedbackRecount
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.issues.members import IssueMembers
from uptake_service.insights.issues.recount import IssueRecount
from uptake_service.insights.issues.store import IssueStore
from uptake_service.insights.rollups import Counts, RollupDeltas, RollupKey, RollupStore
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.journal import Journal
from uptake_service.mongo.requests import RequestRecord, RequestRecords
from uptake_service.mongo.transactions import snapshot
from uptake_service.patterns.store import changed_since
from uptake_service.projects.model import Project
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.history import ReviewHistory
from uptake_service.reviews.marks import Mark, Marks
from uptake_service.reviews.model import Review
from uptake_service.reviews.recount import TriggerRecount
from uptake_service.reviews.store import ReviewStore


@dataclass
class PatternRecount:
    """What one pattern's feedback comes to."""

    id: str
    trigger: TriggerRecount
    verdicts: VerdictRecount
    total: int = 0
    negative: int = 0
    vector_sum: NDArray[np.int64] | None = None

    def count(self, feedback: StoredFeedback) -> None:
        self.trigger.count(feedback)
        self.verdicts.count(feedback)
        if feedback.state is not FeedbackState.ACTIVE:
            return
        self.total += 1
        if feedback.sentiment is Sentiment.NEGATIVE:
            self.negative += 1
        if feedback.vector:
            vector = np.frombuffer(feedback.vector, dtype=np.int8).astype(np.int64)
            self.vector_sum = vector if self.vector_sum is None else self.vector_sum + vector


@dataclass
class _Snapshot:
    """What is stored beside feedback."""

    rollups: dict[RollupKey, Counts]
    shares: dict[str, Document]
    review_of: dict[str, str | None]
    marks: dict[str, list[Mark]]
    reviews: dict[str, list[Review]]
    review_ids: defaultdict[str, set[str]]
    writers: dict[int, int]
    projects: dict[str, Project]
    corrections: list[Correction]
    heads: list[tuple[CorrectionKind, Revision]]
    measured_by: defaultdict[str, list[Correction]]
    unmeasured_patterns: set[str]

    @property
    def project_ids(self) -> set[str]:
        """The projects that anything tells of."""
        return {*self.projects, *(key.project for key in self.rollups), *self.review_ids}

    def project(self, id: str) -> Project:
        return self.projects.get(id) or Project(id=id)

    def trigger(self, pattern_id: str, project: Project) -> TriggerRecount:
        marks = self.marks.pop(pattern_id, [])
        return TriggerRecount(pattern_id, project, self.reviews.get(pattern_id, []), marks, self.writers)

    def verdicts(self, pattern_id: str) -> VerdictRecount:
        corrections = self.measured_by.pop(pattern_id, [])
        return VerdictRecount(corrections, pending=pattern_id in self.unmeasured_patterns)

    def review_record_differences(self, record: RequestRecord) -> Iterator[str]:
        id = record.resource.split(":")[0]
        if id not in self.review_ids[record.project]:
            yield f"request record {record.id}: its review {id} is not there"


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
        complaints = IssueRecount()
        pieces = FeedbackRecount()
        async for record in RequestRecords(mongo).everything(session):
            if record.method.endswith("Feedback"):
                pieces.expect(record)
            elif record.method.endswith("Review"):
                differences += stored.review_record_differences(record)
        counted = 0
        patterns: dict[str, PatternRecount] = {}
        for id in sorted(stored.project_ids):
            project = stored.project(id)
            async for item in feedback.everything(id, session):
                counted += 1
                deltas.count(item, +1)
                complaints.count(item)
                differences += pieces.differences(item, project)
                pattern = patterns.get(item.pattern_id)
                if pattern is None:
                    pattern = patterns[item.pattern_id] = PatternRecount(
                        item.pattern_id, stored.trigger(item.pattern_id, project), stored.verdicts(item.pattern_id)
                    )
                pattern.count(item)
        for pattern_id in sorted(patterns):
            differences += _pattern_differences(patterns[pattern_id], stored)
        there = await feedback.count(session)
        if there != counted:
            differences.append(f"feedback: {there} pieces are there, {counted} of them in projects that are")
        for id in sorted(stored.measured_by):
            differences += stored.verdicts(id).differences()
        differences += pieces.left_over()
        differences += [f"pattern share of {id}: its pattern has no feedback" for id in _left_over(stored, patterns)]
        differences += rollup_differences(stored.rollups, deltas.changes())
        differences += _review_differences(stored)
        differences += await _history_differences(mongo, stored, session)
        differences += await _event_differences(mongo, session)
        differences += _correction_differences(stored)
        issues = IssueStore(mongo, clock, EventLog(mongo, 1), RequestRecords(mongo), 1)
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


async def _read(mongo: Mongo, clock: Clock, session: Session) -> _Snapshot:
    requests = RequestRecords(mongo)
    reviews_store = ReviewStore(mongo, clock, EventLog(mongo, 1), requests, 1)
    marks: defaultdict[str, list[Mark]] = defaultdict(list)
    for mark in await Marks(mongo).everything(session):
        marks[mark.pattern_id].append(mark)
    reviews: defaultdict[str, list[Review]] = defaultdict(list)
    review_ids: defaultdict[str, set[str]] = defaultdict(set)
    for review in await reviews_store.everything(session):
        reviews[review.pattern_id].append(review)
        review_ids[review.project].add(review.id)
    corrections, heads = await all_corrections(mongo, session)
    measured_by: defaultdict[str, list[Correction]] = defaultdict(list)
    for correction in corrections:
        measured_by[correction.yardstick.pattern_id].append(correction)
    patterns = await mongo.collection("patterns").find({}, projection={"review_id": 1}, session=session)
    shares: dict[str, Document] = {}
    in_journal = await Journal(mongo).shares(session)
    for share in (*await mongo.collection("pattern_shares").find({}, session=session), *in_journal):
        vector = np.frombuffer(share["vector_sum"], dtype="<i4").astype(np.int64)
        total = shares.setdefault(share["pattern"], {"total": 0, "negative": 0, "vector_sum": np.zeros_like(vector)})
        total["total"] += share["total"]
        total["negative"] += share["negative"]
        total["vector_sum"] = total["vector_sum"] + vector
    return _Snapshot(
        rollups=await RollupStore(mongo).everything(session),
        shares=shares,
        review_of={pattern["_id"]: pattern["review_id"] for pattern in patterns},
        marks=marks,
        reviews=reviews,
        review_ids=review_ids,
        writers={w["_id"]: w["revision"] for w in await mongo.collection("writers").find({}, session=session)},
        projects={p.id: p for p in await ProjectStore(mongo, clock, requests, 1).everything(session)},
        corrections=corrections,
        heads=heads,
        measured_by=measured_by,
        unmeasured_patterns=await changed_since(mongo, await MeasuringProgress(mongo).revisions(session), session),
    )


def _pattern_differences(pattern: PatternRecount, stored: _Snapshot) -> Iterator[str]:
    if pattern.id not in stored.review_of:
        yield f"pattern {pattern.id}: has feedback but is not there"
    share = stored.shares.get(pattern.id, {"total": 0, "negative": 0, "vector_sum": np.zeros(1, dtype=np.int64)})
    for name, counted in (("total", pattern.total), ("negative", pattern.negative)):
        if share[name] != counted:
            yield f"pattern {pattern.id}: {name} is {share[name]}, feedback says {counted}"
    counted_sum = np.zeros_like(share["vector_sum"]) if pattern.vector_sum is None else pattern.vector_sum
    if not np.array_equal(counted_sum, share["vector_sum"]):
        yield f"pattern {pattern.id}: its vector sum is not that of its feedback"
    yield from pattern.trigger.differences()
    yield from pattern.verdicts.differences()


def _left_over(stored: _Snapshot, seen: Collection[str]) -> list[str]:
    return sorted(
        id
        for id, share in stored.shares.items()
        if id not in seen and (share["total"] or share["negative"] or share["vector_sum"].any())
    )


def _review_differences(stored: _Snapshot) -> Iterator[str]:
    for pattern_id, marks in stored.marks.items():
        for mark in marks:
            yield f"trigger mark {mark.name}: its pattern {pattern_id} has no feedback"
    for pattern_id, reviews in stored.reviews.items():
        if sum(review.active for review in reviews) > 1:
            yield f"pattern {pattern_id}: has more than one active review"
    for id, review_id in stored.review_of.items():
        if review_id and all(review.id != review_id for review in stored.reviews.get(id, [])):
            yield f"review {review_id} of pattern {id}: is gone"


async def _history_differences(mongo: Mongo, stored: _Snapshot, session: Session) -> list[str]:
    """What reviews' histories lack of their lines, or have too many."""
    lines: Counter[str] = Counter()
    last: Counter[str] = Counter()
    async for review_id, number in ReviewHistory(mongo).everything(session):
        lines[review_id] += 1
        last[review_id] = max(last[review_id], number)
    expected = {review.id: review.people_revision for reviews in stored.reviews.values() for review in reviews}
    return [
        f"review {id}: its history has {lines[id]} lines up to number {last[id]}, it should have {expected.get(id, 0)}"
        for id in sorted({*expected, *lines})
        if (lines[id], last[id]) != (expected.get(id, 0),) * 2
    ]


async def _event_differences(mongo: Mongo, session: Session) -> list[str]:
    counters = await mongo.collection("counters").find_with_now({}, session=session)
    newest = {counter["_id"]: counter["seq"] for counter in counters}
    seqs: defaultdict[str, list[int]] = defaultdict(list)
    fields = {"project": 1, "seq": 1, "expire_time": 1}
    async for event in mongo.collection("events").stream({}, projection=fields, session=session):
        # Those past the retention are deleted in no order.
        if not counters or event["expire_time"] > counters[0]["now"]:
            seqs[event["project"]].append(event["seq"])
    differences = []
    for project, found in seqs.items():
        ordered = sorted(found)
        if len(ordered) != ordered[-1] - ordered[0] + 1:
            differences.append(f"events of {project}: seq has a hole between {ordered[0]} and {ordered[-1]}")
        counter = newest.get(project, 0)
        if ordered[-1] != counter:
            differences.append(f"events of {project}: newest seq is {ordered[-1]}, the counter {counter}")
    return differences


def _correction_differences(stored: _Snapshot) -> list[str]:
    reviews_of = {correction.id: correction.review_id for correction in stored.corrections}
    named = [
        (review.id, id)
        for reviews in stored.reviews.values()
        for review in reviews
        if review.resolution
        for id in review.resolution.correction_ids
    ]
    return [
        *correction_rules.differences(stored.corrections, stored.heads),
        *(f"review {review}: its correction {id} is not there" for review, id in named if reviews_of.get(id) != review),
    ]
