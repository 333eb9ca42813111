"""The program that the chief and the workers of the tests run, and how the tests steer it."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import warnings
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import oracles, samplers
from kt_extensions.chief_worker import Chief
from tests.nursery import Nursery, Process, until

N_TRIALS = 4
MANY = 30
PATIENCE = 20.0
"""In seconds. Where nobody is to die, a busy machine is not to kill anybody, either."""
SHORT = 1.5
RANDOM = samplers.Random()


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Float("x", 1e-4, 1.0, sampling="log")
        hp.Choice("kind", ["a", "b"])


def score(hp: kt.HyperParameters) -> float:
    return float(hp.values["x"]) + (hp.values["kind"] == "b")


class Steered(kt.Tuner):
    """Notes what it runs, and waits while there is a file `hold`, or one for it alone."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        folder = Path(self.directory)
        note(folder, "begin", trial.trial_id, self.tuner_id)
        time.sleep(0.2 if self.oracle.max_trials != N_TRIALS else 0)
        while any((folder / name).exists() for name in ("hold", f"hold_{self.tuner_id}")):
            time.sleep(0.02)
        if (folder / f"kills_{trial.trial_id}").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        for name in ("fails", f"fails_once_{trial.trial_id}"):
            if (folder / name).exists():
                said = (folder / name).read_text()
                (folder / f"fails_once_{trial.trial_id}").unlink(missing_ok=True)
                raise ValueError(f"broken in {self.tuner_id}{said}")
        note(folder, "done", trial.trial_id, self.tuner_id)
        return score(trial.hyperparameters)


class Ours(Steered, kte.Tuner):
    pass


class Stock(Steered):
    pass


ORACLES: dict[str, Any] = {
    "ours": lambda: oracles.TPEOracle(max_trials=N_TRIALS, seed=3, sampler=RANDOM),
    "retrying": lambda: oracles.TPEOracle(
        max_trials=N_TRIALS, seed=3, sampler=RANDOM, max_retries_per_trial=1
    ),
    "random": lambda: kt.oracles.RandomSearchOracle(max_trials=N_TRIALS, seed=3),
    "retrying random": lambda: kt.oracles.RandomSearchOracle(
        max_trials=N_TRIALS, seed=3, max_retries_per_trial=1
    ),
    "many": lambda: oracles.TPEOracle(max_trials=MANY, seed=3, sampler=RANDOM),
    "many random": lambda: kt.oracles.RandomSearchOracle(max_trials=MANY, seed=3),
    "bayesian": lambda: kt.oracles.BayesianOptimizationOracle(max_trials=N_TRIALS, seed=3),
}


def make(folder: Path, oracle: str, tuner: type = Ours, project: str = "project", **kw: Any) -> Any:
    return tuner(
        oracle=ORACLES[oracle](),
        hypermodel=Declaring(),
        directory=folder,
        project_name=project,
        **kw,
    )


def main(folder: str, oracle: str, tuner: str, project: str, kwargs: dict[str, Any]) -> None:
    """Searches; a chief of ours writes what it has found then."""
    warnings.simplefilter("default")
    made = make(Path(folder), oracle, Ours if tuner == "ours" else Stock, project, **kwargs)
    counting()
    try:
        made.search(verbose=0)
    finally:
        if "chief" in made.tuner_id and tuner == "ours":
            found = {"failures": made.failures(), "calls": counting.calls}
            Path(folder, "found.json").write_text(json.dumps(found))
    print("The search has ended.", flush=True)
    while "chief" not in made.tuner_id and (Path(folder) / "asks").exists():
        made.get_best_hyperparameters()


def counting() -> None:
    """Counts how often workers ask for a trial."""
    create = Chief.create_trial

    def counted(self: Chief, *args: Any) -> Trial:
        counting.calls += 1
        return create(self, *args)

    Chief.create_trial = counted


counting.calls = 0


def note(folder: Path, *words: str) -> None:
    with open(folder / "notes", "a") as stream:
        stream.write(" ".join(words) + "\n")


class Search:
    """A chief and workers on this machine."""

    def __init__(self, nursery: Nursery, folder: Path, oracle: str = "ours") -> None:
        self._nursery, self._folder, self._oracle = nursery, folder, oracle
        self.port = free_port()

    def start(
        self,
        name: str,
        tuner: str = "ours",
        patience: float = PATIENCE,
        project: str = "project",
        **kwargs: Any,
    ) -> Process:
        return self._nursery.start(
            main,
            str(self._folder),
            self._oracle,
            tuner,
            project,
            kwargs,
            output=self._folder / f"{name}.txt",
            **variables(name, self.port, patience),
        )

    def hold(self, who: str = "") -> None:
        """Has trials wait: all, or those of a worker."""
        (self._folder / ("hold" + ("_" if who else "") + who)).touch()

    def release(self, who: str = "") -> None:
        (self._folder / ("hold" + ("_" if who else "") + who)).unlink()

    def notes(self, kind: str = "begin") -> list[tuple[str, str]]:
        """Trials and workers, in the order in which they began, or were done."""
        file = self._folder / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(line.split()[1], line.split()[2]) for line in lines if line.startswith(kind)]

    def wait_for(self, number: int, kind: str = "begin") -> list[tuple[str, str]]:
        until(lambda: len(self.notes(kind)) >= number, told=lambda: str(self.notes(kind)))
        return self.notes(kind)

    def trials(self) -> dict[str, dict[str, Any]]:
        """The trials as KerasTuner's files tell them."""
        files = (self._folder / "project").glob("trial_*/trial.json")
        states = [json.loads(file.read_text()) for file in sorted(files)]
        return {state["trial_id"]: state for state in states}

    def found(self) -> Any:
        return json.loads((self._folder / "found.json").read_text())


def variables(name: str, port: int, patience: float = PATIENCE) -> dict[str, str]:
    """What a process has to find in its environment."""
    return {
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
        "KT_EXTENSIONS_PATIENCE": str(patience),
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
