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
    """VotePolicy says what a second vote of one user on one interaction does."""
    __slots__ = ()
    VOTE_POLICY_UNSPECIFIED: _ClassVar[VotePolicy]
    """The same as AMEND."""
    VOTE_POLICY_AMEND: _ClassVar[VotePolicy]
    """It amends the first: one person has one vote."""
    VOTE_POLICY_KEEP_ALL: _ClassVar[VotePolicy]
    """It stands beside the first."""

class TriggerRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """TriggerRule says what opens a review."""
    __slots__ = ()
    TRIGGER_RULE_UNSPECIFIED: _ClassVar[TriggerRule]
    """The same as EVIDENCE."""
    TRIGGER_RULE_EVIDENCE: _ClassVar[TriggerRule]
    """The rate of the newest feedback, and evidence that it is no chance: so many negative votes would be unlikely at the
    rate of the rest of the project.
    """
    TRIGGER_RULE_RATE: _ClassVar[TriggerRule]
    """The rate alone. It opens reviews by chance: 228 in 20,000 votes of which 10% are negative everywhere."""
VOTE_POLICY_UNSPECIFIED: VotePolicy
"""The same as AMEND."""
VOTE_POLICY_AMEND: VotePolicy
"""It amends the first: one person has one vote."""
VOTE_POLICY_KEEP_ALL: VotePolicy
"""It stands beside the first."""
TRIGGER_RULE_UNSPECIFIED: TriggerRule
"""The same as EVIDENCE."""
TRIGGER_RULE_EVIDENCE: TriggerRule
"""The rate of the newest feedback, and evidence that it is no chance: so many negative votes would be unlikely at the
rate of the rest of the project.
"""
TRIGGER_RULE_RATE: TriggerRule
"""The rate alone. It opens reviews by chance: 228 in 20,000 votes of which 10% are negative everywhere."""

class ReviewPolicy(_message.Message):
    """ReviewPolicy says when a pattern has turned bad, and what a review looks like.

    A review opens when `minimum_sample` of the `window_size` newest pieces of feedback are there, more than
    `negative_rate_threshold` of them are negative, and they are of two voters at least. With the rule EVIDENCE these
    must be negative, and P(Binomial(m, p) >= k) < `significance_level`, where k of the m newest votes (at most
    `evidence_window_size`) are negative, and p = (negatives + 1) / (votes + `baseline_prior_votes`), at least
    `baseline_floor`, of the project's newest votes on all else: by full hours back until there are `baseline_votes`, for
    `evidence_age` at most. Of each voter as many count as `voter_share` allows, by default one, the newest of a user,
    without a user id of an interaction; corrections are counted so beside votes. (A caller that sends one user id for
    everybody has one voter.) What occurred before `evidence_age` opens nothing.
    """
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
    """How many of the newest pieces of feedback of the pattern are examined, 1 to 100. Default 10."""
    minimum_sample: int
    """How many must be there, 1 to `window_size`. Default 3."""
    negative_rate_threshold: float
    """Bad is a share of negative ones above this, 0 to 1. Default 0.3."""
    high_priority_above: int
    """Priority is HIGH above this many related pieces of feedback, 0 to 100. Default 5."""
    dismissal_quiet_period: _duration_pb2.Duration
    """How long a pattern stays quiet after a dismissal, up to 365 days. Default 7 days. It ends sooner when as many
    negatives came in as the dismissed review had, of each voter as many as `voter_share` allows of that number.
    """
    vote_policy: VotePolicy
    """What a second vote of one user on one interaction does. Default AMEND."""
    no_change_margin: float
    """Half-width of the interval around no difference that a verdict calls NO_CHANGE, 0.001 to 0.5. Default 0.05."""
    issue_window: _duration_pb2.Duration
    """How far back negative feedback is clustered into issues, 1 hour to 365 days. Default 30 days."""
    trigger_rule: TriggerRule
    """What opens a review. Default EVIDENCE."""
    evidence_window_size: int
    """How many of the newest votes are evidence, 1 to 1,000. Default 50."""
    significance_level: float
    """How unlikely it must be that the votes are bad by chance, above 0 to 1. Default 0.0035."""
    baseline_prior_votes: float
    """Votes that the project is taken to have had besides its own, one of them negative, 1 to 10,000. Default 20."""
    baseline_floor: float
    """The least negative rate that the rest of the project is taken to have, 0 to 1. Default 0.02."""
    evidence_age: _duration_pb2.Duration
    """How old a vote may be to open a review, 1 hour to 365 days. Default 30 days."""
    scores: _containers.RepeatedScalarFieldContainer[str]
    """The scores that rates and reviews go by; the empty name is the overall score. Up to 10, each counted
    apart from when it is named, however many scores there are. Default the overall alone.
    """
    baseline_votes: int
    """From how many of the newest votes on all else the project's rate is taken, if there are as many within
    `evidence_age`; 1 to 1,000,000. Default 2,000.
    """
    voter_share: float
    """Largest share of the votes that decide which one voter's may be, above 0 to 1; one vote of each always counts. 1
    lets all count. Default 0.02.

    A voter is a user id, without one the interaction. It bounds how many votes of one count in a review's windows (a
    share of the smaller one, by default one vote, the newest), for a verdict (a share of the 25 of its first look, by
    default one vote, the first, before the fix and after it), and among what these are held against: a review's rest of
    the project, a verdict's control, and more than 2,000 votes before a fix. Those are counted by hours, of 128 groups
    of voters, and a group may have beside one voter's share what chance gives the others in it. A share is one of the
    votes that count, so nobody raises their bound by voting more. Where few vote much, as a team of testers does, raise
    it: with fewer than 25 voters no verdict comes of 0.02. Rates and totals that are read are of all votes.
    """
    def __init__(self, window_size: _Optional[int] = ..., minimum_sample: _Optional[int] = ..., negative_rate_threshold: _Optional[float] = ..., high_priority_above: _Optional[int] = ..., dismissal_quiet_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., vote_policy: _Optional[_Union[VotePolicy, str]] = ..., no_change_margin: _Optional[float] = ..., issue_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., trigger_rule: _Optional[_Union[TriggerRule, str]] = ..., evidence_window_size: _Optional[int] = ..., significance_level: _Optional[float] = ..., baseline_prior_votes: _Optional[float] = ..., baseline_floor: _Optional[float] = ..., evidence_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scores: _Optional[_Iterable[str]] = ..., baseline_votes: _Optional[int] = ..., voter_share: _Optional[float] = ...) -> None: ...

class Retention(_message.Message):
    """Retention says how long feedback is kept."""
    __slots__ = ("feedback_age",)
    FEEDBACK_AGE_FIELD_NUMBER: _ClassVar[int]
    feedback_age: _duration_pb2.Duration
    """Feedback older than this is deleted with its share of the numbers and its words in patterns and issues, and refused
    when it is sent; 1 day to 100 years. Corrections, and titles that people gave, stay. Unset: kept.
    """
    def __init__(self, feedback_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Redaction(_message.Message):
    """Redaction says what is replaced before text is stored."""
    __slots__ = ("disabled", "include_corrections", "phone_regions")
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    PHONE_REGIONS_FIELD_NUMBER: _ClassVar[int]
    disabled: bool
    """Leave text as it is. Default false: e-mail addresses, phone and card numbers and keys are replaced in queries,
    responses, comments, history and contexts.
    """
    include_corrections: bool
    """Redact corrections too. Default false."""
    phone_regions: _containers.RepeatedScalarFieldContainer[str]
    """Countries (ISO 3166-1 alpha-2, for example "DE") whose phone numbers are also recognised where they are written
    nationally with nothing beside them that says so. Up to 20.
    """
    def __init__(self, disabled: bool = ..., include_corrections: bool = ..., phone_regions: _Optional[_Iterable[str]] = ...) -> None: ...

class ProjectSettings(_message.Message):
    """ProjectSettings are what can be set for a project."""
    __slots__ = ("review_policy", "retention", "redaction")
    REVIEW_POLICY_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    REDACTION_FIELD_NUMBER: _ClassVar[int]
    review_policy: ReviewPolicy
    """When a pattern has turned bad."""
    retention: Retention
    """How long feedback is kept."""
    redaction: Redaction
    """What is replaced before storage."""
    def __init__(self, review_policy: _Optional[_Union[ReviewPolicy, _Mapping]] = ..., retention: _Optional[_Union[Retention, _Mapping]] = ..., redaction: _Optional[_Union[Redaction, _Mapping]] = ...) -> None: ...

class Project(_message.Message):
    """Project is a tenant. Projects never see each other's data."""
    __slots__ = ("id", "settings", "etag", "create_time", "update_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    """Id; matches [a-z0-9][a-z0-9-]{0,62}."""
    settings: ProjectSettings
    """The settings in force, defaults filled in."""
    etag: str
    """Changes with every change of the settings. Send it to make a change conditional."""
    create_time: _timestamp_pb2.Timestamp
    """When it was first used; unset for one not seen before."""
    update_time: _timestamp_pb2.Timestamp
    """When its settings last changed; unset if they never did."""
    def __init__(self, id: _Optional[str] = ..., settings: _Optional[_Union[ProjectSettings, _Mapping]] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetProjectRequest(_message.Message):
    """GetProjectRequest is the request of GetProject."""
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class GetProjectResponse(_message.Message):
    """GetProjectResponse is the response of GetProject."""
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    """The project."""
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class UpdateProjectRequest(_message.Message):
    """UpdateProjectRequest is the request of UpdateProject."""
    __slots__ = ("project", "settings", "update_mask", "etag", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    settings: ProjectSettings
    """The new values. Only the fields of `update_mask` are read and checked."""
    update_mask: _field_mask_pb2.FieldMask
    """What to change, for example `review_policy.window_size` or `retention`. A field that is named and unset goes back
    to its default. Required; up to 100 paths.
    """
    etag: str
    """If set, the call fails when the settings changed since."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., settings: _Optional[_Union[ProjectSettings, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateProjectResponse(_message.Message):
    """UpdateProjectResponse is the response of UpdateProject."""
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: Project
    """The project as it is now."""
    def __init__(self, project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class ListProjectsRequest(_message.Message):
    """ListProjectsRequest is the request of ListProjects."""
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before."""
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListProjectsResponse(_message.Message):
    """ListProjectsResponse is the response of ListProjects."""
    __slots__ = ("projects", "next_page_token")
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    projects: _containers.RepeatedCompositeFieldContainer[Project]
    """The projects, by id."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    def __init__(self, projects: _Optional[_Iterable[_Union[Project, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AuditEvent(_message.Message):
    """AuditEvent is one change by a person or key."""
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
    """Id."""
    time: _timestamp_pb2.Timestamp
    """When."""
    key_id: str
    """Id of the API key; empty without keys."""
    actor: str
    """The reviewer named in the request, if there was one."""
    peer: str
    """Network address of the caller."""
    method: str
    """The method, for example "uptake.v1.ReviewService/ResolveReview"."""
    resource_id: str
    """Id of the resource that changed."""
    changes: _containers.RepeatedCompositeFieldContainer[AuditChange]
    """The fields that changed."""
    def __init__(self, id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., key_id: _Optional[str] = ..., actor: _Optional[str] = ..., peer: _Optional[str] = ..., method: _Optional[str] = ..., resource_id: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[AuditChange, _Mapping]]] = ...) -> None: ...

class AuditChange(_message.Message):
    """AuditChange is one field before and after. Only enums and numbers have values; words are never kept."""
    __slots__ = ("field", "old_value", "new_value")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    field: str
    """Path of the field."""
    old_value: str
    """Its value before; empty for words."""
    new_value: str
    """Its value after; empty for words."""
    def __init__(self, field: _Optional[str] = ..., old_value: _Optional[str] = ..., new_value: _Optional[str] = ...) -> None: ...

class ListAuditEventsRequest(_message.Message):
    """ListAuditEventsRequest is the request of ListAuditEvents."""
    __slots__ = ("project", "start_time", "end_time", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    start_time: _timestamp_pb2.Timestamp
    """Changes at this time or later."""
    end_time: _timestamp_pb2.Timestamp
    """Changes before this time."""
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before, with the same bounds."""
    def __init__(self, project: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAuditEventsResponse(_message.Message):
    """ListAuditEventsResponse is the response of ListAuditEvents."""
    __slots__ = ("audit_events", "next_page_token")
    AUDIT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audit_events: _containers.RepeatedCompositeFieldContainer[AuditEvent]
    """The changes, newest first."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    def __init__(self, audit_events: _Optional[_Iterable[_Union[AuditEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
