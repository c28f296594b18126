import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import error_pb2 as _error_pb2
from uptake.v1 import stream_pb2 as _stream_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeedbackType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEEDBACK_TYPE_UNSPECIFIED: _ClassVar[FeedbackType]
    FEEDBACK_TYPE_THUMBS_UP: _ClassVar[FeedbackType]
    FEEDBACK_TYPE_THUMBS_DOWN: _ClassVar[FeedbackType]
    FEEDBACK_TYPE_CORRECTION: _ClassVar[FeedbackType]
    FEEDBACK_TYPE_RATING: _ClassVar[FeedbackType]
    FEEDBACK_TYPE_COMMENT: _ClassVar[FeedbackType]

class Sentiment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SENTIMENT_UNSPECIFIED: _ClassVar[Sentiment]
    SENTIMENT_POSITIVE: _ClassVar[Sentiment]
    SENTIMENT_NEGATIVE: _ClassVar[Sentiment]
    SENTIMENT_NEUTRAL: _ClassVar[Sentiment]

class FeedbackState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEEDBACK_STATE_UNSPECIFIED: _ClassVar[FeedbackState]
    FEEDBACK_STATE_ACTIVE: _ClassVar[FeedbackState]
    FEEDBACK_STATE_RETRACTED: _ClassVar[FeedbackState]

class CollectOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLLECT_OUTCOME_UNSPECIFIED: _ClassVar[CollectOutcome]
    COLLECT_OUTCOME_CREATED: _ClassVar[CollectOutcome]
    COLLECT_OUTCOME_AMENDED: _ClassVar[CollectOutcome]
    COLLECT_OUTCOME_UNCHANGED: _ClassVar[CollectOutcome]
    COLLECT_OUTCOME_REPEATED: _ClassVar[CollectOutcome]

class CorrectionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CORRECTION_KIND_UNSPECIFIED: _ClassVar[CorrectionKind]
    CORRECTION_KIND_KNOWLEDGE: _ClassVar[CorrectionKind]
    CORRECTION_KIND_BEHAVIOR: _ClassVar[CorrectionKind]
FEEDBACK_TYPE_UNSPECIFIED: FeedbackType
FEEDBACK_TYPE_THUMBS_UP: FeedbackType
FEEDBACK_TYPE_THUMBS_DOWN: FeedbackType
FEEDBACK_TYPE_CORRECTION: FeedbackType
FEEDBACK_TYPE_RATING: FeedbackType
FEEDBACK_TYPE_COMMENT: FeedbackType
SENTIMENT_UNSPECIFIED: Sentiment
SENTIMENT_POSITIVE: Sentiment
SENTIMENT_NEGATIVE: Sentiment
SENTIMENT_NEUTRAL: Sentiment
FEEDBACK_STATE_UNSPECIFIED: FeedbackState
FEEDBACK_STATE_ACTIVE: FeedbackState
FEEDBACK_STATE_RETRACTED: FeedbackState
COLLECT_OUTCOME_UNSPECIFIED: CollectOutcome
COLLECT_OUTCOME_CREATED: CollectOutcome
COLLECT_OUTCOME_AMENDED: CollectOutcome
COLLECT_OUTCOME_UNCHANGED: CollectOutcome
COLLECT_OUTCOME_REPEATED: CollectOutcome
CORRECTION_KIND_UNSPECIFIED: CorrectionKind
CORRECTION_KIND_KNOWLEDGE: CorrectionKind
CORRECTION_KIND_BEHAVIOR: CorrectionKind

class ChatMessage(_message.Message):
    __slots__ = ("role", "content")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Interaction(_message.Message):
    __slots__ = ("id", "query", "response", "model", "versions", "create_time", "history", "contexts", "conversation_id", "trace_id", "span_id")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    query: str
    response: str
    model: str
    versions: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    history: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    contexts: _containers.RepeatedScalarFieldContainer[str]
    conversation_id: str
    trace_id: str
    span_id: str
    def __init__(self, id: _Optional[str] = ..., query: _Optional[str] = ..., response: _Optional[str] = ..., model: _Optional[str] = ..., versions: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., history: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., contexts: _Optional[_Iterable[str]] = ..., conversation_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., span_id: _Optional[str] = ...) -> None: ...

class Rating(_message.Message):
    __slots__ = ("score", "min", "max")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    score: float
    min: float
    max: float
    def __init__(self, score: _Optional[float] = ..., min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class CorrectionValue(_message.Message):
    __slots__ = ("original", "corrected", "kind")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    original: str
    corrected: str
    kind: CorrectionKind
    def __init__(self, original: _Optional[str] = ..., corrected: _Optional[str] = ..., kind: _Optional[_Union[CorrectionKind, str]] = ...) -> None: ...

class Feedback(_message.Message):
    __slots__ = ("id", "interaction", "type", "rating", "correction", "custom", "comment", "user_id", "source", "labels", "occur_time", "sentiment", "pattern_id", "create_time", "update_time", "state", "score")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    SENTIMENT_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    id: str
    interaction: Interaction
    type: FeedbackType
    rating: Rating
    correction: CorrectionValue
    custom: _struct_pb2.Value
    comment: str
    user_id: str
    source: str
    labels: _containers.ScalarMap[str, str]
    occur_time: _timestamp_pb2.Timestamp
    sentiment: Sentiment
    pattern_id: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    state: FeedbackState
    score: str
    def __init__(self, id: _Optional[str] = ..., interaction: _Optional[_Union[Interaction, _Mapping]] = ..., type: _Optional[_Union[FeedbackType, str]] = ..., rating: _Optional[_Union[Rating, _Mapping]] = ..., correction: _Optional[_Union[CorrectionValue, _Mapping]] = ..., custom: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., comment: _Optional[str] = ..., user_id: _Optional[str] = ..., source: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sentiment: _Optional[_Union[Sentiment, str]] = ..., pattern_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[FeedbackState, str]] = ..., score: _Optional[str] = ...) -> None: ...

class CollectFeedbackRequest(_message.Message):
    __slots__ = ("project", "feedback", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    feedback: Feedback
    request_id: str
    def __init__(self, project: _Optional[str] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CollectFeedbackResponse(_message.Message):
    __slots__ = ("feedback", "outcome")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    outcome: CollectOutcome
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ..., outcome: _Optional[_Union[CollectOutcome, str]] = ...) -> None: ...

class BatchCollectFeedbackRequest(_message.Message):
    __slots__ = ("project", "requests")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    project: str
    requests: _containers.RepeatedCompositeFieldContainer[CollectFeedbackRequest]
    def __init__(self, project: _Optional[str] = ..., requests: _Optional[_Iterable[_Union[CollectFeedbackRequest, _Mapping]]] = ...) -> None: ...

class BatchCollectFeedbackResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCollectFeedbackResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCollectFeedbackResult, _Mapping]]] = ...) -> None: ...

class BatchCollectFeedbackResult(_message.Message):
    __slots__ = ("feedback", "error", "outcome")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    error: _error_pb2.ItemError
    outcome: CollectOutcome
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ..., error: _Optional[_Union[_error_pb2.ItemError, _Mapping]] = ..., outcome: _Optional[_Union[CollectOutcome, str]] = ...) -> None: ...

class StreamFeedbackRequest(_message.Message):
    __slots__ = ("project", "feedback", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    feedback: Feedback
    request_id: str
    def __init__(self, project: _Optional[str] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamFeedbackResponse(_message.Message):
    __slots__ = ("request_id", "feedback_id", "error", "end", "window", "outcome")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    feedback_id: str
    error: _error_pb2.ItemError
    end: _stream_pb2.StreamEnd
    window: int
    outcome: CollectOutcome
    def __init__(self, request_id: _Optional[str] = ..., feedback_id: _Optional[str] = ..., error: _Optional[_Union[_error_pb2.ItemError, _Mapping]] = ..., end: _Optional[_Union[_stream_pb2.StreamEnd, _Mapping]] = ..., window: _Optional[int] = ..., outcome: _Optional[_Union[CollectOutcome, str]] = ...) -> None: ...

class GetFeedbackRequest(_message.Message):
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetFeedbackResponse(_message.Message):
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class FeedbackFilter(_message.Message):
    __slots__ = ("types", "sentiments", "pattern_id", "interaction_id", "user_id", "source", "model", "labels", "start_time", "end_time", "states", "update_start_time", "update_end_time", "score", "conversation_id", "trace_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SENTIMENTS_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_START_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_END_TIME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[FeedbackType]
    sentiments: _containers.RepeatedScalarFieldContainer[Sentiment]
    pattern_id: str
    interaction_id: str
    user_id: str
    source: str
    model: str
    labels: _containers.ScalarMap[str, str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    states: _containers.RepeatedScalarFieldContainer[FeedbackState]
    update_start_time: _timestamp_pb2.Timestamp
    update_end_time: _timestamp_pb2.Timestamp
    score: str
    conversation_id: str
    trace_id: str
    def __init__(self, types: _Optional[_Iterable[_Union[FeedbackType, str]]] = ..., sentiments: _Optional[_Iterable[_Union[Sentiment, str]]] = ..., pattern_id: _Optional[str] = ..., interaction_id: _Optional[str] = ..., user_id: _Optional[str] = ..., source: _Optional[str] = ..., model: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., states: _Optional[_Iterable[_Union[FeedbackState, str]]] = ..., update_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., score: _Optional[str] = ..., conversation_id: _Optional[str] = ..., trace_id: _Optional[str] = ...) -> None: ...

class ListFeedbackRequest(_message.Message):
    __slots__ = ("project", "filter", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    filter: FeedbackFilter
    page_size: int
    page_token: str
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[FeedbackFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFeedbackResponse(_message.Message):
    __slots__ = ("feedback", "next_page_token", "complete_until_time")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    feedback: _containers.RepeatedCompositeFieldContainer[Feedback]
    next_page_token: str
    complete_until_time: _timestamp_pb2.Timestamp
    def __init__(self, feedback: _Optional[_Iterable[_Union[Feedback, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., complete_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListSimilarFeedbackRequest(_message.Message):
    __slots__ = ("project", "feedback_id", "interaction_id", "query", "page_size", "filter")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    project: str
    feedback_id: str
    interaction_id: str
    query: str
    page_size: int
    filter: FeedbackFilter
    def __init__(self, project: _Optional[str] = ..., feedback_id: _Optional[str] = ..., interaction_id: _Optional[str] = ..., query: _Optional[str] = ..., page_size: _Optional[int] = ..., filter: _Optional[_Union[FeedbackFilter, _Mapping]] = ...) -> None: ...

class ListSimilarFeedbackResponse(_message.Message):
    __slots__ = ("similar_feedback",)
    SIMILAR_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    similar_feedback: _containers.RepeatedCompositeFieldContainer[SimilarFeedback]
    def __init__(self, similar_feedback: _Optional[_Iterable[_Union[SimilarFeedback, _Mapping]]] = ...) -> None: ...

class SimilarFeedback(_message.Message):
    __slots__ = ("feedback", "similarity")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    similarity: float
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ..., similarity: _Optional[float] = ...) -> None: ...

class AmendFeedbackRequest(_message.Message):
    __slots__ = ("project", "id", "feedback", "update_mask", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    feedback: Feedback
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class AmendFeedbackResponse(_message.Message):
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class RetractFeedbackRequest(_message.Message):
    __slots__ = ("project", "id", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RetractFeedbackResponse(_message.Message):
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class DeleteFeedbackRequest(_message.Message):
    __slots__ = ("project", "id", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteFeedbackResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EraseUserFeedbackRequest(_message.Message):
    __slots__ = ("project", "user_id", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    user_id: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., user_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class EraseUserFeedbackResponse(_message.Message):
    __slots__ = ("erased_count",)
    ERASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    erased_count: int
    def __init__(self, erased_count: _Optional[int] = ...) -> None: ...
