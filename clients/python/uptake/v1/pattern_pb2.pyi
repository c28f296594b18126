import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Pattern(_message.Message):
    """Pattern is a group of queries that ask the same thing."""
    __slots__ = ("id", "representative_query", "feedback_count", "negative_count", "create_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    REPRESENTATIVE_QUERY_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    """Id."""
    representative_query: str
    """The query that stands for the pattern: its first."""
    feedback_count: int
    """How many active pieces of feedback of the overall score it has."""
    negative_count: int
    """How many of them are negative."""
    create_time: _timestamp_pb2.Timestamp
    """When its first feedback came in."""
    def __init__(self, id: _Optional[str] = ..., representative_query: _Optional[str] = ..., feedback_count: _Optional[int] = ..., negative_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
