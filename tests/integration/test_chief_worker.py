"""Our oracle in KerasTuner's chief, a stock tuner in each worker, over gRPC."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

from kt_extensions import samplers, store
from kt_extensions.oracles import TPEOracle
from kt_extensions.record import SearchRecord
from tests.faults.chief_program import free_port, variables
from tests.nursery import Nursery, Process

N_TRIALS = 24


class Tuner(kt.Tuner):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        self.wait_for_the_other_worker()
        if kwargs["failing"]:
            raise kt.errors.FailedTrialError("on purpose")
        return score(trial.hyperparameters)

    def wait_for_the_other_worker(self) -> None:
        """A worker that starts after the chief has ended would wait for an hour."""
        folder = Path(self.directory)
        (folder / f"{self.tuner_id}.begun").touch()
        while len(list(folder.glob("*.begun"))) < 2:
            time.sleep(0.05)


def build(hp: kt.HyperParameters) -> Any:
    """Declares the space. gRPC sorts it by type: children come before their parents."""
    kind = hp.Choice("kind", ["sgd", "adam"])
    if kind == "sgd":
        with hp.conditional_scope("kind", ["sgd"]):
            momentum = hp.Float("momentum", 0.1, 0.9, step=0.1)
            if momentum == 0.1:
                hp.Int("warmup", 1, 9, parent_name="momentum", parent_values=[0.1])
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Boolean("norm")


def score(hp: kt.HyperParameters) -> float:
    build(hp)
    values = hp.values
    extra = hp.Float("found_late", 0.0, 1.0, default=0.5)
    return (values["rate"] - 0.01) ** 2 + values.get("momentum", 0.5) + extra


def main(folder: str, failing: str) -> None:
    """The program that the chief and the workers run alike."""
    oracle = TPEOracle(max_trials=N_TRIALS, seed=5, sampler=samplers.TPE(n_startup=6))
    tuner = Tuner(oracle=oracle, hypermodel=Declaring(), directory=folder, project_name="project")
    tuner.search(failing=failing == "failing")


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        return build(hp)


@pytest.fixture
def start(nursery: Nursery, tmp_path: Path) -> Callable[..., list[Process]]:
    """Starts a chief and two workers."""

    def starting(failing: bool = False) -> list[Process]:
        port, args = free_port(), (str(tmp_path), "failing" if failing else "fine")
        return [
            nursery.start(main, *args, output=tmp_path / f"{name}.txt", **variables(name, port))
            for name in ("chief", "tuner0", "tuner1")
        ]

    return starting


def ended(processes: list[Process]) -> list[str]:
    for process in processes:
        assert process.wait() == 0, process.output
    return [process.output for process in processes]


def reloaded(folder: Path) -> TPEOracle:
    oracle = TPEOracle(max_trials=N_TRIALS + 5, sampler=samplers.TPE(n_startup=6))
    Tuner(oracle=oracle, hypermodel=Declaring(), directory=folder, project_name="project")
    oracle.reload()
    return oracle


def test_a_chief_and_two_workers(tmp_path: Path, start: Any) -> None:
    ended(start())
    oracle = reloaded(tmp_path)
    space = oracle.record.space
    assert len(oracle.trials) == N_TRIALS
    assert len(oracle.record.table.history().tried) == N_TRIALS
    for trial in oracle.trials.values():
        values = trial.hyperparameters.values
        space.check(values)
        assert trial.status == "COMPLETED"
        assert trial.score == pytest.approx(score(trial.hyperparameters), abs=1e-6)
        assert values.keys() == space.decode(space.snap(space.encode(values)[None])[0]).keys()
    _check_exact_values(tmp_path)
    _check_proposals(tmp_path, oracle)


def _check_exact_values(folder: Path) -> None:
    """Messages round floats to 32 bits; the log has what was proposed."""
    events = store.EventLog(folder / "project").read()
    started = {e["trial"]: e["values"] for e in events if e["event"] == "start"}
    ended = {e["trial"]: e["values"] for e in events if e["event"] == "end"}
    for trial, values in started.items():
        assert {name: ended[trial][name] for name in values} == values
        assert ended[trial].keys() - values.keys() <= {"found_late"}
    late = ["found_late" in values for values in started.values()]
    assert late == sorted(late)
    assert late[-1]


def _check_proposals(folder: Path, oracle: TPEOracle) -> None:
    """The search goes on as an oracle would that was told the same and never stopped."""
    record = SearchRecord(folder / "project")
    for event in record.log.read():
        record.apply(event)
    oracle._record = record
    expected = oracle._suggest().tolist()
    again = reloaded(folder)
    again.create_trial("tuner0")
    assert store.EventLog(folder / "project").read()[-1]["proposal"] == expected


def test_a_chief_whose_trials_all_fail_ends(tmp_path: Path, start: Any) -> None:
    outputs = ended(start(failing=True))
    assert "3 trials in a row have failed" in outputs[0]
    assert {trial.status for trial in reloaded(tmp_path).trials.values()} == {"FAILED"}
