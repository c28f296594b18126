"""Tokens that callers hand back: a place to go on from, bound to what it was a place in.

They hold no secret; the check tells a damaged token, or one of another query, from a good one.
"""

import base64
import binascii
import hashlib
import json
from typing import Any

_CHECK_BYTES = 8


def make_token(bound_to: bytes, place: list[Any]) -> str:
    """A token for a place, which is whatever JSON can hold, in what `bound_to` stands for."""
    body = json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(bound_to, body) + body).decode().rstrip("=")


def read_token(bound_to: bytes, token: str) -> list[Any] | None:
    """The place in a token; None if the token is damaged or bound to something else."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    if not body or check != _check(bound_to, body):
        return None
    place: list[Any] = json.loads(body)
    return place


def _check(bound_to: bytes, body: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(bound_to).digest() + body).digest()[:_CHECK_BYTES]
