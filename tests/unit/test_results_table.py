"""The best trials as a person reads them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
import rich.console

import kt_extensions as kte
from kt_extensions.results_table import results_table


class Tuner(kte.TPE):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        x = trial.hyperparameters.Float("x", 0.0, 1.0)
        trial.hyperparameters.Choice("[kind] of network", ["a [bold]name[/] with marks"])
        return {"loss": x, "size": 1 - x, "multi_objective": 1.0}


def search(folder: Path, objective: Any = "loss", **kwargs: Any) -> kte.Tuner:
    objective = kt.Objective("loss", "min") if objective == "loss" else objective
    tuner = Tuner(objective=objective, max_trials=12, seed=0, directory=folder, **kwargs)
    tuner.search(verbose=0)
    return tuner


def test_the_best_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuner = search(tmp_path, project_name="digits")
    tuner.results_summary(3)
    printed = capsys.readouterr().out
    assert "digits: the 3 best of 12 trials" in printed
    assert "loss (min)" in printed
    rows = [line.split() for line in printed.splitlines() if "x=" in line]
    best = tuner.get_best_trials(3)
    assert [row[0] for row in rows] == [trial.trial_id for trial in best]
    assert [float(row[1]) for row in rows] == [pytest.approx(t.score, rel=1e-4) for t in best]


def test_what_the_output_cannot_show_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner = search(tmp_path, project_name="gr\u00fcn")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    tuner.results_summary(3)
    assert b"gr?n: the 3 best of 12 trials" in written.getvalue()


@pytest.mark.parametrize("width", range(20, 100))
def test_scores_are_never_cut_off(width: int) -> None:
    trial = kt.engine.trial.Trial(kt.HyperParameters(), "03", "COMPLETED")
    trial.score, trial.best_step = -1.23456e-05, 7
    trial.hyperparameters.values = {"optimizer/adam/learning_rate": 0.25, "units": 64}
    console = rich.console.Console(file=io.StringIO(), width=width)
    console.print(results_table([trial], kt.Objective("val_loss", "min"), "digits [p]"))
    printed = console.file.getvalue()
    assert {"03", "-1.2346e-05", "7", "units=64"} <= {*printed.split()}
    assert "optimizer/adam/learning_rate=0.25" in "".join(
        line.rstrip().split("   ")[-1].strip() for line in printed.splitlines()
    )
    lines = printed.splitlines()
    assert lines[0].strip() == "digits [p]"
    assert max(map(len, lines)) <= width and len(lines) < 12


def test_a_trial_without_a_best_epoch_on_a_narrow_terminal() -> None:
    trial = kt.engine.trial.Trial(kt.HyperParameters(), "03", "COMPLETED")
    trial.score, trial.best_step = 0.5, None
    trial.hyperparameters.values = {"units": 64}
    console = rich.console.Console(file=io.StringIO(), width=30)
    console.print(results_table([trial], kt.Objective("val_loss", "min"), "digits"))
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert lines == ["digits", "", "trial 03", "val_loss (min) 0.5", "units=64"]


@pytest.mark.parametrize("width", [60, 200])
def test_it_fits_and_nothing_is_cut_off(tmp_path: Path, width: int) -> None:
    two = [kt.Objective("loss", "min"), kt.Objective("size", "min")]
    tuner = search(tmp_path, two)
    console = rich.console.Console(file=io.StringIO(), width=width)
    console.print(results_table(tuner.get_best_trials(12), tuner.oracle.objective, "[p]"))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].strip() == "[p]"
    values = " ".join(line.rstrip().split("   ")[-1].strip() for line in lines)
    assert values.count("with marks") == 12
    if width == 200:
        assert "[kind] of network=a [bold]name[/] with marks" in lines[4]
        assert {"loss (min)", "size (min)"} <= {part.strip() for part in lines[2].split("   ")}
