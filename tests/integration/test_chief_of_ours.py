"""A chief of ours: with workers of ours and of KerasTuner's, to the end of the search."""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial
from tensorboard.plugins.hparams import api_pb2

import kt_extensions as kte
from kt_extensions.store import EventLog
from tests.faults.chief_program import (
    N_TRIALS,
    ORACLES,
    SHORT,
    Declaring,
    Search,
    free_port,
    note,
    variables,
)
from tests.integration.test_hparams_tensorboard import Backend
from tests.nursery import Nursery, until


@pytest.fixture
def make_search(nursery: Nursery, tmp_path: Path) -> Callable[..., Search]:
    return lambda oracle="ours": Search(nursery, tmp_path, oracle)


def statuses(search: Search) -> list[str]:
    return [trial["status"] for trial in search.trials().values()]


# Several searches of a program.


class Named(kte.Tuner):
    """Its scores tell which tuner has run a trial. Of the second search trials wait for a file."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        folder = Path(self.directory)
        note(folder, self.project_name, trial.trial_id, self.tuner_id)
        while self.project_name == "second" and not (folder / "go on").exists():
            time.sleep(0.02)
        return {"first": 100.0, "second": 1.0}[self.project_name]


def two_searches(folder: str) -> None:
    for name, n_trials in (("first", 1), ("second", 4)):
        hp = kt.HyperParameters()
        hp.Float(f"x_{name}", 0.0, 1.0)
        oracle = kte.oracles.TPEOracle(max_trials=n_trials, seed=3, hyperparameters=hp)
        Named(oracle, directory=folder, project_name=name).search(verbose=0)


def test_a_worker_that_joins_the_second_search_of_a_program_runs_its_trials(
    nursery: Nursery, tmp_path: Path
) -> None:
    """It begins at the first."""

    def start(name: str) -> Any:
        output = tmp_path / f"{name}.txt"
        return nursery.start(two_searches, str(tmp_path), output=output, **variables(name, port))

    def notes() -> list[str]:
        file = tmp_path / "notes"
        return file.read_text().splitlines() if file.exists() else []

    port = free_port()
    processes = [start("chief"), start("w0")]
    until(lambda: "second 0 w0" in notes())
    processes.append(start("w1"))
    until(lambda: "second 1 w1" in notes())
    (tmp_path / "go on").touch()
    for process in processes:
        assert process.wait(60) == 0, process.output
    assert notes()[0] == "first 0 w0"
    assert all(line.startswith("second") for line in notes()[1:])
    for name, scores in (("first", [100.0]), ("second", [1.0] * 4)):
        ends = [e for e in EventLog(tmp_path / name).read() if e["event"] == "end"]
        assert [event["score"] for event in ends] == scores


# Workers that are tuners of KerasTuner's, and chiefs.


def test_a_worker_of_kerastuner_is_not_dead_while_it_trains(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    search.hold()
    chief, stock = search.start("chief", patience=SHORT), search.start("w0", "stock")
    search.wait_for(1)
    ours = search.start("w1", patience=SHORT)
    search.wait_for(2)
    time.sleep(2 * SHORT)  # longer than the chief's patience
    search.release()
    for process in (chief, stock, ours):
        assert process.wait(20) == 0, process.output
    assert statuses(search) == ["COMPLETED"] * N_TRIALS
    assert len(search.notes()) == N_TRIALS
    assert {worker for _, worker in search.notes()} == {"w0", "w1"}


def test_a_worker_of_kerastuner_that_is_started_again_has_its_trial_again(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    search.hold()
    chief, stock = search.start("chief"), search.start("w0", "stock")
    [(trial, _)] = search.wait_for(1)
    stock.kill()
    stock = search.start("w0", "stock")
    assert search.wait_for(2)[1] == (trial, "w0")
    search.release()
    assert (chief.wait(20), stock.wait(20)) == (0, 0), chief.output + stock.output
    assert statuses(search) == ["COMPLETED"] * N_TRIALS


def test_a_worker_of_ours_and_a_chief_of_kerastuner(make_search: Callable[..., Search]) -> None:
    search = make_search()
    chief, worker = search.start("chief", "stock"), search.start("w0")
    assert worker.wait(20) == 0, worker.output
    assert chief.wait(40) == 0, chief.output
    assert statuses(search) == ["COMPLETED"] * N_TRIALS


# Failures.


@pytest.mark.parametrize("oracle", ["ours", "random"])
def test_failures_are_told_with_their_messages_and_end_the_search(
    make_search: Callable[..., Search], tmp_path: Path, oracle: str
) -> None:
    search = make_search(oracle)
    long = " and long" * 2000
    (tmp_path / "fails").write_text(long)
    search.hold("w1")
    chief, *workers = [search.start(name) for name in ("chief", "w0", "w1")]
    until(lambda: any(worker == "w1" for _, worker in search.notes()))
    assert chief.wait(20) == 1
    assert "3 trials in a row have failed" in chief.output
    search.release("w1")
    for worker in workers:
        assert worker.wait(20) == 1
        assert "The search has ended with an error: 3 trials in a row" in worker.output
    failed = [trial for trial in search.trials().values() if trial["status"] == "FAILED"]
    failures = search.found()["failures"]
    assert len(failures) == len(failed) == 3
    for failure in failures:
        assert failure["message"].startswith("Traceback (most recent call last):")
        assert failure["message"].endswith(f"ValueError: broken in w0{long}\n")
    assert {trial["message"] for trial in failed} == {f["message"] for f in failures}


def refuse(folder: str) -> None:
    Refusing(ORACLES["ours"](), Declaring(), directory=folder, project_name="project").search()


class Refusing(kte.Tuner):
    """Ends with an error that ends a search."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        raise kt.errors.FatalValueError(f"wrong in {self.tuner_id}")


def test_the_error_of_the_last_worker_is_told(
    make_search: Callable[..., Search], nursery: Nursery, tmp_path: Path
) -> None:
    search = make_search()
    chief = search.start("chief")
    at = variables("w0", search.port)
    assert nursery.start(refuse, str(tmp_path), output=tmp_path / "w0.txt", **at).wait(20) == 1
    until(lambda: "none is left" in chief.output, told=lambda: chief.output)
    assert "w0 has ended with FatalValueError: wrong in w0" in chief.output
    worker = search.start("w1")
    assert (worker.wait(20), chief.wait(20)) == (0, 0), chief.output
    assert statuses(search) == ["COMPLETED"] * N_TRIALS


def test_the_trial_that_an_ended_search_has_left_is_run_when_it_goes_on(
    make_search: Callable[..., Search], tmp_path: Path
) -> None:
    search = make_search()
    (tmp_path / "fails").touch()
    search.hold("w1")
    processes = [search.start(name) for name in ("chief", "w1")]
    [(trial, _)] = search.wait_for(1)
    processes.append(search.start("w0"))
    processes[0].wait(20)
    search.release("w1")
    (tmp_path / "fails").unlink()
    assert [process.wait(20) for process in processes] == [1, 1, 1]
    again = [search.start(name) for name in ("chief", "w0")]
    assert [process.wait(20) for process in again] == [0, 0], again[0].output + again[1].output
    assert search.trials()[trial]["status"] == "COMPLETED"
    assert sorted(statuses(search)) == ["COMPLETED"] + ["FAILED"] * 3


@pytest.mark.parametrize("oracle", ["ours", "random"])
def test_no_folder_has_to_be_shared(
    make_search: Callable[..., Search], tmp_path: Path, oracle: str
) -> None:
    search = make_search(oracle)
    for trial in ("0", "2"):
        (tmp_path / f"fails_once_{trial}").touch()
    chief, worker = search.start("chief"), search.start("w0", project="elsewhere")
    assert (chief.wait(20), worker.wait(20)) == (0, 0), chief.output + worker.output
    assert statuses(search) == ["FAILED", "COMPLETED"] * 2
    failures = search.found()["failures"]
    assert [failure["trial_id"] for failure in failures] == ["0", "2"]
    for failure in failures:
        assert "ValueError: broken in w0" in failure["message"]
        assert failure["duration"] >= 0


def test_a_failure_of_a_worker_of_kerastuner_is_noted_too(
    make_search: Callable[..., Search], tmp_path: Path
) -> None:
    search = make_search("random")
    (tmp_path / "fails").touch()
    chief, stock = search.start("chief"), search.start("w0", "stock")
    assert (chief.wait(20), stock.wait(20)) == (1, 0)
    assert "does not tell why" in search.found()["failures"][0]["message"]


def test_the_chief_logs_what_no_worker_can(
    make_search: Callable[..., Search], tmp_path: Path
) -> None:
    search = make_search()
    (tmp_path / "kills_1").touch()
    logs = {"tensorboard_dir": str(tmp_path / "logs")}
    chief = search.start("chief", patience=SHORT, **logs)
    for _ in range(3):
        search.start("w0", patience=SHORT, **logs).wait()
    assert (search.start("w1", patience=SHORT, **logs).wait(20), chief.wait(20)) == (0, 0), (
        chief.output
    )
    rows = Backend(tmp_path / "logs").rows()
    ended = {name: row.sessions[0].status for name, row in rows.items()}
    failed = ended.pop("project/1")
    assert failed == api_pb2.STATUS_FAILURE
    assert list(ended.values()) == [api_pb2.STATUS_SUCCESS] * (N_TRIALS - 1)
    assert len(list((tmp_path / "logs").glob("*/*/summary/*"))) == 1


@pytest.mark.parametrize("oracle", ["retrying", "retrying random"])
def test_a_trial_that_is_retried_counts_once(
    make_search: Callable[..., Search], tmp_path: Path, oracle: str
) -> None:
    search = make_search(oracle)
    (tmp_path / "fails_once_1").touch()
    chief, worker = search.start("chief"), search.start("w0")
    assert (chief.wait(20), worker.wait(20)) == (0, 0), chief.output
    assert statuses(search) == ["COMPLETED"] * N_TRIALS
    assert len(search.notes()) == N_TRIALS + 1
    [failure] = search.found()["failures"]
    assert (failure["trial_id"], failure["status"]) == ("1", "INVALID")


# Waiting, and not.


def test_workers_without_a_trial_do_not_ask_again_and_again(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    search.hold("w0")
    processes = [search.start("chief"), search.start("w0")]
    search.wait_for(1)
    processes += [search.start("w1"), search.start("w2", "stock")]
    search.wait_for(N_TRIALS)
    time.sleep(1.5)
    search.release("w0")
    for process in processes:
        assert process.wait(20) == 0, process.output
    assert search.found()["calls"] < 40


def test_a_worker_that_starts_when_the_search_has_ended_says_so(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    chief, worker = search.start("chief"), search.start("w0")
    assert (chief.wait(20), worker.wait(20)) == (0, 0)
    late = search.start("late", patience=3600)
    assert late.wait(20) == 1
    assert "Received: a search that has ended" in late.output


def test_a_worker_without_a_chief_says_so(make_search: Callable[..., Search]) -> None:
    worker = make_search().start("w0", patience=SHORT)
    assert worker.wait(20) == 1
    assert "None has answered for 2 s" in worker.output


def test_a_worker_that_asks_when_the_chief_has_gone_is_told_so(
    make_search: Callable[..., Search], tmp_path: Path
) -> None:
    search = make_search()
    search.hold()
    (tmp_path / "asks").touch()
    worker = search.start("w0", patience=3600, project="elsewhere")
    chief = search.start("chief")
    search.wait_for(1)
    search.release()
    assert worker.wait(20) == 1
    assert "The search has ended." in worker.output
    assert "is to be asked for in the chief, after its `search`" in worker.output
    chief.kill()


def test_a_chief_listens_only_where_it_is_told_to(make_search: Callable[..., Search]) -> None:
    search = make_search()
    search.hold()
    chief, worker = search.start("chief"), search.start("w0")
    search.wait_for(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", search.port))
    socket.create_connection(("127.0.0.1", search.port)).close()
    search.release()
    assert (chief.wait(20), worker.wait(20)) == (0, 0)


def test_two_chiefs_do_not_share_a_port(make_search: Callable[..., Search], tmp_path: Path) -> None:
    search = make_search()
    with socket.socket() as other:
        other.bind(("127.0.0.1", search.port))
        other.listen()
        chief = search.start("chief")
        assert chief.wait(20) == 1
    assert "is taken by another program" in chief.output


# Trainings.

X = np.linspace(0, 1, 32, dtype="float32")[:, None]
EPOCHS = 4


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 2, 4))])
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse")
    return model


class Pausing(keras.callbacks.Callback):
    """Notes each epoch, and waits after the second one while there is a file for the worker."""

    def __init__(self, folder: Path, worker: str) -> None:
        super().__init__()
        self.folder, self.worker = folder, worker

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        note(self.folder, "begin", str(epoch), self.worker)
        while epoch == 2 and (self.folder / f"hold_{self.worker}").exists():
            time.sleep(0.02)


def train(folder: str, name: str) -> None:
    warnings.simplefilter("ignore")
    tuner = kte.TPE(
        build, "val_loss", max_trials=1, seed=1, directory=folder, project_name="project",
        snapshots=kte.Snapshots(every_epochs=1),
    )  # fmt: skip
    pausing = Pausing(Path(folder), name)
    tuner.search(X, X, epochs=EPOCHS, validation_split=0.5, callbacks=[pausing], verbose=0)
    if name == "chief":
        Path(folder, "results.json").write_text(json.dumps(tuner.results()))


class Numbered(kte.Tuner):
    """Scores a trial by the number of its process."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        return trial.hyperparameters.Float("x", 0.0, 0.5) + os.getpid()


def isolate(folder: str, name: str) -> None:
    oracle = kte.oracles.TPEOracle(max_trials=2, seed=1)
    Numbered(oracle, isolate=True, directory=folder, project_name="project").search(verbose=0)


def test_a_worker_runs_each_trial_in_a_process_of_its_own(nursery: Nursery, tmp_path: Path) -> None:
    port = free_port()
    started = [
        nursery.start(isolate, str(tmp_path), name, output=tmp_path / name, **variables(name, port))
        for name in ("chief", "w0")
    ]
    assert [process.wait(60) for process in started] == [0, 0], started[1].output
    trials = Search(nursery, tmp_path).trials().values()
    used = {int(trial["score"]) for trial in trials}
    assert len(used) == 2
    assert not used & {process.pid for process in started}


def test_many_trials_at_once_are_refused_in_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables("w0", 1).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="Start more workers instead"):
        kte.TPE(build, "val_loss", workers=2, directory=tmp_path)


def test_a_killed_workers_training_goes_on_from_its_last_snapshot(
    nursery: Nursery, tmp_path: Path
) -> None:
    port = free_port()

    def start(name: str) -> Any:
        output = tmp_path / f"{name}.txt"
        return nursery.start(
            train, str(tmp_path), name, output=output, **variables(name, port, SHORT)
        )

    (tmp_path / "hold_w0").touch()
    chief, first = start("chief"), start("w0")
    search = Search(nursery, tmp_path)
    search.wait_for(3)
    first.kill()
    second = start("w1")
    assert (chief.wait(30), second.wait(30)) == (0, 0), chief.output + second.output
    epochs = [(int(epoch), worker) for epoch, worker in search.notes()]
    assert epochs == [(0, "w0"), (1, "w0"), (2, "w0"), (2, "w1"), (3, "w1")]
    [result] = json.loads((tmp_path / "results.json").read_text())
    assert result["status"] == "COMPLETED"
    assert result["history"][0]["epoch"] == [0, 1, 2, 3]
