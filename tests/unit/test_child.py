"""Child processes: what they are told, what is known of their end, and that no fork handler runs for them."""

import asyncio
import contextlib
import os
import sys
from subprocess import DEVNULL, PIPE

import pytest
from uptake_service.child_process import Child
from uptake_service.rpc.event_loop import EventLoop

_ECHO = "import sys\nfor line in sys.stdin: print('heard', line, end='', flush=True)\nsys.exit('no more')"


async def test_a_child_hears_lines_and_ends_with_its_input() -> None:
    child = Child(sys.executable, "-c", _ECHO, stdout=PIPE, stderr=PIPE)
    child.tell("one")
    assert await child.first_line() == b"heard one\n"
    code = child.returncode
    assert code is None
    child.tell("two")
    child.close()
    assert (await child.wait(), child.returncode, child.errors) == (1, 1, "no more")
    assert await child.first_line() == b"heard one\n"
    child.close()
    child.kill()


async def test_what_says_much_does_not_wait_for_a_reader() -> None:
    child = Child(sys.executable, "-c", "print('x' * 100 + '\\n' * 1_000_000)", stdout=PIPE, stderr=PIPE)
    assert await child.wait() == 0
    assert await child.first_line() == b"x" * 100 + b"\n"


async def test_each_line_of_its_errors_is_heard_before_its_end_is_known() -> None:
    script = (
        "import sys\nfor n in range(3): print(f'line {n} é', file=sys.stderr)\nprint('end', end='', file=sys.stderr)"
    )
    heard: list[str] = []
    child = Child(sys.executable, "-c", script, stdout=PIPE, stderr=PIPE, hear=heard.append)

    assert await child.wait() == 0

    assert heard == ["line 0 é", "line 1 é", "line 2 é", "end"]
    assert child.errors == ""


async def test_what_errs_much_before_its_first_line_does_not_wait() -> None:
    script = "import sys\nprint('x' * 1_000_000, file=sys.stderr)\nprint('ready', flush=True)"
    child = Child(sys.executable, "-c", script, stdout=PIPE, stderr=PIPE)

    assert await child.first_line() == b"ready\n"
    assert await child.wait() == 0
    assert len(child.errors) == 1_000_000


async def test_what_says_nothing_has_an_empty_line() -> None:
    assert await Child("true", stdout=PIPE, stderr=PIPE).first_line() == b""


async def test_who_leaves_the_wait_leaves_it_to_the_others() -> None:
    child = Child("sleep", "60", stdout=DEVNULL, stderr=PIPE)
    leaving, staying = asyncio.create_task(child.wait()), asyncio.create_task(child.wait())
    await asyncio.sleep(0)
    leaving.cancel()
    child.kill()
    assert await staying == -9
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_dead_child_can_be_told_and_closed() -> None:
    child = Child("true", stdout=DEVNULL, stderr=PIPE)
    # In its way, so that nobody here hears of its end yet: what is written to it finds nobody.
    with contextlib.suppress(ChildProcessError):  # The thread that attends to it was faster.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222
    child.tell("are you there?")
    child.close()
    assert await child.wait() == 0


async def test_what_cannot_be_started_says_so() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        Child("/no-such-program", stdout=DEVNULL, stderr=PIPE)


def test_no_fork_handler_runs_on_the_event_loop_of_the_service() -> None:
    forks: list[int] = []
    os.register_at_fork(before=lambda: forks.append(os.getpid()))

    async def start() -> int:
        return await Child("true", stdout=DEVNULL, stderr=PIPE, session=True).wait()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert runner.run(start()) == 0
        assert not forks
