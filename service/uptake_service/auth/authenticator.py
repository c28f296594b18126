"""Lets a call in or not: by its key, what its method needs, and how many calls the key made."""

from collections.abc import Iterable

from uptake_service.auth.keys import KeyStore
from uptake_service.domain.access import Key, needed_for
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.token_bucket import TokenBucket
from uptake_service.telemetry.metrics import Metrics

_HEADER = "authorization"
_SCHEME = "bearer "


class Authenticator:
    def __init__(self, keys: KeyStore, metrics: Metrics, *, required: bool) -> None:
        """`required`: whether a call needs a key. One that is sent must be good in any case."""
        self._keys = keys
        self._metrics = metrics
        self._required = required
        self._buckets: dict[str, TokenBucket] = {}

    async def authenticate(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> Key | None:
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
                metadata={"role": key.role, "permission": needed_for(method)},
            )
        if key.calls_per_second:
            bucket = self._buckets.get(key.id)
            if bucket is None:
                bucket = self._buckets[key.id] = TokenBucket(key.calls_per_second, max(key.calls_per_second, 1.0))
            wait = bucket.take()
            if wait:
                self._metrics.limited("calls_per_second")
                raise DomainError(
                    Reason.ERROR_REASON_RATE_LIMITED,
                    f"this key may make {key.calls_per_second:g} calls a second",
                    retry_after_seconds=wait,
                    metadata={"limit": "calls_per_second"},
                )
        return key

    async def ensure_holds(self, key: Key | None) -> None:
        """Raises DomainError, UNAUTHENTICATED, when the key of a call that goes on was revoked or has expired."""
        if key is not None and not await self._keys.is_valid(key.id):
            raise _unauthenticated("the API key was revoked or has expired")


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
