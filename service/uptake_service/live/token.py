"""Resume tokens: a place in a project's events, bound to what was subscribed to."""

from typing import Any

from uptake_service.errors import DomainError, Reason, Violation
from uptake_service.tokens import make_token, read_token


class ResumeToken:
    """Makes and reads the tokens of one kind of subscription to one project with one filter."""

    def __init__(self, *bound_to: str) -> None:
        self._bound_to = "/".join(bound_to).encode()

    def make(self, seq: int, *rest: Any) -> str:
        """The token after the event `seq`; `rest` is where in what is told before any event, as JSON can hold it."""
        return make_token(self._bound_to, [seq, *rest])

    def read(self, token: str) -> tuple[int, list[Any]]:
        """The seq after which a token goes on, and its rest.

        Raises:
            DomainError: The token is damaged, or of another project, method or filter.
        """
        match read_token(self._bound_to, token):
            case [int(seq), *rest] if seq >= 0:
                return seq, rest
        raise invalid_token()


def invalid_token() -> DomainError:
    return DomainError(
        Reason.ERROR_REASON_INVALID_RESUME_TOKEN,
        "resume_token is damaged, or was made for another project or filter",
        violations=[Violation("resume_token", "must be a token of the same subscription")],
    )
