import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """ErrorReason says why a call failed, in a form that programs may rely on. It travels as `google.rpc.ErrorInfo.reason`
    (without the ERROR_REASON_ prefix, domain "uptake") in the status details, and as `ItemError.reason` where one item
    of many failed.

    `Metadata:` lists the keys of `google.rpc.ErrorInfo.metadata`, and of `ItemError.metadata`. Those under `Metadata at
    times:` may be missing. Later versions may add keys. Values are text: ids and names as they are, numbers in decimal,
    times as RFC 3339 in UTC ("2026-11-28T05:00:00+00:00"), durations in seconds ("86400s"). A value that would have more
    than 1,024 bytes is cut.
    """
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    """Not set; never sent."""
    ERROR_REASON_INVALID_FIELD: _ClassVar[ErrorReason]
    """INVALID_ARGUMENT: at least one field is wrong. `google.rpc.BadRequest` names the first 20.
    Example: a rating of 7 on a scale of 1 to 5.
    Metadata: none.
    Metadata at times: `violations_left_out` (a number: how many more fields are wrong than are named).
    """
    ERROR_REASON_INVALID_PAGE_TOKEN: _ClassVar[ErrorReason]
    """INVALID_ARGUMENT: the page token is none that the service made for the same method, project, filter, order and window.
    Example: a token of page 2 sent with another filter.
    Metadata: none.
    """
    ERROR_REASON_INVALID_RESUME_TOKEN: _ClassVar[ErrorReason]
    """INVALID_ARGUMENT: the resume token is none that the service made for the same method, project and filter.
    Example: a token of SubscribeReviews sent to SubscribeInsights.
    Metadata: none.
    """
    ERROR_REASON_RESUME_TOKEN_EXPIRED: _ClassVar[ErrorReason]
    """OUT_OF_RANGE: events after the resume token are already deleted. Subscribe without a token and start from the
    snapshot.
    Example: a dashboard that resumes after its machine was off for a month.
    Metadata: none.
    """
    ERROR_REASON_REQUEST_ID_REUSED: _ClassVar[ErrorReason]
    """ALREADY_EXISTS: the request id was used before with other content.
    Example: a client that reuses one request id for two thumbs.
    Metadata: `request_id` (as sent).
    """
    ERROR_REASON_FEEDBACK_NOT_FOUND: _ClassVar[ErrorReason]
    """NOT_FOUND: the project has no feedback with this id, or none on this interaction.
    Example: GetFeedback for feedback that its user had erased.
    Metadata: none.
    Metadata at times: `feedback_id` (as sent; of several the first that is not there), `interaction_id` (as sent;
    instead, where the call names an interaction).
    """
    ERROR_REASON_REVIEW_NOT_FOUND: _ClassVar[ErrorReason]
    """NOT_FOUND: the project has no review with this id.
    Example: ClaimReview with the project left out, so that the review is looked for in `default`.
    Metadata: `review_id` (as sent).
    """
    ERROR_REASON_ISSUE_NOT_FOUND: _ClassVar[ErrorReason]
    """NOT_FOUND: the project has no issue with this id.
    Example: GetIssue for an issue that no run finds any more.
    Metadata: `issue_id` (as sent; of several the first that is not there).
    """
    ERROR_REASON_CORRECTION_NOT_FOUND: _ClassVar[ErrorReason]
    """NOT_FOUND: the project has no correction with this id.
    Example: RevertCorrection with the id of a review.
    Metadata: `correction_id` (as sent).
    """
    ERROR_REASON_INSTRUCTIONS_NOT_FOUND: _ClassVar[ErrorReason]
    """NOT_FOUND: the project has no instructions with this name or revision.
    Example: GetInstructions for revision 9 of instructions that have 3.
    Metadata: `name` (as sent), `revision` (a number, as sent; 0 where the newest was asked for).
    """
    ERROR_REASON_FEEDBACK_RETRACTED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the feedback was retracted and takes no more changes.
    Example: a comment added to a vote that its user took back.
    Metadata: `feedback_id` (as sent).
    """
    ERROR_REASON_FEEDBACK_ERASED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the feedback was erased at its user's wish; sending it again does not bring it back.
    Example: a queue that delivers a vote a second time, after EraseUserFeedback.
    Metadata: none.
    """
    ERROR_REASON_REVIEW_CLAIMED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: another reviewer holds the claim, and it has not expired.
    Example: two reviewers who claim one review at the same time.
    Metadata: `reviewer` (who holds the claim), `claim_expire_time` (a time: when it expires unless it is renewed).
    """
    ERROR_REASON_CLAIM_LOST: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the claim token is not, or no longer, the one that holds the review. Claim it again.
    Example: ResolveReview after the lease ran out and another reviewer claimed the review.
    Metadata: none.
    """
    ERROR_REASON_REVIEW_FINISHED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the review is no longer active: resolved, dismissed or closed.
    Example: ClaimReview for a review that another reviewer dismissed.
    Metadata: `state` (of the review: a name of ReviewState without its prefix, such as `RESOLVED`).
    """
    ERROR_REASON_REVIEW_NOT_FINISHED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the review is still open or claimed, and the call is for a finished one.
    Example: ReopenReview for a review that is open.
    Metadata: `state` (of the review: a name of ReviewState without its prefix, `OPEN` or `CLAIMED`).
    """
    ERROR_REASON_ACTIVE_REVIEW_EXISTS: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the pattern already has another active review; there is at most one.
    Example: ReopenReview after new complaints opened a second review of the pattern.
    Metadata: `review_id` (the active review; empty if it was finished meanwhile, then call again).
    """
    ERROR_REASON_ETAG_MISMATCH: _ClassVar[ErrorReason]
    """ABORTED: the resource changed since the etag was read. Read it again, then decide again.
    Example: UpdateProject with an etag that was read before a colleague changed the settings.
    Metadata: `etag` (the resource's now).
    """
    ERROR_REASON_BASE_REVISION_MISMATCH: _ClassVar[ErrorReason]
    """ABORTED: `base_revision` is not the newest revision. Read it again, then decide again.
    Example: a correction made against revision 3 of a knowledge entry that is at revision 4.
    Metadata: `revision` (a number: the newest revision; 0 where the target does not exist).
    """
    ERROR_REASON_CORRECTION_SUPERSEDED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: a later correction covers this one; revert that first.
    Example: RevertCorrection for the first of two corrections of one knowledge entry.
    Metadata: `newest_correction_id` (the target's newest correction, the first to revert; empty if its content was
    erased).
    """
    ERROR_REASON_CORRECTION_REVERTED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the correction is already reverted.
    Example: two reviewers who revert one correction.
    Metadata: none.
    """
    ERROR_REASON_OVERLOADED: _ClassVar[ErrorReason]
    """RESOURCE_EXHAUSTED: the service has too much to do, whoever asks. Nothing was written; retry after
    `google.rpc.RetryInfo`.
    Example: a load test that fills the intake queue.
    Metadata: `limit` (what is full: `queue`, the intake queue; `bytes_in_flight` or `bytes_in_flight_of_caller`, the
    messages of calls in progress; `memory`, while messages are still arriving; `reads`, those that wait; `streams`,
    those that are open; `refreshes`, projects that wait for their issues).
    """
    ERROR_REASON_RATE_LIMITED: _ClassVar[ErrorReason]
    """RESOURCE_EXHAUSTED: the key, or where calls have none the project, asks for too much at once. Nothing was written;
    retry after `google.rpc.RetryInfo`.
    Example: a key that may make 10 calls a second makes 20.
    Metadata: `limit` (what was exceeded: `calls_per_second`; `reads_of_caller`, those that wait; `reads_patience`, how
    long a read may wait; `streams_of_caller`, those that are open; `new_patterns`, `new_projects` or `new_values`, how
    many an intake may bring, values being models, sources and scores).
    """
    ERROR_REASON_SUBSCRIBER_TOO_SLOW: _ClassVar[ErrorReason]
    """RESOURCE_EXHAUSTED: the subscriber read too slowly and was ended; resume with the last token.
    Example: a consumer of SubscribeInsights that stops reading for a minute.
    Metadata: none.
    """
    ERROR_REASON_DATABASE_UNAVAILABLE: _ClassVar[ErrorReason]
    """UNAVAILABLE: the database does not answer. Retry with the same request id.
    Example: the database elects a new primary.
    Metadata: none.
    """
    ERROR_REASON_SHUTTING_DOWN: _ClassVar[ErrorReason]
    """UNAVAILABLE: this process is shutting down. Retry; another one answers. What it has not begun gRPC itself answers
    with CANCELLED, without an ErrorInfo: retry that too.
    Example: a stream that is open during a rolling update.
    Metadata: none.
    """
    ERROR_REASON_DEADLINE_EXCEEDED: _ClassVar[ErrorReason]
    """DEADLINE_EXCEEDED: the caller's deadline passed before the work was begun, and nothing was written.
    Example: a call with a deadline of 10 milliseconds while the service is busy.
    Metadata: none.
    """
    ERROR_REASON_UNAUTHENTICATED: _ClassVar[ErrorReason]
    """UNAUTHENTICATED: no key, or one that is unknown, expired or revoked.
    Example: a call without the header `authorization: Bearer KEY` to a service that requires keys.
    Metadata: none.
    """
    ERROR_REASON_PERMISSION_DENIED: _ClassVar[ErrorReason]
    """PERMISSION_DENIED: the key does not have the role that the method needs, or is for other projects. Whether the
    project exists is not told.
    Example: a collector calls ListFeedback.
    Metadata: `role` (of the key: `COLLECTOR`, `READER`, `REVIEWER` or `ADMIN`).
    Metadata at times: `permission` (where the role is too little, what the method needs: `COLLECT`, `READ`, `REVIEW`
    or `ADMINISTER`), `project` (where the key is for other projects: the project that the call is for).
    """
    ERROR_REASON_READ_TOO_LONG: _ClassVar[ErrorReason]
    """DEADLINE_EXCEEDED: a read takes the database too long. The same again would take as long: ask for less.
    Example: ListFeedback by a label that is rare among many millions of pieces of feedback.
    Metadata: none.
    """
    ERROR_REASON_ITEM_REJECTED: _ClassVar[ErrorReason]
    """INVALID_ARGUMENT: the database refuses this item as such.
    Example: a document over its size limit.
    Metadata: none.
    """
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    """INTERNAL: a fault in the service. The service's log has the details.
    Example: a defect that a certain request brings out.
    Metadata: `error_id` (the call's id in the service's log, 16 hexadecimal digits; the message has it too).
    """
    ERROR_REASON_CONFLICT: _ClassVar[ErrorReason]
    """ABORTED: the same thing was being changed by others again and again; nothing was changed. The caller may try again.
    Example: fifty reviewers who apply a correction to one knowledge entry at once.
    Metadata: none.
    """
    ERROR_REASON_ISSUE_MERGED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the issue was merged into another; change that one.
    Example: UpdateIssue for an issue that a colleague merged into a larger one.
    Metadata: `merged_into_issue_id` (the issue to change instead).
    """
    ERROR_REASON_ISSUE_RUN_FAILED: _ClassVar[ErrorReason]
    """ABORTED: the clustering of issues ended without a result; what was there before stands. Call it again.
    Example: the worker process is killed because memory is short.
    Metadata: none.
    """
    ERROR_REASON_FEEDBACK_EXPIRED: _ClassVar[ErrorReason]
    """FAILED_PRECONDITION: the feedback is older than its project keeps feedback (`retention.feedback_age`): it was
    deleted, or would be at once, and is not stored.
    Example: an import of votes of last year into a project that keeps feedback for 90 days.
    Metadata: none.
    Metadata at times: `feedback_age` (a duration: how long the project keeps feedback; missing where the feedback was
    stored once and is deleted).
    """
ERROR_REASON_UNSPECIFIED: ErrorReason
"""Not set; never sent."""
ERROR_REASON_INVALID_FIELD: ErrorReason
"""INVALID_ARGUMENT: at least one field is wrong. `google.rpc.BadRequest` names the first 20.
Example: a rating of 7 on a scale of 1 to 5.
Metadata: none.
Metadata at times: `violations_left_out` (a number: how many more fields are wrong than are named).
"""
ERROR_REASON_INVALID_PAGE_TOKEN: ErrorReason
"""INVALID_ARGUMENT: the page token is none that the service made for the same method, project, filter, order and window.
Example: a token of page 2 sent with another filter.
Metadata: none.
"""
ERROR_REASON_INVALID_RESUME_TOKEN: ErrorReason
"""INVALID_ARGUMENT: the resume token is none that the service made for the same method, project and filter.
Example: a token of SubscribeReviews sent to SubscribeInsights.
Metadata: none.
"""
ERROR_REASON_RESUME_TOKEN_EXPIRED: ErrorReason
"""OUT_OF_RANGE: events after the resume token are already deleted. Subscribe without a token and start from the
snapshot.
Example: a dashboard that resumes after its machine was off for a month.
Metadata: none.
"""
ERROR_REASON_REQUEST_ID_REUSED: ErrorReason
"""ALREADY_EXISTS: the request id was used before with other content.
Example: a client that reuses one request id for two thumbs.
Metadata: `request_id` (as sent).
"""
ERROR_REASON_FEEDBACK_NOT_FOUND: ErrorReason
"""NOT_FOUND: the project has no feedback with this id, or none on this interaction.
Example: GetFeedback for feedback that its user had erased.
Metadata: none.
Metadata at times: `feedback_id` (as sent; of several the first that is not there), `interaction_id` (as sent;
instead, where the call names an interaction).
"""
ERROR_REASON_REVIEW_NOT_FOUND: ErrorReason
"""NOT_FOUND: the project has no review with this id.
Example: ClaimReview with the project left out, so that the review is looked for in `default`.
Metadata: `review_id` (as sent).
"""
ERROR_REASON_ISSUE_NOT_FOUND: ErrorReason
"""NOT_FOUND: the project has no issue with this id.
Example: GetIssue for an issue that no run finds any more.
Metadata: `issue_id` (as sent; of several the first that is not there).
"""
ERROR_REASON_CORRECTION_NOT_FOUND: ErrorReason
"""NOT_FOUND: the project has no correction with this id.
Example: RevertCorrection with the id of a review.
Metadata: `correction_id` (as sent).
"""
ERROR_REASON_INSTRUCTIONS_NOT_FOUND: ErrorReason
"""NOT_FOUND: the project has no instructions with this name or revision.
Example: GetInstructions for revision 9 of instructions that have 3.
Metadata: `name` (as sent), `revision` (a number, as sent; 0 where the newest was asked for).
"""
ERROR_REASON_FEEDBACK_RETRACTED: ErrorReason
"""FAILED_PRECONDITION: the feedback was retracted and takes no more changes.
Example: a comment added to a vote that its user took back.
Metadata: `feedback_id` (as sent).
"""
ERROR_REASON_FEEDBACK_ERASED: ErrorReason
"""FAILED_PRECONDITION: the feedback was erased at its user's wish; sending it again does not bring it back.
Example: a queue that delivers a vote a second time, after EraseUserFeedback.
Metadata: none.
"""
ERROR_REASON_REVIEW_CLAIMED: ErrorReason
"""FAILED_PRECONDITION: another reviewer holds the claim, and it has not expired.
Example: two reviewers who claim one review at the same time.
Metadata: `reviewer` (who holds the claim), `claim_expire_time` (a time: when it expires unless it is renewed).
"""
ERROR_REASON_CLAIM_LOST: ErrorReason
"""FAILED_PRECONDITION: the claim token is not, or no longer, the one that holds the review. Claim it again.
Example: ResolveReview after the lease ran out and another reviewer claimed the review.
Metadata: none.
"""
ERROR_REASON_REVIEW_FINISHED: ErrorReason
"""FAILED_PRECONDITION: the review is no longer active: resolved, dismissed or closed.
Example: ClaimReview for a review that another reviewer dismissed.
Metadata: `state` (of the review: a name of ReviewState without its prefix, such as `RESOLVED`).
"""
ERROR_REASON_REVIEW_NOT_FINISHED: ErrorReason
"""FAILED_PRECONDITION: the review is still open or claimed, and the call is for a finished one.
Example: ReopenReview for a review that is open.
Metadata: `state` (of the review: a name of ReviewState without its prefix, `OPEN` or `CLAIMED`).
"""
ERROR_REASON_ACTIVE_REVIEW_EXISTS: ErrorReason
"""FAILED_PRECONDITION: the pattern already has another active review; there is at most one.
Example: ReopenReview after new complaints opened a second review of the pattern.
Metadata: `review_id` (the active review; empty if it was finished meanwhile, then call again).
"""
ERROR_REASON_ETAG_MISMATCH: ErrorReason
"""ABORTED: the resource changed since the etag was read. Read it again, then decide again.
Example: UpdateProject with an etag that was read before a colleague changed the settings.
Metadata: `etag` (the resource's now).
"""
ERROR_REASON_BASE_REVISION_MISMATCH: ErrorReason
"""ABORTED: `base_revision` is not the newest revision. Read it again, then decide again.
Example: a correction made against revision 3 of a knowledge entry that is at revision 4.
Metadata: `revision` (a number: the newest revision; 0 where the target does not exist).
"""
ERROR_REASON_CORRECTION_SUPERSEDED: ErrorReason
"""FAILED_PRECONDITION: a later correction covers this one; revert that first.
Example: RevertCorrection for the first of two corrections of one knowledge entry.
Metadata: `newest_correction_id` (the target's newest correction, the first to revert; empty if its content was
erased).
"""
ERROR_REASON_CORRECTION_REVERTED: ErrorReason
"""FAILED_PRECONDITION: the correction is already reverted.
Example: two reviewers who revert one correction.
Metadata: none.
"""
ERROR_REASON_OVERLOADED: ErrorReason
"""RESOURCE_EXHAUSTED: the service has too much to do, whoever asks. Nothing was written; retry after
`google.rpc.RetryInfo`.
Example: a load test that fills the intake queue.
Metadata: `limit` (what is full: `queue`, the intake queue; `bytes_in_flight` or `bytes_in_flight_of_caller`, the
messages of calls in progress; `memory`, while messages are still arriving; `reads`, those that wait; `streams`,
those that are open; `refreshes`, projects that wait for their issues).
"""
ERROR_REASON_RATE_LIMITED: ErrorReason
"""RESOURCE_EXHAUSTED: the key, or where calls have none the project, asks for too much at once. Nothing was written;
retry after `google.rpc.RetryInfo`.
Example: a key that may make 10 calls a second makes 20.
Metadata: `limit` (what was exceeded: `calls_per_second`; `reads_of_caller`, those that wait; `reads_patience`, how
long a read may wait; `streams_of_caller`, those that are open; `new_patterns`, `new_projects` or `new_values`, how
many an intake may bring, values being models, sources and scores).
"""
ERROR_REASON_SUBSCRIBER_TOO_SLOW: ErrorReason
"""RESOURCE_EXHAUSTED: the subscriber read too slowly and was ended; resume with the last token.
Example: a consumer of SubscribeInsights that stops reading for a minute.
Metadata: none.
"""
ERROR_REASON_DATABASE_UNAVAILABLE: ErrorReason
"""UNAVAILABLE: the database does not answer. Retry with the same request id.
Example: the database elects a new primary.
Metadata: none.
"""
ERROR_REASON_SHUTTING_DOWN: ErrorReason
"""UNAVAILABLE: this process is shutting down. Retry; another one answers. What it has not begun gRPC itself answers
with CANCELLED, without an ErrorInfo: retry that too.
Example: a stream that is open during a rolling update.
Metadata: none.
"""
ERROR_REASON_DEADLINE_EXCEEDED: ErrorReason
"""DEADLINE_EXCEEDED: the caller's deadline passed before the work was begun, and nothing was written.
Example: a call with a deadline of 10 milliseconds while the service is busy.
Metadata: none.
"""
ERROR_REASON_UNAUTHENTICATED: ErrorReason
"""UNAUTHENTICATED: no key, or one that is unknown, expired or revoked.
Example: a call without the header `authorization: Bearer KEY` to a service that requires keys.
Metadata: none.
"""
ERROR_REASON_PERMISSION_DENIED: ErrorReason
"""PERMISSION_DENIED: the key does not have the role that the method needs, or is for other projects. Whether the
project exists is not told.
Example: a collector calls ListFeedback.
Metadata: `role` (of the key: `COLLECTOR`, `READER`, `REVIEWER` or `ADMIN`).
Metadata at times: `permission` (where the role is too little, what the method needs: `COLLECT`, `READ`, `REVIEW`
or `ADMINISTER`), `project` (where the key is for other projects: the project that the call is for).
"""
ERROR_REASON_READ_TOO_LONG: ErrorReason
"""DEADLINE_EXCEEDED: a read takes the database too long. The same again would take as long: ask for less.
Example: ListFeedback by a label that is rare among many millions of pieces of feedback.
Metadata: none.
"""
ERROR_REASON_ITEM_REJECTED: ErrorReason
"""INVALID_ARGUMENT: the database refuses this item as such.
Example: a document over its size limit.
Metadata: none.
"""
ERROR_REASON_INTERNAL: ErrorReason
"""INTERNAL: a fault in the service. The service's log has the details.
Example: a defect that a certain request brings out.
Metadata: `error_id` (the call's id in the service's log, 16 hexadecimal digits; the message has it too).
"""
ERROR_REASON_CONFLICT: ErrorReason
"""ABORTED: the same thing was being changed by others again and again; nothing was changed. The caller may try again.
Example: fifty reviewers who apply a correction to one knowledge entry at once.
Metadata: none.
"""
ERROR_REASON_ISSUE_MERGED: ErrorReason
"""FAILED_PRECONDITION: the issue was merged into another; change that one.
Example: UpdateIssue for an issue that a colleague merged into a larger one.
Metadata: `merged_into_issue_id` (the issue to change instead).
"""
ERROR_REASON_ISSUE_RUN_FAILED: ErrorReason
"""ABORTED: the clustering of issues ended without a result; what was there before stands. Call it again.
Example: the worker process is killed because memory is short.
Metadata: none.
"""
ERROR_REASON_FEEDBACK_EXPIRED: ErrorReason
"""FAILED_PRECONDITION: the feedback is older than its project keeps feedback (`retention.feedback_age`): it was
deleted, or would be at once, and is not stored.
Example: an import of votes of last year into a project that keeps feedback for 90 days.
Metadata: none.
Metadata at times: `feedback_age` (a duration: how long the project keeps feedback; missing where the feedback was
stored once and is deleted).
"""

class FieldViolation(_message.Message):
    """FieldViolation names one wrong field of a request."""
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    """Path of the field from the request, for example `feedback.rating.score`."""
    description: str
    """What is wrong with it and what is allowed."""
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class ItemError(_message.Message):
    """ItemError tells why one item of a batch or stream failed while the others went on."""
    __slots__ = ("code", "reason", "message", "field_violations", "retry_delay", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    code: int
    """The `google.rpc.Code` that the same item alone would have failed with."""
    reason: ErrorReason
    """The reason, for programs."""
    message: str
    """What is wrong and what to do, for people."""
    field_violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    """Every wrong field, where fields are what is wrong. Paths are those of the item's own request."""
    retry_delay: _duration_pb2.Duration
    """When sending the item again makes sense; unset where it does not."""
    metadata: _containers.ScalarMap[str, str]
    """What programs need beside the reason, as `google.rpc.ErrorInfo.metadata` of a call has it; see ErrorReason."""
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[_Union[ErrorReason, str]] = ..., message: _Optional[str] = ..., field_violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
