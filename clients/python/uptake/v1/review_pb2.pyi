import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import correction_pb2 as _correction_pb2
from uptake.v1 import feedback_pb2 as _feedback_pb2
from uptake.v1 import stream_pb2 as _stream_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReviewState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_STATE_UNSPECIFIED: _ClassVar[ReviewState]
    REVIEW_STATE_OPEN: _ClassVar[ReviewState]
    REVIEW_STATE_CLAIMED: _ClassVar[ReviewState]
    REVIEW_STATE_RESOLVED: _ClassVar[ReviewState]
    REVIEW_STATE_DISMISSED: _ClassVar[ReviewState]
    REVIEW_STATE_CLOSED: _ClassVar[ReviewState]

class ReviewPriority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_PRIORITY_UNSPECIFIED: _ClassVar[ReviewPriority]
    REVIEW_PRIORITY_MEDIUM: _ClassVar[ReviewPriority]
    REVIEW_PRIORITY_HIGH: _ClassVar[ReviewPriority]

class ReviewAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_ACTION_UNSPECIFIED: _ClassVar[ReviewAction]
    REVIEW_ACTION_OPENED: _ClassVar[ReviewAction]
    REVIEW_ACTION_UPDATED: _ClassVar[ReviewAction]
    REVIEW_ACTION_CLAIMED: _ClassVar[ReviewAction]
    REVIEW_ACTION_RENEWED: _ClassVar[ReviewAction]
    REVIEW_ACTION_RELEASED: _ClassVar[ReviewAction]
    REVIEW_ACTION_EXPIRED: _ClassVar[ReviewAction]
    REVIEW_ACTION_RESOLVED: _ClassVar[ReviewAction]
    REVIEW_ACTION_DISMISSED: _ClassVar[ReviewAction]
    REVIEW_ACTION_REOPENED: _ClassVar[ReviewAction]
    REVIEW_ACTION_MERGED: _ClassVar[ReviewAction]
    REVIEW_ACTION_CLOSED: _ClassVar[ReviewAction]

class ReviewOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_ORDER_UNSPECIFIED: _ClassVar[ReviewOrder]
    REVIEW_ORDER_NEWEST: _ClassVar[ReviewOrder]
    REVIEW_ORDER_MOST_URGENT: _ClassVar[ReviewOrder]
REVIEW_STATE_UNSPECIFIED: ReviewState
REVIEW_STATE_OPEN: ReviewState
REVIEW_STATE_CLAIMED: ReviewState
REVIEW_STATE_RESOLVED: ReviewState
REVIEW_STATE_DISMISSED: ReviewState
REVIEW_STATE_CLOSED: ReviewState
REVIEW_PRIORITY_UNSPECIFIED: ReviewPriority
REVIEW_PRIORITY_MEDIUM: ReviewPriority
REVIEW_PRIORITY_HIGH: ReviewPriority
REVIEW_ACTION_UNSPECIFIED: ReviewAction
REVIEW_ACTION_OPENED: ReviewAction
REVIEW_ACTION_UPDATED: ReviewAction
REVIEW_ACTION_CLAIMED: ReviewAction
REVIEW_ACTION_RENEWED: ReviewAction
REVIEW_ACTION_RELEASED: ReviewAction
REVIEW_ACTION_EXPIRED: ReviewAction
REVIEW_ACTION_RESOLVED: ReviewAction
REVIEW_ACTION_DISMISSED: ReviewAction
REVIEW_ACTION_REOPENED: ReviewAction
REVIEW_ACTION_MERGED: ReviewAction
REVIEW_ACTION_CLOSED: ReviewAction
REVIEW_ORDER_UNSPECIFIED: ReviewOrder
REVIEW_ORDER_NEWEST: ReviewOrder
REVIEW_ORDER_MOST_URGENT: ReviewOrder

class Pattern(_message.Message):
    __slots__ = ("id", "representative_query", "feedback_count", "negative_count", "create_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    REPRESENTATIVE_QUERY_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    representative_query: str
    feedback_count: int
    negative_count: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., representative_query: _Optional[str] = ..., feedback_count: _Optional[int] = ..., negative_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RelatedFeedback(_message.Message):
    __slots__ = ("feedback_id", "type", "sentiment", "occur_time", "score")
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SENTIMENT_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    feedback_id: str
    type: _feedback_pb2.FeedbackType
    sentiment: _feedback_pb2.Sentiment
    occur_time: _timestamp_pb2.Timestamp
    score: str
    def __init__(self, feedback_id: _Optional[str] = ..., type: _Optional[_Union[_feedback_pb2.FeedbackType, str]] = ..., sentiment: _Optional[_Union[_feedback_pb2.Sentiment, str]] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., score: _Optional[str] = ...) -> None: ...

class Resolution(_message.Message):
    __slots__ = ("note", "reviewer", "end_time", "fix_time", "correction_ids", "merged_into_review_id")
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    FIX_TIME_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_IDS_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    note: str
    reviewer: str
    end_time: _timestamp_pb2.Timestamp
    fix_time: _timestamp_pb2.Timestamp
    correction_ids: _containers.RepeatedScalarFieldContainer[str]
    merged_into_review_id: str
    def __init__(self, note: _Optional[str] = ..., reviewer: _Optional[str] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fix_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., correction_ids: _Optional[_Iterable[str]] = ..., merged_into_review_id: _Optional[str] = ...) -> None: ...

class ReviewChange(_message.Message):
    __slots__ = ("time", "action", "actor", "note", "key_id")
    TIME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    action: ReviewAction
    actor: str
    note: str
    key_id: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., action: _Optional[_Union[ReviewAction, str]] = ..., actor: _Optional[str] = ..., note: _Optional[str] = ..., key_id: _Optional[str] = ...) -> None: ...

class Review(_message.Message):
    __slots__ = ("id", "state", "priority", "suggested_action", "pattern", "trigger_feedback_id", "related_feedback", "negative_rate", "sample_size", "assignee", "claim_expire_time", "resolution", "reopen_count", "etag", "create_time", "update_time", "covered_pattern_ids", "evidence_votes", "evidence_negatives", "baseline_rate", "evidence_left_out", "baseline_left_out")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_ACTION_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    RELATED_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    REOPEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COVERED_PATTERN_IDS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_VOTES_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_NEGATIVES_FIELD_NUMBER: _ClassVar[int]
    BASELINE_RATE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: ReviewState
    priority: ReviewPriority
    suggested_action: str
    pattern: Pattern
    trigger_feedback_id: str
    related_feedback: _containers.RepeatedCompositeFieldContainer[RelatedFeedback]
    negative_rate: float
    sample_size: int
    assignee: str
    claim_expire_time: _timestamp_pb2.Timestamp
    resolution: Resolution
    reopen_count: int
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    covered_pattern_ids: _containers.RepeatedScalarFieldContainer[str]
    evidence_votes: int
    evidence_negatives: int
    baseline_rate: float
    evidence_left_out: int
    baseline_left_out: int
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[ReviewState, str]] = ..., priority: _Optional[_Union[ReviewPriority, str]] = ..., suggested_action: _Optional[str] = ..., pattern: _Optional[_Union[Pattern, _Mapping]] = ..., trigger_feedback_id: _Optional[str] = ..., related_feedback: _Optional[_Iterable[_Union[RelatedFeedback, _Mapping]]] = ..., negative_rate: _Optional[float] = ..., sample_size: _Optional[int] = ..., assignee: _Optional[str] = ..., claim_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution: _Optional[_Union[Resolution, _Mapping]] = ..., reopen_count: _Optional[int] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., covered_pattern_ids: _Optional[_Iterable[str]] = ..., evidence_votes: _Optional[int] = ..., evidence_negatives: _Optional[int] = ..., baseline_rate: _Optional[float] = ..., evidence_left_out: _Optional[int] = ..., baseline_left_out: _Optional[int] = ...) -> None: ...

class ReviewFilter(_message.Message):
    __slots__ = ("states", "priorities", "assignee", "pattern_id")
    STATES_FIELD_NUMBER: _ClassVar[int]
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[ReviewState]
    priorities: _containers.RepeatedScalarFieldContainer[ReviewPriority]
    assignee: str
    pattern_id: str
    def __init__(self, states: _Optional[_Iterable[_Union[ReviewState, str]]] = ..., priorities: _Optional[_Iterable[_Union[ReviewPriority, str]]] = ..., assignee: _Optional[str] = ..., pattern_id: _Optional[str] = ...) -> None: ...

class ListReviewsRequest(_message.Message):
    __slots__ = ("project", "filter", "order", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    filter: ReviewFilter
    order: ReviewOrder
    page_size: int
    page_token: str
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[ReviewFilter, _Mapping]] = ..., order: _Optional[_Union[ReviewOrder, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReviewsResponse(_message.Message):
    __slots__ = ("reviews", "next_page_token")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    next_page_token: str
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetReviewRequest(_message.Message):
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetReviewResponse(_message.Message):
    __slots__ = ("review", "related_feedback", "history")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    RELATED_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    review: Review
    related_feedback: _containers.RepeatedCompositeFieldContainer[_feedback_pb2.Feedback]
    history: _containers.RepeatedCompositeFieldContainer[ReviewChange]
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ..., related_feedback: _Optional[_Iterable[_Union[_feedback_pb2.Feedback, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[ReviewChange, _Mapping]]] = ...) -> None: ...

class ClaimReviewRequest(_message.Message):
    __slots__ = ("project", "id", "reviewer", "lease_duration", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    reviewer: str
    lease_duration: _duration_pb2.Duration
    etag: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., reviewer: _Optional[str] = ..., lease_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ClaimReviewResponse(_message.Message):
    __slots__ = ("review", "claim_token")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    review: Review
    claim_token: str
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ..., claim_token: _Optional[str] = ...) -> None: ...

class RenewClaimRequest(_message.Message):
    __slots__ = ("project", "id", "claim_token", "lease_duration")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    claim_token: str
    lease_duration: _duration_pb2.Duration
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., lease_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RenewClaimResponse(_message.Message):
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class ReleaseReviewRequest(_message.Message):
    __slots__ = ("project", "id", "claim_token", "note", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    claim_token: str
    note: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReleaseReviewResponse(_message.Message):
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class ResolveReviewRequest(_message.Message):
    __slots__ = ("project", "id", "claim_token", "note", "fix_time", "corrections", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    FIX_TIME_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    claim_token: str
    note: str
    fix_time: _timestamp_pb2.Timestamp
    corrections: _containers.RepeatedCompositeFieldContainer[_correction_pb2.CorrectionDraft]
    etag: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., note: _Optional[str] = ..., fix_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., corrections: _Optional[_Iterable[_Union[_correction_pb2.CorrectionDraft, _Mapping]]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResolveReviewResponse(_message.Message):
    __slots__ = ("review", "corrections")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    review: Review
    corrections: _containers.RepeatedCompositeFieldContainer[_correction_pb2.Correction]
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ..., corrections: _Optional[_Iterable[_Union[_correction_pb2.Correction, _Mapping]]] = ...) -> None: ...

class DismissReviewRequest(_message.Message):
    __slots__ = ("project", "id", "claim_token", "note", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    claim_token: str
    note: str
    etag: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., note: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DismissReviewResponse(_message.Message):
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class ReopenReviewRequest(_message.Message):
    __slots__ = ("project", "id", "reviewer", "note", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    reviewer: str
    note: str
    etag: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., reviewer: _Optional[str] = ..., note: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReopenReviewResponse(_message.Message):
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class WatchReviewsRequest(_message.Message):
    __slots__ = ("project", "filter", "resume_token", "checkpoint_interval")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    project: str
    filter: ReviewFilter
    resume_token: str
    checkpoint_interval: _duration_pb2.Duration
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[ReviewFilter, _Mapping]] = ..., resume_token: _Optional[str] = ..., checkpoint_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchReviewsResponse(_message.Message):
    __slots__ = ("resume_token", "review", "removed_review_id", "checkpoint", "end")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    REMOVED_REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    review: Review
    removed_review_id: str
    checkpoint: _stream_pb2.Checkpoint
    end: _stream_pb2.StreamEnd
    def __init__(self, resume_token: _Optional[str] = ..., review: _Optional[_Union[Review, _Mapping]] = ..., removed_review_id: _Optional[str] = ..., checkpoint: _Optional[_Union[_stream_pb2.Checkpoint, _Mapping]] = ..., end: _Optional[_Union[_stream_pb2.StreamEnd, _Mapping]] = ...) -> None: ...
