"""What the searches over learning curves found, in numbers: a table, a record and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import mannwhitneyu, rankdata

from kt_extensions.space.domains import Array

REFERENCE = "kerastuner"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Found:
    """What a method found on a problem after each epoch used. Arrays `(seeds, epochs)`.

    Args:
        seen: The least loss seen, over the least loss of the grid.
        full: The loss, fully trained, of the configuration that has it, over the same.
    """

    seen: Array
    full: Array


Results = dict[str, dict[str, Found]]
"""By method and problem."""


def reference_of(method: str) -> str:
    """Returns KerasTuner's Hyperband with as many workers."""
    return f"{REFERENCE}-8" if method.endswith("-8") else REFERENCE


def epochs_to(found: Found, target: float) -> Array:
    """Returns for each seed the epochs used until a regret is reached, infinite if it never is."""
    reached = found.seen <= target
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def compare(found: Found, reference: Found, epochs: int) -> dict[str, Any]:
    """Returns how a method stands against the reference's end after so many epochs.

    `epochs_ratio` is the number of epochs until a search has reached what one of the reference has
    at its end, over the epochs that the reference used: the median over all pairs of a search of
    the method and one of the reference. `reached` is the share of pairs in which it did.
    `regret_ratio` and `full_ratio` are ratios of mean regrets at equal epochs; `p` is that of a
    two-sided Mann-Whitney test of the regrets seen.
    """
    seen, full = found.seen[:, epochs - 1], found.full[:, epochs - 1]
    their, their_full = reference.seen[:, epochs - 1], reference.full[:, epochs - 1]
    pairs = np.stack([epochs_to(found, target) for target in their.tolist()]) / epochs
    ratios = np.sort(
        pairs[~np.eye(len(their), dtype=bool)] if found is reference else pairs.ravel()
    )
    median = float(ratios[(len(ratios) - 1) // 2])  # half of the pairs got there
    same = np.array_equal(np.sort(seen), np.sort(their))
    return {
        "seen": float(np.median(seen)),
        "full": float(np.median(full)),
        "epochs_ratio": median if np.isfinite(median) else None,
        "reached": float(np.mean(np.isfinite(ratios))),
        "regret_ratio": float(seen.mean() / their.mean()),
        "full_ratio": float(full.mean() / their_full.mean()),
        "p": 1.0 if same else float(mannwhitneyu(seen, their).pvalue),
    }


def overall(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the comparisons of all problems in one: medians, geometric means and counts."""
    ratios = [np.inf if row["epochs_ratio"] is None else row["epochs_ratio"] for row in rows]
    median = float(np.median(ratios))
    significant = [row for row in rows if row["p"] < SIGNIFICANT]
    return {
        "epochs_ratio": median if np.isfinite(median) else None,
        "regret_ratio": _geometric_mean([row["regret_ratio"] for row in rows]),
        "full_ratio": _geometric_mean([row["full_ratio"] for row in rows]),
        "better": sum(row["regret_ratio"] < 1 for row in significant),
        "worse": sum(row["regret_ratio"] > 1 for row in significant),
    }


def duel(results: Results, one: str, other: str, budgets: Sequence[int]) -> dict[str, Any]:
    """Returns for each budget the ratios of two methods' mean regrets, below 1 if `one` is better.

    Beside them stand the p-values, and on how many problems `one` is better.
    """
    found: dict[str, Any] = {}
    for epochs in budgets:
        pairs = {name: (results[one][name], results[other][name]) for name in results[one]}
        rows = {name: compare(*pair, epochs) for name, pair in pairs.items()}
        ratios = {name: row["regret_ratio"] for name, row in rows.items()}
        found[str(epochs)] = {
            "ratios": ratios,
            "p": {name: row["p"] for name, row in rows.items()},
            "better": sum(ratio < 1 for ratio in ratios.values()),
            "mean": _geometric_mean([*ratios.values()]),
        }
    return found


def _geometric_mean(ratios: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(np.maximum(ratios, 1e-9)))))


def mean_ranks(results: Results, epochs: int) -> dict[str, float]:
    """Returns each method's rank among all, by the median regret seen; the mean over problems."""
    problems = list(next(iter(results.values())))
    medians = [
        [np.median(found[name].seen[:, epochs - 1]) for name in problems]
        for found in results.values()
    ]
    ranks = rankdata(np.array(medians), axis=0).mean(axis=1)
    return dict(zip(results, ranks.tolist(), strict=True))


def summarize(results: Results, budgets: Sequence[int]) -> dict[str, Any]:
    """Returns all figures, by budget and method."""
    summary: dict[str, Any] = {}
    for epochs in budgets:
        ranks = mean_ranks(results, epochs)
        summary[str(epochs)] = {}
        for method, found in results.items():
            their = results[reference_of(method)]
            rows = {name: compare(found[name], their[name], epochs) for name in found}
            entry = {**overall([*rows.values()]), "rank": ranks[method], "problems": rows}
            summary[str(epochs)][method] = entry
    return summary


def curves(results: Results) -> dict[str, Any]:
    """Returns median regrets at 40 numbers of epochs, evenly spread on the log scale."""
    epochs = next(iter(next(iter(results.values())).values())).seen.shape[1]
    at = np.unique(np.geomspace(1, epochs, 40).astype(int))
    medians = {
        method: {
            name: [_rounded(v) for v in np.median(part.seen[:, at - 1], axis=0)]
            for name, part in found.items()
        }
        for method, found in results.items()
    }
    return {"epochs": at.tolist(), "median regret seen": medians}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def rounded(summary: Any) -> Any:
    """Returns a nested record with its floats rounded to four digits."""
    if isinstance(summary, dict):
        return {name: rounded(value) for name, value in summary.items()}
    return _rounded(summary) if isinstance(summary, float) else summary


HEADER = ["method", "epochs needed", "regret", "fully trained", "rank", "better / worse"]


def _cells(method: str, entry: dict[str, Any]) -> list[str]:
    ratio = entry["epochs_ratio"]
    return [
        method,
        "never" if ratio is None else f"{ratio:.2f}",
        f"{entry['regret_ratio']:.2f}",
        f"{entry['full_ratio']:.2f}",
        f"{entry['rank']:.1f}",
        f"{entry['better']} / {entry['worse']}",
    ]


def print_tables(summary: dict[str, Any]) -> None:
    """Prints for each budget the methods, and for each problem the epochs they needed."""
    for epochs, methods in summary.items():
        table = Table(title=f"Against KerasTuner's Hyperband after {epochs} epochs")
        problems = list(next(iter(methods.values()))["problems"])
        for i, name in enumerate([*HEADER, *problems]):
            table.add_column(name, justify="right" if i else "left")
        for method, entry in methods.items():
            table.add_row(*_cells(method, entry), *[_pair(entry["problems"][p]) for p in problems])
        Console(width=90 + 16 * len(problems)).print(table)
    print("For each problem: epochs needed, regret ratio (* if significant).")


def _pair(row: dict[str, Any]) -> str:
    ratio = "never" if row["epochs_ratio"] is None else f"{row['epochs_ratio']:.2f}"
    return f"{ratio}, {row['regret_ratio']:.2f}{'*' if row['p'] < SIGNIFICANT else ''}"


def markdown(summary: dict[str, Any], chosen: Sequence[str]) -> str:
    """Returns for each budget a table of all methods, and one of the chosen ones' problems."""
    parts = []
    for epochs, methods in summary.items():
        ordered = sorted(methods.items(), key=lambda item: item[1]["regret_ratio"])
        overview = _markdown_table(HEADER, [_cells(name, entry) for name, entry in ordered])
        problems = next(iter(methods.values()))["problems"]
        rows = [
            [problem, *[_pair(methods[name]["problems"][problem]) for name in chosen]]
            for problem in problems
        ]
        parts += [f"After {epochs} epochs:", overview, _markdown_table(["problem", *chosen], rows)]
    return "\n\n".join(parts)


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
