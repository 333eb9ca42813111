"""Trials that are pruned, with oracles of ours and of KerasTuner's, here and over gRPC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions import oracles, samplers, store
from kt_extensions.reports import Message
from tests.faults.chief_program import free_port, variables
from tests.nursery import Nursery

EPOCHS = 8


class WorseThanHalf:
    """Stops trials in their third epoch that are worse than the median of the completed ones."""

    def verdict(self, progress: Any) -> str | None:
        done = progress.others[progress.completed][:, : len(progress.curve)]
        if len(progress.curve) < 3 or len(done) < 3 or progress.curve[-1] <= np.median(done[:, -1]):
            return None
        return "worse than half"


class CurveTuner(kte.Tuner):
    """Follows curves that fall from 1 + x to x, in two executions."""

    failing: tuple[str, ...] = ()
    limit: str | None = None

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        return [self.follow(trial, execution) for execution in range(2)]

    def follow(self, trial: Any, execution: int) -> float:
        values = trial.hyperparameters.values
        begin, end = values.get("tuner/initial_epoch", 0), values.get("tuner/epochs", EPOCHS)
        for epoch in range(begin, end):
            if (trial.trial_id, execution, epoch) == (self.limit, 0, 1):
                raise KeyboardInterrupt
            if trial.trial_id in self.failing:
                raise ValueError(f"trial {trial.trial_id} is to fail")
            loss = values["x"] + 1 / (1 + epoch)
            if self.report_epoch(
                trial, epoch, Message(execution, end, {"default_objective": loss})
            ):
                break
        return loss


def declare() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    return hp


ORACLES = {
    "ours": lambda **kwargs: oracles.SamplerOracle(
        max_trials=20, seed=1, sampler=samplers.TPE(n_startup=10), **kwargs
    ),
    "kerastuner's": lambda **kwargs: kt.oracles.RandomSearchOracle(max_trials=20, seed=1, **kwargs),
}


def tuner(folder: Path, oracle: str = "ours", **kwargs: Any) -> CurveTuner:
    return CurveTuner(
        ORACLES[oracle](hyperparameters=declare(), **kwargs),
        pruner=WorseThanHalf(),
        directory=folder,
        project_name="project",
    )


def told(searched: kte.Tuner) -> list[dict[str, Any]]:
    return [{**result, "duration": None} for result in searched.results()]


@pytest.mark.parametrize("oracle", ORACLES)
def test_bad_trials_are_stopped_and_marked(tmp_path: Path, oracle: str) -> None:
    searched = tuner(tmp_path, oracle)
    searched.search(verbose=0)
    results = searched.results()
    assert len(results) == 20
    pruned = [r for r in results if r["status"] == "PRUNED"]
    assert 4 <= len(pruned) <= 14
    assert {r["status"] for r in results} == {"PRUNED", "COMPLETED"}
    for r in results:
        epochs = 3 if r["status"] == "PRUNED" else EPOCHS
        assert r["epochs"] == 2 * epochs
        losses = [r["values"]["x"] + 1 / (1 + epoch) for epoch in range(epochs)]
        history = {"epoch": list(range(epochs)), "default_objective": losses}
        assert r["history"] == [history, history]
        assert r["score"] == pytest.approx(losses[-1])
    assert {r["message"] for r in pruned} == {"Pruned: worse than half."}
    best = min((r for r in results), key=lambda r: r["score"])
    assert best["status"] == "COMPLETED"
    assert searched.get_best_trials()[0].trial_id == best["trial_id"]


@pytest.mark.parametrize("oracle", ORACLES)
def test_resumed_in_the_middle_of_a_trial(tmp_path: Path, oracle: str) -> None:
    whole = tuner(tmp_path / "whole", oracle)
    whole.search(verbose=0)
    cut = tuner(tmp_path / "cut", oracle)
    cut.limit = "12"
    with pytest.raises(KeyboardInterrupt):
        cut.search(verbose=0)
    again = tuner(tmp_path / "cut", oracle)
    again.search(verbose=0)
    assert told(again) == told(whole)


def test_samplers_are_told_which_trials_were_pruned(tmp_path: Path) -> None:
    searched = tuner(tmp_path)
    searched.search(verbose=0)
    pruned = [r["status"] == "PRUNED" for r in searched.results()]
    assert searched.oracle.record.table.history().pruned.tolist() == pruned
    reloaded = tuner(tmp_path)
    assert reloaded.oracle.record.table.history().pruned.tolist() == pruned


class Diverged:
    """Stops a trial whose score is NaN."""

    def verdict(self, progress: Any) -> str | None:
        return "diverged" if np.isnan(progress.curve[-1]) else None


class DivergingOnce(CurveTuner):
    """The first attempt of its trial 1 ends with NaN."""

    attempts = 0

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        self.attempts += 1
        loss = np.nan if self.attempts == 2 else trial.hyperparameters.values["x"]
        self.report_epoch(trial, 0, Message(0, 2, {"default_objective": loss}))
        return loss


def test_a_trial_that_was_pruned_and_is_run_again_to_its_end_is_not_pruned(tmp_path: Path) -> None:
    oracle = oracles.SamplerOracle(
        max_trials=3, seed=1, sampler=samplers.Random(), hyperparameters=declare(),
        max_retries_per_trial=1,
    )  # fmt: skip
    where = {"directory": tmp_path, "project_name": "project"}
    searched = DivergingOnce(oracle, pruner=Diverged(), **where)
    searched.search(verbose=0)
    assert searched.attempts == 4
    for made in (searched, DivergingOnce(oracle, pruner=Diverged(), **where)):
        assert [r["status"] for r in made.results()] == ["COMPLETED"] * 3
        assert made.oracle.record.table.history().pruned.tolist() == [False] * 3


def test_a_pruned_trial_is_not_promoted(tmp_path: Path) -> None:
    class Never:
        def verdict(self, progress: Any) -> str | None:
            return "unlucky" if len(progress.others) % 3 == 0 else None

    oracle = oracles.HyperbandOracle(
        max_epochs=9, seed=3, hyperparameters=declare(), pruner=Never()
    )
    searched = CurveTuner(oracle, directory=tmp_path, project_name="project")
    searched.search(verbose=0)
    results = searched.results()
    pruned = {r["trial_id"] for r in results if r["status"] == "PRUNED"}
    assert pruned
    assert not pruned & {r["parent"] for r in results}
    assert sum(r["parent"] is not None for r in results) == 5


def test_a_pruned_promotion_saves_epochs(tmp_path: Path) -> None:
    """No other trial takes its place."""

    class BeforeTheEnd:
        def verdict(self, progress: Any) -> str | None:
            return "long enough" if len(progress.curve) == 8 else None

    def searched(name: str, pruner: Any) -> list[dict[str, Any]]:
        oracle = oracles.HyperbandOracle(max_epochs=9, seed=3, hyperparameters=declare())
        made = CurveTuner(oracle, directory=tmp_path, project_name=name, pruner=pruner)
        made.search(verbose=0)
        return made.results()

    whole, cut = searched("whole", None), searched("cut", BeforeTheEnd())
    pruned = [r for r in cut if r["status"] == "PRUNED"]
    assert any(r["parent"] is not None for r in pruned)
    assert len(cut) == len(whole) == oracles.HyperbandOracle(max_epochs=9).planned_trials
    assert sum(r["epochs"] for r in cut) < sum(r["epochs"] for r in whole)


@pytest.mark.parametrize("oracle", ORACLES)
def test_failures_and_their_reasons(tmp_path: Path, oracle: str) -> None:
    searched = tuner(tmp_path, oracle, max_retries_per_trial=1)
    searched.failing = ("03", "07")
    searched.search(verbose=0)
    failures = searched.failures()
    told_of = [(f["trial_id"], f["attempt"], f["status"]) for f in failures]
    assert told_of == [
        (name, attempt, status)
        for name in searched.failing
        for attempt, status in [(1, "INVALID"), (2, "FAILED")]
    ]
    for failure in failures:
        assert f"ValueError: trial {failure['trial_id']} is to fail" in failure["message"]
        assert failure["values"].keys() == {"x"}
    assert sum(r["status"] == "FAILED" for r in searched.results()) == 2
    assert tuner(tmp_path, oracle, max_retries_per_trial=1).failures() == failures


def test_a_keras_model_is_stopped(tmp_path: Path) -> None:
    class Third:
        def verdict(self, progress: Any) -> str | None:
            late = len(progress.others) % 3 == 2 and len(progress.curve) == 2
            return f"epoch {len(progress.curve)} of {progress.planned}" if late else None

    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-4, 1e-3)), "mse")
        return model

    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    searched = kte.TPE(
        build, "val_loss", max_trials=3, seed=0, pruner=Third(), directory=tmp_path,
        snapshots=kte.Snapshots(keep="all"),
    )  # fmt: skip
    searched.search(x, x[:, :1], validation_split=0.25, epochs=4, verbose=0)
    results = searched.results()
    assert [r["epochs"] for r in results] == [4, 4, 2]
    assert results[2]["message"] == "Pruned: epoch 2 of 4."
    assert results[0]["history"][0].keys() == {"epoch", "loss", "val_loss"}
    assert results[2]["score"] == min(results[2]["history"][0]["val_loss"])
    assert len(searched.get_best_models(3)) == 3


def test_several_objectives_cannot_be_pruned(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="single objective"):
        kte.TPE(
            lambda hp: None, ["loss", "val_loss"], pruner=WorseThanHalf(), directory=tmp_path,
        )  # fmt: skip


def program(folder: str) -> None:
    """What the chief and its worker run alike."""
    searched = tuner(Path(folder))
    searched.search(verbose=0)


def test_trials_of_a_worker_are_pruned_by_the_chief(nursery: Nursery, tmp_path: Path) -> None:
    port = free_port()
    processes = [
        nursery.start(
            program, str(tmp_path), output=tmp_path / f"{name}.txt", **variables(name, port)
        )
        for name in ("chief", "tuner0")
    ]
    for process in processes:
        assert process.wait(120) == 0, process.output
    searched = tuner(tmp_path)
    statuses = [r["status"] for r in searched.results()]
    assert len(statuses) == 20
    assert 4 <= statuses.count("PRUNED") <= 14
    for r in searched.results():
        assert r["epochs"] == (6 if r["status"] == "PRUNED" else 2 * EPOCHS)
    ends = [e for e in store.EventLog(tmp_path / "project").read() if e["event"] == "end"]
    assert [e["pruned"] for e in ends].count(True) == statuses.count("PRUNED")
