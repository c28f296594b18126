"""The recount: everything that is derived from feedback, worked out anew and held against what is stored.

All is read in one snapshot, so it may run beside a working service. After any crash it must find nothing.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from uptake_service.clock import Clock
from uptake_service.feedback.model import VOTES, Content, FeedbackState, Interaction, Sentiment, StoredFeedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.rollups import Counts, RollupDeltas, RollupKey, RollupStore
from uptake_service.mongo.client import Mongo, Session
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.requests import RequestRecords
from uptake_service.projects.model import Project
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.marks import Mark, Marks
from uptake_service.reviews.model import Review, ReviewState
from uptake_service.reviews.rules import answered_after, examine, is_quiet
from uptake_service.reviews.store import ReviewStore

Vector = NDArray[np.int64]

_PROJECTS_AT_ONCE = 1000
_REQUESTS_AT_ONCE = 1000
_NEWEST_KEPT = 1000
"""How much of a pattern's feedback is kept to judge it: far more than the widest window."""

_POLICY_LAG = timedelta(seconds=10)
"""For how long after a change of settings a process may still have judged by those before."""


@dataclass
class ShareCount:
    """What a pattern's shares come to: as stored, all writers added up, or as recounted."""

    total: int = 0
    negative: int = 0
    vector_sum: Vector = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def add(self, total: int, negative: int, vector: Vector) -> None:
        self.total += total
        self.negative += negative
        longer, shorter = sorted((self.vector_sum, vector), key=len, reverse=True)
        # Of another embedder's length it is a difference to name, not a reason to stop.
        self.vector_sum = longer.copy()
        self.vector_sum[: len(shorter)] += shorter


@dataclass
class PatternRecount:
    """What one pattern's feedback comes to.

    Attributes:
        ended: When its newest review ended, if it has.
        newest: The newest active feedback, newest last, without texts.
        negatives_since: How much active negative feedback was stored after `ended`.
        last_judged: When something last happened to it for which the trigger runs.
    """

    id: str
    project: str
    ended: datetime | None = None
    share: ShareCount = field(default_factory=ShareCount)
    newest: list[StoredFeedback] = field(default_factory=list)
    negatives_since: int = 0
    last_judged: datetime | None = None

    def count(self, feedback: StoredFeedback) -> None:
        """Counts one piece of feedback; they come oldest first."""
        active = feedback.state is FeedbackState.ACTIVE
        negative = active and feedback.sentiment is Sentiment.NEGATIVE
        if negative or feedback.update_time > feedback.create_time:
            self.last_judged = max(self.last_judged or feedback.update_time, feedback.update_time)
        if not active:
            return
        self.share.add(1, int(negative), np.frombuffer(feedback.vector, dtype=np.int8).astype(np.int64))
        if negative and self.ended is not None and feedback.create_time > self.ended:
            self.negatives_since += 1
        self.newest.append(_slim(feedback))
        del self.newest[:-_NEWEST_KEPT]


@dataclass
class _Snapshot:
    """What is stored beside feedback. `projects` has None where the settings changed while they were read."""

    rollups: dict[RollupKey, Counts]
    shares: dict[str, ShareCount]
    pattern_reviews: dict[str, str | None]
    marks: dict[str, list[Mark]]
    reviews: dict[str, list[Review]]
    writers: dict[int, int]
    projects: dict[str, Project | None]


async def check(mongo: Mongo, clock: Clock) -> list[str]:
    """Recounts everything.

    Raises:
        Transient: The database gave the snapshot up; MongoDB keeps one for 60 seconds unless told otherwise.

    Returns:
        A line for each thing that differs, naming it.
    """
    requests = RequestRecords(mongo)
    projects = ProjectStore(mongo, clock, requests, request_retention_days=1)
    known: dict[str, Project] = {}
    while page := await projects.list(max(known, default=""), _PROJECTS_AT_ONCE):
        known |= {project.id: project for project in page}
    async with await mongo.start_session() as session:
        # A transaction that is never run again: what was counted before would be of another snapshot.
        session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority"))
        stored = await _read(mongo, clock, known, session)
        deltas = RollupDeltas()
        differences: list[str] = []
        pattern: PatternRecount | None = None
        marked: list[StoredFeedback] = []
        async for item in FeedbackStore(mongo, clock).everything(session):
            if pattern is None or item.pattern_id != pattern.id:
                if pattern is not None:
                    differences += _pattern_differences(pattern, marked, stored)
                newest = newest_review(stored.reviews.get(item.pattern_id, []))
                ended = newest.resolution.end_time if newest and newest.resolution else None
                pattern, marked = PatternRecount(item.pattern_id, item.project, ended), []
            deltas.count(item, +1)
            pattern.count(item)
            differences += feedback_differences(item)
            if any(_concerns(mark, item) for mark in stored.marks.get(pattern.id, [])):
                marked.append(_slim(item))
        if pattern is not None:
            differences += _pattern_differences(pattern, marked, stored)
        differences += _left_over(stored)
        differences += rollup_differences(stored.rollups, deltas.changes())
        differences += review_differences(stored.pattern_reviews, stored.reviews)
        differences += await _event_differences(mongo, clock.now(), session)
        differences += await _request_differences(mongo, session)
        await session.abort_transaction()
    return differences


def rollup_differences(stored: dict[RollupKey, Counts], counted: dict[RollupKey, Counts]) -> Iterator[str]:
    """Names each number of a rollup that is not what feedback says; zero is the same as not there."""
    for key in sorted({*stored, *counted}, key=lambda k: (k.project, k.hour, k.dimension, k.value)):
        have, want = stored.get(key, {}), counted.get(key, {})
        for name in sorted({*have, *want}):
            if have.get(name, 0) != want.get(name, 0):
                # Models and sources are users' words, which must not break the line.
                value = key.value if key.dimension == "pattern" else repr(key.value) if key.value else ""
                yield (
                    f"rollup {key.project} {key.hour:%Y-%m-%dT%H:%MZ} {f'{key.dimension} {value}'.strip()}: "
                    f"{name} is {have.get(name, 0)}, feedback says {want.get(name, 0)}"
                )


def share_differences(id: str, stored: ShareCount, counted: ShareCount) -> Iterator[str]:
    """Names each number of a pattern that is not what feedback says."""
    for name, have, want in (
        ("total", stored.total, counted.total),
        ("negative", stored.negative, counted.negative),
    ):
        if have != want:
            yield f"pattern {id}: {name} is {have}, feedback says {want}"
    rest = ShareCount()
    rest.add(0, 0, stored.vector_sum)
    rest.add(0, 0, -counted.vector_sum)
    places = np.flatnonzero(rest.vector_sum)
    if len(places):
        yield f"pattern {id}: its vector sum is not that of its feedback in {len(places)} places, first {places[0]}"


def feedback_differences(feedback: StoredFeedback) -> Iterator[str]:
    """Names what does not fit together within one piece of feedback."""
    said = feedback.content.sentiment
    if feedback.sentiment is not said:
        yield f"feedback {feedback.id}: sentiment is {feedback.sentiment}, what was said is {said}"
    if feedback.vote not in ("", feedback.id):
        yield f"feedback {feedback.id}: vote is {feedback.vote!r}, neither empty nor its own id"
    elif not feedback.vote:
        if feedback.state is not FeedbackState.ACTIVE:
            yield f"feedback {feedback.id}: is retracted, but holds its user's one vote"
        elif not feedback.user_id:
            yield f"feedback {feedback.id}: holds a user's one vote, but has no user"
        elif feedback.content.type not in VOTES:
            yield f"feedback {feedback.id}: holds its user's one vote, but is a {feedback.content.type}"


def mark_differences(mark: Mark, items: Sequence[StoredFeedback], revision: int) -> Iterator[str]:
    """Names what is wrong with a mark.

    Args:
        mark: The mark.
        items: The feedback of its pattern, at least what the mark names and what was last written with it.
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


def newest_review(reviews: Sequence[Review]) -> Review | None:
    """The review that the trigger goes by: the active one, else the newest."""
    return max(reviews, key=lambda review: (review.active, review.create_time), default=None)


def is_due(pattern: PatternRecount, project: Project, reviews: Sequence[Review]) -> bool:
    """Whether the trigger, when it last had cause to run, should have opened or reopened a review.

    Only negative feedback and changes give it cause. What came in after those cannot make a pattern worse, but it can
    fill a window that was too short, or come when a dismissal is no longer quiet.
    """
    judged = pattern.last_judged
    if judged is None or (project.update_time and project.update_time + _POLICY_LAG >= judged):
        # Under a new policy a pattern is judged when something comes in, not before.
        return False
    policy = project.settings.review_policy
    newest = newest_review(reviews)
    window = list(reversed(pattern.newest))
    if newest is not None:
        if newest.active or (newest.resolution is not None and newest.resolution.end_time >= judged):
            return False
        if newest.state is ReviewState.DISMISSED and is_quiet(newest, policy, pattern.negatives_since, judged):
            return False
        fix = newest.resolution.fix if newest.resolution else None
        if fix is not None:
            window = [
                item for item in _seen_at(judged, window) if item.occur_time >= fix.time and answered_after(item, fix)
            ]
    return examine(window, policy) is not None


def review_differences(of_pattern: Mapping[str, str | None], reviews: Mapping[str, Sequence[Review]]) -> Iterator[str]:
    """Names reviews that are gone, of another pattern, or active beside another.

    Args:
        of_pattern: The review that each pattern names.
        reviews: The reviews that there are, by pattern.
    """
    owners = {review.id: review.pattern_id for those in reviews.values() for review in those}
    for pattern_id, review_id in of_pattern.items():
        if review_id and review_id not in owners:
            yield f"review {review_id} of pattern {pattern_id}: is gone"
        elif review_id and owners[review_id] != pattern_id:
            yield f"review {review_id} of pattern {pattern_id}: is of pattern {owners[review_id]}"
    for pattern_id, those in reviews.items():
        active = sorted(review.id for review in those if review.active)
        if len(active) > 1:
            yield f"pattern {pattern_id}: has {len(active)} active reviews: {', '.join(active)}"


def seq_differences(project: str, ranges: Sequence[tuple[int, int]], counter: int) -> Iterator[str]:
    """Names what is missing among a project's events.

    Args:
        project: The project.
        ranges: First and last seq of each run without holes, in order.
        counter: The project's counter.
    """
    for (_, before), (after, _) in zip(ranges, ranges[1:], strict=False):
        missing = f"seq {before + 1} is" if after == before + 2 else f"seq {before + 1} to {after - 1} are"
        yield f"events of {project}: {missing} missing"
    if ranges and ranges[-1][1] != counter:
        yield f"events of {project}: newest seq is {ranges[-1][1]}, the counter {counter}"


def _seen_at(judged: datetime, newest_first: Sequence[StoredFeedback]) -> list[StoredFeedback]:
    """What the trigger saw: not what came in later, nor, of the same batch, what followed the last negative one."""
    last = next(
        (
            (item.occur_time, item.id)
            for item in newest_first
            if item.sentiment is Sentiment.NEGATIVE and item.update_time == judged
        ),
        None,
    )
    return [
        item
        for item in newest_first
        if item.create_time < judged
        or (item.create_time == judged and (last is None or (item.occur_time, item.id) <= last))
    ]


def _slim(feedback: StoredFeedback) -> StoredFeedback:
    """Feedback without its texts and vector: many of these fit."""
    interaction = feedback.interaction
    return feedback.model_copy(
        update={
            "vector": b"",
            "interaction": Interaction(
                id=interaction.id, versions=interaction.versions, create_time=interaction.create_time
            ),
            "content": Content.model_construct(type=feedback.content.type, rating=feedback.content.rating),
        }
    )


def _concerns(mark: Mark, feedback: StoredFeedback) -> bool:
    return feedback.id in mark.feedback_ids or (feedback.writer, feedback.revision) == (mark.writer, mark.revision)


async def _read(mongo: Mongo, clock: Clock, projects: dict[str, Project], session: Session) -> _Snapshot:
    requests = RequestRecords(mongo)
    reviews_store = ReviewStore(mongo, clock, EventLog(mongo, clock, 1), requests, 1)
    marks: defaultdict[str, list[Mark]] = defaultdict(list)
    for mark in await Marks(mongo).everything(session):
        marks[mark.pattern_id].append(mark)
    reviews: defaultdict[str, list[Review]] = defaultdict(list)
    for review in await reviews_store.everything(session):
        reviews[review.pattern_id].append(review)
    shares: defaultdict[str, ShareCount] = defaultdict(ShareCount)
    async for share in mongo.collection("pattern_shares").stream({}, session=session):
        vector = np.frombuffer(share["vector_sum"], dtype="<i4").astype(np.int64)
        shares[share["pattern"]].add(share["total"], share["negative"], vector)
    patterns = await mongo.collection("patterns").find({}, projection={"review_id": 1}, session=session)
    revisions = await mongo.collection("projects").find({}, projection={"revision": 1}, session=session)
    current: dict[str, Project | None] = {}
    for document in revisions:
        project = projects.get(document["_id"], Project(id=document["_id"]))
        # Read before the snapshot; settings that are not the snapshot's judge nothing.
        current[project.id] = project if project.revision == document["revision"] else None
    return _Snapshot(
        rollups=await RollupStore(mongo).everything(session),
        shares=dict(shares),
        pattern_reviews={pattern["_id"]: pattern.get("review_id") for pattern in patterns},
        marks=dict(marks),
        reviews=dict(reviews),
        writers={w["_id"]: w["revision"] for w in await mongo.collection("writers").find({}, session=session)},
        projects=current,
    )


def _pattern_differences(pattern: PatternRecount, marked: Sequence[StoredFeedback], stored: _Snapshot) -> Iterator[str]:
    """Names what differs of one pattern; what is told of is taken out of `stored`.

    Args:
        pattern: The recount.
        marked: Its feedback that its marks concern.
        stored: What is stored.
    """
    if pattern.id not in stored.pattern_reviews:
        yield f"pattern {pattern.id}: has feedback but is not there"
    yield from share_differences(pattern.id, stored.shares.pop(pattern.id, ShareCount()), pattern.share)
    marks = stored.marks.pop(pattern.id, [])
    for mark in marks:
        yield from mark_differences(mark, marked, stored.writers.get(mark.writer, 0))
    project = stored.projects.get(pattern.project, Project(id=pattern.project))
    if not marks and project is not None and is_due(pattern, project, stored.reviews.get(pattern.id, [])):
        yield f"pattern {pattern.id}: is due for a review and has none"


def _left_over(stored: _Snapshot) -> Iterator[str]:
    """Names shares and marks of patterns that have no feedback."""
    for id in sorted(stored.shares):
        yield from share_differences(id, stored.shares[id], ShareCount())
    for pattern_id in sorted(stored.marks):
        for mark in stored.marks[pattern_id]:
            yield f"trigger mark {mark.document_id}: its pattern {pattern_id} has no feedback"


async def _event_differences(mongo: Mongo, now: datetime, session: Session) -> list[str]:
    """Looks at the events that the database must still keep."""
    counters = {c["_id"]: c["seq"] for c in await mongo.collection("counters").find({}, session=session)}
    ranges: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    async for event in mongo.collection("events").stream(
        {"expire_time": {"$gt": now}},
        projection={"project": 1, "seq": 1},
        sort=[("project", 1), ("seq", 1)],
        session=session,
    ):
        found, seq = ranges[event["project"]], event["seq"]
        if found and found[-1][1] + 1 == seq:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return [
        difference
        for project in sorted(ranges)
        for difference in seq_differences(project, ranges[project], counters.get(project, 0))
    ]


async def _request_differences(mongo: Mongo, session: Session) -> list[str]:
    """Names records of collected feedback, kept as long as that is, whose feedback is gone."""
    differences: list[str] = []
    waiting: list[tuple[str, str]] = []

    async def look() -> None:
        found = await mongo.collection("feedback").find(
            {"_id": {"$in": [resource for _, resource in waiting]}}, projection={"_id": 1}, session=session
        )
        there = {document["_id"] for document in found}
        differences.extend(
            f"request {id!r}: made feedback {resource}, which is gone"
            for id, resource in waiting
            if resource not in there
        )
        waiting.clear()

    async for record in mongo.collection("requests").stream(
        {"expire_time": {"$exists": False}}, projection={"resource": 1}, session=session
    ):
        # "project/method/id": of these only the id may hold a slash.
        if record["_id"].split("/", 2)[1] == "CollectFeedback":
            waiting.append((record["_id"], record["resource"]))
        if len(waiting) == _REQUESTS_AT_ONCE:
            await look()
    await look()
    return differences
