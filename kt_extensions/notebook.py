"""A view in a notebook that changes in its place."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import rich.console

_WIDTH = 110  # characters
_SECONDS = 0.25  # between two changes of what is shown
_FORMAT = '<pre style="white-space:pre;overflow-x:auto;line-height:normal">{code}</pre>'


class NotebookView:
    """Shows something in the output of a notebook's cell, and again when it has changed.

    Args:
        render: Returns what is to be shown.

    Example:

    >>> view = NotebookView(lambda: "3 of 20 trials")
    >>> "3 of 20 trials" in view.html()
    True
    """

    def __init__(self, render: Callable[[], rich.console.RenderableType]) -> None:
        self._render = render
        self._handle: Any = None
        self._shown_at = 0.0

    def start(self) -> None:
        """Shows it."""
        from IPython.display import HTML, display

        self._handle = display(HTML(self.html()), display_id=True)

    def refresh(self) -> None:
        """Shows it as it is now, unless it was shown just before."""
        if time.monotonic() - self._shown_at > _SECONDS:
            self._show()

    def stop(self) -> None:
        """Shows it for the last time."""
        self._show()

    def html(self) -> str:
        """Returns it as HTML."""
        console = rich.console.Console(
            record=True,
            file=io.StringIO(),
            width=_WIDTH,
            force_jupyter=False,
            force_terminal=True,
            highlight=False,
        )
        console.print(self._render())
        return console.export_html(inline_styles=True, code_format=_FORMAT)

    def _show(self) -> None:
        from IPython.display import HTML

        self._shown_at = time.monotonic()
        self._handle.update(HTML(self.html()))
