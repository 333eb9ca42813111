"""Which snapshots and weights of its trials a tuner keeps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions.oracles import ASHAOracle, HyperbandOracle, SamplerOracle
from kt_extensions.reports import Message
from kt_extensions.samplers import Random
from kt_extensions.snapshot import Snapshot, Snapshots, write

ORACLES: dict[str, Callable[..., Any]] = {
    "hyperband": lambda: HyperbandOracle("val_loss", max_epochs=9, seed=3),
    "asha": lambda: ASHAOracle("val_loss", max_trials=30, max_epochs=9, seed=3, sampler=Random()),
    "stock": lambda: kt.oracles.HyperbandOracle("val_loss", max_epochs=9, seed=3),
}


def space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    return hp


class FileTuner(kte.Tuner):
    """Its trials leave files behind, as if they had trained a model, but train none.

    It notes of each trial that goes on whether the snapshot of the other was still there, and which
    snapshots there are after each trial.
    """

    failing: int | None = None

    def __init__(self, oracle: kt.Oracle, folder: Path, **kwargs: Any) -> None:
        super().__init__(oracle, directory=folder, project_name="project", **kwargs)
        self.oracle.update_space(space())
        self.found: list[bool] = []
        self.kept: list[set[int]] = []

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        values = trial.hyperparameters.values
        if "tuner/trial_id" in values:
            parent = int(values["tuner/trial_id"])
            self.found.append({parent} <= kept(self) and {parent} <= weighted(self))
        write(self._snapshot_file(trial.trial_id, 0), Snapshot(values.get("tuner/epochs", 1)))
        Path(self._get_checkpoint_fname(trial.trial_id)).touch()
        if self.failing and int(trial.trial_id) % self.failing == 1:
            raise kt.errors.FailedTrialError("on purpose")
        return {"val_loss": (values["x"] - 0.3) ** 2 + 1 / values.get("tuner/epochs", 1)}

    def on_trial_end(self, trial: Trial) -> None:
        super().on_trial_end(trial)
        self.kept.append(kept(self))

    @property
    def best(self) -> int:
        return int(self.get_best_trials()[0].trial_id)


def numbers(tuner: kt.Tuner, pattern: str) -> set[int]:
    files = Path(tuner.project_dir).rglob(pattern)
    return {int(file.parent.name.removeprefix("trial_")) for file in files}


def kept(tuner: kt.Tuner) -> set[int]:
    return numbers(tuner, "last_*")


def weighted(tuner: kt.Tuner) -> set[int]:
    return numbers(tuner, "checkpoint*")


@pytest.mark.parametrize(
    ("keep", "failing"), [("promotable", None), ("promotable", 9), ("best", None), ("all", 9)]
)
@pytest.mark.parametrize("name", sorted(ORACLES))
def test_what_is_kept(tmp_path: Path, name: str, keep: str, failing: int | None) -> None:
    """Each promoted trial finds what it goes on from; in the end there is what was asked for."""
    tuner = FileTuner(ORACLES[name](), tmp_path, snapshots=Snapshots(keep=keep))
    tuner.failing = failing
    tuner.oracle.max_consecutive_failed_trials = None
    tuner.search(verbose=0)
    trials = {int(t.trial_id): t.status for t in tuner.oracle.trials.values()}
    completed = {number for number, status in trials.items() if status == "COMPLETED"}
    promotions = len(tuner.found)
    assert promotions > 2
    assert all(tuner.found)
    assert (completed == set(trials)) == (failing is None)
    expected = {"promotable": set(), "best": {tuner.best}, "all": completed}
    assert kept(tuner) == expected[keep]
    assert weighted(tuner) == ({tuner.best} if keep == "best" else set(trials))
    most = max(map(len, tuner.kept))
    assert most == len(completed) if keep == "all" else most < len(completed)


def test_a_rung_is_deleted_when_the_next_has_ended(tmp_path: Path) -> None:
    """Until then its trials may have to replace one that fails; the last two of a line are kept."""
    tuner = FileTuner(HyperbandOracle("val_loss", max_epochs=9, seed=3), tmp_path)
    tuner.search(verbose=0)
    trials = tuner.oracle.trials.values()
    parents = [t.hyperparameters.values.get("tuner/trial_id") for t in trials]
    rung, top = {*range(9)}, parents[12]
    promoted = {int(parents[number]) for number in (9, 10, 11)}
    assert tuner.kept[8] == rung
    assert tuner.kept[9] == rung | {9}
    assert tuner.kept[10] == rung | {9, 10}
    assert tuner.kept[11] == promoted | {9, 10, 11}
    assert tuner.kept[12] == set()  # that is trial 12 of the last rung
    assert int(top) in {9, 10, 11}


def test_asha_keeps_what_may_still_be_promoted(tmp_path: Path) -> None:
    oracle = ASHAOracle("val_loss", max_trials=30, max_epochs=3, seed=3, sampler=Random())
    tuner = FileTuner(oracle, tmp_path)
    tuner.search(verbose=0)
    assert len(tuner.kept[9]) > 3
    assert len(tuner.kept[25]) < 3
    assert tuner.kept[29] == set()


def test_what_a_stopped_search_may_promote_stays(tmp_path: Path) -> None:
    """So that it can go on where a stopping rule ended it, or the program."""
    tuner = FileTuner(HyperbandOracle("val_loss", max_epochs=9, seed=3), tmp_path, patience=1)
    tuner._reason_to_stop = lambda: "enough" if len(tuner.kept) > 4 else None  # type: ignore
    tuner.oracle.stopping = tuner._reason_to_stop
    tuner.search(verbose=0)
    assert kept(tuner) == {*range(5)}
    again = FileTuner(HyperbandOracle("val_loss", max_epochs=9, seed=3), tmp_path)
    again.search(verbose=0)
    assert again.found
    assert all(again.found)
    assert not kept(again)


@pytest.mark.parametrize("keep", ["best", "all"])
def test_trials_without_a_schedule(tmp_path: Path, keep: str) -> None:
    oracle = SamplerOracle("val_loss", max_trials=6, seed=3, sampler=Random())
    tuner = FileTuner(oracle, tmp_path, snapshots=Snapshots(keep=keep))
    tuner.search(verbose=0)
    assert kept(tuner) == ({tuner.best} if keep == "best" else {*range(6)})


class Diverged:
    def verdict(self, progress: Any) -> str | None:
        return "diverged" if progress.curve[-1] > 10 else None


class Diverging(FileTuner):
    """Its trial 1 has the best score of all, and is pruned after that."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        result = super().run_trial(trial)
        if int(trial.trial_id) == 1:
            self.report_epoch(trial, 1, Message(0, 9, {"val_loss": 20.0}))
            return {"val_loss": -1.0}
        return result


@pytest.mark.parametrize("oracle_class", [SamplerOracle, kt.oracles.RandomSearchOracle])
def test_the_best_is_kept_and_not_one_that_was_pruned(tmp_path: Path, oracle_class: Any) -> None:
    sampler = {"sampler": Random()} if oracle_class is SamplerOracle else {}
    oracle = oracle_class("val_loss", max_trials=4, seed=3, **sampler)
    tuner = Diverging(oracle, tmp_path, snapshots=Snapshots(keep="best"), pruner=Diverged())
    tuner.search(verbose=0)
    assert [r["status"] for r in tuner.results()].count("PRUNED") == 1
    assert kept(tuner) == weighted(tuner) == {tuner.best}
    assert tuner.best != 1


def test_the_front_of_several_objectives_is_kept(tmp_path: Path) -> None:
    class Two(FileTuner):
        def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
            super().run_trial(trial)
            x = trial.hyperparameters.values["x"]
            values = {"val_loss": abs(x - 0.3), "val_error": abs(x - 0.7)}
            return {**values, "multi_objective": sum(values.values())}

    names: Any = ["val_loss", kt.Objective("val_error", "min")]
    oracle = SamplerOracle(names, max_trials=12, seed=3, sampler=Random())
    tuner = Two(oracle, tmp_path, snapshots=Snapshots(keep="best"))
    tuner.search(verbose=0)
    front = {int(trial.trial_id) for trial, _ in tuner.pareto_front()}
    assert kept(tuner) == weighted(tuner) == front
    assert 1 < len(front) < 12


def test_a_model_whose_weights_were_deleted(tmp_path: Path) -> None:
    oracle = SamplerOracle("val_loss", max_trials=3, seed=3, sampler=Random())
    tuner = FileTuner(oracle, tmp_path, snapshots=Snapshots(keep="best"))
    tuner.search(verbose=0)
    with pytest.raises(FileNotFoundError, match=r"weights of trial \d in .*keep='best'"):
        tuner.load_model(tuner.get_best_trials(2)[1])


# The budget.


def one(folder: Path) -> int:
    """Returns the bytes of a snapshot."""
    write(folder / "file", Snapshot(1))
    return (folder / "file").stat().st_size


def test_a_budget(tmp_path: Path) -> None:
    """The best of those that are of no use but for being asked for stay."""
    oracle = SamplerOracle("val_loss", max_trials=8, seed=3, sampler=Random())
    budget = int(3.5 * one(tmp_path))
    tuner = FileTuner(oracle, tmp_path, snapshots=Snapshots(keep="all", max_bytes=budget))
    tuner.search(verbose=0)
    best = [int(trial.trial_id) for trial in tuner.get_best_trials(3)]
    assert kept(tuner) == set(best)
    assert max(map(len, tuner.kept)) == 3
    assert weighted(tuner) == {*range(8)}


def test_what_may_be_promoted_is_worth_more(tmp_path: Path) -> None:
    """Of those of the first rung the best three go on, whose snapshots are the last to go."""
    budget = int(4.5 * one(tmp_path))
    oracle = HyperbandOracle("val_loss", max_epochs=9, seed=3)
    tuner = FileTuner(oracle, tmp_path, snapshots=Snapshots(keep="all", max_bytes=budget))
    tuner.search(verbose=0)
    assert max(map(len, tuner.kept)) == 4
    assert all(tuner.found[:3])


def test_a_budget_that_is_too_small(tmp_path: Path) -> None:
    """There is one warning; what a running trial needs stays."""

    class Training(FileTuner):
        def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
            result = super().run_trial(trial)
            self._keep_to_budget()  # as after each snapshot that a training writes
            assert int(trial.trial_id) in kept(self)
            return result

    oracle = SamplerOracle("val_loss", max_trials=3, seed=3, sampler=Random())
    tuner = Training(oracle, tmp_path, snapshots=Snapshots(keep="all", max_bytes=10))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner.search(verbose=0)
    told = [str(w.message) for w in caught if "max_bytes=10" in str(w.message)]
    assert len(told) == 1
    assert "max_bytes=10. They are kept. Raise `max_bytes`." in told[0]
    assert {trial.status for trial in oracle.trials.values()} == {"COMPLETED"}
    assert kept(tuner) == set()


# The settings.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_epochs": 0}, "`every_epochs` to be an integer >= 1. Received: 0"),
        ({"every_seconds": 0}, "`every_seconds` to be a number of seconds above 0.*Received: 0"),
        ({"every_seconds": math.inf}, "`every_seconds` .* Received: inf"),
        ({"every_seconds": True}, "`every_seconds` .* Received: True"),
        ({"every_seconds": "9"}, "`every_seconds` .* Received: '9'"),
        ({"keep": "none"}, "`keep` to be one of 'promotable', 'best', 'all'. Received: 'none'"),
        ({"max_bytes": 1.5}, "`max_bytes` to be an integer >= 1. Received: 1.5"),
    ],
)
def test_settings_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kte.Snapshots(**arguments)


def test_numbers_of_numpy_are_settings() -> None:
    assert kte.Snapshots(every_seconds=np.int64(60)).every_seconds == 60
    assert kte.Snapshots(every_seconds=np.float32(0.5)).every_seconds == 0.5


def test_no_settings(tmp_path: Path) -> None:
    oracle = SamplerOracle("val_loss", sampler=Random())
    with pytest.raises(ValueError, match=r"`kt_extensions.Snapshots`.* Received: 5"):
        FileTuner(oracle, tmp_path, snapshots=5)
