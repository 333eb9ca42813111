"""The benchmarks' problems, clock, statistics and tables; no other search package is needed."""

import numpy as np
import pytest

from benchmarks import parallel, tuning
from benchmarks.problems import PROBLEMS

NAMES = [problem.name for problem in PROBLEMS]


def polished(problem, x, steps):
    """The least loss that is found from a point by moving one coordinate at a time."""
    least = problem.loss(problem.space.decode(x))
    for step in steps:
        for i in np.random.default_rng(0).integers(len(x), size=3 * len(x)):
            size = problem.space.sizes[i]
            moves = (np.arange(size) + 0.5) / size if 0 < size < 50 else x[i] + [-step, step]
            for move in np.clip(moves, 0, 1 - 1e-12):
                tried = x.copy()
                tried[i] = move
                loss = problem.loss(problem.space.decode(tried))
                if loss < least:
                    least, x = loss, tried
    return least


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_known_optimum_is_reached_and_never_beaten(problem):
    scale = max(1.0, abs(problem.optimum))
    assert problem.loss(problem.best) == pytest.approx(problem.optimum, abs=1e-6 * scale)
    points = np.random.default_rng(1).random((2000, len(problem.space)))
    losses = [problem.loss(problem.space.decode(x)) for x in points]
    near = [points[i] for i in np.argsort(losses)[:2]] + [problem.space.encode(problem.best)]
    near[2][np.isnan(near[2])] = 0.5
    found = [polished(problem, x, 0.3 ** np.arange(1, 12)) for x in near]
    assert min([*losses, *found]) >= problem.optimum - 1e-6 * scale


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_optimum_lies_inside_and_off_the_center(problem):
    x = problem.space.encode(problem.best)
    numeric = [
        value
        for value, d in zip(x, problem.space.dimensions, strict=True)
        if d.domain.ordered and not np.isnan(value)
    ]
    assert problem.space.decode(np.nan_to_num(x, nan=0.5)).keys() == problem.best.keys()
    assert all(0.02 < value < 0.98 for value in numeric)
    assert not numeric or np.max(np.abs(np.array(numeric) - 0.5)) > 0.05


def test_judging_problems_are_none_of_those_that_defaults_were_chosen_on():
    assert len(set(NAMES)) == len(NAMES) >= 15
    assert not set(NAMES) & {problem.name for problem in tuning.PROBLEMS}


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_workers_start_as_soon_as_one_is_free(workers):
    lasting = parallel.durations("rastrigin2", seed=1, evaluations=40)
    running, most, events = set(), 0, list(parallel.schedule(lasting, workers))
    for event, number in events:
        (running.add if event == "start" else running.remove)(number)
        most = max(most, len(running))
    assert most == workers
    assert [n for event, n in events if event == "start"] == list(range(40))
    assert sorted(n for event, n in events if event == "finish") == list(range(40))
    if workers == 1:
        assert [n for event, n in events if event == "finish"] == list(range(40))


def test_durations_depend_on_problem_and_seed_only():
    first = parallel.durations("camel", seed=3, evaluations=10)
    assert np.array_equal(first, parallel.durations("camel", seed=3, evaluations=10))
    assert not np.array_equal(first, parallel.durations("camel", seed=4, evaluations=10))
    assert not np.array_equal(first, parallel.durations("valley4", seed=3, evaluations=10))
