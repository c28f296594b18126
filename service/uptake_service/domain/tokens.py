"""Tokens that callers hand back: a place to go on from, bound to what it was a place in.

They hide nothing. An HMAC under the secret that all replicas share tells those that the service made, for the same
project, method and query, from all others; so what is in a token that passes need not be checked.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from typing import Any

Sign = Callable[[bytes], bytes]
"""The HMAC of a text under the shared secret."""

_CHECK_BYTES = 16
_LONGEST = 4_096
"""Longer than any that is made; what is longer is not decoded."""


class Tokens:
    """Makes and reads the tokens of one query.

    Args:
        sign: The HMAC under the shared secret.
        bound_to: What a token is bound to, part by part; only the same parts in the same order read it.
    """

    def __init__(self, sign: Sign, *bound_to: bytes) -> None:
        self._sign = sign
        self._bound_to = b"".join(len(part).to_bytes(8, "big") + part for part in (b"1", *bound_to))

    def make(self, place: list[Any]) -> str:
        """A token for a place, which is whatever JSON can hold."""
        body = json.dumps(place, separators=(",", ":")).encode()
        return _text(self._check(body) + body)

    def read(self, token: str) -> list[Any] | None:
        """The place in a token; None unless the service made it for the same query."""
        if len(token) > _LONGEST:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        # The last character may have bits that decode to nothing: what was changed there is no token of ours either.
        if not hmac.compare_digest(check, self._check(body)) or _text(raw) != token:
            return None
        place: list[Any] = json.loads(body)
        return place

    def _check(self, body: bytes) -> bytes:
        return self._sign(self._bound_to + body)[:_CHECK_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
