"""What pruners save of random searches over recorded learning curves, and what they lose.

Each search draws 50 configurations of a grid (`benchmarks.curves`) and trains one after the other;
a trial's score is its least loss. The same search without a pruner tells which trial is the best
and how many epochs there were. A trial that diverges fails in that epoch.

    python -m benchmarks.pruning
    python -m benchmarks.pruning --seeds 10 --epochs 30 --grids cancer,friedman
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import curves
from kt_extensions.pruners import (
    Extrapolation,
    Median,
    Patience,
    Percentile,
    Progress,
    Pruner,
    SuccessiveHalving,
)
from kt_extensions.space.domains import Array

TRIALS = 50

PRUNERS: dict[str, Pruner] = {
    "Extrapolation(0.98)": Extrapolation(0.98),
    "Extrapolation()": Extrapolation(),
    "Extrapolation(0.9)": Extrapolation(0.9),
    "Extrapolation(0.8)": Extrapolation(0.8),
    "Median()": Median(),
    "Percentile(75)": Percentile(75.0),
    "Percentile(25)": Percentile(),
    "Patience(3)": Patience(3),
    "SuccessiveHalving()": SuccessiveHalving(),
}


class Outcome(NamedTuple):
    """What a pruner did in one search.

    Args:
        saved: Share of the epochs that were not trained.
        kept: Whether the search's best trial was trained to its end.
        loss: By how much of it the best score is higher than without a pruner.
    """

    saved: float
    kept: bool
    loss: float


def draw(losses: Array, epochs: int, seed: int) -> Array:
    """Returns the curves of a random search, shape `(50, epochs)`, NaN from where one diverged."""
    rows = np.random.default_rng(seed).choice(len(losses), TRIALS, replace=False)
    drawn = losses[rows, :epochs]
    gone = np.maximum.accumulate(~np.isfinite(drawn), axis=1)
    return np.where(gone, np.nan, drawn)


def prune(search: Array, pruner: Pruner) -> Outcome:
    """Returns what a pruner does in a search.

    Args:
        search: The curves, shape `(trials, epochs)`.
        pruner: The pruner.
    """
    trials, planned = search.shape
    completes = ~np.isnan(search).any(axis=1)
    full = np.minimum((~np.isnan(search)).sum(axis=1) + 1, planned)
    others, completed, trained = np.full(search.shape, np.nan), np.zeros(trials, bool), full.copy()
    for i, curve in enumerate(search):
        for epoch in range(1, planned if completes[i] else full[i]):
            so_far = Progress(curve[:epoch], others[:i], completed[:i], planned)
            if pruner.verdict(so_far) is not None:
                trained[i] = epoch
                break
        others[i, : trained[i]] = curve[: trained[i]]
        completed[i] = completes[i] and trained[i] == planned
    best = search[completes].min()
    found = others[completed].min()
    return Outcome(1 - trained.sum() / full.sum(), bool(found == best), found / best - 1)


def row(outcomes: Iterable[Outcome]) -> str:
    """Returns the columns of a table: means, and the share of searches that kept the best trial."""
    saved, kept, loss = np.array(list(outcomes), float).T
    return f"{saved.mean():.0%} | {kept.mean():.0%} | {loss.mean():.2%}"


def table(grids: list[str], epochs: int, seeds: int) -> list[str]:
    """Returns the lines of a Markdown table over grids and seeds."""
    lines = [f"| {epochs} epochs | saved | best trial kept | loss |", "|---|---|---|---|"]
    searches = [draw(curves.load(g), epochs, seed) for g in grids for seed in range(seeds)]
    for name, pruner in PRUNERS.items():
        lines.append(f"| `{name}` | {row(prune(search, pruner) for search in searches)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50, help="searches of each grid")
    parser.add_argument("--epochs", default="10,30,81", help="epochs of a trial, at most 81")
    parser.add_argument("--grids", default=",".join(curves.GRIDS), help="recorded grids")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for epochs in map(int, arguments.epochs.split(",")):
            print("\n".join(table(arguments.grids.split(","), epochs, arguments.seeds)), flush=True)
            print(flush=True)


if __name__ == "__main__":
    main()
