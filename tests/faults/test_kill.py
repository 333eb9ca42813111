"""A search that is killed again and again ends as one never killed.

The tests start this file as a program. It imports everything once and forks a child for each run of
a search. Half of the children kill themselves at one of their system calls, some half done; the
others are killed by a timer, wherever they are.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.src import utils

import kt_extensions as kte
from kt_extensions import oracles, pruners, samplers, store
from kt_extensions.reports import Message

if TYPE_CHECKING:
    from tests.conftest import Once

N_KILLS = 11
"""Of each variant."""
MANY = {"max_trials": 14, "seed": 3, "max_consecutive_failed_trials": None}
HALVING = {"max_epochs": 4, "factor": 2, "seed": 3, "max_consecutive_failed_trials": None}


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Choice("kind", ["a", "b", "c"])
        hp.Float("x", 1e-4, 1.0, sampling="log", step=2)
        hp.Int("n", 1, 20, parent_name="kind", parent_values=["a"])

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("nothing is trained here")


def score(hp: kt.HyperParameters) -> float:
    """A deterministic score on a conditional space; trials of a quarter of it fail."""
    kind = hp.Choice("kind", ["a", "b", "c"])
    value = (hp.Float("x", 1e-4, 1.0, sampling="log") - 0.1) ** 2
    for name in ("a", "b"):
        with hp.conditional_scope("kind", [name]):
            n = hp.Int("n", 1, 20)
            if kind == name:
                value += n / 10
    if hp.values["x"] < 1e-3:  # some of the first ten points are, whatever the sampler
        raise kt.errors.FailedTrialError("too small")
    return value


class Trials:
    """Trials that are calls of `score`."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        if isinstance(self.hypermodel, Declaring):
            return (hp["x"] - 0.1) ** 2 + hp.values.get("n", 0) / 10
        return score(hp)


class Crashing(Trials):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().run_trial(trial)
        except kt.errors.FailedTrialError as error:
            raise ValueError("crashed") from error


class Several(Trials):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        loss = super().run_trial(trial)
        history = keras.callbacks.History()
        history.history = {
            "loss": [loss],
            "size": [float(trial.hyperparameters.values.get("n", 7))],
        }
        return history


class Curves(Trials):
    """Trials that report epochs, as far as they are to be trained."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        end = super().run_trial(trial)
        values = trial.hyperparameters.values
        begin, epochs = values.get("tuner/initial_epoch", 0), values.get("tuner/epochs", 4)
        for epoch in range(begin, epochs):
            logs = {"default_objective": end + 1 / (1 + epoch)}
            if self.report_epoch(trial, epoch, Message(0, epochs, logs)):
                break
        return logs["default_objective"]


class Executions(kte.TPE):
    """Trials of three trainings, without models."""

    def _execute(self, trial: Trial, execution: int, args: Any, kwargs: Any) -> float:
        Trials.noticed()
        hp = trial.hyperparameters
        return float((hp["x"] - 0.1) ** 2 + execution)


def build(hp: kt.HyperParameters) -> keras.Model:
    layers = [keras.layers.Dense(hp.Int("units", 2, 8)), keras.layers.Dropout(0.2)]
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-1, sampling="log"))
    model.compile(optimizer, "mse", run_eagerly=True)
    return model


def trained(folder: Path) -> kt.Tuner:
    """Trials that are trainings, the state of which is saved."""
    return kte.Hyperband(
        build, "val_loss", snapshots=kte.Snapshots(every_epochs=1), directory=folder,
        project_name="project", **{**HALVING, "max_epochs": 2},
    )  # fmt: skip


def ours(tuner: type, trials: type = Trials, **kwargs: Any) -> Callable[[Path], kt.Tuner]:
    both = type("Search", (trials, tuner), {})

    def make(folder: Path) -> kt.Tuner:
        return both(directory=folder, project_name="project", **kwargs)

    return make


def stock(oracle: type, trials: type = Trials, **kwargs: Any) -> Callable[[Path], kt.Tuner]:
    """An oracle of KerasTuner's in our tuner."""
    both = type("Search", (trials, kte.Tuner), {})

    def make(folder: Path) -> kt.Tuner:
        return both(oracle(**kwargs), Declaring(), directory=folder, project_name="project")

    return make


def plain(folder: Path) -> kt.Tuner:
    """A stock tuner with our oracle."""
    both = type("Search", (Trials, kt.Tuner), {})
    oracle = oracles.TPEOracle(sampler=TPE, **MANY)
    return both(oracle=oracle, directory=folder, project_name="project")


def logging(folder: Path) -> kt.Tuner:
    return ours(kte.TPE, sampler=TPE, tensorboard_dir=folder / "logs", **MANY)(folder)


def auto(folder: Path) -> kt.Tuner:
    """Of a model that is cheap where the choice is a Gaussian process."""
    samplers.auto.GP = lambda: GP
    return ours(kte.Search, **MANY)(folder)


X = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
TPE = samplers.TPE(n_startup=4, n_candidates=24)
GP = samplers.GP(n_startup=6, n_candidates=16)
KDE = samplers.KDE(n_startup=3, n_candidates=8)
PRUNER = pruners.Median(startup_trials=3, warmup_epochs=1)
TWO = ["loss", kt.Objective("size", "min")]
MAKERS: dict[str, Callable[[Path], kt.Tuner]] = {
    "plain": plain,
    "tpe": logging,
    "gp": ours(kte.GP, sampler=GP, **MANY),
    "pso": ours(kte.PSO, sampler=samplers.PSO(n_particles=3), **MANY),
    "skopt": ours(
        kte.Skopt, sampler=samplers.Skopt(n_startup=11, n_candidates=8, n_trees=3), **MANY
    ),
    "random": ours(kte.TPE, sampler=samplers.Random(), **MANY),
    "kde": ours(kte.TPE, sampler=KDE, **MANY),
    "auto": auto,
    "retries": ours(kte.TPE, Crashing, sampler=TPE, max_retries_per_trial=1, **MANY),
    "several": ours(kte.TPE, Several, objective=TWO, sampler=TPE, **MANY),
    "pruned": ours(kte.TPE, Curves, sampler=TPE, pruner=PRUNER, **MANY),
    "hyperband": ours(kte.Hyperband, Curves, **HALVING),
    "bohb": ours(kte.BOHB, Curves, sampler=KDE, **HALVING),
    "asha": ours(kte.ASHA, Curves, sampler=KDE, max_trials=14, **HALVING),
    "executions": lambda folder: Executions(
        Declaring(), executions_per_trial=3, sampler=TPE, directory=folder, project_name="project",
        **{**MANY, "max_trials": 6},
    ),
    "trained": trained,
    "kt random": stock(kt.oracles.RandomSearchOracle, Curves, max_trials=10, seed=3),
    "kt hyperband": stock(kt.oracles.HyperbandOracle, max_epochs=4, factor=2, seed=3),
    "kt grid": stock(kt.oracles.GridSearchOracle, max_trials=10, seed=3),
    "kt bayesian": stock(
        kt.oracles.BayesianOptimizationOracle, max_trials=6, num_initial_points=5, seed=3
    ),
}  # fmt: skip
NOT_REPEATABLE = {"kt bayesian"}  # KerasTuner does not save its random state


class Killer:
    """Ends this process at its n-th call of a function that matters."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        os.write = self.killing(os.write, lambda fd, data: _write(fd, data[: len(data) // 2]))
        os.replace = self.killing(os.replace, _nothing)
        os.fsync = self.killing(os.fsync, _nothing)
        utils.save_json = self.killing(utils.save_json, lambda path, obj: open(path, "w").close())
        Trials.run_trial = self.killing(Trials.run_trial, _nothing)
        Trials.noticed = self.killing(_nothing, _nothing)

    def killing(self, function: Callable[..., Any], half: Callable[..., Any]) -> Any:
        def killed(*args: Any, **kwargs: Any) -> Any:
            self.calls -= 1
            if not self.calls:
                half(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return killed


_write = os.write


def _nothing(*args: Any, **kwargs: Any) -> None:
    pass


Trials.noticed = staticmethod(_nothing)


def run(function: Callable[[], Any]) -> tuple[bool, float]:
    """Runs a function in a child process; tells whether it came to its end, and its seconds."""
    child = os.fork()
    if child:
        _, status, usage = os.wait4(child, 0)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            raise RuntimeError("the search has ended with an error")
        return os.WIFEXITED(status), usage.ru_utime
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        function()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def search(make: Callable[[Path], kt.Tuner], folder: Path) -> None:
    """Searches, and writes what the search has found."""
    make(folder).search(X, X[:, :1], epochs=2, validation_split=0.5, verbose=0)
    made = make(folder)
    (folder / "found.json").write_text(json.dumps(found(made)))


def found(made: kt.Tuner) -> dict[str, Any]:
    results = made.results() if isinstance(made, kte.Tuner) else []
    best = made.oracle.get_best_trials(99)
    models = made.get_best_models() if type(made) is kte.Hyperband else []
    return {
        "results": [comparable(r) for r in results],
        "failures": [comparable(f) for f in made.failures()] if results else [],
        "orders": [made.oracle.start_order, made.oracle.end_order],
        "weights": [weights.tolist() for model in models for weights in model.get_weights()],
        "best": [trial.trial_id for trial in best],
        "grows": [hp.name for hp in made.oracle.get_space().space],
    }


def comparable(told: dict[str, Any]) -> dict[str, Any]:
    """Without times, and without the lines of a traceback that a child that is killed adds."""
    return {**told, "duration": None, "message": (told["message"] or "").strip().split("\n")[-1]}


def killed_search(
    make: Callable[[Path], kt.Tuner], folder: Path, draw: random.Random, number: int, seconds: float
) -> bool:
    """Runs a search that is to be killed; tells whether it came to its end before."""

    def searching() -> None:
        if number % 2:
            signal.setitimer(signal.ITIMER_VIRTUAL, draw.uniform(0.001, seconds))
        else:
            Killer(1 + number // 2 if number < 12 else draw.randrange(1, 25))
        search(make, folder)

    ended, _ = run(searching)
    draw.random()
    return ended


def campaign(variant: str, folder: Path) -> None:
    """Runs a search without kills in `whole` and, with many kills, others in `killed_...`."""
    make, draw = MAKERS[variant], random.Random(variant)
    _, seconds = run(lambda: search(make, folder / "whole"))
    kills = place = 0
    while kills < N_KILLS:
        killed = folder / f"killed_{place}"
        before = finished(killed)
        ended = killed_search(make, killed, draw, kills, seconds / 2)
        place += ended
        kills += not ended
        after = finished(killed)
        if not before.items() <= after.items():
            raise RuntimeError(f"lost of the finished trials {before}, there are {after}")
    run(lambda: search(make, folder / f"killed_{place}"))
    (folder / "kills").write_text(str(kills))


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    gc.collect()
    gc.freeze()  # KerasTuner collects garbage in each trial
    for variant in MAKERS:
        errors = folder / variant / "errors"
        errors.parent.mkdir()
        with open(errors, "w") as stream:
            os.dup2(stream.fileno(), 2)
            try:
                campaign(variant, folder / variant)
            except Exception:
                traceback.print_exc()
            sys.stderr.flush()


def trials(folder: Path) -> dict[str, tuple[Any, ...]]:
    """The trials by name, as KerasTuner's own files tell them."""
    if not (folder / "project").exists():
        return {}
    files = (folder / "project").glob("trial_*/trial.json")
    states = [json.loads(file.read_text()) for file in sorted(files)]
    return {
        state["trial_id"]: (state["hyperparameters"]["values"], state["status"], state["score"])
        for state in states
    }


def finished(folder: Path) -> dict[str, tuple[Any, ...]]:
    told = trials(folder).items()
    return {name: trial for name, trial in told if trial[1] in ("COMPLETED", "FAILED")}


def proposals(folder: Path) -> list[Any]:
    log = store.EventLog(folder / "project")
    if not log.exists():
        return []
    return [(e["trial"], e["proposal"]) for e in log.read() if e["event"] == "start"]


@pytest.fixture(scope="module")
def campaigns(once: Once) -> Path:
    def run(folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, __file__, str(folder)]
        result = subprocess.run(
            command, env=environment, timeout=900, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert result.returncode == 0, result.stdout.decode()

    return once("campaigns", run)


@pytest.mark.parametrize("variant", MAKERS)
def test_killed_again_and_again(campaigns: Path, variant: str) -> None:
    folder = campaigns / variant
    errors = (folder / "errors").read_text()
    assert (folder / "kills").exists(), errors
    assert int((folder / "kills").read_text()) == N_KILLS
    whole = trials(folder / "whole")
    assert {status for _, status, _ in whole.values()} <= {"COMPLETED", "FAILED"}
    for killed in sorted(folder.glob("killed_*")):
        if variant in NOT_REPEATABLE:
            assert trials(killed).keys() == whole.keys()
            assert finished(killed) == trials(killed)
            continue
        assert trials(killed) == whole
        assert proposals(killed) == proposals(folder / "whole")
        told, expected = (
            json.loads((f / "found.json").read_text()) for f in (killed, folder / "whole")
        )
        for key in expected:
            assert told[key] == expected[key], key


def test_what_the_searches_do(campaigns: Path) -> None:
    """They do what the kills are to hit."""
    results = {
        variant: json.loads((campaigns / variant / "whole" / "found.json").read_text())["results"]
        for variant in MAKERS
    }
    statuses = {variant: {r["status"] for r in told} for variant, told in results.items()}
    assert statuses["tpe"] == {"COMPLETED", "FAILED"}
    assert statuses["pruned"] == {"COMPLETED", "FAILED", "PRUNED"}
    for variant in ("hyperband", "bohb", "asha", "kt hyperband"):
        assert any(r["parent"] is not None for r in results[variant])
    assert len(MAKERS) * N_KILLS >= 200


if __name__ == "__main__":
    main(Path(sys.argv[1]))
