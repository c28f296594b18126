"""One call as servicers see it, whatever transport brought it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from uptake_service.domain.caller import Caller
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.project import DEFAULT_PROJECT

_OF_ALL_PROJECTS = frozenset({"ListProjectsRequest"})
"""Requests that name no project: what they are answered with is that of the caller's projects alone."""

_NAME_LENGTH = 64
"""One character more than a project's name may have: a name that is cut to it is still no project's."""


@dataclass(frozen=True)
class Call:
    """What is known of a call beside its request.

    Attributes:
        caller: Who calls.
        deadline: The loop's time at which the caller stops waiting; None if it never does.
        write: Sends a message of a response stream.
    """

    caller: Caller
    deadline: float | None
    write: Callable[[Any], Awaitable[None]]

    @property
    def seconds_left(self) -> float | None:
        """How long the caller still waits; None for ever."""
        return None if self.deadline is None else self.deadline - asyncio.get_running_loop().time()


def ensure_project(caller: Caller, request: Message, of_stream: str = "") -> str:
    """The project of a request, which its caller may call for; cut where it is too long to be one, as rules come later.

    Which one that is the request's descriptor tells: so no method can forget to ask. A request without a project, of
    which nobody said that it needs none, is for keys of all projects.

    Args:
        caller: Who calls.
        request: The request.
        of_stream: What the messages of a stream before this one named.

    Raises:
        DomainError: The caller's key is for others.
    """
    field = request.DESCRIPTOR.fields_by_name.get("project")
    named = field is not None and field.type == FieldDescriptor.TYPE_STRING
    project = (request.project[:_NAME_LENGTH] if named else "") or of_stream or DEFAULT_PROJECT  # type: ignore[attr-defined]
    key = caller.key
    if key is None or not key.projects or request.DESCRIPTOR.name in _OF_ALL_PROJECTS:
        return project
    if not named or not key.is_for(project):
        raise DomainError(
            Reason.ERROR_REASON_PERMISSION_DENIED,
            "this key is not for that project",
            metadata={"role": key.role, "project": project},
        )
    return project
