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
