"""A trial that goes on from the one just trained goes on with its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import keras
import keras_tuner as kt
import numpy as np

import kt_extensions as kte
from kt_extensions.oracles import ASHAOracle, SamplerOracle
from kt_extensions.samplers import Random
from tests.integration.continuation_program import Rungs

X = np.random.default_rng(0).random((40, 4)).astype("float32")
Y = (X.sum(axis=1) > 2).astype("int32")


def network(rate: float) -> keras.Model:
    layers = [keras.layers.Dense(4), keras.layers.Dropout(0.3), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate), loss, metrics=["accuracy"])
    return model


class Hypermodel(kt.HyperModel):
    """Counts its builds; `rebuilt` has it ask what changes with the rung."""

    def __init__(self, rebuilt: bool = False) -> None:
        super().__init__()
        self.builds, self.rebuilt = 0, rebuilt

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        self.builds += 1
        if self.rebuilt:
            hp.values.get("tuner/epochs")
        return network(hp.Float("rate", 1e-3, 1e-1, sampling="log"))


class Weights(keras.callbacks.Callback):
    """Keeps all variables at the end of each epoch."""

    seen: ClassVar[list[list[Any]]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        variables = [*self.model.variables, *self.model.optimizer.variables]
        self.seen.append([keras.ops.convert_to_numpy(v).copy() for v in variables])


def search(folder: Path, hypermodel: Any, *epochs: int, **kwargs: Any) -> kte.Tuner:
    oracle = SamplerOracle("val_loss", None, seed=5, sampler=Random(), scheduler=Rungs(*epochs))
    tuner = kte.Tuner(oracle, hypermodel, directory=folder, project_name="p", **kwargs)
    Weights.seen.clear()
    stopping = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    tuner.search(X, Y, validation_split=0.2, verbose=0, callbacks=[stopping, Weights()])
    assert {trial.status for trial in oracle.trials.values()} == {"COMPLETED"}
    return tuner


def test_as_with_a_model_built_anew(tmp_path: Path) -> None:
    anew, live = Hypermodel(rebuilt=True), Hypermodel()
    expected = search(tmp_path / "anew", anew, 1, 2, 4, 5).results()
    weights = list(Weights.seen)
    found = search(tmp_path / "live", live, 1, 2, 4, 5).results()
    assert (anew.builds, live.builds) == (5, 3)  # the space, and the first two trials
    assert [r["history"] for r in found] == [r["history"] for r in expected]
    assert len(weights) == len(Weights.seen) == 5
    for before, after in zip(weights, Weights.seen, strict=True):
        np.testing.assert_equal(after, before)


def test_executions_have_models_of_their_own(tmp_path: Path) -> None:
    hypermodel = Hypermodel()
    search(tmp_path, hypermodel, 1, 2, 3, executions_per_trial=2)
    assert hypermodel.builds == 7


def test_the_model_of_another_trial_is_no_start(tmp_path: Path) -> None:
    """Each trial begins with weights of its own, or with those of the trial it goes on from."""
    hypermodel = Hypermodel()
    oracle = ASHAOracle("val_loss", max_trials=12, max_epochs=4, factor=2, seed=2)
    tuner = kte.Tuner(oracle, hypermodel, directory=tmp_path)
    tuner.search(X, Y, validation_split=0.2, verbose=0)
    trials = [oracle.trials[name] for name in oracle.start_order]
    parents = [trial.hyperparameters.values.get("tuner/trial_id") for trial in trials]
    at_once = [i for i in range(2, 12) if parents[i] == trials[i - 1].trial_id]
    assert 0 < len(at_once) < 10
    assert hypermodel.builds == 1 + 12 - len(at_once)


def test_a_model_that_was_changed_is_built_anew(tmp_path: Path) -> None:
    class Grown(Hypermodel):
        def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
            history = super().fit(hp, model, *args, **kwargs)
            model.add(keras.layers.Dense(3))
            return history

    hypermodel = Grown()
    search(tmp_path, hypermodel, 1, 2, 3)
    assert hypermodel.builds == 4


def test_nothing_of_it_stays(tmp_path: Path) -> None:
    tuner = search(tmp_path, Hypermodel(), 1, 2, 3)
    assert tuner._live is None
    model = tuner.get_best_models()[0]
    assert "fit" not in vars(model)
