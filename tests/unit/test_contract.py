"""No rule becomes tighter than in the tagged contract. `buf breaking` does not look at rules."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.text_format import Merge

TAGGED = FileDescriptorSet.FromString((Path(__file__).parents[2] / "protos/tagged.binpb").read_bytes())
UPPER, LOWER = {"max_len", "max_items", "max_pairs", "lt", "lte"}, {"min_len", "min_items", "gt", "gte"}
REFUSE_UNSET = {"required", "string.min_len", "repeated.min_items"}
ON_MESSAGE, ON_ONEOF, ON_FIELD = (getattr(validate_pb2, name) for name in ("message", "oneof", "field"))


def flat(rules: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each rule by its path, for example "map.keys.string.max_len"."""
    for field, value in rules.ListFields():
        name = f"{path}{field.name}"
        if field.is_repeated or field.message_type is None:
            yield name, [str(each) for each in value] if field.is_repeated else value
        elif field.message_type.file.package == "google.protobuf":
            yield name, (value.seconds, value.nanos)
        else:
            yield from flat(value, f"{name}.")


def rules_of(files: FileDescriptorSet) -> dict[str, dict[str, dict[str, Any]]]:
    """The rules of each field and oneof of each message; those of the message itself under the empty name."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for message in (each for file in files.file if file.package == "uptake.v1" for each in file.message_type):
        parts = [("", message.options.Extensions[ON_MESSAGE])]
        parts += [(each.name, each.options.Extensions[ON_ONEOF]) for each in message.oneof_decl]
        parts += [(each.name, each.options.Extensions[ON_FIELD]) for each in message.field]
        found[message.name] = {name: dict(flat(rules, "")) for name, rules in parts}
    return found


def is_tighter(rule: str, old: Any, new: Any) -> bool:
    """Whether a rule may refuse what it let pass. Of two patterns or expressions nobody can tell."""
    name = rule.rpartition(".")[2]
    if name == "ignore" or not new:
        return name == "ignore" and bool(old)
    return old is None or not ((name in UPPER and new > old) or (name in LOWER and new < old))


def tightened(old: FileDescriptorSet, new: FileDescriptorSet) -> set[str]:
    """The paths of rules that are tighter. A new field may have any that do not refuse who leaves it unset."""
    before, found = rules_of(old), set()
    for message, fields in rules_of(new).items():
        for field, after in fields.items() if message in before else ():
            was = before[message].get(field)
            changed = [rule for rule in after.keys() | (was or {}) if after.get(rule) != (was or {}).get(rule)]
            tighter = REFUSE_UNSET if was is None else {r for r in changed if is_tighter(r, was.get(r), after.get(r))}
            found |= {f"{message}.{field}.{rule}" for rule in changed if rule in tighter}
    return found


def test_no_rule_is_tighter_than_in_the_tagged_contract() -> None:
    files = FileDescriptorSet()
    for tagged in (file for file in TAGGED.file if file.package == "uptake.v1"):
        import_module(tagged.name.replace("/", ".").replace(".proto", "_pb2")).DESCRIPTOR.CopyToProto(files.file.add())
    assert tightened(TAGGED, files) == set()


@pytest.mark.parametrize(
    ("field", "rule", "told"),
    [
        ("Feedback.comment", "string { max_len: 9999 }", "string.max_len"),
        ("Feedback.comment", "string { min_len: 1 }", "string.min_len"),
        ("Feedback.comment", "string { pattern: 'x' }", "string.pattern"),
        ("Feedback.comment", "required: true", "required"),
        ("Feedback.labels", "map { keys { string { min_len: 2 } } }", "map.keys.string.min_len"),
        ("Feedback.occur_time", "timestamp { gte { seconds: 946684801 } }", "timestamp.gte"),
        ("ReviewPolicy.issue_window", "duration { lte { seconds: 31535999 } }", "duration.lte"),
        ("ReviewPolicy.voter_share", "double { gt: 0.01 }", "double.gt"),
        ("FeedbackFilter.types", "repeated { unique: true }", "repeated.unique"),
        ("AmendFeedbackRequest.feedback", "ignore: IGNORE_UNSPECIFIED", "ignore"),
        ("AmendFeedbackRequest.update_mask", "cel { id: 'x' expression: 'false' }", "cel"),
        ("Feedback.new", "string { min_len: 1 }", "string.min_len"),
        ("Feedback.new", "required: true", "required"),
        ("Feedback.new", "string { max_len: 5 }", None),
        ("Feedback.comment", "string { max_len: 10001 } required: false", None),
        ("Feedback.comment", "ignore: IGNORE_ALWAYS", None),
        ("ReviewPolicy.window_size", "int32 { gte: 0 }", None),
    ],
)
def test_a_rule_that_became_tighter_is_found(field: str, rule: str, told: str | None) -> None:
    files = FileDescriptorSet.FromString(TAGGED.SerializeToString())
    name, _, field_name = field.partition(".")
    (message,) = (each for file in files.file for each in file.message_type if each.name == name)
    if field_name == "new":
        message.field.add(name="new")
    (changed,) = (each for each in message.field if each.name == field_name)
    Merge(rule, changed.options.Extensions[ON_FIELD])
    assert tightened(TAGGED, files) == ({f"{field}.{told}"} if told else set())
