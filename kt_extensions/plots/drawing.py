"""What the figures share: colors, axes, the look of their parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, distinct for every kind of colour vision and in grey print:
# https://jfly.uni-koeln.de/color/
TRIAL, BEST, FAILED = "#56B4E9", "#0072B2", "#D55E00"
TEXT, _LINE, _GRID = "#333333", "#999999", "#E5E5E5"
_LOG_RATIO = 100.0


def new_axes() -> Axes:
    """Returns the axes of a new figure, which is not registered with pyplot."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib, which is not installed. "
            'Install it with: pip install "kt-extensions[plots]"'
        ) from error
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    return axes


def spans_magnitudes(numbers: Sequence[float]) -> bool:
    """Whether numbers are better drawn on a logarithmic axis."""
    return min(numbers) > 0 and max(numbers) > _LOG_RATIO * min(numbers)


def dots(count: int) -> dict[str, Any]:
    """Returns the look of so many dots."""
    size = min(36.0, max(14.0, 2400 / count))
    return {"s": size, "edgecolors": "white", "linewidths": 0.5, "zorder": 3}


def finish(axes: Axes, title: str, grid: Literal["y", "both"]) -> None:
    """Adds the title, the grid and the legend."""
    axes.set_title(title, loc="left", color=TEXT, fontweight="bold", pad=10)
    axes.grid(axis=grid, color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LINE)
    axes.tick_params(which="both", color=_LINE, labelcolor=TEXT)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.01, 1),
            ncols=4,
            frameon=False,
            labelcolor=TEXT,
            handletextpad=0.4,
            columnspacing=1.4,
        )
