import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import correction_pb2 as _correction_pb2
from uptake.v1 import event_pb2 as _event_pb2
from uptake.v1 import feedback_pb2 as _feedback_pb2
from uptake.v1 import issue_pb2 as _issue_pb2
from uptake.v1 import stream_pb2 as _stream_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MetricInterval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_INTERVAL_UNSPECIFIED: _ClassVar[MetricInterval]
    METRIC_INTERVAL_HOUR: _ClassVar[MetricInterval]
    METRIC_INTERVAL_DAY: _ClassVar[MetricInterval]
    METRIC_INTERVAL_WEEK: _ClassVar[MetricInterval]

class MetricGroup(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_GROUP_UNSPECIFIED: _ClassVar[MetricGroup]
    METRIC_GROUP_TYPE: _ClassVar[MetricGroup]
    METRIC_GROUP_MODEL: _ClassVar[MetricGroup]
    METRIC_GROUP_SOURCE: _ClassVar[MetricGroup]
    METRIC_GROUP_PATTERN: _ClassVar[MetricGroup]
    METRIC_GROUP_SCORE: _ClassVar[MetricGroup]
METRIC_INTERVAL_UNSPECIFIED: MetricInterval
METRIC_INTERVAL_HOUR: MetricInterval
METRIC_INTERVAL_DAY: MetricInterval
METRIC_INTERVAL_WEEK: MetricInterval
METRIC_GROUP_UNSPECIFIED: MetricGroup
METRIC_GROUP_TYPE: MetricGroup
METRIC_GROUP_MODEL: MetricGroup
METRIC_GROUP_SOURCE: MetricGroup
METRIC_GROUP_PATTERN: MetricGroup
METRIC_GROUP_SCORE: MetricGroup

class TypeCount(_message.Message):
    __slots__ = ("type", "count")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    type: _feedback_pb2.FeedbackType
    count: int
    def __init__(self, type: _Optional[_Union[_feedback_pb2.FeedbackType, str]] = ..., count: _Optional[int] = ...) -> None: ...

class Metrics(_message.Message):
    __slots__ = ("start_time", "end_time", "total_feedback", "positive_count", "negative_count", "positive_rate", "negative_rate", "type_counts", "average_rating")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    TYPE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_RATING_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    total_feedback: int
    positive_count: int
    negative_count: int
    positive_rate: float
    negative_rate: float
    type_counts: _containers.RepeatedCompositeFieldContainer[TypeCount]
    average_rating: float
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., total_feedback: _Optional[int] = ..., positive_count: _Optional[int] = ..., negative_count: _Optional[int] = ..., positive_rate: _Optional[float] = ..., negative_rate: _Optional[float] = ..., type_counts: _Optional[_Iterable[_Union[TypeCount, _Mapping]]] = ..., average_rating: _Optional[float] = ...) -> None: ...

class Insights(_message.Message):
    __slots__ = ("metrics", "common_issues", "improvement_opportunities", "user_corrections", "time_series", "active_review_count", "measured_corrections")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    COMMON_ISSUES_FIELD_NUMBER: _ClassVar[int]
    IMPROVEMENT_OPPORTUNITIES_FIELD_NUMBER: _ClassVar[int]
    USER_CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    TIME_SERIES_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_REVIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEASURED_CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    metrics: Metrics
    common_issues: _containers.RepeatedCompositeFieldContainer[_issue_pb2.Issue]
    improvement_opportunities: _containers.RepeatedCompositeFieldContainer[ImprovementOpportunity]
    user_corrections: _containers.RepeatedCompositeFieldContainer[UserCorrection]
    time_series: _containers.RepeatedCompositeFieldContainer[Metrics]
    active_review_count: int
    measured_corrections: _containers.RepeatedCompositeFieldContainer[MeasuredCorrection]
    def __init__(self, metrics: _Optional[_Union[Metrics, _Mapping]] = ..., common_issues: _Optional[_Iterable[_Union[_issue_pb2.Issue, _Mapping]]] = ..., improvement_opportunities: _Optional[_Iterable[_Union[ImprovementOpportunity, _Mapping]]] = ..., user_corrections: _Optional[_Iterable[_Union[UserCorrection, _Mapping]]] = ..., time_series: _Optional[_Iterable[_Union[Metrics, _Mapping]]] = ..., active_review_count: _Optional[int] = ..., measured_corrections: _Optional[_Iterable[_Union[MeasuredCorrection, _Mapping]]] = ...) -> None: ...

class ImprovementOpportunity(_message.Message):
    __slots__ = ("title", "pattern_id", "issue_id", "negative_count", "total_feedback", "negative_share", "suggested_action", "evidence_feedback_ids", "review_id")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    ISSUE_ID_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_SHARE_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_ACTION_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FEEDBACK_IDS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    title: str
    pattern_id: str
    issue_id: str
    negative_count: int
    total_feedback: int
    negative_share: float
    suggested_action: str
    evidence_feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    review_id: str
    def __init__(self, title: _Optional[str] = ..., pattern_id: _Optional[str] = ..., issue_id: _Optional[str] = ..., negative_count: _Optional[int] = ..., total_feedback: _Optional[int] = ..., negative_share: _Optional[float] = ..., suggested_action: _Optional[str] = ..., evidence_feedback_ids: _Optional[_Iterable[str]] = ..., review_id: _Optional[str] = ...) -> None: ...

class UserCorrection(_message.Message):
    __slots__ = ("feedback_id", "query", "correction", "occur_time", "pattern_id")
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    feedback_id: str
    query: str
    correction: _feedback_pb2.CorrectionValue
    occur_time: _timestamp_pb2.Timestamp
    pattern_id: str
    def __init__(self, feedback_id: _Optional[str] = ..., query: _Optional[str] = ..., correction: _Optional[_Union[_feedback_pb2.CorrectionValue, _Mapping]] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pattern_id: _Optional[str] = ...) -> None: ...

class MeasuredCorrection(_message.Message):
    __slots__ = ("correction_id", "kind", "target", "state", "pattern_id", "verdict", "create_time")
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    correction_id: str
    kind: _feedback_pb2.CorrectionKind
    target: str
    state: _correction_pb2.CorrectionState
    pattern_id: str
    verdict: _correction_pb2.VerdictReport
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, correction_id: _Optional[str] = ..., kind: _Optional[_Union[_feedback_pb2.CorrectionKind, str]] = ..., target: _Optional[str] = ..., state: _Optional[_Union[_correction_pb2.CorrectionState, str]] = ..., pattern_id: _Optional[str] = ..., verdict: _Optional[_Union[_correction_pb2.VerdictReport, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetInsightsRequest(_message.Message):
    __slots__ = ("project", "start_time", "end_time", "refresh_issues")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REFRESH_ISSUES_FIELD_NUMBER: _ClassVar[int]
    project: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    refresh_issues: bool
    def __init__(self, project: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refresh_issues: bool = ...) -> None: ...

class GetInsightsResponse(_message.Message):
    __slots__ = ("insights",)
    INSIGHTS_FIELD_NUMBER: _ClassVar[int]
    insights: Insights
    def __init__(self, insights: _Optional[_Union[Insights, _Mapping]] = ...) -> None: ...

class IssueFilter(_message.Message):
    __slots__ = ("states", "minimum_frequency")
    STATES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[_issue_pb2.IssueState]
    minimum_frequency: int
    def __init__(self, states: _Optional[_Iterable[_Union[_issue_pb2.IssueState, str]]] = ..., minimum_frequency: _Optional[int] = ...) -> None: ...

class ListIssuesRequest(_message.Message):
    __slots__ = ("project", "filter", "start_time", "end_time", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    filter: IssueFilter
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[IssueFilter, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListIssuesResponse(_message.Message):
    __slots__ = ("issues", "next_page_token")
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    issues: _containers.RepeatedCompositeFieldContainer[_issue_pb2.Issue]
    next_page_token: str
    def __init__(self, issues: _Optional[_Iterable[_Union[_issue_pb2.Issue, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetIssueRequest(_message.Message):
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetIssueResponse(_message.Message):
    __slots__ = ("issue", "daily_frequency")
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    DAILY_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    issue: _issue_pb2.Issue
    daily_frequency: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, issue: _Optional[_Union[_issue_pb2.Issue, _Mapping]] = ..., daily_frequency: _Optional[_Iterable[int]] = ...) -> None: ...

class UpdateIssueRequest(_message.Message):
    __slots__ = ("project", "id", "issue", "update_mask", "reviewer", "request_id", "etag")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    issue: _issue_pb2.Issue
    update_mask: _field_mask_pb2.FieldMask
    reviewer: str
    request_id: str
    etag: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., issue: _Optional[_Union[_issue_pb2.Issue, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., reviewer: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class UpdateIssueResponse(_message.Message):
    __slots__ = ("issue",)
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    issue: _issue_pb2.Issue
    def __init__(self, issue: _Optional[_Union[_issue_pb2.Issue, _Mapping]] = ...) -> None: ...

class MergeIssuesRequest(_message.Message):
    __slots__ = ("project", "id", "merged_ids", "reviewer", "request_id", "etag")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_IDS_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    merged_ids: _containers.RepeatedScalarFieldContainer[str]
    reviewer: str
    request_id: str
    etag: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., merged_ids: _Optional[_Iterable[str]] = ..., reviewer: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class MergeIssuesResponse(_message.Message):
    __slots__ = ("issue",)
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    issue: _issue_pb2.Issue
    def __init__(self, issue: _Optional[_Union[_issue_pb2.Issue, _Mapping]] = ...) -> None: ...

class SplitIssueRequest(_message.Message):
    __slots__ = ("project", "id", "feedback_ids", "title", "reviewer", "request_id", "etag")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_IDS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    title: str
    reviewer: str
    request_id: str
    etag: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., feedback_ids: _Optional[_Iterable[str]] = ..., title: _Optional[str] = ..., reviewer: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class SplitIssueResponse(_message.Message):
    __slots__ = ("issue", "new_issue")
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    NEW_ISSUE_FIELD_NUMBER: _ClassVar[int]
    issue: _issue_pb2.Issue
    new_issue: _issue_pb2.Issue
    def __init__(self, issue: _Optional[_Union[_issue_pb2.Issue, _Mapping]] = ..., new_issue: _Optional[_Union[_issue_pb2.Issue, _Mapping]] = ...) -> None: ...

class QueryMetricsRequest(_message.Message):
    __slots__ = ("project", "start_time", "end_time", "interval", "group", "score")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    project: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    interval: MetricInterval
    group: MetricGroup
    score: str
    def __init__(self, project: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interval: _Optional[_Union[MetricInterval, str]] = ..., group: _Optional[_Union[MetricGroup, str]] = ..., score: _Optional[str] = ...) -> None: ...

class QueryMetricsResponse(_message.Message):
    __slots__ = ("metric_series",)
    METRIC_SERIES_FIELD_NUMBER: _ClassVar[int]
    metric_series: _containers.RepeatedCompositeFieldContainer[MetricSeries]
    def __init__(self, metric_series: _Optional[_Iterable[_Union[MetricSeries, _Mapping]]] = ...) -> None: ...

class MetricSeries(_message.Message):
    __slots__ = ("group_value", "points")
    GROUP_VALUE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    group_value: str
    points: _containers.RepeatedCompositeFieldContainer[MetricPoint]
    def __init__(self, group_value: _Optional[str] = ..., points: _Optional[_Iterable[_Union[MetricPoint, _Mapping]]] = ...) -> None: ...

class MetricPoint(_message.Message):
    __slots__ = ("metrics", "negative_rate_low", "negative_rate_high", "positive_rate_low", "positive_rate_high")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_LOW_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_HIGH_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_RATE_LOW_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_RATE_HIGH_FIELD_NUMBER: _ClassVar[int]
    metrics: Metrics
    negative_rate_low: float
    negative_rate_high: float
    positive_rate_low: float
    positive_rate_high: float
    def __init__(self, metrics: _Optional[_Union[Metrics, _Mapping]] = ..., negative_rate_low: _Optional[float] = ..., negative_rate_high: _Optional[float] = ..., positive_rate_low: _Optional[float] = ..., positive_rate_high: _Optional[float] = ...) -> None: ...

class EventFilter(_message.Message):
    __slots__ = ("kinds", "minimum_severity")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[_event_pb2.EventKind]
    minimum_severity: _event_pb2.EventSeverity
    def __init__(self, kinds: _Optional[_Iterable[_Union[_event_pb2.EventKind, str]]] = ..., minimum_severity: _Optional[_Union[_event_pb2.EventSeverity, str]] = ...) -> None: ...

class SubscribeInsightsRequest(_message.Message):
    __slots__ = ("project", "filter", "resume_token", "checkpoint_interval")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    project: str
    filter: EventFilter
    resume_token: str
    checkpoint_interval: _duration_pb2.Duration
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ..., resume_token: _Optional[str] = ..., checkpoint_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SubscribeInsightsResponse(_message.Message):
    __slots__ = ("resume_token", "snapshot", "metrics", "event", "checkpoint", "end")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    snapshot: Insights
    metrics: Metrics
    event: _event_pb2.Event
    checkpoint: _stream_pb2.Checkpoint
    end: _stream_pb2.StreamEnd
    def __init__(self, resume_token: _Optional[str] = ..., snapshot: _Optional[_Union[Insights, _Mapping]] = ..., metrics: _Optional[_Union[Metrics, _Mapping]] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., checkpoint: _Optional[_Union[_stream_pb2.Checkpoint, _Mapping]] = ..., end: _Optional[_Union[_stream_pb2.StreamEnd, _Mapping]] = ...) -> None: ...
