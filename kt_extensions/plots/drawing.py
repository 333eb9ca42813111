"""What the figures share: colors, axes, the look of their parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kt_extensions.plots.labels import broken, room, without_formulas
from kt_extensions.searches import SearchView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's palette, distinct for every kind of colour vision and in grey print:
# https://jfly.uni-koeln.de/color/
TRIAL, BEST, FAILED = "#56B4E9", "#0072B2", "#D55E00"
TEXT, LINE, GRID = "#333333", "#999999", "#E5E5E5"
PALETTE = (BEST, FAILED, "#009E73", "#CC79A7", TRIAL, "#E69F00", "#000000")
"""For lines, the most distinct colors first; without the yellow, which is too pale."""
TITLE: dict[str, Any] = {"color": TEXT, "fontweight": "bold"}
_TITLE_SIZE = 1.36  # of a character of it, to that of others
_TO_AN_INCH = 12.0  # characters
_MARK = 5  # characters; the room of a mark in a legend
_LOG_RATIO = 100.0


def new_axes() -> Axes:
    """Returns the axes of a new figure, which is not registered with pyplot."""
    axes: Axes = new_figure().add_subplot()
    return axes


def new_figure(width: float = 7, height: float = 4) -> Figure:
    """Returns a new figure of so many inches, which is not registered with pyplot."""
    try:
        from kt_extensions.plots.shown import ShownFigure
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib, which is not installed. "
            'Install it with: pip install "kt-extensions[plots]"'
        ) from error
    return ShownFigure(width, height)


def figure_of(axes: Axes) -> Figure:
    """Returns the figure of some axes, of those in a subfigure the whole one."""
    figure: Figure = axes.figure.figure
    return figure


def write_instead(axes: Axes, text: str) -> None:
    """Writes why there is nothing to see."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=TEXT)


def check_one_objective(search: SearchView) -> None:
    """Raises `ValueError` if a search has several objectives, whose sum says little."""
    if len(search.objectives) > 1:
        raise ValueError(
            f"Expected a search with one objective. Received: {search.name!r} with "
            f"{[name for name, _ in search.objectives]}. Use `plot_pareto_front`."
        )


def score_label(search: SearchView) -> str:
    """Returns the name of the objective and which of its values are good."""
    return objective_label(search.objective, search.direction)


def objective_label(name: str, direction: str) -> str:
    """Returns the name of one of several objectives and which of its values are good."""
    better = "higher" if direction == "max" else "lower"
    return f"{without_formulas(name)} ({better} is better)"


def score_colors(search: SearchView) -> Any:
    """Returns colors for scores, the darker the better, in grey print too."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    scores = [trial.score for trial in search.scored if trial.score is not None]
    norm = (LogNorm if spans_magnitudes(scores) else Normalize)(min(scores), max(scores))
    shades = [colormaps["viridis"](0.95 * i / 255) for i in range(256)]  # the rest is too pale
    upward = search.direction == "min"
    colors = LinearSegmentedColormap.from_list("scores", shades if upward else shades[::-1])
    return ScalarMappable(norm, colors)


def spans_magnitudes(numbers: Sequence[float]) -> bool:
    """Whether numbers are better drawn on a logarithmic axis."""
    return min(numbers) > 0 and max(numbers) > _LOG_RATIO * min(numbers)


def dots(count: int) -> dict[str, Any]:
    """Returns the look of so many dots."""
    size = min(36.0, max(14.0, 2400 / count))
    return {"s": size, "edgecolors": "white", "linewidths": 0.5, "zorder": 3}


def count_along(axis: Axis) -> None:
    """Labels some of the whole numbers along an axis."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def mark_failed(axes: Axes, search: SearchView, places: Sequence[float], **look: Any) -> None:
    """Marks failed trials on the edge where bad scores lie."""
    if places:
        edges = [0.0 if search.direction == "max" else 1.0] * len(places)
        cross: dict[str, Any] = {"marker": "x", "color": FAILED, "clip_on": False, **look}
        axes.scatter(places, edges, transform=axes.get_xaxis_transform(), **cross)


def finish(axes: Axes, title: str, grid: Literal["x", "y", "both"]) -> None:
    """Adds the title, the grid and the legend."""
    labels = axes.get_legend_handles_labels()[1]
    write_title(axes, title, labels)
    axes.grid(axis=grid, color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(which="both", color=LINE, labelcolor=TEXT)
    if labels:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.01, 1),
            ncols=4,
            frameon=False,
            labelcolor=TEXT,
            handletextpad=0.4,
            columnspacing=1.4,
        )


def write_title(axes: Axes, title: str, others: Iterable[str] = ()) -> None:
    """Writes the name of a search above a plot, in the width that other names leave."""
    name = _beside(others, title, room(axes, "x"))
    axes.set_title(name, loc="left", pad=10, **TITLE)


def _beside(others: Iterable[str], title: str, width: float) -> str:
    taken = sum(len(label) + _MARK for label in others)
    return broken(title, (width - taken) / _TITLE_SIZE)


def explain(figure: Figure, title: str, marks: Mapping[str, Mapping[str, Any]]) -> None:
    """Adds a title above all plots, and a legend beside it: the look of each mark by its name."""
    from matplotlib.lines import Line2D

    name = _beside(marks, title, _TO_AN_INCH * figure.get_figwidth())
    figure.suptitle(name, x=0.01, ha="left", **TITLE)
    figure.legend(
        handles=[Line2D([], [], linestyle="", label=name, **look) for name, look in marks.items()],
        loc="outside upper right",
        ncols=len(marks),
        frameon=False,
        labelcolor=TEXT,
        handletextpad=0.1,
        columnspacing=1.4,
    )
