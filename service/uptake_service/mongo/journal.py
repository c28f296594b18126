"""The journal: what commits changed of the numbers, one document a commit, until it is folded into them.

To count one batch in its places (an hour's rollups, patterns' shares) costs more than to store its feedback, and the
next batch counts in the same places again. So a commit writes what it changes as one document; every few seconds the
writer adds what gathered to the places in one transaction. Who reads numbers adds what the journal holds of them, in
the same snapshot.
"""

from collections.abc import Sequence

from uptake_service.mongo.client import Document, Mongo, Session

_MOST_LEFT = 1_000
"""Far more commits than are left before they are folded in; older ones are not looked for."""


class Journal:
    """The collection `journal`: {_id: "writer/revision", writer, revision, rollups: [...], shares: [...], feedback}.

    What an entry of the two lists looks like is known to who counts in those places, and what `feedback` is to the
    trigger, to which it tells what was written.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._journal = mongo.collection("journal")

    async def add(
        self,
        writer: int,
        revision: int,
        rollups: list[Document],
        shares: list[Document],
        feedback: Document,
        session: Session,
    ) -> None:
        """Writes what the commit of a slot's revision changes."""
        await self._journal.insert(
            {
                "_id": f"{writer}/{revision}",
                "writer": writer,
                "revision": revision,
                "rollups": rollups,
                "shares": shares,
                "feedback": feedback,
            },
            session=session,
        )

    async def of_writer(self, writer: int, after: int, last: int, *names: str, session: Session) -> list[Document]:
        """What a slot's commits after the revision `after` up to `last` changed, of those not folded in yet, oldest
        first; only these fields, if any are named."""
        revisions = range(max(after, last - _MOST_LEFT) + 1, last + 1)
        documents = await self._journal.find(
            {"_id": {"$in": [f"{writer}/{revision}" for revision in revisions]}},
            projection=dict.fromkeys((*names, "revision"), 1) if names else None,
            session=session,
        )
        return sorted(documents, key=lambda document: int(document["revision"]))

    async def rollups(self, session: Session) -> list[Document]:
        """All changes of rollups that are not folded in yet."""
        documents = await self._journal.find({}, projection={"rollups": 1}, session=session)
        return [change for document in documents for change in document["rollups"]]

    async def shares(self, session: Session) -> list[Document]:
        """All changes of patterns' shares that are not folded in yet."""
        documents = await self._journal.find({}, projection={"shares": 1}, session=session)
        return [change for document in documents for change in document["shares"]]

    async def patterns_since(self, writer: int, revision: int, session: Session | None) -> set[str]:
        """The patterns whose shares a slot's commits after `revision` changed, of those not folded in yet."""
        documents = await self._journal.find(
            {"writer": writer, "revision": {"$gt": revision}}, projection={"shares.pattern": 1}, session=session
        )
        return {change["pattern"] for document in documents for change in document["shares"]}

    async def remove(self, writer: int, revisions: Sequence[int], session: Session) -> bool:
        """Takes commits out that are folded in; tells whether all of them were there."""
        removed = await self._journal.delete_each(
            [{"_id": f"{writer}/{revision}"} for revision in revisions], session=session
        )
        return removed == len(revisions)
