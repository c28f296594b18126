from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Interval(_message.Message):
    """Interval is where a number lies in all likelihood, both ends included."""
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    """The lower end."""
    high: float
    """The upper end."""
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...
