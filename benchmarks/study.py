"""A real comparison: a multilayer perceptron's hyperparameters, searched on five data sets.

Each method searches the width, the regularization, the batches, Adam's settings and the early
stopping of scikit-learn's `MLPClassifier` for the highest accuracy on validation rows. The table
shows that accuracy, the accuracy of the same model on the test rows, and the CPU time of the
search, of which the method itself took a part. To keep an evaluation below a second at most 2,000
rows are trained and validated on, for at most 30 epochs: the scores are no records.

    python -m benchmarks.study                       # all methods, 5 seeds, 50 evaluations
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
from benchmarks.quality import starts
from benchmarks.report import Grid, grid_markdown, show_grid, write_markdown
from benchmarks.statistics import friedman, mean_ranks
from benchmarks.store import ROOT, dense
from kt_extensions.space import Dimension, Interval, LinearSteps, SearchSpace
from kt_extensions.space.domains import Array

DATA = ROOT.parent / "shared" / "data"
SETS = ["dna", "electricity", "gas_drift", "pendigits", "semeion"]
BUNDLED = {"breast_cancer": "load_breast_cancer", "digits": "load_digits", "wine": "load_wine"}
RESULTS = Path(__file__).parent / "results" / "study.json"
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

Row = dict[str, float]
Results = dict[str, dict[str, dict[str, Row]]]
"""For each data set, method and seed, the scores and the times."""


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
    x = (x - x[fit].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
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

    def __call__(self, values: Values) -> float:
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier(max_iter=EPOCHS, early_stopping=True, random_state=0, **values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # batches larger than the data, unfinished trainings
            model.fit(*self._data.train)
            self.tested.append(float(model.score(*self._data.test)))
            return 1.0 - float(model.score(*self._data.validation))


def search(method: str, data: Split, trials: int, seed: int) -> Row:
    """Returns the scores and the times of one search."""
    start, training = starts()[method], Training(data)
    problem = Problem("study", SPACE, training)
    start(problem, trials, seed, 1)  # imports its package
    clock = time.process_time()
    done = run(start, problem, trials, seed)
    seconds = time.process_time() - clock
    best = int(np.argmin(done.loss))
    return {
        "validation": 1.0 - float(done.loss[best]),
        "test": training.tested[done.number[best]],
        "seconds": seconds,
        "suggestion_seconds": done.seconds,
    }


def measure(
    results: Results, names: list[str], methods: list[str], trials: int, seeds: int, path: Path
) -> None:
    """Runs the searches that are missing, seed by seed, and writes the file after each."""
    data = {name: load(name) for name in names}
    for seed, name, method in itertools.product(range(seeds), names, methods):
        rows = results.setdefault(name, {}).setdefault(method, {})
        if str(seed) in rows:
            continue
        rows[str(seed)] = search(method, data[name], trials, seed)
        path.parent.mkdir(exist_ok=True)
        path.write_text(dense({"trials": trials, "results": results}) + "\n")
        print(f"{name} {method} {seed}: {rows[str(seed)]}", flush=True)


def means(results: Results) -> dict[str, dict[str, Row]]:
    """Returns for each data set and method the means over seeds, the best score first."""
    found = {}
    for name, methods in sorted(results.items()):
        rows = {
            method: {key: float(np.mean([row[key] for row in seeds.values()])) for key in _KEYS}
            for method, seeds in methods.items()
            if seeds
        }
        found[name] = dict(sorted(rows.items(), key=lambda item: -item[1]["validation"]))
    return found


_KEYS = ("validation", "test", "seconds", "suggestion_seconds")


def grids(results: Results, trials: int) -> Iterator[Grid]:
    """Yields the table over all data sets, if there are several, and that of each."""
    if len(results) > 1:
        yield overview(results)
    yield note(results, trials), *table(results)


def overview(results: Results) -> Grid:
    """Returns how the methods that were run on all data sets stand."""
    found = means(results)
    rows = list(found.values())
    methods = [method for method in rows[0] if all(method in row for row in rows)]
    errors = np.array([[1.0 - row[method]["validation"] for method in methods] for row in rows])
    ranks = dict(zip(methods, mean_ranks(errors), strict=True))
    lines = []
    for method in sorted(methods, key=lambda method: float(ranks[method])):
        mine = {key: np.array([row[method][key] for row in rows]) for key in _KEYS}
        scores = [f"{ranks[method]:.1f}", *(f"{np.mean(mine[key]):.4f}" for key in _KEYS[:2])]
        lines.append([method, *scores, *(f"{np.mean(mine[key]):.1f}" for key in _KEYS[2:])])
    header = ["method", "mean rank", "validation", "test", "CPU seconds", "of which suggestions"]
    p = friedman(errors)
    told = f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
    return f"Means over {len(rows)} data sets (Friedman's {told})", header, lines


def table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of the table of each data set."""
    header = ["data", "method", "seeds", *_KEYS[:2], "CPU seconds", "of which suggestions"]
    rows = []
    for name, methods in means(results).items():
        for method, mean in methods.items():
            scores = [f"{mean['validation']:.4f}", f"{mean['test']:.4f}"]
            times = [f"{mean['seconds']:.1f}", f"{mean['suggestion_seconds']:.2f}"]
            rows.append([name, method, str(len(results[name][method])), *scores, *times])
    return header, rows


def note(results: Results, trials: int) -> str:
    """Returns what has to be said beside the table."""
    said = (
        f"Means over seeds of {trials} evaluations each, one at a time, at most {ROWS} rows to "
        f"train and validate on, at most {EPOCHS} epochs"
    )
    bundled = sorted(set(results) & set(BUNDLED))
    if bundled:
        said += f"; the data folder was absent, these are scikit-learn's own {', '.join(bundled)}"
    return said


def main() -> None:
    """Measures what is missing, prints the table, and writes the results as JSON."""
    names = SETS if all((DATA / name).is_dir() for name in SETS) else list(BUNDLED)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(starts())}; all by default")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--trials", type=int, default=50, help="evaluations; default: 50")
    parser.add_argument("--data", type=lambda t: t.split(","), default=names)
    parser.add_argument("--fresh", action="store_true", help="forget the methods' earlier runs")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is continued")
    parser.add_argument("--markdown", type=Path, help="document whose table is written anew")
    arguments = parser.parse_args()
    methods = arguments.methods or list(starts())
    kept: dict[str, Any] = {"trials": arguments.trials, "results": {}}
    if arguments.json.exists():
        kept = json.loads(arguments.json.read_text())
    if kept["trials"] != arguments.trials:
        parser.error(f"{arguments.json} holds searches of {kept['trials']} trials")
    if arguments.fresh:
        for name in arguments.data:
            for method in methods:
                kept["results"].get(name, {}).pop(method, None)
    results: Results = kept["results"]
    measure(results, arguments.data, methods, arguments.trials, arguments.seeds, arguments.json)
    for grid in grids(results, arguments.trials):
        show_grid(Console(width=110), grid)
    if arguments.markdown:
        text = "\n".join(map(grid_markdown, grids(results, arguments.trials)))
        write_markdown(arguments.markdown, text, BEGIN, END)


if __name__ == "__main__":
    main()
