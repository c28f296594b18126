"""Claims on reviews: whose turn it is. Pure, but for the secret that tokens are made with.

A claim's number is its fencing token: it counts up with every claim on the review, so that whoever held an earlier one
is known, however late they come.
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

from uptake_service.domain.errors import DomainError, Reason
from uptake_service.reviews.model import Claim, Review, ReviewState


class ClaimTokens:
    """Tokens that show a claim: its number, and a digest that nobody else can make."""

    def __init__(self, digest: Callable[[bytes], bytes]) -> None:
        """`digest`: an HMAC under a secret that all replicas share."""
        self._digest = digest

    def make(self, id: str, number: int) -> str:
        """The token of a review's claim of that number."""
        # Made, not stored: whoever reads the database's reviews cannot act on a claim.
        return f"{number}.{self._digest(f'claim:{id}:{number}'.encode()).hex()}"

    def number(self, id: str, token: str) -> int:
        """The number of the claim that a token was made for.

        Raises:
            DomainError: The service never made this token for this review.
        """
        number = token.partition(".")[0]
        # Digits of other scripts are decimal too, and int() would take them.
        known = number.isascii() and number.isdecimal() and len(number) <= 9
        if known and hmac.compare_digest(self.make(id, int(number)).encode(), token.encode()):
            return int(number)
        raise DomainError(Reason.ERROR_REASON_CLAIM_LOST, "this is no claim token of this review", subject=id)


def claimed(review: Review, reviewer: str, lease: timedelta, now: datetime) -> Review:
    """The review, claimed by a reviewer.

    Raises:
        DomainError: Another holds it, or it is finished.
    """
    if review.claim is not None:
        until = review.claim.expire_time
        raise DomainError(
            Reason.ERROR_REASON_REVIEW_CLAIMED,
            f"{review.claim.reviewer!r} has claimed the review until {until:%Y-%m-%dT%H:%M:%SZ}; it can be "
            "claimed when that claim is released or expires",
            subject=review.id,
            metadata={"reviewer": review.claim.reviewer, "claim_expire_time": until.isoformat()},
        )
    _must_be_active(review)
    claim = Claim(
        number=review.claim_count + 1,
        reviewer=reviewer,
        expire_time=now + lease,
        seconds=lease.total_seconds(),
    )
    return review.model_copy(update={"state": ReviewState.CLAIMED, "claim": claim, "claim_count": claim.number})


def _must_be_active(review: Review) -> None:
    if not review.active:
        raise DomainError(
            Reason.ERROR_REASON_REVIEW_FINISHED,
            f"the review is {review.state.value.lower()} already",
            subject=review.id,
            metadata={"state": review.state},
        )


def held_claim(review: Review, number: int) -> Claim:
    """The claim, if it is the one of this number and has not run out."""
    _must_be_active(review)
    if review.claim is None or review.claim.number != number:
        raise DomainError(
            Reason.ERROR_REASON_CLAIM_LOST,
            "this claim holds the review no longer; claim it again",
            subject=review.id,
        )
    return review.claim
