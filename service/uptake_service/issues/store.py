"""Where issues are kept, in the collections `issues` and `issue_generations`; see Issue and Generation."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.coordination.idempotent_change import idempotent_change
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DomainError, Reason, not_found
from uptake_service.domain.ids import new_id
from uptake_service.embedding.embedders import Space
from uptake_service.issues.model import Generation, Issue, IssueState, Member, current_ids
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, Filter, Update
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, Written, texts
from uptake_service.mongo.transactions import transaction

_WORDS = ("found_title", "given_title", "keywords", "representative", "samples")
"""The fields of an issue that hold what people say."""


class Superseded(Exception):
    """A newer run, or a person's decision, came in between; what this run found is worth nothing."""


@dataclass(frozen=True)
class Centroids:
    """The centroids of issues of one embedder."""

    ids: tuple[str, ...]
    centroids: npt.NDArray[np.float32]
    radii: npt.NDArray[np.float32]


@dataclass(frozen=True)
class IssueIndex:
    """The centroids of a project's issues, of one revision, by embedder."""

    revision: int
    by_embedder: Mapping[str, Centroids]

    def assign(self, spaces: Sequence[Space], count: int) -> list[str]:
        """The issue that each of `count` texts joins; empty for those beyond the nearest one's radius."""
        joined = [""] * count
        for space in spaces:
            issues = self.by_embedder.get(space.embedder)
            if issues is None:
                continue
            similarity = space.vectors @ issues.centroids.T
            nearest = similarity.argmax(axis=1)
            near = similarity[np.arange(len(nearest)), nearest] >= issues.radii[nearest]
            for row, issue in zip(space.rows[near], nearest[near], strict=True):
                joined[row] = issues.ids[issue]
        return joined


class IssueStore(Store):
    TEXTS = (
        texts("issues", Holds.DERIVED, "found_title", "keywords", "representative.text", "samples.text"),
        texts("issues", Holds.WRITTEN, "given_title"),
        texts("issues", Holds.NONE, "_id", "project", "representative.feedback_id", "samples.feedback_id", "embedder"),
        texts("issues", Holds.NONE, "state", "merged_into", "split_from", "patterns.pattern_id"),
        texts("issue_generations", Holds.NONE, "_id"),
    )
    INDEXES = (
        Index("issues", (("project", 1), ("_id", 1))),
        Index("issues", (("state", 1),), where={"state": IssueState.RESOLVED.value}),
    )

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        events: EventLog,
        requests: RequestRecords,
    ) -> None:
        self._mongo = mongo
        self._issues = mongo.collection("issues")
        self._generations = mongo.collection("issue_generations")
        self._audit = AuditLog(mongo, clock)
        self._clock = clock
        self._events = events
        self._requests = requests
        self._indexes: dict[str, IssueIndex] = {}

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
        by_embedder: dict[str, list[Issue]] = {}
        for issue in found:
            by_embedder.setdefault(issue.embedder, []).append(issue)
        index = IssueIndex(
            generation.revision,
            {
                embedder: Centroids(
                    tuple(current[issue.id] for issue in of_it),
                    np.stack([np.frombuffer(issue.centroid, dtype="<f4") for issue in of_it]),
                    np.array([issue.radius for issue in of_it], dtype=np.float32),
                )
                for embedder, of_it in by_embedder.items()
            },
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
        ids = list(feedback_ids)
        if not ids:
            return
        showing = await self._issues.find(
            {
                "project": project,
                "$or": [{"representative.feedback_id": {"$in": ids}}, {"samples.feedback_id": {"$in": ids}}],
            },
            projection={"representative": 1, "samples": 1},
            session=session,
        )
        if not showing:
            return
        updates: list[tuple[Filter, Update]] = []
        for document in showing:
            shown = document["representative"]
            left = {
                "representative": None if shown and shown["feedback_id"] in ids else shown,
                "samples": [sample for sample in document["samples"] if sample["feedback_id"] not in ids],
            }
            updates.append(({"_id": document["_id"]}, {"$set": left}))
        await self._issues.update_each(updates, session=session)
        await self.note_edit(project, session)

    async def note_edit(self, project: str, session: Session) -> None:
        """Tells who remembers issues, or what a run counted, that some of it was changed."""
        await self._generations.update_each([({"_id": project}, {"$inc": {"edits": 1}})], session=session)

    async def supersede_runs(self, project: str) -> None:
        """Makes what runs under way find worth nothing, as a person's decision does."""

        async def body(session: Session) -> None:
            generation = await self.generation(project, session=session)
            if generation.attempts > generation.number:
                await self._write_generation(
                    generation.model_copy(update={"revision": generation.revision + 1}), session
                )

        await transaction(self._mongo, body)

    async def rewrite(self, project: str, id: str, rewritten: Callable[[Issue], Issue]) -> None:
        """Writes the words that an issue is to show, with the event; nothing if it is gone or shows them already.

        Args:
            project: The project.
            id: The issue.
            rewritten: Gives the issue with these words from the issue as it is.
        """

        async def body(session: Session) -> None:
            document = await self._issues.get({"_id": id}, session=session)
            if document is None:
                return
            before = _issue(document)
            after = rewritten(before)
            if after == before:
                return
            after = after.model_copy(update={"revision": before.revision + 1})
            fields = _fields(after)
            shown = {name: fields[name] for name in (*_WORDS, "revision")}
            await self._issues.update({"_id": id}, {"$set": shown}, session=session)
            await self.note_edit(project, session)
            await self._events.append(project, [after.event()], session)

        await self._events.transaction([project], body)

    async def written(self, project: str) -> AsyncIterator[Written]:
        """The titles that people gave to the issues of a project."""
        condition = {"project": project, "given_title": {"$ne": ""}}
        async for document in self._issues.stream(condition, projection={"given_title": 1}):
            yield Written(document["_id"], {"given_title": document["given_title"]})

    async def unquote(self, project: str, id: str, fields: Sequence[str]) -> None:
        """Takes back the title that people gave to an issue."""
        await self.rewrite(project, id, lambda issue: issue.model_copy(update=dict.fromkeys(fields, "")))

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

        async def decide(session: Session) -> str:
            issue = await self.get(project, id, session=session)
            if etag and etag != issue.etag:
                raise DomainError(
                    Reason.ERROR_REASON_ETAG_MISMATCH,
                    "the issue changed since it was read; read it again",
                    metadata={"etag": issue.etag},
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
            await self._events.append(project, [one.event() for one in final], session)
            return final[0].id

        return await idempotent_change(self._requests, key, partial(self._events.transaction, [project]), decide)

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

    async def resolved(self) -> list[tuple[str, str]]:
        """Project and id of the issues of all projects that may come back."""
        documents = await self._issues.find(
            {"state": IssueState.RESOLVED.value, "merged_into": ""}, projection={"project": 1}
        )
        return [(document["project"], document["_id"]) for document in documents]

    async def undrained(self) -> list[str]:
        """The projects of which something may be left to be moved over to the generation in force."""
        documents = await self._generations.find({}, projection={"number": 1, "undrained": 1})
        return [document["_id"] for document in documents if document["undrained"] < document["number"]]

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
