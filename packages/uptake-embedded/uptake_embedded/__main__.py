"""The process that holds the embedded database: SecantusDB's server, and a watch on the service above it.

It knows nothing of the service, which imports nothing of it: SecantusDB (GPL-2.0) never lives in the service's process.
Between the two pass this command line, one line on stdout, and stdin: a line with the password of the one
user there is, and then nothing until its end, which means "stop". On stderr comes what Python logs, a JSON object a
line with `level`, `logger` and `message`; any other line is WiredTiger's own.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

from uptake_embedded.patches import WrongVersion, patch

STOP_SECONDS = 10.0
"""How long a graceful stop may take, before the process ends without (the journal makes that safe)."""

CACHE_SIZE = "512M"
"""An upper bound that fills with use. It bounds a transaction too: 35 MB of documents fit, 50 MB do not."""

OPLOG_RETENTION_SECONDS = 3600.0
OPLOG_MAX_ENTRIES = 100_000
"""How far back a change stream can resume, whichever ends first."""

IDLE_TRANSACTION_SECONDS = 15.0
"""How long a transaction is kept of which no statement comes: one of a process that was killed holds up all who want to
write the same. (With the patches the time counts from the last statement.)"""

PARENT_POLL_SECONDS = 2.0

USER = "uptake"

YOUNG_OBJECTS = 50_000
"""How many new objects make Python look for cycles among them; its default is 700."""

SWITCH_SECONDS = 0.0005
"""How long a thread that only computes, as one that reads a whole project does, keeps others waiting: each statement of
a commit waits so long several times. Python's default is ten times as much."""

WAKE_SECONDS = 0.05
"""How long after the stop began its accepting thread is woken."""


def main() -> None:
    arguments = _arguments()
    owner = _take_stdout()
    os.umask(0o077)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])

    password = _read_password()
    stopping = threading.Event()
    # Ctrl-C reaches every process of the terminal, but the service must drain before its database goes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: stopping.set())
    threading.Thread(target=_watch_parent, args=(stopping, os.getppid()), name="parent", daemon=True).start()
    threading.Thread(target=_watch_stop, args=(stopping,), name="watchdog", daemon=True).start()

    with _only_server_of(arguments.storage_path):
        # Imported here, so that a parent that dies during the import is noticed.
        from secantus.server import SecantusDBServer  # type: ignore[import-untyped, import-not-found, unused-ignore]

        if arguments.patches:
            patch(arguments.watched)
        server = SecantusDBServer(
            host="127.0.0.1",
            port=arguments.port,
            storage_path=arguments.storage_path,
            sync_on_commit=True,
            require_auth=True,
            # Both defaults are for tests: the one is read from the environment, the other opens failpoints.
            durable=True,
            enable_test_commands=False,
            cache_size=CACHE_SIZE,
            oplog_retention_seconds=OPLOG_RETENTION_SECONDS,
            oplog_max_entries=OPLOG_MAX_ENTRIES,
            transaction_lifetime_seconds=IDLE_TRANSACTION_SECONDS,
        )
        _let_in_only(server, password)
        server.start()
        sys.setswitchinterval(SWITCH_SECONDS)
        _collect_garbage_seldom()
        _report(owner, server.address[1])
        stopping.wait()
        threading.Timer(WAKE_SECONDS, _wake_acceptor, args=server.address).start()
        server.stop()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname, "logger": record.name, "message": super().format(record)}
        return json.dumps(line, ensure_ascii=False)


def _read_password() -> str:
    """The first line of stdin, and not a byte more: the rest of it is watched."""
    line = b""
    while (byte := os.read(sys.stdin.fileno(), 1)) not in (b"", b"\n"):
        line += byte
    return line.decode()


def _let_in_only(server: Any, password: str) -> None:
    """Makes one user, as `createUser` would, before anybody can connect."""
    from secantus.auth import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
        SCRAM_SHA_256,
        derive_credentials,
    )

    user = {
        "_id": f"admin.{USER}",
        "user": USER,
        "db": "admin",
        "credentials": derive_credentials(password, mechanism=SCRAM_SHA_256, username=USER).to_doc(),
        "roles": [{"role": "root", "db": "admin"}],
        "mechanisms": [SCRAM_SHA_256],
    }
    server.storage.add_user("admin", USER, user, replace=True)


def _collect_garbage_seldom() -> None:
    """What was loaded stays, and requests leave few cycles: looking through all of it took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the embedded database until stdin ends.")
    parser.add_argument("--storage-path", required=True, help="WiredTiger's directory, made if missing")
    parser.add_argument("--port", type=int, default=0, help="loopback port, 0 for any free one")
    parser.add_argument("--watched", nargs="*", default=[], help="collections that change streams are opened on")
    parser.add_argument("--no-patches", dest="patches", action="store_false", help="leave the server as it is")
    return parser.parse_args()


@contextlib.contextmanager
def _only_server_of(storage_path: str) -> Iterator[None]:
    """Waits for an earlier launcher on this storage to end: it outlives a killed service by a moment."""
    with open(f"{storage_path}.lock", "w") as lock:  # noqa: PTH123
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _take_stdout() -> int:
    """Keeps stdout for one line to the owner. All else that is said there, as WiredTiger does when it finds the files
    of a start that was killed, goes to stderr."""
    owner = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return owner


def _report(owner: int, port: int) -> None:
    """Says where the server listens, and closes the pipe, so that nothing can ever block on it."""
    with os.fdopen(owner, "w") as output:
        print(json.dumps({"port": port}), file=output)


def _watch_parent(stopping: threading.Event, parent: int) -> None:
    """Sets `stopping` when stdin ends, or the parent is gone while a forked helper of it holds the pipe."""
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], PARENT_POLL_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            break
    stopping.set()


def _wake_acceptor(host: str, port: int) -> None:
    """Ends the accept() under way, which the server's closing of the socket does not: it would wait 2 s."""
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), timeout=WAKE_SECONDS).close()


def _watch_stop(stopping: threading.Event) -> None:
    stopping.wait()
    # Daemon threads end with the process, so this line is reached only by a stop that hangs.
    threading.Event().wait(STOP_SECONDS)
    logging.getLogger(__name__).error("the database did not stop within %g seconds, ending it", STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except WrongVersion as error:
        sys.exit(str(error))
