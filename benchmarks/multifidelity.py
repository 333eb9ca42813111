"""Searches over learning curves of real networks, at equal epochs, against KerasTuner's Hyperband.

Each problem is a finite grid of networks whose every curve was recorded (`benchmarks.curves`), so
a search is replayed rather than trained. A promoted trial goes on where it was: only its new epochs
count, for KerasTuner too. A trial's loss is that of its best epoch so far. The regret is over the
least loss in the grid.

    python -m benchmarks.multifidelity
    python -m benchmarks.multifidelity --seeds 5 --problems digits,cancer kerastuner bohb
    python -m benchmarks.multifidelity --cache build/multifidelity --fresh bohb
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import curves
from benchmarks.multifidelity_peers import dehb_method, keras_tuner_method, optuna_method
from benchmarks.multifidelity_report import (
    Found,
    Results,
    duel,
    markdown,
    print_tables,
    reference_of,
    rounded,
    summarize,
)
from benchmarks.multifidelity_report import curves as median_curves
from benchmarks.multifidelity_search import CurveProblem, Method, Values, scheduled_method
from kt_extensions.samplers import GP, KDE, TPE, Random, Sampler
from kt_extensions.schedulers import ASHA, Hyperband
from kt_extensions.space.domains import Array

R = 81
ITERATION = 1767  # epochs of one iteration of KerasTuner's Hyperband
RESULTS = Path(__file__).parent / "results" / "multifidelity.json"
CACHE = Path("build") / "multifidelity"


@cache
def problem(name: str) -> CurveProblem:
    """Returns the problem of a recorded grid."""
    space, losses = curves.GRIDS[name].space, curves.load(name)
    rows = {
        space.key(space.encode(values)): i for i, values in enumerate(curves.configurations(space))
    }

    def curve(values: Values) -> Array:
        found: Array = losses[rows[space.key(space.encode(values))]]
        return found

    made = CurveProblem(name, space, curve, optimum=0.0)
    best = min(made.full(values) for values in curves.configurations(space))
    return CurveProblem(name, space, curve, optimum=best)


def methods(iterations: int) -> dict[str, Method]:
    """Returns the methods by name; `-8` is eight asynchronous workers.

    Args:
        iterations: Those of KerasTuner's Hyperband, which ends with them.
    """
    hyperband = partial(Hyperband, max_epochs=R, iterations=None)
    asha = partial(ASHA, max_epochs=R)
    full = partial(Hyperband, max_epochs=R, min_epochs=R, iterations=None)
    pairs: dict[str, tuple[Callable[[], Hyperband | ASHA], Callable[[], Sampler]]] = {
        "random": (full, Random),
        "hyperband": (hyperband, Random),
        "asha": (asha, Random),
        "bohb": (hyperband, KDE),
        "bohb-asha": (asha, KDE),
        "tpe-hyperband": (hyperband, TPE),
        "tpe-asha": (asha, TPE),
        "gp-hyperband": (hyperband, GP),
    }
    found = {name: scheduled_method(*pair) for name, pair in pairs.items()}
    for name in ("hyperband", "asha", "bohb", "bohb-asha"):
        found[f"{name}-8"] = scheduled_method(*pairs[name], workers=8)
    return {
        "kerastuner": keras_tuner_method(R, iterations),
        "kerastuner-8": keras_tuner_method(R, iterations, workers=8),
        "optuna": optuna_method(R),
        "dehb": dehb_method(R),
        **found,
    }


REPORTED = ("kerastuner", "bohb", "hyperband", "asha", "optuna", "dehb", "random")
"""The methods of the tables in `docs/benchmarks.md`, measured by default."""


def measure(method: str, name: str, iterations: int, seeds: int, cached: Path | None) -> Found:
    """Runs a method on a problem, or reads what it found there before."""
    path = None if cached is None else cached / f"{method}.{name}.{iterations}.{seeds}.npz"
    if path is not None and path.exists():
        with np.load(path) as archive:
            return Found(archive["seen"], archive["full"])
    start, task = time.perf_counter(), problem(name)
    with threadpool_limits(1):
        search, epochs = methods(iterations)[method], iterations * ITERATION
        traces = [search(task, epochs, seed) for seed in range(seeds)]
    seen = np.stack([trace.seen for trace in traces]) - task.optimum
    full = np.stack([trace.full for trace in traces]) - task.optimum
    print(f"{method} on {name}: {time.perf_counter() - start:.0f} s", flush=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, seen=seen, full=full)
    return Found(seen, full)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=list(REPORTED))
    parser.add_argument("--iterations", type=int, default=3, help="of KerasTuner's Hyperband")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--problems", help="names, separated by commas; all by default")
    parser.add_argument("--json", type=Path, help=f"such as {RESULTS.name}")
    parser.add_argument(
        "--cache", type=Path, nargs="?", const=CACHE, help="folder of what was measured before"
    )
    parser.add_argument("--fresh", action="store_true", help="measure the named methods again")
    parser.add_argument("--markdown", action="store_true", help="print the tables for the docs")
    parser.add_argument("--quick", action="store_true", help="a smoke run that keeps nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.iterations, arguments.seeds, arguments.problems = 1, 2, "digits_few"
    return arguments


def main() -> None:
    arguments = _arguments()
    names = arguments.problems.split(",") if arguments.problems else list(curves.GRIDS)
    chosen = list(dict.fromkeys([*map(reference_of, arguments.methods), *arguments.methods]))
    if arguments.fresh and arguments.cache:
        for path in (path for m in arguments.methods for path in arguments.cache.glob(f"{m}.*")):
            path.unlink()
    settings = (arguments.iterations, arguments.seeds, arguments.cache)
    results: Results = {
        method: {name: measure(method, name, *settings) for name in names} for method in chosen
    }
    budgets = sorted({ITERATION, arguments.iterations * ITERATION})
    summary = summarize(results, budgets)
    print_tables(summary)
    if arguments.markdown:
        print(markdown(summary, arguments.methods))
    duels = {}
    if {"dehb", "bohb"} <= results.keys():
        duels["dehb / bohb"] = rounded(duel(results, "dehb", "bohb", budgets))
        print(json.dumps(duels, indent=1))
    if arguments.json:
        record = {"seeds": arguments.seeds, "budgets": rounded(summary), **duels}
        record |= median_curves(results)
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
