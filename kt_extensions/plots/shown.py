"""A figure that a notebook shows."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that is not registered with pyplot, and that a notebook shows at the end of a cell.

    Jupyter shows Matplotlib's own figures only where pyplot was imported.

    Args:
        width: Inches.
        height: Inches.

    Example:

    >>> ShownFigure(2, 1)._repr_png_()[1:4]
    b'PNG'
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=120, layout="constrained")
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
