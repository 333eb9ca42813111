"""Mistakes with projects: before the search, beside another, in the folder of another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

import kt_extensions as kte
from tests.newcomer.searches import Trained, model, search, tuner


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished search; each test has a copy."""
    return Path(search(tuner(tmp_path_factory.mktemp("finished"))).directory)


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    target = tmp_path / "copy"
    subprocess.run(["cp", "-r", project, target], check=True)
    return target


def test_the_best_before_the_search(tmp_path: Path) -> None:
    made = tuner(tmp_path)
    for best in (made.get_best_models, made.get_best_hyperparameters):
        with pytest.warns(UserWarning, match="No trial has completed yet.*Call `search` first"):
            assert best() == []
        assert best(0) == []
    assert (made.results(), made.failures()) == ([], [])


@pytest.mark.parametrize("number", [-1, "1", 1.5])
def test_how_many_of_the_best(folder: Path, number: Any) -> None:
    made = tuner(folder)
    with pytest.raises(ValueError, match=r"`num_models` to be an integer >= 0. Received: "):
        made.get_best_models(number)
    with pytest.raises(ValueError, match=r"`num_trials` to be an integer >= 0. Received: "):
        made.get_best_trials(number)


ENQUEUED: dict[str, tuple[Any, str]] = {
    "misspelt": ({"unit": 3}, r"among \['units'\]. Received: 'unit'. Did you mean 'units'\?"),
    "outside": ({"units": 30}, "Expected for 'units' a whole number from 1 to 8. Received: 30"),
    "a text": ({"units": "3"}, "Received: '3'"),
    "broken": ({"units": 2.5}, "Received: 2.5"),
    "a list": ([3], r"a dictionary of values by name.*Received: \[3\] of type list"),
    "hyperparameters": (kt.HyperParameters(), "a dictionary .* of type HyperParameters"),
}


@pytest.mark.parametrize("mistake", ENQUEUED)
def test_what_cannot_be_enqueued(tmp_path: Path, mistake: str) -> None:
    values, told = ENQUEUED[mistake]
    with pytest.raises(ValueError, match=told):
        tuner(tmp_path).oracle.enqueue(values)


def test_a_folder_that_is_none_to_learn_from(folder: Path, tmp_path: Path) -> None:
    """It is told before the first trial; `directory` alone is no project."""
    for wrong in (tmp_path / "missing", folder):
        with pytest.raises(FileNotFoundError, match=r"which has none.*`directory/project_name`"):
            search(tuner(tmp_path / "new", warm_start=[wrong]))
    assert Trained.count == 0
    assert search(tuner(tmp_path / "new", max_trials=1, warm_start=[folder / "p"])).results()


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "another objective": ({"objective": "val_mae"}, "holds a search for .*val_loss"),
    "another schedule": ({"tuner": kte.ASHA, "max_epochs": 3}, "with the schedule None.*ASHA"),
}


@pytest.mark.parametrize("mistake", OTHERS)
def test_the_folder_of_another_search(folder: Path, mistake: str) -> None:
    arguments, told = OTHERS[mistake]
    log = folder / "p" / "trials.jsonl"
    before = log.read_bytes()
    with pytest.raises(ValueError, match=rf"{told}.*`project_name`.*overwrite=True.*warm_start=\["):
        tuner(folder, **arguments)
    assert log.read_bytes() == before
    assert len(tuner(folder).results()) == 3


def test_the_folder_of_a_search_with_another_space(folder: Path) -> None:
    with pytest.warns(UserWarning, match="keeps the domains it began with.*'max_value': 20"):
        made = tuner(folder, lambda hp: model(hp.Int("units", 1, 20)), max_trials=4)
    assert len(search(made).results()) == 4


def test_the_folder_of_another_algorithm(folder: Path) -> None:
    assert len(search(tuner(folder, tuner=kte.GP, max_trials=4)).results()) == 4


@pytest.mark.filterwarnings("ignore:.*left out damaged lines")
def test_a_damaged_log(folder: Path) -> None:
    """The first line is what no search goes on without; the trials can still be learnt from."""
    log = folder / "p" / "trials.jsonl"
    log.write_bytes(b"\0" * 40 + log.read_bytes()[40:])
    with pytest.raises(ValueError, match=r"trials.jsonl, which begins with .*warm_start=\["):
        tuner(folder)
    made = tuner(folder / "new", max_trials=1, warm_start=[folder / "p"])
    assert len(search(made).oracle.record.table.history().y) == 4


def test_two_tuners_in_one_program(folder: Path) -> None:
    """One after the other: the second goes on after the trials of the first."""
    first, second = tuner(folder, max_trials=4), tuner(folder, max_trials=4)
    search(first)
    search(second)
    assert Trained.count == 0
    assert len(second.results()) == 4


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_keras_without_its_backend(backend: str) -> None:
    """As after a plain `pip install kt-extensions`."""
    code = f"import sys; sys.modules[{backend!r}] = None; import kt_extensions as kte; kte.TPE"
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert f"without '{backend}', which Keras asks for. Install it" in last
    assert 'pip install "kt-extensions[cpu]"' in last


def test_figures_without_matplotlib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kt_extensions.plots.shown", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"kt-extensions\[plots\]"):
        kte.plots.plot_history(tuner(folder))


def test_a_cluster_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    made = tuner(tmp_path, parallel="ray", workers=2)
    with pytest.raises(ImportError, match=r"kt-extensions\[ray\]"):
        search(made)
    assert Trained.count == 0


def test_mlflow_without_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r"kt-extensions\[mlflow\]"):
        kte.MLflowLogger().attach(tuner(tmp_path))
