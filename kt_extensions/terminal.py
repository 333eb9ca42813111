"""Standard output, whatever it can show and whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator

import rich.console
import rich.segment


class Terminal(rich.console.Console):
    """A console that replaces what its encoding lacks, and ends no program whose reader is gone.

    Example:

    >>> Terminal().print("units=64")
    units=64
    """

    def render(
        self,
        renderable: rich.console.RenderableType,
        options: rich.console.ConsoleOptions | None = None,
    ) -> Iterator[rich.segment.Segment]:
        """Renders with a question mark for each character that cannot be shown."""
        for segment in super().render(renderable, options):
            shown = segment.text.encode(self.encoding, "replace").decode(self.encoding)
            yield segment._replace(text=shown)

    def on_broken_pipe(self) -> None:
        """Raises what `print` raises; rich's own console leaves the program.

        Raises:
            BrokenPipeError: Always.
        """
        raise BrokenPipeError("Expected a reader of standard output. It is gone.")
