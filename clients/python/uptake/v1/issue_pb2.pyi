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
    """IssueState is where an issue stands."""
    __slots__ = ()
    ISSUE_STATE_UNSPECIFIED: _ClassVar[IssueState]
    """Not set; never sent."""
    ISSUE_STATE_NEW: _ClassVar[IssueState]
    """First seen in the newest run."""
    ISSUE_STATE_ONGOING: _ClassVar[IssueState]
    """Seen before, and no more often than usual."""
    ISSUE_STATE_ESCALATING: _ClassVar[IssueState]
    """Seen clearly more often than in the window before."""
    ISSUE_STATE_RESOLVED: _ClassVar[IssueState]
    """A person said it is fixed."""
    ISSUE_STATE_REGRESSED: _ClassVar[IssueState]
    """It was resolved and came back."""
    ISSUE_STATE_IGNORED: _ClassVar[IssueState]
    """A person said it does not matter."""
ISSUE_STATE_UNSPECIFIED: IssueState
"""Not set; never sent."""
ISSUE_STATE_NEW: IssueState
"""First seen in the newest run."""
ISSUE_STATE_ONGOING: IssueState
"""Seen before, and no more often than usual."""
ISSUE_STATE_ESCALATING: IssueState
"""Seen clearly more often than in the window before."""
ISSUE_STATE_RESOLVED: IssueState
"""A person said it is fixed."""
ISSUE_STATE_REGRESSED: IssueState
"""It was resolved and came back."""
ISSUE_STATE_IGNORED: IssueState
"""A person said it does not matter."""

class SampleComment(_message.Message):
    """SampleComment is a comment in the user's own words."""
    __slots__ = ("text", "feedback_id")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    """The words."""
    feedback_id: str
    """The feedback that they come from."""
    def __init__(self, text: _Optional[str] = ..., feedback_id: _Optional[str] = ...) -> None: ...

class Issue(_message.Message):
    """Issue is a cluster of negative feedback that complains of the same thing."""
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
    """Id; it stays from run to run."""
    title: str
    """A short name from its members' own words, or the one a person gave it. Up to 256 characters where a person gives it."""
    keywords: _containers.RepeatedScalarFieldContainer[str]
    """The words that set it apart, most telling first."""
    representative: SampleComment
    """The member nearest to its middle."""
    frequency: int
    """How many pieces of feedback belong to it, in the window asked for. Counted by full days, UTC: those that the window
    touches.
    """
    sample_comments: _containers.RepeatedCompositeFieldContainer[SampleComment]
    """Up to three members, of different users where they can be."""
    trend: float
    """How frequency changed from the older half of the window to the newer one: their difference over the older half's,
    or over 1 if the older half has none. 0 means steady, 1 twice as many.
    """
    state: IssueState
    """Where it stands."""
    first_seen_time: _timestamp_pb2.Timestamp
    """When its first member occurred."""
    last_seen_time: _timestamp_pb2.Timestamp
    """When its newest member occurred."""
    etag: str
    """Changes whenever people change the issue. Send it to make a change conditional."""
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., keywords: _Optional[_Iterable[str]] = ..., representative: _Optional[_Union[SampleComment, _Mapping]] = ..., frequency: _Optional[int] = ..., sample_comments: _Optional[_Iterable[_Union[SampleComment, _Mapping]]] = ..., trend: _Optional[float] = ..., state: _Optional[_Union[IssueState, str]] = ..., first_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...
