"""Where projects are kept, in the collection `projects`:
{_id, settings, revision, create_time, update_time, models, sources}."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.clock import Clock
from uptake_service.errors import DomainError, Reason
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.mongo.transactions import transaction
from uptake_service.projects.model import Project, ProjectSettings

BREAKDOWN_VALUES = 100
"""How many models and sources of a project are counted apart."""

OTHER = "other"

_CACHE_SECONDS = 2.0


class ProjectStore:
    def __init__(self, mongo: Mongo, clock: Clock, requests: RequestRecords, request_retention_days: int) -> None:
        self._mongo = mongo
        self._projects = mongo.collection("projects")
        self._audit = AuditLog(mongo, clock)
        self._clock = clock
        self._requests = requests
        self._request_retention = timedelta(days=request_retention_days)
        self._cache: dict[str, tuple[float, Project]] = {}

    async def get(self, id: str) -> Project:
        """The project as it is now; one not seen before has the defaults."""
        document = await self._projects.get({"_id": id})
        project = _project(document) if document else Project(id=id)
        self._remember(project)
        return project

    async def recent(self, id: str) -> Project:
        """The project as it was at most two seconds ago: what the hot path reads."""
        cached = self._cache.get(id)
        if cached is not None and asyncio.get_running_loop().time() < cached[0]:
            return cached[1]
        return await self.get(id)

    async def page(self, after: str, limit: int, only: Sequence[str] = ()) -> list[Project]:
        """Projects by id, from the first after `after`; of `only` these, if it names any."""
        wanted: Document = {"$gt": after, **({"$in": list(only)} if only else {})}
        documents = await self._projects.find({"_id": wanted}, sort=[("_id", 1)], limit=limit)
        return [_project(document) for document in documents]

    async def everything(self, session: Session) -> list[Project]:
        return [_project(document) for document in await self._projects.find({}, session=session)]

    async def update(self, id: str, settings: ProjectSettings, base: Project, key: RequestKey | None = None) -> Project:
        """Replaces the settings that `base` was read with, once for each request key.

        Raises:
            DomainError: They changed since; ETAG_MISMATCH.
        """
        now = self._clock.now()
        change: Document = {
            "$set": {
                "settings": _settings_document(settings),
                "update_time": now,
                "revision": base.revision + 1,
            },
            "$setOnInsert": {"create_time": now, "models": [], "sources": []},
        }

        async def body(session: Session) -> None:
            if await self._requests.resource_of(key, session=session) is not None:
                return
            current = await self._projects.get({"_id": id}, session=session)
            if (current["revision"] if current else 0) != base.revision:
                raise DomainError(
                    Reason.ERROR_REASON_ETAG_MISMATCH,
                    "the settings changed since they were read; read them again",
                )
            await self._projects.update_each([({"_id": id}, change)], upsert=True, session=session)
            await self._audit.add(id, id, changes(base.settings, settings), session)
            if key is not None:
                await self._requests.add([(key, id)], expire_time=now + self._request_retention, session=session)

        await transaction(self._mongo, body)
        return await self.get(id)

    async def note_use(
        self, id: str, models: set[str], sources: set[str], create_time: datetime, session: Session
    ) -> None:
        """Makes the project if it is new, and notes values that are to be counted apart."""
        await self._projects.update_each(
            [
                (
                    {"_id": id},
                    {
                        "$setOnInsert": {"revision": 0, "create_time": create_time},
                        "$addToSet": {
                            "models": {"$each": sorted(models)},
                            "sources": {"$each": sorted(sources)},
                        },
                    },
                )
            ],
            upsert=True,
            session=session,
        )
        self._cache.pop(id, None)

    def _remember(self, project: Project) -> None:
        if len(self._cache) > 10_000:
            self._cache.clear()
        self._cache[project.id] = (asyncio.get_running_loop().time() + _CACHE_SECONDS, project)


def bucket(value: str, known: tuple[str, ...] | set[str]) -> str:
    """The value under which `value` is counted: itself while there is room, else "other". Empty takes no room."""
    return value if not value or value in known or len(known) < BREAKDOWN_VALUES else OTHER


def _settings_document(settings: ProjectSettings) -> Document:
    policy: dict[str, Any] = settings.review_policy.model_dump(mode="python")
    policy["vote_policy"] = str(policy["vote_policy"])
    for name in ("dismissal_quiet_period", "issue_window"):
        policy[name] = policy[name].total_seconds()
    age = settings.retention.feedback_age
    return {
        "review_policy": policy,
        "retention": {"feedback_age": age.total_seconds() if age else None},
        "redaction": settings.redaction.model_dump(),
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
    )
