"""The learning curves of a search."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from kt_extensions.plots.drawing import (
    BEST,
    FAILED,
    TEXT,
    TRIAL,
    count_along,
    figure_of,
    finish,
    new_axes,
    spans_magnitudes,
    write_instead,
)
from kt_extensions.plots.labels import without_formulas
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = list[tuple[float, float]]


def plot_curves(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    *,
    metric: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws how a metric of each trial went, epoch by epoch.

    Each execution of a trial is a line. A trial that goes on from another one begins where that one
    ended, which a triangle marks; a cross marks where a trial was pruned. The best trial stands
    out, with the trials that it goes on from. The axis of the metric is logarithmic when all values
    are positive and the largest is over 100 times the smallest.

    Args:
        source: A tuner of this package, or the project folder (`directory/project_name`) of its
            search, running or finished. KerasTuner's own tuners keep no learning curves.
        metric: Name of the metric; by default the objective, the first one if there are several.
        ax: Where to draw. By default a new figure of 7 by 4 inches, which is not registered with
            pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("curves.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If no trial has logged the metric, but others.

    Example:
        >>> figure = plot_curves("results/digits", metric="val_loss")  # doctest: +SKIP
        >>> figure.savefig("curves.png")  # doctest: +SKIP
    """
    axes = new_axes() if ax is None else ax
    search = view_of(source)
    name = search.objectives[0][0] if metric is None else metric
    _check_logged(search, name)
    curves = {trial.trial_id: _curves(search, trial, name) for trial in search.trials}
    numbers = [y for several in curves.values() for curve in several for _, y in curve]
    if numbers:
        _draw(axes, search, curves)
        _label(axes, name, numbers)
    else:
        write_instead(axes, "no learning curve was kept")
    finish(axes, search.name, grid="both")
    return figure_of(axes)


def _check_logged(search: SearchView, metric: str) -> None:
    logged = {name: None for t in search.trials for execution in t.history for name in execution}
    if logged and metric not in logged:
        raise ValueError(
            f"Expected `metric` to be one that the trials have logged: "
            f"{[name for name in logged if name != 'epoch']}. Received: {metric!r}."
        )


def _curves(search: SearchView, trial: TrialView, metric: str) -> list[Curve]:
    """Returns the curve of each execution, from the end of the trial that it goes on from."""
    curves = [_curve(execution, metric) for execution in trial.history]
    before = search.trial(trial.parent) if trial.parent else None
    if before is None:
        return curves
    ends = [_curve(execution, metric)[-1:] for execution in before.history]
    ends += [[]] * (len(curves) - len(ends))
    return [end + curve for end, curve in zip(ends, curves, strict=False)]


def _curve(execution: dict[str, list[float]], metric: str) -> Curve:
    numbers = execution.get(metric, [])
    points = zip(execution["epoch"], numbers, strict=False)
    return [(epoch + 1, number) for epoch, number in points if math.isfinite(number)]


def _draw(axes: Axes, search: SearchView, curves: dict[str, list[Curve]]) -> None:
    best = _line_of_descent(search)
    dim: Any = {"color": TRIAL, "lw": 0.9, "alpha": min(0.7, max(0.1, 40 / len(curves)))}
    for name, several in curves.items():
        for curve in several:
            if curve and name not in best:
                axes.plot(*zip(*curve, strict=True), marker="" if curve[1:] else ".", **dim)
    for name in best:
        for curve in filter(None, curves[name]):
            line: Any = {"color": BEST, "lw": 2.2, "zorder": 4, "marker": "" if curve[1:] else "."}
            label = f"best, trial {best[0]}" if name == best[0] else None
            axes.plot(*zip(*curve, strict=True), label=label, **line)
    cross: Any = {"s": 26, "linewidths": 1.3, "alpha": dim["alpha"] + 0.3}
    promoted = {trial.parent for trial in search.trials if trial.parent}
    pruned = {trial.trial_id for trial in search.trials if trial.pruned}
    _mark(axes, curves, promoted, "promoted", marker="^", color=BEST, edgecolors="white", s=34)
    _mark(axes, curves, pruned, "pruned", marker="x", color=FAILED, **cross)


def _line_of_descent(search: SearchView) -> list[str]:
    """Returns the best trial and those that it goes on from, by name; none if there is no best."""
    trial = search.best if len(search.objectives) == 1 else None
    found: list[str] = []
    while trial is not None and trial.trial_id not in found:
        found.append(trial.trial_id)
        trial = search.trial(trial.parent) if trial.parent else None
    return found


def _mark(
    axes: Axes, curves: dict[str, list[Curve]], trials: set[str], label: str, **look: Any
) -> None:
    """Marks the ends of some trials."""
    ends = [c[-1] for name in curves if name in trials for c in curves[name][-1:] if c]
    if ends:
        axes.scatter(*zip(*ends, strict=True), label=label, zorder=5, **look)


def _label(axes: Axes, metric: str, numbers: list[float]) -> None:
    if spans_magnitudes(numbers):
        axes.set_yscale("log")
    count_along(axes.xaxis)
    axes.set_xlabel("epochs trained", color=TEXT)
    axes.set_ylabel(without_formulas(metric), color=TEXT)
