"""Several executions of a trial: one for each fold, resumed, pruned, retried."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.builders import MLP
from kt_extensions.reports import Message

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype(int)


class Counting(keras.callbacks.Callback):
    """Counts trainings; ends the program, or makes the loss NaN, in one of them."""

    trainings = 0
    interrupted: int | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 0:
            Counting.trainings += 1
        if Counting.trainings == Counting.interrupted and epoch == 1:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def anew() -> None:
    Counting.trainings, Counting.interrupted = 0, None


def build(hp: Any) -> keras.Model:
    units = hp.Int("units", 2, 9)
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile("adam", "mse", run_eagerly=True)
    return model


def tuner(folder: Path, **kwargs: Any) -> kte.Tuner:
    return kte.TPE(
        kwargs.pop("hypermodel", build), "val_loss", max_trials=2, seed=0, directory=folder,
        project_name="project", **{"cross_validation": 3, **kwargs},
    )  # fmt: skip


def search(searched: kte.Tuner, **kwargs: Any) -> list[dict[str, Any]]:
    searched.search(X, Y, epochs=2, verbose=0, callbacks=[Counting()], **kwargs)
    return [{**result, "duration": None} for result in searched.results()]


class Searched(NamedTuple):
    tuner: kte.Tuner
    results: list[dict[str, Any]]
    trainings: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A search that nothing stops."""
    Counting.trainings, Counting.interrupted = 0, None
    searched = tuner(tmp_path_factory.mktemp("whole"))
    return Searched(searched, search(searched), Counting.trainings)


def test_a_trial_is_scored_by_all_folds(whole: Searched) -> None:
    assert whole.trainings == 6
    for result in whole.results:
        assert len(result["history"]) == len(result["scores"]) == 3
        assert len(set(result["scores"])) == 3
        assert result["score"] == pytest.approx(np.mean(result["scores"]))
        assert result["scores"] == [min(history["val_loss"]) for history in result["history"]]
    assert whole.tuner.get_best_models()[0].predict(X, verbose=0).shape == (40, 1)


@pytest.mark.parametrize("training", [2, 6])
def test_a_stopped_search_goes_on_with_the_fold_that_was_not_finished(
    tmp_path: Path, whole: Searched, training: int
) -> None:
    Counting.interrupted = training
    with pytest.raises(KeyboardInterrupt):
        search(tuner(tmp_path / "cut"))
    Counting.trainings, Counting.interrupted = 0, None
    again = tuner(tmp_path / "cut")
    assert search(again) == whole.results
    assert Counting.trainings == 6 - training + 1
    for name in whole.tuner.oracle.trials:
        tuners = whole.tuner, again
        weights = [t.load_model(t.oracle.get_trial(name)).get_weights() for t in tuners]
        for one, other in zip(*weights, strict=True):
            np.testing.assert_array_equal(one, other)
    for folder in (tmp_path, Path(whole.tuner.directory)):
        assert not list(folder.glob("**/execution_*"))


def test_a_damaged_result_is_trained_again(tmp_path: Path) -> None:
    Counting.interrupted = 2
    with pytest.raises(KeyboardInterrupt):
        search(tuner(tmp_path))
    (file,) = tmp_path.glob("**/execution_0.json")
    file.write_text('{"epoch": [0, 1]')
    Counting.trainings, Counting.interrupted = 0, None
    search(tuner(tmp_path))
    assert Counting.trainings == 6


def test_executions_of_each_fold(tmp_path: Path) -> None:
    results = search(tuner(tmp_path, executions_per_trial=2, cross_validation=2))
    assert Counting.trainings == 8
    assert [len(result["scores"]) for result in results] == [4, 4]


@pytest.mark.parametrize("executions", [1, 2])
@pytest.mark.parametrize(
    ("base", "limit"),
    [(kte.TPE, {"max_trials": 2}), (kte.Hyperband, {"max_epochs": 2, "factor": 2})],
)
def test_a_tuner_that_trains_each_trial_more_than_once(
    tmp_path: Path, base: type[kte.Tuner], limit: dict[str, int], executions: int
) -> None:
    class Twice(base):  # type: ignore[misc, valid-type]
        """The second time with targets far away."""

        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            near = super().run_trial(trial, X, Y, **kwargs)
            far = super().run_trial(trial, X, Y + 100, **kwargs)
            losses = [[min(h.history["val_loss"]) for h in made] for made in (near, far)]
            assert max(losses[0]) < 100 and min(losses[1]) > 1000
            return float(np.mean(losses))

    made = Twice(
        build, "val_loss", seed=0, directory=tmp_path, project_name="project",
        executions_per_trial=executions, **limit,
    )  # fmt: skip
    made.search(epochs=2, verbose=0, validation_split=0.5)
    results = made.results()
    assert {len(result["history"]) for result in results} == {2 * executions}
    assert {result["status"] for result in results} == {"COMPLETED"}
    assert not [*tmp_path.rglob("execution_*.json")]


def test_other_folds_of_a_pruned_trial_are_not_trained(tmp_path: Path) -> None:
    class SecondFold:
        def verdict(self, progress: Any) -> str | None:
            return "enough" if Counting.trainings == 2 else None

    results = search(tuner(tmp_path, pruner=SecondFold()))
    assert Counting.trainings == 2 + 3
    assert [result["status"] for result in results] == ["PRUNED", "COMPLETED"]
    assert [len(result["scores"]) for result in results] == [2, 3]
    assert results[0]["score"] == pytest.approx(np.mean(results[0]["scores"]))


def test_all_executions_of_a_trial_that_failed_are_run_again(tmp_path: Path) -> None:
    class SometimesNaN(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if Counting.trainings == 2:
                logs["val_loss"] = float("nan")

    searched = tuner(tmp_path, max_retries_per_trial=1, executions_per_trial=2)
    searched = kte.TPE(
        build, "val_loss", max_trials=1, seed=0, directory=tmp_path / "retried",
        max_retries_per_trial=1, executions_per_trial=2,
    )  # fmt: skip
    callbacks = [Counting(), SometimesNaN()]
    searched.search(X, Y, epochs=2, validation_split=0.25, verbose=0, callbacks=callbacks)
    assert Counting.trainings == 4
    (result,) = searched.results()
    assert result["status"] == "COMPLETED"
    assert np.isfinite(result["score"])
    (failure,) = searched.failures()
    assert failure["status"] == "INVALID"


@pytest.mark.parametrize("oracle", ["ours", "kerastuner's"])
def test_a_trial_pruned_in_an_easy_fold_is_not_the_best(tmp_path: Path, oracle: str) -> None:
    class Fold(kte.Tuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> list[float]:
            first = int(trial.trial_id) == 0
            if not first:
                self.report_epoch(trial, 0, Message(0, 2, {"default_objective": 0.1}))
            return [0.1] if not first else [0.1, 0.9]

    class NotTheFirst:
        def verdict(self, progress: Any) -> str | None:
            return "enough"

    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    kinds = {"ours": kte.oracles.TPEOracle, "kerastuner's": kt.oracles.RandomSearchOracle}
    searched = Fold(
        kinds[oracle](max_trials=3, seed=1, hyperparameters=hp), pruner=NotTheFirst(),
        directory=tmp_path,
    )  # fmt: skip
    searched.search(verbose=0)
    assert [r["status"] for r in searched.results()] == ["COMPLETED", "PRUNED", "PRUNED"]
    assert [t.trial_id for t in searched.get_best_trials(3)] == ["0", "1", "2"]


@pytest.mark.parametrize("wrong", [float("nan"), float("-inf")])
def test_a_retry_succeeds_with_an_oracle_of_kerastuner(tmp_path: Path, wrong: float) -> None:
    class Once(kte.Tuner):
        scores = iter([wrong, 0.5])

        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
            return next(self.scores)

    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle = kt.oracles.RandomSearchOracle(
        max_trials=1, seed=1, hyperparameters=hp, max_retries_per_trial=1
    )
    searched = Once(oracle, directory=tmp_path)
    searched.search(verbose=0)
    assert [r["score"] for r in searched.results()] == [0.5]
    (failure,) = searched.failures()
    assert failure["message"] == f"The objective 'default_objective' was {wrong}."


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("isolate", [False, True])
def test_scores_of_a_fit_that_returns_them(tmp_path: Path, isolate: bool) -> None:
    class Own(kt.HyperModel):
        def build(self, hp: Any) -> keras.Model:
            return build(hp)

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return {"val_loss": float(hp.get("units")), "other": 1.0}

    searched = tuner(tmp_path, hypermodel=Own(), isolate=isolate)
    results = search(searched)
    assert len(results) == 2
    for result in results:
        units = float(result["values"]["units"])
        assert result["scores"] == [units] * 3
        assert result["score"] == units
        assert result["history"] == []


def test_with_a_builder(tmp_path: Path) -> None:
    hypermodel = MLP(input_shape=(3,), outputs=2, epochs=2, depth=1, units=4)
    searched = tuner(tmp_path, hypermodel=hypermodel)
    searched.search(X, Y, verbose=0)
    assert [len(result["scores"]) for result in searched.results()] == [3, 3]


def test_data_are_checked_before_the_first_trial(tmp_path: Path) -> None:
    searched = tuner(tmp_path)
    with pytest.raises(ValueError, match="no validation data beside `cross_validation`"):
        search(searched, validation_split=0.2)
    assert not searched.oracle.trials
