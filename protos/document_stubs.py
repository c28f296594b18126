"""Writes the contract's comments into the message stubs of protoc, where an editor shows them: `make proto`.

    python protos/document_stubs.py DESCRIPTOR_SET FOLDER

mypy-protobuf's stubs have the comments too, but not protoc's convenience: a dict for a message, a name for an enum.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

_CLASS = re.compile(r"class (\w+)\(")
_MEMBER = re.compile(r"( *)(\w+): ")


def comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Each message, enum and member of a file, as "Message", "Message.field" or "Enum.VALUE", with its comment."""
    names: dict[tuple[int, ...], str] = {}
    for place, message in enumerate(file.message_type):
        names[4, place] = message.name
        names |= {(4, place, 2, at): f"{message.name}.{field.name}" for at, field in enumerate(message.field)}
    for place, enum in enumerate(file.enum_type):
        names[5, place] = enum.name
        names |= {(5, place, 2, at): f"{enum.name}.{value.name}" for at, value in enumerate(enum.value)}
    for location in file.source_code_info.location:
        name = names.get(tuple(location.path))
        if name and location.leading_comments:
            yield name, "\n".join(line.removeprefix(" ") for line in location.leading_comments.rstrip().split("\n"))


def documented(stub: str, file: FileDescriptorProto) -> str:
    """The stub of a file with a docstring below each class and each member that has a comment."""
    said = dict(comments(file))
    # Values of an enum stand at the module's level too.
    of_module = {value.name: f"{enum.name}.{value.name}" for enum in file.enum_type for value in enum.value}
    lines: list[str] = []
    inside = ""
    for line in stub.split("\n"):
        lines.append(line)
        if begun := _CLASS.match(line):
            inside = begun[1]
            lines += _docstring(said.get(inside, ""), "    ")
        elif member := _MEMBER.match(line):
            indent, name = member.groups()
            lines += _docstring(said.get(f"{inside}.{name}" if indent else of_module.get(name, ""), ""), indent)
    return "\n".join(lines)


def _docstring(text: str, indent: str) -> list[str]:
    if not text:
        return []
    if "\n" not in text:
        return [f'{indent}"""{_escaped(text)}"""']
    first, *rest = _escaped(text).split("\n")
    return [f'{indent}"""{first}', *(indent + line if line else "" for line in rest), f'{indent}"""']


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '\\"""')


def main(descriptor_set: Path, folder: Path) -> None:
    for file in FileDescriptorSet.FromString(descriptor_set.read_bytes()).file:
        path = (folder / file.name).with_name(Path(file.name).stem + "_pb2.pyi")
        path.write_text(documented(path.read_text(encoding="utf-8"), file), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
