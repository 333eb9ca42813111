"""How good the searches are: regret on problems with known optima, beside other packages' methods.

The regret of a search is its best configuration's loss, free of noise, above the least possible.
Methods are compared by the median over seeds divided by that of random search after as many
evaluations: 0 is the optimum, 1 no better than random. The other packages are installed in an
environment of their own by `make bench`; without one, this package's samplers can be measured.

    python -m benchmarks.quality                      # all methods: many hours
    python -m benchmarks.quality tpe gp --seeds 5     # some; all that was measured is reported
    python -m benchmarks.quality tpe --fresh          # measure again after a change
    python -m benchmarks.quality --report --markdown docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import report, store
from benchmarks.blackbox import Problem, Start, run, start_sampler
from benchmarks.peers import PEERS
from benchmarks.problems import PROBLEMS
from kt_extensions.samplers import REGISTRY

BUDGETS = [50, 100, 200]
WORKERS = [1, 8]
OURS = sorted(REGISTRY)

TOLD_THE_BUDGET = {"ngopt"}
"""Methods that plan for their number of evaluations: one run for each budget."""

COSTLY = {"kerastuner-bayesian": 100, "skopt-gp": 100}
"""Methods that take seconds for a proposal, and the most evaluations that are measured of them."""


def starts() -> dict[str, Start]:
    """Returns all methods by name."""
    return {name: start_sampler(REGISTRY[name]) for name in OURS} | PEERS


@dataclass(frozen=True)
class Job:
    """What is measured in one go: a method on a problem.

    Args:
        method: Its name.
        problem: The problem's.
        workers: How many evaluations run at the same time.
        seeds: The seeds that are missing, each with the budgets that are.
    """

    method: str
    problem: str
    workers: int
    seeds: tuple[tuple[int, tuple[int, ...]], ...]


def planned(method: str, seeds: int, budgets: list[int]) -> tuple[int, list[int]]:
    """Returns the number of seeds and the budgets that are measured of a method."""
    if method == "random":
        return 5 * seeds, budgets  # what all others are divided by, and cheap
    most = COSTLY.get(method, max(budgets))
    return seeds, [budget for budget in budgets if budget <= most]


def jobs(
    methods: list[str],
    problems: list[str],
    workers: list[int],
    seeds: int,
    budgets: list[int],
    results: store.Results,
) -> Iterator[Job]:
    """Yields what is still to be measured."""
    for method in methods:
        number, wanted = planned(method, seeds, budgets)
        for count in workers:
            known = results.get(count, {}).get(method, store.Runs()).regrets
            for problem in problems:
                have = known.get(problem, {})
                missing = {s: tuple(set(wanted) - have.get(s, {}).keys()) for s in range(number)}
                left = tuple((seed, tuple(sorted(b))) for seed, b in missing.items() if b)
                if left:
                    yield Job(method, problem, count, left)


def measure(job: Job) -> str:
    """Runs a job and keeps the regrets. Returns what was done, in a line."""
    problem = next(p for p in PROBLEMS if p.name == job.problem)
    start = starts()[job.method]
    spent = 0.0
    for seed, budgets in job.seeds:
        regrets, seconds = _regrets(job, problem, start, seed, budgets)
        line = {"problem": job.problem, "seed": seed, "regrets": regrets, "seconds": seconds}
        store.keep(job.method, job.workers, line)
        spent += seconds * max(budgets)
    return f"{job.method} {job.problem}, {job.workers} at a time: {len(job.seeds)} in {spent:.0f} s"


def _regrets(
    job: Job, problem: Problem, start: Start, seed: int, budgets: tuple[int, ...]
) -> tuple[store.Regrets, float]:
    """Returns the regret after each budget, and the search's seconds for an evaluation."""
    lengths = budgets if job.method in TOLD_THE_BUDGET else (max(budgets),)
    regrets: store.Regrets = {}
    for length in lengths:
        done = run(start, problem, length, seed, job.workers)
        curve = done.curve() - problem.optimum
        regrets |= {b: float(curve[b - 1]) for b in budgets if b <= length and b not in regrets}
        if job.method in TOLD_THE_BUDGET:
            regrets[length] = float(curve[-1])
    return regrets, done.seconds / length


def measure_all(todo: list[Job], processes: int) -> None:
    """Runs jobs in several processes of one thread each."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for number, done in enumerate(as_completed([pool.submit(measure, job) for job in todo])):
            print(f"{number + 1}/{len(todo)} {done.result()}", flush=True)


def numbers(text: str) -> list[int]:
    """Reads numbers separated by commas."""
    return sorted({int(part) for part in text.split(",")})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [problem.name for problem in PROBLEMS]
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(starts())}; all by default")
    parser.add_argument("--seeds", type=int, default=20, help="default: 20; of random, five times")
    parser.add_argument("--budgets", type=numbers, default=BUDGETS, help="default: 50,100,200")
    parser.add_argument("--workers", type=numbers, default=WORKERS, help="default: 1,8")
    parser.add_argument("--problems", type=lambda t: t.split(","), default=names)
    parser.add_argument("--jobs", type=int, default=2, help="processes; default: 2")
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs of the methods")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--quick", action="store_true", help="a smoke run that keeps nothing")
    parser.add_argument("--json", type=Path, default=store.RESULTS, help="file that is written")
    parser.add_argument("--markdown", type=Path, help="document whose tables are written anew")
    arguments = parser.parse_args()
    unknown = {*arguments.methods} - {*starts()} | {*arguments.problems} - {*names}
    if unknown:
        parser.error(f"unknown: {sorted(unknown)}; methods {[*starts()]}, problems {names}")
    arguments.methods = arguments.methods or list(starts())
    return arguments


def smoke(methods: list[str]) -> None:
    """Runs each method once on three small problems, on one worker and on eight."""
    for name, workers in [(name, w) for name in methods for w in WORKERS]:
        for problem in [p for p in PROBLEMS if p.name in ("camel", "mixed9", "conditional11")]:
            regret = run(starts()[name], problem, 15, 0, workers).curve()[-1] - problem.optimum
            print(f"{name} {problem.name}, {workers} at a time: regret {regret:.3g}", flush=True)


def main() -> None:
    """Measures what is missing, prints the tables, and writes the results as JSON."""
    arguments = _arguments()
    if arguments.quick:
        return smoke(arguments.methods)
    again = [(m, w) for m in arguments.methods for w in arguments.workers if arguments.fresh]
    if arguments.fresh:
        store.forget(arguments.methods, arguments.workers)
    if not arguments.report:
        todo = jobs(
            arguments.methods, arguments.problems, arguments.workers, arguments.seeds,
            arguments.budgets, store.load(arguments.json, again),
        )  # fmt: skip
        measure_all(list(todo), arguments.jobs)
    results = store.load(arguments.json, again)
    summary = report.summary(results, BUDGETS, OURS)
    store.save(results, BUDGETS, summary, arguments.json)
    report.show(Console(width=200), results, BUDGETS, OURS)
    if arguments.markdown:
        report.write_markdown(arguments.markdown, report.markdown(results, BUDGETS, OURS))


if __name__ == "__main__":
    main()
