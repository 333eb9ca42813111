"""The tables of `benchmarks.scaling`, from what it has found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.memory import Memory
from benchmarks.quality import BUDGETS
from benchmarks.report import Grid
from benchmarks.scaling_simulated import ITERATION, ITERATIONS

Row = dict[str, Any]


def workers(found: Row) -> Iterator[Grid]:
    """Yields for each size of batches the trials a minute of one worker and of two."""
    header = ["search", "trials a minute", "after the first", "CPU s a trial"]
    header += ["two are faster by", "after the first"]
    names = ("per_minute", "steady", "cpu", "times", "steady_times")
    for measured in found["batches"]:
        rows = [
            [kind, *[f"{row[name]:.2f}" for name in names]]
            for kind, row in measured["summary"].items()
        ]
        title = f"Batches of {measured['batch']}, {found['trials']} trials, {found['cores']} cores"
        yield f"{title}, medians of {found['rounds']} rounds", header, rows


def driver(found: Sequence[Row]) -> Iterator[Grid]:
    """Yields for each backend the trials a second, and the memory."""
    names = [row["backend"] for row in found]
    header = ["trials", *[f"{name}, {what}" for name in names for what in _DRIVER]]
    numbers = [row["after"] for row in found[0]["trials"]]
    rows = [
        [f"{number:,}", *[cell for row in found for cell in _driver_cells(row["trials"][i])]]
        for i, number in enumerate(numbers)
    ]
    powers = [power for row in found for power in ["", f"{row['growth']:.2f}", ""]]
    rows.append(["growth, as a power of the trials", *powers])
    yield "200 simulated workers, TPE, 8 hyperparameters", header, rows
    header = ["backend", *found[0]["imports"], "the search", "of which its own"]
    title = (
        "Resident megabytes after each import, and at the end; in brackets without pages of files"
    )
    yield title, header, list(map(_memory, found))


def _memory(row: Row) -> list[str]:
    end = Memory(*row["trials"][-1]["memory"])
    own = Memory(*(now - before for now, before in zip(end, row["imported"], strict=True)))
    return [row["backend"], *[str(Memory(*m)) for m in [*row["imports"].values(), end, own]]]


_DRIVER = ("trials a second", "a CPU second", "MB")


def _driver_cells(row: Row) -> list[str]:
    rates = row["wall_per_second"], row["cpu_per_second"]
    return [*[f"{rate:.0f}" for rate in rates], str(Memory(*row["memory"]))]


def simulated(found: Row) -> Iterator[Grid]:
    """Yields for each method and number of workers what they did, and what they found."""
    cells: dict[str, Callable[[Row], str]] = {
        "Utilisation in percent": lambda row: f"{100 * row['utilisation']:.1f}",
        "The least of a single search": lambda row: f"{100 * row['least_utilisation']:.1f}",
        "Time until the epochs were used up": lambda row: f"{row['time']:.0f}",
        "Trials in the time of an epoch, promotions counted": lambda row: f"{row['trials']:.2f}",
        "Regret in percent of that of the median network": lambda row: f"{100 * row['regret']:.2f}",
    }
    on = f"{ITERATIONS * ITERATION} epochs, 7 problems, seeds: {found['seeds']}"
    for title, cell in cells.items():
        yield _by_workers(found["summary"], f"{title} ({on})", cell)


def _by_workers(summary: Sequence[Row], title: str, cell: Callable[[Row], str]) -> Grid:
    numbers = sorted({row["workers"] for row in summary})
    cells = {(row["method"], row["workers"]): cell(row) for row in summary}
    methods = dict.fromkeys(row["method"] for row in summary)
    rows = [[method, *[cells.get((method, n), "-") for n in numbers]] for method in methods]
    return title, ["workers", *map(str, numbers)], rows


def samplers(found: Row) -> Iterator[Grid]:
    """Yields what samplers lose on several workers."""
    header = ["sampler", "evaluations", "seeds", "one worker", "8 workers"]
    header += ["ratio", "90% of it", "worse on"]
    rows = [
        [row["method"], str(row["evaluations"]), str(row["seeds"])]
        + [f"{row[name]:.3f}" for name in ("one", "eight")]
        + [f"{row['ratio']:.2f}", "{:.2f} to {:.2f}".format(*row["interval"])]
        + [f"{row['worse']} of 15"]
        for row in found["quality"]
    ]
    yield "Mean relative regret on 8 workers beside one", header, rows
    runs = found["runs"]
    measured = [row for row in runs if len([r for r in runs if r["method"] == row["method"]]) > 2]
    for i, budget in enumerate(BUDGETS if measured else ()):
        yield _by_workers(
            measured,
            f"The same over that on one worker, {found['seeds']} seeds, {budget} evaluations",
            lambda row, i=i: f"{row['ratios'][i]:.2f}",
        )
    title = "Configurations asked for again in all searches of 200 evaluations"
    yield _by_workers(runs, title, lambda row: str(row["repeated"]))
