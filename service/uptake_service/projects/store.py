"""Where projects are kept, in the collection `projects`:
{_id, settings, revision, create_time, update_time, models, sources}."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from cachetools import TTLCache

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.coordination.idempotent_change import idempotent_change
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.project import Project, ProjectSettings
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction

BREAKDOWN_VALUES = 100
"""How many models and sources of a project are counted apart."""

OTHER = "other"

_CACHE_SECONDS = 2.0
_CACHED = 1_000
"""Of how many projects the settings are remembered, and what is counted apart, which may be 80 KB each."""


class ProjectStore(Store):
    TEXTS = (
        texts("projects", Holds.VALUE, "models", "sources", "scores"),
        texts("projects", Holds.NONE, "_id", "settings.*"),
    )

    def __init__(self, mongo: Mongo, clock: Clock, requests: RequestRecords) -> None:
        self._mongo = mongo
        self._projects = mongo.collection("projects")
        self._audit = AuditLog(mongo, clock)
        self._clock = clock
        self._requests = requests
        self._cache: TTLCache[str, Project] = TTLCache(_CACHED, _CACHE_SECONDS)

    async def get(self, id: str) -> Project:
        """The project as it is now; one not seen before has the defaults."""
        document = await self._projects.get({"_id": id})
        if document is None:
            # Not remembered: callers may name any.
            return Project(id=id)
        project = _project(document)
        self._cache[id] = project
        return project

    async def recent(self, id: str) -> Project:
        """The project as it was at most two seconds ago: what the hot path reads."""
        return self._cache.get(id) or await self.get(id)

    async def page(self, after: str, limit: int, only: Sequence[str] = ()) -> list[Project]:
        """Projects by id, from the first after `after`; of `only` these, if it names any."""
        wanted: Document = {"$gt": after, **({"$in": list(only)} if only else {})}
        # What is counted apart may be much, and is not shown.
        unseen = {"models": 0, "sources": 0, "scores": 0}
        documents = await self._projects.find({"_id": wanted}, projection=unseen, sort=[("_id", 1)], limit=limit)
        return [_project(document) for document in documents]

    async def ids(self, *, with_retention: bool = False) -> list[str]:
        """The ids of all projects, or of those that keep feedback for a time only."""
        condition = {"settings.retention.feedback_age": {"$gt": 0}} if with_retention else {}
        return [document["_id"] for document in await self._projects.find(condition, projection={"_id": 1})]

    async def scan(self, session: Session) -> list[Project]:
        return [_project(document) for document in await self._projects.find({}, session=session)]

    async def update(self, id: str, settings: ProjectSettings, base: Project, key: RequestKey | None = None) -> Project:
        """Replaces the settings that `base` was read with, once for each request key.

        Raises:
            DomainError: They changed since; ETAG_MISMATCH.
        """
        now = self._clock.now()
        written: Document = {
            "$set": {
                "settings": _settings_document(settings),
                "update_time": now,
                "revision": base.revision + 1,
            },
            "$setOnInsert": {"create_time": now, "models": [], "sources": [], "scores": []},
        }

        async def change(session: Session) -> str:
            current = await self._projects.get({"_id": id}, session=session)
            found = _project(current) if current else Project(id=id)
            if found.revision != base.revision:
                raise DomainError(
                    Reason.ERROR_REASON_ETAG_MISMATCH,
                    "the settings changed since they were read; read them again",
                    metadata={"etag": found.etag},
                )
            await self._projects.update_each([({"_id": id}, written)], upsert=True, session=session)
            await self._audit.add(id, id, changes(base.settings, settings), session)
            return id

        await idempotent_change(self._requests, key, partial(transaction, self._mongo), change)
        return await self.get(id)

    async def note_use(self, id: str, fresh: Mapping[str, set[str]], create_time: datetime, session: Session) -> None:
        """Makes the project if it is new, and notes values that are to be counted apart: of models, sources, scores."""
        await self._projects.update_each(
            [
                (
                    {"_id": id},
                    {
                        "$setOnInsert": {"revision": 0, "create_time": create_time},
                        "$addToSet": {
                            name: {"$each": sorted(fresh.get(name, ()))} for name in ("models", "sources", "scores")
                        },
                    },
                )
            ],
            upsert=True,
            session=session,
        )
        self._cache.pop(id, None)

    async def drop_value(self, id: str, kind: str, value: str, session: Session) -> None:
        """Forgets a value of the list `kind` (models, sources or scores) that nothing is counted under."""
        await self._projects.update_each([({"_id": id}, {"$pull": {kind: value}})], session=session)
        self._cache.pop(id, None)


def bucket(value: str, known: tuple[str, ...] | set[str]) -> str:
    """The value under which `value` is counted: itself while there is room, else "other". Empty takes no room."""
    return value if not value or value in known or len(known) < BREAKDOWN_VALUES else OTHER


def _settings_document(settings: ProjectSettings) -> Document:
    policy: dict[str, Any] = settings.review_policy.model_dump(mode="python")
    for name in ("vote_policy", "trigger_rule"):
        policy[name] = str(policy[name])
    policy["scores"] = list(policy["scores"])
    for name in ("dismissal_quiet_period", "issue_window", "evidence_age"):
        policy[name] = policy[name].total_seconds()
    age = settings.retention.feedback_age
    return {
        "review_policy": policy,
        "retention": {"feedback_age": age.total_seconds() if age else None},
        "redaction": settings.redaction.model_dump() | {"phone_regions": list(settings.redaction.phone_regions)},
    }


def _project(document: Document) -> Project:
    settings = document.get("settings")
    return Project(
        id=document["_id"],
        settings=ProjectSettings.model_validate(settings) if settings else ProjectSettings(),
        revision=document["revision"],
        create_time=document["create_time"],
        update_time=document.get("update_time"),
        models=tuple(document.get("models", ())),
        sources=tuple(document.get("sources", ())),
        scores=tuple(document.get("scores", ())),
    )
