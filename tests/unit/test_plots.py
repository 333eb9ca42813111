"""What the figures show, read back from their artists."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions import store
from kt_extensions.plots import plot_history, plot_pareto_front

pytest.importorskip("matplotlib")

FAILED = None


def tuner(scores: list[float | None], direction: str = "max") -> Any:
    trials = {}
    for i, score in enumerate(scores):
        status = "FAILED" if score is FAILED else "COMPLETED"
        trial = kt.engine.trial.Trial(kt.HyperParameters(), f"{i:02d}", status)
        trial.score = score
        trials[trial.trial_id] = trial
    oracle = SimpleNamespace(objective=kt.Objective("val_score", direction), trials=trials)
    return SimpleNamespace(project_name="digits", oracle=oracle)


def points(axes: Any, label: str) -> list[tuple[float, float]]:
    (scatter,) = (c for c in axes.collections if c.get_label() == label)
    return [tuple(point) for point in scatter.get_offsets().tolist()]


def incumbent(axes: Any) -> list[tuple[float, float]]:
    (line,) = (line for line in axes.lines if line.get_label() == "best so far")
    return [tuple(point) for point in np.transpose(line.get_data()).tolist()]


def annotation(axes: Any) -> str:
    (text,) = axes.texts
    return str(text.get_text())


def save_project(folder: Path, trials: dict[str, dict[str, Any]]) -> None:
    """Writes trials as KerasTuner does."""
    for trial_id, content in trials.items():
        trial = kt.engine.trial.Trial(kt.HyperParameters(), trial_id, content["status"])
        trial.score = content.get("score")
        for name, (direction, values) in content.get("metrics", {}).items():
            trial.metrics.register(name, direction)
            for value in values:
                trial.metrics.update(name, value)
        (folder / f"trial_{trial_id}").mkdir(parents=True)
        trial.save(str(folder / f"trial_{trial_id}" / "trial.json"))


def completed(score: float, **metrics: tuple[str, list[float]]) -> dict[str, Any]:
    return {"status": "COMPLETED", "score": score, "metrics": metrics}


def test_scores_incumbent_and_best_of_a_maximised_objective() -> None:
    (axes,) = plot_history(tuner([0.5, 0.7, FAILED, 0.6, 0.9, 0.8])).axes
    assert points(axes, "trial") == [(0, 0.5), (1, 0.7), (3, 0.6), (4, 0.9), (5, 0.8)]
    assert incumbent(axes) == [(0, 0.5), (1, 0.7), (4, 0.9), (5, 0.9)]
    assert annotation(axes) == "0.9 in trial 04"
    assert axes.get_ylabel() == "val_score (higher is better)"
    assert axes.get_title(loc="left") == "digits"
    assert axes.get_yscale() == "linear"


def test_minimised_objective_over_orders_of_magnitude() -> None:
    (axes,) = plot_history(tuner([10.0, FAILED, 1.0, 2.0, 0.01], "min")).axes
    assert incumbent(axes) == [(0, 10.0), (2, 1.0), (4, 0.01), (4, 0.01)]
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "val_score (lower is better)"


def test_scores_around_zero_stay_linear() -> None:
    (axes,) = plot_history(tuner([-1000.0, 0.0, 1e-3], "min")).axes
    assert axes.get_yscale() == "linear"


@pytest.mark.parametrize(("direction", "edge"), [("max", 0.0), ("min", 1.0)])
def test_failed_trials_lie_on_the_edge_of_bad_scores(direction: str, edge: float) -> None:
    (axes,) = plot_history(tuner([0.5, FAILED, FAILED, float("inf")], direction)).axes
    assert points(axes, "failed") == [(1, edge), (2, edge), (3, edge)]
    (scatter,) = (c for c in axes.collections if c.get_label() == "failed")
    assert scatter.get_offset_transform() == axes.get_xaxis_transform()


def test_pruned_trials_are_told_apart() -> None:
    source = tuner([0.5, 0.25, 0.75])
    source.oracle.trials["01"].message = "Pruned: worse than all."
    axes = plot_history(source).axes[0]
    assert points(axes, "trial") == [(0, 0.5), (2, 0.75)]
    assert points(axes, "pruned") == [(1, 0.25)]


def test_no_completed_trial() -> None:
    (axes,) = plot_history(tuner([FAILED])).axes
    assert annotation(axes) == "no completed trial"


def test_project_folder(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    trials = {
        "9": completed(0.25, loss=("min", [0.25]), val_loss=("min", [0.2, 0.3])),
        "10": completed(0.5, loss=("min", [0.5, 0.7]), val_loss=("min", [0.5])),
        "11": {"status": "FAILED"},
        "12": {"status": "RUNNING"},
    }
    save_project(folder, trials)
    (axes,) = plot_history(folder).axes
    assert points(axes, "trial") == [(0, 0.25), (1, 0.5)]
    assert points(axes, "failed") == [(2, 1.0)]
    assert axes.get_ylabel() == "val_loss (lower is better)"
    assert axes.get_title(loc="left") == "letters"


def test_project_folder_of_a_real_search(tmp_path: Path) -> None:
    class Search(kt.RandomSearch):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            x = trial.hyperparameters.Float("x", 0.0, 1.0)
            return {"val_gain": x, "val_cost": 1 - x}

    objective = kt.Objective("val_gain", "max")
    search = Search(
        objective=objective, max_trials=4, seed=7, directory=tmp_path, project_name="real"
    )
    search.search(verbose=0)
    (from_tuner,) = plot_history(search).axes
    (from_folder,) = plot_history(str(tmp_path / "real")).axes
    assert points(from_folder, "trial") == points(from_tuner, "trial")
    assert len(points(from_folder, "trial")) == 4
    assert from_folder.get_ylabel() == "val_gain (higher is better)"
    assert annotation(from_folder) == annotation(from_tuner)


def test_damaged_trial_files_are_skipped_with_a_warning(tmp_path: Path) -> None:
    good = completed(0.5, val_loss=("min", [0.5]))
    save_project(tmp_path, {"0": good, "1": good, "2": good})
    (tmp_path / "trial_1" / "trial.json").write_bytes(b"")
    (tmp_path / "trial_2" / "trial.json").write_text(json.dumps({"trial_id": "2"}))
    with pytest.warns(UserWarning, match="not a readable trial") as caught:
        (axes,) = plot_history(tmp_path).axes
    assert len(caught) == 2
    assert points(axes, "trial") == [(0, 0.5)]


def test_unknown_direction_is_said(tmp_path: Path) -> None:
    save_project(tmp_path, {"0": completed(0.5, val_loss=("min", [0.4]))})
    with pytest.warns(UserWarning, match="No metric has the trials' scores"):
        (axes,) = plot_history(tmp_path).axes
    assert axes.get_ylabel() == "score (lower is better)"


def test_axes_of_the_caller() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subfigures(1, 2)
    axes = right.subplots()
    assert plot_history(tuner([0.5]), ax=axes) is figure
    assert points(axes, "trial") == [(0, 0.5)]
    assert not left.axes


def test_figure_is_saved(tmp_path: Path) -> None:
    plot_history(tuner([0.5, 0.7, FAILED])).savefig(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


def test_pyplot_is_left_alone() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    figure = plot_history(tuner([0.5]))
    assert pyplot.get_fignums() == before
    assert figure.canvas.manager is None


def test_a_notebook_shows_the_figure() -> None:
    figure = plot_history(tuner([0.5, 0.7]))
    assert type(figure)._repr_png_(figure).startswith(b"\x89PNG")
    copied = pickle.loads(pickle.dumps(figure))
    assert copied._repr_png_() == figure._repr_png_()


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kt_extensions.plots.shown", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "kt-extensions\[plots\]"'):
        plot_history(tuner([0.5]))


def test_wrong_source_is_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"trial_\*/trial.json"):
        plot_history(tmp_path)
    with pytest.raises(TypeError, match="Received: source=3"):
        plot_history(3)  # type: ignore[arg-type]


# The Pareto front.

TWO = {"loss": "min", "size": "max"}


def several(outcomes: list[tuple[float, ...] | None], directions: dict[str, str] = TWO) -> Any:
    parts = [kt.Objective(name, direction) for name, direction in directions.items()]
    made = tuner([FAILED] * len(outcomes))
    made.oracle.objective = kt.Oracle(objective=parts).objective
    for number, outcome in enumerate(outcomes):
        name = f"{number:02d}"
        trial = kt.engine.trial.Trial(kt.HyperParameters(), name, "FAILED")
        if outcome is not None:
            trial.status, trial.best_step, trial.score = "COMPLETED", 0, sum(outcome)
            for metric, value in zip(directions, outcome, strict=True):
                trial.metrics.update(metric, value)
        made.oracle.trials[name] = trial
    return made


OUTCOMES = [(3.0, 5.0), (1.0, 2.0), None, (2.0, 1.0), (2.0, 4.5), (9.0, 5.0)]


def test_the_front_of_two_objectives() -> None:
    (axes,) = plot_pareto_front(several(OUTCOMES)).axes
    assert points(axes, "trial") == [(2, 1), (9, 5)]
    assert points(axes, "Pareto front") == [(1, 2), (2, 4.5), (3, 5)]
    assert annotation(axes) == "trial 04, the best compromise"
    assert axes.get_xlabel() == "loss (lower is better)"
    assert axes.get_ylabel() == "size (higher is better)"
    (line,) = axes.lines
    assert line.get_drawstyle() == "steps-post"
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")


def test_two_of_three_objectives() -> None:
    three = {"size": "max", "loss": "min", "seconds": "min"}
    outcomes = [(1.0, 1.0, 500.0), (1.0, 2.0, 1.0), (0.5, 3.0, 600.0)]
    made = several(outcomes, three)
    (axes,) = plot_pareto_front(made, objectives=("size", "seconds")).axes
    assert points(axes, "Pareto front") == [(1, 500), (1, 1)]
    assert (axes.get_yscale(), len(axes.lines)) == ("log", 0)
    for wrong in (None, ("size", "score"), ("size",)):
        with pytest.raises(ValueError, match=r"two of .*'size', 'loss', 'seconds'"):
            plot_pareto_front(made, objectives=wrong)


def test_the_first_objective_may_be_maximized() -> None:
    (axes,) = plot_pareto_front(several([(1.0, 2.0), (2.0, 1.0)], {"a": "max", "b": "min"})).axes
    assert points(axes, "Pareto front") == [(2, 1)]
    assert axes.lines[0].get_drawstyle() == "steps-pre"


def test_the_front_of_a_folder(tmp_path: Path) -> None:
    for trial in several(OUTCOMES).oracle.trials.values():
        (tmp_path / f"trial_{trial.trial_id}").mkdir()
        trial.save(str(tmp_path / f"trial_{trial.trial_id}" / "trial.json"))
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="which does not tell them"):
        plot_pareto_front(tmp_path)
    log = store.EventLog(tmp_path)
    sum_of_both = {"objective": "Multi...", "direction": "min", "objectives": TWO}
    log.create({"event": "search", **sum_of_both})
    with open(log.path, "ab") as file:
        file.write(b'{"event":"sta')  # a search is writing
    before = log.path.read_bytes()
    (axes,) = plot_pareto_front(tmp_path).axes
    assert points(axes, "Pareto front") == [(1, 2), (2, 4.5), (3, 5)]
    assert log.path.read_bytes() == before


def test_no_front_without_completed_trials_or_several_objectives() -> None:
    (axes,) = plot_pareto_front(several([None])).axes
    assert annotation(axes) == "no completed trial"
    with pytest.raises(ValueError, match="`plot_history`"):
        plot_pareto_front(tuner([1.0]))
