"""The rules of requests: protovalidate runs those that the contract states as `buf.validate` options of its fields.

What depends on the service's state, on the time, or on another field is not among them; servicers check that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from uptake_service.domain.errors import MOST_VIOLATIONS, InvalidRequest, Violation

_VALIDATOR = protovalidate.Validator()
"""Compiles the rules of a message type when it sees the first, and keeps them."""

_OURS = "uptake.v1"
_SHOWN_KEY = 63
"""Characters of a map's key that a path quotes."""

_DESCRIPTIONS: Mapping[str, Callable[[protovalidate.Violation], str]] = {
    "required": lambda broken: "is required",
    "string.min_len": lambda broken: _not_empty(broken),
    "string.pattern": lambda broken: f"must match {_bare(broken.rule_value)}",
    "enum.defined_only": lambda broken: f"has no value {broken.field_value}",
    "enum.not_in": lambda broken: f"has no value {broken.field_value}",
    "repeated.min_items": lambda broken: _not_empty(broken),
    "repeated.max_items": lambda broken: f"must have at most {broken.rule_value:,} items",
    "repeated.unique": lambda broken: "must not have the same twice",
    "map.max_pairs": lambda broken: f"must have at most {broken.rule_value} entries",
}
"""What a broken rule is called, by its id, where protovalidate's own words leave something to be wished for."""


def check(message: Message) -> None:
    """Returns if a request keeps all rules; about 9 microseconds for a piece of feedback.

    Raises:
        InvalidRequest: It does not. Where the items of a list are each checked alone, and the request itself is
            invalid, what is wrong with the items is told too.
    """
    if not _VALIDATOR.collect_violations(message, fail_fast=True):
        return
    broken = violations_of(message, most=MOST_VIOLATIONS)
    raise InvalidRequest(broken.violations, broken.left_out)


@dataclass
class Broken:
    """The rules that a message breaks: some of them, and how many more there are."""

    violations: list[Violation]
    left_out: int = 0


def violations_of(message: Message, path: str = "", *, most: int | None = None) -> Broken:
    """Which rules a message breaks.

    Args:
        message: The message.
        path: What stands before its fields' paths, for example "feedback.".
        most: So many are told, of those of items that are checked alone as many as it takes; None for all.
    """
    copy = type(message)()
    copy.CopyFrom(message)
    _cut_lists(copy)
    found = _VALIDATOR.collect_violations(copy)
    broken = Broken([_to_violation(each, path) for each in found[:most]], len(found[most:]) if most else 0)
    for field, value in copy.ListFields():
        if _checks_items_alone(field):
            for place, item in enumerate(value):
                left = None if most is None else most - len(broken.violations)
                if left == 0:
                    break
                of_item = violations_of(item, f"{path}{field.name}[{place}].", most=left)
                broken.violations += of_item.violations
                broken.left_out += of_item.left_out
    return broken


def violations_in_mask(message: Message, path: str, named: Sequence[str]) -> list[Violation]:
    """As `violations_of`, of the fields that an update mask names alone: what it leaves out is not read.

    Args:
        message: The new values.
        path: Their field in the request.
        named: The mask's paths, from the message.
    """
    masked = tuple(f"{path}.{name}{end}" for name in named for end in (".", "["))
    return [each for each in violations_of(message, f"{path}.").violations if f"{each.field}.".startswith(masked)]


def _bare(pattern: str) -> str:
    """A pattern of a whole text without its ends, and without that the text may be empty."""
    return pattern.removeprefix("^").removesuffix("$").removeprefix("(").removesuffix(")?")


def _not_empty(broken: protovalidate.Violation) -> str:
    return "must not be empty" if broken.rule_value == 1 else broken.proto.message


def _to_violation(broken: protovalidate.Violation, path: str) -> Violation:
    made = broken.proto
    describe = _DESCRIPTIONS.get(made.rule_id)
    description = describe(broken) if describe is not None else made.message
    if made.for_key:
        description = f"keys {description}"
    return Violation(path + "".join(_parts(made)), description)


def _parts(made: "protovalidate.ViolationPb") -> Iterator[str]:
    """The parts of the path to what breaks a rule. A map's wrong key is told of the map."""
    elements = made.field.elements if made.field is not None else ()
    for place, element in enumerate(elements):
        yield f".{element.field_name}" if place else element.field_name
        at = element.subscript
        if at is not None and not (made.for_key and place == len(elements) - 1):
            yield f"[{str(at.value)[:_SHOWN_KEY]}]"


def _cut_lists(message: Message) -> None:
    """Leaves of each list one item more than it may have: it stays too long, and is told of in a moment. A request
    may have millions of items, and protovalidate takes 10 microseconds for each that breaks a rule."""
    for field, value in message.ListFields():
        if not field.is_repeated:
            if _is_ours(field):
                _cut_lists(value)
            continue
        rules = _rules(field)
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            kept = {key: value[key] for key in islice(value, rules.map.max_pairs + 1)}
            value.clear()
            value.update(kept)
            continue
        if rules.repeated.max_items:
            del value[rules.repeated.max_items + 1 :]
        if _is_ours(field) and not _checks_items_alone(field):
            for item in value:
                _cut_lists(item)


def _is_ours(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.file.package == _OURS


def _checks_items_alone(field: FieldDescriptor) -> bool:
    return field.is_repeated and _rules(field).repeated.items.ignore == validate_pb2.IGNORE_ALWAYS


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    # The stubs of options do not know what type an extension has.
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index]
    return rules
