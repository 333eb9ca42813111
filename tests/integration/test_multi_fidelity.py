"""Hyperband, BOHB and ASHA: their oracles in any tuner, and tuners that continue trials."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions.oracles import ASHAOracle, BOHBOracle, HyperbandOracle, SamplerOracle
from kt_extensions.samplers import TPE
from kt_extensions.schedulers import SuccessiveHalving
from kt_extensions.schedulers.brackets import hyperband
from kt_extensions.snapshot import read

ORACLES: dict[str, Callable[..., SamplerOracle]] = {
    "hyperband": lambda **kwargs: HyperbandOracle(max_epochs=9, seed=3, **kwargs),
    "bohb": lambda **kwargs: BOHBOracle(max_epochs=9, seed=3, hyperband_iterations=2, **kwargs),
    "asha": lambda **kwargs: ASHAOracle(max_trials=40, max_epochs=9, seed=3, **kwargs),
    "halving": lambda **kwargs: SamplerOracle(
        max_trials=None, seed=3, sampler=TPE(), scheduler=SuccessiveHalving(9, n=15), **kwargs
    ),
}


def declare(hp: kt.HyperParameters) -> None:
    hp.Float("x", 0.0, 1.0)
    kind = hp.Choice("kind", ["a", "b"])
    if kind == "a":
        hp.Int("n", 1, 5, parent_name="kind", parent_values=["a"])


class FunctionTuner(kt.Tuner):
    """A stock tuner. The more epochs, the lower the score; some trials fail."""

    failing: int | None = None
    limit: int | None = None

    def __init__(self, oracle: kt.Oracle, folder: Path) -> None:
        super().__init__(oracle=oracle, directory=folder, project_name="project")
        hp = self.oracle.get_space()
        declare(hp)
        self.oracle.update_space(hp)

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        values = trial.hyperparameters.values
        number = int(trial.trial_id)
        if number == self.limit:
            raise KeyboardInterrupt
        if self.failing and number % self.failing == 1:
            raise kt.errors.FailedTrialError("on purpose")
        return (values["x"] - 0.3) ** 2 + (values["kind"] == "a") / 2 + 1 / values["tuner/epochs"]


def run(oracle: SamplerOracle, folder: Path, failing: int | None = None) -> list[dict[str, Any]]:
    tuner = FunctionTuner(oracle, folder)
    tuner.failing = failing
    tuner.search(verbose=0)
    return values_of(oracle)


def values_of(oracle: kt.Oracle) -> list[dict[str, Any]]:
    trials = sorted(oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return [trial.hyperparameters.values for trial in trials]


@pytest.fixture(params=sorted(ORACLES))
def make(request: pytest.FixtureRequest) -> Callable[..., SamplerOracle]:
    return ORACLES[request.param]


def test_the_values_that_hyperband_tuners_read(tmp_path: Path, make: Any) -> None:
    """A promoted trial has the values of the one that it goes on from, which has ended."""
    trials = run(make(), tmp_path)
    promotions = 0
    for number, values in enumerate(trials):
        assert json.loads(json.dumps(values)) == values
        assert 0 <= values["tuner/round"] <= values["tuner/bracket"]
        assert values["tuner/initial_epoch"] < values["tuner/epochs"] <= 9
        parent = values.get("tuner/trial_id")
        assert (
            (parent is None) == (values["tuner/round"] == 0) == (not values["tuner/initial_epoch"])
        )
        if parent is not None:
            promotions += 1
            before = trials[int(parent)]
            assert int(parent) < number
            assert values["tuner/initial_epoch"] == before["tuner/epochs"]
            assert values["tuner/round"] == before["tuner/round"] + 1
            assert own(values) == own(before)
    assert promotions > 3


def own(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def test_hyperband_runs_its_brackets(tmp_path: Path) -> None:
    oracle = ORACLES["hyperband"]()
    run(oracle, tmp_path)
    expected = [
        rung.epochs for bracket in hyperband(9, 3) for rung in bracket for _ in range(rung.size)
    ]
    assert [values["tuner/epochs"] for values in values_of(oracle)] == expected


@pytest.mark.parametrize("failing", [None, 3])
def test_resuming(tmp_path: Path, make: Any, failing: int | None) -> None:
    """A search that is stopped in any trial goes on as one never stopped."""
    whole = run(make(max_consecutive_failed_trials=None), tmp_path / "whole", failing)
    for number in range(1, len(whole), 2):
        oracle = make(max_consecutive_failed_trials=None)
        tuner = FunctionTuner(oracle, tmp_path / "parts")
        tuner.failing, tuner.limit = failing, number
        with pytest.raises(KeyboardInterrupt):
            tuner.search(verbose=0)
        assert values_of(oracle) == whole[: number + 1]
    rest = make(max_consecutive_failed_trials=None)
    assert run(rest, tmp_path / "parts", failing) == whole


def test_trials_in_parallel(tmp_path: Path) -> None:
    """A worker that finds nothing to do begins the next bracket; at the end it waits."""
    oracle = ORACLES["hyperband"]()
    FunctionTuner(oracle, tmp_path)
    trials = [oracle.create_trial(f"worker {i}") for i in range(17)]
    brackets = [trial.hyperparameters.values["tuner/bracket"] for trial in trials]
    assert brackets == [2] * 9 + [1] * 5 + [0] * 3
    assert oracle.create_trial("another").status == "IDLE"
    for trial in trials[:9]:
        oracle.update_trial(trial.trial_id, {"default_objective": trial.hyperparameters["x"]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    promoted = oracle.create_trial("another").hyperparameters
    best = min(trials[:9], key=lambda trial: trial.hyperparameters["x"])
    assert promoted["tuner/trial_id"] == best.trial_id
    assert (promoted["tuner/bracket"], promoted["tuner/round"]) == (2, 1)


def test_a_small_space_is_run_to_its_end(tmp_path: Path) -> None:
    """Its configurations are promoted, in proportion, and none is begun twice."""
    hp = kt.HyperParameters()
    hp.Choice("x", [0.1, 0.4, 0.8])
    hp.Choice("kind", ["a", "b"])
    oracle = ORACLES["hyperband"](hyperparameters=hp, tune_new_entries=False)
    trials = run(oracle, tmp_path)
    assert [values["tuner/epochs"] for values in trials] == [1] * 6 + [3] * 2 + [9]
    assert len({json.dumps(own(values)) for values in trials}) == 6


def test_enqueued_configurations_begin(tmp_path: Path) -> None:
    oracle = ORACLES["bohb"]()
    oracle.enqueue({"x": 0.3, "kind": "b"})
    trials = run(oracle, tmp_path)
    assert own(trials[0]) == {"x": 0.3, "kind": "b"}
    top = [values for values in trials if values["tuner/epochs"] == 9]
    assert own(trials[0]) in [own(values) for values in top]


def test_the_values_of_a_trial_can_be_enqueued(tmp_path: Path) -> None:
    """Also those of a trial of such a search: what they tell of its schedule is left out."""
    oracle = ORACLES["bohb"]()
    oracle.enqueue({"x": 0.3, "kind": "b", "tuner/epochs": 9, "tuner/trial_id": "1"})
    first = run(oracle, tmp_path)[0]
    assert own(first) == {"x": 0.3, "kind": "b"}
    assert first["tuner/epochs"] == 1


def test_a_resumed_search_keeps_its_schedule(tmp_path: Path) -> None:
    run(ORACLES["hyperband"](), tmp_path)
    with pytest.raises(ValueError, match=r"schedule Hyperband\(9, 3, 1\). Received: Hyperband\(27"):
        run(HyperbandOracle(max_epochs=27), tmp_path)
    with pytest.raises(ValueError, match="Received: None"):
        run(SamplerOracle(sampler=TPE()), tmp_path)
    longer = HyperbandOracle(max_epochs=9, hyperband_iterations=2)
    assert len(run(longer, tmp_path)) == 44


def test_learning_from_trials_that_were_trained_for_less(tmp_path: Path) -> None:
    """A warm start does not take them for whole ones."""
    run(ORACLES["hyperband"](), tmp_path)
    oracle = BOHBOracle(max_epochs=9, seed=0, warm_start=[tmp_path / "project"])
    FunctionTuner(oracle, tmp_path / "warm")
    history = oracle.record.table.history()
    assert Counter(history.budget.tolist()) == {1: 6, 3: 6, 9: 5}
    assert all(y > 1 / budget for y, budget in zip(history.y, history.budget, strict=True))


class WorseAndWorse(kte.Tuner):
    """Each trial is worse than those before, but for those trained longer."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        return int(trial.trial_id) / 1000 - trial.hyperparameters.values["tuner/epochs"]


def test_patience_is_for_trials_that_are_trained_to_the_end(tmp_path: Path) -> None:
    """The first bracket has one, trial 12, which is the best; the second trial 18; then 19, ..."""
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle = ORACLES["bohb"](hyperparameters=hp)
    tuner = WorseAndWorse(oracle, directory=tmp_path, project_name="project", patience=3)
    tuner.search(verbose=0)
    assert [v["tuner/epochs"] for v in values_of(oracle)][12:] == [9, 3, 3, 3, 3, 3, 9, 9, 9]


def test_arguments_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"`hyperband_iterations` to be an integer >= 1. .*: 0"):
        HyperbandOracle("val_loss", hyperband_iterations=0)
    for oracle_class in (ASHAOracle, BOHBOracle):
        with pytest.raises(TypeError, match="scheduler"):
            oracle_class("val_loss", scheduler=SuccessiveHalving(9))


def test_bohb_finds_better_configurations_than_hyperband(tmp_path: Path) -> None:
    def distance(name: str, seed: int) -> float:
        oracle_class = {"bohb": BOHBOracle, "hyperband": HyperbandOracle}[name]
        oracle = oracle_class(max_epochs=27, seed=seed)
        run(oracle, tmp_path / f"{name}{seed}")
        return abs(oracle.get_best_trials()[0].hyperparameters["x"] - 0.3)

    total = {name: sum(distance(name, seed) for seed in range(6)) for name in ("bohb", "hyperband")}
    assert total["bohb"] < 0.7 * total["hyperband"]


# Networks.

X = np.random.default_rng(0).random((64, 4)).astype("float32")
Y = (X.sum(axis=1) > 2).astype("int32")


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.layers.Dense(hp.Int("units", 2, 8)), keras.layers.Dense(2)])
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def build_eager(hp: kt.HyperParameters) -> keras.Model:
    model = build(hp)
    model.run_eagerly = True
    return model


class States(keras.callbacks.Callback):
    """Notes with which weights and optimizer trainings begin and end."""

    seen: ClassVar[list[tuple[str, int, list[np.ndarray]]]] = []
    epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if not getattr(self, "begun", False):
            self.begun = True
            self._note("begin", epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch + 1

    def on_train_end(self, logs: Any = None) -> None:
        self._note("end", self.epoch)

    def _note(self, what: str, epoch: int) -> None:
        variables = [*self.model.variables, *self.model.optimizer.variables]
        arrays = [np.array(variable) for variable in variables if "seed" not in variable.path]
        self.seen.append((what, epoch, arrays))


@pytest.fixture
def states() -> list[tuple[str, int, list[np.ndarray]]]:
    States.seen.clear()
    return States.seen


def stock_hyperband() -> kt.Oracle:
    return kt.oracles.HyperbandOracle("val_loss", max_epochs=2, factor=2, seed=0)


def our_hyperband() -> kt.Oracle:
    return HyperbandOracle("val_loss", max_epochs=2, factor=2, seed=0)


def train(tuner: kt.Tuner, **kwargs: Any) -> None:
    tuner.search(X, Y, validation_split=0.5, batch_size=16, verbose=0, **kwargs)


@pytest.mark.parametrize(("oracle", "executions"), [(our_hyperband, 2), (stock_hyperband, 1)])
def test_promoted_trials_go_on(
    tmp_path: Path, states: Any, oracle: Callable[[], kt.Oracle], executions: int
) -> None:
    """With the weights of the last epoch, the optimizer's slots and its number of iterations."""
    tuner = kte.Tuner(
        oracle=oracle(),
        hypermodel=build,
        directory=tmp_path,
        project_name="project",
        executions_per_trial=executions,
    )
    train(tuner, callbacks=[States()])
    trials = values_of(tuner.oracle)
    begun = [state for state in states if state[0] == "begin"]
    ended = [state for state in states if state[0] == "end"]
    assert len(begun) == len(ended) == len(trials) * executions
    promotions = 0
    for number, values in enumerate(trials):
        for execution in range(executions):
            place = number * executions + execution
            assert begun[place][1] == values["tuner/initial_epoch"]
            assert ended[place][1] == values["tuner/epochs"]
            if "tuner/trial_id" in values:
                promotions += 1
                before = ended[int(values["tuner/trial_id"]) * executions + execution]
                for restored, kept in zip(begun[place][2], before[2], strict=True):
                    np.testing.assert_array_equal(restored, kept)
    assert promotions == executions
    assert not [*tmp_path.rglob("last_*")]


def test_a_damaged_snapshot_costs_epochs_only(tmp_path: Path) -> None:
    """The trial goes on from the snapshot before it, and ends as if that had not happened."""

    class Damaging(keras.callbacks.Callback):
        folder = tmp_path / "damaged"

        def on_train_end(self, logs: Any = None) -> None:
            for file in self.folder.rglob("last_*.snapshot"):
                if file.stat().st_size and read(file).epoch == 2:
                    file.write_bytes(b"")

    def scores(folder: Path) -> list[float]:
        oracle = HyperbandOracle("val_loss", max_epochs=4, factor=2, min_epochs=1, seed=0)
        tuner = kte.Tuner(oracle, build_eager, directory=folder, project_name="project")
        train(tuner, callbacks=[Damaging()])
        return [trial.score for trial in oracle.trials.values()]

    whole = scores(tmp_path / "whole")
    with pytest.warns(UserWarning) as caught:
        assert scores(tmp_path / "damaged") == whole
    told = " ".join(str(warning.message) for warning in caught)
    assert "Left out the snapshot" in told
    for place in ("epoch 1", "the beginning"):  # Bracket 1 begins with 2 epochs.
        assert f"It is trained from {place}." in told


class Stop(keras.callbacks.Callback):
    """Stops the program at the end of an epoch of the second execution."""

    armed: ClassVar[bool] = True
    begun: ClassVar[list[int]] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.armed and len(self.begun) == 8:
            raise KeyboardInterrupt


def test_a_stopped_search_goes_on_in_the_middle_of_a_trial(tmp_path: Path, states: Any) -> None:
    """In its fourth epoch, of which no snapshot was written."""

    def search(folder: Path) -> tuple[Any, Any]:
        tuner = kte.TPE(
            build, "val_loss", max_trials=2, seed=0, directory=folder, project_name="project",
            executions_per_trial=2, snapshots=kte.Snapshots(every_epochs=2),
        )  # fmt: skip
        states.clear()
        train(tuner, epochs=4, callbacks=[States(), Stop()])
        return [t.score for t in tuner.oracle.trials.values()], states[-1][2]

    Stop.armed = False
    scores, arrays = search(tmp_path / "whole")
    Stop.armed = True
    Stop.begun.clear()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "parts")
    Stop.armed = False
    Stop.begun.clear()
    scores_of_parts, arrays_of_parts = search(tmp_path / "parts")
    assert Stop.begun == [2, 3, *range(4), *range(4)]
    assert scores_of_parts == scores
    for a, b in zip(arrays_of_parts, arrays, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not [*tmp_path.rglob("last_*")]


def test_a_trial_that_failed_begins_anew(tmp_path: Path) -> None:
    class Break(keras.callbacks.Callback):
        begun: ClassVar[list[int]] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.begun.append(epoch)
            if self.begun == [0, 1]:
                raise RuntimeError("on purpose")

    tuner = kte.TPE(
        build, "val_loss", max_trials=1, max_retries_per_trial=1, directory=tmp_path,
        snapshots=kte.Snapshots(every_epochs=1),
    )  # fmt: skip
    train(tuner, epochs=2, callbacks=[Break()])
    assert Break.begun == [0, 1, 0, 1]


class Subclassed(keras.Model):
    """It declares no inputs: TensorFlow builds it in its first step."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.first, self.last = keras.layers.Dense(units), keras.layers.Dense(2)

    def call(self, inputs: dict[str, Any]) -> Any:
        return self.last(self.first(inputs["x"]))


def build_subclassed(hp: kt.HyperParameters) -> keras.Model:
    model = Subclassed(hp.Int("units", 2, 8))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.0), loss)
    return model


def test_promoted_subclasses_of_model_go_on(tmp_path: Path, states: Any) -> None:
    """At a learning rate of 0 the weights at the end are those of the beginning."""
    tuner = kte.Tuner(our_hyperband(), build_subclassed, directory=tmp_path, project_name="project")
    tuner.search({"x": X}, Y, batch_size=16, verbose=0, validation_split=0.5, callbacks=[States()])
    ended = [state for state in states if state[0] == "end"]
    trials = values_of(tuner.oracle)
    assert len(ended) == len(trials) == 5
    number = next(i for i, values in enumerate(trials) if "tuner/trial_id" in values)
    parent = int(trials[number]["tuner/trial_id"])
    weights = slice(0, 4)
    for restored, kept in zip(ended[number][2][weights], ended[parent][2][weights], strict=True):
        np.testing.assert_array_equal(restored, kept)
    iterations = [arrays[4] for _, _, arrays in (ended[parent], ended[number])]
    assert iterations == [2, 4]


def test_a_state_that_is_missing(tmp_path: Path, states: Any) -> None:
    """The trial is trained from the beginning, with a warning, to the epoch that it was to."""
    tuner = kte.BOHB(
        build, "val_loss", max_epochs=2, factor=2, seed=0, directory=tmp_path, project_name="p"
    )
    hidden: list[Path] = []

    class Hiding(keras.callbacks.Callback):
        def on_train_end(self, logs: Any = None) -> None:
            hidden.extend(tmp_path.rglob("last_*.snapshot"))
            for file in tmp_path.rglob("last_*.snapshot"):
                file.unlink()

    with pytest.warns(UserWarning, match="It is trained from the beginning"):
        train(tuner, callbacks=[States(), Hiding()])
    assert hidden
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert [epoch for what, epoch, _ in states if what == "begin"] == [0] * 5
    assert [epoch for what, epoch, _ in states if what == "end"] == [1, 1, 2, 2, 2]


class HyperbandStyle(kt.Hyperband):
    """KerasTuner's own tuner with another oracle, as programs have it that subclass it."""

    def __init__(self, oracle: kt.Oracle, **kwargs: Any) -> None:
        kt.Tuner.__init__(self, oracle=oracle, **kwargs)


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_bohb_in_the_tuner_of_keras_tuner(tmp_path: Path, states: Any) -> None:
    oracle = BOHBOracle("val_loss", max_epochs=2, factor=2, seed=0)
    tuner = HyperbandStyle(oracle, hypermodel=build, directory=tmp_path, project_name="project")
    train(tuner, callbacks=[States()])
    assert {trial.status for trial in oracle.trials.values()} == {"COMPLETED"}
    begun = [epoch for what, epoch, _ in states if what == "begin"]
    assert begun == [values["tuner/initial_epoch"] for values in values_of(oracle)]
    assert tuner.get_best_models()[0].count_params() > 0


def test_the_best_trial_is_found_without_naming_all_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Scored(kte.Hyperband):
        def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
            return float(trial.hyperparameters.Float("x", 0.0, 1.0))

    tuner = Scored(objective="loss", max_epochs=9, seed=1, directory=tmp_path)
    tuner.search(verbose=0)
    ranked = tuner.get_best_trials(99)
    named: list[Any] = []

    def name_of(values: dict[str, Any]) -> str:
        named.append(values)
        return str(values)

    monkeypatch.setattr("kt_extensions.tuners.best.name_of", name_of)
    assert tuner.get_best_trials(1) == ranked[:1]
    assert len(named) == 1
    assert tuner.get_best_trials(3) == ranked[:3]
    assert len(ranked) > 3


@pytest.mark.parametrize("tuner_class", [kte.Hyperband, kte.BOHB, kte.ASHA])
def test_a_search(tmp_path: Path, tuner_class: Any) -> None:
    limit = {"max_trials": 5} if tuner_class is kte.ASHA else {}
    tuner = tuner_class(
        build,
        "val_accuracy",
        max_epochs=2,
        factor=2,
        seed=1,
        directory=tmp_path,
        project_name="project",
        tensorboard_dir=tmp_path / "logs",
        **limit,
    )
    train(tuner)
    ranked = tuner.get_best_trials(99)
    configurations = [own(trial.hyperparameters.values) for trial in ranked]
    assert all(a != b for i, a in enumerate(configurations) for b in configurations[:i])
    assert len(ranked) == sum("tuner/trial_id" not in v for v in values_of(tuner.oracle))
    best = ranked[0]
    model = tuner.get_best_models()[0]
    accuracy = model.evaluate(X[32:], Y[32:], verbose=0)[1]
    assert accuracy == pytest.approx(best.score, abs=1e-6)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert max(values["tuner/epochs"] for values in values_of(tuner.oracle)) == 2
