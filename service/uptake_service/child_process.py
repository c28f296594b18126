"""A child process, started without a fork.

uvloop forks, and in the child of a fork the handlers of Python and of gRPC run beside the locks of threads that are not
there: one in a dozen died by SIGSEGV before it had begun. On Linux `subprocess` starts it by vfork, in which no handler
runs, and holds the event loop for a tenth of the time.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO


class Child:
    """A process that is told things on its standard input, and sees by its end that this process is gone."""

    errors: str
    """What it wrote to a `stderr` that is PIPE and that nobody hears. Empty until `wait` returned."""

    def __init__(
        self,
        *command: str | Path,
        stdout: int,
        stderr: int | IO[bytes],
        hear: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        session: bool = False,
    ) -> None:
        """Starts it, and returns when it has begun. Needs a running event loop.

        Args:
            command: The program and its arguments.
            stdout: PIPE, for `first_line`, or DEVNULL.
            stderr: PIPE, for `errors` or `hear`, or a file.
            hear: Called on the event loop with each line of its `stderr`, as it comes; all before `wait` returns.
            environment: All its variables; this process's by default.
            directory: Its working directory; this process's by default.
            session: Whether it gets a session of its own, which the terminal's signals do not reach.

        Raises:
            OSError: It could not be started.
        """
        self._loop = asyncio.get_running_loop()
        self._hear = hear
        self._first_line: asyncio.Future[bytes] = self._loop.create_future()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self.errors = ""
        self._process = Popen(  # noqa: S603
            command,
            stdin=PIPE,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd=directory,
            start_new_session=session,
        )
        self.pid = self._process.pid
        threading.Thread(target=self._attend, name=f"process {self.pid}", daemon=True).start()

    @property
    def returncode(self) -> int | None:
        """The exit code; negative is the signal that killed it. None until `wait` would return."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """The exit code, once it has ended, and with it all whom it gave its output to."""
        return await asyncio.shield(self._ended)

    def tell(self, line: str) -> None:
        """Writes a line, shorter than a pipe's 64 KiB, to its input. Of one that is dead already `wait` tells."""
        assert self._process.stdin is not None  # noqa: S101
        if self._process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    async def first_line(self) -> bytes:
        """The first line of its output, with its line end; empty if it ended without one."""
        return await asyncio.shield(self._first_line)

    def close(self) -> None:
        """Ends its input. Can be repeated."""
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def kill(self) -> None:
        """Kills it, if it still runs."""
        self._process.kill()

    def _attend(self) -> None:
        """Reads what it says and waits for its end, in a thread."""
        listening = threading.Thread(target=self._listen, name=f"errors of {self.pid}", daemon=True)
        listening.start()
        if self._process.stdout is not None:
            with self._process.stdout as output:
                self._tell_loop(self._first_line.set_result, output.readline())
                for _ in output:
                    pass  # It must not wait for a reader.
        listening.join()
        self._tell_loop(self._note_end, self._process.wait())

    def _listen(self) -> None:
        """Reads its errors, in a thread of their own: it may have much to say before its first line."""
        if self._process.stderr is None:
            return
        with self._process.stderr as output:
            if self._hear is None:
                self.errors = output.read().decode(errors="replace").strip()
                return
            for line in output:
                self._tell_loop(self._hear, line.decode(errors="replace").rstrip("\n"))

    def _tell_loop(self, note: Callable[..., None], *what: object) -> None:
        with contextlib.suppress(RuntimeError):  # It is gone, and with it everybody who asks.
            self._loop.call_soon_threadsafe(note, *what)

    def _note_end(self, code: int) -> None:
        self._ended.set_result(code)
        self.close()
