"""The collection `keys`: API keys by id, with the hashes of their secrets."""

import hashlib
import hmac
import secrets
from datetime import datetime

from uptake_service.audit.changes import changes
from uptake_service.audit.log import EVERY_PROJECT, AuditLog
from uptake_service.auth.model import Key, Role
from uptake_service.clock import Clock
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.transactions import transaction
from uptake_service.recently import Recently

_SECRET_BYTES = 32
_CACHE_SECONDS = 5.0
_MOST_CACHED = 10_000
_NO_HASH = hashlib.sha256(b"").hexdigest()


class KeyStore:
    """{_id, hash, name, role, projects, calls_per_second, create_time, expire_time, revoke_time}."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._keys = mongo.collection("keys")
        self._clock = clock
        self._audit = AuditLog(mongo, clock)
        # Ids that there are none of are kept too: guessing must not reach the database each time.
        self._cache = Recently[str, tuple[datetime, Document | None]](_MOST_CACHED)

    async def create(
        self,
        name: str,
        role: Role,
        projects: tuple[str, ...] = (),
        *,
        expire_time: datetime | None = None,
        calls_per_second: float = 0.0,
    ) -> tuple[Key, str]:
        """Makes a key.

        Returns:
            The key, and the text that shows it, `id.secret`: it is stored nowhere and cannot be told again.
        """
        id, secret = secrets.token_hex(8), secrets.token_urlsafe(_SECRET_BYTES)
        key = Key(
            id=id,
            name=name,
            role=role,
            projects=projects,
            calls_per_second=calls_per_second,
            create_time=self._clock.now(),
            expire_time=expire_time,
        )
        document = {"_id": id, "hash": _hash(secret), **key.model_dump(exclude={"id"}, mode="python")}

        async def body(session: Session) -> None:
            await self._keys.insert(document, session=session)
            await self._note(None, key, session)

        await transaction(self._mongo, body)
        return key, f"{id}.{secret}"

    async def list(self) -> list[Key]:
        """Every key, the newest first, those that hold no longer too."""
        keys = [_key(document) for document in await self._keys.find({})]
        return sorted(keys, key=lambda key: (key.create_time, key.id), reverse=True)

    async def revoke(self, id: str) -> bool:
        """Ends a key for good; within five seconds no process takes it. Tells whether there was one to end."""
        self._cache.pop(id, None)

        async def body(session: Session) -> bool:
            document = await self._keys.get({"_id": id, "revoke_time": None}, session=session)
            if document is None:
                return False
            key = _key(document)
            revoked = key.model_copy(update={"revoke_time": self._clock.now()})
            await self._keys.update({"_id": id}, {"$set": {"revoke_time": revoked.revoke_time}}, session=session)
            await self._note(key, revoked, session)
            return True

        return await transaction(self._mongo, body)

    async def find(self, text: str) -> Key | None:
        """The key that a text shows, if it holds; what is wrong with one that does not is nobody's business."""
        id, _, secret = text.partition(".")
        document = await self._document(id)
        # Compared in any case, so that the time tells nothing either.
        right = hmac.compare_digest(document["hash"] if document else _NO_HASH, _hash(secret))
        if document is None or not right:
            return None
        key = _key(document)
        return key if key.holds(self._clock.now()) else None

    async def holds(self, id: str) -> bool:
        """Whether a key that was found before holds still, as of at most five seconds ago."""
        document = await self._document(id)
        return document is not None and _key(document).holds(self._clock.now())

    async def _note(self, before: Key | None, after: Key, session: Session) -> None:
        for project in after.projects or (EVERY_PROJECT,):
            await self._audit.add(project, after.id, changes(before, after), session)

    async def _document(self, id: str) -> Document | None:
        now = self._clock.now()
        cached = self._cache.get(id)
        if cached is not None and abs((now - cached[0]).total_seconds()) < _CACHE_SECONDS:
            return cached[1]
        document = await self._keys.get({"_id": id})
        self._cache[id] = (now, document)
        return document


def _hash(secret: str) -> str:
    # The secret is 32 random bytes: nothing slower is needed.
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(document: Document) -> Key:
    return Key(**{"id": document["_id"], **{name: document[name] for name in Key.model_fields if name != "id"}})
