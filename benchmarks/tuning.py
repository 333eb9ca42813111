"""Scores of methods on the problems on which the samplers' defaults were chosen.

The problems, `benchmarks.tuning_problems`, are for choosing defaults only: those that judge the
samplers, in the quality benchmark, are others.

The score of a method on a problem is the median over seeds of its regret, divided by the median
regret of random search after as many evaluations: 0 is the optimum, 1 no better than random. The
mean over seeds, which a few searches caught in a trap raise, stands beside it.

    python -m benchmarks.tuning --seeds 20 tpe optuna
    python -m benchmarks.tuning --set quantile=0.1 --set n_candidates=24 --problems branin,traps tpe
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.blackbox import (
    Method,
    Problem,
    optuna_method,
    random_regret,
    regrets,
    sampler_method,
)
from benchmarks.tuning_problems import PROBLEMS
from kt_extensions.samplers import REGISTRY, TPE

BUDGETS = [50, 100, 200]

Scores = dict[str, list[list[float]]]
"""For each problem the medians and the means over seeds, one for each budget."""


def methods(settings: dict[str, Any]) -> dict[str, Method]:
    """Returns the methods by name: all samplers, and Optuna's. `settings` are the TPE's."""
    samplers = {name: sampler_method(sampler()) for name, sampler in REGISTRY.items()}
    return {
        **samplers,
        "tpe": sampler_method(replace(TPE(), **settings)),
        "optuna": optuna_method(),
        "optuna-group": optuna_method(group=True, multivariate=True),
    }


def scores(method: Method, problems: list[Problem], seeds: int) -> Scores:
    """Returns for each problem the medians and the means over seeds, one for each budget."""
    result = {}
    for problem in problems:
        relative = regrets(problem, method, BUDGETS, range(seeds)) / random_regret(problem, BUDGETS)
        result[problem.name] = [np.median(relative, axis=0).tolist(), relative.mean(0).tolist()]
    return result


def arguments(description: str, *default: str) -> argparse.Namespace:
    """Returns what the command line asks for.

    Args:
        description: What the program does.
        *default: The methods, if it names none.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=default)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--problems", help="names, separated by commas; all by default")
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", type=Path, help="file that the scores are written to")
    return parser.parse_args()


def _setting(text: str) -> tuple[str, Any]:
    name, value = text.split("=")
    return name, json.loads(value)


def show(title: str, results: dict[str, Scores], file: Path | None) -> None:
    """Prints the scores of methods by name, and writes them to a file, if there is to be one."""
    table = Table(title=f"{title}: median, mean")
    table.add_column("problem")
    for name in results:
        table.add_column(name, justify="right")
    for problem in next(iter(results.values())):
        table.add_row(problem, *[_cell(result[problem]) for result in results.values()])
    means = [np.mean(list(result.values()), axis=0) for result in results.values()]
    table.add_section()
    table.add_row("mean", *[_cell(mean) for mean in means])
    Console(width=40 + 45 * len(results)).print(table)
    if file:
        file.write_text(json.dumps(results, indent=1) + "\n")


def _cell(score: Any) -> str:
    medians, means = score
    return "  ".join(" ".join(f"{value:.3f}" for value in part) for part in (medians, means))


def main() -> None:
    """Runs the methods named on the command line and prints their scores."""
    asked = arguments(__doc__, "tpe", "optuna")
    chosen = [p for p in PROBLEMS if not asked.problems or p.name in asked.problems.split(",")]
    available = methods(dict(asked.set))
    results = {name: scores(available[name], chosen, asked.seeds) for name in asked.methods}
    show(f"Regret over that of random search after {BUDGETS}", results, asked.json)


if __name__ == "__main__":
    main()
