"""The scores of a search in the order of its trials."""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kt_extensions.plots.drawing import (
    BEST,
    FAILED,
    TEXT,
    TRIAL,
    dots,
    finish,
    new_axes,
    spans_magnitudes,
)
from kt_extensions.plots.source import oracle_of, read_states
from kt_extensions.reports import told_as_pruned

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FACTS = ("trial_id", "status", "score", "message")


def plot_history(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str],
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
    history = _history(source)
    scored = [(trial.number, trial.score) for trial in history.trials if trial.score is not None]
    if scored:
        _draw_scores(axes, history, scored)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no completed trial", transform=axes.transAxes, ha="center")
    _draw_failed(axes, history)
    _label(axes, history)
    figure: Figure = axes.figure.figure  # The root, also of an axes in a subfigure.
    return figure


@dataclasses.dataclass(frozen=True)
class _Trial:
    number: int
    trial_id: str
    score: float | None
    failed: bool
    pruned: bool


@dataclasses.dataclass(frozen=True)
class _History:
    title: str
    objective: str
    direction: str
    trials: list[_Trial]

    def is_better(self, score: float, other: float) -> bool:
        return score > other if self.direction == "max" else score < other


def _history(source: Any) -> _History:
    if isinstance(source, (str, os.PathLike)):
        return _read_project(os.fspath(source))
    objective = oracle_of(source).objective
    records = enumerate(source.oracle.trials.values())
    trials = [_trial(i, t.trial_id, t.status, t.score, t.message) for i, t in records]
    return _History(source.project_name, objective.name, objective.direction, trials)


def _trial(
    number: int, trial_id: str, status: str, score: float | None, message: str | None
) -> _Trial:
    completed = status == "COMPLETED" and score is not None and math.isfinite(score)
    failed = status in ("FAILED", "INVALID") or (status == "COMPLETED" and not completed)
    pruned = told_as_pruned(status, message)
    return _Trial(number, trial_id, score if completed else None, failed, pruned)


def _read_project(folder: str) -> _History:
    states = read_states(folder)
    objective, direction = _objective(states)
    records = enumerate(states)
    trials = [_trial(i, *(s[key] for key in _FACTS)) for i, s in records]
    return _History(os.path.basename(os.path.abspath(folder)), objective, direction, trials)


def _objective(states: Iterable[dict[str, Any]]) -> tuple[str, str]:
    """The metric whose best value is the score in every trial; a project does not name it."""
    candidates: dict[str, str] | None = None
    for state in states:
        if state["status"] == "COMPLETED" and state["score"] is not None:
            matching = _matching_metrics(state)
            candidates = {
                name: direction
                for name, direction in matching.items()
                if candidates is None or name in candidates
            }
    if not candidates:
        warnings.warn(
            "No metric has the trials' scores, so lower scores are taken for better ones. "
            "Give the tuner instead of its folder to have the objective's direction.",
            stacklevel=2,
        )
        return "score", "min"
    name = next((name for name in candidates if name.startswith("val_")), next(iter(candidates)))
    return name, candidates[name]


def _matching_metrics(state: dict[str, Any]) -> dict[str, str]:
    metrics: dict[str, Any] = state["metrics"]["metrics"]
    return {
        name: history["direction"]
        for name, history in metrics.items()
        if _best_value(history) == state["score"]
    }


def _best_value(history: dict[str, Any]) -> float | None:
    means = [_mean(observation["value"]) for observation in history["observations"]]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return None
    return max(finite) if history["direction"] == "max" else min(finite)


def _mean(values: list[float]) -> float:
    import numpy as np  # KerasTuner averages executions with it: the last bit has to agree.

    return float(np.mean(values))


def _draw_scores(axes: Axes, history: _History, scored: list[tuple[int, float]]) -> None:
    if spans_magnitudes([score for _, score in scored]):
        axes.set_yscale("log")
    dot = dots(len(history.trials))
    _draw_trials(axes, history, dot)
    steps = _incumbents(history, scored)
    axes.scatter(*zip(*steps, strict=True), color=BEST, **dot)
    line = [*steps, (len(history.trials) - 1, steps[-1][1])]
    axes.step(*zip(*line, strict=True), where="post", color=BEST, lw=1.8, label="best so far")
    axes.margins(y=0.14)
    _annotate_best(axes, history, *steps[-1])


def _draw_trials(axes: Axes, history: _History, dot: dict[str, Any]) -> None:
    """Draws those that ran to their end as dots, and pruned ones as rings."""
    for pruned, label in ((False, "trial"), (True, "pruned")):
        kind = [t for t in history.trials if t.score is not None and t.pruned == pruned]
        if kind:
            ring = {"facecolors": "white", "edgecolors": TRIAL, "linewidths": 1.2}
            look: dict[str, Any] = {**dot, **(ring if pruned else {"color": TRIAL})}
            scores = [t.score for t in kind if t.score is not None]
            axes.scatter([t.number for t in kind], scores, label=label, **look)


def _incumbents(history: _History, scored: list[tuple[int, float]]) -> list[tuple[int, float]]:
    steps: list[tuple[int, float]] = []
    for number, score in scored:
        if not steps or history.is_better(score, steps[-1][1]):
            steps.append((number, score))
    return steps


def _annotate_best(axes: Axes, history: _History, number: int, score: float) -> None:
    upwards = history.direction == "max"
    on_the_right = number > 0.6 * len(history.trials)
    axes.scatter([number], [score], s=80, color=BEST, edgecolors="white", zorder=4)
    axes.annotate(
        f"{score:.5g} in trial {history.trials[number].trial_id}",
        (number, score),
        xytext=(0, 9 if upwards else -9),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        va="bottom" if upwards else "top",
        color=BEST,
        fontweight="bold",
    )


def _draw_failed(axes: Axes, history: _History) -> None:
    numbers = [trial.number for trial in history.trials if trial.failed]
    if not numbers:
        return
    edge = 0.0 if history.direction == "max" else 1.0
    axes.scatter(
        numbers,
        [edge] * len(numbers),
        transform=axes.get_xaxis_transform(),
        marker="x",
        s=40,
        color=FAILED,
        clip_on=False,
        zorder=3,
        label="failed",
    )


def _label(axes: Axes, history: _History) -> None:
    from matplotlib.ticker import MaxNLocator

    better = "higher" if history.direction == "max" else "lower"
    axes.set_xlabel("trial", color=TEXT)
    axes.set_ylabel(f"{history.objective} ({better} is better)", color=TEXT)
    count = len(history.trials)
    space = max(0.6, 0.015 * count)
    axes.set_xlim(-space, count - 1 + space)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    finish(axes, history.title, grid="y")
