"""The memory of a process, by what the system tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Megabytes of memory.

    Args:
        resident: All that is in memory, pages of files included: those of libraries, which all
            processes of a machine that have loaded them share.
        anonymous: Without the pages of files: what the process itself has written.
    """

    resident: float
    anonymous: float

    def __str__(self) -> str:
        return f"{self.resident:.0f} ({self.anonymous:.0f})"


def memory() -> Memory:
    """Returns the memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    told = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(*(1.024e-3 * int(told[name][0]) for name in ("VmRSS", "RssAnon")))
