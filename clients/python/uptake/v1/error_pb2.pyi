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
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_FIELD: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_PAGE_TOKEN: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_RESUME_TOKEN: _ClassVar[ErrorReason]
    ERROR_REASON_RESUME_TOKEN_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_ID_REUSED: _ClassVar[ErrorReason]
    ERROR_REASON_FEEDBACK_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_REVIEW_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_ISSUE_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_CORRECTION_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_INSTRUCTIONS_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_FEEDBACK_RETRACTED: _ClassVar[ErrorReason]
    ERROR_REASON_FEEDBACK_ERASED: _ClassVar[ErrorReason]
    ERROR_REASON_REVIEW_CLAIMED: _ClassVar[ErrorReason]
    ERROR_REASON_CLAIM_LOST: _ClassVar[ErrorReason]
    ERROR_REASON_REVIEW_FINISHED: _ClassVar[ErrorReason]
    ERROR_REASON_REVIEW_NOT_FINISHED: _ClassVar[ErrorReason]
    ERROR_REASON_ACTIVE_REVIEW_EXISTS: _ClassVar[ErrorReason]
    ERROR_REASON_ETAG_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_BASE_REVISION_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_CORRECTION_SUPERSEDED: _ClassVar[ErrorReason]
    ERROR_REASON_CORRECTION_REVERTED: _ClassVar[ErrorReason]
    ERROR_REASON_OVERLOADED: _ClassVar[ErrorReason]
    ERROR_REASON_RATE_LIMITED: _ClassVar[ErrorReason]
    ERROR_REASON_SUBSCRIBER_TOO_SLOW: _ClassVar[ErrorReason]
    ERROR_REASON_DATABASE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_SHUTTING_DOWN: _ClassVar[ErrorReason]
    ERROR_REASON_DEADLINE_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_UNAUTHENTICATED: _ClassVar[ErrorReason]
    ERROR_REASON_PERMISSION_DENIED: _ClassVar[ErrorReason]
    ERROR_REASON_ITEM_REJECTED: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_ISSUE_MERGED: _ClassVar[ErrorReason]
    ERROR_REASON_ISSUE_RUN_FAILED: _ClassVar[ErrorReason]
    ERROR_REASON_FEEDBACK_EXPIRED: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_INVALID_FIELD: ErrorReason
ERROR_REASON_INVALID_PAGE_TOKEN: ErrorReason
ERROR_REASON_INVALID_RESUME_TOKEN: ErrorReason
ERROR_REASON_RESUME_TOKEN_EXPIRED: ErrorReason
ERROR_REASON_REQUEST_ID_REUSED: ErrorReason
ERROR_REASON_FEEDBACK_NOT_FOUND: ErrorReason
ERROR_REASON_REVIEW_NOT_FOUND: ErrorReason
ERROR_REASON_ISSUE_NOT_FOUND: ErrorReason
ERROR_REASON_CORRECTION_NOT_FOUND: ErrorReason
ERROR_REASON_INSTRUCTIONS_NOT_FOUND: ErrorReason
ERROR_REASON_FEEDBACK_RETRACTED: ErrorReason
ERROR_REASON_FEEDBACK_ERASED: ErrorReason
ERROR_REASON_REVIEW_CLAIMED: ErrorReason
ERROR_REASON_CLAIM_LOST: ErrorReason
ERROR_REASON_REVIEW_FINISHED: ErrorReason
ERROR_REASON_REVIEW_NOT_FINISHED: ErrorReason
ERROR_REASON_ACTIVE_REVIEW_EXISTS: ErrorReason
ERROR_REASON_ETAG_MISMATCH: ErrorReason
ERROR_REASON_BASE_REVISION_MISMATCH: ErrorReason
ERROR_REASON_CORRECTION_SUPERSEDED: ErrorReason
ERROR_REASON_CORRECTION_REVERTED: ErrorReason
ERROR_REASON_OVERLOADED: ErrorReason
ERROR_REASON_RATE_LIMITED: ErrorReason
ERROR_REASON_SUBSCRIBER_TOO_SLOW: ErrorReason
ERROR_REASON_DATABASE_UNAVAILABLE: ErrorReason
ERROR_REASON_SHUTTING_DOWN: ErrorReason
ERROR_REASON_DEADLINE_EXCEEDED: ErrorReason
ERROR_REASON_UNAUTHENTICATED: ErrorReason
ERROR_REASON_PERMISSION_DENIED: ErrorReason
ERROR_REASON_ITEM_REJECTED: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_CONFLICT: ErrorReason
ERROR_REASON_ISSUE_MERGED: ErrorReason
ERROR_REASON_ISSUE_RUN_FAILED: ErrorReason
ERROR_REASON_FEEDBACK_EXPIRED: ErrorReason

class FieldViolation(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class ItemError(_message.Message):
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
    reason: ErrorReason
    message: str
    field_violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    retry_delay: _duration_pb2.Duration
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[_Union[ErrorReason, str]] = ..., message: _Optional[str] = ..., field_violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
