"""A tuner that looks at a search changes nothing in its folder, and takes in nothing astray."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import store


class Quick(kte.TPE):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        return float(trial.hyperparameters["x"])


class QuickHyperband(kte.Hyperband):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        return float(trial.hyperparameters["x"])


def build(hp: kt.HyperParameters) -> None:
    hp.Float("x", 0.0, 1.0)


def made(folder: Path, max_trials: int = 6, **kwargs: Any) -> Quick:
    place = {"directory": folder.parent, "project_name": folder.name}
    return Quick(build, max_trials=max_trials, **place, **{"seed": 1, **kwargs})


def hyperband(folder: Path) -> QuickHyperband:
    place = {"directory": folder.parent, "project_name": folder.name}
    return QuickHyperband(build, max_epochs=4, factor=2, seed=1, **place)


def run_next(tuner: kte.Tuner) -> Trial:
    trial = tuner.oracle.create_trial("tuner0")
    end(tuner, trial)
    return trial


def end(tuner: kte.Tuner, trial: Trial) -> None:
    tuner._try_run_and_update_trial(trial)
    tuner.on_trial_end(trial)


def outcome(tuner: kte.Tuner) -> list[tuple[str, float | None]]:
    return [(result["trial_id"], result["score"]) for result in tuner.results()]


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


class Meanwhile:
    """Has the search go on in the midst of a look at it, after the log was read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, go_on: Any) -> None:
        read = store.EventLog.read

        def read_and_go_on(log: store.EventLog) -> list[store.Event]:
            events = read(log)
            monkeypatch.undo()
            go_on()
            return events

        monkeypatch.setattr(store.EventLog, "read", read_and_go_on)


def test_a_look_at_a_running_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = made(tmp_path / "running")
    run_next(running), run_next(running)
    Meanwhile(monkeypatch, lambda: run_next(running))
    assert len(made(tmp_path / "running").results()) == 3
    while len(running.results()) < 6:
        run_next(running)
    alone = made(tmp_path / "alone")
    alone.search(verbose=0)
    assert outcome(made(tmp_path / "running")) == outcome(alone)


def test_a_look_while_a_trial_of_a_bracket_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = hyperband(tmp_path / "running")
    run_next(running), run_next(running)
    begun = []
    Meanwhile(monkeypatch, lambda: begun.append(running.oracle.create_trial("tuner0")))
    hyperband(tmp_path / "running")
    end(running, begun[0])
    resumed, alone = hyperband(tmp_path / "running"), hyperband(tmp_path / "alone")
    resumed.search(verbose=0)
    alone.search(verbose=0)
    assert outcome(resumed) == outcome(alone)


def test_a_look_changes_no_file(tmp_path: Path) -> None:
    running = made(tmp_path / "project")
    run_next(running), run_next(running)
    running.oracle.create_trial("tuner0")
    log = tmp_path / "project" / store.LOG_NAME
    log.write_bytes(log.read_bytes() + b'{"event":"en')  # is being written
    before = contents(tmp_path / "project")
    assert len(made(tmp_path / "project").results()) == 3
    assert contents(tmp_path / "project") == before


def test_what_a_log_tells_twice_counts_once(tmp_path: Path) -> None:
    made(tmp_path / "project", 3).search(verbose=0)
    expected = outcome(made(tmp_path / "project", 3))
    log = tmp_path / "project" / store.LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    again = [line for line in lines if json.loads(line).get("trial") == "1"]
    log.write_bytes(b"".join([*lines, *again]))
    resumed = made(tmp_path / "project", 4)
    assert outcome(resumed) == expected
    assert [trial.trial_id for trial in resumed.oracle.get_best_trials(9)].count("1") == 1
    resumed.search(verbose=0)
    assert len(resumed.oracle.record.table) == 4


def test_a_tuner_reloads_what_another_one_has_searched(tmp_path: Path) -> None:
    watching, searching = made(tmp_path / "project"), made(tmp_path / "project")
    searching.search(verbose=0)
    watching.reload()
    assert outcome(watching) == outcome(searching)


@pytest.mark.parametrize("objective", ["of the same", "another"])
def test_the_folder_of_a_trial_of_another_search(tmp_path: Path, objective: str) -> None:
    made(tmp_path / "project", 3).search(verbose=0)
    made(tmp_path / "other", 9).search(verbose=0)
    number = "7" if objective == "of the same" else "3"
    stray = tmp_path / "project" / f"trial_{number}"
    shutil.copytree(tmp_path / "other" / stray.name, stray)
    if objective == "another":
        file = stray / "trial.json"
        file.write_text(file.read_text().replace("default_objective", "val_accuracy"))
    with pytest.warns(UserWarning, match=f"left out as trials of another.*trial_{number}"):
        resumed = made(tmp_path / "project", 3)
    assert [trial_id for trial_id, _ in outcome(resumed)] == ["0", "1", "2"]
    shutil.rmtree(stray)
    made(tmp_path / "project", 5).search(verbose=0)
    assert len(outcome(made(tmp_path / "project", 5))) == 5


def test_a_trial_that_is_taken_from_its_file_is_named(tmp_path: Path) -> None:
    made(tmp_path / "project", 3).search(verbose=0)
    expected = outcome(made(tmp_path / "project", 3))
    log = tmp_path / "project" / store.LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(line for line in lines if json.loads(line).get("trial") != "2"))
    with pytest.warns(UserWarning, match="taken from their files.*trial_2"):
        resumed = made(tmp_path / "project", 3)
    assert outcome(resumed) == expected
    resumed.search(verbose=0)
    assert outcome(made(tmp_path / "project", 3)) == expected  # without a warning: it is logged


def test_files_of_the_users_own_stay(tmp_path: Path) -> None:
    made(tmp_path / "project", 2).search(verbose=0)
    own = {"history.json": '{"a": 1}\n{"a": 2}\n', "config.json": "// a comment\n{}"}
    for name, text in own.items():
        (tmp_path / "project" / name).write_text(text)
    (tmp_path / "project" / "export.json").mkdir()
    os.symlink("nowhere", tmp_path / "project" / "link.json")
    assert len(made(tmp_path / "project", 2).results()) == 2
    assert {name: (tmp_path / "project" / name).read_text() for name in own} == own


def test_the_state_of_a_tuner_with_a_name_of_its_own_is_mended(tmp_path: Path) -> None:
    made(tmp_path / "project", 2, tuner_id="mine").search(verbose=0)
    (tmp_path / "project" / "mine.json").write_text('{"half')
    with pytest.warns(UserWarning, match=r"mine\.json.*begun anew"):
        resumed = made(tmp_path / "project", 3, tuner_id="mine")
    resumed.search(verbose=0)
    assert len(resumed.results()) == 3


def test_a_resumed_search_says_that_it_learns_from_no_other_folder(tmp_path: Path) -> None:
    made(tmp_path / "earlier", 3).search(verbose=0)
    folders = [tmp_path / "earlier", tmp_path / "project" / ".." / "earlier"]
    made(tmp_path / "project", 2, warm_start=folders).search(verbose=0)
    resumed = made(tmp_path / "project", 2, warm_start=folders)
    assert len(resumed.oracle.record.table) == 3 + 2
    with pytest.warns(UserWarning, match=r"keeps the trials(.|\n)*warm_start=\[\]"):
        made(tmp_path / "project", 2)


def test_nothing_is_deleted_that_is_to_be_learnt_from(tmp_path: Path) -> None:
    made(tmp_path / "project", 2).search(verbose=0)
    before = contents(tmp_path / "project")
    with pytest.raises(ValueError, match=r"(?s)`overwrite=True` does not delete.*project_name"):
        made(tmp_path / "project", 2, overwrite=True, warm_start=[tmp_path / "project"])
    with pytest.raises(FileNotFoundError, match="misspelt"):
        made(tmp_path / "project", 2, overwrite=True, warm_start=[tmp_path / "misspelt"])
    assert contents(tmp_path / "project") == before


class Noting(Quick):
    note: Any = None

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        trial.hyperparameters.values["note"] = self.note
        return super().run_trial(trial)


def test_numpys_numbers_among_the_values_are_recorded(tmp_path: Path) -> None:
    place = {"directory": tmp_path, "project_name": "project"}
    tuner = Noting(build, max_trials=2, **place)
    tuner.note = np.float32(0.5)
    tuner.search(verbose=0)
    trials = Noting(build, max_trials=2, **place).oracle.get_best_trials(2)
    assert [trial.hyperparameters.values["note"] for trial in trials] == [0.5, 0.5]


def test_a_value_that_cannot_be_recorded_fails_its_trial(tmp_path: Path) -> None:
    place = {"directory": tmp_path, "project_name": "project"}
    tuner = Noting(build, max_trials=2, **place)
    tuner.note = {1, 2}
    with pytest.raises(ValueError, match=r"numbers, strings or booleans.*'note': \{1, 2\}"):
        tuner.search(verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["FAILED"]
    assert tuner.oracle.record.unfinished == {}
