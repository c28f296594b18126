"""A database filled with as much feedback as a benchmark needs, as the service would have written it, but faster.

It writes under a writer slot of its own, as another replica would, many pieces in one message and outside of
transactions; a service on the same database follows. `uptake check` finds nothing afterwards.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from google.protobuf import timestamp_pb2
from uptake_service.api.checks import Checks
from uptake_service.api.messages.feedback import to_draft
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.coordination.leases import WriterSlot
from uptake_service.domain.clock import Clock, cut
from uptake_service.domain.grouping import Text
from uptake_service.domain.ids import new_id
from uptake_service.embedding.embedders import Embedders
from uptake_service.feedback.documents import to_document
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ingest.plan import Plan
from uptake_service.issues.members import IssueMembers
from uptake_service.issues.membership import IssueMembership
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.patterns.patterns import Patterns
from uptake_service.patterns.shares import ShareChange, ShareStore, share_changes
from uptake_service.patterns.store import PatternStore
from uptake_service.projections.projection import Batch, Commit
from uptake_service.projections.rollup_deltas import RollupDeltas, RollupKey, add_all
from uptake_service.projections.rollups import RollupStore
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox

from tests.benchmarks import traffic

_AT_ONCE = 5_000
_PLACES_AT_ONCE = 500
_JUDGED_AT_ONCE = 50
_LEASE_SECONDS = 3600.0
_SECONDS_TO_JUDGE = 600


async def fill(uri: str, count: int, *, days: int = 30, seed: int = 0) -> None:
    """Adds `count` pieces of feedback to the project "default" of an empty database, spread evenly over the last days.

    Its patterns are marked for the trigger, so that the service opens the reviews that they are due for.
    """
    mongo = Mongo.connect(uri, "uptake", 60.0)
    embedders, requests = Embedders(), RequestRecords(mongo, 1)
    patterns = Patterns(mongo, PatternStore(mongo), ShareStore(mongo), embedders, None)
    projects = ProjectStore(mongo, Clock(), requests)
    issues = IssueStore(mongo, Clock(), EventLog(mongo, 1), requests)
    membership = IssueMembership(mongo, issues, IssueMembers(mongo), FeedbackStore(mongo, Clock()), embedders)
    slot = WriterSlot(mongo, _LEASE_SECONDS)
    await slot.acquire()
    await patterns.adopt(slot.number)
    now = cut(datetime.now(UTC))
    start, step = now - timedelta(days=days), timedelta(days=days) / count
    messages = (request.feedback for request in traffic.requests(seed))
    counted = RollupDeltas()
    shares: dict[str, ShareChange] = {}
    revision = slot.revision + 1
    for first in range(0, count, _AT_ONCE):
        project = await projects.get("default")
        plan = Plan(now, slot.number, revision, {"default": project}, [], patterns.without_text)
        drafts = []
        for place, message in zip(range(first, min(first + _AT_ONCE, count)), messages, strict=False):
            occurred = timestamp_pb2.Timestamp()
            occurred.FromDatetime(start + step * place)
            message.occur_time.CopyFrom(occurred)
            draft = to_draft(Checks(), "default", message, now, timedelta(0))
            assert draft is not None
            drafts.append(draft)
        texts = [Text("default", draft.text, draft.interaction.id) for draft in drafts]
        assigned = await patterns.assign(texts, await patterns.vectors([text.text for text in texts]))
        for draft, assignment in zip(drafts, assigned, strict=True):
            plan.collect(draft, new_id(), assignment)
        await mongo.collection("feedback").insert_many([to_document(feedback) for feedback in plan.added])
        for key, counts in RollupDeltas.of_transitions(plan.transitions()).by_key.items():
            add_all(counted.by_key[key], counts)
        await transaction(mongo, partial(_write_beside, mongo, projects, membership, plan))
        changes = share_changes(plan.transitions())
        for id, change in changes.items():
            shares[id] = shares[id].plus(change) if id in shares else change
        await patterns.committed(changes, slot.number, revision)
    await _write_numbers(mongo, counted, shares, slot, revision, now)
    mongo.close()


async def _write_beside(
    mongo: Mongo, projects: ProjectStore, membership: IssueMembership, plan: Plan, session: Session
) -> None:
    await PatternStore(mongo).write(plan.started, session)
    update = membership.begin(Batch(plan.projects, ()))
    await update.read(session)
    commit = Commit(plan.writer, plan.revision, plan.now, plan.projects, plan.started)
    await update.write(plan.transitions(), commit, session)
    await projects.note_use("default", plan.new_values("default"), plan.now, session)


async def _write_numbers(
    mongo: Mongo,
    counted: RollupDeltas,
    shares: dict[str, ShareChange],
    slot: WriterSlot,
    revision: int,
    now: datetime,
) -> None:
    rollups, marks = RollupStore(mongo), TriggerOutbox(mongo)
    keys: list[RollupKey] = list(counted.by_key)
    for first in range(0, len(keys), _PLACES_AT_ONCE):
        part = RollupDeltas()
        part.by_key.update({key: counted.by_key[key] for key in keys[first : first + _PLACES_AT_ONCE]})
        await transaction(mongo, partial(rollups.write, part, slot.number))
    ids = sorted(shares)

    async def finish(session: Session) -> None:
        await ShareStore(mongo).write(shares, dict.fromkeys(ids, revision), slot.number, session)
        for first in range(0, len(ids), _JUDGED_AT_ONCE):
            due = [
                # Of revisions that no commit has: nothing of these patterns is newer than the rest.
                OutboxEntry(
                    project="default", pattern_id=id, writer=slot.number, revision=-first, feedback_ids=(), touched=0
                )
                for id in ids[first : first + _JUDGED_AT_ONCE]
            ]
            await marks.add(due, now - timedelta(minutes=1), session)

    await transaction(mongo, finish)
    await mongo.collection("writers").update({"_id": slot.number}, {"$set": {"revision": revision}})
    await slot.release()
    # Until the service has judged them all.
    for _ in range(_SECONDS_TO_JUDGE):
        if not await mongo.collection("trigger_marks").count({}):
            return
        await asyncio.sleep(1)
    raise TimeoutError


async def add_reviews(uri: str, count: int) -> None:
    """Adds open reviews of as many patterns more; of those there is no feedback."""
    mongo = Mongo.connect(uri, "uptake", 60.0)
    patterns, reviews = mongo.collection("patterns"), mongo.collection("reviews")
    pattern, review = await patterns.get({}), await reviews.get({"active": True})
    assert pattern is not None
    assert review is not None
    for first in range(0, count, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, count))
        await patterns.insert_many([pattern | {"_id": f"{number:024}"} for number in numbers])
        await reviews.insert_many(
            [
                review
                | {
                    "_id": f"{number:024}",
                    "pattern_id": f"{number:024}",
                    "covers": [f"{number:024}"],
                    "create_time": review["create_time"] - timedelta(minutes=number),
                    "update_time": review["update_time"] - timedelta(minutes=number),
                }
                for number in numbers
            ]
        )
    mongo.close()
