"""The scores of a search in the order of its trials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kt_extensions.plots.drawing import (
    BEST,
    TEXT,
    TRIAL,
    count_along,
    dots,
    figure_of,
    finish,
    mark_failed,
    new_axes,
    score_label,
    spans_magnitudes,
    write_instead,
)
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_history(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draws the trials' scores in the order they were started, and the best score so far.

    The score of several objectives is their sum: see `plot_pareto_front`.

    Trials are counted from 0, like KerasTuner's ids. Pruned ones are rings; failed ones are marked
    on the edge where bad scores lie. The axis is logarithmic when all scores are positive and the
    largest is over 100 times the smallest.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any KerasTuner search,
            running or finished.
        ax: Where to draw. By default a new figure of 7 by 4 inches, which is not registered with
            pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("history.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.

    Example:
        >>> figure = plot_history("results/digits")  # doctest: +SKIP
        >>> figure.savefig("history.png")  # doctest: +SKIP
    """
    axes = new_axes() if ax is None else ax
    search = view_of(source)
    if search.scored:
        _draw_scores(axes, search)
    else:
        write_instead(axes, "no completed trial")
    failed = [trial.number for trial in search.trials if trial.failed]
    mark_failed(axes, search, failed, s=40, zorder=3, label="failed")
    _label(axes, search)
    return figure_of(axes)


def _draw_scores(axes: Axes, search: SearchView) -> None:
    if spans_magnitudes([score for _, score in _points(search.scored)]):
        axes.set_yscale("log")
    dot = dots(len(search.trials))
    _draw_trials(axes, search, dot)
    steps = _points(search.incumbents)
    axes.scatter(*zip(*steps, strict=True), color=BEST, **dot)
    line = [*steps, (len(search.trials) - 1, steps[-1][1])]
    axes.step(*zip(*line, strict=True), where="post", color=BEST, lw=1.8, label="best so far")
    axes.margins(y=0.14)
    _annotate_best(axes, search, *steps[-1])


def _points(trials: list[TrialView]) -> list[tuple[int, float]]:
    return [(trial.number, trial.score) for trial in trials if trial.score is not None]


def _draw_trials(axes: Axes, search: SearchView, dot: dict[str, Any]) -> None:
    """Draws those that ran to their end as dots, and pruned ones as rings."""
    for pruned, label in ((False, "trial"), (True, "pruned")):
        kind = [trial for trial in search.scored if trial.pruned == pruned]
        if kind:
            ring = {"facecolors": "white", "edgecolors": TRIAL, "linewidths": 1.2}
            look: dict[str, Any] = {**dot, **(ring if pruned else {"color": TRIAL})}
            axes.scatter(*zip(*_points(kind), strict=True), label=label, **look)


def _annotate_best(axes: Axes, search: SearchView, number: int, score: float) -> None:
    upwards = search.direction == "max"
    on_the_right = number > 0.6 * len(search.trials)
    axes.scatter([number], [score], s=80, color=BEST, edgecolors="white", zorder=4)
    axes.annotate(
        f"{score:.5g} in trial {search.trials[number].trial_id}",
        (number, score),
        xytext=(0, 9 if upwards else -9),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        va="bottom" if upwards else "top",
        color=BEST,
        fontweight="bold",
    )


def _label(axes: Axes, search: SearchView) -> None:
    axes.set_xlabel("trial", color=TEXT)
    axes.set_ylabel(score_label(search), color=TEXT)
    count = len(search.trials)
    space = max(0.6, 0.015 * count)
    axes.set_xlim(-space, count - 1 + space)
    count_along(axes.xaxis)
    finish(axes, search.name, grid="y")
