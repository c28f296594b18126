import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from uptake.v1 import error_pb2 as _error_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Checkpoint(_message.Message):
    """Checkpoint says that everything up to its response's resume token was delivered. It is sent while nothing else is, so
    that a subscriber of a quiet project has a fresh token too.
    """
    __slots__ = ("time",)
    TIME_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    """When the service made it."""
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StreamEnd(_message.Message):
    """StreamEnd is the last message of a stream that the service ends. The status after it is UNAVAILABLE when another
    process should be asked, RESOURCE_EXHAUSTED when the subscriber was too slow. A stream can end with a status alone, as
    where the subscriber reads nothing any more.
    """
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: _error_pb2.ErrorReason
    """Why the stream ends, for programs: that of the status which follows."""
    message: str
    """Why, for people."""
    def __init__(self, reason: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ...) -> None: ...
