"""Matplotlib's figures as elements of an HTML page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from kt_extensions.html_report.elements import Html
from kt_extensions.plots.drawing import BEST, FAILED, GRID, LINE, TEXT, TRIAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_LARGEST = 1.5  # pixels for a point of the figure
_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#(.*?)\)")

# The names that the style sheet has for the colors of a figure.
_NAMED = {
    "#ffffff": "paper",
    "#000000": "ink",
    TEXT.lower(): "ink",
    LINE.lower(): "line",
    GRID.lower(): "grid",
    TRIAL.lower(): "trial",
    BEST.lower(): "best",
    FAILED.lower(): "failed",
}


def inline(figure: Figure, name: str, label: str) -> Html:
    """Returns a figure as an `svg` element, whose colors follow the page's.

    Args:
        figure: The figure.
        name: What all its ids begin with, so that those of two figures differ.
        label: What it shows, for those who cannot see it.
    """
    stream = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", metadata=nothing)
    root = ElementTree.fromstring(stream.getvalue())
    for parent in root.iter():
        for child in [c for c in parent if c.tag in (f"{{{_SVG}}}style", f"{{{_SVG}}}metadata")]:
            parent.remove(child)
    for node in root.iter():
        _clean(node, name)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    points = figure.get_figwidth() * 72
    largest = f"max-width: {_LARGEST * points:.0f}px"
    root.attrib |= {"role": "img", "aria-label": label, "style": largest}
    return Html(ElementTree.tostring(root, encoding="unicode"))


def _clean(node: Any, name: str) -> None:
    """Leaves out namespaces, which HTML knows itself, and makes ids and colors the page's."""
    node.tag = node.tag.rpartition("}")[2]
    if _HREF in node.attrib:
        node.attrib["href"] = node.attrib.pop(_HREF)
    for key, value in node.attrib.items():
        if key == "id":
            node.attrib[key] = f"{name}-{value}"
        elif key == "href" and value.startswith("#"):
            node.attrib[key] = f"#{name}-{value[1:]}"
        elif key in ("style", "clip-path"):
            referring = _REFERENCE.sub(rf"url(#{name}-\1)", value)
            node.attrib[key] = _COLOR.sub(_named, referring)


def _named(color: re.Match[str]) -> str:
    return f"var(--{_NAMED[color[0]]})" if color[0] in _NAMED else color[0]
