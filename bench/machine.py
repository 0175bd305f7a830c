"""The machine, and what server processes take of it."""

import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

MEGABYTE = 1024 * 1024


def describe() -> dict[str, Any]:
    """CPU model, cores, memory in GB and the versions that matter."""
    from importlib.metadata import version

    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor() or platform.machine(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "ram_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "rasa": version("rasa"),
        "tensorflow": version("tensorflow-cpu"),
    }


def data_hash(root: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def cpu_seconds(roots: Sequence[int]) -> float:
    """CPU seconds, user and system, that processes and those they started have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in family(roots))


def memory(roots: Sequence[int]) -> float:
    """Resident memory of processes and those they started, in MB."""
    return sum(process.memory_info().rss for process in family(roots)) / MEGABYTE


def family(roots: Sequence[int]) -> list[psutil.Process]:
    """Processes and all that they started and that still run.

    Raises:
        psutil.NoSuchProcess: one of `roots` has ended.
    """
    parents = [psutil.Process(pid) for pid in roots]
    return parents + [child for parent in parents for child in parent.children(recursive=True)]
