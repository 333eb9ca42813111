"""The scores of a search over each hyperparameter."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_extensions.plots.drawing import (
    BEST,
    TEXT,
    check_one_objective,
    dots,
    explain,
    finish,
    new_figure,
    score_label,
    spans_magnitudes,
    write_instead,
)
from kt_extensions.plots.labels import broken, room
from kt_extensions.plots.scales import Scale, scales_of
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
_SPREAD = 0.5  # of the room of an option, over which its trials lie side by side


def plot_slices(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    *,
    hyperparameters: Iterable[str] | None = None,
) -> Figure:
    """Draws the score over each hyperparameter, side by side.

    The later a trial, the darker its dot, and the farther to the right among those with the same
    option. Pruned trials are rings; the best is a star. A trial is missing where the hyperparameter
    was inactive in it. Axes are logarithmic where the domain is, that of the score when all scores
    are positive and the largest is over 100 times the smallest.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any KerasTuner search,
            running or finished.
        hyperparameters: The names of those to draw; by default all that have several values.

    Returns:
        The figure, four plots wide; save it with `figure.savefig("slices.png", dpi=200)`. It is not
        registered with pyplot and needs no display.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If a hyperparameter is not known, there is none to draw, or there are several
            objectives.

    Example:
        >>> figure = plot_slices("results/digits", hyperparameters=["rate"])  # doctest: +SKIP
        >>> figure.savefig("slices.png")  # doctest: +SKIP
    """
    search = view_of(source)
    check_one_objective(search)
    scales = list(scales_of(search, hyperparameters).values())
    if not scales:
        raise ValueError("Expected a search with hyperparameters to draw. Received: one with none.")
    columns = min(len(scales), _COLUMNS)
    rows = -(-len(scales) // columns)
    figure = new_figure(max(7, 2.4 * columns), 0.6 + 2.7 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for number, (axes, scale) in enumerate(zip(grid, scales, strict=False)):
        _draw(axes, search, scale)
        axes.set_ylabel("" if number % columns else score_label(search), color=TEXT)
    for axes in grid[len(scales) :]:
        axes.remove()
    _explain(figure, search)
    return figure


def _explain(figure: Figure, search: SearchView) -> None:
    """Adds the title and a legend of the marks, once for all plots."""
    marks: dict[str, dict[str, Any]] = {
        "first trials": {"marker": "o", "color": _shade(0)},
        "last trials": {"marker": "o", "color": _shade(1)},
        "pruned": {"marker": "o", "markerfacecolor": "white", "color": _shade(0.7)},
        "best": {"marker": "*", "color": BEST, "markersize": 11},
    }
    if not any(trial.pruned for trial in search.scored):
        del marks["pruned"]
    explain(figure, search.name, marks)


def _draw(axes: Axes, search: SearchView, scale: Scale) -> None:
    scores = [trial.score for trial in search.scored if trial.score is not None]
    if not scores:
        write_instead(axes, "no completed trial")
    elif spans_magnitudes(scores):
        axes.set_yscale("log")
    scale.apply(axes, "x")
    _draw_trials(axes, search, scale)
    axes.set_xlabel(broken(scale.name, room(axes, "x")), color=TEXT)
    finish(axes, "", grid="y")


def _draw_trials(axes: Axes, search: SearchView, scale: Scale) -> None:
    dot = dots(len(search.trials))
    for pruned in (False, True):
        points = _points(search, [t for t in search.scored if t.pruned == pruned], scale)
        if points:
            numbers, x, y = np.transpose(points)
            shade = _shade(numbers / len(search.trials))
            ring: dict[str, Any] = {"facecolors": "white", "edgecolors": shade, "linewidths": 1.2}
            axes.scatter(x, y, **{**dot, **(ring if pruned else {"color": shade})})
    star: dict[str, Any] = {"marker": "*", "s": 150, "color": BEST, "edgecolors": "white"}
    for _, *best in _points(search, [search.best] if search.best else [], scale):
        axes.scatter(*best, zorder=4, **star)


def _shade(share: Any) -> Any:
    """Returns the color of a trial, or of some, by how far the search had come."""
    from matplotlib import colormaps

    return colormaps["Blues"](0.3 + 0.65 * share)


def _points(
    search: SearchView, trials: list[TrialView], scale: Scale
) -> list[tuple[int, float, float]]:
    """Returns the number, the place and the score of each trial that has the hyperparameter."""
    known = ((t, scale.position(t.values.get(scale.name)), t.score) for t in trials)
    room = _SPREAD / len(search.trials) if scale.options else 0.0
    middle = (len(search.trials) - 1) / 2
    return [
        (trial.number, x + room * (trial.number - middle), score)
        for trial, x, score in known
        if x is not None and score is not None
    ]
