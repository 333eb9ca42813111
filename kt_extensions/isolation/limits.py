"""How long a process may run and how much memory it may hold."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one call.

    Args:
        seconds: The most seconds that it may take, those of the start of its process not counted;
            `None` for no limit.
        memory: The most bytes of resident memory that its process may hold; `None` for no limit.

    Example:

    >>> Limits(seconds=60).exceeded(61.0, None)
    'The trial took longer than trial_seconds=60 s.'
    """

    seconds: float | None = None
    memory: int | None = None

    def exceeded(self, seconds: float, memory: int | None) -> str | None:
        """Returns a sentence that tells which limit is exceeded; `None` if none is.

        Args:
            seconds: How long the call has taken so far.
            memory: Bytes of resident memory of the process, if they are known.
        """
        if self.seconds is not None and seconds > self.seconds:
            return f"The trial took longer than trial_seconds={self.seconds} s."
        if self.memory is not None and memory is not None and memory > self.memory:
            return (
                f"The process of the trial held {size(memory)} of memory, more than "
                f"trial_memory={self.memory} bytes ({size(self.memory)})."
            )
        return None


def size(n_bytes: int) -> str:
    """Returns a number of bytes in words.

    >>> size(1_500_000_000)
    '1.50 GB'
    """
    return f"{n_bytes / 1e9:.2f} GB"


def resident_memory(pid: int) -> int | None:
    """Returns the bytes of resident memory of a process, or `None` if it has ended."""
    if os.path.exists("/proc/self/statm"):
        return _from_proc(pid)
    return _from_ps(pid)


def _from_proc(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, IndexError):  # it ended before or while it was read
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _from_ps(pid: int) -> int | None:
    """As told by `ps`, for systems without `/proc`, such as macOS."""
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return int(told) * 1024 if told else None
