"""The composition root: what a process consists of, put together. Nothing is started or read here.

One function builds each capability, of what those below it have made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from uptake_service.audit.log import AuditLog
from uptake_service.config import Settings
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.coordination.job_queue import JobQueue
from uptake_service.coordination.leases import Leases, Writers, WriterSlot
from uptake_service.corrections.basis import BasisBuilder
from uptake_service.corrections.counts import VoteCounts
from uptake_service.corrections.instructions import InstructionStore
from uptake_service.corrections.knowledge import KnowledgeStore
from uptake_service.corrections.resolution import ReviewResolution
from uptake_service.corrections.store import CorrectionStore
from uptake_service.corrections.verdict_updater import VerdictUpdater
from uptake_service.corrections.workflow import CorrectionWorkflow, Targets
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.embedding.embedders import Embedders
from uptake_service.erasure.eraser import ERASURES_JOB, Eraser
from uptake_service.erasure.issues import IssueWords
from uptake_service.erasure.patterns import PatternWords
from uptake_service.erasure.people import PeoplesWords
from uptake_service.erasure.remover import FeedbackRemover, Forgets
from uptake_service.erasure.retention import RETENTION_JOB, Retention
from uptake_service.erasure.values import UnusedValues
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ingest.batch import Stores
from uptake_service.ingest.committer import Committer
from uptake_service.ingest.intake import Intake
from uptake_service.ingest.novelty import NoveltyLimiter, Rate
from uptake_service.ingest.preprocessor import Preprocessor
from uptake_service.insights.numbers import Numbers
from uptake_service.insights.opportunities import Opportunities
from uptake_service.insights.store import InsightStore
from uptake_service.insights.totals import PatternTotals
from uptake_service.issues.decisions import IssueDecisions
from uptake_service.issues.members import IssueMembers
from uptake_service.issues.membership import IssueMembership
from uptake_service.issues.runner import IssueRunner, RunSettings
from uptake_service.issues.store import IssueStore
from uptake_service.issues.view import IssueView
from uptake_service.live.broadcaster import EventBroadcaster
from uptake_service.live.shutdown import Shutdown
from uptake_service.mongo.client import Mongo
from uptake_service.patterns.patterns import Patterns
from uptake_service.patterns.shares import ShareStore
from uptake_service.patterns.store import PatternStore
from uptake_service.projections.compactor import DeltaCompactor
from uptake_service.projections.counts import RollupCounts
from uptake_service.projections.delta_log import DeltaLog
from uptake_service.projections.projection import Projection
from uptake_service.projections.rollups import RollupStore
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.outbox import TriggerOutbox
from uptake_service.reviews.outbox_sweep import OutboxSweep
from uptake_service.reviews.recent import RecentFeedback
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.subscriptions import ReviewSubscriptions
from uptake_service.reviews.trigger import Trigger
from uptake_service.reviews.trigger_projection import TriggerProjection
from uptake_service.reviews.workflow import ReviewWorkflow
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

MARKS_JOB = "trigger_marks"


@dataclass(frozen=True)
class Base:
    """What every capability stands on."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    tracing: Tracing
    mongo: Mongo
    embedders: Embedders
    shutdown: Shutdown
    events: EventLog
    requests: RequestRecords
    leases: Leases
    writers: Writers
    audit: AuditLog


def build_base(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    tracing: Tracing,
    mongo: Mongo,
    embedders: Embedders,
    shutdown: Shutdown,
) -> Base:
    return Base(
        settings,
        clock,
        metrics,
        tracing,
        mongo,
        embedders,
        shutdown,
        EventLog(mongo, settings.event_retention_days),
        RequestRecords(mongo, settings.request_retention_days),
        Leases(mongo),
        Writers(mongo),
        AuditLog(mongo, clock),
    )


@dataclass(frozen=True)
class FeedbackParts:
    """Feedback with its patterns and its counts."""

    projects: ProjectStore
    feedback: FeedbackStore
    log: DeltaLog
    rollups: RollupStore
    pattern_store: PatternStore
    shares: ShareStore
    patterns: Patterns
    compactor: DeltaCompactor


def build_feedback(base: Base) -> FeedbackParts:
    mongo = base.mongo
    log, rollups, pattern_store, shares = DeltaLog(mongo), RollupStore(mongo), PatternStore(mongo), ShareStore(mongo)
    return FeedbackParts(
        ProjectStore(mongo, base.clock, base.requests),
        FeedbackStore(mongo, base.clock),
        log,
        rollups,
        pattern_store,
        shares,
        Patterns(mongo, pattern_store, shares, base.embedders, base.settings.pattern_threshold),
        DeltaCompactor(mongo, log, {"rollups": rollups, "shares": shares}),
    )


@dataclass(frozen=True)
class IssueParts:
    store: IssueStore
    members: IssueMembers
    membership: IssueMembership
    runner: IssueRunner
    view: IssueView
    decisions: IssueDecisions


def build_issues(base: Base, of: FeedbackParts) -> IssueParts:
    store = IssueStore(base.mongo, base.clock, base.events, base.requests)
    members = IssueMembers(base.mongo)
    membership = IssueMembership(base.mongo, store, members, of.feedback, base.embedders)
    settings = RunSettings(
        base.settings.issue_seed, base.settings.event_retention_days, base.settings.request_retention_days
    )
    runner = IssueRunner(
        base.mongo,
        base.clock,
        base.leases,
        of.projects,
        of.rollups,
        store,
        membership,
        (base.metrics, base.tracing),
        settings,
    )
    return IssueParts(
        store,
        members,
        membership,
        runner,
        IssueView(store, members),
        IssueDecisions(store, members, of.feedback, base.embedders),
    )


@dataclass(frozen=True)
class ReviewParts:
    store: ReviewStore
    workflow: ReviewWorkflow
    outbox: TriggerOutbox
    recent: RecentFeedback
    sweep: OutboxSweep
    trigger_projection: TriggerProjection
    subscriptions: ReviewSubscriptions


def build_reviews(base: Base, of: FeedbackParts, broadcaster: EventBroadcaster) -> ReviewParts:
    store, outbox = ReviewStore(base.mongo), TriggerOutbox(base.mongo)
    recent = RecentFeedback(base.mongo, of.feedback, of.shares)
    trigger = Trigger(
        base.clock,
        of.feedback,
        recent,
        of.rollups,
        of.pattern_store,
        of.projects,
        outbox,
        store,
        base.events,
    )
    return ReviewParts(
        store,
        ReviewWorkflow(store, base.events, base.requests, base.audit),
        outbox,
        recent,
        OutboxSweep(outbox, trigger, JobQueue(MARKS_JOB, base.mongo, base.clock)),
        TriggerProjection(outbox, store, trigger, of.patterns.known_verdicts),
        ReviewSubscriptions(store, of.patterns, broadcaster, base.requests.secret.sign),
    )


@dataclass(frozen=True)
class CorrectionParts:
    store: CorrectionStore
    workflow: CorrectionWorkflow
    resolution: ReviewResolution
    knowledge: KnowledgeStore
    instructions: InstructionStore
    verdicts: VerdictUpdater


def build_corrections(base: Base, of: FeedbackParts, reviews: ReviewParts) -> CorrectionParts:
    mongo, clock = base.mongo, base.clock
    knowledge, instructions = KnowledgeStore(mongo, base.embedders), InstructionStore(mongo)
    counts, store = VoteCounts(of.feedback, of.rollups), CorrectionStore(mongo, clock)
    basis = BasisBuilder(mongo, clock, of.projects, of.feedback, reviews.store, counts)
    targets: dict[CorrectionKind, Targets] = {
        CorrectionKind.KNOWLEDGE: knowledge,
        CorrectionKind.INSTRUCTIONS: instructions,
    }
    workflow = CorrectionWorkflow(
        clock, store, basis, targets, of.feedback, of.projects, base.events, base.requests, base.audit
    )
    resolution = ReviewResolution(clock, of.feedback, reviews.store, reviews.workflow, store, workflow, basis)
    verdicts = VerdictUpdater(mongo, clock, of.feedback, counts, store, reviews.store, reviews.workflow, base.events)
    return CorrectionParts(store, workflow, resolution, knowledge, instructions, verdicts)


class ProjectionKind(NamedTuple):
    """A projection: its class, which has its recount and its collections, and how a process makes its own."""

    type: type[Projection]
    make: "Callable[[Base, Parts], Projection]"


PROJECTIONS = (
    # In the order in which they write; the compactor logs what the others count.
    ProjectionKind(RollupCounts, lambda base, parts: RollupCounts()),
    ProjectionKind(Patterns, lambda base, parts: parts.feedback.patterns),
    ProjectionKind(RecentFeedback, lambda base, parts: parts.reviews.recent),
    ProjectionKind(IssueMembership, lambda base, parts: parts.issues.membership),
    ProjectionKind(TriggerProjection, lambda base, parts: parts.reviews.trigger_projection),
    ProjectionKind(DeltaCompactor, lambda base, parts: parts.feedback.compactor),
)
"""All that is derived from feedback in its commit. The intake, the check and the erasure walk this list."""


def build_intake(base: Base, of: FeedbackParts, projections: list[Projection]) -> Intake:
    settings = base.settings
    preprocessor = Preprocessor(of.patterns.vectors, of.projects)
    novelty = NoveltyLimiter(
        base.metrics,
        patterns=Rate(settings.new_patterns_at_once, settings.new_patterns_per_minute),
        projects=Rate(settings.new_projects_at_once, settings.new_projects_per_minute),
        values=Rate(settings.new_values_at_once, settings.new_values_per_minute),
    )
    committer = Committer(
        base.mongo,
        WriterSlot(base.mongo, settings.writer_lease_seconds),
        Stores(of.feedback, base.requests, of.projects, base.audit),
        of.patterns,
        preprocessor,
        novelty,
        projections,
    )
    return Intake(
        committer,
        preprocessor,
        of.patterns,
        base.metrics,
        base.tracing,
        queue_size=settings.queue_size,
        batch_size=settings.batch_size,
        heartbeat_seconds=settings.writer_lease_seconds / 3,
    )


@dataclass(frozen=True)
class ErasureParts:
    remover: FeedbackRemover
    eraser: Eraser
    retention: Retention


def build_erasure(base: Base, parts: "Parts", intake: Intake, projections: list[Projection]) -> ErasureParts:
    mongo, clock, of, issues = base.mongo, base.clock, parts.feedback, parts.issues
    forgetting: list[Forgets] = [
        PeoplesWords(
            clock,
            of.feedback,
            parts.corrections.store,
            parts.corrections.workflow,
            parts.reviews.store,
            issues.store,
        ),
        IssueWords(of.feedback, issues.store, issues.members, issues.membership),
        *projections,
    ]
    patterns = PatternWords(mongo, of.feedback, of.patterns, of.pattern_store)
    remover = FeedbackRemover(mongo, intake, of.feedback, issues.members, patterns, forgetting, base.requests)
    values = UnusedValues(mongo, of.projects, of.rollups)
    erasures = JobQueue(ERASURES_JOB, mongo, clock)
    eraser = Eraser(mongo, clock, of.feedback, remover, base.requests, base.leases, erasures, values)
    queue = JobQueue(RETENTION_JOB, mongo, clock)
    return ErasureParts(
        remover, eraser, Retention(mongo, base.leases, queue, of.projects, of.feedback, remover, eraser)
    )


@dataclass(frozen=True)
class InsightParts:
    numbers: Numbers
    store: InsightStore


def build_insights(base: Base, parts: "Parts") -> InsightParts:
    of = parts.feedback
    numbers = Numbers(base.clock, of.projects, of.rollups)
    opportunities = Opportunities(PatternTotals(base.mongo, of.rollups), of.feedback, of.patterns, parts.reviews.store)
    store = InsightStore(
        numbers,
        of.feedback,
        parts.reviews.store,
        parts.corrections.store,
        parts.issues.view,
        of.patterns,
        opportunities,
        base.events,
        base.writers,
    )
    return InsightParts(numbers, store)


@dataclass(frozen=True)
class Parts:
    """All capabilities of a process but those that are made of these."""

    broadcaster: EventBroadcaster
    feedback: FeedbackParts
    issues: IssueParts
    reviews: ReviewParts
    corrections: CorrectionParts


def build_parts(base: Base) -> Parts:
    settings = base.settings
    broadcaster = EventBroadcaster(
        base.events,
        base.shutdown,
        base.clock,
        base.metrics,
        settings.subscriber_backlog,
        settings.subscriber_patience_seconds,
    )
    feedback = build_feedback(base)
    reviews = build_reviews(base, feedback, broadcaster)
    return Parts(
        broadcaster, feedback, build_issues(base, feedback), reviews, build_corrections(base, feedback, reviews)
    )
