"""A real comparison: a multilayer perceptron's hyperparameters, searched on five data sets.

Each method searches the width, the regularization, the batches, Adam's settings and the early
stopping of scikit-learn's `MLPClassifier` for the highest accuracy on validation rows. The tables
show that accuracy after 50, 100 and 200 evaluations, the accuracy of the last model on the test
rows, and the CPU time of the search, of which the method itself took a part. To keep an evaluation
below a second at most 2,000 rows are trained and validated on, for at most 30 epochs: the scores
are no records.

Each search is a line in a file of its method below `build/`, written as soon as it has ended, and
is not made again: several processes may measure, each some of the methods.

    python -m benchmarks.study                       # all methods, 20 seeds: eight hours of CPU
    python -m benchmarks.study tpe optuna-tpe --seeds 1 --data dna,semeion
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np
from rich.console import Console

from benchmarks.blackbox import Problem, Values, run
from benchmarks.quality import COSTLY, numbers, starts
from benchmarks.report import Grid, grid_markdown, show_grid, write_markdown
from benchmarks.statistics import friedman, mean_ranks
from benchmarks.store import ROOT, dense
from kt_extensions.space import Dimension, Interval, LinearSteps, SearchSpace
from kt_extensions.space.domains import Array

DATA = ROOT.parent / "shared" / "data"
SETS = ["dna", "electricity", "gas_drift", "pendigits", "semeion"]
BUNDLED = {"breast_cancer": "load_breast_cancer", "digits": "load_digits", "wine": "load_wine"}
RESULTS = Path(__file__).parent / "results"
CACHE = ROOT / "build" / "study"
BUDGETS = [50, 100, 200]
METHODS = [name for name in starts() if name not in {*COSTLY, "auto"}]
BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
ROWS, EPOCHS = 2000, 30

SPACE = SearchSpace(
    [
        Dimension("hidden_layer_sizes", LinearSteps(50, 200, 1)),
        Dimension("alpha", Interval(1e-5, 10.0, "log")),
        Dimension("batch_size", LinearSteps(10, 250, 1)),
        Dimension("learning_rate_init", Interval(1e-5, 1e-1, "log")),
        Dimension("tol", Interval(1e-5, 1e-2, "log")),
        Dimension("validation_fraction", Interval(0.1, 0.9)),
        Dimension("beta_1", Interval(0.5, 0.999)),
        Dimension("beta_2", Interval(0.9, 0.9999)),
        Dimension("epsilon", Interval(1e-9, 1e-4, "log")),
    ]
)

Row = dict[str, Any]
"""The accuracies and CPU seconds of a search after each budget, and what it took by itself."""
Results = dict[str, dict[str, dict[int, Row]]]
"""For each data set, method and seed, a search."""


@dataclass(frozen=True)
class Split:
    """Rows to train, to validate and to test on, with their labels."""

    train: tuple[Array, Any]
    validation: tuple[Array, Any]
    test: tuple[Array, Any]


def split(x: Array, y: Any, is_test: Any) -> Split:
    """Returns standardized rows; of those not for testing, a quarter are for validation."""
    rng = np.random.default_rng(0)
    x = x.reshape(len(x), -1).astype(float)
    rest = rng.permutation(np.flatnonzero(~is_test))[:ROWS]
    fit, check = rest[len(rest) // 4 :], rest[: len(rest) // 4]
    tested = rng.permutation(np.flatnonzero(is_test))[: 2 * ROWS]
    deviation = x[fit].std(axis=0)
    x = ((x - x[fit].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)).astype(np.float32)
    return Split((x[fit], y[fit]), (x[check], y[check]), (x[tested], y[tested]))


def load(name: str) -> Split:
    """Returns a data set of the shared folder, or one that scikit-learn brings."""
    if name not in BUNDLED:
        data = np.load(DATA / name / f"{name}.npz")
        return split(data["x"], data["y"], data["is_test"])
    import sklearn.datasets

    x, y = getattr(sklearn.datasets, BUNDLED[name])(return_X_y=True)
    return split(x, y, np.random.default_rng(1).random(len(y)) < 0.25)


class Training:
    """The loss of a configuration: its error on the validation rows.

    Args:
        data: The rows.
    """

    def __init__(self, data: Split) -> None:
        self._data = data
        self.tested: list[float] = []
        """The accuracy on the test rows for each evaluation, which the search does not see."""
        self.clock: list[float] = []
        """The CPU seconds of the process after each evaluation."""

    def __call__(self, values: Values) -> float:
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier(max_iter=EPOCHS, early_stopping=True, random_state=0, **values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # batches larger than the data, unfinished trainings
            model.fit(*self._data.train)
            self.tested.append(float(model.score(*self._data.test)))
            loss = 1.0 - float(model.score(*self._data.validation))
        self.clock.append(time.process_time())
        return loss


def search(method: str, data: Split, budgets: list[int], seed: int) -> Row:
    """Returns the scores and the times of one search, of the longest budget."""
    start, training = starts()[method], Training(data)
    problem = Problem("study", SPACE, training)
    start(problem, max(budgets), seed, 1)  # imports its package
    clock = time.process_time()
    done = run(start, problem, max(budgets), seed)
    best = [int(np.argmin(done.loss[:budget])) for budget in budgets]
    return {
        "validation": [_rounded(1.0 - float(done.loss[b])) for b in best],
        "test": [_rounded(training.tested[done.number[b]]) for b in best],
        "seconds": [_rounded(training.clock[budget - 1] - clock) for budget in budgets],
        "suggestion_seconds": _rounded(done.seconds),
    }


def _rounded(value: float) -> float:
    return round(value, 4)


def measure(
    results: Results, names: list[str], methods: list[str], budgets: list[int], seeds: int
) -> None:
    """Runs the searches that are missing, seed by seed, and writes each down."""
    data = {name: load(name) for name in names}
    CACHE.mkdir(parents=True, exist_ok=True)
    for seed, name, method in itertools.product(range(seeds), names, methods):
        rows = results.setdefault(name, {}).setdefault(method, {})
        if seed in rows:
            continue
        rows[seed] = search(method, data[name], budgets, seed)
        line = {"data": name, "seed": seed, "budgets": budgets, "row": rows[seed]}
        with (CACHE / f"{method}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{name} {method} {seed}: {rows[seed]}", flush=True)


def read(path: Path, budgets: list[int], without: list[str]) -> Results:
    """Returns the searches of these budgets that are in the JSON file and below `build/`.

    Args:
        path: The JSON file.
        budgets: The numbers of evaluations.
        without: Methods whose searches in the JSON file do not count.

    Raises:
        ValueError: If the JSON file holds searches of other budgets.
    """
    results: Results = {}
    kept = json.loads(path.read_text()) if path.exists() else {"budgets": budgets, "results": {}}
    if kept["budgets"] != budgets:
        raise ValueError(f"Expected budgets {budgets} in {path.name}. Received: {kept['budgets']}.")
    for name, methods in kept["results"].items():
        results[name] = {
            method: dict(enumerate(rows))
            for method, rows in methods.items()
            if method not in without
        }
    for file in sorted(CACHE.glob("*.jsonl")):
        for line in map(json.loads, file.read_text().splitlines()):
            if line["budgets"] == budgets:
                rows = results.setdefault(line["data"], {}).setdefault(file.stem, {})
                rows[line["seed"]] = line["row"]
    return results


def write(path: Path, budgets: list[int], results: Results) -> None:
    """Writes the searches of seeds 0, 1, ... up to the first that is missing."""
    whole = {
        name: {method: _in_order(rows) for method, rows in sorted(methods.items())}
        for name, methods in sorted(results.items())
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(dense({"budgets": budgets, "results": whole}) + "\n")


def _in_order(rows: dict[int, Row]) -> list[Row]:
    return [rows[seed] for seed in itertools.takewhile(rows.__contains__, range(len(rows)))]


def forget(methods: list[str]) -> None:
    """Forgets the searches below `build/` of some methods."""
    for method in methods:
        (CACHE / f"{method}.jsonl").unlink(missing_ok=True)


def means(results: Results) -> dict[str, dict[str, Row]]:
    """Returns for each data set and method the means over seeds, the best last score first."""
    found = {}
    for name, methods in sorted(results.items()):
        rows = {
            method: {key: np.mean([row[key] for row in seeds.values()], axis=0) for key in _KEYS}
            for method, seeds in methods.items()
            if seeds
        }
        found[name] = dict(sorted(rows.items(), key=lambda item: -item[1]["validation"][-1]))
    return found


_KEYS = ("validation", "test", "seconds", "suggestion_seconds")


def grids(results: Results, budgets: list[int]) -> Iterator[Grid]:
    """Yields the table over all data sets, if there are several, and that of each."""
    if len(results) > 1:
        yield overview(results, budgets)
    yield note(results), *table(results, budgets)


def overview(results: Results, budgets: list[int]) -> Grid:
    """Returns how the methods that were run on all data sets stand, by their last mean rank."""
    found = list(means(results).values())
    methods = [method for method in found[0] if all(method in row for row in found)]
    errors = 1.0 - np.array([[row[method]["validation"] for method in methods] for row in found])
    ranks = np.array([mean_ranks(errors[:, :, b]) for b in range(len(budgets))])
    lines = []
    for number in np.argsort(ranks[-1], kind="stable"):
        method, standing = methods[number], [f"{rank:.1f}" for rank in ranks[:, number]]
        mean = {key: np.mean([row[method][key] for row in found], axis=0) for key in _KEYS}
        lines.append([method, *standing, *_cells(mean)])
    header = ["method", *(f"mean rank, {budget}" for budget in budgets), *_header(budgets)]
    p = friedman(errors[:, :, -1])
    told = f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
    return f"Means over {len(found)} data sets (Friedman's {told})", header, lines


def table(results: Results, budgets: list[int]) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of the table of each data set."""
    rows = [
        [name, method, str(len(results[name][method])), *_cells(mean)]
        for name, methods in means(results).items()
        for method, mean in methods.items()
    ]
    return ["data", "method", "seeds", *_header(budgets)], rows


def _header(budgets: list[int]) -> list[str]:
    validation = [f"validation, {budget}" for budget in budgets]
    return [*validation, "test", "CPU seconds", "of which suggestions"]


def _cells(mean: Row) -> list[str]:
    """Returns the scores after each budget, and what holds after the last."""
    scores = [*mean["validation"], mean["test"][-1]]
    times = [mean["seconds"][-1], mean["suggestion_seconds"]]
    return [*(f"{score:.4f}" for score in scores), *(f"{seconds:.1f}" for seconds in times)]


def note(results: Results) -> str:
    """Returns what has to be said beside the table."""
    said = (
        f"Means over seeds, one evaluation at a time, at most {ROWS} rows to train and validate "
        f"on, at most {EPOCHS} epochs"
    )
    bundled = sorted(set(results) & set(BUNDLED))
    if bundled:
        said += f"; the data folder was absent, these are scikit-learn's own {', '.join(bundled)}"
    return said


def main() -> None:
    """Measures what is missing, prints the tables, and writes the results as JSON."""
    names = SETS if all((DATA / name).is_dir() for name in SETS) else list(BUNDLED)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(METHODS)}; all by default")
    parser.add_argument("--seeds", type=int, default=20, help="default: 20")
    parser.add_argument("--budgets", type=numbers, default=BUDGETS, help="default: 50,100,200")
    parser.add_argument("--data", type=lambda t: t.split(","), default=names)
    parser.add_argument("--fresh", action="store_true", help="forget the methods' earlier runs")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--json", type=Path, help="file that is written; by default of the budgets")
    parser.add_argument("--markdown", type=Path, help="document whose tables are written anew")
    arguments = parser.parse_args()
    methods = arguments.methods or METHODS
    path = arguments.json or RESULTS / f"study_{max(arguments.budgets)}.json"
    again = methods if arguments.fresh else []
    forget(again)
    if not arguments.report:
        known = read(path, arguments.budgets, again)
        measure(known, arguments.data, methods, arguments.budgets, arguments.seeds)
    results = read(path, arguments.budgets, again)
    write(path, arguments.budgets, results)
    for grid in grids(results, arguments.budgets):
        show_grid(Console(width=150), grid)
    if arguments.markdown:
        text = "\n".join(map(grid_markdown, grids(results, arguments.budgets)))
        write_markdown(arguments.markdown, text, BEGIN, END)


if __name__ == "__main__":
    main()
