"""What `import kt_extensions` costs beside `import keras_tuner`.

Each program runs in a process of its own, one after the other in turns, so that what else the
machine does disturbs them alike. The tables have the medians of the CPU time and of the time that
passes, the start of Python included.

    python -m benchmarks.imports
    python -m benchmarks.imports --quick
    python -m benchmarks.imports --markdown docs/compatibility.md
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.report import Grid, grid_markdown, show_grid, write_markdown

PROGRAMS = {
    "`import keras_tuner`": "import keras_tuner",
    "`import kt_extensions as kte; kte.TPE`": "import kt_extensions as kte; kte.TPE",
    "`import kt_extensions`": "import kt_extensions",
    "`from kt_extensions import samplers`": "from kt_extensions import samplers",
}
RESULTS = Path(__file__).parent / "results" / "imports.json"
BEGIN, END = "<!-- imports: begin -->", "<!-- imports: end -->"

Row = dict[str, Any]


def measured(repeats: int) -> list[Row]:
    """Returns the median seconds of each program, and their ratios to the first one's."""
    times = np.array([[seconds(code) for code in PROGRAMS.values()] for _ in range(repeats + 1)])
    medians = np.median(times[1:], axis=0)  # the first time files are read from the disk
    return [
        {"program": name, "cpu_s": cpu, "wall_s": wall}
        | {"cpu_ratio": cpu / medians[0, 0], "wall_ratio": wall / medians[0, 1]}
        for name, (cpu, wall) in zip(PROGRAMS, medians.tolist(), strict=True)
    ]


def seconds(code: str) -> tuple[float, float]:
    """Runs a program. Returns the seconds of its CPU time, and those that passed."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"Expected {code!r} to run. Received: exit code {process.returncode}.")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start


def grid(rows: list[Row], repeats: int) -> Grid:
    """Returns the table."""
    header = ["program", "CPU seconds", "ratio", "seconds", "ratio"]
    numbers = ("cpu_s", ".2f"), ("cpu_ratio", ".3f"), ("wall_s", ".2f"), ("wall_ratio", ".3f")
    cells = [[row["program"], *(f"{row[n]:{digits}}" for n, digits in numbers)] for row in rows]
    return f"Medians of {repeats} runs", header, cells


def main() -> None:
    """Measures, prints, and writes the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a smoke run of one turn")
    parser.add_argument("--repeats", type=int, default=15, help="turns (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, help="document whose table is written anew")
    arguments = parser.parse_args()
    repeats = 1 if arguments.quick else arguments.repeats
    rows = measured(repeats)
    table = grid(rows, repeats)
    show_grid(Console(), table)
    if arguments.markdown:
        write_markdown(arguments.markdown, grid_markdown(table), BEGIN, END)
    if not arguments.quick:
        RESULTS.write_text(json.dumps({"repeats": repeats, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
