"""The figures of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kt_extensions import plots
from kt_extensions.html_report.elements import Html, element, joined
from kt_extensions.html_report.svg import inline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kt_extensions.searches import SearchView


class _Kind(NamedTuple):
    """A kind of figure.

    Args:
        name: What the ids in it begin with.
        draw: Draws it.
        shown: Whether there is anything to see for a search.
        caption: What it shows.
    """

    name: str
    draw: Callable[[SearchView], Figure]
    shown: Callable[[SearchView], bool]
    caption: str


def _front(search: SearchView) -> Figure:
    first, second = (name for name, _ in search.objectives[:2])
    return plots.plot_pareto_front(search, objectives=(first, second))


_KINDS = (
    _Kind(
        "history",
        plots.plot_history,
        lambda search: len(search.objectives) == 1,
        "The score of each trial, and the best score so far.",
    ),
    _Kind(
        "front",
        _front,
        lambda search: len(search.objectives) > 1,
        "The objectives of the trials. No trial is better in all of them than those of the front.",
    ),
)


def figures(search: SearchView) -> list[Html]:
    """Returns all figures that tell anything of a search, the most telling one first.

    Raises:
        ImportError: If matplotlib is missing.
    """
    return [_figure(kind, search) for kind in _KINDS if kind.shown(search)]


def _figure(kind: _Kind, search: SearchView) -> Html:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "The report has figures, which need matplotlib. It is not installed. "
            'Install it with: pip install "kt-extensions[plots]"'
        ) from error
    # Names of a project are no formulas. With the same salt, the same search has the same file.
    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": kind.name}):
        drawn = inline(kind.draw(search), kind.name, kind.caption)
    return element("figure", joined(drawn, element("figcaption", kind.caption)))
