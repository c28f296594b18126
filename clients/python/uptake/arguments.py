"""What callers give is checked where they give it: an error names the argument, what it was and what it may be.

The service cannot see these mistakes: by the time it reads a message a large integer is a rounded double, and a
misspelt name is not there at all.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from datetime import datetime

from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from uptake.v1.feedback_pb2 import ChatMessage

EXACT_INTEGERS = 2**53
"""Up to here, and down to its negative, a double holds every integer; JSON numbers travel as doubles."""

MAX_CUSTOM_DEPTH = 32
"""How deep the service lets a custom value be nested."""

_SHOWN = 60


def unexpected(function: str, name: str, allowed: Collection[str]) -> TypeError:
    """The error for a keyword argument that a function does not take: tells which was probably meant, or all."""
    close = difflib.get_close_matches(name.lower(), allowed, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(allowed)}"
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}; {hint}")


def text(name: str, value: object) -> str:
    """Check a text.

    Raises:
        TypeError: it is none.
        ValueError: it is not Unicode: half of a surrogate pair stands alone in it.
    """
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is no Unicode text: character {error.start} is half of a surrogate pair") from None
    return value


def texts(name: str, value: object) -> dict[str, str]:
    """Check a map from text to text.

    Raises:
        TypeError: it is no mapping, or a key or value in it is no text.
        ValueError: a text in it is not Unicode.
    """
    if not isinstance(value, Mapping):
        raise _wrong(name, value, "a mapping from text to text")
    checked = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"the keys of {name} must be text, not {_shown(key)}")
        checked[text(f"the key {key!r} of {name}", key)] = text(_member(name, key), item)
    return checked


def text_list(name: str, value: object) -> list[str]:
    """Check a list of texts.

    Raises:
        TypeError: it is no list or tuple, or something in it is no text.
        ValueError: a text in it is not Unicode.
    """
    if not isinstance(value, list | tuple):
        raise _wrong(name, value, "a list of texts")
    return [text(f"{name}[{place}]", item) for place, item in enumerate(value)]


def chat_messages(name: str, value: object) -> list[ChatMessage]:
    """Convert the messages of a conversation: each a mapping with the keys "role" and "content".

    Raises:
        TypeError: it is no list or tuple of such mappings, or a mapping has other keys.
        ValueError: a text in it is not Unicode.
    """
    if not isinstance(value, list | tuple):
        raise _wrong(name, value, 'a list of messages such as {"role": "user", "content": "Hello"}')
    return [_chat_message(f"{name}[{place}]", item) for place, item in enumerate(value)]


def _chat_message(name: str, value: object) -> ChatMessage:
    if not isinstance(value, Mapping) or value.keys() != {"role", "content"}:
        raise _wrong(name, value, 'a mapping with the keys "role" and "content" and no others')
    return ChatMessage(
        role=text(_member(name, "role"), value["role"]), content=text(_member(name, "content"), value["content"])
    )


def number(name: str, value: object) -> float:
    """Check a number.

    Raises:
        TypeError: it is no int or float.
        ValueError: it is not finite, or too large for a double.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, value, "a number")
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise ValueError(f"{name} must be a finite number, not {_shown(value)}")
    return double


def moment(name: str, value: object) -> Timestamp:
    """Convert a moment, to the microsecond.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone; guessing one would put feedback into the wrong hour.
    """
    if not isinstance(value, datetime):
        raise _wrong(name, value, "a datetime with a time zone")
    if value.utcoffset() is None:
        raise ValueError(f"{name} has no time zone: {value!r}; use datetime.now(UTC) or the like")
    made = Timestamp()
    made.FromDatetime(value)
    return made


def json_value(name: str, value: object, depth: int = 1) -> Value:
    """Convert a JSON value, exactly.

    Args:
        name: the argument, with the path of what is in it: `custom["ids"][3]`.
        value: None, a bool, int, float or str, or a list, tuple or mapping of these with text as keys.
        depth: how deep it is nested in the argument, from 1.

    Raises:
        TypeError: it, or something in it, is no JSON.
        ValueError: an integer in it is larger than a double holds exactly, a number is not finite, a text is not
            Unicode, or it is nested too deeply.
    """
    if depth > MAX_CUSTOM_DEPTH:
        raise ValueError(f"{name} is nested deeper than the {MAX_CUSTOM_DEPTH} levels that the service keeps")
    match value:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]  # NULL_VALUE
        case bool():
            return Value(bool_value=value)
        case str():
            return Value(string_value=text(name, value))
        case int() if abs(value) > EXACT_INTEGERS:
            raise ValueError(
                f"{name} is {_shown(value)}: integers beyond 2**53 do not come back as they were sent; send it as text"
            )
        case int() | float():
            return Value(number_value=number(name, value))
        case list() | tuple():
            items = [json_value(f"{name}[{place}]", item, depth + 1) for place, item in enumerate(value)]
            return Value(list_value=ListValue(values=items))
        case Mapping():
            struct = Struct()
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"the keys of {name} must be text, not {_shown(key)}")
                text(f"the key {key!r} of {name}", key)
                struct.fields[key].CopyFrom(json_value(_member(name, key), item, depth + 1))
            return Value(struct_value=struct)
    raise _wrong(name, value, "JSON: None, a bool, number or text, or a list or mapping of these")


def _member(name: str, key: str) -> str:
    escaped = _cut(key).replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}["{escaped}"]'


def _wrong(name: str, value: object, allowed: str) -> TypeError:
    return TypeError(f"{name} must be {allowed}, not {_shown(value)}")


def _shown(value: object) -> str:
    # Python writes no integer of more than 4,300 digits in decimal.
    shown = hex(value) if isinstance(value, int) and value.bit_length() > 10_000 else repr(value)
    return f"{_cut(shown)} ({type(value).__name__})"


def _cut(shown: str) -> str:
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
