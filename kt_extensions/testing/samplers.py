"""What samplers must keep."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from kt_extensions.history import History, TrialTable
from kt_extensions.samplers.base import Sampler, SpaceExhausted
from kt_extensions.space import (
    Condition,
    Dimension,
    GeometricSteps,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)
from kt_extensions.space.domains import Array, Value

N_FINISHED = 40
"""Trials that samplers have seen when a test asks them: enough for any model to be in use."""

_SWITCH = Dimension("switch", Options((False, True)))
_KIND = Dimension("kind", Options(("sgd", "adam", "lion")))
_RATE = Dimension("rate", Interval(1e-5, 1e-1, "log"))


def _under(name: str, *values: Value) -> tuple[Condition, ...]:
    return (Condition(name, values),)


FINITE_SPACES: dict[str, SearchSpace] = {
    "empty": SearchSpace([]),
    "single value": SearchSpace([Dimension("a", Options((7,)))]),
    "categorical": SearchSpace([_KIND, _SWITCH, Dimension("act", Options(tuple("abcdefg")))]),
    "log steps": SearchSpace(
        [
            Dimension("units", GeometricSteps(2, 256, 2)),
            Dimension("decay", GeometricSteps(1e-5, 1.0, 10.0, reverse=True)),
        ]
    ),
    "uneven log integers": SearchSpace([Dimension("units", LogIntegers(1, 60))]),
    "deep conditions": SearchSpace(
        [
            _KIND,
            Dimension("nesterov", _SWITCH.domain, (_under("kind", "sgd"),)),
            Dimension("momentum", LinearSteps(0.0, 0.9, 0.05), (_under("nesterov", True),)),
            Dimension("late", Options((1, 2)), (_under("momentum", 0.7, 0.8, 0.9),)),
            Dimension(
                "beta",
                Options((0.9, 0.99, 0.995, 0.999)),
                (_under("kind", "adam"), _under("late", 2)),
            ),
        ]
    ),
}
"""Awkward spaces, small enough to be searched to the end."""

SPACES: dict[str, SearchSpace] = {
    **FINITE_SPACES,
    "one dimension": SearchSpace([Dimension("x", Interval(-5.0, 5.0))]),
    "continuous": SearchSpace(
        [Dimension("x", Interval(0.0, 1.0)), _RATE, Dimension("m", Interval(0.5, 1, "reverse_log"))]
    ),
    "mixed": SearchSpace(
        [
            _KIND,
            _SWITCH,
            _RATE,
            Dimension("units", LogIntegers(1, 1024)),
            Dimension("layers", LinearSteps(1, 5, 1)),
            Dimension("width", LinearSteps(0, 10**12, 1)),
            Dimension("momentum", Interval(0.0, 0.99), (_under("kind", "sgd"),)),
            Dimension("drop", LinearSteps(0.0, 0.5, 0.1), (_under("switch", True),)),
        ]
    ),
    "hundred dimensions": SearchSpace(
        [Dimension(f"x{i}", (Interval(0.0, 1.0), LinearSteps(1, 9, 1))[i % 2]) for i in range(60)]
        + [Dimension(f"c{i}", Options((1, 2, 3)), (_under(f"x{i * 2 + 1}", 5),)) for i in range(30)]
        + [Dimension(f"k{i}", _KIND.domain) for i in range(10)]
    ),
}
"""Spaces in which every sampler must work."""


def _smooth(x: Array, n: int) -> Array:
    y: Array = ((np.nan_to_num(x, nan=0.5) - 0.3) ** 2).sum(axis=1)
    return y


def _alternating(low: float, high: float) -> Callable[[Array, int], Array]:
    return lambda x, n: np.where(np.arange(n) % 2 == 0, low, high)


SCORES: dict[str, Callable[[Array, int], Array]] = {
    "smooth": _smooth,
    "ties": _alternating(1.0, 2.0),
    "constant": _alternating(0.5, 0.5),
    "huge": _alternating(1e300, -1e300),
    "tiny": _alternating(1e-300, 2e-300),
    "far apart": _alternating(1e-12, 1e200),
    "half failed": lambda x, n: np.where(np.arange(n) % 2 == 0, _smooth(x, n), np.inf),
    "all failed": _alternating(np.inf, np.inf),
    "half pending": lambda x, n: np.where(np.arange(n) % 2 == 0, _smooth(x, n), np.nan),
    "all pending": _alternating(np.nan, np.nan),
    "one completed": lambda x, n: np.where(np.arange(n) == n // 2, 1.0, np.inf),
}
"""Outcomes of trials from their configurations, `(n, d)`: arrays `(n,)`."""


def _several(*scores: str) -> Callable[[Array, int], Array]:
    return lambda x, n: np.stack([_smooth(1 - x, n), *(SCORES[s](x, n) for s in scores)], axis=1)


SEVERAL: dict[str, Callable[[Array, int], Array]] = {
    "three objectives": _several("smooth", "ties"),
    **{f"{scores}, two objectives": _several(scores) for scores in SCORES},
}
"""The same with several objectives: arrays `(n, m)`. A number that is not finite is for all."""


def trial_table(
    space: SearchSpace, scores: str = "smooth", n: int = N_FINISHED, pruned: float = 0.0
) -> TrialTable:
    """Returns a table of distinct random trials, at most half of the configurations there are.

    Args:
        space: The search space.
        scores: A name in `SCORES` or `SEVERAL`.
        n: Number of trials.
        pruned: Share of the scored trials that were pruned.

    Example:
        >>> len(trial_table(SPACES["mixed"])), len(trial_table(SPACES["single value"]))
        (40, 0)
    """
    rng = random.Random(0)
    n = min(n, space.configurations_limit // 2)
    numbers: list[int] = []
    while len(numbers) < n:
        number = rng.randrange(space.configurations_limit)
        numbers += [number] if number not in numbers else []
    x = np.array([space.configuration(number) for number in numbers]).reshape(n, len(space))
    outcomes = {**SCORES, **SEVERAL}[scores](x, n)
    table = TrialTable(space, 1, int(np.prod(outcomes.shape[1:])))
    for i, y in enumerate(outcomes.tolist()):
        table.start(str(i), x[i], np.nan_to_num(x[i], nan=0.5))
        if not np.isnan(y).any():
            table.finish(str(i), x[i], y, fidelity=1 + i % 7, pruned=rng.random() < pruned)
    return table


def ask(sampler: Sampler, table: TrialTable, seed: int = 0) -> Array:
    """Returns a proposal, checked to be a point of the space, and starts a trial for it.

    It has to be of a configuration that was not tried, for `SpaceExhausted` tells of their end.
    """
    number, space, history = len(table), table.space, table.history()
    try:
        point = sampler.suggest(history, np.random.default_rng([seed, number]))
    except SpaceExhausted:
        left = space.n_configurations - len(history.tried)
        assert left <= 0, f"Expected one of {left} untried configurations. Received: none."
        raise
    _check_point(point, len(space))
    x = space.snap(point[np.newaxis])[0]
    assert space.key(x) not in history.tried, (
        "Expected a configuration that was not tried before, or SpaceExhausted if there is none. "
        f"Received: {space.decode(point)}. Return `first_untried(history, candidates, rng)` of "
        "kt_extensions.samplers.base."
    )
    table.start(f"asked {number}", x, point)
    return point


def _check_point(point: Array, d: int) -> None:
    expected = f"Expected suggest() to return an array of shape ({d},), each number in [0, 1)."
    assert isinstance(point, np.ndarray), f"{expected} Received: {point!r}."
    assert point.shape == (d,), f"{expected} Received one of shape {point.shape}."
    assert ((point >= 0) & (point < 1)).all(), (
        f"{expected} Received: {point}. NaN stands in `history.X` where a hyperparameter is "
        "inactive: fill in any number."
    )


def search(
    sampler: Sampler,
    space: SearchSpace,
    loss: Callable[[dict[str, Value]], float | Sequence[float]],
    trials: int,
    seed: int = 0,
    objectives: int = 1,
) -> History:
    """Returns the history of a search, one trial after the other; each proposal is checked."""
    table = TrialTable(space, seed, objectives)
    for number in range(trials):
        point = ask(sampler, table, seed)
        x = space.snap(point[np.newaxis])[0]
        table.finish(f"asked {number}", x, loss(space.decode(point)))
    return table.history()


def proposals(sampler: Sampler) -> dict[str, list[float]]:
    """Returns what a sampler proposes first in each of `SPACES`."""
    return {name: ask(sampler, trial_table(space)).tolist() for name, space in SPACES.items()}


def check_processes(samplers: list[Sampler]) -> None:
    """Checks that three processes, whose hashes differ, propose the same as this one."""
    code = (
        "import pickle, sys; from kt_extensions.testing import proposals; "
        "samplers = pickle.loads(bytes.fromhex(sys.argv[1])); "
        "sys.stdout.buffer.write(b'proposals:' + pickle.dumps([*map(proposals, samplers)]))"
    )
    command = [sys.executable, "-c", code, _pickled(samplers).hex()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            command, env={**environment, "PYTHONHASHSEED": seed}, stdout=pipe, stderr=pipe
        )
        for seed in ("0", "1", "99")
    ]
    outputs = [process.communicate() for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, (
            "Expected the sampler to work in a new process: define it in a module that can be "
            f"imported there. Received:\n{errors.decode(errors='replace')}"
        )
    expected = [proposals(sampler) for sampler in samplers]
    for output, _ in outputs:
        _check_same(samplers, pickle.loads(output.partition(b"proposals:")[2]), expected)


def _pickled(samplers: list[Sampler]) -> bytes:
    try:
        return pickle.dumps(samplers)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AssertionError(
            "Expected a sampler that can be pickled: of a class that is defined in a module, not "
            f"in a function, and whose settings are plain values. Received: {error}"
        ) from error


def _check_same(samplers: list[Sampler], received: list[Any], expected: list[Any]) -> None:
    for sampler, theirs, ours in zip(samplers, received, expected, strict=True):
        differing = [name for name, point in ours.items() if theirs[name] != point]
        assert not differing, (
            f"Expected {sampler} to propose the same in every process. Received other points in "
            f"the spaces {differing}. Iterate over no set, and take random numbers from `rng` only."
        )


_IMPURE = (
    "Expected the same point for the same history and random numbers. Received another one: keep "
    "nothing between calls, and take random numbers from `rng` only."
)


def _arrays(history: History) -> list[Any]:
    return [array for array in vars(history).values() if isinstance(array, np.ndarray)]


class SamplerContract:
    """Tests of a sampler. A subclass says which one.

    The sampler must be picklable, for the test that runs it in other processes.
    """

    def make_sampler(self) -> Sampler:
        """Returns a new sampler."""
        raise NotImplementedError(
            f"Expected {type(self).__name__} to define make_sampler(self), which returns the "
            "sampler to test."
        )

    @pytest.fixture
    def sampler(self) -> Sampler:
        """The sampler to test."""
        return self.make_sampler()

    @pytest.mark.parametrize("scores", SCORES)
    @pytest.mark.parametrize("name", SPACES)
    def test_proposes_points_of_the_space(self, sampler: Sampler, name: str, scores: str) -> None:
        """Whatever the space and the outcomes so far."""
        table = trial_table(SPACES[name], scores)
        ask(sampler, table)
        assert len(table.history().tried) == len(table)

    @pytest.mark.parametrize("scores", SEVERAL)
    @pytest.mark.parametrize("name", ["deep conditions", "one dimension", "mixed"])
    def test_accepts_several_objectives(self, sampler: Sampler, name: str, scores: str) -> None:
        """Whatever they are."""
        table = trial_table(SPACES[name], scores, pruned=0.2)
        ask(sampler, table)
        assert len(table.history().tried) == len(table)

    @pytest.mark.parametrize("share", [0.3, 1.0])
    @pytest.mark.parametrize("name", SPACES)
    def test_accepts_pruned_trials(self, sampler: Sampler, name: str, share: float) -> None:
        """Some, or all of them."""
        table = trial_table(SPACES[name], "half failed", pruned=share)
        ask(sampler, table)
        assert len(table.history().tried) == len(table)

    @pytest.mark.parametrize("name", SPACES)
    def test_starts_from_nothing(self, sampler: Sampler, name: str) -> None:
        """The first trials of a search."""
        space = SPACES[name]
        table = TrialTable(space, seed=0)
        for _ in range(min(15, space.configurations_limit)):
            ask(sampler, table)
        assert len(table.history().tried) == len(table)

    @pytest.mark.parametrize("name", FINITE_SPACES)
    def test_tries_every_configuration_once(self, sampler: Sampler, name: str) -> None:
        """Trials that fail, are pruned or still run included; then says that there are no more."""
        space = FINITE_SPACES[name]
        table = TrialTable(space, seed=0)
        for number in range(space.configurations_limit):
            ask(sampler, table)
            x = table.history().X[number]
            y = [float(np.nan_to_num(x).sum()), np.inf, 1.0, np.nan][number % 4]
            if not np.isnan(y):
                table.finish(f"asked {number}", x, y, pruned=number % 4 == 2)
        every = {space.key(space.configuration(i)) for i in range(space.configurations_limit)}
        assert set(table.history().tried) == every
        with pytest.raises(SpaceExhausted):
            ask(sampler, table)

    @pytest.mark.parametrize("parallel", [1, 50])
    @pytest.mark.parametrize("name", SPACES)
    def test_parallel_trials_differ(self, sampler: Sampler, name: str, parallel: int) -> None:
        """Until there are no more configurations."""
        space = SPACES[name]
        table = trial_table(space)
        wanted = min(len(table) + parallel, space.configurations_limit)
        while len(table) < wanted:
            ask(sampler, table)
        assert len(table.history().tried) == wanted

    @pytest.mark.parametrize("name", SPACES)
    def test_is_a_pure_function(self, sampler: Sampler, name: str) -> None:
        """Of the history and the random numbers, and leaves the history as it is."""
        history = trial_table(SPACES[name]).history()
        before = [array.copy() for array in _arrays(history)]
        tried = set(history.tried)
        first = sampler.suggest(history, np.random.default_rng(5))
        ask(sampler, trial_table(SPACES["mixed"], "ties"))
        again = sampler.suggest(trial_table(SPACES[name]).history(), np.random.default_rng(5))
        np.testing.assert_array_equal(again, first, _IMPURE)
        for array, old in zip(_arrays(history), before, strict=True):
            np.testing.assert_array_equal(array, old, "Expected suggest() to leave the history.")
        assert set(history.tried) == tried

    def test_proposes_the_same_in_every_process(self, sampler: Sampler) -> None:
        """Whatever the seed of Python's hashes."""
        check_processes([sampler])

    def test_goes_on_when_the_space_grows(self, sampler: Sampler) -> None:
        """Older trials have no value in the new dimensions."""
        table = trial_table(SPACES["mixed"])
        child = Dimension("child", LinearSteps(1, 5, 1), (_under("layers", 1, 2, 3),))
        table.widen(SearchSpace([*table.space.dimensions, Dimension("new", _RATE.domain), child]))
        before = len(table)
        for number in range(before, before + 20):
            ask(sampler, table)
            table.finish(f"asked {number}", table.history().X[number], float(number % 5))
        assert len(table.history().tried) == before + 20

    def test_learns_from_earlier_searches(self, sampler: Sampler) -> None:
        """A search that was started with their trials has made none itself."""
        space = SPACES["mixed"]
        table = TrialTable(space, seed=0)
        known = trial_table(space).history()
        for x, y in zip(known.X, known.y.tolist(), strict=True):
            table.add_known(x, y)
        for _ in range(5):
            ask(sampler, table)
        assert len(table.history().tried) == 5
