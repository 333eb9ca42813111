"""How searches scale: over the cores, over hundreds of workers, and with the trials behind them.

Four measurements, each with its tables:

- `workers`: trials per minute of one worker and of two, real searches on the cores at hand;
- `driver`: trials a second and memory of a driver with 200 simulated workers;
- `simulated`: how busy 1 to 128 simulated workers are, and what they find at equal epochs;
- `samplers`: what samplers lose on several workers, and whether they repeat themselves.

The first two go by the clock and want a machine that does nothing else.

    python -m benchmarks.scaling --markdown docs/scaling.md            # an hour on two cores
    python -m benchmarks.scaling workers driver --markdown docs/scaling.md
    python -m benchmarks.scaling --quick
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # but for the real workers

from rich.console import Console

from benchmarks import (
    curves,
    report,
    scaling_driver,
    scaling_samplers,
    scaling_simulated,
    scaling_tables,
    scaling_workers,
    store,
)
from benchmarks.problems import PROBLEMS
from kt_extensions.parallel.devices import available_cores

RESULTS = Path(__file__).parent / "results" / "scaling.json"
JAX = Path(".venv-bench/bin/python")


def workers(arguments: argparse.Namespace) -> Any:
    """Measures one worker beside two."""
    quick = arguments.quick
    trials, rounds = (4, 1) if quick else (scaling_workers.TRIALS, arguments.rounds)
    found = []
    for batch, epochs in scaling_workers.EPOCHS.items():
        runs = scaling_workers.measure(batch, trials, 1 if quick else epochs, rounds)
        summary = scaling_workers.summarize(runs, trials)
        found.append({"batch": batch, "summary": summary, "runs": runs})
    settings = {"trials": trials, "cores": available_cores(), "rounds": rounds}
    return settings | {"batches": found}


def driver(arguments: argparse.Namespace) -> Any:
    """Measures the driver with TensorFlow, and with JAX if there is an interpreter that has it."""
    trials = (200, 400, 600) if arguments.quick else scaling_driver.AT
    found = [scaling_driver.measure_elsewhere(Path(sys.executable), "tensorflow", trials)]
    if arguments.jax.exists():
        found.append(scaling_driver.measure_elsewhere(arguments.jax, "jax", trials))
    return found


def simulated(arguments: argparse.Namespace) -> Any:
    """Measures searches on simulated workers."""
    names, numbers = list(curves.GRIDS), list(scaling_simulated.WORKERS)
    seeds = arguments.seeds
    if arguments.quick:
        names, numbers, seeds = ["digits_few"], [1, 8], 1
    rows = scaling_simulated.measure_all(names, seeds, numbers, arguments.jobs)
    return {"seeds": seeds, "summary": scaling_simulated.summarize(rows)}


def samplers(arguments: argparse.Namespace) -> Any:
    """Measures samplers on several workers; takes the results of `benchmarks.quality`, too."""
    names, numbers = [problem.name for problem in PROBLEMS], list(scaling_simulated.WORKERS)
    seeds = arguments.seeds
    if arguments.quick:
        names, numbers, seeds = ["camel", "mixed9"], [1, 8], 1
    rows = scaling_samplers.measure_all(
        scaling_samplers.jobs(seeds, numbers, names), arguments.jobs
    )
    quality = scaling_samplers.from_quality(store.load())
    return {"seeds": seeds, "quality": quality, "runs": scaling_samplers.summarize(rows)}


PARTS: dict[str, tuple[Callable[..., Any], Callable[[Any], Iterator[report.Grid]]]] = {
    "workers": (workers, scaling_tables.workers),
    "driver": (driver, scaling_tables.driver),
    "simulated": (simulated, scaling_tables.simulated),
    "samplers": (samplers, scaling_tables.samplers),
}
"""For each measurement its function, and that of its tables."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=scaling_workers.ROUNDS, help="of `workers`")
    parser.add_argument("--seeds", type=int, default=5, help="of `simulated` and `samplers` (5)")
    parser.add_argument("--jobs", type=int, default=2, help="processes of these (2)")
    parser.add_argument("--jax", type=Path, default=JAX, help=f"a Python with JAX ({JAX})")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--quick", action="store_true", help="a smoke run that keeps nothing")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is written")
    parser.add_argument("--markdown", type=Path, help="document whose tables are written anew")
    arguments = parser.parse_args()
    if unknown := {*arguments.parts} - {*PARTS}:
        parser.error(f"unknown: {sorted(unknown)}; expected some of {[*PARTS]}")
    return arguments


def write(part: str, found: Any, arguments: argparse.Namespace) -> None:
    """Prints the tables of a measurement, and writes what was asked for."""
    grids = list(PARTS[part][1](found))
    for grid in grids:
        report.show_grid(Console(width=160), grid)
    if arguments.markdown:
        text = "\n".join(map(report.grid_markdown, grids))
        marks = [f"<!-- {part}: {place} -->" for place in ("begin", "end")]
        report.write_markdown(arguments.markdown, text, *marks)


def main() -> None:
    """Measures, prints the tables, and writes the results as JSON, part by part."""
    arguments = _arguments()
    whole = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    for part in arguments.parts or PARTS:
        if not arguments.report:
            whole[part] = PARTS[part][0](arguments)
            if not arguments.quick:
                arguments.json.write_text(store.dense(whole) + "\n")
        if part in whole:
            write(part, whole[part], arguments)


if __name__ == "__main__":
    main()
