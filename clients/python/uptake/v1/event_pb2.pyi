import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import correction_pb2 as _correction_pb2
from uptake.v1 import issue_pb2 as _issue_pb2
from uptake.v1 import review_pb2 as _review_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """EventKind is what an event is about."""
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    """Not set; never sent."""
    EVENT_KIND_REVIEW: _ClassVar[EventKind]
    """A review changed."""
    EVENT_KIND_ISSUE: _ClassVar[EventKind]
    """An issue changed."""
    EVENT_KIND_CORRECTION: _ClassVar[EventKind]
    """A correction changed its state: it was applied, superseded or reverted, or came into force again."""
    EVENT_KIND_VERDICT: _ClassVar[EventKind]
    """A verdict changed."""

class EventSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    """EventSeverity is how much an event matters."""
    __slots__ = ()
    EVENT_SEVERITY_UNSPECIFIED: _ClassVar[EventSeverity]
    """The same as INFO in a filter; never sent."""
    EVENT_SEVERITY_INFO: _ClassVar[EventSeverity]
    """Good to know: a claim, a renewal."""
    EVENT_SEVERITY_WARNING: _ClassVar[EventSeverity]
    """Something turned: a review opened, an issue is new."""
    EVENT_SEVERITY_CRITICAL: _ClassVar[EventSeverity]
    """It hurts: a review of high priority opened or reopened, an issue escalates or came back, a correction made it worse."""
EVENT_KIND_UNSPECIFIED: EventKind
"""Not set; never sent."""
EVENT_KIND_REVIEW: EventKind
"""A review changed."""
EVENT_KIND_ISSUE: EventKind
"""An issue changed."""
EVENT_KIND_CORRECTION: EventKind
"""A correction changed its state: it was applied, superseded or reverted, or came into force again."""
EVENT_KIND_VERDICT: EventKind
"""A verdict changed."""
EVENT_SEVERITY_UNSPECIFIED: EventSeverity
"""The same as INFO in a filter; never sent."""
EVENT_SEVERITY_INFO: EventSeverity
"""Good to know: a claim, a renewal."""
EVENT_SEVERITY_WARNING: EventSeverity
"""Something turned: a review opened, an issue is new."""
EVENT_SEVERITY_CRITICAL: EventSeverity
"""It hurts: a review of high priority opened or reopened, an issue escalates or came back, a correction made it worse."""

class Event(_message.Message):
    """Event is something that happened in a project. It holds ids, states, revisions and numbers, never users' words.

    A project's events have one order, that of `seq`, for every subscriber and for ever. A subscriber gets them in this
    order; with a filter some are left out, and nothing comes late.
    """
    __slots__ = ("seq", "time", "kind", "severity", "review", "issue", "correction", "verdict")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    """Its place in the project's history: 1, 2, 3 and so on. Events of one resource are in the order of its changes, and
    what an event led to comes after it.
    """
    time: _timestamp_pb2.Timestamp
    """When it was committed, by the database's clock; not always ascending with `seq`."""
    kind: EventKind
    """What it is about."""
    severity: EventSeverity
    """How much it matters."""
    review: ReviewEvent
    """To a review."""
    issue: IssueEvent
    """To an issue."""
    correction: CorrectionEvent
    """To a correction."""
    verdict: VerdictEvent
    """To a verdict."""
    def __init__(self, seq: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[EventKind, str]] = ..., severity: _Optional[_Union[EventSeverity, str]] = ..., review: _Optional[_Union[ReviewEvent, _Mapping]] = ..., issue: _Optional[_Union[IssueEvent, _Mapping]] = ..., correction: _Optional[_Union[CorrectionEvent, _Mapping]] = ..., verdict: _Optional[_Union[VerdictEvent, _Mapping]] = ...) -> None: ...

class ReviewEvent(_message.Message):
    """ReviewEvent is a change of a review."""
    __slots__ = ("review_id", "pattern_id", "action", "state", "priority", "negative_rate", "sample_size", "revision")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PATTERN_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    """The review."""
    pattern_id: str
    """Its pattern."""
    action: _review_pb2.ReviewAction
    """What happened."""
    state: _review_pb2.ReviewState
    """Its state after that."""
    priority: _review_pb2.ReviewPriority
    """Its priority after that."""
    negative_rate: float
    """Its negative rate after that, 0 to 1; unset without feedback."""
    sample_size: int
    """How many pieces of feedback that rate is of."""
    revision: int
    """Its revision after that: 1 when it was made, one more with each change."""
    def __init__(self, review_id: _Optional[str] = ..., pattern_id: _Optional[str] = ..., action: _Optional[_Union[_review_pb2.ReviewAction, str]] = ..., state: _Optional[_Union[_review_pb2.ReviewState, str]] = ..., priority: _Optional[_Union[_review_pb2.ReviewPriority, str]] = ..., negative_rate: _Optional[float] = ..., sample_size: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class IssueEvent(_message.Message):
    """IssueEvent is a change of an issue."""
    __slots__ = ("issue_id", "state", "frequency", "generation", "revision", "merged_into_issue_id")
    ISSUE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_ISSUE_ID_FIELD_NUMBER: _ClassVar[int]
    issue_id: str
    """The issue."""
    state: _issue_pb2.IssueState
    """Its state after that."""
    frequency: int
    """Its frequency after that."""
    generation: int
    """The clustering run's generation."""
    revision: int
    """Its revision after that: 1 when it was made, one more with each change."""
    merged_into_issue_id: str
    """The issue that it became part of, if people merged it."""
    def __init__(self, issue_id: _Optional[str] = ..., state: _Optional[_Union[_issue_pb2.IssueState, str]] = ..., frequency: _Optional[int] = ..., generation: _Optional[int] = ..., revision: _Optional[int] = ..., merged_into_issue_id: _Optional[str] = ...) -> None: ...

class CorrectionEvent(_message.Message):
    """CorrectionEvent is a change of a correction."""
    __slots__ = ("correction_id", "state", "revision")
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    correction_id: str
    """The correction."""
    state: _correction_pb2.CorrectionState
    """Its state after that."""
    revision: int
    """The revision of its target after that."""
    def __init__(self, correction_id: _Optional[str] = ..., state: _Optional[_Union[_correction_pb2.CorrectionState, str]] = ..., revision: _Optional[int] = ...) -> None: ...

class VerdictEvent(_message.Message):
    """VerdictEvent is a change of a verdict."""
    __slots__ = ("correction_id", "verdict", "later_votes")
    CORRECTION_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LATER_VOTES_FIELD_NUMBER: _ClassVar[int]
    correction_id: str
    """The correction."""
    verdict: _correction_pb2.Verdict
    """Its verdict after that."""
    later_votes: int
    """How many later votes it rests on."""
    def __init__(self, correction_id: _Optional[str] = ..., verdict: _Optional[_Union[_correction_pb2.Verdict, str]] = ..., later_votes: _Optional[int] = ...) -> None: ...

class EventFilter(_message.Message):
    """EventFilter narrows a subscription. Every set field must match."""
    __slots__ = ("kinds", "minimum_severity")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[EventKind]
    """Kinds, up to 100. Default all."""
    minimum_severity: EventSeverity
    """Leave out what matters less. Default INFO: leave out nothing."""
    def __init__(self, kinds: _Optional[_Iterable[_Union[EventKind, str]]] = ..., minimum_severity: _Optional[_Union[EventSeverity, str]] = ...) -> None: ...
