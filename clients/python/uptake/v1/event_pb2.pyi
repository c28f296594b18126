import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import correction_pb2 as _correction_pb2
from uptake.v1 import issue_pb2 as _issue_pb2
from uptake.v1 import review_pb2 as _review_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_REVIEW: _ClassVar[EventKind]
    EVENT_KIND_ISSUE: _ClassVar[EventKind]
    EVENT_KIND_CORRECTION: _ClassVar[EventKind]
    EVENT_KIND_VERDICT: _ClassVar[EventKind]

class EventSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_SEVERITY_UNSPECIFIED: _ClassVar[EventSeverity]
    EVENT_SEVERITY_INFO: _ClassVar[EventSeverity]
    EVENT_SEVERITY_WARNING: _ClassVar[EventSeverity]
    EVENT_SEVERITY_CRITICAL: _ClassVar[EventSeverity]
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_REVIEW: EventKind
EVENT_KIND_ISSUE: EventKind
EVENT_KIND_CORRECTION: EventKind
EVENT_KIND_VERDICT: EventKind
EVENT_SEVERITY_UNSPECIFIED: EventSeverity
EVENT_SEVERITY_INFO: EventSeverity
EVENT_SEVERITY_WARNING: EventSeverity
EVENT_SEVERITY_CRITICAL: EventSeverity

class Event(_message.Message):
    __slots__ = ("seq", "time", "kind", "severity", "review", "issue", "correction", "verdict")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    time: _timestamp_pb2.Timestamp
    kind: EventKind
    severity: EventSeverity
    review: ReviewEvent
    issue: IssueEvent
    correction: CorrectionEvent
    verdict: VerdictEvent
    def __init__(self, seq: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[EventKind, str]] = ..., severity: _Optional[_Union[EventSeverity, str]] = ..., review: _Optional[_Union[ReviewEvent, _Mapping]] = ..., issue: _Optional[_Union[IssueEvent, _Mapping]] = ..., correction: _Optional[_Union[CorrectionEvent, _Mapping]] = ..., verdict: _Optional[_Union[VerdictEvent, _Mapping]] = ...) -> None: ...

class ReviewEvent(_message.Message):
    __slots__ = ("review_id", "pattern_id", "action", "state", "priority", "negative_rate", "sample_size", "revision")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    pattern_id: str
    action: _review_pb2.ReviewAction
    state: _review_pb2.ReviewState
    priority: _review_pb2.ReviewPriority
    negative_rate: float
    sample_size: int
    revision: int
    def __init__(self, review_id: _Optional[str] = ..., pattern_id: _Optional[str] = ..., action: _Optional[_Union[_review_pb2.ReviewAction, str]] = ..., state: _Optional[_Union[_review_pb2.ReviewState, str]] = ..., priority: _Optional[_Union[_review_pb2.ReviewPriority, str]] = ..., negative_rate: _Optional[float] = ..., sample_size: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class IssueEvent(_message.Message):
    __slots__ = ("issue_id", "state", "frequency", "generation", "revision", "merged_into_issue_id")
    ISSUE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_ISSUE_ID_FIELD_NUMBER: _ClassVar[int]
    issue_id: str
    state: _issue_pb2.IssueState
    frequency: int
    generation: int
    revision: int
    merged_into_issue_id: str
    def __init__(self, issue_id: _Optional[str] = ..., state: _Optional[_Union[_issue_pb2.IssueState, str]] = ..., frequency: _Optional[int] = ..., generation: _Optional[int] = ..., revision: _Optional[int] = ..., merged_into_issue_id: _Optional[str] = ...) -> None: ...

class CorrectionEvent(_message.Message):
    __slots__ = ("correction_id", "state", "revision")
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    correction_id: str
    state: _correction_pb2.CorrectionState
    revision: int
    def __init__(self, correction_id: _Optional[str] = ..., state: _Optional[_Union[_correction_pb2.CorrectionState, str]] = ..., revision: _Optional[int] = ...) -> None: ...

class VerdictEvent(_message.Message):
    __slots__ = ("correction_id", "verdict", "later_votes")
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LATER_VOTES_FIELD_NUMBER: _ClassVar[int]
    correction_id: str
    verdict: _correction_pb2.Verdict
    later_votes: int
    def __init__(self, correction_id: _Optional[str] = ..., verdict: _Optional[_Union[_correction_pb2.Verdict, str]] = ..., later_votes: _Optional[int] = ...) -> None: ...
