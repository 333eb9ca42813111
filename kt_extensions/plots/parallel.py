"""The configurations of a search as lines through parallel axes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kt_extensions.plots.drawing import (
    LINE,
    TEXT,
    check_one_objective,
    figure_of,
    new_figure,
    score_colors,
    score_label,
    write_instead,
    write_title,
)
from kt_extensions.plots.labels import broken, room
from kt_extensions.plots.scales import Scale, scales_of
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INACTIVE = -0.17
"""Where lines cross the axis of a hyperparameter that is inactive; its domain is from 0 to 1."""
_ROOM = 0.25
"""Of the inactive ones."""
_SPREAD = 0.4  # of the room that an option has, over which its lines are spread


def plot_parallel(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    *,
    hyperparameters: Iterable[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws each trial with a score as a line through an axis for each hyperparameter.

    The last axis is the score. The better a trial, the darker its line, and it lies above worse
    ones; the best is thicker. A line passes below an axis whose hyperparameter was inactive in the
    trial. Axes are logarithmic where the domain is; numbers go up, options are listed from below.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any KerasTuner search,
            running or finished.
        hyperparameters: The names of those to draw, in this order; by default all that have several
            values.
        ax: Where to draw. By default a new figure, as wide as it needs to be, which is not
            registered with pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("parallel.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If a hyperparameter is not known, or there are several objectives.

    Example:
        >>> figure = plot_parallel("results/digits")  # doctest: +SKIP
        >>> figure.savefig("parallel.png")  # doctest: +SKIP
    """
    search = view_of(source)
    check_one_objective(search)
    scales = list(scales_of(search, hyperparameters).values())
    axes = new_figure(max(7, 1.4 * len(scales) + 2)).add_subplot() if ax is None else ax
    write_title(axes, search.name)
    axes.spines[:].set_visible(False)
    if search.scored:
        _draw(axes, search, scales)
    else:
        write_instead(axes, "no completed trial")
    return figure_of(axes)


def _draw(axes: Axes, search: SearchView, scales: list[Scale]) -> None:
    from matplotlib.collections import LineCollection

    colors = score_colors(search)
    worst_first = sorted(search.scored, key=_score, reverse=search.direction == "min")
    lines = [
        _line(search, scales, trial, float(colors.norm(_score(trial)))) for trial in worst_first
    ]
    shades = colors.to_rgba([_score(trial) for trial in worst_first])
    best = search.best
    widths = [2.6 if trial is best else 1.0 for trial in worst_first]
    axes.add_collection(LineCollection(lines, colors=shades, linewidths=widths, zorder=2))
    for number, scale in enumerate(scales):
        _draw_axis(axes, number, _ticks(scale))
    _draw_axis(axes, len(scales), _score_ticks(colors.norm))
    _label(axes, search, scales)


def _line(
    search: SearchView, scales: list[Scale], trial: TrialView, score: float
) -> list[tuple[float, float]]:
    """Returns where the line of a trial crosses the axes.

    Lines through one option are spread by the numbers of their trials, so that they can be told
    apart on either side of it.
    """
    aside = _SPREAD * ((trial.number + 0.5) / len(search.trials) - 0.5)
    heights = [_height(scale, trial.values.get(scale.name), aside) for scale in scales]
    return [*enumerate(heights), (len(scales), score)]


def _height(scale: Scale, value: Any, aside: float) -> float:
    position = scale.position(value)
    if position is None:
        return _INACTIVE + aside * _ROOM
    return scale.share(position) + (aside / len(scale.options) if scale.options else 0)


def _score(trial: TrialView) -> float:
    return 0.0 if trial.score is None else trial.score


def _ticks(scale: Scale) -> dict[float, str]:
    """Returns the labels of an axis by their place on it."""
    if scale.options:
        positions = [float(number) for number in range(len(scale.options))]
    else:
        positions = [scale.at(share) for share in (0.0, 0.5, 1.0)]
    if scale.whole:
        positions = [float(round(position)) for position in positions]
    return {scale.share(position): scale.label(position) for position in positions}


def _score_ticks(norm: Any) -> dict[float, str]:
    if norm.vmin == norm.vmax:
        return {0.0: f"{norm.vmin:.4g}"}
    return {share: f"{float(norm.inverse(share)):.4g}" for share in (0.0, 0.5, 1.0)}


def _draw_axis(axes: Axes, number: int, ticks: dict[float, str]) -> None:
    from matplotlib.patheffects import withStroke

    axes.plot([number, number], [0, 1], color=LINE, lw=1, zorder=3)
    halo = [withStroke(linewidth=3, foreground="white")]
    for place, text in ticks.items():
        look: dict[str, Any] = {"color": TEXT, "fontsize": "small", "path_effects": halo}
        axes.plot([number - 0.02, number], [place, place], color=LINE, lw=1, zorder=3)
        axes.text(number + 0.03, place, text, va="center", zorder=5, **look)


def _label(axes: Axes, search: SearchView, scales: list[Scale]) -> None:
    inactive = [number for number, scale in enumerate(scales) if _is_inactive(search, scale)]
    for number in inactive:
        look: dict[str, Any] = {"va": "center", "fontsize": "small", "color": TEXT}
        axes.text(number + 0.06, _INACTIVE - 0.08, "inactive", **look)
    left, right = -0.15, len(scales) + 0.45
    width = room(axes, "x") / (right - left)
    names = [broken(name, width) for name in (*(scale.name for scale in scales), search.objective)]
    names[-1] += "\n(" + score_label(search).rsplit(" (", 1)[1]
    axes.set_xticks(range(len(names)), labels=names)
    axes.tick_params(length=0, pad=4, labelcolor=TEXT)
    axes.set_yticks([])
    axes.set_xlim(left, right)
    axes.set_ylim(_INACTIVE - 0.12 if inactive else -0.05, 1.05)


def _is_inactive(search: SearchView, scale: Scale) -> bool:
    """Whether a hyperparameter is inactive in a trial."""
    return any(scale.position(trial.values.get(scale.name)) is None for trial in search.scored)
