"""Lets a call in or not: by its key, what its method needs, and how many calls the key made."""

import asyncio
from collections.abc import Iterable

from uptake_service.auth.keys import KeyStore
from uptake_service.auth.model import Key, needed_for
from uptake_service.errors import DomainError, Reason

_HEADER = "authorization"
_SCHEME = "bearer "


class Gate:
    def __init__(self, keys: KeyStore, *, required: bool) -> None:
        """`required`: whether a call needs a key. One that is sent must be good in any case."""
        self._keys = keys
        self._required = required
        self._buckets: dict[str, _Bucket] = {}

    async def admit(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> Key | None:
        """The key of a call that may be made; None for one that needs none.

        Raises:
            DomainError: UNAUTHENTICATED, PERMISSION_DENIED or RATE_LIMITED.
        """
        text = _shown(metadata)
        if text is None:
            if self._required:
                raise _unauthenticated("no API key was sent; send it as `authorization: Bearer KEY`")
            return None
        key = await self._keys.find(text)
        if key is None:
            raise _unauthenticated("the API key is not valid")
        if not key.may(needed_for(method)):
            raise DomainError(
                Reason.ERROR_REASON_PERMISSION_DENIED,
                f"a key of the role {key.role.lower()} may not call {method.rpartition('/')[2]}; "
                f"it takes {needed_for(method).lower()}",
            )
        if key.calls_per_second:
            bucket = self._buckets.setdefault(key.id, _Bucket(key.calls_per_second))
            wait = bucket.take()
            if wait:
                raise DomainError(
                    Reason.ERROR_REASON_RATE_LIMITED,
                    f"this key may make {key.calls_per_second:g} calls a second",
                    retry_after_seconds=wait,
                )
        return key

    async def ensure_holds(self, key: Key | None) -> None:
        """Raises DomainError, UNAUTHENTICATED, when the key of a call that goes on was revoked or has expired."""
        if key is not None and not await self._keys.holds(key.id):
            raise _unauthenticated("the API key was revoked or has expired")


class _Bucket:
    """A token bucket: as many calls as a second brings, and as many at once."""

    def __init__(self, a_second: float) -> None:
        self._a_second = a_second
        self._most = max(a_second, 1.0)
        self._tokens = self._most
        self._time = asyncio.get_running_loop().time()

    def take(self) -> float:
        """Takes one; returns how many seconds until there is one, 0 when it was taken."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._tokens + (now - self._time) * self._a_second, self._most)
        self._time = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._a_second
        self._tokens -= 1
        return 0.0


def _shown(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    for name, value in metadata:
        if name.lower() == _HEADER:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if text[: len(_SCHEME)].lower() != _SCHEME:
                raise _unauthenticated("the authorization header is not `Bearer KEY`")
            return text[len(_SCHEME) :].strip()
    return None


def _unauthenticated(message: str) -> DomainError:
    return DomainError(Reason.ERROR_REASON_UNAUTHENTICATED, message)
