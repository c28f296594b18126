"""What each domain error becomes on the wire: the one table, and the one `abort`."""

import math
from functools import cache, lru_cache
from typing import NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from uptake.v1 import error_pb2, stream_pb2

from uptake_service.domain.errors import DomainError, Reason

DOMAIN = "uptake"
PUSHBACK = "grpc-retry-pushback-ms"

_MESSAGE_BYTES, _DETAIL_BYTES = 1_000, 4_500
"""Of a message as it is sent, and of the details before they are: with what gRPC adds they stay below the 8 KiB of
metadata that its clients take. With more they would be told of RESOURCE_EXHAUSTED, and not of what is wrong."""

VIOLATIONS_LEFT_OUT = "violations_left_out"
"""In ErrorInfo's metadata: how many wrong fields there are beside those that are named."""

_VALUE_BYTES = 1_024
"""Of a value of ErrorInfo's metadata: the longest id, of 256 characters, fits whatever it is written in."""

_OTHER_BYTES = 700
"""For the types' names, when to retry, and what stands in the way."""

_Code = grpc.StatusCode

CODES: dict[error_pb2.ErrorReason, grpc.StatusCode] = {
    Reason.ERROR_REASON_INVALID_FIELD: _Code.INVALID_ARGUMENT,
    Reason.ERROR_REASON_INVALID_PAGE_TOKEN: _Code.INVALID_ARGUMENT,
    Reason.ERROR_REASON_INVALID_RESUME_TOKEN: _Code.INVALID_ARGUMENT,
    Reason.ERROR_REASON_ITEM_REJECTED: _Code.INVALID_ARGUMENT,
    Reason.ERROR_REASON_RESUME_TOKEN_EXPIRED: _Code.OUT_OF_RANGE,
    Reason.ERROR_REASON_REQUEST_ID_REUSED: _Code.ALREADY_EXISTS,
    Reason.ERROR_REASON_FEEDBACK_NOT_FOUND: _Code.NOT_FOUND,
    Reason.ERROR_REASON_REVIEW_NOT_FOUND: _Code.NOT_FOUND,
    Reason.ERROR_REASON_ISSUE_NOT_FOUND: _Code.NOT_FOUND,
    Reason.ERROR_REASON_CORRECTION_NOT_FOUND: _Code.NOT_FOUND,
    Reason.ERROR_REASON_INSTRUCTIONS_NOT_FOUND: _Code.NOT_FOUND,
    Reason.ERROR_REASON_FEEDBACK_RETRACTED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_FEEDBACK_ERASED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_FEEDBACK_EXPIRED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_REVIEW_CLAIMED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_CLAIM_LOST: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_REVIEW_FINISHED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_REVIEW_NOT_FINISHED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_ACTIVE_REVIEW_EXISTS: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_CORRECTION_SUPERSEDED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_CORRECTION_REVERTED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_ISSUE_MERGED: _Code.FAILED_PRECONDITION,
    Reason.ERROR_REASON_ETAG_MISMATCH: _Code.ABORTED,
    Reason.ERROR_REASON_BASE_REVISION_MISMATCH: _Code.ABORTED,
    Reason.ERROR_REASON_CONFLICT: _Code.ABORTED,
    Reason.ERROR_REASON_ISSUE_RUN_FAILED: _Code.ABORTED,
    Reason.ERROR_REASON_OVERLOADED: _Code.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_RATE_LIMITED: _Code.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_SUBSCRIBER_TOO_SLOW: _Code.RESOURCE_EXHAUSTED,
    Reason.ERROR_REASON_DATABASE_UNAVAILABLE: _Code.UNAVAILABLE,
    Reason.ERROR_REASON_SHUTTING_DOWN: _Code.UNAVAILABLE,
    Reason.ERROR_REASON_DEADLINE_EXCEEDED: _Code.DEADLINE_EXCEEDED,
    Reason.ERROR_REASON_READ_TOO_LONG: _Code.DEADLINE_EXCEEDED,
    Reason.ERROR_REASON_UNAUTHENTICATED: _Code.UNAUTHENTICATED,
    Reason.ERROR_REASON_PERMISSION_DENIED: _Code.PERMISSION_DENIED,
    Reason.ERROR_REASON_INTERNAL: _Code.INTERNAL,
}


@cache
def reason_name(reason: error_pb2.ErrorReason) -> str:
    """The reason as `google.rpc.ErrorInfo` carries it, for example "REVIEW_CLAIMED"."""
    return Reason.Name(reason).removeprefix("ERROR_REASON_")


async def abort(context: "grpc.aio.ServicerContext[object, object]", error: DomainError) -> NoReturn:
    """Ends a call with an error: code, message, details, and whether a retry makes sense.

    A status that is set and returned with, instead, would come after an empty answer, and gRPC's clients make a call
    again only if nothing came before its status.
    """
    await context.abort(CODES[error.reason], _cut(error.message), trailing_metadata=trailing(error))
    raise AssertionError("abort returns never")


def undecodable() -> DomainError:
    """The error for bytes that are no message of the type that is asked for."""
    return DomainError(
        Reason.ERROR_REASON_INVALID_FIELD,
        "the message cannot be decoded: its bytes are no such message, it is nested too deeply, or a text is not UTF-8",
    )


def item_error(error: DomainError) -> error_pb2.ItemError:
    """The error of one item among many."""
    item = error_pb2.ItemError(
        code=CODES[error.reason].value[0],
        reason=error.reason,
        message=error.message,
        field_violations=[
            error_pb2.FieldViolation(field=violation.field, description=violation.description)
            for violation in error.violations
        ],
        metadata=error.metadata,
    )
    if error.violations_left_out:
        item.metadata[VIOLATIONS_LEFT_OUT] = str(error.violations_left_out)
    if error.retry_after_seconds is not None:
        item.retry_delay.FromMilliseconds(_milliseconds(error.retry_after_seconds))
    return item


def stream_end(error: DomainError) -> stream_pb2.StreamEnd:
    """The last message of a stream that ends with an error."""
    return stream_pb2.StreamEnd(reason=error.reason, message=error.message)


Trailing = tuple[tuple[str, str | bytes], ...]


def trailing(error: DomainError) -> Trailing:
    """What comes after the status of a call that ends with an error: its details, and when to retry."""
    if error.retry_after_seconds is None or error.violations or error.subject:
        return _made(error)
    return _remembered(error.reason, error.message, error.retry_after_seconds, tuple(error.metadata.items()))


@lru_cache(maxsize=32)
def _remembered(
    reason: error_pb2.ErrorReason,
    message: str,
    retry_after_seconds: float | None,
    metadata: tuple[tuple[str, str], ...],
) -> Trailing:
    """Under overload the same refusal is sent again and again, when time is short. No other error is kept: its metadata
    may quote what a caller sent."""
    return _made(DomainError(reason, message, retry_after_seconds=retry_after_seconds, metadata=dict(metadata)))


def _made(error: DomainError) -> Trailing:
    pushback = -1 if error.retry_after_seconds is None else _milliseconds(error.retry_after_seconds)
    details = bytes(_details(error).SerializeToString())
    return ("grpc-status-details-bin", details), (PUSHBACK, str(pushback))


def _milliseconds(seconds: float) -> int:
    """How long a caller is to wait: not less than it takes, and never 0, at which gRPC's clients wait until their
    deadline instead of trying again."""
    return max(math.ceil(seconds * 1000), 1)


def _details(error: DomainError) -> status_pb2.Status:
    name = reason_name(error.reason)
    code = CODES[error.reason]
    details: list[any_pb2.Any] = []

    def attach(message: object) -> None:
        packed = any_pb2.Any()
        packed.Pack(message)  # type: ignore[arg-type]
        details.append(packed)

    message = _cut(error.message)
    info = error_details_pb2.ErrorInfo(
        reason=name, domain=DOMAIN, metadata={key: _cut_value(value) for key, value in error.metadata.items()}
    )
    bad = error_details_pb2.BadRequest()
    left_out = error.violations_left_out
    for place, violation in enumerate(error.violations):
        bad.field_violations.add(field=violation.field, description=violation.description)
        if bad.ByteSize() > _DETAIL_BYTES - info.ByteSize() - 2 * len(message) - _OTHER_BYTES:
            del bad.field_violations[place]
            left_out += len(error.violations) - place
            break
    if left_out:
        info.metadata[VIOLATIONS_LEFT_OUT] = str(left_out)
    attach(info)
    if bad.field_violations:
        attach(bad)
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(_milliseconds(error.retry_after_seconds))
        attach(error_details_pb2.RetryInfo(retry_delay=delay))
    if code is _Code.FAILED_PRECONDITION:
        violation = error_details_pb2.PreconditionFailure.Violation(
            type=name, subject=_cut(error.subject), description=message
        )
        attach(error_details_pb2.PreconditionFailure(violations=[violation]))
    return status_pb2.Status(code=code.value[0], message=message, details=details)


def _cut_value(text: str) -> str:
    return text.encode(errors="replace")[:_VALUE_BYTES].decode(errors="ignore")


def _cut(text: str) -> str:
    """As much of a text as fits, as gRPC writes it: each byte that is not printable ASCII takes three."""
    size = 0
    for place, character in enumerate(text):
        size += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode(errors="replace"))
        if size > _MESSAGE_BYTES:
            return f"{text[:place]}..."
    return text
