"""Names in a figure: none is a formula, long ones are broken into lines, crowded ones tilted."""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TO_AN_INCH = 13.0  # characters; axes are a sixth narrower before the layout is known
_LINE = 1.7  # characters; the distance of two lines
_SHORTEST_LINE = 8
_MOST_LINES = 3


class _Lines(textwrap.TextWrapper):
    wordsep_re = re.compile(r"(\s+)|(?<=[/_])(?=[^/_])")


def without_formulas(text: str) -> str:
    r"""Returns a text that matplotlib draws as it is, not as a formula between dollars.

    Example:
        >>> print(without_formulas("$x$"))
        \$x\$
    """
    return text.replace("$", r"\$")


def broken(text: str, width: float) -> str:
    r"""Returns a name in up to three lines, which begin after a space, `/` or `_`.

    Args:
        text: The name.
        width: About how many characters a line has.

    Example:
        >>> broken("optimizer/adam/learning_rate", 16)
        'optimizer/adam/\nlearning_rate'
    """
    wrapper = _Lines(max(_SHORTEST_LINE, int(width)), max_lines=_MOST_LINES, placeholder="…")
    return without_formulas(wrapper.fill(text))


def room(axes: Axes, which: Literal["x", "y"]) -> float:
    """Returns about how many characters fit along an axis."""
    box = axes.get_window_extent()
    return _TO_AN_INCH * (box.width if which == "x" else box.height) / axes.figure.dpi


def label_options(axes: Axes, which: Literal["x", "y"], names: Sequence[str]) -> None:
    """Labels the places 0, 1, ... of an axis, tilted or only some of them if they are crowded."""
    step = room(axes, which) / len(names)
    every = math.ceil(_LINE / step)
    axis = getattr(axes, f"{which}axis")
    labels = [without_formulas(name) for name in names[::every]]
    axis.set_ticks(range(0, len(names), every), labels=labels, **_tilt(which, step, names))


def _tilt(which: Literal["x", "y"], step: float, names: Sequence[str]) -> dict[str, Any]:
    widths = [(len(name) + len(other)) / 2 for name, other in itertools.pairwise(names)]
    if which == "y" or max(widths) + 1 <= step:
        return {}
    are_close = step / 2 < _LINE  # tilted by 30 degrees, lines are half a step from each other
    look = {"rotation": 90, "va": "center"} if are_close else {"rotation": 30}
    return {"ha": "right", "rotation_mode": "anchor", **look}
