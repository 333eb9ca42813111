"""Each trial in a process of its own: whatever befalls one, the others and the search go on."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte

MEMORY = 1_000_000_000  # bytes; a process that has imported Keras holds less


class Faults:
    """Things that happen to the process of a trial."""

    def fine(self, trial: Trial) -> float:
        print(f"process {os.getpid()}")
        return float(trial.trial_id)

    def segfault(self, trial: Trial) -> None:
        ctypes.string_at(0)

    def memory(self, trial: Trial) -> None:
        held = np.ones(MEMORY // 8)
        time.sleep(60 + held[0])

    def time(self, trial: Trial) -> None:
        time.sleep(60)

    def error(self, trial: Trial) -> None:
        raise RuntimeError("on purpose")

    def kill(self, trial: Trial) -> None:
        print("about to be killed", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL)

    def interrupt(self, trial: Trial) -> None:
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)

    def fatal(self, trial: Trial) -> None:
        raise kt.errors.FatalValueError("fatal on purpose")


class Tuner(Faults, kte.Tuner):
    """Runs what its script says."""

    script: Any

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, self.script[int(trial.trial_id)])(trial)


def space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    return hp


ENDS = {
    "segfault": r"killed by signal 11 \(SIGSEGV\), by an error in compiled code(.|\n)*in segfault",
    "memory": rf"GB of memory, more than trial_memory={MEMORY} bytes \(1.00 GB\)",
    "time": r"The trial took longer than trial_seconds=10 s\.",
    "error": r"RuntimeError: on purpose",
    "kill": r"signal 9 \(SIGKILL\), probably since .* ran out of memory(.|\n)*about to be killed",
}


@pytest.mark.usefixtures("light")
def test_whatever_befalls_one_trial_the_others_complete(tmp_path: Path) -> None:
    oracle = kt.oracles.RandomSearchOracle(
        kt.Objective("default_objective", "min"),
        max_trials=len(ENDS) + 1,
        hyperparameters=space(),
        max_consecutive_failed_trials=None,
    )
    tuner = Tuner(oracle, isolate=True, trial_seconds=10, trial_memory=MEMORY, directory=tmp_path)
    tuner.script = [*ENDS, "fine"]
    tuner.search(verbose=0)
    *faulty, fine = (oracle.trials[str(number)] for number in range(len(ENDS) + 1))
    for trial, message in zip(faulty, ENDS.values(), strict=True):
        assert trial.status == "FAILED"
        assert re.search(message, trial.message), trial.message
    assert fine.status == "COMPLETED"
    assert fine.score == len(ENDS)


BUILT: list[kt.HyperParameters] = []
"""What was built in this process."""


def build_model(hp: kt.HyperParameters) -> keras.Model:
    BUILT.append(hp)
    kind = hp.Choice("kind", ["wide", "deep"])
    width = hp.Int("width", 4, 64)
    if kind == "deep":
        hp.Float("found_in_a_trial", 0.0, 1.0)
    layers = [keras.layers.Dense(width, "relu") for _ in range(1 + (kind == "deep"))]
    layers.append(keras.layers.Dropout(0.2))
    model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(folder: Path, data: Any, isolate: bool) -> kte.ASHA:
    tuner = made(folder, isolate)
    tuner.search(data.x, data.y, validation_data=(data.x_val, data.y_val), verbose=2)
    return tuner


def made(folder: Path, isolate: bool) -> kte.ASHA:
    return kte.ASHA(
        build_model,
        "val_loss",
        max_trials=3,
        max_epochs=2,
        factor=2,
        seed=3,
        isolate=isolate,
        directory=folder,
        project_name=str(isolate),
        tensorboard_dir=folder / f"logs-{isolate}",
    )


def outcome(tuner: kte.Tuner) -> list[Any]:
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.end_order]
    return [(t.trial_id, t.hyperparameters.values, t.metrics.get_config()) for t in trials]


def rows(folder: Path) -> list[str]:
    """The runs that TensorBoard shows, without the name of the search."""
    files = [file for file in folder.rglob("*tfevents*") if "_config" not in str(file)]
    return sorted({"/".join(file.parent.relative_to(folder).parts[2:]) for file in files})


def test_all_is_as_in_one_process(
    tmp_path: Path, digits: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    isolated = trained(tmp_path, digits, isolate=True)
    printed = capsys.readouterr().out
    assert outcome(made(tmp_path, isolate=True)) == outcome(isolated)
    assert BUILT == []  # which would take the memory of a GPU
    capsys.readouterr()
    here = trained(tmp_path, digits, isolate=False)
    assert outcome(isolated) == outcome(here)
    assert any(t.hyperparameters.values["tuner/round"] for t in isolated.oracle.trials.values())
    assert rows(tmp_path / "logs-True") == rows(tmp_path / "logs-False") != []
    assert printed.count("val_accuracy: ") == capsys.readouterr().out.count("val_accuracy: ") >= 3
    weights = [tuner.get_best_models()[0].get_weights() for tuner in (isolated, here)]
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


@pytest.mark.usefixtures("light")
def test_interrupted_retried_and_ended_by_an_error(tmp_path: Path) -> None:
    def tuner(*script: str) -> Tuner:
        oracle = kte.oracles.TPEOracle(
            max_trials=3, seed=0, hyperparameters=space(), max_retries_per_trial=1
        )
        made = Tuner(oracle, isolate=True, directory=tmp_path)
        made.script = script
        return made

    interrupted = tuner("interrupt")
    with pytest.raises(KeyboardInterrupt):
        interrupted.search(verbose=0)
    assert [t.status for t in interrupted.oracle.trials.values()] == ["RUNNING"]
    assert processes_of(os.getpid()) == []
    resumed = tuner("kill", "fatal")
    with pytest.raises(kt.errors.FatalValueError, match="fatal on purpose"):
        resumed.search(verbose=0)
    assert [t.status for t in resumed.oracle.trials.values()] == ["FAILED", "RUNNING"]
    assert [f["status"] for f in resumed.failures()] == ["INVALID", "FAILED"]
    assert processes_of(os.getpid()) == []


PROGRAM = """
import os, signal, sys, time
import keras_tuner as kt
import kt_extensions as kte

class Search(kte.TPE):
    def run_trial(self, trial, *args, **kwargs):
        with open("processes", "a") as file:
            print(os.getpid(), file=file)
        if int(trial.trial_id) == 1:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        return trial.hyperparameters.Float("x", 0.0, 1.0)

Search(max_trials=2, seed=0, isolate=True, project_name="project").search(verbose=0)
"""


@pytest.mark.usefixtures("light")
def test_a_killed_program_leaves_no_process_and_can_be_resumed(tmp_path: Path) -> None:
    """The class is one of the program itself, which has no guard for `__main__`."""
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "program.py"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    used = [int(line) for line in (tmp_path / "processes").read_text().split()]
    assert len(set(used)) == 2
    deadline = time.monotonic() + 60
    while any(map(is_alive, used)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_alive, used))
    oracle = kte.oracles.TPEOracle(max_trials=2, seed=0)
    resumed = Tuner(oracle, directory=tmp_path, project_name="project")
    assert [t.status for t in resumed.oracle.trials.values()] == ["COMPLETED", "RUNNING"]
    resumed.script = ["fine", "fine"]
    resumed.search(verbose=0)
    assert [t.status for t in resumed.oracle.trials.values()] == ["COMPLETED", "COMPLETED"]


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that nobody has waited for has ended, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def processes_of(parent: int) -> list[str]:
    """The command lines of those processes of trials that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_text()
        except OSError:  # it has ended
            continue
        if int(status[1]) == parent and "kt_extensions.isolation" in command:
            found.append(command)
    return found


@pytest.mark.parametrize("what", ["generator", "dataset", "attribute"])
def test_what_cannot_be_pickled_is_refused_before_the_first_trial(
    tmp_path: Path, what: str
) -> None:
    tuner = Tuner(kte.oracles.TPEOracle(max_trials=2), isolate=True, directory=tmp_path)
    data: Any = [1]
    name = r"positional argument 0 of `search`: "
    if what == "generator":
        data, name = iter(range(3)), name + "generator"
        data = (i for i in data)
    elif what == "dataset":
        tf = pytest.importorskip("tensorflow")
        data, name = tf.data.Dataset.from_tensors([1.0]), name + r"\w*Dataset"
    else:
        tuner.own = threading.Lock()
        name = "`tuner.own`: lock"
    with pytest.raises(ValueError, match=name):
        tuner.search(data, verbose=0)
    assert tuner.oracle.trials == {}


@pytest.mark.parametrize("limit", ["trial_seconds", "trial_memory"])
def test_limits_need_processes(limit: str, tmp_path: Path) -> None:
    oracle = kte.oracles.TPEOracle(max_trials=2)
    with pytest.raises(ValueError, match="Pass isolate=True too"):
        Tuner(oracle, **{limit: 10}, directory=tmp_path)
    with pytest.raises(ValueError, match=f"Expected `{limit}`"):
        Tuner(oracle, isolate=True, **{limit: 0}, directory=tmp_path)
