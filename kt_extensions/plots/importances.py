"""How much each hyperparameter matters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kt_extensions.importances import importances
from kt_extensions.plots.drawing import BEST, TEXT, figure_of, finish, new_figure, write_title
from kt_extensions.plots.labels import without_formulas
from kt_extensions.searches import SearchView, view_of

if TYPE_CHECKING:
    import keras_tuner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_importances(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draws the share that each hyperparameter has in what makes a trial one of the best.

    See `kt_extensions.importances.importances`, which returns the numbers.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any KerasTuner search,
            running or finished.
        ax: Where to draw. By default a new figure, 7 inches wide and as high as it needs to be,
            which is not registered with pyplot and needs no display.

    Returns:
        The figure; save it with `figure.savefig("importances.png", dpi=200)`.

    Raises:
        ImportError: If matplotlib is missing.
        FileNotFoundError: If the folder holds no trials.
        ValueError: If fewer than 10 trials have ended.

    Example:
        >>> figure = plot_importances("results/digits")  # doctest: +SKIP
        >>> figure.savefig("importances.png")  # doctest: +SKIP
    """
    search = view_of(source)
    shares = importances(search)
    axes = new_figure(7, 1.2 + 0.32 * len(shares)).add_subplot() if ax is None else ax
    names = [without_formulas(name) for name in shares]
    bars = axes.barh(names, list(shares.values()), color=BEST, height=0.62)
    axes.bar_label(bars, [f"{share:.2f}" for share in shares.values()], padding=4, color=TEXT)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("share in what makes a trial one of the best", color=TEXT)
    finish(axes, "", grid="x")
    write_title(axes, search.name, [max(shares, key=len, default="")])
    axes.tick_params(axis="y", length=0)
    return figure_of(axes)
