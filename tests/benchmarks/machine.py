"""What the figures of benchmarks were measured on."""

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

import psutil

_COUNT_FOR_A_SECOND = """
import time
counted, end = 0, time.perf_counter() + 1
while time.perf_counter() < end:
    counted += 1
print(counted)
"""
_TRIES = 3
"""The best of these is what was disturbed least."""


def description() -> dict[str, str | int | float]:
    """Processor, usable cores, memory in GiB, system and Python; a figure without them says little.

    `cores_at_once` is how much more all cores do at once than one by itself: two of a virtual machine may be threads of
    a single real one, and do 1.3 times as much as either alone.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    counted = [(_counted(1), _counted(cores)) for _ in range(_TRIES)]
    one, all_of_them = (max(each) for each in zip(*counted, strict=True))
    return {
        "processor": _processor(),
        "cores": cores,
        "cores_at_once": round(all_of_them / one, 2),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def peak_mib() -> float:
    """The most memory that this process has had, in MiB.

    On Linux from /proc, for there getrusage counts what the process that started this one had.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(_field(status, "VmHWM").split()[0]) / 1024


def _counted(processes: int) -> int:
    """How far so many processes count within a second, all in all."""
    command = [sys.executable, "-c", _COUNT_FOR_A_SECOND]
    counting = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return sum(int(each.communicate()[0]) for each in counting)


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    return (known.exists() and _field(known, "model name")) or platform.processor() or platform.machine()


def _field(file: Path, name: str) -> str:
    lines = (line.partition(":") for line in file.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
