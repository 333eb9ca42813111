"""Learning-rate schedules over time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kt_extensions.plots.drawing import PALETTE, TEXT, TITLE, figure_of, finish, new_axes
from kt_extensions.schedules import Schedule, check

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 1000


def plot_schedules(
    schedules: Mapping[str, Schedule],
    *,
    until: float,
    rate: float = 1.0,
    title: str = "learning rate",
    unit: str = "epoch",
    ax: Axes | None = None,
) -> Figure:
    """Draws schedules as lines.

    Args:
        schedules: Functions of `kt_extensions.schedules`, by the names that the legend gives them.
        until: The end of the time axis, a positive number of epochs or steps.
        rate: The base rate; by default the factors are drawn.
        title: What stands above.
        unit: What the time axis counts.
        ax: Where to draw. By default a new figure of 7 by 4 inches, which is not registered with
            pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("schedules.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If `until` is not positive.

    Example:
        >>> from kt_extensions.schedules import cosine, join, warmup
        >>> both = {"cosine": cosine(30), "warm-up first": join([warmup(5), cosine(25)], [5])}
        >>> figure = plot_schedules(both, until=30, rate=0.1)  # doctest: +SKIP
    """
    check("until", until, lambda end: end > 0, "a positive number")
    axes = new_axes() if ax is None else ax
    times = [until * i / _POINTS for i in range(_POINTS + 1)]
    lines = []
    for schedule, color in zip(schedules.values(), itertools.cycle(PALETTE), strict=False):
        lines += axes.plot(times, [rate * schedule(t) for t in times], color=color, lw=1.8)
    axes.set_xlabel(unit, color=TEXT)
    axes.set_ylabel("factor of the rate" if rate == 1 else "rate", color=TEXT)
    finish(axes, "", grid="both")
    axes.set_title(title, loc="left", pad=10, **TITLE)
    legend = axes.legend(
        lines, list(schedules), loc="upper center", ncols=2, frameon=False, labelcolor=TEXT
    )
    legend.set_bbox_to_anchor((0.5, -0.15), axes.transAxes)
    return figure_of(axes)
