"""The quality benchmark's tables, for the terminal, for JSON and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.problems import PROBLEMS
from benchmarks.statistics import (
    Comparison,
    compare,
    friedman,
    mean_ranks,
    relative_medians,
)
from benchmarks.store import Results, Runs
from kt_extensions.space.domains import Array

NAMES = [problem.name for problem in PROBLEMS]
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"


@dataclass(frozen=True)
class Standing:
    """How the methods stand after a number of evaluations.

    Args:
        workers: How many evaluations ran at the same time.
        budget: The number of evaluations.
        scores: For each method that was run on all problems, its relative median regrets in the
            order of the problems, the best mean first.
        ranks: For each method, its mean rank.
        p: The probability of Friedman's test.
        comparisons: This package's methods beside the others.
    """

    workers: int
    budget: int
    scores: dict[str, Array]
    ranks: dict[str, float]
    p: float
    comparisons: list[Comparison]


def standings(results: Results, budgets: list[int], ours: list[str]) -> Iterator[Standing]:
    """Yields the standings for each number of workers and evaluations that was measured."""
    for workers, methods in sorted(results.items()):
        for budget in budgets:
            scores = _scores(methods, budget)
            if not scores:
                continue
            table = np.stack(list(scores.values()), axis=1)
            ranks = dict(zip(scores, mean_ranks(table).tolist(), strict=True))
            peers = [name for name in scores if name not in ours or name == "random"]
            mine = [name for name in ours if name in scores and name != "random"]
            compared = compare(scores, mine, peers)
            yield Standing(workers, budget, scores, ranks, friedman(table), compared)


def _scores(methods: dict[str, Runs], budget: int) -> dict[str, Array]:
    """Returns the relative median regrets of the methods that were run on all problems."""
    scores: dict[str, list[float]] = {name: [] for name in methods}
    random = methods.get("random", Runs())
    for problem in NAMES:
        regrets = {name: runs.table(problem, budget) for name, runs in methods.items()}
        if not len(random.table(problem, budget)):
            return {}
        some = {name: values[:, np.newaxis] for name, values in regrets.items() if len(values)}
        medians = relative_medians(some, random.table(problem, budget)[:, np.newaxis])
        for name, median in medians.items():
            scores[name].append(float(median[0]))
    whole = {name: np.array(row) for name, row in scores.items() if len(row) == len(NAMES)}
    return dict(sorted(whole.items(), key=lambda item: float(np.mean(item[1]))))


def summary(results: Results, budgets: list[int], ours: list[str]) -> list[dict[str, Any]]:
    """Returns the standings as JSON."""
    rows = []
    for standing in standings(results, budgets, ours):
        methods = {
            name: {
                "mean_relative_regret": round(float(np.mean(scores)), 4),
                "mean_rank": round(standing.ranks[name], 3),
                "seeds": _seeds(results[standing.workers][name], standing.budget),
            }
            for name, scores in standing.scores.items()
        }
        compared = [asdict(c) | {"ratio": round(c.ratio, 4)} for c in standing.comparisons]
        where = {"workers": standing.workers, "evaluations": standing.budget}
        rows.append(where | {"friedman_p": standing.p, "methods": methods, "tests": compared})
    return rows


def _seeds(runs: Runs, budget: int) -> int:
    """Returns the least number of seeds over the problems."""
    return min(len(runs.table(problem, budget)) for problem in NAMES)


def _milliseconds(runs: Runs) -> float:
    return 1e3 * float(np.mean(list(runs.seconds.values()))) if runs.seconds else float("nan")


Grid = tuple[str, list[str], list[list[str]]]
"""A table: title, header and rows of cells, the first column a name."""


def grids(results: Results, budgets: list[int], ours: list[str]) -> Iterator[Grid]:
    """Yields the tables."""
    found = list(standings(results, budgets, ours))
    for workers in sorted({standing.workers for standing in found}):
        some = [s for s in found if s.workers == workers and len(s.scores) > 1]
        if not some:
            continue
        yield _overview(results[workers], some)
        yield from map(_by_problem, some)
        for standing in some[1:]:
            if standing.comparisons:
                yield _tests(standing)


def _on(workers: int) -> str:
    return "one at a time" if workers == 1 else f"{workers} asynchronous workers"


def _overview(methods: dict[str, Runs], some: list[Standing]) -> Grid:
    budgets = [standing.budget for standing in some]
    names = sorted(
        {name for standing in some for name in standing.scores},
        key=lambda name: [_mean(s, name) for s in reversed(some)],
    )
    rows = [
        [
            name,
            *[_number(_mean(s, name)) for s in some],
            *[_number(s.ranks.get(name, np.nan), 1) for s in some],
            "/".join(str(_seeds(methods[name], b)) for b in budgets),
            _number(_milliseconds(methods[name]), 1),
        ]
        for name in names
    ]
    header = ["method", *[f"regret, {b}" for b in budgets], *[f"rank, {b}" for b in budgets]]
    title = f"Mean relative regret and mean rank, {_on(some[0].workers)}"
    return title, [*header, "seeds", "CPU ms a proposal"], rows


def _mean(standing: Standing, name: str) -> float:
    return float(np.mean(standing.scores[name])) if name in standing.scores else float("inf")


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _by_problem(standing: Standing) -> Grid:
    title = (
        f"Median regret over that of random search after {standing.budget} evaluations, "
        f"{_on(standing.workers)}"
    )
    rows = [
        [name, *[_number(scores[i]) for scores in standing.scores.values()]]
        for i, name in enumerate(NAMES)
    ]
    rows.append(["mean", *[_number(float(np.mean(s))) for s in standing.scores.values()]])
    rows.append(["mean rank", *[_number(rank, 1) for rank in standing.ranks.values()]])
    return title, ["problem", *standing.scores], rows


def _tests(standing: Standing) -> Grid:
    title = (
        f"Ratio of mean regrets, problems won and lost, p after {standing.budget} evaluations, "
        f"{_on(standing.workers)} (Friedman's p: {_p(standing.p)})"
    )
    mine = list(dict.fromkeys(c.ours for c in standing.comparisons))
    peers = list(dict.fromkeys(c.peer for c in standing.comparisons))
    cell = {
        (c.ours, c.peer): f"{c.ratio:.2f}, {c.wins} : {c.losses}, {_p(c.p)}"
        for c in standing.comparisons
    }
    rows = [[peer, *[cell[one, peer] for one in mine]] for peer in peers]
    return title, ["against", *mine], rows


def _p(p: float) -> str:
    return "p < 0.001" if p < 1e-3 else f"p = {p:.3f}"


def show(console: Console, results: Results, budgets: list[int], ours: list[str]) -> None:
    """Prints the tables."""
    for grid in grids(results, budgets, ours):
        show_grid(console, grid)


def show_grid(console: Console, grid: Grid) -> None:
    """Prints a table."""
    title, header, rows = grid
    table = Table(title=title)
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def markdown(results: Results, budgets: list[int], ours: list[str]) -> str:
    """Returns the tables as Markdown."""
    return "\n".join(grid_markdown(grid) for grid in grids(results, budgets, ours))


def grid_markdown(grid: Grid) -> str:
    """Returns a table as Markdown, below its title."""
    title, header, rows = grid
    lines = [_line(header), "|---" + "|---:" * (len(header) - 1) + "|", *map(_line, rows)]
    return f"{title}:\n\n" + "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_markdown(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replaces what stands between two marks in a document.

    Raises:
        ValueError: If the marks are not there.
    """
    before, mark, rest = path.read_text().partition(begin)
    _, other, after = rest.partition(end)
    if not mark or not other:
        raise ValueError(f"Expected {begin!r} and then {end!r} in {path.name}. Received neither.")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")
