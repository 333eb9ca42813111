"""Two searches in one folder, and programs that are told to end."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import store
from kt_extensions.tuners.guard import ending_in_order, exclusively, without_warnings_of_nan


class Slow(kte.TPE):
    """Its trial 2 waits until a file is there."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        if trial.trial_id == "2":
            folder = Path(self.directory)
            (folder / "waiting").touch()
            while not (folder / "go on").exists():
                time.sleep(0.02)
        return trial.hyperparameters.Float("x", 0.0, 1.0)


def tuner(folder: Path, **kwargs: Any) -> Slow:
    return Slow(max_trials=5, seed=0, directory=folder, project_name="project", **kwargs)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program, in the middle of its search."""
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "numpy"}
    process = subprocess.Popen(
        [sys.executable, __file__, str(tmp_path)], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    while not (tmp_path / "waiting").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_a_second_search_is_refused_and_harms_nothing(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    second = tuner(tmp_path)
    log = tmp_path / "project" / store.LOG_NAME
    before = log.read_bytes()
    with pytest.raises(RuntimeError, match="no other search is running"):
        second.search(verbose=0)
    assert log.read_bytes() == before
    with pytest.raises(RuntimeError, match="no other search is running"):
        tuner(tmp_path, overwrite=True)
    assert log.read_bytes() == before
    (tmp_path / "go on").touch()
    output = other.communicate(timeout=60)[0]
    assert other.returncode == 0, output
    second.search(verbose=0)  # which was made when there were three trials
    assert list(second.oracle.trials) == ["0", "1", "2", "3", "4"]
    starts = [e["trial"] for e in store.EventLog(log.parent).read() if e["event"] == "start"]
    assert starts == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_program_that_is_told_to_end_leaves_a_search_that_goes_on(
    tmp_path: Path, other: subprocess.Popen[str], number: int
) -> None:
    other.send_signal(number)
    output = other.communicate(timeout=60)[0]
    assert other.returncode != 0
    if number == signal.SIGTERM:
        assert other.returncode == 128 + signal.SIGTERM
    if number != signal.SIGKILL:
        assert "run the same program again to go on" in output
    (tmp_path / "go on").touch()
    again = tuner(tmp_path)
    again.search(verbose=0)
    whole = tuner(tmp_path / "whole", overwrite=True)
    (tmp_path / "whole").mkdir(exist_ok=True)
    (tmp_path / "whole" / "go on").touch()
    whole.search(verbose=0)
    scores = [[t.score for t in made.oracle.trials.values()] for made in (again, whole)]
    assert scores[0] == scores[1]
    assert [r["status"] for r in again.results()] == ["COMPLETED"] * 5


def test_one_program_cannot_search_twice_in_a_folder_at_a_time(tmp_path: Path) -> None:
    with (
        exclusively(tmp_path),
        pytest.raises(RuntimeError, match=r"Received: '.*', in which one is"),
        exclusively(tmp_path),
    ):
        pass
    with exclusively(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr("kt_extensions.tuners.guard.FileLock.acquire", refuse)
    with pytest.warns(UserWarning, match="could not be locked"), exclusively(tmp_path):
        pass


def test_handlers_of_the_program_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with ending_in_order():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, own := lambda number, frame: None)
        with ending_in_order():
            assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


FORKING = """
import multiprocessing, time
from kt_extensions.tuners.guard import ending_in_order

def sleep():
    begun.set()
    time.sleep(60)

forking = multiprocessing.get_context("fork")
begun = forking.Event()
with ending_in_order():
    process = forking.Process(target=sleep)
    process.start()
    begun.wait(30)
    process.terminate()
    process.join(30)
print("ended by", -process.exitcode)
"""


def test_a_process_that_is_forked_meanwhile_ends_as_any_other() -> None:
    """Of a program that has no threads, which a fork would leave with their locks."""
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "numpy"}
    command = [sys.executable, "-c", FORKING]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    assert f"ended by {signal.SIGTERM:d}" in said.stdout, said.stderr


class Diverging(kte.Tuner):
    """The score of its trial 1 is NaN."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        return math.nan if int(trial.trial_id) == 1 else trial.hyperparameters.Float("x", 0.0, 1.0)


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize(
    "oracle", [kte.oracles.TPEOracle, kt.oracles.RandomSearchOracle], ids=["ours", "kerastuner's"]
)
def test_a_score_that_is_nan_is_no_reason_to_warn(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], oracle: Any, isolate: bool
) -> None:
    filters = [*warnings.filters]
    made = Diverging(oracle(max_trials=3, seed=0), directory=tmp_path, isolate=isolate)
    made.search(verbose=0)  # in the tests each warning is an error
    assert [r["status"] for r in made.results()] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert "All-NaN" not in "".join(capfd.readouterr())
    assert warnings.filters == filters


def test_another_thread_leaves_the_filters_alone() -> None:
    found = []

    def search() -> None:
        with without_warnings_of_nan():
            found.extend(warnings.filters)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert found == warnings.filters


if __name__ == "__main__":
    tuner(Path(sys.argv[1])).search()
