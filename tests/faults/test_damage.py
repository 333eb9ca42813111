"""Files of a project that are cut off, or in which a bit is flipped.

Each reopening goes on, or says what is wrong; trials that had ended before are not lost.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import samplers, store
from kt_extensions.reports import Message

N_TRIALS = 8
STOPPED_IN = 5  # its second execution


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Choice("kind", ["a", "b"])
        hp.Float("x", 0.0, 1.0)
        hp.Int("n", 1, 20, parent_name="kind", parent_values=["a"])

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("nothing is trained here")


class Searching:
    """Trials of two executions, each of which reports two epochs; one trial fails."""

    stopped_in: int | None = None

    def _execute(self, trial: Trial, execution: int, args: Any, kwargs: Any) -> float:
        if (int(trial.trial_id), execution) == (self.stopped_in, 1):
            raise KeyboardInterrupt
        if int(trial.trial_id) == 2:
            raise kt.errors.FailedTrialError("failed on purpose")
        score = (trial.hyperparameters["x"] - 0.3) ** 2 + trial.hyperparameters.values.get("n", 0)
        for epoch in range(2):
            logs = {"default_objective": score + 1 - epoch}
            self.report_epoch(trial, epoch, Message(execution, 2, logs))
        return score


class Ours(Searching, kte.TPE):
    pass


class Stock(Searching, kte.Tuner):
    pass


def make_ours(folder: Path) -> kte.Tuner:
    return Ours(
        Declaring(), max_trials=N_TRIALS, seed=0, sampler=samplers.TPE(n_startup=3, n_candidates=8),
        executions_per_trial=2, directory=folder.parent, project_name=folder.name,
    )  # fmt: skip


def make_stock(folder: Path) -> kte.Tuner:
    oracle = kt.oracles.RandomSearchOracle(max_trials=N_TRIALS, seed=1)
    return Stock(
        oracle, Declaring(), executions_per_trial=2, directory=folder.parent,
        project_name=folder.name,
    )  # fmt: skip


MAKERS: dict[str, Callable[[Path], kte.Tuner]] = {"ours": make_ours, "stock": make_stock}


@pytest.fixture(autouse=True)
def _quick_and_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of searches need not wait for the disk. Nothing that they read is unpickled."""

    def refused(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something is unpickled")

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refused)


def outcome(made: kte.Tuner) -> dict[str, Any]:
    """What is in the record of a trial itself; epochs are in a file of their own."""
    kept = ("status", "score", "values")
    return {r["trial_id"]: {key: r[key] for key in kept} for r in made.results()}


def ended(outcomes: dict[str, Any]) -> dict[str, Any]:
    return {name: r for name, r in outcomes.items() if r["status"] in ("COMPLETED", "FAILED")}


def damages(data: bytes, name: str) -> Iterator[bytes]:
    """Cut off at random lengths, or with a bit flipped in some place."""
    draw = random.Random(name)
    many = 6 if name.endswith(store.LOG_NAME) else 1
    for _ in range(many):
        yield data[: draw.randrange(len(data))]
    for _ in range(2 * many):
        place = draw.randrange(len(data))
        yield data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


def reopened(variant: str, folder: Path) -> dict[str, Any] | Exception:
    """Goes on with the search; returns its outcome, or the error that says what is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = MAKERS[variant](folder)
        except ValueError as error:
            return error
        made.search(verbose=0)
        return outcome(made)


def files_of_each_kind(whole: Path) -> list[Path]:
    """The files of a project; of those that each trial has, the first trial's and the last's."""
    kinds: dict[str, list[Path]] = {}
    for file in sorted(f for f in whole.rglob("*") if f.is_file() and f.stat().st_size):
        kinds.setdefault(file.name, []).append(file)
    return [file for files in kinds.values() for file in dict.fromkeys((files[0], files[-1]))]


def damaged_copies(whole: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the name of the file that is damaged, and the project in which it is."""
    for file in files_of_each_kind(whole):
        name = file.relative_to(whole).as_posix()
        for data in damages(file.read_bytes(), name):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
            (folder / name).write_bytes(data)
            yield name, folder


def contents(folder: Path, but: str) -> dict[Path, bytes]:
    files = {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    del files[Path(but)]
    return files


def stopped(variant: str, folder: Path) -> kte.Tuner:
    """A search that was stopped in the midst of a trial."""
    made = MAKERS[variant](folder)
    made.stopped_in = STOPPED_IN
    with pytest.raises(KeyboardInterrupt):
        made.search(verbose=0)
    return made


@pytest.fixture(params=MAKERS)
def reopenings(
    request: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, Any]]]:
    """What had ended in a search, how it ends undamaged, and how with each damaged file."""
    variant = request.param
    whole = tmp_path / "stopped" / "project"
    before = ended(outcome(stopped(variant, whole)))
    assert len(before) == STOPPED_IN
    folder = tmp_path / "damaged" / "project"
    found = []
    for name, copy in damaged_copies(whole, folder):
        found.append((name, reopened(variant, copy)))
        if isinstance(found[-1][1], ValueError):
            assert contents(copy, name) == contents(whole, name)
    expected = reopened(variant, whole)
    assert [r["status"] for r in expected.values()].count("COMPLETED") == N_TRIALS - 1
    return variant, before, expected, found


def test_damaged_files(reopenings: Any) -> None:
    variant, before, expected, found = reopenings
    assert len(found) >= 20
    refused = set()
    for name, after in found:
        if isinstance(after, ValueError):
            assert "warm_start=" in str(after)  # how to go on
            refused.add(name)
        elif variant == "ours" or "trial.json" not in name:
            assert before.items() <= after.items(), name
            assert len(ended(after)) == N_TRIALS
        if variant == "ours" and name != store.LOG_NAME:
            assert after == expected, name
    kinds = {Path(name).name for name, _ in found}
    files = {"oracle.json", "reports.jsonl", "trial.json", "tuner0.json", "execution_0.json"}
    assert kinds >= files
    if variant == "ours":
        assert refused == {store.LOG_NAME}  # of which lines about the whole search were hit
    else:
        assert {Path(name).name for name in refused} == {"oracle.json", "trial.json"}


def test_a_file_that_tells_of_another_trial(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    stopped("ours", folder)
    file = folder / f"trial_{STOPPED_IN}" / "trial.json"
    file.write_text(file.read_text().replace(f'"trial_id": "{STOPPED_IN}"', '"trial_id": "7"'))
    with pytest.warns(UserWarning, match="it tells of a trial '7'"):
        made = make_ours(folder)
    made.search(verbose=0)
    assert list(made.oracle.trials) == [str(number) for number in range(N_TRIALS)]
