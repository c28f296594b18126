"""Strings that mean something to databases are plain data here, or refused with the field's name."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from uptake import Client, UptakeError, correction, rating
from uptake.v1 import feedback_pb2 as pb
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import Service
from tests.corrections import apply, knowledge

STRINGS = (
    *("$where", "$set.a", "a.b", ".", "..", "{'$gt': ''}", "__proto__", "%s{}"),
    *("a\0b", "\0", "\u202e\ufeff\U0001f600"),
)
OURS = {"id", "pattern_id", "project"}
"""Of feedback: fields that the service sets, and the one that says which project it is for."""


def strings(descriptor: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all fields that hold strings, maps of strings among them."""
    for field in descriptor.fields:
        here = (*path, field.name)
        if (
            field.message_type and field.message_type.GetOptions().map_entry
        ) or field.type == FieldDescriptor.TYPE_STRING:
            yield here
        elif field.message_type and field.message_type.file.package == descriptor.file.package:
            yield from strings(field.message_type, here)


PATHS = [path for path in strings(pb.Feedback.DESCRIPTOR) if path[0] not in OURS]


def parent(message: Any, path: tuple[str, ...]) -> Any:
    """What holds the last field of a path; of a list of messages the first, which is made if it is not there."""
    for name in path[:-1]:
        field = message.DESCRIPTOR.fields_by_name[name]
        message = getattr(message, name)
        if field.is_repeated:
            message = message[0] if len(message) else message.add(role="user")
    return message


def put(message: Message, path: tuple[str, ...], text: str) -> None:
    owner = parent(message, path)
    field = owner.DESCRIPTOR.fields_by_name[path[-1]]
    if field.message_type:
        getattr(owner, path[-1])[text] = text
    elif field.is_repeated:
        getattr(owner, path[-1]).append(text)
    else:
        setattr(owner, path[-1], text)


def test_the_paths_are_found() -> None:
    found = {".".join(path) for path in PATHS}
    assert {
        "interaction.query",
        "interaction.versions",
        "labels",
        "comment",
        "user_id",
        "correction.corrected",
    } <= found


@pytest.mark.parametrize("path", PATHS, ids=".".join)
async def test_feedback_is_kept_as_it_was_sent_or_refused(client: Client, path: tuple[str, ...]) -> None:
    kept = 0
    for number, text in enumerate(STRINGS):
        sent = (
            correction(f"{path}-{number}", "so", query="q")
            if path[0] == "correction"
            else rating(f"{path}-{number}", 3)
        )
        put(sent, path, text)
        try:
            stored = await client.collect(sent)
        except UptakeError as error:
            assert error.code is grpc.StatusCode.INVALID_ARGUMENT
            assert all(field.startswith(f"feedback.{path[0]}") for field, _ in error.field_violations)
            assert error.field_violations
            continue
        again = await client.feedback.get(stored.id)
        assert getattr(parent(again, path), path[-1]) == getattr(parent(sent, path), path[-1])
        kept += 1
    assert kept >= len(STRINGS) - 2


async def test_custom_values_and_knowledge_are_plain_data(service: Service) -> None:
    client = service.client
    for number, text in enumerate(STRINGS):
        custom = struct_pb2.Value()
        custom.struct_value.fields[text].list_value.values.add().string_value = text
        sent = rating(f"custom-{number}", 3)
        sent.custom.CopyFrom(custom)
        try:
            stored = await client.collect(sent)
        except UptakeError as error:
            assert error.code is grpc.StatusCode.INVALID_ARGUMENT, error
            continue
        assert (await client.feedback.get(stored.id)).custom == custom
    for text in STRINGS:
        try:
            (made,) = await apply(client, knowledge(f"key {text}", f"content {text}"))
        except UptakeError as error:
            assert error.code is grpc.StatusCode.INVALID_ARGUMENT, error
            continue
        again = await client.corrections.get(made.id)
        assert (again.target, again.content) == (f"key {text}", f"content {text}")
    assert await check(service.mongo, Clock()) == []
