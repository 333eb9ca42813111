"""A disk that is full: the search stops with an error or goes on, and what had ended is not lost.

The test starts this file as a program, with a small disk of its own.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import samplers
from kt_extensions.reports import Message

N_TRIALS = 6
DISK = 600 * 1024  # bytes
FREE = [0, 4, 16, 32, 64]  # kB left at the beginning


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Float("x", 0.0, 1.0)


class Curves:
    """Trials that report epochs, without training."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        score = (trial.hyperparameters["x"] - 0.3) ** 2
        for epoch in range(8):
            self.report_epoch(trial, epoch, Message(0, 8, {"default_objective": score + 8 - epoch}))
        return score


class Ours(Curves, kte.TPE):
    pass


class Stock(Curves, kte.Tuner):
    pass


def make_ours(folder: Path) -> kte.Tuner:
    return Ours(
        Declaring(), max_trials=N_TRIALS, seed=0, sampler=samplers.TPE(n_startup=3, n_candidates=8),
        directory=folder, project_name="project", tensorboard_dir=folder / "logs",
    )  # fmt: skip


def make_stock(folder: Path) -> kte.Tuner:
    oracle = kt.oracles.RandomSearchOracle(max_trials=N_TRIALS, seed=1)
    return Stock(oracle, Declaring(), directory=folder, project_name="project")


MAKERS = {"ours": make_ours, "stock": make_stock}


def outcome(made: kte.Tuner) -> dict[str, Any]:
    return {r["trial_id"]: [r["status"], r["score"], r["values"]] for r in made.results()}


def ended(made: kte.Tuner) -> dict[str, Any]:
    return {name: told for name, told in outcome(made).items() if told[0] == "COMPLETED"}


def on_a_full_disk(variant: str, disk: Path, free: int) -> dict[str, Any]:
    """Searches while there is little space, and again when there is enough."""
    folder = disk / "search"
    made = MAKERS[variant](folder)
    left = shutil.disk_usage(disk).free - free * 1024
    (disk / "filler").write_bytes(b"\0" * left)
    told: dict[str, Any] = {"error": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made.search(verbose=0)
        except OSError as error:
            told["error"] = error.errno
    told["warned"] = any("was not kept" in str(warning.message) for warning in caught)
    (disk / "filler").unlink()
    again = MAKERS[variant](folder)
    told["before"] = ended(again)
    again.search(verbose=0)
    told["after"] = outcome(MAKERS[variant](folder))
    shutil.rmtree(folder)
    return told


def main(disk: Path) -> None:
    gc.collect()
    gc.freeze()  # KerasTuner collects garbage in each trial
    found: dict[str, Any] = {}
    for variant, make in MAKERS.items():
        whole = make(disk / "whole")
        whole.search(verbose=0)
        found[variant] = {"whole": outcome(whole)}
        shutil.rmtree(disk / "whole")
        found[variant]["full"] = [on_a_full_disk(variant, disk, free) for free in FREE]
    print("FOUND" + json.dumps(found))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a program has found that has a small disk of its own, as another user would have."""
    disk = tmp_path_factory.mktemp("disk")
    mount = f"mount -t tmpfs -o size={DISK} tmpfs {disk}"
    for options in ("-m", "-Urm"):
        unshare = ["unshare", options, "sh", "-c"]
        try:
            tried = subprocess.run([*unshare, mount], capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no unshare")
        if tried.returncode == 0:
            break
    else:
        pytest.skip(f"no disk can be mounted: {tried.stderr}")
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "numpy"}
    program = f"{mount} && exec {sys.executable} {__file__} {disk}"
    result = subprocess.run(
        [*unshare, program], env=environment, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout.split("FOUND")[1])
    return told


@pytest.mark.parametrize("variant", MAKERS)
def test_a_search_on_a_full_disk(found: dict[str, Any], variant: str) -> None:
    whole, full = found[variant]["whole"], found[variant]["full"]
    assert [status for status, _, _ in whole.values()] == ["COMPLETED"] * N_TRIALS
    assert full[0]["error"] == errno.ENOSPC
    assert {told["error"] for told in full} <= {None, errno.ENOSPC}
    assert any(told["before"] for told in full)
    assert any(told["warned"] for told in full)
    for told in full:
        assert told["before"].items() <= whole.items()
        assert told["after"] == whole
        assert told["error"] or told["before"] == whole


if __name__ == "__main__":
    main(Path(sys.argv[1]))
