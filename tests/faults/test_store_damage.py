"""A search whose log was cut or damaged goes on, or says clearly why it cannot."""

from __future__ import annotations

import json
import os
import random
import shutil
import warnings
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

from kt_extensions import samplers, store
from kt_extensions.oracles import TPEOracle

N_TRIALS = 18


class Tuner(kt.Tuner):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        hp = trial.hyperparameters
        kind = hp.Choice("kind", ["a", "b"])
        score = hp.Float("x", 0.0, 1.0)
        if kind == "a":
            score += hp.Int("n", 1, 9, parent_name="kind", parent_values=["a"]) / 10
        if int(trial.trial_id) >= 5:
            score += hp.Float("late", 0.0, 1.0, default=0.5)
        if int(trial.trial_id) in (3, 8):
            raise kt.errors.FailedTrialError("failed on purpose")
        return score


def tuner(folder: Path, max_trials: int = N_TRIALS, **kwargs: Any) -> Tuner:
    sampler = samplers.TPE(n_startup=4, n_candidates=8)
    oracle = TPEOracle(max_trials=max_trials, seed=0, sampler=sampler)
    return Tuner(oracle=oracle, directory=folder.parent, project_name=folder.name, **kwargs)


def search(folder: Path, max_trials: int = N_TRIALS) -> Tuner:
    made = tuner(folder, max_trials)
    made.search(verbose=0)
    return made


def outcome(made: Tuner) -> dict[str, tuple[Any, ...]]:
    return {
        trial_id: (trial.hyperparameters.values, trial.status, trial.score)
        for trial_id, trial in sorted(made.oracle.trials.items())
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that is finished."""
    folder = tmp_path_factory.mktemp("whole") / "project"
    search(folder)
    return folder


@pytest.fixture(scope="module")
def expected(whole: Path) -> dict[str, tuple[Any, ...]]:
    return outcome(loaded(whole))


def loaded(folder: Path) -> Tuner:
    made = tuner(folder)
    made.oracle.reload()
    return made


def finished_in(folder: Path) -> set[str]:
    oracle = TPEOracle(max_trials=N_TRIALS)
    oracle._set_project_dir(str(folder.parent), folder.name)
    _ = oracle.record
    return set(oracle.end_order)


def log_of(folder: Path) -> Path:
    return folder / store.LOG_NAME


def copy(whole: Path, folder: Path, data: bytes, with_files: bool) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    if with_files:
        shutil.copytree(whole, folder)
    else:
        folder.mkdir()
        (folder / "tuner0.json").write_text("{}")
    log_of(folder).write_bytes(data)
    return folder


def cuts(data: bytes) -> list[int]:
    """Every byte of the last three events, and samples of the others."""
    last = len(b"\n".join(data.split(b"\n")[-4:]))
    late = range(len(data) - last, len(data) + 1)
    return sorted({*late, *random.Random(0).sample(range(len(data)), 60), 0, 1})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of searches need not wait for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def ended(data: bytes) -> set[str]:
    events = [json.loads(line) for line in data.split(b"\n")[:-1]]
    return {e["trial"] for e in events if e["event"] == "end" and e["status"] != "INVALID"}


def test_a_log_cut_at_any_byte_loads(tmp_path: Path) -> None:
    search(tmp_path / "short", 7)
    data = log_of(tmp_path / "short").read_bytes()
    for size in cuts(data):
        folder = copy(tmp_path / "short", tmp_path / "cut", data[:size], with_files=False)
        assert finished_in(folder) == ended(data[:size]), size


@pytest.mark.filterwarnings("ignore:.*the log tells nothing of some trials")
@pytest.mark.parametrize("with_files", [False, True])
def test_a_log_cut_at_any_byte_goes_on(
    whole: Path, tmp_path: Path, expected: dict[str, Any], with_files: bool
) -> None:
    data = log_of(whole).read_bytes()
    first = data.index(b"\n")
    sizes = [size for size in cuts(data) if size > first or not with_files]
    for size in sizes[:: 40 if with_files else 10]:
        folder = copy(whole, tmp_path / "cut", data[:size], with_files)
        assert outcome(search(folder)) == expected, size
        assert outcome(loaded(folder)) == expected, size
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(store.EventLog(folder).read()) == data.count(b"\n")


@pytest.mark.parametrize("size", [0, 5, 60])
def test_a_log_cut_in_its_first_line_costs_no_trial(
    whole: Path, tmp_path: Path, expected: dict[str, Any], size: int
) -> None:
    data = log_of(whole).read_bytes()[:size]
    folder = copy(whole, tmp_path / "cut", data, with_files=True)
    with pytest.warns(UserWarning, match="nothing is left in it"):
        assert outcome(loaded(folder)) == expected
    assert outcome(search(folder, N_TRIALS + 1)).items() >= expected.items()


def test_trials_without_a_log_and_without_a_state_are_not_overwritten(
    whole: Path, tmp_path: Path
) -> None:
    folder = copy(whole, tmp_path / "cut", b"", with_files=True)
    (folder / "oracle.json").unlink()
    with pytest.raises(ValueError, match=r"holds trials and neither(.|\n)*warm_start="):
        search(folder)
    assert len(list(folder.glob("trial_*/trial.json"))) == N_TRIALS


def flipped(data: bytes, number: int) -> bytes:
    lines = data.split(b"\n")
    line = bytearray(lines[number])
    line[len(line) // 2] ^= 1
    return b"\n".join([*lines[:number], bytes(line), *lines[number + 1 :]])


def lines_of(data: bytes, event: str, trial: str | None = None) -> list[int]:
    events = [json.loads(line) for line in data.split(b"\n")[:-1]]
    found = [
        number
        for number, e in enumerate(events)
        if e["event"] == event and (trial is None or e["trial"] == trial)
    ]
    assert found, f"no event {event!r} of trial {trial} in the log"
    return found


@pytest.mark.parametrize("event", ["start", "end"])
def test_a_damaged_event_of_a_trial_is_recovered(
    whole: Path, tmp_path: Path, expected: dict[str, Any], event: str
) -> None:
    data = log_of(whole).read_bytes()
    for number in lines_of(data, event):
        folder = copy(whole, tmp_path / "damaged", flipped(data, number), with_files=True)
        with pytest.warns(UserWarning, match=rf"damaged lines \[{number + 1}\]"):
            assert outcome(loaded(folder)) == expected


def test_a_damaged_start_without_files_is_recovered(
    whole: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    data = log_of(whole).read_bytes()
    for number in lines_of(data, "start"):
        folder = copy(whole, tmp_path / "damaged", flipped(data, number), with_files=False)
        with pytest.warns(UserWarning, match="damaged"):
            assert outcome(loaded(folder)) == expected


def test_a_trial_with_a_damaged_end_and_no_file_runs_again(
    whole: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    data = log_of(whole).read_bytes()
    (number,) = lines_of(data, "end", "06")
    folder = copy(whole, tmp_path / "damaged", flipped(data, number), with_files=False)
    with pytest.warns(UserWarning, match="damaged"):
        made = search(folder)
    assert outcome(made) == expected


def test_a_trial_of_which_both_events_are_damaged(
    whole: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    data = log_of(whole).read_bytes()
    for trial in ("02", "08", "17"):
        damaged = data
        for event in ("start", "end"):
            (number,) = lines_of(data, event, trial)
            damaged = flipped(damaged, number)
        folder = copy(whole, tmp_path / "damaged", damaged, with_files=True)
        with pytest.warns(UserWarning, match="damaged"):
            assert outcome(loaded(folder)) == expected
    folder = copy(whole, tmp_path / "damaged", damaged, with_files=False)
    with pytest.warns(UserWarning, match="damaged"):
        assert outcome(search(folder)) == expected  # the last one is simply run anew


def test_a_trial_that_is_lost(whole: Path, tmp_path: Path) -> None:
    data = log_of(whole).read_bytes()
    for event in ("start", "end"):
        (number,) = lines_of(data, event, "04")
        data = flipped(data, number)
        data = b"\n".join(line for i, line in enumerate(data.split(b"\n")) if i != number)
        data = data.replace(b"}\n", b"}\n", 1)
    with pytest.raises(ValueError, match="Expected a log with 18 trials") as raised:
        loaded(copy(whole, tmp_path / "damaged", data, with_files=False))
    assert "warm_start=" in str(raised.value)


def test_a_damaged_header(whole: Path, tmp_path: Path) -> None:
    data = log_of(whole).read_bytes()
    folder = copy(whole, tmp_path / "damaged", flipped(data, 0), with_files=True)
    with (
        pytest.warns(UserWarning, match=r"damaged lines \[1\]"),
        pytest.raises(ValueError, match=r"Expected a log of format(.|\n)*warm_start="),
    ):
        loaded(folder)


def test_a_damaged_line_about_the_space(whole: Path, tmp_path: Path) -> None:
    data = log_of(whole).read_bytes()
    for number in lines_of(data, "space"):
        folder = copy(whole, tmp_path / "damaged", flipped(data, number), with_files=True)
        with (
            pytest.warns(UserWarning, match="damaged lines"),
            pytest.raises(ValueError, match=r"whole search space(.|\n)*warm_start="),
        ):
            loaded(folder)


@pytest.mark.parametrize("data", [b"rubbish", b"rubbish\n" * 3, b"{}\n", b"\0" * 5000, b"\n"])
def test_rubbish_instead_of_a_log(whole: Path, tmp_path: Path, data: bytes) -> None:
    folder = copy(whole, tmp_path / "damaged", data, with_files=True)
    with (
        pytest.warns(UserWarning, match="damaged lines"),
        pytest.raises(ValueError, match="nothing that can be read"),
    ):
        loaded(folder)
    assert log_of(folder).read_bytes().startswith(data)


def test_an_empty_log_begins_a_search(
    whole: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    folder = copy(whole, tmp_path / "empty", b"", with_files=False)
    assert outcome(search(folder)) == expected


def test_a_log_of_a_later_format(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    header = {**store.EventLog(whole).read()[0], "format": 99}
    store.EventLog(folder).create(header)
    with pytest.raises(ValueError, match="format 1"):
        loaded(folder)


def test_the_trials_of_a_damaged_search_can_be_learnt_from(whole: Path, tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=3, seed=0, warm_start=[whole])
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle.update_space(hp)
    made = Tuner(oracle=oracle, directory=tmp_path, project_name="new")
    made.search(verbose=0)
    assert len(oracle.record.table) == N_TRIALS + 3


def test_a_finished_search_is_read_in_a_folder_that_is_read_only(
    whole: Path, tmp_path: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: Any, **kwargs: Any) -> None:
        raise PermissionError

    for name in ("write_atomically", "_write_all"):
        monkeypatch.setattr(store, name, denied)
    assert outcome(loaded(whole)) == expected


def test_a_project_on_another_machine(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=3)
    oracle._set_project_dir("gs://bucket", "project")
    with pytest.raises(ValueError, match="local folder"):
        oracle.create_trial("tuner0")
