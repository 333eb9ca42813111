"""The figures of the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kt_extensions.html_report.elements import Html, element
from kt_extensions.html_report.svg import inline
from kt_extensions.plots.kinds import Kind, fitting

if TYPE_CHECKING:
    from kt_extensions.searches import SearchView

_WIDE = 8  # inches; wider figures take the width of the page


def figures(search: SearchView) -> list[Html]:
    """Returns all figures that tell anything of a search, the most telling one first.

    Raises:
        ImportError: If matplotlib is missing.
    """
    drawn = replace(search, name="")  # the caption is the title
    return [_figure(kind, drawn) for kind in fitting(drawn)]


def _figure(kind: Kind, search: SearchView) -> Html:
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
