import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IssueState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISSUE_STATE_UNSPECIFIED: _ClassVar[IssueState]
    ISSUE_STATE_NEW: _ClassVar[IssueState]
    ISSUE_STATE_ONGOING: _ClassVar[IssueState]
    ISSUE_STATE_ESCALATING: _ClassVar[IssueState]
    ISSUE_STATE_RESOLVED: _ClassVar[IssueState]
    ISSUE_STATE_REGRESSED: _ClassVar[IssueState]
    ISSUE_STATE_IGNORED: _ClassVar[IssueState]
ISSUE_STATE_UNSPECIFIED: IssueState
ISSUE_STATE_NEW: IssueState
ISSUE_STATE_ONGOING: IssueState
ISSUE_STATE_ESCALATING: IssueState
ISSUE_STATE_RESOLVED: IssueState
ISSUE_STATE_REGRESSED: IssueState
ISSUE_STATE_IGNORED: IssueState

class SampleComment(_message.Message):
    __slots__ = ("text", "feedback_id")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    feedback_id: str
    def __init__(self, text: _Optional[str] = ..., feedback_id: _Optional[str] = ...) -> None: ...

class Issue(_message.Message):
    __slots__ = ("id", "title", "keywords", "representative", "frequency", "sample_comments", "trend", "state", "first_seen_time", "last_seen_time", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    KEYWORDS_FIELD_NUMBER: _ClassVar[int]
    REPRESENTATIVE_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COMMENTS_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    keywords: _containers.RepeatedScalarFieldContainer[str]
    representative: SampleComment
    frequency: int
    sample_comments: _containers.RepeatedCompositeFieldContainer[SampleComment]
    trend: float
    state: IssueState
    first_seen_time: _timestamp_pb2.Timestamp
    last_seen_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., keywords: _Optional[_Iterable[str]] = ..., representative: _Optional[_Union[SampleComment, _Mapping]] = ..., frequency: _Optional[int] = ..., sample_comments: _Optional[_Iterable[_Union[SampleComment, _Mapping]]] = ..., trend: _Optional[float] = ..., state: _Optional[_Union[IssueState, str]] = ..., first_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...
