"""What samplers must keep."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from kt_extensions.history import History, TrialTable
from kt_extensions.samplers.base import Sampler, SpaceExhausted
from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, SearchSpace
from kt_extensions.space.domains import Array, Value
from kt_extensions.testing.cases import FINITE_SPACES, SCORES, SEVERAL, SPACES, trial_table


def ask(sampler: Sampler, table: TrialTable, seed: int = 0) -> Array:
    """Returns a proposal, checked to be a point of the space, and starts a trial for it.

    Args:
        sampler: The sampler.
        table: The trials so far, to which the new one is added.
        seed: The seed of the search.

    Returns:
        Array of shape `(d,)` in [0, 1).

    Raises:
        AssertionError: If it is no such point, or of a configuration that was tried before.
        SpaceExhausted: If all configurations have been tried.

    Example:
        >>> from kt_extensions.samplers import Random
        >>> ask(Random(), trial_table(SPACES["mixed"])).shape
        (8,)
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
    """Returns the history of a search, one trial after the other; each proposal is checked.

    Args:
        sampler: The sampler.
        space: The search space.
        loss: Returns the score of a configuration, or its objectives, to be minimized.
        trials: How many there are.
        seed: The seed of the search.
        objectives: How many objectives a trial has.

    Raises:
        AssertionError: If a proposal is not as it must be; see `ask`.

    Example:
        >>> from kt_extensions.samplers import Random
        >>> history = search(Random(), SPACES["one dimension"], lambda v: v["x"] ** 2, trials=5)
        >>> bool(history.completed.all())
        True
    """
    table = TrialTable(space, seed, objectives)
    for number in range(trials):
        point = ask(sampler, table, seed)
        x = space.snap(point[np.newaxis])[0]
        table.finish(f"asked {number}", x, loss(space.decode(point)))
    return table.history()


def proposals(sampler: Sampler) -> dict[str, list[float]]:
    """Returns what a sampler proposes in each of `SPACES`, by their names.

    Args:
        sampler: The sampler. It is shown a `trial_table` of each.

    Raises:
        AssertionError: If a proposal is not as it must be; see `ask`.

    Example:
        >>> from kt_extensions.samplers import Random
        >>> len(proposals(Random())["continuous"])
        3
    """
    return {name: ask(sampler, trial_table(space)).tolist() for name, space in SPACES.items()}


def check_processes(samplers: list[Sampler]) -> None:
    """Checks that three processes, whose hashes differ, propose the same as this one.

    Args:
        samplers: Samplers that can be pickled.

    Raises:
        AssertionError: If they do not, or a sampler cannot be used in another process.

    Example:
        >>> from kt_extensions.samplers import Random
        >>> check_processes([Random()])  # doctest: +SKIP
    """
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

    Example:

    ```python
    class TestMySampler(SamplerContract):
        def make_sampler(self):
            return MySampler()
    ```
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
        few = (Condition("layers", (1, 2, 3)),)
        child = Dimension("child", LinearSteps(1, 5, 1), (few,))
        new = Dimension("new", Interval(1e-5, 1e-1, "log"))
        table.widen(SearchSpace([*table.space.dimensions, new, child]))
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
