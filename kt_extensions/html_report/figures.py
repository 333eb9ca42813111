"""The figures of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kt_extensions import plots
from kt_extensions.html_report.cleaning import changed, without_formulas
from kt_extensions.html_report.elements import Html, element
from kt_extensions.html_report.svg import inline
from kt_extensions.importances import importances

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kt_extensions.searches import SearchView


_WIDE = 8  # inches; wider figures take the width of the page


class _Kind(NamedTuple):
    """A kind of figure.

    Args:
        name: What the ids in it begin with.
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


def _single(search: SearchView) -> bool:
    return len(search.objectives) == 1


def _several(search: SearchView) -> bool:
    return not _single(search)


def _front(search: SearchView) -> Figure:
    first, second = (name for name, _ in search.objectives[:2])
    return plots.plot_pareto_front(search, objectives=(first, second))


def _curves(search: SearchView) -> Figure:
    return plots.plot_curves(search, metric=search.objectives[0][0])


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
    return _single(search) and len(search.scored) > 1 and len(search.space) > 0


_KINDS = (
    _Kind(
        "history",
        plots.plot_history,
        _single,
        "Scores of the trials, and the best so far",
    ),
    _Kind(
        "front",
        _front,
        _several,
        "Objectives of the trials, and the Pareto front",
    ),
    _Kind(
        "curves",
        _curves,
        _has_curves,
        "Learning curves of the trials",
    ),
    _Kind(
        "importances",
        plots.plot_importances,
        _has_importances,
        "What decides whether a trial is among the best",
    ),
    _Kind(
        "rungs",
        plots.plot_rungs,
        _has_rungs,
        "Scores of the trials by the epochs they were given; lines lead on to the next rung",
    ),
    _Kind(
        "parallel",
        plots.plot_parallel,
        _can_be_compared,
        "Each line is a trial, from its hyperparameters to its score: the stronger the color, the "
        "better",
        shaded=True,
    ),
    _Kind(
        "slices",
        plots.plot_slices,
        _can_be_compared,
        "Scores over each hyperparameter: the stronger the color, the later the trial",
        shaded=True,
    ),
)


def figures(search: SearchView) -> list[Html]:
    """Returns all figures that tell anything of a search, the most telling one first.

    Raises:
        ImportError: If matplotlib is missing.
    """
    # The caption is the title.
    drawn = replace(changed(search, without_formulas), name="")
    return [_figure(kind, drawn) for kind in _KINDS if kind.tells(drawn)]


def drawn_figures(search: SearchView) -> Iterator[tuple[str, Figure]]:
    """Yields the name of each figure that tells anything of a search, and the figure.

    Raises:
        ImportError: If matplotlib is missing.
    """
    drawn = changed(search, without_formulas)
    for kind in _KINDS:
        if kind.tells(drawn):
            yield kind.name, kind.draw(drawn)


def _figure(kind: _Kind, search: SearchView) -> Html:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "The report has figures, which need matplotlib. It is not installed. "
            'Install it with: pip install "kt-extensions[plots]"'
        ) from error
    figure = kind.draw(search)
    with matplotlib.rc_context({"svg.hashsalt": kind.name}):  # the same file for the same search
        drawn = inline(figure, kind.name, kind.caption)
    looks = {"wide": figure.get_figwidth() > _WIDE, "shaded": kind.shaded}
    names = " ".join(look for look, true in looks.items() if true)
    return element("figure", element("figcaption", kind.caption), drawn, class_=names or None)
