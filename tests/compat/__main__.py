"""Runs the smoke suite with each supported pair of versions, and prints a table.

    python -m tests.compat
    python -m tests.compat lowest jax
    python -m tests.compat --markdown docs/compatibility.md

A row whose Python is not on this machine is not run, and says so. The exit code is 1 if a row that
was run has failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.report import grid_markdown, write_markdown
from tests.compat.environments import ROOT, environment, interpreter, versions
from tests.compat.rows import ROWS, Row

BEGIN, END = "<!-- compatibility: begin -->", "<!-- compatibility: end -->"
BACKENDS = {"tensorflow-cpu": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
HEADER = ["row", "Python", "backend", "Keras", "KerasTuner", "NumPy", "smoke suite"]


def main() -> int:
    """Runs the rows that are asked for, and prints the table."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)}; else all")
    parser.add_argument("--markdown", type=Path, help="document whose rows are written anew")
    arguments = parser.parse_args()
    if unknown := {*arguments.rows} - {*names}:
        parser.error(f"expected rows of {names}. Received: {sorted(unknown)}")
    results = [run(row) for row in ROWS if row.name in (arguments.rows or names)]
    found = {cells[0]: cells for _, cells in results}
    print(table(found))
    if arguments.markdown:
        known = rows_in(arguments.markdown.read_text())
        write_markdown(arguments.markdown, table({**known, **found}), BEGIN, END)
    return int(any(failed for failed, _ in results))


def table(found: dict[str, list[str]]) -> str:
    """Returns a table of rows by name, those that are not there left out."""
    rows = [found[row.name] for row in ROWS if row.name in found]
    return grid_markdown(("What the smoke suite ran with", HEADER, rows))


def rows_in(document: str) -> dict[str, list[str]]:
    """Returns the rows of the table in a document, by name."""
    lines = document.partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {cells[0]: cells for cells in rows}


def run(row: Row) -> tuple[bool, list[str]]:
    """Runs a row. Returns whether it has failed, and its cells."""
    print(f"{row.name}:", flush=True)
    found = interpreter(row)
    if found is None:
        wanted = " or ".join(f"python{version}" for version in row.pythons)
        return False, [row.name, *["-"] * 5, f"not run: no {wanted}"]
    try:
        python = environment(row, found)
    except subprocess.CalledProcessError as error:
        return True, [row.name, *["-"] * 5, f"not installed: pip ended with {error.returncode}"]
    failed, summary = smoke(row, python)
    return failed, [row.name, *cells(python), summary]


def smoke(row: Row, python: Path) -> tuple[bool, str]:
    """Runs the smoke suite. Returns whether it has failed, and how it ended."""
    # Old packages warn of what newer ones have changed; tests/conftest.py imports more packages.
    options = ["-q", "-o", "filterwarnings=default", "--confcutdir=tests/compat"]
    process = subprocess.Popen(
        [python, "-m", "pytest", *options, "-p", "no:cacheprovider", "tests/compat"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": row.backend},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [""]
    for line in process.stdout or ():
        print(line, end="", flush=True)
        lines.append(line.strip() or lines[-1])
    ended = lines[-1].partition(" in ")[0]
    return process.wait() != 0, ", ".join(p for p in ended.split(", ") if "warning" not in p)


def cells(python: Path) -> list[str]:
    """Returns the versions of Python, the backend, Keras, KerasTuner and NumPy."""
    found = versions(python, [*BACKENDS, "keras", "keras-tuner", "numpy"])
    [backend] = [f"{title} {found[name]}" for name, title in BACKENDS.items() if name in found]
    return [found["python"], backend, found["keras"], found["keras-tuner"], found["numpy"]]


if __name__ == "__main__":
    sys.exit(main())
