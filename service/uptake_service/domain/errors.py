"""What can go wrong, in the words of the domain. `rpc/errors.py` says what each becomes on the wire."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from uptake.v1 import error_pb2

Reason = error_pb2.ErrorReason

MOST_VIOLATIONS = 20
"""So many wrong fields are told; of the others how many they are. A request may have millions."""


@dataclass(frozen=True)
class Violation:
    """One wrong field: its path from the request, and what is allowed."""

    field: str
    description: str


class StartupError(Exception):
    """The service cannot start; the message says why and what to do, in one line."""


class DomainError(Exception):
    """A call cannot be answered.

    Attributes:
        reason: The published reason; it decides the status code.
        message: What is wrong and what to do, for the caller to read.
        violations: The first MOST_VIOLATIONS wrong fields, when fields are what is wrong.
        violations_left_out: How many more there are.
        retry_after_seconds: When a retry makes sense; None where it is wrong to retry.
        subject: What the state of which stands in the way, for failed preconditions.
        metadata: What else programs need, by the keys that the contract names for the reason (error.proto).
    """

    def __init__(
        self,
        reason: error_pb2.ErrorReason,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        violations_left_out: int = 0,
        retry_after_seconds: float | None = None,
        subject: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.metadata = dict(metadata or {})
        self.reason = reason
        self.message = message
        self.violations = tuple(violations[:MOST_VIOLATIONS])
        self.violations_left_out = len(violations) - len(self.violations) + violations_left_out
        self.retry_after_seconds = retry_after_seconds
        self.subject = subject


class InvalidRequest(DomainError):
    """At least one field of the request is wrong."""

    def __init__(self, violations: Sequence[Violation], left_out: int = 0) -> None:
        fields = "; ".join(f"{violation.field}: {violation.description}" for violation in violations[:5])
        unsaid = len(violations[5:]) + left_out
        more = f" and {unsaid:,} more" if unsaid else ""
        super().__init__(
            Reason.ERROR_REASON_INVALID_FIELD, f"{fields}{more}", violations=violations, violations_left_out=left_out
        )


class DatabaseUnavailable(DomainError):
    """The database does not answer in time; whether the last write was made is not known."""

    def __init__(self) -> None:
        super().__init__(
            Reason.ERROR_REASON_DATABASE_UNAVAILABLE,
            "the database does not answer; retry with the same request id",
            retry_after_seconds=1.0,
        )


class ReadTooLong(DomainError):
    """The database works, and has given a read up that took it too long; the same again would take as long."""

    def __init__(self) -> None:
        super().__init__(
            Reason.ERROR_REASON_READ_TOO_LONG,
            "the read takes too long; ask for less: a shorter window, a smaller page, a filter by pattern or user",
        )


class Conflict(DomainError):
    """The same documents were changed by others again and again."""

    def __init__(self) -> None:
        super().__init__(
            Reason.ERROR_REASON_CONFLICT,
            "the same thing was being changed by others; retry",
            retry_after_seconds=0.1,
        )


class WriteRefused(Exception):
    """The database refuses a write for good: the document itself is at fault, or the database's state."""


class DuplicateKey(Exception):
    """A unique index refused a write. `index` names it."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


def not_found(reason: error_pb2.ErrorReason, what: str, id: str) -> DomainError:
    """The error for a resource, such as a "review", that the project does not have."""
    return DomainError(reason, f"the project has no {what} {id!r}", metadata={f"{what}_id": id})


@contextmanager
def naming_item(field: str) -> Iterator[None]:
    """Makes an error of one item the error of the whole call: its message and its fields name the item's path."""
    try:
        yield
    except DomainError as error:
        if error.retry_after_seconds is not None:
            # No fault of the item's.
            raise
        paths = [Violation(f"{field}.{each.field}", each.description) for each in error.violations]
        raise DomainError(
            error.reason,
            f"{field}: {error.message}",
            violations=paths or [Violation(field, error.message)],
            violations_left_out=error.violations_left_out,
            subject=error.subject,
            metadata=error.metadata,
        ) from error
