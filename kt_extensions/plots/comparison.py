"""Several searches beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_extensions.plots.drawing import (
    PALETTE,
    TEXT,
    check_one_objective,
    count_along,
    figure_of,
    finish,
    new_axes,
    score_label,
    spans_magnitudes,
    write_instead,
)
from kt_extensions.searches import SearchView, view_of
from kt_extensions.space.domains import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = ("-", "--", "-.", ":")


def plot_comparison(
    searches: Mapping[str, Any],
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draws the best score so far of several searches, or of groups of them with several seeds.

    Of a group the line is the mean, and the band reaches a standard deviation to either side. It
    begins where each search of the group has a score, and ends with the shortest. Failed trials
    count. The axis is logarithmic when all scores are positive and the largest is over 100 times
    the smallest.

    Args:
        searches: Tuners, or project folders (`directory/project_name`) of any KerasTuner search, or
            lists of these, by the names that the legend gives them.
        ax: Where to draw. By default a new figure of 7 by 4 inches, which is not registered with
            pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("comparison.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If a folder holds no trials.
        ValueError: If there are no searches, or their objectives differ, or one has several.

    Example:
        >>> groups = {"TPE": ["tpe/0", "tpe/1"], "random": ["random/0", "random/1"]}
        >>> figure = plot_comparison(groups)  # doctest: +SKIP
        >>> figure.savefig("comparison.png")  # doctest: +SKIP
    """
    groups = {name: _views(group) for name, group in searches.items()}
    one = _check_alike([search for group in groups.values() for search in group])
    axes = new_axes() if ax is None else ax
    looks = zip(itertools.cycle(PALETTE), itertools.cycle(_STYLES), strict=False)
    for (name, group), (color, style) in zip(groups.items(), looks, strict=False):
        _draw(axes, name, _incumbents(group), {"color": color, "ls": style})
    _label(axes, one)
    return figure_of(axes)


def _views(group: Any) -> list[SearchView]:
    several = isinstance(group, Sequence) and not isinstance(group, str)
    return [view_of(source) for source in (group if several else [group])]


def _check_alike(searches: list[SearchView]) -> SearchView:
    """Returns one of the searches, with the objective that all of them have.

    Raises:
        ValueError: If they have none in common.
    """
    for search in searches:
        check_one_objective(search)
    objectives = {(search.objective, search.direction): search for search in searches}
    if len(objectives) != 1:
        raise ValueError(
            "Expected searches with one and the same objective, at least one search. Received: "
            f"{[f'{name} ({direction})' for name, direction in objectives]}."
        )
    return searches[0]


def _incumbents(group: list[SearchView]) -> Array:
    """Returns the best score so far of each search after each trial, `(searches, trials)`."""
    length = min(len(search.trials) for search in group)
    return np.array([_trajectory(search)[:length] for search in group])


def _trajectory(search: SearchView) -> list[float]:
    best, scores = {trial.number: trial.score for trial in search.incumbents}, [np.nan]
    for trial in search.trials:
        score = best.get(trial.number)
        scores.append(scores[-1] if score is None else score)
    return scores[1:]


def _draw(axes: Axes, name: str, incumbents: Array, look: dict[str, Any]) -> None:
    trials = np.arange(incumbents.shape[1]) + 1
    mean, spread = incumbents.mean(axis=0), incumbents.std(axis=0)
    several = len(incumbents) > 1
    label = f"{name} ({len(incumbents)} searches)" if several else name
    axes.step(trials, mean, where="post", lw=1.8, label=label, **look)
    if several:
        band: Any = {"color": look["color"], "alpha": 0.18, "lw": 0, "step": "post"}
        axes.fill_between(trials, mean - spread, mean + spread, **band)


def _label(axes: Axes, search: SearchView) -> None:
    means = [y for line in axes.lines for y in np.asarray(line.get_ydata()) if np.isfinite(y)]
    if means and spans_magnitudes(means):
        axes.set_yscale("log")
    count_along(axes.xaxis)
    if not means:
        write_instead(axes, "no completed trial")
    axes.set_xlabel("trials", color=TEXT)
    axes.set_ylabel(f"best {score_label(search)}", color=TEXT)
    finish(axes, "", grid="both")
