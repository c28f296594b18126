import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VotePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOTE_POLICY_UNSPECIFIED: _ClassVar[VotePolicy]
    VOTE_POLICY_AMEND: _ClassVar[VotePolicy]
    VOTE_POLICY_KEEP_ALL: _ClassVar[VotePolicy]

class TriggerRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_RULE_UNSPECIFIED: _ClassVar[TriggerRule]
    TRIGGER_RULE_EVIDENCE: _ClassVar[TriggerRule]
    TRIGGER_RULE_RATE: _ClassVar[TriggerRule]
VOTE_POLICY_UNSPECIFIED: VotePolicy
VOTE_POLICY_AMEND: VotePolicy
VOTE_POLICY_KEEP_ALL: VotePolicy
TRIGGER_RULE_UNSPECIFIED: TriggerRule
TRIGGER_RULE_EVIDENCE: TriggerRule
TRIGGER_RULE_RATE: TriggerRule

class ReviewPolicy(_message.Message):
    __slots__ = ("window_size", "minimum_sample", "negative_rate_threshold", "high_priority_above", "dismissal_quiet_period", "vote_policy", "no_change_margin", "issue_window", "trigger_rule", "evidence_window_size", "significance_level", "baseline_prior_votes", "baseline_floor", "evidence_age", "scores", "baseline_votes", "voter_share")
    WINDOW_SIZE_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    HIGH_PRIORITY_ABOVE_FIELD_NUMBER: _ClassVar[int]
    DISMISSAL_QUIET_PERIOD_FIELD_NUMBER: _ClassVar[int]
    VOTE_POLICY_FIELD_NUMBER: _ClassVar[int]
    NO_CHANGE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    ISSUE_WINDOW_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_RULE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_WINDOW_SIZE_FIELD_NUMBER: _ClassVar[int]
    SIGNIFICANCE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    BASELINE_PRIOR_VOTES_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FLOOR_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_AGE_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    BASELINE_VOTES_FIELD_NUMBER: _ClassVar[int]
    VOTER_SHARE_FIELD_NUMBER: _ClassVar[int]
    window_size: int
    minimum_sample: int
    negative_rate_threshold: float
    high_priority_above: int
    dismissal_quiet_period: _duration_pb2.Duration
    vote_policy: VotePolicy
    no_change_margin: float
    issue_window: _duration_pb2.Duration
    trigger_rule: TriggerRule
    evidence_window_size: int
    significance_level: float
    baseline_prior_votes: float
    baseline_floor: float
    evidence_age: _duration_pb2.Duration
    scores: _containers.RepeatedScalarFieldContainer[str]
    baseline_votes: int
    voter_share: float
    def __init__(self, window_size: _Optional[int] = ..., minimum_sample: _Optional[int] = ..., negative_rate_threshold: _Optional[float] = ..., high_priority_above: _Optional[int] = ..., dismissal_quiet_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., vote_policy: _Optional[_Union[VotePolicy, str]] = ..., no_change_margin: _Optional[float] = ..., issue_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., trigger_rule: _Optional[_Union[TriggerRule, str]] = ..., evidence_window_size: _Optional[int] = ..., significance_level: _Optional[float] = ..., baseline_prior_votes: _Optional[float] = ..., baseline_floor: _Optional[float] = ..., evidence_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scores: _Optional[_Iterable[str]] = ..., baseline_votes: _Optional[int] = ..., voter_share: _Optional[float] = ...) -> None: ...

class Retention(_message.Message):
    __slots__ = ("feedback_age",)
    FEEDBACK_AGE_FIELD_NUMBER: _ClassVar[int]
    feedback_age: _duration_pb2.Duration
    def __init__(self, feedback_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Redaction(_message.Message):
    __slots__ = ("disabled", "include_corrections", "phone_regions")
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    PHONE_REGIONS_FIELD_NUMBER: _ClassVar[int]
    disabled: bool
    include_corrections: bool
    phone_regions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, disabled: bool = ..., include_corrections: bool = ..., phone_regions: _Optional[_Iterable[str]] = ...) -> None: ...

class ProjectSettings(_message.Message):
    __slots__ = ("review_policy", "retention", "redaction")
    REVIEW_POLICY_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    REDACTION_FIELD_NUMBER: _ClassVar[int]
    review_policy: ReviewPolicy
    retention: Retention
    redaction: Redaction
    def __init__(self, review_policy: _Optional[_Union[ReviewPolicy, _Mapping]] = ..., retention: _Optional[_Union[Retention, _Mapping]] = ..., redaction: _Optional[_Union[Redaction, _Mapping]] = ...) -> None: ...

class Project(_message.Message):
    __slots__ = ("id", "settings", "etag", "create_time", "update_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    settings: ProjectSettings
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., settings: _Optional[_Union[ProjectSettings, _Mapping]] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetProjectRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class GetProjectResponse(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class UpdateProjectRequest(_message.Message):
    __slots__ = ("project", "settings", "update_mask", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    settings: ProjectSettings
    update_mask: _field_mask_pb2.FieldMask
    etag: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., settings: _Optional[_Union[ProjectSettings, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateProjectResponse(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class ListProjectsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListProjectsResponse(_message.Message):
    __slots__ = ("projects", "next_page_token")
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    projects: _containers.RepeatedCompositeFieldContainer[Project]
    next_page_token: str
    def __init__(self, projects: _Optional[_Iterable[_Union[Project, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AuditEvent(_message.Message):
    __slots__ = ("id", "time", "key_id", "actor", "peer", "method", "resource_id", "changes")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    id: str
    time: _timestamp_pb2.Timestamp
    key_id: str
    actor: str
    peer: str
    method: str
    resource_id: str
    changes: _containers.RepeatedCompositeFieldContainer[AuditChange]
    def __init__(self, id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., key_id: _Optional[str] = ..., actor: _Optional[str] = ..., peer: _Optional[str] = ..., method: _Optional[str] = ..., resource_id: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[AuditChange, _Mapping]]] = ...) -> None: ...

class AuditChange(_message.Message):
    __slots__ = ("field", "old_value", "new_value")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    field: str
    old_value: str
    new_value: str
    def __init__(self, field: _Optional[str] = ..., old_value: _Optional[str] = ..., new_value: _Optional[str] = ...) -> None: ...

class ListAuditEventsRequest(_message.Message):
    __slots__ = ("project", "start_time", "end_time", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, project: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAuditEventsResponse(_message.Message):
    __slots__ = ("audit_events", "next_page_token")
    AUDIT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audit_events: _containers.RepeatedCompositeFieldContainer[AuditEvent]
    next_page_token: str
    def __init__(self, audit_events: _Optional[_Iterable[_Union[AuditEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
