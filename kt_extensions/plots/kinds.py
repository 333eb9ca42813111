"""Which figures tell something of a search: for the report and for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kt_extensions.importances import importances
from kt_extensions.plots.curves import plot_curves
from kt_extensions.plots.history import plot_history
from kt_extensions.plots.importances import plot_importances
from kt_extensions.plots.parallel import plot_parallel
from kt_extensions.plots.pareto_front import plot_pareto_front
from kt_extensions.plots.rungs import plot_rungs
from kt_extensions.plots.scales import scales_of
from kt_extensions.plots.slices import plot_slices

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kt_extensions.searches import SearchView


class Kind(NamedTuple):
    """A kind of figure.

    Args:
        name: A word for it.
        draw: Draws it.
        tells: Whether there is anything to see for a search.
        caption: What it shows.
        shaded: Whether its colors tell by how far they are from the ground.
    """

    name: str
    draw: Callable[[SearchView], Figure]
    tells: Callable[[SearchView], bool]
    caption: str
    shaded: bool = False


def fitting(search: SearchView) -> list[Kind]:
    """Returns the kinds of figures that tell anything of a search, the most telling one first.

    The first one is drawn of any search.

    Args:
        search: The search.

    Example:
        >>> from kt_extensions.searches import SearchView
        >>> objective = ("val_loss", "min")
        >>> [kind.name for kind in fitting(SearchView("x", "", *objective, [objective], [], []))]
        ['history']
    """
    return [kind for kind in _KINDS if kind.tells(search)]


def _single(search: SearchView) -> bool:
    return len(search.objectives) == 1


def _several(search: SearchView) -> bool:
    return not _single(search)


def _front(search: SearchView) -> Figure:
    first, second = (name for name, _ in search.objectives[:2])
    return plot_pareto_front(search, objectives=(first, second))


def _has_curves(search: SearchView) -> bool:
    name = search.objectives[0][0]
    return any(name in execution for trial in search.trials for execution in trial.history)


def _has_rungs(search: SearchView) -> bool:
    return _single(search) and any("round" in trial.rung for trial in search.trials)


def _has_importances(search: SearchView) -> bool:
    try:
        return any(importances(search).values())
    except ValueError:  # too few trials
        return False


def _can_be_compared(search: SearchView) -> bool:
    return _single(search) and len(search.scored) > 1 and bool(scales_of(search))


_KINDS = (
    Kind(
        "history",
        plot_history,
        _single,
        "Scores of the trials, and the best so far",
    ),
    Kind(
        "front",
        _front,
        _several,
        "Objectives of the trials, and the Pareto front",
    ),
    Kind(
        "curves",
        plot_curves,
        _has_curves,
        "Learning curves of the trials",
    ),
    Kind(
        "importances",
        plot_importances,
        _has_importances,
        "What decides whether a trial is among the best",
    ),
    Kind(
        "rungs",
        plot_rungs,
        _has_rungs,
        "Scores of the trials by the epochs they were given; lines lead on to the next rung",
    ),
    Kind(
        "parallel",
        plot_parallel,
        _can_be_compared,
        "Each line is a trial, from its hyperparameters to its score: the stronger the color, the "
        "better",
        shaded=True,
    ),
    Kind(
        "slices",
        plot_slices,
        _can_be_compared,
        "Scores over each hyperparameter: the stronger the color, the later the trial",
        shaded=True,
    ),
)
