"""Named instructions, every revision of them.

Two collections. `instructions` holds what pollers ask for, small: {_id: "project/name", project, name, revision, gone}.
`instruction_revisions` holds the revisions: {_id: "project/revision/name", project, name, revision, content,
correction_id, create_time}; one that deleted the instructions has content null.
"""

from uptake_service.corrections.model import Revision
from uptake_service.errors import DomainError, Reason
from uptake_service.mongo.client import Document, Mongo, Session


class InstructionStore:
    def __init__(self, mongo: Mongo) -> None:
        self._heads = mongo.collection("instructions")
        self._revisions = mongo.collection("instruction_revisions")

    async def open(self) -> None:
        await self._revisions.create_index([("project", 1), ("name", 1), ("revision", 1)], unique=True)

    async def get(self, project: str, name: str, revision: int, known_revision: int) -> Revision | None:
        """Instructions at a revision, 0 for the newest; None if that is `known_revision`.

        Raises:
            DomainError: There are none of this name, or not at this revision.
        """
        if not revision:
            head = await self._heads.get({"_id": _id(project, name)})
            if head is None or head["gone"]:
                raise DomainError(
                    Reason.ERROR_REASON_INSTRUCTIONS_NOT_FOUND, f"the project has no instructions {name!r}"
                )
            revision = head["revision"]
            if revision == known_revision:
                return None
        found = await self._revision(project, name, revision)
        if found is None or found.content is None:
            raise DomainError(
                Reason.ERROR_REASON_INSTRUCTIONS_NOT_FOUND,
                f"the project has no instructions {name!r} at revision {revision}",
            )
        return None if revision == known_revision else found

    async def page(self, project: str, name: str, below: int | None, limit: int) -> list[Revision]:
        """Revisions of instructions, newest first, from the first below a revision; deletions are left out."""
        if below is None:
            head = await self._heads.get({"_id": _id(project, name)})
            below = head["revision"] + 1 if head else 1
        page: list[Revision] = []
        # Revisions are numbered without a gap, so a range of them needs no sorting of all that there are.
        while len(page) < limit and below > 1:
            above = max(below - 1 - (limit - len(page)), 0)
            documents = await self._revisions.find(
                {"project": project, "name": name, "revision": {"$gt": above, "$lt": below}},
                sort=[("revision", -1)],
            )
            page += [_revision(document) for document in documents if document["content"] is not None]
            below = above + 1
        return page

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
