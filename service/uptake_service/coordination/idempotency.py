"""Request records: what makes a call safe to repeat.

A record says which resource a request id made, and keeps an HMAC of the request so that the same id with other content
is noticed without keeping the content twice. Of the id too it keeps an HMAC: callers put users' names into ids. When a
user's feedback is erased, the records of the calls that brought or changed it become tombstones, which say only that.

How long a record is kept: of the call that made feedback as long as that is there; of every other call, and a
tombstone, for the settings' request retention. One piece of feedback may be changed without end, and what changed it
long ago is not sent again.
"""

import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from uptake_service.coordination.secret import Secret
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document, Filter, chunked
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction

_NAME_BYTES = 16

_AT_ONCE = 500
"""So many tombstones one transaction writes: a vote may have been changed any number of times."""


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


class RequestRecords(Store):
    """The collection `requests`: {_id: "project/method/name", digest, resource, change?, expire_time?}; a tombstone is
    {_id, erased: true, expired, expire_time}, where `expired` says that the feedback was past its project's retention.

    Of calls that changed feedback, of which there may be any number, `change` is true, and they are found by
    `resource`. The record of the call that made it is named by the feedback, and costs no index.

    Here as in other collections _id is text where it could be a document: MongoDB finds either by its index,
    the embedded database only the former.
    """

    TEXTS = (
        # Of what could not be done it says why, without what the caller named.
        texts("requests", Holds.NONE, "_id", "resource"),
        texts("secrets", Holds.NONE, "_id"),
    )
    INDEXES = (
        Index("requests", (("expire_time", 1),), expire_after_seconds=0, where={"expire_time": {"$exists": True}}),
        Index("requests", (("change", 1), ("resource", 1)), where={"change": True}),
    )

    def __init__(self, mongo: Mongo, retention_days: int) -> None:
        """`retention_days`: how long a record is kept that is not kept as long as the feedback it is of."""
        self._mongo = mongo
        self.retention = timedelta(days=retention_days)
        self._records = mongo.collection("requests")
        self.secret = Secret(mongo)
        self._secrets = mongo.collection("secrets")

    async def open(self) -> None:
        """Makes the secret that all replicas share, if it is not there."""
        await self.secret.open()

    def key(self, project: str, method: str, id: str, content: bytes) -> RequestKey | None:
        """The key of a call with request id `id` and `content` as sent; None without an id."""
        if not id:
            return None
        name = self.digest(f"{project}/{id}".encode())[:_NAME_BYTES].hex()
        return RequestKey(project, method, id, name, self.digest(content))

    def digest(self, content: bytes) -> bytes:
        """HMAC-SHA-256 under the shared secret, 32 bytes."""
        return self.secret.digest(content)

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
                found[key] = expired() if record.get("expired") else erased()
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

    async def add(self, made: list[tuple[RequestKey, str]], *, session: Session) -> None:
        """Records which feedback each key made; kept until that is gone.

        Raises:
            DuplicateKey: Another process recorded one of them first.
        """
        await self._add(made, {}, session)

    async def add_expiring(self, key: RequestKey, resource: str, *, now: datetime, session: Session) -> None:
        """Records what a key made or changed, other than feedback. `now`: the database's time, as `now` gives it.

        Raises:
            DuplicateKey: Another process recorded it first.
        """
        await self._add([(key, resource)], {"expire_time": now + self.retention}, session)

    async def add_changes(self, made: list[tuple[RequestKey, str]], *, session: Session) -> None:
        """Records which feedback each key changed, as `add` does, but not for as long."""
        if made:
            await self._add(made, {"change": True, "expire_time": await self.now(session) + self.retention}, session)

    async def _add(self, made: list[tuple[RequestKey, str]], rest: Document, session: Session) -> None:
        await self._records.insert_many(
            [{"_id": key.document_id, "digest": key.digest, "resource": resource} | rest for key, resource in made],
            session=session,
        )

    async def write_tombstones(self, records: Sequence[str], feedback_ids: Sequence[str], *, expired: bool) -> None:
        """Makes tombstones of all records of calls that made or changed feedback that is erased: the same calls again
        bring nothing back. In transactions of its own; what a crash left undone is done by the next time.

        Args:
            records: The records that the feedback names.
            feedback_ids: The feedback; no call changes it any more.
            expired: Whether it is past its retention, not erased at somebody's wish.
        """
        write = partial(self._write_some, expired)
        for some in chunked(records, _AT_ONCE):
            await transaction(self._mongo, partial(write, {"_id": {"$in": list(some)}, "erased": None}))
        changes = {"change": True, "resource": {"$in": list(feedback_ids)}}
        while feedback_ids and await transaction(self._mongo, partial(write, changes)) == _AT_ONCE:
            pass

    async def _write_some(self, expired: bool, filter: Filter, session: Session) -> int:
        found = await self._records.find(filter, projection={"_id": 1}, limit=_AT_ONCE, session=session)
        if found:
            expire_time = await self.now(session) + self.retention
            tombstone = {
                "$set": {"erased": True, "expired": expired, "expire_time": expire_time},
                "$unset": {"digest": "", "resource": "", "change": ""},
            }
            await self._records.update_each([({"_id": each["_id"]}, tombstone) for each in found], session=session)
        return len(found)

    async def now(self, session: Session) -> datetime:
        """The time by the database's clock, which also deletes what is past its `expire_time`."""
        (secret,) = await self._secrets.find_with_now({"_id": "requests"}, session=session)
        now: datetime = secret["now"]
        return now

    async def scan(self, session: Session) -> AsyncIterator[RequestRecord]:
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


def expired() -> DomainError:
    """The error for a call whose feedback was deleted because it was older than its project keeps feedback."""
    return DomainError(
        Reason.ERROR_REASON_FEEDBACK_EXPIRED,
        "the feedback that this call brought was deleted: it is older than the project keeps feedback; nothing was "
        "written",
    )


def reused(request_id: str) -> DomainError:
    """The error for a request id that was used with other content."""
    return DomainError(
        Reason.ERROR_REASON_REQUEST_ID_REUSED,
        f"request id {request_id!r} was used before with other content; take a new id for a new request",
        metadata={"request_id": request_id},
    )
