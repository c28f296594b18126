"""The rules of requests: protovalidate runs those that the contract states as `buf.validate` options of its fields.

What depends on the service's state, on the time, or on another field is not among them. Servicers check that after
the rules, so a request that breaks a rule is not told of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from uptake_service.domain.errors import MOST_VIOLATIONS, InvalidRequest, Violation

_VALIDATOR = protovalidate.Validator()
"""Compiles the rules of a message type when it sees the first (see `warm`), and keeps them."""

_OURS = "uptake.v1"
_SHOWN_KEY = 63
"""Characters of a map's key that a path quotes."""
_ITEMS_LOOKED_AT = 100
"""Of items that are checked alone, so many are looked at to say what else is wrong with an invalid request."""

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


def warm(types: Iterable[Descriptor]) -> None:
    """Compiles the rules of message types and of those in them, which else the first message of each waits for:
    some 40 milliseconds for all requests."""
    seen: set[Descriptor] = set()
    left = list(types)
    while left:
        type_ = left.pop()
        if type_ not in seen:
            seen.add(type_)
            _VALIDATOR.collect_violations(GetMessageClass(type_)(), fail_fast=True)
            ours = (field for field in type_.fields if _is_ours(field) and not _is_map(field))
            left += [field.message_type for field in ours if field.message_type is not None]


def check(message: Message) -> None:
    """Raises InvalidRequest unless the request keeps every rule; takes about 8 microseconds for a piece of feedback.

    Items that are checked alone, those of a batch, make no request invalid. Where it is invalid anyway, broken rules of
    its first 100 items are told too. The lists of an invalid request are cut.
    """
    if not _VALIDATOR.collect_violations(message, fail_fast=True):
        return
    broken = _violations_of(message, "", MOST_VIOLATIONS)
    raise InvalidRequest(broken.violations, broken.left_out)


@dataclass
class Broken:
    """The rules that a message breaks: some of them, and how many more were found."""

    violations: list[Violation]
    left_out: int = 0


def violations_of(message: Message, path: str = "") -> list[Violation]:
    """Which rules a message breaks; it stays as it is.

    Args:
        message: The message.
        path: What stands before its fields' paths, for example "feedback.".
    """
    if not _VALIDATOR.collect_violations(message, fail_fast=True):
        return []
    copy = type(message)()
    copy.CopyFrom(message)
    return _violations_of(copy, path).violations


def violations_in_mask(message: Message, path: str, named: Sequence[str]) -> list[Violation]:
    """As `violations_of`, for the fields that an update mask names: what it leaves out is not checked.

    Args:
        message: The new values.
        path: Their field in the request.
        named: The mask's paths, from the message.
    """
    if not _VALIDATOR.collect_violations(message, fail_fast=True):
        return []
    copy = type(message)()
    for name in dict.fromkeys(named):
        _copy_path(message, copy, name)
    # What the copy lacks may be required.
    masked = tuple(f"{path}.{name}{end}" for name in named for end in (".", "["))
    found = _violations_of(copy, f"{path}.").violations
    return [each for each in found if f"{each.field}.".startswith(masked)]


def _violations_of(message: Message, path: str, most: int | None = None) -> Broken:
    """Which rules a message breaks; cuts its lists.

    Args:
        message: The message.
        path: What stands before its fields' paths.
        most: So many are told, of those of items that are checked alone as many as it takes; None for all.
    """
    _cut_lists(message)
    found = _VALIDATOR.collect_violations(message)
    broken = Broken([_to_violation(each, path) for each in found[:most]], len(found[most:]) if most else 0)
    for field, value in message.ListFields():
        if _checks_items_alone(field):
            for place, item in enumerate(value[:_ITEMS_LOOKED_AT]):
                left = None if most is None else most - len(broken.violations)
                if left == 0:
                    break
                of_item = _violations_of(item, f"{path}{field.name}[{place}].", left)
                broken.violations += of_item.violations
                broken.left_out += of_item.left_out
    return broken


def _copy_path(source: Message, target: Message, path: str) -> None:
    """Copies the field at a path, if the source has it; what is no field is told of by who knows the mask."""
    name, _, rest = path.partition(".")
    field = source.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return
    if field.message_type is None and not field.is_repeated:
        if not field.has_presence or source.HasField(name):
            setattr(target, name, getattr(source, name))
    elif rest and not field.is_repeated:
        if source.HasField(name):
            _copy_path(getattr(source, name), getattr(target, name), rest)
    elif field.is_repeated or source.HasField(name):
        target.ClearField(name)
        copied = getattr(target, name)
        if not field.is_repeated:
            # Empty messages too: a duration of 0 is one.
            copied.SetInParent()
        copied.MergeFrom(getattr(source, name))


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
    """Leaves of each list and map that is bounded one item more than it may have: it stays too long, and is told of in
    a moment. A request may have millions of items, and protovalidate takes 10 microseconds for each that breaks a
    rule."""
    for field, value in message.ListFields():
        if not field.is_repeated:
            if _is_ours(field):
                _cut_lists(value)
            continue
        rules = _rules(field)
        most = rules.map.max_pairs if _is_map(field) else rules.repeated.max_items
        if _is_map(field):
            if most and len(value) > most + 1:
                kept = {key: value[key] for key in islice(value, most + 1)}
                value.clear()
                value.update(kept)
            continue
        if most:
            del value[most + 1 :]
        if _is_ours(field) and not _checks_items_alone(field):
            for item in value:
                _cut_lists(item)


def _is_ours(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.file.package == _OURS


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _checks_items_alone(field: FieldDescriptor) -> bool:
    return field.is_repeated and _rules(field).repeated.items.ignore == validate_pb2.IGNORE_ALWAYS


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    # The stubs of options do not know what type an extension has.
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index]
    return rules
