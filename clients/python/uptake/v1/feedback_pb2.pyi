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
    """FeedbackType is the kind of thing that the user said."""
    __slots__ = ()
    FEEDBACK_TYPE_UNSPECIFIED: _ClassVar[FeedbackType]
    """Not set; refused."""
    FEEDBACK_TYPE_THUMBS_UP: _ClassVar[FeedbackType]
    """The user liked the answer. `value` is unset or `custom`."""
    FEEDBACK_TYPE_THUMBS_DOWN: _ClassVar[FeedbackType]
    """The user disliked the answer. `value` is unset or `custom`."""
    FEEDBACK_TYPE_CORRECTION: _ClassVar[FeedbackType]
    """The user said what would have been right. `value` is `correction`."""
    FEEDBACK_TYPE_RATING: _ClassVar[FeedbackType]
    """The user gave a score. `value` is `rating`."""
    FEEDBACK_TYPE_COMMENT: _ClassVar[FeedbackType]
    """The user said something without a verdict. `comment` is required, `value` is unset. It is no vote: it counts in no
    rate and opens no review.
    """

class Sentiment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """Sentiment is what a piece of feedback says of the answer. A rating's position is (score - min) / (max - min)."""
    __slots__ = ()
    SENTIMENT_UNSPECIFIED: _ClassVar[Sentiment]
    """Not set; never sent."""
    SENTIMENT_POSITIVE: _ClassVar[Sentiment]
    """THUMBS_UP, or a rating at position 0.6 or above."""
    SENTIMENT_NEGATIVE: _ClassVar[Sentiment]
    """THUMBS_DOWN, or a rating at position 0.4 or below."""
    SENTIMENT_NEUTRAL: _ClassVar[Sentiment]
    """Anything else; every CORRECTION and COMMENT."""

class FeedbackState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """FeedbackState tells whether feedback counts."""
    __slots__ = ()
    FEEDBACK_STATE_UNSPECIFIED: _ClassVar[FeedbackState]
    """Not set; never sent."""
    FEEDBACK_STATE_ACTIVE: _ClassVar[FeedbackState]
    """It counts in every number."""
    FEEDBACK_STATE_RETRACTED: _ClassVar[FeedbackState]
    """It was taken back and counts nowhere."""

class CollectOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """CollectOutcome says what collecting a piece of feedback did."""
    __slots__ = ()
    COLLECT_OUTCOME_UNSPECIFIED: _ClassVar[CollectOutcome]
    """Not set; never sent."""
    COLLECT_OUTCOME_CREATED: _ClassVar[CollectOutcome]
    """New feedback was stored."""
    COLLECT_OUTCOME_AMENDED: _ClassVar[CollectOutcome]
    """The user's earlier vote on the same interaction and score was amended."""
    COLLECT_OUTCOME_UNCHANGED: _ClassVar[CollectOutcome]
    """The user's vote stays as it is: this one is older or says nothing new. It is kept beside it, and counts should a
    late vote make it matter.
    """
    COLLECT_OUTCOME_REPEATED: _ClassVar[CollectOutcome]
    """The same request id with the same content was taken in before; nothing was written."""

class CorrectionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """CorrectionKind says what a correction changes."""
    __slots__ = ()
    CORRECTION_KIND_UNSPECIFIED: _ClassVar[CorrectionKind]
    """Not set. In feedback it is read as KNOWLEDGE."""
    CORRECTION_KIND_KNOWLEDGE: _ClassVar[CorrectionKind]
    """What the AI should know: an entry of the knowledge base."""
    CORRECTION_KIND_INSTRUCTIONS: _ClassVar[CorrectionKind]
    """How the AI should behave: a revision of instructions."""
FEEDBACK_TYPE_UNSPECIFIED: FeedbackType
"""Not set; refused."""
FEEDBACK_TYPE_THUMBS_UP: FeedbackType
"""The user liked the answer. `value` is unset or `custom`."""
FEEDBACK_TYPE_THUMBS_DOWN: FeedbackType
"""The user disliked the answer. `value` is unset or `custom`."""
FEEDBACK_TYPE_CORRECTION: FeedbackType
"""The user said what would have been right. `value` is `correction`."""
FEEDBACK_TYPE_RATING: FeedbackType
"""The user gave a score. `value` is `rating`."""
FEEDBACK_TYPE_COMMENT: FeedbackType
"""The user said something without a verdict. `comment` is required, `value` is unset. It is no vote: it counts in no
rate and opens no review.
"""
SENTIMENT_UNSPECIFIED: Sentiment
"""Not set; never sent."""
SENTIMENT_POSITIVE: Sentiment
"""THUMBS_UP, or a rating at position 0.6 or above."""
SENTIMENT_NEGATIVE: Sentiment
"""THUMBS_DOWN, or a rating at position 0.4 or below."""
SENTIMENT_NEUTRAL: Sentiment
"""Anything else; every CORRECTION and COMMENT."""
FEEDBACK_STATE_UNSPECIFIED: FeedbackState
"""Not set; never sent."""
FEEDBACK_STATE_ACTIVE: FeedbackState
"""It counts in every number."""
FEEDBACK_STATE_RETRACTED: FeedbackState
"""It was taken back and counts nowhere."""
COLLECT_OUTCOME_UNSPECIFIED: CollectOutcome
"""Not set; never sent."""
COLLECT_OUTCOME_CREATED: CollectOutcome
"""New feedback was stored."""
COLLECT_OUTCOME_AMENDED: CollectOutcome
"""The user's earlier vote on the same interaction and score was amended."""
COLLECT_OUTCOME_UNCHANGED: CollectOutcome
"""The user's vote stays as it is: this one is older or says nothing new. It is kept beside it, and counts should a
late vote make it matter.
"""
COLLECT_OUTCOME_REPEATED: CollectOutcome
"""The same request id with the same content was taken in before; nothing was written."""
CORRECTION_KIND_UNSPECIFIED: CorrectionKind
"""Not set. In feedback it is read as KNOWLEDGE."""
CORRECTION_KIND_KNOWLEDGE: CorrectionKind
"""What the AI should know: an entry of the knowledge base."""
CORRECTION_KIND_INSTRUCTIONS: CorrectionKind
"""How the AI should behave: a revision of instructions."""

class ChatMessage(_message.Message):
    """ChatMessage is one message of a conversation."""
    __slots__ = ("role", "content")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    role: str
    """Who wrote it: "system", "user", "assistant", "tool" or another name of the caller's. Required; up to 63 characters."""
    content: str
    """What was written. Up to 50,000 characters."""
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Interaction(_message.Message):
    """Interaction is the question and the answer that feedback is about."""
    __slots__ = ("id", "query", "response", "model", "versions", "create_time", "history", "contexts", "conversation_id", "trace_id", "span_id", "variant")
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
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    id: str
    """The caller's id of this answer. Required; 1 to 256 characters."""
    query: str
    """What the user asked. Up to 10,000 characters. Feedback is grouped into patterns by it; where it is empty or nothing
    but white space the feedback's comment serves, and where that is too, `id`.
    """
    response: str
    """What the AI answered. Up to 50,000 characters."""
    model: str
    """The model that answered. Up to 256 characters."""
    versions: _containers.ScalarMap[str, str]
    """Versions of what made the answer, for example {"prompt": "14", "index": "2025-03"}. Up to 64, keys 1 to 63
    characters, values up to 256. By these a verdict tells answers before a fix from answers after it.
    """
    create_time: _timestamp_pb2.Timestamp
    """When the answer was given, from the year 2000 on. Unset: not known."""
    history: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    """The system prompt and the earlier turns of the conversation, oldest first, without `query` and `response`. Up to
    100 messages and 100,000 characters in all. Never part of the pattern.
    """
    contexts: _containers.RepeatedScalarFieldContainer[str]
    """The texts that were retrieved for the answer, best first. Up to 50, and 100,000 characters in all. Never part of the
    pattern.
    """
    conversation_id: str
    """The caller's id of the conversation. Up to 256 characters."""
    trace_id: str
    """The id of the trace that made the answer, for example W3C's 32 hexadecimal digits. Up to 256 characters."""
    span_id: str
    """The id of the span in that trace. Up to 256 characters."""
    variant: str
    """The variant of an experiment that the answer belongs to, for example "B". Up to 256 characters. Like `model` it is of
    the answer: a vote on another variant is a vote on another answer.
    """
    def __init__(self, id: _Optional[str] = ..., query: _Optional[str] = ..., response: _Optional[str] = ..., model: _Optional[str] = ..., versions: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., history: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., contexts: _Optional[_Iterable[str]] = ..., conversation_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., variant: _Optional[str] = ...) -> None: ...

class Rating(_message.Message):
    """Rating is a score on a scale."""
    __slots__ = ("score", "min", "max")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    score: float
    """The score; from `min` to `max`. Required. One that is off an end by rounding alone (2^-23 of the larger end, and at most a
    thousandth of the scale's width) is stored as that end.
    """
    min: float
    """The worst score. Default 1. Set it and `max` together or neither."""
    max: float
    """The best score, above `min`. Default 5."""
    def __init__(self, score: _Optional[float] = ..., min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class CorrectionValue(_message.Message):
    """CorrectionValue is a user's correction of an answer."""
    __slots__ = ("original", "corrected", "kind")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    original: str
    """The part that is wrong. Up to 50,000 characters; empty means the whole answer."""
    corrected: str
    """What would be right. Required; up to 50,000 characters."""
    kind: CorrectionKind
    """What the correction is about. Default KNOWLEDGE."""
    def __init__(self, original: _Optional[str] = ..., corrected: _Optional[str] = ..., kind: _Optional[_Union[CorrectionKind, str]] = ...) -> None: ...

class Feedback(_message.Message):
    """Feedback is one thing that one user said of one answer."""
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
    """Id, made by the service. Output only."""
    interaction: Interaction
    """The question and answer it is about. Required."""
    type: FeedbackType
    """What kind of thing was said. Required."""
    rating: Rating
    """The score, with type RATING."""
    correction: CorrectionValue
    """The correction, with type CORRECTION."""
    custom: _struct_pb2.Value
    """Any JSON the caller wants kept, with type THUMBS_UP or THUMBS_DOWN. Up to 50,000 characters as JSON, 32 levels.
    Numbers are 64-bit floats; integers from 2^53 to 2^64 are refused, since one float stands for several of them:
    send them as text.
    """
    comment: str
    """The user's own words. Up to 10,000 characters."""
    user_id: str
    """The caller's id of the user. Up to 256 characters. Empty: anonymous, and then no vote is amended by a later one.
    The trigger of reviews counts one vote of each user, and without a user one of each interaction.
    """
    source: str
    """Where it came from, for example "web". Up to 256 characters."""
    labels: _containers.ScalarMap[str, str]
    """The caller's labels. Up to 64, keys 1 to 63 characters, values up to 256."""
    occur_time: _timestamp_pb2.Timestamp
    """When the user said it. Default now; at most 5 minutes in the future, not before the year 2000. It decides hour,
    window and order, so that old feedback can be imported.
    """
    sentiment: Sentiment
    """What it says of the answer. Output only."""
    pattern_id: str
    """The pattern its query belongs to. Output only."""
    create_time: _timestamp_pb2.Timestamp
    """When the service stored it. Output only."""
    update_time: _timestamp_pb2.Timestamp
    """When it was last amended or retracted, else `create_time`. Output only."""
    state: FeedbackState
    """Whether it counts. Output only."""
    score: str
    """What is judged: the name of a score, for example "helpfulness"; up to 63 characters. Empty is the overall score,
    which rates and reviews go by unless the project's policy names others. A user has one vote of each score on an
    interaction. Must be empty with type CORRECTION.
    """
    def __init__(self, id: _Optional[str] = ..., interaction: _Optional[_Union[Interaction, _Mapping]] = ..., type: _Optional[_Union[FeedbackType, str]] = ..., rating: _Optional[_Union[Rating, _Mapping]] = ..., correction: _Optional[_Union[CorrectionValue, _Mapping]] = ..., custom: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., comment: _Optional[str] = ..., user_id: _Optional[str] = ..., source: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sentiment: _Optional[_Union[Sentiment, str]] = ..., pattern_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[FeedbackState, str]] = ..., score: _Optional[str] = ...) -> None: ...

class CollectFeedbackRequest(_message.Message):
    """CollectFeedbackRequest is the request of CollectFeedback."""
    __slots__ = ("project", "feedback", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"; matches [a-z0-9][a-z0-9-]{0,62}."""
    feedback: Feedback
    """The feedback to store. Required."""
    request_id: str
    """Makes the call safe to repeat: the same id with the same content gives the same feedback and stores nothing more.
    Up to 128 characters; a UUID serves. Known for 30 days by default. Empty: every call stores.
    """
    def __init__(self, project: _Optional[str] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CollectFeedbackResponse(_message.Message):
    """CollectFeedbackResponse is the response of CollectFeedback."""
    __slots__ = ("feedback", "outcome")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    """The feedback as it is stored."""
    outcome: CollectOutcome
    """What the call did."""
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ..., outcome: _Optional[_Union[CollectOutcome, str]] = ...) -> None: ...

class BatchCollectFeedbackRequest(_message.Message):
    """BatchCollectFeedbackRequest is the request of BatchCollectFeedback."""
    __slots__ = ("project", "requests")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project of every item. Default "default"."""
    requests: _containers.RepeatedCompositeFieldContainer[CollectFeedbackRequest]
    """The items, 1 to 1,000. The project of each is empty or the same as the batch's. Each item is checked alone: one that
    breaks a rule does not make the batch invalid.
    """
    def __init__(self, project: _Optional[str] = ..., requests: _Optional[_Iterable[_Union[CollectFeedbackRequest, _Mapping]]] = ...) -> None: ...

class BatchCollectFeedbackResponse(_message.Message):
    """BatchCollectFeedbackResponse is the response of BatchCollectFeedback."""
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCollectFeedbackResult]
    """One result for each request, in their order."""
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCollectFeedbackResult, _Mapping]]] = ...) -> None: ...

class BatchCollectFeedbackResult(_message.Message):
    """BatchCollectFeedbackResult is what became of one item of a batch."""
    __slots__ = ("feedback", "error", "outcome")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    """The feedback as it is stored. Past an answer of twice the batch's bytes and 2 MiB it has its `id` only;
    GetFeedback has the rest.
    """
    error: _error_pb2.ItemError
    """Why it was not stored."""
    outcome: CollectOutcome
    """What the item did; unset with an error."""
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ..., error: _Optional[_Union[_error_pb2.ItemError, _Mapping]] = ..., outcome: _Optional[_Union[CollectOutcome, str]] = ...) -> None: ...

class StreamFeedbackRequest(_message.Message):
    """StreamFeedbackRequest is one message of the request stream of StreamFeedback."""
    __slots__ = ("project", "feedback", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project of the whole stream: that of the first message in which it is valid. Default "default"; matches
    [a-z0-9][a-z0-9-]{0,62}. Later messages leave it empty or repeat it.
    """
    feedback: Feedback
    """The feedback to store. Required."""
    request_id: str
    """Matches the answer to the message, and makes sending it again harmless: the same id with the same content gives the
    same feedback and stores nothing more. Required; 1 to 128 characters; a UUID serves.
    """
    def __init__(self, project: _Optional[str] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamFeedbackResponse(_message.Message):
    """StreamFeedbackResponse is one message of the response stream of StreamFeedback: the first tells the window, the others
    each answer one message, and the last tells that the stream ends if the service ends it.
    """
    __slots__ = ("request_id", "feedback_id", "error", "end", "window", "outcome")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    """The message that this answers, by the first 128 characters of its request id. Empty where the message had none or
    could not be decoded, and where nothing is answered.
    """
    feedback_id: str
    """The id of the committed feedback."""
    error: _error_pb2.ItemError
    """Why it was not stored. With `retry_delay` set, send the same message again after that time."""
    end: _stream_pb2.StreamEnd
    """No answer: the service ends the stream here. Go on in another, which another process serves."""
    window: int
    """How many messages the caller may have sent and not seen answered, at least 1. Sending more is no error; they are
    not read before others are answered. The first response sets it, without a result and before any message is read;
    later ones leave it 0 or change it.
    """
    outcome: CollectOutcome
    """What the message did; set with `feedback_id`."""
    def __init__(self, request_id: _Optional[str] = ..., feedback_id: _Optional[str] = ..., error: _Optional[_Union[_error_pb2.ItemError, _Mapping]] = ..., end: _Optional[_Union[_stream_pb2.StreamEnd, _Mapping]] = ..., window: _Optional[int] = ..., outcome: _Optional[_Union[CollectOutcome, str]] = ...) -> None: ...

class GetFeedbackRequest(_message.Message):
    """GetFeedbackRequest is the request of GetFeedback."""
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The feedback's id. Required."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetFeedbackResponse(_message.Message):
    """GetFeedbackResponse is the response of GetFeedback."""
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    """The feedback."""
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class FeedbackFilter(_message.Message):
    """FeedbackFilter narrows a list of feedback. Every set field must match; a repeated field matches any of its values, of
    which there are up to 100.
    """
    __slots__ = ("types", "sentiments", "pattern_id", "interaction_id", "user_id", "source", "model", "labels", "start_time", "end_time", "states", "update_start_time", "update_end_time", "score", "conversation_id", "trace_id", "variant")
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
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[FeedbackType]
    """Types."""
    sentiments: _containers.RepeatedScalarFieldContainer[Sentiment]
    """Sentiments."""
    pattern_id: str
    """The pattern."""
    interaction_id: str
    """The interaction."""
    user_id: str
    """The user."""
    source: str
    """The source."""
    model: str
    """The model."""
    labels: _containers.ScalarMap[str, str]
    """Labels, all of which must be there with these values. Up to 8."""
    start_time: _timestamp_pb2.Timestamp
    """Feedback that occurred at this time or later."""
    end_time: _timestamp_pb2.Timestamp
    """Feedback that occurred before this time; not before `start_time`. Equal times find nothing."""
    states: _containers.RepeatedScalarFieldContainer[FeedbackState]
    """States. Default ACTIVE alone."""
    update_start_time: _timestamp_pb2.Timestamp
    """Feedback whose `update_time` is this or later. With it ListFeedback lists by `update_time`, oldest first, so that a
    warehouse can follow what changes: see ListFeedbackResponse.complete_until_time.
    """
    update_end_time: _timestamp_pb2.Timestamp
    """Feedback whose `update_time` is before this time. Needs `update_start_time`."""
    score: str
    """The score. Set and empty: the overall score alone. Unset: every score."""
    conversation_id: str
    """The conversation."""
    trace_id: str
    """The trace."""
    variant: str
    """The variant."""
    def __init__(self, types: _Optional[_Iterable[_Union[FeedbackType, str]]] = ..., sentiments: _Optional[_Iterable[_Union[Sentiment, str]]] = ..., pattern_id: _Optional[str] = ..., interaction_id: _Optional[str] = ..., user_id: _Optional[str] = ..., source: _Optional[str] = ..., model: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., states: _Optional[_Iterable[_Union[FeedbackState, str]]] = ..., update_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., score: _Optional[str] = ..., conversation_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., variant: _Optional[str] = ...) -> None: ...

class ListFeedbackRequest(_message.Message):
    """ListFeedbackRequest is the request of ListFeedback."""
    __slots__ = ("project", "filter", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    filter: FeedbackFilter
    """Which feedback. Default all that is ACTIVE."""
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before, with the same filter."""
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[FeedbackFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFeedbackResponse(_message.Message):
    """ListFeedbackResponse is the response of ListFeedback."""
    __slots__ = ("feedback", "next_page_token", "complete_until_time")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    feedback: _containers.RepeatedCompositeFieldContainer[Feedback]
    """The feedback, newest first by `occur_time`; with `update_start_time` oldest first by `update_time`."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    complete_until_time: _timestamp_pb2.Timestamp
    """Set with `update_start_time`: no change with an earlier `update_time` will show up any more. To follow all changes,
    read all pages, then begin again with the first page's `complete_until_time` as `update_start_time`; what is seen
    twice has the same id. Ask for the states ACTIVE and RETRACTED; what was deleted or erased is gone.
    """
    def __init__(self, feedback: _Optional[_Iterable[_Union[Feedback, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., complete_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListSimilarFeedbackRequest(_message.Message):
    """ListSimilarFeedbackRequest is the request of ListSimilarFeedback."""
    __slots__ = ("project", "feedback_id", "interaction_id", "query", "limit", "filter")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    feedback_id: str
    """A piece of feedback, by id."""
    interaction_id: str
    """An interaction, by the caller's id; its newest feedback serves."""
    query: str
    """A query, as text. Up to 10,000 characters."""
    limit: int
    """How many at most. Default 10; more than 100 is read as 100."""
    filter: FeedbackFilter
    """Which feedback. Default all that is ACTIVE."""
    def __init__(self, project: _Optional[str] = ..., feedback_id: _Optional[str] = ..., interaction_id: _Optional[str] = ..., query: _Optional[str] = ..., limit: _Optional[int] = ..., filter: _Optional[_Union[FeedbackFilter, _Mapping]] = ...) -> None: ...

class ListSimilarFeedbackResponse(_message.Message):
    """ListSimilarFeedbackResponse is the response of ListSimilarFeedback."""
    __slots__ = ("similar_feedback",)
    SIMILAR_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    similar_feedback: _containers.RepeatedCompositeFieldContainer[SimilarFeedback]
    """The feedback, most similar first, as much of it as about 2 MiB hold; the reference itself is left out. It is found
    among the newest 300 pieces of each of the ten patterns that are nearest.
    """
    def __init__(self, similar_feedback: _Optional[_Iterable[_Union[SimilarFeedback, _Mapping]]] = ...) -> None: ...

class SimilarFeedback(_message.Message):
    """SimilarFeedback is feedback with its similarity to a reference."""
    __slots__ = ("feedback", "similarity")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    """The feedback."""
    similarity: float
    """Cosine similarity of the two queries, -1 to 1; 1 for the same words."""
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ..., similarity: _Optional[float] = ...) -> None: ...

class AmendFeedbackRequest(_message.Message):
    """AmendFeedbackRequest is the request of AmendFeedback."""
    __slots__ = ("project", "id", "feedback", "update_mask", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The feedback's id. Required."""
    feedback: Feedback
    """The new content. Only the fields of `update_mask` are read and checked."""
    update_mask: _field_mask_pb2.FieldMask
    """What to change: any of `type`, `rating`, `correction`, `custom`, `comment`, `labels`. Required. The result must be
    valid as a whole: a new type brings its value along.
    """
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., feedback: _Optional[_Union[Feedback, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class AmendFeedbackResponse(_message.Message):
    """AmendFeedbackResponse is the response of AmendFeedback."""
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    """The feedback as it is now."""
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class RetractFeedbackRequest(_message.Message):
    """RetractFeedbackRequest is the request of RetractFeedback."""
    __slots__ = ("project", "id", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The feedback's id. Required."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RetractFeedbackResponse(_message.Message):
    """RetractFeedbackResponse is the response of RetractFeedback."""
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: Feedback
    """The feedback as it is now."""
    def __init__(self, feedback: _Optional[_Union[Feedback, _Mapping]] = ...) -> None: ...

class DeleteFeedbackRequest(_message.Message):
    """DeleteFeedbackRequest is the request of DeleteFeedback."""
    __slots__ = ("project", "id", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The feedback's id. Required."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteFeedbackResponse(_message.Message):
    """DeleteFeedbackResponse is the response of DeleteFeedback."""
    __slots__ = ()
    def __init__(self) -> None: ...

class EraseUserFeedbackRequest(_message.Message):
    """EraseUserFeedbackRequest is the request of EraseUserFeedback."""
    __slots__ = ("project", "user_id", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    user_id: str
    """The user whose feedback goes. Required."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., user_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class EraseUserFeedbackResponse(_message.Message):
    """EraseUserFeedbackResponse is the response of EraseUserFeedback."""
    __slots__ = ("erased_count",)
    ERASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    erased_count: int
    """How many pieces of feedback were removed."""
    def __init__(self, erased_count: _Optional[int] = ...) -> None: ...
