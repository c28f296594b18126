"""Named instructions, every revision of them.

Two collections. `instructions` holds what pollers ask for, small: {_id: "project/name", project, name, revision, gone}.
`instruction_revisions` holds the revisions: {_id: "project/revision/name", project, name, revision, content,
correction_id, create_time}; one that deleted the instructions has content null.
"""

from collections.abc import Sequence
from typing import Any

from uptake_service.corrections.model import Revision
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.paging import Listing, read_page
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts


class InstructionStore(Store):
    TEXTS = (
        # Each revision's is a correction's; CorrectionStore takes it out.
        texts("instruction_revisions", Holds.WRITTEN, "content"),
        texts("instruction_revisions", Holds.NONE, "_id", "project", "name", "correction_id"),
        texts("instructions", Holds.NONE, "_id", "project", "name"),
    )
    INDEXES = (Index("instruction_revisions", (("project", 1), ("name", 1), ("revision", 1)), unique=True),)

    def __init__(self, mongo: Mongo) -> None:
        self._heads = mongo.collection("instructions")
        self._revisions = mongo.collection("instruction_revisions")

    async def get(self, project: str, name: str, revision: int, known_revision: int) -> Revision | None:
        """Instructions at a revision, 0 for the newest; None if that is `known_revision`.

        Raises:
            DomainError: There are none of this name, or not at this revision.
        """
        asked = revision
        if not revision:
            head = await self._heads.get({"_id": _id(project, name)})
            if head is None or head["gone"]:
                raise DomainError(
                    Reason.ERROR_REASON_INSTRUCTIONS_NOT_FOUND,
                    f"the project has no instructions {name!r}",
                    metadata={"name": name, "revision": "0"},
                )
            revision = head["revision"]
            if revision == known_revision:
                return None
        found = await self._revision(project, name, revision)
        if found is None or found.content is None:
            raise DomainError(
                Reason.ERROR_REASON_INSTRUCTIONS_NOT_FOUND,
                f"the project has no instructions {name!r} at revision {revision}",
                metadata={"name": name, "revision": str(asked)},
            )
        return None if revision == known_revision else found

    async def page(
        self, project: str, name: str, last: Sequence[Any] | None, limit: int
    ) -> tuple[list[Revision], list[Any] | None]:
        """Revisions of instructions, newest first, from the first below the revision in `last`, and the revision to go
        on below, None at the end; deletions are left out."""
        listing = Listing({"project": project, "name": name}, [("revision", -1)])
        page = await read_page(self._revisions, listing, last, limit)
        return [_revision(document) for document in page.documents if document["content"] is not None], page.next

    async def head(self, project: str, name: str, session: Session | None = None) -> Revision | None:
        """The newest revision, which may be a deletion; None if there never was one."""
        head = await self._heads.get({"_id": _id(project, name)}, session=session)
        return await self._revision(project, name, head["revision"], session) if head else None

    async def write(self, head: Revision, session: Session) -> None:
        """Writes a new revision, and that it is the newest."""
        await self._revisions.insert(
            {
                "_id": _revision_id(head.project, head.target, head.revision),
                "project": head.project,
                "name": head.target,
                "revision": head.revision,
                "content": head.content,
                "correction_id": head.correction_id,
                "create_time": head.time,
            },
            session=session,
        )
        newest = {
            "project": head.project,
            "name": head.target,
            "revision": head.revision,
            "gone": head.content is None,
        }
        id = _id(head.project, head.target)
        await self._heads.update_each([({"_id": id}, {"$set": newest})], upsert=True, session=session)

    async def forget(self, project: str, target: str, correction_id: str, session: Session) -> None:
        """Takes the content that a correction gave out of the revisions, as if those had deleted the instructions."""
        made = await self._revisions.find(
            {"project": project, "name": target, "correction_id": correction_id}, projection={"_id": 1}, session=session
        )
        await self._revisions.update_each(
            [({"_id": document["_id"]}, {"$set": {"content": None}}) for document in made], session=session
        )

    async def _revision(
        self, project: str, name: str, revision: int, session: Session | None = None
    ) -> Revision | None:
        document = await self._revisions.get({"_id": _revision_id(project, name, revision)}, session=session)
        return _revision(document) if document else None


async def heads(mongo: Mongo, session: Session) -> list[Revision]:
    """The heads of all instructions of all projects."""
    newest = {
        _revision_id(document["project"], document["name"], document["revision"])
        for document in await mongo.collection("instructions").find({}, session=session)
    }
    revisions = mongo.collection("instruction_revisions").stream({}, session=session)
    return [_revision(document) async for document in revisions if document["_id"] in newest]


def _id(project: str, name: str) -> str:
    return f"{project}/{name}"


def _revision_id(project: str, name: str, revision: int) -> str:
    return f"{project}/{revision}/{name}"


def _revision(document: Document) -> Revision:
    return Revision(
        project=document["project"],
        target=document["name"],
        revision=document["revision"],
        content=document["content"],
        correction_id=document["correction_id"],
        time=document["create_time"],
    )
