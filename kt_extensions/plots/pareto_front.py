"""The Pareto front of a search with several objectives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_extensions import pareto
from kt_extensions.plots.drawing import (
    BEST,
    TEXT,
    TRIAL,
    dots,
    figure_of,
    finish,
    new_axes,
    objective_label,
    spans_magnitudes,
    write_instead,
)
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_pareto_front(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    *,
    objectives: tuple[str, str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws two objectives of the completed trials, and which trials no other one dominates.

    The line bounds what has been reached. The best compromise, the first of the tuner's
    `get_best_trials`, bears its name. An axis is logarithmic when all its values are positive and
    the largest is over 100 times the smallest.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of a search with the
            oracles of this package.
        objectives: The names of the two to draw, if there are more. The front is always that of
            all objectives, so it bears no line then.
        ax: Where to draw. By default a new figure of 7 by 4 inches, which is not registered with
            pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("front.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If it is not known which two objectives to draw.

    Example:
        >>> figure = plot_pareto_front("results/digits")  # doctest: +SKIP
        >>> figure.savefig("front.png")  # doctest: +SKIP
    """
    axes = new_axes() if ax is None else ax
    search = view_of(source)
    if isinstance(source, (str, os.PathLike)):
        _check_told(search)
    names = _two(objectives, search)
    trials = [trial for trial in search.trials if trial.scores]
    if trials:
        _draw(axes, search, trials, names)
    else:
        write_instead(axes, "no completed trial")
    across, up = (objective_label(name, dict(search.objectives)[name]) for name in names)
    axes.set_xlabel(across, color=TEXT)
    axes.set_ylabel(up, color=TEXT)
    finish(axes, search.name, grid="both")
    return figure_of(axes)


def _check_told(search: SearchView) -> None:
    if len(search.objectives) < 2:
        raise ValueError(
            "Expected the folder of a search with several objectives, made by an oracle of "
            f"kt_extensions. Received: {search.folder!r}, which does not tell them. Give the tuner."
        )


def _two(asked: tuple[str, str] | None, search: SearchView) -> tuple[str, ...]:
    known = [name for name, _ in search.objectives]
    names = tuple(asked or known)
    if len(names) != 2 or not set(names) <= set(known):
        raise ValueError(
            f"Expected two of the search's objectives, {known}. Received: objectives={asked!r}. "
            "A search with one is drawn by `plot_history`."
        )
    return names


def _draw(axes: Axes, search: SearchView, trials: list[TrialView], names: tuple[str, ...]) -> None:
    directions = dict(search.objectives)
    values = np.array([trial.scores for trial in trials])
    minimized = values * [1.0 if d == "min" else -1.0 for d in directions.values()]
    on_front = pareto.fronts(minimized) == 0
    x, y = values[:, [[*directions].index(name) for name in names]].T
    for numbers, set_scale in ((x, axes.set_xscale), (y, axes.set_yscale)):
        if spans_magnitudes(numbers.tolist()):
            set_scale("log")
    dot = dots(len(values))
    axes.scatter(x[~on_front], y[~on_front], color=TRIAL, label="trial", **dot)
    order = np.flatnonzero(on_front)[np.argsort(x[on_front], kind="stable")]
    larger = {**dot, "s": 1.8 * dot["s"]}
    axes.scatter(x[order], y[order], color=BEST, marker="D", label="Pareto front", **larger)
    if len(directions) == 2:
        where = "post" if directions[names[0]] == "min" else "pre"
        line: Any = {"where": where, "color": BEST, "lw": 1.4, "zorder": 2}
        axes.step(x[order], y[order], **line)
    axes.margins(0.08)
    best = int(pareto.compromises(minimized)[0])
    _name_best(axes, x, y, best, trials[best].trial_id)


def _name_best(axes: Axes, x: Any, y: Any, best: int, name: str) -> None:
    """Writes towards the middle of the figure, away from the edge that is nearer."""
    from matplotlib.patheffects import withStroke

    axes.scatter(x[best], y[best], s=110, color=BEST, marker="D", edgecolors="white", zorder=4)
    at = axes.transAxes.inverted().transform(axes.transData.transform((x[best], y[best])))
    on_the_right, high = at[0] > 0.6, at[1] > 0.5
    axes.annotate(
        f"trial {name}, the best compromise",
        (x[best], y[best]),
        xytext=(-9 if on_the_right else 9, -12 if high else 12),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        va="top" if high else "bottom",
        color=BEST,
        fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground="white")],
        zorder=5,
    )
