"""Request records: what makes a call safe to repeat.

A record says which resource a request id made, and keeps an HMAC of the request so that the same id with other content
is noticed without keeping the content twice. Of the id too it keeps an HMAC: callers put users' names into ids. When a
user's feedback is erased, the records of the calls that brought it become tombstones, which say only that.
"""

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from uptake_service.errors import DomainError, DuplicateKey, Reason
from uptake_service.mongo.client import Mongo, Session

_NAME_BYTES = 16


class RequestKey(NamedTuple):
    """One logical call: the same key with the same digest is the same call again.

    Attributes:
        project: The project.
        method: The method.
        id: The request id as sent.
        name: An HMAC of project and id.
        digest: An HMAC of the request.
    """

    project: str
    method: str
    id: str
    name: str
    digest: bytes

    @property
    def document_id(self) -> str:
        return f"{self.project}/{self.method}/{self.name}"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A call that was made. Without `expire_time` it is kept as long as the resource that it made."""

    id: str
    project: str
    method: str
    resource: str
    expire_time: datetime | None


class RequestRecords:
    """The collection `requests`: {_id: "project/method/name", digest, resource, expire_time?}; a tombstone is
    {_id, erased: true}.

    Here as in other collections _id is text where it could be a document: MongoDB finds either by its index,
    the embedded database only the former.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._records = mongo.collection("requests")
        self._secrets = mongo.collection("secrets")
        self._keyed = hmac.new(b"", digestmod=hashlib.sha256)

    async def open(self) -> None:
        """Makes the index, and the secret that all replicas share, if they are not there."""
        await self._records.create_index(
            [("expire_time", 1)], expire_after_seconds=0, where={"expire_time": {"$exists": True}}
        )
        with contextlib.suppress(DuplicateKey):
            await self._secrets.insert({"_id": "requests", "key": secrets.token_bytes(32)})
        stored = await self._secrets.get({"_id": "requests"})
        assert stored is not None  # noqa: S101
        self._keyed = hmac.new(stored["key"], digestmod=hashlib.sha256)

    def key(self, project: str, method: str, id: str, content: bytes) -> RequestKey | None:
        """The key of a call with request id `id` and `content` as sent; None without an id."""
        if not id:
            return None
        name = self.digest(f"{project}/{id}".encode())[:_NAME_BYTES].hex()
        return RequestKey(project, method, id, name, self.digest(content))

    def digest(self, content: bytes) -> bytes:
        """HMAC-SHA-256 under the shared secret, 32 bytes."""
        keyed = self._keyed.copy()
        keyed.update(content)
        return keyed.digest()

    async def known(
        self, keys: list[RequestKey], *, session: Session | None = None
    ) -> dict[RequestKey, str | DomainError]:
        """For each key that was used before: the resource it made, or the error for other content or for what it made
        having been erased."""
        if not keys:
            return {}
        records = await self._records.find({"_id": {"$in": [key.document_id for key in keys]}}, session=session)
        by_id = {record["_id"]: record for record in records}
        found: dict[RequestKey, str | DomainError] = {}
        for key in keys:
            record = by_id.get(key.document_id)
            if record is not None and record.get("erased"):
                found[key] = erased()
            elif record is not None:
                same = hmac.compare_digest(record["digest"], key.digest)
                found[key] = record["resource"] if same else reused(key.id)
        return found

    async def resource_of(self, key: RequestKey | None, *, session: Session | None = None) -> str | None:
        """The resource that this call made before; None for a first call.

        Raises:
            DomainError: The id was used with other content.
        """
        if key is None:
            return None
        outcome = (await self.known([key], session=session)).get(key)
        if isinstance(outcome, DomainError):
            raise outcome
        return outcome

    async def add(
        self, made: list[tuple[RequestKey, str]], *, expire_time: datetime | None = None, session: Session
    ) -> None:
        """Records what each key made.

        Args:
            made: Pairs of key and id of the resource.
            expire_time: When the record may go; None keeps it until the resource is gone.

        Raises:
            DuplicateKey: Another process recorded one of them first.
        """
        expiry = {} if expire_time is None else {"expire_time": expire_time}
        await self._records.insert_many(
            [{"_id": key.document_id, "digest": key.digest, "resource": resource} | expiry for key, resource in made],
            session=session,
        )

    async def entomb(self, ids: Sequence[str], session: Session) -> None:
        """Makes tombstones of these records: the same calls again bring nothing back."""
        tombstone = {"$set": {"erased": True}, "$unset": {"digest": "", "resource": ""}}
        await self._records.update_each([({"_id": id}, tombstone) for id in ids], session=session)

    async def everything(self, session: Session) -> AsyncIterator[RequestRecord]:
        """Every record; tombstones are left out."""
        async for record in self._records.stream({"erased": None}, projection={"digest": 0}, session=session):
            project, method, _ = record["_id"].split("/", 2)
            yield RequestRecord(record["_id"], project, method, record["resource"], record.get("expire_time"))


def erased() -> DomainError:
    """The error for a call whose feedback was erased."""
    return DomainError(
        Reason.ERROR_REASON_FEEDBACK_ERASED,
        "the feedback that this call brought was erased for good; nothing was written",
    )


def reused(request_id: str) -> DomainError:
    """The error for a request id that was used with other content."""
    return DomainError(
        Reason.ERROR_REASON_REQUEST_ID_REUSED,
        f"request id {request_id!r} was used before with other content; take a new id for a new request",
    )
