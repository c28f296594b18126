import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import error_pb2 as _error_pb2
from uptake.v1 import feedback_pb2 as _feedback_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CorrectionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CORRECTION_STATE_UNSPECIFIED: _ClassVar[CorrectionState]
    CORRECTION_STATE_APPLIED: _ClassVar[CorrectionState]
    CORRECTION_STATE_SUPERSEDED: _ClassVar[CorrectionState]
    CORRECTION_STATE_REVERTED: _ClassVar[CorrectionState]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_NOT_ENOUGH_DATA: _ClassVar[Verdict]
    VERDICT_IMPROVED: _ClassVar[Verdict]
    VERDICT_WORSE: _ClassVar[Verdict]
    VERDICT_NO_CHANGE: _ClassVar[Verdict]
CORRECTION_STATE_UNSPECIFIED: CorrectionState
CORRECTION_STATE_APPLIED: CorrectionState
CORRECTION_STATE_SUPERSEDED: CorrectionState
CORRECTION_STATE_REVERTED: CorrectionState
VERDICT_UNSPECIFIED: Verdict
VERDICT_NOT_ENOUGH_DATA: Verdict
VERDICT_IMPROVED: Verdict
VERDICT_WORSE: Verdict
VERDICT_NO_CHANGE: Verdict

class CorrectionDraft(_message.Message):
    __slots__ = ("knowledge", "instructions", "base_revision", "feedback_ids", "review_id", "note")
    KNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_IDS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    knowledge: KnowledgeChange
    instructions: InstructionsChange
    base_revision: int
    feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    review_id: str
    note: str
    def __init__(self, knowledge: _Optional[_Union[KnowledgeChange, _Mapping]] = ..., instructions: _Optional[_Union[InstructionsChange, _Mapping]] = ..., base_revision: _Optional[int] = ..., feedback_ids: _Optional[_Iterable[str]] = ..., review_id: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class KnowledgeChange(_message.Message):
    __slots__ = ("key", "content")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    key: str
    content: str
    def __init__(self, key: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class InstructionsChange(_message.Message):
    __slots__ = ("name", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: str
    def __init__(self, name: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Correction(_message.Message):
    __slots__ = ("id", "kind", "target", "revision", "base_revision", "content", "diff", "feedback_ids", "review_id", "pattern_id", "reviewer", "note", "state", "verdict", "create_time", "revert_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_IDS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVERT_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: _feedback_pb2.CorrectionKind
    target: str
    revision: int
    base_revision: int
    content: str
    diff: str
    feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    review_id: str
    pattern_id: str
    reviewer: str
    note: str
    state: CorrectionState
    verdict: VerdictReport
    create_time: _timestamp_pb2.Timestamp
    revert_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[_feedback_pb2.CorrectionKind, str]] = ..., target: _Optional[str] = ..., revision: _Optional[int] = ..., base_revision: _Optional[int] = ..., content: _Optional[str] = ..., diff: _Optional[str] = ..., feedback_ids: _Optional[_Iterable[str]] = ..., review_id: _Optional[str] = ..., pattern_id: _Optional[str] = ..., reviewer: _Optional[str] = ..., note: _Optional[str] = ..., state: _Optional[_Union[CorrectionState, str]] = ..., verdict: _Optional[_Union[VerdictReport, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revert_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VerdictReport(_message.Message):
    __slots__ = ("verdict", "baseline_rate", "baseline_votes", "later_rate", "later_votes", "difference", "difference_low", "difference_high", "control_drift", "has_control", "summary", "update_time", "look_votes", "look_rate", "old_answer_votes", "old_answer_rate", "of_revert", "verdict_before_revert", "baseline_left_out", "later_left_out", "control_left_out")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_RATE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_VOTES_FIELD_NUMBER: _ClassVar[int]
    LATER_RATE_FIELD_NUMBER: _ClassVar[int]
    LATER_VOTES_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_LOW_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_HIGH_FIELD_NUMBER: _ClassVar[int]
    CONTROL_DRIFT_FIELD_NUMBER: _ClassVar[int]
    HAS_CONTROL_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LOOK_VOTES_FIELD_NUMBER: _ClassVar[int]
    LOOK_RATE_FIELD_NUMBER: _ClassVar[int]
    OLD_ANSWER_VOTES_FIELD_NUMBER: _ClassVar[int]
    OLD_ANSWER_RATE_FIELD_NUMBER: _ClassVar[int]
    OF_REVERT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_BEFORE_REVERT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    LATER_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    baseline_rate: float
    baseline_votes: int
    later_rate: float
    later_votes: int
    difference: float
    difference_low: float
    difference_high: float
    control_drift: float
    has_control: bool
    summary: str
    update_time: _timestamp_pb2.Timestamp
    look_votes: int
    look_rate: float
    old_answer_votes: int
    old_answer_rate: float
    of_revert: bool
    verdict_before_revert: Verdict
    baseline_left_out: int
    later_left_out: int
    control_left_out: int
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., baseline_rate: _Optional[float] = ..., baseline_votes: _Optional[int] = ..., later_rate: _Optional[float] = ..., later_votes: _Optional[int] = ..., difference: _Optional[float] = ..., difference_low: _Optional[float] = ..., difference_high: _Optional[float] = ..., control_drift: _Optional[float] = ..., has_control: bool = ..., summary: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., look_votes: _Optional[int] = ..., look_rate: _Optional[float] = ..., old_answer_votes: _Optional[int] = ..., old_answer_rate: _Optional[float] = ..., of_revert: bool = ..., verdict_before_revert: _Optional[_Union[Verdict, str]] = ..., baseline_left_out: _Optional[int] = ..., later_left_out: _Optional[int] = ..., control_left_out: _Optional[int] = ...) -> None: ...

class ApplyCorrectionsRequest(_message.Message):
    __slots__ = ("project", "corrections", "reviewer", "dry_run", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    corrections: _containers.RepeatedCompositeFieldContainer[CorrectionDraft]
    reviewer: str
    dry_run: bool
    request_id: str
    def __init__(self, project: _Optional[str] = ..., corrections: _Optional[_Iterable[_Union[CorrectionDraft, _Mapping]]] = ..., reviewer: _Optional[str] = ..., dry_run: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class ApplyCorrectionsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ApplyCorrectionResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ApplyCorrectionResult, _Mapping]]] = ...) -> None: ...

class ApplyCorrectionResult(_message.Message):
    __slots__ = ("correction", "error")
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    correction: Correction
    error: _error_pb2.ItemError
    def __init__(self, correction: _Optional[_Union[Correction, _Mapping]] = ..., error: _Optional[_Union[_error_pb2.ItemError, _Mapping]] = ...) -> None: ...

class GetCorrectionRequest(_message.Message):
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetCorrectionResponse(_message.Message):
    __slots__ = ("correction",)
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    correction: Correction
    def __init__(self, correction: _Optional[_Union[Correction, _Mapping]] = ...) -> None: ...

class CorrectionFilter(_message.Message):
    __slots__ = ("kinds", "states", "verdicts", "target", "review_id", "pattern_id")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[_feedback_pb2.CorrectionKind]
    states: _containers.RepeatedScalarFieldContainer[CorrectionState]
    verdicts: _containers.RepeatedScalarFieldContainer[Verdict]
    target: str
    review_id: str
    pattern_id: str
    def __init__(self, kinds: _Optional[_Iterable[_Union[_feedback_pb2.CorrectionKind, str]]] = ..., states: _Optional[_Iterable[_Union[CorrectionState, str]]] = ..., verdicts: _Optional[_Iterable[_Union[Verdict, str]]] = ..., target: _Optional[str] = ..., review_id: _Optional[str] = ..., pattern_id: _Optional[str] = ...) -> None: ...

class ListCorrectionsRequest(_message.Message):
    __slots__ = ("project", "filter", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    filter: CorrectionFilter
    page_size: int
    page_token: str
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[CorrectionFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCorrectionsResponse(_message.Message):
    __slots__ = ("corrections", "next_page_token")
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    corrections: _containers.RepeatedCompositeFieldContainer[Correction]
    next_page_token: str
    def __init__(self, corrections: _Optional[_Iterable[_Union[Correction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevertCorrectionRequest(_message.Message):
    __slots__ = ("project", "id", "reviewer", "note", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    id: str
    reviewer: str
    note: str
    request_id: str
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., reviewer: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevertCorrectionResponse(_message.Message):
    __slots__ = ("correction",)
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    correction: Correction
    def __init__(self, correction: _Optional[_Union[Correction, _Mapping]] = ...) -> None: ...

class KnowledgeEntry(_message.Message):
    __slots__ = ("key", "content", "revision", "correction_id", "update_time")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    key: str
    content: str
    revision: int
    correction_id: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., content: _Optional[str] = ..., revision: _Optional[int] = ..., correction_id: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SearchKnowledgeRequest(_message.Message):
    __slots__ = ("project", "query", "page_size", "minimum_score", "key_prefix")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SCORE_FIELD_NUMBER: _ClassVar[int]
    KEY_PREFIX_FIELD_NUMBER: _ClassVar[int]
    project: str
    query: str
    page_size: int
    minimum_score: float
    key_prefix: str
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ..., page_size: _Optional[int] = ..., minimum_score: _Optional[float] = ..., key_prefix: _Optional[str] = ...) -> None: ...

class SearchKnowledgeResponse(_message.Message):
    __slots__ = ("matches",)
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[KnowledgeMatch]
    def __init__(self, matches: _Optional[_Iterable[_Union[KnowledgeMatch, _Mapping]]] = ...) -> None: ...

class KnowledgeMatch(_message.Message):
    __slots__ = ("entry", "score")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    entry: KnowledgeEntry
    score: float
    def __init__(self, entry: _Optional[_Union[KnowledgeEntry, _Mapping]] = ..., score: _Optional[float] = ...) -> None: ...

class Instructions(_message.Message):
    __slots__ = ("name", "content", "revision", "correction_id", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: str
    revision: int
    correction_id: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., content: _Optional[str] = ..., revision: _Optional[int] = ..., correction_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetInstructionsRequest(_message.Message):
    __slots__ = ("project", "name", "revision", "known_revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KNOWN_REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    name: str
    revision: int
    known_revision: int
    def __init__(self, project: _Optional[str] = ..., name: _Optional[str] = ..., revision: _Optional[int] = ..., known_revision: _Optional[int] = ...) -> None: ...

class GetInstructionsResponse(_message.Message):
    __slots__ = ("instructions", "unchanged")
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    instructions: Instructions
    unchanged: bool
    def __init__(self, instructions: _Optional[_Union[Instructions, _Mapping]] = ..., unchanged: bool = ...) -> None: ...

class ListInstructionRevisionsRequest(_message.Message):
    __slots__ = ("project", "name", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    name: str
    page_size: int
    page_token: str
    def __init__(self, project: _Optional[str] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInstructionRevisionsResponse(_message.Message):
    __slots__ = ("instructions", "next_page_token")
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instructions: _containers.RepeatedCompositeFieldContainer[Instructions]
    next_page_token: str
    def __init__(self, instructions: _Optional[_Iterable[_Union[Instructions, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
