import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
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
    """Its newest seven days have clearly more than their share of the window."""
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
"""Its newest seven days have clearly more than their share of the window."""
ISSUE_STATE_RESOLVED: IssueState
"""A person said it is fixed."""
ISSUE_STATE_REGRESSED: IssueState
"""It was resolved and came back."""
ISSUE_STATE_IGNORED: IssueState
"""A person said it does not matter."""

class SampleComment(_message.Message):
    """SampleComment is what a user said, cut to 1,000 characters: the comment, and where there is none the query."""
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
    """The member nearest to its middle; unset where none is left that can be shown."""
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

class IssueFilter(_message.Message):
    """IssueFilter narrows a list of issues. Every set field must match."""
    __slots__ = ("states", "minimum_frequency")
    STATES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[IssueState]
    """States, up to 100. Default all but IGNORED."""
    minimum_frequency: int
    """At least this frequency."""
    def __init__(self, states: _Optional[_Iterable[_Union[IssueState, str]]] = ..., minimum_frequency: _Optional[int] = ...) -> None: ...

class ListIssuesRequest(_message.Message):
    """ListIssuesRequest is the request of ListIssues."""
    __slots__ = ("project", "filter", "start_time", "end_time", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    filter: IssueFilter
    """Which issues."""
    start_time: _timestamp_pb2.Timestamp
    """Start of the window that frequencies are of, rounded down to a full hour. Default 30 days before its end."""
    end_time: _timestamp_pb2.Timestamp
    """End of that window, rounded up to a full hour; after its start, and at most 10 years after it. Default now."""
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before, with the same filter, and with the same window if `end_time` is set."""
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[IssueFilter, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListIssuesResponse(_message.Message):
    """ListIssuesResponse is the response of ListIssues."""
    __slots__ = ("issues", "next_page_token")
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    issues: _containers.RepeatedCompositeFieldContainer[Issue]
    """The issues, most frequent first."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    def __init__(self, issues: _Optional[_Iterable[_Union[Issue, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetIssueRequest(_message.Message):
    """GetIssueRequest is the request of GetIssue."""
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The issue's id. Required."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class DailyFrequency(_message.Message):
    """DailyFrequency is how many members of an issue occurred on a day."""
    __slots__ = ("start_time", "frequency")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    """Start of the day, UTC."""
    frequency: int
    """How many."""
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., frequency: _Optional[int] = ...) -> None: ...

class GetIssueResponse(_message.Message):
    """GetIssueResponse is the response of GetIssue."""
    __slots__ = ("issue", "daily_frequencies")
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    DAILY_FREQUENCIES_FIELD_NUMBER: _ClassVar[int]
    issue: Issue
    """The issue."""
    daily_frequencies: _containers.RepeatedCompositeFieldContainer[DailyFrequency]
    """Its frequency by day, UTC, oldest first: every day that the last 30 times 24 hours touch."""
    def __init__(self, issue: _Optional[_Union[Issue, _Mapping]] = ..., daily_frequencies: _Optional[_Iterable[_Union[DailyFrequency, _Mapping]]] = ...) -> None: ...

class UpdateIssueRequest(_message.Message):
    """UpdateIssueRequest is the request of UpdateIssue."""
    __slots__ = ("project", "id", "issue", "update_mask", "reviewer", "request_id", "etag")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The issue's id. Required."""
    issue: Issue
    """The new values. Only the fields of `update_mask` are read and checked."""
    update_mask: _field_mask_pb2.FieldMask
    """What to change: any of `title` (empty: the one that is found again), `state` (RESOLVED, IGNORED or ONGOING). Required."""
    reviewer: str
    """Who changes it. Up to 256 characters."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    etag: str
    """If set, the call fails when the issue changed since."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., issue: _Optional[_Union[Issue, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., reviewer: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class UpdateIssueResponse(_message.Message):
    """UpdateIssueResponse is the response of UpdateIssue."""
    __slots__ = ("issue",)
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    issue: Issue
    """The issue as it is now."""
    def __init__(self, issue: _Optional[_Union[Issue, _Mapping]] = ...) -> None: ...

class MergeIssuesRequest(_message.Message):
    """MergeIssuesRequest is the request of MergeIssues."""
    __slots__ = ("project", "id", "merged_ids", "reviewer", "request_id", "etag")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_IDS_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The issue that stays. Required."""
    merged_ids: _containers.RepeatedScalarFieldContainer[str]
    """The issues that become part of it, 1 to 100."""
    reviewer: str
    """Who merges them. Up to 256 characters."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    etag: str
    """If set, the call fails when the issue changed since."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., merged_ids: _Optional[_Iterable[str]] = ..., reviewer: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class MergeIssuesResponse(_message.Message):
    """MergeIssuesResponse is the response of MergeIssues."""
    __slots__ = ("issue",)
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    issue: Issue
    """The issue that stayed."""
    def __init__(self, issue: _Optional[_Union[Issue, _Mapping]] = ...) -> None: ...

class SplitIssueRequest(_message.Message):
    """SplitIssueRequest is the request of SplitIssue."""
    __slots__ = ("project", "id", "feedback_ids", "title", "reviewer", "request_id", "etag")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_IDS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The issue to split. Required."""
    feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    """The members that leave it, by feedback id, 1 to 1,000."""
    title: str
    """Title of the new issue. Up to 256 characters. Default made from its members' words."""
    reviewer: str
    """Who splits it. Up to 256 characters."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    etag: str
    """If set, the call fails when the issue changed since."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., feedback_ids: _Optional[_Iterable[str]] = ..., title: _Optional[str] = ..., reviewer: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class SplitIssueResponse(_message.Message):
    """SplitIssueResponse is the response of SplitIssue."""
    __slots__ = ("issue", "new_issue")
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    NEW_ISSUE_FIELD_NUMBER: _ClassVar[int]
    issue: Issue
    """The issue that was split."""
    new_issue: Issue
    """The issue that its members left for."""
    def __init__(self, issue: _Optional[_Union[Issue, _Mapping]] = ..., new_issue: _Optional[_Union[Issue, _Mapping]] = ...) -> None: ...
