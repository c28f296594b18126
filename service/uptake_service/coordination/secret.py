"""The secret that all replicas of a database share: request ids, claim tokens and page and resume tokens go by it."""

import contextlib
import hashlib
import hmac
import secrets

from uptake_service.domain.errors import DuplicateKey
from uptake_service.mongo.client import Mongo


class Secret:
    """The one document of the collection `secrets`: {_id: "requests", key: 32 random bytes}."""

    def __init__(self, mongo: Mongo) -> None:
        self._secrets = mongo.collection("secrets")
        self._keyed = hmac.new(b"", digestmod=hashlib.sha256)

    async def open(self) -> None:
        """Makes the secret, if it is not there, and reads it."""
        with contextlib.suppress(DuplicateKey):
            await self._secrets.insert({"_id": "requests", "key": secrets.token_bytes(32)})
        stored = await self._secrets.get({"_id": "requests"})
        assert stored is not None  # noqa: S101
        self._keyed = hmac.new(stored["key"], digestmod=hashlib.sha256)

    def digest(self, content: bytes) -> bytes:
        """HMAC-SHA-256 under the secret, 32 bytes."""
        keyed = self._keyed.copy()
        keyed.update(content)
        return keyed.digest()

    def sign(self, content: bytes) -> bytes:
        """HMAC-SHA-256 of a token, 32 bytes, under a key of its own: nothing else that is digested is ever a token."""
        return hmac.digest(self.digest(b"tokens"), content, hashlib.sha256)
