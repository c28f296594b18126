"""Who makes the call that is being answered."""

from contextvars import ContextVar
from dataclasses import dataclass

from uptake_service.domain.access import Key


@dataclass(frozen=True)
class Caller:
    """Who calls what.

    Attributes:
        call_id: Names the call in the log.
        method: The method, such as "uptake.v1.ReviewService/ResolveReview"; empty where nobody calls.
        peer: Network address, as gRPC tells it.
        key: The key of the call; None where none is needed.
    """

    call_id: str = ""
    method: str = ""
    peer: str = ""
    key: Key | None = None

    @property
    def key_id(self) -> str:
        return self.key.id if self.key else ""


NOBODY = Caller()
"""The service itself, in its own time."""

_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def caller() -> Caller:
    """Who makes the call that is being answered, also in the tasks that were started for it."""
    return _caller.get()


def set_caller(caller: Caller) -> None:
    _caller.set(caller)
