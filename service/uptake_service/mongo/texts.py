"""What text stored documents hold. Each store declares its own in TEXTS, beside INDEXES; erasing goes by that."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from uptake_service.mongo.client import Mongo
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session


class Holds(Enum):
    """Whose words a text field holds, and what becomes of them when they are erased."""

    FEEDBACK = "said in feedback, or about it: deleted with it"
    DERIVED = "made by the service of what was said: what is left stands for it then, or nothing"
    WRITTEN = "written by people, who may quote: taken out where it quotes what a user wants erased"
    VALUE = "a value of feedback that is counted apart, or tells answers apart: gone with the last feedback that has it"
    PENDING = "what an erasure that is under way looks for: gone at its end"
    NONE = "ids, names that people of the project chose, words of the service"


@dataclass(frozen=True)
class Texts:
    """Text fields of a collection that hold the same kind of words.

    Attributes:
        collection: The collection's name.
        holds: What they hold.
        paths: The fields, as paths through documents and lists. A path ending in `*` is all that begin so.
    """

    collection: str
    holds: Holds
    paths: tuple[str, ...]

    def covers(self, path: str) -> bool:
        """Whether a field is one of these."""
        return any(path == each or (each.endswith("*") and path.startswith(each[:-1])) for each in self.paths)


class Store:
    """A class that keeps documents, and declares what is known of them.

    Attributes:
        TEXTS: Each text field of its documents, and what it holds.
        INDEXES: The indexes that its statements need.
    """

    TEXTS: tuple[Texts, ...] = ()
    INDEXES: tuple[Index, ...] = ()


def texts(collection: str, holds: Holds, *paths: str) -> Texts:
    return Texts(collection, holds, paths)


@dataclass(frozen=True, slots=True)
class Written:
    """What people wrote in one resource, by field, and the feedback that it was made of."""

    id: str
    texts: Mapping[str, str]
    made_of: tuple[str, ...] = ()


class Writing(Protocol):
    """A store of what people write."""

    def written(self, project: str) -> AsyncIterator[Written]:
        """What people wrote in each resource of a project; what is empty may be left out."""
        ...

    async def unquote(self, project: str, id: str, fields: Sequence[str]) -> None:
        """Takes what these fields of a resource say out of everything; doing it again does no harm."""
        ...


class Removals(Store):
    """The collection `removals`: {_id: "words", number}, which counts up whenever words were taken out of something, in
    the transaction that does it: who remembers words learns from it to read them again."""

    TEXTS = (texts("removals", Holds.NONE, "_id"),)

    def __init__(self, mongo: Mongo) -> None:
        self._removals = mongo.collection("removals")

    async def note(self, session: Session) -> int:
        """Counts one more, and gives its number."""
        await self._removals.update_each([({"_id": "words"}, {"$inc": {"number": 1}})], upsert=True, session=session)
        return await self.newest(session)

    async def newest(self, session: Session | None = None) -> int:
        """The number of the newest; 0 before the first."""
        document = await self._removals.get({"_id": "words"}, session=session)
        return int(document["number"]) if document else 0
