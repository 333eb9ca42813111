"""The scores of a search over two hyperparameters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_extensions.plots.drawing import (
    TEXT,
    check_one_objective,
    dots,
    figure_of,
    finish,
    new_axes,
    score_colors,
    score_label,
    write_instead,
)
from kt_extensions.plots.labels import broken, room
from kt_extensions.plots.scales import Scale, scales_of
from kt_extensions.searches import SearchView, view_of
from kt_extensions.space.domains import Array

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELLS = 150  # along an axis of numbers
_BANDWIDTH = 0.08  # of the kernel, as a share of the axis
_REACH = 2.0  # bandwidths from a lone trial, beyond which nothing is drawn
_PALE = 0.45  # how much white there is in the ground


def plot_contour(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    x: str,
    y: str,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draws the score over two hyperparameters: the trials, and the mean of those nearby.

    The ground is the mean of the scores around each place, weighted by a Gaussian whose standard
    deviation is 8% of an axis; of an option, of the trials with that option. Where no trial is
    nearby it stays white. All other hyperparameters vary, so a dot may differ from the ground below
    it. The darker, the better. Trials in which one of the two was inactive are missing.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any KerasTuner search,
            running or finished.
        x: The name of the hyperparameter on the horizontal axis.
        y: The name of the one on the vertical axis.
        ax: Where to draw. By default a new figure of 7 by 4 inches, which is not registered with
            pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("contour.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If a hyperparameter is not known, both are the same, or there are several
            objectives.

    Example:
        >>> figure = plot_contour("results/digits", "rate", "units")  # doctest: +SKIP
        >>> figure.savefig("contour.png")  # doctest: +SKIP
    """
    search = view_of(source)
    check_one_objective(search)
    if x == y:
        raise ValueError(f"Expected two different hyperparameters. Received: {x!r} twice.")
    across, up = scales_of(search, [x, y]).values()
    axes = new_axes() if ax is None else ax
    points = _points(search, across, up)
    finish(axes, search.name, grid="both")
    axes.grid(False)
    if len(points):
        _draw(axes, search, (across, up), points)
        across.apply(axes, "x")
        up.apply(axes, "y")
    else:
        write_instead(axes, "no completed trial has both")
    axes.set_xlabel(broken(x, room(axes, "x")), color=TEXT)
    axes.set_ylabel(broken(y, room(axes, "y")), color=TEXT)
    return figure_of(axes)


def _points(search: SearchView, across: Scale, up: Scale) -> Array:
    """Returns the positions and the score of each trial, `(n, 3)`."""
    rows = []
    for trial in search.scored:
        places = [scale.position(trial.values.get(scale.name)) for scale in (across, up)]
        if None not in places:
            rows.append([*places, trial.score])
    return np.array(rows, float).reshape(-1, 3)


def _draw(axes: Axes, search: SearchView, scales: tuple[Scale, Scale], points: Array) -> None:
    colors = score_colors(search)
    edges = [_edges(scale) for scale in scales]
    ground = _ground(scales, points, logarithmic=type(colors.norm).__name__ == "LogNorm")
    look: dict[str, Any] = {"cmap": colors.cmap, "norm": colors.norm}
    pale = {**look, "cmap": _pale(colors.cmap)}
    axes.pcolormesh(*edges, ground, zorder=1, rasterized=True, **pale)
    dot = {**dots(len(points)), "linewidths": 0.9}
    axes.scatter(points[:, 0], points[:, 1], c=points[:, 2], label=None, **look, **dot)
    bar = axes.figure.colorbar(colors, ax=axes, pad=0.02)
    bar.set_label(score_label(search), color=TEXT)
    bar.outline.set_visible(False)


def _pale(colors: Any) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap(_PALE + (1 - _PALE) * colors(np.linspace(0, 1, 256))[:, :3])


def _edges(scale: Scale) -> list[float]:
    """Returns the edges of the cells along an axis."""
    cells = len(scale.options) or _CELLS
    return [scale.at(i / cells) for i in range(cells + 1)]


def _ground(scales: tuple[Scale, Scale], points: Array, logarithmic: bool) -> Array:
    """Returns the mean score around the centre of each cell, `(rows, columns)`, NaN far away."""
    across, up = (_closeness(scale, points[:, i]) for i, scale in enumerate(scales))
    scores = np.log(points[:, 2]) if logarithmic else points[:, 2]
    total = up @ across.T
    near = total >= np.exp(-0.5 * _REACH**2)
    means = np.divide((up * scores) @ across.T, total, out=np.full_like(total, np.nan), where=near)
    ground: Array = np.exp(means) if logarithmic else means
    return ground


def _closeness(scale: Scale, positions: Array) -> Array:
    """Returns the weight of each trial in each cell along an axis, `(cells, n)`."""
    if scale.options:
        return np.asarray(np.arange(len(scale.options))[:, np.newaxis] == positions, float)
    centers = (np.arange(_CELLS) + 0.5) / _CELLS
    shares = np.array([scale.share(position) for position in positions])
    closeness: Array = np.exp(-0.5 * ((centers[:, np.newaxis] - shares) / _BANDWIDTH) ** 2)
    return closeness
