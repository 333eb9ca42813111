"""Whole searches: each tuner and oracle, and what a search is resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import pytest

import kt_extensions as kte
from tests.compat.networks import DATA, X, Y, build

TUNERS: dict[str, dict[str, Any]] = {
    **{name: {"max_trials": 2} for name in ("TPE", "GP", "PSO", "Skopt", "Search")},
    **{name: {"max_epochs": 2, "factor": 2} for name in ("Hyperband", "BOHB")},
    "ASHA": {"max_trials": 3, "max_epochs": 2, "factor": 2},
}
ORACLES = [name for name in kte.oracles.__all__ if name != "SamplerOracle"]
STOCK = {
    "random": lambda: kt.oracles.RandomSearchOracle("val_loss", max_trials=5, seed=1),
    "grid": lambda: kt.oracles.GridSearchOracle("val_loss", max_trials=5),
    "bayesian": lambda: kt.oracles.BayesianOptimizationOracle("val_loss", max_trials=5, seed=1),
    "hyperband": lambda: kt.oracles.HyperbandOracle("val_loss", max_epochs=4, seed=1),
}


def in_folder(folder: Path) -> dict[str, Any]:
    return {"directory": str(folder), "project_name": "project"}


def scored(hp: kt.HyperParameters) -> float:
    """Returns a score without a training."""
    kind = hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["b"]):
        extra = hp.Float("extra", 0.0, 1.0) if kind == "b" else 0.5
    return abs(hp.Int("units", 1, 200, sampling="log") / 200 - 0.3) + extra


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        scored(hp)


class Scoring(kt.Tuner):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        return {"val_loss": scored(trial.hyperparameters)}


class OurScoring(kte.Tuner):
    run_trial = Scoring.run_trial


@pytest.mark.parametrize("name", TUNERS)
def test_tuners(tmp_path: Path, name: str) -> None:
    """The best model scores again what it scored."""
    made = getattr(kte, name)(build, "val_loss", seed=1, **TUNERS[name], **in_folder(tmp_path))
    made.search(X, Y, epochs=1, **DATA)
    [best] = made.get_best_trials()
    assert {trial.status for trial in made.oracle.trials.values()} == {"COMPLETED"}
    [model] = made.get_best_models()
    loss, _ = model.evaluate(X[24:], Y[24:], verbose=0)
    assert loss == pytest.approx(best.score, rel=1e-4)


@pytest.mark.parametrize("name", ORACLES)
def test_oracles_in_kerastuners_tuner(tmp_path: Path, name: str) -> None:
    """They run, and tell of none but their own domains, beyond the first random trials."""
    limit = {"max_epochs": 9} if name in ("HyperbandOracle", "BOHBOracle") else {"max_trials": 12}
    oracle = getattr(kte.oracles, name)("val_loss", seed=1, **limit)
    made = Scoring(oracle, Declaring(), **in_folder(tmp_path))
    made.search(verbose=0)
    assert len(oracle.trials) >= 12
    assert oracle.get_best_trials()[0].score == min(t.score for t in oracle.trials.values())
    again = getattr(kte.oracles, name)("val_loss", seed=1, **limit)
    assert Scoring(again, Declaring(), **in_folder(tmp_path)).get_best_hyperparameters()[
        0
    ].values == (made.get_best_hyperparameters()[0].values)


@pytest.mark.parametrize("name", STOCK)
def test_kerastuners_oracles_in_our_tuner(tmp_path: Path, name: str) -> None:
    made = OurScoring(STOCK[name](), Declaring(), **in_folder(tmp_path))
    made.search(verbose=0)
    assert made.get_best_trials()[0].score == min(t.score for t in made.oracle.trials.values())
    assert len(made.results()) >= 5


class Interrupting(keras.callbacks.Callback):
    """Stops the program in a trial's second epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_search_killed_inside_a_trial_goes_on_exactly(tmp_path: Path) -> None:
    def searched(name: str, **kwargs: Any) -> Any:
        snapshots = kte.Snapshots(every_epochs=1)
        settings = {"max_trials": 2, "seed": 1, "snapshots": snapshots}
        made = kte.TPE(build, "val_loss", **settings, **in_folder(tmp_path / name))
        made.search(X, Y, epochs=2, **DATA, **kwargs)
        return made

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            searched("parts", callbacks=[Interrupting()])
    parts, whole = searched("parts"), searched("whole")
    assert [(r["values"], r["history"]) for r in parts.results()] == [
        (r["values"], r["history"]) for r in whole.results()
    ]


def test_hyperband_promotes_exactly(tmp_path: Path) -> None:
    """A trial that was promoted is as one that was trained to the same epoch by hand."""
    settings = {"factor": 2, "seed": 1, "snapshots": kte.Snapshots(keep="all")}
    made = kte.Hyperband(build, "val_loss", 2, **settings, **in_folder(tmp_path))
    made.search(X, Y, **DATA)
    promoted = next(result for result in made.results() if result["parent"])
    by_hand = made.continue_trial(promoted["parent"], X, Y, epochs=2, **DATA)
    [again] = [r for r in made.results() if r["trial_id"] == by_hand.trial_id]
    assert again["history"] == promoted["history"]
    assert again["history"][0]["epoch"][-1] == 1


def test_two_workers(tmp_path: Path) -> None:
    made = kte.TPE(build, "val_loss", max_trials=2, seed=1, workers=2, **in_folder(tmp_path))
    made.search(X, Y, epochs=1, **DATA)
    assert {trial.status for trial in made.oracle.trials.values()} == {"COMPLETED"}


def test_pruning(tmp_path: Path) -> None:
    pruner = kte.pruners.Threshold(worse_than=-1.0)
    made = kte.TPE(build, "val_loss", max_trials=1, pruner=pruner, **in_folder(tmp_path))
    made.search(X, Y, epochs=3, **DATA)
    assert [(r["status"], r["epochs"]) for r in made.results()] == [("PRUNED", 1)]


def test_data_of_keras(tmp_path: Path) -> None:
    """A `PyDataset` instead of arrays."""

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return X[24 * index : 24 * index + 24], Y[24 * index : 24 * index + 24]

    made = kte.TPE(build, "val_loss", max_trials=1, seed=1, **in_folder(tmp_path))
    made.search(Batches(), validation_data=Batches(), epochs=1, verbose=0)
    assert made.results()[0]["status"] == "COMPLETED"
