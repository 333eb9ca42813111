"""A search that is killed 20 times proposes the same configurations as one never killed.

The tests start this file as a program. It imports everything once and forks a child for each run of
the search; the child kills itself with SIGKILL at one of its system calls, some half done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.src import utils

import kt_extensions as kte
from kt_extensions import samplers, store

N_TRIALS = 30
N_KILLS = 20
SAMPLER = samplers.TPE(n_startup=5)


class Trials:
    """A deterministic score on a conditional space; some trials fail."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        hp = trial.hyperparameters
        kind = hp.Choice("kind", ["a", "b", "c"])
        score = (hp.Float("x", 1e-4, 1.0, sampling="log") - 0.1) ** 2
        for name in ("a", "b"):
            with hp.conditional_scope("kind", [name]):
                n = hp.Int("n", 1, 20)
                if kind == name:
                    score += n / 10
        if hp.values["x"] > 0.3:
            raise kt.errors.FailedTrialError("too large")
        return score


class PlainTuner(Trials, kt.Tuner):
    """A stock tuner with our oracle."""


class OurTuner(Trials, kte.TPE):
    """Our tuner."""


def make_plain(folder: Path) -> kt.Tuner:
    oracle = kte.oracles.TPEOracle(
        max_trials=N_TRIALS, seed=3, sampler=SAMPLER, max_consecutive_failed_trials=None
    )
    return PlainTuner(oracle=oracle, directory=folder, project_name="project")


def make_ours(folder: Path) -> kt.Tuner:
    return OurTuner(
        max_trials=N_TRIALS,
        seed=3,
        sampler=SAMPLER,
        max_consecutive_failed_trials=None,
        directory=folder,
        project_name="project",
        tensorboard_dir=folder / "logs",
    )


MAKERS: dict[str, Callable[[Path], kt.Tuner]] = {"plain": make_plain, "ours": make_ours}


class Killer:
    """Ends this process at its n-th call of a function that matters."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        os.write = self.killing(os.write, lambda fd, data: _write(fd, data[: len(data) // 2]))
        os.replace = self.killing(os.replace, _nothing)
        os.fsync = self.killing(os.fsync, _nothing)
        utils.save_json = self.killing(utils.save_json, lambda path, obj: open(path, "w").close())
        Trials.run_trial = self.killing(Trials.run_trial, _nothing)

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


def run(make: Callable[[Path], kt.Tuner], folder: Path, killed_at: int | None = None) -> bool:
    """Runs the search in a child process; tells whether it came to its end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFEXITED(status)
    try:
        if killed_at is not None:
            Killer(killed_at)
        make(folder).search(verbose=0)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def main(variant: str, folder: Path) -> None:
    """Runs a search without kills in `whole` and one with many kills in `killed`."""
    warnings.simplefilter("ignore")
    make = MAKERS[variant]
    assert run(make, folder / "whole")
    draw = random.Random(0)
    moments = [*range(1, 9), *(draw.randrange(1, 25) for _ in range(N_KILLS - 8))]
    kills = sum(not run(make, folder / "killed", moment) for moment in moments)
    assert kills == N_KILLS, kills
    assert run(make, folder / "killed")


def trials(folder: Path) -> dict[str, tuple[Any, ...]]:
    states = store.read_trials(folder / "project")
    return {
        state["trial_id"]: (state["hyperparameters"]["values"], state["status"], state["score"])
        for state in states
    }


def proposals(folder: Path) -> list[Any]:
    log = store.EventLog(folder / "project")
    return [(e["trial"], e["proposal"]) for e in log.read() if e["event"] == "start"]


@pytest.mark.parametrize("variant", MAKERS)
def test_killed_twenty_times(tmp_path: Path, variant: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, __file__, variant, str(tmp_path)]
    result = subprocess.run(command, env=environment, timeout=300, stderr=subprocess.PIPE)
    assert result.returncode == 0, result.stderr.decode()
    whole, killed = trials(tmp_path / "whole"), trials(tmp_path / "killed")
    assert len(whole) == N_TRIALS
    assert {status for _, status, _ in whole.values()} == {"COMPLETED", "FAILED"}
    assert killed == whole
    assert proposals(tmp_path / "killed") == proposals(tmp_path / "whole")
    stock = json.loads((tmp_path / "killed" / "project" / "oracle.json").read_text())
    assert sorted(stock["end_order"]) == sorted(whole)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
