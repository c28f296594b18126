"""Where issues are kept, in the collections `issues` and `issue_generations`; see Issue and Generation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.clock import Clock
from uptake_service.errors import DomainError, DuplicateKey, Reason, not_found
from uptake_service.ids import new_id
from uptake_service.insights.issues.model import Generation, Issue, IssueState, Member, current_ids
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.events import EventLog
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.mongo.transactions import transaction


class Superseded(Exception):
    """A newer run, or a person's decision, came in between; what this run found is worth nothing."""


@dataclass(frozen=True)
class IssueIndex:
    """The centroids of a project's issues, of one revision."""

    revision: int
    ids: tuple[str, ...]
    centroids: npt.NDArray[np.float32]
    radii: npt.NDArray[np.float32]

    def assign(self, vectors: npt.NDArray[np.float32]) -> list[str]:
        """The issue that each of (m, d) unit vectors joins; empty for those beyond the nearest one's radius."""
        if not self.ids:
            return [""] * len(vectors)
        similarity = vectors @ self.centroids.T
        nearest = similarity.argmax(axis=1)
        near = similarity[np.arange(len(vectors)), nearest] >= self.radii[nearest]
        return [self.ids[issue] if joins else "" for issue, joins in zip(nearest, near, strict=True)]


class IssueStore:
    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        events: EventLog,
        requests: RequestRecords,
        request_retention_days: int,
    ) -> None:
        self._mongo = mongo
        self._issues = mongo.collection("issues")
        self._generations = mongo.collection("issue_generations")
        self._audit = AuditLog(mongo, clock)
        self._clock = clock
        self._events = events
        self._requests = requests
        self._request_retention = timedelta(days=request_retention_days)
        self._indexes: dict[str, IssueIndex] = {}

    async def open(self) -> None:
        await self._issues.create_index([("project", 1)])

    async def generation(self, project: str, *, session: Session | None = None) -> Generation:
        """The generation in force; number 0 before the first run."""
        document = await self._generations.get({"_id": project}, session=session)
        return _generation(document) if document else Generation(project=project)

    async def generations(self, projects: Sequence[str], session: Session) -> dict[str, Generation]:
        """The generations in force, of projects that take part in a batch."""
        found = await self._generations.find({"_id": {"$in": list(projects)}}, session=session)
        known = {document["_id"]: _generation(document) for document in found}
        return {project: known.get(project) or Generation(project=project) for project in projects}

    async def every_generation(self, session: Session | None = None) -> list[Generation]:
        return [_generation(document) for document in await self._generations.find({}, session=session)]

    async def index(self, generation: Generation, session: Session | None = None) -> IssueIndex:
        """The centroids that new feedback joins by; read once for each revision of a project's issues."""
        known = self._indexes.get(generation.project)
        if known is not None and known.revision == generation.revision:
            return known
        issues = [] if generation.number == 0 else await self.all(generation.project, session=session)
        current = current_ids(issues)
        # What the run did not find again is on its way out.
        found = [issue for issue in issues if issue.decided or issue.generation == generation.number]
        index = IssueIndex(
            generation.revision,
            tuple(current[issue.id] for issue in found),
            np.stack([np.frombuffer(issue.centroid, dtype="<f4") for issue in found])
            if found
            else np.zeros((0, 0), dtype=np.float32),
            np.array([issue.radius for issue in found], dtype=np.float32),
        )
        self._indexes[generation.project] = index
        return index

    async def all(self, project: str, *, session: Session | None = None) -> list[Issue]:
        """Every issue of a project, those that were merged into others too."""
        return [_issue(document) for document in await self._issues.find({"project": project}, session=session)]

    async def get(self, project: str, id: str, *, session: Session | None = None) -> Issue:
        """Raises DomainError when the project has no such issue."""
        document = await self._issues.get({"_id": id, "project": project}, session=session)
        if document is None:
            raise not_found(Reason.ERROR_REASON_ISSUE_NOT_FOUND, "issue", id)
        return _issue(document)

    async def begin(self, project: str, fence: int) -> tuple[Generation, int]:
        """Begins a run under a lease's fence number.

        Returns:
            The generation in force, and the run's own number.

        Raises:
            Superseded: A holder of a newer lease began one already.
        """

        async def body(session: Session) -> tuple[Generation, int]:
            base = await self.generation(project, session=session)
            if base.fence > fence:
                raise Superseded
            begun = base.model_copy(update={"fence": fence, "attempts": base.attempts + 1})
            await self._write_generation(begun, session)
            return begun, begun.attempts

        return await transaction(self._mongo, body)

    async def publish(self, base: Generation, published: Generation, found: Sequence[Issue]) -> list[Issue]:
        """Brings a run's result into force, all at once, with its events.

        Args:
            base: The generation that the run began with.
            published: The run's own.
            found: The issues that changed; new ones among them.

        Raises:
            Superseded: A newer run or a person's decision came in between.
        """

        before = {issue.id: issue.state for issue in await self.all(base.project)}
        told = [issue for issue in found if before.get(issue.id) is not issue.state]

        async def body(session: Session) -> list[Issue]:
            # First: each of the many short transactions that tell of something would win against this long one.
            await self._events.append(base.project, [issue.event() for issue in told], session)
            current = await self.generation(base.project, session=session)
            if (current.fence, current.revision) != (base.fence, base.revision):
                raise Superseded
            await self._issues.update_each(
                [({"_id": issue.id}, {"$set": _fields(issue)}) for issue in found], upsert=True, session=session
            )
            await self._write_generation(
                published.model_copy(
                    update={
                        "revision": current.revision + 1,
                        "edits": current.edits,
                        "attempts": current.attempts,
                    }
                ),
                session,
            )
            return told

        return await self._events.transaction([base.project], body)

    async def set_drained(self, generation: Generation) -> None:
        """Notes that nothing of the generations before is left to be moved."""
        await self._generations.update(
            {"_id": generation.project, "number": generation.number}, {"$set": {"undrained": generation.number}}
        )

    async def forget(self, project: str, ids: Sequence[str]) -> None:
        """Deletes issues of which nothing is left."""

        async def body(session: Session) -> None:
            await self._issues.delete_many({"_id": {"$in": list(ids)}}, session=session)
            await self.note_edit(project, session)

        if ids:
            await transaction(self._mongo, body)

    async def hide(self, project: str, feedback_ids: Sequence[str], session: Session) -> None:
        """Takes the words of feedback that was taken back out of the issues that show them."""
        shown = False
        for id in feedback_ids:
            shown |= await self._issues.update(
                {"project": project, "representative.feedback_id": id},
                {"$set": {"representative": None}},
                session=session,
            )
            shown |= await self._issues.update(
                {"project": project, "samples.feedback_id": id},
                {"$pull": {"samples": {"feedback_id": id}}},
                session=session,
            )
        if shown:
            await self.note_edit(project, session)

    async def note_edit(self, project: str, session: Session) -> None:
        """Tells who remembers issues, or what a run counted, that some of it was changed."""
        await self._generations.update_each([({"_id": project}, {"$inc": {"edits": 1}})], session=session)

    async def rename(self, renamed: Issue) -> None:
        """Writes an issue's titles and keywords, with the event."""

        async def body(session: Session) -> None:
            titles = {name: getattr(renamed, name) for name in ("found_title", "given_title", "keywords")}
            await self._issues.update({"_id": renamed.id}, {"$set": titles, "$inc": {"revision": 1}}, session=session)
            await self.note_edit(renamed.project, session)
            now = await self.get(renamed.project, renamed.id, session=session)
            await self._events.append(renamed.project, [now.event()], session)

        await self._events.transaction([renamed.project], body)

    async def change(
        self,
        project: str,
        id: str,
        change: Callable[[Issue, datetime, Session], "object"],
        etag: str,
        key: RequestKey | None,
        reviewer: str,
    ) -> str:
        """Makes a person's decision, once for each request key, with its events.

        Args:
            project: The project.
            id: The issue that `etag` is of.
            change: Gives the issues as they should be (an awaitable of a list, the first being the answer) from the
                issue as it is, the time and the session.
            etag: If set, what the issue's etag must be.
            key: Makes it safe to repeat.
            reviewer: Who decides, as named in the request.

        Returns:
            The id of the first of the changed issues; of a repeated call, what it was then.
        """

        async def body(session: Session) -> str:
            made = await self._requests.resource_of(key, session=session)
            if made is not None:
                return made
            issue = await self.get(project, id, session=session)
            if etag and etag != issue.etag:
                raise DomainError(
                    Reason.ERROR_REASON_ETAG_MISMATCH, "the issue changed since it was read; read it again"
                )
            now = self._clock.now()
            changed: list[Issue] = await change(issue, now, session)  # type: ignore[misc]
            final = [
                one.model_copy(
                    update={
                        "revision": one.revision + 1,
                        "people_revision": one.people_revision + 1,
                        "update_time": now,
                    }
                )
                for one in changed
            ]
            ids = [one.id for one in final]
            before = {d["_id"]: _issue(d) for d in await self._issues.find({"_id": {"$in": ids}}, session=session)}
            await self._issues.update_each(
                [({"_id": one.id}, {"$set": _fields(one)}) for one in final], upsert=True, session=session
            )
            for one in final:
                await self._audit.add(project, one.id, changes(before.get(one.id), one), session, actor=reviewer)
            generation = await self.generation(project, session=session)
            await self._write_generation(generation.model_copy(update={"revision": generation.revision + 1}), session)
            if key is not None:
                await self._requests.add(
                    [(key, final[0].id)], expire_time=now + self._request_retention, session=session
                )
            await self._events.append(project, [one.event() for one in final], session)
            return final[0].id

        try:
            return await self._events.transaction([project], body)
        except DuplicateKey:
            # An equal request was recorded since this one looked: look again.
            return await self._events.transaction([project], body)

    async def regress(self, issue: Issue) -> None:
        """Notes that a resolved issue is back, with its event; nothing if a person changed it in between."""

        async def body(session: Session) -> None:
            current = await self.get(issue.project, issue.id, session=session)
            if current.revision != issue.revision:
                return
            back = current.model_copy(
                update={
                    "state": IssueState.REGRESSED,
                    "revision": current.revision + 1,
                    "update_time": self._clock.now(),
                }
            )
            await self._issues.update({"_id": back.id}, {"$set": _fields(back)}, session=session)
            await self.note_edit(back.project, session)
            await self._events.append(back.project, [back.event()], session)

        await self._events.transaction([issue.project], body)

    async def resolved(self) -> list[Issue]:
        """Issues of all projects that may come back."""
        return [_issue(d) for d in await self._issues.find({"state": IssueState.RESOLVED.value, "merged_into": ""})]

    async def _write_generation(self, generation: Generation, session: Session) -> None:
        fields = generation.model_dump(exclude={"project"})
        fields["cut"] = [{"writer": writer, "revision": revision} for writer, revision in generation.cut.items()]
        await self._generations.update_each(
            [({"_id": generation.project}, {"$set": fields})], upsert=True, session=session
        )


def split_off(issue: Issue, members: Sequence[Member], *, now: datetime, **described: object) -> Issue:
    """The new issue that people took members of another out for."""
    times = [member.occur_time for member in members]
    return Issue(
        id=new_id(),
        project=issue.project,
        generation=issue.generation,
        split_from=issue.id,
        first_seen_time=min(times),
        last_seen_time=max(times),
        frequency=len(members),
        revision=0,
        create_time=now,
        update_time=now,
        **described,
    )


def _fields(issue: Issue) -> Document:
    return issue.model_dump(exclude={"id"}) | {"state": issue.state.value}


def _issue(document: Document) -> Issue:
    return Issue(id=document["_id"], **{name: value for name, value in document.items() if name != "_id"})


def _generation(document: Document) -> Generation:
    fields = {name: value for name, value in document.items() if name != "_id"}
    fields["cut"] = {cut["writer"]: cut["revision"] for cut in document["cut"]}
    return Generation(project=document["_id"], **fields)
