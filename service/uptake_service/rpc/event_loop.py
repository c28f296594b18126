"""The event loop that calls are answered on: uvloop's, with one thing put right about how gRPC wakes it.

gRPC's core tells of every event by one byte through a pair of sockets. Its asyncio part reads one byte a turn of the
loop, and with it all events; so bytes gather whenever a turn brings more than one event. At the least each of them
costs a turn for nothing. Once some hundreds wait the pair is full, the core's thread stands still until a byte is read,
and of everything that happens one event a turn gets through: a busy service then hears of calls seconds late.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import uvloop

_ALL = 65_536


class EventLoop(uvloop.Loop):
    """Reads all bytes that wait, before gRPC reads the events."""

    def add_reader(self, fd: Any, callback: Callable[..., Any], *arguments: Any) -> None:  # type: ignore[override]
        if isinstance(fd, socket.socket) and fd.family is socket.AF_UNIX:
            super().add_reader(fd, _read_all, fd, callback, *arguments)
        else:
            super().add_reader(fd, callback, *arguments)


def _read_all(pair: socket.socket, callback: Callable[..., Any], *arguments: Any) -> None:
    with contextlib.suppress(BlockingIOError):
        pair.recv(_ALL)
    callback(*arguments)
