"""The oracle keeps its contract with every registered sampler, and with an outside author's.

Each begins with one warm-up trial.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

from kt_extensions import samplers, schedulers
from kt_extensions.oracles import ASHAOracle, SamplerOracle
from tests.contract import documented
from tests.contract.warmed_up import registered, warmed_up

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")

Declare = Callable[[kt.HyperParameters], None]


def mixed(hp: kt.HyperParameters) -> None:
    hp.Choice("kind", ["sgd", "adam", "lion"])
    hp.Float("rate", 1e-5, 1e-1, sampling="log")
    hp.Float("dropout", 0.0, 0.5, step=0.1)
    hp.Int("units", 8, 256, sampling="log")
    hp.Int("late", 1, 100, sampling="reverse_log")
    hp.Boolean("norm")
    hp.Fixed("epochs", 3)


def nested(hp: kt.HyperParameters) -> None:
    hp.Int("layers", 1, 3)
    for layer in range(1, 4):
        with hp.conditional_scope("layers", [*range(layer, 4)]):
            hp.Choice(f"act_{layer}", ["relu", "tanh"])
            with hp.conditional_scope(f"act_{layer}", ["relu"]):
                hp.Float(f"slope_{layer}", 0.0, 0.3)


def shared(hp: kt.HyperParameters) -> None:
    hp.Choice("model", ["mlp", "cnn", "linear"])
    for model in ("mlp", "cnn"):
        with hp.conditional_scope("model", [model]):
            hp.Int("units", 1, 64)


def finite(hp: kt.HyperParameters) -> None:
    hp.Choice("kind", ["a", "b", "c"])
    hp.Int("n", 1, 4, parent_name="kind", parent_values=["a"])
    hp.Float("p", 0.0, 0.2, step=0.1, parent_name="kind", parent_values=["b"])


def empty(hp: kt.HyperParameters) -> None:
    pass


SPACES: dict[str, Declare] = {
    declare.__name__: declare for declare in (mixed, nested, shared, finite)
}
FINITE = {"finite": (finite, 8), "empty": (empty, 1)}


class Tuner(kt.Tuner):
    """Scores configurations by the sum of their numbers; some fail in one way or another.

    Of two objectives the second is the same, coarsely, to be small: so there is a front.
    """

    def __init__(self, declare: Declare, failing: bool, **kwargs: Any) -> None:
        self.failing = failing
        super().__init__(**kwargs)
        hp = self.oracle.get_space()
        declare(hp)
        self.oracle.update_space(hp)

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        score = self.score(trial)
        if self.oracle.objective.name != "multi_objective":
            return score
        values = {"a": score, "b": score // 20}
        return {**values, "multi_objective": self.oracle.objective.get_value(values)}

    def score(self, trial: Trial) -> float:
        numbers = [v for v in trial.hyperparameters.values.values() if not isinstance(v, str)]
        bad = [math.nan, math.inf, -math.inf, None]
        number = int(trial.trial_id)
        if self.failing and number % 2:
            score = bad[number // 2 % 4]
            if score is None:
                raise ArithmeticError("crash")
            return score
        return math.fsum(numbers)


OUTSIDE = "of docs/writing_a_sampler.md"


@pytest.fixture(params=[*sorted(samplers.REGISTRY), OUTSIDE])
def sampler(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> samplers.Sampler:
    if request.param == OUTSIDE:
        return warmed_up(documented.make_sampler(tmp_path_factory.mktemp("author")))
    return registered(request.param)


def search(
    folder: Path,
    declare: Declare,
    sampler: samplers.Sampler,
    max_trials: int,
    failing: bool = False,
    objective: Any = None,
) -> kt.Oracle:
    oracle = SamplerOracle(
        objective,
        max_trials=max_trials,
        seed=2,
        sampler=sampler,
        max_consecutive_failed_trials=None,
    )
    tuner = Tuner(declare, failing, oracle=oracle, directory=folder, project_name="project")
    tuner.search(verbose=0)
    return oracle


def outcome(oracle: kt.Oracle) -> list[tuple[Any, ...]]:
    trials = sorted(oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return [(trial.hyperparameters.values, trial.status, trial.score) for trial in trials]


def active_names(oracle: kt.Oracle, values: dict[str, Any]) -> set[str]:
    hp = oracle.get_space()
    hp.values = values
    return {item.name for item in hp.space if hp.is_active(item.name)}


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_values(tmp_path: Path, sampler: samplers.Sampler, name: str, failing: bool) -> None:
    """Builtin and JSON-safe, for exactly the active names, each configuration once."""
    oracle = search(tmp_path, SPACES[name], sampler, 24, failing)
    trials = outcome(oracle)
    assert len(trials) == (8 if name == "finite" else 24)
    for values, status, score in trials:
        assert json.loads(json.dumps(values)) == values
        assert {type(value) for value in values.values()} <= {int, float, str, bool}
        assert values.keys() == active_names(oracle, values)
        assert (status == "COMPLETED") == (score is not None)
    assert len({json.dumps(values, sort_keys=True) for values, _, _ in trials}) == len(trials)
    assert [status for _, status, _ in trials[1::2]].count("FAILED") == failing * len(trials[1::2])


@pytest.mark.parametrize("name", FINITE)
def test_a_finite_space(tmp_path: Path, sampler: samplers.Sampler, name: str) -> None:
    """Every configuration is tried once, then the search ends."""
    declare, size = FINITE[name]
    for failing in (False, True):
        trials = outcome(search(tmp_path / str(failing), declare, sampler, 99, failing))
        assert len({json.dumps(values, sort_keys=True) for values, _, _ in trials}) == size
        assert len(trials) == size


@pytest.mark.parametrize("name", SPACES)
def test_resuming(tmp_path: Path, sampler: samplers.Sampler, name: str) -> None:
    """A search cut after any trial proposes what one never cut does."""
    whole = outcome(search(tmp_path / "whole", SPACES[name], sampler, 20, failing=True))
    for limit in range(1, 21):
        parts = outcome(search(tmp_path / "parts", SPACES[name], sampler, limit, failing=True))
        assert parts == whole[:limit]


def test_resuming_with_two_objectives(tmp_path: Path, sampler: samplers.Sampler) -> None:
    """The same, and the front is the same too."""
    two = [kt.Objective("a", "max"), kt.Objective("b", "min")]

    def searched(name: str, limit: int) -> kt.Oracle:
        return search(tmp_path / name, mixed, sampler, limit, failing=True, objective=two)

    uncut = searched("whole", 22)
    whole = outcome(uncut)
    for limit in range(8, 23):
        parts = searched("parts", limit)
        assert outcome(parts) == whole[:limit]
    front = [(int(trial.trial_id), values) for trial, values in parts.pareto_front()]
    assert front == [(int(trial.trial_id), values) for trial, values in uncut.pareto_front()]
    assert sorted(front, key=lambda point: -point[1]["a"]) == front
    assert len(front) > 1


def test_trials_in_parallel(tmp_path: Path, sampler: samplers.Sampler) -> None:
    """They differ, and a search that is resumed with them in flight runs them first."""

    def begun() -> kt.Oracle:
        oracle = SamplerOracle(max_trials=30, seed=2, sampler=sampler)
        Tuner(mixed, False, oracle=oracle, directory=tmp_path, project_name="project")
        return oracle

    oracle = begun()
    trials = [oracle.create_trial(f"tuner{i}") for i in range(20)]
    for trial in trials[::2]:
        oracle.update_trial(trial.trial_id, {"default_objective": 1.0})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    following = oracle.create_trial("tuner0").hyperparameters.values
    values = [trial.hyperparameters.values for trial in trials]
    assert len({json.dumps(v) for v in [*values, following]}) == 21
    again = begun()
    waiting = [again.create_trial(f"tuner{i}") for i in range(12)]
    assert [trial.hyperparameters.values for trial in waiting[:11]] == [*values[1::2], following]
    assert waiting[11].trial_id == "21"


@pytest.mark.parametrize(
    ("scheduler", "limit"),
    [
        (None, 10),
        (schedulers.AllAlike(), 10),
        (schedulers.Hyperband(9), None),
        (schedulers.Hyperband(9, iterations=None), 100),
        (schedulers.ASHA(9), 100),
    ],
)
def test_the_number_of_trials_that_is_not_given(scheduler: Any, limit: int | None) -> None:
    random = samplers.Random()
    assert SamplerOracle(sampler=random, scheduler=scheduler).max_trials == limit
    assert SamplerOracle(None, None, sampler=random, scheduler=scheduler).max_trials is None
    assert SamplerOracle(None, 7, sampler=random, scheduler=scheduler).max_trials == 7
    with pytest.raises(ValueError, match=r"integer >= 1. Received: 'some'"):
        SamplerOracle(None, "some", sampler=random, scheduler=scheduler)  # type: ignore[arg-type]


def scheduled(folder: Path, declare: Declare, oracle: kt.Oracle) -> list[int]:
    """Returns for how many epochs the trials of a search were trained."""
    tuner = Tuner(declare, False, oracle=oracle, directory=folder, project_name="project")
    tuner.search(verbose=0)
    return [values["tuner/epochs"] for values, _, _ in outcome(oracle)]


def test_a_scheduler_ends_the_search(tmp_path: Path) -> None:
    oracle = SamplerOracle(sampler=samplers.Random(), scheduler=schedulers.Hyperband(9))
    epochs = scheduled(tmp_path, mixed, oracle)
    assert len(epochs) == 22
    assert epochs.count(9) == 5


@pytest.mark.parametrize(("declare", "trials"), [(finite, 12), (mixed, 40)])
def test_asha_trains_one_to_the_end(tmp_path: Path, declare: Declare, trials: int) -> None:
    """Also if the space is small, or the trials are few."""
    oracles = [
        ASHAOracle(max_trials=40, max_epochs=100, seed=2),
        SamplerOracle(None, 40, 2, sampler=samplers.TPE(), scheduler=schedulers.ASHA(100)),
    ]
    for number, oracle in enumerate(oracles):
        epochs = scheduled(tmp_path / str(number), declare, oracle)
        assert max(epochs) == 100
        assert trials <= len(epochs) <= 40
