"""The collection `corrections`."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

from uptake_service.corrections import instructions, knowledge
from uptake_service.corrections.documents import to_correction, to_document
from uptake_service.corrections.model import (
    Correction,
    CorrectionFilter,
    CorrectionState,
    Revision,
)
from uptake_service.domain.clock import Clock, just_before
from uptake_service.domain.errors import Reason, not_found
from uptake_service.domain.feedback import FORMER_INSTRUCTIONS, CorrectionKind
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, chunked, since
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import Listing, read_page
from uptake_service.mongo.scans import TimeScans
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, Written, texts
from uptake_service.mongo.transactions import transaction
from uptake_service.reviews.documents import to_fix, without_versions
from uptake_service.reviews.model import Fix

_WRITTEN = ("content", "diff", "note")

NEWEST_FIRST = [("create_time", -1), ("_id", -1)]

_INDEXED = ("target", "review_id", "pattern_id")
"""The fields of a filter by which corrections are found."""

_REVERT_CHANGES = ("state", "revert", "baseline", "start", "fix", "verdict", "measured", "unmeasured", "covered_time")


class CorrectionStore(Store):
    """The collection `corrections`."""

    TEXTS = (
        texts("corrections", Holds.WRITTEN, "target", *_WRITTEN, "revert.note"),
        texts("corrections", Holds.VALUE, "fix.versions.k", "fix.versions.v"),
        texts("corrections", Holds.NONE, "_id", "project", "kind", "feedback_ids", "review_id", "author.reviewer"),
        texts("corrections", Holds.NONE, "author.key_id", "state", "covers", "pattern_id", "verdict"),
        texts("corrections", Holds.NONE, "revert.verdict", "revert.author.reviewer", "revert.author.key_id"),
    )
    INDEXES = (
        *(
            Index("corrections", (("project", 1), *((field, 1) for field in fields), *NEWEST_FIRST))
            for fields in ([], *([name] for name in _INDEXED))
        ),
        Index("corrections", (("project", 1), ("_id", 1))),
        Index("corrections", (("pattern_id", 1),)),
        Index("corrections", (("unmeasured", 1),), where={"unmeasured": True}),
    )

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._corrections = mongo.collection("corrections")
        self._scans = TimeScans(self._corrections)
        self._clock = clock

    async def get(self, project: str, id: str, *, session: Session | None = None) -> Correction:
        """Raises DomainError when the project has no such correction."""
        document = await self._corrections.get({"_id": id, "project": project}, session=session)
        if document is None:
            raise not_found(Reason.ERROR_REASON_CORRECTION_NOT_FOUND, "correction", id)
        return to_correction(document)

    async def by_ids(self, project: str, ids: Sequence[str]) -> dict[str, Correction]:
        """Those of `ids` that the project has, by id."""
        if not ids:
            return {}
        documents = await self._corrections.find({"_id": {"$in": list(ids)}, "project": project})
        return {document["_id"]: to_correction(document) for document in documents}

    async def page(
        self, project: str, filter: CorrectionFilter, last: Sequence[Any] | None, limit: int
    ) -> tuple[list[Correction], list[Any] | None]:
        """Corrections that match, newest first, from the first after `last`; and the sort values to go on after, None
        at the end."""
        wanted: dict[str, Collection[str]] = {
            "kind": _stored_kinds(filter.kinds),
            "state": filter.states,
            "verdict": filter.verdicts,
            **{name: (getattr(filter, name),) for name in _INDEXED if getattr(filter, name)},
        }
        rest = {name: frozenset(values) for name, values in wanted.items() if values}
        # One has an index; with it the others narrow little more.
        narrowed = {name: getattr(filter, name) for name in _INDEXED if name in rest}
        equal = {"project": project} | dict(list(narrowed.items())[:1])
        listing = Listing(
            equal,
            NEWEST_FIRST,
            keep=lambda document: all(document[name] in values for name, values in rest.items()),
            fields=tuple(rest),
        )
        page = await read_page(self._corrections, listing, last, limit)
        return [to_correction(document) for document in page.documents if listing.keep(document)], page.next

    async def applied_between(self, project: str, start: datetime, end: datetime, limit: int) -> list[Correction]:
        """The newest corrections that were applied from `start` and before `end`, without contents and differences."""
        documents = await self._scans.newest(
            {"project": project},
            "create_time",
            least=start,
            most=just_before(end),
            near=self._clock.now(),
            projection={"content": 0, "diff": 0},
            limit=limit,
        )
        return [to_correction(document | {"content": "", "diff": ""}) for document in documents]

    async def unmeasured(self) -> list[tuple[str, str]]:
        """Project and id of those of all projects that have to be worked out though no vote changed."""
        return _ids_of(await self._corrections.find({"unmeasured": True}, projection={"project": 1}))

    async def of_patterns(self, pattern_ids: Collection[str]) -> list[tuple[str, str]]:
        """Project and id of those that are measured by one of these patterns."""
        found: list[tuple[str, str]] = []
        for some in chunked(sorted(pattern_ids)):
            found += _ids_of(await self._corrections.find({"pattern_id": {"$in": some}}, projection={"project": 1}))
        return found

    async def note_unmeasured(self, ids: Sequence[str]) -> None:
        """Notes that these are still to be worked out."""
        for some in chunked(ids):
            await self._corrections.update_each([({"_id": id}, {"$set": {"unmeasured": True}}) for id in some])

    async def corrected_patterns(self, project: str, start: datetime, end: datetime, session: Session) -> set[str]:
        """The patterns that a correction was made for between two times."""
        documents = await self._corrections.find(
            {"project": project, "create_time": since(start)},
            projection={"pattern_id": 1, "fix.time": 1},
            session=session,
        )
        return {
            document["pattern_id"]
            for document in documents
            if document["pattern_id"] and start <= document["fix"]["time"] <= end
        }

    async def write_measured(self, correction: Correction, session: Session) -> None:
        """Writes what a verdict rests on, and the verdict."""
        document = to_document(correction)
        fresh = {name: document[name] for name in ("verdict", "measured", "unmeasured")}
        await self._corrections.update({"_id": correction.id}, {"$set": fresh}, session=session)

    async def add(self, correction: Correction, session: Session) -> None:
        await self._corrections.insert(to_document(correction), session=session)

    async def write_covered(self, covered: Correction, covered_time: datetime, session: Session) -> None:
        """Writes that another correction covers one since `covered_time`."""
        fresh = {
            "state": CorrectionState.SUPERSEDED.value,
            "covered_time": covered.covered_time or covered_time,
            "unmeasured": bool(covered.basis.pattern_id),
        }
        await self._corrections.update({"_id": covered.id}, {"$set": fresh}, session=session)

    async def write_reverted(self, correction: Correction, session: Session) -> None:
        """Writes what changes of a correction that is undone, or that is in force again."""
        document = to_document(correction)
        fresh = {name: document[name] for name in _REVERT_CHANGES}
        await self._corrections.update({"_id": correction.id}, {"$set": fresh}, session=session)

    async def write_emptied(self, correction: Correction, session: Session) -> None:
        """Takes the words out of a correction, and out of the difference that the one which covers it made."""
        emptied = dict.fromkeys(_WRITTEN, "") | ({"revert.note": ""} if correction.revert else {})
        await self._corrections.update({"_id": correction.id}, {"$set": emptied}, session=session)
        covering = {"project": correction.project, "target": correction.target, "covers": correction.id}
        found = await self._corrections.find(covering, projection={"_id": 1}, session=session)
        await self._corrections.update_each(
            [({"_id": each["_id"]}, {"$set": {"diff": ""}}) for each in found], session=session
        )

    async def empty_fields(self, id: str, fields: Sequence[str]) -> None:
        """Empties some fields of a correction."""

        async def body(session: Session) -> None:
            await self._corrections.update({"_id": id}, {"$set": dict.fromkeys(fields, "")}, session=session)

        await transaction(self._mongo, body)

    async def written(self, project: str) -> AsyncIterator[Written]:
        """What people wrote in each correction of a project; what was emptied is left out."""
        fields = dict.fromkeys(("target", *_WRITTEN, "revert.note", "feedback_ids"), 1)
        async for document in self._corrections.stream({"project": project}, projection=fields):
            said = {name: document[name] for name in ("target", *_WRITTEN)}
            if document.get("revert"):
                said["revert.note"] = document["revert"]["note"]
            if document["content"] or said.get("revert.note"):
                yield Written(document["_id"], said, tuple(document["feedback_ids"]))

    async def set_made_of(self, id: str, feedback_ids: Sequence[str]) -> None:
        """Notes the feedback that is left of that which a correction was made of."""
        await self._corrections.update({"_id": id}, {"$set": {"feedback_ids": list(feedback_ids)}})

    async def fixes(self, pattern_id: str) -> list[tuple[str, Fix]]:
        """The fixes that a pattern's corrections are measured by, and of which correction each is."""
        documents = await self._corrections.find({"pattern_id": pattern_id}, projection={"fix": 1})
        return [(document["_id"], fix) for document in documents if (fix := to_fix(document["fix"])) is not None]

    async def drop_versions(self, id: str, gone: Collection[tuple[str, str]]) -> None:
        """Takes versions (name, value) out of what a correction is measured by."""

        async def body(session: Session) -> None:
            document = await self._corrections.get({"_id": id}, session=session)
            if document is not None:
                left = without_versions(document["fix"], gone)
                await self._corrections.update({"_id": id}, {"$set": {"fix.versions": left}}, session=session)

        await transaction(self._mongo, body)


async def scan(mongo: Mongo, session: Session) -> tuple[list[Correction], list[tuple[CorrectionKind, Revision]]]:
    """All corrections of all projects, without their differences, and the heads of all targets."""
    documents = await mongo.collection("corrections").find({}, projection={"diff": 0}, session=session)
    heads = [(CorrectionKind.KNOWLEDGE, head) for head in await knowledge.heads(mongo, session)]
    heads += [(CorrectionKind.INSTRUCTIONS, head) for head in await instructions.heads(mongo, session)]
    return [to_correction(document | {"diff": ""}) for document in documents], heads


def _stored_kinds(kinds: Collection[CorrectionKind]) -> list[str]:
    """These kinds as documents name them, older ones too."""
    return [*kinds, *([FORMER_INSTRUCTIONS] if CorrectionKind.INSTRUCTIONS in kinds else [])]


def _ids_of(documents: Sequence[Document]) -> list[tuple[str, str]]:
    return [(document["project"], document["_id"]) for document in documents]
