import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import correction_pb2 as _correction_pb2
from uptake.v1 import feedback_pb2 as _feedback_pb2
from uptake.v1 import pattern_pb2 as _pattern_pb2
from uptake.v1 import stream_pb2 as _stream_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReviewState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """ReviewState is where a review stands."""
    __slots__ = ()
    REVIEW_STATE_UNSPECIFIED: _ClassVar[ReviewState]
    """Not set; never sent."""
    REVIEW_STATE_OPEN: _ClassVar[ReviewState]
    """Nobody has it. A review whose claim expired is open too."""
    REVIEW_STATE_CLAIMED: _ClassVar[ReviewState]
    """A reviewer has it."""
    REVIEW_STATE_RESOLVED: _ClassVar[ReviewState]
    """It ended with a fix."""
    REVIEW_STATE_DISMISSED: _ClassVar[ReviewState]
    """It ended without one."""
    REVIEW_STATE_CLOSED: _ClassVar[ReviewState]
    """It closed itself: none of the complaints that it rested on is left. The pattern does not stay quiet after it."""

class ReviewPriority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """ReviewPriority is how urgent a review is."""
    __slots__ = ()
    REVIEW_PRIORITY_UNSPECIFIED: _ClassVar[ReviewPriority]
    """Not set; never sent."""
    REVIEW_PRIORITY_MEDIUM: _ClassVar[ReviewPriority]
    """Up to the policy's bound (default 5) pieces of related feedback."""
    REVIEW_PRIORITY_HIGH: _ClassVar[ReviewPriority]
    """More than that."""

class ReviewAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """ReviewAction is what happened to a review."""
    __slots__ = ()
    REVIEW_ACTION_UNSPECIFIED: _ClassVar[ReviewAction]
    """Not set; never sent."""
    REVIEW_ACTION_OPENED: _ClassVar[ReviewAction]
    """The trigger opened it."""
    REVIEW_ACTION_UPDATED: _ClassVar[ReviewAction]
    """More bad feedback or a correction came in while it was active, or its feedback changed."""
    REVIEW_ACTION_CLAIMED: _ClassVar[ReviewAction]
    """A reviewer claimed it."""
    REVIEW_ACTION_RENEWED: _ClassVar[ReviewAction]
    """Its reviewer extended the claim."""
    REVIEW_ACTION_RELEASED: _ClassVar[ReviewAction]
    """Its reviewer gave it back."""
    REVIEW_ACTION_EXPIRED: _ClassVar[ReviewAction]
    """Its claim ran out."""
    REVIEW_ACTION_RESOLVED: _ClassVar[ReviewAction]
    """Its reviewer resolved it."""
    REVIEW_ACTION_DISMISSED: _ClassVar[ReviewAction]
    """Its reviewer dismissed it."""
    REVIEW_ACTION_REOPENED: _ClassVar[ReviewAction]
    """It was opened again, by a person or because answers after the fix were bad."""
    REVIEW_ACTION_MERGED: _ClassVar[ReviewAction]
    """It was dismissed because an older review covers its patterns."""
    REVIEW_ACTION_CLOSED: _ClassVar[ReviewAction]
    """None of the complaints that it rested on was left: they were taken back, changed, erased or past their retention."""

class ReviewOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """ReviewOrder is the order of a list of reviews."""
    __slots__ = ()
    REVIEW_ORDER_UNSPECIFIED: _ClassVar[ReviewOrder]
    """The same as NEWEST."""
    REVIEW_ORDER_NEWEST: _ClassVar[ReviewOrder]
    """Newest first, by `create_time`."""
    REVIEW_ORDER_MOST_URGENT: _ClassVar[ReviewOrder]
    """Highest priority first, then highest negative rate, then newest."""
REVIEW_STATE_UNSPECIFIED: ReviewState
"""Not set; never sent."""
REVIEW_STATE_OPEN: ReviewState
"""Nobody has it. A review whose claim expired is open too."""
REVIEW_STATE_CLAIMED: ReviewState
"""A reviewer has it."""
REVIEW_STATE_RESOLVED: ReviewState
"""It ended with a fix."""
REVIEW_STATE_DISMISSED: ReviewState
"""It ended without one."""
REVIEW_STATE_CLOSED: ReviewState
"""It closed itself: none of the complaints that it rested on is left. The pattern does not stay quiet after it."""
REVIEW_PRIORITY_UNSPECIFIED: ReviewPriority
"""Not set; never sent."""
REVIEW_PRIORITY_MEDIUM: ReviewPriority
"""Up to the policy's bound (default 5) pieces of related feedback."""
REVIEW_PRIORITY_HIGH: ReviewPriority
"""More than that."""
REVIEW_ACTION_UNSPECIFIED: ReviewAction
"""Not set; never sent."""
REVIEW_ACTION_OPENED: ReviewAction
"""The trigger opened it."""
REVIEW_ACTION_UPDATED: ReviewAction
"""More bad feedback or a correction came in while it was active, or its feedback changed."""
REVIEW_ACTION_CLAIMED: ReviewAction
"""A reviewer claimed it."""
REVIEW_ACTION_RENEWED: ReviewAction
"""Its reviewer extended the claim."""
REVIEW_ACTION_RELEASED: ReviewAction
"""Its reviewer gave it back."""
REVIEW_ACTION_EXPIRED: ReviewAction
"""Its claim ran out."""
REVIEW_ACTION_RESOLVED: ReviewAction
"""Its reviewer resolved it."""
REVIEW_ACTION_DISMISSED: ReviewAction
"""Its reviewer dismissed it."""
REVIEW_ACTION_REOPENED: ReviewAction
"""It was opened again, by a person or because answers after the fix were bad."""
REVIEW_ACTION_MERGED: ReviewAction
"""It was dismissed because an older review covers its patterns."""
REVIEW_ACTION_CLOSED: ReviewAction
"""None of the complaints that it rested on was left: they were taken back, changed, erased or past their retention."""
REVIEW_ORDER_UNSPECIFIED: ReviewOrder
"""The same as NEWEST."""
REVIEW_ORDER_NEWEST: ReviewOrder
"""Newest first, by `create_time`."""
REVIEW_ORDER_MOST_URGENT: ReviewOrder
"""Highest priority first, then highest negative rate, then newest."""

class RelatedFeedback(_message.Message):
    """RelatedFeedback is a piece of feedback that the trigger examined."""
    __slots__ = ("feedback_id", "type", "sentiment", "occur_time", "score")
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SENTIMENT_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    feedback_id: str
    """Its id."""
    type: _feedback_pb2.FeedbackType
    """Its type."""
    sentiment: _feedback_pb2.Sentiment
    """What it said of the answer."""
    occur_time: _timestamp_pb2.Timestamp
    """When it occurred."""
    score: str
    """The score that it is of; empty for the overall one."""
    def __init__(self, feedback_id: _Optional[str] = ..., type: _Optional[_Union[_feedback_pb2.FeedbackType, str]] = ..., sentiment: _Optional[_Union[_feedback_pb2.Sentiment, str]] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., score: _Optional[str] = ...) -> None: ...

class Resolution(_message.Message):
    """Resolution tells how a review ended."""
    __slots__ = ("note", "reviewer", "end_time", "fix_time", "correction_ids", "merged_into_review_id")
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    FIX_TIME_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_IDS_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    note: str
    """The reviewer's words."""
    reviewer: str
    """Who ended it; empty where it closed itself."""
    end_time: _timestamp_pb2.Timestamp
    """When it ended."""
    fix_time: _timestamp_pb2.Timestamp
    """When the fix went live; answers given before it do not count against the fix. Unset where nothing was fixed."""
    correction_ids: _containers.RepeatedScalarFieldContainer[str]
    """The corrections that came with it, by id."""
    merged_into_review_id: str
    """The older active review that this one was merged into, if that is why it was dismissed."""
    def __init__(self, note: _Optional[str] = ..., reviewer: _Optional[str] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fix_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., correction_ids: _Optional[_Iterable[str]] = ..., merged_into_review_id: _Optional[str] = ...) -> None: ...

class ReviewChange(_message.Message):
    """ReviewChange is one line of a review's history."""
    __slots__ = ("time", "action", "actor", "note", "key_id")
    TIME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    """When."""
    action: ReviewAction
    """What."""
    actor: str
    """Who: the reviewer as named in the request; empty for the service itself."""
    note: str
    """The note that came with it."""
    key_id: str
    """Id of the API key of the call; empty without keys."""
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., action: _Optional[_Union[ReviewAction, str]] = ..., actor: _Optional[str] = ..., note: _Optional[str] = ..., key_id: _Optional[str] = ...) -> None: ...

class Review(_message.Message):
    """Review is a task for a person about one or more patterns. A pattern has at most one that is OPEN or CLAIMED."""
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
    """Id."""
    state: ReviewState
    """Where it stands."""
    priority: ReviewPriority
    """How urgent it is."""
    suggested_action: str
    """What to do: "Update knowledge base with corrections" where the newest correction that users gave is of the kind
    KNOWLEDGE, else "Review and update prompt/instructions". Words for people, which may change.
    """
    pattern: _pattern_pb2.Pattern
    """The pattern that turned bad."""
    trigger_feedback_id: str
    """The feedback whose arrival opened it last."""
    related_feedback: _containers.RepeatedCompositeFieldContainer[RelatedFeedback]
    """The feedback that the trigger examined last, newest first."""
    negative_rate: float
    """Share of negative ones among `related_feedback`, 0 to 1; unset where there is none."""
    sample_size: int
    """How many the trigger examined last."""
    assignee: str
    """Who has claimed it; empty if nobody has."""
    claim_expire_time: _timestamp_pb2.Timestamp
    """When the claim expires; unset if nobody has claimed it."""
    resolution: Resolution
    """How it ended; unset while it has not."""
    reopen_count: int
    """How often it was opened again."""
    etag: str
    """Changes whenever people change the review (not with the trigger's counters). Send it to make a change conditional."""
    create_time: _timestamp_pb2.Timestamp
    """When it was opened first."""
    update_time: _timestamp_pb2.Timestamp
    """When it last changed."""
    covered_pattern_ids: _containers.RepeatedScalarFieldContainer[str]
    """The patterns that it covers, `pattern` first; fixed when it opens, and only growing."""
    evidence_votes: int
    """How many of the newest votes were the evidence when the trigger examined last; 0 under the rule RATE."""
    evidence_negatives: int
    """How many of these were negative."""
    baseline_rate: float
    """The negative rate of the rest of the project that they were held against, 0 to 1. Unset without `evidence_votes`."""
    evidence_left_out: int
    """How many of the newest 1,000 pieces of feedback did not count, because their voters had counted as often as the
    policy's `voter_share` allows. The evidence and `related_feedback` are without them.
    """
    baseline_left_out: int
    """How many votes of the rest of the project did not count in `baseline_rate`, for the same reason."""
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[ReviewState, str]] = ..., priority: _Optional[_Union[ReviewPriority, str]] = ..., suggested_action: _Optional[str] = ..., pattern: _Optional[_Union[_pattern_pb2.Pattern, _Mapping]] = ..., trigger_feedback_id: _Optional[str] = ..., related_feedback: _Optional[_Iterable[_Union[RelatedFeedback, _Mapping]]] = ..., negative_rate: _Optional[float] = ..., sample_size: _Optional[int] = ..., assignee: _Optional[str] = ..., claim_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution: _Optional[_Union[Resolution, _Mapping]] = ..., reopen_count: _Optional[int] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., covered_pattern_ids: _Optional[_Iterable[str]] = ..., evidence_votes: _Optional[int] = ..., evidence_negatives: _Optional[int] = ..., baseline_rate: _Optional[float] = ..., evidence_left_out: _Optional[int] = ..., baseline_left_out: _Optional[int] = ...) -> None: ...

class ReviewFilter(_message.Message):
    """ReviewFilter narrows a list of reviews. Every set field must match; a repeated field matches any of its values, of
    which there are up to 100.
    """
    __slots__ = ("states", "priorities", "assignee", "pattern_id")
    STATES_FIELD_NUMBER: _ClassVar[int]
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[ReviewState]
    """States."""
    priorities: _containers.RepeatedScalarFieldContainer[ReviewPriority]
    """Priorities."""
    assignee: str
    """Who has claimed it."""
    pattern_id: str
    """A pattern that it covers."""
    def __init__(self, states: _Optional[_Iterable[_Union[ReviewState, str]]] = ..., priorities: _Optional[_Iterable[_Union[ReviewPriority, str]]] = ..., assignee: _Optional[str] = ..., pattern_id: _Optional[str] = ...) -> None: ...

class ListReviewsRequest(_message.Message):
    """ListReviewsRequest is the request of ListReviews."""
    __slots__ = ("project", "filter", "order", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    filter: ReviewFilter
    """Which reviews. Default all."""
    order: ReviewOrder
    """In which order. Default newest first."""
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before, with the same filter and order."""
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[ReviewFilter, _Mapping]] = ..., order: _Optional[_Union[ReviewOrder, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReviewsResponse(_message.Message):
    """ListReviewsResponse is the response of ListReviews."""
    __slots__ = ("reviews", "next_page_token")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[Review]
    """The reviews."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    def __init__(self, reviews: _Optional[_Iterable[_Union[Review, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetReviewRequest(_message.Message):
    """GetReviewRequest is the request of GetReview."""
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetReviewResponse(_message.Message):
    """GetReviewResponse is the response of GetReview."""
    __slots__ = ("review", "related_feedback", "history")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    RELATED_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review."""
    related_feedback: _containers.RepeatedCompositeFieldContainer[_feedback_pb2.Feedback]
    """The related feedback as it is now, newest first, as much of it as about 2 MiB hold; GetFeedback has the rest. Erased
    feedback is not among it.
    """
    history: _containers.RepeatedCompositeFieldContainer[ReviewChange]
    """What happened to the review, oldest first: the newest 1,000 changes at most, and as many as about 2 MiB hold."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ..., related_feedback: _Optional[_Iterable[_Union[_feedback_pb2.Feedback, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[ReviewChange, _Mapping]]] = ...) -> None: ...

class ClaimReviewRequest(_message.Message):
    """ClaimReviewRequest is the request of ClaimReview."""
    __slots__ = ("project", "id", "reviewer", "lease_duration", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    reviewer: str
    """Who claims it. Required; up to 256 characters."""
    lease_duration: _duration_pb2.Duration
    """How long the claim holds without being renewed, 1 second to 24 hours. Default 15 minutes."""
    etag: str
    """If set, the claim fails when the review changed since."""
    request_id: str
    """Makes the call safe to repeat: the same id gives the same token. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., reviewer: _Optional[str] = ..., lease_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ClaimReviewResponse(_message.Message):
    """ClaimReviewResponse is the response of ClaimReview."""
    __slots__ = ("review", "claim_token")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review, claimed."""
    claim_token: str
    """Shows that the caller holds the claim. Keep it secret."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ..., claim_token: _Optional[str] = ...) -> None: ...

class RenewClaimRequest(_message.Message):
    """RenewClaimRequest is the request of RenewClaim."""
    __slots__ = ("project", "id", "claim_token", "lease_duration")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    claim_token: str
    """The token of the claim. Required."""
    lease_duration: _duration_pb2.Duration
    """How long the claim holds from now, 1 second to 24 hours. Default 15 minutes."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., lease_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RenewClaimResponse(_message.Message):
    """RenewClaimResponse is the response of RenewClaim."""
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class ReleaseReviewRequest(_message.Message):
    """ReleaseReviewRequest is the request of ReleaseReview."""
    __slots__ = ("project", "id", "claim_token", "note", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    claim_token: str
    """The token of the claim. Required."""
    note: str
    """Why. Up to 10,000 characters."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReleaseReviewResponse(_message.Message):
    """ReleaseReviewResponse is the response of ReleaseReview."""
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review, open again."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class ResolveReviewRequest(_message.Message):
    """ResolveReviewRequest is the request of ResolveReview."""
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
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    claim_token: str
    """The token of the claim. Required."""
    note: str
    """What was done. Up to 10,000 characters."""
    fix_time: _timestamp_pb2.Timestamp
    """When the fix went live, for answers to be told apart. Default now; from the year 2000 on, not in the future."""
    corrections: _containers.RepeatedCompositeFieldContainer[_correction_pb2.CorrectionDraft]
    """Corrections to apply in the same commit. If one cannot be applied, nothing is changed. Up to 100."""
    etag: str
    """If set, the call fails when the review changed since."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., note: _Optional[str] = ..., fix_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., corrections: _Optional[_Iterable[_Union[_correction_pb2.CorrectionDraft, _Mapping]]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResolveReviewResponse(_message.Message):
    """ResolveReviewResponse is the response of ResolveReview."""
    __slots__ = ("review", "corrections")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review, resolved."""
    corrections: _containers.RepeatedCompositeFieldContainer[_correction_pb2.Correction]
    """The corrections that were applied, in their order."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ..., corrections: _Optional[_Iterable[_Union[_correction_pb2.Correction, _Mapping]]] = ...) -> None: ...

class DismissReviewRequest(_message.Message):
    """DismissReviewRequest is the request of DismissReview."""
    __slots__ = ("project", "id", "claim_token", "note", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    claim_token: str
    """The token of the claim. Required."""
    note: str
    """Why. Up to 10,000 characters."""
    etag: str
    """If set, the call fails when the review changed since."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., claim_token: _Optional[str] = ..., note: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DismissReviewResponse(_message.Message):
    """DismissReviewResponse is the response of DismissReview."""
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review, dismissed."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class ReopenReviewRequest(_message.Message):
    """ReopenReviewRequest is the request of ReopenReview."""
    __slots__ = ("project", "id", "reviewer", "note", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The review's id. Required."""
    reviewer: str
    """Who opens it again. Required; up to 256 characters."""
    note: str
    """Why. Up to 10,000 characters."""
    etag: str
    """If set, the call fails when the review changed since."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., reviewer: _Optional[str] = ..., note: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReopenReviewResponse(_message.Message):
    """ReopenReviewResponse is the response of ReopenReview."""
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: Review
    """The review, open again."""
    def __init__(self, review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class SubscribeReviewsRequest(_message.Message):
    """SubscribeReviewsRequest is the request of SubscribeReviews."""
    __slots__ = ("project", "filter", "resume_token", "checkpoint_interval")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    filter: ReviewFilter
    """Which reviews. Default all."""
    resume_token: str
    """Where to go on: the newest token that the caller saw. Empty: start with every review that matches now."""
    checkpoint_interval: _duration_pb2.Duration
    """How often to send a checkpoint while nothing happens, 1 second to 5 minutes. Default 10 seconds."""
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[ReviewFilter, _Mapping]] = ..., resume_token: _Optional[str] = ..., checkpoint_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SubscribeReviewsResponse(_message.Message):
    """SubscribeReviewsResponse is one message of SubscribeReviews."""
    __slots__ = ("resume_token", "review", "removed_review_id", "checkpoint", "end")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    REMOVED_REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    """Send it back to go on after this message."""
    review: Review
    """A review that matches, as it is now."""
    removed_review_id: str
    """The id of a review that no longer matches."""
    checkpoint: _stream_pb2.Checkpoint
    """Everything so far was delivered."""
    end: _stream_pb2.StreamEnd
    """The stream ends."""
    def __init__(self, resume_token: _Optional[str] = ..., review: _Optional[_Union[Review, _Mapping]] = ..., removed_review_id: _Optional[str] = ..., checkpoint: _Optional[_Union[_stream_pb2.Checkpoint, _Mapping]] = ..., end: _Optional[_Union[_stream_pb2.StreamEnd, _Mapping]] = ...) -> None: ...
