import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import correction_pb2 as _correction_pb2
from uptake.v1 import event_pb2 as _event_pb2
from uptake.v1 import feedback_pb2 as _feedback_pb2
from uptake.v1 import interval_pb2 as _interval_pb2
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
    """MetricInterval is the width of a time series' points."""
    __slots__ = ()
    METRIC_INTERVAL_UNSPECIFIED: _ClassVar[MetricInterval]
    """The same as DAY."""
    METRIC_INTERVAL_HOUR: _ClassVar[MetricInterval]
    """An hour."""
    METRIC_INTERVAL_DAY: _ClassVar[MetricInterval]
    """A day, UTC."""
    METRIC_INTERVAL_WEEK: _ClassVar[MetricInterval]
    """A week from Monday, UTC."""

class MetricGroup(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """MetricGroup is what a time series is split by."""
    __slots__ = ()
    METRIC_GROUP_UNSPECIFIED: _ClassVar[MetricGroup]
    """Not split."""
    METRIC_GROUP_TYPE: _ClassVar[MetricGroup]
    """By feedback type."""
    METRIC_GROUP_MODEL: _ClassVar[MetricGroup]
    """By model; the 100 first seen, the rest as "other"."""
    METRIC_GROUP_SOURCE: _ClassVar[MetricGroup]
    """By source; the 100 first seen, the rest as "other"."""
    METRIC_GROUP_PATTERN: _ClassVar[MetricGroup]
    """By pattern; the 100 with most feedback in the window, the rest as "other"."""
    METRIC_GROUP_SCORE: _ClassVar[MetricGroup]
    """By score; the 100 first seen, the rest as "other". The overall score's value is empty."""
METRIC_INTERVAL_UNSPECIFIED: MetricInterval
"""The same as DAY."""
METRIC_INTERVAL_HOUR: MetricInterval
"""An hour."""
METRIC_INTERVAL_DAY: MetricInterval
"""A day, UTC."""
METRIC_INTERVAL_WEEK: MetricInterval
"""A week from Monday, UTC."""
METRIC_GROUP_UNSPECIFIED: MetricGroup
"""Not split."""
METRIC_GROUP_TYPE: MetricGroup
"""By feedback type."""
METRIC_GROUP_MODEL: MetricGroup
"""By model; the 100 first seen, the rest as "other"."""
METRIC_GROUP_SOURCE: MetricGroup
"""By source; the 100 first seen, the rest as "other"."""
METRIC_GROUP_PATTERN: MetricGroup
"""By pattern; the 100 with most feedback in the window, the rest as "other"."""
METRIC_GROUP_SCORE: MetricGroup
"""By score; the 100 first seen, the rest as "other". The overall score's value is empty."""

class TypeCount(_message.Message):
    """TypeCount is how much feedback of one type there is."""
    __slots__ = ("type", "count")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    type: _feedback_pb2.FeedbackType
    """The type."""
    count: int
    """How much."""
    def __init__(self, type: _Optional[_Union[_feedback_pb2.FeedbackType, str]] = ..., count: _Optional[int] = ...) -> None: ...

class Metrics(_message.Message):
    """Metrics are the numbers of a window of time, of the scores that the project's policy names unless something else is
    said: the overall one by default. Without feedback the counts are zero, and the rates are unset.
    """
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
    """Start of the window, a full hour."""
    end_time: _timestamp_pb2.Timestamp
    """End of the window, a full hour; not in it."""
    total_feedback: int
    """All feedback."""
    positive_count: int
    """Positive feedback."""
    negative_count: int
    """Negative feedback."""
    positive_rate: float
    """Positive over all but COMMENT, which says nothing of the answer, 0 to 1. Unset where there is nothing else."""
    negative_rate: float
    """Negative over all but COMMENT, 0 to 1. Unset where there is nothing else."""
    type_counts: _containers.RepeatedCompositeFieldContainer[TypeCount]
    """Feedback by type; every type, in the order of the enum."""
    average_rating: float
    """Mean position of the ratings on their scales, 0 to 1; unset without ratings."""
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., total_feedback: _Optional[int] = ..., positive_count: _Optional[int] = ..., negative_count: _Optional[int] = ..., positive_rate: _Optional[float] = ..., negative_rate: _Optional[float] = ..., type_counts: _Optional[_Iterable[_Union[TypeCount, _Mapping]]] = ..., average_rating: _Optional[float] = ...) -> None: ...

class Insights(_message.Message):
    """Insights are what the numbers and issues say over a window of time."""
    __slots__ = ("metrics", "common_issues", "improvement_opportunities", "user_corrections", "time_series", "active_review_count", "measured_corrections")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    COMMON_ISSUES_FIELD_NUMBER: _ClassVar[int]
    IMPROVEMENT_OPPORTUNITIES_FIELD_NUMBER: _ClassVar[int]
    USER_CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    TIME_SERIES_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_REVIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEASURED_CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    metrics: Metrics
    """The numbers of the window."""
    common_issues: _containers.RepeatedCompositeFieldContainer[_issue_pb2.Issue]
    """What users complain of, most frequent first, up to 20. Texts of users are samples here and below: each is cut to 1,500 bytes."""
    improvement_opportunities: _containers.RepeatedCompositeFieldContainer[ImprovementOpportunity]
    """What to improve, up to 10, the one that would remove most negative feedback first."""
    user_corrections: _containers.RepeatedCompositeFieldContainer[UserCorrection]
    """The newest corrections that users gave, up to 20. GetFeedback has all of a text."""
    time_series: _containers.RepeatedCompositeFieldContainer[Metrics]
    """The numbers by day, without gaps, oldest first."""
    active_review_count: int
    """Reviews that are open or claimed now."""
    measured_corrections: _containers.RepeatedCompositeFieldContainer[MeasuredCorrection]
    """The newest corrections that were applied in the window, up to 20, and whether they worked."""
    def __init__(self, metrics: _Optional[_Union[Metrics, _Mapping]] = ..., common_issues: _Optional[_Iterable[_Union[_issue_pb2.Issue, _Mapping]]] = ..., improvement_opportunities: _Optional[_Iterable[_Union[ImprovementOpportunity, _Mapping]]] = ..., user_corrections: _Optional[_Iterable[_Union[UserCorrection, _Mapping]]] = ..., time_series: _Optional[_Iterable[_Union[Metrics, _Mapping]]] = ..., active_review_count: _Optional[int] = ..., measured_corrections: _Optional[_Iterable[_Union[MeasuredCorrection, _Mapping]]] = ...) -> None: ...

class ImprovementOpportunity(_message.Message):
    """ImprovementOpportunity is something whose fix would remove negative feedback: a pattern, an issue, or both where one
    issue is what is wrong with one pattern. The same feedback may count for several.
    """
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
    """What it is, in users' own words."""
    pattern_id: str
    """The pattern to fix; empty if it is not about one."""
    issue_id: str
    """The issue to fix; empty if it is not about one."""
    negative_count: int
    """The negative feedback in the window that a fix would remove."""
    total_feedback: int
    """All feedback of it in the window. An issue has negative feedback alone."""
    negative_share: float
    """Its share of all negative feedback in the window, 0 to 1."""
    suggested_action: str
    """What to do, in words for people; they may change."""
    evidence_feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    """Up to three of its negative pieces of feedback, by id: a pattern's newest, an issue's most typical."""
    review_id: str
    """The review that is open or claimed for its pattern, or for the pattern that most of the issue is about."""
    def __init__(self, title: _Optional[str] = ..., pattern_id: _Optional[str] = ..., issue_id: _Optional[str] = ..., negative_count: _Optional[int] = ..., total_feedback: _Optional[int] = ..., negative_share: _Optional[float] = ..., suggested_action: _Optional[str] = ..., evidence_feedback_ids: _Optional[_Iterable[str]] = ..., review_id: _Optional[str] = ...) -> None: ...

class UserCorrection(_message.Message):
    """UserCorrection is a correction that a user gave."""
    __slots__ = ("feedback_id", "query", "correction", "occur_time", "pattern_id")
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    feedback_id: str
    """The feedback that it came with."""
    query: str
    """The query that was answered wrongly."""
    correction: _feedback_pb2.CorrectionValue
    """The correction."""
    occur_time: _timestamp_pb2.Timestamp
    """When."""
    pattern_id: str
    """The pattern of the query."""
    def __init__(self, feedback_id: _Optional[str] = ..., query: _Optional[str] = ..., correction: _Optional[_Union[_feedback_pb2.CorrectionValue, _Mapping]] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pattern_id: _Optional[str] = ...) -> None: ...

class MeasuredCorrection(_message.Message):
    """MeasuredCorrection is a correction that was applied, and whether it worked."""
    __slots__ = ("correction_id", "kind", "target", "state", "pattern_id", "verdict", "create_time")
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    correction_id: str
    """The correction."""
    kind: _feedback_pb2.CorrectionKind
    """What kind of thing it changed."""
    target: str
    """The knowledge entry's key or the instructions' name."""
    state: _correction_pb2.CorrectionState
    """Whether it is in force."""
    pattern_id: str
    """The pattern that measures it; empty if none does."""
    verdict: _correction_pb2.VerdictReport
    """Whether it worked."""
    create_time: _timestamp_pb2.Timestamp
    """When it was applied."""
    def __init__(self, correction_id: _Optional[str] = ..., kind: _Optional[_Union[_feedback_pb2.CorrectionKind, str]] = ..., target: _Optional[str] = ..., state: _Optional[_Union[_correction_pb2.CorrectionState, str]] = ..., pattern_id: _Optional[str] = ..., verdict: _Optional[_Union[_correction_pb2.VerdictReport, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetInsightsRequest(_message.Message):
    """GetInsightsRequest is the request of GetInsights."""
    __slots__ = ("project", "start_time", "end_time", "refresh_issues")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REFRESH_ISSUES_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    start_time: _timestamp_pb2.Timestamp
    """Start of the window, rounded down to a full hour. Default 30 days before its end."""
    end_time: _timestamp_pb2.Timestamp
    """End of the window, rounded up to a full hour. Default now. At most 10 years after the start."""
    refresh_issues: bool
    """Run the clustering of issues before answering."""
    def __init__(self, project: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refresh_issues: bool = ...) -> None: ...

class GetInsightsResponse(_message.Message):
    """GetInsightsResponse is the response of GetInsights."""
    __slots__ = ("insights",)
    INSIGHTS_FIELD_NUMBER: _ClassVar[int]
    insights: Insights
    """The insights."""
    def __init__(self, insights: _Optional[_Union[Insights, _Mapping]] = ...) -> None: ...

class QueryMetricsRequest(_message.Message):
    """QueryMetricsRequest is the request of QueryMetrics."""
    __slots__ = ("project", "start_time", "end_time", "interval", "group", "score")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    start_time: _timestamp_pb2.Timestamp
    """Start of the window, rounded down to a full hour. Default 30 days before its end."""
    end_time: _timestamp_pb2.Timestamp
    """End of the window, rounded up to a full hour. Default now. At most 10 years after the start."""
    interval: MetricInterval
    """Width of the points. Default DAY. A series has at most 4,000 points: 166 days by the hour."""
    group: MetricGroup
    """What to split by. Default nothing. All series together have at most 20,000 points."""
    score: str
    """The score that is counted. Set and empty: the overall score. Unset: the scores that the project's policy names, the
    overall one by default. Refused for a score that is counted as "other". Must be unset with the group SCORE.
    """
    def __init__(self, project: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interval: _Optional[_Union[MetricInterval, str]] = ..., group: _Optional[_Union[MetricGroup, str]] = ..., score: _Optional[str] = ...) -> None: ...

class QueryMetricsResponse(_message.Message):
    """QueryMetricsResponse is the response of QueryMetrics."""
    __slots__ = ("metric_series",)
    METRIC_SERIES_FIELD_NUMBER: _ClassVar[int]
    metric_series: _containers.RepeatedCompositeFieldContainer[MetricSeries]
    """The series, the one with most feedback first. One without a group; with one, those that have feedback in the window."""
    def __init__(self, metric_series: _Optional[_Iterable[_Union[MetricSeries, _Mapping]]] = ...) -> None: ...

class MetricSeries(_message.Message):
    """MetricSeries is one time series."""
    __slots__ = ("group_value", "points")
    GROUP_VALUE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    group_value: str
    """Value of the group: a type as in FeedbackType without its prefix, for example "THUMBS_UP", a model, a source, a
    score or the id of a pattern. Empty without a group, and for feedback that has no model or source.
    """
    points: _containers.RepeatedCompositeFieldContainer[MetricPoint]
    """The points, without gaps, oldest first. The first starts with the window and the last ends with it, so that they can
    be narrower than the others.
    """
    def __init__(self, group_value: _Optional[str] = ..., points: _Optional[_Iterable[_Union[MetricPoint, _Mapping]]] = ...) -> None: ...

class MetricPoint(_message.Message):
    """MetricPoint is one point of a time series, with 95% intervals of its rates (Wilson 1927): the less feedback, the wider."""
    __slots__ = ("metrics", "negative_rate_interval", "positive_rate_interval")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_RATE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    metrics: Metrics
    """Its numbers."""
    negative_rate_interval: _interval_pb2.Interval
    """The interval of the negative rate; unset where the rate is."""
    positive_rate_interval: _interval_pb2.Interval
    """The interval of the positive rate; unset where the rate is."""
    def __init__(self, metrics: _Optional[_Union[Metrics, _Mapping]] = ..., negative_rate_interval: _Optional[_Union[_interval_pb2.Interval, _Mapping]] = ..., positive_rate_interval: _Optional[_Union[_interval_pb2.Interval, _Mapping]] = ...) -> None: ...

class SubscribeInsightsRequest(_message.Message):
    """SubscribeInsightsRequest is the request of SubscribeInsights."""
    __slots__ = ("project", "filter", "resume_token", "checkpoint_interval")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    filter: _event_pb2.EventFilter
    """Which events. Default all."""
    resume_token: str
    """Where to go on: the newest token that the caller saw. Empty: start with a snapshot."""
    checkpoint_interval: _duration_pb2.Duration
    """How often to send a checkpoint while nothing happens, 1 second to 5 minutes. Default 10 seconds."""
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[_event_pb2.EventFilter, _Mapping]] = ..., resume_token: _Optional[str] = ..., checkpoint_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SubscribeInsightsResponse(_message.Message):
    """SubscribeInsightsResponse is one message of SubscribeInsights."""
    __slots__ = ("resume_token", "snapshot", "metrics", "event", "checkpoint", "end")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    """Send it back to go on after this message."""
    snapshot: Insights
    """Where things stand at the start; not sent on a resume."""
    metrics: Metrics
    """The newest numbers of the last 30 days."""
    event: _event_pb2.Event
    """Something that happened."""
    checkpoint: _stream_pb2.Checkpoint
    """Everything so far was delivered."""
    end: _stream_pb2.StreamEnd
    """The stream ends."""
    def __init__(self, resume_token: _Optional[str] = ..., snapshot: _Optional[_Union[Insights, _Mapping]] = ..., metrics: _Optional[_Union[Metrics, _Mapping]] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., checkpoint: _Optional[_Union[_stream_pb2.Checkpoint, _Mapping]] = ..., end: _Optional[_Union[_stream_pb2.StreamEnd, _Mapping]] = ...) -> None: ...
