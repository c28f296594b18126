import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import error_pb2 as _error_pb2
from uptake.v1 import feedback_pb2 as _feedback_pb2
from uptake.v1 import interval_pb2 as _interval_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CorrectionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """CorrectionState tells whether a correction is in force."""
    __slots__ = ()
    CORRECTION_STATE_UNSPECIFIED: _ClassVar[CorrectionState]
    """Not set; never sent."""
    CORRECTION_STATE_APPLIED: _ClassVar[CorrectionState]
    """It is in force."""
    CORRECTION_STATE_SUPERSEDED: _ClassVar[CorrectionState]
    """A later correction of the same target covers it."""
    CORRECTION_STATE_REVERTED: _ClassVar[CorrectionState]
    """It was undone."""
    CORRECTION_STATE_PROPOSED: _ClassVar[CorrectionState]
    """It waits for a person to apply it, and changed nothing yet. No call makes this state so far: it is for corrections
    that agents propose.
    """

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """Verdict says whether a correction helped."""
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    """Not set; never sent."""
    VERDICT_NOT_ENOUGH_DATA: _ClassVar[Verdict]
    """Not enough votes on later answers to tell."""
    VERDICT_IMPROVED: _ClassVar[Verdict]
    """The negative rate fell."""
    VERDICT_WORSE: _ClassVar[Verdict]
    """The negative rate rose."""
    VERDICT_NO_CHANGE: _ClassVar[Verdict]
    """The negative rate stayed, within the policy's margin."""
CORRECTION_STATE_UNSPECIFIED: CorrectionState
"""Not set; never sent."""
CORRECTION_STATE_APPLIED: CorrectionState
"""It is in force."""
CORRECTION_STATE_SUPERSEDED: CorrectionState
"""A later correction of the same target covers it."""
CORRECTION_STATE_REVERTED: CorrectionState
"""It was undone."""
CORRECTION_STATE_PROPOSED: CorrectionState
"""It waits for a person to apply it, and changed nothing yet. No call makes this state so far: it is for corrections
that agents propose.
"""
VERDICT_UNSPECIFIED: Verdict
"""Not set; never sent."""
VERDICT_NOT_ENOUGH_DATA: Verdict
"""Not enough votes on later answers to tell."""
VERDICT_IMPROVED: Verdict
"""The negative rate fell."""
VERDICT_WORSE: Verdict
"""The negative rate rose."""
VERDICT_NO_CHANGE: Verdict
"""The negative rate stayed, within the policy's margin."""

class CorrectionDraft(_message.Message):
    """CorrectionDraft is a correction to apply."""
    __slots__ = ("knowledge", "instructions", "base_revision", "feedback_ids", "review_id", "note")
    KNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_IDS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    knowledge: KnowledgeChange
    """An entry of the knowledge base."""
    instructions: InstructionsChange
    """Instructions."""
    base_revision: int
    """The revision that the change was made against; 0 means that the target does not exist, be it that it never did or
    that it was deleted by a revert. Another head: ABORTED.
    Unset: whatever the head is.
    """
    feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    """The feedback that it answers, by id. Up to 100."""
    review_id: str
    """The review that it belongs to."""
    note: str
    """Why, in the reviewer's words. Up to 10,000 characters."""
    def __init__(self, knowledge: _Optional[_Union[KnowledgeChange, _Mapping]] = ..., instructions: _Optional[_Union[InstructionsChange, _Mapping]] = ..., base_revision: _Optional[int] = ..., feedback_ids: _Optional[_Iterable[str]] = ..., review_id: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class KnowledgeChange(_message.Message):
    """KnowledgeChange sets the content of one entry of the knowledge base."""
    __slots__ = ("key", "content")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    key: str
    """The entry's key, 1 to 256 characters."""
    content: str
    """The new content. Required; up to 50,000 characters."""
    def __init__(self, key: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class InstructionsChange(_message.Message):
    """InstructionsChange sets the content of named instructions."""
    __slots__ = ("name", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    """The name, 1 to 256 characters."""
    content: str
    """The new content, whole. Required; up to 50,000 characters."""
    def __init__(self, name: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Correction(_message.Message):
    """Correction is a change to knowledge or to instructions that was applied."""
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
    """Id, made by the service."""
    kind: _feedback_pb2.CorrectionKind
    """What it changed."""
    target: str
    """Key of the knowledge entry or name of the instructions."""
    revision: int
    """The revision that it made."""
    base_revision: int
    """The revision before it; 0 when it made the target, or brought it back after a revert had deleted it."""
    content: str
    """The content that it set."""
    diff: str
    """The difference from the revision before, as a unified diff."""
    feedback_ids: _containers.RepeatedScalarFieldContainer[str]
    """The feedback that it answers, by id."""
    review_id: str
    """The review that it belongs to."""
    pattern_id: str
    """The pattern whose feedback measures it."""
    reviewer: str
    """Who applied it."""
    note: str
    """Why."""
    state: CorrectionState
    """Whether it is in force."""
    verdict: VerdictReport
    """Whether it helped."""
    create_time: _timestamp_pb2.Timestamp
    """When it was made, which is when it was applied."""
    revert_time: _timestamp_pb2.Timestamp
    """When it was undone; unset if it was not."""
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[_feedback_pb2.CorrectionKind, str]] = ..., target: _Optional[str] = ..., revision: _Optional[int] = ..., base_revision: _Optional[int] = ..., content: _Optional[str] = ..., diff: _Optional[str] = ..., feedback_ids: _Optional[_Iterable[str]] = ..., review_id: _Optional[str] = ..., pattern_id: _Optional[str] = ..., reviewer: _Optional[str] = ..., note: _Optional[str] = ..., state: _Optional[_Union[CorrectionState, str]] = ..., verdict: _Optional[_Union[VerdictReport, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revert_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VoteRate(_message.Message):
    """VoteRate is how many votes of some answers are negative."""
    __slots__ = ("votes", "negative_rate", "left_out")
    VOTES_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    votes: int
    """The votes that count."""
    negative_rate: float
    """Share of negative ones among them, 0 to 1; unset without votes."""
    left_out: int
    """Votes that do not count, because their voters counted as often as the policy's `voter_share` allowed when the
    correction was applied.
    """
    def __init__(self, votes: _Optional[int] = ..., negative_rate: _Optional[float] = ..., left_out: _Optional[int] = ...) -> None: ...

class VerdictReport(_message.Message):
    """VerdictReport is a verdict with what it rests on. It looks at certain numbers of later votes alone, so that watching it
    makes no error more frequent: see docs/verdicts.md.
    """
    __slots__ = ("verdict", "baseline", "later", "judged", "old_answers", "difference", "difference_interval", "control_drift", "control_left_out", "of_revert", "verdict_before_revert", "summary", "update_time")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    OLD_ANSWERS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CONTROL_DRIFT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    OF_REVERT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_BEFORE_REVERT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    """The verdict."""
    baseline: VoteRate
    """The votes before, without the feedback that triggered the review."""
    later: VoteRate
    """The votes on answers after the fix until now, up to the number that is looked at last."""
    judged: VoteRate
    """The later votes that the verdict and the difference are of. Unset until there are enough."""
    old_answers: VoteRate
    """The votes since the fix on answers from before it; they do not count."""
    difference: float
    """The negative rate of `judged` minus the baseline's, less the control's drift; -2 to 2. Unset until there are enough
    votes.
    """
    difference_interval: _interval_pb2.Interval
    """The interval of the difference: over all looks at most 5% of such intervals miss it. Unset where the difference is."""
    control_drift: float
    """How much the negative rate of patterns without a correction moved, -1 to 1. Unset without a control, which takes at
    least 100 votes on such patterns before the fix, and as many after it.
    """
    control_left_out: int
    """Votes of the control, before the fix and after it, that do not count because of the policy's `voter_share`."""
    of_revert: bool
    """The correction was reverted, and this is about the revert: the votes before are those on answers under the
    correction, the later ones those on answers after the revert.
    """
    verdict_before_revert: Verdict
    """The correction's verdict when it was reverted; unset if it was not."""
    summary: str
    """The verdict in words."""
    update_time: _timestamp_pb2.Timestamp
    """When it was last worked out; unset before the first time."""
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., baseline: _Optional[_Union[VoteRate, _Mapping]] = ..., later: _Optional[_Union[VoteRate, _Mapping]] = ..., judged: _Optional[_Union[VoteRate, _Mapping]] = ..., old_answers: _Optional[_Union[VoteRate, _Mapping]] = ..., difference: _Optional[float] = ..., difference_interval: _Optional[_Union[_interval_pb2.Interval, _Mapping]] = ..., control_drift: _Optional[float] = ..., control_left_out: _Optional[int] = ..., of_revert: bool = ..., verdict_before_revert: _Optional[_Union[Verdict, str]] = ..., summary: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ApplyCorrectionsRequest(_message.Message):
    """ApplyCorrectionsRequest is the request of ApplyCorrections."""
    __slots__ = ("project", "corrections", "reviewer", "dry_run", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    corrections: _containers.RepeatedCompositeFieldContainer[CorrectionDraft]
    """The corrections, 1 to 100. Each is checked alone: one that breaks a rule does not make the request invalid."""
    reviewer: str
    """Who applies them. Required; up to 256 characters."""
    dry_run: bool
    """Only show what would change; nothing is written, and the id of a correction is empty."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., corrections: _Optional[_Iterable[_Union[CorrectionDraft, _Mapping]]] = ..., reviewer: _Optional[str] = ..., dry_run: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class ApplyCorrectionsResponse(_message.Message):
    """ApplyCorrectionsResponse is the response of ApplyCorrections."""
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ApplyCorrectionResult]
    """One result for each correction, in their order."""
    def __init__(self, results: _Optional[_Iterable[_Union[ApplyCorrectionResult, _Mapping]]] = ...) -> None: ...

class ApplyCorrectionResult(_message.Message):
    """ApplyCorrectionResult is what became of one correction."""
    __slots__ = ("correction", "error")
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    correction: Correction
    """The correction, applied, or as it would be with `dry_run`."""
    error: _error_pb2.ItemError
    """Why it was not applied."""
    def __init__(self, correction: _Optional[_Union[Correction, _Mapping]] = ..., error: _Optional[_Union[_error_pb2.ItemError, _Mapping]] = ...) -> None: ...

class GetCorrectionRequest(_message.Message):
    """GetCorrectionRequest is the request of GetCorrection."""
    __slots__ = ("project", "id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The correction's id. Required."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetCorrectionResponse(_message.Message):
    """GetCorrectionResponse is the response of GetCorrection."""
    __slots__ = ("correction",)
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    correction: Correction
    """The correction."""
    def __init__(self, correction: _Optional[_Union[Correction, _Mapping]] = ...) -> None: ...

class CorrectionFilter(_message.Message):
    """CorrectionFilter narrows a list of corrections. Every set field must match; a repeated field matches any of its
    values, of which there are up to 100.
    """
    __slots__ = ("kinds", "states", "verdicts", "target", "review_id", "pattern_id")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[_feedback_pb2.CorrectionKind]
    """Kinds."""
    states: _containers.RepeatedScalarFieldContainer[CorrectionState]
    """States."""
    verdicts: _containers.RepeatedScalarFieldContainer[Verdict]
    """Verdicts."""
    target: str
    """Key of a knowledge entry or name of instructions."""
    review_id: str
    """The review."""
    pattern_id: str
    """The pattern."""
    def __init__(self, kinds: _Optional[_Iterable[_Union[_feedback_pb2.CorrectionKind, str]]] = ..., states: _Optional[_Iterable[_Union[CorrectionState, str]]] = ..., verdicts: _Optional[_Iterable[_Union[Verdict, str]]] = ..., target: _Optional[str] = ..., review_id: _Optional[str] = ..., pattern_id: _Optional[str] = ...) -> None: ...

class ListCorrectionsRequest(_message.Message):
    """ListCorrectionsRequest is the request of ListCorrections."""
    __slots__ = ("project", "filter", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    filter: CorrectionFilter
    """Which corrections. Default all."""
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before, with the same filter."""
    def __init__(self, project: _Optional[str] = ..., filter: _Optional[_Union[CorrectionFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCorrectionsResponse(_message.Message):
    """ListCorrectionsResponse is the response of ListCorrections."""
    __slots__ = ("corrections", "next_page_token")
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    corrections: _containers.RepeatedCompositeFieldContainer[Correction]
    """The corrections, newest first."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    def __init__(self, corrections: _Optional[_Iterable[_Union[Correction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevertCorrectionRequest(_message.Message):
    """RevertCorrectionRequest is the request of RevertCorrection."""
    __slots__ = ("project", "id", "reviewer", "note", "request_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    id: str
    """The correction's id. Required."""
    reviewer: str
    """Who reverts it. Required; up to 256 characters."""
    note: str
    """Why. Up to 10,000 characters."""
    request_id: str
    """Makes the call safe to repeat. Up to 128 characters."""
    def __init__(self, project: _Optional[str] = ..., id: _Optional[str] = ..., reviewer: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevertCorrectionResponse(_message.Message):
    """RevertCorrectionResponse is the response of RevertCorrection."""
    __slots__ = ("correction",)
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    correction: Correction
    """The correction as it is now."""
    def __init__(self, correction: _Optional[_Union[Correction, _Mapping]] = ...) -> None: ...

class KnowledgeEntry(_message.Message):
    """KnowledgeEntry is one entry of the knowledge base."""
    __slots__ = ("key", "content", "revision", "correction_id", "revision_create_time")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    key: str
    """The key."""
    content: str
    """The content."""
    revision: int
    """The revision; it grows by one with each change."""
    correction_id: str
    """The correction whose content this is; where a revert made the revision, the one that came into force again."""
    revision_create_time: _timestamp_pb2.Timestamp
    """When this revision was made."""
    def __init__(self, key: _Optional[str] = ..., content: _Optional[str] = ..., revision: _Optional[int] = ..., correction_id: _Optional[str] = ..., revision_create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SearchKnowledgeRequest(_message.Message):
    """SearchKnowledgeRequest is the request of SearchKnowledge."""
    __slots__ = ("project", "query", "limit", "minimum_similarity", "key_prefix")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    KEY_PREFIX_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    query: str
    """What to look for. Required; up to 10,000 characters."""
    limit: int
    """How many at most. Default 10; more than 100 is read as 100."""
    minimum_similarity: float
    """Leave out entries that are less similar, -1 to 1. Default 0."""
    key_prefix: str
    """Only entries whose key starts so."""
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ..., limit: _Optional[int] = ..., minimum_similarity: _Optional[float] = ..., key_prefix: _Optional[str] = ...) -> None: ...

class SearchKnowledgeResponse(_message.Message):
    """SearchKnowledgeResponse is the response of SearchKnowledge."""
    __slots__ = ("matches",)
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[KnowledgeMatch]
    """The entries, best first, as many of them as about 2 MiB hold."""
    def __init__(self, matches: _Optional[_Iterable[_Union[KnowledgeMatch, _Mapping]]] = ...) -> None: ...

class KnowledgeMatch(_message.Message):
    """KnowledgeMatch is an entry with its similarity to a query."""
    __slots__ = ("entry", "similarity")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    entry: KnowledgeEntry
    """The entry."""
    similarity: float
    """Cosine similarity of query and entry, -1 to 1."""
    def __init__(self, entry: _Optional[_Union[KnowledgeEntry, _Mapping]] = ..., similarity: _Optional[float] = ...) -> None: ...

class Instructions(_message.Message):
    """Instructions are named instructions at one revision."""
    __slots__ = ("name", "content", "revision", "correction_id", "revision_create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    """The name."""
    content: str
    """The content."""
    revision: int
    """The revision; it grows by one with each change."""
    correction_id: str
    """The correction whose content this is; where a revert made the revision, the one that came into force again."""
    revision_create_time: _timestamp_pb2.Timestamp
    """When this revision was made."""
    def __init__(self, name: _Optional[str] = ..., content: _Optional[str] = ..., revision: _Optional[int] = ..., correction_id: _Optional[str] = ..., revision_create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetInstructionsRequest(_message.Message):
    """GetInstructionsRequest is the request of GetInstructions."""
    __slots__ = ("project", "name", "revision", "known_revision")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KNOWN_REVISION_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    name: str
    """The name. Required."""
    revision: int
    """Which revision. Default the newest."""
    known_revision: int
    """The revision that the caller has; if it is the one asked for, the answer is `unchanged`."""
    def __init__(self, project: _Optional[str] = ..., name: _Optional[str] = ..., revision: _Optional[int] = ..., known_revision: _Optional[int] = ...) -> None: ...

class GetInstructionsResponse(_message.Message):
    """GetInstructionsResponse is the response of GetInstructions."""
    __slots__ = ("instructions", "unchanged")
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    instructions: Instructions
    """The instructions; unset when `unchanged`."""
    unchanged: bool
    """The caller has this revision already."""
    def __init__(self, instructions: _Optional[_Union[Instructions, _Mapping]] = ..., unchanged: bool = ...) -> None: ...

class ListInstructionRevisionsRequest(_message.Message):
    """ListInstructionRevisionsRequest is the request of ListInstructionRevisions."""
    __slots__ = ("project", "name", "page_size", "page_token")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project: str
    """The project. Default "default"."""
    name: str
    """The name. Required."""
    page_size: int
    """How many at most. Default 50; more than 1,000 is read as 1,000."""
    page_token: str
    """The `next_page_token` of the page before."""
    def __init__(self, project: _Optional[str] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInstructionRevisionsResponse(_message.Message):
    """ListInstructionRevisionsResponse is the response of ListInstructionRevisions."""
    __slots__ = ("instructions", "next_page_token")
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instructions: _containers.RepeatedCompositeFieldContainer[Instructions]
    """The revisions, newest first."""
    next_page_token: str
    """The token of the next page; empty at the end and only there. A page with a token may have fewer items than were
    asked for, or none: it ends early after about 2 MiB, and after looking at 1,000 items for those that match.
    """
    def __init__(self, instructions: _Optional[_Iterable[_Union[Instructions, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
