"""Resume tokens: a place in a project's events, bound to what was subscribed to."""

from typing import Any

from uptake_service.domain.errors import DomainError, Reason, Violation
from uptake_service.domain.tokens import Sign, Tokens


class ResumeToken:
    """Makes and reads the tokens of one kind of subscription to one project with one filter."""

    def __init__(self, sign: Sign, *bound_to: str) -> None:
        self._tokens = Tokens(sign, b"resume", *(part.encode() for part in bound_to))

    def make(self, seq: int, *rest: Any) -> str:
        """The token after the event `seq`; `rest` is where in what is told before any event, as JSON can hold it."""
        return self._tokens.make([seq, *rest])

    def read(self, token: str) -> tuple[int, list[Any]]:
        """The seq after which a token goes on, and its rest.

        Raises:
            DomainError: The service made no such token for this project, method and filter.
        """
        place = self._tokens.read(token)
        if place is None:
            raise DomainError(
                Reason.ERROR_REASON_INVALID_RESUME_TOKEN,
                "resume_token is damaged, or was made for another project or filter",
                violations=[Violation("resume_token", "must be a token of the same subscription")],
            )
        return place[0], place[1:]
