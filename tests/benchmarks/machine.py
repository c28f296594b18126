"""What the figures of benchmarks were measured on."""

import os
import platform
import resource
import sys
from pathlib import Path

import psutil


def description() -> dict[str, str | int | float]:
    """Processor, usable cores, memory in GiB, system and Python; a figure without them says little."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
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


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    return (known.exists() and _field(known, "model name")) or platform.processor() or platform.machine()


def _field(file: Path, name: str) -> str:
    lines = (line.partition(":") for line in file.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
