"""Every store, in one list: the indexes that they declare are made when the service starts, and what they say of the
text that they hold is what erasing goes by."""

from uptake_service.app.build import PROJECTIONS
from uptake_service.audit.log import AuditLog
from uptake_service.auth.keys import KeyStore
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.coordination.leases import Leases, Writers
from uptake_service.corrections.instructions import InstructionStore
from uptake_service.corrections.knowledge import KnowledgeStore
from uptake_service.corrections.store import CorrectionStore
from uptake_service.corrections.verdict_updater import VerdictProgress
from uptake_service.erasure.eraser import Eraser
from uptake_service.feedback.store import FeedbackStore
from uptake_service.issues.store import IssueStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.texts import Removals, Store, Texts
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.history import ReviewHistory
from uptake_service.reviews.store import ReviewStore

STORES: tuple[type[Store], ...] = (
    AuditLog,
    CorrectionStore,
    Eraser,
    EventLog,
    FeedbackStore,
    InstructionStore,
    IssueStore,
    KeyStore,
    KnowledgeStore,
    Leases,
    VerdictProgress,
    ProjectStore,
    Removals,
    RequestRecords,
    ReviewHistory,
    ReviewStore,
    Writers,
    *(store for kind in PROJECTIONS for store in kind.type.STORES),
)

TEXTS: tuple[Texts, ...] = tuple(text for store in STORES for text in store.TEXTS)


async def create_indexes(mongo: Mongo) -> None:
    """Makes the indexes that are not there yet.

    Raises:
        WriteRefused: One is there with other options, or what is stored does not fit a unique one.
        DatabaseUnavailable: The database does not answer.
    """
    await mongo.create_indexes([index for store in STORES for index in store.INDEXES])
