"""The collection `keys`: API keys by id, with the hashes of their secrets. They expire by the database's clock."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from cachetools import LRUCache

from uptake_service.audit.changes import changes
from uptake_service.audit.log import EVERY_PROJECT, AuditLog
from uptake_service.domain.access import Key, Role
from uptake_service.domain.clock import Clock
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import transaction

_ID_BYTES = 8
_SECRET_BYTES = 32
_CACHE_SECONDS = 5.0
_MOST_CACHED = 10_000
_NO_HASH = hashlib.sha256(b"").hexdigest()


class KeyStore(Store):
    """{_id, hash, name, role, projects, calls_per_second, create_time, expire_time, revoke_time}."""

    TEXTS = (texts("keys", Holds.NONE, "_id", "hash", "name", "role", "projects"),)

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._keys = mongo.collection("keys")
        self._clock = clock
        self._audit = AuditLog(mongo, clock)
        # Ids that there are none of are kept too: guessing must not reach the database each time.
        self._cache: LRUCache[str, tuple[datetime, _Known]] = LRUCache(_MOST_CACHED)

    async def create(
        self,
        name: str,
        role: Role,
        projects: tuple[str, ...] = (),
        *,
        lifetime: timedelta | None = None,
        calls_per_second: float = 0.0,
    ) -> tuple[Key, str]:
        """Makes a key, which holds for so long; None for as long as it is not revoked.

        Returns:
            The key, and the text that shows it, `id.secret`: it is stored nowhere and cannot be told again.
        """
        id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        now = await self._mongo.now()
        key = Key(
            id=id,
            name=name,
            role=role,
            projects=projects,
            calls_per_second=calls_per_second,
            create_time=now,
            expire_time=None if lifetime is None else now + lifetime,
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
            revoked = key.model_copy(update={"revoke_time": await self._mongo.now()})
            await self._keys.update({"_id": id}, {"$set": {"revoke_time": revoked.revoke_time}}, session=session)
            await self._note(key, revoked, session)
            return True

        return await transaction(self._mongo, body)

    async def find(self, text: str) -> Key | None:
        """The key that a text shows, if it holds; what is wrong with one that does not is nobody's business."""
        id, _, secret = text.partition(".")
        # What is no id is not remembered, be it as long as it likes.
        known = await self._known(id) if len(id) == 2 * _ID_BYTES else _Known(None)
        # Compared in any case, so that the time tells nothing either.
        right = hmac.compare_digest(known.document["hash"] if known.document else _NO_HASH, _hash(secret))
        return known.key if right and known.is_valid else None

    async def is_valid(self, id: str) -> bool:
        """Whether a key that was found before holds still, as of at most five seconds ago."""
        return (await self._known(id)).is_valid

    async def _note(self, before: Key | None, after: Key, session: Session) -> None:
        for project in after.projects or (EVERY_PROJECT,):
            await self._audit.add(project, after.id, changes(before, after), session)

    async def _known(self, id: str) -> "_Known":
        now = self._clock.now()
        cached = self._cache.get(id)
        if cached is not None and abs((now - cached[0]).total_seconds()) < _CACHE_SECONDS:
            return cached[1]
        known = _Known(next(iter(await self._keys.find_with_now({"_id": id})), None))
        self._cache[id] = (now, known)
        return known


class _Known:
    """What is known of an id: the key's document as it was a moment ago, and whether the key held then."""

    def __init__(self, document: Document | None) -> None:
        self.document = document
        self.key = None if document is None else _key(document)
        self.is_valid = self.key is not None and document is not None and self.key.is_valid(document["now"])


def _hash(secret: str) -> str:
    # The secret is 32 random bytes: nothing slower is needed.
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(document: Document) -> Key:
    return Key(**{"id": document["_id"], **{name: document[name] for name in Key.model_fields if name != "id"}})
