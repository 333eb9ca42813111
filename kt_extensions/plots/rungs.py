"""Which trials of a search were promoted, rung by rung."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from kt_extensions.plots.drawing import (
    BEST,
    FAILED,
    TEXT,
    TRIAL,
    check_one_objective,
    explain,
    finish,
    mark_failed,
    new_figure,
    score_label,
    spans_magnitudes,
)
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_rungs(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
) -> Figure:
    """Draws the trials of each rung by their scores, and which of them went on in the next.

    A plot for each bracket, whose title tells how many trials there were in its rungs. Trials that
    were not promoted are rings; the best is a star. From a promoted trial no line goes on if it has
    failed then, or still runs. The axis of the epochs is logarithmic; that of the score is when all
    scores are positive and the largest is over 100 times the smallest.

    Args:
        source: A tuner that shares out epochs (Hyperband, BOHB, ASHA, successive halving;
            KerasTuner's Hyperband, too), or the project folder (`directory/project_name`) of its
            search, running or finished.

    Returns:
        The figure; save it with `figure.savefig("rungs.png", dpi=200)`. It is not registered with
        pyplot and needs no display.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If the search has no rungs, or several objectives.

    Example:
        >>> figure = plot_rungs("results/digits")  # doctest: +SKIP
        >>> figure.savefig("rungs.png")  # doctest: +SKIP
    """
    search = view_of(source)
    check_one_objective(search)
    brackets = _brackets(search)
    figure = new_figure(max(7, 2.4 * len(brackets)), 4)
    grid = figure.subplots(1, len(brackets), sharex=True, sharey=True, squeeze=False)[0]
    scores = [trial.score for trial in search.scored if trial.score is not None]
    epochs = sorted({t.rung["epochs"] for trials in brackets.values() for t in trials})
    for axes, (number, trials) in zip(grid, brackets.items(), strict=True):
        if scores and spans_magnitudes(scores):
            axes.set_yscale("log")
        _draw(axes, search, trials)
        _label(axes, trials, "" if len(brackets) == 1 else f"bracket {number}: ")
    grid[0].set_xticks(epochs, labels=[str(number) for number in epochs])
    grid[0].set_xlim(epochs[0] / 1.25, epochs[-1] * 1.25)
    grid[0].set_ylabel(score_label(search), color=TEXT)
    _explain(figure, search)
    return figure


def _brackets(search: SearchView) -> dict[int, list[TrialView]]:
    """Returns the trials of each bracket, the bracket with the most rungs first."""
    brackets: dict[int, list[TrialView]] = {}
    for trial in search.trials:
        if trial.rung.get("epochs") and "round" in trial.rung:
            brackets.setdefault(trial.rung.get("bracket", 0), []).append(trial)
    if not brackets:
        raise ValueError(
            "Expected a search whose trials have rungs, as those of Hyperband, BOHB and ASHA. "
            f"Received: {search.name!r}, which has none. Use `plot_history` or `plot_curves`."
        )
    return dict(sorted(brackets.items(), reverse=True))


def _draw(axes: Axes, search: SearchView, trials: list[TrialView]) -> None:
    place = {t.trial_id: (t.rung["epochs"], t.score) for t in trials if t.score is not None}
    lines = [(t.parent, t.trial_id) for t in trials if t.parent in place and t.trial_id in place]
    for parent, child in lines:
        ends = [place[name] for name in (parent, child) if name is not None]
        axes.plot(*zip(*ends, strict=True), color=TRIAL, lw=1.1, zorder=2)
    promoted = {trial.parent for trial in trials}
    best = {search.best.trial_id} if search.best else set()
    ring: Any = {"s": 26, "linewidths": 1.2, "edgecolors": TRIAL, "zorder": 3}
    star: Any = {"marker": "*", "s": 170, "color": BEST, "edgecolors": "white", "zorder": 4}
    _scatter(axes, place, place.keys() - promoted - best, facecolors="white", **ring)
    _scatter(axes, place, place.keys() & promoted - best, facecolors=TRIAL, **ring)
    _scatter(axes, place, place.keys() & best, **star)
    mark_failed(axes, search, [t.rung["epochs"] for t in trials if t.failed], s=36, zorder=4)


def _scatter(
    axes: Axes, place: dict[str, tuple[int, float]], names: AbstractSet[str], **look: Any
) -> None:
    """Draws some trials in the order in which they began."""
    if names:
        points = [point for name, point in place.items() if name in names]
        axes.scatter(*zip(*points, strict=True), **look)


def _label(axes: Axes, trials: list[TrialView], name: str) -> None:
    from matplotlib.ticker import NullLocator

    sizes = Counter(trial.rung["epochs"] for trial in trials)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("epochs", color=TEXT)
    finish(axes, "", grid="both")
    counts = " → ".join(str(sizes[epochs]) for epochs in sorted(sizes))
    axes.set_title(f"{name}{counts}", color=TEXT, fontsize="medium")


def _explain(figure: Figure, search: SearchView) -> None:
    """Adds the title and a legend of the marks, once for all plots."""
    marks: dict[str, dict[str, Any]] = {
        "promoted": {"marker": "o", "color": TRIAL},
        "not promoted": {"marker": "o", "color": TRIAL, "markerfacecolor": "white"},
        "best": {"marker": "*", "color": BEST, "markersize": 11},
        "failed": {"marker": "x", "color": FAILED},
    }
    if not any(trial.failed for trial in search.trials):
        del marks["failed"]
    explain(figure, search.name, marks)
