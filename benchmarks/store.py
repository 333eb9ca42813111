"""Where the regrets of the quality benchmark are kept.

Each run is a line in a file of its method below `build/`, written as soon as it has ended: a
measurement can be interrupted, continued, and made one method at a time. All of them together
become one JSON file, from which they are read again where `build/` is gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kt_extensions.space.domains import Array

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "quality"
RESULTS = Path(__file__).parent / "results" / "quality.json"

Regrets = dict[int, float]


@dataclass
class Runs:
    """The runs of one method on one number of workers.

    Args:
        regrets: For each problem and seed, the regret after each number of evaluations.
        seconds: For each problem, the mean seconds of an evaluation that the search itself took.
    """

    regrets: dict[str, dict[int, Regrets]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, problem: str, seed: int, regrets: Regrets, seconds: float | None) -> None:
        """Adds a run, or further budgets of one."""
        run = self.regrets.setdefault(problem, {}).setdefault(seed, {})
        run.update({budget: _rounded(value) for budget, value in regrets.items()})
        if seconds is not None:
            self.seconds[problem] = _rounded(seconds)

    def table(self, problem: str, budget: int) -> Array:
        """Returns the regrets of all seeds that were run as far as a budget. Shape `(seeds,)`."""
        seeds = self.regrets.get(problem, {})
        return np.array([seeds[seed][budget] for seed in sorted(seeds) if budget in seeds[seed]])


Results = dict[int, dict[str, Runs]]
"""For each number of workers and each method, its runs."""


def cache_path(method: str, workers: int) -> Path:
    """Returns the file of the runs of a method."""
    return CACHE / f"{method}.w{workers}.jsonl"


def keep(method: str, workers: int, line: dict[str, Any]) -> None:
    """Writes a run down. Several processes may do so at the same time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with cache_path(method, workers).open("a") as file:
        file.write(json.dumps(line) + "\n")


def forget(methods: Iterable[str], workers: Iterable[int]) -> None:
    """Forgets the runs of some methods; the JSON file keeps those that it holds."""
    workers = list(workers)
    for method in methods:
        for number in workers:
            cache_path(method, number).unlink(missing_ok=True)


def load(path: Path = RESULTS, without: Iterable[tuple[str, int]] = ()) -> Results:
    """Reads all runs, from the JSON file and from below `build/`.

    Args:
        path: The JSON file.
        without: Methods and numbers of workers whose runs in the JSON file do not count.
    """
    results: Results = {}
    if path.exists():
        _read_json(json.loads(path.read_text()), set(without), results)
    for file in sorted(CACHE.glob("*.w*.jsonl")):
        method, _, workers = file.name.removesuffix(".jsonl").rpartition(".w")
        runs = results.setdefault(int(workers), {}).setdefault(method, Runs())
        for text in file.read_text().splitlines():
            line = json.loads(text)
            regrets = {int(budget): value for budget, value in line["regrets"].items()}
            runs.add(line["problem"], line["seed"], regrets, line["seconds"])
    return results


def _read_json(kept: dict[str, Any], without: set[tuple[str, int]], results: Results) -> None:
    budgets = kept["budgets"]
    for workers, methods in kept["regrets"].items():
        for method, problems in methods.items():
            if (method, int(workers)) in without:
                continue
            runs = results.setdefault(int(workers), {}).setdefault(method, Runs())
            runs.seconds.update(kept["seconds"][workers][method])
            for problem, seeds in problems.items():
                for seed, row in enumerate(seeds):
                    pairs = zip(budgets, row, strict=True)
                    runs.add(problem, seed, {b: v for b, v in pairs if v is not None}, None)


def save(results: Results, budgets: list[int], summary: Any, path: Path = RESULTS) -> None:
    """Writes all runs and a summary to the JSON file."""
    regrets = {
        str(workers): {
            method: {problem: _rows(seeds, budgets) for problem, seeds in runs.regrets.items()}
            for method, runs in sorted(methods.items())
        }
        for workers, methods in sorted(results.items())
    }
    seconds = {
        str(workers): {method: runs.seconds for method, runs in sorted(methods.items())}
        for workers, methods in sorted(results.items())
    }
    whole = {"budgets": budgets, "summary": summary, "seconds": seconds, "regrets": regrets}
    path.parent.mkdir(exist_ok=True)
    path.write_text(dense(whole) + "\n")


def _rows(seeds: dict[int, Regrets], budgets: list[int]) -> list[list[float | None]]:
    """Returns the regrets of seeds 0, 1, ... up to the first that is missing."""
    rows: list[list[float | None]] = []
    while len(rows) in seeds:
        run = seeds[len(rows)]
        rows.append([run.get(b) for b in budgets])
    return rows


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def dense(whole: Any) -> str:
    """Returns JSON in which a list takes one line."""
    text = json.dumps(whole, indent=1)
    inner = re.compile(r"\[[^\[\]{}]*\]")
    text = inner.sub(lambda match: " ".join(match[0].split()), text)
    return re.sub(r"\[\s*\[[^{}]*?\]\s*\](?=,?\s)", lambda match: " ".join(match[0].split()), text)
