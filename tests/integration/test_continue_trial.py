"""Trials that are trained further by hand."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, ClassVar

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.oracles import ASHAOracle, HyperbandOracle, SamplerOracle, TPEOracle
from kt_extensions.pruners import Progress
from kt_extensions.record import by_hand
from kt_extensions.samplers import Random
from tests.integration.test_kept_files import FileTuner

X = np.random.default_rng(0).random((48, 4)).astype("float32")
Y = (X.sum(axis=1) > 2).astype("int32")
ALL = kte.Snapshots(keep="all")


def build(hp: kt.HyperParameters) -> keras.Model:
    layers = [keras.layers.Dense(4), keras.layers.Dropout(0.3), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, run_eagerly=True)
    return model


class Epochs(keras.callbacks.Callback):
    """Notes the epochs that are trained; may stop the program, or the training."""

    begun: ClassVar[list[int]] = []
    interrupts: ClassVar[int | None] = None
    stops: ClassVar[int | None] = None
    fails: ClassVar[bool] = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(epoch)
        if epoch == self.interrupts:
            raise KeyboardInterrupt
        if self.fails:
            raise RuntimeError("on purpose")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.stops:
            self.model.stop_training = True


@pytest.fixture(autouse=True)
def epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    for name, value in {"begun": [], "interrupts": None, "stops": None, "fails": False}.items():
        monkeypatch.setattr(Epochs, name, value)
    return Epochs.begun


def make(folder: Path, oracle: kt.Oracle | None = None, trials: int = 1, **kwargs: Any) -> Any:
    oracle = oracle or SamplerOracle("val_loss", max_trials=trials, seed=1, sampler=Random())
    return kte.Tuner(oracle, build, directory=folder, project_name="p", **kwargs)


DATA: dict[str, Any] = {"validation_split": 0.5, "batch_size": 24, "verbose": 0}


def search(tuner: kte.Tuner, epochs: int = 2) -> None:
    tuner.search(X, Y, epochs=epochs, callbacks=[Epochs()], **DATA)


def go_on(tuner: kte.Tuner, trial_id: str = "0", epochs: int = 4) -> Any:
    return tuner.continue_trial(trial_id, X, Y, epochs=epochs, callbacks=[Epochs()], **DATA)


def test_its_seconds_are_not_those_of_the_search(tmp_path: Path) -> None:
    tuner = make(tmp_path, max_time=3600.0, snapshots=ALL)
    search(tuner)
    spent = tuner.get_state()["seconds"]
    assert spent > 0
    go_on(tuner)
    assert tuner.get_state()["seconds"] == spent
    assert make(tmp_path, max_time=3600.0, snapshots=ALL).get_state()["seconds"] <= spent


def test_it_is_as_if_it_had_never_stopped(tmp_path: Path, epochs: list[int]) -> None:
    """The score, the best weights, the history."""
    whole = make(tmp_path / "whole", executions_per_trial=2)
    parts = make(tmp_path / "parts", executions_per_trial=2, snapshots=ALL)
    search(whole, epochs=4)
    search(parts)
    del epochs[:]
    trial = go_on(parts)
    assert epochs == [2, 3] * 2
    expected = whole.oracle.trials["0"]
    assert (trial.score, trial.best_step) == (expected.score, expected.best_step)
    weights = [
        tuner.load_model(t).get_weights() for tuner, t in ((whole, expected), (parts, trial))
    ]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
    histories = [tuner.results()[i]["history"] for tuner, i in ((whole, 0), (parts, 1))]
    for execution in range(2):
        for name, values in histories[0][execution].items():
            assert values[2:] == histories[1][execution][name]


def test_it_is_a_trial_of_the_project(tmp_path: Path) -> None:
    tuner = make(tmp_path, snapshots=ALL, tensorboard_dir=tmp_path / "logs")
    search(tuner)
    trial = go_on(tuner)
    values = trial.hyperparameters.values
    parent = tuner.oracle.trials["0"].hyperparameters.values
    assert trial.trial_id == "1"
    assert trial.status == "COMPLETED"
    assert values == {**parent, "tuner/trial_id": "0", "tuner/initial_epoch": 2, "tuner/epochs": 4}
    assert tuner.results()[1]["parent"] == "0"
    assert [*(tmp_path / "logs").glob("p/*/1/execution0/*.ended")]
    ranked = [t.trial_id for t in tuner.get_best_trials(9)]
    assert len(ranked) == 1  # each configuration once
    assert trial.score <= tuner.oracle.trials["0"].score
    again = go_on(tuner, trial.trial_id, epochs=5)
    assert again.hyperparameters.values["tuner/trial_id"] == "1"
    assert again.hyperparameters.values["tuner/initial_epoch"] == 4


def test_asked_for_again(tmp_path: Path, epochs: list[int]) -> None:
    """It is not trained again, by this program or another one."""
    tuner = make(tmp_path, snapshots=ALL)
    search(tuner)
    score = go_on(tuner).score
    del epochs[:]
    assert go_on(tuner).score == go_on(make(tmp_path)).score == score
    assert epochs == []
    assert len(tuner.oracle.trials) == 2


@pytest.mark.parametrize(("stock", "who"), [(False, "asked again"), (True, "the search")])
def test_one_that_was_stopped(tmp_path: Path, epochs: list[int], stock: bool, who: str) -> None:
    """It goes on where it was, in the epoch of which no snapshot was written."""

    def tuner() -> kte.Tuner:
        oracle = kt.oracles.RandomSearchOracle("val_loss", max_trials=1, seed=1) if stock else None
        return make(tmp_path, oracle, snapshots=kte.Snapshots(every_epochs=1, keep="all"))

    first = tuner()
    search(first)
    Epochs.interrupts = 4
    with pytest.raises(KeyboardInterrupt):
        go_on(first, epochs=6)
    Epochs.interrupts = None
    del epochs[:]
    for resumed in (first, tuner()) if who == "asked again" else (tuner(),):
        if who == "the search":
            search(resumed)
        trial = go_on(resumed, epochs=6)
        assert epochs == [4, 5]
        assert trial.trial_id == "1"
        assert trial.status == "COMPLETED"
        assert len(resumed.oracle.trials) == 2
        assert not resumed.oracle.ongoing_trials


def test_without_a_snapshot(tmp_path: Path, epochs: list[int]) -> None:
    tuner = make(tmp_path)
    search(tuner)
    del epochs[:]
    with pytest.warns(UserWarning, match=r"trained from the beginning. .*keep='best'"):
        trial = go_on(tuner)
    assert epochs == [0, 1, 2, 3]
    assert trial.hyperparameters.values["tuner/initial_epoch"] == 2


def test_the_best_can_be_trained_further(tmp_path: Path, epochs: list[int]) -> None:
    """After a search that keeps its snapshot only, and after its continuation."""
    tuner = make(tmp_path, trials=2, snapshots=kte.Snapshots(keep="best"))
    search(tuner)
    best = tuner.get_best_trials()[0]
    assert [f.parent.name for f in tmp_path.rglob("last_*")] == [f"trial_{best.trial_id}"]
    del epochs[:]
    trial = go_on(tuner, best.trial_id)
    assert epochs == [2, 3]
    assert tuner.get_best_models()[0].count_params() > 0
    kept = {f.parent.name for f in tmp_path.rglob("last_*")}
    better = min((best, trial), key=lambda t: t.score)
    assert kept == {f"trial_{name}" for name in (better.trial_id, trial.trial_id)}
    assert tuner.load_model(trial).count_params() > 0


def test_one_that_a_callback_had_stopped(tmp_path: Path, epochs: list[int]) -> None:
    tuner = make(tmp_path, snapshots=ALL)
    Epochs.stops = 1
    search(tuner, epochs=9)
    Epochs.stops = None
    del epochs[:]
    go_on(tuner)
    assert epochs == [2, 3]


class After:
    """A pruner that ends each training after some epochs."""

    def verdict(self, progress: Progress) -> str | None:
        return "long enough" if len(progress.curve) >= 2 else None


@pytest.mark.parametrize("stock", [False, True])
def test_one_that_was_pruned(tmp_path: Path, epochs: list[int], stock: bool) -> None:
    """It is trained to the end that was asked for, and is not marked as pruned."""
    oracle = kt.oracles.RandomSearchOracle("val_loss", max_trials=1, seed=1) if stock else None
    tuner = make(tmp_path, oracle, snapshots=ALL, pruner=After())
    search(tuner, epochs=9)
    assert [result["status"] for result in tuner.results()] == ["PRUNED"]
    assert epochs == [0, 1]
    del epochs[:]
    go_on(tuner)
    assert epochs == [2, 3]
    assert [result["status"] for result in tuner.results()] == ["PRUNED", "COMPLETED"]


# A search is not disturbed.

ORACLES = {
    "random": lambda **kw: SamplerOracle("val_loss", sampler=Random(), **{"max_trials": 9, **kw}),
    "tpe": lambda **kw: TPEOracle("val_loss", **{"max_trials": 14, **kw}),
    "hyperband": lambda **kw: HyperbandOracle("val_loss", max_epochs=4, factor=2, **kw),
    "asha": lambda **kw: ASHAOracle("val_loss", max_trials=15, max_epochs=4, factor=2, **kw),
}


class Searched(FileTuner):
    """A search that is stopped in a trial, if it is told so."""

    limit: int | None = None

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        if self.limit is not None and len(self.oracle.trials) > self.limit:
            raise KeyboardInterrupt
        return super().run_trial(trial, *args, **kwargs)


def searched(tuner: FileTuner) -> list[dict[str, Any]]:
    """Returns the values of the trials of the search, and their scores; those by hand left out."""
    trials = list(tuner.oracle.trials.values())
    own = [t for t in trials if not by_hand(t.hyperparameters.values)]
    place = {t.trial_id: i for i, t in enumerate(own)}
    values = [dict(t.hyperparameters.values) for t in own]
    for v in values:
        if "tuner/trial_id" in v:
            v["tuner/trial_id"] = place[v["tuner/trial_id"]]
    return [{**v, "score": t.score} for v, t in zip(values, own, strict=True)]


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_a_search_goes_on_as_without(tmp_path: Path, name: str) -> None:
    """It proposes and promotes the same, as often, before and after it is resumed."""
    whole = Searched(ORACLES[name](seed=2), tmp_path / "whole")
    whole.search(verbose=0)
    tuner = Searched(ORACLES[name](seed=2), tmp_path / "parts")
    tuner.limit = 6
    with pytest.raises(KeyboardInterrupt):
        tuner.search(verbose=0)
    tuner.limit = None
    begun = [*tuner.oracle.trials][1]
    for epochs in (100, 200):
        tuner.continue_trial(begun, epochs=epochs, verbose=0)
    resumed = Searched(ORACLES[name](seed=2), tmp_path / "parts")
    resumed.search(verbose=0)
    assert searched(resumed) == searched(whole)
    assert len(resumed.oracle.trials) == len(whole.oracle.trials) + 2


@pytest.mark.filterwarnings("ignore:The optimal value found", "ignore:lbfgs failed to converge")
@pytest.mark.parametrize("oracle_class", ["GridSearch", "Hyperband", "BayesianOptimization"])
def test_other_oracles(tmp_path: Path, oracle_class: str) -> None:
    """They try as many configurations as without, and none for the sake of the other trial."""

    def oracle() -> kt.Oracle:
        hp = kt.HyperParameters()
        hp.Choice("x", [0.1, 0.4, 0.6, 0.8])
        limit = {"max_epochs": 4, "factor": 2} if oracle_class == "Hyperband" else {"max_trials": 4}
        made = getattr(kt.oracles, f"{oracle_class}Oracle")
        return made("val_loss", hyperparameters=hp, **limit)

    class Stock(Searched):
        def __init__(self, folder: Path) -> None:
            kte.Tuner.__init__(self, oracle(), directory=folder, project_name="project")
            self.found, self.kept = [], []

    counts = []
    for folder in (tmp_path / "whole", tmp_path / "parts"):
        tuner = Stock(folder)
        if folder.name == "parts":
            tuner.limit = 2
            with pytest.raises(KeyboardInterrupt):
                tuner.search(verbose=0)
            tuner.limit = None
            tuner.continue_trial(next(iter(tuner.oracle.trials)), epochs=99, verbose=0)
            tuner = Stock(folder)
        tuner.search(verbose=0)
        counts.append(len(searched(tuner)))
        assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert counts[0] == counts[1]
    assert counts[0] >= 4


# What cannot be.


def test_what_cannot_be_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuner = make(tmp_path, snapshots=ALL)
    tuner.oracle.max_consecutive_failed_trials = None
    with pytest.raises(ValueError, match=r"one of the 0 trials .* Received: '0'"):
        go_on(tuner)
    search(tuner)
    for wrong, message in (
        ({"trial_id": "7"}, r"one of the 1 trials .* Received: '7'"),
        ({"epochs": 2}, r"`epochs` above 2, which trial 0 .* Received: 2"),
        ({"epochs": 0}, r"`epochs` to be an integer >= 1. Received: 0"),
    ):
        with pytest.raises(ValueError, match=message):
            go_on(tuner, **wrong)
    Epochs.fails = True
    with pytest.raises(RuntimeError, match=r"Trial 1, .* trial 0, has failed:[\s\S]*on purpose"):
        go_on(tuner)
    with pytest.raises(ValueError, match=r"trial 1, whose status is FAILED. [\s\S]*on purpose"):
        go_on(tuner, "1", epochs=9)
    Epochs.fails = False
    assert go_on(tuner).trial_id == "2"
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    with pytest.raises(RuntimeError, match="a chief and workers"):
        go_on(tuner)


def test_retries(tmp_path: Path) -> None:
    oracle = SamplerOracle(
        "val_loss", max_trials=1, seed=1, sampler=Random(), max_retries_per_trial=1
    )
    tuner = make(tmp_path, oracle, snapshots=ALL)
    search(tuner)

    class Once(Epochs):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_begin(epoch)
            if len(self.begun) == 3:
                raise RuntimeError("on purpose")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trial = tuner.continue_trial("0", X, Y, epochs=4, callbacks=[Once()], **DATA)
    assert trial.status == "COMPLETED"
    assert Epochs.begun == [0, 1, 2, 2, 3]
