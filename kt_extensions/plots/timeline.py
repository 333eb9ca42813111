"""When each worker of a search ran which trial."""

from __future__ import annotations

import itertools
import os
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kt_extensions.plots.drawing import (
    BEST,
    FAILED,
    TEXT,
    TRIAL,
    finish,
    new_figure,
    write_instead,
)
from kt_extensions.plots.labels import without_formulas
from kt_extensions.searches import SearchView, TrialView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {
    "trial": TRIAL,
    "best": BEST,
    "pruned": "#E69F00",
    "failed": FAILED,
    "not ended": "#BBBBBB",
}
_LETTERS = {kind: "white" if kind in ("best", "failed") else "black" for kind in _COLORS}
_LONGEST_PAUSE = 0.05  # of the time in which something ran; a longer one is cut out
_HEIGHT = 0.8  # of a bar; the distance of two workers is 1
_LARGEST_ID = 0.02  # of the width that a bar needs for the trial's name
_UNITS = ((3600.0, "hours"), (60.0, "minutes"), (0.0, "seconds"))


class _Bar(NamedTuple):
    """A run of a trial: the worker, seconds since the first one began, its trial and its kind."""

    worker: str
    began: float
    ended: float
    trial: str
    kind: str


def plot_timeline(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
) -> Figure:
    """Draws which worker ran which trial when, and how much of the time the workers were busy.

    Each run of a trial is a bar; one that has not ended, or was killed, is grey. Times in which
    nothing ran, as between a stop and a resume, are cut out, which a dashed line shows.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of its search, running
            or finished, which was run by a tuner of this package.

    Returns:
        The figure; save it with `figure.savefig("timeline.png", dpi=200)`. It is not registered
        with pyplot and needs no display.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.

    Example:
        >>> figure = plot_timeline("results/digits")  # doctest: +SKIP
        >>> figure.savefig("timeline.png")  # doctest: +SKIP
    """
    search = view_of(source)
    bars, pauses = _without_pauses(_bars(search))
    workers = sorted({bar.worker for bar in bars}, key=_natural)
    figure = new_figure(7, max(2.0, 1.2 + 0.35 * len(workers)))
    axes = figure.add_subplot()
    if bars:
        _draw(axes, bars, pauses, workers)
    else:
        write_instead(axes, "no times were kept: the search was not run by kt_extensions")
    finish(axes, search.name, "x")
    return figure


def _bars(search: SearchView) -> list[_Bar]:
    """Returns the runs of all trials, by their beginnings."""
    runs = [(run, trial) for trial in search.trials for run in trial.runs]
    times = [t for run, _ in runs for t in (run.began, run.ended) if t is not None]
    first, last = min(times, default=0.0), max(times, default=0.0)
    runs.sort(key=lambda pair: pair[0].began)
    starts: dict[str, list[float]] = {}
    for run, _ in runs:
        starts.setdefault(run.worker, []).append(run.began)
    bars = []
    for run, trial in runs:
        own = starts[run.worker]
        after = bisect_right(own, run.began)
        until = own[after] if after < len(own) else last
        ended = until if run.ended is None else run.ended
        kind = "not ended" if run.ended is None else _kind(trial, search)
        times_of = run.began - first, max(ended, run.began) - first
        bars.append(_Bar(run.worker, *times_of, trial.trial_id, kind))
    return bars


def _without_pauses(bars: Sequence[_Bar]) -> tuple[list[_Bar], list[float]]:
    """Returns the bars with the long pauses cut out, and where these were."""
    busy = _busy(bars)
    longest = _LONGEST_PAUSE * sum(end - begin for begin, end in busy)
    cuts = [
        (before[1], after[0] - before[1])
        for before, after in itertools.pairwise(busy)
        if after[0] - before[1] > max(longest, 1.0)
    ]
    places = [where for where, _ in cuts]
    cut = [0.0, *itertools.accumulate(length for _, length in cuts)]

    def moved(time: float) -> float:
        return time - cut[bisect_left(places, time)]

    kept = [bar._replace(began=moved(bar.began), ended=moved(bar.ended)) for bar in bars]
    return kept, [moved(where) for where in places]


def _busy(bars: Sequence[_Bar]) -> list[tuple[float, float]]:
    """Returns the times in which anything ran, in order."""
    busy: list[tuple[float, float]] = []
    for bar in bars:
        if busy and bar.began <= busy[-1][1]:
            busy[-1] = busy[-1][0], max(busy[-1][1], bar.ended)
        else:
            busy.append((bar.began, bar.ended))
    return busy


def _draw(
    axes: Axes,
    bars: Sequence[_Bar],
    pauses: Sequence[float],
    workers: Sequence[str],
) -> None:
    end = max(bar.ended for bar in bars) or 1.0
    size, unit = next(pair for pair in _UNITS if end >= 2 * pair[0])
    size = size or 1.0
    rows = {worker: row for row, worker in enumerate(workers)}
    for name, color in _COLORS.items():
        chosen = [bar for bar in bars if bar.kind == name]
        axes.barh(
            [rows[bar.worker] for bar in chosen],
            [(bar.ended - bar.began) / size for bar in chosen],
            left=[bar.began / size for bar in chosen],
            height=_HEIGHT,
            color=color,
            edgecolor="white",
            linewidth=0.6,
            label=name if chosen else None,
        )
    for bar in bars:
        if bar.ended - bar.began > _LARGEST_ID * len(bar.trial) * end:
            middle = (bar.began + bar.ended) / 2 / size
            look: dict[str, Any] = {"color": _LETTERS[bar.kind], "fontsize": 7}
            axes.text(middle, rows[bar.worker], bar.trial, ha="center", va="center", **look)
    for pause in pauses:
        axes.axvline(pause / size, color=TEXT, lw=1, ls="--")
    _label(axes, bars, workers, end, size, unit)


def _label(
    axes: Axes,
    bars: Sequence[_Bar],
    workers: Sequence[str],
    end: float,
    size: float,
    unit: str,
) -> None:
    used = sum(bar.ended - bar.began for bar in bars) / (end * len(workers))
    axes.set_xlim(0, end / size)
    axes.set_yticks(range(len(workers)), labels=[without_formulas(name) for name in workers])
    axes.invert_yaxis()
    axes.set_ylabel("worker", color=TEXT)
    axes.set_xlabel(f"{unit} of searching (workers busy {used:.0%} of the time)", color=TEXT)


def _kind(trial: TrialView, search: SearchView) -> str:
    """Returns the kind of a trial that has ended."""
    if trial.failed:
        return "failed"
    if trial.pruned:
        return "pruned"
    return "best" if trial is search.best else "trial"


def _natural(worker: str) -> tuple[str, int]:
    """Sorts tuner0.2 before tuner0.10."""
    head, _, number = worker.rpartition(".")
    return (head, int(number)) if number.isdecimal() else (worker, -1)
